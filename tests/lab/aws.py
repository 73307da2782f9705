"""aws: S3, KMS, IAM and STS as moto_server plays them, with signatures and policies checked; before it stands the strict front (ledger).

The tests' own calls go through call(): Signature Version 4 written from its public description, independent of the product's.
moto asks every action but S3's about resource "*", so the role's policy can only name the actions there; for S3 it asks about the object.
Of CloudWatch it asks by the name of the signature's scope, monitoring.
"""
import datetime
import hashlib
import hmac
import http.client
import json
import os
import ssl
import urllib.parse
import xml.etree.ElementTree

from . import certs, ledger, metadata

BUCKET, PREFIX = 'sealtap-lab', 'evidence/lab'
S3_HOST = f'{BUCKET}.s3.{metadata.REGION}.amazonaws.com'
KMS_HOST = f'kms.{metadata.REGION}.amazonaws.com'
MONITORING_HOST, SNS_HOST = (f'{service}.{metadata.REGION}.amazonaws.com' for service in ('monitoring', 'sns'))
OTHER_REGION = 'eu-west-1'
OTHER_S3_HOST = f'{BUCKET}.s3.{OTHER_REGION}.amazonaws.com'
S3_DUALSTACK = f'{BUCKET}.s3.dualstack.{metadata.REGION}.amazonaws.com'
KMS_DUALSTACK = f'kms.{metadata.REGION}.api.aws'
HOSTS = [S3_HOST, KMS_HOST, MONITORING_HOST, SNS_HOST, OTHER_S3_HOST]
SERVICES = {S3_HOST: ('s3', metadata.REGION), OTHER_S3_HOST: ('s3', OTHER_REGION), S3_DUALSTACK: ('s3', metadata.REGION),
            KMS_HOST: ('kms', metadata.REGION), KMS_DUALSTACK: ('kms', metadata.REGION),
            MONITORING_HOST: ('monitoring', metadata.REGION), SNS_HOST: ('sns', metadata.REGION)}
NAMES = [*HOSTS, S3_DUALSTACK, KMS_DUALSTACK, 'localhost', '127.0.0.1']
ANY = {'Effect': 'Allow', 'Action': '*', 'Resource': '*'}
TRUST = {'Effect': 'Allow', 'Principal': {'Service': 'ec2.amazonaws.com'}, 'Action': 'sts:AssumeRole'}
PUT = {'Effect': 'Allow', 'Action': 's3:PutObject', 'Resource': f'arn:aws:s3:::{BUCKET}/{PREFIX}/*'}
METRICS = {'Effect': 'Allow', 'Action': ['cloudwatch:PutMetricData', 'monitoring:PutMetricData'], 'Resource': '*'}
PUBLISH = {'Effect': 'Allow', 'Action': 'sns:Publish', 'Resource': '*'}
GENERATE = {'Effect': 'Allow', 'Action': 'kms:GenerateDataKey', 'Resource': '*'}


class Refused(Exception):
    pass


def policy(*statements):
    return json.dumps({'Version': '2012-10-17', 'Statement': list(statements)})


