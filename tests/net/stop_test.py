#!/usr/bin/env python3
"""stop_test: on_loss = stop, spool.full = stop: what can't be recorded is not forwarded; forwarding goes on by itself when recording does.

stop_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/stop/.
"""
import contextlib
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import forged, frames, objects, probes, testing, traffic  # noqa: E402
from lab.gateway import Gateway  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

WITHIN_S = 0.1  # of the loss, or of a worker's silence
WELL_S = 2  # hysteresis
BUDGET, FLOODER = 2 << 20, '198.19.0.77'
ON_LOSS, SPOOL_FULL = {'on_loss': 'stop'}, {'spool__full': 'stop'}


class Watched(probes.Probes):
    """Probes whose arrival outside is noted at once."""

    def __init__(self, lab):
        super().__init__(lab)
        self.last = None  # when the last one arrived
        self.watch.settimeout(0.1)
        self.watcher = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.stop.is_set():
            with contextlib.suppress(TimeoutError):
                found = probes.numbers([self.watch.recv(2048)])
                if found:
                    self.last = time.monotonic()
                    self.seen |= found

    def __enter__(self):
        self.watcher.start()
        return super().__enter__()

    def end(self):
        self.stop.set()
        self.thread.join()
        self.watcher.join()
        self.watch.setblocking(False)
        self.came_through()


class Life:
    """The host inside sends numbered probes all the time; the one outside notes when each arrives."""

    def __init__(self, lab, name, **settings):
        self.lab = lab
        self.appliance = Host(lab, name, lab.configuration(**settings), verbose=True)

    def __enter__(self):
        self.appliance.__enter__()
        self.appliance.console.wait_armed(60)
        self.probes = Watched(self.lab).__enter__()
        self.wait_flow(time.monotonic())
        return self

    def __exit__(self, *exc):
        self.probes.end()
        self.appliance.__exit__(*exc)

    def wait_flow(self, since):
        """Until something that was forwarded after `since` arrives; when that was."""
        def arrived():
            last = self.probes.last
            return last if last and last >= since else None
        return wait_until(arrived, 60, 'forwarded probe', said=self.appliance.console.text)

    def told(self, event):
        return self.appliance.console.text().count(f' init {event} ')

    def said(self, reason):
        """Forwarding was stopped for this reason. On a machine that is busy with others a worker may be late before."""
        return f'reason="{reason}' in self.appliance.console.text()

    def stops(self, cause, reason):
        """cause() makes recording impossible; forwarding has stopped soon after it. When the cause was."""
        before = self.told('forwarding-stopped')
        began = time.monotonic()
        cause()
        time.sleep(1)
        last = self.probes.last
        assert last <= began + WITHIN_S, f'forwarded {1000 * (last - began):.0f} ms after recording ended'
        assert self.told('forwarding-stopped') == before + 1, self.appliance.console.text()[-600:]
        assert reason in self.appliance.console.text().split(' init forwarding-stopped ')[-1].split('\n')[0]
        return began

    def goes_on(self, since):
        again = self.told('forwarding-again')
        arrived = self.wait_flow(since + WITHIN_S)  # until then some may still have passed
        assert arrived >= since + WELL_S, f'it flows {arrived - since:.1f} s after the cause: no hysteresis'
        assert self.told('forwarding-again') > again or again


def questions_while_it_is_stopped(life):
    """While forwarding is stopped, too, nobody inside answers the appliance's own questions: it is spoofed, and no flow counts it"""
    gateway = Gateway(life.lab, life.appliance)
    with life.appliance.stopped('capture'):
        wait_until(lambda: life.said('a capture worker is late'), 10, 'stop')
        flows = [f for f in forged.own_flows(gateway.ns) if f[0] == 'udp']
        known = [forged.flow(gateway.ns, own) for *_, own in flows]
        made = forged.answers(flows)
        with gateway.counted() as grown:
            frames.send(life.lab.inside, made)
            time.sleep(0.2)
        counts = [re.findall(r'packets=\d+', line) for line in known]
        assert [re.findall(r'packets=\d+', forged.flow(gateway.ns, own)) for *_, own in flows] == counts, counts
    assert made and grown['spoofed'] == len(made), (len(made), grown)
    life.wait_flow(time.monotonic())


def a_worker_that_hangs_stops_forwarding(life):
    """A worker that hangs stops forwarding within 100 ms; when it goes on, so does forwarding, after two seconds"""
    worker = life.appliance.roles()['capture']
    life.stops(lambda: os.kill(worker, signal.SIGSTOP), 'a capture worker is late')
    back = time.monotonic()
    os.kill(worker, signal.SIGCONT)
    life.goes_on(back)


