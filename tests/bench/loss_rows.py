"""loss: packets that nobody recorded, at the highest rate at which plain forwarding loses none, and what a packet costs above it.

Ours does all of it: record, compress, encrypt, hash, sign, ship over TLS to a server on this machine, whose work counts as well. The peers
write to tmpfs, in the clear, with buffers of 256 MiB where losses are looked for; ours has its own of 32 MiB a worker.
"""
import os
import statistics

import mix
from lab.surroundings import Surroundings
from recorders import BUFFER_MIB, KEEPS_UP, PEERS, Appliance, Side, Netsniff, as_called, called, cost_s
from sink import Sink
from table import Missing, Row

RATES = 50_000, 1_000_000  # what is looked for lies between
LEAST = 20_000
STEP = 1.1  # of the search: neighbouring rates
TRIES = 3  # a stray loss is none of the rate's
LOWER = 8  # rates, each 0.8 of the one before
QUICK = 'loss', '64-byte'  # alone: what a packet costs is not seen in a second or two
MODERATE = {'64-byte': 100_000, 'mixed': 50_000}
SECONDS, COST_SECONDS, QUICK_SECONDS = 5, 15, 1
HOW = ('generate.c through a gateway of two veths with NAT, as a packet comes from a NIC of one queue; peers at both links to tmpfs in '
       'the clear, nothing authenticated or hashed; sealtap, its defaults, a worker for each core: zstd, AES-256-GCM, SHA-256, '
       'ECDSA, TLS to nginx. ')
UNRECORDED = (f'; buffers of peers {BUFFER_MIB} MiB; unrecorded: sent, and not found by tcpdump in what was written, or in the objects '
              'once AWS\'s SDK and zstd had opened them; the worst of all rounds')


class Scene:
    def __init__(self, bench, lab):
        self.bench, self.lab = bench, lab
        self.sink = Sink(lab, os.path.join(bench.folder, 'bodies'), keeps=True)
        self.seconds = QUICK_SECONDS if bench.quick else SECONDS
        self.first = mix.first(bench.folder)
        mixed, self.words = mix.mixed(lab, bench.folder)
        self.traffic = {'mixed': mixed, '64-byte': mix.small(bench.folder)}

    def made(self, side, **more):
        return side(self.lab, self.bench.folder, self.sink, **more)

    def passes(self, path, rate, seconds):
        """Does plain forwarding lose none, at that rate?"""
        with self.made(Side) as side:
            side.send(path, int(rate * seconds), rate)
            return side.forwarded() == side.sent and side.reached >= KEEPS_UP

    def highest(self, path):
        """Frames a second: between steps by halves, then down until it passes for as long as the sides are measured, twice.
        0: none above LEAST does."""
        low, high = RATES
        while high / low > STEP:
            middle = (low * high) ** 0.5
            passes = any(self.passes(path, middle, 0.5) for _ in range(TRIES))
            low, high = (middle, high) if passes else (low, middle)
        while not all(self.passes(path, low, self.seconds) for _ in range(2)):
            low /= STEP
            if low < LEAST:
                return 0
        return int(low)

    def unrecorded(self, side, path, rate):
        """Packets unrecorded, those that did not leave the gateway, and the part of the rate that was reached."""
        with self.made(side) as s:
            s.begin_with(self.first)
            s.send(path, rate * self.seconds, rate)
            passed = s.forwarded()
            s.stop()
            lost = s.sent - s.recorded()
        self.bench.note(f'{s.name}: {s.sent} sent at {s.reached:.2f} of {rate}/s, {passed} forwarded, {lost} unrecorded, of both links '
                        f'{s.losses()} by its own count')
        return lost, s.sent - passed, s.reached

    def lossless(self, side, path, rate):
        """The first of lower rates at which a side records all; 0: none of them."""
        for _ in range(LOWER):
            rate = int(rate * 0.8)
            lost, _, reached = self.unrecorded(side, path, rate)
            if lost == 0 and reached >= KEEPS_UP:
                return rate
        return 0

    def cost_ns(self, side, path, rate, **more):
        """Busy ns a packet, above nothing; packets that it lost."""
        with self.made(side, **more) as s:
            s.begin_with(self.first)
            busy = cost_s(s, path, rate * COST_SECONDS, rate)
            if s.reached < KEEPS_UP:
                raise Missing(f'the generator reached {s.reached:.2f} of {rate:,}/s beside {s.name}')
            return busy * 1e9 / s.sent, s.losses()


