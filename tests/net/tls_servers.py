"""tls_servers: servers for tls_servers_test, on loopback: certificates, nginx, openssl s_server, scripted TLS, wires that cut and delay.

All files are in DIR, which goes when the program ends; all programs are ended by their pids.
"""
import atexit
import hashlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

from lab.procs import free_port, wait_until

NAME = "bucket.s3.test.example"
BIG = 16 << 20
DIR = tempfile.mkdtemp(prefix="sealtap-tls-")
atexit.register(shutil.rmtree, DIR, ignore_errors=True)


def path(name):
    return os.path.join(DIR, name)


def digest(name):
    with open(path(name), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# ---- certificates

def openssl(*args):
    subprocess.run(["openssl", *args], cwd=DIR, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(name, key="ec", signer="root", dns=NAME, valid=("-days", "30"), extra=()):
    kinds = {
        "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "rsa": ["-newkey", "rsa:2048"],
        "pss": ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
    }
    openssl("req", "-new", *kinds[key], "-nodes", "-subj", "/CN=server", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    with open(path(f"{name}.ext"), "w", encoding="ascii") as f:
        f.write(f"subjectAltName=DNS:{dns}\nbasicConstraints=CA:FALSE\n")
    by = ["-signkey", f"{name}.key"] if signer is None else ["-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial"]
    openssl("x509", "-req", "-in", f"{name}.csr", *by, *valid, "-extfile", f"{name}.ext", "-out", f"{name}.pem", *extra)


def make_certificates():
    authority("root")
    authority("stranger")
    certificate("ec")
    certificate("p384", key="p384")
    certificate("rsa", key="rsa")
    certificate("pss", key="pss")
    certificate("sha1", key="rsa", extra=("-sha1",))
    certificate("othername", dns="elsewhere.example")
    certificate("expired", valid=("-days", "-1"))
    certificate("unknown", signer="stranger")
    certificate("selfsigned", signer=None)


# ---- servers

def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """A server program; ended by its pid on leaving."""

    def __init__(self, args, port, **kw):
        self.port = port
        self.process = subprocess.Popen(args, cwd=DIR, stderr=subprocess.DEVNULL, **kw)
        wait_until(lambda: self.process.poll() is not None or listens(port), 10, "server that listens")
        assert self.process.poll() is None, "the server ended at once"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait()


def s_server(cert, *options):
    """Serves the files of DIR; each connection serves one request."""
    port = free_port()
    return Program(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", f"{cert}.pem", "-key", f"{cert}.key",
                    "-WWW", "-quiet", *options], port, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def nginx_block(port, cert, lines=""):
    return f"""server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {DIR}/{cert}.pem; ssl_certificate_key {DIR}/{cert}.key;
        root {DIR}/www; dav_methods PUT; client_max_body_size 100m; {lines} }}\n"""


# says "r" where the session was resumed, else "."; a connection for each request
RESUMED = "location /resumed { keepalive_timeout 0; return 200 $ssl_session_reused; }"
NGINX = {
    "ec": ("ec", "ssl_session_cache shared:one:1m; ssl_session_tickets off; " + RESUMED),
    "tickets": ("ec", "ssl_protocols TLSv1.3; ssl_session_tickets on; " + RESUMED),
    "rsa": ("rsa", ""),
    "rsa256": ("rsa", "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;"),
    "p384": ("p384", "ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384; ssl_ecdh_curve secp384r1;"),
    "brief": ("ec", "keepalive_timeout 1s;"),
    "tls13": ("ec", "ssl_protocols TLSv1.3;"),
    "chacha": ("ec", "ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;"),
    "x25519": ("ec", "ssl_ecdh_curve X25519;"),
}
PORTS = {}


def start_nginx():
    os.makedirs(path("www/up"))
    os.makedirs(path("tmp"))
    with open(path("www/big"), "wb") as f:
        f.write(os.urandom(BIG))
    with open(path("www/small"), "wb") as f:
        f.write(b"hello")
    blocks = ""
    for name, (cert, lines) in NGINX.items():
        PORTS[name] = free_port()
        blocks += nginx_block(PORTS[name], cert, lines)
    temps = " ".join(f"{t}_temp_path {DIR}/tmp;" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    PORTS["plain"] = free_port()
    blocks += f"server {{ listen 127.0.0.1:{PORTS['plain']}; root {DIR}/www; dav_methods PUT; client_max_body_size 100m; }}\n"
    with open(path("nginx.conf"), "w", encoding="ascii") as f:
        f.write(f"""daemon off; {user} worker_processes 1; pid {DIR}/nginx.pid; error_log {DIR}/error.log;
            events {{}} http {{ access_log off; {temps} {blocks} }}""")
    return Program(["nginx", "-p", DIR, "-e", path("error.log"), "-c", path("nginx.conf")], PORTS["ec"])


class Listener:
    """A port of its own, until the block ends; serve(s) has each connection, one after the other."""

    def __init__(self, backlog=8):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.serve(s)

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Script(Listener):
    """A TLS server whose connections are played by play(index, stream). plain: without TLS."""

    def __init__(self, play, plain=False):
        super().__init__()
        self.play, self.plain, self.count, self.failure = play, plain, 0, None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path("ec.pem"), path("ec.key"))

    def serve(self, s):
        self.count += 1
        try:
            stream = s if self.plain else self.context.wrap_socket(s, server_side=True, suppress_ragged_eofs=False)
            self.play(self.count - 1, stream)
            stream.close()
        except OSError:
            s.close()
        except AssertionError as e:
            self.failure = e
            s.close()

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if self.failure:
            raise self.failure


def read_head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        part = stream.recv(4096)
        assert part, "the client closed in its request"
        data += part
    return data


class Wire(Listener):
    """Carries bytes between the client and a server: cut: after so many from the server; step: bytes at a time."""

    def __init__(self, target, cut=None, step=65536, reset=False):
        super().__init__()
        self.target, self.cut, self.step, self.reset, self.carried = target, cut, step, reset, 0

    def carry(self, near, far):
        left = self.cut
        while True:
            for s in select.select([near, far], [], [], 20)[0]:
                n = self.step if s is near or left is None else min(self.step, left)
                data = s.recv(n) if n else b""
                if not data:
                    return
                if s is far:
                    self.carried += len(data)
                    left = left if left is None else left - len(data)
                (far if s is near else near).sendall(data)
                if left == 0:
                    return

    def serve(self, near):
        with near, socket.create_connection(("127.0.0.1", self.target)) as far:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                if self.cut != 0:
                    self.carry(near, far)
                if self.reset:
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            except OSError:
                pass
