#!/usr/bin/env python3
"""resign.py: by an interpreter that has botocore (awsd.interpreter()): reads requests from standard input, [{"method", "target",
"headers"}, ...], signed with the keys test/test, and says which signatures botocore would have made otherwise: a JSON list of texts."""
import json
import sys

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def wrong(r):
    """None, or what botocore signs instead."""
    headers = {k.lower(): v for k, v in r['headers'].items()}
    fields = dict(part.split('=', 1) for part in headers['authorization'].removeprefix('AWS4-HMAC-SHA256 ').split(', '))
    _, _, region, service, _ = fields['Credential'].split('/')
    signed = fields['SignedHeaders'].split(';')
    must = {'host', 'x-amz-date'} | {h for h in headers if h.startswith('x-amz-')}
    if not must <= set(signed):
        return f'not signed: {sorted(must - set(signed))}'
    request = AWSRequest(r['method'], 'http://' + headers['host'] + r['target'], data=r['body'].encode('latin-1'),
                         headers={k: v for k, v in headers.items() if k in signed and k != 'host'})
    request.context['timestamp'] = headers['x-amz-date']
    signer = (S3SigV4Auth if service == 's3' else SigV4Auth)(Credentials('test', 'test'), service, region)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    return None if signature == fields['Signature'] else f'{fields["Signature"]}, botocore {signature} of:\n{canonical}'


said = [f'{r["method"]} {r["target"]}: {why}' for r in json.load(sys.stdin) if (why := wrong(r))]
json.dump(said, sys.stdout)
