#!/usr/bin/env python3
"""links_test: links that come late, go and come back, bear each other's names or get other addresses: each ends in service or in a stated
wait, never in forwarding without recording: a host inside sends numbered probes, and each that comes through must be recorded.

links_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/links/. Where much time must pass it does so at once, by the
test's clock (tests/lab/clock.py).
"""
import contextlib
import os
import re
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import ipv6, leases, metadata, netns, objects, probes, scrape, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.gateway import TCP, Echo, ask  # noqa: E402
from lab.host import INJECTED, INSIDE, OUTSIDE, Host  # noqa: E402
from lab.metadata import MACS  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, NIC, WEB, Surroundings  # noqa: E402

LATE_S, SILENT_S, LEASE_S = 30, 60, 3600  # the second interface; DHCP; a lease in lab/surroundings.py
STATUS, SERVED = 9100, 8080  # the status port, a published one
LONG_S = 300  # so much time passes at once where nothing is due now and then
ANOTHER = '198.18.0.66'  # address of the appliance outside


# ---- interfaces that are attached and detached

def detach(lab, appliance, link):
    appliance.ns.ip('link', 'delete', link)
    lab.nics = [n for n in lab.nics if n[0] != link]


@contextlib.contextmanager
def attached(lab, appliance, link, name=None, mac=None):
    """A NIC at the place of the one that was detached: another index, maybe another name and MAC address. In the block a host sends probes,
    and has before the appliance can know the link."""
    plug(lab, appliance, link, name)
    with probes.Probes(lab, mac or metadata.INSIDE_MAC) as sent:
        time.sleep(0.05)
        label(appliance, link, name, mac)
        yield sent


def plug(lab, appliance, link, name=None):
    side = lab.inside if link == INSIDE else lab.segment
    netns.wire(appliance.ns, name or link, side, NIC, lab.mtu)
    if link == OUTSIDE:
        side.ip('link', 'set', NIC, 'master', 'switch')
    netns.in_one_order(side, NIC)
    side.up(NIC, *[CLIENT + '/24'] * (link == INSIDE), mac='02:00:00:00:00:10' if link == INSIDE else None)
    if link == INSIDE:
        side.ip('route', 'replace', 'default', 'via', APPLIANCE_INSIDE)
    lab.nics.append((link, side))


def label(appliance, link, name=None, mac=None):
    """By its MAC address the appliance knows a link."""
    appliance.ns.ip('link', 'set', name or link, 'address', mac or (metadata.INSIDE_MAC if link == INSIDE else metadata.OUTSIDE_MAC))


def passes(lab, seconds=20):
    """Traffic passes within this time."""
    def one():
        with contextlib.suppress(netns.CommandFailed):
            traffic.ping(lab, 1)
            return True
    wait_until(one, seconds, 'ping that passes')


def evidence_of(lab, appliance):
    """What this life shipped."""
    appliance.stop()
    return objects.collect(lab)


def pings(evidence, side):
    """ICMP echoes and answers recorded on a side: 0 outside, 1 inside."""
    frames = [f for stream in evidence.recorded().values() for f in stream]
    return [f.data for f in frames if f.interface == side and f.data[12:14] == b'\x08\x00' and f.data[23] == 1]


def count(evidence, side, text):
    return sum(text in f for f in pings(evidence, side))


def say(lab, text, times=3):
    """Pings that carry these (up to 16) bytes through the appliance."""
    said = lab.inside.run('ping', '-n', '-c', str(times), '-i', '0.2', '-W', '5', '-p', text.encode().hex(), WEB)
    assert f'{times} received' in said, said


def all_recorded(sent, evidence):
    """Whatever came through of the probes is in the recording, as it came in; some came through."""
    frames = [f for stream in evidence.recorded().values() for f in stream]
    missing = sent.seen - probes.numbers(f.data for f in frames if f.interface == 1)
    assert sent.seen, 'no probe came through: the test proves nothing'
    assert not missing, f'{len(missing)} of {len(sent.seen)} probes were forwarded and not recorded, the first is number {min(missing)}'


# ---- the tests

