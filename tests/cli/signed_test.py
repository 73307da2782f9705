#!/usr/bin/env python3
"""signed_test.py: each request that the operator's commands send is signed as botocore signs it."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import awsd, operatorlab, testing  # noqa: E402
from lab.certs import TOP  # noqa: E402

COMMANDS = (['ls'], ['open', '-w', os.devnull], ['open', '--explain'], ['verify'], ['flows'], ['logs'], ['status'], ['cost'],
            ['fetch', '-d', '{folder}'], ['hold', '--from', '-1d', '--to', 'now', '--case', 'A 1/2+3'],
            ['release', '--from', '-1d', '--to', 'now', '--case', 'A 1/2+3'])


def every_request_is_signed_as_botocore_signs_it(lab):
    python = awsd.interpreter()
    if not python:
        raise testing.Skip('no interpreter here has botocore')
    bucket = lab.bucket(lab.record(seconds=400), lab.record('tap~2', seconds=100))
    lab.front.forget()
    for words in COMMANDS:
        bucket.sealtap(*(w.format(folder=lab.folder + '/fetched') for w in words))
    sent = [{'method': r.method, 'target': r.target, 'headers': r.headers, 'body': r.body.decode('latin-1')} for r in lab.front.requests
            if 'authorization' in r.headers]
    done = subprocess.run([python, os.path.join(TOP, 'tests', 'lab', 'resign.py')], input=json.dumps(sent), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wrong = json.loads(done.stdout)
    assert not wrong, f'{len(wrong)} of {len(sent)} requests: {wrong[0]}'
    seen = {(r.method, r.action) for r in lab.front.requests}
    assert {('GET', ''), ('PUT', ''), ('HEAD', ''), ('POST', 'Decrypt')} <= seen and len(sent) > 50, f'{len(sent)} requests, {seen}'
    assert len(sent) == len(lab.front.requests), f'{len(lab.front.requests) - len(sent)} requests are not signed'


report = testing.report()
with operatorlab.Lab() as lab:
    report.run(every_request_is_signed_as_botocore_signs_it, lab)
report.finish()
