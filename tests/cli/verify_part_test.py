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
    assert found.status == GAPS and len(told) == 1 and 'verify the whole boot' in told[0]['text'], (found.findings, found.err)
    assert told[0]['object'] in [o.name for o in planted], told
    found = Set(life).verify(bucket=bucket)
    kinds = found.kinds(told[0]['object']) | found.kinds(planted[0].name)
    assert found.status == DAMAGED and 'forged' in kinds, (found.findings, found.err)


def what_is_missing_at_the_edges_of_a_window_is_missed(lab):
    """what reaches into a window from before, and what began in it and is listed behind it, is missed; so is a log that stops there"""
    life = lab.record(seconds=1500, bytes_per_s=2000, workers=1, start_ns=int(time.time() - 4 * 3600) * operatorlab.S)
    begin, end = (life.start_ns + s * operatorlab.S for s in (650, 950))
    over_begin = next(o for o in life.of('w0') if o.number('first') < begin < o.number('last'))
    over_end = next(o for o in life.of('w0') if o.number('first') < end < o.number('last'))
    assert over_begin.name != over_end.name
    asked = window(life, 650, 950)
    found = Set(life).verify(*asked, bucket=Set(life).put())
    whole = found.result
    assert found.status == COMPLETE and not found.findings and whole['part'], (found.findings, found.err)
    # those before, of which S3's times don't tell that they end before the window, are read as well
    assert whole['objects'] >= sum(o.number('first') < end and o.number('last') >= begin for o in life.objects), whole
    for gone in over_end, over_begin:
        s = Set(life)
        del s.there[gone.name]
        for bucket in s.put(), None:
            s.verify(*asked, bucket=bucket).is_damage((gone.name, 'missing'))
    s = Set(life)
    for o in life.of('log'):
        if o.number('first') >= end:
            del s.there[o.name]
    found = s.verify(*asked, bucket=s.put())
    assert found.status == GAPS and found.named('gap') == {(None, 'no-end')}, (found.findings, found.err)
    done = s.put().sealtap('verify', *asked)
    assert b'not checked of this part' in done.out, done


with operatorlab.Lab() as lab:
    report.run(what_is_missing_at_the_edges_of_a_window_is_missed, lab)
    report.run(who_signs_with_a_key_of_his_own_is_not_believed_in_a_window, lab)
report.finish()
