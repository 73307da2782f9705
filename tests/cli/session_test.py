#!/usr/bin/env python3
"""session_test.py: in each arrangement of environment and files, `sealtap doctor --credentials` finds what botocore, the AWS command
line's own library, finds: access key, token, region and addresses of services; or neither finds any.

STS, a container's endpoint and the instance's metadata service are played here: the key id that they give tells what they were asked and
who asked, so that two that ask alike are given the same. What STS is sent must be signed by who it says, by a signer of the tests' own.
"""
import base64
import contextlib
import datetime
import fcntl
import hashlib
import http.server
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import aws, testing  # noqa: E402

report = testing.report()
SEALTAP = os.path.abspath('build/sealtap')
SERVICES = {'s3': 's3', 'kms': 'kms', 'sts': 'sts', 'ec2': 'ec2', 'iam': 'iam', 'logs': 'logs'}
LATER = '2099-01-02T03:04:05Z'
ROLE = 'arn:aws:iam::123456789012:role/'


def secret_of(key):
    return 'secret-of-' + key


class Services(http.server.BaseHTTPRequestHandler):
    """What it gives tells what was asked: the form without what each asker chooses anew, and the asker's key."""
    protocol_version, wbufsize = 'HTTP/1.1', -1

    def answer(self, text, status=200):
        body = text.encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def signer(self, body):
        """The key that signed; it must have signed as the tests' own signer does."""
        given = self.headers.get('Authorization')
        if not given:
            return 'nobody'
        fields = dict(f.strip().split('=', 1) for f in given.split(' ', 1)[1].split(','))
        key, day, region, service, _ = fields['Credential'].split('/')
        headers = {n: self.headers[n] for n in fields['SignedHeaders'].split(';') if n not in ('host', 'x-amz-date')}
        now = datetime.datetime.strptime(self.headers['X-Amz-Date'], '%Y%m%dT%H%M%SZ')
        keys = {'AccessKeyId': key, 'SecretAccessKey': secret_of(key)}
        want = aws.sign('POST', self.headers['Host'], '/', '', headers, body, service, region, keys, now)
        return key if want.endswith(fields['Signature']) and (day, service) == (now.strftime('%Y%m%d'), 'sts') else 'a-forger'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form['RoleSessionName'].startswith(('sealtap-', 'botocore-session-')):
            form['RoleSessionName'] = 'of its own'
        asked = json.dumps([sorted(form.items()), self.signer(body), self.headers.get('X-Amz-Security-Token')])
        if 'forbidden' in form['RoleArn']:
            return self.answer('<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>'
                               '</ErrorResponse>', 403)
        key = 'ASIA' + base64.b32encode(hashlib.sha256(asked.encode()).digest())[:16].decode()
        action = form['Action']
        self.answer(f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials><AccessKeyId>{key}'
                    f'</AccessKeyId><SecretAccessKey>{secret_of(key)}</SecretAccessKey><SessionToken>token-of-{key}</SessionToken>'
                    f'<Expiration>{LATER}</Expiration></Credentials></{action}Result></{action}Response>')

    def do_PUT(self):
        self.answer('imds-token')

    def do_GET(self):
        if self.path.startswith('/federation/credentials'):
            token = self.headers.get('x-amz-sso_bearer_token')
            if not token or 'ended' in token:
                return self.answer('{"message": "no"}', 401)
            query = sorted(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
            key = 'ASIASSO' + hashlib.sha256(json.dumps([query, token]).encode()).hexdigest()[:9].upper()
            return self.answer(json.dumps({'roleCredentials': {'accessKeyId': key, 'secretAccessKey': secret_of(key),
                'sessionToken': 'token-of',
                                                               'expiration': 4070908800000}}))
        if self.path.startswith('/container'):
            key = 'ASIACONTAINER' + hashlib.sha256((self.headers.get('Authorization') or 'none').encode()).hexdigest()[:6].upper()
        elif self.headers.get('X-aws-ec2-metadata-token') != 'imds-token':
            return self.answer('', 401)
        elif self.path.endswith('/security-credentials/'):
            return self.answer('instance-role')
        else:
            key = 'ASIAINSTANCE'
        self.answer(json.dumps({'Code': 'Success', 'LastUpdated': LATER, 'Type': 'AWS-HMAC', 'AccessKeyId': key, 'Token': 'token-of-' + key,
                                'SecretAccessKey': secret_of(key), 'Expiration': LATER}))


def keys(name, token=False):
    lines = [f'aws_access_key_id = {name}', f'aws_secret_access_key = {secret_of(name)}',
        *([f'aws_session_token = of-{name}'] if token else [])]
    return '\n'.join(lines) + '\n'


def in_environment(name, token=False):
    return {'AWS_ACCESS_KEY_ID': name, 'AWS_SECRET_ACCESS_KEY': secret_of(name), **({'AWS_SESSION_TOKEN': 'of-' + name} if token else {})}


def process(name, more='', arguments=''):
    """A config line: a program that prints credentials."""
    printed = json.dumps({'Version': 1, 'AccessKeyId': name, 'SecretAccessKey': secret_of(name)})[:-1] + more + '}'
    code = base64.b64encode(printed.encode()).decode()
    return f"credential_process = python3 -c \"import sys,base64; print(base64.b64decode('{code}').decode(),*sys.argv[9:])\" {arguments}\n"


def role(name, **settings):
    return f'role_arn = {ROLE}{name}\n' + ''.join(f'{k} = {v}\n' for k, v in settings.items())


def sso(token, **settings):
    own = {'sso_account_id': '123456789012', 'sso_role_name': 'Read+Only', **settings}
    return BASE + '[profile r]\nregion = eu-west-2\n' + ''.join(f'{k} = {v}\n' for k, v in own.items() if v) + \
        f'[sso-session {token}]\nsso_start_url = https://corp.example/start\nsso_region = eu-north-1\n'


TOKENS = {'corp': ('token-of-corp', LATER), 'old': ('token-of-old', '2020-01-02T03:04:05Z'), 'gone': ('ended-token', LATER),
          'https://legacy.example/start': ('token-of-legacy', '2099-01-02T03:04:05UTC')}
LEGACY = {'sso_start_url': 'https://legacy.example/start', 'sso_region': 'eu-north-1'}

# name: environment, config, credentials, options. {here} is the services' address, {folder} the arrangement's folder.
BASE = '[default]\nregion = eu-central-1\n'
CHAIN = BASE + '[profile one]\nregion = eu-west-2\n' + role('one', source_profile='two') + '[profile two]\n' + role('two',
    source_profile='three', external_id='x y') + \
    '[profile three]\nregion = eu-west-3\n'
ARRANGEMENTS = {
    'keys in the environment': (in_environment('AKIAENV'), BASE, '[default]\n' + keys('AKIAFILE'), []),
    'keys and token in the environment': (in_environment('ASIAENV', True), BASE, '', []),
    'a key without its secret in the environment': ({'AWS_ACCESS_KEY_ID': 'AKIAENV'}, BASE, '[default]\n' + keys('AKIAFILE'), []),
    'keys in the credentials file': ({}, BASE + keys('AKIACONFIG'), '[default]\n' + keys('AKIAFILE'), []),
    'keys and token in the credentials file': ({}, BASE, '[default]\n' + keys('ASIAFILE', True), []),
    'keys in the config file alone': ({}, BASE + keys('AKIACONFIG', True), '', []),
    'a profile by AWS_PROFILE, keys in the environment': (
        {**in_environment('AKIAENV'), 'AWS_PROFILE': 'other'}, BASE + '[profile other]\nregion = us-west-2\n', '[other]\n'
            + keys('AKIAOTHER'), []),
    'a profile by option, keys in the environment': (
        in_environment('AKIAENV'), BASE + '[profile other]\nregion = us-west-2\n', '[other]\n' + keys('AKIAOTHER'), ['--profile', 'other']),
    'two variables that name a profile': (
        {'AWS_PROFILE': 'a', 'AWS_DEFAULT_PROFILE': 'b'}, BASE, '[a]\n' + keys('AKIAA') + '[b]\n' + keys('AKIAB'), []),
    'a profile that is not there': ({**in_environment('AKIAENV'), 'AWS_PROFILE': 'none'}, BASE, '', []),
    'a file that is no INI file': (in_environment('AKIAENV'), 'region = eu-central-1\n', '', []),
    'a folder in place of a file': ({**in_environment('AKIAENV'), 'AWS_DEFAULT_REGION': 'eu-west-1', 'AWS_CONFIG_FILE': '{folder}'}, BASE,
        '', []),
    'a section that is there twice': ({}, BASE, '[default]\n' + keys('AKIAA') + '[default]\n' + keys('AKIAB'), []),
    'comments, colons, quotes and nested lines': (
        {'AWS_PROFILE': 'a b'},
            '# c\n; d\n[profile "a b"]\n  region : us-west-1\ns3 =\n  endpoint_url = http://nobody\n  # x\n  addressing_style = path\n',
        '[a b]\r\nAWS_ACCESS_KEY_ID: AKIAAB\r\naws_secret_access_key=secret-of-AKIAAB\r\n', []),
    'values that stand in [DEFAULT]': ({'AWS_PROFILE': 'a'}, '[DEFAULT]\nregion = us-west-1\n[profile a]\noutput = json\n', '[a]\n'
        + keys('AKIAA'), []),
    'a program that prints credentials': ({}, BASE + process('AKIAPROGRAM'), '', []),
    'a program after the credentials file': ({}, BASE + process('AKIAPROGRAM'), '[default]\n' + keys('AKIAFILE'), []),
    'a program before the config file': ({}, BASE + process('AKIAPROGRAM',
        ', "SessionToken": "t", "Expiration": "2099-01-01T00:00:00+01:00"') + keys('AKIACONFIG'), '', []),
    'a program in the credentials file': ({}, BASE, '[default]\n' + process('AKIAPROGRAM', '', "'a b' $HOME ; false"), []),
    'a program of another version': ({}, BASE + process('AKIAPROGRAM', ', "Version": 2'), '', []),
    'a program that fails': ({}, BASE + 'credential_process = false\n' + keys('AKIACONFIG'), '', []),
    'a program that is not there': ({}, BASE + 'credential_process = /nonexistent/program\n' + keys('AKIACONFIG'), '', []),
    'a role of another profile': (
        {'AWS_PROFILE': 'r'}, BASE + '[profile r]\nregion = us-east-2\n' + role('r', source_profile='default', role_session_name='me',
            external_id='e&=+ä',
                                                                         duration_seconds='1800'), '[default]\n' + keys('AKIAFILE'), []),
    'a role, its settings in the credentials file': (
        {'AWS_PROFILE': 'r'}, BASE, '[r]\nregion = eu-west-2\n' + role('r', source_profile='default') + '[default]\n' + keys('AKIAFILE',
            True), []),
    'a role, keys in the environment': ({**in_environment('AKIAENV'), 'AWS_PROFILE': 'one'}, CHAIN, '[three]\n' + keys('AKIATHREE'), []),
    'roles, one from the other': ({'AWS_PROFILE': 'one'}, CHAIN, '[three]\n' + keys('AKIATHREE'), []),
    'roles whose last profile has a program': ({'AWS_PROFILE': 'one'}, CHAIN + process('AKIAPROGRAM'), '', []),
    'roles whose last profile has nothing': ({'AWS_PROFILE': 'one'}, CHAIN, '', []),
    'a role that names itself and has keys': ({'AWS_PROFILE': 'r'}, '[profile r]\nregion = us-east-2\n' + role('r', source_profile='r')
        + keys('AKIAR'), '', []),
    'roles in a loop': ({'AWS_PROFILE': 'a'}, BASE + '[profile a]\n' + role('a', source_profile='b') + '[profile b]\n' + role('b',
        source_profile='a'), '', []),
    'a role without a region': ({'AWS_PROFILE': 'r'}, BASE + '[profile r]\n' + role('r', source_profile='default'), '[default]\n'
        + keys('AKIAFILE'), []),
    'a role of a profile that is not there': ({'AWS_PROFILE': 'a'}, BASE + '[profile a]\n' + role('a', source_profile='b'), '', []),
    'a role with two sources': ({'AWS_PROFILE': 'a', **in_environment('AKIAENV')}, BASE + '[profile a]\n' + role(
        'a', source_profile='default', credential_source='Environment'), '[default]\n' + keys('AKIAFILE'), ['--profile', 'a']),
    'a role without a source': ({'AWS_PROFILE': 'a'}, BASE + '[profile a]\n' + role('a'), '[default]\n' + keys('AKIAFILE'), []),
    'a role that is forbidden': ({'AWS_PROFILE': 'a'}, BASE + '[profile a]\n' + role('forbidden', source_profile='default'),
                                 '[default]\n' + keys('AKIAFILE'), []),
    'a role for the environment': (in_environment('AKIAENV', True), BASE + '[profile r]\n' + role('r', credential_source='Environment'), '',
                                   ['--profile', 'r', '--region', 'eu-north-1']),
    'a role for the instance': ({'AWS_PROFILE': 'r', 'AWS_EC2_METADATA_DISABLED': 'false'},
                                BASE + '[profile r]\nregion = eu-west-2\n' + role('r', credential_source='Ec2InstanceMetadata'), '', []),
    'a role for the container': ({'AWS_PROFILE': 'r', 'AWS_CONTAINER_CREDENTIALS_FULL_URI': '{here}/container'},
                                 BASE + '[profile r]\nregion = eu-west-2\n' + role('r', credential_source='EcsContainer'), '', []),
    'a role for a source that nobody knows': ({'AWS_PROFILE': 'r'}, BASE + '[profile r]\n' + role('r', credential_source='Elsewhere'), '',
        []),
    'a web identity by the environment': ({'AWS_WEB_IDENTITY_TOKEN_FILE': '{folder}/token', 'AWS_ROLE_ARN': ROLE + 'web',
                                           'AWS_ROLE_SESSION_NAME': 'pod'}, BASE, '[default]\n' + keys('AKIAFILE'), []),
    'a web identity by the profile': ({}, BASE + role('web', web_identity_token_file='{folder}/token'), '', []),
    'a web identity without a role': ({'AWS_WEB_IDENTITY_TOKEN_FILE': '{folder}/token'}, BASE, '[default]\n' + keys('AKIAFILE'), []),
    'a web identity whose token is not there': ({'AWS_WEB_IDENTITY_TOKEN_FILE': '{folder}/none', 'AWS_ROLE_ARN': ROLE + 'web'}, BASE, '',
        []),
    'a container': ({'AWS_CONTAINER_CREDENTIALS_FULL_URI': '{here}/container?a=b', 'AWS_CONTAINER_AUTHORIZATION_TOKEN': 'Basic abc'}, BASE,
        '', []),
    'a container whose token is in a file': ({'AWS_CONTAINER_CREDENTIALS_FULL_URI': '{here}/container',
        'AWS_CONTAINER_AUTHORIZATION_TOKEN': 'x',
                                              'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE': '{folder}/token'}, BASE, '', []),
    'a container elsewhere': ({'AWS_CONTAINER_CREDENTIALS_FULL_URI': 'http://0.0.0.0:{port}/container'}, BASE, '', []),
    'the instance': ({'AWS_EC2_METADATA_DISABLED': 'false'}, BASE, '', []),
    'the instance, by an IPv6 address': ({'AWS_EC2_METADATA_DISABLED': 'false', 'AWS_EC2_METADATA_SERVICE_ENDPOINT': '{here6}'}, BASE, '',
        []),
    'a container, by an IPv6 address': ({'AWS_CONTAINER_CREDENTIALS_FULL_URI': '{here6}/container'}, BASE, '', []),
    'the instance, which is not asked': ({}, BASE, '', []),
    'single sign-on by a session': ({'AWS_PROFILE': 'r'}, sso('corp', sso_session='corp'), '', []),
    'single sign-on by the profile alone': ({'AWS_PROFILE': 'r'}, sso('corp', **LEGACY), '[r]\n' + keys('AKIAFILE'), []),
    'single sign-on, keys in the environment': ({'AWS_PROFILE': 'r', **in_environment('AKIAENV')}, sso('corp', sso_session='corp'), '', []),
    'single sign-on that has expired': ({'AWS_PROFILE': 'r'}, sso('old', sso_session='old'), '[r]\n' + keys('AKIAFILE'), []),
    'single sign-on that has ended': ({'AWS_PROFILE': 'r'}, sso('gone', sso_session='gone'), '', []),
    'single sign-on that was never done': ({'AWS_PROFILE': 'r'}, sso('new', sso_session='new'), '', []),
    'single sign-on without a role': ({'AWS_PROFILE': 'r'}, sso('corp', sso_session='corp', sso_role_name=''), '', []),
    'single sign-on of a session that is not there': ({'AWS_PROFILE': 'r'}, sso('corp', sso_session='none'), '', []),
    'a role for single sign-on': ({'AWS_PROFILE': 'a'}, sso('corp', sso_session='corp') + '[profile a]\nregion = eu-west-2\n' + role(
        'a', source_profile='r'), '', []),
    'regions by option and environment': ({**in_environment('AKIAENV'), 'AWS_DEFAULT_REGION': 'eu-west-1'}, BASE, '', ['--region',
        'ap-south-1']),
    'a region by the environment': ({**in_environment('AKIAENV'), 'AWS_DEFAULT_REGION': 'eu-west-1'}, BASE, '', []),
    'a region that is none': ({**in_environment('AKIAENV'), 'AWS_DEFAULT_REGION': 'eu west/1'}, '', '', []),
    'addresses by the environment': ({**in_environment('AKIAENV'), 'AWS_ENDPOINT_URL': 'http://all:1',
        'AWS_ENDPOINT_URL_S3': 'https://store:2',
                                      'AWS_ENDPOINT_URL_CLOUDWATCH_LOGS': 'https://logs'}, BASE + 'endpoint_url = http://profile\n', '',
                                          []),
    'addresses by the profile': (in_environment('AKIAENV'), BASE + 'endpoint_url = http://profile\nservices = mine\n[services mine]\ns3 =\n'
                                 '  endpoint_url = https://[2001:db8::1]:9000\ncloudwatch_logs =\n  endpoint_url = http://logs\n', '', []),
    'addresses of a section that is not there': (in_environment('AKIAENV'), BASE + 'services = mine\n', '', []),
    'addresses that are ignored': ({**in_environment('AKIAENV'), 'AWS_ENDPOINT_URL': 'http://all:1',
        'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS': 'TRUE'},
                                   BASE, '', []),
    'an address by option': ({**in_environment('AKIAENV'), 'AWS_ENDPOINT_URL_S3': 'http://all:1',
        'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS': 'true'},
                             BASE, '', ['--endpoint-url', 'http://option:3']),
    'FIPS by the environment': ({**in_environment('AKIAENV'), 'AWS_USE_FIPS_ENDPOINT': 'true', 'AWS_DEFAULT_REGION': 'us-east-2'}, BASE,
        '', []),
    'FIPS and dual-stack by the profile': (in_environment('AKIAENV'), '[default]\nregion = us-west-2\nuse_fips_endpoint = true\n'
                                           'use_dualstack_endpoint = true\n', '', []),
}


PLACES = 'address', 'FIPS', 'region', 'nested'


def option(options, name):
    return options[options.index(name) + 1] if name in options else None


def by_botocore(options, places=True):
    """In a process of its own: what it finds."""
    import botocore.session
    botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR = os.path.expanduser('~/.aws/sso/cache')
    botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR = os.path.expanduser('~/.aws/sso/cache')
    session = botocore.session.Session(profile=option(options, '--profile'))
    session.get_scoped_config()
    found = session.get_credentials()
    region = option(options, '--region') or session.get_config_variable('region')
    if option(options, '--region'):
        session.set_config_variable('region', region)
    frozen = found.get_frozen_credentials()
    place = {}
    for name, service in SERVICES.items() if region and places else ():
        client = session.create_client(service, region_name=region, endpoint_url=option(options, '--endpoint-url'))
        sent = []
        client.meta.events.register('before-send', lambda request, **_: sent.append(request.url) or 1 / 0)
        call = {'s3': 'list_buckets', 'kms': 'list_keys', 'sts': 'get_caller_identity', 'ec2': 'describe_regions', 'iam': 'get_user',
                'logs': 'describe_log_groups'}[name]
        with contextlib.suppress(Exception):
            getattr(client, call)()
        at = urllib.parse.urlsplit(sent[0])
        place[name] = f'{at.scheme}://{at.netloc}'
    return {'access-key': frozen.access_key, 'token': 'yes' if frozen.token else 'no', 'region': region or '-', **place}


def in_child(environment, what, *args):
    """what(*args), with this environment alone; None: it raised."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.environ.clear()
            os.environ.update(environment)
            text = json.dumps(what(*args))
        except BaseException as e:
            text = json.dumps({'error': f'{type(e).__name__}: {e}'})
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        said = json.loads(f.read())
    os.waitpid(child, 0)
    return said


def by_sealtap(environment, options):
    done = subprocess.run([SEALTAP, 'doctor', '--credentials', *options], env=environment, capture_output=True, text=True, timeout=60)
    assert 'secret-of' not in done.stdout + done.stderr and 'token-of' not in done.stdout + done.stderr, 'a secret is shown'
    if done.returncode:
        assert done.returncode in (64, 69, 75, 77, 78), f'status {done.returncode}: {done.stderr}'
        assert done.stderr.startswith('sealtap: ') and done.stderr.count('\n') >= 1, f'says nothing: {done.stderr!r}'
        return {'error': done.stderr.strip()}
    return dict(line.split(None, 1) for line in done.stdout.splitlines())


@contextlib.contextmanager
def arranged(here, name):
    environment, config, credentials, options = ARRANGEMENTS[name]
    with tempfile.TemporaryDirectory() as folder:
        def put(text):
            for name, value in (('here', here), ('here6', address6), ('port', here.rpartition(':')[2]), ('folder', folder)):
                text = text.replace('{' + name + '}', value)
            return text
        os.mkdir(os.path.join(folder, '.aws'))
        for file, text in (('.aws/config', config), ('.aws/credentials', credentials), ('token', 'web.identity-token')):
            if text:
                with open(os.path.join(folder, file), 'w', newline='') as f:
                    f.write(put(text))
        os.makedirs(os.path.join(folder, '.aws/sso/cache'))
        for name, (token, ends) in TOKENS.items():
            with open(os.path.join(folder, '.aws/sso/cache', hashlib.sha1(name.encode()).hexdigest() + '.json'), 'w') as f:
                json.dump({'accessToken': token, 'expiresAt': ends, 'region': 'eu-north-1', 'startUrl': 'x'}, f)
        all_ = {'PATH': os.environ['PATH'], 'HOME': folder, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_ENDPOINT_URL_STS': here,
            'AWS_ENDPOINT_URL_SSO': here,
                'AWS_EC2_METADATA_SERVICE_ENDPOINT': here, 'AWS_MAX_ATTEMPTS': '1', **environment}
        yield {k: put(v) for k, v in all_.items()}, [put(o) for o in options]


def the_session_is_what_botocore_finds(here, name):
    with arranged(here, name) as (environment, options):
        places = any(word in name for word in PLACES)  # what botocore takes long for
        want, got = in_child(environment, by_botocore, options, places), by_sealtap(environment, options)
    if 'error' in want:
        assert 'error' in got, f'botocore says {want["error"]}; sealtap found {got}'
        return
    assert 'error' not in got, f'sealtap: {got["error"]}; botocore found {want}'
    wrong = {k: (got.get(k), v) for k, v in want.items() if got.get(k) != v}
    assert not wrong, f'(sealtap, botocore): {wrong}'


def on_a_terminal(environment, answer):
    """sealtap with a terminal of its own, at which this is typed."""
    child, terminal = pty.fork()
    if not child:
        os.execve(SEALTAP, [SEALTAP, 'doctor', '--credentials'], environment)
    said = b''
    with contextlib.suppress(OSError):
        while b'MFA code' not in said:
            said += os.read(terminal, 1000)
        os.write(terminal, answer.encode() + b'\n')
        while piece := os.read(terminal, 1000):
            said += piece
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said.decode()


def a_role_with_mfa_asks_on_the_terminal_for_the_code(here):
    ARRANGEMENTS['mfa'] = ({'AWS_PROFILE': 'r'}, BASE + '[profile r]\nregion = eu-west-2\n' + role('r', source_profile='default',
        mfa_serial='arn:aws:iam::1:mfa/me'),
                           '[default]\n' + keys('AKIAFILE'), [])

    def by_botocore_with_code(options):
        import botocore.credentials
        botocore.credentials.getpass.getpass = lambda _: '123456'
        prompt = botocore.credentials.AssumeRoleProvider.__init__
        botocore.credentials.AssumeRoleProvider.__init__ = lambda self, *a, **k: prompt(self, *a, **{**k, 'prompter': lambda _: '123456'})
        return by_botocore(options)
    with arranged(here, 'mfa') as (environment, options):
        want = in_child(environment, by_botocore_with_code, options)
        status, said = on_a_terminal(environment, '123456')
        alone = subprocess.run([SEALTAP, 'doctor', '--credentials'], env=environment, capture_output=True, text=True,
            start_new_session=True)
    assert 'MFA code for arn:aws:iam::1:mfa/me' in said and '123456' not in said, said
    assert not status and want['access-key'] in said, f'{status}: {said}, want {want}'
    assert alone.returncode == 78 and 'no terminal' in alone.stderr, alone


def an_interrupted_question_leaves_the_terminal_as_it_was(here):
    ARRANGEMENTS['mfa'] = ({'AWS_PROFILE': 'r'}, BASE + '[profile r]\n' + role('r', source_profile='default', mfa_serial='me'),
                           '[default]\n' + keys('AKIAFILE'), [])

    def echoes(terminal):
        return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    with arranged(here, 'mfa') as (environment, _):
        terminal, far = pty.openpty()
        assert echoes(terminal)

        def at_the_terminal():
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # where the tests run in the background
        child = subprocess.Popen([SEALTAP, 'doctor', '--credentials'], env=environment, stdin=far, stdout=far, stderr=far,
            start_new_session=True, preexec_fn=at_the_terminal)
        said = b''
        while b'MFA code' not in said:
            said += os.read(terminal, 1000)
        assert not echoes(terminal), 'a code would be seen'
        os.write(terminal, b'12\x03')
        status = child.wait(60)
    assert echoes(terminal) and status == -signal.SIGINT, (echoes(terminal), status)
    os.close(terminal)
    os.close(far)


def what_is_done_elsewhere_is_said(here):
    """Of single sign-on that has expired, and of aws login, it is said what to do"""
    ARRANGEMENTS['login'] = ({'AWS_PROFILE': 'corp'}, BASE + '[profile corp]\nlogin_session = arn:x\n', '', [])
    for name, words in (('login', ('aws login --profile corp', 'aws configure export-credentials --profile corp')),
                        ('single sign-on that has expired', ('get-caller-identity --profile r', 'aws sso login --profile r'))):
        with arranged(here, name) as (environment, options):
            said = by_sealtap(environment, options)['error']
        assert all(w in said for w in words), said


def the_bucket_is_the_options_the_environments_or_the_profiles(here):
    def found(environment, options):
        got = by_sealtap(environment, options)
        return got.get('error') or (got['bucket'], got['prefix'])
    ARRANGEMENTS['bucket'] = (in_environment('AKIAENV'), BASE + 'sealtap_bucket = of-profile/a/b/\n', '', [])
    with arranged(here, 'bucket') as (environment, _):
        by_environment = {**environment, 'SEALTAP_BUCKET': 'of-environment'}
        assert found(environment, []) == ('of-profile', 'a/b')
        assert found(by_environment, []) == ('of-environment', '-')
        assert found(by_environment, ['--bucket', 's3://of-option/x']) == ('of-option', 'x')
        assert '--bucket is no BUCKET' in found(environment, ['--bucket', 'A_B'])


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


server, server6 = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Services), Server6(('::1', 0), Services)
for one in (server, server6):
    threading.Thread(target=one.serve_forever, daemon=True).start()
address, address6 = f'http://127.0.0.1:{server.server_address[1]}', f'http://[::1]:{server6.server_address[1]}'
try:
    import botocore.session  # once, before the children
    import botocore.tokens  # noqa: F401
    assert botocore.session.Session().create_client('sts', region_name='eu-central-1', aws_access_key_id='a', aws_secret_access_key='b')
    have = None
except ImportError:
    have = 'botocore is not installed'
for arrangement in list(ARRANGEMENTS):
    def test(name=arrangement):
        if have:
            raise testing.Skip(have)
        the_session_is_what_botocore_finds(address, name)
    test.__doc__ = f'the session is what botocore finds: {arrangement}'
    report.run(test)
for check in (a_role_with_mfa_asks_on_the_terminal_for_the_code, an_interrupted_question_leaves_the_terminal_as_it_was,
              what_is_done_elsewhere_is_said,
              the_bucket_is_the_options_the_environments_or_the_profiles):
    report.run(check, address)
report.finish()
