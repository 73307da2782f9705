#!/usr/bin/env python3
"""day2_deployed_test: `make bypass`, `make unbypass`, `make update` and `make replace` on the stack of stack.yaml, which `make deploy` made
in moto before; what came of them is read back from moto.

What moto 5.2.1's CloudFormation leaves out of the stack and the tools need, the test adds, by the template's own words and moto's ids: the
launch template's interfaces, root volume and name of the instance, the Elastic IP's association, the alarms. Answers of the stand-in, not
of moto: replace-root-volume tasks and the image that the instance has then, the console, run-instances' client token, interfaces that go
with their instance or are free when it is terminated. Nothing boots or forwards, and nothing is refused: the calls that the tools made are
judged by the policies as they stand in the account (lab/iam.py). Who calls is moto's own name for whoever does.
"""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from lab import account, iam, motoaccount, testing  # noqa: E402
from lab.account import ACCOUNT, KEYS, REGION  # noqa: E402
from lab.deployed import Deployed  # noqa: E402
from lab.paths import of_kind  # noqa: E402

UPDATE, BYPASS, REPLACE = 'board/nitro/update', 'board/nitro/bypass', 'board/nitro/replace'
POLICY = os.path.join('board', 'nitro', 'day2-policy.json')
OLD_BOOT, NEW_BOOT = 'sealtap: version v1\r\nsealtap: ARMED\r\n', 'sealtap: version v2\r\nsealtap: ARMED\r\n'
ANY = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}
IAM_PREFIX = {'monitoring': 'cloudwatch'}  # where the name in a signature is not IAM's
NEEDS_NONE = {'sts:GetCallerIdentity'}  # STS API reference: "No permissions are required"
# No calls: RunInstances asks for PassRole, since the launch template names the appliance's profile; PutMetricAlarm for the linked role
# where an alarm recovers an instance; EC2 for the rest, of whoever starts an instance or replaces a root from an image under his own key.
WITH_ANOTHER = {'iam:PassRole', 'iam:CreateServiceLinkedRole', 'kms:DescribeKey', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:Decrypt',
                'kms:ReEncrypt*', 'kms:CreateGrant'}
WHY = 'the appliance does not arm'


