#!/usr/bin/env python3
"""hold_test.py: `sealtap hold` and `release`: a legal hold on each version in the window, and a receipt of what became of it."""
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402

report = testing.report()


def held(lab, bucket):
    """{(key, version)} under a legal hold."""
    return {(key, version) for key, version, kind in bucket.versions() if kind == 'version' and b'ON' in lab.s3(
        'GET', bucket.path(key), query={'legal-hold': '', 'versionId': version})[1]}


def versions(bucket):
    return {(key, version) for key, version, kind in bucket.versions() if kind == 'version'}


def receipt(done):
    lines = [json.loads(line) for line in done.out.splitlines()]
    return lines[0], lines[1:-1], lines[-1]


def every_version_is_held_and_released(lab, bucket, life):
    o, gone = life.objects[1], life.objects[2]
    bucket.put(o.name, b'something else', o.meta)
    bucket.delete(gone.name)
    done = bucket.sealtap('hold', '--from', '-1d', '--case', 'case "17"')
    assert done.status == 0, done
    assert held(lab, bucket) == versions(bucket) and len(versions(bucket)) == len(life.objects) + 1
    head, objects, end = receipt(done)
    assert (head['receipt'], head['case'], head['bucket']) == ('hold', 'case "17"', bucket.name) and head['by'].startswith('arn:aws:'), head
    assert {(line['key'], line['version']) for line in objects} == versions(bucket)
    assert {line['result'] for line in objects} == {'held'} and (end['held'], end['failed']) == (len(objects), 0)
    states = [json.loads(line) for line in bucket.sealtap('ls', '--versions', '--json').out.splitlines()]
    assert all('held' in line['state'] for line in states if 'marker' not in line['state'])
    done = bucket.sealtap('release', '--from', '-1d', '--case', '17')
    assert done.status == 0 and held(lab, bucket) == set(), done
    assert {line['result'] for line in receipt(done)[1]} == {'released'}


def a_window_and_operands_choose(lab, bucket, life):
    flows = {o.name for o in life.of('flows')}
    assert bucket.sealtap('hold', '--from', '-1d', '--case', '1', '--kind', 'flows').status == 0
    assert {key for key, _ in held(lab, bucket)} == flows
    assert bucket.sealtap('release', *flows, '--case', '1').status == 0
    assert held(lab, bucket) == set()
    first = min(o.number('first') for o in life.objects)
    done = bucket.sealtap('hold', '--to', f'@{first // 10**9 - 10}', '--case', '1')
    assert done.status == 66 and held(lab, bucket) == set(), done


def one_that_can_not_be_held_is_said_and_the_others_are(lab, bucket, life):
    o = life.of('w0')[1]
    lab.front.rule = lambda r: ((403, b'<Error><Code>AccessDenied</Code><Message>not that one</Message></Error>', {})
                                if r.method == 'PUT' and r.path.endswith(o.name) else None)
    try:
        done = bucket.sealtap('hold', '--from', '-1d', '--case', '2')
    finally:
        lab.front.rule = None
    assert done.status == 1 and o.name in done.err and 'needs s3:PutObjectLegalHold' in done.err, done
    assert {key for key, _ in versions(bucket) - held(lab, bucket)} == {o.name}
    _, objects, end = receipt(done)
    assert [line['result'] for line in objects if line['key'] == o.name] == ['AccessDenied'] and end['failed'] == 1
    assert bucket.sealtap('release', '--from', '-1d', '--case', '2').status == 0


def what_was_done_stands_in_the_receipt_when_it_stops(lab, bucket, life):
    """Where S3's patience ends it, the receipt has each version: those that were held meanwhile as held, and which were not tried."""
    other, o, lock, asked = lab.bucket(), life.of('w0')[0], threading.Lock(), []
    for n in range(60):
        other.put(o.name, b'%d' % n, o.meta)

    def rule(r):
        with lock:
            asked.append('legal-hold' in r.query)
            third = r.method == 'PUT' and sum(asked) == 3
        if third:
            time.sleep(1.5)
            return 503, b'<Error><Code>SlowDown</Code><Message>slower</Message></Error>', {'Retry-After': '3600'}
    lab.front.rule = rule
    try:
        done = other.sealtap('hold', '--from', '-1d', '--case', '4')
    finally:
        lab.front.rule = None
    _, objects, end = receipt(done)
    by = {result: {(line['key'], line['version']) for line in objects if line['result'] == result}
          for result in ('held', 'SlowDown', 'not tried')}
    assert done.status == 75 and len(objects) == 60 and set().union(*by.values()) == versions(other), done
    assert by['held'] == held(lab, other) and len(by['SlowDown']) == 1 and len(by['not tried']) > 20, by
    assert (end['held'], end['failed'], end['not_tried']) == (len(by['held']), 1, len(by['not tried'])), end


def a_bucket_without_object_lock_is_said(lab, bucket, life):
    name = 'sealtap-lab-unlocked'
    lab.s3('PUT', f'/{name}', f'<CreateBucketConfiguration><LocationConstraint>{operatorlab.REGION}</LocationConstraint>'
           '</CreateBucketConfiguration>'.encode())
    o = life.objects[0]
    lab.s3('PUT', f'/{name}/{o.name}', o.body())
    answer = b'<Error><Code>InvalidRequest</Code><Message>Bucket is missing Object Lock Configuration</Message></Error>'
    lab.front.rule = lambda r: (400, answer, {}) if r.method == 'PUT' else None  # as S3 answers; moto has none of it
    try:
        done = bucket.sealtap('hold', '--from', '-1d', '--case', '3', SEALTAP_BUCKET=f'{name}/{operatorlab.PREFIX}')
    finally:
        lab.front.rule = None
    assert done.status != 0 and 'missing Object Lock' in done.err, done


def without_a_case_or_a_choice_nothing_is_held(lab, bucket, life):
    assert bucket.sealtap('hold', '--from', '-1d').status == 64
    assert bucket.sealtap('hold', '--case', '1').status == 64
    assert bucket.sealtap('release', '--case', '1').status == 64
    assert held(lab, bucket) == set()


with operatorlab.Lab() as lab:
    life = lab.record(seconds=400)
    bucket = lab.bucket(life)
    for check in (every_version_is_held_and_released, a_window_and_operands_choose, one_that_can_not_be_held_is_said_and_the_others_are,
                  what_was_done_stands_in_the_receipt_when_it_stops,
                  a_bucket_without_object_lock_is_said, without_a_case_or_a_choice_nothing_is_held):
        report.run(check, lab, bucket, life)
report.finish()
