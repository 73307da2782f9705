#!/usr/bin/env python3
"""forward_test: what the configuration publishes, allows, denies and limits, by real sockets on both sides and the kernel's counters.

forward_test.py [-k PATTERN]. Needs root. Logs stay in build/lab/forward/.
"""
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import frames, objects, testing, traffic  # noqa: E402
from lab.gateway import (ECHO, FIRST, LAST, QUIET, SECOND, TCP, THIRD, UDP, Echo, Gateway, Watch, arrived, ask, from_inside,  # noqa: E402
                         from_outside)
from lab.host import Host  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, IMPOSTOR, NIC, WEB, Surroundings  # noqa: E402

FIXED = '198.18.0.77'


# ---- a fixed address, published services, rules

RULES = f"""nat = {FIXED}
publish = tcp 8080 -> {SECOND}:8000
publish = udp 5000-5010 -> {SECOND}
publish = tcp 8443 -> {SECOND}:8000 from {IMPOSTOR}
publish = udp 8444 -> {SECOND}:5003 from 198.51.100.8/29
forward.deny = out udp to 198.51.100.0/24 port 7000-7009
forward.allow = out udp from {CLIENT} to {WEB} port 7000
forward.deny = out tcp from {CLIENT} port 30000-30001 to any
forward.allow = in udp from {WEB} to {CLIENT} port 7777
forward.deny = in tcp from {IMPOSTOR} to any port 8000
"""


def rule(key):
    """The counter's name for each line of RULES: {line's text: name}."""
    start = 6  # lines of the lab's own configuration
    return {text: f'{key.split(".")[-1]}-{start + n}' for n, text in enumerate(RULES.splitlines()) if text.startswith(key)}


def warns_of_foreign_address(gateway):
    """A fixed address that the outside interface does not have is a warning."""
    gateway.appliance.console.wait(rf'warn net nat-address-is-not-own nat={FIXED}', 10)


def fixed_address(gateway):
    """Flows leave by the fixed address, with ports that are not the appliance's own, privileged ones kept, and answers come back."""
    gateway.ns.ip('address', 'add', FIXED + '/32', 'dev', 'outside')
    with Echo(gateway.lab.web, WEB, ECHO) as echo:
        for kind in (UDP, TCP):
            for port, outside in ((65000, FIRST + 65000 % (LAST - FIRST + 1)), (40001, 40001), (123, 123), (700, 700)):
                assert ask(gateway.lab.inside, kind, (WEB, ECHO), b'fixed', (CLIENT, port)) == b'fixed'
                assert echo.peers[-1] == (FIXED, outside), echo.peers
    traffic.ping(gateway.lab, 3)


def published(gateway):
    """Published services answer on every address of the outside interface, on all their ports, TCP and UDP; the client is seen."""
    web, inside = gateway.lab.web, gateway.lab.inside
    with Echo(inside, SECOND, 8000) as service, Echo(inside, SECOND, 5007) as other, gateway.counted() as grown:
        for address in (APPLIANCE_OUTSIDE, FIXED):
            assert ask(web, TCP, (address, 8080), b'published') == b'published'
            assert ask(web, UDP, (address, 5007), b'published') == b'published'
        assert {p[0] for p in service.peers + other.peers} == {WEB}
        assert ask(web, TCP, (APPLIANCE_OUTSIDE, 8000), b'x', timeout_s=0.5) is None
        assert ask(web, UDP, (APPLIANCE_OUTSIDE, 5011), b'x', timeout_s=0.5) is None
    names = list(rule('publish').values())
    assert grown.pop(names[0]) == 2 and grown.pop(names[1]) == 2 and set(grown) <= {'invalid'}, grown


def published_from(gateway):
    """A service that is published for a network is not there for others."""
    web, inside = gateway.lab.web, gateway.lab.inside
    with Echo(inside, SECOND, 5003) as service:
        assert ask(web, UDP, (APPLIANCE_OUTSIDE, 8444), b'mine', (WEB, 0)) == b'mine'
        web.ip('address', 'add', '198.51.100.20/24', 'dev', 'lan')
        assert ask(web, UDP, (APPLIANCE_OUTSIDE, 8444), b'not mine', ('198.51.100.20', 0), 0.5) is None
        web.ip('address', 'delete', '198.51.100.20/24', 'dev', 'lan')
        assert [p[0] for p in service.peers] == [WEB]


