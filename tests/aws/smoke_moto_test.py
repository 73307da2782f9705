#!/usr/bin/env python3
"""`make aws-smoke` against moto, as far as moto goes: the real aws command's code, the real board/nitro/deploy, EC2, S3, KMS, STS, SNS.

Stand-ins, since nothing boots there and nothing is refused: the console's text; the objects (sealed by AWS's SDK under moto's KMS, not by
the appliance); the metric and the alarm; deploy's two updates (moto's CloudFormation asks no condition again); the quotas, IAM's simulator;
which instance has an interface; and the answer "AccessDenied" to what must be denied. Of those calls the aws command says whether their
words are right.
"""
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, 'tests'), os.path.join(TOP, 'board', 'nitro')]

from lab import objects, testing  # noqa: E402
from lab.motoaccount import Account, REGION  # noqa: E402
from smokelib import denied, opened, steps  # noqa: E402
from smokelib.cloud import Cloud  # noqa: E402
from smokelib.journal import utc  # noqa: E402

NAME, ACCOUNT, BOOTS = 'sealtap-smoke-0badcafe', '123456789012', ('a' * 16, 'b' * 16)
MUST_FAIL = {tuple(words.split()[:2]) for _, _, words in denied.TRIED}
REFUSED = 'An error occurred (AccessDenied) when calling the X operation: by the stand-in'


def program():
    loader = importlib.machinery.SourceFileLoader('smoke', os.path.join(TOP, 'board', 'nitro', 'smoke'))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('smoke', loader))
    loader.exec_module(module)
    return module


class Commands:
    """The aws command's own code, in this process where its modules are there: a call costs a tenth of the time."""

    def __init__(self, account):
        self.account = account
        os.environ.update({k: v for k, v in account.environment.items() if k.startswith('AWS_')})
        try:
            from awscli.clidriver import create_clidriver
            self.driver = create_clidriver()
        except ImportError:
            self.driver = None

    def parses(self, words):
        """Whether the command takes the words: it gets as far as the connection, to a port where nobody listens."""
        status, out, err = self.run(words, 'http://127.0.0.1:9')
        return (0, '', '') if 'Could not connect to the endpoint' in err else (status, out, err)

    def run(self, words, url=None):
        argv = ['--endpoint-url', url or self.account.url, *words]
        if not self.driver:
            done = subprocess.run(['aws', *argv], capture_output=True, text=True)
            return done.returncode, done.stdout, done.stderr
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = self.driver.main(argv)
            except SystemExit as e:
                status = e.code or 0
        return status, out.getvalue(), err.getvalue()


def recording():
    """A capture of two frames that hold the marker."""
    frame = bytes(12) + b'\x08\x00' + b'\x45' + bytes(19) + NAME[-8:].encode()
    return struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + 2 * (struct.pack('<IIII', 1, 0, len(frame), len(frame)) + frame)


