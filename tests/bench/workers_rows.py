"""workers: does a second worker bring as much as a second zstd does? And what a worker does of a packet and of a byte, out of memory.

Ours is build/tests/pipeline: the product's own way from a ring's blocks to a sealed slot (recorder, pcapng, zstd, AES-GCM, SHA-256, filters
of addresses), all in memory. Theirs is `zstd -b1` on the same recording in blocks of 1 MiB, the size of our frames.
"""
import glob
import json
import os
import re
import shutil
import subprocess

from lab.certs import TOP
from table import Missing, Row, scatter

OURS = os.path.join(TOP, 'build', 'tests', 'pipeline')
MUST = ('>=', 0.95)
WHAT = 'two workers against one, from memory: record, compress, seal'
AGAINST = 'two zstd -b1 processes against one'
HOW = ('Bytes per second of two processes at once over those of one, each side on the same two cores, in turns. {text:.0f} MB of TCP '
       'segments, 62 % text and 38 % noise, zstd level 1. Ours authenticates (AES-256-GCM) and hashes (SHA-256, xxh64) what it compresses; '
       'zstd does neither. zstd {version}.')
MIXES = ('64', 'packet'), ('imix', 'packet'), ('1514', 'packet'), ('tls', 'byte'), ('http', 'byte')
STAGES = [('walk', 0, 'read the ring'), ('pcapng', 0, 'read it and write pcapng'), ('keys', 0, 'read it and fill the filter of addresses'),
          ('all', 0, 'all of it, stored'), ('all', -5, 'all of it, zstd -5'), ('all', 1, 'all of it, zstd 1')]


def text(folder):
    """What packets carry: this project's own sources, which compress as pages do."""
    path = os.path.join(folder, 'text')
    with open(path, 'wb') as out:
        for name in sorted(glob.glob(os.path.join(TOP, 'src', '**', '*.[ch]'), recursive=True)):
            with open(name, 'rb') as f:
                shutil.copyfileobj(f, out)
    return path


def at_once(commands):
    """What each of these processes said, all started together."""
    running = [subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for c in commands]
    said = [p.communicate()[0] for p in running]
    if any(p.returncode for p in running):
        raise Missing(f'{os.path.basename(commands[0][0])} failed: {said[0][-200:]}')
    return said


def pipeline(mix, level, stage, ms, payload, times=1):
    command = [OURS, mix, str(level), str(ms), payload, stage]
    return [json.loads(s) for s in at_once([command] * times)]


def ours(payload, ms, times):
    return sum(r['wall_bytes_per_s'] for r in pipeline('http', 1, 'all', ms, payload, times))


def theirs(recording, seconds, times):
    command = ['zstd', '-b1', f'-i{seconds}', '-B1048576', recording]
    speeds = [re.findall(r'([\d.]+) MB/s', s)[-2] for s in at_once([command] * times)]
    return sum(float(s) for s in speeds)


def scaling(bench, payload):
    recording = os.path.join(bench.folder, 'recording.pcapng')
    with open(recording, 'wb') as out:
        subprocess.run([OURS, 'http', '1', '1', payload, 'dump'], stdout=out, check=True)
    seconds, rounds = (1, 3) if bench.quick else (3, max(9, 3 * bench.rounds))
    a, b = [], []
    for _ in range(rounds):
        one, two = (ours(payload, seconds * 1000, n) for n in (1, 2))
        a.append(two / one)
        one, two = (theirs(recording, seconds, n) for n in (1, 2))
        b.append(two / one)
    version = re.search(r'v([\d.]+)', at_once([['zstd', '--version']])[0])[1]
    return Row(WHAT, AGAINST, 'times', a, b, MUST, how=HOW.format(text=os.path.getsize(recording) / 1e6, version=version),
               short=scatter(('ours', a), ('zstd', b)) + ' times; workers share nothing but the cores\' caches and memory')


def costs(bench, payload):
    """For the cost model: not compared."""
    ms = 150 if bench.quick else 1000
    for mix, unit in MIXES[::3] if bench.quick else MIXES:
        for stage, level, what in STAGES:
            if level and unit == 'packet' or stage != 'all' and unit == 'byte':
                continue
            got = [pipeline(mix, level, stage, ms, payload)[0] for _ in range(1 if bench.quick else 3)]
            how = f'one process, CPU time; bytes of pcapng, {got[0]["packet_bytes"]:.0f} a packet; ratio {got[0]["ratio"]:.2f}'
            yield Row(f'{mix}: {what}', '', f'ns/{unit}', [g[f'ns_per_{unit}'] for g in got], how=how)


def rows(bench):
    if not os.path.exists(OURS) or not shutil.which('zstd'):
        yield Row.absent(WHAT, AGAINST, MUST, 'build/tests/pipeline or zstd is not there')
        return
    if len(os.sched_getaffinity(0)) < 2:
        yield Row.absent(WHAT, AGAINST, MUST, 'one core')
        return
    payload = text(bench.folder)
    yield scaling(bench, payload)
    yield from costs(bench, payload)
