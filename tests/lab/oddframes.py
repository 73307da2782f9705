"""oddframes: frames as a hostile host sends them from inside, each with a text of its own in it: TABLE. None may leave the appliance on the
other side but those that LEAVE names; OWN are those that go to a port of the appliance's own, with what must be kept of each.
"""
import ipaddress
import struct

from . import frames, metadata
from . import ipv6 as around
from .frames import IPV4, VLAN, address, checksum, ethernet, ipv4, udp
from .surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, WEB

IMDS = '169.254.169.254'
ICMP, IPIP, TCP, UDP, IPV6_IN_4, GRE = 1, 4, 6, 17, 41, 47
SYN, FIN, RST, PUSH, ACK = 2, 1, 4, 8, 16
OWN_PORT = 64512
EVIL = 0x8000  # RFC 3514


def tcp(text, source_port, port, flags, source=CLIENT, to=WEB, sequence=1, acknowledged=0, options=b'', offset=None):
    offset = 5 + len(options) // 4 if offset is None else offset
    head = struct.pack('>HHIIBBHHH', source_port, port, sequence, acknowledged, offset << 4, flags, 0xffff, 0, 0) + options
    whole = head + text
    pseudo = address(source) + address(to) + struct.pack('>BBH', 0, TCP, len(whole))
    return whole[:16] + struct.pack('>H', checksum(pseudo + whole)) + whole[18:]


def icmp(kind, code, rest, body):
    whole = struct.pack('>BBH4s', kind, code, 0, rest) + body
    return whole[:2] + struct.pack('>H', checksum(whole)) + whole[4:]


def with_options(options, payload, protocol=UDP, to=WEB, source=CLIENT):
    """An IPv4 packet whose header has options, a multiple of four bytes."""
    head = bytearray(ipv4(payload, protocol, to=to, source=source)[:20])
    head[0] = 0x45 + len(options) // 4
    head[2:4] = struct.pack('>H', 20 + len(options) + len(payload))
    head[10:12] = bytes(2)
    head[10:12] = struct.pack('>H', checksum(bytes(head) + options))
    return bytes(head) + options + payload


def changed(packet, at, value, again=True):
    """An IPv4 packet with other bytes in its header, its checksum right again or not."""
    head = bytearray(packet[:20])
    head[at:at + len(value)] = value
    if again:
        head[10:12] = bytes(2)
        head[10:12] = struct.pack('>H', checksum(bytes(head)))
    return bytes(head) + packet[20:]


def address6(text):
    return ipaddress.IPv6Address(text).packed


def ipv6(payload, next_header, source=around.CLIENT, to=around.WEB6, hops=64):
    return struct.pack('>IHBB', 6 << 28, len(payload), next_header, hops) + address6(source) + address6(to) + payload


def summed6(payload, at, next_header, source=around.CLIENT, to=around.WEB6):
    """What goes by IPv6, its checksum right, which stands at `at`."""
    payload = payload[:at] + b'\0\0' + payload[at + 2:]
    pseudo = address6(source) + address6(to) + struct.pack('>II', len(payload), next_header)
    return payload[:at] + struct.pack('>H', checksum(pseudo + payload)) + payload[at + 2:]


def datagram6(text, port=9):
    return summed6(udp(text, 40000, port), 6, UDP)


def own6(text, port=64512):
    return summed6(tcp(text, 40100, port, PUSH | ACK), 16, TCP, to=around.INSIDE)


def datagram(text, port=9, **kw):
    return udp(text, 40000, port, **kw)


def plain(text, **kw):
    return ipv4(datagram(text), **kw)


def route_through(hop):
    """Loose source and record route, RFC 791: one hop more, and an end."""
    return bytes((131, 7, 4)) + address(hop) + b'\0'


def chain(text):
    """UDP behind IPv6 extension headers: hop-by-hop (0), destination (60), routing (43), fragment (44)."""
    options = bytes((0, 1, 4)) + bytes(4)
    return (bytes((60,)) + options + bytes((43,)) + options + bytes((44, 0, 4, 0)) + bytes(4) + bytes((UDP, 0, 0, 1, 0, 0, 0, 7)) +
            datagram6(text))


def snap(payload):
    """IEEE 802.3 with LLC and SNAP: another way to say IPv4."""
    return b'\xaa\xaa\x03' + bytes(3) + struct.pack('>H', IPV4) + payload


