#!/usr/bin/env python3
"""attacks_test: somebody who runs code of his own inside a role gets nowhere: files, sockets, programs, processes, mounts, memory, segments,
rights and the kernel are denied to each role, by its sandbox or by what it is.

attacks_test.py [-k PATTERN]. Needs root, build/injected/init and build/{nitro,qemu}/. Logs and objects stay in build/lab/attacks/.
"""
import collections
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import attacks as lab_attacks, netns, procs, testing, traffic  # noqa: E402
from lab.attacks import FLOOD, I386, ROLES, STORE, X32, Attacks  # noqa: E402
from lab.host import BUILD, INIT, INJECTED, MBED, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

# What a role's sandbox lets through, and the kernel's answer to that: None: it may do it; else the error.
LET_THROUGH = {}


class Life:
    """An appliance with all roles, under attack from within: .attempts, by role."""

    def __init__(self, lab, attacks):
        self.lab, self.attacks = lab, attacks
        volume = os.path.join(lab.folder, 'volume')
        with open(volume, 'wb') as f:
            f.truncate(1 << 30)
        settings = {'spool': volume, 'status__port': 9100, 'status__sources': '198.19.0.0/24', 'object__max_seconds': 3}
        self.appliance = Host(lab, 'appliance', lab.configuration(**settings), verbose=True, init=INJECTED)
        self.appliance.start()
        self.appliance.console.wait_armed(60)
        traffic.ping(lab, 3)
        self.before = self.appliance.roles()
        assert set(self.before) == set(ROLES), self.before
        self.attempts = {role: self._attacked(role) for role in ROLES}

    def _attacked(self, role):
        other = self.before['keys' if role != 'keys' else 'capture']
        return self.attacks.all(role, other, INJECTED, self.appliance.process)

    def of(self, *beginnings):
        """The attempts whose names begin so, of all roles; each role made some."""
        found = [a for role in ROLES for a in self.attempts[role] if a.name.startswith(beginnings)]
        assert {a.role for a in found} == set(ROLES), found
        return found


def denied(attempts):
    """Each was trapped, but for those of the table, whose answer must be what the table says."""
    wrong = [str(a) for a in attempts if not a.trapped and not (a.value < 0 and LET_THROUGH.get((a.role, a.name), 0) == a.error)]
    assert not wrong, f'{len(wrong)} of {len(attempts)} attempts:\n' + '\n'.join(wrong)


def no_file(life):
    """No role opens, makes, names or changes a file outside of what it was given, its own program and memory included"""
    denied(life.of('open', 'creat', 'file'))


def main():
    report = testing.report()
    with Surroundings('attacks') as lab, Attacks() as attacks:
        life = Life(lab, attacks)
        for role in ROLES:
            for a in life.attempts[role]:
                print(a)
        life.appliance.stop()
        life.appliance.__exit__()
    report.finish()


main()
