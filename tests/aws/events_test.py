#!/usr/bin/env python3
"""What the stack's rules tell of: a table of API calls, as CloudTrail has them, that are told, and of calls that are not."""
import copy
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

import botocore.session  # noqa: E402
from moto.events.models import EventPattern  # noqa: E402

from lab import events, template, testing  # noqa: E402
from lab.deployed import TOP, resolved  # noqa: E402
from lab.events import call  # noqa: E402
from lab.paths import of_kind  # noqa: E402

GLOBAL = os.path.join(TOP, 'board', 'nitro', 'global.yaml')
VARIANT = {'EvidenceInterface': 'yes', 'ReplicaBucketArn': 'arn:aws:s3:::elsewhere'}  # with all that a rule can name
STACK = resolved(VARIANT)
KEY, TOPIC, BREAK_GLASS = (STACK.outputs[n] for n in ('KeyArn', 'AlarmTopicArn', 'BreakGlassRoleArn'))
TRAIL = 'arn:aws:cloudtrail:eu-central-1:123456789012:trail/management'  # an account's own: what EventBridge is told comes by it too
READS = re.compile('Describe|Get|List|Search|Export')

# Calls of EC2 whose name is enough, whosoever they are of: tenants make them seldom.
EC2 = """CreateRoute ReplaceRoute DeleteRoute AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation
    CreateRouteServer AssociateRouteServer EnableRouteServerPropagation EnableVgwRoutePropagation DisableVgwRoutePropagation
    AllocateAddress AssociateAddress DisassociateAddress ReleaseAddress EnableAddressTransfer AcceptAddressTransfer
    AssociateNatGatewayAddress AssignPrivateIpAddresses AssignIpv6Addresses UnassignPrivateIpAddresses UnassignIpv6Addresses
    CreateVpcPeeringConnection AcceptVpcPeeringConnection DeleteVpcPeeringConnection ModifyVpcPeeringConnectionOptions
    CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints CreateInstanceConnectEndpoint CreateClientVpnEndpoint
    CreateVerifiedAccessEndpoint ModifyNetworkInterfaceAttribute ResetNetworkInterfaceAttribute AttachNetworkInterface
    DetachNetworkInterface CreateNetworkInterfacePermission CreateInternetGateway AttachInternetGateway DetachInternetGateway
    CreateEgressOnlyInternetGateway CreateNatGateway DeleteNatGateway AttachVpnGateway DetachVpnGateway CreateVpnGateway
    CreateVpnConnection CreateVpnConnectionRoute CreateCarrierGateway CreateTransitGateway CreateTransitGatewayVpcAttachment
    ModifyTransitGatewayVpcAttachment AcceptTransitGatewayVpcAttachment CreateTransitGatewayRoute ReplaceTransitGatewayRoute
    CreateNetworkAclEntry ReplaceNetworkAclEntry DeleteNetworkAclEntry ReplaceNetworkAclAssociation ModifySecurityGroupRules
    AssociateSecurityGroupVpc AssociateVpcCidrBlock DisassociateVpcCidrBlock AssociateSubnetCidrBlock AssociateDhcpOptions
    ModifyVpcAttribute ModifyVpcBlockPublicAccessOptions CreateVpcBlockPublicAccessExclusion CreateSubnet ModifySubnetAttribute
    DeleteFlowLogs CreateTrafficMirrorSession ModifyInstanceAttribute ModifyInstanceMetadataOptions ModifyInstanceMaintenanceOptions
    CreateReplaceRootVolumeTask AssociateIamInstanceProfile ReplaceIamInstanceProfileAssociation
    DisassociateIamInstanceProfile""".split()
OF_STORE = """PutBucketPolicy DeleteBucketPolicy PutBucketVersioning PutBucketObjectLockConfiguration PutBucketLifecycle
    DeleteBucketLifecycle PutBucketReplication DeleteBucketReplication PutBucketPublicAccessBlock DeleteBucketPublicAccessBlock
    PutBucketAcl PutBucketEncryption DeleteBucketEncryption PutBucketOwnershipControls PutBucketNotification DeleteBucket
    PutObjectLockConfiguration""".split()
