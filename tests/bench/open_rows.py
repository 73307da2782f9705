"""open: `sealtap open` against today's chain of AWS's tools.

A set of 10 GB (GB in the environment) of recordings over 3 hours, made by tests/cli/make_objects.c; S3 from files with 20 ms added to each
answer (s3.py), KMS by moto, as late. The chain: aws s3 cp of all recordings, AWS's Encryption SDK (JavaScript), zstd, mergecap, and tcpdump
or editcap for what is wanted.
"""
import contextlib
import glob
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from lab import objects, operatorlab, procs
from lab.certs import TOP
from table import Row

GB, HOURS = float(os.environ.get('GB', 10)), 3
DELAY_MS, RARE_S = 20, 1000
MIB = 1 << 20
BENCH = os.path.join(TOP, 'build', 'bench')
BUCKET = 'sealtap-bench'


class Ran:
    """A command that ran: seconds, peak memory of it and its children, bytes and requests at the server."""

    def __init__(self, scene, argv, out=None, cwd=None):
        scene.count('reset')
        begin = time.monotonic()
        child = subprocess.Popen(argv, env=scene.environment, stdout=out or subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=cwd,
                                 preexec_fn=procs.die_with_parent)
        self.first_s = self.first_packet(child) if out == subprocess.PIPE else None
        if self.first_s:
            child.stdout.close()
        err = child.stderr.read().decode(errors='replace')
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.seconds, self.peak_bytes = time.monotonic() - begin, usage.ru_maxrss * 1024
        counts = scene.count('counts')
        self.bytes, self.requests = counts['bytes'], counts['requests']
        if self.first_s:
            self.first_s = (self.first_s - counts['first_ns'] / 1e9, self.first_s - begin)
        good = -signal.SIGPIPE if self.first_s else 0
        assert child.returncode == good, f'{" ".join(argv)[:300]}: exit {child.returncode}: {err[-1000:]}'

    @staticmethod
    def first_packet(child):
        """When the first packet's block was there."""
        seen = b''
        while not has_packet(seen):
            chunk = os.read(child.stdout.fileno(), MIB)
            assert chunk, child.stderr.read().decode(errors='replace')
            seen += chunk
        return time.monotonic()


def has_packet(data):
    """A whole enhanced packet block is in the beginning of a pcapng file."""
    at = 0
    while at + 8 <= len(data):
        kind, length = int.from_bytes(data[at:at + 4], 'little'), int.from_bytes(data[at + 4:at + 8], 'little')
        if at + length > len(data):
            return False
        if kind == 6:
            return True
        at += length
    return False


