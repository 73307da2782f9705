"""frames: Ethernet frames made by hand, and sent: IPv4, UDP, fragments, VLAN tags; checksums right."""
import socket
import struct
import time

from . import metadata
from .surroundings import CLIENT, NIC, WEB

CLIENT_MAC = '02:00:00:00:00:10'
IPV4, VLAN, SERVICE_VLAN = 0x0800, 0x8100, 0x88a8
MORE_FRAGMENTS = 0x2000


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def address(text):
    return bytes(map(int, text.split('.')))


def checksum(data):
    total = sum(struct.unpack(f'>{(len(data) + 1) // 2}H', data + b'\0' * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(payload, ether_type=IPV4, to=metadata.INSIDE_MAC, source=CLIENT_MAC, tags=()):
    """tags: (EtherType, priority and id) from the outermost on."""
    tagged = b''.join(struct.pack('>HH', tpid, tci) for tpid, tci in tags)
    return mac(to) + mac(source) + tagged + struct.pack('>H', ether_type) + payload


def ipv4(payload, protocol=17, identification=0, flags_and_offset=0, source=CLIENT, to=WEB, ttl=64):
    head = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(payload), identification, flags_and_offset, ttl, protocol, 0)
    head += address(source) + address(to)
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + payload


def udp(payload, source_port, port, source=CLIENT, to=WEB):
    length = 8 + len(payload)
    pseudo = address(source) + address(to) + struct.pack('>BBH', 0, 17, length)
    head = struct.pack('>HHH', source_port, port, length)
    return head + struct.pack('>H', checksum(pseudo + head + b'\0\0' + payload) or 0xffff) + payload


def udp_frame(text, source_port=40000, port=9, tags=()):
    return ethernet(ipv4(udp(text.encode(), source_port, port)), tags=tags)


def flood(count):
    """Numbered frames of 1,400 bytes; 60,000 of them are more than the ring's 32 MiB."""
    return [udp_frame(f'flood {i} '.ljust(1358, 'x')) for i in range(count)]


def raw_socket(ns, link=NIC):
    """Sends whole frames by `link`; deep enough for a burst."""
    s = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    s.bind((link, 0))
    return s


def send(ns, made, link=NIC, every=500, pause_s=0.01):
    """Sends frames at a pace that queues hold: a pause behind so many."""
    with raw_socket(ns, link) as s:
        for i, frame in enumerate(made, 1):
            s.send(frame)
            if i % every == 0:
                time.sleep(pause_s)


def fragment(datagram, identification, start, end, last):
    """Bytes start..end of an IP payload as one fragment; start is a multiple of 8."""
    return ethernet(ipv4(datagram[start:end], identification=identification, flags_and_offset=start // 8 | (0 if last else MORE_FRAGMENTS)))


def crc32c(data):
    """The checksum of SCTP, RFC 9260 appendix A."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return struct.pack('<I', crc ^ 0xffffffff)


def sctp_init(source_port, port, tag=0, answer=False):
    """An SCTP packet that opens an association, or answers that: INIT with the initiate tag 1, INIT ACK with 2."""
    head = struct.pack('>HHI', source_port, port, tag)
    chunk = struct.pack('>BBHIIHHI', 2 if answer else 1, 0, 20, 2 if answer else 1, 65536, 1, 1, 1)
    return head + crc32c(head + bytes(4) + chunk) + chunk
