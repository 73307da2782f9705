#!/usr/bin/env python3
"""misbehave_test: AWS as it may be on a bad day: for each misbehaviour, what the appliance does; nothing is lost, doubled or overwritten.

misbehave_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/misbehave/.
"""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, certs, evidence, objects, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

MBED_INIT = os.path.join(certs.TOP, 'build', 'mbed', 'init')


def error(status, code, **headers):
    return {'kind': 'error', 'status': status, 'code': code, 'message': 'for a test', 'headers': headers}


# the front's misbehaviour, how many requests meet it, what the log says of it
S3 = {
    'SlowDown': (error(503, 'SlowDown'), 4, {'SlowDown'}),
    '500 after the whole body': (error(500, 'InternalError'), 2, {'InternalError'}),
    'an answer lost after the object was stored': ({'kind': 'lost'}, 2, {'answer'}),
    # the first is on a kept connection and quietly repeated on a new one
    'a reset in the head of the body': ({'kind': 'reset', 'at': 1}, 2, {'send', 'answer'}),
    'a reset further on': ({'kind': 'reset', 'at': 600}, 2, {'send', 'answer'}),
    'a server that stalls before the body': ({'kind': 'stall-read', 'seconds': 23}, 1, {'send', 'answer'}),
    'a server that stalls before the answer': ({'kind': 'stall-answer', 'seconds': 23}, 1, {'answer'}),
    'an error in a 200': ({'kind': 'error-in-200', 'code': 'InternalError', 'message': 'm'}, 1, {'InternalError'}),
    'a truncated answer': ({'kind': 'truncated'}, 1, {'answer'}),
    'an answer without an end': ({'kind': 'unframed'}, 1, {'answer'}),
    'a conflict': (error(409, 'ConditionalRequestConflict'), 1, {'ConditionalRequestConflict'}),
    'a name that is taken': (error(412, 'PreconditionFailed'), 1, {'PreconditionFailed'}),
    'a refusal for a while': (error(403, 'AccessDenied'), 3, {'AccessDenied'}),
    'a redirect to a foreign host': (error(307, 'TemporaryRedirect', Location='https://elsewhere.example/x'), 2, {'TemporaryRedirect'}),
    'a redirect to another partition': (error(301, 'PermanentRedirect', **{'x-amz-bucket-region': 'us-gov-west-1'}), 2,
                                        {'PermanentRedirect'}),
}
KMS = {
    'first': [error(400, 'ThrottlingException'), error(500, 'KMSInternalException'), error(500, 'DependencyTimeoutException'),
              {'kind': 'members', 'members': {'Plaintext': 'A' * 40 + 'AA=='}}, {'kind': 'cut-json'}],
    'second': [error(500, 'KeyUnavailableException'), error(400, 'DisabledException'), error(400, 'AccessDeniedException'),
               {'kind': 'members', 'members': {'KeyId': 'arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000'}},
               {'kind': 'lost'}],
}


class Life:
    """Traffic makes an object a second; each misbehaviour is met, told, ended and overcome before the next."""

    def __init__(self, lab, name, init=None):
        self.lab = lab
        self.appliance = Host(lab, name, lab.configuration(object__max_seconds=1), verbose=True)
        if init:
            self.appliance.argv[0] = init

    def __enter__(self):
        self.appliance.__enter__()
        return self

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    def said(self):
        """What the log has said of failed PUTs: [what]."""
        lines = [line for line in self.appliance.console.text().splitlines() if ' upload put-failed ' in line]
        return [line.split(' what=')[1].split(' why=')[0].strip('"') for line in lines]

    def stored(self):
        return [e['path'] for e in self.lab.front.entries() if e.get('stored')]

    def wait(self, ready, timeout_s, what):
        deadline = time.monotonic() + timeout_s
        while not ready():
            assert self.appliance.process.running(), f'the appliance ended: {self.appliance.console.text()[-500:]}'
            assert time.monotonic() < deadline, f'no {what} within {timeout_s} s'
            traffic.ping(self.lab, 1)
            time.sleep(0.1)

    def recovers(self):
        before = len(self.stored())
        self.wait(lambda: len(self.stored()) >= before + 2, 60, 'recovery')

    def meets(self, how, count, words, service='s3'):
        before = len(self.said())
        with self.lab.front.misbehave(service=service, count=count, **how) as met:
            self.wait(lambda: len(met()) >= count, 60, how['kind'])
            self.wait(lambda: set(self.said()[before:]) & words, 60, f'word of it in {self.said()[before:]}')
        self.recovers()
        strange = set(self.said()[before:]) - words
        assert not strange, f'{strange} was said'


def misbehaviour(life, how, count, words):
    """It is told in the log, and overcome when it ends"""
    life.meets(how, count, words)


def moved_bucket(life):
    """A bucket that is in another region is found there, and back here when it returns; the region comes from the answer alone."""
    for region, host in ((aws.OTHER_REGION, aws.OTHER_S3_HOST), (aws.metadata.REGION, aws.S3_HOST)):
        life.meets(error(301, 'PermanentRedirect', **{'x-amz-bucket-region': region}), 1, {'PermanentRedirect'})
        life.wait(lambda: life.lab.front.entries()[-1]['host'] == host, 30, f'request at {host}')
    assert 'elsewhere.example' not in life.lab.dnsmasq.output(), 'a foreign host was looked for'


