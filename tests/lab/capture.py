"""capture: an independent capture at the far end of a NIC's wire: tcpdump on link `nic`, of what travels towards the appliance.

There a frame towards the appliance is outgoing: it leaves by the veth or the TAP device; with way='in' it is what the appliance sends. A
capture counts only if nothing was lost: neither by tcpdump nor by the link; done() asserts both. Marker frames, each with a text of its
own, open and close the window that is compared: what lies between them was seen by both sides.
"""
import os
import re
import signal
import time

from . import pcapfile
from .frames import raw_socket
from .surroundings import NIC

# ARP with an operation that nobody knows or answers. Not an EtherType of its own: where Linux takes in several frames at once
# (__netif_receive_skb_list_core), it gives a packet socket those of a protocol without a handler only behind the frame that follows them.
MARKER_ARP = bytes.fromhex('0806 0001 0800 06 04 88b5') + bytes(20)
BROADCAST = b'\xff' * 6


class Capture:
    def __init__(self, lab, side, ns, name, way='out', only=()):
        self.side, self.ns = side, ns
        self.path = os.path.join(lab.folder, f'{name}-{side}.pcap')
        self.sender = raw_socket(ns)
        self.last = None  # marker
        # the link's counters at the first and the last marker: before and after, the other end may be down
        self.before = self.after = None
        self.process = lab.processes.start(f'tcpdump-{name}-{side}', [
            'tcpdump', '-i', NIC, '-Q', way, '-w', self.path, '-U', '--immediate-mode', '-B', '65536', '-s', '0', '-n', '-Z', 'root',
            '--time-stamp-precision=nano', *only], ns)
        self.process.wait_output('listening on', 10)

    def mark(self, text):
        """Sends a marker towards the appliance and returns its bytes."""
        self.before = self.before or self.ns.counters(NIC)
        self.last = marker(self.ns.mac(NIC), f'{text} {self.side} {time.time_ns()}')
        self.sender.send(self.last)
        self.after = self.ns.counters(NIC)
        return self.last

    def done(self):
        """Ends the capture: all its frames. The last marker must be among them."""
        if self.last:
            self.process.wait_for(self._has_last, 20, 'last marker in the capture')
        self.process.end(signal.SIGINT)
        self.sender.close()
        said = self.process.output()
        dropped = re.search(r'(\d+) packets? dropped by kernel', said)
        assert dropped and dropped[1] == '0', f'the independent capture itself lost packets: {said}'
        if self.before:
            lost = {k: n - self.before[k] for k, n in self.after.items() if k in ('tx_dropped', 'tx_errors')}
            assert not any(lost.values()), f'the wire itself lost packets: {lost}'
        return pcapfile.read(self.path).frames

    def _has_last(self):
        with open(self.path, 'rb') as f:
            return self.last in f.read()


def marker(mac, text):
    body = f'sealtap marker: {text}'.encode().ljust(64, b'.')
    return BROADCAST + bytes.fromhex(mac.replace(':', '')) + MARKER_ARP + body


def loneliest(frames, markers):
    """That of the markers whose neighbours on the wire are farthest away in time. Two frames of one moment may be captured in one order
    and received in the other; a window must not begin or end between such two."""
    def alone_ns(marker):
        at = next((i for i, f in enumerate(frames) if f.data == marker), None)
        if at is None:
            return -1
        return min(abs(frames[i].ns - frames[at].ns) for i in (at - 1, at + 1) if 0 <= i < len(frames))
    return max(markers, key=alone_ns)


def window(frames, first, last):
    """The frames from marker `first` to marker `last`; each must be there once."""
    places = [[i for i, f in enumerate(frames) if f.data == m] for m in (first, last)]
    assert [len(p) for p in places] == [1, 1], f'opening and closing marker stand {len(places[0])} and {len(places[1])} times'
    return frames[places[0][0]:places[1][0] + 1]