OF_OBJECTS = 'DeleteObject DeleteObjects PutObjectRetention PutObjectLegalHold'.split()
OF_KEY = """ScheduleKeyDeletion DisableKey DisableKeyRotation PutKeyPolicy CreateGrant ReplicateKey UpdatePrimaryRegion UpdateAlias
    DeleteAlias""".split()
OF_ROLES = """PutRolePolicy DeleteRolePolicy AttachRolePolicy DetachRolePolicy UpdateAssumeRolePolicy UpdateRole DeleteRole
    PutRolePermissionsBoundary DeleteRolePermissionsBoundary AddRoleToInstanceProfile""".split()
OF_INSTANCE = 'StopInstances StartInstances RebootInstances TerminateInstances'.split()
OF_SPOOL = 'DetachVolume DeleteVolume CreateSnapshot'.split()
OF_GROUPS = """AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress
    RevokeSecurityGroupEgress""".split()
OF_RULES = (('DeleteRule', 'name'), ('DisableRule', 'name'), ('PutRule', 'name'), ('PutTargets', 'rule'), ('RemoveTargets', 'rule'))
OF_ALARMS = 'DeleteAlarms DisableAlarmActions'.split()
OF_TOPIC = 'SetTopicAttributes DeleteTopic AddPermission RemovePermission'.split()

SERVICES = ('ec2', 'events', 'vpc-lattice', 'route53resolver', 's3', 'kms', 'iam', 'sts', 'cloudtrail', 'cloudwatch', 'sns',
            'cloudformation')


def instances(*ids):
    return {'instancesSet': {'items': [{'instanceId': i} for i in ids]}}


def run_in(subnet):
    """What RunInstances answers; the interface may also be a second one."""
    interfaces = {'items': [{'subnetId': 'subnet-0'}, {'subnetId': subnet}]}
    return {'instancesSet': {'items': [{'instanceId': 'i-0', 'networkInterfaceSet': interfaces}]}}


def alarm(kind='LossAlarm', stack='sealtap'):
    return f'{stack}-{kind}-1ABC2DEF3GHI'


def told():
    """(rules, event): the rules that tell of it."""
    network, evidence, both = {'NetworkWatch'}, {'EvidenceWatch'}, {'NetworkWatch', 'EvidenceWatch'}
    yield from ((network, call('ec2', name, {'vpcId': 'vpc-1'})) for name in EC2)
    yield from ((network, call('ec2', name, {'groupId': group, 'ipPermissions': {}}))
                for name in OF_GROUPS for group in ('OutsideGroup', 'InsideGroup', 'EndpointGroup', 'EvidenceGroup'))
    yield from ((network, call('ec2', name, {'volumeId': 'SpoolVolume'})) for name in OF_SPOOL)
    for subnet in ('OutsideSubnet', 'EvidenceSubnet'):
        yield network, call('ec2', 'CreateNetworkInterface', {'subnetId': subnet}, {'networkInterface': {'subnetId': subnet}})
        yield network, call('ec2', 'RunInstances', {'instancesSet': {'items': [{'imageId': 'ami-1'}]}}, run_in(subnet))
    yield network, call('vpc-lattice', 'CreateServiceNetworkVpcAssociation', {'vpcIdentifier': 'vpc-1'})
    yield network, call('route53resolver', 'DisassociateResolverQueryLogConfig', {'resourceId': 'vpc-1'})
    yield network, call('route53resolver', 'CreateResolverEndpoint', {'direction': 'OUTBOUND'})
    yield from (({'InstanceWatch'}, call('ec2', name, instances('i-0', 'Instance'))) for name in OF_INSTANCE)
    yield from ((evidence, call('s3', name, {'bucketName': bucket})) for name in OF_STORE for bucket in ('evidencebucket', 'auditbucket'))
    yield from ((evidence, call('s3', name, {'bucketName': 'evidencebucket', 'key': 'a'}, is_data=True)) for name in OF_OBJECTS)
    yield from ((evidence, call('kms', name, {'keyId': KEY}, arn=KEY)) for name in OF_KEY)
    yield from ((evidence, call('sts', name, {'roleArn': BREAK_GLASS, 'roleSessionName': 'anna'}, read_only=True))
                for name in ('AssumeRole', 'AssumeRoleWithSAML'))
    yield from ((evidence, call('iam', name, {'roleName': role}))
                for name in OF_ROLES for role in ('ApplianceRole', 'AnalystRole', 'BreakGlassRole', 'ReplicationRole'))
    yield evidence, call('iam', 'UpdateSAMLProvider', {'sAMLProviderArn': 'arn:aws:iam::123456789012:saml-provider/idp'})
    yield from ((evidence, call('cloudtrail', name, {'name': TRAIL})) for name in ('StopLogging', 'DeleteTrail', 'UpdateTrail'))
    yield evidence, call('cloudtrail', 'PutEventSelectors', {'trailName': TRAIL})
    yield from ((both, call('events', name, {field: alarm('NetworkWatch')})) for name, field in OF_RULES)
    yield from ((evidence, call('monitoring', name, {'alarmNames': ['other', alarm()]})) for name in OF_ALARMS)
    yield from ((evidence, call('monitoring', name, {'alarmName': alarm()})) for name in ('PutMetricAlarm', 'SetAlarmState'))
    yield evidence, call('monitoring', 'PutAlarmMuteRule', {'muteTargets': {'alarmNames': [alarm()]}})
    yield from ((evidence, call('sns', name, {'topicArn': TOPIC})) for name in OF_TOPIC)
    yield from ((evidence, call('sns', name, {'subscriptionArn': TOPIC + ':5e1c'}))
                for name in ('Unsubscribe', 'SetSubscriptionAttributes'))
    for stack in ('sealtap', 'arn:aws:cloudformation:eu-central-1:123456789012:stack/sealtap/1'):
        yield from ((evidence, call('cloudformation', name, {'stackName': stack}))
                    for name in ('UpdateStack', 'DeleteStack', 'ExecuteChangeSet'))


