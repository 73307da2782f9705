"""steps: what smoke does, in order: a table of (name, what it does, how it is judged, function). A function gives evidence or raises."""
import base64
import datetime
import json
import os
import re
import time
import urllib.request

import costs
from costs import P

from . import denied, opened
from .cloud import Failed, Refused, credentials
from .journal import utc
from .opened import TOP

LOCK_DAYS = 1
CONFIG = 'object.max_seconds = 30\nlog.interval_seconds = 30\n'
CLIENT_IMAGE = 'resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64'
VERDICT = re.compile(r'sealtap: (ARMED|CLOSED[^\r\n]*)')
AN_HOUR = {'appliance c7i.large': P['I'], 'client t3.micro': P['C'], 'public address': P['A'], 'three endpoints': 3 * P['E'],
           'CloudWatch': costs.cloudwatch_usd() / costs.HOURS, 'spool 8 GiB': 8 * P['D'] / costs.HOURS,
           'AMI snapshot 1 GiB': P['B'] / costs.HOURS}
ONCE = {'key, two days': 2 * P['K'] / 30, '2,000 requests of S3': 2000 * P['P'] / 1000, '1,000 calls of KMS': P['G'] / 10}
HOURS = 1  # endpoints and addresses are paid for by the hour begun
QUOTAS = (  # what it needs more of: (service, code, what, how many, how many are in use or None)
    ('ec2', 'L-1216C47A', 'vCPUs of standard instances', 4, None),
    ('vpc', 'L-F678F1CE', 'VPCs', 1, ('describe-vpcs', 'Vpcs')),
    ('ec2', 'L-0263D0A3', 'Elastic IP addresses', 1, ('describe-addresses', 'Addresses')))


def estimate():
    usd = HOURS * sum(AN_HOUR.values()) + sum(ONCE.values())
    formula = ' + '.join([f'{HOURS} h * (' + ' + '.join(f'{v:.4f} {k}' for k, v in AN_HOUR.items()) + ')',
                          *(f'{v:.4f} {k}' for k, v in ONCE.items())])
    return {'formula': formula, 'usd': round(usd, 2)}


class Run:
    def __init__(self, cloud, journal, options, folder):
        self.cloud, self.journal, self.options, self.folder = cloud, journal, options, folder
        self.facts, self.people = {}, {}

    @property
    def name(self):
        return self.journal['name']

    def stack_tool(self, word, **variables):
        env = {'STACK': self.name, 'PARAMETERS': '', 'CONFIG': '', 'EVIDENCE': '', 'AWS': ' '.join(self.cloud.command), **variables}
        return self.cloud.program(os.path.join(TOP, 'board', 'nitro', 'deploy'), word, env=env)

    def instance(self):
        told = self.cloud.aws('ec2', 'describe-network-interfaces', '--network-interface-ids', self.facts['outside_eni'])
        return told['NetworkInterfaces'][0].get('Attachment', {}).get('InstanceId')

    def console(self, instance):
        return self.cloud.aws('ec2', 'get-console-output', '--latest', '--instance-id', instance).get('Output') or ''

    def assume(self, role):
        """Credentials of a role that wants a second factor: of the person's session, or by a code that MFA_COMMAND prints."""
        words = ['sts', 'assume-role', '--role-arn', role, '--role-session-name', self.name]
        if self.options['mfa_command']:
            code = self.cloud.program('sh', '-c', self.options['mfa_command']).split()[-1]
            words += ['--serial-number', self.options['mfa_serial'], '--token-code', code]
        return credentials(self.cloud.aws(*words))


# ---- before anything is made

def preflight(run):
    o, cloud = run.options, run.cloud
    opener = run.facts['opener'] = opened.choose(cloud, o['opener'])
    who = cloud.aws('sts', 'get-caller-identity')
    run.journal.account = run.facts['account'] = who['Account']
    if who['Arn'].endswith(':root'):
        raise Failed("these are the credentials of the account's root user: take a user or role that administers")
    run.facts['person'] = who['Arn']
    region = run.facts['region'] = run.journal['region']
    if not region:
        raise Failed('there is no region: set AWS_REGION')
    try:  # an aws command that does not know the word would end the run at the kill
        cloud.aws('ec2', 'terminate-instances', '--skip-os-shutdown', '--dry-run', '--instance-ids', 'i-00000000000000000')
    except Refused:
        pass
    if not o['network']:
        with urllib.request.urlopen('https://checkip.amazonaws.com', timeout=20) as answer:
            o['network'] = answer.read().decode().strip() + '/32'
    if bool(o['mfa_command']) != bool(o['mfa_serial']):
        raise Failed('MFA_SERIAL and MFA_COMMAND come together')
    cost = estimate()
    run.journal['estimate'] = cost
    if cost['usd'] >= 1:
        raise Failed(f'{cost["usd"]} dollars are expected: more than one')
    return {'identity': who['Arn'].rpartition('/')[2], 'opener': opener, 'whose': opened.OPENERS[opener][2], 'usd': cost['usd'],
            'quotas': [quota(cloud, *q) for q in QUOTAS]}


