#!/usr/bin/env python3
"""hours_test: S3 away for an hour, credentials gone for half of one, KMS refusing for longer than a data key lives, the clock an hour off:
the real roles under a clock that goes 180 times as fast, and jumps (tests/lab/clock.py).

hours_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/hours/.
"""
import contextlib
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, frames, objects, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import AWS, IMPOSTOR, WEB, Surroundings  # noqa: E402

FAST, BRISK = 180, 30
HOUR_S = 3600
OBJECT_S, KEY_S = 450, 900  # in an hour nine objects or so wait: there is room for more
# src/aws/pace.h, and the back-off for KMS: full jitter up to 30 s. 119 tries in half an hour, more than 160 not once in a billion
HALF_HOUR_MAX, LANES = 160, 4
STALL_S = 20  # src/role/https.h
IMDS_MIN_S = 10  # src/role/keys/credentials.c: IMDS is asked for credentials no more often, whatever refuses the old ones
S3_AWAY, NO_CREDENTIALS, NO_KMS = 'S3 away for an hour', 'credentials gone for 30 minutes', 'KMS refuses for longer than a key lives'
JUMPS_S = (HOUR_S, -HOUR_S, -HOUR_S, HOUR_S)


class Load(threading.Thread):
    """Small traffic until the end of the block; every packet must come through."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.over, self.error = lab, False, None

    def run(self):
        try:
            while not self.over:
                said = self.lab.inside.run('ping', '-n', '-q', '-c', '10', '-i', '0.05', '-W', '5', WEB)
                assert ' 0% packet loss' in said, said
                traffic.fetch(self.lab, '100k')
        except Exception as e:
            self.error = e

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over = True
        self.join(60)
        assert not self.is_alive() and self.error is None, f'traffic broke: {self.error}'


def stored(lab, since=0):
    """The name's parts of what S3 has stored since then, in order."""
    paths = [e['path'][1:] for e in lab.front.entries() if e.get('stored') and e['time'] > since]
    return [objects.NAME.fullmatch(p) for p in paths]


class Life:
    """One life of the appliance under the test's clock, with traffic all the time."""
    readers = True  # are tshark and tcpdump to read all of it? It takes long

    def __init__(self, lab, clock, name, credentials_s, **settings):
        self.lab, self.clock = lab, clock
        self.moments = {}  # phase: machine's time of its beginning and end
        clock.renew(lab.amazon.role_keys, credentials_s)
        # without NTP: its clock stays as wrong as the test makes it
        appliance = Host(lab, name, lab.configuration(ntp__server='none', **settings), verbose=True, init=INJECTED)
        with Session(appliance) as self.session:
            self.session.armed()
            self.console = appliance.console
            with Load(lab):
                self.go(appliance)
                clock.speed(1)
            self.session.power_off()
            self.session.collect()
        self.evidence = self.session.evidence

    @contextlib.contextmanager
    def phase(self, name):
        with self.session.window(name):
            began = time.time()
            yield
        self.moments[name] = began, time.time()

    def met(self, name, service=None):
        """The book's requests of a phase that were answered by an error, in the order in which they began."""
        began, ended = self.moments[name]
        found = [e for e in self.lab.front.entries() if 'code' in e and began < e['began'] < ended]
        return sorted((e for e in found if service in (None, e.get('service'))), key=lambda e: e['began'])

    def events(self, event, **members):
        return [e for e in self.evidence.events(event) if members.items() <= e.items()]


