#!/usr/bin/env python3
"""canary_test: a marked packet of the appliance's own goes the whole way; the log says when it was stored, an alarm that it was not.

canary_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/canary/.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import objects, testing  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402


def stored(lab):
    """A canary is in a recording, and the log stream says when that was stored."""
    with Host(lab, 'stored', lab.configuration(object__max_seconds=3), verbose=True) as appliance:
        appliance.console.wait_armed(60)
        appliance.console.wait(r' keys canary-stored number=0 ms=\d+$', 60)
        appliance.stop()
    found = objects.collect(lab)
    boot, = found.boots()
    name = f'sealtap-canary-{boot}-0'.encode()
    holders = [o for o in found.packets() if any(name in f.data for f in o.capture().frames)]
    assert len(holders) == 1, f'{len(holders)} objects hold the canary'
    told, = found.events('canary-stored')
    assert told['number'] == 0 and told['ms'] < 60000 and not found.events('canary-missing')


def missing(lab):
    """A canary that does not arrive is an alarm."""
    with Clock(lab) as clock, Host(lab, 'missing', lab.configuration(object__max_seconds=1), verbose=True, init=INJECTED) as appliance:
        appliance.console.wait_armed(60)
        with lab.dnsmasq.stopped():
            clock.pass_time(90, until=lambda: ' canary-missing ' in appliance.console.text())
            appliance.console.wait(r'^sealtap: alarm keys canary-missing number=0 ', 1)
        appliance.stop()


def main():
    report = testing.report()
    with Surroundings('canary') as lab:
        for check in (stored, missing):
            report.run(check, lab)
    report.finish()


main()
