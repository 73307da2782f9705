"""sitecustomize: on the path of moto's interpreter alone. What moto's CloudFormation, as of 5.2, stumbles over in our stack."""
import json

from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPCEndPoint
from moto.kms.models import Key

# Attributes that its EC2 has, and its CloudFormation does not give.
GIVEN = {
    VPCEndPoint: {'DnsEntries': lambda endpoint: [f'{e["hosted_zone_id"]}:{e["dns_name"]}' for e in endpoint.dns_entries]},
    Subnet: {'AvailabilityZone': lambda subnet: subnet.availability_zone},
}


def give(model, attributes):
    model.has_cfn_attr = classmethod(lambda cls, name: name in attributes)
    model.get_cfn_attribute = lambda self, name: attributes[name](self)


for model, attributes in GIVEN.items():
    give(model, attributes)

# AWS::NoValue in a list is an item that is not there; moto leaves None.
clean_json = parsing.clean_json


def without_none(node, resources):
    cleaned = clean_json(node, resources)
    return [v for v in cleaned if v is not None] if isinstance(node, list) else cleaned


parsing.clean_json = without_none


def with_properties(model, change):
    """Resources of this model are made with their properties changed."""
    create = model.create_from_cloudformation_json.__func__

    def create_changed(cls, name, resource, *args, **kwargs):
        return create(cls, name, {**resource, 'Properties': change(resource['Properties'])}, *args, **kwargs)
    model.create_from_cloudformation_json = classmethod(create_changed)


def with_ports(properties):
    """A rule for all protocols has no ports; a rule for IPv6 networks is none that moto's CloudFormation could make."""
    rules = [r for r in properties.get('SecurityGroupIngress', []) if 'CidrIpv6' not in r]
    return {**properties, 'SecurityGroupIngress': [{'FromPort': -1, 'ToPort': -1, **r} for r in rules]}


def with_text(name):
    """A policy is kept as text, as by the service's own call."""
    return lambda properties: {**properties, name: json.dumps(properties[name])}


with_properties(SecurityGroup, with_ports)
with_properties(VPCEndPoint, with_text('PolicyDocument'))
with_properties(Key, with_text('KeyPolicy'))

# Outputs are those of the template that a change set was made with.
apply = ChangeSet.apply


def apply_with_outputs(self):
    apply(self)
    self.stack.template, self.stack.template_dict = self.template, self.template_dict
    self.stack.output_map = self.stack._create_output_map()


ChangeSet.apply = apply_with_outputs
