#!/usr/bin/env python3
"""panic_test: EC2's diagnostic interrupt and what a panic leaves: a stack on the console, the reason in the next boot's log.

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
from lab.surroundings import Surroundings, WEB  # noqa: E402

BOOT_S, PANIC_S = 90, 90
REASON = 'NMI: Not continuing'
RECORD_BYTES, KEPT_BYTES = 1024, 16384  # pstore stops with the record that reaches them


class Panic:
    """One life that ends by the interrupt while it forwards: what the console said from then on, and the firmware's variables then."""

    def __init__(self, lab):
        self.lab, self.variables = lab, os.path.join(lab.folder, 'variables.fd')
        if os.path.exists(self.variables):
            os.unlink(self.variables)
        with Guest(lab, 'panic', variables=self.variables) as guest:
            guest.console.wait_armed(BOOT_S)
            before = len(guest.console.text())
            flood = lab.processes.start('flood', ['ping', '-n', '-f', '-w', str(PANIC_S), WEB], lab.inside)  # stacks of some depth
            flood.wait_output('\b', BOOT_S)  # it takes one dot away for each answer
            guest.qmp.command('inject-nmi')
            self.ended = guest.qmp.shutdown_reason(PANIC_S)
            lab.processes.end(flood)
            self.said = guest.console.text()[before:]
        objects.collect(lab)
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


def stack(panic):
    """The console tells which program the CPU ran that took the interrupt, and its stack"""
    assert re.search(r'CPU: \d+ UID: \d+ PID: \d+ Comm: \S+', panic.said), panic.said[-4000:]
    assert 'Call Trace:\n' in panic.said, panic.said[-4000:]


def kept(panic):
    """The kernel keeps its last lines in the firmware's variables, the reason among them, and not much more than 16 KiB"""
    records = re.findall(rb'Panic#\d+ Part\d+\n([\x09-\x7e]+)', panic.kept)
    assert any(REASON.encode() in r for r in records), 'the reason was not kept'
    assert sum(map(len, records)) < KEPT_BYTES + RECORD_BYTES, [len(r) for r in records]


def shipped(panic):
    """The next boot arms, and the log that it ships tells of the panic and its reason, once"""
    panic.next = panic.boot_again('after')
    events = panic.next.evidence.events('panic')
    assert len(events) == 1, events
    told = events[0]
    assert (told['level'], told['role'], told['reason']) == ('alarm', 'init', REASON), told
    assert told['cause'].startswith('Uhhuh. NMI received for unknown reason'), told
    assert f'sealtap: alarm init panic reason="{REASON}"' in panic.next.appliance.console.text()


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
    report = testing.report()
    tests = [reboots, stack, kept, shipped, forgotten]
    with Surroundings('panic') as lab:
        lab.metadata.user_data(lab.configuration(log__interval_seconds=10))
        if any(map(report.wants, tests)):
            panic = Panic(lab)
            for test in tests:
                report.run(test, panic, always=test is shipped and report.wants(forgotten))
        report.run(no_variables, lab)
    report.finish()


main()
