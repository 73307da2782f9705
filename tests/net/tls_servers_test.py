#!/usr/bin/env python3
"""tls_servers_test: the appliance's HTTPS client against real servers: nginx, openssl s_server, Python's ssl, and wires that cut and delay.

tls_servers_test.py [-k PATTERN]. Needs build/tests/https_client and build/mbed/tests/https_client (make tests); no root; loopback alone.
Each test runs over both TLS back ends.
"""
import concurrent.futures
import functools
import json
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import testing  # noqa: E402
from lab.certs import CA, CA_KEY, TOP  # noqa: E402
from tls_servers import (BIG, DIR, NAME, PORTS, Program, Script, Wire, certificate, digest,  # noqa: E402
                         free_port, make_certificates, path, read_head, s_server, start_nginx)

CLIENTS = {"BearSSL": os.path.join(TOP, "build/tests/https_client"), "Mbed TLS": os.path.join(TOP, "build/mbed/tests/https_client")}
BACKEND, CLIENT = None, None  # the one on trial
TESTS = []


def test(fn):
    """Its sentence is the docstring; all run side by side."""
    TESTS.append(fn)
    return fn


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


# ---- what servers may show

OK = {"err": "ok", "status": 200}
UNTRUSTED = {"err": "the server's certificate is not trusted for this name", "where": "TLS handshake", "answered": False,
             "sent_all": False, "maybe_delivered": False}
BROKEN = {"err": "the TLS session failed", "where": "TLS handshake", "sent_all": False}


@test
def understood():
    """Nginx and openssl s_server with EC and RSA keys are understood"""
    for name in ("ec", "rsa", "rsa256", "p384"):
        expect(client(PORTS[name], "get:/small")[0], bytes=5, **OK)
    for cert in ("ec", "p384", "rsa"):
        with s_server(cert) as s:
            expect(client(s.port, "get:/www/small")[0], bytes=5, **OK)


@test
def board_ca():
    """A certificate by the qemu board's CA is accepted where that CA is an anchor, and nowhere else"""
    shutil.copy(CA, path("board.pem"))
    shutil.copy(CA_KEY, path("board.key"))
    certificate("byboard", signer="board")
    with s_server("byboard") as s:
        expect(client(s.port, "get:/www/small", anchors="board.pem")[0], bytes=5, **OK)
        expect(client(s.port, "get:/www/small")[0], **UNTRUSTED)


@test
def wrong_certificates():
    """A certificate for another name, expired, self-signed, by a stranger or by SHA-1 sends no request"""
    for cert, why in (("othername", "the certificate is for another name"),
                      ("expired", "the certificate is not valid at this time"),
                      ("unknown", "the certificate does not lead to a trusted root"),
                      ("selfsigned", "the certificate does not lead to a trusted root"),
                      ("sha1", "the certificate's kind of key or signature is not supported")):
        with s_server(cert, "-cipher", "DEFAULT@SECLEVEL=0") as s:
            expect(client(s.port, "get:/www/small")[0], why=why, **UNTRUSTED)


@test
def unusual_servers():
    """An RSA-PSS, a ChaCha20-only and an X25519-only server end in a clear error, a TLS 1.3-only one for BearSSL"""
    tls13 = client(PORTS["tls13"], "get:/small")[0]
    if BACKEND == "BearSSL":
        expect(tls13, why="the server does not speak TLS 1.2", **BROKEN)
    else:
        expect(tls13, bytes=5, **OK)
    none = "the server accepts none of our cipher suites and signatures"
    expect(client(PORTS["chacha"], "get:/small")[0], why=none, **BROKEN)
    expect(client(PORTS["x25519"], "get:/small")[0], why=none, **BROKEN)
    with s_server("pss") as s:
        expect(client(s.port, "get:/www/small")[0], why=none, **BROKEN)


# RFC 8446, section 4.1.2, and IANA's registries
SUITES = {"BearSSL": [0xc02b, 0xc02f, 0xc02c, 0xc030], "Mbed TLS": [0x1301, 0x1302, 0xc02b, 0xc02f, 0xc02c, 0xc030]}
SIGNALS = {0x00ff, 0x5600}  # no suites: renegotiation info, fallback
GROUPS, SIGNED_BY_SHA1 = [23, 24], 2  # secp256r1, secp384r1
SERVER_NAME, SUPPORTED_GROUPS, SIGNATURES, KEY_SHARE = 0, 10, 13, 51


def numbers(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def read_hello(data):
    """(suites, {extension: content}) of a ClientHello, from its TLS record on."""
    at = 5 + 4 + 2 + 32
    at += 1 + data[at]
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    suites, extensions = numbers(data[at + 2:end]), {}
    at = end + 1 + data[end] + 2
    while at < len(data):
        kind, length = struct.unpack(">HH", data[at:at + 4])
        extensions[kind] = data[at + 4:at + 4 + length]
        at += 4 + length
    return suites, extensions


@test
def offers_approved_algorithms():
    """It offers AES-GCM with ephemeral keys on P-256 and P-384, signed by SHA-2, and nothing else"""
    hello = bytearray()

    def play(_, s):
        while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5], "big"):
            hello.extend(s.recv(4096))
    with Script(play, plain=True) as s:
        client(s.port, "get:/")
    suites, extensions = read_hello(bytes(hello[:5 + int.from_bytes(hello[3:5], "big")]))
    assert [n for n in suites if n not in SIGNALS] == SUITES[BACKEND], [hex(n) for n in suites]
    assert sorted(numbers(extensions[SUPPORTED_GROUPS][2:])) == GROUPS, extensions[SUPPORTED_GROUPS]
    signed = numbers(extensions[SIGNATURES][2:])
    assert signed and all(n >> 8 > SIGNED_BY_SHA1 for n in signed), [hex(n) for n in signed]
    share = extensions.get(KEY_SHARE, b"\0\0")[2:]
    assert not share or int.from_bytes(share[:2], "big") in GROUPS, share[:4]