class OnMoto(Cloud):
    def __init__(self, account, folder):
        super().__init__()
        self.commands, self.folder, self.command = Commands(account), folder, account.command.split()
        self.life, self.stored, self.words, self.told, self.seqs, self.facts, self.ended = -1, [], [], None, {}, {}, False
        self.sleep = lambda seconds: time.sleep(min(seconds, 0.5))

    # ---- what the appliance would do

    def own(self, *words):
        status, out, err = self.commands.run([*words, '--output', 'json'])
        assert status == 0, f'{words}: {err}'
        return json.loads(out or '{}')

    def outputs(self):
        if not self.told:
            told = self.own('cloudformation', 'describe-stacks', '--stack-name', NAME)['Stacks'][0]['Outputs']
            self.told = {o['OutputKey']: o['OutputValue'] for o in told}
        return self.told

    def store(self, boot, kind, stream, plain, records=0, torn=''):
        seq = self.seqs[boot, stream] = self.seqs.get((boot, stream), -1) + 1
        start = utc(time.time()).replace('-', '').replace(':', '')[:15]
        name = (f'sealtap/{ACCOUNT}/{REGION}/{NAME}/2026/11/27/03/{kind}/{start}.{len(self.stored):09}Z-{boot}-{stream}-{seq:08}.'
                f'{"pcapng" if kind == "packets" else "jsonl"}.zst{torn}.encrypted')
        path = os.path.join(self.folder, 'plain')
        with open(path, 'wb') as f:
            f.write(plain)
        subprocess.run(['zstd', '-q', '-f', path, '-o', path + '.zst'], check=True)
        context = {'sealtap-appliance': NAME, 'sealtap-instance': self.instance(), 'sealtap-boot': boot}
        modules = os.path.join(objects.prepare_opener(), 'node_modules')
        subprocess.run(['node', 'tests/aws/seal.mjs', self.commands.account.url, REGION, self.outputs()['KeyArn'], json.dumps(context),
                        path + '.zst'], check=True, env={**os.environ, 'NODE_MODULES': modules})
        with open(path + '.zst.sealed', 'rb') as f:
            self.stored.append((name, hashlib.sha256(f.read()).hexdigest(), records))
        self.own('s3api', 'put-object', '--bucket', self.outputs()['EvidenceBucket'], '--key', name, '--body', path + '.zst.sealed',
                 '--metadata', f'sealtap-records={records}')

    def log(self, boot, *events):
        self.store(boot, 'log', 'log', ''.join(json.dumps(e) + '\n' for e in events).encode())

    def instance(self):
        return self.outputs().get('InstanceId')

    def boot(self):
        self.life += 1
        boot, before = BOOTS[self.life], BOOTS[self.life - 1]
        if self.life:
            time.sleep(1.1)  # a second later than the kill
            self.store(before, 'packets', 'w0', recording(), 2, '.torn')
        self.log(boot, {'event': 'boot'}, *([{'event': 'gap', 'boot': before}] if self.life else []))
        self.own('cloudwatch', 'put-metric-data', '--namespace', f'sealtap/{NAME}', '--metric-data', json.dumps([{
            'MetricName': 'PacketsRecorded', 'Value': 1, 'Dimensions': [{'Name': 'Appliance', 'Value': NAME}]}]))

    def shut_down(self):
        boot = BOOTS[self.life]
        own = [s for s in self.stored if boot in s[0]]
        self.log(boot, *({'event': 'shipped', 'name': n, 'sha256': digest} for n, digest, _ in own),
                 {'event': 'books', 'recorded': sum(records for *_, records in own)}, {'event': 'shutdown'})
        self.own('sns', 'publish', '--topic-arn', self.outputs()['AlarmTopicArn'], '--subject', f'sealtap {NAME}: shutdown',
                 '--message', 'x')

    # ---- what smoke starts

    def run(self, argv, env=None, timeout_s=0):
        if argv[0].endswith('/deploy') and env['PARAMETERS'].startswith('Launch='):
            return self.replace(env['PARAMETERS'])
        if argv[:len(self.command)] != self.command:
            if argv[0] == 'node':
                env = {**(env or {}), 'AWS_ENDPOINT_URL': ''}
            done = super().run(argv, {**self.commands.account.environment, **(env or {})}, 600)
            if argv[0].endswith('/deploy') and argv[1] == 'up':
                self.boot()
            return done
        words = argv[len(self.command):]
        self.words.append(words)
        stand_in = getattr(self, '_'.join(words[:2]).replace('-', '_'), lambda words: None)(words)
        if stand_in is not None:
            return 0, json.dumps(stand_in), ''
        if tuple(words[:2]) in MUST_FAIL and not self.may(words, env):
            status, _, err = self.commands.parses(words)
            return (254, '', REFUSED) if status == 0 else (status, '', err)
        return self.commands.run(words)

    def replace(self, parameter):
        """The two updates: moto's CloudFormation asks no condition again, and can't keep a list's value."""
        if parameter == 'Launch=yes':
            told = self.own('ec2', 'run-instances', '--image-id', 'ami-12c6146b', '--subnet-id', self.outputs()['InsideSubnetId'])
            self.outputs()['InstanceId'] = told['Instances'][0]['InstanceId']
            self.boot()
        return 0, '', ''

    def may(self, words, env):
        """The analyst opens with the right context; people take on the roles of people; the break-glass role deletes."""
        if words[1] == 'assume-role':
            return self.facts['appliance_role'] not in words
        if words[1] in ('delete-bucket', 'schedule-key-deletion'):
            return bool(env)
        return words[1] == 'decrypt' and bool(env) and f'"{NAME}"' in ' '.join(words)

    def ec2_describe_network_interfaces(self, words):
        """moto attaches no interface that a launch template names."""
        told = self.own(*words[:-2])
        told['NetworkInterfaces'][0]['Attachment'] = {'InstanceId': self.instance()}
        return told

    def service_quotas_get_service_quota(self, _words):
        return {'Quota': {'Value': 32}}

    def iam_simulate_principal_policy(self, words):
        arguments = dict(zip(words[2::2], words[3::2]))
        asked = tuple(arguments[name] for name in ('--action-names', '--resource-arns', '--context-entries'))
        f = self.facts
        usual = {'aws:SourceVpc': f['vpc'], 'aws:Ec2InstanceSourcePrivateIPv4': f['address']}
        for _, allowed, action, resource, more in denied.SIMULATED:
            context = {**usual, **{k: denied.fill(v, f) for k, v in more.items()}}
            if (action, denied.fill(resource, f), denied.context_entries(context)) == asked:
                return {'EvaluationResults': [{'EvalDecision': 'allowed' if allowed else 'implicitDeny'}]}
        raise AssertionError(asked)

    def ec2_get_console_output(self, words):
        if words[words.index('--instance-id') + 1] == self.facts.get('client'):
            return {'Output': f'{NAME} http 200\n'}
        said = 'sealtap: version 1\nsealtap: ARMED\n'
        return {'Output': said + ('sealtap: shut down: packets 4 lost 0 objects 4, all shipped\n' if self.ended else '')}

    def ec2_stop_instances(self, _words):
        if not self.ended:
            self.shut_down()
        self.ended = True

    def s3api_list_objects_v2(self, _words):
        own = [s for s in self.stored if BOOTS[self.life] in s[0] and '-w0-' in s[0] and '.torn' not in s[0]]
        if 'client' in self.facts and not self.ended and len(own) < 4:
            time.sleep(1.1)  # a second later than the moment that smoke compares with
            self.store(BOOTS[self.life], 'packets', 'w0', recording(), 2)