def hairpin(gateway):
    """Hosts inside reach a published service by the outside address, too."""
    with Echo(gateway.lab.inside, SECOND, 8000) as service:
        for address in (APPLIANCE_OUTSIDE, FIXED):
            assert ask(gateway.lab.inside, TCP, (address, 8080), b'hairpin', (CLIENT, 0)) == b'hairpin'
        assert ask(gateway.lab.inside, TCP, (FIXED, 8080), b'hairpin', (CLIENT, 700)) == b'hairpin'
        assert {p[0] for p in service.peers} == {APPLIANCE_INSIDE} and service.peers[-1][1] == 700, service.peers


def rules_first_match(gateway):
    """The first rule that matches decides; each counts the flows that it decided, and what is denied is counted."""
    deny, allow = list(rule('forward.deny').values()), list(rule('forward.allow').values())
    with gateway.counted() as grown:
        made = [from_inside(f'{port}', 41000 + i, port) for i, port in enumerate((6999, 7000, 7009, 7010))]
        assert arrived(gateway, made) == ['6999', '7010']
    assert grown == {deny[0]: 2, 'denied': 2}, grown
    with Echo(gateway.lab.web, WEB, ECHO), gateway.counted() as grown:
        assert ask(gateway.lab.inside, TCP, (WEB, ECHO), b'x', (CLIENT, 30001), 0.5) is None
        assert ask(gateway.lab.inside, TCP, (WEB, ECHO), b'x', (CLIENT, 30002)) == b'x'
    assert grown[deny[1]] == grown['denied'] >= 1 and allow[0] not in grown, grown


def rules_inward(gateway):
    """From outside a rule lets in what it says and nothing else, and may refuse some of what is published."""
    deny, allow = list(rule('forward.deny').values()), list(rule('forward.allow').values())
    watch = Watch(gateway.lab.inside, NIC)
    with gateway.counted() as grown:
        frames.send(gateway.lab.router, [from_outside(f'in {port}', WEB, CLIENT, port=port) for port in (7776, 7777, 7778)], 'lan')
        seen = [w[3] for w in watch.wait(lambda found: found, 3)]
    assert seen == [b'in 7777'] and grown == {allow[1]: 1, 'denied': 2}, (seen, grown)
    with Echo(gateway.lab.inside, SECOND, 8000), gateway.counted() as grown:
        assert ask(gateway.lab.web, TCP, (APPLIANCE_OUTSIDE, 8443), b'x', (IMPOSTOR, 0), 0.5) is None
    assert grown[deny[2]] == grown['denied'] >= 1, grown


# ---- limits

FLOWS, RATE = 100, 50
LIMITS = f'limit.flows_per_source = {FLOWS}\nlimit.new_flows_per_second = {RATE}\n'


def flows(first, count, source=CLIENT):
    return [from_inside(f'{source} {port}', port, source=source) for port in range(first, first + count)]


def rate_limited(gateway):
    """A host that begins too many flows at once is held to its share, and the others are served."""
    with gateway.counted() as grown:
        seen = arrived(gateway, flows(20000, 200) + flows(20000, 20, SECOND))
    mine = [s for s in seen if s.startswith(CLIENT + ' ')]
    assert RATE <= len(mine) <= RATE + 20 and len(seen) - len(mine) == 20, f'{len(mine)} of {len(seen)}'
    assert grown == {'limit': 200 - len(mine)}, grown


