#!/usr/bin/env python3
"""The stack of board/nitro: network, store, instance, configuration and alarms, as resolved from the template with several parameters."""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import iam, template, testing  # noqa: E402
from lab.deployed import FILE, TOP, resolved, source  # noqa: E402
from lab.paths import Paths, of_kind  # noqa: E402

EXISTING = {'VpcId': 'vpc-0123', 'InternetGatewayId': 'igw-0123', 'OutsideIpv6Cidr': '2001:db8:20:3001::/64',
            'InsideIpv6Cidr': '2001:db8:20:3002::/64'}
VARIANTS = [{}, {'Ipv6': 'yes'}, {'EvidenceInterface': 'yes', 'Ipv6': 'yes'}, EXISTING,
            {**EXISTING, 'Ipv6': 'yes', 'EvidenceInterface': 'yes'}, {'OutsideIngress': 'all', 'Ipv6': 'yes'}, {'Launch': 'no'}]
# Parameters that are settings: a value, and what the appliance's own reader then says.
SETTINGS = {
    'Appliance': ('gate-7', 'appliance = gate-7'), 'Prefix': ('lab/evidence', 's3.prefix = lab/evidence'),
    'OnLoss': ('stop', 'on_loss = stop'),
    'Nat': ('none', 'nat = none'), 'InsideRoutes': ('10.8.0.0/16, 10.9.0.0/16', 'inside.routes = 10.9.0.0/16'),
    'BudgetBytesPerDay': ('500000000000', 'budget.bytes_per_day = 500000000000'), 'StatusPort': ('9100', 'status.port = 9100'),
    'StatusSources': ('10.20.0.0/16', 'status.sources = 10.20.0.0/16'), 'SpoolSyncMs': ('200', 'spool.sync_ms = 200'),
    'SpoolFull': ('stop', 'spool.full = stop'), 'EvidenceInterface': ('yes', 'evidence = eni'),
    'MoreConfiguration': ('publish = tcp 443 -> 10.20.1.10:8443\ncapture.rule = headers : tcp port 443\nzstd.level = 3', 'zstd.level = 3'),
    'OutsideCidr': ('10.20.4.0/24', 'forward.deny = out any to 10.20.4.0/24')}


def user_data(stack):
    return base64.b64decode(stack.resources['LaunchTemplate']['Properties']['LaunchTemplateData']['UserData']).decode()


def settings_of(stack):
    """What the appliance makes of its configuration: lines `key = value`."""
    with tempfile.NamedTemporaryFile('w') as f:
        f.write(user_data(stack))
        f.flush()
        done = subprocess.run(['build/tests/conf_settings', f.name], capture_output=True, text=True)
    assert done.returncode == 0, f'{done.stdout}{done.stderr}\n{user_data(stack)}'
    return done.stdout.splitlines()