class Outages(Life):
    readers = False

    def __init__(self, lab, clock):
        # the credentials end while there are no others
        super().__init__(lab, clock, 'outages', 1.4 * HOUR_S, object__max_seconds=OBJECT_S, key__max_seconds=KEY_S)

    def go(self, appliance):
        self.clock.speed(FAST)
        with self.phase(S3_AWAY):
            self.s3_away(appliance)
        with self.phase(NO_CREDENTIALS):
            self.credentials_gone(appliance)
        with self.phase(NO_KMS):
            self.kms_refuses(appliance)

    def s3_away(self, appliance):
        """Half an hour of 503, then half an hour in which nobody listens at its address."""
        with self.lab.front.refuses():
            self.clock.wait(HOUR_S / 2)
            self.lab.move_aws(AWS, IMPOSTOR)
            self.clock.wait(HOUR_S / 2)
            self.lab.move_aws(AWS)
        self.back_ns = self.clock.aws_s() * 1e9
        self.catch_up(appliance)

    def credentials_gone(self, appliance):
        """IMDS does not know the role, S3 and KMS take its credentials no more."""
        before = self.asked()
        self.lab.metadata.no_role()
        self.lab.front.expire()
        self.clock.wait(HOUR_S / 2)
        self.imds_asked = self.asked() - before
        self.clock.renew(self.lab.amazon.next_keys, 24 * HOUR_S)
        self.catch_up(appliance)

    def kms_refuses(self, appliance):
        """Until both streams say that they go on under a key that is too old; then each gets a new one."""
        since = len(self.console.text())
        with self.lab.front.refuses('kms', 400, 'DisabledException'):
            for stream in ('w0', 'log'):
                self.console.wait(rf'^sealtap: alarm \w+ data-key-extended stream={stream} ', 2 * (KEY_S + OBJECT_S) / FAST + 10, since)
            self.extended = [int(age) for age in re.findall(r'data-key-extended .* age_s=(\d+)', self.console.text()[since:])]
        back = time.time()
        keys = lambda: sum('data_key' in e and e['time'] > back for e in self.lab.front.entries())
        appliance.process.wait_for(lambda: keys() >= 2, 20, 'new data keys')
        self.catch_up(appliance)

    def catch_up(self, appliance):
        """Until of each stream something is stored that was begun after now: all else is, too, for the oldest goes first."""
        now_ns, since = self.clock.aws_s() * 1e9, time.time()

        def ready():
            return {m['stream'] for m in stored(self.lab, since) if evidence.rfc3339_ns(m['start']) > now_ns} >= {'w0', 'log'}
        appliance.process.wait_for(ready, OBJECT_S / FAST + 20, 'recovery')

    def asked(self):
        """How often IMDS was asked for the role."""
        return self.lab.imds_server.output().count('GET /latest/meta-data/iam/security-credentials/ ')


class Jumps(Life):
    def __init__(self, lab, clock):
        super().__init__(lab, clock, 'jumps', 24 * HOUR_S, object__max_seconds=20, log__interval_seconds=20, key__max_seconds=60)

    def go(self, appliance):
        self.clock.speed(BRISK)
        self.lab.front.expect('skew')
        with self.phase('jumps'):
            self.objects_and_key(appliance)
            self.skewed = []
            for jump_s in JUMPS_S:
                began = time.time()
                self.clock.jump(jump_s)
                self.objects_and_key(appliance)
                self.skewed.append([e['service'] for e in self.lab.front.entries() if e['verdict'] == 'skew' and e['time'] > began])
        self.lab.front.expect()

    def objects_and_key(self, appliance):
        """Waits until packets and log have shipped two objects that began after now, and KMS has given a data key. (Flows end in
        the kernel's own time.)"""
        began, since = time.time(), self.newest()

        def ready():
            keys = sum('data_key' in e and e['time'] > began for e in self.lab.front.entries())
            return keys and all(number >= since.get(stream, -1) + 3 for stream, number in self.newest().items() if stream != 'flows')
        appliance.process.wait_for(ready, 40, 'objects after a jump')

    def newest(self):
        """{stream: highest number stored} of this life."""
        found = {}
        for m in stored(self.lab):
            if m['boot'] not in self.lab.boots:
                found[m['stream']] = max(found.get(m['stream'], 0), int(m['seq']))
        return found


# ---- what must be true of a life

def every_packet_is_recorded(life, phase):
    """Every packet that the independent capture saw is recorded once, byte for byte and in order, none is lost"""
    result = life.session.compare(phase)
    assert result.missing == 0 and result.recorded > 300, result
    began, ended = life.moments[phase]
    print(f'# {result.seen} packets seen, {result.recorded} recorded; {life.clock.passed_s(began, ended):.0f} s of its time')