# ---- {name: text -> frame}

TABLE = {
    # addresses and tags
    'plain': lambda t: ethernet(plain(t)),
    'to all': lambda t: ethernet(plain(t), to='ff:ff:ff:ff:ff:ff'),
    'to a group': lambda t: ethernet(plain(t), to='01:00:5e:00:00:01'),
    'to another host': lambda t: ethernet(plain(t), to='02:00:00:00:00:77'),
    'from the appliance by its own address': lambda t: ethernet(plain(t), source=metadata.INSIDE_MAC),
    'from the appliance by its other address': lambda t: ethernet(plain(t), source=metadata.OUTSIDE_MAC),
    'from nobody': lambda t: ethernet(plain(t), source='00:00:00:00:00:00'),
    'from all': lambda t: ethernet(plain(t), source='ff:ff:ff:ff:ff:ff'),
    'in a VLAN': lambda t: ethernet(plain(t), tags=[(VLAN, 7)]),
    'in VLAN 0': lambda t: ethernet(plain(t), tags=[(VLAN, 0)]),
    'in two VLANs': lambda t: ethernet(plain(t), tags=[(frames.SERVICE_VLAN, 7), (VLAN, 8)]),
    'in eight VLANs': lambda t: ethernet(plain(t), tags=[(VLAN, i) for i in range(1, 9)]),
    'cut behind the tag': lambda t: ethernet(t, 0x9000, tags=[(VLAN, 7)])[:18],
    # not IP
    'ARP that carries more': lambda t: ethernet(bytes.fromhex('0001080006040002') + bytes(20) + t, 0x0806),
    'RARP': lambda t: ethernet(bytes.fromhex('0001080006040003') + bytes(20) + t, 0x8035),
    'MPLS': lambda t: ethernet(b'\0\0\x11\x40' + plain(t), 0x8847),
    'PPPoE': lambda t: ethernet(b'\x11\0\0\1' + struct.pack('>H', len(t) + 30) + b'\0\x21' + plain(t), 0x8864),
    'EAPOL': lambda t: ethernet(b'\1\1\0\0' + t, 0x888e),
    'LLDP': lambda t: ethernet(b'\2\7' + t, 0x88cc, to='01:80:c2:00:00:0e'),
    'experimental': lambda t: ethernet(t, 0x88b5),
    'Ethernet in Ethernet': lambda t: ethernet(ethernet(plain(t)), 0x6558),
    'LLC': lambda t: ethernet(b'\x42\x42\x03' + t, 3 + len(t)),
    'SNAP': lambda t: ethernet(snap(plain(t)), len(snap(plain(t)))),
    'a recording': lambda t: ethernet(b'\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a' + t + b'\x28\xb5\x2f\xfd\x50\x2a\x4d\x18', 0x88b5),
    # IPv4 that is not sound
    'version 5': lambda t: ethernet(changed(plain(t), 0, b'\x55')),
    'header of 16 bytes': lambda t: ethernet(changed(plain(t), 0, b'\x44')),
    'header longer than the packet': lambda t: ethernet(changed(ipv4(t[:8], 253), 0, b'\x4f') + t),
    'longer than it is': lambda t: ethernet(changed(plain(t), 2, b'\x05\x00')),
    'shorter than its header': lambda t: ethernet(changed(plain(t), 2, b'\x00\x10')),
    'wrong header checksum': lambda t: ethernet(changed(plain(t), 10, b'\xde\xad', False)),
    'cut in the header': lambda t: ethernet(plain(t))[:27] + t[:6],
    'evil bit': lambda t: ethernet(plain(t, flags_and_offset=EVIL)),
    'hop limit 0': lambda t: ethernet(plain(t, ttl=0)),
    'source route to IMDS': lambda t: ethernet(with_options(route_through(IMDS), datagram(t), to=APPLIANCE_INSIDE)),
    'source route by the appliance': lambda t: ethernet(with_options(route_through(WEB), datagram(t), to=APPLIANCE_INSIDE)),
    'option without end': lambda t: ethernet(with_options(b'\x07\xff\x04\0', datagram(t))),
    'four options of nothing': lambda t: ethernet(with_options(b'\1\1\1\0', datagram(t))),
    # in other packets, to the appliance: it unwraps none
    'IPv4 in IPv4': lambda t: ethernet(ipv4(ipv4(datagram(t, 80, to=IMDS), to=IMDS), IPIP, to=APPLIANCE_INSIDE)),
    'IPv6 in IPv4': lambda t: ethernet(ipv4(ipv6(datagram(t), UDP), IPV6_IN_4, to=APPLIANCE_INSIDE)),
    'GRE': lambda t: ethernet(ipv4(b'\0\0\x08\0' + plain(t), GRE, to=APPLIANCE_INSIDE)),
    'VXLAN': lambda t: ethernet(ipv4(datagram(b'\x08' + bytes(7) + ethernet(plain(t)), 4789, to=APPLIANCE_INSIDE),
                                     to=APPLIANCE_INSIDE)),
    # transport
    'UDP longer than it is': lambda t: ethernet(ipv4(udp(t, 40000, 9)[:4] + b'\x05\x00' + udp(t, 40000, 9)[6:])),
    'UDP cut': lambda t: ethernet(ipv4(udp(t, 40000, 9)[:6]) + t),
    'UDP checksum': lambda t: ethernet(ipv4(udp(t, 40000, 9)[:6] + b'\xde\xad' + t)),
    'UDP from port 0': lambda t: ethernet(ipv4(udp(t, 0, 9))),
    'UDP to port 0': lambda t: ethernet(ipv4(udp(t, 40000, 0))),
    'TCP of no flags': lambda t: ethernet(ipv4(tcp(t, 40001, 80, 0), TCP)),
    'TCP of all flags': lambda t: ethernet(ipv4(tcp(t, 40002, 80, 255), TCP)),
    'SYN and FIN': lambda t: ethernet(ipv4(tcp(t, 40003, 80, SYN | FIN), TCP)),
    'SYN and RST': lambda t: ethernet(ipv4(tcp(t, 40004, 80, SYN | RST), TCP)),
    'FIN alone': lambda t: ethernet(ipv4(tcp(t, 40005, 80, FIN), TCP)),
    'SYN with data': lambda t: ethernet(ipv4(tcp(t, 40006, 80, SYN), TCP)),
    'TCP header of 16 bytes': lambda t: ethernet(ipv4(tcp(t, 40007, 80, SYN, offset=4), TCP)),
    'TCP header longer than the packet': lambda t: ethernet(ipv4(tcp(t[:8], 40008, 80, SYN, offset=15), TCP) + t),
    'an answer without a question': lambda t: ethernet(ipv4(tcp(t, 40009, 80, SYN | ACK, acknowledged=1), TCP)),
    'echo reply without a request': lambda t: ethernet(ipv4(icmp(0, 0, b'\0\1\0\1', t), ICMP)),
    'router advertisement': lambda t: ethernet(ipv4(icmp(9, 0, b'\1\2\0\x3c', address(CLIENT) + bytes(4) + t), ICMP)),
    # fragments that never make a packet
    'first of 8 bytes': lambda t: frames.fragment(datagram(t), 21, 0, 8, False) + t,
    'end without a beginning': lambda t: frames.fragment(bytes(800) + t, 22, 800, 800 + len(t), True),
    'beyond the longest': lambda t: ethernet(ipv4(t, identification=23, flags_and_offset=0x1fff)),
    'first without more': lambda t: ethernet(ipv4(datagram(t)[:8] + t, identification=24, flags_and_offset=frames.MORE_FRAGMENTS)),
    # IPv6, with all there may be before its payload
    'IPv6': lambda t: ethernet(ipv6(datagram6(t), UDP), 0x86dd),
    'IPv6 from another network': lambda t: ethernet(ipv6(datagram6(t), UDP, source='2001:db8:9::9'), 0x86dd),
    'IPv6 from a link-local address': lambda t: ethernet(ipv6(datagram6(t), UDP, source='fe80::9'), 0x86dd),
    'IPv6 to IMDS': lambda t: ethernet(ipv6(datagram6(t, 80), UDP, to='fd00:ec2::254'), 0x86dd),
    'IPv6 to IPv4': lambda t: ethernet(ipv6(datagram6(t, 80), UDP, to='::ffff:169.254.169.254'), 0x86dd),
    'IPv6 to all nodes': lambda t: ethernet(ipv6(datagram6(t), UDP, to='ff02::1'), 0x86dd, to='33:33:00:00:00:01'),
    'IPv6 through another': lambda t: ethernet(ipv6(bytes((UDP, 2, 0, 1)) + bytes(4) + address6(around.WEB6) + datagram6(t), 43,
                                                    to=around.INSIDE), 0x86dd),
    'IPv6 longer than it is': lambda t: ethernet(ipv6(datagram6(t), UDP)[:4] + b'\x05\x00' + ipv6(datagram6(t), UDP)[6:], 0x86dd),
    'IPv6 checksum': lambda t: ethernet(ipv6(datagram(t), UDP), 0x86dd),
    'IPv6 hop limit 0': lambda t: ethernet(ipv6(datagram6(t), UDP, hops=0), 0x86dd),
    'IPv6 extension headers': lambda t: ethernet(ipv6(chain(t), 0), 0x86dd),
    'IPv6 of no next header': lambda t: ethernet(ipv6(t, 59), 0x86dd),
    'IPv6 in an IPv4 frame': lambda t: ethernet(ipv6(datagram6(t), UDP)),
    'IPv4 in an IPv6 frame': lambda t: ethernet(plain(t), 0x86dd),
}

