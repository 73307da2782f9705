"""leases: DHCP in place of IMDS for one of the appliance's interfaces."""
import contextlib

from . import dnsmasq
from .metadata import MACS
from .surroundings import NIC

PROGRAM = '''port=0
no-ping
interface={nic}
dhcp-authoritative
dhcp-leasefile={folder}/{mac}.leases
dhcp-range={subnet},static,1h
dhcp-host={mac},{address}
dhcp-option=option:router,{router}
'''


@contextlib.contextmanager
def instead_of_imds(lab, ns, mac, subnet, address, router):
    """IMDS gives the interface no address; yields what starts a DHCP server at its other end, in ns, that gives it one."""
    answers, servers = dict(lab.metadata.answers), []

    def serve():
        text = PROGRAM.format(nic=NIC, folder=lab.folder, mac=mac, subnet=subnet, address=address, router=router)
        servers.append(dnsmasq.start(lab, f'dhcp-{mac}', text, ns))

    for key in ('local-ipv4s', 'subnet-ipv4-cidr-block'):
        lab.metadata.answers[f'{MACS}{mac}/{key}'] = None
    lab.metadata.write()
    try:
        yield serve
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()
        for server in servers:
            lab.processes.end(server)
