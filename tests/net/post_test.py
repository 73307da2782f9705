#!/usr/bin/env python3
"""post_test: CloudWatch's and SNS's requests, judged by botocore's signatures and by moto, which plays the services.

post_test.py [-k PATTERN]. Needs build/tests/post_requests; no root; loopback alone.
"""
import http.client
import os
import subprocess
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, testing  # noqa: E402

PROGRAM = os.path.join(certs.TOP, 'build', 'tests', 'post_requests')
KEY, SECRET, REGION = 'AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'eu-central-1'


class Request:
    def __init__(self, data):
        size, _, data = data.partition(b'\n')
        head, data = data[:int(size)].decode(), data[int(size):]
        size, _, data = data.partition(b'\n')
        self.body, self.rest = data[:int(size)], data[int(size):]
        line, *headers = head.split('\r\n')
        assert line == 'POST / HTTP/1.1' and headers[-2:] == ['', ''], head
        self.headers = dict(h.split(': ', 1) for h in headers[:-2])
        self.form = dict(urllib.parse.parse_qsl(self.body.decode(), strict_parsing=True, keep_blank_values=True))


def requests(host, port, topic):
    out = subprocess.run([PROGRAM, host, str(port), KEY, SECRET, REGION, topic], stdout=subprocess.PIPE, check=True).stdout
    metrics = Request(out)
    alarm = Request(metrics.rest)
    assert not alarm.rest
    return metrics, alarm


def signature(request, service):
    """What botocore's signer makes of the same request."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    signer = SigV4Auth(Credentials(KEY, SECRET), service, REGION)
    again = AWSRequest('POST', f'https://{request.headers["Host"]}/', data=request.body)
    for name, value in request.headers.items():
        if name not in ('Authorization', 'User-Agent'):
            again.headers[name] = value
    again.context['timestamp'] = request.headers['X-Amz-Date']
    scope, names, sig = (part.split('=', 1)[1] for part in request.headers['Authorization'].split(', '))
    assert names.split(';') == sorted(n.lower() for n in again.headers), names
    return sig, signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


def signatures_are_botocores():
    """Both requests carry the signature that botocore makes."""
    for service, request in zip(('monitoring', 'sns'), requests('a.example', 8443, f'arn:aws:sns:{REGION}:123456789012:watch')):
        ours, theirs = signature(request, service)
        assert ours == theirs, f'{service}: {ours}, botocore {theirs}'


def sent(request, port):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
    connection.request('POST', '/', body=request.body, headers=request.headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, f'{answer.status}: {text}'
    return text


def metrics_and_alarms_arrive():
    """moto takes the metrics with their dimensions and the alarm with its subject and text."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.cloudwatch.models import cloudwatch_backends
    from moto.server import ThreadedMotoServer
    from moto.sns.models import sns_backends
    server = ThreadedMotoServer('127.0.0.1', 0, verbose=False)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        sns = sns_backends[DEFAULT_ACCOUNT_ID][REGION]
        topic = sns.create_topic('watch')
        metrics, alarm = requests('a.example', port, topic.arn)
        sent(metrics, port)
        sent(alarm, port)
        check_metrics(cloudwatch_backends[DEFAULT_ACCOUNT_ID][REGION].metric_data)
        (_, message, subject, *_), = topic.sent_notifications
    finally:
        server.stop()
    assert subject == 'sealtap tap-1~x: recording-lost', subject
    assert message.startswith('recording-lost\n3 packets & "more"=100%\n\nappliance: tap-1~x\n'), message
    assert message.endswith('\nsuppressed: 2 alarms since the last one\n'), message


def check_metrics(data):
    assert {d.namespace for d in data} == {'Seal/tap#1:x'}
    got = {(d.name, *sorted((x.name, x.value) for x in d.dimensions)): (float(d.value), d.unit) for d in data}
    mine = ('Appliance', 'tap-1~x')
    assert len(got) == len(data) == 22, sorted(got)
    assert got['PacketsRecorded', mine] == (float(2**64 - 1), 'Count'), got
    assert got['PacketsLost', mine, ('Cause', 'ring')] == (3, 'Count'), got
    assert got['PacketsLost', mine, ('Cause', 'before-tap')] == (4, 'Count'), got
    assert got['Forwarding', mine] == (1, 'None'), got


def main():
    report = testing.report()
    report.run(signatures_are_botocores)
    report.run(metrics_and_alarms_arrive)
    report.finish()


main()
