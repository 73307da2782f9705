#!/usr/bin/env python3
"""day2_test: `make update`, `make bypass`, `make unbypass` and `make replace` as they run, with the real aws command, against moto.

The stack is made up: its outputs are real resources in moto. Root volumes are replaced by the stand-in (lab/standin.py), which moto can't.
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from lab import account, testing  # noqa: E402

UPDATE, BYPASS, REPLACE = 'board/nitro/update', 'board/nitro/bypass', 'board/nitro/replace'
BUCKET = 'sealtap-evidence'
OLD_BOOT = 'sealtap: version v1\r\nsealtap: ok link\r\nsealtap: ARMED\r\n'
NEW_BOOT = 'sealtap: version v2\r\nsealtap: ok link\r\n'
ARMED = 'sealtap: ARMED\r\n'


def one(kinds, answer):
    """The first id of this kind (`a|b`: of these kinds) in an answer."""
    return re.search(rf'\b({kinds})-[0-9a-f]{{8,}}', answer if isinstance(answer, str) else answer.decode())[0]


class Site:
    """A VPC with the appliance, as the stack makes it, and the stack's outputs."""

    def __init__(self, aws):
        aws.reset()
        self.aws = aws
        self.vpc = one('vpc', aws.ec2('CreateVpc', CidrBlock='10.0.0.0/16'))
        self.outside, self.inside = (one('subnet', aws.ec2('CreateSubnet', VpcId=self.vpc, CidrBlock=f'10.0.{n}.0/24',
                                                                AvailabilityZone='eu-central-1a')) for n in (1, 2))
        self.links = [one('eni', aws.ec2('CreateNetworkInterface', SubnetId=s)) for s in (self.outside, self.inside)]
        self.images = {v: self.image(v) for v in ('v1', 'v2')}
        self.template = one('lt', aws.ec2('CreateLaunchTemplate', LaunchTemplateName='sealtap', **{
            'LaunchTemplateData.ImageId': self.images['v1'], 'LaunchTemplateData.InstanceType': 'c6in.large'}))
        self.instance = one('i', aws.ec2('RunInstances', MinCount='1', MaxCount='1', **{
            'LaunchTemplate.LaunchTemplateId': self.template, 'NetworkInterface.1.DeviceIndex': '0',
            'NetworkInterface.1.NetworkInterfaceId': self.links[0], 'NetworkInterface.2.DeviceIndex': '1',
            'NetworkInterface.2.NetworkInterfaceId': self.links[1], 'TagSpecification.1.ResourceType': 'instance',
            'TagSpecification.1.Tag.1.Key': 'Name', 'TagSpecification.1.Tag.1.Value': 'the appliance'}))
        self.spool = one('vol', aws.ec2('CreateVolume', Size='100', AvailabilityZone='eu-central-1a'))
        aws.ec2('AttachVolume', VolumeId=self.spool, InstanceId=self.instance, Device='/dev/sdh')
        self.tables = [one('rtb', aws.ec2('CreateRouteTable', VpcId=self.vpc)) for _ in range(2)]
        for table in self.tables:
            aws.ec2('CreateRoute', RouteTableId=table, DestinationCidrBlock='0.0.0.0/0', NetworkInterfaceId=self.links[1])
        self.topic = f'arn:aws:sns:{account.REGION}:{account.ACCOUNT}:alarms'
        aws.query('sns', '2010-03-31', 'CreateTopic', Name='alarms')
        self.stack()
        aws.stand_in.console = [OLD_BOOT]

    def image(self, version):
        image = one('ami', self.aws.ec2('RegisterImage', Name=f'sealtap-{version}'))
        self.aws.ec2('CreateTags', **{'ResourceId.1': image, 'Tag.1.Key': 'sealtap:image', 'Tag.1.Value': 'x',
                                      'Tag.2.Key': 'sealtap:version', 'Tag.2.Value': version})
        return image

    def stack(self):
        outputs = {'InstanceId': self.instance, 'InsideRouteTableIds': ','.join(self.tables), 'EvidenceBucket': BUCKET,
                   'AlarmTopicArn': self.topic, 'SpoolVolumeId': self.spool, 'LaunchTemplateId': self.template, 'VpcId': self.vpc,
                   'OutsideSubnetId': self.outside, 'OutsideEniId': self.links[0], 'InsideEniId': self.links[1]}
        template = {'Resources': {'Bucket': {'Type': 'AWS::S3::Bucket', 'Properties': {'BucketName': BUCKET}}},
                    'Outputs': {name: {'Value': value} for name, value in outputs.items()}}
        self.aws.query('cloudformation', '2010-05-15', 'CreateStack', StackName='sealtap', TemplateBody=json.dumps(template))

    # ---- what there is

    def routes(self):
        """{table: where its default route leads}."""
        told = {t: self.aws.ec2('DescribeRouteTables', **{'RouteTableId.1': t}).decode() for t in self.tables}
        return {t: one('nat|eni|igw', text[text.index('0.0.0.0/0'):]) for t, text in told.items()}

    def tags(self, resource):
        told = self.aws.ec2('DescribeTags', **{'Filter.1.Name': 'resource-id', 'Filter.1.Value.1': resource}).decode()
        return dict(re.findall(r'<key>([^<]*)</key>.*?<value>([^<]*)</value>', told, re.S))

    def records(self):
        """The operator's records in the evidence bucket, by name."""
        names = re.findall(r'<Key>(operator/[^<]+)</Key>', self.aws.get('s3', f'/{BUCKET}?list-type=2').decode())
        return {name: json.loads(self.aws.get('s3', f'/{BUCKET}/{name}')) for name in sorted(names)}

    def nat_gateways(self):
        told = self.aws.ec2('DescribeNatGateways').decode()
        return [n for n, state in re.findall(r'<natGatewayId>(nat-\w+).*?<state>(\w+)', told, re.S) if state in ('available', 'pending')]

    def addresses(self):
        return re.findall(r'eipalloc-\w+', self.aws.ec2('DescribeAddresses').decode())

    def instance_of(self, link):
        return (re.findall(r'<attachment>.*?<instanceId>(i-\w+)', self.aws.ec2('DescribeNetworkInterfaces', **{
            'NetworkInterfaceId.1': link}).decode(), re.S) or [None])[0]

    def spool_at(self):
        told = self.aws.ec2('DescribeVolumes', **{'VolumeId.1': self.spool}).decode()
        return re.search(r'<instanceId>(i-\w+).*?<device>([^<]+)', told, re.S).groups()


