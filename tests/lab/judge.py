"""judge: whether a request is one that the appliance promises to make, byte for byte. botocore's signers recompute its signature.

judge(request, state, now) returns what is asked for, or raises the first Violation. state is front.json's (see ledger).
"""
import base64
import dataclasses
import datetime
import hashlib
import json
import re
import urllib.parse

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lab.evidence import CONTEXT, META

SKEW_S = 15 * 60
SUITES = {'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
          'ECDHE-RSA-AES256-GCM-SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384'}
FIRST_LINE = re.compile(r'([A-Z]+) (/[^ ]*) (HTTP/[0-9.]+)')
HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+): ([!-~]|[!-~][ -~]*[!-~])")
AUTHORIZATION = re.compile(r'AWS4-HMAC-SHA256 Credential=([^/ ,]+)/(\d{8})/([^/ ,]+)/([^/ ,]+)/aws4_request, '
                           r'SignedHeaders=([^ ,]+), Signature=([0-9a-f]{64})')
ALL = {'host', 'content-length', 'content-type', 'x-amz-date', 'x-amz-security-token', 'user-agent', 'authorization'}
HEADERS = {
    's3': ALL | {'if-none-match', 'x-amz-content-sha256', 'x-amz-checksum-sha256', 'x-amz-sdk-checksum-algorithm',
                 'x-amz-expected-bucket-owner'} | {'x-amz-meta-sealtap-' + name for name in META},
    'kms': ALL - {'user-agent'} | {'x-amz-target'},
    'monitoring': ALL,
    'sns': ALL,
}
FORM = 'application/x-www-form-urlencoded'
TYPES = {'s3': 'application/octet-stream', 'kms': 'application/x-amz-json-1.1', 'monitoring': FORM, 'sns': FORM}
KMS_ACTION = 'TrentService.GenerateDataKey'
METRIC = re.compile(r'MetricData\.member\.[1-9]\d*\.(MetricName|Unit|Value|Timestamp|Dimensions\.member\.[1-9]\.(Name|Value))')
FORMS = {
    'monitoring': ('PutMetricData', '2010-08-01', {'Namespace'}),
    'sns': ('Publish', '2010-03-31', {'TopicArn', 'Subject', 'Message'}),
}


class Violation(Exception):
    """A promise that a request breaks; status and code are AWS's answer to it."""

    def __init__(self, name, why, status=400, code='InvalidRequest'):
        super().__init__(why)
        self.name, self.why, self.status, self.code = name, why, status, code


@dataclasses.dataclass
class Request:
    """One request as it came. Its body is read after its head was judged."""
    head: str
    source: str
    sni: str
    suite: str = None
    tls: str = None
    method: str = ''
    path: str = ''
    version: str = ''
    pairs: list = None  # (name as it came, value)
    body: bytes = b''
    service: str = ''
    region: str = ''
    action: str = ''

    def __post_init__(self):
        lines = self.head.split('\r\n')
        first = FIRST_LINE.fullmatch(lines[0])
        found = [line.partition(':') for line in lines[1:]]
        self.pairs = [(name, value.strip()) for name, _, value in found]
        self.well_formed = bool(first) and all(HEADER.fullmatch(line) for line in lines[1:])
        self.method, self.path, self.version = first.groups() if first else (lines[0].split(' ') + ['', '', ''])[:3]
        self.headers = {name.lower(): value for name, value in self.pairs}

    def get(self, name):
        return self.headers.get(name, '')

    def key_id(self):
        found = AUTHORIZATION.fullmatch(self.get('authorization'))
        return found[1] if found else ''

    def name(self):
        """Of the object."""
        return self.path[1:]

    def hosts(self):
        """The certificate's name and the Host header: services are told apart by them."""
        return self.sni, self.get('host')


def require(true, name, why, status=400, code='InvalidRequest'):
    if not true:
        raise Violation(name, why, status, code)


def judge_connection(r, state):
    require(r.tls in ('TLSv1.2', 'TLSv1.3'), 'tls-version', r.tls)
    require(r.suite in SUITES, 'cipher-suite', r.suite)
    require(r.sni in state['hosts'], 'sni', f'{r.sni} is none of the hosts')
    require(r.get('host') == r.sni, 'host', f'Host {r.get("host")}, certificate asked for {r.sni}')
    r.service, r.region = state['hosts'][r.sni]


def judge_shape(r):
    require(r.well_formed, 'syntax', f'{r.head[:200]!r}')
    require(r.version == 'HTTP/1.1', 'http-version', r.version)
    names = [name.lower() for name, _ in r.pairs]
    twice = {n for n in names if names.count(n) > 1}
    require(not twice, 'duplicate-header', f'{sorted(twice)}')
    require('transfer-encoding' not in names, 'transfer-encoding', r.get('transfer-encoding'), 501, 'NotImplemented')
    require('?' not in r.path and '#' not in r.path, 'query', r.path)


