"""events: which rules of EventBridge tell of an event: small, strict, and loud about what it does not know.

Rules (EventBridge user guide, "Event patterns", "Comparison operators"; its matcher's, github.com/aws/event-ruler): every field that a
pattern names must be there and have one of the values; in an array one element is enough, and it must hold all that the pattern says of its
fields; "$or" is a list of two patterns at least, whose fields are no operators' names. A rule whose state is ENABLED gets no read-only
management event ("Receiving read-only management events from AWS services").
"""
from .template import ACCOUNT, REGION

TIME = '2026-11-27T12:00:00Z'
OPERATORS = {'prefix': str.startswith, 'suffix': str.endswith}
RESERVED = set(OPERATORS) | {'exists', 'numeric', 'cidr', 'anything-but', 'equals-ignore-case', 'wildcard'}
ALL = 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'


class Unknown(Exception):
    """Something that this matcher can't judge, or that EventBridge does not take."""


def _is_one_of(wanted, value):
    if not wanted:
        raise Unknown('an empty list')
    return any([_is(w, value) for w in wanted])  # each is looked at, so that none goes unjudged


def _is(wanted, value):
    if isinstance(wanted, str):
        return wanted == value
    if not isinstance(wanted, dict) or len(wanted) != 1:
        raise Unknown(wanted)
    (operator, text), = wanted.items()
    if operator not in OPERATORS or not isinstance(text, str) or not text:
        raise Unknown(wanted)
    return isinstance(value, str) and OPERATORS[operator](value, text)


def _any_holds(patterns, value):
    if not isinstance(patterns, list) or len(patterns) < 2 or any(RESERVED & set(p) for p in patterns):
        raise Unknown(f'$or: {patterns}')
    return any([matches(p, value) for p in patterns])


def matches(pattern, value):
    if isinstance(value, list):
        return any([matches(pattern, v) for v in value])
    if isinstance(pattern, list):
        return _is_one_of(pattern, value)
    if not isinstance(pattern, dict) or not pattern:
        raise Unknown(pattern)
    fields = value if isinstance(value, dict) else {}
    return all([_any_holds(p, value) if name == '$or' else matches(p, fields.get(name)) for name, p in pattern.items()])


def tells(rule, event):
    """Whether a rule (its properties in a template) has this event sent to its targets."""
    state = rule.get('State', 'ENABLED')
    if state not in ('ENABLED', ALL):
        raise Unknown(state)
    detail = event['detail']
    unseen = state != ALL and detail.get('readOnly') is True and detail.get('managementEvent') is True
    return matches(rule['EventPattern'], event) and not unseen


def call(service, name, request=None, response=None, arn=None, read_only=False, is_data=False):
    """An API call as CloudTrail tells EventBridge of it."""
    key = {'resources': [{'accountId': ACCOUNT, 'type': 'AWS::KMS::Key', 'ARN': arn}]} if arn else {}
    detail = {'eventVersion': '1.11', 'eventTime': TIME, 'eventSource': f'{service}.amazonaws.com', 'eventName': name, 'awsRegion': REGION,
              'eventType': 'AwsApiCall', 'eventCategory': 'Data' if is_data else 'Management', 'managementEvent': not is_data,
              'readOnly': read_only, 'sourceIPAddress': '203.0.113.9', 'recipientAccountId': ACCOUNT, 'requestParameters': request,
              'responseElements': response,
              'userIdentity': {'type': 'IAMUser', 'arn': f'arn:aws:iam::{ACCOUNT}:user/anna', 'accountId': ACCOUNT}, **key}
    return {'version': '0', 'id': '36eb8523-97d0-4518-b33d-ee3579ff19f0', 'detail-type': 'AWS API Call via CloudTrail',
            'source': f'aws.{service}', 'account': ACCOUNT, 'time': TIME, 'region': REGION, 'resources': [], 'detail': detail}
