"""template: a CloudFormation template's resources as they are deployed with given parameters: conditions decided, functions computed.

What only a deployment knows (ids, addresses) is taken from `ids` and `attributes`, where a deployment gave them, else it is a name that
tells what it is. Rules are asserted. A function, reference or attribute that is not known here is an error.
"""
import base64
import functools
import ipaddress
import re

import yaml

ACCOUNT, REGION = '123456789012', 'eu-central-1'
NOTHING = object()  # AWS::NoValue


class Broken(Exception):
    """The template, or its use, is wrong."""


class Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):
    pass


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    else:
        construct = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
        value = construct(node, deep=True)
    if suffix in ('Ref', 'Condition'):
        return {suffix: value}
    return {'Fn::' + suffix: value.split('.', 1) if suffix == 'GetAtt' else value}


Loader.add_multi_constructor('!', _tag)


@functools.cache
def load(text):
    """Nobody changes what it gives."""
    return yaml.load(text, Loader)


class Stack:
    def __init__(self, template, parameters=None, name='sealtap', partition='aws', region=REGION, ids=None, attributes=None):
        self.template, self.ids, self.attributes = template, ids or {}, attributes or {}
        self.pseudo = {'AWS::StackName': name, 'AWS::Partition': partition, 'AWS::Region': region, 'AWS::AccountId': ACCOUNT,
                       'AWS::NoValue': NOTHING}
        self.pseudo['AWS::StackId'] = self.arn('cloudformation', f'stack/{name}/1')
        self.parameters = self.read_parameters(parameters or {})
        self.conditions = {}
        for rule in template.get('Rules', {}).values():
            self.check_rule(rule)
        self.resources = {name: self.resolve(r) for name, r in template['Resources'].items() if self.is_made(name)}
        self.outputs = {name: self.resolve(o['Value']) for name, o in template.get('Outputs', {}).items() if self.holds(o.get('Condition'))}

    def read_parameters(self, given):
        if set(given) - set(self.template['Parameters']):
            raise Broken(f'no such parameter: {set(given) - set(self.template["Parameters"])}')
        values = {}
        for name, about in self.template['Parameters'].items():
            value = str(given.get(name, about.get('Default', None)))
            if name not in given and 'Default' not in about:
                raise Broken(f'{name} has no default')
            if 'AllowedPattern' in about and not re.fullmatch(about['AllowedPattern'], value):
                raise Broken(f'{name}: {value!r} does not fit {about["AllowedPattern"]}')
            if 'AllowedValues' in about and value not in about['AllowedValues']:
                raise Broken(f'{name}: {value!r} is none of {about["AllowedValues"]}')
            if about['Type'] == 'Number' and not about.get('MinValue', -1) <= int(value) <= about.get('MaxValue', 1 << 64):
                raise Broken(f'{name}: {value} is out of range')
            values[name] = value.split(',') if about['Type'] == 'CommaDelimitedList' else value
        return values

    def check_rule(self, rule):
        if self.decide(rule['RuleCondition']):
            for a in rule['Assertions']:
                if not self.decide(a['Assert']):
                    raise Broken(a['AssertDescription'])

    def decide(self, node):
        (function, parts), = node.items()
        if function == 'Condition':
            return self.holds(parts)
        if function == 'Fn::Equals':
            a, b = (self.resolve(p) for p in parts)
            return str(a) == str(b)
        decided = [self.decide(p) for p in parts]
        return {'Fn::Not': not decided[0], 'Fn::And': all(decided), 'Fn::Or': any(decided)}[function]

    def holds(self, condition):
        if condition is None:
            return True
        if condition not in self.conditions:
            self.conditions[condition] = self.decide(self.template['Conditions'][condition])
        return self.conditions[condition]

    def is_made(self, name):
        return self.holds(self.template['Resources'][name].get('Condition'))

    def resolve(self, node):
        if isinstance(node, list):
            return [v for v in map(self.resolve, node) if v is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, value), = node.items()
            if function == 'Ref':
                return self.ref(value)
            if function.startswith('Fn::'):
                return getattr(self, '_' + function[4:].lower())(value)
        return {k: r for k, v in node.items() if k != 'Condition' or isinstance(v, dict) if (r := self.resolve(v)) is not NOTHING}

    def ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        return self.parameters[name] if name in self.parameters else self.id_of(name)

    def id_of(self, name):
        if not self.is_made(name):
            raise Broken(f'{name} is referred to and not made')
        if name in self.ids:
            return self.ids[name]
        kind = self.template['Resources'][name]['Type']
        if kind == 'AWS::SNS::Topic':
            return self.arn('sns', name)
        return name.lower() if kind == 'AWS::S3::Bucket' else name

    def arn(self, service, rest, region=None, account=ACCOUNT):
        region = self.pseudo['AWS::Region'] if region is None else region
        return f'arn:{self.pseudo["AWS::Partition"]}:{service}:{region}:{account}:{rest}'

    def _getatt(self, path):
        name, attribute = path
        if (name, attribute) in self.attributes:
            return self.attributes[name, attribute]
        kind, own = self.template['Resources'][name]['Type'], self.id_of(name)
        made = {('AWS::S3::Bucket', 'Arn'): lambda: self.arn('s3', own, '', ''),
                ('AWS::KMS::Key', 'Arn'): lambda: self.arn('kms', 'key/' + own),
                ('AWS::IAM::Role', 'Arn'): lambda: self.arn('iam', 'role/' + own, ''),
                ('AWS::IAM::InstanceProfile', 'Arn'): lambda: self.arn('iam', 'instance-profile/' + own, ''),
                ('AWS::EC2::NetworkInterface', 'PrimaryPrivateIpAddress'): lambda: self.first_address(name),
                ('AWS::EC2::VPC', 'Ipv6CidrBlocks'): lambda: ['2001:db8:20:3000::/56'],
                ('AWS::EC2::Subnet', 'Ipv6CidrBlocks'): lambda: [self.property(name, 'Ipv6CidrBlock')],
                ('AWS::EC2::Subnet', 'AvailabilityZone'): lambda: self.property(name, 'AvailabilityZone'),
                ('AWS::EC2::EIP', 'AllocationId'): lambda: 'eipalloc-' + own,
                ('AWS::EC2::LaunchTemplate', 'LatestVersionNumber'): lambda: '1',
                ('AWS::EC2::VPCEndpoint', 'DnsEntries'): lambda: [f'Z1:{own.lower()}.vpce.example', f'Z1:{own.lower()}-a.vpce.example']}
        if (kind, attribute) not in made:
            raise Broken(f'{name}.{attribute} is not known')
        return made[kind, attribute]()

    def property(self, name, which):
        return self.resolve(self.template['Resources'][name]['Properties'][which])

    def first_address(self, eni):
        subnet = self.template['Resources'][eni]['Properties']['SubnetId']['Ref']
        return str(ipaddress.ip_network(self.property(subnet, 'CidrBlock'))[10])

    def _if(self, parts):
        return self.resolve(parts[1 if self.holds(parts[0]) else 2])

    def _sub(self, value):
        text, extra = (value[0], {k: self.resolve(v) for k, v in value[1].items()}) if isinstance(value, list) else (value, {})

        def one(m):
            name = m.group(1)
            if name in extra:
                return str(extra[name])
            return str(self._getatt(name.split('.', 1)) if '.' in name else self.ref(name))
        return re.sub(r'\$\{([^!}]+)\}', one, text)

    def _join(self, parts):
        return parts[0].join(self.resolve(parts[1]))

    def _split(self, parts):
        return self.resolve(parts[1]).split(parts[0])

    def _select(self, parts):
        return self.resolve(parts[1])[int(parts[0])]

    def _cidr(self, parts):
        network, count, bits = ipaddress.ip_network(self.resolve(parts[0])), int(parts[1]), int(parts[2])
        subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
        return [str(next(subnets)) for _ in range(count)]

    def _getazs(self, region):
        return [self.pseudo['AWS::Region'] + zone for zone in 'abc']

    def _findinmap(self, parts):
        table, row, column = (self.resolve(p) for p in parts)
        return self.template['Mappings'][table][row][column]

    def _base64(self, value):
        return base64.b64encode(self.resolve(value).encode()).decode()