class Site:
    """The deployed stack, by its outputs and resources' ids."""

    def __init__(self, aws, folder):
        self.aws = aws
        self.images = [self.image(aws, version) for version in ('v1', 'v2')]
        aws.stand_in.console = [OLD_BOOT]
        self.deployed = Deployed(folder, {'ImageId': self.images[0]}, url=aws.endpoint)
        self.own = self.deployed.account.aws
        told = self.own('cloudformation', 'describe-stacks', '--stack-name', 'sealtap')['Stacks'][0]['Outputs']
        self.told = {o['OutputKey']: o['OutputValue'] for o in told}
        self.links = [self.told['OutsideEniId'], self.told['InsideEniId']]
        self.complete(self.told['InstanceId'])
        self.listen()

    @staticmethod
    def image(aws, version):
        told = aws.ec2('RegisterImage', Name=f'sealtap-{version}').decode()
        image = told[told.index('ami-'):].partition('<')[0]
        aws.ec2('CreateTags', **{'ResourceId.1': image, 'Tag.1.Key': 'sealtap:image', 'Tag.1.Value': 'x',
                                 'Tag.2.Key': 'sealtap:version', 'Tag.2.Value': version})
        return image

    def complete(self, instance):
        """Adds what moto's CloudFormation left out."""
        about = self.instance(instance)
        spare = [i['NetworkInterfaceId'] for i in about['NetworkInterfaces']]
        for index, link in enumerate(self.links):
            self.own('ec2', 'attach-network-interface', '--instance-id', instance, '--network-interface-id', link, '--device-index',
                     str(index))
        for interface in spare:
            self.own('ec2', 'delete-network-interface', '--network-interface-id', interface)
        self.own('ec2', 'create-tags', '--resources', instance, '--tags', 'Key=Name,Value=sealtap sealtap-1')
        root = self.own('ec2', 'create-volume', '--size', '1', '--availability-zone', about['Placement']['AvailabilityZone'])['VolumeId']
        self.own('ec2', 'attach-volume', '--volume-id', root, '--instance-id', instance, '--device', about['RootDeviceName'])
        address, = self.own('ec2', 'describe-addresses', '--public-ips', self.told['PublicAddress'])['Addresses']
        self.own('ec2', 'associate-address', '--allocation-id', address['AllocationId'], '--network-interface-id', self.links[0])
        for name, alarm in of_kind(self.deployed.stack, 'AWS::CloudWatch::Alarm').items():
            wanted = {**alarm, 'AlarmName': f'sealtap-{name}-1ABC2DEF3GHI', 'Threshold': float(alarm['Threshold'])}
            self.own('cloudwatch', 'put-metric-alarm', '--cli-input-json', json.dumps(wanted))

    def listen(self):
        """A queue that subscribes to the stack's topic."""
        self.queue = self.own('sqs', 'create-queue', '--queue-name', 'told')['QueueUrl']
        self.own('sns', 'subscribe', '--topic-arn', self.told['AlarmTopicArn'], '--protocol', 'sqs', '--notification-endpoint',
                 f'arn:aws:sqs:{REGION}:{ACCOUNT}:told')

    # ---- what there is

    def heard(self):
        """What the topic has told since it was asked last: (subject, message)."""
        told = self.own('sqs', 'receive-message', '--queue-url', self.queue, '--max-number-of-messages', '10') or {}
        bodies = [json.loads(m['Body']) for m in told.get('Messages', ())]
        for m in told.get('Messages', ()):
            self.own('sqs', 'delete-message', '--queue-url', self.queue, '--receipt-handle', m['ReceiptHandle'])
        return [(b['Subject'], b['Message']) for b in bodies]

    def route(self):
        """What the inside default route says of where it leads."""
        table, = self.own('ec2', 'describe-route-tables', '--route-table-ids', self.told['InsideRouteTableIds'])['RouteTables']
        route, = [r for r in table['Routes'] if r.get('DestinationCidrBlock') == '0.0.0.0/0']
        return {k: v for k, v in route.items() if k.endswith('Id') and v}

    def nat_gateways(self):
        return [n for n in self.own('ec2', 'describe-nat-gateways')['NatGateways'] if n['State'] != 'deleted']

    def addresses(self):
        """{public address: the interface that has it}."""
        return {a['PublicIp']: a.get('NetworkInterfaceId') for a in self.own('ec2', 'describe-addresses')['Addresses']}

    def records(self):
        """What stands under operator/ in the evidence bucket, by name."""
        bucket = self.told['EvidenceBucket']
        told = self.own('s3api', 'list-objects-v2', '--bucket', bucket, '--prefix', 'operator/').get('Contents', ())
        return {o['Key']: json.loads(self.aws.get('s3', f'/{bucket}/{o["Key"]}')) for o in told}

    def instance(self, instance):
        return self.own('ec2', 'describe-instances', '--instance-ids', instance)['Reservations'][0]['Instances'][0]

    def holders(self):
        """{interface of the appliance: the instance that has it}."""
        told = self.own('ec2', 'describe-network-interfaces', '--network-interface-ids', *self.links)['NetworkInterfaces']
        return {i['NetworkInterfaceId']: i.get('Attachment', {}).get('InstanceId') for i in told}

    def spool(self):
        volume, = self.own('ec2', 'describe-volumes', '--volume-ids', self.told['SpoolVolumeId'])['Volumes']
        return [(a['InstanceId'], a['Device']) for a in volume['Attachments']]

    def alarms(self):
        """{alarm: (the instance that it watches, all else that it is)}."""
        found = {}
        for alarm in self.own('cloudwatch', 'describe-alarms')['MetricAlarms']:
            instance = next((d['Value'] for d in alarm.get('Dimensions', ()) if d['Name'] == 'InstanceId'), None)
            rest = {k: v for k, v in alarm.items() if 'Timestamp' not in k and k != 'Dimensions'}
            found[alarm['AlarmName'].split('-')[1]] = instance, rest
        return found

    def rules(self):
        """{rule: [pattern, state, targets]}."""
        told = [r for r in self.own('events', 'list-rules')['Rules'] if r['Name'].startswith('sealtap-')]
        return {r['Name'].split('-')[1]: [json.loads(r['EventPattern']), r['State'],
                                          self.own('events', 'list-targets-by-rule', '--rule', r['Name'])['Targets']] for r in told}

    def calls(self, since=0):
        """What the tools asked for, not the test."""
        return [c for c in self.aws.calls[since:] if f'Credential={KEYS["AWS_ACCESS_KEY_ID"]}/' in c.headers.get('authorization', '')]


