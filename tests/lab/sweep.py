"""sweep: each port of a host asked by one packet, from a host beside it, at a pace that loses nothing; and what comes back, port by port.

Frames are made and heard by hand, so that neither side's kernel waits for anything.
"""
import collections
import socket
import struct
import time

from . import frames

EVERYTHING, SO_RCVBUFFORCE = 3, 33  # linux/if_ether.h, asm-generic/socket.h
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
PORTS = range(1, 65536)
UDP_PORTS = (1, 7, 9, 13, 19, 37, 53, 67, 68, 69, 111, 123, 135, 137, 138, 161, 162, 177, 443, 500, 514, 520, 521, 546, 547, 623, 631, 1194,
             1434, 1645, 1701, 1812, 1900, 2049, 3478, 3784, 4500, 4789, 5060, 5351, 5353, 5355, 6081, 6343, 8125, 9100, 11211, 33434,
             33523, 64512, 65535)
OURS = 40321  # the port that asks
EVERY, PAUSE_S, LINGER_S = 100, 0.001, 0.3
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
SYN, RST, ACK = 2, 4, 16
Answer = collections.namedtuple('Answer', 'what hops')  # 'open', 'closed', 'unreachable', 'datagram'; the packet's TTL


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ':' in address else socket.AF_INET, address)


class Sweep:
    """Between two hosts on one link; to and source are addresses of one family."""

    def __init__(self, ns, link, to_mac, to, source):
        self.ns, self.link, self.to, self.source = ns, link, packed(to), packed(source)
        self.v6 = len(self.to) == 16
        self.ether = frames.mac(to_mac) + frames.mac(ns.mac(link)) + (b'\x86\xdd' if self.v6 else b'\x08\x00')

    def _frame(self, protocol, segment):
        if self.v6:
            head = struct.pack('>IHBB', 6 << 28, len(segment), protocol, 64) + self.source + self.to
        else:
            head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(segment), 0, 0x4000, 64, protocol, 0) + self.source + self.to
            head = head[:10] + struct.pack('>H', frames.checksum(head)) + head[12:]
        return self.ether + head + segment

    def _sum(self, protocol, segment):
        return frames.checksum(self.source + self.to + struct.pack('>II', len(segment), protocol) + segment)

    def syns(self, ports):
        """Only port and checksum differ from one to the next."""
        segment = struct.pack('>HHIIBBHHH', OURS, 0, 1, 0, 0x50, SYN, 64240, 0, 0)
        start, base = self._frame(TCP, segment)[:-len(segment)] + segment[:2], ~self._sum(TCP, segment) & 0xffff
        middle, end = segment[4:16], segment[18:]
        for port in ports:
            total = base + port
            yield start + port.to_bytes(2, 'big') + middle + (~(total + (total >> 16)) & 0xffff).to_bytes(2, 'big') + end

    def datagrams(self, ports, payload=b'\0' * 24):
        for port in ports:
            segment = struct.pack('>HHHH', OURS, port, 8 + len(payload), 0) + payload
            yield self._frame(UDP, segment[:6] + struct.pack('>H', self._sum(UDP, segment) or 0xffff) + segment[8:])

    def ask(self, made):
        """{port: Answer}: what came back for these frames."""
        found = {}
        with self.ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING)) as s:
            s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            for option in (SO_RCVBUFFORCE, socket.SO_SNDBUF):
                s.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
            s.bind((self.link, EVERYTHING))
            s.setblocking(False)
            for i, frame in enumerate(made, 1):
                s.send(frame)
                if i % EVERY == 0:
                    time.sleep(PAUSE_S)
                    self._hear(s, found)
            end = time.monotonic() + LINGER_S
            while time.monotonic() < end:
                time.sleep(0.02)
                self._hear(s, found)
        return found

    def _hear(self, s, found):
        while True:
            try:
                data = s.recv(2048)
            except BlockingIOError:
                return
            read = self._answer(data)
            if read:
                found[read[0]] = read[1]

    def _answer(self, data):
        """(port, Answer), or None: it is about something else."""
        if data[12:14] != self.ether[12:14]:
            return None
        ip = data[14:]
        protocol, hops, source = (ip[6], ip[7], ip[8:24]) if self.v6 else (ip[9], ip[8], ip[12:16])
        rest = ip[40:] if self.v6 else ip[(ip[0] & 15) * 4:]
        if protocol in (TCP, UDP) and source == self.to and rest[2:4] == OURS.to_bytes(2, 'big'):
            what = 'datagram' if protocol == UDP else 'closed' if rest[13] & RST else 'open' if rest[13] & SYN else 'other'
            return int.from_bytes(rest[:2], 'big'), Answer(what, hops)
        if (protocol, rest[0]) in ((ICMP, 3), (ICMPV6, 1)):
            within = rest[8 + (40 if self.v6 else 20):]
            if within[:2] == OURS.to_bytes(2, 'big'):
                return int.from_bytes(within[2:4], 'big'), Answer('unreachable', hops)
        return None
