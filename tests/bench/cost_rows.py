"""cost: busy CPU-seconds of the whole machine for each GB of traffic, above plain forwarding: the appliance, and what people use today.

A turn: the gateway is up, the same exchanges go through, and all that was recorded is shipped (or on tmpfs) before the clock stops.
"""
import contextlib
import os
import re
import secrets
import signal
import shutil
import time

import exchanges
from cpu import busy_s
from lab import aws, certs, procs
from lab.surroundings import Surroundings
from recorders import BUFFER_MIB, START_S, Appliance, Dumpcap, Peer, Side, Sink
from table import Missing, Row

ROTATE_S, QUICK_ROTATE_S = 10, 2
SECONDS, QUICK_SECONDS = 30, 5
RATE_MBIT_S = 300
SCRIPT = '''#!/bin/sh -e
zstd -q -1 -c "$1" | openssl enc -aes-256-ctr -K {key} -iv {iv} >"$1.sealed"
curl -sS -f --cacert {ca} --aws-sigv4 aws:amz:eu-central-1:s3 --user AKIDEXAMPLE:secret -T "$1.sealed" https://{sink}/script/ -o /dev/null
rm "$1" "$1.sealed"
'''
OURS = 'Ours: both links, pcapng, zstd -1 that adapts, AES-256-GCM with key commitment, SHA-256, a signed chain, flow logs; PUT by TLS. '
TODAY = ('Script: tcpdump -Q in -G {0} on each link, then zstd -1, openssl enc -aes-256-ctr (nothing authenticated), curl --aws-sigv4 -T '
         'over TLS. The same sink, whose CPU is in both figures. ')
ALL = 'dumpcap: one process for both links, to tmpfs in the clear, which sees each forwarded packet as it comes and as it goes. '
INBOUND = 'dumpcap: one process for both links, to tmpfs in the clear, by filter only what comes. '
MIXES = {'tls': 'TLS-heavy: of 1,000 requests 900 bring ciphertext, 50 take it up, 50 are clear pages',
         'http': 'clear HTTP: texts of this machine and, for pictures, noise, three to one'}
TRAFFIC = ('Traffic: {0}; heads of 420 bytes, bodies of 1 KB to 2 MB, sizes even on a logarithmic scale, eight requests a connection, a '
           'question by UDP for each connection; {1} Mbit/s over kernel TCP, {2:.2f} GB a turn; clear pages {3}. ')


class Ours(Appliance):
    """Objects go to the sink as they rotate, the last ones when it stops."""
    rotates = True

    def __init__(self, turns, **settings):
        self.settings = {'object__max_seconds': turns.rotate_s, **settings}
        super().__init__(turns.lab, turns.bench.folder, turns.sink)


class Script(Peer):
    """tcpdump -G .. -z script; what the last rotation left is shipped when it ends."""
    name, dropped, rotates = 'script', r'(\d+) packets? dropped by kernel', True

    def __init__(self, turns):
        self.rotate_s, self.shelf = turns.rotate_s, os.path.join(turns.bench.folder, 'script')
        os.makedirs(self.shelf, exist_ok=True)
        self.path = os.path.join(turns.bench.folder, 'ship')
        with open(self.path, 'w') as f:
            f.write(SCRIPT.format(key=secrets.token_hex(32), iv=secrets.token_hex(16), ca=certs.CA, sink=aws.S3_HOST))
        os.chmod(self.path, 0o755)
        super().__init__(turns.lab, turns.bench.folder)

    def argv(self, link):
        return ['tcpdump', '-i', link, '-Q', 'in', '-n', '-s', '0', '-B', str(BUFFER_MIB * 1024), '-Z', 'root', '-G', str(self.rotate_s),
                '-z', self.path, '-w', f'{self.shelf}/{link}-%s.pcap']

    def begin(self):
        self.files = []
        self.programs = [self.lab.processes.start(f'script-{links[0]}', self.argv(*links), self.ns) for links in self.links]
        for p in self.programs:
            p.wait_output('listening on', 10)
        time.sleep(START_S)

    def stop(self):
        for p in self.programs:
            p.end(signal.SIGINT, 60)
            self.lab.processes.list.remove(p)
        for name in sorted(os.listdir(self.shelf)):
            path = os.path.join(self.shelf, name)
            if name.endswith('.pcap'):
                procs.wait_until(lambda path=path: not os.path.exists(path + '.sealed'), 60, 'end of a script')
                if os.path.exists(path):
                    self.ns.run(self.path, path)


