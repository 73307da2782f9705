"""smokemodel: an account and an appliance as board/nitro/smoke sees them, in this process: a stand-in for AWS, for boots, and for the
programs that open objects. No packet, no signature and no policy is real here; what is real is smoke.

It keeps what exists (`live`), so that a test can hold what smoke says is left against what is. Calls may fail by number: see Model.fail.
"""
import copy
import hashlib
import json
import os
import struct

from smokelib.cloud import Cloud
from smokelib.journal import utc

ACCOUNT, REGION, NAME = '123456789012', 'eu-central-1', 'sealtap-smoke-0badcafe'
OUTPUTS = {'EvidenceBucket': 'ev-bucket', 'AuditBucket': 'au-bucket', 'KeyArn': f'arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1',
           'ApplianceRoleArn': f'arn:aws:iam::{ACCOUNT}:role/appliance', 'AnalystRoleArn': f'arn:aws:iam::{ACCOUNT}:role/analyst',
           'BreakGlassRoleArn': f'arn:aws:iam::{ACCOUNT}:role/glass', 'AlarmTopicArn': f'arn:aws:sns:{REGION}:{ACCOUNT}:topic',
           'VpcId': 'vpc-1', 'InsideSubnetId': 'subnet-1', 'OutsideEniId': 'eni-1', 'SpoolVolumeId': 'vol-1'}
RETAINED = {'EvidenceBucket': 'ev-bucket', 'AuditBucket': 'au-bucket', 'Key': 'k-1', 'SpoolVolume': 'vol-1', 'AnalystRole': 'analyst',
            'BreakGlassRole': 'glass', 'Trail': 'trail-1'}
PLANNED = {'EvidenceBucket', 'AuditBucket', 'Key', 'AnalystRole', 'BreakGlassRole'}
BOOTS = ('a' * 16, 'b' * 16)
DENIED = {'s3api put-object', 's3api create-multipart-upload', 's3api copy-object', 's3api delete-object', 's3api put-object-retention',
          's3api put-object-legal-hold', 'kms generate-data-key', 'kms encrypt', 'kms create-grant', 'kms disable-key'}
BREAK_GLASS = {'s3api delete-bucket', 's3api delete-objects', 'kms schedule-key-deletion'}
CUT = 'Could not connect to the endpoint URL: "https://aws.test/"'


class No(Exception):
    """What AWS refuses: code and text."""


def sealed(context, plain):
    pairs = b''.join(struct.pack('>H', len(w)) + w.encode() for pair in context.items() for w in pair)
    words = b''.join(struct.pack('>H', len(w)) + w for w in (b'aws-kms', b'arn', b'data key of ' + context['sealtap-boot'].encode()))
    return struct.pack('>BH32sHH', 2, 0x478, b'', 2 + len(pairs), len(context)) + pairs + struct.pack('>H', 1) + words + plain.encode()


