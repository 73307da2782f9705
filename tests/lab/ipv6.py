"""ipv6: IPv6 around the appliance, as in a VPC that has it: a prefix for each subnet, a router that advertises itself, and IMDS, which says
what addresses the appliance has. Nobody translates: the router knows the way to the hosts inside.

lay(lab) comes before the appliance; inside(lab) once the host inside has its wire.
"""
from . import dnsmasq, metadata
from .metadata import MACS
from .surroundings import NIC, WEB, WWW

OUTSIDE_NET, INSIDE_NET = '2001:db8:1::/64', '2001:db8:2::/64'
OUTSIDE, ROUTER, DNS, INSIDE, CLIENT, WEB6 = ('2001:db8:1::10', '2001:db8:1::1', '2001:db8:1::2', '2001:db8:2::1', '2001:db8:2::10',
                                              '2001:db8:3::10')
ADVERTISE = 'port=0\ninterface=lan\nenable-ra\nra-param=lan,mtu:off,4,1800\ndhcp-range=2001:db8:1::,ra-only,64,1h\n'
NAMES = f'listen-address={DNS}\nno-resolv\nno-hosts\naddress=/{WWW}/{WEB}\n'


def link_up(ns, link, address):
    for path in ('lo', link):
        ns.sysctl(f'ipv6/conf/{path}/disable_ipv6', 0)
    ns.ip('address', 'add', address + '/64', 'dev', link, 'nodad')


def advertise(lab):
    """The router has IPv6, forwards it, and says that it is there: its program."""
    link_up(lab.router, 'lan', ROUTER)
    lab.router.sysctl('ipv6/conf/all/forwarding', 1)
    return dnsmasq.start(lab, 'ra', ADVERTISE, lab.router)


def lay(lab):
    advertise(lab)
    link_up(lab.router, 'web', '2001:db8:3::1')
    link_up(lab.web, 'lan', WEB6)
    link_up(lab.dns, 'lan', DNS)
    lab.web.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:3::1')
    lab.dns.ip('-6', 'route', 'add', 'default', 'via', ROUTER)
    lab.router.ip('-6', 'route', 'add', INSIDE_NET, 'via', OUTSIDE)
    dnsmasq.start(lab, 'dns6', NAMES, lab.dns)
    for mac, address, net in ((metadata.OUTSIDE_MAC, OUTSIDE, OUTSIDE_NET), (metadata.INSIDE_MAC, INSIDE, INSIDE_NET)):
        lab.metadata.answers[f'{MACS}{mac}/ipv6s'] = address
        lab.metadata.answers[f'{MACS}{mac}/subnet-ipv6-cidr-blocks'] = net
    lab.metadata.write()


def inside(lab):
    link_up(lab.inside, NIC, CLIENT)
    lab.inside.ip('-6', 'route', 'replace', 'default', 'via', INSIDE)
