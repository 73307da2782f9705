#!/usr/bin/env python3
"""doctor_test.py: `sealtap doctor` finds no problem in a deployment that is right (board/nitro/stack.yaml, as moto plays the account), and
names each thing that is broken, one by one.

Between the two stands a proxy: it answers what moto does not have (a console's words, IAM's simulator), and refuses what a test says.
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import account, deployed, testing  # noqa: E402

report = testing.report()
REGION = 'eu-central-1'
EC2 = 'http://ec2.amazonaws.com/doc/2016-11-15'
MAY = {'s3:PutObject', 'kms:GenerateDataKey'}
# What moto does not keep (tests/aws/deploy_test.py, KEPT_NOT): the edge table is no gateway's there. The caller is no analyst.
OF_MOTO = {('warning', 'route-back'), ('warning', 'decrypt')}
CHECKS = {'caller', 'instance', 'metadata-options', 'source-dest-check', 'route-inside', 'route-around', 'route-outside', 'route-back',
          's3-endpoint', 'security-group', 'user-data', 'boot-verdict', 'role', 'bucket', 'versioning', 'object-lock', 'public-access',
          'encryption', 'bucket-policy', 'key', 'key-policy', 'decrypt'}


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = 'HTTP/1.1', -1
    moto, console, may, refused, seen = None, 'sealtap: ok rings\r\nsealtap: ARMED\r\n', MAY, set(), []
    taken_out, expired, renew = None, 'nobody at all', None
    kept = {}  # answers of moto, by service, until a test changes something of that service

    def log_message(self, *_):
        pass

    def own(self, call):
        """What is answered here: (status, body)."""
        of_bucket = call.method.capitalize() + call.target.partition('?')[2].rstrip('=')
        name = of_bucket if call.service == 's3' else call.action
        self.seen.append(f'{call.service}:{name}')
        if self.expired in self.headers.get('Authorization', ''):
            if self.renew:
                self.renew()
            error = '<Error><Code>ExpiredToken</Code><Message>it is over</Message></Error>'
            return 403, (f'<ErrorResponse>{error}</ErrorResponse>' if call.service != 'ec2' else
                         f'<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>').encode()
        if name in self.refused:
            code = {'ec2': 'UnauthorizedOperation', 'kms': 'AccessDeniedException'}.get(call.service, 'AccessDenied')
            if call.service == 'kms':
                return 400, json.dumps({'__type': code, 'message': 'no'}).encode()
            error = f'<Error><Code>{code}</Code><Message>no</Message></Error>'
            whole = {'ec2': f'<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>', 's3': error}
            return 403, whole.get(call.service, f'<ErrorResponse>{error}</ErrorResponse>').encode()
        if name == 'GetConsoleOutput':
            text = base64.encodebytes(self.console.encode()).decode()
            return 200, f'<GetConsoleOutputResponse xmlns="{EC2}"><output>{text}</output></GetConsoleOutputResponse>'.encode()
        if name == 'SimulatePrincipalPolicy':
            action, context = call.form['ActionNames.member.1'], call.form['ContextEntries.member.1.ContextKeyValues.member.1']
            by_alias = ':alias/' in call.form['ResourceArns.member.1']  # policies name keys
            decision = 'allowed' if action in self.may and context.startswith('vpc-') and not by_alias else 'implicitDeny'
            member = f'<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>'
            inside = f'<EvaluationResults>{member}</EvaluationResults><IsTruncated>false</IsTruncated>'
            return 200, (f'<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult>{inside}</SimulatePrincipalPolicyResult>'
                         '</SimulatePrincipalPolicyResponse>').encode()
        return None

    def handle_call(self):
        call = account.Call(self.command, self.path, dict(self.headers), self.rfile.read(int(self.headers.get('Content-Length') or 0)))
        status, body = self.own(call) or (None, None)
        question, headers = (self.command, self.path, call.body), {}
        if status is None and question in self.kept.get(call.service, {}):
            status, body, headers = self.kept[call.service][question]
        elif status is None:
            connection = http.client.HTTPConnection(self.moto)
            connection.request(self.command, self.path, call.body, dict(self.headers))
            answer = connection.getresponse()
            # S3's root has another name
            status, body = answer.status, answer.read().replace(b'GetBucketVersioningResponse', b'VersioningConfiguration')
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in account.HOP_BY_HOP}
            connection.close()
            self.kept.setdefault(call.service, {})[question] = status, body, headers
        if self.taken_out:
            body = self.taken_out.sub(b'', body)
        self.send_response(status)
        for k, v in {**headers, 'Content-Length': str(len(body))}.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = handle_call


class Deployment:
    """The stack in moto, and in it an instance as its launch template describes one (moto's CloudFormation passes that over)."""

    def __init__(self, folder):
        import botocore.session
        self.stack = deployed.Deployed(folder)
        session = botocore.session.Session()
        self.client = {s: session.create_client(s, region_name=REGION, endpoint_url=self.stack.account.url, aws_access_key_id='test',
                                                aws_secret_access_key='test') for s in ('ec2', 's3', 'kms', 'iam')}
        for s, client in self.client.items():
            client.meta.events.register('before-call', lambda s=s, **_: Proxy.kept.pop(s, None) and None)
        self.ids = self.stack.ids
        self.finish()
        self.launch()
        Proxy.moto = self.stack.account.url.removeprefix('http://')
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Proxy)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def finish(self):
        """What the template says and moto's CloudFormation passes over."""
        ec2, s3, ids = self.client['ec2'], self.client['s3'], self.ids
        for subnet, table in (('OutsideSubnet', 'OutsideRouteTable'), ('InsideSubnet', 'InsideRouteTable')):
            ec2.associate_route_table(SubnetId=ids[subnet], RouteTableId=ids[table])
        for eni, group in (('OutsideEni', 'OutsideGroup'), ('InsideEni', 'InsideGroup')):
            ec2.modify_network_interface_attribute(NetworkInterfaceId=ids[eni], Groups=[ids[group]])
        name = ids['EvidenceBucket']
        policy = s3.get_bucket_policy(Bucket=name)['Policy']
        s3.delete_bucket(Bucket=name)
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, CreateBucketConfiguration={'LocationConstraint': REGION})
        s3.put_bucket_policy(Bucket=name, Policy=policy)
        for method, more in (VERSIONS[1], LOCK[1], BLOCKS[1], SSE[1]):
            getattr(s3, method)(Bucket=name, **more)

    def launch(self):
        ec2, ids = self.client['ec2'], self.ids
        made = ec2.describe_launch_template_versions(LaunchTemplateId=ids['LaunchTemplate'])['LaunchTemplateVersions'][-1]
        data = made['LaunchTemplateData']
        self.user_data = base64.b64decode(data['UserData']).decode()
        ec2.terminate_instances(InstanceIds=[ids['Instance']])
        started = ec2.run_instances(
            ImageId=data['ImageId'], InstanceType='c7i.large', MinCount=1, MaxCount=1, UserData=self.user_data,
            IamInstanceProfile={'Name': ids['InstanceProfile']}, MetadataOptions={'HttpTokens': 'required', 'HttpPutResponseHopLimit': 1},
            NetworkInterfaces=[{'DeviceIndex': 0, 'NetworkInterfaceId': ids['OutsideEni']},
                               {'DeviceIndex': 1, 'NetworkInterfaceId': ids['InsideEni']}],
            TagSpecifications=[{'ResourceType': 'instance', 'Tags': [{'Key': 'Name', 'Value': 'sealtap sealtap-1'}]}])
        self.instance = started['Instances'][0]['InstanceId']
        for eni in ('OutsideEni', 'InsideEni'):
            ec2.modify_network_interface_attribute(NetworkInterfaceId=ids[eni], SourceDestCheck={'Value': False})

    def doctor(self, *options, **more):
        environment = {**self.stack.account.environment, 'AWS_ENDPOINT_URL': f'http://127.0.0.1:{self.server.server_address[1]}', **more}
        return subprocess.run(['build/sealtap', 'doctor', *options], env=environment, capture_output=True, text=True, timeout=60)

    def findings(self, *options):
        done = self.doctor('--json', *options)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        levels = {f['level'] for f in found}
        assert done.returncode == (2 if 'problem' in levels else 1 if 'warning' in levels else 0), f'{done.returncode}: {done.stderr}'
        return found

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.stack.end()


