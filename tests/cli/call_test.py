#!/usr/bin/env python3
"""call_test.py: requests to AWS as the operator's command makes them: signed as botocore signs, tried again where that helps, and what is
final told in a sentence, before a server that misbehaves in each way that S3 and its network have."""
import email.utils
import json
import os
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import botocore.auth  # noqa: E402
import botocore.awsrequest  # noqa: E402
import botocore.credentials  # noqa: E402

from lab import certs, operatorlab, testing  # noqa: E402

report = testing.report()
NEVER_SIGNED = {'authorization', 'user-agent', 'connection'}


def error(code, status=400, **headers):
    """An error as S3 answers it."""
    body = f'<Error><Code>{code}</Code><Message>so it is</Message></Error>'
    return status, body.encode(), {k.replace('_', '-'): v for k, v in headers.items()}


def is_s3(request):
    return 'amz-target' not in ' '.join(request.headers) and not request.action


class Rule:
    """answer(request) for the first `times` requests of S3 that it gives one for; counts them."""

    def __init__(self, front, answer, times=1):
        self.front, self.answer, self.times, self.lock = front, answer, times, threading.Lock()
        self.given = 0

    def __call__(self, request):
        with self.lock:
            answer = self.answer(request) if is_s3(request) and self.given < self.times else None
            self.given += answer is not None
        return answer

    def __enter__(self):
        self.front.forget()
        self.front.rule = self
        return self

    def __exit__(self, *_):
        self.front.rule = None


