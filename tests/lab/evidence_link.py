"""evidence_link: a third interface of the appliance, device number 2, with AWS at its other end: 198.18.1.10 behind 198.18.2.1.
"""
import contextlib

from . import metadata, netns
from .frames import address
from .metadata import MACS
from .surroundings import AWS, NIC

NAME, MAC = 'evidence', '02:00:00:00:00:03'
ADDRESS, GATEWAY = '198.18.2.10', '198.18.2.1'


def describe(lab):
    """IMDS knows it."""
    answers = {'device-number': '2', 'interface-id': 'eni-00000000000000003', 'local-ipv4s': ADDRESS,
               'subnet-ipv4-cidr-block': '198.18.2.0/24', 'vpc-ipv4-cidr-blocks': metadata.VPC_NETS, 'vpc-id': metadata.VPC}
    lab.metadata.answers[MACS] += f'\n{MAC}/'
    for key, value in answers.items():
        lab.metadata.answers[f'{MACS}{MAC}/{key}'] = value
    lab.metadata.write()


def plug(lab, appliance):
    """Of an appliance in host mode."""
    netns.wire(appliance.ns, NAME, lab.aws, NIC, lab.mtu)
    lab.aws.up(NIC, GATEWAY + '/24')
    appliance.ns.ip('link', 'set', NAME, 'address', MAC)


def unplug(lab):
    with contextlib.suppress(netns.CommandFailed):
        lab.aws.ip('link', 'delete', NIC)


@contextlib.contextmanager
def no_other_way(lab):
    """The router outside throws away what is sent to AWS."""
    lab.router.ip('route', 'replace', 'blackhole', AWS + '/32')
    try:
        yield
    finally:
        lab.router.ip('route', 'delete', 'blackhole', AWS + '/32')


def leaks(frames):
    """Those from or to AWS."""
    aws = address(AWS)
    return [f.data[:60].hex() for f in frames if aws in (f.data[26:30], f.data[30:34])]
