#!/usr/bin/env python3
"""misbehave_test: AWS as it may be on a bad day: for each misbehaviour, what the appliance does; nothing is lost, doubled or overwritten.

misbehave_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/misbehave/.
"""
import contextlib
import datetime
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, certs, evidence, objects, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INIT, INJECTED, MBED, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402


def error(status, code, **headers):
    return {'kind': 'error', 'status': status, 'code': code, 'message': 'for a test', 'headers': headers}


WARN, ALARM = 'warn', 'alarm'  # the log's levels: it passes by itself; a person has to act
SAID = re.compile(r'sealtap: (\w+) upload put-failed .* what=("[^"]*"|\S+)')

TAKEN = 'a name that is taken'
# the front's misbehaviour, how many requests meet it, what the log says of it, and how loud (a warning)
S3 = {
    'SlowDown': (error(503, 'SlowDown'), 4, {'SlowDown'}),
    '500 after the whole body': (error(500, 'InternalError'), 2, {'InternalError'}),
    'an answer lost after the object was stored': ({'kind': 'lost'}, 2, {'answer'}),
    # the first is on a kept connection and quietly repeated on a new one
    'a reset in the head of the body': ({'kind': 'reset', 'at': 1}, 2, {'send', 'answer'}),
    'a reset further on': ({'kind': 'reset', 'at': 600}, 2, {'send', 'answer'}),
    'an error in a 200': ({'kind': 'error-in-200', 'code': 'InternalError', 'message': 'm'}, 1, {'InternalError'}),
    'a truncated answer': ({'kind': 'truncated'}, 1, {'answer'}),
    'an answer without an end': ({'kind': 'unframed'}, 1, {'answer'}),
    'a conflict': (error(409, 'ConditionalRequestConflict'), 1, {'ConditionalRequestConflict'}),
    TAKEN: (error(412, 'PreconditionFailed'), 1, {'PreconditionFailed'}, ALARM),
    'a refusal for a while': (error(403, 'AccessDenied'), 3, {'AccessDenied'}, ALARM),
    'a redirect to a foreign host': (error(307, 'TemporaryRedirect', Location='https://elsewhere.example/x'), 2, {'TemporaryRedirect'},
                                     ALARM),
    'a redirect to another partition': (error(301, 'PermanentRedirect', **{'x-amz-bucket-region': 'us-gov-west-1'}), 2,
                                        {'PermanentRedirect'}, ALARM),
}
# under a clock that leaps: it gives up after 20 s
STALLS = {
    'a server that stalls before the body': ({'kind': 'stall-read', 'seconds': 8}, 1, {'send', 'answer'}),
    'a server that stalls before the answer': ({'kind': 'stall-answer', 'seconds': 8}, 1, {'answer'}),
}
LEAP_S = 4  # less than it waits for a connection
KMS = {
    'first': [error(400, 'ThrottlingException'), error(500, 'KMSInternalException'), error(500, 'DependencyTimeoutException'),
              {'kind': 'members', 'members': {'Plaintext': 'A' * 40 + 'AA=='}}, {'kind': 'cut-json'}],
    'second': [error(500, 'KeyUnavailableException'), error(400, 'DisabledException'), error(400, 'AccessDeniedException'),
               {'kind': 'members', 'members': {'KeyId': 'arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000'}},
               {'kind': 'lost'}],
}


class Life:
    """Traffic makes an object a second (or every second leap); each misbehaviour is met, told, ended and overcome before the next."""

    def __init__(self, lab, name, init=INIT, clock=None):
        self.lab, self.clock = lab, clock
        self.appliance = Host(lab, name, lab.configuration(object__max_seconds=2 * LEAP_S if clock else 1), verbose=True, init=init)

    def __enter__(self):
        self.appliance.__enter__()
        return self

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    def said(self):
        """What the log has said of failed PUTs: [(level, what)]."""
        return [(level, what.strip('"')) for level, what in SAID.findall(self.appliance.console.text())]

    def count(self, text):
        return self.appliance.console.text().count(text)

    def stored(self):
        return [e['path'] for e in self.lab.front.entries() if e.get('stored')]

    def wait(self, ready, timeout_s, what):
        """With a little traffic all the time; under a test's clock time passes."""
        def ready_after_traffic():
            traffic.ping(self.lab, 1)
            if self.clock:
                self.clock.leap(LEAP_S)
            return ready()
        self.appliance.process.wait_for(ready_after_traffic, timeout_s, what)

    def recovers(self):
        before = len(self.stored())
        self.wait(lambda: len(self.stored()) >= before + 2, 60, 'recovery')

    def meets(self, how, count, words, level=WARN, service='s3'):
        before, words = len(self.said()), {(level, word) for word in words}
        with self.lab.front.misbehave(service=service, count=count, **how) as met:
            self.wait(lambda: len(met()) >= count, 60, how['kind'])
            self.wait(lambda: set(self.said()[before:]) & words, 60, f'word of it in {self.said()[before:]}')
        self.recovers()
        strange = set(self.said()[before:]) - words
        assert not strange, f'{strange} was said'


