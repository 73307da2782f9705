#!/usr/bin/env python3
"""tenant_test: what a hostile tenant tries, behind the inside interface and with an accomplice outside: to send what is not recorded, to
blind and starve its neighbours, to speak for others, to spoil the records of flows, to reach the appliance. Each ends recorded, counted,
refused; and a neighbour, whose connections are tried after each attack, has not suffered. src/SECURITY.md says which attacks have their
tests elsewhere.

tenant_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/tenant/.
"""
import collections
import contextlib
import functools
import os
import re
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, forged, frames, ipv6, oddframes, testing  # noqa: E402
from lab.gateway import OUTSIDE_MAC, TCP, Gateway, Watch, from_inside, from_outside  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.metadata import INSIDE_MAC  # noqa: E402
from lab.neighbour import NEIGHBOUR, TALK, Leaving, Neighbour, Server  # noqa: E402
from lab.oddframes import ACK, FIN, ICMP, RST, SYN, icmp, tcp  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, AWS, CLIENT, DNS, NIC, ROUTER, WEB, Surroundings  # noqa: E402

IMDS, TIME, ALL = '169.254.169.254', '169.254.169.123', '255.255.255.255'
CONTROL = 21  # what helpers of connection tracking listen to
SILENT = 7011
TIMES = struct.pack('>II', 3600000, 0xffffffff)  # a neighbour is taken to be there, and is not asked again, in ms
OUTSIDE, INSIDE = 0, 1
SOME, MANY = 300, 6000


# ---- who is there

class Tenant:
    """The attacker's place inside, its accomplice's at the router outside, and the neighbour."""

    def __init__(self, session):
        self.session, self.lab, self.gateway = session, session.lab, Gateway(session.lab, session.appliance)
        self.ns = session.appliance.ns
        self.lab.inside.ip('address', 'add', NEIGHBOUR + '/24', 'dev', NIC)
        self.servers = [Server(self.lab.web, WEB, port) for port in (TALK, CONTROL)]
        self.neighbour, self.leaving = Neighbour(self.lab.inside), Leaving(self.lab.segment)
        self.sent = collections.defaultdict(list)  # test: frames

    def send(self, made, about='', **pace):
        self.sent[about] += made
        frames.send(self.lab.inside, made, **pace)

    def close(self):
        self.neighbour.kept.close()
        time.sleep(0.3)
        for s in self.servers:
            s.close()


def text_of(name):
    return f'odd, {name}: '.encode().ljust(60, b'.')


# ---- evade

def odd_frames(tenant):
    """Of frames that are no sound IP packets none leaves on the other side: by addresses, tags, protocols, headers, fragments, wrappings"""
    made = {name: make(text_of(name)) for name, make in oddframes.TABLE.items()}
    tenant.leaving.take(0)
    tenant.send(list(made.values()), 'odd', every=1, pause_s=0.002)
    gone = tenant.leaving.take()
    leaves = {name for name in made if any(text_of(name) in f for f in gone)}
    assert {'plain', 'IPv6'} <= leaves <= oddframes.LEAVE, sorted(leaves - oddframes.LEAVE)


def own_frames():
    """[(frame, bytes that must be kept of it; None: all)]"""
    return [(make((b'cut, own ' if kept else b'seems own ').ljust(200, b'.')), kept) for make, kept in oddframes.OWN.values()]


def seems_own(tenant):
    """What a tenant or its accomplice sends to the appliance's own ports, whose payload is not recorded, reaches nobody"""
    text = b'cut, own '.ljust(200, b'.')
    outside = [frames.ethernet(ipv4_from_web(oddframes.to_own(text, APPLIANCE_OUTSIDE, port, flags, source=WEB)), to=OUTSIDE_MAC)
               for port in (oddframes.OWN_PORT, 65000, 65535) for flags in (SYN, ACK, SYN | ACK, FIN | ACK)]
    watch = Leaving(tenant.lab.inside)  # what comes in there
    tenant.leaving.take(0)
    tenant.send([f for f, _ in own_frames()], 'own', every=1, pause_s=0.002)
    tenant.sent['own, outside'] = outside
    frames.send(tenant.lab.router, outside, 'lan', every=1, pause_s=0.002)
    gone = tenant.leaving.take() + watch.take(0)
    assert not [f for f in gone if b'cut, own ' in f and f[26:30] != frames.address(WEB)], gone