def environment(keys):
    """Of a program that shall call the lab's AWS with these keys."""
    return {'AWS_ACCESS_KEY_ID': keys['AccessKeyId'], 'AWS_SECRET_ACCESS_KEY': keys['SecretAccessKey'],
            'AWS_REGION': metadata.REGION, 'AWS_DEFAULT_REGION': metadata.REGION, 'AWS_CA_BUNDLE': certs.CA,
            'NODE_EXTRA_CA_CERTS': certs.CA, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_CONFIG_FILE': os.devnull,
            'AWS_SHARED_CREDENTIALS_FILE': os.devnull}


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sign(method, host, path, query, headers, body, service, region, keys, now):
    """The Authorization header of a request with these headers (all are signed)."""
    day, moment = now.strftime('%Y%m%d'), now.strftime('%Y%m%dT%H%M%SZ')
    signed = {'host': host, 'x-amz-date': moment, **{k.lower(): v for k, v in headers.items()}}
    names = ';'.join(sorted(signed))
    canonical = '\n'.join([method, path, query, *(f'{n}:{signed[n]}' for n in sorted(signed)), '', names,
                           hashlib.sha256(body).hexdigest()])
    scope = f'{day}/{region}/{service}/aws4_request'
    text = '\n'.join(['AWS4-HMAC-SHA256', moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b'AWS4' + keys['SecretAccessKey'].encode()
    for part in (day, region, service, 'aws4_request'):
        key = _hmac(key, part)
    return (f'AWS4-HMAC-SHA256 Credential={keys["AccessKeyId"]}/{scope}, SignedHeaders={names}, '
            f'Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}')


class Aws:
    endpoint = 'https://localhost'  # from its namespace

    def __init__(self, processes, ns, folder):
        self.processes, self.ns, self.folder = processes, ns, folder
        self.keys = {'AccessKeyId': 'setup', 'SecretAccessKey': 'setup'}
        self.tls = ssl.create_default_context(cafile=certs.CA)
        self.process = None

    def start(self):
        self.process = self.processes.start('moto', ['moto_server', '-H', '127.0.0.1', '-p', str(ledger.BEHIND)], self.ns,
                                            env={'INITIAL_NO_AUTH_ACTION_COUNT': '100000'})

    def set_up(self):
        """Bucket, key, role and admin; then every call is checked."""
        self.process.wait_output('Running on', 30)
        here = f'<LocationConstraint>{metadata.REGION}</LocationConstraint>'
        self.call('s3', 'PUT', f'/{BUCKET}', f'<CreateBucketConfiguration>{here}</CreateBucketConfiguration>')
        self.key_arn = self.kms('CreateKey')['KeyMetadata']['Arn']
        self.iam('CreateRole', RoleName=metadata.ROLE, AssumeRolePolicyDocument=policy(TRUST))
        self.allow(PUT, GENERATE)
        self.iam('CreateUser', UserName='admin')
        self.iam('PutUserPolicy', UserName='admin', PolicyName='all', PolicyDocument=policy(ANY))
        keys = self.iam('CreateAccessKey', UserName='admin')
        self.keys = {name: keys.find(f'.//{{*}}{name}').text for name in ('AccessKeyId', 'SecretAccessKey')}
        self.role_keys, self.next_keys = self.assume_role(), self.assume_role()  # moto can't once it checks calls
        self.call('s3', 'POST', '/moto-api/reset-auth', '0')

    def allow(self, *statements):
        """The role may do exactly this from now on."""
        self.iam('PutRolePolicy', RoleName=metadata.ROLE, PolicyName='sealtap', PolicyDocument=policy(*statements))

    def assume_role(self):
        arn = f'arn:aws:iam::{metadata.ACCOUNT}:role/{metadata.ROLE}'
        answer = self.query('sts', '2011-06-15', 'AssumeRole', RoleArn=arn, RoleSessionName=metadata.INSTANCE)
        return {name: answer.find(f'.//{{*}}{name}').text
                for name in ('AccessKeyId', 'SecretAccessKey', 'SessionToken', 'Expiration')}

    def kms(self, action, **members):
        body = self.call('kms', 'POST', '/', json.dumps(members), {'X-Amz-Target': f'TrentService.{action}',
                                                                  'Content-Type': 'application/x-amz-json-1.1'})[1]
        return json.loads(body)

    def iam(self, action, **members):
        return self.query('iam', '2010-05-08', action, **members)

    def query(self, service, version, action, **members):
        body = urllib.parse.urlencode({'Action': action, 'Version': version, **members})
        form = {'Content-Type': 'application/x-www-form-urlencoded'}
        return xml.etree.ElementTree.fromstring(self.call(service, 'POST', '/', body, form)[1])

    def head(self, name):
        """Headers of a stored object."""
        return self.call('s3', 'HEAD', f'/{BUCKET}/{urllib.parse.quote(name)}')[0]

    def call(self, service, method, path, body='', headers=None):
        """One signed request from the servers' own namespace: (headers, body). Refused when the status is not 2xx."""
        body = body.encode()
        region = 'us-east-1' if service in ('iam', 'sts') else metadata.REGION
        headers = {**(headers or {}), 'x-amz-content-sha256': hashlib.sha256(body).hexdigest()}
        now = datetime.datetime.now(datetime.timezone.utc)
        authorization = sign(method, 'localhost', path, '', headers, body, service, region, self.keys, now)
        connection = http.client.HTTPSConnection('localhost')
        raw = self.ns.socket()
        raw.connect(('127.0.0.1', 443))
        connection.sock = self.tls.wrap_socket(raw, server_hostname='localhost')
        try:
            connection.request(method, path, body, {**headers, 'x-amz-date': now.strftime('%Y%m%dT%H%M%SZ'),
                                                    'Authorization': authorization})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status // 100 != 2:
            raise Refused(f'{service} {method} {path}: {answer.status} {text[:300].decode(errors="replace")}')
        return answer.headers, text

    def environment(self):
        """For programs that call it as admin from its namespace."""
        return environment(self.keys)
