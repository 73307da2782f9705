"""gateway: the appliance as a gateway, seen from both sides: sockets that answer, datagrams that arrive, the kernel's counters.
"""
import contextlib
import json
import select
import socket
import struct
import threading
import time

from . import frames, metadata
from .surroundings import CLIENT, WEB

FIRST, LAST = 1024, 64511  # what translated flows get
SECOND, THIRD = '198.19.0.20', '198.19.0.21'  # further hosts inside
ECHO, QUIET = 9990, 9  # ports of the web server: one answers, on the other nobody does
OUTSIDE_MAC = metadata.OUTSIDE_MAC
SO_RCVBUFFORCE, EVERYTHING = 33, 3  # asm-generic/socket.h, linux/if_ether.h


class Echo:
    """UDP and TCP on one address and port of a namespace: what comes goes back; who sent it is remembered."""

    def __init__(self, ns, address, port):
        self.peers, self.stop = [], threading.Event()
        self.udp, self.tcp = ns.socket(socket.AF_INET, socket.SOCK_DGRAM), ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for s in (self.udp, self.tcp):
            s.bind((address, port))
        self.udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.tcp.listen(16)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while not self.stop.is_set():
            for s in select.select([self.udp, self.tcp], [], [], 0.05)[0]:
                if s is self.udp:
                    data, peer = s.recvfrom(65535)
                    self.peers.append(peer)
                    s.sendto(data, peer)
                    continue
                connection, peer = s.accept()
                self.peers.append(peer)
                with connection:
                    connection.settimeout(5)
                    connection.sendall(connection.recv(65535))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.udp.close()
        self.tcp.close()


def ask(ns, kind, to, text, source=('', 0), timeout_s=2.0):
    """What an echo at `to` answers; None: nothing in time, or it was refused."""
    with ns.socket(socket.AF_INET, kind) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(source)
        s.settimeout(timeout_s)
        try:
            s.connect(to)
            s.send(text)
            return s.recv(65535)
        except (TimeoutError, ConnectionRefusedError):
            return None


UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class Watch:
    """UDP datagrams that arrive by a link, as (source, source port, target port, payload)."""

    def __init__(self, ns, link):
        self.s = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
        self.s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        self.s.bind((link, EVERYTHING))
        self.s.setblocking(False)

    def take(self):
        found = []
        while True:
            try:
                data, about = self.s.recvfrom(2048)
            except BlockingIOError:
                return found
            if about[2] == socket.PACKET_OUTGOING or data[12:14] != b'\x08\x00' or data[23] != 17:
                continue
            at = 14 + (data[14] & 15) * 4
            source, target, length = struct.unpack('>HHH', data[at:at + 6])
            found.append((socket.inet_ntoa(data[26:30]), source, target, data[at + 8:at + length]))

    def wait(self, enough, timeout_s=5):
        found, end = [], time.monotonic() + timeout_s
        while not enough(found) and time.monotonic() < end:
            found += self.take()
            time.sleep(0.01)
        return found


class Gateway:
    """The appliance's counters, and what changed in a block."""

    def __init__(self, lab, appliance):
        self.lab, self.appliance, self.ns = lab, appliance, appliance.ns

    def counters(self):
        listed = json.loads(self.ns.run('nft', '-j', 'list', 'counters', 'table', 'inet', 'sealtap'))['nftables']
        return {o['counter']['name']: o['counter']['packets'] for o in listed if 'counter' in o}

    @contextlib.contextmanager
    def counted(self):
        """A dict that holds, behind the block, by how much each counter has grown, where it has."""
        before, grown = self.counters(), {}
        yield grown
        time.sleep(0.1)
        grown.update({k: n - before[k] for k, n in self.counters().items() if n != before[k]})


def from_inside(text, source_port=40000, port=QUIET, source=CLIENT, to=WEB, ttl=64, flags=0):
    return frames.ethernet(frames.ipv4(frames.udp(text.encode(), source_port, port, source, to), source=source, to=to, ttl=ttl,
                                       flags_and_offset=flags))


def from_outside(text, source, to, mac=OUTSIDE_MAC, port=QUIET):
    payload = frames.ipv4(frames.udp(text.encode(), 40000, port, source, to), source=source, to=to)
    return frames.ethernet(payload, to=mac, source='02:00:00:00:00:99')


def arrived(gateway, made):
    """Sends these from inside; the texts that came to the web server."""
    watch = Watch(gateway.lab.web, 'lan')
    frames.send(gateway.lab.inside, made)
    time.sleep(0.3)
    return [w[3].decode() for w in watch.take()]