def quiet():
    """What nobody is told of: reading, what the appliance and analysts do all day, and the same calls for what is not the stack's."""
    yield from (call('ec2', name, {'vpcId': 'vpc-1'}, read_only=True) for name in
                ('DescribeRouteTables', 'DescribeVpcEndpoints', 'DescribeAddresses', 'DescribeNetworkInterfaceAttribute'))
    yield from (call('ec2', name, {'groupId': 'sg-other'}) for name in OF_GROUPS)
    yield from (call('route53resolver', name, {}, read_only=True) for name in ('GetResolverEndpoint', 'ListResolverQueryLogConfigs'))
    yield call('ec2', 'DescribeStaleSecurityGroups', {'groupId': 'OutsideGroup'})
    yield from (call('ec2', name, {'volumeId': 'vol-other'}) for name in OF_SPOOL)
    yield call('ec2', 'DescribeVolumeAttribute', {'volumeId': 'SpoolVolume'})
    yield call('ec2', 'CreateNetworkInterface', {'subnetId': 'InsideSubnet'}, {'networkInterface': {'subnetId': 'InsideSubnet'}})
    yield call('ec2', 'RunInstances', None, run_in('InsideSubnet'))
    yield from (call('ec2', name, instances('i-0', 'i-1')) for name in OF_INSTANCE)
    yield call('ec2', 'DescribeInstances', instances('Instance'))
    yield from (call('ec2', name, {}) for name in ('CreateTags', 'CreateSecurityGroup', 'CreateVolume', 'AttachVolume'))
    yield from (call('s3', name, {'bucketName': 'other'}) for name in OF_STORE + OF_OBJECTS)
    yield from (call('s3', name, {'bucketName': 'evidencebucket', 'key': 'a'}, read_only=name != 'PutObject', is_data=True)
                for name in ('PutObject', 'GetObject', 'HeadObject', 'ListObjects', 'GetObjectRetention'))
    yield call('s3', 'GetBucketPolicy', {'bucketName': 'evidencebucket'}, read_only=True)
    yield from (call('kms', name, {'keyId': KEY}, arn=KEY, read_only=True)
                for name in ('GenerateDataKey', 'Decrypt', 'DescribeKey', 'GetKeyPolicy'))
    yield from (call('kms', name, {'keyId': 'other'}, arn='arn:aws:kms:eu-central-1:123456789012:key/other') for name in OF_KEY)
    yield call('sts', 'AssumeRole', {'roleArn': STACK.outputs['AnalystRoleArn']}, read_only=True)
    yield call('iam', 'SimulatePrincipalPolicy', {'roleArn': BREAK_GLASS}, read_only=True)
    yield from (call('iam', name, {'roleName': 'other'}) for name in OF_ROLES)
    yield from (call('iam', name, {'roleName': 'BreakGlassRole'}, read_only=True) for name in ('GetRole', 'ListRolePolicies'))
    yield from (call('cloudtrail', name, {'name': 'sealtap-Trail-1'}, read_only=True) for name in ('GetTrailStatus', 'ListTags'))
    yield from (call('events', name, {field: alarm('NetworkWatch', 'other')}) for name, field in OF_RULES)
    yield from (call('events', name, {'name': alarm('NetworkWatch')}, read_only=True) for name in ('DescribeRule', 'ListTargetsByRule'))
    yield from (call('monitoring', name, {'alarmNames': [alarm(stack='other')]}) for name in OF_ALARMS)
    yield call('monitoring', 'PutMetricAlarm', {'alarmName': 'TargetTracking-1'})
    yield call('monitoring', 'DescribeAlarms', {'alarmNames': [alarm()]}, read_only=True)
    # Where an account records the data events of topics: what is published would be told of, and so be published again, for ever.
    yield from (call('sns', name, {'topicArn': TOPIC}, is_data=True) for name in ('Publish', 'PublishBatch'))
    yield from (call('sns', name, {'topicArn': TOPIC + '2'}) for name in OF_TOPIC)
    yield call('sns', 'GetTopicAttributes', {'topicArn': TOPIC}, read_only=True)
    yield from (call('cloudformation', name, {'stackName': 'sealtap'}, read_only=True) for name in ('DescribeStacks', 'ListStackResources'))
    yield call('cloudformation', 'DeleteStack', {'stackName': 'other'})
    yield call('ec2', 'RegisterImage', {'name': 'sealtap-1.2'})