def shown(found):
    return '\n'.join(f'{f["level"]} {f["check"]} {f["what"]}: {f["found"]}' for f in found)


def of(found, level):
    return {f['check'] for f in found if f['level'] == level}


def a_right_deployment_has_no_problem(d):
    found = d.findings('--appliance', 'sealtap-1')
    assert not of(found, 'problem'), shown(found)
    assert {('warning', c) for c in of(found, 'warning')} <= OF_MOTO, shown(found)
    assert {f['check'] for f in found} == CHECKS, f'{CHECKS ^ {f["check"] for f in found}}: {shown(found)}'
    assert {f['found'] for f in d.findings('--instance', d.instance)} == {f['found'] for f in found}
    for tag in ('sealtap-1', 'sealtap sealtap-1'):  # the name alone, then as it was
        d.client['ec2'].create_tags(Resources=[d.instance], Tags=[{'Key': 'Name', 'Value': tag}])
        assert 'instance' in of(d.findings('--appliance', 'sealtap-1'), 'ok'), tag


def a_key_that_is_named_by_its_alias_is_looked_at_all_the_same(d):
    kms = d.client['kms']
    kms.create_alias(AliasName='alias/evidence', TargetKeyId=d.ids['Key'])
    with user_data(d, re.sub(r'key/\S+', 'alias/evidence', d.user_data), ''):
        found = d.findings()
    assert {'key', 'key-policy', 'role'} <= of(found, 'ok') and any('alias/evidence' in f['what'] for f in found), shown(found)


