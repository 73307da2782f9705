"""memory: what all roles of the appliance hold after 10 GB have passed it, against after 1 GB.

PSS of /proc/PID/smaps of init and each role, without the rings (the packet sockets' mapping) and the memory files (pools, journal, and the
windows of a volume): these are as large as they were made, whatever passes.
"""
import os

import mix
from lab.surroundings import Surroundings
from recorders import Appliance
from sink import Sink
from table import Row

GB = 10**9
PSS_MAX_MIB, GROWTH_MAX_MIB = 32, 1
RATE = 100_000  # full frames a second, 1.2 Gbit/s
LEFT_OUT = 'socket:[', '/memfd:'


def mappings(pid):
    """(name, PSS in bytes) of each mapping of a process."""
    name, found = '', []
    with open(f'/proc/{pid}/smaps') as f:
        for line in f:
            words = line.split(maxsplit=5)
            if words[0] == 'Pss:':
                found.append((name, int(words[1]) * 1024))
            elif not words[0].endswith(':'):
                name = words[5].strip() if len(words) > 5 else ''
    return found


def processes(init):
    """init and its children, all workers too: (pid, role)."""
    with open(f'/proc/{init}/task/{init}/children') as f:
        for pid in (init, *map(int, f.read().split())):
            with open(f'/proc/{pid}/cmdline') as line:
                yield pid, line.read().split('\0')[1]


def held(appliance):
    """({role: bytes}, bytes left out)"""
    roles, apart = {}, 0
    for pid, role in processes(appliance.gateway.process.child.pid):
        for name, pss in mappings(pid):
            if name.startswith(LEFT_OUT):
                apart += pss
            else:
                roles[role] = roles.get(role, 0) + pss
    return roles, apart


def told(roles):
    return ', '.join(f'{role} {pss / 2**20:.1f}' for role, pss in sorted(roles.items(), key=lambda r: -r[1]))


def rows(bench):
    begin_gb, end_gb = 1, 1.5 if bench.quick else 10
    with Surroundings('bench-memory') as lab:
        bulk = mix.bulk(bench.folder)
        with Appliance(lab, bench.folder, Sink(lab, os.path.join(bench.folder, 'bodies'))) as appliance:
            seen = []
            for until in (begin_gb, end_gb):
                appliance.send(bulk, int((until * GB - appliance.bytes) / mix.FULL), RATE)
                roles, apart = held(appliance)
                seen.append(sum(roles.values()) / 2**20)
                bench.note(f'{appliance.bytes / GB:.1f} GB: {seen[-1]:.1f} MiB: {told(roles)}; left out {apart / 2**20:.0f}')
            appliance.stop()
            lost = appliance.sent - appliance.recorded()
    how = (f'{end_gb} GB of full frames, {RATE:,}/s, none of {appliance.sent:,} unrecorded; smaps of init and all roles, with a worker for '
           'each core, without mappings of packet sockets and memory files')
    for what, figure, most in ((f'PSS of all roles after {end_gb} GB', seen[1], PSS_MAX_MIB),
                               (f'its growth from {begin_gb:g} to {end_gb} GB', max(0.0, seen[1] - seen[0]), GROWTH_MAX_MIB)):
        if lost:
            yield Row.absent(what, '', ('<=', most), f'{lost:,} of {appliance.sent:,} packets were not recorded')
        else:
            yield Row(what, '', 'MiB', [figure], (), ('<=', most), how=how, short=f'MiB of each role: {told(roles)}')