def judge_headers(r):
    wanted = HEADERS[r.service]
    strange, missing = set(r.headers) - wanted, wanted - set(r.headers)
    require(not strange, 'unknown-header', f'{sorted(strange)}')
    require('x-amz-security-token' not in missing, 'token-missing', 'no X-Amz-Security-Token', 403, 'AccessDenied')
    require('if-none-match' not in missing, 'if-none-match', 'no If-None-Match')
    require('x-amz-expected-bucket-owner' not in missing, 'bucket-owner', 'no X-Amz-Expected-Bucket-Owner')
    require('content-length' not in missing, 'content-length', 'no Content-Length', 411, 'MissingContentLength')
    require(not missing, 'missing-header', f'{sorted(missing)}')
    require(re.fullmatch('0|[1-9][0-9]*', r.get('content-length')), 'content-length', r.get('content-length'))
    require(r.get('content-type') == TYPES[r.service], 'content-type', r.get('content-type'))
    require(r.headers.get('user-agent', 'sealtap') == 'sealtap', 'user-agent', r.get('user-agent'))
    require(r.method == ('PUT' if r.service == 's3' else 'POST'), 'method', r.method, 405, 'MethodNotAllowed')


def judge_s3_head(r, state):
    front = '/'.join(state[k] for k in ('prefix', 'account', 'instance_region', 'appliance')) + '/'
    rest = r.name().removeprefix(front)
    require(rest != r.name() and re.fullmatch(r'[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*', rest), 'object-name', r.path, 403,
            'AccessDenied')
    require(not {'.', '..'} & set(rest.split('/')), 'object-name', r.path, 403, 'AccessDenied')
    require(r.get('if-none-match') == '*', 'if-none-match', r.get('if-none-match'), 501, 'NotImplemented')
    require(r.get('x-amz-expected-bucket-owner') == state['account'], 'bucket-owner', r.get('x-amz-expected-bucket-owner'), 403,
            'AccessDenied')
    require(r.get('x-amz-sdk-checksum-algorithm') == 'SHA256', 'checksum-algorithm', r.get('x-amz-sdk-checksum-algorithm'))
    require(re.fullmatch('[0-9a-f]{64}', r.get('x-amz-content-sha256')), 'unsigned-payload', r.get('x-amz-content-sha256'))


def judge_scope(r, now):
    found = AUTHORIZATION.fullmatch(r.get('authorization'))
    require(found, 'authorization', r.get('authorization'), 400, 'AuthorizationHeaderMalformed')
    _, day, region, service, names, _ = found.groups()
    date = r.get('x-amz-date')
    require(re.fullmatch(r'\d{8}T\d{6}Z', date), 'date', date, 403, 'AccessDenied')
    require((day, region, service) == (date[:8], r.region, r.service), 'scope', f'{day}/{region}/{service} at {r.sni}, {date}', 400,
            'AuthorizationHeaderMalformed')
    signed = names.split(';')
    require(signed == sorted(set(signed)) and names == names.lower(), 'signed-headers', names, 403, 'SignatureDoesNotMatch')
    must = {n for n in r.headers if n.startswith('x-amz-')} | {'host', 'content-type'} | {'if-none-match'} & set(r.headers)
    require(must <= set(signed) <= set(r.headers), 'signed-headers', f'not signed: {sorted(must - set(signed))}', 403,
            'SignatureDoesNotMatch')
    moment = datetime.datetime.strptime(date + '+0000', '%Y%m%dT%H%M%SZ%z').timestamp()
    if abs(moment - now) > SKEW_S:
        raise skewed(r, moment, now)


def skewed(r, moment, now):
    if r.service == 's3':
        return Violation('skew', 'The difference between the request time and the current time is too large.', 403,
                         'RequestTimeTooSkewed')
    what = 'Signature expired' if moment < now else 'Signature not yet current'
    text = datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    code = 'InvalidSignatureException' if r.service == 'kms' else 'SignatureDoesNotMatch'
    return Violation('skew', f'{what}: {r.get("x-amz-date")} is not near {text}', 400 if r.service == 'kms' else 403, code)


def keys_of(r, state):
    """The credentials that the request names, with their own token."""
    keys = next((k for k in state['keys'] if k['AccessKeyId'] == r.key_id()), None)
    code = 'InvalidAccessKeyId' if r.service == 's3' else 'UnrecognizedClientException'
    require(keys, 'access-key', f'{r.key_id()} is none of the role\'s', 403, code)
    require(r.get('x-amz-security-token') == keys['SessionToken'], 'token', 'another session\'s token', 403, 'InvalidToken')
    return keys