@test
def plain_or_closed():
    """A server that speaks plain HTTP, or closes at once, ends in a clear error"""
    def play(index, s):
        if index:
            s.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            s.recv(1000)
    with Script(play, plain=True) as s:
        expect(client(s.port, "get:/")[0], where="TLS handshake", answered=False, maybe_delivered=False)
        expect(client(s.port, "get:/")[0], **BROKEN)


@test
def large_transfers():
    """16 MiB go up to and come down from nginx unharmed, on one connection, in writes of 256 KiB"""
    want = digest("www/big")
    for name in ("ec", "rsa256"):
        up = f"{name}-{BACKEND[:4]}"
        r = client(PORTS[name], f"put:/up/{up}:{path('www/big')}", f"get:/up/{up}:{path(name + '.down')}", "get:/small")
        expect(r[0], err="ok", status=201, sent_all=True, maybe_delivered=False, reused=False)
        # what the kernel leaves of a write is a write of its own
        assert r[0]['longest_write'] >= 1 << 18 and r[0]['writes'] <= 2 * BIG >> 18, r[0]
        expect(r[1], bytes=BIG, reused=True, **OK)
        expect(r[2], bytes=5, reused=True, **OK)
        assert digest(f"www/up/{up}") == want and digest(name + ".down") == want


@test
def byte_by_byte():
    """A wire that brings one byte at a time changes nothing"""
    with Wire(PORTS["rsa"], step=1) as w:
        r = client(w.port, "get:/small", f"get:/small:{path('one')}")
        expect(r[1], bytes=5, reused=True, **OK)
    with open(path("one"), "rb") as f:
        assert f.read() == b"hello"


@test
def cut_anywhere():
    """A wire cut or reset after any number of the server's bytes is never taken for an answer"""
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


@test
def body_without_length():
    """A body without a length ends by close_notify, not by a cut"""
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


@test
def idle_connection():
    """Nginx may close an idle connection; the next request opens another"""
    r = client(PORTS["brief"], "get:/small", "get:/small", "wait:1500", "get:/small")
    assert [x["reused"] for x in r] == [False, True, False]
    assert all(x["status"] == 200 and not x["maybe_delivered"] for x in r)


@test
def lost_with_its_connection():
    """A request lost with a kept connection is sent again once and says that it may have been delivered"""
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


@test
def resumed():
    """Sessions are resumed on new connections"""
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


@test
def resumed_by_nginx():
    """Nginx resumes sessions on new connections, by its cache and by its tickets"""
    for name in ("ec",) if BACKEND == "BearSSL" else ("ec", "tickets"):  # BearSSL has no TLS 1.3, and no tickets
        files = [path(f"resumed-{name}-{BACKEND[:4]}-{i}") for i in range(4)]
        r = client(PORTS[name], *(f"get:/resumed:{f}" for f in files))
        assert [x["status"] for x in r] == [200] * 4 and not any(x["reused"] for x in r), r
        said = []
        for file in files:
            with open(file, encoding="ascii") as f:
                said.append(f.read())
        assert said == [".", "r", "r", "r"], f"{name}: {said}"


@test
def interim_and_early_answers():
    """An interim answer is skipped; an early refusal is heard while an upload runs"""
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


@test
def renegotiation():
    """Openssl asking for renegotiation gets none, and the client does not hang"""
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

@test
def patience():
    """A server that stops answering is left after 20 s, one that never connects after 5 s"""
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


@test
def creeping_upload():
    """An upload that only creeps is not given up, as long as it moves"""
    def creep(_index, s):
        # all of it is in the client's kernel long before it is here
        end, got = time.monotonic() + 26, len(read_head(s).split(b"\r\n\r\n", 1)[1])
        while time.monotonic() < end:
            got += len(s.recv(4096))
            time.sleep(0.1)
        while got < 3 << 19:
            got += len(s.recv(1 << 20))
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with open(path("creep"), "wb") as f:
        f.write(os.urandom(3 << 19))
    with Script(creep) as s:
        s.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        r = client(s.port, f"put:/x:{path('creep')}")[0]
        expect(r, sent_all=True, **OK)
        assert r["ms"] > 26000, r


@test
def given_back():
    """A kept connection is given back after 15 s"""
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


def main():
    report = testing.report()
    for program in CLIENTS.values():
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is missing: make tests")
    make_certificates()
    with start_nginx(), concurrent.futures.ThreadPoolExecutor(len(TESTS)) as pool:
        for backend, program in CLIENTS.items():
            globals().update(BACKEND=backend, CLIENT=program)
            about = f" ({backend})"
            for fn, done in [(fn, pool.submit(fn)) for fn in TESTS if report.wants(fn, about)]:
                report.run(functools.wraps(fn)(lambda done=done: done.result()), about=about)
    report.finish()


main()
