"""probes: numbered datagrams that the host inside sends at the server without a pause, and a watch on what of them leaves the appliance
outside. They show when it forwards and when it does not.
"""
import re
import socket
import threading
import time

from . import frames, metadata
from .surroundings import NIC

EVERYTHING = 3  # linux/if_ether.h ETH_P_ALL
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
NUMBER = re.compile(rb'probe (\d+)\.')
PORT = 7777
UDP_PORTS = (40002).to_bytes(2, 'big') + PORT.to_bytes(2, 'big')  # source and target


def numbers(packets):
    return {int(m[1]) for m in map(NUMBER.search, packets) if m}


class Probes:
    """`with Probes(lab) as probes:` sends every 5 ms while the block runs; the appliance must be attached."""

    def __init__(self, lab, mac=metadata.INSIDE_MAC):
        self.mac = mac  # of the appliance's link inside
        self.sender = frames.raw_socket(lab.inside)
        self.watch = lab.segment.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
        self.watch.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.watch.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self.watch.bind((NIC, EVERYTHING))
        self.watch.setblocking(False)
        self.sent = 0
        self.seen = set()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._send)

    def _send(self):
        while not self.stop.is_set():
            self.sender.send(frames.ethernet(frames.ipv4(frames.udp(f'probe {self.sent}.'.encode(), 40002, PORT)), to=self.mac))
            self.sent += 1
            time.sleep(0.005)

    def came_through(self):
        """Numbers of all probes that left the appliance outside so far."""
        packets = []
        try:
            while True:
                packets.append(self.watch.recv(2048))
        except BlockingIOError:
            self.seen |= numbers(packets)
            return self.seen

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        time.sleep(0.1)
        self.came_through()
        self.sender.close()
        self.watch.close()
