#!/usr/bin/env python3
"""loss_test: when recording cannot keep up, nothing is lost silently: every packet that arrived is recorded or counted.

loss_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/loss/.
"""
import itertools
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, frames, objects, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

PACKETS = 60000  # more than the ring holds


class Life:
    """A worker that is stopped while more arrives than its ring holds, then goes on; and what came of it."""

    def __init__(self, lab):
        with Host(lab, 'appliance', lab.configuration()) as appliance:
            appliance.console.wait_armed(60)
            traffic.ping(lab, 2)
            with appliance.stopped('capture'):
                frames.send(lab.inside, frames.flood(PACKETS), pause_s=0)
            time.sleep(1)
            traffic.ping(lab, 2)
            appliance.stop()
        self.evidence = objects.collect(lab)
        self.recorded = [f for stream in self.evidence.recorded().values() for f in stream]
        self.lost = sum(int(o.meta['lost']) for o in self.evidence.objects)


def balance(life):
    """What arrived on both links is what was recorded and what was counted as lost."""
    links = life.evidence.events('disarmed')[0]
    arrived = links['outside_rx_packets'] + links['inside_rx_packets']
    assert life.lost > 1000, f'only {life.lost} lost: the test proves nothing'
    assert abs(arrived - len(life.recorded) - life.lost) <= 20, f'{arrived} arrived, {len(life.recorded)} recorded, {life.lost} lost'


def said_everywhere(life):
    """The loss stands in the metadata, in the recording (drop counts of packets), in the log with its total, and in the shutdown event."""
    down, told = life.evidence.events('shutdown')[-1], life.evidence.events('lost')
    assert down['lost'] == life.lost == sum(e['packets'] for e in told), down
    assert [e['total'] for e in told] == list(itertools.accumulate(e['packets'] for e in told)), told
    assert {e['stream'] for e in told} == {'w0'}, told
    in_packets = sum(int.from_bytes(f.options[4], 'little') for f in life.recorded)
    assert in_packets == life.lost, f'{in_packets} in drop counts of packets, {life.lost} in metadata'


def whole_packets(life):
    """Between the losses every recorded packet is whole, in order, and none is there twice."""
    numbers = [int(f.data[42:].split()[1]) for f in life.recorded if f.data[42:48] == b'flood ']
    assert numbers == sorted(set(numbers)) and len(numbers) > 10000, len(numbers)


def still_evidence(life):
    """Names, metadata, signatures, chain, index and readers hold all the same."""
    for check in evidence.CHECKS:
        check(life.evidence)


def main():
    report = testing.report()
    with Surroundings('loss') as lab:
        report.life(lambda: Life(lab), (balance, said_everywhere, whole_packets, still_evidence))
    report.finish()


main()
