#!/usr/bin/env python3
"""`make deploy` and `make undeploy` against moto: what it keeps is read back and compared with the template; the rest is named."""
import base64
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import template, testing  # noqa: E402
from lab.deployed import TOP, Deployed, source  # noqa: E402
from lab.paths import Paths, of_kind  # noqa: E402

# moto 5.2's CloudFormation makes nothing of these; the template's own words are all that is judged of them.
KEPT_NOT = {'AWS::CloudFormation::WaitConditionHandle', 'AWS::CloudTrail::Trail', 'AWS::CloudWatch::Alarm', 'AWS::EC2::EIPAssociation',
            'AWS::EC2::GatewayRouteTableAssociation', 'AWS::EC2::NetworkAcl', 'AWS::EC2::NetworkAclEntry',
            'AWS::EC2::SubnetNetworkAclAssociation',
            'AWS::Route53Resolver::ResolverQueryLoggingConfig', 'AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation'}
README = os.path.join(TOP, 'board', 'nitro', 'README.md')
STUB = '''#!/bin/bash
# an aws command that has a stack whose instance each update would replace, and tells what it was asked
echo "$*" >>"$ASKED"
case "$*" in
*--no-execute-changeset*) echo 'aws cloudformation describe-change-set --change-set-name arn:set' ;;
*describe-change-set*) echo "$REPLACED" ;;
*describe-stacks*) printf 'OutsideEniId\teni-1\nInstanceId\t%s\n' "$FIRST" ;;
*describe-network-interfaces*) echo i-1 ;;
esac
'''


def it_makes_the_stack(d):
    """It makes the stack, and tells what the other tools need"""
    told = dict(line.split('\t') for line in d.said.splitlines() if '\t' in line)
    wanted = {'InstanceId', 'InsideRouteTableIds', 'EvidenceBucket', 'AlarmTopicArn', 'SpoolVolumeId', 'LaunchTemplateId', 'VpcId',
              'OutsideSubnetId',
              'InsideEniId', 'OutsideEniId', 'KeyArn', 'ApplianceRoleArn', 'EdgeRouteTableId', 'AnalystRoleArn'}
    assert wanted <= set(told), f'{wanted - set(told)} in {d.said}'


def moto_keeps_all_but_what_is_named(d):
    """moto keeps every kind of resource but those that are named here"""
    kinds = {r['Type'] for r in d.stack.resources.values()}
    kept = {d.stack.resources[name]['Type'] for name in d.ids}
    assert kinds - kept == KEPT_NOT, f'not kept: {sorted(kinds - kept - KEPT_NOT)}; kept after all: {sorted(KEPT_NOT & kept)}'


def what_is_sent_is_what_is_here(d):
    """CloudFormation is sent what stack.yaml says, in a request that it takes: at most 51,200 bytes"""
    sent = d.account.aws('cloudformation', 'get-template', '--stack-name', 'sealtap')['TemplateBody']
    assert isinstance(sent, str) and len(sent.encode()) <= 51200, len(sent)
    assert template.load(sent) == template.load(source())


def what_is_kept_is_what_the_template_says(d):
    """Policies in the account are, word for word, what the template says: of roles, key, endpoints, buckets and topic"""
    said, documents = d.stack.resources, d.documents()
    for name, document in documents.items():
        properties = said[name.removesuffix(' trusts')]['Properties']
        own = properties.get('PolicyDocument') or properties.get('KeyPolicy')
        assert document == (properties['AssumeRolePolicyDocument'] if name.endswith(' trusts') else own), name
    assert len(documents) >= 14, sorted(documents)


def routes_in_the_account_lead_through_the_appliance(d):
    """Routes and their tables in the account lead through the appliance"""
    paths, tables = Paths(d.stack), d.account.aws('ec2', 'describe-route-tables')['RouteTables']
    vpc = d.parameters['VpcId']
    for t in tables:
        if t['VpcId'] != vpc or any(a.get('Main') for a in t['Associations']):
            continue
        read = {r.get('DestinationCidrBlock') or r['DestinationIpv6CidrBlock']: r.get('NetworkInterfaceId') or r.get('GatewayId')
                for r in t['Routes'] if r.get('GatewayId') != 'local' and not r.get('GatewayId', '').startswith('vpce-')}
        assert read == paths.routes[t['RouteTableId']], f'{t["RouteTableId"]}: {read}'
        paths.routes[t['RouteTableId']] = read
        for a in t['Associations']:
            assert paths.table_of.get(a['SubnetId']) == t['RouteTableId'], a
    assert not list(paths.findings()), list(paths.findings())
    gateway = d.endpoints[d.ids['S3Endpoint']]
    assert d.ids['InsideRouteTable'] not in gateway['RouteTableIds'] and d.ids['OutsideRouteTable'] in gateway['RouteTableIds']