# Those that a router passes on, or may.
LEAVE = {'plain', 'from the appliance by its own address', 'from the appliance by its other address', 'from nobody', 'from all',
         'in VLAN 0', 'evil bit', 'four options of nothing', 'UDP from port 0', 'UDP to port 0', 'SYN with data',
         'IPv6', 'IPv6 extension headers', 'IPv6 of no next header'}
# Linux takes a tag out before the packet sockets, and a frame without a whole EtherType behind it away (net/core/skbuff.c, skb_vlan_untag).
NEVER_SEEN = {'cut behind the tag'}


def to_own(text, to, port=OWN_PORT, flags=PUSH | ACK, **kw):
    return ipv4(tcp(text, 40100, port, flags, to=to, **kw), TCP, to=to)


# {name: (text -> frame, bytes that must be kept; None: all)}: as if it were of one of the appliance's own connections
OWN = {
    'to the inside address': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE)), 54),
    'to the outside address': (lambda t: ethernet(to_own(t, APPLIANCE_OUTSIDE, 65535)), 54),
    'with options of TCP': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE, options=b'\1' * 40)), 94),
    'with options of IP': (lambda t: ethernet(with_options(b'\1\1\1\0', tcp(t, 40100, OWN_PORT, ACK, to=APPLIANCE_INSIDE), TCP,
                                                           APPLIANCE_INSIDE)), 58),
    'to the port below': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE, OWN_PORT - 1)), None),
    'from such a port': (lambda t: ethernet(ipv4(tcp(t, OWN_PORT, 80, SYN), TCP)), None),
    'by UDP': (lambda t: ethernet(ipv4(datagram(t, OWN_PORT, to=APPLIANCE_INSIDE), to=APPLIANCE_INSIDE)), None),
    'to such a port of a server': (lambda t: ethernet(ipv4(tcp(t, 40101, OWN_PORT, SYN), TCP)), None),
    'in a VLAN': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE), tags=[(VLAN, 7)]), None),
    'to all': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE), to='ff:ff:ff:ff:ff:ff'), None),
    'to another host': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE), to='02:00:00:00:00:77'), None),
    'a later fragment': (lambda t: ethernet(ipv4(tcp(t, 40100, OWN_PORT, ACK), TCP, 25, 100, to=APPLIANCE_INSIDE)), None),
    'TCP header of 16 bytes': (lambda t: ethernet(to_own(t, APPLIANCE_INSIDE, offset=4)), None),
    'TCP header longer than the packet': (lambda t: ethernet(to_own(t[:16], APPLIANCE_INSIDE, offset=15)), None),
    'version 5': (lambda t: ethernet(changed(to_own(t, APPLIANCE_INSIDE), 0, b'\x55')), None),
    'by IPv6': (lambda t: ethernet(ipv6(own6(t), TCP, to=around.INSIDE), 0x86dd), 74),
    'by IPv6 to the port below': (lambda t: ethernet(ipv6(own6(t, OWN_PORT - 1), TCP, to=around.INSIDE), 0x86dd), None),
    'by IPv6 behind an extension header': (lambda t: ethernet(ipv6(bytes((TCP, 0, 1, 4)) + bytes(4) + own6(t), 60, to=around.INSIDE),
                                                              0x86dd), None),
}
