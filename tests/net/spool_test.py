#!/usr/bin/env python3
"""spool_test: a volume keeps what is not shipped: through S3's absence, the power's, the disk's own faults, and the spool's death.

spool_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/spool/.
"""
import base64
import contextlib
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import compare, evidence, objects, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings, WEB  # noqa: E402

SYNC_MS = 200
SHUTDOWN_S = 110  # init is patient for 100 s
VOLUME_BYTES = 10 * 67108864  # nine slots of 64 MiB
SEED = int(os.environ.get('SEED', '0')) or random.SystemRandom().randrange(1 << 30)


def volume(lab, name, size=VOLUME_BYTES):
    path = os.path.join(lab.folder, name + '.volume')
    with open(path, 'wb') as f:
        f.truncate(size)
    return path


def settings(lab, path, **more):
    return lab.configuration(spool=path, spool__sync_ms=SYNC_MS, **{'object__max_seconds': 2, **more})


# ---- all in order


class Calm:
    def __init__(self, lab):
        self.path = volume(lab, 'calm')
        with Session(Host(lab, 'calm', settings(lab, self.path), verbose=True)) as session:
            session.armed()
            with session.window('traffic'):
                traffic.everything(lab, '10m')
                time.sleep(5)
            session.power_off()
            session.collect()
            self.console = session.appliance.console.text()
        self.session, self.evidence = session, session.evidence


def all_goes_through_the_volume(life):
    """With a volume, all is recorded, shipped and in order as without one"""
    result = life.session.compare('traffic')
    assert result.missing == 0 and result.recorded > 500, result
    for check in evidence.CHECKS:
        check(life.evidence)
    assert ': 9 slots of 64 MiB, 0 objects of earlier boots wait; it was empty' in life.console


def the_volume_holds_ciphertext_alone(life):
    """Nothing of the traffic's content and no data key stands on the volume, and no object waits there"""
    with open(life.path, 'rb') as f:
        data = f.read()
    assert [o for o in life.evidence.objects if o.name.encode() in data], 'the volume was not used'
    marker = life.session.windows['traffic']['inside'][0].data
    assert marker not in data and marker[-20:] not in data
    for o in life.evidence.packets():
        assert o.plain()[:200] not in data
    for e in life.session.lab.front.entries():
        assert not e.get('data_key') or base64.b64decode(e['data_key']) not in data, 'a data key'


# ---- S3 away, then the power


class Cut:
    def __init__(self, lab):
        chance = random.Random(SEED)
        self.path = volume(lab, 'cut')
        with Session(Host(lab, 'cut', settings(lab, self.path), verbose=True)) as session:
            session.armed()
            with lab.front.refuses():
                with session.window('before'):
                    traffic.fetch(lab, '10m')
                    time.sleep(4)
                    traffic.fetch(lab, '10m')
                # without a pause: what is missing before the cut is told by the packets
                ping = lab.processes.start('ping', ['ping', '-n', '-q', '-c', '1000', '-i', '0.01', WEB], lab.inside)
                time.sleep(2 + chance.uniform(0.5, 2.5))
                self.cut_ns = time.time_ns()
                session.appliance.cut_power()
                ping.end()
            self.shipped_before = set(objects.list_names(lab.store))
            session.appliance.name += '-again'
            session.appliance.start()
            session.armed()
            self.armed_ns = time.time_ns()
            with session.window('after'):
                traffic.fetch(lab, '100k')
            session.power_off()
            session.collect()
            self.console = session.appliance.console.text()
        self.session = session
        self.first, self.second = session.evidence.lives()
        shipped = self.shipped_before & {o.name for o in self.first.objects}
        print(f'# SEED={SEED}: cut with {len(self.first.objects)} objects, {len(shipped)} of them shipped before')


def what_was_on_the_volume_ships(life):
    """After a power cut in the middle of an outage, all that was committed is shipped at the next boot, and listed in its log"""
    result = compare.compare(life.first, life.session.windows['before'])
    assert result.missing == 0 and result.recorded > 1000, result
    assert [o for o in life.first.objects if o.part['torn']], 'no object was torn: nothing was under way'
    listed = {e['name']: e for e in life.second.events('shipped')}
    for o in life.first.objects:
        if o.name not in life.shipped_before:
            assert listed[o.name]['sha256'] == o.sha256, o.name


