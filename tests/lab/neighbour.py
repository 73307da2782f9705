"""neighbour: who shares the inside link with a hostile host: a host with connections that stay open, the server outside that answers on
them, and a look at all that the appliance sends to a side.
"""
import contextlib
import socket
import threading
import time

from .gateway import EVERYTHING, SECOND, SO_RCVBUFFORCE, TCP, UDP
from .surroundings import NIC, WEB

NEIGHBOUR, TALK = SECOND, 7010


class Server:
    """What comes by TCP or UDP goes back, on connections that stay open."""

    def __init__(self, ns, address, port):
        self.stop, self.open = threading.Event(), []
        self.tcp, self.udp = ns.socket(socket.AF_INET, TCP), ns.socket(socket.AF_INET, UDP)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for s in (self.tcp, self.udp):
            s.bind((address, port))
            s.settimeout(0.1)
        self.tcp.listen(16)
        self.threads = [threading.Thread(target=f) for f in (self.accept, self.answer)]
        for t in self.threads:
            t.start()

    def accept(self):
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                s = self.tcp.accept()[0]
                s.settimeout(0.1)
                self.open.append(s)
                self.threads.append(threading.Thread(target=self.talk, args=(s,)))
                self.threads[-1].start()

    def talk(self, s):
        with s, contextlib.suppress(ConnectionError):
            while not self.stop.is_set():
                with contextlib.suppress(TimeoutError):
                    data = s.recv(4096)
                    if not data:
                        return
                    s.sendall(data)

    def answer(self):
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                data, peer = self.udp.recvfrom(4096)
                self.udp.sendto(data, peer)

    def close(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        self.tcp.close()
        self.udp.close()


class Neighbour:
    """A host inside with a connection that it keeps, and others that it begins."""

    def __init__(self, ns):
        self.ns, self.said = ns, []
        self.kept = self.connect()
        self.port = self.kept.getsockname()[1]

    def connect(self, kind=TCP):
        s = self.ns.socket(socket.AF_INET, kind)
        s.settimeout(5)
        s.bind((NEIGHBOUR, 0))
        s.connect((WEB, TALK))
        return s

    def say(self, s, text):
        """And again, in the case of a datagram: nobody has promised that none is lost on a busy machine."""
        for _ in range(3 if s.type == UDP else 1):
            s.sendall(text)
            self.said.append(text)
            with contextlib.suppress(TimeoutError):
                assert s.recv(4096) == text
                return
        raise AssertionError(f'the neighbour has no answer to {text}')

    def unharmed(self, after):
        text = f'neighbour {len(self.said)} after {after}.'
        self.say(self.kept, (text + ' kept').encode())
        for kind in (TCP, UDP):
            with self.connect(kind) as s:
                self.say(s, f'{text} {kind}'.encode())


class Leaving:
    """All that the appliance sends to this side."""

    def __init__(self, ns):
        self.s = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
        self.s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.s.bind((NIC, EVERYTHING))
        self.s.setblocking(False)

    def take(self, wait_s=0.3):
        time.sleep(wait_s)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, about = self.s.recvfrom(65536)
                if about[2] != socket.PACKET_OUTGOING:
                    found.append(data)
        return found