def permission(call):
    return f'{IAM_PREFIX.get(call.service, call.service)}:{call.action}'


# ---- bypass


def bypassed(site):
    """bypass leads the inside default route to a NAT gateway, when who, when, why, from where to where stands in the bucket; it is told"""
    before = site.route()
    assert before == {'NetworkInterfaceId': site.links[1]} and not site.records() and not site.heard(), before
    site.aws.succeeds(BYPASS, 'on', WHY=WHY)
    nat, = site.nat_gateways()
    assert site.route() == {'NatGatewayId': nat['NatGatewayId']} and nat['SubnetId'] == site.told['OutsideSubnetId'], site.route()
    assert len(site.addresses()) == 2, site.addresses()
    (name, record), = site.records().items()
    assert name.startswith('operator/sealtap/') and name.split('/')[2].startswith(record['time'].replace('-', '').replace(':', '')), name
    assert record['by'].startswith('arn:aws:') and record['account'] == ACCOUNT and record['why'] == WHY, record
    assert record['routes'] == [{'table': site.told['InsideRouteTableIds'], 'destination': '0.0.0.0/0', 'to': 'NatGatewayId=' +
                                 nat['NatGatewayId'], 'from': f'NetworkInterfaceId={site.links[1]}'}], record
    assert record['instance'] == site.told['InstanceId'], record
    (subject, message), = site.heard()
    assert 'BYPASSED' in subject and WHY in message and name in message, (subject, message)


def bypassed_already(site):
    """bypass run again finds nothing to do: no second record, gateway or alarm"""
    so_far = len(site.aws.calls)
    assert 'bypassed already' in site.aws.succeeds(BYPASS, 'on', WHY='again')
    assert {c.action.partition('Describe')[0] for c in site.calls(so_far)} == {''}
    assert len(site.records()) == len(site.nat_gateways()) == 1 and not site.heard()


def unbypassed(site):
    """unbypass leads it to exactly the inside interface again, writes that down and tells it; NAT gateway and address are gone; once"""
    begun = set(site.records())
    site.aws.succeeds(BYPASS, 'off')
    assert site.route() == {'NetworkInterfaceId': site.links[1]} and not site.nat_gateways(), (site.route(), site.nat_gateways())
    assert site.addresses() == {site.told['PublicAddress']: site.links[0]}, site.addresses()
    records = site.records()
    end, = set(records) - begun
    assert records[end]['event'] == 'unbypass' and set(records[end]['ends']) == begun and end.startswith('operator/sealtap/'), records[end]
    (subject, message), = site.heard()
    assert 'recorded again' in subject and end in message, (subject, message)
    assert 'there is no bypass' in site.aws.succeeds(BYPASS, 'off')
    assert set(site.records()) == set(records) and not site.heard()


# ---- update and replace


def updated(site):
    """update gives the instance another image: it is the same one, with the same interfaces, address and spool; once"""
    first = site.told['InstanceId']
    site.aws.stand_in.console = [OLD_BOOT, OLD_BOOT + NEW_BOOT]
    site.aws.succeeds(UPDATE, AMI=site.images[1])
    assert site.instance(first)['ImageId'] == site.images[1] and [t['instance'] for t in site.aws.stand_in.tasks] == [first]
    assert site.holders() == dict.fromkeys(site.links, first) and site.spool() == [(first, '/dev/sdf')]
    assert site.addresses() == {site.told['PublicAddress']: site.links[0]}
    assert 'has' in site.aws.succeeds(UPDATE, AMI=site.images[1]) and len(site.aws.stand_in.tasks) == 1


