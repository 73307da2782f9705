#!/usr/bin/env python3
"""exhausted_test: a real table of flows that is full: what is recorded but not forwarded is told to the packet, though nobody saw whose
it was.

exhausted_test.py [-k PATTERN]. Needs root. For some seconds the machine's connection tracking has room for few more flows than there are in
the appliance's namespace. Logs and objects stay in build/lab/exhausted/.
"""
import contextlib
import datetime
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import frames, objects, scrape, testing  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.gateway import QUIET, Watch, from_inside  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, CLIENT, WEB, Surroundings  # noqa: E402

MAX = '/proc/sys/net/netfilter/nf_conntrack_max'  # the initial namespace's holds for all others
ROOM, SENT = 1000, 2500  # flows that there is room for; datagrams, each of a flow of its own
INSIDE = 1
PORT, FULL = 9100, {'reason': 'conntrack-full'}


@contextlib.contextmanager
def room_for(appliance, flows):
    """The table has room for so many flows more."""
    now = int(appliance.ns.run('cat', '/proc/sys/net/netfilter/nf_conntrack_count'))
    with open(MAX) as f:
        before = f.read()
    try:
        with open(MAX, 'w') as f:
            f.write(str(now + flows))
        yield
    finally:
        with open(MAX, 'w') as f:
            f.write(before)


class Life:
    """Two floods into a table without room, the role that writes the records killed between them."""

    def __init__(self, lab, clock):
        self.lab, self.clock, self.spans = lab, clock, []
        configuration = lab.configuration(object__max_seconds=3, status__port=PORT, status__sources=CLIENT)
        watch = Watch(lab.web, 'lan')
        with Host(lab, 'full', configuration, verbose=True, init=INJECTED) as appliance:
            appliance.console.wait_armed(60)
            self.port = scrape.Port(lab.inside, APPLIANCE_INSIDE, PORT)
            self.flood(appliance, 0)
            for event, most_s in (('alarm net conntrack-full ', 25), ('info net conntrack-has-room ', 45)):
                clock.pass_time(most_s, until=lambda: event in appliance.console.text())
                appliance.console.wait(event, 1)
            self.told = self.port.value('sealtap_not_forwarded_packets_total', **FULL)
            time.sleep(2)  # what flows was told is committed
            appliance.kill_role('flows')
            appliance.wait_role('flows')
            self.flood(appliance, 1)
            appliance.stop()
        self.arrived = [w[3] for w in watch.take() if w[3].startswith(b'full ')]
        self.evidence = objects.collect(lab)
        self.flows = self.evidence.flows()
        self.refused = [f for f in self.flows if f.get('verdict') == FULL['reason']]

    def flood(self, appliance, turn):
        made = [from_inside(f'full {turn} {i}', 10000 + SENT * turn + i) for i in range(SENT)]
        # nobody begins a connection of the appliance's own, which would be counted and never be on the wire
        with appliance.stopped('keys', 'upload', 'net'), room_for(appliance, ROOM):
            begun = self.clock.shown_ns() / 1e9
            frames.send(self.lab.inside, made, every=100)
            time.sleep(0.3)
            self.spans.append((begun, self.clock.shown_ns() / 1e9))


def seconds(text):
    return datetime.datetime.fromisoformat(text[:26] + '+00:00').timestamp()


def each_is_explained(life):
    """With the table of flows full each recorded packet is in a flow's record, or among those that a verdict says were refused"""
    recorded = [f for stream in life.evidence.recorded().values() for f in stream if f.interface == INSIDE and b'full ' in f.data[42:47]]
    assert len(recorded) == 2 * SENT and len(set(life.arrived)) == len(life.arrived)
    refused = sum(f['packets'] for f in life.refused)
    assert refused > SENT - ROOM, f'{refused} refused: the test proves nothing'
    assert len(recorded) - len(life.arrived) == refused, f'{len(recorded)} recorded, {len(life.arrived)} forwarded, {refused} refused'
    mine = [f for f in life.flows if f.get('flow') == 'end' and f['orig']['dst'] == WEB and f['orig'].get('dport') == QUIET]
    crowds = [f for f in life.flows if f.get('flow') == 'unanswered' and (f['dst'], f['dport']) == (WEB, QUIET)]
    assert sum(f['packets_out'] for f in mine + crowds) == len(life.arrived), f'{len(mine)} alone, {crowds}'
    print(f'# {len(recorded)} recorded, {len(life.arrived)} forwarded, {refused} refused')


def verdicts_say_when(life):
    """The verdict has reason, packets and the time within which they came, and no tuple"""
    assert life.refused and all(set(f) == {'time', 'verdict', 'first', 'last', 'packets'} for f in life.refused), life.refused
    for begun, ended in life.spans:
        within = [f for f in life.refused if seconds(f['first']) <= begun and ended <= seconds(f['last'])]
        assert len(within) == 1 and within[0]['packets'] > 0 and within[0]['last'] <= within[0]['time'], life.refused


def alarm_and_metric_agree(life):
    """The alarm, its end and the metric tell the same number"""
    first = life.refused[0]['packets']
    over = life.evidence.events('conntrack-has-room')[0]
    assert life.told == over['packets'] == first, f'{life.told}, {over}, {life.refused}'


def main():
    report = testing.report()
    with Surroundings('exhausted') as lab, Clock(lab) as clock:
        report.life(lambda: Life(lab, clock), (each_is_explained, verdicts_say_when, alarm_and_metric_agree))
    report.finish()


main()