def late_second_interface(lab, clock):
    """A second interface that is attached 30 s late: the appliance says what it waits for, then arms, and records all that comes"""
    appliance = Host(lab, 'late', lab.configuration(), init=INJECTED)
    detach(lab, appliance, INSIDE)
    with appliance:
        said = appliance.console.wait_closed('link', 10)
        assert '1 Ethernet link found, two are needed: attach the inside network interface' in said, said
        clock.pass_time(LATE_S)
        assert not appliance.forwards()
        with attached(lab, appliance, INSIDE) as sent:
            appliance.console.wait_armed(60)
            say(lab, 'late')
        evidence = evidence_of(lab, appliance)
    assert count(evidence, 1, b'latelate') == 3 and count(evidence, 0, b'latelate') == 3
    all_recorded(sent, evidence)


def known_late(lab):
    """Also when IMDS does not know of it before it is attached"""
    answers = dict(lab.metadata.answers)
    mac = metadata.INSIDE_MAC
    lab.metadata.answers = {k: v for k, v in answers.items() if mac not in k}
    lab.metadata.answers[MACS] = metadata.OUTSIDE_MAC + '/'
    lab.metadata.write()
    with Host(lab, 'unknown', lab.configuration()) as appliance:
        said = appliance.console.wait_closed('link', 30)
        assert 'no link here is the interface with device number 1: attach it' in said, said
        lab.metadata.answers = answers
        lab.metadata.write()
        appliance.console.wait_armed(60)
        say(lab, 'known')
        evidence_of(lab, appliance)


def comes_back(lab, link, answers=None, **other):
    """An interface that is detached and comes back after arming is set up again without re-arming, and all that comes is recorded"""
    name = other.get('name', link)
    with Host(lab, f'back-{link}-{len(other)}', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        say(lab, 'before')
        said = len(appliance.console.text())
        detach(lab, appliance, link)
        appliance.console.wait(rf'^sealtap: alarm net link-gone link={link}', 10, said)
        time.sleep(1)
        lab.metadata.answers = answers or lab.metadata.answers
        lab.metadata.write()
        with attached(lab, appliance, link, **other) as sent:
            appliance.console.wait(rf'^sealtap: warn.* net link-back link={name}', 30, said)
            passes(lab)
            say(lab, 'after')
        assert 'ARMED' not in appliance.console.text()[said:] and appliance.roles().keys() == set(appliance.role_names)
        evidence = evidence_of(lab, appliance)
    for side in (0, 1):
        for text in (b'beforebefore', b'afterafter'):
            assert count(evidence, side, text) == 3, f'{count(evidence, side, text)} of 3 pings recorded on side {side}: {text}'
    all_recorded(sent, evidence)
    assert evidence.events('books-not-closed') and not evidence.events('books')
    return evidence


def comes_back_as_another(lab):
    """One that comes back with another name and MAC address is known by its device number, and an object of its own describes it"""
    mac, answers = '02:00:00:00:00:77', lab.metadata.answers
    changed = {k.replace(metadata.INSIDE_MAC, mac): v.replace(metadata.INSIDE_MAC, mac) for k, v in answers.items()}
    changed[MACS + mac + '/interface-id'] = 'eni-00000000000000077'
    try:
        evidence = comes_back(lab, INSIDE, changed, name='other', mac=mac)
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()
    for o in evidence.packets():
        for f in o.capture().frames:
            if f.interface != 1 or f.data[12:14] != b'\x08\x00' or f.data[23] != 1:
                continue
            name = o.capture().interfaces[1].options[2]
            mine = b'other' if b'afterafter' in f.data else INSIDE.encode()
            assert name == mine or b'before' not in f.data and b'after' not in f.data, f'{o.name}: {name} for {f.data[42:80]}'


def names_swapped(lab):
    """Which link is which is IMDS's to say: names and the kernel's order are swapped, and traffic passes as ever"""
    appliance = Host(lab, 'swapped', lab.configuration())
    for link in (INSIDE, OUTSIDE):  # the inside one is older and is called outside now
        detach(lab, appliance, link)
    for link, name in ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE)):
        plug(lab, appliance, link, name)
        label(appliance, link, name)
    with appliance:
        appliance.console.wait_armed(60)
        say(lab, 'swap')
        os.kill(appliance.roles()['net'], 9)  # the one that comes next does not know which is which at first
        passes(lab)
        time.sleep(2)
        say(lab, 'swap')
        evidence = evidence_of(lab, appliance)
    assert count(evidence, 0, b'swapswap') == 6 and count(evidence, 1, b'swapswap') == 6