class Model(Cloud):
    def __init__(self):
        super().__init__()
        self.command, self.now = ['aws'], 1.8e9
        self.sleep, self.clock = self.pass_time, lambda: self.now
        self.live, self.launched, self.life, self.states = set(), False, -1, {}
        self.objects, self.plain, self.seqs, self.calls = {}, {}, {}, []
        self.arn, self.allowed, self.change = f'arn:aws:iam::{ACCOUNT}:user/anna', set(), lambda model: None
        self.fail, self.watch = (lambda number: None), lambda number: None

    def pass_time(self, seconds):
        self.now += seconds

    def copy(self):
        fresh = Model()
        for name in ('now', 'live', 'launched', 'life', 'states', 'objects', 'plain', 'seqs'):
            setattr(fresh, name, copy.deepcopy(getattr(self, name)))
        return fresh

    # ---- programs

    def run(self, argv, env=None, timeout_s=0):
        number = len(self.calls)
        self.calls.append(' '.join(argv[:3]))
        self.watch(number)
        how = self.fail(number)
        if how == 'refused':
            return 254, '', f'An error occurred (InternalFailure) when calling the {argv[-1]} operation: by the test'
        if how == 'cut':
            return 255, '', CUT
        self.now += 1
        try:
            said = self.answer(argv, env or {})
        except No as e:
            return 254, '', f'An error occurred ({e.args[0]}) when calling the X operation: {e.args[1]}'
        return (255, '', CUT) if how == 'lost' else (0, said if isinstance(said, str) else json.dumps(said), '')

    def answer(self, argv, env):
        program = os.path.basename(argv[0])
        if program != 'aws':
            return getattr(self, 'run_' + program)(argv, env) or ''
        service, action = argv[1:3]
        who = (env.get('AWS_ACCESS_KEY_ID') or 'person').split('/')[-1]
        words, parameters = argv[3:], {}
        for i, word in enumerate(words):
            if word.startswith('--'):
                parameters[word[2:]] = words[i + 1] if i + 1 < len(words) and not words[i + 1].startswith('--') else True
        call = f'{service} {action}'
        if call in DENIED and (call, who) not in self.allowed or call in BREAK_GLASS and who != 'glass' and (call, who) not in self.allowed:
            raise No('AccessDenied', 'by a policy')
        fn = getattr(self, f'{service}_{action}'.replace('-', '_'), None)
        return (fn(parameters, who, words) if fn else {}) or {}

    def run_zstd(self, argv, _env):
        if '-o' in argv:
            with open(argv[-3], 'rb') as f, open(argv[-1], 'wb') as to:
                to.write(f.read())

    def run_tshark(self, argv, _env):
        if '-r' in argv:
            with open(argv[2]) as f:
                return '1\n2\n' if argv[4].split('"')[1] in f.read() else ''

    def run_sh(self, argv, _env):
        assert os.path.exists(argv[4]), 'no key'
        with open(argv[5] + '.opened', 'w') as f:
            f.write(self.plain[os.path.basename(argv[5])])

    def run_make(self, _argv, _env):
        self.live |= {'AMI', 'snapshot'}

    def run_deploy(self, argv, env):
        if argv[1] == 'down':
            self.delete_stack()
            return
        launch = 'Launch=no' not in env['PARAMETERS']
        if 'stack' not in self.live:
            self.live |= {'stack', *RETAINED}
        if launch and not self.launched:
            self.life += 1
            self.states[f'i-{self.life}'] = 'running'
            self.boot()
        self.launched = launch

    def delete_stack(self):
        assert 'client' not in self.live, 'a subnet with an instance in it is not deleted'
        self.live.discard('stack')

    # ---- what the appliance does

    def store(self, boot, kind, stream, plain, records=0, torn=''):
        seq = self.seqs[boot, stream] = self.seqs.get((boot, stream), -1) + 1
        ext = 'pcapng' if kind == 'packets' else 'jsonl'
        start = utc(self.now).replace('-', '').replace(':', '')[:15] + f'.{len(self.objects):09}Z'
        name = (f'sealtap/{ACCOUNT}/{REGION}/{NAME}/2026/11/27/03/{kind}/{start}-{boot}-{stream}-{seq:08}.{ext}.zst{torn}.encrypted')
        context = {'sealtap-appliance': NAME, 'sealtap-instance': f'i-{self.life}', 'sealtap-boot': boot}
        self.objects[name] = {'at': self.now, 'body': sealed(context, plain), 'records': records}
        self.plain[name.rpartition('/')[2]] = plain

    def log(self, boot, *events):
        self.store(boot, 'log', 'log', ''.join(json.dumps(e) + '\n' for e in events))

    def boot(self):
        boot, before = BOOTS[self.life], BOOTS[self.life - 1]
        if self.life:
            self.store(before, 'packets', 'w0', 'torn', 3, '.torn')
            self.log(boot, {'event': 'boot'}, {'event': 'gap', 'boot': before})
        else:
            self.log(boot, {'event': 'boot'})

    def shut_down(self):
        boot = BOOTS[self.life]
        own = {n: o for n, o in self.objects.items() if boot in n}
        self.log(boot, *({'event': 'shipped', 'name': n, 'sha256': hashlib.sha256(o['body']).hexdigest()} for n, o in own.items()),
                 {'event': 'books', 'recorded': sum(o['records'] for o in own.values())}, {'event': 'shutdown'})
        self.change(self)

    # ---- calls

    def sts_get_caller_identity(self, *_):
        return {'Account': ACCOUNT, 'Arn': self.arn}

    def sts_assume_role(self, p, who, _):
        role = p['role-arn'].rpartition('/')[2]
        if role == 'appliance' and ('sts assume-role', who) not in self.allowed:
            raise No('AccessDenied', 'by its trust policy')
        return {'Credentials': {'AccessKeyId': role, 'SecretAccessKey': 'SECRET', 'SessionToken': 'TOKEN'}}

    def service_quotas_get_service_quota(self, *_):
        return {'Quota': {'Value': 32.0}}

    def ec2_describe_vpcs(self, *_):
        return {'Vpcs': []}

    def ec2_describe_addresses(self, *_):
        return {'Addresses': []}

    def ec2_describe_images(self, p, *_):
        return {'Images': [{'ImageId': 'ami-1'}] if 'image-ids' in p or 'AMI' in self.live else []}

    def ec2_deregister_image(self, *_):
        self.live.discard('AMI')

    def ec2_delete_snapshot(self, *_):
        self.live.discard('snapshot')

    def ec2_describe_snapshots(self, *_):
        if 'snapshot' not in self.live:
            raise No('InvalidSnapshot.NotFound', 'gone')

    def ec2_run_instances(self, *_):
        self.live.add('client')
        return {'Instances': [{'InstanceId': 'i-client'}]}

    def ec2_describe_instances(self, *_):
        return {'Reservations': [{'Instances': [{'InstanceId': 'i-client'}]}] if 'client' in self.live else []}

    def ec2_terminate_instances(self, p, _who, words):
        if 'i-client' in words:
            self.live.discard('client')
        elif p['instance-ids'] in self.states:
            self.states[p['instance-ids']] = 'killed'

    def ec2_stop_instances(self, p, *_):
        if self.states[p['instance-ids']] == 'running':
            self.shut_down()
        self.states[p['instance-ids']] = 'stopped'

    def ec2_describe_network_interfaces(self, *_):
        attached = {'Attachment': {'InstanceId': f'i-{self.life}'}} if self.launched else {}
        return {'NetworkInterfaces': [{'PrivateIpAddress': '10.20.0.10', **attached}]}

    def ec2_get_console_output(self, p, *_):
        if p['instance-id'] == 'i-client':
            return {'Output': f'{NAME} http 200\n'}
        ended = 'sealtap: shut down: packets 7 lost 0 objects 3, all shipped\n' if self.states[p['instance-id']] == 'stopped' else ''
        return {'Output': 'sealtap: version 1\nsealtap: CLOSED kms\nsealtap: ARMED\n' + ended}

    def ec2_describe_volumes(self, *_):
        if 'SpoolVolume' not in self.live:
            raise No('InvalidVolume.NotFound', 'gone')

    def ec2_delete_volume(self, *_):
        self.live.discard('SpoolVolume')

    def cloudformation_describe_stacks(self, *_):
        if 'stack' not in self.live:
            raise No('ValidationError', f'Stack with id {NAME} does not exist')
        return {'Stacks': [{'Outputs': [{'OutputKey': k, 'OutputValue': v} for k, v in OUTPUTS.items()]}]}

    def cloudformation_describe_stack_resources(self, *_):
        self.cloudformation_describe_stacks()
        return {'StackResources': [{'LogicalResourceId': k, 'PhysicalResourceId': v} for k, v in RETAINED.items()]}

    def cloudformation_delete_stack(self, *_):
        self.delete_stack()

    def cloudtrail_delete_trail(self, *_):
        self.live.discard('Trail')

    def cloudtrail_get_trail(self, *_):
        if 'Trail' not in self.live:
            raise No('TrailNotFoundException', 'gone')

    def sqs_create_queue(self, *_):
        self.live.add('queue')
        return {'QueueUrl': f'https://sqs/{ACCOUNT}/{NAME}'}

    def sqs_get_queue_url(self, *_):
        if 'queue' not in self.live:
            raise No('AWS.SimpleQueueService.NonExistentQueue', 'gone')
        return {'QueueUrl': f'https://sqs/{ACCOUNT}/{NAME}'}

    def sqs_delete_queue(self, *_):
        self.live.discard('queue')

    def sqs_receive_message(self, *_):
        return {'Messages': [{'ReceiptHandle': 'r', 'Body': json.dumps({'Subject': f'sealtap {NAME}: shutdown'})}]}

    def cloudwatch_get_metric_statistics(self, *_):
        return {'Datapoints': [{'SampleCount': 1.0}]}

    def s3api_list_objects_v2(self, *_):
        if self.launched and self.states[f'i-{self.life}'] == 'running' and self.live >= {'client'}:
            self.store(BOOTS[self.life], 'packets', 'w0', 'a page with 0badcafe in it', 5)
        return {'Contents': [{'Key': n, 'LastModified': utc(o['at'])} for n, o in self.objects.items()]}

    def s3api_get_object(self, p, _who, words):
        o = self.objects[p['key']]
        with open(words[words.index('--key') + 2], 'wb') as f:
            f.write(o['body'])
        return {'Metadata': {'sealtap-records': str(o['records'])}}

    def s3api_list_object_versions(self, *_):
        return {'Versions': [{'Key': n, 'VersionId': 'v1', 'LastModified': utc(o['at'])} for n, o in self.objects.items()]}

    def s3api_head_bucket(self, p, *_):
        if {'ev-bucket': 'EvidenceBucket', 'au-bucket': 'AuditBucket'}[p['bucket']] not in self.live:
            raise No('404', 'Not Found')

    def s3api_delete_objects(self, p, *_):
        for o in json.loads(p['delete'])['Objects']:
            if self.now < self.objects[o['Key']]['at'] + 86400:
                return {'Errors': [{'Message': 'Object Lock holds it'}]}
            del self.objects[o['Key']]

    def s3api_delete_bucket(self, p, who, _):
        if p['bucket'] == 'ev-bucket' and self.objects:
            raise No('BucketNotEmpty', 'it is not empty')
        self.live.discard({'ev-bucket': 'EvidenceBucket', 'au-bucket': 'AuditBucket'}[p['bucket']])

    def kms_decrypt(self, p, who, _):
        context = json.loads(p.get('encryption-context', '{}'))
        if (who, context.get('sealtap-appliance')) != ('analyst', NAME) and ('kms decrypt', who) not in self.allowed:
            raise No('AccessDeniedException', 'by the key\'s policy')
        return {'Plaintext': 'AAAA'}

    def kms_schedule_key_deletion(self, *_):
        self.live.discard('Key')

    def kms_describe_key(self, *_):
        return {'KeyMetadata': {'KeyState': 'Enabled' if 'Key' in self.live else 'PendingDeletion'}}

    def iam_simulate_principal_policy(self, p, *_):
        context = {e['ContextKeyName']: e['ContextKeyValues'] for e in json.loads(p['context-entries'])}
        good = (p['action-names'] in ('s3:PutObject', 'kms:GenerateDataKey', 'cloudwatch:PutMetricData', 'sns:Publish')
                and context['aws:SourceVpc'] == ['vpc-1'] and context['aws:Ec2InstanceSourcePrivateIPv4'] == ['10.20.0.10']
                and 'other' not in json.dumps([p['resource-arns'], context]) and not p['resource-arns'].endswith('-2'))
        good = good or (p['action-names'], 'appliance') in self.allowed
        return {'EvaluationResults': [{'EvalDecision': 'allowed' if good else 'implicitDeny'}]}

    def iam_list_role_policies(self, *_):
        return {'PolicyNames': ['p']}

    def iam_delete_role(self, p, *_):
        self.live.discard({'analyst': 'AnalystRole', 'glass': 'BreakGlassRole'}[p['role-name']])

    def iam_get_role(self, p, *_):
        if {'analyst': 'AnalystRole', 'glass': 'BreakGlassRole'}[p['role-name']] not in self.live:
            raise No('NoSuchEntity', 'gone')
