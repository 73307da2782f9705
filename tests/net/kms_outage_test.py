#!/usr/bin/env python3
"""kms_outage_test: KMS refuses for longer than a data key lives: recording goes on with the key at hand, through the death of a worker too.

kms_outage_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/kms-outage/.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

KEY_S = 60  # the shortest life that the configuration takes


class Life:
    def __init__(self, lab):
        settings = lab.configuration(object__max_seconds=5, key__max_seconds=KEY_S)
        with Session(Host(lab, 'appliance', settings, verbose=True)) as session:
            session.armed()
            self.console = session.appliance.console
            with session.window('outage'):
                with lab.front.misbehave('error', service='kms', status=400, code='DisabledException', message='for a test', headers={}):
                    traffic.fetch(lab, '100k')
                    self.console.wait(r'^sealtap: alarm capture data-key-extended ', KEY_S + 30)
                    os.kill(session.appliance.roles()['capture'], signal.SIGKILL)
                    time.sleep(2)
                    self.during = time.time_ns()
                    traffic.fetch(lab, '100k')
                    time.sleep(6)
                traffic.ping(lab, 3)
                self.console.wait(r'^sealtap: ok kms ', 60, len(self.console.text()) - 1000)
                traffic.fetch(lab, '100k')
            session.power_off()
            session.collect()
        self.session, self.evidence = session, session.evidence


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
    report = testing.Report(testing.pattern())
    with Surroundings('kms-outage') as lab:
        life = Life(lab)
        for check in (recording_goes_on, the_same_key_serves_the_next_worker, it_is_evidence):
            report.run(check, life)
    report.finish()


main()