def signed_at(entry):
    """When, as the request itself says."""
    return datetime.datetime.strptime(entry['date'] + '+0000', '%Y%m%dT%H%M%SZ%z').timestamp()


def misbehaviour(life, how, count, words, level=WARN):
    """It is told in the log, as an alarm where it will not pass by itself, and overcome when it ends"""
    life.meets(how, count, words, level)


def long_answer(life):
    """S3's longest answer, to a signature that it does not find right, is read whole: an alarm with AWS's id of the request."""
    life.meets({'kind': 'signature'}, 2, {'SignatureDoesNotMatch'}, ALARM)
    met = [e['answer_bytes'] for e in life.lab.front.entries() if e.get('fault') == 'signature']
    assert min(met) > 12000, met
    assert life.count(' what=SignatureDoesNotMatch request_id=4442587FB7D0A2F9 ') == len(met), 'the request has no id'


def moved_bucket(life):
    """A bucket that is in another region is found there, and back here when it returns; the region comes from the answer alone."""
    for region, host in ((aws.OTHER_REGION, aws.OTHER_S3_HOST), (aws.metadata.REGION, aws.S3_HOST)):
        life.meets(error(301, 'PermanentRedirect', **{'x-amz-bucket-region': region}), 1, {'PermanentRedirect'})
        life.wait(lambda: life.lab.front.entries()[-1]['host'] == host, 30, f'request at {host}')
    assert 'elsewhere.example' not in life.lab.dnsmasq.output(), 'a foreign host was looked for'


def expired_credentials(life):
    """Credentials that expire in the middle are fetched anew, and nothing else is signed with the old ones."""
    front, new = life.lab.front, life.lab.amazon.next_keys
    first = len(front.entries())
    front.credentials(new, expire=True)
    life.lab.metadata.credentials(new)
    life.wait(lambda: life.count(' credentials-renewed '), 30, 'renewal')
    renewed = time.time()
    life.recovers()
    ours = {k['AccessKeyId'] for k in front.state['keys']}
    late = [e for e in front.entries()[first:] if e.get('key') in ours and signed_at(e) > renewed - 1]
    assert len([e for e in late if e['verdict'] == 'ok']) >= 2, late
    old = [e for e in late if e['key'] != new['AccessKeyId'] and signed_at(e) > renewed]
    assert not old, f'signed with the old keys: {old}'


def wrong_clock(life):
    """A clock that is 20 minutes off, either way and back, is corrected by the answer's date, and said."""
    life.lab.front.expect('skew')
    said = len(life.said())
    for offset_s in (1200, -1200, 0):
        before = life.count(' clock-offset ')
        life.lab.front.tell(clock_offset_s=offset_s)
        life.wait(lambda: life.count(' clock-offset ') > before, 30, 'correction')
        life.recovers()
    assert set(life.said()[said:]) == {(WARN, 'RequestTimeTooSkewed')}, life.said()[said:]


def foreign_clock(life):
    """A date that is 25 hours off, either way, is refused with an alarm: nothing is signed for it, and all goes on when it is gone."""
    front = life.lab.front
    front.expect('skew')
    first, corrected = len(front.entries()), life.count(' clock-offset ')
    for offset_s in (90000, -90000):
        before = life.count(' alarm keys clock-offset-refused ')
        front.tell(clock_offset_s=offset_s)
        life.wait(lambda: life.count(' alarm keys clock-offset-refused ') >= before + 2, 60, 'refusal of the date')
        front.tell(clock_offset_s=0)
        life.recovers()
    off = [e for e in front.entries()[first:] if e.get('date') and abs(signed_at(e) - e['time']) > 60]
    assert not off and life.count(' clock-offset ') == corrected, f'signed for another time: {off}'


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
            life.wait(lambda: (ALARM, 'TLS handshake') in life.said()[before:], 60, f'refusal of {what}')
        life.recovers()
        told = set(refusals(life)[before:]) - {''}
        assert told == {WHY[what]}, f'{what}: {told}'