def torn_and_whole_ones_are_evidence(life):
    """Names, numbers, metadata, chain, envelope and index of the boot that was cut hold; only what no key could sign has no signature"""
    for check in (evidence.check_names, evidence.check_free, evidence.check_metadata, evidence.check_context, evidence.check_chain,
                  evidence.check_envelope, evidence.check_index, evidence.check_readers):
        check(life.first)
    for stream in life.first.streams():
        for o in life.first.stream(stream)[:-1]:
            assert o.meta['sig'] != 'none' and not o.part['torn'], f'{o.name}: only the last of a stream may be torn'
    for check in evidence.CHECKS:
        if check is not evidence.check_log:
            check(life.second)


def the_gap_is_stated(life):
    """The next boot says from when to when nothing is known: from the last checkpoint on"""
    gaps = life.second.events('gap')
    assert len(gaps) == 1 and gaps[0]['boot'] == life.first.objects[0].part['boot'], gaps
    begins, ends = int(gaps[0]['from_ns']), int(gaps[0]['to_ns'])
    last = max(int(o.meta['last']) for o in life.first.packets())
    assert begins == last and life.cut_ns < ends <= life.armed_ns, (gaps, last, life.cut_ns, life.armed_ns)
    assert life.cut_ns - begins < (SYNC_MS + 1500) * 10**6, f'{(life.cut_ns - begins) / 1e6:.0f} ms before the cut are missing'


# ---- the disk's faults


class Faults:
    def __init__(self, lab):
        self.path, self.faults = volume(lab, 'faults'), os.path.join(lab.folder, 'faults.txt')
        self.fault('')
        host = Host(lab, 'faults', settings(lab, self.path), verbose=True, disk_faults=self.faults, init=INJECTED)
        with Clock(lab) as self.clock, Session(host) as session:
            session.armed()
            self.console = session.appliance.console
            with session.window('faults'):
                for fault in ('write eio', 'sync eio', 'write nospace', 'write short', 'any eio'):
                    self.act_out(lab, fault)
                with lab.front.refuses():
                    self.act_out(lab, 'write eio')
                traffic.fetch(lab, '100k')
                self.fault('any stall')
                traffic.fetch(lab, '10m')
                self.fault('')
                self.clock.pass_time(12, 2)
            session.power_off()
            session.collect()
        self.session, self.evidence = session, session.evidence

    def fault(self, line):
        with open(self.faults, 'w') as f:
            f.write(line)

    def act_out(self, lab, fault):
        at = len(self.console.text())
        self.fault(fault)
        traffic.fetch(lab, '100k')
        self.console.wait(r'^sealtap: alarm spool spool-failed ', 20, at)
        traffic.fetch(lab, '100k')
        self.clock.pass_time(3, 1)
        self.fault('')
        self.clock.pass_time(30, 1, until=lambda: ' spool-works ' in self.console.text()[at:])
        self.console.wait(r'^sealtap: alarm spool spool-works ', 1, at)


def faults_lose_nothing(life):
    """A volume that fails, is full or stalls costs nothing: recording goes on in memory, and all is shipped, each object once"""
    result = life.session.compare('faults')
    assert result.missing == 0 and result.recorded > 1000, result
    for check in evidence.CHECKS:
        check(life.evidence)


def faults_are_named(life):
    """Each fault is an alarm that says what failed and what to do"""
    reasons = [e['reason'] for e in life.evidence.events('spool-failed')]
    assert reasons.count('the device failed') == 5 and reasons.count('no space is left on the device') == 1, reasons
    assert len(life.evidence.events('spool-works')) == 6


# ---- a full volume


class Full:
    def __init__(self, lab):
        self.path = volume(lab, 'full', 4 * 67108864)
        with Session(Host(lab, 'full', settings(lab, self.path, object__max_seconds=1), verbose=True)) as session:
            session.armed()
            with lab.front.refuses():
                wait_until(lambda: traffic.ping(lab, 2) or 'spool-full' in session.appliance.console.text(), 90, 'full volume')
            traffic.ping(lab, 2)
            session.appliance.console.wait(r'^sealtap: alarm spool spool-room ', 60)
            session.power_off()
            session.collect()
        self.session, self.evidence = session, session.evidence


def a_full_volume_overwrites_nothing(life):
    """When the volume is full it is said, what is there is kept, and all is shipped once S3 is back"""
    assert life.evidence.events('spool-full') and life.evidence.events('spool-room')
    for check in evidence.CHECKS:
        check(life.evidence)


# ---- off while S3 is away


