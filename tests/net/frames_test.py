#!/usr/bin/env python3
"""frames_test: mutated frames from both sides, and fragments that are never completed: nothing dies, and nothing goes unrecorded.

frames_test.py [-k PATTERN]. Needs root. FRAMES says how many (100000), SEED which ones. Logs and objects stay in build/lab/frames/.
"""
import os
import random
import socket
import struct
import sys
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, 'net', 'pcaps')]
import generate  # noqa: E402
from lab import compare, evidence, frames, ipv6, metadata, pcapfile, replay, testing, traffic  # noqa: E402
from lab.certs import TOP  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.mutate import LONGEST, SHORTEST, TAGS, Mutator  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import WEB, Surroundings  # noqa: E402

FRAMES, FRAGMENTS = int(os.environ.get('FRAMES', 100000)), int(os.environ.get('FRAGMENTS', 100000))
SEED = int(os.environ.get('SEED', 0)) or random.SystemRandom().randrange(1, 1 << 32)
ROUND = 100000  # so many a life
EVERY, PAUSE_S = 100, 0.01  # at most 10,000 frames a second from each side: the queue between two veths holds 1,000
SHARED = os.path.join(TOP, '..', 'shared', 'pcaps')
MACS = {side: frames.mac(mac) for side, mac in (('outside', metadata.OUTSIDE_MAC), ('inside', metadata.INSIDE_MAC))}
FRAG_MAX_BYTES = 4 << 20  # net.ipv4.ipfrag_high_thresh, as Linux has it


def half_a_tag(frame):
    """Linux drops it ahead of any tap: no recorder sees it."""
    return frame[12:14] in TAGS[:2] and len(frame) < 20


def stored(folder):
    """The Ethernet frames of all captures there that are long enough to be sent."""
    files, _ = replay.find(folder)
    return [f[:LONGEST] for file in files for f in file.send if len(f) >= SHORTEST]


class Sources:
    """Good frames: what others captured, our own strange ones, and what just went by here."""

    def __init__(self):
        own = [f[:LONGEST] for sent in generate.generate(os.path.join(TOP, 'build', 'lab', 'own-captures')).values() for f in sent]
        self.parts = [own] + [stored(SHARED)] * os.path.isdir(SHARED)

    def with_traffic(self, session):
        seen = [pcapfile.read(c.path).frames for c in session.captures]
        return self.parts + [[f.data[:LONGEST] for f in side if len(f.data) >= SHORTEST] for side in seen]


