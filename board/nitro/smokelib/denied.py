"""denied: calls that must be refused. What can be tried without a place inside the appliance is tried, with the person's own credentials or
the analyst's; for the appliance's role IAM's own simulator is asked, with the context that the appliance's requests have.

The simulator judges the role's own policies alone: neither the bucket's, nor the key's, nor an endpoint's. So each kind of call is first
shown to be allowed in that context; its denial then is for the difference.
"""
import json

from .cloud import Failed, Refused

DENIALS = {'AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation', 'AuthorizationError', 'Forbidden', '403'}

# (sentence, who, words of the aws command). {name}s are facts of the run. In this order: what would do harm if it were allowed comes last.
TRIED = (
    ('An administrator puts an object beside the evidence', 'person', 's3api put-object --bucket {bucket} --key {prefix}x --body {file}'),
    ('An administrator puts one with If-None-Match, from outside the VPC', 'person',
     's3api put-object --bucket {bucket} --key {prefix}x --body {file} --if-none-match *'),
    ('An administrator overwrites evidence', 'person', 's3api put-object --bucket {bucket} --key {key} --body {file}'),
    ('An administrator begins a multipart upload', 'person', 's3api create-multipart-upload --bucket {bucket} --key {prefix}x'),
    ('An administrator copies evidence within the store', 'person',
     's3api copy-object --bucket {bucket} --key {prefix}x --copy-source {bucket}/{key}'),
    ('An administrator deletes evidence', 'person', 's3api delete-object --bucket {bucket} --key {key}'),
    ('An administrator deletes a version', 'person', 's3api delete-object --bucket {bucket} --key {key} --version-id {version}'),
    ('An administrator goes round the governance lock', 'person',
     's3api delete-object --bucket {bucket} --key {key} --version-id {version} --bypass-governance-retention'),
    ('An administrator shortens a lock', 'person', 's3api put-object-retention --bucket {bucket} --key {key} '
     '--retention Mode=GOVERNANCE,RetainUntilDate={soon} --bypass-governance-retention'),
    ('An administrator lays a legal hold', 'person',
     's3api put-object-legal-hold --bucket {bucket} --key {key} --legal-hold Status=ON'),
    ('An administrator opens a data key', 'person',
     'kms decrypt --ciphertext-blob {edk} --key-id {kms_key} --encryption-context {context}'),
    ('An administrator has a data key made', 'person',
     'kms generate-data-key --key-id {kms_key} --number-of-bytes 32 --encryption-context {context}'),
    ('An administrator encrypts under the key', 'person', 'kms encrypt --key-id {kms_key} --plaintext fileb://{file}'),
    ('An administrator gives a grant to open', 'person',
     'kms create-grant --key-id {kms_key} --grantee-principal {person} --operations Decrypt'),
    ("An administrator takes on the appliance's role", 'person', 'sts assume-role --role-arn {appliance_role} --role-session-name smoke'),
    ('An analyst puts an object', 'analyst', 's3api put-object --bucket {bucket} --key {prefix}x --body {file} --if-none-match *'),
    ('An analyst deletes a version', 'analyst', 's3api delete-object --bucket {bucket} --key {key} --version-id {version}'),
    ('An analyst has a data key made', 'analyst',
     'kms generate-data-key --key-id {kms_key} --number-of-bytes 32 --encryption-context {context}'),
    ("An analyst opens with another appliance's name in the context", 'analyst',
     'kms decrypt --ciphertext-blob {edk} --key-id {kms_key} --encryption-context {foreign}'),
    ('An analyst opens without a context', 'analyst', 'kms decrypt --ciphertext-blob {edk} --key-id {kms_key}'),
    ('An administrator deletes the audit bucket', 'person', 's3api delete-bucket --bucket {audit}'),
    ('An administrator deletes the evidence bucket', 'person', 's3api delete-bucket --bucket {bucket}'),
    ('An administrator disables the key', 'person', 'kms disable-key --key-id {kms_key}'),
    ("An administrator schedules the key's deletion", 'person',
     'kms schedule-key-deletion --key-id {kms_key} --pending-window-in-days 30'),
)