class Late:
    """Off by its power button in an outage that does not end, on again when it has; the disk can't be read at first."""

    def __init__(self, lab):
        self.path, self.faults = volume(lab, 'late'), os.path.join(lab.folder, 'late.txt')
        with open(self.faults, 'w'):
            pass
        host = Host(lab, 'late', settings(lab, self.path), verbose=True, disk_faults=self.faults, init=INJECTED)
        with Clock(lab) as clock, Session(host) as session:
            session.armed()
            with lab.front.refuses():
                with session.window('before'):
                    traffic.fetch(lab, '100k')
                    time.sleep(3)
                session.appliance.process.send(signal.SIGTERM)
                clock.pass_time(SHUTDOWN_S, 2, until=lambda: not session.appliance.process.running())
                session.appliance.process.end(signal.SIGTERM, 30)
                self.said = session.appliance.console.text()
            with open(self.faults, 'w') as f:
                f.write('read eio')
            session.appliance.name += '-again'
            session.appliance.start()
            session.appliance.console.wait(r'^sealtap: CLOSED spool: .*the device failed', 30)
            with open(self.faults, 'w'):
                pass
            session.armed()
            session.power_off()
            session.collect()
        self.session, (self.first, self.second) = session, session.evidence.lives()


def a_shutdown_in_an_outage_leaves_all_on_the_volume(life):
    """Off in an outage of S3, what was not shipped stays on the volume, as it says, and ships at the next boot: no gap, nothing torn"""
    result = compare.compare(life.first, life.session.windows['before'])
    assert result.missing == 0 and result.recorded > 100, result
    assert 'the volume keeps what was not shipped' in life.said
    assert not life.second.events('gap') and not [o for o in life.first.packets() if o.part['torn']]
    assert life.first.events('shutdown')
    for check in (evidence.check_names, evidence.check_free, evidence.check_metadata, evidence.check_chain, evidence.check_signatures,
                  evidence.check_books):
        check(life.first)


# ---- disks that are not taken


def refused(lab, name, path, reason):
    with Host(lab, name, settings(lab, path), verbose=True) as appliance:
        appliance.console.wait(r'^sealtap: CLOSED spool: .*' + reason, 40)
        time.sleep(1)
        assert 'ARMED' not in appliance.console.text()


@contextlib.contextmanager
def unchanged(path):
    with open(path, 'rb') as f:
        before = f.read()
    yield
    with open(path, 'rb') as f:
        assert f.read() == before, f'{path} was written to'


def a_foreign_disk_is_refused(lab):
    """A disk with anything on it that is not ours is refused and not written to, wherever on it that is"""
    for name, at in (('first', 0), ('superblock', 1080), ('far', 301 * 1048576 + 77), ('last', VOLUME_BYTES - 1)):
        path = volume(lab, name)
        if name == 'far':
            with open(path, 'r+b') as f:
                f.seek(at)
                f.write(b'x' * 12 * 1048576)
        with open(path, 'r+b') as f:
            f.seek(at)
            f.write(b'\1')
        with unchanged(path):
            refused(lab, 'foreign-' + name, path, 'not ours')


def a_disk_too_small_or_missing_is_named(lab):
    """A disk that is too small, or not there, keeps it closed, with the reason; it arms as soon as there is one"""
    refused(lab, 'small', volume(lab, 'small', 1 << 20), 'too small')
    path = os.path.join(lab.folder, 'tardy.volume')
    with Host(lab, 'tardy', settings(lab, path), verbose=True) as appliance:
        appliance.console.wait(r'^sealtap: CLOSED spool: .*not found', 40)
        volume(lab, 'tardy')
        appliance.console.wait_armed(30)
        appliance.stop()


LIVES = (
    (Calm, (all_goes_through_the_volume, the_volume_holds_ciphertext_alone)),
    (Cut, (what_was_on_the_volume_ships, torn_and_whole_ones_are_evidence, the_gap_is_stated)),
    (Faults, (faults_lose_nothing, faults_are_named)),
    (Full, (a_full_volume_overwrites_nothing,)),
    (Late, (a_shutdown_in_an_outage_leaves_all_on_the_volume,)),
)


def main():
    report = testing.report()
    with Surroundings('spool') as lab:
        for make, checks in LIVES:
            report.life(lambda: make(lab), checks)
        for check in (a_foreign_disk_is_refused, a_disk_too_small_or_missing_is_named):
            report.run(check, lab)
    report.finish()


main()