def told(lab, mac, **values):
    """What IMDS says of an interface, beside what it says anyway."""
    for key, value in values.items():
        lab.metadata.answers[f'{MACS}{mac}/{key.replace("_", "-")}'] = value
    lab.metadata.write()


def route(appliance, *words):
    return appliance.ns.ip('route', 'get', *words).split('\n')[0]


def addresses_and_routes(lab):
    """Secondary addresses serve by their own interface; inside.routes and the VPC's networks lead inside, all else outside"""
    answers = dict(lab.metadata.answers)
    told(lab, metadata.OUTSIDE_MAC, local_ipv4s='198.18.0.10\n198.18.0.77')
    told(lab, metadata.INSIDE_MAC, local_ipv4s='198.19.0.9\n198.19.0.78')
    lab.inside.ip('address', 'add', '203.0.113.5/32', 'dev', 'lo')
    appliance = Host(lab, 'secondary', lab.configuration(inside__routes='203.0.113.0/24, 192.0.2.0/25', status__port=STATUS,
                                                       status__sources=CLIENT, publish=f'tcp {SERVED} -> {CLIENT}:{SERVED}'))
    lab.inside.ip('address', 'add', '198.19.0.1/24', 'dev', NIC)  # the subnet's router
    lab.inside.ip('route', 'replace', 'default', 'via', '198.19.0.9')
    try:
        with appliance:
            appliance.console.wait_armed(60)
            for source, link in (('198.18.0.77', OUTSIDE), ('198.18.0.10', OUTSIDE), ('198.19.0.78', INSIDE), ('198.19.0.9', INSIDE)):
                for target in (WEB, CLIENT if link == INSIDE else '198.18.0.2'):
                    assert f'dev {link} ' in route(appliance, target, 'from', source), (source, route(appliance, target, 'from', source))
            with Echo(lab.inside, CLIENT, SERVED):
                assert ask(lab.router, TCP, ('198.18.0.77', SERVED), b'served') == b'served'
            port = scrape.Port(lab.inside, '198.19.0.78', STATUS)
            wait_until(lambda: port.health()[0] == 200, 30, 'word that all is well, on the second address', said=lambda: str(port.health()))
            lab.inside.run('ping', '-n', '-c', '1', '-W', '2', '-I', '203.0.113.5', WEB)
            assert f'dev {OUTSIDE} ' in route(appliance, WEB)
            for target in ('203.0.113.5', '192.0.2.1', '198.19.15.1'):
                assert f'dev {INSIDE} ' in route(appliance, target), route(appliance, target)
            assert f'dev {OUTSIDE} ' in route(appliance, '192.0.2.129'), route(appliance, '192.0.2.129')
            evidence_of(lab, appliance)
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()
        lab.inside.ip('address', 'delete', '203.0.113.5/32', 'dev', 'lo')


class Dhcp:
    """`with Dhcp(lab) as dhcp:`: the server for leases (and names) is silent, or gives another address; after the block it is as before."""

    def __init__(self, lab):
        self.lab, self.silent = lab, lab.stop_dnsmasq

    def serves(self, address=APPLIANCE_OUTSIDE):
        self.silent()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.lab.folder + '/dnsmasq.leases')
        self.lab.start_dnsmasq(lambda text: text.replace(APPLIANCE_OUTSIDE, address))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.serves()