def rules(parameters=None):
    return of_kind(resolved(parameters or VARIANT), 'AWS::Events::Rule')


def about(event):
    return f'{event["detail"]["eventSource"]} {event["detail"]["eventName"]} {event["detail"]["requestParameters"]}'


def telling(of, event):
    return {name for name, rule in of.items() if events.tells(rule, event)}


def what_matters_is_told():
    """Calls that could lead traffic round, cut records, or weaken store, key, roles or the watching are told, each by its rule"""
    found = rules()
    assert set(found) == {'NetworkWatch', 'EvidenceWatch', 'InstanceWatch'}, set(found)
    wrong = [f'{about(e)}: {telling(found, e)}' for by, e in told() if telling(found, e) != by]
    assert not wrong and len(list(told())) > 200, wrong
    assert telling(rules({'Launch': 'no'}), call('ec2', 'CreateRoute', {})) == {'NetworkWatch'}


def what_does_not_matter_is_not_told():
    """Nobody is told of reading, of what the appliance and analysts do, of what was told itself, and of what is not the stack's"""
    wrong = [f'{about(e)}: {telling(rules(), e)}' for e in quiet() if telling(rules(), e)]
    assert not wrong, wrong


def changed(pattern):
    """(what, pattern) with one value, one way of an $or, or one condition of several taken away."""
    def inside(node, path):
        if isinstance(node, list):
            if len(node) > 1 + path.endswith('$or'):
                yield from ((f'{path}: {node[i]}', node[:i] + node[i + 1:]) for i in range(len(node)))
            if path.endswith('$or'):
                yield from ((what, node[:i] + [n] + node[i + 1:]) for i in range(len(node)) for what, n in inside(node[i], f'{path}[{i}]'))
        elif isinstance(node, dict):
            if len(node) > 1:
                yield from ((f'{path}: {k}', {other: v for other, v in node.items() if other != k}) for k in node)
            yield from ((what, {**node, k: n}) for k, v in node.items() for what, n in inside(v, f'{path}.{k}'))
    return inside(pattern, '')