def signed_texts(r, keys):
    """As botocore makes them of what came: (canonical request, string to sign, signature)."""
    signer = (S3SigV4Auth if r.service == 's3' else SigV4Auth)(
        Credentials(keys['AccessKeyId'], keys['SecretAccessKey'], keys['SessionToken']), r.service, r.region)
    again = AWSRequest(r.method, f'https://{r.get("host")}{r.path}', data=b'' if r.service == 's3' else bytes(r.body))
    for name in AUTHORIZATION.fullmatch(r.get('authorization'))[5].split(';'):
        again.headers[name] = r.get(name)
    again.context['timestamp'] = r.get('x-amz-date')
    canonical = signer.canonical_request(again)
    text = signer.string_to_sign(again, canonical)
    return canonical, text, signer.signature(text, again)


def judge_signature(r, state):
    ours, theirs = AUTHORIZATION.fullmatch(r.get('authorization'))[6], signed_texts(r, keys_of(r, state))[2]
    code = 'InvalidSignatureException' if r.service == 'kms' else 'SignatureDoesNotMatch'
    require(ours == theirs, 'signature', f'{ours}, botocore {theirs}', 400 if r.service == 'kms' else 403, code)


def judge_s3_body(r, state):
    digest = hashlib.sha256(r.body)
    require(r.get('x-amz-content-sha256') == digest.hexdigest(), 'body-hash', r.get('x-amz-content-sha256'), 400,
            'XAmzContentSHA256Mismatch')
    require(r.get('x-amz-checksum-sha256') == base64.b64encode(digest.digest()).decode(), 'checksum', r.get('x-amz-checksum-sha256'),
            400, 'BadDigest')
    r.action = 'PutObject'


def judge_kms_body(r, state):
    require(r.get('x-amz-target') == KMS_ACTION, 'target', r.get('x-amz-target'), 400, 'UnknownOperationException')
    pairs = []
    try:
        members = json.loads(bytes(r.body), object_pairs_hook=lambda p: pairs.extend(k for k, _ in p) or dict(p))
    except ValueError:
        members = None
    require(isinstance(members, dict) and set(members) == {'KeyId', 'NumberOfBytes', 'EncryptionContext'} and
            len(pairs) == len(set(pairs)), 'kms-members', bytes(r.body)[:200].decode(errors='replace'), 400, 'ValidationException')
    require(members['KeyId'] == state['key_arn'], 'kms-key', members['KeyId'], 400, 'NotFoundException')
    require(members['NumberOfBytes'] == 32, 'kms-bytes', f'{members["NumberOfBytes"]}', 400, 'ValidationException')
    context = members['EncryptionContext']
    require(isinstance(context, dict) and set(context) == CONTEXT and all(isinstance(v, str) and v for v in context.values()),
            'kms-context', f'{context}', 400, 'ValidationException')
    r.action = 'GenerateDataKey'


def judge_form(r, state):
    action, version, names = FORMS[r.service]
    try:
        pairs = urllib.parse.parse_qsl(bytes(r.body).decode('ascii'), strict_parsing=True, keep_blank_values=True)
    except ValueError as e:
        raise Violation('form', str(e)) from e
    members = dict(pairs)
    require(len(members) == len(pairs), 'form', 'a member twice')
    r.action = members.get('Action', '')
    require((r.action, members.get('Version')) == (action, version), 'action', f'{r.action} {members.get("Version")}', 400,
            'InvalidAction')
    own = {n for n in members if not (r.service == 'monitoring' and METRIC.fullmatch(n))}
    require(own == names | {'Action', 'Version'}, 'form', f'{sorted(own)}', 400, 'InvalidParameter')
    asked = members['Namespace' if r.service == 'monitoring' else 'TopicArn']
    require(asked == state[r.service], 'not-configured', f'{asked}, configured: {state[r.service]}', 403, 'AccessDenied')


def judge_head(r, state, now):
    """All that can be known before the body; an Expect or a body that nobody wants is never read."""
    judge_shape(r)
    judge_connection(r, state)
    judge_headers(r)
    if r.service == 's3':
        judge_s3_head(r, state)
    else:
        require(r.path == '/', 'path', r.path, 404, 'UnknownOperationException')
        configured = r.service == 'kms' or state[r.service]
        require(configured, 'not-configured', f'nobody configured {r.service}', 403, 'AccessDenied')
    judge_scope(r, now)
    keys_of(r, state)


def judge_body(r, state):
    judge_signature(r, state)
    {'s3': judge_s3_body, 'kms': judge_kms_body}.get(r.service, judge_form)(r, state)