def dhcp_silent(lab, clock):
    """DHCP that is silent for 60 s: the appliance says so and forwards nothing; it arms when DHCP is back"""
    with Dhcp(lab) as dhcp:
        dhcp.silent()
        with Host(lab, 'silent', lab.configuration(), init=INJECTED) as appliance, probes.Probes(lab) as sent:
            appliance.console.wait(r'^sealtap: ok link ', 10)
            clock.pass_time(SILENT_S)
            said = appliance.console.wait_closed('dhcp', 5)
            assert 'no DHCP answer on' in said and 'asking on' in said, said
            assert not appliance.forwards() and not sent.came_through()
            dhcp.serves()
            clock.pass_time(2 * SILENT_S, until=lambda: 'sealtap: ok dhcp' in appliance.console.text())
            appliance.console.wait_armed(60)
            say(lab, 'back')
            evidence = evidence_of(lab, appliance)
    assert count(evidence, 1, b'backback') == 3
    all_recorded(sent, evidence)


def lease_moves(lab, clock, by):
    """A lease that changes its address: service while it holds, a stated wait, then own connections and NAT follow"""
    answers = dict(lab.metadata.answers)
    told(lab, metadata.OUTSIDE_MAC, local_ipv4s=ANOTHER)
    try:
        configuration = lab.configuration(object__max_seconds=60)
        with Dhcp(lab) as dhcp, Host(lab, by.split()[-1], configuration, init=INJECTED) as appliance:
            appliance.console.wait_armed(60)
            with probes.Probes(lab) as sent:
                say(lab, 'first')
                LEASES[by](clock, appliance.console, dhcp, lab)
                passes(lab)
                say(lab, 'moved')
                clock.pass_time(SILENT_S)  # IMDS and others are asked from the new address
            assert APPLIANCE_OUTSIDE + '/' not in appliance.ns.ip('address')
            evidence = evidence_of(lab, appliance)
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()
    another = bytes(map(int, ANOTHER.split('.')))
    answered = [f for f in pings(evidence, 0) if b'movedmoved' in f]
    assert len(answered) == 3 and all(f[30:34] == another for f in answered)
    own = [f for stream in evidence.recorded().values() for f in stream
           if f.interface == 0 and f.data[12:14] == b'\x08\x00' and f.data[23] == 6 and f.data[30:34] == another]
    assert any(f.length > len(f.data) for f in own), 'nothing that answers the new address was recorded'
    assert all(len(f.data) <= 34 + (f.data[46] >> 4) * 4 for f in own), 'own answers are recorded in full'
    all_recorded(sent, evidence)


def hears(clock, console, pattern, most_s, step_s=5):
    """Time passes until the console says so, most_s at the most."""
    since = len(console.text())
    clock.pass_time(most_s, step_s, lambda: re.compile(pattern, re.M).search(console.text(), since))
    console.wait(pattern, 10, since)


