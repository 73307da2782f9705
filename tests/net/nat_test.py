#!/usr/bin/env python3
"""nat_test: what the gateway translates and refuses by itself, by real sockets on both sides and the kernel's own counters.

nat_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/nat/.
"""
import contextlib
import os
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import frames, testing, traffic  # noqa: E402
from lab.gateway import (ECHO, EVERYTHING, FIRST, LAST, OUTSIDE_MAC, SECOND, TCP, THIRD, UDP, Echo, Gateway, Watch,  # noqa: E402
                         arrived, ask, from_inside, from_outside)
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, DNS, NIC, ROUTER, WEB, Surroundings  # noqa: E402

SMALL = 1400
RESERVED = (64512, 65000, 65535)
RENEW_S = 20  # between renewals of the lease
IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_MTU = 10, 2, 14  # linux/in.h


def reserved_port_translated(gateway):
    """A source port of the appliance's own range is translated out of it, by UDP and TCP; others are kept."""
    with Echo(gateway.lab.web, WEB, ECHO) as echo:
        for kind in (UDP, TCP):
            for port in (*RESERVED, 40001, 1024, 64511, 1, 53, 67, 69, 123, 511, 512, 700, 1023):
                seen = seen_from(gateway, echo, kind, (CLIENT, port))
                # which one: boot_test. nf_nat_masquerade.c takes the offset from its stack, where that does not begin as zeros
                assert (seen == port) if port <= LAST else (FIRST <= seen <= LAST), f'{port} became {seen}'


def seen_from(gateway, echo, kind, source):
    """The port outside of a flow whose first port is this."""
    text = f'from port {source[1]} {kind}.'.encode()
    assert ask(gateway.lab.inside, kind, (WEB, ECHO), text, source) == text
    address, seen = echo.peers[-1]
    assert address == APPLIANCE_OUTSIDE and seen <= LAST, f'{source} became {address} {seen}'
    return seen


def taken_ports(gateway):
    """A source port that another host has becomes another of its kind: privileged, above 511, or neither."""
    gateway.lab.inside.ip('address', 'add', SECOND + '/24', 'dev', NIC)
    with Echo(gateway.lab.web, WEB, ECHO) as echo:
        for kind in (UDP, TCP):
            for port, kept in ((40, range(1, 68)), (200, range(69, 1024)), (800, range(512, 1024)), (30000, range(FIRST, LAST + 1)),
                               (65001, range(FIRST, LAST + 1))):
                first, second = (seen_from(gateway, echo, kind, (source, port)) for source in (CLIENT, SECOND))
                assert first != second and {first, second} <= set(kept), f'{port} became {first} and {second}'


def dhcp_port_translated(gateway):
    """The DHCP client's port is nobody else's: privileged ports become each other until none is left, but never that one."""
    wanted = [(source, port) for port in range(1, 512) for source in (CLIENT, SECOND, THIRD)]
    watch = Watch(gateway.lab.web, 'lan')
    frames.send(gateway.lab.inside, [from_inside(f'{source} {port}', port, source=source) for source, port in wanted], every=100)
    found = watch.wait(lambda found: len(found) >= 67 + 955, 3)
    owner = {seen: text for _, seen, _, text in found}
    assert len(owner) == len(found), 'two flows came by one port'
    odd = set(owner) - set(range(1, 68)) - set(range(69, 1024))
    assert not odd and len(owner) > 900, f'{len(owner)} ports, among them {odd}'