def it_changes_nothing_and_asks_what_it_needs(d):
    Proxy.seen.clear()
    d.findings()
    asked = {name.partition(':')[2] for name in Proxy.seen}
    assert all(name.startswith(('Describe', 'Get', 'Head', 'Simulate')) for name in asked), asked


def expired_credentials_are_read_anew_or_said(d):
    with tempfile.NamedTemporaryFile('w+') as f:
        def put(key):
            f.seek(0)
            f.truncate()
            f.write(f'[default]\naws_access_key_id = {key}\naws_secret_access_key = s\naws_session_token = t\n')
            f.flush()
        more = {'AWS_ACCESS_KEY_ID': '', 'AWS_SHARED_CREDENTIALS_FILE': f.name}
        put('ASIAOLD')
        Proxy.expired = 'ASIAOLD/'
        said = d.doctor(**more)
        Proxy.renew = staticmethod(lambda: put('ASIANEW'))
        renewed = d.doctor('--json', **more)
    Proxy.expired, Proxy.renew = 'nobody at all', None
    assert said.returncode == 75 and 'have expired' in said.stderr and not said.stdout, said
    assert renewed.returncode == 1 and len(renewed.stdout.splitlines()) >= len(CHECKS), renewed


def people_are_told_why_and_what_to_do(d):
    Proxy.console = 'sealtap: CLOSED config\r\n'
    done = d.doctor()
    Proxy.console = 'sealtap: ARMED\r\n'
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith('problem  boot-verdict'))
    assert lines[at].endswith(': CLOSED config') and lines[at + 1].strip().startswith('why: ') and \
        lines[at + 2].strip().startswith('remedy: ') and done.returncode == 2, done.stdout
    assert lines[-1].endswith('1 problems') and not done.stderr, done


# ---- what is broken: the check that names it; how it is broken, and mended

@contextlib.contextmanager
def source_dest_check_on(d, eni):
    def put(value):
        d.client['ec2'].modify_network_interface_attribute(NetworkInterfaceId=d.ids[eni], SourceDestCheck={'Value': value})
    put(True)
    yield d.ids[eni]
    put(False)


@contextlib.contextmanager
def route(d, table, **by):
    """Its default route leads elsewhere; without `by`: there is none."""
    ec2, eni = d.client['ec2'], {'InsideRouteTable': 'InsideEni'}.get(table)
    where = {'RouteTableId': d.ids[table], 'DestinationCidrBlock': '0.0.0.0/0'}
    ec2.delete_route(**where)
    if by:
        ec2.create_route(**where, **by)
    yield by.get('NetworkInterfaceId') or by.get('GatewayId') or d.ids[table]
    if by:
        ec2.delete_route(**where)
    ec2.create_route(**where, **({'NetworkInterfaceId': d.ids[eni]} if eni else {'GatewayId': d.ids['InternetGateway']}))


@contextlib.contextmanager
def another_route(d, table, to, **by):
    where = {'RouteTableId': d.ids[table], 'DestinationCidrBlock': to}
    d.client['ec2'].create_route(**where, **by)
    yield to
    d.client['ec2'].delete_route(**where)