# (sentence, allowed, action, resource, what of the context differs)
SIMULATED = (
    ('The appliance stores under its own name', True, 's3:PutObject', '{bucket_arn}/{prefix}x', {}),
    ('It has a data key made', True, 'kms:GenerateDataKey', '{kms_key}', {}),
    ('It puts metrics', True, 'cloudwatch:PutMetricData', '*', {'cloudwatch:namespace': 'sealtap/{name}'}),
    ('It publishes', True, 'sns:Publish', '{topic}', {}),
    ('It stores from outside its VPC', False, 's3:PutObject', '{bucket_arn}/{prefix}x', {'aws:SourceVpc': 'vpc-00000000'}),
    ('It stores from another instance', False, 's3:PutObject', '{bucket_arn}/{prefix}x',
     {'aws:Ec2InstanceSourcePrivateIPv4': '192.0.2.1'}),
    ("It stores under another appliance's name", False, 's3:PutObject', '{bucket_arn}/sealtap/other/x', {}),
    ('It reads evidence', False, 's3:GetObject', '{bucket_arn}/{prefix}x', {}),
    ('It lists evidence', False, 's3:ListBucket', '{bucket_arn}', {}),
    ('It deletes a version of evidence', False, 's3:DeleteObjectVersion', '{bucket_arn}/{prefix}x', {}),
    ('It changes a lock', False, 's3:PutObjectRetention', '{bucket_arn}/{prefix}x', {}),
    ('It opens', False, 'kms:Decrypt', '{kms_key}', {}),
    ('It has a data key made from outside its VPC', False, 'kms:GenerateDataKey', '{kms_key}', {'aws:SourceVpc': 'vpc-00000000'}),
    ("It puts metrics in another's namespace", False, 'cloudwatch:PutMetricData', '*', {'cloudwatch:namespace': 'sealtap/other'}),
    ('It publishes to another topic', False, 'sns:Publish', '{topic}-2', {}),
    ('It takes on the analyst role', False, 'sts:AssumeRole', '{analyst_role}', {}),
    ('It looks at instances', False, 'ec2:DescribeInstances', '*', {}),
)


def fill(text, facts):
    return text.format_map(facts)


def tried(cloud, facts, people):
    """One {sentence, how, who, ok, said} a call; a call that got no answer is not a denial."""
    for sentence, who, words in TRIED:
        argv = [fill(word, facts) for word in words.split(' ')]
        try:
            cloud.aws(*argv, who=people.get(who))
            said = 'allowed'
        except Refused as e:
            said = e.code
        except Failed as e:
            said = str(e)
        yield {'call': sentence, 'how': 'tried', 'who': who, 'expected': 'denied', 'ok': said in DENIALS, 'said': said}


def context_entries(context):
    kinds = {'aws:Ec2InstanceSourcePrivateIPv4': 'ip'}
    return json.dumps([{'ContextKeyName': k, 'ContextKeyValues': [v], 'ContextKeyType': kinds.get(k, 'string')}
                       for k, v in context.items()])


def simulated(cloud, facts):
    usual = {'aws:SourceVpc': facts['vpc'], 'aws:Ec2InstanceSourcePrivateIPv4': facts['address']}
    for sentence, allowed, action, resource, differs in SIMULATED:
        context = {**usual, **{k: fill(v, facts) for k, v in differs.items()}}
        try:
            said = cloud.aws('iam', 'simulate-principal-policy', '--policy-source-arn', facts['appliance_role'], '--action-names', action,
                             '--resource-arns', fill(resource, facts), '--context-entries',
                             context_entries(context))['EvaluationResults'][0]['EvalDecision']
        except Failed as e:
            said = str(e)
        good = said == 'allowed' if allowed else said in ('implicitDeny', 'explicitDeny')
        yield {'call': sentence, 'how': 'simulated', 'who': 'appliance', 'expected': 'allowed' if allowed else 'denied', 'ok': good,
               'said': said}


def judge(cloud, facts, people):
    results = [*tried(cloud, facts, people), *simulated(cloud, facts)]
    wrong = [f'{r["call"]}: {r["said"]}' for r in results if not r['ok']]
    return results, wrong
