#!/usr/bin/env python3
"""The evaluator of policies in tests/lab/iam.py itself: what AWS' user guide says of each rule; it is loud about what it does not know."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import iam, testing  # noqa: E402

ROLE, OTHER = 'arn:aws:iam::123456789012:role/writer', 'arn:aws:iam::123456789012:role/other'
ROOT, KEY = 'arn:aws:iam::123456789012:root', 'arn:aws:kms:eu-central-1:123456789012:key/1'
OBJECT = 'arn:aws:s3:::bucket/a/b'


def policy(*statements):
    return {'Version': '2012-10-17', 'Statement': list(statements)}


def allow(action='s3:*', resource='*', **more):
    return {'Effect': 'Allow', 'Action': action, 'Resource': resource, **more}


def deny(action='s3:*', resource='*', **more):
    return {**allow(action, resource, **more), 'Effect': 'Deny'}


def ask(identity=(), resource=None, who=ROLE, action='s3:PutObject', at=OBJECT, boundaries=(), must=False, **context):
    keys = {k.replace('__', ':'): v for k, v in context.items()}
    return iam.is_allowed(iam.Request(who, action, at, keys), identity, resource, boundaries, must)


def meets(operator, key, wanted, **context):
    return ask([policy(allow(Condition={operator: {key: wanted}}))], **context)


def is_loud(what, *args, **kwargs):
    try:
        what(*args, **kwargs)
    except iam.Unknown:
        return True
    return False


def check(*facts):
    wrong = [n for n, fact in enumerate(facts, 1) if not fact]
    assert not wrong, f'facts {wrong}'


def nothing_said_is_no_and_an_explicit_deny_wins():
    """Nothing said is a no, and an explicit deny wins wherever it stands"""
    named = policy(allow(Principal={'AWS': ROLE}))
    check(not ask(), ask([policy(allow())]), not ask([policy(allow(), deny())]), not ask([policy(allow()), policy(deny('s3:Put*'))]),
          ask(resource=named), not ask([policy(deny())], named), not ask([policy(allow())], policy(deny(Principal='*'))),
          not ask([policy(allow())], policy(allow(Principal={'AWS': OTHER}), deny(Principal={'AWS': ROLE}))))


def the_callers_policy_suffices_but_not_for_a_kms_key():
    """The caller's policy suffices in one account, but a KMS key's own must name the caller, or the account and so that policy"""
    own, root = [policy(allow('kms:Decrypt'))], policy(allow('kms:Decrypt', Principal={'AWS': ROOT}))
    kms = {'action': 'kms:Decrypt', 'at': KEY, 'must': True}
    check(ask([policy(allow())], policy(allow(Principal={'AWS': OTHER}))),
          not ask(own, policy(allow('kms:Get*', Principal={'AWS': ROOT})), **kms),
          ask(own, root, **kms), not ask([], root, **kms), ask([], policy(allow('kms:Decrypt', Principal={'AWS': ROLE})), **kms),
          not ask(own, policy(allow('kms:Decrypt', Principal={'AWS': 'arn:aws:iam::210987654321:root'})), **kms))


def each_boundary_must_allow_by_itself():
    """An endpoint's policy must allow by itself, and grants nothing"""
    wide = policy(allow('*', Principal='*'))
    check(ask([policy(allow())], boundaries=[wide]), not ask([], boundaries=[wide]),
          not ask([policy(allow())], boundaries=[policy(allow('s3:GetObject', Principal='*'))]),
          not ask([policy(allow())], boundaries=[wide, policy(deny('*', Principal='*'))]))


def a_missing_key_is_false_and_for_negated_operators_true():
    """A condition on a missing key does not hold, a negated one does, IfExists does, and Null tells"""
    check(not meets('StringEquals', 'aws:SourceVpc', 'vpc-1'), meets('StringNotEquals', 'aws:SourceVpc', 'vpc-1'),
          meets('StringEqualsIfExists', 'aws:SourceVpc', 'vpc-1'),
          not meets('StringEqualsIfExists', 'aws:SourceVpc', 'vpc-1', aws__SourceVpc='vpc-2'),
          not meets('IpAddress', 'aws:SourceIp', '203.0.113.0/24'), meets('NotIpAddress', 'aws:SourceIp', '203.0.113.0/24'),
          meets('ArnNotEquals', 'aws:PrincipalArn', ROLE), not meets('Bool', 'aws:MultiFactorAuthPresent', 'true'),
          not meets('Bool', 'aws:MultiFactorAuthPresent', 'false'), meets('BoolIfExists', 'aws:MultiFactorAuthPresent', 'true'),
          meets('Null', 's3:if-none-match', 'true'), not meets('Null', 's3:if-none-match', 'false'),
          not meets('Null', 's3:if-none-match', 'true', **{'s3__if-none-match': '*'}))


def of_several_values_one_suffices_and_none_may_of_a_negation():
    """Of several wanted values one suffices; a negated operator wants none of them; all lines and operators of a block must hold"""
    check(meets('StringEquals', 'aws:SourceVpc', ['vpc-1', 'vpc-2'], aws__SourceVpc='vpc-2'),
          not meets('StringNotEquals', 'aws:SourceVpc', ['vpc-1', 'vpc-2'], aws__SourceVpc='vpc-2'),
          not ask([policy(allow(Condition={'StringEquals': {'aws:SourceVpc': 'v', 'aws:SourceVpce': 'e'}}))], aws__SourceVpc='v'),
          not ask([policy(allow(Condition={'StringEquals': {'aws:SourceVpc': 'v'}, 'Bool': {'aws:SecureTransport': 'true'}}))],
                  aws__SourceVpc='v'))