@contextlib.contextmanager
def another_subnet(d):
    """Whose default route goes straight to the internet gateway."""
    ec2 = d.client['ec2']
    subnet = ec2.create_subnet(VpcId=d.ids['Vpc'], CidrBlock='10.20.9.0/24')['Subnet']['SubnetId']
    table = ec2.create_route_table(VpcId=d.ids['Vpc'])['RouteTable']['RouteTableId']
    ec2.create_route(RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', GatewayId=d.ids['InternetGateway'])
    link = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)['AssociationId']
    yield d.ids['InternetGateway']
    ec2.disassociate_route_table(AssociationId=link)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_subnet(SubnetId=subnet)


@contextlib.contextmanager
def closed_group(d, group, direction):
    ec2 = d.client['ec2']
    rule = {'GroupId': d.ids[group], 'IpPermissions': [{'IpProtocol': '-1', 'IpRanges': [{'CidrIp': '0.0.0.0/0'}]}]}
    getattr(ec2, f'revoke_security_group_{direction}')(**rule)
    yield ''
    rule['IpPermissions'][0]['IpRanges'].insert(0, {'CidrIp': '10.0.0.0/8'})  # every address beside another range
    getattr(ec2, f'authorize_security_group_{direction}')(**rule)


@contextlib.contextmanager
def endpoint_elsewhere(d):
    ec2 = d.client['ec2']
    gateway, table = d.ids['S3Endpoint'], d.ids['OutsideRouteTable']
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, RemoveRouteTableIds=[table])
    yield table
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, AddRouteTableIds=[table])


@contextlib.contextmanager
def user_data(d, text, said):
    def put(value):
        d.client['ec2'].modify_instance_attribute(InstanceId=d.instance, Attribute='userData',
            Value=base64.b64encode(value.encode()).decode())
    put(text)
    yield said
    put(d.user_data)


@contextlib.contextmanager
def stopped(d):
    d.client['ec2'].stop_instances(InstanceIds=[d.instance])
    yield 'stop'
    d.client['ec2'].start_instances(InstanceIds=[d.instance])


@contextlib.contextmanager
def console(d, text, said):
    before, Proxy.console = Proxy.console, text
    yield said
    Proxy.console = before


@contextlib.contextmanager
def role_may(d, may, said):
    before, Proxy.may = Proxy.may, may
    yield said
    Proxy.may = before


@contextlib.contextmanager
def refused(d, action, permission):
    Proxy.refused = {action}
    yield permission
    Proxy.refused = set()


@contextlib.contextmanager
def bucket(d, put, mend, said=''):
    """put, mend: (method, arguments) of S3's."""
    name = d.ids['EvidenceBucket']
    getattr(d.client['s3'], put[0])(Bucket=name, **put[1])
    yield said
    getattr(d.client['s3'], mend[0])(Bucket=name, **mend[1])


@contextlib.contextmanager
def bucket_policy(d, change, said):
    s3, name = d.client['s3'], d.ids['EvidenceBucket']
    before = s3.get_bucket_policy(Bucket=name)['Policy']
    after = change(json.loads(before))
    if after:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(after))
    else:
        s3.delete_bucket_policy(Bucket=name)
    yield said
    s3.put_bucket_policy(Bucket=name, Policy=before)


def without(*sids):
    return lambda policy: {**policy, 'Statement': [s for s in policy['Statement'] if s['Sid'] not in sids]}


def with_public_read(policy):
    return {**policy, 'Statement': [*policy['Statement'], {'Sid': 'Public', 'Effect': 'Allow', 'Principal': '*', 'Action': 's3:GetObject',
                                                           'Resource': '*'}]}


def for_another_role(policy):
    return json.loads(json.dumps(policy).replace('sealtap-ApplianceRole', 'another-Role'))


@contextlib.contextmanager
def key_policy(d, change, said):
    kms, key = d.client['kms'], d.ids['Key']
    before = kms.get_key_policy(KeyId=key, PolicyName='default')['Policy']
    kms.put_key_policy(KeyId=key, PolicyName='default', Policy=json.dumps(change(json.loads(before))))
    yield said
    kms.put_key_policy(KeyId=key, PolicyName='default', Policy=before)


def appliance_opens(policy):
    for s in policy['Statement']:
        if s['Sid'] == 'Seal':
            s['Action'] = ['kms:GenerateDataKey', 'kms:Decrypt']
    return policy


