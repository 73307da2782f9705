"""paths: where packets go in the stack's VPC: its route tables walked by longest prefix, its access lists asked by number, as AWS does.

Judges a template.Stack; routes may be replaced by those that an account gave back.
"""
import ipaddress

LOCAL = 'local'
# Other ways out of a VPC, or between its hosts, that no route table of ours would show.
WAYS = {'AWS::EC2::NatGateway', 'AWS::EC2::EgressOnlyInternetGateway', 'AWS::EC2::VPCPeeringConnection',
        'AWS::EC2::TransitGatewayAttachment',
        'AWS::EC2::VPNGateway', 'AWS::EC2::TransitGatewayVpcAttachment', 'AWS::EC2::CarrierGateway'}
TARGETS = ('GatewayId', 'NetworkInterfaceId', 'NatGatewayId', 'EgressOnlyInternetGatewayId', 'TransitGatewayId', 'VpcPeeringConnectionId',
           'VpcEndpointId', 'InstanceId')


def of_kind(stack, kind):
    return {name: r.get('Properties', {}) for name, r in stack.resources.items() if r['Type'] == kind}


class Paths:
    def __init__(self, stack, vpc_nets=('10.20.0.0/16', '2001:db8:20:3000::/56')):
        self.stack, self.vpc_nets = stack, vpc_nets
        self.routes = {stack.id_of(t): {} for t in of_kind(stack, 'AWS::EC2::RouteTable')}
        for p in of_kind(stack, 'AWS::EC2::Route').values():
            target, = [p[t] for t in TARGETS if t in p]
            self.routes[p['RouteTableId']][p.get('DestinationCidrBlock') or p['DestinationIpv6CidrBlock']] = target
        self.table_of = {p['SubnetId']: p['RouteTableId'] for p in of_kind(stack, 'AWS::EC2::SubnetRouteTableAssociation').values()}
        self.edge = {p['GatewayId']: p['RouteTableId'] for p in of_kind(stack, 'AWS::EC2::GatewayRouteTableAssociation').values()}

    def nets(self, subnet):
        """A subnet's networks, by its resource's name."""
        p = self.stack.resources[subnet]['Properties']
        return [p[k] for k in ('CidrBlock', 'Ipv6CidrBlock') if k in p]

    def lookup(self, table, address):
        """The target of the longest prefix; None: nowhere."""
        address = ipaddress.ip_address(address)
        known = {**{net: LOCAL for net in self.vpc_nets}, **self.routes[table]}
        fitting = [n for n in map(ipaddress.ip_network, known) if n.version == address.version and address in n]
        return known[str(max(fitting, key=lambda n: n.prefixlen))] if fitting else None

    def findings(self):
        """What lets a packet pass by the appliance, a sentence each."""
        stack, ids = self.stack, self.stack.id_of
        inside_eni, outside_eni = ids('InsideEni'), ids('OutsideEni')
        inside = [n for n in of_kind(stack, 'AWS::EC2::Subnet') if n.startswith('Inside')]
        others = [n for n in of_kind(stack, 'AWS::EC2::Subnet') if n not in inside]
        gateways = {r for p in of_kind(stack, 'AWS::EC2::VPCEndpoint').values() for r in p.get('RouteTableIds', [])}
        yield from (f'{name} is another way' for name, r in stack.resources.items() if r['Type'] in WAYS)
        for subnet in inside:
            table = self.table_of.get(ids(subnet))
            if not table:
                yield f'{subnet} has the VPC\'s main route table'
                continue
            if table in gateways:
                yield f'{subnet} has a gateway endpoint'
            yield from (f'{subnet}: {net} goes to {target}' for net, target in self.routes[table].items() if target != inside_eni)
            families = {ipaddress.ip_network(n).version for n in self.nets(subnet)}
            far = [a for a in ('198.51.100.1', '2001:db8:ffff::1') if ipaddress.ip_address(a).version in families]
            near = [str(ipaddress.ip_network(n)[20]) for o in others for n in self.nets(o)]
            for address in far + near:
                if self.lookup(table, address) != inside_eni:
                    yield f'{subnet}: {address} goes to {self.lookup(table, address)}'
        for subnet in inside:
            for address in (str(ipaddress.ip_network(n)[20]) for n in self.nets(subnet)):
                for gateway, table in self.edge.items():
                    if self.lookup(table, address) != outside_eni:
                        yield f'{gateway} brings {address} to {self.lookup(table, address)}'
        if len(self.edge) != 1:
            yield f'edge associations: {self.edge}'
        for name, p in of_kind(stack, 'AWS::EC2::NetworkInterface').items():
            if (p.get('SourceDestCheck') is False) != (name in ('InsideEni', 'OutsideEni')):
                yield f'{name}: source/destination check'

    def acl_passes(self, acl, egress, address, protocol):
        """The first entry, by its number, that fits; the default refuses."""
        entries = [p for p in of_kind(self.stack, 'AWS::EC2::NetworkAclEntry').values()
                   if p['NetworkAclId'] == acl and p.get('Egress', False) == egress]
        address = ipaddress.ip_address(address)
        for p in sorted(entries, key=lambda p: p['RuleNumber']):
            net = ipaddress.ip_network(p.get('CidrBlock') or p['Ipv6CidrBlock'])
            if net.version == address.version and address in net and p['Protocol'] in (-1, protocol):
                return p['RuleAction'] == 'allow'
        return False