class Scene:
    def __init__(self, stack, note):
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(dir=BENCH))
        self.lab = stack.enter_context(operatorlab.Lab())
        self.set = os.path.join(self.folder, 'set')
        begin = time.monotonic()
        seconds = HOURS * 3600
        start_ns = int(time.time() - seconds - 60) * operatorlab.S
        self.life = operatorlab.record(self.lab, self.set, operatorlab.APPLIANCE, start_ns, '', {
            'seconds': seconds, 'bytes_per_s': int(GB * 1e9 / seconds), 'rare_s': RARE_S})
        for o in self.life.objects:
            with open(o.path + '.meta', 'w') as f:
                json.dump(o.meta, f)
        self.recordings = [o for o in self.life.objects if o.kind == 'packets']
        self.stored = sum(os.path.getsize(o.path) for o in self.recordings)
        note(f'{len(self.life.objects)} objects, {self.life.end["raw_bytes"] / 1e9:.2f} GB, stored {self.stored / 1e9:.2f} GB '
             f'({self.stored / self.life.end["raw_bytes"]:.2f}), made in {time.monotonic() - begin:.0f} s')
        self.start_server(stack)
        self.lab.front.rule = lambda request: time.sleep(DELAY_MS / 1000)
        self.environment = self.lab.environment(
            AWS_ENDPOINT_URL_S3=f'http://127.0.0.1:{self.port}', AWS_ENDPOINT_URL_KMS=self.lab.front.url,
            SEALTAP_BUCKET=f'{BUCKET}/{operatorlab.PREFIX}')
        self.opener = os.path.join(objects.prepare_opener(), 'open.mjs')
        middle = self.life.start_ns // operatorlab.S + seconds // 2
        self.window = middle, middle + 60

    def start_server(self, stack):
        child = subprocess.Popen([sys.executable, os.path.join(TOP, 'tests/bench/s3.py'), self.set, str(DELAY_MS)], stdout=subprocess.PIPE,
                                 text=True, preexec_fn=procs.die_with_parent)
        stack.callback(child.wait)
        stack.callback(child.terminate)
        self.port = int(child.stdout.readline().split()[1])

    def count(self, word):
        connection = http.client.HTTPConnection('127.0.0.1', self.port)
        connection.request('GET', f'/-/{word}')
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    # -- ours

    def ours(self, *options, out=None):
        return Ran(self, [operatorlab.SEALTAP, 'open', '--quiet', *options], out=out)

    def ours_window(self):
        return self.ours('--from', f'@{self.window[0]}', '--to', f'@{self.window[1]}', '-w', self.folder + '/window.pcapng')

    def ours_whole(self):
        path = self.folder + '/whole.pcapng'
        ran = self.ours('-w', path)
        said = subprocess.run(['capinfos', '-T', '-m', '-M', '-r', '-c', '-o', path], capture_output=True, text=True).stdout
        assert f',{self.life.end["packets"]},True' in said.strip(), f'not all packets, or not in order: {said}'
        os.unlink(path)
        return ran

    def ours_pipe(self):
        """Until the first packet; then nobody reads any more."""
        return self.ours(out=subprocess.PIPE)

    def ours_rare(self):
        return self.ours('--filter', f'host {operatorlab.RARE_SERVER}', '-w', self.folder + '/rare.pcapng')

    # -- today's chain

    def chain(self):
        """{step: Ran} of one run of the whole chain; what a step leaves behind is removed when the next has it."""
        here = self.folder + '/chain'
        os.mkdir(here)
        steps = {'cp': Ran(self, ['aws', 's3', 'cp', '--recursive', '--only-show-errors', '--exclude', '*', '--include', '*/packets/*',
                                  f's3://{BUCKET}/{operatorlab.PREFIX}', here])}
        files = sorted(glob.glob(here + '/**/*.encrypted', recursive=True))
        steps['sdk'] = Ran(self, ['node', self.opener, self.lab.front.url, operatorlab.REGION, self.lab.key_arn, *files])
        for f in files:
            os.rename(f + '.opened', f + '.zst')
            os.unlink(f)
        steps['zstd'] = Ran(self, ['zstd', '-d', '-q', '--rm', *(f + '.zst' for f in files)])
        merged = self.folder + '/merged.pcapng'
        steps['mergecap'] = Ran(self, ['mergecap', '-w', merged, *files])
        shutil.rmtree(here)
        times = [time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(t)) for t in self.window]
        steps['editcap'] = Ran(self, ['editcap', '-A', times[0], '-B', times[1], merged, self.folder + '/window.chain'])
        steps['tcpdump'] = Ran(self, ['tcpdump', '-r', merged, '-w', self.folder + '/rare.chain', f'host {operatorlab.RARE_SERVER}'])
        os.unlink(merged)
        return steps

    def compare_results(self):
        """What both found is the same, packet by packet."""
        for name, some in (('window', 60 * 5), ('rare', self.life.end['rare'])):
            ours, theirs = (operatorlab.read_pcap(f'{self.folder}/{name}.{end}') for end in ('pcapng', 'chain'))
            ours, theirs = ([(ns // 1000, data) for ns, data in sorted(found)] for found in (ours, theirs))  # tcpdump writes microseconds
            assert ours == theirs and len(ours) >= some, f'{name}: {len(ours)} packets, the chain has {len(theirs)}'


WHOLE = ('cp', 'sdk', 'zstd', 'mergecap')


def one_round(scene, number, note):
    """{what: Ran}; 'chain': {step: Ran}"""
    done = {}
    for name, run in (('window', scene.ours_window), ('chain', scene.chain), ('whole', scene.ours_whole), ('rare', scene.ours_rare),
                      ('pipe', scene.ours_pipe)):
        done[name] = run()
        if name == 'chain':
            told = ', '.join(f'{step} {r.seconds:.1f} s' for step, r in done[name].items())
        else:
            r = done[name]
            told = f'{r.seconds:.2f} s, {r.bytes / 1e6:.1f} MB in {r.requests} requests, {r.peak_bytes / MIB:.0f} MiB'
        note(f'round {number}: {name}: {told}')
    scene.compare_results()
    return done


def memory_of_the_sdk(scene):
    """(the largest object's bytes, what AWS's SDK took at most to open it)"""
    largest = max(scene.recordings, key=lambda o: os.path.getsize(o.path))
    ran = Ran(scene, ['node', scene.opener, scene.lab.front.url, operatorlab.REGION, scene.lab.key_arn, largest.path])
    os.unlink(largest.path + '.opened')
    return os.path.getsize(largest.path), ran.peak_bytes


def rows(bench):
    os.makedirs(BENCH, exist_ok=True)
    with contextlib.ExitStack() as stack:
        scene = Scene(stack, bench.note)
        rounds = [one_round(scene, i + 1, bench.note) for i in range(bench.rounds)]
        largest, sdk = memory_of_the_sdk(scene)
    ours = {name: [r[name] for r in rounds] for name in ('window', 'whole', 'rare', 'pipe')}
    whole_s = [sum(r['chain'][step].seconds for step in WHOLE) for r in rounds]
    window_s = [s + r['chain']['editcap'].seconds for s, r in zip(whole_s, rounds)]
    how = (f'{scene.life.end["raw_bytes"] / 1e9:.1f} GB of {HOURS} hours, {scene.stored / 1e9:.1f} GB stored; S3 with {DELAY_MS} '
           'ms of latency. Both check every tag of AES-GCM they read; the chain: aws s3 cp, AWS\'s SDK for JavaScript, zstd, mergecap, '
           'and editcap or tcpdump for a part')

    def mb(name):
        return [r.bytes / 1e6 for r in ours[name]]

    def seconds(name):
        return [r.seconds for r in ours[name]]
    stored = [scene.stored / 1e6] * bench.rounds
    last = rounds[-1]
    short = {name: f'{last[name].requests} requests of {DELAY_MS} ms for {last[name].bytes / 1e6:,.0f} MB' for name in ours}
    chain = '; the chain: ' + ', '.join(f'{step} {ran.seconds:.1f} s' for step, ran in last['chain'].items())
    yield Row('open a window of 1 minute: bytes fetched', 'aws s3 cp', 'MB', mb('window'), stored, ('<=', 0.02), None, how, short['window'])
    yield Row('open a window of 1 minute: time', 'the chain', 's', seconds('window'), window_s, ('<=', 1 / 20), None, how,
              short['window'] + chain)
    yield Row('open the whole: time', 'the chain', 's', seconds('whole'), whole_s, ('<=', 1 / 3), None, how, short['whole'] + chain)
    yield Row('open a host of 1 in 1,000 frames: bytes fetched', 'aws s3 cp', 'MB', mb('rare'), stored, ('<=', 0.05), None, how,
              short['rare'])
    yield Row('open, first packet on the pipe', '', 's', [r.first_s[0] for r in ours['pipe']], must=('<=', 1), how='after S3\'s first byte',
              short=short['pipe'])
    peak = [max(r[name].peak_bytes for name in ours) / MIB for r in rounds]
    yield Row('open: peak memory', '', 'MiB', peak, must=('<=', 256), how='at most, of all of these',
              short=', '.join(f'{name} {last[name].peak_bytes / MIB:.0f} MiB' for name in ours))
    yield Row('memory for the largest object', 'AWS\'s SDK', 'MiB', peak, [sdk / MIB], how=f'an object of {largest / MIB:.0f} MiB')
