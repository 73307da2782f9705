"""forged: what a host inside makes up to speak into flows that are not its own, as if it came from the server outside.
"""
import re
import socket
import struct

from . import frames, oddframes
from .gateway import UDP
from .oddframes import ACK, ICMP, icmp, tcp
from .surroundings import APPLIANCE_OUTSIDE


def own_flows(ns):
    """(protocol, server, its port, own port) of connections of the appliance's own that are known for some seconds more."""
    line = re.compile(r'(tcp|udp) +\d+ (\d+) .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) ')
    found = [m.groups() for m in map(line.search, ns.run('cat', '/proc/net/nf_conntrack').splitlines()) if m]
    return [(kind, to, int(port), int(own)) for kind, left, source, to, own, port in found
            if source == APPLIANCE_OUTSIDE and int(own) >= oddframes.OWN_PORT and int(left) > 5]


def flow(ns, port):
    """The line of the flow with this port at the outside's address."""
    line, = [line for line in ns.run('cat', '/proc/net/nf_conntrack').splitlines() if f'dst={APPLIANCE_OUTSIDE} ' in line and
             f' dport={port} ' in line.split(f'dst={APPLIANCE_OUTSIDE} ')[1]]
    return line


def errors(kind, server, port, own):
    """From the host's own address: that nobody is there, that less passes at once."""
    asked = frames.udp(b'', own, port) if kind == 'udp' else tcp(b'', own, port, ACK)
    inner = frames.ipv4(asked[:8], 17 if kind == 'udp' else 6, source=APPLIANCE_OUTSIDE, to=server)
    return [frames.ethernet(frames.ipv4(icmp(3, code, rest, inner), ICMP, to=APPLIANCE_OUTSIDE))
            for code, rest in ((3, bytes(4)), (4, struct.pack('>HH', 0, 552)))]


def answer(server, port, own, **at):
    datagram = frames.udp(b'answer', port, own, server, APPLIANCE_OUTSIDE)
    return frames.ethernet(frames.ipv4(datagram, source=server, to=APPLIANCE_OUTSIDE), **at)


def answers(flows):
    """Both errors for each flow, and an answer where one packet is one."""
    made = []
    for kind, server, port, own in flows:
        made += errors(kind, server, port, own)
        if kind == 'udp':
            made.append(answer(server, port, own))
    return made


def asked(ns, source, server):
    """A socket that has asked who is silent, and the port that its question came from."""
    with server[0].socket(socket.AF_INET, UDP) as silent:
        silent.bind(server[1:])
        silent.settimeout(5)
        s = ns.socket(socket.AF_INET, UDP)
        s.settimeout(1)
        s.bind((source, 0))
        s.connect(server[1:])
        s.send(b'?')
        return s, silent.recvfrom(64)[1][1]


def heard(s):
    try:
        return s.recv(64)
    except TimeoutError:
        return None
