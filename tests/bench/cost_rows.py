"""cost: busy CPU-seconds of the whole machine for each GB of traffic, above plain forwarding: the appliance, and what people use today.

A turn: the gateway is up, the same exchanges go through, and all that was recorded is shipped (or on tmpfs) before the clock stops.
"""
import contextlib
import os
import secrets
import signal
import shutil
import statistics
import time

import exchanges
from cpu import busy_s
from kept import kept
from lab import aws, certs, procs
from lab.surroundings import Surroundings
from recorders import BUFFER_MIB, DRAIN_S, START_S, Appliance, Dumpcap, Peer, Side, as_called, called
from sink import Sink
from table import Missing, Row

ROTATE_S, QUICK_ROTATE_S = 10, 1
SECONDS, QUICK_SECONDS = 30, 4
RATE_MBIT_S = 300
STILL_S = 20  # so long the sink may stand still: upload waits longer for an answer
SCRIPT = '''#!/bin/sh -e
mv "$1" "$1.taken" 2>/dev/null || exit 0
zstd -q -1 -c "$1.taken" | openssl enc -aes-256-ctr -K {key} -iv {iv} >"$1.sealed"
curl -sS -f --cacert {ca} --aws-sigv4 aws:amz:eu-central-1:s3 --user AKIDEXAMPLE:secret -T "$1.sealed" https://{sink}/script/ -o /dev/null
rm "$1.sealed" "$1.taken"
'''
OURS = 'Ours: both links, pcapng, zstd -1 that adapts, AES-256-GCM with key commitment, SHA-256, a signed chain, flow logs; PUT by TLS. '
TODAY = ('Script: tcpdump -Q in -G {0} on each link, then zstd -1, openssl enc -aes-256-ctr (nothing authenticated), curl --aws-sigv4 -T '
         'over TLS. The same sink, whose CPU is in both figures. ')
ALL = 'dumpcap: one process for both links, to tmpfs in the clear, which sees each forwarded packet as it comes and as it goes. '
INBOUND = 'dumpcap: one process for both links, to tmpfs in the clear, by filter only what comes. '
SHORT = ('of it the sink takes {0}; the rest of ours: copies into the ring and the pool, {1}AES-GCM and SHA-256 of each byte, TLS of what '
         'is shipped (ARCHITECTURE.md, "What it costs")')
MIXES = {'tls': 'TLS-heavy: of 1,000 requests 900 bring ciphertext, 50 take it up, 50 are clear pages',
         'http': 'clear HTTP: texts of this machine and, for pictures, noise, three to one'}
TRAFFIC = ('Traffic: {0}; heads of 420 bytes, bodies of 1 KB to 2 MB, sizes even on a logarithmic scale, eight requests a connection, a '
           'question by UDP for each connection, both ends on the first processor; {1} Mbit/s over kernel TCP, {2:.2f} GB a turn; clear '
           'pages {3}; {4}. ')


class Ours(Appliance):
    """Objects go to the sink as they rotate, the last ones when it stops."""
    rotates = True

    def __init__(self, turns, **settings):
        self.settings = {'object__max_seconds': turns.rotate_s, **settings}
        super().__init__(turns.lab, turns.bench.folder, turns.sink)


class Script(Peer):
    """tcpdump -G .. -z script; what the last rotation left is shipped when it ends. A file is whose who renames it first."""
    name, dropped, rotates = 'script', r'(\d+) packets? dropped by kernel', True

    def __init__(self, turns, buffer_mib):
        self.rotate_s, self.shelf = turns.rotate_s, os.path.join(turns.bench.folder, 'script')
        os.makedirs(self.shelf, exist_ok=True)
        self.path = os.path.join(turns.bench.folder, 'ship')
        with open(self.path, 'w') as f:
            f.write(SCRIPT.format(key=secrets.token_hex(32), iv=secrets.token_hex(16), ca=certs.CA, sink=aws.S3_HOST))
        os.chmod(self.path, 0o755)
        super().__init__(turns.lab, turns.bench.folder, buffer_mib=buffer_mib)

    def argv(self, link):
        return ['tcpdump', '-i', link, '-Q', 'in', '-n', '-s', '0', *self.buffer('-B', times=1024), '-Z', 'root', '-G', str(self.rotate_s),
                '-z', self.path, '-w', f'{self.shelf}/{link}-%s.pcap']

    def begin(self):
        self.files = []
        self.programs = [self.lab.processes.start(f'script-{links[0]}', self.argv(*links), self.ns) for links in self.links]
        for p in self.programs:
            p.wait_output('listening on', 10)
        time.sleep(START_S)

    def stop(self):
        time.sleep(DRAIN_S)
        for p in self.programs:
            p.end(signal.SIGINT, 60)
            self.lab.processes.list.remove(p)
        for name in sorted(os.listdir(self.shelf)):
            if name.endswith('.pcap'):
                self.ns.run(self.path, os.path.join(self.shelf, name))
        procs.wait_until(lambda: not os.listdir(self.shelf), 60, 'end of all scripts')


class DumpcapAll(Dumpcap):
    """As one calls it: what comes and what goes, at both links."""

    def argv(self, inside, outside, path):
        both = [word for link in (inside, outside) for word in ('-i', link, *self.buffer('-B'))]
        return ['dumpcap', '-q', *both, *self.queue(), '-w', path]