def expired_credentials(life):
    """Credentials that expire in the middle are fetched anew, and nothing else is signed with the old ones."""
    life.lab.front.credentials(life.lab.amazon.next_keys, expire=True)
    life.lab.metadata.credentials(life.lab.amazon.next_keys)
    life.wait(lambda: ' credentials-renewed ' in life.appliance.console.text(), 30, 'renewal')
    life.recovers()


def wrong_clock(life):
    """A clock that is 20 minutes off, either way and back, is corrected by the answer's date, and said."""
    life.lab.front.expect('skew')
    for offset_s in (1200, -1200, 0):
        before = life.appliance.console.text().count(' clock-offset ')
        life.lab.front.tell(clock_offset_s=offset_s)
        life.wait(lambda: life.appliance.console.text().count(' clock-offset ') > before, 30, 'correction')
        life.recovers()


WHY = {'unknown root': 'the certificate does not lead to a trusted root', 'self-signed': 'the certificate does not lead to a trusted root',
       'wrong name': 'the certificate is for another name', 'expired': 'the certificate is not valid at this time'}


def refusals(life):
    """Of each failed PUT that the log has told: why its handshake failed; '' where it was something else."""
    lines = [line for line in life.appliance.console.text().splitlines() if ' upload put-failed ' in line]
    return [line.split(' why="')[1].split('"')[0] if 'what="TLS handshake"' in line else '' for line in lines]


def foreign_certificates(life):
    """Another certificate (unknown root, wrong name, self-signed, expired) gets no request; the right one does again."""
    folder = life.lab.folder
    pairs = {'unknown root': certs.issue(folder, 'foreign', aws.NAMES, *certs.stranger(folder)),
             'self-signed': certs.self_signed(folder, 'self-signed', aws.HOSTS),
             'wrong name': certs.issue(folder, 'other-name', ['elsewhere.example']),
             'expired': certs.issue(folder, 'expired', aws.NAMES, days=0)}
    time.sleep(1.1)
    for what, pair in pairs.items():
        before = len(life.said())
        with life.lab.front.certificate(pair), life.lab.front.misbehave('lost', count=8):
            life.wait(lambda: 'TLS handshake' in life.said()[before:], 60, f'refusal of {what}')
        life.recovers()
        told = set(refusals(life)[before:]) - {''}
        assert told == {WHY[what]}, f'{what}: {told}'


def nothing_lost_or_doubled(life):
    """After all of it each object is stored once, the same bytes, its name free or -rN; no number is missing; every packet is there."""
    stored = life.stored()
    assert len(stored) == len(set(stored)), 'a name was stored twice'
    for check in evidence.CHECKS:
        if check is not evidence.check_free:  # one name was taken on purpose
            check(life.evidence)
    down = life.evidence.events('shutdown')[-1]
    assert down['lost'] == 0 and down['packets'] == sum(map(len, life.evidence.recorded().values())), down
    assert sum('-r1.' in o.name for o in life.evidence.objects) == 1, 'the taken name was not stood beside'


def kms_on_a_bad_day(lab, name, faults):
    """Each error of KMS is overcome before arming; a wrong key, a short key or half an answer is never used."""
    before = len(lab.front.entries())
    with contextlib.ExitStack() as stack:
        for how in faults:
            stack.enter_context(lab.front.misbehave(service='kms', count=1, **how))
        life = stack.enter_context(Life(lab, name))
        life.appliance.console.wait_armed(120)
        met = [e['fault'] for e in lab.front.entries()[before:] if e.get('fault') and e.get('service') == 'kms']
        assert len(met) == len(faults), met
        life.recovers()
        life.appliance.stop()


def over_mbed_tls(lab):
    """An appliance built over Mbed TLS arms, records and ships the same way, by TLS 1.3."""
    with Life(lab, 'mbed', MBED_INIT) as life:
        life.appliance.console.wait_armed(60)
        life.recovers()
        life.appliance.stop()


def main():
    report = testing.Report(testing.pattern())
    with Surroundings('misbehave') as lab:
        for name, faults in KMS.items():
            report.run(kms_on_a_bad_day, lab, 'kms-' + name, faults, about=f' ({name} row)')
        earlier = objects.collect(lab).boots() if objects.list_names(lab.store) else set()
        with Life(lab, 'appliance') as life:
            life.appliance.console.wait_armed(60)
            for name, step in S3.items():
                report.run(misbehaviour, life, *step, about=f': {name}')
            for check in (moved_bucket, expired_credentials, wrong_clock, foreign_certificates):
                report.run(check, life)
            life.appliance.stop()
        life.evidence = objects.collect(lab, earlier)
        report.run(nothing_lost_or_doubled, life)
        report.run(over_mbed_tls, lab)
    report.finish()


main()
