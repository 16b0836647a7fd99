"""A proxy as companies have them: it takes CONNECT alone, and ends TLS itself with a certificate of a private authority.

    connect_proxy.py FOLDER AWS ENGINE

AWS and ENGINE are HOST:PORT of the plain servers behind the names. FOLDER gets `ca.pem`, and `hosts` with each host
that a tunnel was asked for, one a line. The port is printed; it ends when its input does.
"""

import http.client
import pathlib
import ssl
import sys
import threading

FOLDER, AWS, ENGINE = pathlib.Path(sys.argv[1]), *sys.argv[2:]
AWS_NAME, ENGINE_NAME = "aws.logctl.test", "search.logctl.test"

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sandbox"))
import security  # noqa: E402
from connect_tunnel import Server, Tunnel  # noqa: E402


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


class Handler(Tunnel):
    def connect(self, name):
        found = behind(name)
        return found and (http.client.HTTPConnection(found[0]), found[1])

    def do_CONNECT(self):
        with open(FOLDER / "hosts", "a") as hosts:
            hosts.write(f"{self.path.rpartition(':')[0]}\n")
        super().do_CONNECT()


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    server.tls = certificates()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()  # Until the test has ended, however it ends.
