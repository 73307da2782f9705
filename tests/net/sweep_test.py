#!/usr/bin/env python3
"""sweep_test: what of the appliance itself answers, and whom its roles may speak to: each TCP port and the common UDP ports on each
interface in both families, and each role's user.

sweep_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/sweep/.

That the sweep sees what answers is tried on a plain host; that nothing was lost on the way to the appliance its packet filter's count says.
"""
import contextlib
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence_link, ipv6, metadata, testing  # noqa: E402
from lab.evidence_link import ADDRESS, GATEWAY, MAC, plug, unplug  # noqa: E402
from lab.gateway import Echo, Gateway  # noqa: E402
from lab.host import OUTSIDE, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, AWS, CLIENT, DNS, NIC, ROUTER, WEB, Surroundings  # noqa: E402
from lab.sweep import PORTS, UDP_PORTS, Sweep  # noqa: E402

STATUS, PUBLISHED, STRANGER, STRANGER6 = 9100, 8443, '198.19.0.99', '2001:db8:2::99'
SETTINGS = {'status__port': STATUS, 'status__sources': f'{CLIENT}, {ipv6.CLIENT}',
            'publish': f'tcp {PUBLISHED} -> {CLIENT}:{PUBLISHED}'}
TRIES = 3
IMDS = '169.254.169.254'
NET, KEYS, UPLOAD = 101, 102, 103
OTHERS = (0, 104, 105, 106, 107, 1000)
ONE = """
import socket, sys
kind, address, port = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(0.7)
try:
    s.connect((address, int(port)))
    s.send(b'?' * 48)
    print('said')
except OSError as e:
    print(type(e).__name__)
"""
HELD = """
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 5)
print('connected', flush=True)
sys.stdin.readline()
s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
s.settimeout(5)
print('heard' if s.recv(100) else 'ended', flush=True)
"""


class Place:
    """From where what is swept: a name, and whether the packet filter counts there."""

    def __init__(self, name, ns, link, mac, to, source, counter='to-appliance'):
        self.name, self.counter = name, counter
        self.sweep = Sweep(ns, link, mac, to, source)


def link_local(ns, link):
    return next(w for w in ns.ip('-6', '-o', 'address', 'show', 'dev', link, 'scope', 'link').split() if w.startswith('fe80')).split('/')[0]


class Life:
    """An appliance with IPv6, the status port for the host inside, and a published port."""

    def __init__(self, lab):
        self.lab = lab
        self.appliance = Host(lab, 'swept', lab.configuration(**SETTINGS))
        self.gateway = Gateway(lab, self.appliance)

    def __enter__(self):
        self.appliance.__enter__()
        ipv6.inside(self.lab)
        self.lab.inside.ip('address', 'add', STRANGER + '/24', 'dev', NIC)
        self.lab.inside.ip('address', 'add', STRANGER6 + '/64', 'dev', NIC, 'nodad')
        return self

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    def outside(self, to=APPLIANCE_OUTSIDE, source=ROUTER):
        return Place('outside', self.lab.router, 'lan', metadata.OUTSIDE_MAC, to, source)

    def inside(self, to=APPLIANCE_INSIDE, source=CLIENT):
        return Place('inside', self.lab.inside, NIC, metadata.INSIDE_MAC, to, source)



def asked(gateway, place, make, ports, uncounted=0):
    """What answered, once all of the packets but these have met the packet filter: it counts each."""
    for _ in range(TRIES):
        with gateway.counted() as grown:
            answers = place.sweep.ask(make(ports))
        met = grown.get(place.counter, 0) + grown.get('status-port', 0) + grown.get('stopped', 0)
        if met >= len(ports) - uncounted:
            return answers
    raise AssertionError(f'{place.name}: of {len(ports)} packets {met} were seen by the packet filter')


def nothing_answers(gateway, *places, ports=PORTS):
    for place in places:
        tcp = asked(gateway, place, place.sweep.syns, ports)
        assert not tcp, f'{place.name}: {len(tcp)} ports answer: {dict(list(tcp.items())[:5])}'
        udp = asked(gateway, place, place.sweep.datagrams, UDP_PORTS, uncounted=1)  # of DHCP's own nothing is counted
        assert not udp, f'{place.name}: UDP {udp}'


# ---- the tests