def loss_rows(scene, kind):
    path = scene.traffic[kind]
    rate = scene.highest(path)
    what = f'unrecorded of {rate * scene.seconds:,} packets, {kind}, {rate:,}/s'
    if not rate:
        yield Row.absent(what, '', ('<=', 0), f'plain forwarding alone loses packets at {LEAST:,}/s, or the generator lags')
        return
    scene.bench.note(f'{kind}: plain forwarding passes {rate} packets/s')
    turns = {side: [] for side in (Appliance, *PEERS)}
    for _ in range(scene.bench.rounds):
        for side in turns:
            turns[side].append(scene.unrecorded(side, path, rate))
    worst = {side: [max(turn[0] for turn in of)] for side, of in turns.items()}
    dropped = {side: [turn[1] for turn in of] for side, of in turns.items()}
    lag = {side: min(turn[2] for turn in of) for side, of in turns.items()}
    best = min(PEERS, key=lambda side: worst[side])
    how = HOW + scene.words + UNRECORDED
    short = (f'{statistics.median(dropped[Appliance]):,.0f} of these did not leave the gateway either: on {os.cpu_count()} cores the '
             'generator, forwarding, the recorder and the server that it ships to share the machine')

    def row(what, against, figure, *sides, **more):
        lagging = [f'{lag[side]:.2f} of {rate:,}/s beside {side.name}' for side in sides if lag[side] < KEEPS_UP]
        if lagging:
            return Row.absent(what, against, ('<=', 0), 'the generator reached ' + ', '.join(lagging))
        return Row(what, against, '', [figure], (), ('<=', 0), how=how, **more)
    yield row(what, '', worst[Appliance][0], Appliance, short=short)
    for side in PEERS:
        more = max(0, *(ours[0] - others[0] for ours, others in zip(turns[Appliance], turns[side])))
        yield row(f'unrecorded more than a peer, {kind}', f'{side.name}: {worst[side][0]:,}', more, Appliance, side,
                  short=short + f'; the best of the peers is {best.name}')
    for side in turns:
        yield Row(f'recorded or not, it did not leave the gateway, {kind}', side.name, '', dropped[side], how=how)
    if not scene.bench.quick:
        for side in turns:
            reached = rate if worst[side] == [0] and lag[side] >= KEEPS_UP else scene.lossless(side, path, rate)
            yield Row(f'highest rate with none unrecorded, {kind}', side.name, '/s', [reached], how=how)


def cost_rows(scene, kind):
    path, rate = scene.traffic[kind], MODERATE[kind]
    busy, lost = {side: [] for side in (Side, Appliance, *PEERS)}, {}
    buffers = {side.name: BUFFER_MIB for side in PEERS if scene.bench.quick or side is Netsniff}
    what = f'added cost of a forwarded packet, {kind}, {rate:,}/s'
    try:
        for side in scene.bench.rounds * (*busy, Side):  # plain forwarding first and last: the first turn of all is a cold one
            ns, gone = (as_called(buffers, side.name, lambda mib, side=side: scene.cost_ns(side, path, rate, buffer_mib=mib))
                        if side in PEERS else scene.cost_ns(side, path, rate))
            busy[side].append(ns)
            lost[side] = lost.get(side, 0) + gone
    except Missing as missing:
        yield Row.absent(what, 'the peers', ('<=', 1.0), str(missing))
        return
    plain, spread = statistics.median(busy[Side]), max(busy[Side]) - min(busy[Side])
    added = {side: [ns - plain for ns in busy[side]] for side in (Appliance, *PEERS)}
    told = ', '.join(f'{side.name} {" ".join(f"{ns:.0f}" for ns in busy[side])}' for side in busy)
    scene.bench.note(f'{kind} at {rate}/s, busy ns a packet: {told}')
    best = min(PEERS, key=lambda side: statistics.median(added[side]))
    how = (HOW + scene.words + f'; {called(buffers)}; cost: busy time of the machine until all is written or shipped, plain forwarding '
           f'left out ({kind}: {plain:,.0f} ns); packets lost: ' + ', '.join(f'{side.name} {n}' for side, n in lost.items()))
    for side in PEERS:
        must = ('<=', 1.0) if side == best else None
        if lost[Appliance]:
            yield Row.absent(what, side.name, must, f'ours lost {lost[Appliance]:,} packets')
        elif min(statistics.median(added[s]) for s in (Appliance, side)) <= spread:  # a ratio of such says nothing
            yield Row.absent(what, side.name, must, f'what a side adds is not above the scatter of plain forwarding; ns: {told}')
        else:
            yield Row(what, side.name, 'ns', added[Appliance], added[side], must, how=how,
                      short='the peer does not compress, encrypt or ship')


def rows(bench):
    with Surroundings('bench-loss') as lab:
        scene = Scene(bench, lab)
        for name, measure in (('cost', cost_rows), ('loss', loss_rows)):
            for kind in scene.traffic:
                if not bench.quick or QUICK == (name, kind):
                    yield from measure(scene, kind)
