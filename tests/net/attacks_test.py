#!/usr/bin/env python3
"""attacks_test: somebody who runs code of his own inside a role gets nowhere: each role is denied all but the calls it lives by.

attacks_test.py [-k PATTERN]. Needs root, build/injected/init and build/{nitro,qemu}/. Logs stay in build/lab/attacks/.
"""
import contextlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import netns, testing, traffic  # noqa: E402
from lab.attacks import CALLS_MIN, FLOOD, FLOOD_LINES, I386, PTRACE, ROLES, STORE, X32, Attacks  # noqa: E402
from lab.host import BUILD, INJECTED, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

# What a role's sandbox lets through, and the kernel's answer: None where the role lives by it, else the error.
TCP = {'socket 2 1 0': None, 'socket 10 1 0': None}  # family, type, protocol
LET_THROUGH = {
    # AWS's services; DNS, NTP and DHCP, rtnetlink and nfnetlink; the clock; files are none but
    # the kernel's settings for networks
    'net': {**TCP, 'socket 2 2 0': None, 'socket 10 2 0': None, 'socket 16 3 0': None, 'socket 16 3 12': None, 'kernel: adjtimex': None,
            'open by the old call': 'ENOENT', 'open sysrq by the old call': 'ENOENT'},
    'keys': TCP,
    'upload': TCP,
    # it writes a volume and its own pool; the segments of others it has by descriptors that can't write
    'spool': {'segment: map for writing': 'EACCES', 'segment: pwrite': 'EBADF'},
}
SEGMENT_READERS = ('upload', 'spool')
HOOKS = ('clock', 'attacks')
LINKED_TO_ALL = {'__wrap_getaddrinfo'}


class Life:
    """An appliance with all roles, attacked from within each of them: .attempts, by role."""

    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.attacks = stack.enter_context(Attacks())
            volume = os.path.join(self.lab.folder, 'volume')
            with open(volume, 'wb') as f:
                f.truncate(1 << 30)
            settings = {'spool': volume, 'status__port': 9100, 'status__sources': '198.19.0.0/24'}
            host = Host(self.lab, 'appliance', self.lab.configuration(**settings), verbose=True, init=INJECTED)
            host.may_be_denied = True
            self.appliance = stack.enter_context(host)
            self.appliance.console.wait_armed(60)
            self.before = self.appliance.roles()
            assert set(self.before) == set(ROLES), self.before
            self.attempts = {role: self._attacked(role) for role in ROLES}
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *failed):
        self.stack.__exit__(*failed)

    def _attacked(self, role):
        other = self.before['keys' if role != 'keys' else 'capture']
        return self.attacks.all(role, other, INJECTED, self.appliance.process)

    def of(self, *beginnings):
        """The attempts whose names begin so."""
        return [a for role in ROLES for a in self.attempts[role] if a.name.startswith(beginnings)]


def denied(attempts, roles=ROLES):
    """All were trapped by the sandbox, but for those that the table names, and these had the answer that it says; each role made some."""
    wrong = []
    for a in attempts:
        through = LET_THROUGH.get(a.role, {})
        as_told = not a.trapped and a.error == through[a.name] if a.name in through else a.trapped
        wrong += [] if as_told else [str(a)]
    assert not wrong, f'{len(wrong)} of {len(attempts)} attempts went otherwise:\n' + '\n'.join(wrong)
    assert {a.role for a in attempts} == set(roles), attempts


def no_file(life):
    """No role opens, makes, names or changes a file: passwords, devices, its own program, another role's memory"""
    denied(life.of('open', 'creat', 'file'))


def no_socket(life):
    """No role opens a socket of another family, type or protocol than it lives by"""
    attempts = life.of('socket')
    assert len(attempts) >= len(ROLES) * 46 * 3
    denied(attempts)


def no_program(life):
    """No role executes anything: neither this binary nor another, by a name, a descriptor or from memory"""
    denied(life.of('exec'))


def no_process(life):
    """No role makes a process or a thread"""
    denied(life.of('fork'))


def no_other_process(life):
    """No role traces, reads, writes, signals or names another process"""
    denied(life.of('other'))


def no_mount(life):
    """No role mounts, unmounts, changes its root or enters a namespace"""
    denied(life.of('mount'))


def no_new_code(life):
    """No role makes memory executable, or what is executable writable"""
    denied(life.of('memory'))


def no_segment_for_writing(life):
    """Those that read segments can't open, map or make one writable, nor write, cut or empty it"""
    denied([a for role in SEGMENT_READERS for a in life.attempts[role] if 'segment' in a.name], SEGMENT_READERS)


def no_more_rights(life):
    """No role changes its user, its capabilities, its limits or its sandbox, or can be dumped again"""
    denied(life.of('right'))