def quota(cloud, service, code, what, needed, in_use):
    try:
        limit = cloud.aws('service-quotas', 'get-service-quota', '--service-code', service, '--quota-code', code)['Quota']['Value']
        used = len(cloud.aws('ec2', in_use[0])[in_use[1]]) if in_use else 0
    except Failed as e:
        return f'{what}: could not be asked ({e})'
    if limit < used + needed:
        raise Failed(f'{what}: {used} of {limit:.0f} in use, {needed} more are needed')
    return f'{what}: {used} of {limit:.0f} in use' if in_use else f'{what}: {limit:.0f}, how many are in use was not asked'


def image_made(path):
    """What image/ami says of the AMI that it made last."""
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return json.load(f)


def image(run):
    ami = run.options['ami']
    if not ami:
        path = os.path.join(TOP, 'build', 'nitro', 'ami.json')
        before = image_made(path).get('image_id')
        run.journal['made'] = {'began': 'make ami'}
        run.cloud.program('make', '-C', TOP, 'ami')
        told = image_made(path)
        ami = told['image_id']
        run.journal['made'] = {'ami': ami, 'snapshot': told['snapshot_id']} if ami != before else {}
    found = run.cloud.aws('ec2', 'describe-images', '--image-ids', ami)['Images']
    if not found:
        raise Failed(f'{ami}: no such image in this region')
    run.journal['ami'] = ami
    return {'ami': ami, 'image': found[0].get('Name', ''), 'made by this run': bool(run.journal['made'])}


# ---- the stack, and who uses it

OUTPUTS = {'bucket': 'EvidenceBucket', 'audit': 'AuditBucket', 'kms_key': 'KeyArn', 'appliance_role': 'ApplianceRoleArn',
           'analyst_role': 'AnalystRoleArn', 'break_glass_role': 'BreakGlassRoleArn', 'topic': 'AlarmTopicArn', 'vpc': 'VpcId',
           'inside': 'InsideSubnetId', 'outside_eni': 'OutsideEniId', 'volume': 'SpoolVolumeId'}


def look(run):
    told = run.cloud.aws('cloudformation', 'describe-stacks', '--stack-name', run.name)['Stacks'][0].get('Outputs', [])
    outputs = {o['OutputKey']: o['OutputValue'] for o in told}
    f = run.facts
    f.update({fact: outputs[name] for fact, name in OUTPUTS.items()}, name=run.name)
    f['bucket_arn'] = f'arn:{f["topic"].split(":")[1]}:s3:::{f["bucket"]}'
    f['prefix'] = f'sealtap/{f["account"]}/{f["region"]}/{run.name}/'
    told = run.cloud.aws('ec2', 'describe-network-interfaces', '--network-interface-ids', f['outside_eni'])
    f['address'] = told['NetworkInterfaces'][0]['PrivateIpAddress']


def deploy(run):
    config = os.path.join(run.folder, 'config')
    with open(config, 'w') as f:
        f.write(CONFIG)
    parameters = {'ImageId': run.journal['ami'], 'Appliance': run.name, 'AnalystNetworks': run.options['network'], 'LockMode': 'GOVERNANCE',
                  'LockDays': LOCK_DAYS, 'KeepMonths': 6, 'SpoolSize': 8,
                  **dict(word.split('=', 1) for word in run.options['parameters'].split())}
    run.stack_tool('up', PARAMETERS=' '.join(f'{k}={v}' for k, v in parameters.items()), CONFIG=config)
    look(run)
    queue = queue_for_alarms(run)
    return {'stack': run.name, 'instance': run.instance(), 'bucket': run.facts['bucket'], 'queue': queue.rpartition('/')[2]}


