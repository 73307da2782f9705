#!/usr/bin/env python3
"""verify_part_test.py: `sealtap verify` of a part of the record: its edges, and what only the whole would show."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402
from lab.verified import COMPLETE, DAMAGED, GAPS, Set  # noqa: E402

report = testing.report()


def window(life, from_s, to_s):
    start = life.start_ns // operatorlab.S
    return '--from', f'@{start + from_s}', '--to', f'@{start + to_s}'


def who_signs_with_a_key_of_his_own_is_not_believed_in_a_window(lab):
    """objects under a boot's name, with a signing key of their maker's own, put later, are a gap of a window and forged in the whole"""
    same = {'seconds': 1000, 'bytes_per_s': 2000, 'boot': 0x5ea17a9, 'start_ns': int(time.time() - 3 * 3600) * operatorlab.S}
    life, other = lab.record(workers=1, **same), lab.record(workers=2, **same)
    planted = other.of('w1')
    assert life.boot == other.boot and planted
    bucket = Set(life).put()
    found = Set(life).verify(*window(life, 400, 600), bucket=bucket)
    assert found.status == COMPLETE, (found.findings, found.err)
    for o in planted:
        bucket.put(o.name, o.body(), o.meta)
    found = Set(life).verify(*window(life, 400, 600), bucket=bucket)
    told = [f for f in found.findings if f['finding'] == 'unknown-key']
    assert found.status == GAPS and len(told) == 1 and 'verify the whole boot' in told[0]['text'], (found.status, found.findings, found.err)
    assert told[0]['object'] in [o.name for o in planted], told
    found = Set(life).verify(bucket=bucket)
    assert found.status == DAMAGED and 'forged' in found.kinds(told[0]['object']) | found.kinds(planted[0].name), (found.findings, found.err)


with operatorlab.Lab() as lab:
    report.run(who_signs_with_a_key_of_his_own_is_not_believed_in_a_window, lab)
report.finish()