def no_way_into_the_kernel(life):
    """No role makes one of the calls that an exploit wants of the kernel, from bpf and io_uring to keyrings and the clock"""
    attempts = life.of('kernel')
    assert len(attempts) >= len(ROLES) * CALLS_MIN
    denied(attempts)


def nothing_came_of_it(life):
    """After all that each role is the process it was, and the appliance forwards and records"""
    assert life.appliance.roles() == life.before
    assert 'call-denied' not in life.appliance.console.text()
    traffic.ping(life.lab, 3)


@contextlib.contextmanager
def init_is_slow(life):
    """init does nothing for the time of the block, in which its children die."""
    os.kill(life.appliance.process.child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(life.appliance.process.child.pid, signal.SIGCONT)


def is_dead(pid):
    with contextlib.suppress(FileNotFoundError):
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    return True


def killed_by(life, role, order):
    """What the console says of a role that dies of an order, while init looks away; its successor is at work then."""
    life.appliance.wait_role(role)
    pid, said = life.appliance.roles()[role], len(life.appliance.console.text())
    with init_is_slow(life):
        life.attacks.order(role, order)
        wait_until(lambda: is_dead(pid), 10, f'death of {role} by order {order}', life.appliance.process, life.appliance.console.text)
    life.appliance.console.wait(rf'^sealtap: warning role: role {role} died', 10, said)
    life.appliance.wait_role(role)
    assert life.appliance.roles()[role] != pid and not life.attacks.done(role)
    return life.appliance.console.text()[said:]


def a_denied_call_is_death(life, role):
    """A denied call kills the role, which tells its number; init reads that behind all that was said before, and starts the role anew"""
    said = killed_by(life, role, FLOOD)
    assert said.count(f'info {role} attack line=flood') == FLOOD_LINES, said
    assert f'sealtap: alarm {role} call-denied number={PTRACE}\n' in said and f'role {role} died (signal {signal.SIGSYS:d})' in said, said


def another_architecture_is_death(life):
    """Calls of i386 and x32 are death, whatever their number"""
    for role, order, signals in (('keys', I386, (signal.SIGSYS, signal.SIGSEGV)), ('status', X32, (signal.SIGSYS,))):
        said = killed_by(life, role, order)  # a kernel without i386 knows no such call
        assert any(f'role {role} died (signal {s:d})' in said for s in signals), said


def a_write_into_a_segment_is_death(life):
    """Those that read segments die of writing to one"""
    for role in SEGMENT_READERS:
        said = killed_by(life, role, STORE)
        assert f'role {role} died (signal {signal.SIGSEGV:d})' in said, said


def it_goes_on(life):
    """After all these deaths it forwards, records and ships as before"""
    traffic.ping(life.lab, 3)
    life.appliance.stop()
    assert 'all shipped' in life.appliance.console.text()


# ---- the hook

def symbols(path, *options):
    said = subprocess.run(['nm', *options, path], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {line.split()[-1] for line in said.splitlines() if line.strip()}


def holds(path, word):
    with open(path, 'rb') as f:
        return word in f.read()


def the_hook_is_in_no_release(lab):
    """What these tests hook into the roles is in no program that ships and in no image"""
    own = set().union(*(symbols(f'{BUILD}/extra/tests/lab/injected_{part}.o', '--defined-only', '--extern-only') for part in HOOKS))
    assert len(own) > 10 and own <= symbols(INJECTED + '.sym')
    for program in ('init', 'mbed/init'):
        found = symbols(os.path.join(BUILD, program + '.sym'))
        assert not found & own and {s for s in found if s.startswith('__wrap_')} == LINKED_TO_ALL, found & own
    files = [os.path.join(BUILD, program) for program in ('init', 'mbed/init', 'sealtap')]
    for board in ('nitro', 'qemu'):
        root = os.path.join(lab.folder, board)
        netns.command('fsck.erofs', f'--extract={root}', os.path.join(BUILD, board, 'root.erofs'))
        files += [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    for word in (b'/dev/shm', b'another role\'s mem'):
        assert holds(INJECTED, word) and not [f for f in files if os.path.isfile(f) and holds(f, word)], word


ATTACKS = (no_file, no_socket, no_program, no_process, no_other_process, no_mount, no_new_code, no_segment_for_writing, no_more_rights,
           no_way_into_the_kernel, nothing_came_of_it)
DEATHS = (another_architecture_is_death, a_write_into_a_segment_is_death, it_goes_on)


def main():
    report = testing.report()
    with Surroundings('attacks') as lab:
        report.run(the_hook_is_in_no_release, lab)
        with Life(lab) as life:
            for attack in ATTACKS:
                report.run(attack, life)
            for role in ROLES:
                report.run(a_denied_call_is_death, life, role, about=f' ({role})')
            for death in DEATHS:
                report.run(death, life)
    report.finish()


main()