def each_word_of_a_pattern_matters():
    """Each name, prefix, thing and condition in a pattern matters: without it some call of the table is told wrongly, or not"""
    calls = [e for _, e in told()] + list(quiet())
    for name, rule in rules().items():
        as_it_is = [events.tells(rule, e) for e in calls]
        for what, pattern in changed(rule['EventPattern']):
            if what in (': source', ': detail-type'):
                continue  # they keep other services' events away, whose fields may have the same names
            assert [events.tells({**rule, 'EventPattern': pattern}, e) for e in calls] != as_it_is, f'{name}{what}'
    asleep = {**rules()['EvidenceWatch'], 'State': 'ENABLED'}
    assert not any(events.tells(asleep, e) for _, e in told() if e['detail']['eventName'].startswith('AssumeRole'))


def names_are_those_of_aws():
    """Every name in a pattern is a call that AWS has, each prefix and suffix some; no call of EC2 that reads has a name that is told of"""
    session = botocore.session.get_session()
    models = {s: session.get_service_model(s).operation_names for s in SERVICES}
    every = {o for names in models.values() for o in names}
    for name, rule in rules().items():
        words = [w for names in _names(rule['EventPattern']) for w in names]
        unknown = [w for w in words if not any(events.matches([w], o) for o in every)]
        assert words and not unknown, f'{name}: {unknown}'
    read = {o for o in models['ec2'] if READS.match(o)}
    of_reading = [o for o in read if events.matches(rules()['NetworkWatch']['EventPattern'], call('ec2', o, {}))]
    assert len(read) > 200 and not of_reading, of_reading


def _names(node):
    """Every list of eventName in a pattern."""
    if isinstance(node, dict):
        for k, v in node.items():
            yield from [v] if k == 'eventName' else _names(v)
    elif isinstance(node, list):
        for v in node:
            yield from _names(v)


def a_pattern_has_room():
    """A pattern stays below EventBridge's 2,048 characters with the longest names there may be, and goes to the topic, in words"""
    name = 'n' * 40
    ids = {'EvidenceBucket': 'b' * 63, 'AuditBucket': 'b' * 63, 'Key': '0' * 36, **{r: 'r' * 64 for r in (
        'ApplianceRole', 'AnalystRole', 'BreakGlassRole', 'ReplicationRole')}, **{g: 'sg-0123456789abcdef0' for g in (
            'OutsideGroup', 'InsideGroup', 'EndpointGroup', 'EvidenceGroup')}, 'OutsideSubnet': 'subnet-0123456789abcdef0',
           'EvidenceSubnet': 'subnet-0123456789abcdef0', 'SpoolVolume': 'vol-0123456789abcdef0', 'Instance': 'i-0123456789abcdef0',
           'AlarmTopic': f'arn:aws-us-gov:sns:us-gov-west-1:123456789012:{name}-AlarmTopic-ABCDEFGHIJKL'}
    stack = resolved(VARIANT, name=name, partition='aws-us-gov', region='us-gov-west-1', ids=ids)
    for name, rule in of_kind(stack, 'AWS::Events::Rule').items():
        size = len(json.dumps(rule['EventPattern'], separators=(',', ':')))
        assert size <= 2048, f'{name}: {size}'
        target, = rule['Targets']
        assert target['Arn'] == ids['AlarmTopic'], target
        paths, text = target['InputTransformer']['InputPathsMap'], target['InputTransformer']['InputTemplate']
        assert paths == {'what': '$.detail.eventName', 'who': '$.detail.userIdentity.arn', 'at': '$.time'}
        assert set(re.findall(r'<(\w+)>', text)) == set(paths) and json.loads(text), text