def the_books_agree(life):
    """Counts of links, objects and closing books agree: what arrived is what was recorded, nothing is lost"""
    down, = life.events('shutdown', role='keys')
    recorded = sum(map(len, life.evidence.recorded().values()))
    assert down['lost'] == down['filtered'] == 0 and down['packets'] == recorded, (down, recorded)
    assert not life.events('lost') and all(o.meta['lost'] == '0' for o in life.evidence.objects)
    links, = life.events('disarmed')
    unattributed = links['outside_rx_packets'] + links['inside_rx_packets'] - recorded
    # the links are read a moment before the ring is closed; at that moment there is no traffic but the appliance's own
    assert -20 <= unattributed <= 0, f'{unattributed} packets arrived and are neither recorded nor lost'
    assert all(e['lines_dropped'] == 0 for e in life.events('object')) and not life.events('log-lines-lost')


def it_is_evidence(life):
    """Names, metadata, signatures, chain, index and inventory hold; AWS's Encryption SDK has opened every object"""
    for check in evidence.CHECKS:
        if check is not evidence.check_readers or life.readers:
            check(life.evidence)


def single_requests(life):
    """In an hour without S3 it is asked by single requests, no more often than the back-off says, and all the time"""
    refused = [e for e in life.met(S3_AWAY, 's3') if e.get('code') == 'SlowDown']
    assert HOUR_S / 2 / 60 <= len(refused) <= HALF_HOUR_MAX, f'{len(refused)} requests met a 503'
    for before, after in zip(refused[LANES:], refused[LANES + 1:]):  # what was under way at once at first is over
        given_up = after['began'] - before['began'] > STALL_S / FAST  # on a busy machine the lab may be too slow for such a clock
        assert before['time'] <= after['began'] or given_up, f'a request began before the last was answered: {before}, {after}'
    seen = life.session.windows[S3_AWAY]['outside']
    source = frames.address(IMPOSTOR)
    resets = sum(f.data[12:14] == b'\x08\x00' and f.data[23] == 6 and f.data[26:30] == source and f.data[47] & 4 == 4 for f in seen)
    assert HOUR_S / 2 / 60 <= resets <= HALF_HOUR_MAX, f'{resets} connections were refused'
    print(f'# {len(refused)} requests met a 503, {resets} connections were refused')


def oldest_first(life):
    """What waited for S3 is shipped oldest first, each once: no more overtake an object than there are connections"""
    started = sorted((e for e in life.lab.front.entries() if e.get('stored') and e['began'] > life.moments[S3_AWAY][0]),
                     key=lambda e: e['began'])
    parts = [(objects.NAME.fullmatch(e['path'][1:]), e) for e in started]
    waited = [(m['stream'], int(m['seq'])) for m, e in parts if m and evidence.rfc3339_ns(m['start']) < life.back_ns]
    for stream, least in (('w0', 6), ('log', 3)):
        order = [seq for s, seq in waited if s == stream]
        assert len(order) >= least and len(set(order)) == len(order), f'{stream}: {order}'
        for i, seq in enumerate(order):
            overtaken = sum(later < seq for later in order[i + 1:])
            assert overtaken < LANES, f'{stream}: number {seq} overtook {overtaken}: {order}'


def credentials_are_told(life):
    """Credentials that are gone are told, stay in use past their end with an alarm, and are asked for with back-off until they are back"""
    assert life.events('credentials-not-renewed', role='keys') and life.events('credentials-expired', level='alarm')
    assert life.events('credentials-renewed'), 'no new ones'
    refused = life.met(NO_CREDENTIALS)
    counts = {service: sum(e['service'] == service for e in refused) for service in ('s3', 'kms')}
    assert {e['code'] for e in refused} == {'ExpiredToken', 'ExpiredTokenException'}, refused
    assert all(10 <= n <= HALF_HOUR_MAX for n in counts.values()), counts
    assert 10 <= life.imds_asked <= HOUR_S / 2 / IMDS_MIN_S, f'IMDS was asked for the role {life.imds_asked} times'
    print(f'# refused: {counts}; IMDS asked {life.imds_asked} times')


