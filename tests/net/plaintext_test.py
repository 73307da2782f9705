#!/usr/bin/env python3
"""plaintext_test: where the bytes of a packet are while it is recorded: in the memory of the worker that records it, and nowhere else.

plaintext_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/plaintext/.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import frames, testing  # noqa: E402
from lab.gateway import from_inside  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

LINE = re.compile(r'([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)')
PART = 16 << 20


def holds(pid, text):
    """Whether the memory that this process can read has the text in it, shared memory too."""
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for begin, end, rights, _ in (LINE.match(line).groups() for line in maps):
            begin, end = int(begin, 16), int(end, 16)
            for at in range(begin, end if rights[0] == 'r' else begin, PART):
                try:
                    memory.seek(at)
                    if text in memory.read(min(PART + len(text), end - at)):
                        return True
                except (OSError, ValueError, OverflowError):  # what can't be read by another: the vsyscall page
                    break
    return False


class Life:
    """An armed appliance, and who of its processes has a text in its memory that was sent."""

    def __init__(self, lab, appliance):
        self.lab, self.processes = lab, {**appliance.roles(), 'init': appliance.process.child.pid}

    def sent(self, **about):
        text = os.urandom(16).hex()
        frames.send(self.lab.inside, [from_inside(f'{text} ' * 8, **about)] * 20)
        time.sleep(0.2)
        return text

    def holders(self, text):
        return {role for role, pid in self.processes.items() if holds(pid, text.encode())}


def forwarded(life):
    """What a forwarded packet carries is in the memory of a worker and of no other role, nor of init, at once and when it is sealed"""
    text = life.sent()
    at_once = life.holders(text)
    time.sleep(2.5)
    later = life.holders(text)
    assert at_once == {'capture'} and later <= {'capture'}, (at_once, later)


def refused(life):
    """Of a packet that is refused the first 128 bytes are with flows, too, which tells why; and with nobody else"""
    holders = life.holders(life.sent(source='203.0.113.5'))
    assert holders == {'capture', 'flows'}, holders


def main():
    report = testing.report()
    with Surroundings('plaintext') as lab:
        with Host(lab, 'plain', lab.configuration(object__max_seconds=2, log__interval_seconds=2)) as appliance:
            appliance.console.wait_armed(60)
            life = Life(lab, appliance)
            report.run(forwarded, life)
            report.run(refused, life)
            appliance.stop()
    report.finish()


main()