def what_is_global_reaches_the_region():
    """IAM's changes and the taking on of the break-glass role are handed from their region to the stack's, by a role for that alone"""
    with open(GLOBAL) as f:
        text = f.read()
    given = {'Region': 'eu-central-1', 'BreakGlassRoleArn': BREAK_GLASS}
    hand = template.Stack(template.load(text), given, name='sealtap-global', region='us-east-1').resources
    rule, bus = hand['GlobalWatch']['Properties'], 'arn:aws:events:eu-central-1:123456789012:event-bus/default'
    of_global = [e for _, e in told() if e['source'] in ('aws.iam', 'aws.sts')]
    assert len(of_global) > 40 and all(events.tells(rule, e) for e in of_global)
    assert not [about(e) for e in quiet() if events.tells(rule, e) and e['detail']['eventName'] not in OF_ROLES]
    assert [(t['Arn'], t['RoleArn']) for t in rule['Targets']] == [(bus, 'arn:aws:iam::123456789012:role/Role')]
    policy, = hand['Role']['Properties']['Policies']
    assert policy['PolicyDocument']['Statement'] == [{'Effect': 'Allow', 'Action': 'events:PutEvents', 'Resource': bus}]
    done = subprocess.run(['cfn-lint', GLOBAL], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


MATCHER = (  # pattern, event, does it match
    ({'a': ['x']}, {'a': 'x'}, True), ({'a': ['x']}, {'a': 'xy'}, False), ({'a': ['x', 'y']}, {'a': 'y', 'b': 'z'}, True),
    ({'a': ['x']}, {}, False), ({'a': ['x'], 'b': ['y']}, {'a': 'x'}, False), ({'a': ['x']}, {'a': ['w', 'x']}, True),
    ({'a': [{'prefix': 'x'}]}, {'a': 'xy'}, True), ({'a': [{'prefix': 'x'}]}, {'a': 'yx'}, False),
    ({'a': [{'suffix': 'x'}]}, {'a': 'yx'}, True), ({'a': [{'suffix': 'x'}]}, {'a': 'xy'}, False),
    ({'a': [{'prefix': 'x'}]}, {'a': None}, False), ({'a': [{'prefix': 'x'}]}, {'a': 1}, False),
    ({'a': [{'prefix': 'x'}]}, {'a': ['w', 'xy']}, True), ({'a': {'b': ['x']}}, {'a': {'b': 'x'}}, True),
    ({'a': {'b': ['x']}}, {'a': None}, False), ({'a': {'b': ['x']}}, {'a': 'x'}, False),
    ({'$or': [{'a': ['x']}, {'b': ['x']}]}, {'b': 'x'}, True), ({'$or': [{'a': ['x']}, {'b': ['x']}]}, {'b': 'y'}, False),
    ({'c': ['z'], '$or': [{'a': ['x']}, {'b': ['x']}]}, {'b': 'x'}, False))
OF_ARRAYS = (  # moto 5.2 sees nothing in an array of objects; here are event-ruler's words, "JSON Array Matching"
    ({'a': {'b': ['x']}}, {'a': [{'b': 'w'}, {'b': 'x'}]}, True), ({'a': {'b': ['x'], 'c': ['y']}}, {'a': [{'b': 'x'}, {'c': 'y'}]}, False),
    ({'a': {'b': ['x'], 'c': ['y']}}, {'a': [{'b': 'w'}, {'b': 'x', 'c': 'y'}]}, True))
NOT_TAKEN = ({'a': []}, {'a': 'x'}, {'a': [{'wildcard': '*x'}]}, {'a': [{'prefix': ['x']}]}, {'a': [True]}, {'$or': [{'a': ['x']}]},
             {'$or': [{'a': ['x']}, {'prefix': ['x']}]}, {})


def the_matcher_knows_its_trade():
    """The matcher that judges here says what EventBridge's own does, as moto's does where it sees the field; it is loud about all else"""
    for pattern, event, yes in MATCHER + OF_ARRAYS:
        assert events.matches(pattern, event) == yes, (pattern, event)
    for pattern, event, yes in MATCHER:
        assert EventPattern(None, pattern).matches_event(event) == yes, (pattern, event)
    for pattern in NOT_TAKEN:
        try:
            events.matches(copy.deepcopy(pattern), {'a': 'x'})
        except events.Unknown:
            continue
        raise AssertionError(f'taken: {pattern}')


def main():
    os.chdir(TOP)
    report = testing.report()
    for test in (the_matcher_knows_its_trade, what_matters_is_told, what_does_not_matter_is_not_told, each_word_of_a_pattern_matters,
                 names_are_those_of_aws, a_pattern_has_room, what_is_global_reaches_the_region):
        report.run(test)
    report.finish()


main()