class Life:
    """The one run, which all tests look at."""

    def __init__(self, folder):
        self.smoke = program()
        self.account = Account(folder)
        self.path = os.path.join(folder, 'smoke.json')
        cloud = self.cloud = OnMoto(self.account, folder)
        vpc = cloud.own('ec2', 'create-vpc', '--cidr-block', '10.20.0.0/16')['Vpc']['VpcId']
        gateway = cloud.own('ec2', 'create-internet-gateway')['InternetGateway']['InternetGatewayId']
        cloud.own('ec2', 'attach-internet-gateway', '--vpc-id', vpc, '--internet-gateway-id', gateway)
        self.folder, os.environ['AWS_ENDPOINT_URL'] = folder, self.account.url
        self.env = {'AMI': 'ami-12c6146b', 'CLIENT_IMAGE': 'ami-12c6146b', 'NETWORK': '203.0.113.9/32', 'AWS_REGION': REGION,
                    'OPENER': 'node', 'PARAMETERS': f'VpcId={vpc} InternetGatewayId={gateway}'}
        look = steps.look

        def look_and_tell(run):
            look(run)
            cloud.facts = run.facts
        steps.look = look_and_tell
        self.status = self.call([])
        steps.look = look

    def call(self, argv):
        """smoke's main(): its status; told and said are what it wrote and printed."""
        handled = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = self.smoke.main(self.cloud, self.path, NAME, self.env, argv)
        for number, handler in handled.items():
            signal.signal(number, handler)
        self.said = said.getvalue()
        with open(self.path) as f:
            self.told = json.load(f)
        return status


def step(life, name):
    return next(s for s in life.told['steps'] if s['name'] == name)