def queue_for_alarms(run):
    """A queue on the topic shows who published: the topic's metric counts CloudWatch's and EventBridge's messages, too."""
    f = run.facts
    partition = f['topic'].split(':')[1]
    arn = f'arn:{partition}:sqs:{f["region"]}:{f["account"]}:{run.name}'
    policy = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'sns.amazonaws.com'},
                                                      'Action': 'sqs:SendMessage', 'Resource': arn,
                                                      'Condition': {'ArnEquals': {'aws:SourceArn': f['topic']}}}]}
    f['queue'] = run.cloud.aws('sqs', 'create-queue', '--queue-name', run.name, '--attributes',
                               json.dumps({'Policy': json.dumps(policy)}))['QueueUrl']
    run.cloud.aws('sns', 'subscribe', '--topic-arn', f['topic'], '--protocol', 'sqs', '--notification-endpoint', arn)
    return f['queue']


def wait_armed(run, instance):
    def is_armed():
        said = VERDICT.findall(run.console(instance))
        return said and said[-1] == 'ARMED'
    run.cloud.waits(f'{instance} says ARMED on its console', is_armed, 600)


def armed(run):
    instance = run.instance()
    if not instance:
        raise Failed(f'{run.facts["outside_eni"]}: no instance has the outside interface')
    run.facts['instance'] = instance
    wait_armed(run, instance)
    first = run.cloud.waits('the first object is stored', lambda: opened.listed(run.cloud, run.facts), 300)
    return {'instance': instance, 'version': (re.findall(r'sealtap: version (\S+)', run.console(instance)) or ['?'])[-1],
            'first object': first[0][0]}


def marker(run):
    """Eight characters, in each of the client's pings and requests."""
    return run.name[-8:]


def client(run):
    pattern = marker(run).encode().hex()
    script = (f'#!/bin/sh\nshutdown -h +90\nwhile sleep 5; do\n\tping -c 2 -p {pattern} example.com >/dev/null\n'
              f"\tcurl -s -m 10 -o /dev/null -w '{run.name} http %{{http_code}}\\n' -H 'X-Smoke: {marker(run)}' http://example.com/ "
              '>/dev/console\ndone\n')
    tags = [{'ResourceType': 'instance', 'Tags': [{'Key': 'sealtap-smoke', 'Value': run.name}, {'Key': 'Name', 'Value': run.name}]}]
    told = run.cloud.aws('ec2', 'run-instances', '--image-id', run.options['client_image'], '--instance-type', 't3.micro', '--subnet-id',
                         run.facts['inside'], '--client-token', run.name, '--instance-initiated-shutdown-behavior', 'terminate',
                         '--metadata-options', 'HttpTokens=required', '--user-data', script, '--tag-specifications', json.dumps(tags))
    run.facts['client'] = told['Instances'][0]['InstanceId']
    return {'instance': run.facts['client'], 'marker': marker(run)}


# ---- what the appliance does by its own role, by what exists of it

def calls(run):
    cloud, f = run.cloud, run.facts
    names = opened.listed(cloud, f)
    first = next(((n, at) for n, at in names if '/log/' in n), None)
    if not first:
        raise Failed(f'{f["bucket"]}/{f["prefix"]}: no object of the log')
    o = opened.fetch(cloud, f, *first, run.folder)
    with open(o.path, 'rb') as file:
        context, edk = opened.header(file.read(1 << 16))
    if (context.get('sealtap-appliance'), context.get('sealtap-instance')) != (run.name, f['instance']):
        raise Failed(f'{o.name}: the encryption context names {context}')
    f.update(key=o.name, edk='fileb://' + o.path + '.edk', context=json.dumps(context), file=os.path.join(run.folder, 'config'),
             foreign=json.dumps({**context, 'sealtap-appliance': 'other'}))
    opened.base64_file(o.path + '.edk', base64.b64encode(edk))
    f['version'] = cloud.aws('s3api', 'list-object-versions', '--bucket', f['bucket'], '--prefix', o.name)['Versions'][0]['VersionId']

    def counted():
        now = cloud.clock()
        told = cloud.aws('cloudwatch', 'get-metric-statistics', '--namespace', f'sealtap/{run.name}', '--metric-name', 'PacketsRecorded',
                         '--dimensions', f'Name=Appliance,Value={run.name}', '--start-time', utc(now - 3600), '--end-time', utc(now + 60),
                         '--period', '60', '--statistics', 'SampleCount')
        return len(told['Datapoints'])
    points = cloud.waits('CloudWatch has PacketsRecorded', counted, 420, 15)
    return {'PutObject': f'{len(names)} objects', 'GenerateDataKey': f'the data key of {o.name}', 'PutMetricData': f'{points} minutes',
            'Publish': 'step publish'}


