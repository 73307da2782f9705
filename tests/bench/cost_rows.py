"""cost: busy CPU-seconds of the whole machine for each GB of traffic, above plain forwarding: the appliance, and what people use today.

A turn: the gateway is up, the same exchanges go through, and all that was recorded is shipped (or on tmpfs) before the clock stops.
"""
import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import time

import road
from cpu import busy_s
from lab import aws, procs
from lab.host import INIT, INSIDE, OUTSIDE, Host
from lab.surroundings import AWS, IMPOSTOR, Surroundings
from table import Missing, Row

ROTATE_S, QUICK_ROTATE_S = 10, 2
RATE_MBIT_S = 300
SCRIPT = '''#!/bin/sh -e
zstd -q -{level} -c "$1" | openssl enc -aes-256-ctr -K {key} -iv {iv} >"$1.sealed"
curl -sS -f --cacert {ca} --aws-sigv4 aws:amz:eu-central-1:s3 --user AKIDEXAMPLE:secret -T "$1.sealed" https://{sink}/script/ -o /dev/null
rm "$1" "$1.sealed"
'''
OURS = ('Ours: both links, pcapng, zstd -1 that adapts, AES-256-GCM with key commitment, SHA-256, a signed chain, flow logs, '
        'PUT over TLS. ')
TODAY = ('Script: tcpdump -Q in -G {0} on each link, then zstd -1, openssl enc -aes-256-ctr (nothing authenticated), curl --aws-sigv4 -T '
         'over TLS. The same sink, whose CPU is in both figures. ')
CLEAR = 'dumpcap: one process for both links, in the clear to tmpfs, nothing compressed, sealed, hashed or shipped. '
MIXES = {'tls': 'TLS-heavy: of 1,000 requests 900 bring ciphertext, 50 take it up, 50 are clear pages',
         'http': 'clear HTTP: texts of this machine and, for pictures, noise, four to one'}
TRAFFIC = ('Traffic: {0}; heads of 420 bytes, bodies of 1 KB to 2 MB, sizes even on a logarithmic scale, eight requests a connection, a '
           'question by UDP for each connection; {1} Mbit/s over kernel TCP, {2:.2f} GB a turn; clear pages {3}. ')


class Ours(Host):
    """The appliance; its objects go to the sink as they rotate, the last ones when it stops."""
    rotates = True

    def __init__(self, lab, rotate_s, **settings):
        super().__init__(lab, f'ours-{secrets.token_hex(3)}', lab.configuration(object__max_seconds=rotate_s, **settings), init=INIT)
        self.lost = None

    def start(self):
        super().start()
        self.console.wait_armed(60)
        road.nic_like(self.lab, self)

    def finish(self):
        self.stop(120)
        said = re.findall(r'^sealtap: shut down: packets \d+ lost (\d+)', self.console.text(), re.M)
        self.lost = int(said[-1]) if said else None


class Recorded(road.Plain):
    """Plain with programs of today: an argv each."""

    def __init__(self, lab, commands):
        super().__init__(lab)
        self.commands, self.lost = commands, None

    def __enter__(self):
        super().__enter__()
        self.programs = [self.lab.processes.start(f'peer-{n}', argv, self.ns) for n, argv in enumerate(self.commands)]
        for p in self.programs:
            p.wait_for(lambda p=p: re.search(r'listening on|File: ', p.output()), 10, 'start of the recorder')
        return self

    def finish(self):
        for p in self.programs:
            p.send(signal.SIGINT)
        for p in self.programs:
            p.child.wait(60)
            self.lab.processes.list.remove(p)
        said = ''.join(p.output() for p in self.programs)
        self.lost = sum(int(n) for n in re.findall(r'(\d+) packets? dropped by kernel', said))
        self.lost += sum(int(n) for n in re.findall(r"on interface '\w+': \d+/(\d+)", said))


class Script(Recorded):
    """tcpdump -G 10 -z script; what the last rotation left is shipped when it ends."""
    rotates = True

    def __init__(self, lab, folder, rotate_s):
        self.rotate_s, self.files = rotate_s, os.path.join(folder, 'script')
        os.makedirs(self.files, exist_ok=True)
        self.path = os.path.join(folder, 'ship')
        with open(self.path, 'w') as f:
            f.write(SCRIPT.format(level=1, key=secrets.token_hex(32), iv=secrets.token_hex(16), ca=road.certs.CA, sink=aws.S3_HOST))
        os.chmod(self.path, 0o755)
        super().__init__(lab, [self.argv(link) for link in (OUTSIDE, INSIDE)])

    def argv(self, link):
        return ['tcpdump', '-i', link, '-Q', 'in', '-n', '-s', '0', '-B', '65536', '-Z', 'root', '-G', str(self.rotate_s), '-z', self.path,
                '-w', f'{self.files}/{link}-%s.pcap']

    def finish(self):
        super().finish()
        for name in sorted(os.listdir(self.files)):
            if name.endswith('.pcap') and os.path.exists(f'{self.files}/{name}'):
                while not self.alone(name):
                    time.sleep(0.05)
                if os.path.exists(f'{self.files}/{name}'):
                    self.ns.run(self.path, f'{self.files}/{name}')
        procs.wait_until(lambda: not os.listdir(self.files), 60, 'end of the scripts')

    def alone(self, name):
        """No script of a rotation is at it."""
        return not os.path.exists(f'{self.files}/{name}.sealed')