def a_subnet_that_exists_goes_behind_it(d):
    """README's two commands lead a subnet that was there before through the appliance, out and in, and its third one back"""
    aws, vpc, net = d.account.aws, d.parameters['VpcId'], '10.20.9.0/24'
    subnet = aws('ec2', 'create-subnet', '--vpc-id', vpc, '--cidr-block', net)['Subnet']['SubnetId']
    old = aws('ec2', 'create-route-table', '--vpc-id', vpc)['RouteTable']['RouteTableId']
    association = aws('ec2', 'associate-route-table', '--subnet-id', subnet, '--route-table-id', old)['AssociationId']
    names = {'rtbassoc-...': association, 'INSIDE-ROUTE-TABLE': d.ids['InsideRouteTable'], 'EDGE-ROUTE-TABLE': d.ids['EdgeRouteTable'],
             "SUBNET'S-CIDR": net, 'OUTSIDE-ENI': d.ids['OutsideEni'], 'OLD-ROUTE-TABLE': old}
    with open(README) as f:
        part = f.read().partition('## In a VPC that exists')[2].partition('\n## ')[0]
    commands = [c for c in re.findall(r'^aws .*$', part, re.M)]
    assert [c.split()[2] for c in commands] == ['replace-route-table-association', 'create-route', 'replace-route-table-association']

    def run(command):
        return aws(*[names.get(word, word) for word in command.split()[1:]])

    def table_of_subnet():
        return aws('ec2', 'describe-route-tables', '--filters', f'Name=association.subnet-id,Values={subnet}')['RouteTables'][0]
    names['rtbassoc-...'] = run(commands[0])['NewAssociationId']
    run(commands[1])
    assert {r.get('NetworkInterfaceId') for r in table_of_subnet()['Routes']} <= {None, d.ids['InsideEni']}
    assert table_of_subnet()['RouteTableId'] == d.ids['InsideRouteTable']
    edge, = aws('ec2', 'describe-route-tables', '--route-table-ids', d.ids['EdgeRouteTable'])['RouteTables']
    assert {r['DestinationCidrBlock']: r.get('NetworkInterfaceId') for r in edge['Routes']}[net] == d.ids['OutsideEni'], edge
    run(commands[2])
    assert table_of_subnet()['RouteTableId'] == old
    aws('ec2', 'delete-route', '--route-table-id', d.ids['EdgeRouteTable'], '--destination-cidr-block', net)


def no_answer_is_not_no_stack(d):
    """A network that is down is not taken for a stack that is not there: nothing is made and nothing removed"""
    for word in ('up', 'down'):
        status, said = d.account.deploy(word, AWS='aws --endpoint-url http://127.0.0.1:9')
        assert status and 'no stack' not in said and 'connect to the endpoint' in said.lower(), said


def the_account_has_the_configuration(d):
    """The launch template in the account has a configuration that the appliance's reader takes, with the account's own names"""
    version = d.account.aws('ec2', 'describe-launch-template-versions', '--launch-template-id',
                            d.ids['LaunchTemplate'])['LaunchTemplateVersions'][-1]
    data = version['LaunchTemplateData']
    with tempfile.NamedTemporaryFile('wb') as f:
        f.write(base64.b64decode(data['UserData']))
        f.flush()
        done = subprocess.run(['build/tests/conf_settings', f.name], capture_output=True, text=True)
    lines = set(done.stdout.splitlines())
    hosts = {name: d.endpoints[d.ids[name]]['DnsEntries'][0]['DnsName'] for name in ('KmsEndpoint', 'SnsEndpoint')}
    assert done.returncode == 0 and {f's3.bucket = {d.ids["EvidenceBucket"]}', f'spool = {d.ids["SpoolVolume"]}',
                                     f'alarm.topic = {d.ids["AlarmTopic"]}',
                                     f'kms.endpoint = https://{hosts["KmsEndpoint"]}:443',
                                     f'sns.endpoint = https://{hosts["SnsEndpoint"]}:443'} <= lines, done.stdout
    assert data['MetadataOptions']['HttpTokens'] == 'required'


def asked_for(folder, replaced, first='i-1'):
    """What deploy asks of the aws command when an update would, or would not, replace the instance; first: the stack's own."""
    stub, asked = os.path.join(folder, 'aws-stub'), os.path.join(folder, f'asked-{replaced}-{first}')
    with open(stub, 'w') as f:
        f.write(STUB)
    os.chmod(stub, 0o755)
    subprocess.run(['board/nitro/deploy', 'up'], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, 'AWS': stub, 'ASKED': asked, 'REPLACED': replaced, 'FIRST': first, 'PARAMETERS': 'OnLoss=stop'})
    with open(asked) as f:
        return f.read().splitlines()


