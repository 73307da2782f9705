#!/usr/bin/env python3
"""malformed_test: servers that answer the running roles with what no protocol allows: DHCP, DNS, NTP, IMDS, HTTP, JSON, XML. When they say
what is right again, the appliance goes on.

malformed_test.py [-k PATTERN]. Needs root. SEED says which answers. Logs and objects stay in build/lab/malformed/.
"""
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, hostile, objects, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.mutate import Mutator  # noqa: E402
from lab.surroundings import DNS, Surroundings  # noqa: E402

SEED = int(os.environ.get('SEED', 0)) or random.SystemRandom().randrange(1, 1 << 32)
DATAGRAMS, ANSWERS = 200, 25  # of a kind: those before each true answer; connections
LEAP_S, LONG_LEAP_S = 4, 16  # the first is less than it waits for an answer
STEP_S = 1  # of the machine's time: so long it may take to ask after a leap


class Raw:
    """Answers of S3 or KMS, in a file that the front reads."""

    def __init__(self, lab, name, answers):
        self.path = os.path.join(lab.folder, name + '.json')
        with open(self.path, 'w', encoding='latin-1', newline='') as f:
            json.dump([a.decode('latin-1') for a in answers], f)


def http(status, body, kind):
    return f'HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body


def kinds(mutator):
    """{service and kind: (answers, what was asked for is carried out all the same)}."""
    def some(name, make):
        known = hostile.corpus(name)
        return [make(mutator.message(mutator.choice(known))) for _ in range(ANSWERS)]
    statuses = (400, 403, 404, 409, 500, 503)
    yield 'kms', 'JSON', some('kms', lambda b: http(mutator.choice((200, 400, 500)), b if hostile.not_json(b) else b'[' + b,
                                                    'application/x-amz-json-1.1')), False
    yield 's3', 'XML', some('s3', lambda b: http(mutator.choice(statuses), b, 'application/xml')), False
    yield 's3', 'HTTP', some('http1', lambda b: b), True


class Life:
    """One appliance under a test's clock, through all of it."""

    def __init__(self, lab, clock):
        self.lab, self.clock, self.told = lab, clock, {}
        mutator = Mutator(SEED)
        lab.start_dnsmasq(lambda text: text.replace(f'option:dns-server,{DNS}', f'option:dns-server,{hostile.Dns.ADDRESS}'))
        tricks = list(kinds(mutator))
        self.appliance = Host(lab, 'appliance', lab.configuration(object__max_seconds=60), init=INJECTED, verbose=True)  # lays the wires
        with hostile.Dhcp(lab, mutator, DATAGRAMS) as dhcp, hostile.Dns(lab, mutator, DATAGRAMS) as dns, \
                hostile.Ntp(lab, mutator, DATAGRAMS // 4) as ntp, hostile.Imds(lab, mutator, ANSWERS) as self.imds, self.appliance:
            self.meet(lambda: 'sealtap: ok imds' in self.appliance.console.text(), 'IMDS')
            self.trick(*tricks[0])
            self.meet(lambda: 'sealtap: ARMED' in self.appliance.console.text(), 'ARMED')
            for trick in tricks[1:]:
                self.trick(*trick)
            self.told.update(DHCP=dhcp.told, DNS=dns.told, NTP=ntp.told, IMDS=self.imds.told)
            before = self.stored()
            self.meet(lambda: self.stored() >= before + 2, 'recovery')
            self.roles = self.appliance.roles()
            self.appliance.stop()
        self.evidence = objects.collect(lab)

    def stored(self):
        return sum(bool(e.get('stored')) for e in self.lab.front.entries())

    def asked(self):
        """Grows with each question to IMDS or AWS."""
        return self.imds.asked + len(self.lab.front.entries())

    def settle(self):
        """Until something was asked, and then no more."""
        before = now = self.asked()
        until = time.monotonic() + STEP_S
        while time.monotonic() < until and (now == before or now != self.asked()):
            now = self.asked()
            time.sleep(0.1)

    def meet(self, ready, what, leap_s=LEAP_S):
        """Time passes, with a little traffic, until it is so: in leaps, each until something was asked."""
        def passes():
            if not ready():
                if 'sealtap: ARMED' in self.appliance.console.text():
                    traffic.ping(self.lab, 1)
                self.clock.leap(leap_s)
                self.settle()
            return ready()
        self.appliance.process.wait_for(passes, 180, what)

    def trick(self, service, kind, answers, carried_out):
        raw = Raw(self.lab, f'{service}-{kind}', answers)
        with self.lab.front.misbehave('raw', service, count=len(answers), answers=raw.path, carried_out=carried_out) as met:
            self.meet(lambda: len(met()) >= len(answers), f'{kind} of {service}', LONG_LEAP_S)
            self.told[kind] = len(met())


def told(life, kind, least):
    """A server that answers against its protocol, some hundred times or tens of connections, is got over, and the truth taken"""
    assert life.told[kind] >= least, life.told


def nothing_dies(life):
    """No role dies of any of it, and all are at work afterwards."""
    wrong = [e for e in life.evidence.events() if e['event'] in ('role-died', 'call-denied')]
    assert not wrong, wrong
    assert set(life.roles) == set(life.appliance.role_names), life.roles


def nothing_lost(life):
    """All that was recorded meanwhile is shipped once, signed, and opens; what the ring lost while KMS gave no key is counted."""
    for check in (evidence.check_names, evidence.check_signatures, evidence.check_chain, evidence.check_log):
        check(life.evidence)
    books, = life.evidence.events('books')
    lost = sum(int(o.meta['lost']) for o in life.evidence.packets())
    before = sum(e['packets'] for e in life.evidence.events('dropped-before-armed'))
    assert books['recorded'] == sum(map(len, life.evidence.recorded().values())), books
    assert lost == books['lost'] >= before and books['unattributed'] == books['surplus'] == 0, f'{books}, {lost}, {before} before'


def main():
    report = testing.report()
    print(f'# SEED={SEED}', flush=True)
    least = {'DHCP': DATAGRAMS, 'DNS': DATAGRAMS, 'NTP': DATAGRAMS // 4, 'IMDS': ANSWERS, 'JSON': ANSWERS, 'XML': ANSWERS, 'HTTP': ANSWERS}
    with Surroundings('malformed') as lab, Clock(lab) as clock:
        life = Life(lab, clock)
        for kind, count in least.items():
            report.run(told, life, kind, count, about=f' ({kind})')
        report.run(nothing_dies, life)
        report.run(nothing_lost, life)
    report.finish()


main()
