#!/usr/bin/env python3
"""panic_test: EC2's diagnostic interrupt and what a panic leaves: stacks on the console, the reason in the next boot's log, nothing else.

panic_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles, variables and objects stay in build/lab/panic/.
The interrupt is QEMU's inject-nmi; the kernel's panic that follows is a real one.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import objects, testing  # noqa: E402
from lab.guest import Guest  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

BOOT_S, PANIC_S = 90, 90
CPUS = 2  # board/qemu/run
ROLES = ('init', 'net', 'keys', 'upload', 'capture')
REASON = 'NMI: Not continuing'
CONSOLE_KEPT = 64 << 10  # EC2's


class Panic:
    """One life that ends by the interrupt: what the console said from then on, and the firmware's variables afterwards."""

    def __init__(self, lab):
        self.lab, self.variables = lab, os.path.join(lab.folder, 'variables.fd')
        if os.path.exists(self.variables):
            os.unlink(self.variables)
        with Guest(lab, 'panic', variables=self.variables) as guest:
            guest.console.wait_armed(BOOT_S)
            before = len(guest.console.text())
            guest.qmp.command('inject-nmi')
            self.ended = guest.qmp.shutdown_reason(PANIC_S)
            self.said = guest.console.text()[before:]
        lab.boots |= objects.collect(lab, lab.boots).boots()
        with open(self.variables, 'rb') as f:
            self.kept = f.read()
        self.next = None

    def boot_again(self, name):
        session = Session(Guest(self.lab, name, variables=self.variables), arm_timeout_s=BOOT_S)
        with session:
            session.armed()
            session.end()
        return session


def reboots(panic):
    """A diagnostic interrupt ends in a reboot by itself."""
    assert panic.ended == 'guest-reset', panic.ended
    assert f'Kernel panic - not syncing: {REASON}' in panic.said, panic.said[-2000:]


def stacks(panic):
    """The console tells what every CPU was doing, and the stack of every role under its name."""
    cpus = set(re.findall(r'NMI backtrace for cpu (\d+)', panic.said))
    assert cpus == {str(i) for i in range(CPUS)}, cpus
    for role in ROLES:
        found = re.search(rf'task:{role} +state:\w .*\n\[ *\d+\.\d+\] Call Trace:\n', panic.said)
        assert found, f'{role} is not there'


def no_programs_registers(panic):
    """No stack on the console comes with a program's registers, which may hold a key"""
    assert 'RIP: 0010:' in panic.said, 'no registers of the kernel either: it proves nothing'
    assert 'RIP: 0033:' not in panic.said, re.search(r'.*RIP: 0033:.*', panic.said)[0]


def nothing_but_the_reason(panic):
    """What the kernel keeps in the firmware's variables are the lines that say what happened: no stack, no register"""
    assert REASON.encode() in panic.kept, 'nothing was kept: it proves nothing'
    record = re.search(rb'Panic#\d+ Part1\n[\x09-\x7e]+', panic.kept)[0]
    lines = record.decode().splitlines()[1:]
    assert lines and all(re.match(r'<[0-2]>\[ *\d+\.\d+\] ', line) for line in lines), lines
    for word in (b'Call Trace', b'RIP:', b'RAX:', b'task:', b'sealtap:'):
        assert word not in panic.kept, f'{word} was kept'
    assert panic.kept.count(b'Part1\n') == 1 and b'Part2\n' not in panic.kept


def shipped(panic):
    """The next boot arms, and the log that it ships tells of the panic and its reason, once"""
    panic.next = panic.boot_again('after')
    events = panic.next.evidence.events('panic')
    assert len(events) == 1, events
    told = events[0]
    assert (told['level'], told['role'], told['reason'], told['records']) == ('alarm', 'init', REASON, 1), told
    assert told['cause'].startswith('Uhhuh. NMI received for unknown reason'), told
    assert f'sealtap: alarm init panic reason="{REASON}"' in panic.next.appliance.console.text()


def within_the_console(panic):
    """When the next boot is armed, the stacks of the roles are still in what EC2 keeps of the console"""
    assert panic.next, 'there was no boot after it'
    after = panic.next.appliance.console.text()
    print(f'# the panic says {len(panic.said)} bytes, the boot after it {len(after)}', flush=True)
    kept = (panic.said + after)[-CONSOLE_KEPT:]
    gone = [role for role in ROLES[1:] if f'task:{role} ' not in kept]  # they are the youngest tasks and come last
    assert not gone, gone


def forgotten(panic):
    """The boot after that has nothing to tell: the record was removed"""
    assert panic.next, 'there was no boot before it'
    session = panic.boot_again('later')
    assert session.evidence.events('panic') == [], session.evidence.events('panic')
    assert session.evidence.events('panic-records') == []


def no_variables(lab):
    """A machine without variables of a firmware tells of no panic and misses nothing"""
    with Session(Guest(lab, 'no-firmware', from_kernel=True)) as session:
        session.armed()
        session.end()
    assert session.evidence.events('panic') == session.evidence.events('panic-records') == []


def main():
    report = testing.Report(testing.pattern())
    tests = [reboots, stacks, no_programs_registers, nothing_but_the_reason, shipped, within_the_console, forgotten]
    with Surroundings('panic') as lab:
        lab.metadata.user_data(lab.configuration(log__interval_seconds=10))
        if any(map(report.wants, tests)):
            panic = Panic(lab)
            for test in tests:
                report.run(test, panic, always=test is shipped and any(map(report.wants, (within_the_console, forgotten))))
        report.run(no_variables, lab)
    report.finish()


main()