@contextlib.contextmanager
def key_disabled(d):
    d.client['kms'].disable_key(KeyId=d.ids['Key'])
    yield 'Disabled'
    d.client['kms'].enable_key(KeyId=d.ids['Key'])


@contextlib.contextmanager
def amended(d, pattern, said):
    """What fits is taken out of moto's answers."""
    Proxy.taken_out = re.compile(pattern, re.S)
    yield said
    Proxy.taken_out = None


def lock(rule):
    return ('put_object_lock_configuration', {'ObjectLockConfiguration': {'ObjectLockEnabled': 'Enabled', **rule}})


VERSIONS = [('put_bucket_versioning', {'VersioningConfiguration': {'Status': s}}) for s in ('Suspended', 'Enabled')]
BLOCKS = ('delete_public_access_block', {}), ('put_public_access_block', {'PublicAccessBlockConfiguration': dict.fromkeys(
    ('BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'), True)})
SSE = [('put_bucket_encryption', {'ServerSideEncryptionConfiguration': {'Rules': [{'ApplyServerSideEncryptionByDefault': {
    'SSEAlgorithm': a}}]}}) for a in ('aws:kms', 'AES256')]
LOCK = lock({}), lock({'Rule': {'DefaultRetention': {'Mode': 'GOVERNANCE', 'Days': 90}}})

BROKEN = {  # what: level, check, how
    'an instance that is stopped': ('problem', 'instance', stopped),
    'the source/destination check of the outside interface': ('problem', 'source-dest-check', lambda d: source_dest_check_on(d,
        'OutsideEni')),
    'the source/destination check of the inside interface': ('problem', 'source-dest-check', lambda d: source_dest_check_on(d,
        'InsideEni')),
    'an inside subnet whose default route goes to the internet gateway': (
        'problem', 'route-inside', lambda d: route(d, 'InsideRouteTable', GatewayId=d.ids['InternetGateway'])),
    'an inside subnet without a default route': ('problem', 'route-inside', lambda d: route(d, 'InsideRouteTable')),
    'a network that goes from inside around the appliance': (
        'problem', 'route-around', lambda d: another_route(d, 'InsideRouteTable', '203.0.113.0/24', GatewayId=d.ids['InternetGateway'])),
    'another subnet whose traffic goes around the appliance': ('warning', 'route-around', another_subnet),
    'an outside subnet without a default route': ('problem', 'route-outside', lambda d: route(d, 'OutsideRouteTable')),
    'an outside subnet whose default route leads back': (
        'problem', 'route-outside', lambda d: route(d, 'OutsideRouteTable', NetworkInterfaceId=d.ids['InsideEni'])),
    'an endpoint for S3 that the appliance does not use': ('warning', 's3-endpoint', endpoint_elsewhere),
    'an inside group that lets nothing in': ('problem', 'security-group', lambda d: closed_group(d, 'InsideGroup', 'ingress')),
    'an outside group that lets nothing out': ('problem', 'security-group', lambda d: closed_group(d, 'OutsideGroup', 'egress')),
    'user data with a key that nobody knows': ('problem', 'user-data', lambda d: user_data(d, d.user_data + '\nno.key = 1\n', 'no.key')),
    'each mistake in the user data': ('problem', 'user-data', lambda d: user_data(d, 'no.key = 1\nalso.none = 2\n' + d.user_data,
        'line 2: also')),
    'user data without a bucket': ('problem', 'user-data', lambda d: user_data(d, 'kms.key = x\n', 'line 1')),
    'a console whose last word is CLOSED': (
        'problem', 'boot-verdict', lambda d: console(d, 'sealtap: ARMED\nsealtap: CLOSED kms-denied\n', 'CLOSED kms-denied')),
    'a console that says nothing': ('warning', 'boot-verdict', lambda d: console(d, 'Linux\n', 'none')),
    'an instance without a role': ('problem', 'role', lambda d: amended(
        d, b'<iamInstanceProfile>.*?</iamInstanceProfile>', 'no instance profile')),
    'a role that may not write': ('problem', 'role', lambda d: role_may(d, {'kms:GenerateDataKey'}, 's3:PutObject')),
    'a role that may open': ('problem', 'role', lambda d: role_may(d, MAY | {'kms:Decrypt'}, 'kms:Decrypt')),
    'a bucket without versions': ('problem', 'versioning', lambda d: bucket(d, *VERSIONS, 'Suspended')),
    'a bucket that locks nothing': ('warning', 'object-lock', lambda d: bucket(d, *LOCK, 'no default retention')),
    'a bucket that may be public': ('problem', 'public-access', lambda d: bucket(d, *BLOCKS, '0 of 4')),
    'a bucket under another encryption': ('warning', 'encryption', lambda d: bucket(d, *SSE, 'aws:kms')),
    'a bucket without a policy': ('problem', 'bucket-policy', lambda d: bucket_policy(d, lambda _: None, 'there is none')),
    'a bucket whose objects anybody may delete': ('warning', 'bucket-policy', lambda d: bucket_policy(
        d, without('NoDeletion'), 's3:DeleteObjectVersion')),
    'a bucket that anybody may write': ('warning', 'bucket-policy', lambda d: bucket_policy(d, without('OnlyTheAppliance'),
        's3:PutObject')),
    'a bucket that takes requests without TLS': ('warning', 'bucket-policy', lambda d: bucket_policy(d, without('TlsOnly'), 'TLS')),
    'a bucket that everybody may read': ('problem', 'bucket-policy', lambda d: bucket_policy(d, with_public_read, 'everybody')),
    'a bucket for another role': ('problem', 'bucket-policy', lambda d: bucket_policy(d, for_another_role, 's3:PutObject')),
    'a key that is disabled': ('problem', 'key', key_disabled),
    'a key that the appliance may not seal with': ('problem', 'key-policy', lambda d: key_policy(d, without('Seal'),
        'kms:GenerateDataKey')),
    'a key that the appliance may open with': ('problem', 'key-policy', lambda d: key_policy(d, appliance_opens, 'kms:Decrypt')),
    'a key that nobody may open with': ('problem', 'key-policy', lambda d: key_policy(d, without('Open'), 'nobody')),
    'an operator who may not see instances': ('warning', 'instance', lambda d: refused(d, 'DescribeInstances', 'ec2:DescribeInstances')),
    'an operator who may not see routes': ('warning', 'route-inside', lambda d: refused(d, 'DescribeRouteTables',
        'ec2:DescribeRouteTables')),
    'an operator who may not ask the simulator': ('warning', 'role', lambda d: refused(
        d, 'SimulatePrincipalPolicy', 'iam:SimulatePrincipalPolicy')),
    'an operator who may not see the key': ('warning', 'key-policy', lambda d: refused(d, 'GetKeyPolicy', 'kms:GetKeyPolicy')),
    'an operator who may not see the bucket': ('warning', 'bucket', lambda d: refused(d, 'Head', 's3:ListBucket')),
    'an operator who may not see the lock': ('warning', 'object-lock', lambda d: refused(
        d, 'Getobject-lock', 's3:GetBucketObjectLockConfiguration')),
}


