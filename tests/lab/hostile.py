"""hostile: servers that answer each question with what nobody should say, and with the truth at last.

    with hostile.Dhcp(lab, mutator) as dhcp, hostile.Dns(..) as dns, hostile.Ntp(..) as ntp, hostile.Imds(..) as imds: ...

.told counts what was said wrongly. What is made of the truth is broken in form, or leaves the truth as it is: a server that lies in form
is no matter of parsers. `corpus(name)`: the inputs of a fuzz target, without the byte that says what the target does with them.
"""
import contextlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time

from . import frames, metadata, ntp, surroundings
from .certs import TOP
from .surroundings import NIC

BOOTP, COOKIE = 236, b'\x63\x82\x53\x63'


def corpus(name):
    folder, out = os.path.join(TOP, 'tests', 'fuzz', 'corpus', name), []
    for entry in sorted(os.listdir(folder)):
        with open(os.path.join(folder, entry), 'rb') as f:
            out.append(f.read()[1:])
    return out


class Server:
    """A thread that serves until the block ends."""

    def __init__(self, lab, mutator, rounds):
        self.lab, self.mutator, self.rounds, self.told = lab, mutator, rounds, 0
        self.sockets = []

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_):
        for s in self.sockets:
            s.close()

    def run(self):
        with contextlib.suppress(OSError):  # the block has ended
            self.serve()

    def socket(self, ns, *kind, address=None):
        s = ns.socket(*kind)
        self.sockets.append(s)
        if address:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(address)
        return s