# ---- update


def updated(aws, _):
    """update replaces the root of the running instance, waits for the task and for ARMED, and names the way back, which works"""
    site = Site(aws)
    aws.stand_in.console = [OLD_BOOT, OLD_BOOT, OLD_BOOT + NEW_BOOT, OLD_BOOT + NEW_BOOT + ARMED]
    said = aws.succeeds(UPDATE, AMI=site.images['v2'])
    assert f'the way back: make update AMI={site.images["v1"]}' in said and 'ARMED, version v2' in said, said
    task, = aws.stand_in.tasks
    assert task['instance'] == site.instance and task['image'] == site.images['v2'] and task['deletes'] == 'true', task
    assert not aws.stand_in.console[1:], 'it did not wait for the new boot'
    assert [site.instance_of(link) for link in site.links] == [site.instance] * 2 and site.spool_at() == (site.instance, '/dev/sdh')
    aws.stand_in.console = [OLD_BOOT + NEW_BOOT + ARMED]
    said = aws.succeeds(UPDATE, AMI=site.images['v2'])
    assert 'already' in said and len(aws.stand_in.tasks) == 1, said
    aws.stand_in.console = [NEW_BOOT + ARMED, NEW_BOOT + ARMED + OLD_BOOT]
    said = aws.succeeds(UPDATE, AMI=site.images['v1'])
    assert [t['image'] for t in aws.stand_in.tasks] == [site.images['v2'], site.images['v1']] and 'version v1' in said, said


def update_cut(aws, _):
    """An update whose answer was lost goes on with the same task; another one beside it is refused"""
    site = Site(aws)
    aws.stand_in.task_states = ['pending', 'in-progress', 'in-progress', 'in-progress', 'in-progress', 'succeeded']
    cut_at(aws, 'CreateReplaceRootVolumeTask', 'answer', UPDATE, AMI=site.images['v2'])
    assert len(aws.stand_in.tasks) == 1
    status, said = aws.tool(UPDATE, AMI=site.image('v3'))
    assert status and 'is under way already' in said, said
    aws.stand_in.console = [OLD_BOOT, OLD_BOOT + NEW_BOOT + ARMED]
    said = aws.succeeds(UPDATE, AMI=site.images['v2'])
    assert len(aws.stand_in.tasks) == 1 and 'ARMED' in said, said


def update_fails(aws, _):
    """A task that fails, a boot that stays closed or has another version: each is told with what to do"""
    for state, told in (('failed', 'still has the root volume of'), ('failed-detached', 'make bypass')):
        site = Site(aws)
        aws.stand_in.task_states = ['pending', state]
        status, said = aws.tool(UPDATE, AMI=site.images['v2'])
        assert status and told in said, said
    for boot, told in (('', 'says nothing of it'), (NEW_BOOT + 'sealtap: CLOSED kms denied\r\n', 'CLOSED kms denied'),
                       ('sealtap: version v9\r\n' + ARMED, 'booted v9 instead of v2')):
        site = Site(aws)
        aws.stand_in.console = [OLD_BOOT, OLD_BOOT + boot]
        status, said = aws.tool(UPDATE, '--boot-timeout', '1', AMI=site.images['v2'])
        assert status and told in said and f'the way back: make update AMI={site.images["v1"]}' in said, said