def a_plain_host(lab):
    """A plain host answers the sweep: one port is open, all others say that they are closed, UDP ones that nobody is there"""
    lab.dns.sysctl('ipv4/icmp_ratemask', 0)  # no limit
    for to, source in ((DNS, ROUTER), (ipv6.DNS, ipv6.ROUTER)):
        sweep = Sweep(lab.router, 'lan', lab.dns.mac('lan'), to, source)
        answers = sweep.ask(sweep.syns(PORTS))
        assert {p for p, a in answers.items() if a.what == 'open'} == {53}, {p: a for p, a in answers.items() if a.what != 'closed'}
        assert len(answers) > 0.99 * len(PORTS), len(answers)
    sweep = Sweep(lab.router, 'lan', lab.dns.mac('lan'), DNS, ROUTER)
    udp = sweep.ask(sweep.datagrams(UDP_PORTS))
    assert {p for p, a in udp.items() if a.what == 'unreachable'} >= set(UDP_PORTS) - {53, 67}, udp


def closed_too(life):
    """Before it is armed no port answers but the status port, its source; nor while net starts anew, which closes no door behind it"""
    with life.lab.front.refuses():
        wait_until(lambda: 'sealtap: CLOSED s3' in life.appliance.console.text(), 60, 'CLOSED', said=life.appliance.console.text)
        nothing_answers(life.gateway, life.outside())
        open_ports(life, life.inside(), {STATUS})
        for _ in range(2):
            life.appliance.kill_role('net')
            end = time.monotonic() + 2
            while time.monotonic() < end:
                place = life.outside()
                assert not place.sweep.ask(place.sweep.syns(range(1, 2000)))
                listed = life.appliance.ns.run('nft', 'list', 'chain', 'inet', 'sealtap', 'input')
                assert 'policy drop' in listed and str(STATUS) in listed, listed
            life.appliance.wait_role('net')
    life.appliance.console.wait_armed(60)


def open_ports(life, place, ports):
    answers = asked(life.gateway, place, place.sweep.syns, PORTS, uncounted=len(ports))
    found = {p: a.what for p, a in answers.items()}
    assert found == dict.fromkeys(ports, 'open'), f'{place.name}: {len(found)} ports answer: {dict(list(found.items())[:5])}'
    return answers


def outside_nothing(life):
    """Outside no TCP port and no common UDP port answers, in IPv4, IPv6 and by link-local address; a published one is the host's inside"""
    with Echo(life.lab.inside, CLIENT, PUBLISHED):
        answers = open_ports(life, life.outside(), {PUBLISHED})
        assert answers[PUBLISHED].hops == 63, 'it is not forwarded'
    nothing_answers(life.gateway, life.outside(ipv6.OUTSIDE, ipv6.ROUTER),
                    life.outside(link_local(life.appliance.ns, OUTSIDE), link_local(life.lab.router, 'lan')))
    place = life.outside()
    assert not asked(life.gateway, place, place.sweep.datagrams, UDP_PORTS, uncounted=1)


def inside_the_status_port(life):
    """Inside the status port answers its source, in IPv4 and IPv6, and no other port does; a stranger finds nothing"""
    open_ports(life, life.inside(), {STATUS})
    open_ports(life, life.inside(ipv6.INSIDE, ipv6.CLIENT), {STATUS})
    nothing_answers(life.gateway, life.inside(source=STRANGER), life.inside(ipv6.INSIDE, STRANGER6))
    # by the other interface's address it is the same; the published port is the host's own, where nobody is
    place = life.inside(APPLIANCE_OUTSIDE)
    answers = asked(life.gateway, place, place.sweep.syns, PORTS, uncounted=2)
    assert {p: a.what for p, a in answers.items()} == {STATUS: 'open', PUBLISHED: 'closed'}, answers


def no_echo(life):
    """Nobody's ping is answered by the appliance itself, in either family; through it they pass"""
    for ns, to in ((life.lab.router, APPLIANCE_OUTSIDE), (life.lab.inside, APPLIANCE_INSIDE), (life.lab.inside, ipv6.INSIDE)):
        argv = [*ns.prefix(), 'ping', '-n', '-c', '2', '-i', '0.2', '-W', '0.5', to]
        said = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert said.returncode == 1 and ' 0 received' in said.stdout, said
    life.lab.inside.run('ping', '-n', '-c', '1', '-W', '2', WEB)


