"""sitecustomize: on the path of moto's interpreter alone. Interface endpoints have DNS names in moto's EC2, not in its CloudFormation."""
from moto.ec2.models.vpcs import VPCEndPoint


def get_cfn_attribute(self, name):
    if name != 'DnsEntries':
        raise NotImplementedError(name)
    return [f'{e["hosted_zone_id"]}:{e["dns_name"]}' for e in self.dns_entries]


VPCEndPoint.has_cfn_attr = classmethod(lambda cls, name: name == 'DnsEntries')
VPCEndPoint.get_cfn_attribute = get_cfn_attribute