def renews_beside(gateway):
    """The appliance's lease is renewed while a host inside talks to the DHCP server by the client's port, and only the appliance hears."""
    lab = gateway.lab
    inside, server = Watch(lab.inside, NIC), Watch(lab.dns, 'lan')
    end = time.monotonic() + 2 * RENEW_S
    before = lab.dnsmasq.output().count('DHCPACK')
    while lab.dnsmasq.output().count('DHCPACK') == before:
        assert time.monotonic() < end, 'no renewal'
        frames.send(lab.inside, [from_inside('from port 68.', 68, 67, to=DNS)])
        time.sleep(0.5)
    time.sleep(0.5)
    leaked = [w for w in inside.take() if w[0] == DNS]
    assert not leaked, f'a host inside got answers of the DHCP server: {leaked}'
    asked = {seen for source, seen, port, text in server.take() if (source, port) == (APPLIANCE_OUTSIDE, 67) and text == b'from port 68.'}
    assert len(asked) == 1 and asked <= set(range(69, 1024)), asked
    seen, = asked
    answer = frames.udp(b'to port 68.', 67, seen, DNS, APPLIANCE_OUTSIDE)
    frames.send(lab.dns, [frames.ethernet(frames.ipv4(answer, source=DNS, to=APPLIANCE_OUTSIDE), to=OUTSIDE_MAC)], 'lan')
    heard = [w for w in inside.wait(lambda found: any(w[3] == b'to port 68.' for w in found), 5) if w[0] == DNS]
    assert heard == [(DNS, 67, 68, b'to port 68.')], heard
    assert 'lease-lost' not in gateway.appliance.console.text()


def special_ports_recorded(session):
    """What a client sends from a port of the appliance's own is recorded in full, on both sides."""
    for side in ('inside', 'outside'):
        recorded = [f for stream in session.recorded('all', side).values() for f in stream]
        texts = [f'from port {port} {kind}.' for port in (*RESERVED, 700) for kind in (UDP, TCP)]  # what comes back has them, too
        for text in texts + [{'inside': 'from port 68.', 'outside': 'to port 68.'}[side]]:
            mine = [f for f in recorded if text.encode() in f.data]
            assert mine and all(len(f.data) == f.length for f in mine), f'{side}, {text}: {len(mine)} found'


def spoofed_inside(gateway):
    """A source that does not belong inside is dropped there and counted, to the packet."""
    bad = ['203.0.113.5', APPLIANCE_OUTSIDE, APPLIANCE_INSIDE, '127.0.0.1', '224.0.0.5', '255.255.255.255', '0.1.2.3']
    with gateway.counted() as grown:
        seen = arrived(gateway, [from_inside(f'bad {s}', source=s) for s in bad] + [from_inside('good')])
    assert seen == ['good'] and grown['spoofed'] == len(bad), (seen, grown)


def spoofed_outside(gateway):
    """A source that belongs inside is dropped outside and counted, whatever it is for."""
    made = [from_outside('bad', CLIENT, to) for to in (APPLIANCE_OUTSIDE, APPLIANCE_INSIDE, '198.19.0.11')]
    with gateway.counted() as grown:
        frames.send(gateway.lab.router, made, 'lan')
        time.sleep(0.3)
    # what answered for the address outside would leave there: of that one the routes say nothing
    assert grown == {'spoofed': len(made) - 1, 'to-appliance': 1}, grown


def not_published(gateway):
    """From outside nothing gets in that was not asked for: it is denied and counted."""
    watch = Watch(gateway.lab.inside, NIC)
    with gateway.counted() as grown:
        frames.send(gateway.lab.router, [from_outside('in', WEB, CLIENT)] * 3, 'lan')
        time.sleep(0.3)
    assert grown == {'denied': 3} and not watch.take(), grown


def link_local_refused(gateway):
    """Nobody inside reaches a link-local service through it: dropped and counted."""
    with gateway.counted() as grown:
        arrived(gateway, [from_inside('imds', to='169.254.169.254', port=80), from_inside('dns', to='169.254.169.253', port=53)])
    assert grown == {'link-local': 2}, grown


def hop_limit_ends(gateway):
    """A packet whose hop limit ends here is answered, and counted as not forwarded."""
    with gateway.counted() as grown:
        said = gateway.lab.inside.run('sh', '-c', f'ping -n -c 1 -t 1 -W 2 {WEB} || true')
    assert 'Time to live exceeded' in said and grown == {'ttl': 1}, (said, grown)


