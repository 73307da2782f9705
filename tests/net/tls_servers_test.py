#!/usr/bin/env python3
"""The appliance's HTTPS client against real servers: nginx, openssl s_server, Python's ssl, and wires that cut and delay.

Run from the project's root after `make build/tests/https_client`. One line a test; exit code 1 when one fails.
"""
import concurrent.futures
import hashlib
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

CLIENT = os.path.abspath("build/tests/https_client")
NAME = "bucket.s3.test.example"
BIG = 16 << 20
TESTS = []


def test(sentence):
    """Marks a test; what it raises is its failure."""
    def mark(fn):
        TESTS.append((sentence, fn))
        return fn
    return mark


def client(port, *steps, anchors="root.pem", host=NAME, address="127.0.0.1"):
    """Runs the client; a dict a request."""
    ca = anchors if anchors == "-" else os.path.join(DIR, anchors)
    p = subprocess.run([CLIENT, ca, address, str(port), host, *steps], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=180, check=False)
    assert p.returncode == 0, p.stderr.decode()
    return [json.loads(line) for line in p.stdout.decode().splitlines()]


def expect(result, **want):
    got = {k: result[k] for k in want}
    assert got == want, f"got {result}"


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

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended at once"
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the server does not listen")


class Program:
    """A server program; ended by its pid on leaving."""

    def __init__(self, args, port, **kw):
        self.port = port
        self.process = subprocess.Popen(args, cwd=DIR, stderr=subprocess.DEVNULL, **kw)
        wait_port(port, self.process)

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


NGINX = {
    "ec": ("ec", "ssl_session_cache shared:one:1m; ssl_session_tickets off;"),
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
    with open(path("nginx.conf"), "w", encoding="ascii") as f:
        f.write(f"""daemon off; {user} worker_processes 1; pid {DIR}/nginx.pid; error_log {DIR}/error.log;
            events {{}} http {{ access_log off; {temps} {blocks} }}""")
    return Program(["nginx", "-p", DIR, "-e", path("error.log"), "-c", path("nginx.conf")], PORTS["ec"])


class Script:
    """A TLS server whose connections are played by play(index, stream). plain: without TLS."""

    def __init__(self, play, plain=False, backlog=8):
        self.play, self.plain, self.count, self.failure = play, plain, 0, None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path("ec.pem"), path("ec.key"))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
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

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.failure:
            raise self.failure


def read_head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        part = stream.recv(4096)
        assert part, "the client closed in its request"
        data += part
    return data


class Wire:
    """Carries bytes between the client and a server: cut: after so many from the server; step: bytes at a time."""

    def __init__(self, target, cut=None, step=65536, reset=False):
        self.target, self.cut, self.step, self.reset, self.carried = target, cut, step, reset, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

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

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
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

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


# ---- what servers may show

OK = {"err": "ok", "status": 200}
UNTRUSTED = {"err": "the server's certificate is not trusted for this name", "where": "TLS handshake", "answered": False,
             "sent_all": False, "maybe_delivered": False}
BROKEN = {"err": "the TLS session failed", "where": "TLS handshake", "sent_all": False}


@test("HTTPS: nginx and openssl s_server with EC and RSA keys are understood")
def _():
    for name in ("ec", "rsa", "rsa256", "p384"):
        expect(client(PORTS[name], "get:/small")[0], bytes=5, **OK)
    for cert in ("ec", "p384", "rsa"):
        with s_server(cert) as s:
            expect(client(s.port, "get:/www/small")[0], bytes=5, **OK)


@test("HTTPS: a certificate of the qemu board's CA is accepted, and the CA's own key pair signs it")
def _():
    shutil.copy("board/qemu/test-ca.pem", path("board.pem"))
    shutil.copy("tests/lab/test-ca.key", path("board.key"))
    certificate("byboard", signer="board")
    with s_server("byboard") as s:
        expect(client(s.port, "get:/www/small", anchors="board.pem")[0], bytes=5, **OK)
        expect(client(s.port, "get:/www/small")[0], **UNTRUSTED)


@test("HTTPS: a certificate for another name, expired, self-signed, by a stranger or by SHA-1 sends no request")
def _():
    for cert, why in (("othername", "the certificate is for another name"),
                      ("expired", "the certificate is not valid at this time"),
                      ("unknown", "the certificate does not lead to a trusted root"),
                      ("selfsigned", "the certificate does not lead to a trusted root"),
                      ("sha1", "the certificate's kind of key or signature is not supported")):
        with s_server(cert, "-cipher", "DEFAULT@SECLEVEL=0") as s:
            expect(client(s.port, "get:/www/small")[0], why=why, **UNTRUSTED)