def update_dry(aws, _):
    """A dry update changes nothing; an AMI that is not there, a root volume or a stack is told"""
    site = Site(aws)
    said = aws.succeeds(UPDATE, AMI=site.images['v2'], DRY_RUN='1')
    assert 'create-replace-root-volume-task' in said and not aws.stand_in.tasks, said
    status, said = aws.tool(UPDATE, AMI='ami-0123456789abcdef0')
    assert status and 'ami-0123456789abcdef0' in said and not aws.stand_in.tasks, said
    root = one('vol', aws.ec2('DescribeVolumes', **{'Filter.1.Name': 'attachment.device', 'Filter.1.Value.1': '/dev/sda1'}))
    aws.ec2('DetachVolume', VolumeId=root, InstanceId=site.instance, Device='/dev/sda1')
    status, said = aws.tool(UPDATE, AMI=site.images['v2'])
    assert status and 'has no root volume' in said and 'make replace' in said, said
    status, said = aws.tool(UPDATE, AMI=site.images['v2'], STACK='other')
    assert status and 'there is no stack other' in said, said

# ---- bypass


def cut_at(aws, action, how, program, *argv, **environment):
    """Runs the program with the network cut at the first call of this action; its words."""
    aws.cut_at(action, how)
    status, said = aws.tool(program, *argv, **environment)
    aws.mend()
    assert status and 'Traceback' not in said, said
    return said


def bypassed(aws, _):
    """bypass writes its record before it changes a route, leads all inside tables to a NAT gateway, and alarms; once"""
    site = Site(aws)
    before = site.routes()
    aws.succeeds(BYPASS, 'on', WHY='kms is down')
    nat, = site.nat_gateways()
    assert before == dict.fromkeys(site.tables, site.links[1]) and site.routes() == dict.fromkeys(site.tables, nat)
    names = aws.names()
    assert names.index('s3:PutObject') < names.index('ec2:CreateTags') < names.index('ec2:ReplaceRoute'), names
    put = next(c for c in aws.calls if c.action == 'PutObject')
    assert put.headers['if-none-match'] == '*' and 'x-amz-checksum-sha256' in put.headers, put.headers
    record, = site.records().values()
    assert record['why'] == 'kms is down' and record['by'].startswith('arn:') and record['instance'] == site.instance, record
    assert record['routes'] == [{'table': t, 'destination': '0.0.0.0/0', 'from': f'NetworkInterfaceId={site.links[1]}',
                                 'to': f'NatGatewayId={nat}'} for t in site.tables], record
    alarm, = [c.form for c in aws.calls if c.action == 'Publish']
    assert alarm['TopicArn'] == site.topic and 'unrecorded: kms is down' in alarm['Message'], alarm
    so_far = len(aws.calls)
    said = aws.succeeds(BYPASS, 'on', WHY='again')
    assert 'bypassed already' in said and len(site.records()) == 1
    assert all(n.partition(':')[2].startswith('Describe') for n in aws.names(so_far)), aws.names(so_far)

    aws.succeeds(BYPASS, 'off')
    assert site.routes() == before and not site.nat_gateways() and not site.addresses()
    _, end = site.records().values()
    assert end['event'] == 'unbypass' and end['ends'] == [list(site.records())[0]], end
    assert not [k for t in site.tables for k in site.tags(t)], 'tags are left'
    assert 'there is no bypass' in aws.succeeds(BYPASS, 'off')
    assert len(site.records()) == 2


def bypass_given(aws, _):
    """A NAT gateway that is there is used and left; a route that led elsewhere comes back as it was; a dry run changes nothing"""
    site = Site(aws)
    gateway = one('igw', aws.ec2('CreateInternetGateway'))
    aws.ec2('ReplaceRoute', RouteTableId=site.tables[1], DestinationCidrBlock='0.0.0.0/0', GatewayId=gateway)
    address = one('eipalloc', aws.ec2('AllocateAddress', Domain='vpc'))
    nat = one('nat', aws.ec2('CreateNatGateway', SubnetId=site.outside, AllocationId=address))
    said = aws.succeeds(BYPASS, 'on', WHY='test', NAT=nat, DRY_RUN='1')
    assert 'replace-route' in said and 'put-object' in said and not site.records() and nat not in site.routes().values(), said
    aws.succeeds(BYPASS, 'on', WHY='test', NAT=nat)
    assert set(site.routes().values()) == {nat}
    aws.succeeds(BYPASS, 'off')
    assert site.nat_gateways() == [nat] and site.routes()[site.tables[0]] == site.links[1]
    told = aws.ec2('DescribeRouteTables', **{'RouteTableId.1': site.tables[1]}).decode()
    assert gateway in told and nat not in told, told


