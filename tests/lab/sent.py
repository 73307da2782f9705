"""sent: what the appliance itself sends on its outside link, from an independent capture: nothing but the requests that are promised.

    host = Host(lab, ..)
    sent = Sent(lab, 'name')
    with host as appliance:
        ...
        sent.done()         # while the link is there
    sent.check()

What the host inside sends is left out of the capture, so the appliance must not translate addresses (nat = none).
"""
from . import frames, metadata, ntp
from .capture import Capture
from .surroundings import APPLIANCE_OUTSIDE, AWS, CLIENT, DNS, ROUTER

ARP, TCP, UDP = 0x0806, 6, 17
IMDS, ANYBODY, NOBODY = '169.254.169.254', '255.255.255.255', '0.0.0.0'
NTP = ntp.TimeServer.ADDRESS
NEIGHBOURS = {ROUTER, DNS, IMDS, NTP, APPLIANCE_OUTSIDE}  # whose hardware address it may ask for
PROMISED = {  # what: (protocols, addresses, port)
    'DHCP': ({UDP}, {ANYBODY, DNS}, 67),
    'DNS': ({UDP, TCP}, {DNS}, 53),
    'IMDS': ({TCP}, {IMDS}, 80),
    'NTP': ({UDP}, {NTP}, 123),
    'AWS': ({TCP}, {AWS}, 443),
}


class Sent:
    """Captures from here on; the link must be there, the appliance not yet started."""

    def __init__(self, lab, name):
        ns = dict(lab.nics)['outside']
        self.capture = Capture(lab, 'outside', ns, name + '-sent', 'in', ('not', 'src', 'host', CLIENT))

    def done(self):
        self.frames = self.capture.done()

    def check(self):
        """{what: packets}; each that is promised was sent, nothing else was."""
        counts = dict.fromkeys(PROMISED, 0)
        for frame in self.frames:
            what = purpose(frame.data)
            if what != 'ARP':
                counts[what] += 1
        assert all(counts.values()), f'not all is sent at all: the check proves nothing: {counts}'
        return counts


def dotted(data):
    return '.'.join(map(str, data))


def purpose(data):
    """Which promise the frame belongs to."""
    assert data[6:12] == frames.mac(metadata.OUTSIDE_MAC), f'sent with a foreign hardware address: {data[:34].hex()}'
    kind = int.from_bytes(data[12:14], 'big')
    if kind == ARP:
        assert dotted(data[38:42]) in NEIGHBOURS, f'asked for the hardware address of {dotted(data[38:42])}'
        return 'ARP'
    assert kind == frames.IPV4 and data[14] == 0x45, f'neither ARP nor plain IPv4: {data[:34].hex()}'
    protocol, source, to = data[23], dotted(data[26:30]), dotted(data[30:34])
    port = int.from_bytes(data[36:38], 'big') if protocol in (TCP, UDP) else None
    assert not int.from_bytes(data[20:22], 'big') & 0x3fff, f'a fragment to {to}'
    for what, (protocols, addresses, promised_port) in PROMISED.items():
        if protocol in protocols and to in addresses and port == promised_port:
            assert source == APPLIANCE_OUTSIDE or (what, source) == ('DHCP', NOBODY), f'{what} from {source}'
            return what
    raise AssertionError(f'sent what is not promised: protocol {protocol}, from {source} to {to}, port {port}')