def cfn_lint_has_nothing_to_say():
    """cfn-lint has nothing to say of the template"""
    done = subprocess.run(['cfn-lint', FILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def no_packet_passes_by_the_appliance():
    """From an inside subnet everything leaves by the inside interface, and what the gateway brings for one comes by the outside one"""
    for parameters in VARIANTS:
        found = list(Paths(resolved(parameters)).findings())
        assert not found, f'{parameters}: {found}'


def a_way_round_is_found():
    """A way round is found: a route to the gateway, an endpoint, a missing route or association, another gateway, an open edge"""
    for was, now in (('DestinationCidrBlock: 0.0.0.0/0, NetworkInterfaceId: !Ref InsideEni',
                      'DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref InternetGateway'),
                     ('RouteTableIds: [!Ref OutsideRouteTable', 'RouteTableIds: [!Ref OutsideRouteTable, !Ref InsideRouteTable'),
                     ('DestinationCidrBlock: !Ref OutsideCidr, NetworkInterfaceId',
                      'DestinationCidrBlock: 192.0.2.0/24, NetworkInterfaceId'),
                     ('DestinationCidrBlock: !Ref EvidenceCidr, NetworkInterfaceId',
                      'DestinationCidrBlock: 192.0.2.0/24, NetworkInterfaceId'),
                     ("DestinationIpv6CidrBlock: '::/0', NetworkInterfaceId: !Ref InsideEni",
                      "DestinationIpv6CidrBlock: '::/0', EgressOnlyInternetGatewayId: e"),
                     ('SubnetId: !Ref InsideSubnet, RouteTableId: !Ref InsideRouteTable',
                      'SubnetId: !Ref InsideSubnet, RouteTableId: !Ref OutsideRouteTable'),
                     ('DestinationCidrBlock: !Ref InsideCidr, NetworkInterfaceId: !Ref OutsideEni',
                      'DestinationCidrBlock: !Ref InsideCidr, GatewayId: local'),
                     ('AWS::EC2::GatewayRouteTableAssociation', 'AWS::EC2::SubnetRouteTableAssociation2'),
                     ("Address: {Type: 'AWS::EC2::EIP'", "Nat1: {Type: 'AWS::EC2::NatGateway'}\n  Address: {Type: 'AWS::EC2::EIP'"),
                     ('SourceDestCheck: false', 'SourceDestCheck: true')):
        assert was in source(), was
        broken = resolved({'Ipv6': 'yes', 'EvidenceInterface': 'yes'}, source().replace(was, now))
        assert list(Paths(broken).findings()), f'not found: {now}'


def one_list_for_all_subnets():
    """No subnet has a list of the VPC's: theirs refuses inside addresses, and passes path-MTU messages of both families each way"""
    for parameters in VARIANTS:
        stack = resolved(parameters)
        paths, acl = Paths(stack), stack.id_of('Acl')
        of_list = {p['SubnetId'] for p in of_kind(stack, 'AWS::EC2::SubnetNetworkAclAssociation').values() if p['NetworkAclId'] == acl}
        assert of_list == {stack.id_of(s) for s in of_kind(stack, 'AWS::EC2::Subnet')}, of_list
        for net in paths.nets('InsideSubnet'):
            inside = net.replace('/64', '20').replace('0/24', '20')
            assert not paths.acl_passes(acl, False, inside, 6) and paths.acl_passes(acl, True, inside, 6), inside
        for address, icmp in (('198.51.100.1', 1), ('2001:db8:ffff::1', 58)):
            for egress in (False, True):
                assert paths.acl_passes(acl, egress, address, icmp) and paths.acl_passes(acl, egress, address, 6), (address, egress)


def errors_of_the_network_reach_the_outside_interface():
    """What tells of a path's MTU, of an unreachable host or of a loop reaches the outside interface, also where nothing else may come"""
    rules = of_kind(resolved(), 'AWS::EC2::SecurityGroup')['OutsideGroup']['SecurityGroupIngress']
    icmp = {(r['FromPort'], r['ToPort']) for r in rules if r['IpProtocol'] == 'icmp' and r['CidrIp'] == '0.0.0.0/0'}
    assert icmp == {(3, -1), (11, -1)} and {'IpProtocol': '58', 'CidrIpv6': '::/0'} in rules and len(rules) == 3, rules


def no_group_has_a_port_to_administer_by():
    """No group names a port but HTTPS to endpoints; the inside group is open both ways, so that nothing is tracked"""
    for parameters in VARIANTS:
        groups = of_kind(resolved(parameters), 'AWS::EC2::SecurityGroup')
        for name, p in groups.items():
            for rule in p.get('SecurityGroupIngress', []):
                if rule['IpProtocol'] in ('tcp', 'udp', '6', '17'):
                    assert name == 'EndpointGroup' and rule['FromPort'] == rule['ToPort'] == 443 and 'SourceSecurityGroupId' in rule, rule
                assert rule['IpProtocol'] != '-1' or name == 'InsideGroup' or parameters.get('OutsideIngress') == 'all', rule
        everything = [{'IpProtocol': '-1', 'CidrIp': '0.0.0.0/0'}, {'IpProtocol': '-1', 'CidrIpv6': '::/0'}]
        assert groups['InsideGroup']['SecurityGroupIngress'] == groups['InsideGroup']['SecurityGroupEgress'] == everything


def endpoints_serve_the_appliance_alone():
    """Interface endpoints have no private names, and let in the group of the interface that speaks to them"""
    for parameters, group in (({}, 'OutsideGroup'), ({'EvidenceInterface': 'yes'}, 'EvidenceGroup')):
        stack = resolved(parameters)
        endpoints = {n: p for n, p in of_kind(stack, 'AWS::EC2::VPCEndpoint').items() if p['VpcEndpointType'] == 'Interface'}
        assert sorted(p['ServiceName'].split('.')[-1] for p in endpoints.values()) == ['kms', 'monitoring', 'sns']
        for p in endpoints.values():
            assert p['PrivateDnsEnabled'] is False and p['SecurityGroupIds'] == ['EndpointGroup'], p
        assert stack.resources['EndpointGroup']['Properties']['SecurityGroupIngress'] == [
            {'IpProtocol': 'tcp', 'FromPort': 443, 'ToPort': 443, 'SourceSecurityGroupId': group}]


def the_appliance_takes_its_configuration():
    """The launch template's user data is taken by the appliance's own reader, with every variant of the stack"""
    for parameters in VARIANTS + [{'StatusPort': '9100', 'StatusSources': '10.0.0.0/8'}]:
        stack = resolved(parameters)
        lines = settings_of(stack)
        for name in ('KmsEndpoint', 'CloudWatchEndpoint', 'SnsEndpoint'):
            key = {'KmsEndpoint': 'kms', 'CloudWatchEndpoint': 'cloudwatch', 'SnsEndpoint': 'sns'}[name]
            assert f'{key}.endpoint = https://{name.lower()}.vpce.example:443' in lines, lines
        assert {'s3.bucket = evidencebucket', 'spool = SpoolVolume', f'kms.key = {stack.outputs["KeyArn"]}',
                f'alarm.topic = {stack.outputs["AlarmTopicArn"]}', 'metrics.namespace = sealtap/sealtap-1'} <= set(lines), lines


def every_setting_reaches_the_appliance():
    """Every parameter that is a setting reaches the appliance as it was given"""
    for name, (value, line) in SETTINGS.items():
        more = {'StatusPort': '1', 'StatusSources': '10.0.0.0/8'} if name.startswith('Status') else {}
        lines = settings_of(resolved({**more, name: value}))
        assert line in lines, f'{name} = {value}: no "{line}" in {lines}'
        assert line not in settings_of(resolved()), f'{line} is there without {name}'
    in_user_data = set(re.findall(r'\$\{(\w+)\}', source()[source().index('UserData:'):source().index('  Instance:\n')]))
    parameters = set(template.load(source())['Parameters']) & in_user_data
    assert parameters <= set(SETTINGS) | {'EvidenceCidr'}, f'not tried: {parameters - set(SETTINGS)}'


def the_instance_asks_for_tokens_and_has_no_key():
    """The instance: IMDSv2 with one hop, no key pair, recovered by itself, its interfaces in order, its spool apart from its disk"""
    stack = resolved({'EvidenceInterface': 'yes'})
    data = stack.resources['LaunchTemplate']['Properties']['LaunchTemplateData']
    assert data['MetadataOptions']['HttpTokens'] == 'required' and data['MetadataOptions']['HttpPutResponseHopLimit'] == 1
    assert 'KeyName' not in data and data['MaintenanceOptions'] == {'AutoRecovery': 'default'}
    assert {i['DeviceIndex']: i['NetworkInterfaceId'] for i in data['NetworkInterfaces']} == {0: 'OutsideEni', 1: 'InsideEni',
                                                                                              2: 'EvidenceEni'}
    assert len(data['BlockDeviceMappings']) == 1 and stack.resources['SpoolAttachment']['Properties']['VolumeId'] == 'SpoolVolume'
    spool = resolved({'SpoolThroughput': '500', 'SpoolSize': '300'}).resources['SpoolVolume']['Properties']
    assert spool['Encrypted'] is True and spool['VolumeType'] == 'gp3' and (spool['Throughput'], spool['Size']) == ('500', '300')
    needs = template.load(source())['Resources']['Instance']['DependsOn']
    assert {'AppliancePolicy', 'EvidenceBucketPolicy', 'EdgeRoutes', 'OutsideAclOf', 'InsideAclOf'} <= set(needs)


def without_an_instance_all_else_stays():
    """Launch=no takes the instance, its hold of the volume and its checks away, and changes no word of the rest"""
    with_it, without = resolved(), resolved({'Launch': 'no'})
    of_instance = {'Instance', 'SpoolAttachment', 'SystemAlarm', 'InstanceAlarm', 'InstanceWatch'}
    assert set(with_it.resources) - set(without.resources) == of_instance
    assert all(with_it.resources[name] == r for name, r in without.resources.items())


def what_evidence_needs_outlives_the_stack():
    """What evidence needs outlives the stack: to be kept, opened, watched and one day deleted; and the spool"""
    resources = template.load(source())['Resources']
    kept = {n for n, r in resources.items() if r.get('DeletionPolicy') == r.get('UpdateReplacePolicy') == 'Retain'}
    assert kept == {'EvidenceBucket', 'EvidenceBucketPolicy', 'AuditBucket', 'AuditBucketPolicy', 'Key', 'SpoolVolume', 'Trail',
                    'AnalystRole', 'AnalystPolicy', 'BreakGlassRole', 'BreakGlassPolicy', 'ReplicationRole', 'ReplicationPolicy'}, kept


def a_saml_provider_may_see_to_the_second_factor():
    """With a SAML provider its users take the roles of people on, and the account's own do not; they open recordings from their networks"""
    provider = 'arn:aws:iam::123456789012:saml-provider/idp'
    stack = resolved({'AnalystMfa': 'federated', 'SamlProviderArn': provider})
    saml, audience = 'sts:AssumeRoleWithSAML', {'SAML:aud': 'https://signin.aws.amazon.com/saml'}
    with_mfa = {'aws:MultiFactorAuthPresent': 'true'}
    for role in ('AnalystRole', 'BreakGlassRole'):
        trust = stack.resources[role]['Properties']['AssumeRolePolicyDocument']
        for who, action, context, yes in ((provider, saml, audience, True), (provider, saml, {}, False),
                                          (provider, saml, {'SAML:aud': 'https://other.example'}, False),
                                          (provider + '2', saml, audience, False),
                                          ('arn:aws:iam::123456789012:user/anna', 'sts:AssumeRole', with_mfa, False)):
            may = iam.is_allowed(iam.Request(who, action, role, context, is_trust=True), resource=trust)
            assert may == yes, (role, who, action, context)
    key, analyst = stack.resources['Key']['Properties']['KeyPolicy'], stack.outputs['AnalystRoleArn']
    for network, yes in (('203.0.113.9', True), ('192.0.2.1', False)):
        context = {'kms:EncryptionContext:sealtap-appliance': 'sealtap-1', 'aws:SourceIp': network, 'aws:PrincipalArn': analyst}
        assert iam.is_allowed(iam.Request(analyst, 'kms:Decrypt', stack.outputs['KeyArn'], context), resource=key,
                              resource_must=True) == yes


def the_store_is_locked_and_private():
    """The store: versions, a lock by default, sealed at rest by S3, nothing public, no access lists; kept 6, 12 or 84 months"""
    for months, days, colder in (('6', 183, ['GLACIER_IR']), ('12', 365, ['GLACIER_IR']), ('84', 2557, ['GLACIER_IR', 'DEEP_ARCHIVE'])):
        p = resolved({'KeepMonths': months, 'LockMode': 'COMPLIANCE', 'LockDays': '400'}).resources['EvidenceBucket']['Properties']
        assert p['ObjectLockConfiguration']['Rule']['DefaultRetention'] == {'Mode': 'COMPLIANCE', 'Days': '400'}
        assert p['ObjectLockEnabled'] is True
        keep, markers = p['LifecycleConfiguration']['Rules']
        assert keep['ExpirationInDays'] == days and keep['NoncurrentVersionExpiration'] == {'NoncurrentDays': 1}
        assert markers['ExpiredObjectDeleteMarker'] is True
        assert keep['AbortIncompleteMultipartUpload'] == {'DaysAfterInitiation': 1}
        assert [t['StorageClass'] for t in keep['Transitions']] == colder
    for bucket in ('EvidenceBucket', 'AuditBucket'):
        p = resolved().resources[bucket]['Properties']
        assert len(p['PublicAccessBlockConfiguration']) == 4 and all(v is True for v in p['PublicAccessBlockConfiguration'].values())
        assert p['VersioningConfiguration'] == {'Status': 'Enabled'}
        assert p['OwnershipControls']['Rules'] == [{'ObjectOwnership': 'BucketOwnerEnforced'}]
        sealed, = p['BucketEncryption']['ServerSideEncryptionConfiguration']
        assert sealed['ServerSideEncryptionByDefault'] == {'SSEAlgorithm': 'AES256'}
    for account, more in (('', {}), ('210987654321', {'Account': '210987654321', 'AccessControlTranslation': {'Owner': 'Destination'}})):
        stack = resolved({'ReplicaBucketArn': 'arn:aws:s3:::other', 'ReplicaAccount': account})
        rule, = stack.resources['EvidenceBucket']['Properties']['ReplicationConfiguration']['Rules']
        assert rule['Destination'] == {'Bucket': 'arn:aws:s3:::other', **more} and rule['DeleteMarkerReplication'] == {'Status': 'Disabled'}
        assert stack.outputs['ReplicationRoleArn'] == stack.resources['EvidenceBucket']['Properties']['ReplicationConfiguration']['Role']
    assert 'ReplicationConfiguration' not in resolved().resources['EvidenceBucket']['Properties']


def who_touches_evidence_is_recorded():
    """Each request for evidence and each use of the key is recorded, by a trail whose logs can be checked; flows and names too"""
    stack = resolved()
    trail = stack.resources['Trail']['Properties']
    assert trail['EnableLogFileValidation'] is True and trail['IsLogging'] is True
    fields = [{f['Field']: f.get('Equals') or f.get('StartsWith') for f in s['FieldSelectors']} for s in trail['AdvancedEventSelectors']]
    assert {'eventCategory': ['Management']} in fields  # KMS is among them, reads too
    assert {'eventCategory': ['Data'], 'resources.type': ['AWS::S3::Object'], 'resources.ARN': ['arn:aws:s3:::evidencebucket/']} in fields
    assert trail['IncludeGlobalServiceEvents'] is True and trail['IsMultiRegionTrail'] == 'false'
    replicated = resolved({'MultiRegionKey': 'true'}).resources
    assert replicated['Key']['Properties']['MultiRegion'] == replicated['Trail']['Properties']['IsMultiRegionTrail'] == 'true'
    assert stack.resources['FlowLogs']['Properties']['TrafficType'] == 'ALL'
    assert stack.resources['QueryLogsOf']['Properties']['ResourceId'] == 'Vpc'


def sent_metrics():
    """{metric: ({causes}, kind)}, as the appliance sends them each minute: the table in cloudwatch.c."""
    with open(os.path.join(TOP, 'src/aws/cloudwatch.c')) as f:
        rows = re.findall(r'^\t\{"(\w+)", "\w+", (?:NULL|"([\w-]+)"), .*, (\w+)\},$', f.read(), re.M)
    found = {}
    for metric, cause, kind in rows:
        found.setdefault(metric, (set(), kind))[0].update([cause] if cause else [])
    return found


def is_sent(metric, dimensions, statistic):
    """Does the appliance send this, by these dimensions, and does the statistic fit what it is: a count of a minute, or as it is now?"""
    causes, kind = sent_metrics().get(metric, ((), None))
    fits = {'COUNT': ('Sum', 'SampleCount'), 'ENA_COUNT': ('Sum',), 'REASONS': ('Sum',), 'GAUGE': ('Maximum', 'Minimum')}.get(kind, ())
    wanted = [{'Appliance': 'sealtap-1', 'Cause': c} for c in causes] or [{'Appliance': 'sealtap-1'}]
    return statistic in fits and dimensions in wanted


def looked_at(alarm):
    """(metric, namespace, dimensions, statistic, period) of an alarm."""
    for m in [m['MetricStat'] for m in alarm.get('Metrics', []) if 'MetricStat' in m] or [alarm]:
        metric = m.get('Metric', m)
        dimensions = {d['Name']: d['Value'] for d in metric['Dimensions']}
        yield metric['MetricName'], metric['Namespace'], dimensions, m.get('Stat') or m['Statistic'], m['Period']


# What each alarm looks at, its limit, and what silence is to it.
ALARMS = {
    'LossAlarm': ('PacketsLost', 'Sum', 60, '> 0', 1, 'notBreaching'), 'StopAlarm': ('Forwarding', 'Minimum', 60, '< 1', 2, 'breaching'),
    'UnshippedAlarm': ('OldestUnshipped', 'Maximum', 60, '> 900', 3, 'breaching'),
    'HeartbeatAlarm': ('PacketsRecorded', 'SampleCount', 300, '< 1', 1, 'breaching'),
    'CanaryAlarm': ('CanariesStored', 'Sum', 900, '< 1', 1, 'breaching'),
    'SystemAlarm': ('StatusCheckFailed_System', 'Maximum', 60, '> 0', 2, 'missing'),
    'InstanceAlarm': ('StatusCheckFailed', 'Maximum', 60, '> 0', 3, 'breaching')}
OPERATOR = {'GreaterThanThreshold': '>', 'LessThanThreshold': '<'}


def what_is_missing_is_an_alarm():
    """Loss, stop, waiting objects, silence and failing checks are alarms, each on what is really sent; silence is one where it tells"""
    alarms, topic = of_kind(resolved(), 'AWS::CloudWatch::Alarm'), resolved().outputs['AlarmTopicArn']
    assert set(alarms) == set(ALARMS), set(alarms) ^ set(ALARMS)
    for name, p in alarms.items():
        metric, statistic, period, limit, periods, silence = ALARMS[name]
        for found, namespace, dimensions, how, seconds in looked_at(p):
            assert (found, how, seconds) == (metric, statistic, period), p
            ours = namespace == 'sealtap/sealtap-1' and is_sent(found, dimensions, how)
            assert ours or (namespace, dimensions) == ('AWS/EC2', {'InstanceId': 'Instance'}), (name, found, dimensions, how)
        assert f'{OPERATOR[p["ComparisonOperator"]]} {p["Threshold"]}' == limit and p['EvaluationPeriods'] == periods, p
        assert p['TreatMissingData'] == silence and p['AlarmActions'][0] == topic and p.get('ActionsEnabled', True), p
    causes = {dimensions['Cause'] for _, _, dimensions, _, _ in looked_at(alarms['LossAlarm'])}
    assert causes == sent_metrics()['PacketsLost'][0], causes
    sums = [m for m in alarms['LossAlarm']['Metrics'] if m.get('ReturnData', True)]
    assert sums == [{'Id': 'lost', 'Expression': 'SUM(METRICS())'}], sums
    with open(os.path.join(TOP, 'src/role/net/canary.h')) as f:
        assert int(re.search(r'CANARY_NS \((\d+) \*', f.read())[1]) * 2 < ALARMS['CanaryAlarm'][2], 'one that is late is not missing'


def silence_moves_no_instance():
    """The instance is moved where its host's check fails, never because nothing is heard: a stopped one is an alarm alone"""
    alarms = of_kind(resolved(), 'AWS::CloudWatch::Alarm')
    moves = {n: p for n, p in alarms.items() if any(a.endswith(':ec2:recover') for a in p['AlarmActions'])}
    assert set(moves) == {'SystemAlarm'} and moves['SystemAlarm']['TreatMissingData'] not in ('breaching', 'ignore')
    assert not any(p.get('InsufficientDataActions') for p in moves.values())
    gone = [n for n, p in alarms.items() if p['TreatMissingData'] == 'breaching' and ('InstanceId' in repr(p)) and n not in moves]
    assert gone == ['InstanceAlarm'], gone


def the_dashboard_shows_what_is_sent():
    """Every line of the dashboard is a metric that the appliance sends, by its dimensions, with the statistic that fits"""
    body = json.loads(resolved().resources['Dashboard']['Properties']['DashboardBody'])
    shown = set()
    for widget in (w['properties'] for w in body['widgets']):
        assert widget['region'] == 'eu-central-1'
        row = []
        for line in widget['metrics']:
            line = [v for v in line if isinstance(v, str)]
            if line[0] == '...':
                line = row[:len(row) - len(line) + 1] + line[1:]
            row = [row[i] if v == '.' else v for i, v in enumerate(line)]
            namespace, metric, *pairs = row
            assert namespace == 'sealtap/sealtap-1' and is_sent(metric, dict(zip(pairs[::2], pairs[1::2])), widget['stat']), row
            shown.add((metric, *pairs[3:]))
    assert {('PacketsRecorded',), ('OldestUnshipped',), ('SpoolUsed',), ('PacketsLost', 'ring'), ('PacketsLost', 'budget')} <= shown, shown
    assert len(shown) == 10, shown


def parameters_that_do_not_fit_together_are_refused():
    """Parameters that do not fit, alone or together, are refused before anything is made"""
    for bad in ({'VpcId': 'vpc-0123'}, {**EXISTING, 'Ipv6': 'yes', 'InsideIpv6Cidr': '::/64'}, {'AnalystMfa': 'federated'},
                {'StatusPort': '9100'},
                {'ReplicaBucketArn': 'other'}, {'Appliance': 'a b'}, {'Prefix': 'a//b'}, {'Prefix': 'operator'},
                {'Prefix': 'operator/x'}, {'StatusPort': '64512'},
                {'Nat': 'snat'},
                {'InstanceType': 'large'}, {'LockMode': 'NONE'}, {'KeepMonths': '13'}, {'Ipv7': 'yes'}):
        try:
            resolved(bad)
        except template.Broken:
            continue
        raise AssertionError(f'taken: {bad}')
    assert 's3.prefix = operators/x' in settings_of(resolved({'Prefix': 'operators/x'}))


def other_partitions_are_named_by_themselves():
    """In GovCloud every ARN is of its partition"""
    stack = resolved({'AnalystMfa': 'federated', 'SamlProviderArn': 'arn:aws-us-gov:iam::123456789012:saml-provider/idp', 'Ipv6': 'yes'},
                     partition='aws-us-gov', region='us-gov-west-1')
    text = repr(stack.resources) + repr(stack.outputs) + user_data(stack)
    assert 'arn:aws:' not in text and 'arn:aws-us-gov:kms:us-gov-west-1' in text and 'signin.amazonaws-us-gov.com' in text
    assert 'eu-central-1' not in text and 'us-east-1' not in text


def main():
    os.chdir(TOP)
    report = testing.report()
    for test in (cfn_lint_has_nothing_to_say, no_packet_passes_by_the_appliance, a_way_round_is_found,
                 one_list_for_all_subnets, errors_of_the_network_reach_the_outside_interface,
                 no_group_has_a_port_to_administer_by, endpoints_serve_the_appliance_alone, the_appliance_takes_its_configuration,
                 every_setting_reaches_the_appliance, the_instance_asks_for_tokens_and_has_no_key, without_an_instance_all_else_stays,
                 what_evidence_needs_outlives_the_stack,
                 a_saml_provider_may_see_to_the_second_factor,
                 the_store_is_locked_and_private, who_touches_evidence_is_recorded, what_is_missing_is_an_alarm,
                 silence_moves_no_instance, the_dashboard_shows_what_is_sent,
                 parameters_that_do_not_fit_together_are_refused, other_partitions_are_named_by_themselves):
        report.run(test)
    report.finish()


main()