def replaced(site):
    """replace, cut off and run again, ends in one new instance of the template's latest version, with interfaces, address and spool"""
    first, template = site.told['InstanceId'], site.told['LaunchTemplateId']
    version, = site.own('ec2', 'describe-launch-template-versions', '--launch-template-id', template)['LaunchTemplateVersions']
    data = {**version['LaunchTemplateData'], 'InstanceType': 'c7i.xlarge'}
    del data['BlockDeviceMappings']  # of which moto wants a size, which AWS has from the image
    latest = site.own('ec2', 'create-launch-template-version', '--launch-template-id', template, '--launch-template-data',
                      json.dumps(data))['LaunchTemplateVersion']
    outside, = site.own('ec2', 'describe-network-interfaces', '--network-interface-ids', site.links[0])['NetworkInterfaces']
    site.own('ec2', 'modify-network-interface-attribute', '--network-interface-id', site.links[0], '--attachment',
             f'AttachmentId={outside["Attachment"]["AttachmentId"]},DeleteOnTermination=true')  # the stand-in fails where it stays so
    site.aws.cut_at('AttachVolume', 'request')
    status, said = site.aws.tool(REPLACE)
    site.aws.mend()
    assert status and 'run it again' in said, said
    site.aws.succeeds(REPLACE)
    new, = set(site.holders().values())
    assert new and new != first and site.spool() == [(new, '/dev/sdf')], (site.holders(), site.spool())
    assert site.instance(first)['State']['Name'] == 'terminated' and site.instance(new)['State']['Name'] == 'running'
    assert site.addresses() == {site.told['PublicAddress']: site.links[0]}
    tags = {t['Key']: t['Value'] for t in site.instance(new)['Tags']}
    assert tags['Name'] == 'sealtap sealtap-1' and tags['aws:ec2launchtemplate:version'] == str(latest['VersionNumber']) == '2', tags
    assert site.route() == {'NetworkInterfaceId': site.links[1]}


def watched(site):
    """Alarms and rule that named the old instance name the new one, else are what they were; those of no instance are untouched"""
    alarms, rules = site.before
    first, (new,) = site.told['InstanceId'], set(site.holders().values())
    now = site.alarms()
    assert {n for n, (i, _) in alarms.items() if i == first} == {'SystemAlarm', 'InstanceAlarm'}, alarms
    assert {n: i for n, (i, _) in now.items() if i} == {'SystemAlarm': new, 'InstanceAlarm': new}, now
    assert {n: rest for n, (_, rest) in now.items()} == {n: rest for n, (_, rest) in alarms.items()} and len(now) > 6, (now, alarms)
    assert first in json.dumps(rules['InstanceWatch']) and len(rules) == 3, rules
    assert site.rules() == json.loads(json.dumps(rules).replace(first, new)), site.rules()


# ---- who may


class Judge:
    """Who may do what, by the documents as they stand in the account; people call from afar, the appliance from its own place."""

    def __init__(self, site):
        self.site, self.documents, ids = site, site.deployed.documents(), site.deployed.ids
        self.bucket = f'arn:aws:s3:::{site.told["EvidenceBucket"]}'
        self.record = f'{self.bucket}/{next(iter(site.records()))}'
        with open(POLICY) as f:
            text = f.read()
        for name, value in {'BUCKET': site.told['EvidenceBucket'], 'STACK': 'sealtap', 'TOPIC-ARN': site.told['AlarmTopicArn'],
                            'APPLIANCE-ROLE-ARN': site.told['ApplianceRoleArn'], 'REGION': REGION, 'ACCOUNT': ACCOUNT}.items():
            assert name in text, name
            text = text.replace(name, value)
        self.listed = json.loads(text)
        home = {'aws:SourceVpc': site.told['VpcId'], 'aws:Ec2InstanceSourceVpc': site.told['VpcId'],
                'aws:Ec2InstanceSourcePrivateIPv4': site.deployed.address}
        afar = {'aws:SourceIp': '203.0.113.9'}
        self.people = {'operator': ('role/operator', [self.listed], afar), 'administrator': ('role/admin', [ANY], afar),
                       'analyst': ('role/' + ids['AnalystRole'], [self.documents['AnalystPolicy']], afar),
                       'break-glass': ('role/' + ids['BreakGlassRole'], [self.documents['BreakGlassPolicy']], afar),
                       'appliance': ('role/' + ids['ApplianceRole'], [self.documents['AppliancePolicy']], home)}

    def may(self, who, action, resource='*', **more):
        name, identity, context = self.people[who]
        arn = f'arn:aws:iam::{ACCOUNT}:{name}'
        context = {'aws:SecureTransport': 'true', 'aws:PrincipalArn': arn, 'aws:PrincipalIsAWSService': 'false', **context, **more}
        of = {self.bucket: 'EvidenceBucketPolicy', self.site.told['AlarmTopicArn']: 'AlarmTopicPolicy'}.get(resource.partition('/')[0])
        return iam.is_allowed(iam.Request(arn, action, resource, context), identity, self.documents[of] if of else None)

    def may_call(self, who, call):
        """A call as a tool made it, to what it named; of EC2, whose changes are not told apart, to anything."""
        if call.service == 's3':
            condition = {'s3:if-none-match': call.headers['if-none-match']} if 'if-none-match' in call.headers else {}
            return self.may(who, permission(call), 'arn:aws:s3:::' + call.path.lstrip('/'), **condition)
        return self.may(who, permission(call), call.form.get('TopicArn') or self.named(call) or '*')

    @staticmethod
    def named(call):
        """The alarm or rule that a call writes."""
        kind, name = {'PutMetricAlarm': ('cloudwatch:%s:alarm:', b'sealtap-'), 'PutRule': ('events:%s:rule/', b'sealtap-')}.get(
            call.action, ('', b''))
        if not kind:
            return ''
        at = call.body.index(name)
        word = call.body[at:at + 60].decode('latin-1')
        return f'arn:aws:{kind % f"{REGION}:{ACCOUNT}"}' + ''.join(c if c.isalnum() or c == '-' else ' ' for c in word).split()[0]


