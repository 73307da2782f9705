#!/usr/bin/env python3
"""disk_faults_test: a volume whose writes, flushes and reads fail (QEMU's blkdebug): it is named, costs nothing, and nothing corrupt ships.

disk_faults_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles and objects stay in build/lab/disk-faults/.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, testing, traffic  # noqa: E402
from lab.guest import Guest, Volume  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

EIO, ENOSPC = 5, 28
# After so many flushes: what fails next, and with what; so often in a row because the guest's driver tries each request six times.
FAULTS = {20: ('write', EIO, 60), 34: ('write', ENOSPC, 60), 48: ('flush', EIO, 14)}
FLUSHES = 100


def blkdebug(lab, volume):
    """The volume's file behind faults: each flush is a new state, and some states have faults that happen once."""
    rules = [f'[set-state]\nevent = "flush_to_disk"\nstate = "{n}"\nnew_state = "{n + 1}"\n' for n in range(1, FLUSHES)]
    for n, (kind, errno, times) in FAULTS.items():
        step = 1 if kind == 'flush' else 0  # each try of a flush is a new state
        rules += [f'[inject-error]\nevent = "flush_to_disk"\nstate = "{n + i * step}"\niotype = "{kind}"\nerrno = "{errno}"\nonce = "on"\n'
                  for i in range(times)]
    path = os.path.join(lab.folder, 'blkdebug.conf')
    with open(path, 'w') as f:
        f.write('\n'.join(rules))
    volume.path = f'blkdebug:{path}:{volume.path}'


class Life:
    def __init__(self, lab):
        volume = Volume(lab)
        blkdebug(lab, volume)
        lab.metadata.user_data(lab.configuration(spool=volume.id, spool__sync_ms=200, object__max_seconds=2, object__max_bytes=4 << 20))
        with Session(Guest(lab, 'faults', from_kernel=True, volume=volume)) as session:
            session.armed()
            with session.window('faults'):
                for _ in range(12):
                    traffic.fetch(lab, '100k')
                    time.sleep(2)
            session.end()
            self.console = session.appliance.console.text()
        self.session, self.evidence = session, session.evidence


def nothing_is_lost(life):
    """Writes and flushes that fail lose nothing: every packet is recorded and shipped, and all of it is evidence"""
    result = life.session.compare('faults')
    assert result.missing == 0 and result.recorded > 500, result
    for check in evidence.CHECKS:
        check(life.evidence)


def each_is_named(life):
    """Each fault is an alarm that names the device, and so is its end"""
    failed, works = life.evidence.events('spool-failed'), life.evidence.events('spool-works')
    print(f'# {len(failed)} alarms, faults at {len(FAULTS)} times')
    assert {e['reason'] for e in failed} == {'the device failed'} and len(failed) == len(works) >= len(FAULTS), failed


def main():
    report = testing.report()
    with Surroundings('disk-faults') as lab:
        report.life(lambda: Life(lab), (nothing_is_lost, each_is_named))
    report.finish()


main()