def flows_limited(gateway):
    """A host has no more flows at a time than its share, so it can't take all NAT ports either; the others are served."""
    seen = 0
    with gateway.counted() as grown:
        for i in range(6):  # slowly enough for the other limit
            time.sleep(0.5)
            seen += len(arrived(gateway, flows(30000 + 15 * i, 15)))
        others = arrived(gateway, flows(30000, 20, SECOND) + flows(30000, 20, THIRD))
        assert len(arrived(gateway, flows(30000, 5))) == 5, 'a flow that is there goes on'
    assert 0 <= FLOWS - seen <= RATE + 20 and len(others) == 40, f'{seen}, others {len(others)}'
    assert grown == {'limit': 90 - seen}, grown


# ---- all ports of the NAT to one service

SOURCES = [CLIENT, SECOND, THIRD]
MORE = 66000
PAIR = struct.Struct('>4sH')


def claim(lab, watch, flows_wanted, owner):
    """Begins these flows and notes in owner which port outside carries which; how many came by a port of another."""
    twice = 0

    def note(found):
        wrong = 0
        for address, seen, _, text in found:
            assert address == APPLIANCE_OUTSIDE and FIRST <= seen <= LAST, f'{address} {seen}'
            wrong += owner.setdefault(seen, text) != text
        return wrong
    with frames.raw_socket(lab.inside) as s:
        for i, text in enumerate(flows_wanted):
            source, port = PAIR.unpack(text)
            source = socket.inet_ntoa(source)
            s.send(frames.ethernet(frames.ipv4(frames.udp(text, port, QUIET, source), source=source)))
            if i % 100 == 99:
                time.sleep(0.004)
                twice += note(watch.take())
    return twice + note(watch.wait(lambda found: False, 1))