def ends_in_silence(clock, console, dhcp, lab):
    """DHCP is silent from before the renewal until a minute after the lease's end."""
    dhcp.silent()
    clock.pass_time(LEASE_S // 2, LONG_S)
    clock.pass_time(SILENT_S)
    say(lab, 'held')
    hears(clock, console, f'^sealtap: warning dhcp: the lease of {APPLIANCE_OUTSIDE} on outside ended.*asking on', LEASE_S, LONG_S)
    clock.pass_time(SILENT_S)
    dhcp.serves(ANOTHER)
    hears(clock, console, f'^sealtap: ok dhcp outside has {ANOTHER}/24', 2 * SILENT_S)


def is_not_renewed(clock, console, dhcp, lab):
    """The server is silent for a minute when it is asked to renew the lease; then it refuses, and has another address."""
    dhcp.silent()
    clock.pass_time(LEASE_S // 2, LONG_S)
    clock.pass_time(SILENT_S)
    say(lab, 'held')
    dhcp.serves(ANOTHER)
    hears(clock, console, f'^sealtap: ok dhcp outside has {ANOTHER}/24', LEASE_S // 4, 15)


LEASES = {'it ends': ends_in_silence, 'it is refused': is_not_renewed}


def dhcp_inside(lab):
    """Where IMDS gives the inside interface no address, DHCP does"""
    with leases.instead_of_imds(lab, lab.inside, metadata.INSIDE_MAC, '198.19.0.0', APPLIANCE_INSIDE, '198.19.0.200') as serve, \
            Host(lab, 'dhcp-inside', lab.configuration()) as appliance:
        said = appliance.console.wait_closed('link', 30)
        assert 'IMDS gives no IPv4 address or subnet for inside' in said, said
        serve()
        appliance.console.wait_armed(60)
        say(lab, 'inside')
        routes = appliance.ns.ip('route', 'show', 'default')
        assert routes.count('default') == 1 and f'dev {OUTSIDE}' in routes, routes
        evidence_of(lab, appliance)


def own_ipv6(lab, clock):
    """IPv6 addresses are IMDS's alone, the default route is the advertised router's, own connections are recorded by their headers"""
    answers = dict(lab.metadata.answers)
    told(lab, metadata.OUTSIDE_MAC, ipv6s='2001:db8:1::10', subnet_ipv6_cidr_blocks='2001:db8:1::/64')
    ra = ipv6.advertise(lab)
    lab.imds.sysctl('ipv6/conf/lan/disable_ipv6', 0)
    lab.imds.sysctl('ipv6/conf/lo/disable_ipv6', 0)
    lab.imds.ip('address', 'add', 'fd00:ec2::254/128', 'dev', 'lan', 'nodad')
    lab.imds.ip('route', 'add', '2001:db8:1::/64', 'dev', 'lan')
    lab.router.ip('route', 'add', 'fd00:ec2::254/128', 'dev', 'lan')
    imds6 = lab.processes.start('imds6', [sys.executable, os.path.join(os.path.dirname(metadata.__file__), 'imds.py'), 'fd00:ec2::254',
                                        lab.metadata.path], lab.imds)
    imds6.wait_output('ready', 10)
    try:
        serving = {'status__port': STATUS, 'status__sources': '2001:db8:1::/64', 'status__interface': 'outside'}
        with Host(lab, 'ipv6', lab.configuration(**serving), init=INJECTED) as appliance:
            appliance.console.wait_armed(60)
            routes = lambda: appliance.ns.ip('-6', 'route', 'show', 'default')
            wait_until(lambda: 'via fe80' in routes(), 30, 'way over IPv6', said=lambda: appliance.ns.ip('-6', 'route'))
            shown = routes()
            assert f'dev {OUTSIDE}' in shown and 'proto static' in shown and shown.count('default') == 1, shown
            there = appliance.ns.ip('-6', '-o', 'address', 'show', 'dev', OUTSIDE, 'scope', 'global')
            assert '2001:db8:1::10/128' in there and len(there.split('\n')) == 2, there
            assert appliance.ns.ip('-6', 'address', 'show', 'dev', INSIDE) == ''
            with lab.router.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
                s.settimeout(5)
                s.connect(('2001:db8:1::10', STATUS))
            lab.imds_server.end()  # from now on by IPv6 alone
            lab.imds.ip('address', 'delete', '169.254.169.254/32', 'dev', 'lan')
            before = imds6.output().count(' 404')
            assert clock.pass_time(60, 2, until=lambda: imds6.output().count(' 404') >= before + 3), 'IMDS is not asked over IPv6'
            evidence = evidence_of(lab, appliance)
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()
        lab.processes.end(ra)
        lab.processes.end(imds6)
    own = [f for stream in evidence.recorded().values() for f in stream if f.data[12:14] == b'\x86\xdd' and f.data[20] == 6]
    assert own and any(f.length > len(f.data) for f in own), 'no answer of IMDS over IPv6 was recorded'
    for f in own:
        assert len(f.data) == 54 + (f.data[66] >> 4) * 4 or f.length == len(f.data) == 54 + (f.data[66] >> 4) * 4, f.data.hex()


def main():
    report = testing.report()
    with Surroundings('links') as lab:
        with Clock(lab) as clock:
            report.run(late_second_interface, lab, clock)
            report.run(dhcp_silent, lab, clock)
            for by in LEASES:
                report.run(lease_moves, lab, clock, by, about=f' ({by})')
        report.run(known_late, lab)
        for link in (INSIDE, OUTSIDE):
            report.run(comes_back, lab, link, about=f' ({link})')
        report.run(comes_back_as_another, lab)
        report.run(names_swapped, lab)
        report.run(addresses_and_routes, lab)
        report.run(dhcp_inside, lab)
        with Clock(lab) as clock:
            report.run(own_ipv6, lab, clock)  # leaves IMDS without its IPv4 address
    report.finish()


main()
