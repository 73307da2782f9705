#!/usr/bin/env python3
"""front_test: the lab's front lets through what the appliance promises, as botocore signs it, and nothing else: the other tests can fail.

front_test.py [-k PATTERN]. Needs root. Logs stay in build/lab/front/.
"""
import base64
import datetime
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, certs, ledger, metadata, testing  # noqa: E402
from lab.evidence import CONTEXT, META  # noqa: E402
from lab.surroundings import AWS, Surroundings  # noqa: E402

BODY = b'sealed ' * 3000
TOPIC = f'arn:aws:sns:{metadata.REGION}:{metadata.ACCOUNT}:watch'
FORM = 'application/x-www-form-urlencoded'
TCP_CLOSE = 7  # linux/include/net/tcp_states.h; after a reset. After an orderly end it is CLOSE_WAIT
# Signs what it is given as JSON on standard input, by botocore; runs where botocore is.
SIGNER = """
import json, sys
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
for line in sys.stdin:
    q = json.loads(line)
    signer = (S3SigV4Auth if q['service'] == 's3' else SigV4Auth)(Credentials(*q['keys']), q['service'], q['region'])
    r = AWSRequest(q['method'], 'https://' + q['host'] + q['path'], data=q['body'].encode('latin-1'))
    for name, value in q['headers']:
        r.headers[name] = value
    r.context['timestamp'] = q['date']
    canonical = signer.canonical_request(r)
    names = signer.signed_headers(signer.headers_to_sign(r))
    signature = signer.signature(signer.string_to_sign(r, canonical), r)
    scope = f'{q["keys"][0]}/{signer.credential_scope(r)}'
    print(f'AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}', flush=True)
"""