def shutdown_in_an_outage(life):
    """A shutdown waits for no Retry-After of five minutes: what an outage held up is shipped as soon as it ends."""
    with life.lab.front.refuses(headers={'Retry-After': '300'}):
        before = len(life.said())
        life.wait(lambda: (WARN, 'SlowDown') in life.said()[before:], 30, 'outage')
        life.appliance.process.send(signal.SIGTERM)
        life.appliance.console.wait('shutting down', 10)
        time.sleep(3)
        assert life.appliance.process.running(), 'it did not wait for the outage to end'
    life.appliance.stop(30)


def nothing_lost_or_doubled(lives):
    """After all of it each object is stored once, the same bytes, its name free or -rN; no number is missing; every packet is there."""
    stored = lives[0].stored()
    assert len(stored) == len(set(stored)), 'a name was stored twice'
    for life in lives:
        for check in evidence.CHECKS:
            if check is not evidence.check_free:  # one name was taken on purpose
                check(life.evidence)
        down = life.evidence.events('shutdown')[-1]
        assert down['lost'] == 0 and down['packets'] == sum(map(len, life.evidence.recorded().values())), down
    beside = [o.name for life in lives for o in life.evidence.objects if o.part['again']]
    assert len(beside) == 1 and '-r1.' in beside[0], 'the taken name was not stood beside'


def kms_on_a_bad_day(lab, clock, name, faults):
    """Each error of KMS is overcome before arming; a wrong key, a short key or half an answer is never used."""
    before = len(lab.front.entries())
    with contextlib.ExitStack() as stack:
        for how in faults:
            stack.enter_context(lab.front.misbehave(service='kms', count=1, **how))
        life = stack.enter_context(Life(lab, name, INJECTED, clock))
        clock.pass_time(120, LEAP_S, until=lambda: 'sealtap: ARMED' in life.appliance.console.text())
        life.appliance.console.wait_armed(5)
        met = [e['fault'] for e in lab.front.entries()[before:] if e.get('fault') and e.get('service') == 'kms']
        assert len(met) == len(faults), met
        life.recovers()
        life.appliance.stop()


def no_fips_endpoint(lab):
    """Where a FIPS endpoint's name does not resolve, the console says that the region may have none."""
    with Host(lab, 'fips', lab.configuration(endpoint__fips='yes')) as appliance:
        said = appliance.console.wait_closed('kms', 60)
        assert 'GenerateDataKey at kms-fips.' in said and 'this region may have no FIPS endpoint' in said, said


def over_mbed_tls(lab):
    """An appliance built over Mbed TLS arms, records and ships the same way, by TLS 1.3."""
    with Life(lab, 'mbed', MBED) as life:
        life.appliance.console.wait_armed(60)
        life.recovers()
        life.appliance.stop()


def play(report, life, misbehaviours, others=()):
    """A life through all of these, and what it shipped."""
    with life:
        life.appliance.console.wait_armed(60)
        for name, step in misbehaviours.items():
            report.run(misbehaviour, life, *step, about=f': {name}', always=name == TAKEN and report.wants(nothing_lost_or_doubled))
        for check in others:
            report.run(check, life)
        life.appliance.stop()
    life.evidence = objects.collect(life.lab)
    return life


def main():
    report = testing.report()
    others = long_answer, moved_bucket, expired_credentials, wrong_clock, foreign_clock, foreign_certificates, shutdown_in_an_outage
    with Surroundings('misbehave') as lab:
        with Clock(lab) as clock:
            for name, faults in KMS.items():
                report.run(kms_on_a_bad_day, lab, clock, 'kms-' + name, faults, about=f' ({name} row)')
            objects.pass_over(lab)
            lives = [play(report, Life(lab, 'stalls', INJECTED, clock), STALLS)]
        lives.append(play(report, Life(lab, 'appliance'), S3, others))
        report.run(nothing_lost_or_doubled, lives)
        report.run(no_fips_endpoint, lab)
        report.run(over_mbed_tls, lab)
    report.finish()


main()