def many_valued_keys_need_a_qualifier():
    """ForAllValues holds where there are none, ForAnyValue does not; a key of many values without either is an error"""
    tags = {'aws__TagKeys': ['a', 'b']}
    check(meets('ForAllValues:StringEquals', 'aws:TagKeys', ['a', 'b', 'c'], **tags),
          not meets('ForAllValues:StringEquals', 'aws:TagKeys', 'a', **tags),
          meets('ForAllValues:StringEquals', 'aws:TagKeys', 'a'), meets('ForAnyValue:StringEquals', 'aws:TagKeys', 'a', **tags),
          not meets('ForAnyValue:StringEquals', 'aws:TagKeys', 'a'), is_loud(meets, 'StringEquals', 'aws:TagKeys', 'a', **tags))


def wildcards_cases_and_networks_are_iams():
    """Wildcards, letters' cases, ARNs part by part, and networks are as IAM has them"""
    check(ask([policy(allow('S3:putobject'))]), ask([policy(allow('s3:Put?bject', 'arn:aws:s3:::bucket/*'))]),
          not ask([policy(allow(resource='arn:aws:s3:::bucket'))]), not ask([policy(allow(resource='arn:aws:s3:::Bucket/*'))]),
          not ask([policy(allow('s3:Put'))]), meets('StringLike', 'aws:SourceVpc', 'vpc-*', aws__SourceVpc='vpc-1'),
          not meets('StringEquals', 'aws:SourceVpc', 'vpc-*', aws__SourceVpc='vpc-1'),
          meets('ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::*:role/w*', aws__PrincipalArn=ROLE),
          not meets('ArnLike', 'aws:PrincipalArn', 'arn:*:role/writer', aws__PrincipalArn=ROLE),
          meets('IpAddress', 'aws:SourceIp', ['198.51.100.0/24', '2001:db8::/32'], aws__SourceIp='2001:db8::1'),
          not meets('IpAddress', 'aws:SourceIp', '203.0.113.0/25', aws__SourceIp='203.0.113.200'))


def not_action_and_not_resource_are_all_the_others():
    """NotAction and NotResource mean all the others"""
    other = {'Effect': 'Allow', 'NotAction': 's3:Get*', 'NotResource': ['arn:aws:s3:::secret', 'arn:aws:s3:::secret/*']}
    check(ask([policy(other)]), not ask([policy(other)], action='s3:GetObject'), not ask([policy(other)], at='arn:aws:s3:::secret/x'))


def services_and_providers_are_let_in_by_name():
    """Services and identity providers are let in by the resource's policy that names them, and by no other"""
    service = policy(allow('sns:Publish', Principal={'Service': ['events.amazonaws.com']}))
    check(ask([], service, 'events.amazonaws.com', 'sns:Publish'), not ask([], service, 'ec2.amazonaws.com', 'sns:Publish'),
          not ask([], policy(allow(Principal={'AWS': ROOT})), 'events.amazonaws.com'))


def what_it_does_not_know_is_an_error():
    """An unknown operator, key, variable, element, principal or version is an error, never an answer"""
    for bad in ({'Condition': {'StringIs': {'aws:SourceVpc': 'a'}}}, {'Condition': {'StringEquals': {'aws:SourceVcp': 'a'}}},
                {'Condition': {'StringEquals': {'aws:SourceVpc': '${aws:PrincipalTag/x}'}}},
                {'Condition': {'Bool': {'aws:SecureTransport': 'yes'}}},
                {'Condition': {'EveryValue:StringEquals': {'aws:TagKeys': 'a'}}}, {'NotPrincipal': '*'}, {'Principal': '*'},
                {'Resources': '*'},
                {'Effect': 'allow'}, {'NotAction': 's3:*'}):
        assert is_loud(ask, [policy({**allow(), **bad})]), bad
    check(is_loud(ask, [{'Statement': [allow()]}]), is_loud(ask, [], policy(allow(Principal={'AWS': 'arn:aws:iam::1:role/*'}))),
          is_loud(ask, [], policy(allow(Principal={'CanonicalUser': 'x'}))), is_loud(ask, [policy(allow())], aws__Nothing='1'),
          is_loud(ask, [policy({'Effect': 'Allow', 'Action': 's3:*'})]))


def main():
    report = testing.report()
    for test in (nothing_said_is_no_and_an_explicit_deny_wins, the_callers_policy_suffices_but_not_for_a_kms_key,
                 each_boundary_must_allow_by_itself,
                 a_missing_key_is_false_and_for_negated_operators_true, of_several_values_one_suffices_and_none_may_of_a_negation,
                 many_valued_keys_need_a_qualifier, wildcards_cases_and_networks_are_iams, not_action_and_not_resource_are_all_the_others,
                 services_and_providers_are_let_in_by_name, what_it_does_not_know_is_an_error):
        report.run(test)
    report.finish()


main()