class Signer:
    def __init__(self):
        self.child = subprocess.Popen([ledger.interpreter(), '-c', SIGNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sign(self, **question):
        self.child.stdin.write(json.dumps(question) + '\n')
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()


class Call:
    """One request of the appliance's kind; what is changed before seal() is signed with it."""

    def __init__(self, lab, service, number=0):
        self.lab, self.service, self.region = lab, service, metadata.REGION
        self.host = self.sni = {'s3': aws.S3_HOST, 'kms': aws.KMS_HOST, 'monitoring': aws.MONITORING_HOST, 'sns': aws.SNS_HOST}[service]
        self.scope_service, self.version, self.cipher, self.offset_s, self.after = service, 'HTTP/1.1', 'ECDHE+AESGCM', 0, b''
        self.keys = [lab.amazon.role_keys[k] for k in ('AccessKeyId', 'SecretAccessKey', 'SessionToken')]
        self.method, self.path = ('PUT' if service == 's3' else 'POST'), '/'
        self.headers, self.authorization = {}, None
        getattr(self, service)(number)

    def s3(self, number):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.path = f'/{aws.PREFIX}/{metadata.ACCOUNT}/{metadata.REGION}/lab/{now:%Y/%m/%d/%H}/packets/front-{number}.pcapng.zst.encrypted'
        self.body = BODY
        self.headers = {'Content-Type': 'application/octet-stream', 'If-None-Match': '*', 'X-Amz-Sdk-Checksum-Algorithm': 'SHA256',
                        'X-Amz-Expected-Bucket-Owner': metadata.ACCOUNT, 'User-Agent': 'sealtap',
                        **{f'X-Amz-Meta-Sealtap-{name.title()}': '1' for name in META}, **digests(BODY)}

    def kms(self, _):
        self.members = {'KeyId': self.lab.amazon.key_arn, 'NumberOfBytes': 32, 'EncryptionContext': dict.fromkeys(sorted(CONTEXT), 'x')}
        self.body = b''
        self.headers = {'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'TrentService.GenerateDataKey'}

    def monitoring(self, _):
        self.body = (b'Action=PutMetricData&Version=2010-08-01&Namespace=Lab%2Ftap&MetricData.member.1.MetricName=PacketsRecorded'
                     b'&MetricData.member.1.Unit=Count&MetricData.member.1.Value=3')
        self.headers = {'Content-Type': FORM, 'User-Agent': 'sealtap'}

    def sns(self, _):
        self.body = f'Action=Publish&Version=2010-03-31&TopicArn={TOPIC}&Subject=a&Message=b'.replace(':', '%3A').encode()
        self.headers = {'Content-Type': FORM, 'User-Agent': 'sealtap'}

    def seal(self):
        if self.service == 'kms' and not self.body:
            self.body = json.dumps(self.members).encode()
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.offset_s)
        self.date = f'{moment:%Y%m%dT%H%M%SZ}'
        self.headers = {'Host': self.host, 'Content-Length': str(len(self.body)), **self.headers, 'X-Amz-Date': self.date,
                        'X-Amz-Security-Token': self.keys[2]}
        self.pairs = list(self.headers.items())

    def sign(self):
        signed = [p for p in self.pairs if p[0] != 'User-Agent']
        self.pairs.append(('Authorization', SIGN.sign(service=self.scope_service, region=self.region, method=self.method, host=self.host,
                                                      path=self.path, body=self.body.decode('latin-1'), headers=signed, keys=self.keys,
                                                      date=self.date)))

    def replace(self, name, value):
        self.pairs = [(n, value if n == name else v) for n, v in self.pairs]

    def drop(self, name):
        self.pairs = [p for p in self.pairs if p[0] != name]

    def send(self):
        """The answer, from a host that is no neighbour of the servers."""
        tls = ssl.create_default_context(cafile=certs.CA)
        tls.check_hostname = False
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers(self.cipher)
        raw = self.lab.router.socket()
        raw.settimeout(20)
        raw.connect((AWS, 443))
        head = '\r\n'.join([f'{self.method} {self.path} {self.version}', *(f'{n}: {v}' for n, v in self.pairs), '', ''])
        with tls.wrap_socket(raw, server_hostname=self.sni, suppress_ragged_eofs=False) as s:
            try:
                s.sendall(head.encode('latin-1') + self.body + self.after)
                return read_answer(s)
            except OSError as e:  # the ssl module says EOF of a reset, too: the kernel knows which it was
                state = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
                raise Ended('reset' if state == TCP_CLOSE else 'cut', str(e)) from e


class Ended(Exception):
    """(how, why): a connection's end in the middle."""


def digests(body):
    digest = hashlib.sha256(body)
    return {'X-Amz-Content-Sha256': digest.hexdigest(), 'X-Amz-Checksum-Sha256': base64.b64encode(digest.digest()).decode()}


def read_answer(s):
    data = b''
    while True:
        head, end, body = data.partition(b'\r\n\r\n')
        length = [int(line.split(b':')[1]) for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')]
        if end and length and len(body) >= length[0]:
            return int(head.split()[1]), body.decode()
        got = s.recv(65536)
        assert got, f'closed after {data!r}'
        data += got


def member(name, value):
    return lambda c: c.members.update({name: value})


def header(name, value):
    return lambda c: c.headers.update({name: value})


def attribute(**values):
    return lambda c: [setattr(c, name, value) for name, value in values.items()]


def later(change, *args):
    """A change after the signature was made."""
    return lambda c: setattr(c, 'late', lambda: change(c, *args))


def unsealed(change, *args):
    """A change of the complete request just before it is signed."""
    return lambda c: setattr(c, 'mid', lambda: change(c, *args))


def change_signature(call):
    value = call.pairs[-1][1]
    call.replace('Authorization', value[:-1] + 'f0'[value[-1] == 'f'])


OTHER = hashlib.sha256(b'').digest()
CORRUPTIONS = [  # violation, service, what is wrong, the change
    ('signature', 's3', 'a changed signature', later(change_signature)),
    ('signature', 's3', 'a header changed after signing', later(Call.replace, 'X-Amz-Meta-Sealtap-Records', '2')),
    ('signature', 'kms', 'a body changed after signing', later(lambda c: setattr(c, 'body', c.body.replace(b'"x"', b'"y"')))),
    ('signature', 'sns', 'another secret', lambda c: c.keys.__setitem__(1, 'another')),
    ('signed-headers', 's3', 'an unsigned If-None-Match', attribute(unsigned='If-None-Match')),
    ('signed-headers', 'kms', 'an unsigned target', attribute(unsigned='X-Amz-Target')),
    ('signed-headers', 's3', 'signed headers not sorted', later(lambda c: c.replace('Authorization', c.pairs[-1][1].replace(
        'content-length;content-type', 'content-type;content-length')))),
    *(('skew', service, f'a clock 15.5 minutes {what}', attribute(offset_s=offset_s))
      for service in ('s3', 'kms', 'monitoring', 'sns') for what, offset_s in (('behind', -930), ('ahead', 930))),
    ('scope', 's3', 'another region', attribute(region='us-east-1')),
    ('scope', 'kms', 'another service', attribute(scope_service='s3')),
    ('scope', 'sns', 'another day', later(lambda c: c.replace('Authorization', c.pairs[-1][1].replace(c.date[:8], '20200101')))),
    ('authorization', 's3', 'no scope', later(Call.replace, 'Authorization', 'AWS4-HMAC-SHA256 Credential=x')),
    ('date', 's3', 'a date of another form', unsealed(Call.replace, 'X-Amz-Date', '2026-01-01T00:00:00Z')),
    ('body-hash', 's3', 'another body\'s hash', header('X-Amz-Content-Sha256', OTHER.hex())),
    ('body-hash', 's3', 'a body changed under way', later(lambda c: setattr(c, 'body', c.body[:-1] + b'!'))),
    ('unsigned-payload', 's3', 'an unsigned body', header('X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD')),
    ('checksum', 's3', 'another checksum', header('X-Amz-Checksum-Sha256', base64.b64encode(OTHER).decode())),
    ('checksum-algorithm', 's3', 'another checksum algorithm', header('X-Amz-Sdk-Checksum-Algorithm', 'CRC32')),
    ('if-none-match', 's3', 'no If-None-Match', unsealed(Call.drop, 'If-None-Match')),
    ('if-none-match', 's3', 'an If-None-Match of something', header('If-None-Match', '"abc"')),
    ('bucket-owner', 's3', 'no expected bucket owner', unsealed(Call.drop, 'X-Amz-Expected-Bucket-Owner')),
    ('bucket-owner', 's3', 'another expected bucket owner', header('X-Amz-Expected-Bucket-Owner', '999999999999')),
    ('host', 's3', 'another Host than the certificate\'s name', attribute(host=aws.KMS_HOST)),
    ('sni', 's3', 'a name that is no service\'s', attribute(sni='www.example.test')),
    ('token-missing', 's3', 'no session token', unsealed(Call.drop, 'X-Amz-Security-Token')),
    ('token', 'kms', 'another session\'s token', lambda c: c.keys.__setitem__(2, 'another')),
    ('access-key', 'kms', 'a key that is not the role\'s', lambda c: c.keys.__setitem__(0, 'AKIAANOTHER')),
    ('duplicate-header', 's3', 'a header twice', unsealed(lambda c: c.pairs.append(('x-amz-meta-sealtap-lost', '1')))),
    ('unknown-header', 's3', 'an ACL', header('X-Amz-Acl', 'public-read')),
    ('unknown-header', 'kms', 'a cookie', header('Cookie', 'a=b')),
    ('missing-header', 's3', 'no signature of the object', unsealed(Call.drop, 'X-Amz-Meta-Sealtap-Sig')),
    ('query', 's3', 'a query', lambda c: setattr(c, 'path', c.path + '?acl')),
    ('method', 's3', 'a GET', attribute(method='GET')),
    ('method', 's3', 'a DELETE', attribute(method='DELETE')),
    ('path', 'kms', 'a path', attribute(path='/other')),
    ('object-name', 's3', 'a name outside of the prefix', lambda c: setattr(c, 'path', c.path.replace(aws.PREFIX, 'elsewhere'))),
    ('object-name', 's3', 'another appliance\'s name', lambda c: setattr(c, 'path', c.path.replace('/lab/20', '/other/20'))),
    ('object-name', 's3', 'a name with ..', lambda c: setattr(c, 'path', c.path.replace('/packets/', '/../'))),
    ('target', 'kms', 'Decrypt', header('X-Amz-Target', 'TrentService.Decrypt')),
    ('kms-members', 'kms', 'a further member', member('GrantTokens', [])),
    ('kms-members', 'kms', 'no JSON', attribute(body=b'{"KeyId":')),
    ('kms-key', 'kms', 'another key', member('KeyId', 'alias/other')),
    ('kms-bytes', 'kms', 'a key of 16 bytes', member('NumberOfBytes', 16)),
    ('kms-context', 'kms', 'an empty encryption context', member('EncryptionContext', {})),
    ('content-type', 'kms', 'another content type', header('Content-Type', 'application/json')),
    ('user-agent', 's3', 'another user agent', header('User-Agent', 'curl')),
    ('content-length', 's3', 'more bytes than announced', attribute(after=b'GET')),
    ('content-length', 's3', 'a length with a sign', unsealed(Call.replace, 'Content-Length', f'+{len(BODY)}')),
    ('content-length', 's3', 'no length', unsealed(Call.drop, 'Content-Length')),
    ('transfer-encoding', 's3', 'a transfer encoding', header('Transfer-Encoding', 'chunked')),
    ('http-version', 's3', 'HTTP/1.0', attribute(version='HTTP/1.0')),
    ('syntax', 's3', 'a header without a blank behind its colon', later(lambda c: c.pairs.append(('User-Agent:sealtap\r\nX', 'y')))),
    ('cipher-suite', 's3', 'a suite that nobody promised', attribute(cipher='ECDHE+CHACHA20')),
    ('action', 'monitoring', 'another action', lambda c: setattr(c, 'body', c.body.replace(b'PutMetricData&', b'DeleteAlarms&'))),
    ('action', 'sns', 'another version', lambda c: setattr(c, 'body', c.body.replace(b'2010-03-31', b'2011-01-01'))),
    ('form', 'sns', 'a further member', lambda c: setattr(c, 'body', c.body + b'&PhoneNumber=1')),
    ('form', 'monitoring', 'a member twice', lambda c: setattr(c, 'body', c.body + b'&Namespace=other')),
    ('not-configured', 'sns', 'another topic', lambda c: setattr(c, 'body', c.body.replace(b'watch', b'other'))),
    ('not-configured', 'monitoring', 'another namespace', lambda c: setattr(c, 'body', c.body.replace(b'Lab', b'Other'))),
]


def make(lab, service, number, change=None):
    call = Call(lab, service, number)
    call.late = call.mid = lambda: None
    call.unsigned = None
    if change:
        change(call)
    call.seal()
    call.mid()
    aside = [p for p in call.pairs if p[0] == call.unsigned]
    call.drop(call.unsigned)
    call.sign()
    call.pairs[-1:-1] = aside
    call.late()
    return call


def last(lab):
    return [e for e in lab.front.entries() if e['verdict'] != 'passed'][-1]


def promised(lab, service):
    """A request as promised, signed by botocore, is passed on and answered by moto"""
    status, body = make(lab, service, 'good').send()
    assert (status, last(lab)['verdict']) == (200, 'ok'), f'{status} {body}: {last(lab)}'


def refused(lab, name, service, change, number):
    """Refused by name"""
    before = len(lab.front.violations())
    status, body = make(lab, service, number, change).send()
    told = lab.front.violations()[before:]
    assert [e['verdict'] for e in told] == [name], f'{status} {body}: {last(lab)}'
    assert status >= 400 and ('Code>' in body or '__type' in body), f'{status} {body}'
    assert told[0]['expected'] and not told[0].get('stored'), told


def small_skew(lab):
    """A clock up to 15 minutes off, 14.5 either way, is good enough for each service."""
    for number, (service, offset_s) in enumerate((s, o) for s in ('s3', 'kms', 'monitoring', 'sns') for o in (-870, 870)):
        status, body = make(lab, service, f'skewed-{number}', attribute(offset_s=offset_s)).send()
        assert (status, last(lab)['verdict']) == (200, 'ok'), f'{service} {offset_s}: {status} {body}: {last(lab)}'


def other_bytes(lab):
    """A second PUT of a stored name is answered 412, and with other bytes it is a violation."""
    status, _ = make(lab, 's3', 'good').send()
    assert (status, last(lab)['verdict']) == (412, 'ok'), f'{status} {last(lab)}'

    def change(call):
        call.body = BODY + b'!'
        call.headers.update(digests(call.body))
    status, _ = make(lab, 's3', 'good', change).send()
    assert (status, last(lab)['verdict']) == (412, 'other-bytes'), f'{status} {last(lab)}'


def only_where_configured(lab):
    """Metrics and alarms of a life that is not configured for them are refused."""
    lab.configuration()
    for service in ('monitoring', 'sns'):
        refused(lab, 'not-configured', service, None, 0)


def old_tls(lab):
    """TLS 1.1 finds no version in common."""
    warnings.simplefilter('ignore', DeprecationWarning)
    tls = ssl.create_default_context(cafile=certs.CA)
    tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers('ALL:@SECLEVEL=0')
    raw = lab.router.socket()
    raw.connect((AWS, 443))
    try:
        tls.wrap_socket(raw, server_hostname=aws.S3_HOST)
    except (ssl.SSLError, socket.error):
        return
    raise AssertionError('TLS 1.1 was accepted')


def outcome(lab, service, number):
    """(status, body) of a request, or how the connection ended without an answer ('reset', 'cut', orderly: 'closed'), and why."""
    try:
        return make(lab, service, number).send()
    except Ended as e:
        return e.args
    except AssertionError as e:
        return 'closed', str(e)
    except OSError as e:
        return 'no connection', str(e)


CUT = {'cut', 'reset'}  # a bare end; the alert that TLS sends then may be answered by a reset
MISBEHAVIOURS = [  # kind, service, how, the answer's status or how it may end, what is in its body, whether it is stored all the same
    ('error', 's3', {'status': 503, 'code': 'SlowDown', 'message': 'a'}, 503, '<Code>SlowDown', False),
    ('error', 's3', {'status': 307, 'code': 'TemporaryRedirect', 'message': 'a', 'headers': {'Location': 'https://a.example/'}}, 307,
     'TemporaryRedirect', False),
    ('error', 'kms', {'status': 400, 'code': 'DisabledException', 'message': 'a'}, 400, '"DisabledException"', None),
    ('error-in-200', 's3', {'code': 'InternalError', 'message': 'a'}, 200, '<Code>InternalError', False),
    ('lost', 's3', {}, {'closed'}, 'closed after b\'\'', True),
    ('close', 's3', {}, 200, '', True),
    ('truncated', 's3', {}, {'closed'}, 'closed after', True),
    ('unframed', 's3', {}, CUT, '', True),
    ('stall-answer', 's3', {'seconds': 1}, 200, '', True),
    ('stall-read', 's3', {'seconds': 1}, 200, '', True),
    ('reset', 's3', {'at': 5000}, {'reset'}, '', False),
    ('members', 'kms', {'members': {'Plaintext': base64.b64encode(bytes(31)).decode()}}, 200, base64.b64encode(bytes(31)).decode(), None),
    ('cut-json', 'kms', {}, 200, '{', None),
]


def misbehaves(lab, number, kind, service, how, status, text, stored):
    """Told to misbehave it does, as often as told, and its book says so"""
    name = f'bad-{number}'
    with lab.front.misbehave(kind, service, 1, **how) as met:
        got = outcome(lab, service, name)
        assert got[0] in (status if isinstance(status, set) else {status}) and text in got[1], got
        assert len(met()) == 1 and bool(met()[0].get('stored')) == bool(stored) or service == 'kms', met()
        after = outcome(lab, service, name)
    assert after[0] == (412 if stored else 200), after


def wrong_certificates(lab):
    """Another certificate is shown to the appliance's side alone, for the time of a block."""
    ca, ca_key = certs.stranger(lab.folder)
    stranger = certs.issue(lab.folder, 'unknown', aws.NAMES, ca, ca_key)
    with lab.front.certificate(stranger):
        status, why = outcome(lab, 's3', 'certificate')
        assert status == 'no connection' and 'CERTIFICATE_VERIFY_FAILED' in why, why
        lab.amazon.kms('ListKeys')
    assert outcome(lab, 's3', 'certificate')[0] == 200


def clock_and_credentials(lab):
    """A clock 20 minutes off is AWS's error with AWS's date; expired keys are told so until there are new ones."""
    lab.front.tell(clock_offset_s=1200)
    assert 'RequestTimeTooSkewed' in outcome(lab, 's3', 'skewed')[1]
    assert 'Signature expired' in outcome(lab, 'kms', 0)[1]
    lab.front.tell(clock_offset_s=-1200)
    assert 'Signature not yet current' in outcome(lab, 'kms', 0)[1]
    lab.front.tell(clock_offset_s=0)
    lab.front.expire()
    assert 'ExpiredToken' in outcome(lab, 's3', 'expired')[1] and 'ExpiredTokenException' in outcome(lab, 'kms', 0)[1]
    lab.amazon.role_keys = lab.amazon.next_keys
    lab.front.credentials(lab.amazon.role_keys)
    assert outcome(lab, 's3', 'expired')[0] == outcome(lab, 'kms', 0)[0] == 200


def check_fails(lab):
    """The end of a test fails when a violation was not announced, and only then."""
    lab.front.check()
    expected = lab.front.state['expected']
    lab.front.expect()
    refused_unannounced(lab)
    try:
        lab.front.check()
    except AssertionError as e:
        assert 'method: GET' in str(e), e
    else:
        raise AssertionError('a violation went unnoticed')
    finally:
        os.truncate(lab.front.log, 0)
        lab.front.expect(*expected)


def refused_unannounced(lab):
    status, _ = make(lab, 's3', 'get', attribute(method='GET')).send()
    assert status == 405, status


def main():
    report = testing.report()
    with Surroundings('front') as lab:
        lab.amazon.allow(aws.PUT, aws.GENERATE, aws.METRICS, aws.PUBLISH)
        assert lab.amazon.query('sns', '2010-03-31', 'CreateTopic', Name='watch').find('.//{*}TopicArn').text == TOPIC
        lab.configuration(metrics__namespace='Lab/tap', alarm__topic=TOPIC)
        lab.front.expect(*{name for name, *_ in CORRUPTIONS}, 'other-bytes')
        for service in ('s3', 'kms', 'monitoring', 'sns'):
            report.run(promised, lab, service, about=f' ({service})', always=True)
        for number, (name, service, what, change) in enumerate(CORRUPTIONS):
            report.run(refused, lab, name, service, change, number, about=f' {name} ({service}): {what}')
        for number, row in enumerate(MISBEHAVIOURS):
            report.run(misbehaves, lab, number, *row, about=f': {row[0]} ({row[1]}{", " + row[2]["code"] if "code" in row[2] else ""})')
        for test in (small_skew, wrong_certificates, clock_and_credentials, other_bytes, only_where_configured, old_tls, check_fails):
            report.run(test, lab)
    report.finish()


SIGN = Signer()
try:
    main()
finally:
    SIGN.child.stdin.close()
    SIGN.child.wait()
