#!/usr/bin/env python3
"""decrypt_test.py: `sealtap decrypt` with the data key from KMS, on the objects of the recorded set."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402


def whole_objects_are_what_awss_sdk_and_zstd_make_of_them(lab, life):
    """Each object of the set, packets, flows, log and a torn one, is what AWS's SDK and zstd make of it"""
    assert any('.torn' in o.name for o in life.objects)
    for o in life.objects:
        done = lab.sealtap('decrypt', o.path)
        assert (done.status, done.out) == (0, o.plain()), f'{o.name}: {done.status} {done.err}'
        assert ('torn' in done.err) is ('.torn' in o.name), done.err
        raw = lab.sealtap('decrypt', '--raw', '-', stdin=o.body())
        assert (raw.status, raw.out) == (0, o.opened()), f'{o.name}: {raw.status} {raw.err}'


def denied_is_said_with_what_is_missing(lab, life):
    """KMS' AccessDenied is said with the permission that is missing, exit status 77, and nothing comes out"""
    said = {'__type': 'AccessDeniedException', 'message': 'User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt'}
    lab.front.rule = lambda request: (400, json.dumps(said).encode()) if request.action == 'Decrypt' else None
    done = lab.sealtap('decrypt', life.objects[0].path)
    lab.front.rule = None
    assert (done.status, done.out) == (77, b'') and 'kms:Decrypt' in done.err, f'{done.status} {done.err}'


def a_changed_context_is_damage(lab, life):
    """A changed encryption context is refused by KMS: exit status 2, nothing comes out"""
    body = life.objects[0].body()
    at = body.index(b'eni' if b'eni' in body[:600] else b'tap-1')
    done = lab.sealtap('decrypt', '-', stdin=body[:at] + bytes([body[at] ^ 1]) + body[at + 1:])
    assert (done.status, done.out) == (2, b'') and done.err, f'{done.status} {done.err}'


def without_credentials(lab, life):
    """Without credentials it says where it looked, exit status 78"""
    done = lab.sealtap('decrypt', life.objects[0].path, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert (done.status, done.out) == (78, b'') and 'credentials' in done.err, f'{done.status} {done.err}'


def a_reader_that_goes_away(bucket, life):
    """A reader that goes away ends it silently by SIGPIPE"""
    largest = max(life.objects, key=lambda o: len(o.body()))
    done = bucket.into_closed_pipe('decrypt', largest.path, after_bytes=100)
    assert (done.status, done.err) == (-13, ''), f'{done.status} {done.err}'


report = testing.report()
with operatorlab.Lab() as lab:
    life = lab.record(seconds=400, torn_at_s=100).open()
    bucket = lab.bucket()
    for test in (whole_objects_are_what_awss_sdk_and_zstd_make_of_them, denied_is_said_with_what_is_missing, a_changed_context_is_damage,
                 without_credentials):
        report.run(test, lab, life)
    report.run(a_reader_that_goes_away, bucket, life)
report.finish()