class Turns:
    """Where the turns take place: `seconds` of traffic each."""

    def __init__(self, stack, bench, seconds=SECONDS):
        for program in ('nginx', 'nft', 'tcpdump', 'dumpcap', 'zstd', 'openssl', 'curl'):
            if not shutil.which(program):
                raise Missing(f'{program} is not here (image/packages bench)')
        self.bench = bench
        self.seconds, self.rotate_s = (QUICK_SECONDS, QUICK_ROTATE_S) if bench.quick else (seconds, ROTATE_S)
        self.pause_s = 1 if bench.quick else 2
        self.lab = stack.enter_context(Surroundings('bench-cost'))
        self.sink = Sink(self.lab, os.path.join(bench.folder, 'bodies'))
        self.traffic = stack.enter_context(exchanges.Traffic(self.lab, bench.folder))
        self.bytes, self.buffers = {}, {}
        self.memory = stack.enter_context(kept(0) if bench.quick else kept())

    def warm_up(self, side, mix):
        """Memory has been touched that a rotation or two use, connections are there, and what that brought is shipped: a rotation wants
        one more packet."""
        self.traffic.ready()
        self.traffic.run(mix, RATE_MBIT_S, self.pause_s if self.bench.quick else 2 * self.rotate_s)
        if getattr(side, 'rotates', False):
            time.sleep(self.rotate_s + 1)
            self.traffic.ready()
        time.sleep(self.pause_s)

    def turn(self, side, mix):
        """CPU-seconds a GB, of all that the machine did, and of the sink; the part of the bytes that the side stored or shipped; packets
        that it lost."""
        with side:
            self.warm_up(side, mix)
            with contextlib.ExitStack() as still:
                if getattr(side, 'holds_sink', False):
                    still.enter_context(procs.stopped(self.sink.worker()))
                stored, sink, busy = self.sink.taken_bytes() + side.stored_bytes(), self.sink.cpu_s(), busy_s()
                begin = time.monotonic()
                self.bytes[mix] = passed = self.traffic.run(mix, RATE_MBIT_S, self.seconds)
                sent_s = time.monotonic() - begin
                side.stop()
                busy, sink, gb = busy_s() - busy, self.sink.cpu_s() - sink, passed / 1e9
            if getattr(side, 'holds_sink', False):
                if time.monotonic() - begin > STILL_S:
                    raise Missing(f'the sink stood still for more than {STILL_S} s')
                side.after()
            lost, rate = side.losses(), passed * 8 / sent_s / 1e6
            share = (self.sink.taken_bytes() + side.stored_bytes() - stored) / passed
            self.bench.note(f'{mix}, {side.name}: {busy / gb:.2f} CPU-s/GB, of it sink {sink / gb:.2f}; {share:.2f} of the bytes; '
                            f'{rate:.0f} Mbit/s; lost {lost}')
        return (busy / gb, sink / gb, share), lost

    def plain(self, mix):
        (cost, *_), _ = self.turn(Side(self.lab, self.bench.folder), mix)
        return cost

    def above_plain(self, mix, ours, peers):
        """Measures all rounds: for row(). ours: {name: make()}; peers: {name: make(buffer_mib)}. Plain forwarding comes first and, but
        in a quick run, last: the machine may have become slower meanwhile."""
        self.above, self.sinks, self.shares, self.lost = {}, {}, {}, {}
        if self.bench.quick:
            self.buffers = dict.fromkeys(peers, BUFFER_MIB)
        for _ in range(self.bench.rounds):
            plain, costs = [self.plain(mix)], {}
            for name in (*ours, *peers):
                (cost, sink, share), lost = (self.turn(ours[name](), mix) if name in ours else
                                             as_called(self.buffers, name, lambda mib, name=name: self.turn(peers[name](mib), mix)))
                costs[name], self.sinks[name], self.shares[name] = cost, sink, share
                self.lost[name] = self.lost.get(name, 0) + lost
            if not self.bench.quick:
                plain.append(self.plain(mix))
            for name, cost in costs.items():
                self.above.setdefault(name, []).append(cost - statistics.mean(plain))

    def row(self, what, against, mix, ours, peer, must, aim, how, zstd='zstd, '):
        """What `ours` costs above plain forwarding, against what a peer does."""
        if self.lost[ours]:
            return Row.absent(what, against, must, f'ours lost {self.lost[ours]:,} packets')
        told = ', '.join(f'{name} {self.lost[name]} packets lost, {100 * self.shares[name]:.0f} % of the bytes stored or shipped'
                         for name in (ours, peer))
        how += TRAFFIC.format(MIXES[mix], RATE_MBIT_S, self.bytes[mix] / 1e9, self.traffic.like, self.memory)
        short = SHORT.format(', '.join(f'{self.sinks[name]:.2f} of {name}' for name in (ours, peer)), zstd)
        return Row(what, against, 'CPU-s/GB', self.above[ours], self.above[peer], must, aim,
                   f'{how}{told}; {called({peer: self.buffers[peer]})}.', short)


def rows(bench):
    with contextlib.ExitStack() as stack:
        turns = Turns(stack, bench)
        for mix, must, aim in (('tls', 1 / 2, 1 / 3), ('http', 2 / 3, 1 / 2))[:1 if bench.quick else 2]:
            peers = {'script': lambda mib: Script(turns, mib),
                     'dumpcap': lambda mib: DumpcapAll(turns.lab, bench.folder, buffer_mib=mib)}
            if not bench.quick:
                peers['inbound'] = lambda mib: Dumpcap(turns.lab, bench.folder, buffer_mib=mib)
            turns.above_plain(mix, {'ours': lambda: Ours(turns)}, peers)
            for name, against, who, bound, wish in (('script', 'tcpdump -z script', TODAY.format(turns.rotate_s), must, aim),
                                                    ('dumpcap', 'dumpcap to tmpfs', ALL, 0.6, None),
                                                    ('inbound', 'dumpcap to tmpfs, what comes alone', INBOUND, None, None)):
                if name in peers:
                    yield turns.row(f'record, compress, seal, ship: {mix}', against, mix, 'ours', name, bound and ('<=', bound), wish,
                                    OURS + who)
