"""A proxy that takes CONNECT alone and ends TLS itself: what is asked through it is asked of whom `connect` names."""

import contextlib
import http.client
import http.server
import socketserver

WRITTEN_ANEW = ("host", "connection", "content-length", "transfer-encoding")


class Server(socketserver.ThreadingTCPServer):
    """Has `tls`, the context of its certificate."""

    daemon_threads = True
    request_queue_size = 128


class Tunnel(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name = None  # Of the host behind the tunnel, once there is one.

    def connect(self, name):
        """A connection to the host of this name, and what it wants to be called; nothing where there is none."""
        raise NotImplementedError

    def told(self, body, answer, content):
        """Hears what was asked and answered."""

    def handle(self):
        with contextlib.suppress(OSError):  # A client that does not trust the certificate hangs up.
            super().handle()

    def do_CONNECT(self):
        name = self.path.rpartition(":")[0]
        if not self.connect(name):
            return self.send_error(502)
        self.name = name
        self.send_response_only(200)
        self.end_headers()
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.setup()  # What is read from here on is what the tunnel holds.

    def forward(self):
        if not self.name:
            return self.send_error(405)
        server, host = self.connect(self.name)
        body = self.body()
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
        self.told(body, answer, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = forward

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
