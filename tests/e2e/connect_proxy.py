"""A proxy as companies have them: it takes CONNECT alone, and ends TLS itself with a certificate of a private authority.

    connect_proxy.py FOLDER AWS ENGINE

AWS and ENGINE are HOST:PORT of the plain servers behind the names. FOLDER gets `ca.pem`, and `hosts` with each host
that a tunnel was asked for, one a line. The port is printed; it ends when its input does.
"""

import contextlib
import http.client
import http.server
import pathlib
import socketserver
import ssl
import sys
import threading

FOLDER, AWS, ENGINE = pathlib.Path(sys.argv[1]), *sys.argv[2:]
AWS_NAME, ENGINE_NAME = "aws.logctl.test", "search.logctl.test"
WRITTEN_ANEW = ("host", "connection", "content-length", "transfer-encoding")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sandbox"))
import security  # noqa: E402


def certificates():
    security.certificates(FOLDER, f"DNS:{AWS_NAME}, DNS:*.{AWS_NAME}, DNS:{ENGINE_NAME}")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(FOLDER / "node.pem", FOLDER / "node.key")
    return tls


def behind(name):
    """Where the server behind a name listens, and what it wants to be called."""
    if name == ENGINE_NAME:
        return ENGINE, ENGINE
    if name == AWS_NAME:
        return AWS, AWS
    if name.endswith(f".{AWS_NAME}"):  # The local AWS refuses names of other hosts, and knows a bucket by such a name.
        return AWS, f"{name.removesuffix(f'.{AWS_NAME}')}.s3.localhost"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = None  # As long as there is no tunnel.

    def handle(self):
        with contextlib.suppress(OSError):  # A client that does not trust the certificate hangs up.
            super().handle()

    def do_CONNECT(self):
        name = self.path.rpartition(":")[0]
        with open(FOLDER / "hosts", "a") as hosts:
            hosts.write(f"{name}\n")
        if not behind(name):
            return self.send_error(502)
        self.upstream = behind(name)
        self.send_response_only(200)
        self.end_headers()
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.setup()  # What is read from here on is what the tunnel holds.

    def forward(self):
        if not self.upstream:
            return self.send_error(405)
        address, host = self.upstream
        body = self.body()
        server = http.client.HTTPConnection(address)
        server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        kept = [(name, value) for name, value in self.headers.items() if name.lower() not in WRITTEN_ANEW]
        for name, value in [("Host", host), ("Content-Length", str(len(body))), *kept]:
            server.putheader(name, value)
        server.endheaders(body)
        answer = server.getresponse()
        content = answer.read()
        self.send_response_only(answer.status, answer.reason)
        length = answer.headers.get("content-length", str(len(content)))  # That of a HEAD is not that of its body.
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in WRITTEN_ANEW]
        for name, value in [("Content-Length", length), *kept]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        server.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = forward

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        content = b""
        while length := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(length)
            self.rfile.readline()
        while self.rfile.readline().strip():  # Trailers.
            pass
        return content

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    server.tls = certificates()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()  # Until the test has ended, however it ends.
