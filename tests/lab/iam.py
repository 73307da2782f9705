"""iam: whether AWS would allow a request, told from policy documents alone: small, strict, and loud about what it does not know.

Rules (IAM user guide, "Policy evaluation logic", "JSON policy elements", "Condition operators"): an explicit Deny anywhere wins; each
boundary (an endpoint's policy) must allow; of identity and resource policies of one account either suffices, but a KMS key's own policy,
and that of another account's resource, must allow, by naming the caller or the account, and then the caller's policy must allow too. A key
that is missing makes a condition false, a negated one true; ...IfExists true; Null tells. Names of actions and of condition keys have no
case.

An element, operator, condition key or policy variable that is not in the tables here is Unknown: an error, never an answer.
"""
import ipaddress
import re

STATEMENT = {'Sid', 'Effect', 'Principal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'}
KEYS = {k.lower() for k in (
    'aws:PrincipalArn', 'aws:PrincipalAccount', 'aws:SecureTransport', 'aws:SourceVpc', 'aws:SourceVpce', 'aws:SourceIp',
    'aws:SourceAccount', 'aws:SourceArn', 'aws:Ec2InstanceSourceVpc', 'aws:Ec2InstanceSourcePrivateIPv4',
    'aws:MultiFactorAuthPresent', 'aws:PrincipalIsAWSService', 'aws:CalledViaFirst', 'aws:TagKeys', 'SAML:aud', 's3:if-none-match',
    's3:object-lock-legal-hold', 's3:x-amz-acl', 'cloudwatch:namespace',
    'kms:EncryptionContext:sealtap-appliance', 'kms:EncryptionContextKeys')}
MULTIVALUED = {'aws:tagkeys', 'kms:encryptioncontextkeys'}


class Unknown(Exception):
    """Something that this evaluator can't judge."""


def listed(value):
    return value if isinstance(value, list) else [value]


def like(pattern, value):
    """IAM's wildcards: * and ?, nothing else."""
    return re.fullmatch(re.escape(pattern).replace(r'\*', '.*').replace(r'\?', '.'), value, re.DOTALL) is not None


def arn_like(pattern, value):
    """Each of the six parts by itself."""
    ours, theirs = pattern.split(':', 5), value.split(':', 5)
    return len(ours) == len(theirs) == 6 and all(like(o, t) for o, t in zip(ours, theirs))


def in_network(network, value):
    return ipaddress.ip_address(value) in ipaddress.ip_network(network)


def truth(wanted, value):
    return wanted == value


OPERATORS = {  # how one wanted value is compared with one of the request's; Not... is its negation
    'StringEquals': str.__eq__, 'StringEqualsIgnoreCase': lambda w, v: w.lower() == v.lower(), 'StringLike': like,
    'ArnEquals': arn_like, 'ArnLike': arn_like, 'IpAddress': in_network, 'Bool': truth,
    'NumericEquals': lambda w, v: float(v) == float(w), 'NumericLessThan': lambda w, v: float(v) < float(w),
    'NumericLessThanEquals': lambda w, v: float(v) <= float(w), 'NumericGreaterThan': lambda w, v: float(v) > float(w),
    'NumericGreaterThanEquals': lambda w, v: float(v) >= float(w)}
NEGATED = {'StringNotEquals': 'StringEquals', 'StringNotEqualsIgnoreCase': 'StringEqualsIgnoreCase', 'StringNotLike': 'StringLike',
           'ArnNotEquals': 'ArnEquals', 'ArnNotLike': 'ArnLike', 'NotIpAddress': 'IpAddress', 'NumericNotEquals': 'NumericEquals'}


def holds_for(operator, wanted, value):
    """Of one value: that any of the wanted ones fits, or that none does."""
    if operator in NEGATED:
        return not any(OPERATORS[NEGATED[operator]](w, value) for w in wanted)
    if operator not in OPERATORS:
        raise Unknown(f'operator {operator}')
    return any(OPERATORS[operator](w, value) for w in wanted)