def a_key_is_used_longer(life):
    """Without KMS each stream goes on under its last data key and says so, as an alarm; it takes a new one when KMS is back"""
    assert len(life.extended) >= 2 and min(life.extended) >= KEY_S, life.extended
    for stream in ('w0', 'log'):
        assert life.events('data-key-extended', stream=stream, level='alarm'), stream
        told = life.events('data-key-extended', stream=stream)[-1]['keyseq']
        after = {int(o.context['sealtap-keyseq']) for o in life.evidence.stream(stream)}
        assert max(after) > told, f'{stream}: key {told} was extended, {sorted(after)} were used'
    refused = [e for e in life.met(NO_KMS) if e['service'] == 'kms']
    assert len(refused) <= 2 * HALF_HOUR_MAX and all(e['code'] == 'DisabledException' for e in refused), refused


def jumps_are_taken(life):
    """After each jump S3 or KMS says so once or twice, signatures are right from then on, and both streams go on shipping"""
    assert all(1 <= len(services) <= LANES + 1 for services in life.skewed), life.skewed
    offsets = [(e['sign'], round(e['seconds'] / HOUR_S)) for e in life.events('clock-offset')]
    told = [offset for offset, before in zip(offsets, [None] + offsets) if offset != before and offset[1] != 0]
    assert told == [('-', 1), ('+', 1)], offsets


def time_is_what_the_clock_said(life):
    """Packets and names carry the time that the clock showed, back and forth; numbers tell the order"""
    frames = [f for o in life.evidence.stream('w0') for f in o.capture().frames]
    steps = [(b.ns - a.ns) / 1e9 for a, b in zip(frames, frames[1:])]
    jumps = tuple(HOUR_S if s > 0 else -HOUR_S for s in steps if abs(s) > HOUR_S / 2)
    assert jumps == JUMPS_S, jumps
    starts = [o.part['start'] for o in life.evidence.stream('w0')]
    assert starts != sorted(starts), 'no name shows the jump back'


def nothing_comes_twice(lab, lives):
    """In all of it no name is stored twice, no message id comes twice, and no initialisation vector under one content key"""
    names = [e['path'] for e in lab.front.entries() if e.get('stored')]
    assert len(names) == len(set(names)), 'a name was stored twice'
    shipped = [o for life in lives for o in life.evidence.objects]
    assert sorted(names) == sorted('/' + o.name for o in shipped)
    numbers = {(o.part['boot'], o.stream, o.seq) for o in shipped}
    ids, vectors = set(), set()
    for o in shipped:
        with open(o.path, 'rb') as f:
            data = f.read()
        ids.add(data[3:35])
        # the content key is made of data key and message id: with another id it is another key
        own = evidence.vectors(data)
        assert len(own) == len(set(own)), f'{o.name}: an IV twice'
        vectors |= {(data[3:35], iv) for iv in own}
    assert len(numbers) == len(ids) == len(shipped), f'{len(shipped)} objects, {len(numbers)} numbers, {len(ids)} message ids'
    keys = lab.front.data_keys()
    assert len(keys) == len(set(keys)) and len({(o.part['boot'], o.stream, o.context['sealtap-keyseq']) for o in shipped}) <= len(keys)
    print(f'# {len(shipped)} objects, {len(vectors)} frames, {len(keys)} data keys')


PHASES = (S3_AWAY, NO_CREDENTIALS, NO_KMS)
OF_OUTAGES = (single_requests, oldest_first, credentials_are_told, a_key_is_used_longer, the_books_agree, it_is_evidence)
OF_JUMPS = (jumps_are_taken, time_is_what_the_clock_said, the_books_agree, it_is_evidence)
JUMPING = ' (the clock jumps by an hour, forth and back, back and forth)'


def main():
    report = testing.report()
    outages = [(every_packet_is_recorded, f' ({phase})', phase) for phase in PHASES] + [(check, '') for check in OF_OUTAGES]
    jumps = [(every_packet_is_recorded, JUMPING, 'jumps')] + [(check, JUMPING) for check in OF_JUMPS]
    together = report.wants(nothing_comes_twice)
    with Surroundings('hours') as lab, Clock(lab) as clock:
        lives = []
        for Lived, checks in ((Outages, outages), (Jumps, jumps)):
            if not together and not any(report.wants(check, about) for check, about, *_ in checks):
                continue
            lives.append(Lived(lab, clock))
            for check, about, *more in checks:
                report.run(check, lives[-1], *more, about=about)
        report.run(nothing_comes_twice, lab, lives)
    report.finish()


main()