@test("HTTPS: a TLS 1.3-only, an RSA-PSS, a ChaCha20-only and an X25519-only server end in a clear error")
def _():
    expect(client(PORTS["tls13"], "get:/small")[0], why="the server does not speak TLS 1.2", **BROKEN)
    none = "the server accepts none of our cipher suites and signatures"
    expect(client(PORTS["chacha"], "get:/small")[0], why=none, **BROKEN)
    expect(client(PORTS["x25519"], "get:/small")[0], why=none, **BROKEN)
    with s_server("pss") as s:
        expect(client(s.port, "get:/www/small")[0], why=none, **BROKEN)


@test("HTTPS: a server that speaks plain HTTP, or closes at once, ends in a clear error")
def _():
    def play(index, s):
        if index:
            s.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            s.recv(1000)
    with Script(play, plain=True) as s:
        expect(client(s.port, "get:/")[0], where="TLS handshake", answered=False, maybe_delivered=False)
        expect(client(s.port, "get:/")[0], **BROKEN)


@test("HTTPS: 16 MiB go up to and come down from nginx unharmed, on one connection")
def _():
    want = digest("www/big")
    for name in ("ec", "rsa256"):
        r = client(PORTS[name], f"put:/up/{name}:{path('www/big')}", f"get:/up/{name}:{path(name + '.down')}", "get:/small")
        expect(r[0], err="ok", status=201, sent_all=True, maybe_delivered=False, reused=False)
        expect(r[1], bytes=BIG, reused=True, **OK)
        expect(r[2], bytes=5, reused=True, **OK)
        assert digest(f"www/up/{name}") == want and digest(name + ".down") == want


@test("HTTPS: a wire that brings one byte at a time changes nothing")
def _():
    with Wire(PORTS["rsa"], step=1) as w:
        r = client(w.port, "get:/small", f"get:/small:{path('one')}")
        expect(r[1], bytes=5, reused=True, **OK)
    with open(path("one"), "rb") as f:
        assert f.read() == b"hello"


@test("HTTPS: a wire cut or reset after any number of the server's bytes is never taken for an answer")
def _():
    with Wire(PORTS["ec"]) as w:
        expect(client(w.port, "get:/small")[0], **OK)
        whole = w.carried
    for cut in [*range(0, 12), *range(12, whole, 37), *range(whole - 40, whole)]:
        for reset in (False, True):
            with Wire(PORTS["ec"], cut=cut, reset=reset) as w:
                r = client(w.port, "get:/small")[0]
            # only the server's own close_notify (at least 31 bytes) may be missing
            assert r["err"] != "ok" or cut >= whole - 40, (cut, r)
            assert r["err"] != "ok" or r["bytes"] == 5
            if r["err"] != "ok":
                assert r["err"] in ("the peer closed the connection", "the peer reset the connection",
                                    "the data ends too early"), r


@test("HTTPS: a body without a length ends by close_notify, not by a cut")
def _():
    def play(index, s):
        read_head(s)
        s.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        if index == 0:
            s.unwrap()
        else:
            s.shutdown(socket.SHUT_WR)
    with Script(play) as s:
        expect(client(s.port, "get:/")[0], bytes=10, **OK)
        expect(client(s.port, "get:/")[0], err="the data ends too early", where="answer", maybe_delivered=True)


@test("HTTPS: nginx may close an idle connection; the next request opens another")
def _():
    r = client(PORTS["brief"], "get:/small", "get:/small", "wait:1500", "get:/small")
    assert [x["reused"] for x in r] == [False, True, False]
    assert all(x["status"] == 200 and not x["maybe_delivered"] for x in r)


@test("HTTPS: a request lost with a kept connection is sent again once and says that it may have been delivered")
def _():
    def play(index, s):
        read_head(s)
        if index != 2:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if index == 0:
            read_head(s)
            s.unwrap()
        if index == 1:
            read_head(s)
    with Script(play) as s:
        r = client(s.port, "get:/", "get:/", "get:/")
        expect(r[0], maybe_delivered=False, **OK)
        expect(r[1], maybe_delivered=True, reused=False, **OK)
        expect(r[2], err="the peer closed the connection", maybe_delivered=True, answered=False)
        assert s.count == 3


@test("HTTPS: sessions are resumed on new connections")
def _():
    log = []

    def play(_index, s):
        read_head(s)
        log.append(s.session_reused)
        s.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        s.unwrap()
    with Script(play) as s:
        s.context.options |= ssl.OP_NO_TICKET
        r = client(s.port, "get:/", "get:/", "get:/")
    assert all(x["status"] == 200 for x in r)
    assert log == [False, True, True], log