class Dhcp(Server):
    """Sees the client's broadcasts on its wire. The true server is stopped until the first of them is answered."""

    def serve(self):
        wire = self.socket(self.lab.segment, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind((NIC, 0x0003))
        known = corpus('dhcp')
        with self.lab.dnsmasq.stopped():
            while self.told < self.rounds:
                asked, origin = wire.recvfrom(2048)
                if origin[2] == socket.PACKET_OUTGOING or asked[12:14] != b'\x08\x00' or asked[23] != 17 or asked[36:38] != b'\0\x43':
                    continue
                for _ in range(self.rounds // 2):
                    wire.send(self.answer(asked[42:], known))
                    self.told += 1

    def answer(self, request, known):
        """An offer to this client, broken; never an acknowledgement that it could take."""
        offer = b'\2' + request[1:8] + bytes(8) + frames.address('198.18.0.77') + frames.address(surroundings.DNS) + request[24:BOOTP]
        options = COOKIE + b'\x35\1\2' + b'\x36\4' + frames.address(surroundings.DNS) + b'\x33\4\0\0\x0e\x10\1\4\xff\xff\xff\0\xff'
        while True:
            text = self.mutator.message(offer + options if self.mutator.random() < 0.5 else offer + self.mutator.choice(known)[240:])
            if b'\x35\1\5' not in text and b'\x35\1\6' not in text:
                break
        text = text[:1400]
        head = struct.pack('>4H', 67, 68, self.mutator.choice((8 + len(text), 8 + len(text), self.mutator.randrange(65536))), 0)
        packet = frames.ipv4(head + text, source=surroundings.DNS, to='255.255.255.255')
        return frames.ethernet(packet, to='ff:ff:ff:ff:ff:ff', source='02:00:00:00:00:77')


class Dns(Server):
    """At ADDRESS: before the true server's answer so many broken ones, with the right id."""
    ADDRESS = surroundings.ROUTER

    def serve(self):
        udp = self.socket(self.lab.router, socket.AF_INET, socket.SOCK_DGRAM, address=(self.ADDRESS, 53))
        known = corpus('dns')
        while True:
            question, asker = udp.recvfrom(512)
            with self.lab.router.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
                real.settimeout(2)
                real.connect((surroundings.DNS, 53))
                real.send(question)
                answer = real.recv(4096)
            for _ in range(self.rounds):
                udp.sendto(question[:2] + self.broken(answer, known)[2:1400], asker)
                self.told += 1
            udp.sendto(answer, asker)

    def broken(self, answer, known):
        """It does not name another address: it would be believed."""
        if self.mutator.random() < 0.3:
            return self.mutator.message(self.mutator.choice(known))
        out = self.mutator.message(answer)
        right = frames.address(surroundings.AWS)
        return out if out.count(right) >= answer.count(right) else out[:12 + self.mutator.randrange(20)]


class Ntp(Server):
    """In place of AWS's: before each answer so many broken ones, some with the request's nonce."""

    def serve(self):
        self.lab.processes.end(self.lab.time_server.process)
        known = corpus('ntp')
        with self.lab.imds.entered():
            true = ntp.Server(self.lab.time_server.address, self.lab.time_server.path, None)
        self.sockets.append(true.socket)
        while True:
            request, client = true.socket.recvfrom(2048)
            arrived, origin = time.time_ns(), request[40:48]
            with open(true.path) as f:
                true.state = json.load(f)
            for _ in range(self.rounds):
                good = self.mutator.choice([*known, true.packet(origin, arrived, 0)])
                true.socket.sendto(self.broken(good, origin), client)
                self.told += 1
            true.answer(origin, arrived, client)

    def broken(self, good, origin):
        text = bytearray(self.mutator.message(good)[:1400])
        if self.mutator.random() < 0.3 and len(text) > 32:
            text[24:32] = origin
        if text[24:32] == origin:  # with another time it would be a lie, not an answer out of form
            text[0] &= 0xf8  # of no mode
        return bytes(text)

    def __exit__(self, *_):
        super().__exit__()
        self.lab.time_server.start()


def not_json(text):
    try:
        json.loads(text)
        return False
    except ValueError:
        return True


class Imds(Server):
    """In place of EC2's: two of three requests get a broken answer, until `rounds` were told; the others the true one's."""
    TRUE = '169.254.169.253'
    asked = 0

    def serve(self):
        lab, here = self.lab, os.path.dirname(os.path.abspath(__file__))
        lab.processes.end(lab.imds_server)
        lab.imds.ip('address', 'replace', self.TRUE + '/32', 'dev', 'lan')
        lab.imds_server = lab.processes.start('imds-true', [sys.executable, os.path.join(here, 'imds.py'), self.TRUE, lab.metadata.path],
                                              lab.imds)
        lab.imds_server.wait_output('ready', 10)
        listener = self.socket(lab.imds, socket.AF_INET, socket.SOCK_STREAM, address=('169.254.169.254', 80))
        listener.listen(16)
        self.answers = corpus('http1'), [x for part in corpus('imds') for x in part.split(b'\f')]
        while True:
            near, _ = listener.accept()
            threading.Thread(target=self.talk, args=(near,), daemon=True).start()

    def talk(self, near):
        """One connection, until an answer is broken."""
        with near, self.lab.imds.socket(socket.AF_INET, socket.SOCK_STREAM) as far, contextlib.suppress(OSError):
            far.connect((self.TRUE, 80))
            while request := near.recv(4096):  # the client sends one with one call
                self.asked += 1
                if self.told < self.rounds and self.mutator.random() < 2 / 3:
                    near.sendall(self.broken())
                    self.told += 1
                    return
                far.sendall(request)
                near.sendall(whole_answer(far))

    def broken(self):
        """Of HTTP, or of what IMDS says in JSON."""
        wires, bodies = self.answers
        if self.mutator.random() < 0.5:
            return self.mutator.message(self.mutator.choice(wires))
        body = self.mutator.message(self.mutator.choice(bodies) or json.dumps(metadata.IDENTITY).encode())
        if not not_json(body):
            body = b'{' + body
        return b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n' % len(body) + body


def whole_answer(stream):
    """Of a server that says how long each is."""
    answer = b''
    while b'\r\n\r\n' not in answer:
        answer += stream.recv(65536)
    head, _, body = answer.partition(b'\r\n\r\n')
    left = int(re.search(rb'Content-Length: (\d+)', head)[1]) - len(body)
    return answer + (stream.recv(left, socket.MSG_WAITALL) if left else b'')