class Wire:
    """Passes connections on to the front, and cuts the first `cuts` of them after so many bytes of the answer; with TLS where `tls` is a
    certificate and its key."""

    def __init__(self, port, cuts=0, after=0, tls=None):
        self.port, self.cuts, self.after, self.lock = port, cuts, after, threading.Lock()
        self.cut = 0
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http{"s" if tls else ""}://localhost:{self.listener.getsockname()[1]}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            onward = socket.create_connection(('127.0.0.1', self.port))
            threading.Thread(target=self.copy, args=(client, onward), daemon=True).start()
            sent = 0
            while data := onward.recv(65536):
                with self.lock:
                    cutting = self.cut < self.cuts and sent + len(data) > self.after
                    self.cut += cutting
                client.sendall(data[:self.after - sent] if cutting else data)
                sent += len(data)
                if cutting:
                    break
            client.shutdown(socket.SHUT_RDWR)
            client.close()
            onward.close()
        except OSError:
            pass

    @staticmethod
    def copy(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def botocores_signature(request, secret, token):
    """As botocore signs a request of this method, path, query, headers and body."""
    scope = re.search(r'Credential=([^,]*)', request.headers['authorization'])[1].split('/')
    key, _, region, service, _ = scope
    signer = (botocore.auth.S3SigV4Auth if service == 's3' else botocore.auth.SigV4Auth)(
        botocore.credentials.Credentials(key, secret, token), service, region)
    url = 'http://' + request.headers['host'] + urllib.parse.quote(request.path, safe='/-_.~') + (
        '?' + '&'.join(f'{urllib.parse.quote(k, safe="-_.~")}={urllib.parse.quote(v, safe="-_.~")}' for k, v in request.query.items())
        if request.query else '')
    again = botocore.awsrequest.AWSRequest(request.method, url, data=request.body)
    for name, value in request.headers.items():
        if name not in NEVER_SIGNED:
            again.headers[name] = value
    again.context['timestamp'] = request.headers['x-amz-date']
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


def signature_of(request):
    return re.search(r'Signature=([0-9a-f]{64})$', request.headers['authorization'])[1]


def each_request_is_signed_as_botocore_signs_it(lab, bucket, life):
    lab.front.forget()
    folder = os.path.join(lab.folder, 'signed')
    for args in (('ls', '--from', '-1d'), ('ls', '--versions', '--short'), ('fetch', '--from', '-1d', '-d', folder),
                 ('hold', '--case', 'x y', '--from', '-1d', '--kind', 'log'), ('release', '--case', 'x', '--from', '-1d', '--kind', 'log')):
        done = bucket.sealtap(*args, AWS_SECRET_ACCESS_KEY='s/e+c', AWS_SESSION_TOKEN='a+token/==')
        assert done.status == 0, f'{args}: {done}'
    assert len(lab.front.requests) > 40
    methods = set()
    for request in lab.front.requests:
        assert request.headers['x-amz-security-token'] == 'a+token/=='
        want = botocores_signature(request, 's/e+c', 'a+token/==')
        assert signature_of(request) == want, f'{request.method} {request.path} {request.query} {request.headers}'
        methods.add(request.method)
    assert methods == {'GET', 'HEAD', 'PUT', 'POST'}, methods


def slow_down_is_waited_for(lab, bucket, life):
    for answer in (error('SlowDown', 503), (503, b'', {}), error('InternalError', 500), (502, b'<html>', {}), error('RequestTimeout', 400)):
        with Rule(lab.front, lambda request: answer, 3) as rule:
            done = bucket.sealtap('ls', '--from', '-1d', '--json')
        assert done.status == 0 and rule.given == 3, done
        assert done.out.count(b'\n') == len(life.objects)


def a_wait_beyond_patience_ends_with_try_again(lab, bucket, life):
    with Rule(lab.front, lambda request: error('SlowDown', 503, Retry_After='3600'), 99) as rule:
        done = bucket.sealtap('ls', '--from', '-1d')
    assert done.status == 75 and rule.given == 1, done
    assert 'SlowDown: so it is' in done.err and 'later' in done.err, done.err


def denied(lab, bucket, life):
    """AccessDenied is told with the permission that is missing"""
    with Rule(lab.front, lambda request: error('AccessDenied', 403), 99) as rule:
        done = bucket.sealtap('ls', '--from', '-1d')
    assert done.status == 77 and rule.given == 1 and done.out == b'', done
    assert re.search(r"can't list s3://\S+: AccessDenied: so it is; needs s3:ListBucket .*\(403", done.err), done.err
    for code, hint in (('InvalidAccessKeyId', 'no such access key'), ('SignatureDoesNotMatch', 'check the secret access key')):
        with Rule(lab.front, lambda request, code=code: error(code, 403), 99):
            done = bucket.sealtap('ls', '--from', '-1d')
        assert done.status == 77 and hint in done.err and 'needs' not in done.err, done.err


def a_bucket_that_is_not_there_is_no_input(lab, bucket, life):
    done = bucket.sealtap('ls', SEALTAP_BUCKET='no-such-bucket')
    assert done.status == 66 and 'NoSuchBucket' in done.err and '--bucket' in done.err, done


def renewing(lab, expires_after):
    """A profile whose program gives new keys each time; the old ones are refused after so many requests."""
    program, count = os.path.join(lab.folder, 'keys'), os.path.join(lab.folder, 'keys.count')
    if os.path.exists(count):
        os.unlink(count)
    with open(program, 'w') as f:
        f.write(f'#!/bin/sh\necho x >>{count}\nn=$(wc -l <{count})\n'
                'echo "{\\"Version\\": 1, \\"AccessKeyId\\": \\"KEY$n\\", \\"SecretAccessKey\\": \\"secret\\", \\"SessionToken\\": \\"t\\"'
                ', \\"Expiration\\": \\"2099-01-01T00:00:00Z\\"}"\n')
    os.chmod(program, 0o755)
    config = program + '.conf'
    with open(config, 'w') as f:
        f.write(f'[default]\ncredential_process = {program}\n')
    return {'AWS_CONFIG_FILE': config, 'AWS_ACCESS_KEY_ID': None, 'AWS_SECRET_ACCESS_KEY': None}


def a_session_that_expires_in_the_middle_is_renewed(lab, bucket, life):
    seen = []

    def answer(request):
        seen.append(request)
        if len(seen) < 6 or 'Credential=KEY1/' not in request.headers['authorization']:
            return None
        return (400, b'', {}) if request.method == 'HEAD' else error('ExpiredToken')  # a HEAD's answer has no body
    environment = renewing(lab, 6)
    with Rule(lab.front, answer, 99) as rule:
        done = bucket.sealtap('ls', '--from', '-1d', '--json', **environment)
    assert done.status == 0 and rule.given >= 1, done
    assert done.out.count(b'\n') == len(life.objects) and b'denied' not in done.out
    keys = {re.search(r'Credential=(\w+)/', r.headers['authorization'])[1] for r in lab.front.requests}
    assert keys == {'KEY1', 'KEY2'}, keys  # asked for once, for all that were under way


def a_session_that_stays_expired_says_so(lab, bucket, life):
    with Rule(lab.front, lambda request: error('ExpiredToken'), 99) as rule:
        done = bucket.sealtap('ls', '--from', '-1d')
    assert done.status in (75, 77) and rule.given <= 2, done
    assert 'expired' in done.err.lower(), done.err


def a_bucket_of_another_region_is_asked_there(lab, bucket, life):
    def scope(request):
        return re.search(r'Credential=\w+/\d+/([^/]+)/', request.headers['authorization'])[1]

    answers = (lambda r: error('PermanentRedirect', 301, x_amz_bucket_region='us-west-2'),
               lambda r: (400, b'<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>', {}),
               lambda r: (307, b'', {'x-amz-bucket-region': 'us-west-2'}))
    for answer in answers:
        with Rule(lab.front, lambda r: answer(r) if scope(r) != 'us-west-2' else None, 99) as rule:
            done = bucket.sealtap('ls', '--from', '-1d', '--json')
        assert done.status == 0 and rule.given == 1, done
        assert [scope(r) for r in lab.front.requests if is_s3(r)][1:] == ['us-west-2'] * (len(lab.front.requests) - 1)
    with Rule(lab.front, lambda r: error('PermanentRedirect', 301, x_amz_bucket_region='../evil'), 99) as rule:
        done = bucket.sealtap('ls', '--from', '-1d')
    assert done.status == 69 and rule.given == 1, done


def a_clock_that_is_off_is_corrected(lab, bucket, life):
    ahead = email.utils.formatdate(time.time() + 7200, usegmt=True)
    for method in ('GET', 'HEAD'):
        with Rule(lab.front, lambda r: error('RequestTimeTooSkewed', 403, Date=ahead) if r.method == method else None) as rule:
            done = bucket.sealtap('ls', '--from', '-1d', '--json')
        assert done.status == 0 and rule.given == 1 and b'denied' not in done.out, done
        times = [time.mktime(time.strptime(r.headers['x-amz-date'], '%Y%m%dT%H%M%SZ')) - time.timezone for r in lab.front.requests]
        assert max(times) - min(times) > 7000, times


def a_connection_that_is_cut_is_tried_again(lab, bucket, life):
    port = lab.front.server.server_port
    for after in (0, 20, 300, 100000):
        folder = os.path.join(lab.folder, f'cut-{after}')
        with Wire(port, cuts=3, after=after) as wire:
            done = bucket.sealtap('fetch', '--from', '-1d', '-d', folder, AWS_ENDPOINT_URL=wire.url)
            assert done.status == 0 and wire.cut >= 1, f'{after}: {wire.cut} {done}'
        for o in life.objects:
            with open(os.path.join(folder, os.path.basename(o.name)), 'rb') as f:
                assert f.read() == o.body(), f'{after}: {o.name}'


def nobody_there_is_said_soon(lab, bucket, life):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        done = bucket.sealtap('ls', AWS_ENDPOINT_URL=f'http://127.0.0.1:{unused.getsockname()[1]}')
    assert done.status == 69 and 'connect' in done.err and 'endpoint' in done.err and 'proxy' not in done.err, done
    done = bucket.sealtap('ls', AWS_ENDPOINT_URL='http://no-such-host.invalid:80')
    assert done.status == 69 and 'name lookup' in done.err, done
    done = bucket.sealtap('ls', AWS_ENDPOINT_URL='http://no-such-host.invalid:80', HTTPS_PROXY='http://127.0.0.1:1')
    assert done.status == 69 and 'proxy of HTTPS_PROXY' in done.err, done


def a_stranger_in_tls_is_found_out(lab, bucket, life):
    with Wire(lab.front.server.server_port, tls=certs.issue(lab.folder, 'localhost', ['localhost'])) as wire:
        done = bucket.sealtap('ls', AWS_ENDPOINT_URL=wire.url)
        assert done.status == 69 and 'does not lead to a trusted root' in done.err and '--ca-bundle' in done.err, done
        done = bucket.sealtap('ls', '--json', AWS_ENDPOINT_URL=wire.url, AWS_CA_BUNDLE=certs.CA)
        assert done.status == 0 and done.out.count(b'\n') == len(life.objects), done
        done = bucket.sealtap('ls', '--ca-bundle', os.devnull, AWS_ENDPOINT_URL=wire.url)
        assert done.status == 78 and os.devnull in done.err, done
    with Wire(lab.front.server.server_port, tls=certs.issue(lab.folder, 'address', ['localhost', '127.0.0.1'])) as wire:
        done = bucket.sealtap('ls', AWS_ENDPOINT_URL=wire.url.replace('localhost', '127.0.0.1'), AWS_CA_BUNDLE=certs.CA)
        assert done.status == 69 and 'endpoint by the name' in done.err, done
    with Wire(lab.front.server.server_port, tls=certs.issue(lab.folder, 'other', ['other.example'])) as wire:
        done = bucket.sealtap('ls', AWS_ENDPOINT_URL=wire.url, AWS_CA_BUNDLE=certs.CA)
        assert done.status == 69 and 'certificate' in done.err, done


def an_answer_that_is_none_of_s3s_is_refused(lab, bucket, life):
    for body in (b'', b'<html><body>log in here</body></html>', b'<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>',
                 b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult/>'):
        with Rule(lab.front, lambda request: (200, body, {}), 99):
            done = bucket.sealtap('ls', '--from', '-1d')
        # what is well-formed and lists nothing is an empty bucket
        want = 66 if b'<html>' in body else 69
        assert done.status == want and done.err.startswith('sealtap: '), f'{body}: {done}'


def what_kms_says_is_understood(lab, bucket, life):
    def opened(code, times=99):
        """Opens all while KMS refuses so many requests."""
        left = [times]

        def rule(request):
            left[0] -= request.action == 'Decrypt'
            body = json.dumps({'__type': f'com.amazonaws.kms#{code}', 'message': 'not you'}).encode()
            return (400, body, {}) if request.action == 'Decrypt' and left[0] >= 0 else None
        lab.front.rule = rule
        try:
            return bucket.sealtap('open', '--from', '-1d', '-w', os.devnull)
        finally:
            lab.front.rule = None
    done = opened('AccessDeniedException')
    assert done.status == 77 and 'not you' in done.err and f'needs kms:Decrypt on {lab.key_arn}' in done.err, done
    done = opened('InvalidCiphertextException')
    assert done.status == 2 and 'do not belong together' in done.err, done
    done = opened('KMSInvalidStateException')
    assert done.status == 69 and 'cancel its deletion' in done.err, done
    done = opened('KeyUnavailableException', 2)
    assert done.status == 0, done
    lab.front.forget()
    assert opened('', 0).status == 0
    streams = {o.stream for o in life.packets()}
    assert lab.front.count('Decrypt') == len(streams), 'a data key is asked for once'


with operatorlab.Lab() as lab:
    life = lab.record(seconds=300)
    bucket = lab.bucket(life)
    for check in (each_request_is_signed_as_botocore_signs_it, slow_down_is_waited_for, a_wait_beyond_patience_ends_with_try_again, denied,
                  a_bucket_that_is_not_there_is_no_input, a_session_that_expires_in_the_middle_is_renewed,
                  a_session_that_stays_expired_says_so, a_bucket_of_another_region_is_asked_there, a_clock_that_is_off_is_corrected,
                  a_connection_that_is_cut_is_tried_again, nobody_there_is_said_soon, a_stranger_in_tls_is_found_out,
                  an_answer_that_is_none_of_s3s_is_refused, what_kms_says_is_understood):
        report.run(check, lab, bucket, life)
report.finish()