def no_route(gateway):
    """A packet that no route leads on is answered, and counted as not forwarded."""
    gateway.ns.ip('route', 'add', 'unreachable', '192.0.2.0/24')
    with gateway.counted() as grown:
        said = gateway.lab.inside.run('sh', '-c', 'ping -n -c 1 -W 2 192.0.2.1 || true')
    assert 'Unreachable' in said and grown == {'unreachable': 1}, (said, grown)


@contextlib.contextmanager
def small_link_behind(lab):
    """The web server is behind a link of 1,400 bytes, as seen by the router."""
    lab.router.ip('link', 'set', 'web', 'mtu', str(SMALL))
    try:
        yield
    finally:
        lab.router.ip('link', 'set', 'web', 'mtu', '1500')


def datagram_of_no_fragments(lab):
    s = lab.inside.socket(socket.AF_INET, UDP)
    s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    s.connect((WEB, ECHO))
    return s


def learns_path_mtu(lab):
    """The path's MTU after a datagram that was too long for it."""
    with datagram_of_no_fragments(lab) as s:
        s.send(b'x' * 1450)
        end = time.monotonic() + 5
        while s.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1500 and time.monotonic() < end:
            time.sleep(0.02)
        return s.getsockopt(socket.IPPROTO_IP, IP_MTU)


def path_mtu_from_behind(gateway):
    """A host inside learns the path's MTU from a router behind the appliance; downloads and uploads pass a link of 1,400 bytes."""
    with small_link_behind(gateway.lab):
        assert learns_path_mtu(gateway.lab) == SMALL
        traffic.fetch(gateway.lab, '100k', 'https')
        traffic.upload(gateway.lab, '100k', 'https')
    gateway.lab.inside.ip('route', 'flush', 'cache')


@contextlib.contextmanager
def small_route(gateway):
    gateway.ns.ip('route', 'add', WEB, 'via', ROUTER, 'mtu', str(SMALL))
    try:
        yield
    finally:
        gateway.ns.ip('route', 'delete', WEB)
        gateway.lab.inside.ip('route', 'flush', 'cache')


def path_mtu_of_its_own(gateway):
    """What is longer than its own route holds is answered with the MTU, and counted as not forwarded."""
    with small_route(gateway), gateway.counted() as grown:
        assert learns_path_mtu(gateway.lab) == SMALL
    assert grown == {'too-big': 1}, grown


