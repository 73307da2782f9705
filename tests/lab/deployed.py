"""deployed: the stack of board/nitro in an account of its own (motoaccount.py), and its policy documents as they stand there.

Every document is read back from the account. Of other resources, what moto passes over is resolved from the template with the ids that
moto gave to the rest.
"""
import json
import os

from . import template
from .motoaccount import Account

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE = os.path.join(TOP, 'board', 'nitro', 'stack.yaml')
NEEDED = {'ImageId': 'ami-12c6146b', 'AnalystNetworks': '203.0.113.0/24,198.51.100.7/32'}  # an image that moto has


def source():
    with open(FILE) as f:
        return f.read()


def resolved(parameters=None, text=None, **how):
    """Without an account: each id is its resource's name."""
    return template.Stack(template.load(text or source()), {**NEEDED, **(parameters or {})}, **how)


class Deployed:
    def __init__(self, folder, parameters=None, in_existing_vpc=False, url=None):
        os.chdir(TOP)
        self.account = Account(folder, url)
        self.parameters = {**NEEDED, **(self.make_vpc() if in_existing_vpc else {}), **(parameters or {})}
        self.said = self.up()
        self.look()

    def make_vpc(self):
        aws = self.account.aws
        vpc = aws('ec2', 'create-vpc', '--cidr-block', '10.20.0.0/16')['Vpc']['VpcId']
        gateway = aws('ec2', 'create-internet-gateway')['InternetGateway']['InternetGatewayId']
        aws('ec2', 'attach-internet-gateway', '--vpc-id', vpc, '--internet-gateway-id', gateway)
        return {'VpcId': vpc, 'InternetGatewayId': gateway}

    def up(self, **more):
        """`make deploy`; what it said."""
        status, said = self.account.deploy('up', PARAMETERS=' '.join(f'{k}={v}' for k, v in {**self.parameters, **more}.items()))
        assert status == 0, said
        return said

    def look(self):
        """What is there now."""
        aws = self.account.aws
        listed = aws('cloudformation', 'list-stack-resources', '--stack-name', 'sealtap')['StackResourceSummaries']
        self.ids = {r['LogicalResourceId']: r['PhysicalResourceId'] for r in listed if r['LogicalResourceId']}
        self.endpoints = {e['VpcEndpointId']: e for e in aws('ec2', 'describe-vpc-endpoints')['VpcEndpoints']}
        self.interfaces = {e['NetworkInterfaceId']: e for e in aws('ec2', 'describe-network-interfaces')['NetworkInterfaces']}
        self.address = self.interfaces[self.ids['OutsideEni']]['PrivateIpAddress']
        attributes = {(name, 'DnsEntries'): [f'{d["HostedZoneId"]}:{d["DnsName"]}' for d in self.endpoints[self.ids[name]]['DnsEntries']]
                      for name in ('KmsEndpoint', 'CloudWatchEndpoint', 'SnsEndpoint')}
        attributes['OutsideEni', 'PrimaryPrivateIpAddress'] = self.address
        attributes['Address', 'AllocationId'] = 'eipalloc-0'
        self.stack = template.Stack(template.load(source()), self.parameters, ids=self.ids, attributes=attributes)

    def documents(self):
        """Policy documents by the name of the resource that carries each, and trust policies by that of the role, with "trusts"."""
        aws, documents = self.account.aws, {}
        for name, r in self.stack.resources.items():
            own, kind = self.ids.get(name), r['Type']
            if kind == 'AWS::IAM::Role':
                documents[name + ' trusts'] = aws('iam', 'get-role', '--role-name', own)['Role']['AssumeRolePolicyDocument']
            elif kind == 'AWS::IAM::Policy':
                documents[name] = aws('iam', 'get-role-policy', '--role-name', r['Properties']['Roles'][0], '--policy-name',
                                      r['Properties']['PolicyName'])['PolicyDocument']
            elif kind == 'AWS::KMS::Key':
                documents[name] = json.loads(aws('kms', 'get-key-policy', '--key-id', own, '--policy-name', 'default')['Policy'])
            elif kind == 'AWS::EC2::VPCEndpoint':
                documents[name] = json.loads(self.endpoints[own]['PolicyDocument'])
            elif kind == 'AWS::S3::BucketPolicy':
                documents[name] = json.loads(aws('s3api', 'get-bucket-policy', '--bucket', r['Properties']['Bucket'])['Policy'])
            elif kind == 'AWS::SNS::TopicPolicy':
                topic = aws('sns', 'get-topic-attributes', '--topic-arn', r['Properties']['Topics'][0])
                documents[name] = json.loads(topic['Attributes']['Policy'])
        return documents

    def end(self):
        self.account.end()
