"""replay: sends every Ethernet frame of a set of captures once, at its captured length, into the appliance's inside interface (host mode,
MTU 65535), and compares what was shipped with what was sent, frame by frame, VLAN tags included.

A marker frame opens each file's frames. Nothing else travels on that wire: the far end has no address and answers nothing.
"""
import collections
import dataclasses
import os
import time

from . import pcapfile
from .capture import window
from .frames import raw_socket
from .host import Host
from .session import Session
from .surroundings import NIC

MTU = 65535
SHORTEST, LONGEST = 14, 65535
TAGS = {b'\x81\x00', b'\x88\xa8'}
FRAMES_A_TURN, PAUSE_S = 100, 0.01  # at most 10,000 frames a second: the queue between two veths holds 1,000


@dataclasses.dataclass
class File:
    name: str
    note: str
    send: list  # frames, bytes
    refused: collections.Counter  # reason: frames
    recorded: list = None

    def difference(self):
        """None, or what is wrong."""
        for i, (a, b) in enumerate(zip(self.send, self.recorded)):
            if a != b:
                return f'frame {i + 1} differs: sent {len(a)} bytes {a[:40].hex()}, recorded {len(b)} bytes {b[:40].hex()}'
        if len(self.send) != len(self.recorded):
            return f'{len(self.send)} frames sent, {len(self.recorded)} recorded'
        return None

    def line(self):
        parts = [f'{len(self.send)} frames sent']
        parts += [f'{n} not sent ({why})' for why, n in self.refused.items()] + ([self.note] if self.note else [])
        wrong = self.difference()
        return f'{"FAIL" if wrong else "ok"} {self.name}: {", ".join(parts)}; {wrong or "recorded identically"}'


def why_not(frame):
    """Why a frame cannot be sent; None when it can."""
    size = len(frame.data)
    if frame.link_type != pcapfile.ETHERNET:
        return f'link type {frame.link_type}, not Ethernet'
    if size < SHORTEST:
        return f'shorter than {SHORTEST} bytes'
    if size > LONGEST:
        return f'longer than {LONGEST} bytes'
    if frame.data[12:14] in TAGS and size < 20:
        return 'VLAN tag cut short: the kernel drops it before any tap'
    return None


def find(folder):
    """The captures below a folder, by what is in them, not by name; and what else there is."""
    files, others = [], []
    for parent, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.join(parent, name)
            capture = pcapfile.read(path)
            relative = os.path.relpath(path, folder)
            if capture.kind is None:
                others.append(relative)
                continue
            refused = collections.Counter(filter(None, map(why_not, capture.frames)))
            files.append(File(relative, capture.note, [f.data for f in capture.frames if not why_not(f)], refused))
    return files, others


def silence(ns):
    """The far end of the inside wire gives no answers of its own."""
    ns.ip('address', 'flush', 'dev', NIC)
    ns.ip('link', 'set', NIC, 'arp', 'off')


def send(capture, files):
    """Markers around; the markers before each file and after the last, in order."""
    markers, sent = [], 0
    with raw_socket(capture.ns) as s:
        for number, file in enumerate(files):
            markers.append(capture.mark(f'file {number}'))
            for frame in file.send:
                s.send(frame)
                sent += 1
                if sent % FRAMES_A_TURN == 0:
                    time.sleep(PAUSE_S)
            if number % 20 == 0:
                time.sleep(PAUSE_S)
        time.sleep(0.1)
        markers.append(capture.mark('end'))
    return markers


def replay(lab, files, name='replay'):
    """Fills in what was recorded of each file; the evidence. The lab's MTU must be MTU."""
    assert lab.mtu == MTU
    session = Session(Host(lab, name, lab.configuration(object__max_seconds=30)))
    with session:
        session.armed()
        silence(lab.inside)
        capture = next(c for c in session.captures if c.side == 'inside')
        markers = send(capture, files)
        session.end()
    inside = [f for f in session.evidence.recorded()['w0'] if f.interface == 1]
    for file, first, last in zip(files, markers, markers[1:]):
        frames = window(inside, first, last)[1:-1]
        file.recorded = [f.data for f in frames]
        assert all(len(f.data) == f.length for f in frames), f'{file.name}: a frame was recorded cut'
    lost = sum(int(o.meta['lost']) for o in session.evidence.objects)
    assert lost == 0, f'the ring lost {lost} frames: this comparison is void'
    return session.evidence


def totals(files):
    """Lines: how many frames were sent, how many could not be and why, how many files differ."""
    refused = sum((f.refused for f in files), collections.Counter())
    others = {why: n for why, n in refused.items() if why.startswith('link type')}
    yield f'{len(files)} captures, {sum(len(f.send) for f in files)} frames sent, {sum(bool(f.difference()) for f in files)} files differ'
    if others:
        yield f'not sent: {sum(others.values())} frames of {len(others)} other link types'
    yield from (f'not sent: {n} frames, {why}' for why, n in sorted(refused.items()) if why not in others)