class DumpcapAll(Dumpcap):
    """As one calls it: what comes and what goes, at both links."""

    def argv(self, inside, outside, path):
        return ['dumpcap', '-q', *(word for link in (inside, outside) for word in ('-i', link, '-B', str(BUFFER_MIB))), '-w', path]


def lost(side):
    """Packets that it says it lost, on both links."""
    if isinstance(side, Peer):
        return sum(map(int, re.findall(side.dropped, ' '.join(p.output() for p in side.programs))))
    return side.lost_claimed


class Turns:
    """Where the turns take place."""

    def __init__(self, stack, bench):
        for program in ('nginx', 'nft', 'tcpdump', 'dumpcap', 'zstd', 'openssl', 'curl'):
            if not shutil.which(program):
                raise Missing(f'{program} is not here (image/packages bench)')
        self.bench = bench
        self.seconds, self.rotate_s = (QUICK_SECONDS, QUICK_ROTATE_S) if bench.quick else (SECONDS, ROTATE_S)
        self.lab = stack.enter_context(Surroundings('bench-cost'))
        self.sink = Sink(self.lab, os.path.join(bench.folder, 'bodies'))
        self.traffic = stack.enter_context(exchanges.Traffic(self.lab, bench.folder))
        self.bytes = {}

    def warm_up(self, side, mix):
        """Memory has been touched, connections are there, and what that brought is shipped: a rotation wants one more packet."""
        self.traffic.ready()
        self.traffic.run(mix, RATE_MBIT_S, 2)
        if getattr(side, 'rotates', False):
            time.sleep(self.rotate_s + 1)
            self.traffic.ready()
        time.sleep(2)

    def turn(self, side, mix):
        """CPU-seconds a GB, of all that the machine did; packets that the side lost."""
        holds = getattr(side, 'holds_sink', False)
        with side:
            self.warm_up(side, mix)
            if holds:
                self.sink.hold(True)
            taken, sink, busy, begin = self.sink.taken_bytes(), self.sink.cpu_s(), busy_s(), time.monotonic()
            self.bytes[mix] = passed = self.traffic.run(mix, RATE_MBIT_S, self.seconds)
            sent_s = time.monotonic() - begin
            side.stop()
            busy, sink, gb = busy_s() - busy, self.sink.cpu_s() - sink, passed / 1e9
            if holds:
                self.sink.hold(False)
                side.after()
            gone = lost(side)
            share, rate = (self.sink.taken_bytes() - taken) / passed, passed * 8 / sent_s / 1e6
            self.bench.note(f'{mix}, {side.name}: {busy / gb:.2f} CPU-s/GB, of it sink {sink / gb:.2f} for {share:.2f} of the bytes; '
                            f'{rate:.0f} Mbit/s; lost {gone}')
        return busy / gb, gone

    def above_plain(self, mix, sides):
        """{side: [CPU-s/GB above plain forwarding, of each round]}, {side: packets lost}."""
        above, gone = {name: [] for name in sides}, {name: 0 for name in sides}
        for _ in range(self.bench.rounds):
            plain, _ = self.turn(Side(self.lab, self.bench.folder), mix)
            for name, make in sides.items():
                cost, lost_now = self.turn(make(), mix)
                above[name].append(cost - plain)
                gone[name] += lost_now
        return above, gone

    def told(self, mix, gone, *names):
        return (TRAFFIC.format(MIXES[mix], RATE_MBIT_S, self.bytes[mix] / 1e9, self.traffic.like) +
                'Packets lost: ' + ', '.join(f'{n} {gone[n]}' for n in names) + '.')


def rows(bench):
    with contextlib.ExitStack() as stack:
        turns = Turns(stack, bench)
        for mix, must, aim in (('tls', 1 / 2, 1 / 3), ('http', 2 / 3, 1 / 2)):
            sides = {'ours': lambda: Ours(turns), 'script': lambda: Script(turns),
                     'dumpcap': lambda: DumpcapAll(turns.lab, bench.folder)}
            if not bench.quick:
                sides['inbound'] = lambda: Dumpcap(turns.lab, bench.folder)
            above, gone = turns.above_plain(mix, sides)
            for name, against, who, bound, wish in (('script', 'tcpdump -z script', TODAY.format(turns.rotate_s), must, aim),
                                                    ('dumpcap', 'dumpcap to tmpfs', ALL, 0.6, None),
                                                    ('inbound', 'dumpcap to tmpfs, what comes alone', INBOUND, None, None)):
                if name in above:
                    yield Row(f'record, compress, seal, ship: {mix}', against, 'CPU-s/GB', above['ours'], above[name],
                              bound and ('<=', bound), wish, OURS + who + turns.told(mix, gone, 'ours', name))