@test("HTTPS: an interim answer is skipped; an early refusal is heard while an upload runs")
def _():
    def play(index, s):
        read_head(s)
        if index == 0:
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        else:
            s.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            time.sleep(0.3)
    with Script(play) as s:
        expect(client(s.port, "get:/")[0], bytes=2, **OK)
        r = client(s.port, f"put:/x:{path('www/big')}")[0]
        expect(r, err="ok", status=403, sent_all=False, maybe_delivered=False)


@test("HTTPS: openssl asking for renegotiation gets none, and the client does not hang")
def _():
    port = free_port()
    p = Program(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "ec.pem", "-key", "ec.key", "-crlf"], port,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with p:
        worker = threading.Thread(target=lambda: p.got.extend(client(port, "timeout:8000", "get:/")))
        p.got = []
        worker.start()
        seen = b""
        while b"Host:" not in seen:
            seen += os.read(p.process.stdout.fileno(), 4096)
        p.process.stdin.write(b"r\n")
        p.process.stdin.flush()
        time.sleep(0.5)
        p.process.stdin.write(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        p.process.stdin.flush()
        worker.join()
        while select.select([p.process.stdout], [], [], 0.2)[0]:
            part = os.read(p.process.stdout.fileno(), 65536)
            if not part:
                break
            seen += part
    assert p.got and p.got[0]["ms"] < 7000, p.got
    assert b"SSL_do_handshake" in seen and seen.count(b"CIPHER is") == 1, seen


# ---- patience

@test("HTTPS: a server that stops answering is left after 20 s, one that never connects after 5 s")
def _():
    def stop(_index, s):
        read_head(s)
        time.sleep(40)
    with Script(stop) as s:
        r = client(s.port, "get:/")[0]
        expect(r, err="no answer in time", where="answer", maybe_delivered=True)
        assert 20000 <= r["ms"] < 24000, r
    # a listener with a full queue drops what knocks
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        held = []
        for _ in range(3):
            held.append(socket.socket())
            held[-1].setblocking(False)
            held[-1].connect_ex(("127.0.0.1", port))
        time.sleep(0.2)
        r = client(port, "get:/")[0]
        expect(r, err="no answer in time", where="connect", maybe_delivered=False)
        assert 5000 <= r["ms"] < 8000, r


@test("HTTPS: an upload that only creeps is not given up, as long as it moves")
def _():
    def creep(_index, s):
        # all of it is in the client's kernel long before it is here
        end, got = time.monotonic() + 26, len(read_head(s).split(b"\r\n\r\n", 1)[1])
        while time.monotonic() < end:
            got += len(s.recv(8192))
            time.sleep(0.1)
        while got < 4 << 20:
            got += len(s.recv(1 << 20))
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with open(path("four"), "wb") as f:
        f.write(os.urandom(4 << 20))
    with Script(creep) as s:
        s.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        r = client(s.port, f"put:/x:{path('four')}")[0]
        expect(r, sent_all=True, **OK)
        assert r["ms"] > 26000, r


@test("HTTPS: a kept connection is given back after 15 s")
def _():
    ended = []

    def play(_index, s):
        read_head(s)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        start = time.monotonic()
        assert s.recv(1) == b"", "the client must end its side in order"
        ended.append(time.monotonic() - start)
    with Script(play) as s:
        client(s.port, "get:/", "wait:17000")
        time.sleep(0.2)
    assert len(ended) == 1 and 14 < ended[0] < 16.5, ended


def run(entry):
    sentence, fn = entry
    try:
        fn()
    except Exception as e:  # whatever goes wrong is this test's failure
        text = " ".join(f"{type(e).__name__}: {e}".split())
        return f"not ok {sentence}\n  {text}"
    return f"ok {sentence}"


def main():
    if not os.access(CLIENT, os.X_OK):
        sys.exit("build/tests/https_client is missing: make build/tests/https_client")
    make_certificates()
    bad = 0
    chosen = [t for t in TESTS if len(sys.argv) < 2 or sys.argv[1] in t[0]]
    with start_nginx(), concurrent.futures.ThreadPoolExecutor(len(TESTS)) as pool:
        for line in pool.map(run, chosen):
            bad += line.startswith("not ok")
            print(line, flush=True)
    return 1 if bad else 0


with tempfile.TemporaryDirectory(prefix="sealtap-tls-") as DIR:
    code = main()
sys.exit(code)
