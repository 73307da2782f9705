#!/usr/bin/env python3
"""kms_outage_test: KMS refuses for longer than a data key lives: recording goes on with the key at hand, through the death of a worker too.

kms_outage_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/kms-outage/.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

KEY_S, OBJECT_S = 60, 5  # the shortest life that the configuration takes


class Life:
    def __init__(self, lab):
        settings = lab.configuration(object__max_seconds=OBJECT_S, key__max_seconds=KEY_S)
        with Clock(lab) as clock, Session(Host(lab, 'appliance', settings, verbose=True, init=INJECTED)) as session:
            session.armed()
            with session.window('outage'):
                with lab.front.refuses('kms', 400, 'DisabledException'):
                    traffic.fetch(lab, '100k')
                    self.hears(clock, session.appliance.console, r'^sealtap: alarm capture data-key-extended ', KEY_S + 30, 0)
                    session.appliance.kill_role('capture')
                    session.appliance.wait_role('capture')
                    time.sleep(2)
                    self.during = clock.shown_ns()
                    traffic.fetch(lab, '100k')
                    clock.pass_time(2 * OBJECT_S, 1)
                    since = len(session.appliance.console.text())
                traffic.ping(lab, 3)
                self.hears(clock, session.appliance.console, r'^sealtap: ok kms ', 60, since)
                traffic.fetch(lab, '100k')
            session.power_off()
            session.collect()
        self.session, self.evidence = session, session.evidence

    @staticmethod
    def hears(clock, console, pattern, most_s, since):
        """Time passes until the console says so, most_s at the most."""
        clock.pass_time(most_s, until=lambda: re.compile(pattern, re.M).search(console.text(), since))
        console.wait(pattern, 1, since)


def recording_goes_on(life):
    """While KMS refuses, every packet is recorded; the worker's key is used beyond its life, which is an alarm"""
    result = life.session.compare('outage')
    assert result.missing == 0 and result.recorded > 300, result
    assert sum(int(o.meta['lost']) for o in life.evidence.objects) == 0
    assert life.evidence.events('data-key-extended'), 'nothing is said of it'


def the_same_key_serves_the_next_worker(life):
    """A worker that starts anew meanwhile goes on under its predecessor's data key; no message id or content key comes twice"""
    recorded = [o for o in life.evidence.packets() if int(o.meta['first']) > life.during]
    before = [o for o in life.evidence.packets() if int(o.meta['last']) < life.during]
    assert before and recorded and before[-1].context['sealtap-keyseq'] == recorded[0].context['sealtap-keyseq'], 'another key'
    ids = set()
    for o in life.evidence.objects:
        with open(o.path, 'rb') as f:
            ids.add(f.read(35)[3:])
    assert len(ids) == len(life.evidence.objects), 'a message id was used twice'


def it_is_evidence(life):
    """Names, metadata, signatures, chain, index and readers hold all the same"""
    for check in evidence.CHECKS:
        check(life.evidence)


def main():
    report = testing.report()
    with Surroundings('kms-outage') as lab:
        report.life(lambda: Life(lab), (recording_goes_on, the_same_key_serves_the_next_worker, it_is_evidence))
    report.finish()


main()