def it_is_named(d, level, check, how):
    with how(d) as said:
        found = d.findings()
    named = [f for f in found if f['level'] == level and f['check'] == check and said in f'{f["what"]} {f["found"]} {f["remedy"]}']
    assert named, f'no {level} {check} with "{said}" in\n{shown(found)}'
    assert named[0]['why'] and named[0]['remedy']


with tempfile.TemporaryDirectory() as folder:
    d = Deployment(folder)
    try:
        report.run(a_right_deployment_has_no_problem, d)
        report.run(a_key_that_is_named_by_its_alias_is_looked_at_all_the_same, d)
        report.run(it_changes_nothing_and_asks_what_it_needs, d)
        report.run(people_are_told_why_and_what_to_do, d)
        report.run(expired_credentials_are_read_anew_or_said, d)
        for what, (level, check, how) in BROKEN.items():
            def test(level=level, check=check, how=how):
                it_is_named(d, level, check, how)
            test.__doc__ = f'it names {what}'
            report.run(test)

        def mended():
            a_right_deployment_has_no_problem(d)
        mended.__doc__ = 'what was mended is right again'
        report.run(mended)
        if os.environ.get('SHOW'):
            Proxy.refused = {'DescribeInstanceAttribute', 'GetKeyPolicy', 'Getpolicy'}
            print(d.doctor('--bucket', d.ids['EvidenceBucket']).stdout)
    finally:
        d.end()
report.finish()