def holds(operator, key, wanted, context):
    """One line of a condition block."""
    if key.lower() not in KEYS:
        raise Unknown(f'condition key {key}')
    wanted = listed(wanted)
    if any(not isinstance(w, str) or '${' in w for w in wanted):
        raise Unknown(f'value {wanted} of {key}')
    if operator.split(':')[-1].startswith(('Bool', 'Null')) and set(wanted) - {'true', 'false'}:
        raise Unknown(f'{operator} {wanted} of {key}')
    values = context.get(key.lower())
    if operator == 'Null':
        return any(truth(w, 'false' if values else 'true') for w in wanted)
    qualifier, _, operator = operator.rpartition(':')
    if operator.endswith('IfExists'):
        operator = operator.removesuffix('IfExists')
        if not values:
            return True
    if qualifier not in ('', 'ForAllValues', 'ForAnyValue') or operator not in {*OPERATORS, *NEGATED}:
        raise Unknown(f'operator {qualifier}:{operator}')
    if qualifier == 'ForAllValues':
        return all(holds_for(operator, wanted, v) for v in values or [])
    if qualifier == 'ForAnyValue':
        return any(holds_for(operator, wanted, v) for v in values or [])
    if key.lower() in MULTIVALUED:
        raise Unknown(f'{key} has many values: {operator} alone does not say which')
    if not values:
        return operator in NEGATED
    return holds_for(operator, wanted, values[0])


def condition_holds(block, context):
    return all([holds(operator, key, wanted, context) for operator, lines in block.items() for key, wanted in lines.items()])


def account_of(arn):
    return arn.split(':')[4]


def principal_fits(principal, request):
    """'' when it is somebody else, 'named', or 'account' when the account is named and the caller's own policy has to say the rest."""
    who = request.who
    if principal == '*':
        return 'named'
    if not isinstance(principal, dict) or set(principal) - {'AWS', 'Service', 'Federated'}:
        raise Unknown(f'principal {principal}')
    if who.startswith('arn:'):
        names = listed(principal.get('Federated' if ':saml-provider/' in who else 'AWS', []))
        if any('*' in n and n != '*' for n in names):
            raise Unknown(f'wildcard in principal {names}')
        if who in names or '*' in names:
            return 'named'
        root = {account_of(who), f'arn:{who.split(":")[1]}:iam::{account_of(who)}:root'}
        return 'account' if root & set(names) else ''
    return 'named' if who in listed(principal.get('Service', [])) else ''


def patterns_fit(statement, name, value, fits):
    has, has_not = name in statement, 'Not' + name in statement
    if has and has_not or not (has or has_not):
        raise Unknown(f'{name} in {statement}')
    found = any(fits(p, value) for p in listed(statement[name if has else 'Not' + name]))
    return found if has else not found


def applies(statement, request, has_principal):
    """As principal_fits(); '' also where action, resource or condition do not fit."""
    if set(statement) - STATEMENT or statement['Effect'] not in ('Allow', 'Deny') or has_principal != ('Principal' in statement):
        raise Unknown(f'statement {statement}')
    met = condition_holds(statement.get('Condition', {}), request.context)  # first: so that an unknown key is never passed over
    fits = patterns_fit(statement, 'Action', request.action.lower(), lambda p, v: like(p.lower(), v))
    if not request.is_trust:  # a role's trust policy names no resource
        fits = patterns_fit(statement, 'Resource', request.resource, like) and fits
    if not met or not fits:
        return ''
    return principal_fits(statement['Principal'], request) if has_principal else 'named'


class Request:
    """who: an ARN of a role, user or provider, or a service's name. context: condition keys that are present, each a value or a list."""

    def __init__(self, who, action, resource, context, is_trust=False):
        self.who, self.action, self.resource, self.is_trust = who, action, resource, is_trust
        self.context = {k.lower(): [str(v) for v in listed(value)] for k, value in context.items()}
        unknown = set(self.context) - KEYS
        if unknown:
            raise Unknown(f'request with {unknown}')


def verdicts(document, request, has_principal):
    if set(document) - {'Version', 'Statement', 'Id'} or document.get('Version') != '2012-10-17':
        raise Unknown(f'document {document}')
    return [(s['Effect'], fit) for s in listed(document['Statement']) if (fit := applies(s, request, has_principal))]


def is_allowed(request, identity=(), resource=None, boundaries=(), resource_must=False):
    """identity: the caller's policies. resource: the resource's, or None. boundaries: of endpoints, each must allow.
    resource_must: the resource's policy alone decides who is let in (KMS keys, callers of another account)."""
    own = [v for d in identity for v in verdicts(d, request, False)]
    theirs = verdicts(resource, request, True) if resource else []
    ways = [verdicts(d, request, True) for d in boundaries]
    if any(effect == 'Deny' for effect, _ in own + theirs + sum(ways, [])):
        return False
    if any(not way for way in ways):
        return False
    named, by_account, by_own = (('Allow', 'named') in theirs, ('Allow', 'account') in theirs, ('Allow', 'named') in own)
    if request.is_trust:
        return named or by_account
    return named or by_own and (by_account or not resource_must)