def replacing_is_two_updates(d, folder):
    """An update that replaces the instance stops the old one first, which ships, and is two: without an instance, then with the new one"""
    calls = [c for c in asked_for(folder, '1') if 'describe' not in c]
    order = [next(i for i, c in enumerate(calls) if part in c) for part in ('--no-execute-changeset', 'delete-change-set',
                                                                            'stop-instances --instance-ids i-1',
                                                                           'wait instance-stopped', 'Launch=no', 'OnLoss=stop Launch=yes')]
    assert order == sorted(order) and not any('terminate' in c for c in calls), calls
    calls = asked_for(folder, '0')
    assert not any('stop-instances' in c or 'Launch=no' in c for c in calls), calls


def an_instance_that_is_not_the_stacks_frees_its_interfaces(d, folder):
    """An instance that `make replace` made, which CloudFormation does not know, is terminated when it has shipped, for its interfaces"""
    calls = [c for c in asked_for(folder, '1', first='i-0') if 'describe' not in c]
    order = [next(i for i, c in enumerate(calls) if part in c) for part in (
        'stop-instances --instance-ids i-1', 'wait instance-stopped', 'terminate-instances --instance-ids i-1',
        'wait instance-terminated --instance-ids i-1', 'Launch=no')]
    assert order == sorted(order), calls


def undeploy_keeps_the_evidence(d):
    """Undeploy keeps evidence, audit logs, key, spool and the roles of people; to delete them it wants words, and the break-glass role"""
    for variables, why in (({'EVIDENCE': 'yes'}, 'delete it for ever'), ({'EVIDENCE': 'delete it for ever'}, 'BREAK_GLASS')):
        status, said = d.account.deploy('down', **variables)
        assert status and why in said, said
    bucket, key, volume = d.ids['EvidenceBucket'], d.ids['Key'], d.ids['SpoolVolume']
    status, said = d.account.deploy('down')
    assert status == 0 and all(name in said for name in (bucket, key, volume)), said
    aws = d.account.aws
    assert {bucket, d.ids['AuditBucket']} <= {b['Name'] for b in aws('s3api', 'list-buckets')['Buckets']}
    assert aws('kms', 'describe-key', '--key-id', key)['KeyMetadata']['KeyState'] == 'Enabled'
    assert aws('ec2', 'describe-volumes', '--volume-ids', volume)['Volumes'][0]['State'] == 'available'
    assert {d.ids['AnalystRole'], d.ids['BreakGlassRole']} <= {r['RoleName'] for r in aws('iam', 'list-roles')['Roles']}
    live = [s['StackName'] for s in aws('cloudformation', 'list-stacks')['StackSummaries'] if s['StackStatus'] != 'DELETE_COMPLETE']
    assert live == [], live
    status, said = d.account.deploy('down')
    assert status and 'no stack' in said, said


def undeploy_deletes_it_for_ever(d, folder):
    """In words, undeploy deletes evidence, all its versions, and the spool, and schedules the key's deletion, by the break-glass profile"""
    d.up()
    d.look()
    aws, bucket = d.account.aws, d.ids['EvidenceBucket']
    for body in (__file__, 'README.md'):
        aws('s3api', 'put-bucket-versioning', '--bucket', bucket, '--versioning-configuration', 'Status=Enabled')  # moto made it without
        aws('s3api', 'put-object', '--bucket', bucket, '--key', 'sealtap/a', '--body', body)
    aws('s3api', 'delete-object', '--bucket', bucket, '--key', 'sealtap/a')
    config = os.path.join(folder, 'config')
    with open(config, 'w') as f:
        f.write('[profile glass]\naws_access_key_id = glass\naws_secret_access_key = glass\n')
    status, said = d.account.deploy('down', EVIDENCE='delete it for ever', BREAK_GLASS='glass', AWS_CONFIG_FILE=config)
    assert status == 0, said
    assert bucket not in {b['Name'] for b in aws('s3api', 'list-buckets')['Buckets']}
    assert aws('kms', 'describe-key', '--key-id', d.ids['Key'])['KeyMetadata']['KeyState'] == 'PendingDeletion'
    assert d.ids['SpoolVolume'] not in {v['VolumeId'] for v in aws('ec2', 'describe-volumes')['Volumes']}


def main():
    report = testing.report()
    with tempfile.TemporaryDirectory() as folder:
        d = Deployed(folder, in_existing_vpc=True)  # moto deletes no route tables, and so no VPC of its own
        try:
            for test in (it_makes_the_stack, what_is_sent_is_what_is_here, moto_keeps_all_but_what_is_named,
                         what_is_kept_is_what_the_template_says,
                         routes_in_the_account_lead_through_the_appliance,
                         the_account_has_the_configuration, a_subnet_that_exists_goes_behind_it, no_answer_is_not_no_stack):
                report.run(test, d)
            report.run(replacing_is_two_updates, d, folder)
            report.run(an_instance_that_is_not_the_stacks_frees_its_interfaces, d, folder)
            report.run(undeploy_keeps_the_evidence, d)
            report.run(undeploy_deletes_it_for_ever, d, folder)
        finally:
            d.end()
    report.finish()


main()
