#!/usr/bin/env python3
"""watchdog_test: a machine that hangs is reset by itself; one whose volume hangs is not.

watchdog_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles stay in build/lab/watchdog/.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import hang, testing, traffic  # noqa: E402
from lab.guest import Guest, Volume  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

WATCHDOG_S, PET_S = 30, 5  # src/role/init/machine.c
SLACK_S = 8  # a slow guest
RUNS_S = 15


def hung_init_is_reset(lab):
    """A machine whose init hangs is reset by its watchdog after half a minute, and not before."""
    with Guest(lab, 'hung', from_kernel=True) as guest:
        guest.console.wait_armed(60)
        time.sleep(RUNS_S)  # had it not been petted since it began, it would reset the machine soon after
        hang.overwrite(guest, hang.function_code('build/init.sym', 'guard_look'), hang.HANG)
        began = time.monotonic()
        reason = guest.qmp.shutdown_reason(WATCHDOG_S + SLACK_S)
        took_s = time.monotonic() - began
        assert reason == 'guest-reset', reason
        assert WATCHDOG_S - PET_S - 1 < took_s, f'reset after {took_s:.1f} s: it was not petted'
        assert 'no working watchdog' not in guest.console.text()


def stalled_volume_is_no_hang(lab):
    """A volume that stalls for longer than the watchdog waits resets nothing: all is forwarded, recorded and shipped"""
    volume = Volume(lab)
    lab.metadata.user_data(lab.configuration(spool=volume.id, spool__sync_ms=200))
    with Session(Guest(lab, 'stalled', from_kernel=True, volume=volume)) as session:
        session.armed()
        guest = session.appliance
        with session.window('stall'):
            traffic.fetch(lab, '100k')
            guest.stall_volume(True)
            time.sleep(2)
            stood_still, until = os.stat(volume.path).st_mtime_ns, time.monotonic() + WATCHDOG_S + SLACK_S
            while time.monotonic() < until:
                traffic.ping(lab)
            assert os.stat(volume.path).st_mtime_ns == stood_still, 'the volume was written to: it proves nothing'
            guest.stall_volume(False)
            traffic.fetch(lab, '100k')
        session.end()
    result = session.compare('stall')
    assert result.missing == 0 and result.recorded > 200, result


def main():
    report = testing.Report(testing.pattern())
    with Surroundings('watchdog') as lab:
        # init looks after recording every 10 ms: what hangs is met at once
        lab.metadata.user_data(lab.configuration(on_loss='stop'))
        report.run(hung_init_is_reset, lab)
        report.run(stalled_volume_is_no_hang, lab)
    report.finish()


main()
