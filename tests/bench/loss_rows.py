"""loss: packets that nobody recorded, at the highest rate at which plain forwarding loses none, and what a packet costs above it.

Ours does all of it: record, compress, encrypt, hash, sign, ship over TLS to a server on this machine, whose work counts as well. The peers
write to tmpfs, in the clear, with buffers of 256 MiB; ours has its own of 32 MiB a worker.
"""
import os
import statistics

import mix
from lab.surroundings import Surroundings
from recorders import BUFFER_MIB, PEERS, Appliance, Side, Sink, cost_s
from table import Row

RATES = 50_000, 1_000_000  # what is looked for lies between
STEP = 1.1  # of the search: neighbouring rates
TRIES = 3  # a stray loss is none of the rate's
LOWER = 8  # rates, each 0.8 of the one before
QUICK = {'64-byte': 'loss', 'mixed': 'cost'}  # one of each
MODERATE = {'64-byte': 100_000, 'mixed': 50_000}
SECONDS, QUICK_SECONDS = 5, 2
HOW = ('generate.c through a gateway of two veths with NAT, as a packet comes from a NIC of one queue; peers at both links to tmpfs in '
       f'the clear, buffers of {BUFFER_MIB} MiB, nothing authenticated or hashed; sealtap, its defaults: zstd, AES-256-GCM, SHA-256, '
       'ECDSA, TLS to nginx. ')


class Scene:
    def __init__(self, bench, lab):
        self.bench, self.lab = bench, lab
        self.sink = Sink(lab, os.path.join(bench.folder, 'bodies'))
        self.seconds = QUICK_SECONDS if bench.quick else SECONDS
        mixed, self.words = mix.mixed(lab, bench.folder)
        self.traffic = {'mixed': mixed, '64-byte': mix.small(bench.folder)}

    def made(self, side):
        return side(self.lab, self.bench.folder, self.sink)

    def passes(self, path, rate, seconds):
        """Does plain forwarding lose none?"""
        with self.made(Side) as side:
            side.send(path, int(rate * seconds), rate)
            return side.forwarded() == side.sent

    def highest(self, path):
        """Frames a second: between steps by halves, then down until it passes for as long as the sides are measured, twice."""
        low, high = RATES
        while high / low > STEP:
            middle = (low * high) ** 0.5
            passes = any(self.passes(path, middle, 0.5) for _ in range(TRIES))
            low, high = (middle, high) if passes else (low, middle)
        while not all(self.passes(path, low, self.seconds) for _ in range(2)):
            low /= STEP
        return int(low)

    def unrecorded(self, side, path, rate):
        with self.made(side) as s:
            s.send(path, rate * self.seconds, rate)
            passed = s.forwarded()
            s.stop()
            lost = s.sent - s.recorded()
        self.bench.note(f'{s.name}: {s.sent} sent at {rate}/s, {passed} forwarded, {lost} unrecorded, {s.lost_claimed} by its own count')
        return lost, s.sent - passed

    def lossless(self, side, path, rate):
        """The first of lower rates at which a side records all; 0: none of them."""
        for _ in range(LOWER):
            rate = int(rate * 0.8)
            if self.unrecorded(side, path, rate)[0] == 0:
                return rate
        return 0

    def cost_ns(self, side, path, rate):
        """Busy ns a packet, above nothing."""
        with self.made(side) as s:
            busy = cost_s(s, path, rate * self.seconds, rate)
            return busy * 1e9 / s.sent


def loss_rows(scene, kind):
    path = scene.traffic[kind]
    rate = scene.highest(path)
    scene.bench.note(f'{kind}: plain forwarding passes {rate} packets/s')
    lost = {side: [] for side in (Appliance, *PEERS)}
    dropped = {side: [] for side in lost}
    for _ in range(scene.bench.rounds):
        for side in lost:
            unrecorded, not_forwarded = scene.unrecorded(side, path, rate)
            lost[side].append(unrecorded)
            dropped[side].append(not_forwarded)
    ours, best = lost[Appliance], min(PEERS, key=lambda side: statistics.median(lost[side]))
    before = statistics.median(dropped[Appliance])
    how = HOW + scene.words + '; unrecorded: sent, and not in what was shipped or written'
    short = (f'{before:,.0f} of these did not leave the gateway either: on {os.cpu_count()} cores the generator, forwarding, the recorder '
             'and the server that it ships to share the machine')
    yield Row(f'unrecorded of {rate * scene.seconds:,} packets, {kind}, {rate:,}/s', '', '', ours, (), ('<=', 0), how=how, short=short)
    for side in PEERS:
        others = lost[side]
        worse = [max(0, a - b) for a, b in zip(ours, others)]
        yield Row(f'unrecorded more than a peer, {kind}', f'{side.name}: {statistics.median(others):,.0f}', '', worse, (), ('<=', 0),
                  how=how, short=short + f'; the best of the peers is {best.name}')
    for side in lost:
        yield Row(f'recorded or not, it did not leave the gateway, {kind}', side.name, '', dropped[side], how=how)
    if not scene.bench.quick:
        for side in lost:
            reached = rate if statistics.median(lost[side]) == 0 else scene.lossless(side, path, rate)
            yield Row(f'highest rate with none unrecorded, {kind}', side.name, '/s', [reached], how=how)


def cost_rows(scene, kind):
    path, rate = scene.traffic[kind], MODERATE[kind]
    sides = (Side, Appliance, *PEERS)
    busy = {side: [] for side in sides}
    for _ in range(scene.bench.rounds):
        for side in sides:
            busy[side].append(scene.cost_ns(side, path, rate))
    plain = statistics.median(busy[Side])
    added = {side: [ns - plain for ns in busy[side]] for side in sides[1:]}
    told = ', '.join(f'{side.name} {" ".join(f"{ns:.0f}" for ns in busy[side])}' for side in sides)
    scene.bench.note(f'{kind} at {rate}/s, busy ns a packet: {told}')
    best = min(PEERS, key=lambda side: statistics.median(added[side]))
    how = (HOW + scene.words + '; cost: busy time of the machine until all is written or shipped, plain forwarding left out '
           f'({kind}: {plain:,.0f} ns)')
    for side in PEERS:
        what, must = f'added cost of a forwarded packet, {kind}, {rate:,}/s', ('<=', 1.0) if side == best else None
        if min(statistics.median(added[s]) for s in (Appliance, side)) <= 0:  # a ratio of such says nothing
            yield Row.absent(what, side.name, must, f'a side cost less than plain forwarding: the machine does other things; ns: {told}')
            continue
        yield Row(what, side.name, 'ns', added[Appliance], added[side], must, how=how,
                  short='the peer does not compress, encrypt or ship')


def rows(bench):
    with Surroundings('bench-loss') as lab:
        scene = Scene(bench, lab)
        for name, measure in (('cost', cost_rows), ('loss', loss_rows)):
            for kind in scene.traffic:
                if not bench.quick or QUICK[kind] == name:
                    yield from measure(scene, kind)