def to_tmpfs(folder, program):
    """A recorder of both links in the clear to tmpfs: dumpcap has both in one process, tcpdump is one for each."""
    files = os.path.join(folder, program)
    os.makedirs(files, exist_ok=True)
    if program == 'dumpcap':
        return [['dumpcap', '-q', '-i', OUTSIDE, '-i', INSIDE, '-B', '64', '-w', f'{files}/both.pcapng']]
    return [['tcpdump', '-i', link, '-Q', 'in', '-n', '-s', '0', '-B', '65536', '-Z', 'root', '-w', f'{files}/{link}.pcap']
            for link in (OUTSIDE, INSIDE)]


class Turns:
    """Where the turns take place."""

    def __init__(self, stack, bench):
        for program in ('nginx', 'nft', 'tcpdump', 'dumpcap', 'zstd', 'openssl', 'curl'):
            if not shutil.which(program):
                raise Missing(f'{program} is not here (image/packages bench)')
        self.bench, self.seconds = bench, 5 if bench.quick else 30
        self.rotate_s = QUICK_ROTATE_S if bench.quick else ROTATE_S
        self.lab = stack.enter_context(Surroundings('bench'))
        self.sink = stack.enter_context(road.Sink(self.lab, bench.folder))
        self.traffic = stack.enter_context(road.Traffic(self.lab, bench.folder))
        self.lab.move_aws(AWS, IMPOSTOR)
        self.bytes = {}

    def turn(self, what, gateway, mix):
        """CPU-seconds a GB, of all that the machine did; what the gateway lost, and the sink's part of it."""
        with gateway:
            self.traffic.ready()
            self.warm_up(gateway, mix)
            if getattr(gateway, 'holds_sink', False):
                self.sink.hold(True)
            busy, sink, begin = busy_s(), self.sink.cpu_s(), time.monotonic()
            self.bytes[mix] = passed = self.traffic.run(mix, RATE_MBIT_S, self.seconds)
            sent_s = time.monotonic() - begin
            gateway.finish()
            cost, sink, gb = busy_s() - busy, self.sink.cpu_s() - sink, passed / 1e9
            if getattr(gateway, 'holds_sink', False):
                self.sink.hold(False)
                gateway.after()
            lost = getattr(gateway, 'lost', 0)
            self.bench.note(f'{mix}, {what}: {cost / gb:.2f} CPU-s/GB, sink {sink / gb:.2f}; {self.sink.stored() / 1e9:.3f} GB stored; '
                            f'{passed * 8 / sent_s / 1e6:.0f} Mbit/s; lost {lost}')
        self.sink.empty()
        for name in ('script', 'dumpcap', 'tcpdump'):
            with contextlib.suppress(FileNotFoundError):
                for e in os.scandir(os.path.join(self.bench.folder, name)):
                    os.unlink(e.path)
        return cost / gb, lost

    def warm_up(self, gateway, mix):
        """Memory has been touched, connections are there, and what that brought is shipped: a rotation wants one more packet."""
        self.traffic.run(mix, RATE_MBIT_S, 2)
        if getattr(gateway, 'rotates', False):
            time.sleep(self.rotate_s + 1)
            self.traffic.ready()
        time.sleep(2)

    def above_plain(self, mix, sides):
        """{side: [CPU-s/GB above plain forwarding, of each round]}, {side: packets lost}."""
        above, lost = {name: [] for name in sides}, {name: 0 for name in sides}
        for _ in range(self.bench.rounds):
            plain, _ = self.turn('plain', road.Plain(self.lab), mix)
            for name, make in sides.items():
                cost, gone = self.turn(name, make(), mix)
                above[name].append(cost - plain)
                lost[name] += gone or 0
        return above, lost

    def told(self, mix):
        return TRAFFIC.format(MIXES[mix], RATE_MBIT_S, self.bytes[mix] / 1e9, self.traffic.like)


def lost_text(lost, *names):
    return 'Packets lost: ' + ', '.join(f'{n} {lost[n]}' for n in names) + '.'


def rows(bench):
    folder = bench.folder
    with contextlib.ExitStack() as stack:
        turns = Turns(stack, bench)
        for mix, must, aim in (('tls', 1 / 2, 1 / 3), ('http', 2 / 3, 1 / 2)):
            above, lost = turns.above_plain(mix, {
                'ours': lambda: Ours(turns.lab, turns.rotate_s), 'script': lambda: Script(turns.lab, folder, turns.rotate_s),
                'dumpcap': lambda: Recorded(turns.lab, to_tmpfs(folder, 'dumpcap'))})
            yield Row(f'record, compress, seal, ship: {mix}', 'tcpdump -z script', 'CPU-s/GB', above['ours'], above['script'],
                      ('<=', must), aim, OURS + TODAY.format(turns.rotate_s) + turns.told(mix) +
                      lost_text(lost, 'ours', 'script'))
            yield Row(f'the same: {mix}', 'dumpcap to tmpfs', 'CPU-s/GB', above['ours'], above['dumpcap'], ('<=', 0.6), None,
                      OURS + CLEAR + turns.told(mix) + lost_text(lost, 'ours', 'dumpcap'))
