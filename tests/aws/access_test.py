#!/usr/bin/env python3
"""Who may do what to evidence, keys and alarms: cases, each a sentence, judged on the policy documents of the deployed stack, all of which
are read back from the account.

A case is (sentence, yes or no, who, action, resource, what of the request's context differs from the usual). @NAME is a resource's id.
"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import iam, testing  # noqa: E402
from lab.deployed import Deployed  # noqa: E402
from lab.template import ACCOUNT, REGION  # noqa: E402

PARAMETERS = {'Appliance': 'gate-7', 'Prefix': 'lab/evidence', 'EvidenceInterface': 'yes',
              'Analysts': f'arn:aws:iam::{ACCOUNT}:user/anna,arn:aws:iam::{ACCOUNT}:user/court/*',
              'ReplicaBucketArn': 'arn:aws:s3:::replica-bucket', 'ReplicaAccount': '210987654321'}
OWN = f'@EvidenceBucket/lab/evidence/{ACCOUNT}/{REGION}/gate-7/2026/11/27/03/packets/a.pcapng.zst.encrypted'
RECORD = '@EvidenceBucket/operator/sealtap/20261127T030000Z-bypass-0a1b2c3d.json'
ANY = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]}

# Who they are: the role's resource or a name, the policies they have beside the stack's, and how their requests come.
FROM_AFAR = {'aws:SecureTransport': 'true', 'aws:SourceIp': '203.0.113.9'}
AT_HOME = {'aws:SecureTransport': 'true', 'aws:SourceVpc': '@Vpc', 'aws:Ec2InstanceSourceVpc': '@Vpc',
           'aws:Ec2InstanceSourcePrivateIPv4': '@address'}
CONTEXT = {'kms:EncryptionContext:sealtap-appliance': 'gate-7'}
PEOPLE = {
    'appliance': ('ApplianceRole', ['AppliancePolicy'], AT_HOME),
    # somebody gave the role all rights, and the instance another role
    'appliance with all rights': ('ApplianceRole', [ANY], AT_HOME),
    'other role on the appliance': ('tenant', [ANY], AT_HOME),
    'analyst': ('AnalystRole', ['AnalystPolicy'], FROM_AFAR),  # a role's session does not tell by which factors it was begun
    'break-glass': ('BreakGlassRole', ['BreakGlassPolicy'], FROM_AFAR),
    'replication': ('ReplicationRole', ['ReplicationPolicy'], {'aws:SecureTransport': 'true'}),
    'admin': ('admin', [ANY], {**FROM_AFAR, 'aws:MultiFactorAuthPresent': 'true'}),
    'tenant': ('tenant', [ANY], {'aws:SecureTransport': 'true', 'aws:SourceVpc': '@Vpc', 'aws:Ec2InstanceSourceVpc': '@Vpc',
                                 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    'stranger': ('arn:aws:iam::999988887777:role/admin', [ANY], FROM_AFAR),
}
PUT = {'s3:if-none-match': '*', 'aws:SourceVpce': '@S3Endpoint'}
SEAL = {**CONTEXT, 'aws:SourceVpce': '@KmsEndpoint'}
METRIC = {'cloudwatch:namespace': 'sealtap/gate-7', 'aws:SourceVpce': '@CloudWatchEndpoint'}
ALARM = {'aws:SourceVpce': '@SnsEndpoint'}
TRAIL = {'aws:SecureTransport': 'true', 'aws:SourceArn': f'arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/sealtap-Trail-1',
         's3:x-amz-acl': 'bucket-owner-full-control'}
LOGS = {'aws:SecureTransport': 'true', 'aws:SourceArn': f'arn:aws:logs:{REGION}:{ACCOUNT}:*', 'aws:SourceAccount': ACCOUNT,
        's3:x-amz-acl': 'bucket-owner-full-control'}
TRAIL_LOG, FLOW_LOG = f'@AuditBucket/AWSLogs/{ACCOUNT}/CloudTrail/x', f'@AuditBucket/AWSLogs/{ACCOUNT}/vpcflowlogs/x'

CASES = [
    # writing
    ('The appliance stores an object under its own name', True, 'appliance', 's3:PutObject', OWN, PUT),
    ('It does not store what might be there already: without If-None-Match', False, 'appliance', 's3:PutObject', OWN,
     {**PUT, 's3:if-none-match': None}),
    ('It begins no multipart upload, whose first request has no If-None-Match', False, 'appliance', 's3:PutObject', OWN,
     {'aws:SourceVpce': '@S3Endpoint'}),
    ('It does not store by the public way', False, 'appliance', 's3:PutObject', OWN,
     {**PUT, 'aws:SourceVpce': None, 'aws:SourceVpc': None, 'aws:SourceIp': '198.51.100.1'}),
    ("It does not store by another VPC's endpoint", False, 'appliance', 's3:PutObject', OWN, {**PUT, 'aws:SourceVpce': 'vpce-0f',
                                                                                              'aws:SourceVpc': 'vpc-0f'}),
    ('It does not store by another endpoint of its own VPC', False, 'appliance', 's3:PutObject', OWN, {**PUT, 'aws:SourceVpce': 'vpce-0f'}),
    ('Also with all rights it does not store by the public way', False, 'appliance with all rights', 's3:PutObject', OWN,
     {**PUT, 'aws:SourceVpce': None, 'aws:SourceVpc': None}),
    ('Also with all rights it does not store what might be there already', False, 'appliance with all rights', 's3:PutObject', OWN,
     {'aws:SourceVpce': '@S3Endpoint'}),
    ('Also with all rights it stores nothing from another instance of the VPC', False, 'appliance with all rights', 's3:PutObject', OWN,
     {**PUT, 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    ('Also with all rights it stores nothing from another VPC', False, 'appliance with all rights', 's3:PutObject', OWN,
     {**PUT, 'aws:Ec2InstanceSourceVpc': 'vpc-0f'}),
    ('Also with all rights it stores nothing outside its prefix', False, 'appliance with all rights', 's3:PutObject', '@EvidenceBucket/x',
     PUT),
    ('Also with all rights it deletes no evidence', False, 'appliance with all rights', 's3:DeleteObjectVersion', OWN, {}),
    ('Another role on the same instance stores no evidence', False, 'other role on the appliance', 's3:PutObject', OWN, PUT),
    ('It does not store without TLS', False, 'appliance', 's3:PutObject', OWN, {**PUT, 'aws:SecureTransport': 'false'}),
    ('Its stolen credentials store nothing from another instance of the VPC', False, 'appliance', 's3:PutObject', OWN,
     {**PUT, 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    ('Its role in an instance of another VPC stores nothing, also with the same address', False, 'appliance', 's3:PutObject', OWN,
     {**PUT, 'aws:Ec2InstanceSourceVpc': 'vpc-0f'}),
    ('Its role taken on otherwise than by an instance stores nothing', False, 'appliance', 's3:PutObject', OWN,
     {**PUT, 'aws:Ec2InstanceSourceVpc': None, 'aws:Ec2InstanceSourcePrivateIPv4': None}),
    ("It does not store under another appliance's name", False, 'appliance', 's3:PutObject', OWN.replace('gate-7', 'gate-8'), PUT),
    ("It does not store under another account's name", False, 'appliance', 's3:PutObject', OWN.replace(ACCOUNT, '999988887777'), PUT),
    ('It does not store outside its prefix', False, 'appliance', 's3:PutObject', '@EvidenceBucket/x', PUT),
    ('It stores nothing among the audit logs', False, 'appliance', 's3:PutObject', f'@AuditBucket/AWSLogs/{ACCOUNT}/x', PUT),
    ('It stores nothing in another bucket', False, 'appliance', 's3:PutObject', 'arn:aws:s3:::tenants-own/x', PUT),
    ('It reads no evidence, its own neither', False, 'appliance', 's3:GetObject', OWN, PUT),
    ('It lists no evidence', False, 'appliance', 's3:ListBucket', '@EvidenceBucket', PUT),
    ('It deletes no evidence', False, 'appliance', 's3:DeleteObject', OWN, PUT),
    ('It deletes no version of evidence', False, 'appliance', 's3:DeleteObjectVersion', OWN, PUT),
    ('It does not lengthen or shorten a lock', False, 'appliance', 's3:PutObjectRetention', OWN, PUT),
    ('It aborts no upload', False, 'appliance', 's3:AbortMultipartUpload', OWN, PUT),
    ("An administrator stores no evidence, also by the appliance's endpoint", False, 'admin', 's3:PutObject', OWN, PUT),
    ('An administrator stores no evidence from his desk', False, 'admin', 's3:PutObject', OWN, {'s3:if-none-match': '*'}),
    ('An analyst stores no evidence', False, 'analyst', 's3:PutObject', OWN, {'s3:if-none-match': '*'}),
    ('The break-glass role stores no evidence', False, 'break-glass', 's3:PutObject', OWN, {'s3:if-none-match': '*'}),
    ('A host behind the appliance stores no evidence with a role of its own', False, 'tenant', 's3:PutObject', OWN, PUT),
    ('Nobody brings evidence in by replication from another bucket', False, 'admin', 's3:ReplicateObject', OWN, {}),
    ('Nor hides any by a replicated delete marker', False, 'admin', 's3:ReplicateDelete', OWN, {}),
    ('Another account brings none in by replication', False, 'stranger', 's3:ReplicateObject', OWN, {}),
    ('Another account stores no evidence', False, 'stranger', 's3:PutObject', OWN, {'s3:if-none-match': '*'}),
    # what an operator did, by his own word
    ('An administrator records beside the evidence that he led traffic past it', True, 'admin', 's3:PutObject', RECORD,
     {'s3:if-none-match': '*'}),
    ('He does not write over such a record', False, 'admin', 's3:PutObject', RECORD, {}),
    ('He deletes none', False, 'admin', 's3:DeleteObjectVersion', RECORD, {}),
    ('The appliance writes none', False, 'appliance', 's3:PutObject', RECORD, PUT),
    ('Nor does it with all rights', False, 'appliance with all rights', 's3:PutObject', RECORD, PUT),
    ('A host behind the appliance writes none by its endpoint', False, 'tenant', 's3:PutObject', RECORD, PUT),
    ('Another account writes none', False, 'stranger', 's3:PutObject', RECORD, {'s3:if-none-match': '*'}),
    # tenants by the same endpoint
    ("A host behind the appliance goes on using a bucket of its own by the appliance's endpoint", True, 'tenant', 's3:PutObject',
     'arn:aws:s3:::tenants-own/x', {'aws:SourceVpce': '@S3Endpoint'}),
    ('It lists its buckets by that endpoint', True, 'tenant', 's3:ListAllMyBuckets', '*', {'aws:SourceVpce': '@S3Endpoint'}),
    ('It reads it, too', True, 'tenant', 's3:GetObject', 'arn:aws:s3:::tenants-own/x', {'aws:SourceVpce': '@S3Endpoint'}),
    ('It does not read evidence by that endpoint, whatever its role may do', False, 'tenant', 's3:GetObject', OWN,
     {'aws:SourceVpce': '@S3Endpoint'}),
    ('It does not list evidence by that endpoint', False, 'tenant', 's3:ListBucket', '@EvidenceBucket', {'aws:SourceVpce': '@S3Endpoint'}),
    ("It does not use the appliance's KMS endpoint, not for its own key either", False, 'tenant', 'kms:Decrypt',
     'arn:aws:kms:eu-central-1:1:key/own',
     {'aws:SourceVpce': '@KmsEndpoint'}),
    ("It puts no metrics by the appliance's endpoint", False, 'tenant', 'cloudwatch:PutMetricData', '*', METRIC),
    ("It publishes no alarm by the appliance's endpoint", False, 'tenant', 'sns:Publish', '@AlarmTopic', ALARM),
    # sealing
    ('The appliance has a data key made with its own name in the context', True, 'appliance', 'kms:GenerateDataKey', '@Key', SEAL),
    ('It has none made with another name', False, 'appliance', 'kms:GenerateDataKey', '@Key',
     {**SEAL, 'kms:EncryptionContext:sealtap-appliance': 'gate-8'}),
    ('It has none made without a context', False, 'appliance', 'kms:GenerateDataKey', '@Key', {'aws:SourceVpce': '@KmsEndpoint'}),
    ('It has none made by the public way', False, 'appliance', 'kms:GenerateDataKey', '@Key', {**CONTEXT, 'aws:SourceVpc': None,
                                                                                               'aws:SourceIp': '198.51.100.1'}),
    ('Its stolen credentials have none made elsewhere in the VPC', False, 'appliance', 'kms:GenerateDataKey', '@Key',
     {**SEAL, 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    ('Its role in an instance of another VPC has none made', False, 'appliance', 'kms:GenerateDataKey', '@Key',
     {**SEAL, 'aws:Ec2InstanceSourceVpc': 'vpc-0f'}),
    ('Also with all rights it has none made by the public way', False, 'appliance with all rights', 'kms:GenerateDataKey', '@Key',
     {**CONTEXT, 'aws:SourceVpc': None}),
    ('Also with all rights it has none made from another instance', False, 'appliance with all rights', 'kms:GenerateDataKey', '@Key',
     {**SEAL, 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    ('Also with all rights it opens nothing', False, 'appliance with all rights', 'kms:Decrypt', '@Key', CONTEXT),
    ('Another role on the same instance has none made', False, 'other role on the appliance', 'kms:GenerateDataKey', '@Key', SEAL),
    ('It uses no other key', False, 'appliance', 'kms:GenerateDataKey', 'arn:aws:kms:eu-central-1:1:key/own', SEAL),
    ('It opens nothing, what it sealed itself neither', False, 'appliance', 'kms:Decrypt', '@Key', SEAL),
    ('It does not encrypt directly', False, 'appliance', 'kms:Encrypt', '@Key', SEAL),
    ('It gives no grant', False, 'appliance', 'kms:CreateGrant', '@Key', SEAL),
    ('It does not describe the key', False, 'appliance', 'kms:DescribeKey', '@Key', SEAL),
    ('An administrator has no data key made', False, 'admin', 'kms:GenerateDataKey', '@Key', SEAL),
    ('A host behind the appliance has no data key made', False, 'tenant', 'kms:GenerateDataKey', '@Key', {**SEAL, 'aws:SourceVpce': None}),
    # opening
    ('An analyst opens a recording from a network that is his', True, 'analyst', 'kms:Decrypt', '@Key', CONTEXT),
    ('And from the other network', True, 'analyst', 'kms:Decrypt', '@Key', {**CONTEXT, 'aws:SourceIp': '198.51.100.7'}),
    ('Not from a third one', False, 'analyst', 'kms:Decrypt', '@Key', {**CONTEXT, 'aws:SourceIp': '198.51.100.8'}),
    ('Not where the network is not known, as behind an endpoint', False, 'analyst', 'kms:Decrypt', '@Key',
     {**CONTEXT, 'aws:SourceIp': None}),
    ("Not another appliance's recording", False, 'analyst', 'kms:Decrypt', '@Key', {'kms:EncryptionContext:sealtap-appliance': 'gate-8'}),
    ('Not a message without a context', False, 'analyst', 'kms:Decrypt', '@Key', {}),
    ('An analyst fetches evidence', True, 'analyst', 's3:GetObject', OWN, {}),
    ('An analyst fetches an older version of it', True, 'analyst', 's3:GetObjectVersion', OWN, {}),
    ('An analyst reads the digest that S3 computed', True, 'analyst', 's3:GetObjectAttributes', OWN, {}),
    ('An analyst reads its lock', True, 'analyst', 's3:GetObjectRetention', OWN, {}),
    ('And whether it is held', True, 'analyst', 's3:GetObjectLegalHold', OWN, {}),
    ('An analyst holds evidence', True, 'analyst', 's3:PutObjectLegalHold', OWN, {'s3:object-lock-legal-hold': 'ON'}),
    ('But takes no hold off', False, 'analyst', 's3:PutObjectLegalHold', OWN, {'s3:object-lock-legal-hold': 'OFF'}),
    ('An analyst has evidence brought back from colder storage', True, 'analyst', 's3:RestoreObject', OWN, {}),
    ('An analyst lists all versions of it', True, 'analyst', 's3:ListBucketVersions', '@EvidenceBucket', {}),
    ('An analyst lists evidence', True, 'analyst', 's3:ListBucket', '@EvidenceBucket', {}),
    ('An analyst fetches nothing without TLS', False, 'analyst', 's3:GetObject', OWN, {'aws:SecureTransport': 'false'}),
    ('An analyst deletes nothing', False, 'analyst', 's3:DeleteObject', OWN, {}),
    ('An analyst has no data key made', False, 'analyst', 'kms:GenerateDataKey', '@Key', CONTEXT),
    ('An analyst gives no grant', False, 'analyst', 'kms:CreateGrant', '@Key', CONTEXT),
    ('An administrator opens nothing', False, 'admin', 'kms:Decrypt', '@Key', CONTEXT),
    ('An administrator moves nothing to another key', False, 'admin', 'kms:ReEncryptFrom', '@Key', CONTEXT),
    ('An administrator gives nobody a grant to open', False, 'admin', 'kms:CreateGrant', '@Key', CONTEXT),
    ('The break-glass role opens nothing', False, 'break-glass', 'kms:Decrypt', '@Key', CONTEXT),
    ('Another account opens nothing', False, 'stranger', 'kms:Decrypt', '@Key', CONTEXT),
    # administering
    ("An administrator sees the key's state", True, 'admin', 'kms:DescribeKey', '@Key', {}),
    ("An administrator may change the key's policy, which is watched", True, 'admin', 'kms:PutKeyPolicy', '@Key', {}),
    ("An administrator stops the key's deletion", True, 'admin', 'kms:CancelKeyDeletion', '@Key', {}),
    ("An administrator does not schedule the key's deletion", False, 'admin', 'kms:ScheduleKeyDeletion', '@Key', {}),
    ('An administrator does not disable the key', False, 'admin', 'kms:DisableKey', '@Key', {}),
    ('An administrator deletes no evidence', False, 'admin', 's3:DeleteObject', OWN, {}),
    ('An administrator deletes no version of evidence', False, 'admin', 's3:DeleteObjectVersion', OWN, {}),
    ('An administrator does not go round the lock', False, 'admin', 's3:BypassGovernanceRetention', OWN, {}),
    ('An administrator changes no lock', False, 'admin', 's3:PutObjectRetention', OWN, {}),
    ('An administrator lifts no legal hold', False, 'admin', 's3:PutObjectLegalHold', OWN, {'s3:object-lock-legal-hold': 'OFF'}),
    ('Nor where nobody says which way', False, 'admin', 's3:PutObjectLegalHold', OWN, {}),
    ('The break-glass role takes a hold off', True, 'break-glass', 's3:PutObjectLegalHold', OWN, {'s3:object-lock-legal-hold': 'OFF'}),
    ('An administrator does not delete the bucket', False, 'admin', 's3:DeleteBucket', '@EvidenceBucket', {}),
    ('An administrator deletes no audit log', False, 'admin', 's3:DeleteObject', f'@AuditBucket/AWSLogs/{ACCOUNT}/x', {}),
    ('An administrator deletes no evidence by a lifecycle rule', False, 'admin', 's3:PutLifecycleConfiguration', '@EvidenceBucket', {}),
    ('Nor by way of another service', False, 'admin', 's3:PutLifecycleConfiguration', '@EvidenceBucket',
     {'aws:CalledViaFirst': 'athena.amazonaws.com'}),
    ('The stack keeps evidence longer or shorter, which is watched', True, 'admin', 's3:PutLifecycleConfiguration', '@EvidenceBucket',
     {'aws:CalledViaFirst': 'cloudformation.amazonaws.com'}),
    ('An administrator deletes no audit log by a lifecycle rule', False, 'admin', 's3:PutLifecycleConfiguration', '@AuditBucket', {}),
    ('The stack keeps audit logs longer or shorter', True, 'admin', 's3:PutLifecycleConfiguration', '@AuditBucket',
     {'aws:CalledViaFirst': 'cloudformation.amazonaws.com'}),
    ('An administrator writes over no audit log', False, 'admin', 's3:PutObject', TRAIL_LOG, {}),
    ('Nor by replication', False, 'admin', 's3:ReplicateObject', TRAIL_LOG, {}),
    ("An administrator may change the store's policy, which is watched", True, 'admin', 's3:PutBucketPolicy', '@EvidenceBucket', {}),
    ("The break-glass role schedules the key's deletion", True, 'break-glass', 'kms:ScheduleKeyDeletion', '@Key', {}),
    ('The break-glass role disables the key', True, 'break-glass', 'kms:DisableKey', '@Key', {}),
    ('The break-glass role deletes a version of evidence', True, 'break-glass', 's3:DeleteObjectVersion', OWN, {}),
    ('The break-glass role goes round a governance lock', True, 'break-glass', 's3:BypassGovernanceRetention', OWN, {}),
    ('The break-glass role lists what there is to delete', True, 'break-glass', 's3:ListBucketVersions', '@EvidenceBucket', {}),
    ('The break-glass role deletes an audit log', True, 'break-glass', 's3:DeleteObjectVersion', f'@AuditBucket/AWSLogs/{ACCOUNT}/x', {}),
    ('The break-glass role does not fetch evidence', False, 'break-glass', 's3:GetObject', OWN, {}),
    ("The break-glass role does not change the key's policy", False, 'break-glass', 'kms:PutKeyPolicy', '@Key', {}),
    ('Another account deletes nothing', False, 'stranger', 's3:DeleteObject', OWN, {}),
    # telemetry
    ('The appliance puts metrics in its namespace', True, 'appliance', 'cloudwatch:PutMetricData', '*', METRIC),
    ("It puts none in another appliance's", False, 'appliance', 'cloudwatch:PutMetricData', '*',
     {**METRIC, 'cloudwatch:namespace': 'sealtap/gate-8'}),
    ("Its stolen credentials feign no heartbeat from elsewhere", False, 'appliance', 'cloudwatch:PutMetricData', '*',
     {**METRIC, 'aws:SourceVpc': None, 'aws:SourceVpce': None}),
    ("Nor from another instance of the VPC", False, 'appliance', 'cloudwatch:PutMetricData', '*',
     {**METRIC, 'aws:Ec2InstanceSourcePrivateIPv4': '10.20.1.50'}),
    ('The appliance publishes to its topic', True, 'appliance', 'sns:Publish', '@AlarmTopic', ALARM),
    ('It publishes to no other', False, 'appliance', 'sns:Publish', '@AlarmTopic-2', ALARM),
    ('It subscribes nobody', False, 'appliance', 'sns:Subscribe', '@AlarmTopic', ALARM),
    ('It asks for no instance and no route', False, 'appliance', 'ec2:DescribeInstances', '*', {}),
    ('It takes on no other role', False, 'appliance', 'sts:AssumeRole', '@AnalystRole', {}),
    ("CloudWatch's alarms of this account reach the topic", True, 'cloudwatch.amazonaws.com', 'sns:Publish', '@AlarmTopic',
     {'aws:SourceAccount': ACCOUNT}),
    ("Another account's do not", False, 'cloudwatch.amazonaws.com', 'sns:Publish', '@AlarmTopic', {'aws:SourceAccount': '999988887777'}),
    ('EventBridge reaches the topic', True, 'events.amazonaws.com', 'sns:Publish', '@AlarmTopic', {}),
    ('Another account publishes nothing', False, 'stranger', 'sns:Publish', '@AlarmTopic', {}),
    # audit and replication
    ('CloudTrail writes its logs', True, 'cloudtrail.amazonaws.com', 's3:PutObject', TRAIL_LOG, TRAIL),
    ('CloudTrail sees whether the bucket is there', True, 'cloudtrail.amazonaws.com', 's3:GetBucketAcl', '@AuditBucket', TRAIL),
    ("Not for another account's trail", False, 'cloudtrail.amazonaws.com', 's3:GetBucketAcl', '@AuditBucket',
     {**TRAIL, 'aws:SourceArn': f'arn:aws:cloudtrail:{REGION}:999988887777:trail/x'}),
    ('CloudTrail writes no log that its bucket would not own', False, 'cloudtrail.amazonaws.com', 's3:PutObject', TRAIL_LOG,
     {**TRAIL, 's3:x-amz-acl': 'private'}),
    ("CloudTrail writes none of another account's", False, 'cloudtrail.amazonaws.com', 's3:PutObject', TRAIL_LOG,
     {**TRAIL, 'aws:SourceArn': f'arn:aws:cloudtrail:{REGION}:999988887777:trail/x'}),
    ('Nobody reads audit logs without TLS', False, 'admin', 's3:GetObject', TRAIL_LOG, {'aws:SecureTransport': 'false'}),
    ('Flow logs and the names that were asked for are delivered', True, 'delivery.logs.amazonaws.com', 's3:PutObject', FLOW_LOG, LOGS),
    ('Not what its bucket would not own', False, 'delivery.logs.amazonaws.com', 's3:PutObject', FLOW_LOG,
     {**LOGS, 's3:x-amz-acl': 'private'}),
    ("Not another account's", False, 'delivery.logs.amazonaws.com', 's3:PutObject', FLOW_LOG,
     {**LOGS, 'aws:SourceAccount': '999988887777'}),
    ("Not another region's", False, 'delivery.logs.amazonaws.com', 's3:PutObject', FLOW_LOG,
     {**LOGS, 'aws:SourceArn': f'arn:aws:logs:us-east-1:{ACCOUNT}:*'}),
    ('Their delivery sees whether the bucket is there', True, 'delivery.logs.amazonaws.com', 's3:ListBucket', '@AuditBucket', LOGS),
    ('Not for another account', False, 'delivery.logs.amazonaws.com', 's3:GetBucketAcl', '@AuditBucket',
     {**LOGS, 'aws:SourceAccount': '999988887777'}),
    ('Not for another region', False, 'delivery.logs.amazonaws.com', 's3:GetBucketAcl', '@AuditBucket',
     {**LOGS, 'aws:SourceArn': f'arn:aws:logs:us-east-1:{ACCOUNT}:*'}),
    ('CloudTrail writes nothing among the evidence', False, 'cloudtrail.amazonaws.com', 's3:PutObject', OWN,
     {**TRAIL, 's3:if-none-match': '*'}),
    ('Replication reads what it copies', True, 'replication', 's3:GetObjectVersionForReplication', OWN, {}),
    ('Replication lists what it copies', True, 'replication', 's3:ListBucket', '@EvidenceBucket', {}),
    ('Replication writes copies to the one bucket', True, 'replication', 's3:ReplicateObject', 'arn:aws:s3:::replica-bucket/x', {}),
    ('Replication writes to no other', False, 'replication', 's3:ReplicateObject', 'arn:aws:s3:::tenants-own/x', {}),
    ('Replication does not replicate deletions', False, 'replication', 's3:ReplicateDelete', 'arn:aws:s3:::replica-bucket/x', {}),
    ('Replication stores no evidence', False, 'replication', 's3:PutObject', OWN, {'s3:if-none-match': '*'}),
]

USER = f'arn:aws:iam::{ACCOUNT}:user/anna'
TRUSTS = [  # (sentence, yes or no, role, who, action, context)
    ("EC2 gives the appliance's role to instances", True, 'ApplianceRole', 'ec2.amazonaws.com', 'sts:AssumeRole', {}),
    ("Nobody takes the appliance's role on by hand", False, 'ApplianceRole', USER, 'sts:AssumeRole',
     {'aws:MultiFactorAuthPresent': 'true'}),
    ("A user of the account with a second factor takes the analyst's role on", True, 'AnalystRole', USER, 'sts:AssumeRole',
     {'aws:MultiFactorAuthPresent': 'true'}),
    ('So does one of a path that is named', True, 'AnalystRole', f'arn:aws:iam::{ACCOUNT}:user/court/berta', 'sts:AssumeRole',
     {'aws:MultiFactorAuthPresent': 'true'}),
    ('An administrator who is not named as an analyst does not', False, 'AnalystRole', f'arn:aws:iam::{ACCOUNT}:user/admin',
     'sts:AssumeRole', {'aws:MultiFactorAuthPresent': 'true'}),
    ('Not without one', False, 'AnalystRole', USER, 'sts:AssumeRole', {'aws:MultiFactorAuthPresent': 'false'}),
    ('Not where nothing is known of one, as with long-lived keys', False, 'AnalystRole', USER, 'sts:AssumeRole', {}),
    ("A user of another account does not take it on", False, 'AnalystRole', 'arn:aws:iam::999988887777:user/eve', 'sts:AssumeRole',
     {'aws:MultiFactorAuthPresent': 'true'}),
    ("An instance does not take it on", False, 'AnalystRole', 'ec2.amazonaws.com', 'sts:AssumeRole', {}),
    ('The break-glass role needs a second factor too', False, 'BreakGlassRole', USER, 'sts:AssumeRole', {}),
    ('With one it is taken on', True, 'BreakGlassRole', USER, 'sts:AssumeRole', {'aws:MultiFactorAuthPresent': 'true'}),
    ('S3 takes the replication role on', True, 'ReplicationRole', 's3.amazonaws.com', 'sts:AssumeRole', {}),
    ('An administrator does not', False, 'ReplicationRole', USER, 'sts:AssumeRole', {'aws:MultiFactorAuthPresent': 'true'}),
]

# Said twice on purpose: no case can tell that one of the two is gone.
DOUBLED = {
    ('S3Endpoint', 'Evidence', 'aws:PrincipalArn'): 'the bucket says so too (OnlyTheAppliance)',
    ('EvidenceBucketPolicy', 'OnlyTheAppliance', ''): 'the endpoint says so too',
    ('KmsEndpoint', '0', 'aws:PrincipalArn'): "the key's policy names the role",
    ('AppliancePolicy', '1', ''): "the key's policy names the role", ('AnalystPolicy', '3', ''): "the key's policy names the role",
    ('AnalystPolicy', '2', 's3:object-lock-legal-hold'): "the bucket's policy lets one role alone take a hold off"}


def caller(who):
    """What each request tells of who makes it."""
    if who.startswith('arn:'):
        return {'aws:PrincipalArn': who, 'aws:PrincipalIsAWSService': 'false'}
    return {'aws:PrincipalIsAWSService': 'true'}


class Judge:
    def __init__(self, deployed):
        self.ids = {**deployed.ids, 'address': deployed.address}
        self.use(deployed.documents())

    def use(self, documents):
        self.documents = documents
        self.by_endpoint = {self.ids[name]: documents[name] for name in ('S3Endpoint', 'KmsEndpoint', 'CloudWatchEndpoint', 'SnsEndpoint')}

    def name(self, text):
        """@NAME becomes what it is in requests: an ARN for what has one."""
        if not text.startswith('@'):
            return text
        name, slash, rest = text[1:].partition('/')
        name, dash, suffix = name.partition('-')
        own = self.ids[name]
        if name.endswith('Bucket'):
            own = 'arn:aws:s3:::' + own
        elif name.endswith('Role'):
            own = f'arn:aws:iam::{ACCOUNT}:role/{own}'
        elif name == 'Key':
            own = f'arn:aws:kms:{REGION}:{ACCOUNT}:key/{own}'
        return own + dash + suffix + slash + rest

    def resource_policy(self, resource):
        if resource.startswith(self.name('@EvidenceBucket')):
            return self.documents['EvidenceBucketPolicy']
        if resource.startswith(self.name('@AuditBucket')):
            return self.documents['AuditBucketPolicy']
        return self.documents.get({self.name('@Key'): 'Key', self.name('@AlarmTopic'): 'AlarmTopicPolicy'}.get(resource))

    def decide(self, who, action, resource, changes):
        role, policies, context = PEOPLE.get(who, (who, [], {}))
        arn = self.name('@' + role) if role.endswith('Role') else role
        if not arn.startswith('arn:') and who in PEOPLE:
            arn = f'arn:aws:iam::{ACCOUNT}:role/{arn}'
        context = {**context, **caller(arn), **changes}
        context = {k: self.name(v) for k, v in context.items() if v is not None}
        resource = self.name(resource)
        identity = [self.documents[p] if isinstance(p, str) else p for p in policies]
        boundaries = [self.by_endpoint[e] for e in [context.get('aws:SourceVpce')] if e in self.by_endpoint]
        return iam.is_allowed(iam.Request(arn, action, resource, context), identity, self.resource_policy(resource), boundaries,
                              resource_must=action.startswith('kms:') or who == 'stranger')

    def trusts(self, role, who, action, context):
        context = {**caller(who), **context}
        return iam.is_allowed(iam.Request(who, action, self.name('@' + role), context, is_trust=True),
                              resource=self.documents[role + ' trusts'])

    def all(self):
        return [self.decide(*args) for _, _, *args in CASES] + [self.trusts(*args) for _, _, *args in TRUSTS]


def without_each(documents):
    """The documents without one statement, or one condition: (where, changed documents)."""
    for name, document in documents.items():
        for i, statement in enumerate(document['Statement']):
            sid = statement.get('Sid', str(i))
            less = document['Statement'][:i] + document['Statement'][i + 1:]
            yield (name, sid, ''), {**documents, name: {**document, 'Statement': less}}
            for operator, lines in statement.get('Condition', {}).items():
                for key in lines:
                    block = {o: {k: v for k, v in ls.items() if k != key or o != operator} for o, ls in statement['Condition'].items()}
                    changed = {**statement, 'Condition': block}
                    yield (name, sid, key), {**documents, name: {**document, 'Statement': [*less[:i], changed, *less[i:]]}}


def each_statement_counts(judge):
    """Each statement and each condition of the documents decides some case, but for those that are said twice on purpose"""
    before, whole, unnoticed = judge.all(), judge.documents, set()
    for where, changed in without_each(whole):
        judge.use(changed)
        if judge.all() == before:
            unnoticed.add(where)
    judge.use(whole)
    assert unnoticed == set(DOUBLED), f'no case tells of {unnoticed - set(DOUBLED)}; not doubled: {set(DOUBLED) - unnoticed}'


def case(sentence, decide, expected, *args):
    def run():
        assert decide(*args) == expected, f'{"refused" if expected else "allowed"}: {args}'
    run.__doc__ = sentence
    return run


def main():
    report = testing.report()
    with tempfile.TemporaryDirectory() as folder:
        deployed = Deployed(folder, PARAMETERS)
        try:
            judge = Judge(deployed)
        finally:
            deployed.end()
    for sentence, expected, *args in CASES:
        report.run(case(sentence, judge.decide, expected, *args))
    for sentence, expected, *args in TRUSTS:
        report.run(case(sentence, judge.trusts, expected, *args))
    report.run(each_statement_counts, judge)
    report.finish()


main()