def a_dead_worker_stops_forwarding(life):
    """A worker that dies stops forwarding within 100 ms, until its successor records"""
    worker = life.appliance.roles()['capture']
    began = life.stops(lambda: os.kill(worker, signal.SIGKILL), 'a capture worker is not there')
    life.goes_on(began)


def a_hung_worker_alone_stops_nothing(life):
    """spool.full = stop alone: a worker that hangs does not stop forwarding"""
    with life.appliance.stopped('capture'):
        time.sleep(0.5)
        began = time.monotonic()
        assert life.wait_flow(began) < began + WELL_S and not life.told('forwarding-stopped')


def no_place_left_stops_forwarding(lab, name, policy):
    """When memory is full of what S3 does not take, forwarding stops; all that was forwarded is recorded; it goes on when S3 does"""
    with Life(lab, name, object__max_seconds=1, **policy) as life:
        if 'on_loss' not in policy:
            a_hung_worker_alone_stops_nothing(life)
        with lab.front.refuses():
            wait_until(lambda: life.said('no place is left'), 120, 'full memory')
            stopped = time.monotonic()
            time.sleep(2)
            assert life.probes.last < stopped + WITHIN_S, 'it still flows'
        life.wait_flow(time.monotonic())
        life.probes.end()
        life.appliance.stop()
        seen = set(life.probes.seen)
    lost(lab, seen)


def flood(lab, over):
    """Large packets of one source at some 1,500 a second, until over()."""
    frame = frames.ethernet(frames.ipv4(frames.udp(b'x' * 1358, 4000, 9, FLOODER), source=FLOODER))
    end = time.monotonic() + 60
    while not over():
        assert time.monotonic() < end, 'the flood changes nothing'
        frames.send(lab.inside, [frame] * 15, every=15)


def the_budget_used_up_stops_forwarding(lab):
    """When the day's budget has no room for headers, forwarding stops within 100 ms of the last packet recorded, and stays closed"""
    with Life(lab, 'budget', budget__bytes_per_day=BUDGET, **ON_LOSS) as life:
        flood(lab, lambda: life.said("the day's budget is used up"))
        again = life.told('forwarding-again')
        time.sleep(3 * WELL_S)
        assert life.told('forwarding-again') == again
        last = time.time() - time.monotonic() + life.probes.last
        life.probes.end()
        life.appliance.stop()
        forwarded = len(life.probes.seen)
    found = objects.collect(lab)
    inside = [f for stream in found.recorded().values() for f in stream if f.interface == 1]
    mine = [f for f in inside if f.data[34:38] == probes.UDP_PORTS]
    late = last - mine[-1].ns / 1e9
    used, lost = (sum(int(o.meta[field]) for o in found.packets()) for field in ('bytes', 'lost'))
    print(f'  # {used} of {BUDGET} bytes; the last probe was forwarded {1000 * late:.0f} ms after the last one recorded; {lost} lost')
    assert late <= WITHIN_S and BUDGET * 0.99 < used < BUDGET * 1.05 and lost > 100
    assert len(mine) + WITHIN_S / 0.005 >= forwarded > 100, f'{forwarded} probes forwarded, {len(mine)} recorded'


def lost(lab, forwarded):
    """Every forwarded probe is in the recording; what was counted as lost, which was not forwarded then."""
    found = objects.collect(lab)
    recorded = probes.numbers(f.data for frames in found.recorded().values() for f in frames if f.interface == 1)
    missing = sorted(forwarded - recorded)
    assert not missing, f'{len(missing)} of {len(forwarded)} forwarded packets were not recorded, the first is {missing[0]}'
    return found.events('shutdown')[-1]['lost']


def all_that_was_forwarded_is_recorded(life):
    """Every packet that reached the receiver outside is in the recording"""
    life.probes.end()
    life.appliance.stop()
    assert lost(life.lab, set(life.probes.seen)) == 0


def main():
    report = testing.report()
    with Surroundings('stop') as lab:
        with Life(lab, 'appliance', **ON_LOSS) as life:
            traffic.ping(lab, 2)
            for check in (questions_while_it_is_stopped, a_worker_that_hangs_stops_forwarding, a_dead_worker_stops_forwarding,
                          all_that_was_forwarded_is_recorded):
                report.run(check, life)
        for name, policy in (('full', ON_LOSS), ('spool', SPOOL_FULL)):
            about = ' = '.join(*policy.items()).replace('__', '.')
            report.run(no_place_left_stops_forwarding, lab, name, policy, about=f' ({about})')
        report.run(the_budget_used_up_stops_forwarding, lab)
    report.finish()


main()
