"""sitecustomize: on the path of moto's interpreter alone. What moto's CloudFormation, as of 5.2, stumbles over in our stack."""
import json

from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet
from moto.core.common_models import CloudFormationModel
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPCEndPoint
from moto.iam.access_control import PermissionResult
from moto.kms.models import Key
from moto.s3.models import FakeBucket, s3_backends
from moto.sns.models import sns_backends

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

# A parameter that is a list is one by its default, too.
load_parameters = parsing.ResourceMap.load_parameters


def load_parameters_and_lists(self):
    load_parameters(self)
    for name, about in self._template.get('Parameters', {}).items():
        value = self.resolved_parameters[name]
        if about['Type'] == 'CommaDelimitedList' and isinstance(value, str):
            self.resolved_parameters[name] = self._parsed_resources[name] = value.split(',')


parsing.ResourceMap.load_parameters = load_parameters_and_lists


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



# Policies of buckets and topics its services keep, and its CloudFormation passes over. It would judge a bucket's without the conditions.
FakeBucket.get_permission = lambda bucket, action, resource: PermissionResult.NEUTRAL


class PolicyOf(CloudFormationModel):
    __module__ = 'moto.s3'  # it lists instances by their module's second name

    def __init__(self, name):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type():
        return ''

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        cls.put(cloudformation_json['Properties'], account_id, region_name)
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        cls.put(cloudformation_json['Properties'], account_id, region_name)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name):
        pass


class BucketPolicy(PolicyOf, CloudFormationModel):
    __module__ = 'moto.s3'

    @staticmethod
    def cloudformation_type():
        return 'AWS::S3::BucketPolicy'

    @staticmethod
    def put(properties, account_id, region_name):
        s3_backends[account_id]['aws'].put_bucket_policy(properties['Bucket'], json.dumps(properties['PolicyDocument']).encode())


class TopicPolicy(PolicyOf, CloudFormationModel):
    __module__ = 'moto.sns'

    @staticmethod
    def cloudformation_type():
        return 'AWS::SNS::TopicPolicy'

    @staticmethod
    def put(properties, account_id, region_name):
        for topic in properties['Topics']:
            sns_backends[account_id][region_name].set_topic_attribute(topic, 'policy', json.dumps(properties['PolicyDocument']))


# Outputs are those of the template that a change set was made with.
apply = ChangeSet.apply


def apply_with_outputs(self):
    apply(self)
    self.stack.template, self.stack.template_dict = self.template, self.template_dict
    self.stack.output_map = self.stack._create_output_map()


ChangeSet.apply = apply_with_outputs