def says(life, uid, kind, address, port):
    """What became of a packet that begins a flow, sent by a process of that user beside the roles."""
    argv = [*life.appliance.ns.prefix(), 'setpriv', f'--reuid={uid}', '--clear-groups', sys.executable, '-c', ONE, kind, address, str(port)]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def by_user(life):
    """A role's user reaches what its role is for: keys IMDS and KMS, upload S3, net names and time; nobody reaches anything else"""
    lab = life.lab
    for uid, kind, to, port in ((KEYS, 'tcp', IMDS, 80), (KEYS, 'tcp', AWS, 443), (UPLOAD, 'tcp', AWS, 443), (NET, 'udp', DNS, 53),
                                (NET, 'tcp', DNS, 53), (NET, 'udp', '169.254.169.123', 123)):
        assert says(life, uid, kind, to, port) == 'said', (uid, to, port)
    with life.gateway.counted() as grown:
        for uid, kind, to, port in ((UPLOAD, 'tcp', IMDS, 80), (NET, 'tcp', IMDS, 80), (KEYS, 'tcp', WEB, 443), (UPLOAD, 'tcp', WEB, 443),
                                    (KEYS, 'tcp', IMDS, 443), (NET, 'tcp', AWS, 443), (UPLOAD, 'tcp', AWS, 80), (UPLOAD, 'udp', DNS, 53),
                                    (KEYS, 'udp', DNS, 53), *((uid, 'tcp', AWS, 443) for uid in OTHERS),
                                    *((uid, 'udp', DNS, 53) for uid in OTHERS), *((uid, 'tcp', CLIENT, 22) for uid in OTHERS[:2])):
            said = says(life, uid, kind, to, port)
            assert said in ('TimeoutError', 'PermissionError'), (uid, kind, to, port, said)
    assert grown['from-appliance'] >= 9 + 2 * len(OTHERS) + 2, grown
    # that is the filter's doing: without it the same packet is answered
    life.appliance.ns.run('nft', 'insert', 'rule', 'inet', 'sealtap', 'output', 'meta', 'skuid', str(UPLOAD), 'accept')
    assert says(life, UPLOAD, 'tcp', IMDS, 80) == 'said'
    life.appliance.kill_role('net')  # which leaves the rules as they are while it is open
    lab.inside.run('ping', '-n', '-c', '1', '-W', '2', WEB)


def goals(life):
    listed = json.loads(life.appliance.ns.run('nft', '-j', 'list', 'set', 'inet', 'sealtap', 'goals4'))['nftables']
    elements = next(o['set'] for o in listed if 'set' in o).get('elem', [])
    return {tuple(e['elem']['val']['concat']) for e in elements}


def stored(lab):
    return sum(bool(e.get('stored')) for e in lab.front.entries())


def goals_of_names(life):
    """keys and upload may speak to the addresses that their services' names have, at their port; connections outlive the goal's time"""
    assert goals(life) == {(KEYS, AWS, 443), (UPLOAD, AWS, 443)}, goals(life)
    element = 'element', 'inet', 'sealtap', 'goals4', '{', f'{UPLOAD} . {WEB} . 80', '}'
    life.appliance.ns.run('nft', 'add', *element)
    argv = [*life.appliance.ns.prefix(), 'setpriv', f'--reuid={UPLOAD}', '--clear-groups', sys.executable, '-c', HELD, WEB]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdout.readline() == 'connected\n'
        life.appliance.ns.run('nft', 'delete', *element)
        assert says(life, UPLOAD, 'tcp', WEB, 80) == 'TimeoutError'
        said, _ = held.communicate('\n', timeout=10)
        assert said == 'heard\n', said
    life.appliance.ns.run('nft', 'flush', 'set', 'inet', 'sealtap', 'goals4')
    before = stored(life.lab)
    for role in ('upload', 'keys'):  # whose successors ask for the names anew
        life.appliance.kill_role(role)
        life.appliance.wait_role(role)
    wait_until(lambda: life.lab.inside.run('ping', '-n', '-c', '1', '-W', '2', WEB) and stored(life.lab) > before, 60, 'stored object')
    assert (UPLOAD, AWS, 443) in goals(life)


def its_own_leaves(life):
    """Of what the appliance itself has sent so far nothing was refused: armed, over IPv4 and IPv6, through outage and restarts"""
    assert life.gateway.counters()['from-appliance'] == 0


def by_the_evidence_link(lab):
    """By the evidence link no TCP port and no common UDP port answers"""
    evidence_link.describe(lab)
    appliance = Host(lab, 'evidence', lab.configuration(**{**SETTINGS, 'evidence': 'eni'}))
    plug(lab, appliance)
    try:
        with evidence_link.no_other_way(lab), appliance:
            appliance.console.wait_armed(60)
            nothing_answers(Gateway(lab, appliance), Place('evidence', lab.aws, NIC, MAC, ADDRESS, GATEWAY, 'evidence'))
            appliance.stop()
    finally:
        unplug(lab)


def main():
    report = testing.report()
    with Surroundings('sweep') as lab:
        ipv6.lay(lab)
        report.run(a_plain_host, lab)
        checks = (closed_too, outside_nothing, inside_the_status_port, no_echo, its_own_leaves, goals_of_names, by_user)
        if any(report.wants(check) for check in checks):
            with Life(lab) as life:
                report.run(checks[0], life, always=True)
                for check in checks[1:]:
                    report.run(check, life)
                life.appliance.stop()
        report.run(by_the_evidence_link, lab)
    report.finish()


if __name__ == '__main__':
    main()