def each_step_is_done(life):
    """Each step is done, and what is left is what Object Lock holds, until the hour that S3's own times give"""
    assert life.status == 0 and life.told['ok'], life.said
    assert [s['name'] for s in life.told['steps']] == [s[0] for s in steps.STEPS]
    assert {x['what'] for x in life.told['left']} == {'EvidenceBucket', 'AuditBucket', 'Key', 'AnalystRole', 'BreakGlassRole'}
    with open(life.path) as f:
        assert ACCOUNT not in f.read()


def objects_are_opened_by_the_sdk(life):
    """All objects are fetched, opened by AWS's Encryption SDK, decompressed, and tshark finds the marker in both lives"""
    said = step(life, 'open')['evidence']
    assert said['objects'] == len(life.cloud.stored) and said['whose'] == "AWS's Encryption SDK" and said['torn'] == 1, said
    assert all(said['frames with the marker'][boot] >= 4 for boot in BOOTS), said


def another_opener_agrees(life):
    """Where there is no SDK, the product's own tool opens them with the data key that KMS gives, to the same bytes"""
    cloud, folder = life.cloud, os.path.join(life.folder, 'again')
    os.mkdir(folder)
    facts = cloud.facts
    found = [opened.fetch(cloud, facts, name, at, folder) for name, at in opened.listed(cloud, facts)[:2]]
    who = {'AWS_ACCESS_KEY_ID': 'analyst'}
    for opener in ('node', 'sealtap'):
        opened.open_all(cloud, found, facts, {**cloud.commands.account.environment, **who} if opener == 'node' else who, opener)
        for o in found:
            os.rename(o.path + '.plain', f'{o.path}.{opener}')
    for o in found:
        with open(o.path + '.node', 'rb') as a, open(o.path + '.sealtap', 'rb') as b:
            assert a.read() == b.read() != b''
    assert not [n for n in os.listdir(folder) if n.endswith('.key')], os.listdir(folder)


def the_words_of_denied_calls_are_right(life):
    """Each call that must be denied is one that the aws command takes, and stands in smoke.json as tried or simulated"""
    said = step(life, 'denied')['calls']
    assert [r['said'] for r in said if r['how'] == 'tried'] == ['AccessDenied'] * len(denied.TRIED)
    assert len([r for r in said if r['how'] == 'simulated']) == len(denied.SIMULATED)


def nothing_runs_any_more(life):
    """No instance, stack, queue, spool volume is left in the account"""
    own = life.cloud.own
    alive = [i['InstanceId'] for r in own('ec2', 'describe-instances')['Reservations'] for i in r['Instances']
             if i['State']['Name'] not in ('terminated', 'stopped')]
    assert not alive and not own('sqs', 'list-queues').get('QueueUrls') and not own('ec2', 'describe-volumes', '--filters',
                                                                                   'Name=volume-type,Values=gp3')['Volumes'], alive
    stacks = [s for s in own('cloudformation', 'list-stacks')['StackSummaries'] if s['StackStatus'] != 'DELETE_COMPLETE']
    assert not stacks, stacks


def after_the_lock(life):
    """A day later `remove` empties and deletes both buckets, schedules the key's deletion and deletes the roles"""
    cloud, now = life.cloud, life.cloud.clock
    cloud.clock = lambda: now() + 2 * 86400
    status = life.call(['remove'])
    own = cloud.own
    assert status == 0 and life.told['left'] == [], life.said
    assert NAME not in json.dumps([b['Name'] for b in own('s3api', 'list-buckets')['Buckets']])
    assert NAME not in json.dumps([r['RoleName'] for r in own('iam', 'list-roles')['Roles']])
    assert own('kms', 'describe-key', '--key-id', cloud.facts['kms_key'])['KeyMetadata']['KeyState'] == 'PendingDeletion'


def main():
    os.chdir(TOP)
    report = testing.report()
    with tempfile.TemporaryDirectory() as folder:
        life = Life(folder)
        try:
            for test in (each_step_is_done, the_words_of_denied_calls_are_right, objects_are_opened_by_the_sdk, another_opener_agrees,
                         nothing_runs_any_more, after_the_lock):
                report.run(test, life)
        finally:
            life.account.end()
    report.finish()


main()