def every_port(gateway):
    """When all ports to a service are taken, further flows are dropped and said; none ever gets the port of another."""
    lab = gateway.lab
    watch, back = Watch(lab.web, 'lan'), Watch(lab.inside, NIC)
    asked = [PAIR.pack(socket.inet_aton(s), 2000 + i) for i in range(MORE // len(SOURCES)) for s in SOURCES]
    owner, twice, waiting = {}, 0, asked  # port outside: the flow that has it
    gateway.asked = 0
    for _ in range(3):  # what a busy machine lost on the wire comes again
        gateway.asked += len(waiting)
        twice += claim(lab, watch, waiting, owner)
        waiting = sorted(set(asked) - set(owner.values()))
    print(f'  # {len(asked)} flows asked for, {len(owner)} of {LAST - FIRST + 1} ports given', flush=True)
    assert not twice, f'{twice} flows came by the port of another'
    assert len(owner) > 0.95 * (LAST - FIRST), f'only {len(owner)} flows came through'
    with lab.web.socket(socket.AF_INET, UDP) as s:
        s.bind((WEB, QUIET))
        sample = list(owner)[::40]
        for seen in sample:
            s.sendto(owner[seen], (APPLIANCE_OUTSIDE, seen))
            time.sleep(0.0002)
    answers = back.wait(lambda found: len(found) >= len(sample))
    wrong = [(port, text) for _, _, port, text in answers if PAIR.unpack(text)[1] != port]
    assert len(answers) == len(sample) and not wrong, f'{len(answers)} of {len(sample)} answers, wrong: {wrong[:3]}'
    _, said = gateway.appliance.console.wait(r'alarm net nat-ports-exhausted packets=(\d+)', 25)
    assert int(said[1]) >= 16
    traffic.fetch(lab, '1k')  # another service


def ports_are_explained(gateway):
    """With all ports taken each recorded packet is in a flow's record, or among those that a verdict says found no port"""
    evidence = objects.collect(gateway.lab)
    recorded = [f for stream in evidence.recorded().values() for f in stream if f.interface == 1 and is_to(f.data, WEB, QUIET)]
    lost = sum(int(o.meta['lost']) for o in evidence.packets())
    assert 0.95 * gateway.asked < len(recorded) <= gateway.asked, f'{gateway.asked} sent, {len(recorded)} recorded'
    told = evidence.flows()
    refused = [f for f in told if f.get('verdict') == 'no-nat-port']
    mine = [f for f in told if f.get('flow') == 'end' and f['orig']['dst'] == WEB and f['orig'].get('dport') == QUIET]
    crowds = [f for f in told if f.get('flow') == 'unanswered' and (f['dst'], f['dport']) == (WEB, QUIET)]
    without, within = sum(f['packets'] for f in refused), sum(f['packets_out'] for f in mine + crowds)
    print(f'# {len(recorded)} recorded and {lost} lost, {within} in the records of flows, {without} without a port')
    assert without > 1000 and len(recorded) <= without + within <= len(recorded) + lost, f'{without} without a port, {within} forwarded'


def is_to(data, address, port):
    """An Ethernet frame with IPv4 and UDP."""
    return data[23:24] == b'\x11' and data[30:34] == frames.address(address) and data[36:38] == port.to_bytes(2, 'big')


# ---- what the kernel is told for the network

ROUTER = {'ipv4/tcp_syncookies': 1, 'ipv4/tcp_rfc1337': 1, 'ipv4/icmp_echo_ignore_broadcasts': 1,
          'ipv4/icmp_ignore_bogus_error_responses': 1, 'ipv4/ip_no_pmtu_disc': 0, 'ipv4/ip_forward_use_pmtu': 0,
          'ipv6/icmp/echo_ignore_multicast': 1, 'ipv6/icmp/echo_ignore_anycast': 1}
ROUTER_LINK = {'ipv4/conf/{}/accept_redirects': 0, 'ipv4/conf/{}/secure_redirects': 0, 'ipv4/conf/{}/send_redirects': 0,
               'ipv4/conf/{}/accept_source_route': 0, 'ipv4/conf/{}/route_localnet': 0, 'ipv4/conf/{}/accept_local': 0,
               'ipv4/conf/{}/proxy_arp': 0, 'ipv4/conf/{}/arp_ignore': 1, 'ipv4/conf/{}/arp_announce': 2, 'ipv4/conf/{}/log_martians': 0,
               'ipv4/conf/{}/drop_unicast_in_l2_multicast': 1, 'ipv6/conf/{}/accept_redirects': 0, 'ipv6/conf/{}/accept_source_route': -1,
               'ipv6/conf/{}/autoconf': 0, 'ipv6/conf/{}/accept_ra_defrtr': 0, 'ipv6/conf/{}/accept_ra_pinfo': 0,
               'ipv6/conf/{}/proxy_ndp': 0, 'ipv6/conf/{}/drop_unicast_in_l2_multicast': 1}


def hardened_router(gateway):
    """The network's settings are those of a hardened router, link by link: no redirects, no source routes, no proxies."""
    wanted = ROUTER | {path.format(link): value for path, value in ROUTER_LINK.items() for link in ('all', 'default', 'outside', 'inside')}
    got = {path: int(gateway.ns.run('cat', f'/proc/sys/net/{path}')) for path in wanted}
    assert got == wanted, {path: value for path, value in got.items() if value != wanted[path]}


# ---- lives

def live(lab, name, lines, tests, after, report):
    configuration = lab.configuration() + lines
    lab.front.configured(configuration)
    objects.pass_over(lab)
    host = Host(lab, name, configuration, verbose=True)
    for address in (SECOND, THIRD):
        lab.inside.ip('address', 'add', address + '/24', 'dev', NIC)
    with host as appliance:
        appliance.console.wait_armed(60)
        gateway = Gateway(lab, appliance)
        for test in tests:
            report.run(test, gateway, always=test in NEEDED)
        appliance.stop()
    for test in after:
        report.run(test, gateway)


LIVES = {
    'rules': (RULES, [warns_of_foreign_address, fixed_address, published, published_from, hairpin, rules_first_match, rules_inward], []),
    'limits': (LIMITS, [hardened_router, rate_limited, flows_limited], []),
    'ports': ('', [every_port], [ports_are_explained]),
}


def main():
    report = testing.report()
    with Surroundings('forward') as lab:
        for name, (lines, tests, after) in LIVES.items():
            if any(report.wants(t) for t in tests + after):
                live(lab, name, lines, [t for t in tests if report.wants(t) or t in NEEDED], after, report)
    report.finish()


# what later tests of its life build on
NEEDED = [fixed_address, every_port]

main()