def the_list_is_what_they_ask_for(site):
    """day2-policy.json lists what the tools asked for, all of it and nothing else, and README links it"""
    asked = {permission(c) for c in site.calls()} - NEEDS_NONE
    with open(POLICY) as f:
        listed = {a for s in json.load(f)['Statement'] for a in s['Action']}
    assert listed == asked | WITH_ANOTHER, f'missing: {asked - listed}; not used: {listed - asked - WITH_ANOTHER}'
    for name in ('README.md', os.path.join('board', 'nitro', 'README.md')):
        with open(name) as f:
            assert 'day2-policy.json)' in f.read(), name


def the_operator_may(site):
    """With that policy each call that was made is allowed to the operator, to what it named"""
    judge = Judge(site)
    refused = [str(c) for c in site.calls() if permission(c) not in NEEDS_NONE and not judge.may_call('operator', c)]
    assert not refused, refused
    assert not judge.may('operator', 'cloudwatch:PutMetricAlarm', f'arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:other-1')
    assert not judge.may('operator', 's3:PutObject', f'{judge.bucket}/operator/other/x', **{'s3:if-none-match': '*'})
    assert not judge.may('operator', 'sns:Publish', judge.site.told['AlarmTopicArn'] + '2')


def the_rest_may_not(site):
    """Each of them is refused to the analyst, the appliance and break-glass, but the appliance's alarms from its own place to its topic"""
    judge = Judge(site)
    calls = [c for c in site.calls() if permission(c) not in NEEDS_NONE]
    allowed = {who: {permission(c) for c in calls if judge.may_call(who, c)} for who in ('analyst', 'appliance', 'break-glass')}
    assert allowed == {'analyst': set(), 'appliance': {'sns:Publish'}, 'break-glass': set()}, allowed
    assert len({permission(c) for c in calls}) > 25


def a_record_stays(site):
    """An operator's record is put where nothing is, and neither written over nor deleted below break-glass, whatever one's rights"""
    judge, once = Judge(site), {'s3:if-none-match': '*'}
    for who in ('operator', 'administrator'):
        assert judge.may(who, 's3:PutObject', judge.record, **once)
        assert not judge.may(who, 's3:PutObject', judge.record), 'written over'
        assert not judge.may(who, 's3:PutObject', judge.record, **once, **{'aws:SecureTransport': 'false'})
        assert not judge.may(who, 's3:PutObject', f'{judge.bucket}/sealtap/x', **once), 'among the evidence'
    for action in ('DeleteObject', 'DeleteObjectVersion', 'PutObjectRetention', 'BypassGovernanceRetention', 'ReplicateObject'):
        may = {who for who in judge.people if judge.may(who, f's3:{action}', judge.record)}
        assert may == ({'break-glass'} if action != 'ReplicateObject' else set()), (action, may)


def main():
    report = testing.report()
    with tempfile.TemporaryDirectory(prefix='sealtap-day2-deployed-') as folder, \
            account.Account(folder, site=motoaccount.SITE) as aws:
        site = Site(aws, folder)
        for act in (bypassed, bypassed_already, unbypassed, updated):
            report.run(act, site, always=True)
        site.before = site.alarms(), site.rules()
        report.run(replaced, site, always=True)
        for check in (watched, the_list_is_what_they_ask_for, the_operator_may, the_rest_may_not, a_record_stays):
            report.run(check, site)
    report.finish()


main()