def analyst(run):
    f = run.facts

    def assumed():
        try:
            return run.assume(f['analyst_role'])
        except Refused as e:
            run.facts['why'] = str(e)
            return None
    try:
        run.people['analyst'] = run.cloud.waits('the analyst role is taken on', assumed, 120, 35)
    except Failed as e:
        raise Failed(f'{e}: {f.get("why")}\n  it wants a second factor: run this with credentials of `aws sts get-session-token` with '
                     'a code, or with MFA_SERIAL=ARN MFA_COMMAND="..." that prints one') from None
    run.cloud.aws('kms', 'decrypt', '--key-id', f['kms_key'], '--ciphertext-blob', f['edk'], '--encryption-context', f['context'],
                  '--query', 'KeyId', who=run.people['analyst'])
    return {'opened': f'the data key of {f["key"]}'}


def must_be_denied(run):
    soon = datetime.datetime.fromtimestamp(run.cloud.clock() + 60, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
    results, wrong = denied.judge(run.cloud, {**run.facts, 'soon': soon}, run.people)
    run.facts['denied'] = results
    if wrong:
        raise Failed('; '.join(wrong))
    return {'tried': sum(r['how'] == 'tried' for r in results), 'simulated': sum(r['how'] == 'simulated' for r in results)}


def packets_since(run, at):
    return [n for n, when in opened.listed(run.cloud, run.facts) if '/packets/' in n and when[:19] > at[:19]]


def traffic(run):
    began = utc(run.cloud.clock())
    answered = run.cloud.waits('the client says that its page came',
                               lambda: run.console(run.facts['client']).count(f'{run.name} http 200'), 420)
    stored = run.cloud.waits('recordings are stored', lambda: packets_since(run, began), 300)
    return {'pages, at least': answered, 'recordings since': len(stored)}


# ---- power off without a word, and another instance with the same volume

def kill(run):
    f = run.facts
    f['killed'] = opened.boots_in_order([opened.Object(n, '') for n, _ in opened.listed(run.cloud, f)])[-1]
    f['killed_at'] = utc(run.cloud.clock())
    run.cloud.aws('ec2', 'terminate-instances', '--skip-os-shutdown', '--instance-ids', f['instance'])
    run.cloud.aws('ec2', 'wait', 'instance-terminated', '--instance-ids', f['instance'], timeout_s=900)
    if opened.SHUT_DOWN.search(run.console(f['instance'])):
        raise Failed(f'{f["instance"]} shut down in order: it was not killed')
    return {'instance': f['instance'], 'boot': f['killed']}


def replace(run):
    f, old = run.facts, run.facts['instance']
    run.stack_tool('up', PARAMETERS='Launch=no')
    run.stack_tool('up', PARAMETERS='Launch=yes')
    f['instance'] = run.instance()
    if f['instance'] in (None, old):
        raise Failed(f'{f["outside_eni"]}: {f["instance"]} has it, and no new instance')
    wait_armed(run, f['instance'])

    def shipped():
        return [n for n, at in opened.listed(run.cloud, f) if f'-{f["killed"]}-' in n and at[:19] > f['killed_at'][:19]]
    left = run.cloud.waits('what waited on the volume is stored', shipped, 300)
    began = utc(run.cloud.clock())
    run.cloud.waits('it records again', lambda: packets_since(run, began), 300)
    return {'instance': f['instance'], 'shipped from the volume': left}


def shutdown(run):
    f = run.facts
    run.cloud.aws('ec2', 'stop-instances', '--instance-ids', f['instance'])
    run.cloud.aws('ec2', 'wait', 'instance-stopped', '--instance-ids', f['instance'], timeout_s=900)
    said = run.cloud.waits('its console says: all shipped', lambda: opened.SHUT_DOWN.findall(run.console(f['instance'])), 300)
    return dict(zip(('packets', 'lost', 'objects'), map(int, said[-1])))


def publish(run):
    """Subjects of what the appliance itself published: "sealtap NAME: EVENT"."""
    subjects, wanted = [], f'sealtap {run.name}: '

    def said():
        told = run.cloud.aws('sqs', 'receive-message', '--queue-url', run.facts['queue'], '--max-number-of-messages', '10',
                             '--wait-time-seconds', '5')
        for message in told.get('Messages', ()):
            subjects.append(json.loads(message['Body']).get('Subject') or '')
            run.cloud.aws('sqs', 'delete-message', '--queue-url', run.facts['queue'], '--receipt-handle', message['ReceiptHandle'])
        return [s for s in subjects if s.startswith(wanted)]
    return {'alarms': run.cloud.waits('the appliance publishes an alarm', said, 120), 'messages of others': 'not counted'}


def open_them(run):
    cloud, f, who = run.cloud, run.facts, run.people['analyst']
    objects = [opened.fetch(cloud, f, name, at, run.folder, who) for name, at in opened.listed(cloud, f, who)]
    opened.open_all(cloud, objects, f, who, f['opener'])
    ended = opened.boots_in_order(objects)[-1]
    wrong = list(opened.findings(objects, f['killed'], ended, f['killed_at']))
    frames = {boot: sum(opened.frames_with(cloud, marker(run), o) for o in objects if (o.kind, o.boot) == ('packets', boot))
              for boot in (f['killed'], ended)}
    wrong += [f'{boot}: no recorded frame has the client\'s marker' for boot, n in frames.items() if not n]
    if wrong:
        raise Failed('; '.join(wrong))
    return {'objects': len(objects), 'torn': sum(o.torn for o in objects), 'opened by': f['opener'], 'whose':
            opened.OPENERS[f['opener']][2], 'frames with the marker': frames}


STEPS = (
    ('preflight', 'asks who calls, where, with which quotas, and what it will cost', 'not the root user; room for all; below a dollar',
     preflight),
    ('image', 'takes AMI=ID, or makes one by `make ami`', 'EC2 knows it', image),
    ('deploy', 'board/nitro/deploy up, Object Lock for a day; a queue on the topic', 'CloudFormation says so', deploy),
    ('armed', 'waits for the boot', 'ARMED on the console, a first object in the store', armed),
    ('client', 'starts a host in the inside subnet that pings and fetches with a marker', 'EC2 took it', client),
    ('calls', "looks for what the appliance's calls leave", 'objects; a data key of KMS with its context; a metric', calls),
    ('analyst', "takes on the analyst's role and opens one data key", 'KMS gives it', analyst),
    ('denied', 'tries what must be refused, asks the simulator for the role', 'each has its own line: tried or simulated', must_be_denied),
    ('traffic', 'waits for the client', 'it had pages through the appliance, and recordings came after', traffic),
    ('kill', 'terminates the instance without a shutdown', 'its console has no word of one', kill),
    ('replace', 'board/nitro/deploy up, Launch=no, then yes: another instance with the same volume',
     'ARMED; objects of the killed life are stored after its end', replace),
    ('shutdown', 'stops the instance', 'its console says: shut down, all shipped', shutdown),
    ('publish', 'reads the queue', 'an alarm with the appliance\'s own subject', publish),
    ('open', 'fetches all as the analyst, opens, decompresses, reads',
     'numbers without holes, the log\'s inventory and hashes, the gap, the books; tshark finds the marker in both lives', open_them),
)


def execute(run):
    """The steps in order; the first that fails ends it. Each is written down before the next begins."""
    for name, does, judged, fn in STEPS:
        print(f'==> {name}: {does}', flush=True)
        line = {'name': name, 'does': does, 'judged': judged, 'ok': False}
        run.journal['steps'].append(line)
        run.journal.write()
        began = time.monotonic()
        try:
            line['evidence'] = fn(run)
            line['ok'] = True
        except Failed as e:
            line['error'] = str(e)
        except BaseException as e:  # an interrupt too is written down, and goes on
            line['error'] = f'{type(e).__name__} {e}'.strip()
            raise
        finally:
            line['seconds'] = round(time.monotonic() - began, 1)
            if name == 'denied':
                line['calls'] = run.facts.get('denied', [])
            run.journal.write()
        print(f'<== {name}: {"ok" if line["ok"] else line["error"]} ({line["seconds"]} s)', flush=True)
        if not line['ok']:
            return False
    return True