def segment_sizes(gateway):
    """Connections agree on segments that fit its route, in both directions."""
    offered = []
    with small_route(gateway):
        watch = gateway.lab.web.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
        watch.bind(('lan', EVERYTHING))
        with Echo(gateway.lab.web, WEB, ECHO), gateway.lab.inside.socket(socket.AF_INET, TCP) as s:
            s.connect((WEB, ECHO))
            offered.append(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
            s.send(b'x')
            assert s.recv(1) == b'x'
        watch.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                data = watch.recv(2048)
                if data[23] == 6 and data[47] == 2:  # a SYN
                    offered.append(struct.unpack('>H', data[56:58])[0])
        watch.close()
    # the client's own count is less its timestamps
    assert sorted(offered) == [SMALL - 40 - 12, SMALL - 40], offered


def long_datagrams(gateway):
    """A datagram of 65,000 bytes, in 45 fragments, comes through whole, both ways."""
    text = os.urandom(65000)
    with Echo(gateway.lab.web, WEB, ECHO):
        for _ in range(5):
            assert ask(gateway.lab.inside, UDP, (WEB, ECHO), text, timeout_s=5) == text


def counts_said(session):
    """What was not forwarded is in the log, by its reasons."""
    events = session.evidence.events('not-forwarded')
    assert events and events[-1]['spoofed'] >= 10 and events[-1]['link-local'] == 2 and events[-1]['ttl'] == 1, events


IPV6 = ((('inside', NIC), '2001:db8:1::10'), (('appliance', 'inside'), '2001:db8:1::1'), (('appliance', 'outside'), '2001:db8:2::10'),
        (('router', 'lan'), '2001:db8:2::1'), (('router', 'web'), '2001:db8:3::1'), (('web', 'lan'), '2001:db8:3::10'))
VIA6 = (('inside', 'default', '2001:db8:1::1'), ('appliance', 'default', '2001:db8:2::1'), ('router', '2001:db8:1::/64', '2001:db8:2::10'),
        ('web', 'default', '2001:db8:3::1'))
CLIENT6, WEB6 = IPV6[0][1], IPV6[-1][1]


def lay_ipv6(gateway):
    """Addresses, routes and forwarding by hand."""
    spaces = {'appliance': gateway.ns, **{name: getattr(gateway.lab, name) for name in ('inside', 'router', 'web')}}
    for (name, link), address in IPV6:
        for path in ('all', link):
            spaces[name].sysctl(f'ipv6/conf/{path}/disable_ipv6', 0)
        spaces[name].ip('address', 'add', address + '/64', 'dev', link, 'nodad')
    for name in ('appliance', 'router'):
        spaces[name].sysctl('ipv6/conf/all/forwarding', 1)
    for name, target, via in VIA6:
        spaces[name].ip('-6', 'route', 'add', target, 'via', via)


def ask6(ns, source, to):
    """Whether a datagram comes back from an echo of its own at `to`."""
    with ns.socket(socket.AF_INET6, UDP) as s:
        s.bind((source, 0))
        s.settimeout(1.5)
        s.sendto(b'six', (to, ECHO))
        try:
            return s.recvfrom(100)[0] == b'six'
        except TimeoutError:
            return False


def answer6(ns, address, got):
    with ns.socket(socket.AF_INET6, UDP) as s:
        s.bind((address, ECHO))
        s.settimeout(3)
        with contextlib.suppress(TimeoutError):
            data, peer = s.recvfrom(100)
            got.append(peer[0])
            s.sendto(data, peer)


def ipv6(gateway):
    """IPv6 with routes of its own: hosts inside reach out under their own address, nothing gets in, spoofed sources are dropped."""
    lay_ipv6(gateway)
    time.sleep(2)  # the links' own addresses are tentative until then
    inside, web = gateway.lab.inside, gateway.lab.web
    for ns, to, source, asks, passes, counts in (
            (web, WEB6, CLIENT6, inside, True, {}), (inside, CLIENT6, WEB6, web, False, {'denied': 1}),
            (web, WEB6, '2001:db8:9::9', inside, False, {'spoofed': 1})):
        if source not in (CLIENT6, WEB6):
            inside.ip('address', 'add', source + '/128', 'dev', NIC, 'nodad')
        got = []
        server = threading.Thread(target=answer6, args=(ns, to, got))
        server.start()
        time.sleep(0.1)
        with gateway.counted() as grown:
            came = ask6(asks, source, to)
        server.join()
        assert came == passes and got == [source] * passes and grown == counts, (source, to, came, got, grown)


TESTS = [reserved_port_translated, taken_ports, dhcp_port_translated, renews_beside, spoofed_inside, spoofed_outside, not_published,
         link_local_refused, hop_limit_ends, no_route, path_mtu_from_behind, path_mtu_of_its_own, segment_sizes, long_datagrams, ipv6]

# what is seen in the recording and the log, and what that builds on
AFTER = {special_ports_recorded: (reserved_port_translated, renews_beside),
         counts_said: (spoofed_inside, spoofed_outside, link_local_refused, hop_limit_ends)}


def main():
    report = testing.report()
    with Surroundings('nat') as lab:
        lab.start_dnsmasq(lambda text: text + f'dhcp-option=option:T1,{RENEW_S}\n')
        session = Session(Host(lab, 'appliance', lab.configuration(object__max_seconds=5, log__interval_seconds=5)))
        with session:
            session.armed()
            gateway = Gateway(lab, session.appliance)
            with session.window('all'):
                for test in TESTS:
                    report.run(test, gateway, always=any(test in needed and report.wants(check) for check, needed in AFTER.items()))
            time.sleep(11)  # the counters' next look
            session.end()
        for test in AFTER:
            report.run(test, session)
    report.finish()


main()