def bypass_unrecorded(aws, _):
    """Without a record no route is changed: not without a reason, not when the bucket refuses; an alarm that fails is told"""
    site = Site(aws)
    before = site.routes()
    status, said = aws.tool(BYPASS, 'on')
    assert status and 'WHY is missing' in said, said
    aws.stand_in.refused = {'s3:PutObject'}
    status, said = aws.tool(BYPASS, 'on', WHY='test')
    assert status and 'no route was changed' in said and 'missing permission: s3:PutObject' in said and 'replace-route' in said, said
    assert site.routes() == before
    aws.stand_in.refused = {'sns:Publish'}
    status, said = aws.tool(BYPASS, 'on', WHY='test')
    assert status and 'the alarm was not sent' in said and set(site.routes().values()) == set(site.nat_gateways()), said


def bypass_cut(aws, _):
    """Cut off at any step, bypass and unbypass go on: one NAT gateway, no route without a record, all back in the end"""
    for action, how in (('CreateNatGateway', 'answer'), ('PutObject', 'answer'), ('CreateTags', 'answer'), ('ReplaceRoute', 'answer')):
        site = Site(aws)
        before = site.routes()
        cut_at(aws, action, how, BYPASS, 'on', WHY='test')
        assert site.routes() == before or site.records(), action
        aws.succeeds(BYPASS, 'on', WHY='test')
        nat, = site.nat_gateways()
        assert site.routes() == dict.fromkeys(site.tables, nat) and len(site.addresses()) == 1, action
        recorded = {r['table'] for record in site.records().values() for r in record['routes']}
        assert recorded == set(site.tables) and all(site.tags(t)['sealtap:bypass-was'].endswith(site.links[1]) for t in site.tables)
    for action, how in (('ReplaceRoute', 'answer'), ('DeleteTags', 'answer')):
        cut_at(aws, action, how, BYPASS, 'off')
        aws.succeeds(BYPASS, 'off')
        assert site.routes() == before and not site.nat_gateways() and not site.addresses()
        aws.succeeds(BYPASS, 'on', WHY='again')


def unbypass_dead(aws, _):
    """unbypass does not lead routes to an appliance that does not run"""
    site = Site(aws)
    aws.succeeds(BYPASS, 'on', WHY='test')
    aws.ec2('StopInstances', **{'InstanceId.1': site.instance})
    status, said = aws.tool(BYPASS, 'off')
    assert status and 'is stopped' in said and set(site.routes().values()) == set(site.nat_gateways()), said

# ---- replace


def replaced(aws, _):
    """replace ends the old instance, and a new one has its interfaces, name and spool volume, at the same device name"""
    site = Site(aws)
    said = aws.succeeds(REPLACE, DRY_RUN='1')
    assert 'run-instances' in said and site.instance_of(site.links[0]) == site.instance and not site.tags(site.links[0]), said
    said = aws.succeeds(REPLACE)
    require_replaced(aws, site)
    names = aws.names()
    steps = ['StopInstances', 'DetachVolume', 'TerminateInstances', 'RunInstances', 'AttachVolume']
    order = [names.index(f'ec2:{s}') for s in steps]
    assert order == sorted(order), names


def require_replaced(aws, site):
    new, = {site.instance_of(link) for link in site.links}
    assert new and new != site.instance and site.spool_at() == (new, '/dev/sdh') and site.tags(new)['Name'] == 'the appliance', new
    told = aws.ec2('DescribeInstances').decode()
    assert len(re.findall(r'<instanceState>', told)) == 2 and told.count('<name>running</name>') == 1, told
    assert not site.tags(site.links[0]), 'tags are left'


def replace_cut(aws, _):
    """Cut off at any step, replace goes on, and there is one new instance"""
    for action in ('DetachVolume', 'TerminateInstances', 'RunInstances', 'AttachVolume'):
        site = Site(aws)
        cut_at(aws, action, 'answer', REPLACE)
        aws.succeeds(REPLACE)
        require_replaced(aws, site)


TESTS = (bypass_cut, replace_cut, updated, update_cut, update_fails, update_dry, bypassed, bypass_given, bypass_unrecorded, unbypass_dead,
         replaced)


def main():
    report = testing.report()
    account.in_two('sealtap-day2-', TESTS, report)
    report.finish()


main()
