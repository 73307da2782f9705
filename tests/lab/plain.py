"""plain: a plain Linux gateway where the appliance stands: forwarding on and one masquerade rule, as the usual NAT instances (fck-nat, for
one) have it. What passes through it is the measure for what must pass through the appliance.
"""
from . import ipv6, metadata, netns
from .host import INSIDE, OUTSIDE
from .surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, NIC, ROUTER

RULES = f"""
table ip nat {{
    chain postrouting {{ type nat hook postrouting priority srcnat; oifname "{OUTSIDE}" masquerade; }}
}}
"""


class Plain:
    """`with Plain(lab) as gateway:`; the appliance's wires, addresses and MTU."""

    def __init__(self, lab, name='plain'):
        self.lab, self.ns = lab, lab.net.namespace(name)

    def __enter__(self):
        lab = self.lab
        lab.attach(lambda far: netns.wire(self.ns, OUTSIDE, far, NIC, lab.mtu), lambda far: netns.wire(self.ns, INSIDE, far, NIC, lab.mtu))
        for link, address, mac in ((OUTSIDE, APPLIANCE_OUTSIDE, metadata.OUTSIDE_MAC), (INSIDE, APPLIANCE_INSIDE, metadata.INSIDE_MAC)):
            self.ns.up(link, address + '/24', mac)
            netns.one_queue(self.ns, link)
        self.ns.ip('route', 'add', 'default', 'via', ROUTER)
        for link, address in ((OUTSIDE, ipv6.OUTSIDE), (INSIDE, ipv6.INSIDE)):
            ipv6.link_up(self.ns, link, address)
        self.ns.ip('-6', 'route', 'add', 'default', 'via', ipv6.ROUTER)
        self.ns.sysctl('ipv4/ip_forward', 1)
        self.ns.sysctl('ipv6/conf/all/forwarding', 1)
        self.ns.run('nft', '-f', '-', text_in=RULES)
        return self

    def __exit__(self, *_):
        self.lab.detach()