class Life:
    """One appliance: real traffic, mutated frames from both sides at once, real traffic."""

    def __init__(self, lab, sources, number, count):
        self.sent, self.mutator = {}, Mutator(SEED + number)
        settings = lab.configuration(object__max_seconds=5, status__port=9100, status__sources='0.0.0.0/0')
        self.session = session = Session(Host(lab, f'mutated{number}', settings))
        with session:
            session.armed()
            traffic.everything(lab, '100k')
            parts = sources.with_traffic(session)
            for side, mac in MACS.items():
                self.sent[side] = [self.mutator.frame(self.mutator.choice(self.mutator.choice(parts)), mac) for _ in range(count // 2)]
            with session.window('mutated'):
                at_once(lambda side, ns: frames.send(ns, self.sent[side], every=EVERY, pause_s=PAUSE_S), lab.nics)
            self.recover(lab)
            self.roles = session.appliance.roles()
            session.end()

    def recover(self, lab):
        """What the frames said of who has which address is forgotten; then pages and names come through."""
        for ns in (lab.inside, lab.segment, lab.router, lab.dns, lab.aws, lab.web, self.session.appliance.ns):
            ns.ip('neighbour', 'flush', 'all')
        self.session.appliance.process.wait_for(lambda: comes(lab), 40, 'traffic behind the mutated frames')
        traffic.everything(lab, '100k')


def at_once(act, nics):
    threads = [threading.Thread(target=act, args=nic) for nic in nics]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def comes(lab):
    try:
        traffic.ping(lab, 1)
        return True
    except Exception:  # not yet
        time.sleep(0.5)
        return False


def nothing_dies(life):
    """No role dies of them, or does what its sandbox forbids; the appliance goes on to work, and ships all."""
    events = life.session.evidence.events()
    wrong = [e for e in events if e['event'] in ('role-died', 'call-denied')]
    assert not wrong, wrong
    assert set(life.roles) == set(life.session.appliance.role_names), life.roles


def nothing_unrecorded(life):
    """Each of them is recorded byte for byte, and in order, or counted: as lost, or as unattributed where Linux drops half a tag."""
    session = life.session
    for side, sent in life.sent.items():
        seen = [f.data for f in session.windows['mutated'][side]]
        mine = [f for f in sent if not half_a_tag(f)]
        at = iter(seen)
        missing = [f for f in mine if not any(f == s for s in at)]
        assert not missing, f'{side}: the independent capture has not seen {len(missing)} of {len(mine)}, the first {missing[0].hex()}'
    halves = {side: sum(map(half_a_tag, sent)) for side, sent in life.sent.items()}
    lost = sum(int(o.meta['lost']) for o in session.evidence.objects)
    for number, side in enumerate(compare.SIDES):
        wire = [f for f in session.windows['mutated'][side] if not half_a_tag(f.data)]
        result = compare.compare_side(session.evidence.recorded(), number, wire, lossy=True)
        lost -= result.missing
    assert lost >= 0, f'{-lost} frames are neither recorded nor counted as lost'
    books, = session.evidence.events('books')
    assert books['unattributed'] == sum(halves.values()) and books['surplus'] == 0, f'{books}, with half a tag: {halves}'


def is_evidence(life):
    """The recording is one: each packet numbered, signed, in the index."""
    for check in (evidence.check_pcapng, evidence.check_chain, evidence.check_signatures, evidence.check_index, evidence.check_log):
        check(life.session.evidence)


# ---- fragments

def fragment4(number):
    """The first, the last or a middle part of a datagram; each of a datagram of its own."""
    source = f'198.19.0.{10 + number % 240}' if number % 3 else f'10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}'
    place = (frames.MORE_FRAGMENTS, 8, frames.MORE_FRAGMENTS | 4)[number // 7 % 3]
    payload = frames.udp(b'x' * 24, 1024 + number % 60000, 9, source)
    return frames.ethernet(frames.ipv4(payload, identification=number // 240 & 0xffff, flags_and_offset=place, source=source))


def address6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def fragment6(number):
    source = address6('2001:db8:2::')[:12] + struct.pack('>I', 0x10000 + number)
    head = struct.pack('>BBHI', 17, 0, (1, 64, 65)[number % 3], number)
    payload = head + b'\x04\x00\x00\x09\x00\x20\x00\x00' + b'y' * 24
    packet = struct.pack('>IHBB', 6 << 28, len(payload), 44, 64) + source + address6(ipv6.WEB6) + payload
    return frames.ethernet(packet, 0x86dd)


class Unfinished:
    def __init__(self, lab):
        self.lab = lab
        self.session = session = Session(Host(lab, 'fragments', lab.configuration(object__max_seconds=5)))
        made = [f(n) for n in range(FRAGMENTS // 2) for f in (fragment4, fragment6)]
        with session:
            session.armed()
            self.ns = session.appliance.ns
            before = self.reassembly()
            self.whole_before = large_ping(lab)
            with session.window('fragments'):
                frames.send(lab.inside, made[:len(made) // 2], every=EVERY, pause_s=PAUSE_S)
                self.memory = self.frag_bytes()
                traffic.everything(lab, '100k')
                self.whole = large_ping(lab)
                frames.send(lab.inside, made[len(made) // 2:], every=EVERY, pause_s=PAUSE_S)
                self.memory = max(self.memory, self.frag_bytes())
            traffic.everything(lab, '100k')
            self.refused = self.reassembly() - before
            self.made, self.roles = made, session.appliance.roles()
            session.end()

    def frag_bytes(self):
        """What unfinished datagrams of IPv4 take of the kernel's memory."""
        line, = [x for x in self.ns.run('cat', '/proc/net/sockstat').splitlines() if x.startswith('FRAG:')]
        return int(line.split()[4])

    def reassembly(self):
        """ReasmFails: fragments whose datagram was given up, or that found no room."""
        names, values = [x.split() for x in self.ns.run('cat', '/proc/net/snmp').splitlines() if x.startswith('Ip:')]
        return int(values[names.index('ReasmFails')])


def large_ping(lab):
    """Does one that needs three fragments come through?"""
    try:
        return '1 received' in lab.inside.run('ping', '-n', '-c', '1', '-W', '2', '-s', '3000', WEB)
    except Exception:
        return False


def fragments_recorded(flood):
    """Each of 100,000 fragments that are never completed, of IPv4 and IPv6, is recorded as it came, and no role dies."""
    flood.session.compare('fragments')
    recorded = [f.data for stream in flood.session.recorded('fragments', 'inside').values() for f in stream]
    at = iter(recorded)
    missing = [f for f in flood.made if not any(f == r for r in at)]
    assert not missing, f'{len(missing)} of {len(flood.made)} are not recorded, the first {missing[0].hex()}'
    nothing_dies(flood)


def fragments_bounded(flood):
    """They take no more of the kernel's memory than its limit, and what is not a fragment flows all the while."""
    assert 0 < flood.memory <= FRAG_MAX_BYTES * 1.1, f'{flood.memory} bytes'


def fragments_of_others(flood):
    """While they fill it other fragments find no room: recorded, not forwarded, counted by the kernel as ReasmFails."""
    assert flood.whole_before and not flood.whole, (flood.whole_before, flood.whole)
    assert flood.refused > FRAGMENTS / 10, f'ReasmFails: {flood.refused} of {FRAGMENTS}'


def main():
    report = testing.report()
    print(f'# SEED={SEED}', flush=True)
    sources = Sources()
    if len(sources.parts) == 1:
        print('skip Frames of ../shared/pcaps are mutated, too: ../shared/pcaps is not there', flush=True)
    with Surroundings('frames') as lab:
        ipv6.lay(lab)
        for number in range(max(1, FRAMES // ROUND)):
            about = f' (round {number + 1})' if FRAMES > ROUND else ''
            report.life(lambda n=number: Life(lab, sources, n, min(FRAMES, ROUND)), (nothing_dies, nothing_unrecorded, is_evidence), about)
        report.life(lambda: Unfinished(lab), (fragments_recorded, fragments_bounded, fragments_of_others))
    report.finish()


main()