def ipv4_from_web(packet):
    return oddframes.changed(packet, 12, frames.address(WEB))


# ---- blind and exhaust

def incompressible(tenant):
    """A flood that can't be compressed, and fragments that never make a packet, cost a neighbour nothing: it is answered meanwhile"""
    flood = [frames.ethernet(frames.ipv4(frames.udp(os.urandom(1358), 20000 + i % 1000, 9))) for i in range(MANY // 2)]
    data = frames.udp(os.urandom(1400), 40001, 9)
    flood += [frames.fragment(data, i, 0, 800, False) for i in range(MANY // 2)]
    sender = threading.Thread(target=tenant.send, args=(flood, 'flood'), kwargs={'every': 50})
    sender.start()
    for i in range(5):
        tenant.neighbour.unharmed(f'part {i} of a flood')
    sender.join()


def many_tuples(tenant):
    """A flood of packets that are refused, each of another tuple, is counted to the packet, and the table of flows has none of them"""
    flows = '/proc/sys/net/netfilter/nf_conntrack_count'
    before = int(tenant.ns.run('cat', flows))
    made = [from_inside('refused', 1024 + i, source=f'203.0.{i % 250}.{i % 251}') for i in range(MANY)]
    with tenant.gateway.counted() as grown:
        tenant.send(made, 'refused', every=100)
    tenant.refused = len(made)
    assert grown['spoofed'] == len(made), grown
    assert int(tenant.ns.run('cat', flows)) < before + SOME


# ---- spoof

def speaks_for_services(tenant):
    """Nobody inside speaks for the DNS, the time, IMDS, the router or AWS: what has their addresses is dropped as spoofed, to the packet"""
    made = []
    for source, port in ((DNS, 53), (TIME, 123), (IMDS, 80), (ROUTER, 67), (AWS, 443), (WEB, TALK)):
        for to, target in ((APPLIANCE_INSIDE, 68), (NEIGHBOUR, tenant.neighbour.port)):
            made += [frames.ethernet(frames.ipv4(frames.udp(b'answer', port, target, source, to), source=source, to=to)),
                     frames.ethernet(frames.ipv4(tcp(b'', port, target, RST | ACK, source, to), oddframes.TCP, source=source, to=to))]
    with tenant.gateway.counted() as grown:
        tenant.send(made)
        time.sleep(0.2)
    assert grown['spoofed'] == len(made), (len(made), grown)


def answers_in_its_flows(tenant):
    """Nobody inside who knows a question of the appliance's own to the last bit can answer it, nor say that nobody is there"""
    made = forged.answers(forged.own_flows(tenant.ns))
    before = routes(tenant)
    with tenant.gateway.counted() as grown:
        tenant.send(made)
        time.sleep(0.2)
    assert len(made) >= 3 and grown['spoofed'] == len(made), (len(made), grown)
    assert routes(tenant) == before, routes(tenant)


def answers_in_a_neighbours_flow(tenant):
    """Nobody inside answers a neighbour's question in the server's place, nor says that nobody is there; the flow does not count it"""
    asked, port = forged.asked(tenant.lab.inside, NEIGHBOUR, (tenant.lab.web, WEB, SILENT))
    with asked, tenant.gateway.counted() as grown:
        made = [forged.answer(WEB, SILENT, port)] * SOME + forged.errors('udp', WEB, SILENT, port)
        tenant.send(made)
        time.sleep(0.2)
        assert forged.heard(asked) is None
        known = forged.flow(tenant.ns, port)
        assert '[UNREPLIED]' in known and known.count(' packets=1 ') == 1 and known.count(' packets=0 ') == 1, known
    assert grown['spoofed'] == len(made), (len(made), grown)


def dhcp(kind, transaction, mac, to):
    """An answer of a DHCP server at the tenant's: another address, itself as router and DNS server."""
    here = frames.address(CLIENT)
    head = struct.pack('>BBBBIHH', 2, 1, 6, 0, transaction, 0, 0x8000) + bytes(4) + frames.address('198.19.0.77') + here + bytes(4)
    options = b''.join(bytes((code, len(value))) + value for code, value in (
        (53, bytes((kind,))), (54, here), (51, struct.pack('>I', 3600)), (1, b'\xff\xff\xff\0'), (3, here), (6, here)))
    message = head + frames.mac(mac).ljust(16, b'\0') + bytes(192) + b'\x63\x82\x53\x63' + options + b'\xff'
    packet = frames.ipv4(frames.udp(message, 67, 68, CLIENT, to), to=to)
    return frames.ethernet(packet, to='ff:ff:ff:ff:ff:ff' if to == ALL else INSIDE_MAC)


def own_addresses(tenant):
    return routes(tenant), re.sub(r'valid_lft \d+', '', tenant.ns.ip('-4', '-o', 'address', 'show'))


def speaks_dhcp(tenant):
    """Nobody inside is the appliance's DHCP server: its address, router and names stay what they are, and no lease ends"""
    before = own_addresses(tenant)
    made = [dhcp(kind, i * 0x02468acf & 0xffffffff, mac, to) for kind in (2, 5, 6) for mac in (INSIDE_MAC, OUTSIDE_MAC)
            for to in (ALL, APPLIANCE_INSIDE) for i in range(20)]
    tenant.send(made)
    time.sleep(0.5)
    assert own_addresses(tenant) == before, own_addresses(tenant)
    assert 'lease-lost' not in tenant.session.appliance.console.text()


def arp(kind, claimed, target_mac, target):
    """That the tenant has this address. kind: 1 asked, 2 answered."""
    return (struct.pack('>HHBBH', 1, 0x0800, 6, 4, kind) + frames.mac(frames.CLIENT_MAC) + frames.address(claimed) + target_mac +
            frames.address(target))


def speaks_arp(tenant):
    """From inside nobody moves the addresses of the router outside or of a neighbour's server: by ARP, asked and unasked"""
    before = tenant.ns.ip('neigh', 'show', ROUTER, 'dev', 'outside').split()
    assert 'lladdr' in before, before
    to_all, to_it = ('ff:ff:ff:ff:ff:ff', bytes(6)), (INSIDE_MAC, frames.mac(INSIDE_MAC))
    lies = [frames.ethernet(arp(kind, claimed, mac, APPLIANCE_INSIDE if to == INSIDE_MAC else claimed), 0x0806, to)
            for claimed in (ROUTER, WEB, APPLIANCE_OUTSIDE, APPLIANCE_INSIDE) for kind in (1, 2) for to, mac in (to_all, to_it)]
    tenant.send(lies * 3, every=4)
    time.sleep(0.2)
    after = tenant.ns.ip('neigh', 'show', ROUTER, 'dev', 'outside').split()
    assert after[after.index('lladdr') + 1] == before[before.index('lladdr') + 1], after
    owned = tenant.ns.ip('-o', '-4', 'address', 'show')
    assert APPLIANCE_INSIDE in owned and APPLIANCE_OUTSIDE in owned, owned


def routes(tenant):
    """Of all targets that matter: by which router and link, with which MTU."""
    said = [tenant.ns.ip('route', 'get', to).split('cache')[0] for to in (WEB, AWS, DNS, CLIENT, NEIGHBOUR)]
    said += [line for line in tenant.ns.ip('route', 'show', 'cache').splitlines() if line]
    return [' '.join(s.split()) for s in said]


def redirects(tenant):
    """Redirects and errors about flows that are not there change no route and no MTU of the appliance: they are dropped as invalid"""
    def about(source, to, protocol, rest):
        return frames.ipv4(rest, protocol, source=source, to=to)
    before = routes(tenant)
    flows = [about(APPLIANCE_OUTSIDE, AWS, 6, tcp(b'', 64512 + i, 443, ACK, APPLIANCE_OUTSIDE, AWS)[:8]) for i in range(200)
             if not known(tenant, 64512 + i)]
    flows += [about(APPLIANCE_OUTSIDE, DNS, 17, frames.udp(b'', 64512 + i, 5353)) for i in range(200)]
    errors = [(5, 1, frames.address(CLIENT)), (3, 4, struct.pack('>HH', 0, 68)), (3, 3, bytes(4)), (4, 0, bytes(4))]
    made = [frames.ethernet(frames.ipv4(icmp(*error, inner), ICMP, to=APPLIANCE_OUTSIDE)) for error in errors for inner in flows[::10]]
    with tenant.gateway.counted() as grown:
        tenant.send(made, every=50)
        time.sleep(0.2)
    assert grown['invalid'] == len(made), (len(made), grown)
    assert routes(tenant) == before, routes(tenant)


def ways6(tenant):
    """Addresses, routes, MTUs, hop limits and times of neighbours of IPv6, and who the router outside is."""
    said = [tenant.ns.ip('-6', '-o', 'address', 'show', 'scope', 'global'), tenant.ns.ip('-6', 'route', 'show', 'table', 'all'),
            *(tenant.ns.run('sysctl', f'net.ipv6.{what}') for link in ('inside', 'outside') for what in (
                f'conf.{link}.mtu', f'conf.{link}.hop_limit', f'neigh.{link}.retrans_time_ms', f'neigh.{link}.base_reachable_time_ms')),
            ' '.join(tenant.ns.ip('-6', 'neigh', 'show', ipv6.ROUTER, 'dev', 'outside').split()[:3])]
    return sorted(re.sub(r' (expires \d+sec|valid_lft .*|pref \w+)', '', line).strip() for s in said for line in s.splitlines())


def discovery(kind, code, rest, body, source, to, mac):
    """A message of neighbour discovery, RFC 4861."""
    whole = oddframes.summed6(struct.pack('>BBH4s', kind, code, 0, rest) + body, 2, 58, source, to)
    return frames.ethernet(oddframes.ipv6(whole, 58, source, to, hops=255), 0x86dd, mac)


def speaks_ipv6(tenant):
    """From inside nobody changes IPv6's addresses, ways outside, MTU, hop limit or times: by advertisements, redirects, answers"""
    before, here = ways6(tenant), oddframes.address6
    mine = bytes((1, 1)) + frames.mac(frames.CLIENT_MAC)
    prefix = bytes((3, 4, 64, 0xc0)) + struct.pack('>III', 3600, 3600, 0) + here('2001:db8:66::')
    options = mine + prefix + bytes((5, 1, 0, 0)) + struct.pack('>I', 1280) + bytes((24, 2, 0, 8)) + struct.pack('>I', 3600) + bytes(8)
    router = next(word for line in before if line.startswith('default via fe80') for word in line.split() if word.startswith('fe80'))
    to_all, to_it = ('ff02::1', '33:33:00:00:00:01'), (ipv6.INSIDE, INSIDE_MAC)
    made = []
    for source in ('fe80::bad', router):
        for to in (to_all, to_it):
            made.append(discovery(134, 0, struct.pack('>BBH', 1, 0x08, 1800), TIMES + options, source, *to))
            made.append(discovery(136, 0, b'\xe0\0\0\0', here(router) + bytes((2,)) + mine[1:], source, *to))
            made.append(discovery(136, 0, b'\xe0\0\0\0', here(ipv6.ROUTER) + bytes((2,)) + mine[1:], source, *to))
            made.append(discovery(137, 0, bytes(4), here('fe80::bad') + here(ipv6.WEB6), source, *to))
    tenant.send(made * 3, every=4)
    time.sleep(2)
    # no router is inside here: the first who says that he is one is believed, for other networks inside (src/SECURITY.md)
    after = [line for line in ways6(tenant) if not re.match('default via fe80::.* dev inside .*src ' + ipv6.INSIDE, line)]
    assert after == before, set(after) ^ set(before)


def known(tenant, port):
    return f'sport={port} ' in tenant.ns.run('cat', '/proc/net/nf_conntrack')


# ---- poison

def forged_ends(tenant):
    """A RST, FIN or SYN that guesses a neighbour's connection but not its numbers ends nothing, in its record neither"""
    made = [from_tuple(flags, i * 0x01234567 & 0xffffffff, tenant.neighbour.port)
            for i in range(SOME) for flags in (RST, RST | ACK, FIN | ACK, SYN)]
    tenant.send(made, 'forged', every=50)


def from_tuple(flags, sequence, port):
    head = tcp(b'', port, TALK, flags, NEIGHBOUR, WEB, sequence, 0x13572468)
    return frames.ethernet(frames.ipv4(head, oddframes.TCP, source=NEIGHBOUR))


def no_helpers(tenant):
    """No word in a payload opens a way in: nothing helps FTP or others to ports, and what comes to them is denied"""
    port = 30123
    at = f'{CLIENT.replace(".", ",")},{port >> 8},{port & 255}'
    words = f'PORT {at}\r\nEPRT |1|{CLIENT}|{port}|\r\n227 Entering Passive Mode ({at})\r\n'
    watch = Watch(tenant.lab.inside, NIC)
    with tenant.lab.inside.socket(socket.AF_INET, TCP) as s:
        s.settimeout(5)
        s.bind((CLIENT, 0))
        s.connect((WEB, CONTROL))
        s.sendall(words.encode())
        assert s.recv(4096)
        expected = tenant.ns.run('sh', '-c', 'cat /proc/net/nf_conntrack_expect 2>/dev/null || true')
        with tenant.gateway.counted() as grown:
            frames.send(tenant.lab.router, [from_outside('by a helper', WEB, CLIENT, port=port)] * 3, 'lan')
            with tenant.lab.web.socket(socket.AF_INET, TCP) as back:
                back.settimeout(0.5)
                try:
                    reached = back.connect_ex((APPLIANCE_OUTSIDE, port)) == 0
                except TimeoutError:
                    reached = False
    assert not expected.strip() and not reached and not watch.take(), (expected, reached)
    assert grown.get('denied') == 3, grown


# ---- reach the appliance

def link_local_by_detours(tenant):
    """No detour leads from inside to IMDS or the time service: source routes, wrapped packets, broadcasts, the appliance's own addresses"""
    watch = Watch(tenant.lab.imds, 'lan')
    made = [oddframes.TABLE[name](text_of(name)) for name in ('source route to IMDS', 'IPv4 in IPv4', 'GRE', 'VXLAN')]
    all_there = ('255.255.255.255', '198.18.0.255', '224.0.0.1', '169.254.255.255')
    made += [from_inside('to all', to=to, port=port) for to in (*all_there, IMDS, TIME) for port in (80, 123)]
    tenant.leaving.take(0)
    tenant.send(made)
    gone = [f for f in tenant.leaving.take() if b'to all' in f or b'odd, ' in f]
    assert not gone and not [w for w in watch.take() if b'to all' in w[3] or b'odd, ' in w[3]], gone


def nothing_listens(tenant):
    """Neither side finds a service on the appliance, by its address there or on the other side"""
    for ns in (tenant.lab.inside, tenant.lab.router):
        for to in (APPLIANCE_INSIDE, APPLIANCE_OUTSIDE):
            for port in (22, 53, 80, 443, 9100, 64512, 65535):
                with ns.socket(socket.AF_INET, TCP) as s:
                    s.settimeout(0.05)
                    with contextlib.suppress(TimeoutError):
                        assert s.connect_ex((to, port)) != 0, f'{to}:{port} answers'


TESTS = [odd_frames, seems_own, incompressible, many_tuples, speaks_for_services, answers_in_its_flows, answers_in_a_neighbours_flow,
         speaks_dhcp, speaks_arp, speaks_ipv6, redirects, forged_ends, no_helpers, link_local_by_detours, nothing_listens]


# ---- what the evidence must say

def recorded(tenant, side):
    return [f for stream in tenant.session.evidence.recorded().values() for f in stream if f.interface == side]


def missing_and_lost(tenant, wanted, side=INSIDE):
    """(how many of these frames, each as kept bytes and length, are not recorded; how many the books say were lost)."""
    left = collections.Counter((f.data, f.length) for f in recorded(tenant, side))
    lost = sum(int(o.meta['lost']) for o in tenant.session.evidence.packets())
    missing = collections.Counter(wanted) - left
    return sum(missing.values()), lost


def whole(made):
    return [(f, len(f)) for f in made]


def odd_recorded(tenant):
    """Whatever a tenant's frames look like, they are recorded byte for byte"""
    found = collections.Counter(f.data for f in recorded(tenant, INSIDE) if f.length == len(f.data))
    missing = [name for name, make in oddframes.TABLE.items() if not found[make(text_of(name))]]
    assert set(missing) <= oddframes.NEVER_SEEN, missing


def unseen_in_the_books(tenant):
    """A frame that ends in its VLAN tag is dropped by Linux before any tap sees it: the books miss it, and that is an alarm"""
    books, = tenant.session.evidence.events('books')
    assert (books['unattributed'], books['surplus'], books['level']) == (len(oddframes.NEVER_SEEN), 0, 'alarm'), books


def only_own_cut(tenant):
    """Only TCP to an own address and port is cut to its headers, and with its true length; what merely seems so is recorded in full"""
    want = [(f[:kept], len(f)) for f, kept in own_frames()]
    assert missing_and_lost(tenant, want)[0] == 0, [name for name, w in zip(oddframes.OWN, want) if missing_and_lost(tenant, [w])[0]]
    outside = [(f[:54], len(f)) for f in tenant.sent['own, outside']]
    assert missing_and_lost(tenant, outside, OUTSIDE)[0] == 0


def floods_recorded(tenant):
    """Of the floods each packet is recorded or counted as lost"""
    missing, lost = missing_and_lost(tenant, whole(tenant.sent['flood'] + tenant.sent['refused'] + tenant.sent['forged']))
    assert missing <= lost, f'{missing} are not recorded, {lost} are said to be lost'
    print(f'# {missing} not recorded, {lost} said to be lost')


def neighbour_recorded(tenant):
    """All that the neighbour said meanwhile is recorded, or counted as lost"""
    held = [f.data for f in recorded(tenant, INSIDE) if f.data[26:30] == frames.address(NEIGHBOUR)]
    lost = sum(int(o.meta['lost']) for o in tenant.session.evidence.packets())
    missing = [text for text in tenant.neighbour.said if not any(text in f for f in held)]
    assert len(tenant.neighbour.said) > 30 and len(missing) <= lost, missing


def neighbour_flow_told(tenant):
    """The neighbour's connection has one record, from its beginning to its end, closed by itself"""
    mine = [f for f in tenant.session.evidence.flows() if f.get('flow') == 'end' and f['orig']['src'] == NEIGHBOUR
            and f['orig'].get('sport') == tenant.neighbour.port and f['orig'].get('dport') == TALK and f['proto'] == 6]
    assert len(mine) == 1 and mine[0]['answered'] and mine[0]['reason'] in ('closed', 'shutdown'), mine


def refused_told(tenant):
    """What was refused is in the stream of flows by its reason, beyond the places in sum, to the packet or with what was lost of it"""
    told = sum(f['packets'] for f in tenant.session.evidence.flows() if f.get('verdict') == 'spoofed')
    lost = [f for f in tenant.session.evidence.flows() if 'verdicts_lost' in f]
    assert told >= tenant.refused or lost, f'{told} of {tenant.refused} are told'


CHECKS = [odd_recorded, unseen_in_the_books, only_own_cut, floods_recorded, neighbour_recorded, neighbour_flow_told, refused_told]


def unharmed(test):
    """The test, and then the neighbour's connections."""
    @functools.wraps(test)
    def both(tenant):
        test(tenant)
        tenant.neighbour.unharmed(test.__name__)
    return both


def main():
    report = testing.report()
    with Surroundings('tenant') as lab:
        ipv6.lay(lab)
        session = Session(Host(lab, 'appliance', lab.configuration(object__max_seconds=5, log__interval_seconds=5), verbose=True))
        with session:
            ipv6.inside(lab)
            session.armed()
            wait_until(lambda: 'default via fe80' in session.appliance.ns.ip('-6', 'route'), 30, 'a way by IPv6')
            tenant = Tenant(session)
            tenant.neighbour.unharmed('nothing')
            checked = any(report.wants(c) for c in CHECKS)
            for test in TESTS:
                report.run(unharmed(test), tenant, always=checked)
            tenant.close()
            session.end()
        for check in CHECKS + [c for c in evidence.CHECKS if c is not evidence.check_books]:
            report.run(*((check, session.evidence) if check in evidence.CHECKS else (check, tenant)))
    report.finish()


main()
