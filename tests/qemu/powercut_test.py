#!/usr/bin/env python3
"""powercut_test: the plug may be pulled at any moment: what was recorded more than a checkpoint before is kept, sealed, and ships after.

powercut_test.py [-k PATTERN]. CUTS=N: how many cuts, each after a boot of the same volume; SEED=N: when. Needs root and build/qemu/.
Consoles, captures and objects stay in build/lab/powercut/. The cut is QEMU's death by SIGKILL: what the volume had acknowledged is kept.
"""
import collections
import contextlib
import os
import random
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import capture, compare, evidence, netns, objects, testing, traffic  # noqa: E402
from lab.guest import Guest, Volume  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import WEB, Surroundings  # noqa: E402

CUTS = int(os.environ.get('CUTS', '3'))
SEED = int(os.environ.get('SEED', '1'))
BOOT_S = 60
SYNC_MS = 200
# What may be missing before a cut: an open frame (1 s), the ring's oldest block, the time between two checkpoints; and a slow guest.
KEPT_S = SYNC_MS / 1000 + 1.0 + 0.5
EARLY_S = 10  # so long before the cut the gap may begin at most
# objects of several frames, so that some are torn
SETTINGS = {'spool__sync_ms': SYNC_MS, 'object__max_seconds': 4, 'object__max_bytes': 4 << 20, 'log__interval_seconds': 2}
# A cut comes so long after ARMED. Then its own boot's log has told of the cut before, and the log is on the volume.
CUT_MIN_S, CUT_MAX_S = 4, 10
# of a boot that was cut off: it closed neither log nor books; signatures are checked apart
CUT_CHECKS = [c for c in evidence.CHECKS if c not in (evidence.check_signatures, evidence.check_log, evidence.check_books)]


class Load:
    """Small packets all the time and downloads of middling speed, both indifferent to what becomes of them."""

    def __init__(self, lab):
        self.lab, self.over = lab, threading.Event()
        self.threads = [threading.Thread(target=self._repeat, args=argv) for argv in (
            ('ping', '-n', '-q', '-c', '50', '-i', '0.02', '-W', '1', WEB),
            ('curl', '-sS', '-o', os.devnull, '--limit-rate', '400k', '--max-time', '2', 'http://www.example.test/10m'))]

    def _repeat(self, *argv):
        while not self.over.is_set():
            with contextlib.suppress(netns.CommandFailed):
                self.lab.inside.run(*argv)

    def __enter__(self):
        for t in self.threads:
            t.start()

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()


class Cut:
    """One life that ends by a power cut: .armed_ns (None: it never was) and .cut_ns by the host's clock, .wire: frames towards it;
    .boot_s: until it was armed, where that was waited for."""

    def __init__(self, lab, name, volume, wait, refused):
        """wait(guest) returns when the plug is to be pulled; refused: S3 refuses everything, so that much waits on the volume."""
        self.name, self.armed_ns = name, None
        guest = Guest(lab, name, from_kernel=True, volume=volume)
        captures = [capture.Capture(lab, side, ns, guest.name) for side, ns in lab.nics]
        with contextlib.ExitStack() as during, guest:
            during.enter_context(Load(lab))
            wait(self, guest, lambda: refused and during.enter_context(lab.front.refuses()))
            self.cut_ns = time.time_ns()
            guest.cut_power()
        self.wire = {c.side: c.done() for c in captures}
        if not self.armed_ns and 'sealtap: ARMED' in guest.console.text():
            self.armed_ns = self.cut_ns  # just now
        after = f'{(self.cut_ns - self.armed_ns) / 1e9:.3f} s after ARMED' if self.armed_ns else 'before it was armed'
        print(f'# {name}: cut {after}{", S3 refused" if refused else ""}', flush=True)

    def compare(self, boot):
        """What is missing and what is there twice, and how far apart both clocks are; boot: its Evidence."""
        self.boot, self.missing, self.strange, offsets = boot, [], [], []
        for side, frames in self.wire.items():
            number = compare.SIDES.index(side)
            recorded = [f for stream in boot.recorded().values() for f in stream if f.interface == number]
            there = collections.Counter((f.data, f.length) for f in recorded)
            single = {(f.data, f.length): f.ns for f in recorded if there[f.data, f.length] == 1}
            seen = collections.Counter(map(compare.expected, frames))
            offsets += [single[w] - f.ns for f in frames if (w := compare.expected(f)) in single and seen[w] == 1]
            self.strange += list((there - seen).elements())
            self.missing += [f for f in frames if self.armed_ns and f.ns >= self.armed_ns and not there[compare.expected(f)]]
        self.offset_ns = int(statistics.median(offsets)) if offsets else None
        self.spread_ns = max((abs(o - self.offset_ns) for o in offsets), default=0)  # a slow guest stamps late
        self.missing.sort(key=lambda f: f.ns)


def armed_then(seconds):
    """Cut so long after ARMED."""
    def wait(cut, guest, refuse):
        began = time.monotonic()
        guest.console.wait_armed(BOOT_S)
        cut.boot_s = time.monotonic() - began
        cut.armed_ns = time.time_ns()
        refuse()
        time.sleep(seconds)
    return wait


def powered_for(seconds):
    """Cut so long after power-on, whatever it is doing."""
    def wait(cut, guest, refuse):
        end = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            guest.console.wait_armed(seconds)
            cut.armed_ns = time.time_ns()
            refuse()
        time.sleep(max(0, end - time.monotonic()))
    return wait


def after_armed(chance, before):
    return armed_then(chance.uniform(CUT_MIN_S, CUT_MAX_S))


def at_any_moment(chance, before):
    """The first cut is one after ARMED: it tells how long a boot takes on this machine."""
    if not before:
        return after_armed(chance, before)
    return powered_for(before[0].boot_s * chance.uniform(0.2, 2))


def began_s(name):
    return evidence.rfc3339_ns(objects.NAME.fullmatch(name)['start']) / 1e9


class Story:
    """Some lives that are cut off and one that ends well, all with one volume. when(chance, cuts): how the next one is cut."""

    def __init__(self, lab, name, when):
        chance = random.Random(SEED)
        print(f'# CUTS={CUTS} SEED={SEED}', flush=True)
        self.lab, self.began = lab, time.time()
        volume = Volume(lab, f'vol-{len(name):017x}')
        lab.metadata.user_data(lab.configuration(spool=volume.id, **SETTINGS))
        self.cuts = []
        for n in range(CUTS):
            self.cuts.append(Cut(lab, f'{name}-{n}', volume, when(chance, self.cuts), n % 2))
        self.last_began = time.time()
        with Session(Guest(lab, name + '-last', from_kernel=True, volume=volume)) as self.session:
            self.session.armed()
            self.wait_for_quiet()
            with self.session.window('after'):
                traffic.everything(lab, '100k')
                time.sleep(4)
            self.session.power_off()
        self.all = objects.collect(lab)
        self.boots = self.all.lives()
        self.session.evidence = self.boots[-1]
        self.match()

    def wait_for_quiet(self):
        """Until nothing more of the lives before is shipped: then few packets are under way, and a window has clear ends."""
        before = None
        while before != (before := sum(began_s(name) < self.last_began for name in self.stored(self.last_began))):
            time.sleep(2)

    def match(self):
        """Which life each boot was, by what it recorded. A life may have left no object, a boot none with packets."""
        wire = [{compare.expected(f) for frames in cut.wire.values() for f in frames} for cut in self.cuts]
        was = {}
        for boot in self.boots[:-1]:
            recorded = {(f.data, f.length) for stream in boot.recorded().values() for f in stream}
            common = [len(recorded & w) for w in wire]
            if recorded:
                was[common.index(max(common))] = boot
        for n, cut in enumerate(self.cuts):
            cut.compare(was.get(n, objects.Evidence([], self.all.folder)))

    def stored(self, since):
        """Names that S3 took from then on, as often as it did."""
        paths = [e['path'] for e in self.lab.front.entries() if e.get('stored') and e.get('service') == 's3' and e['time'] > since]
        return collections.Counter(path.lstrip('/') for path in paths)

    def torn(self):
        return [o for o in self.all.objects if o.part['torn']]


def all_ships(story):
    """All that was sealed ships: no stream of a boot that was cut off has a hole; torn objects end them"""
    for boot in story.boots[:-1]:
        evidence.check_names(boot)
        for o in boot.objects:
            assert not o.part['torn'] or o is boot.stream(o.stream)[-1], f'{o.name} is torn, but not the last'
    assert not any(o.part['torn'] for o in story.boots[-1].objects)


def torn_objects_open(story):
    """Torn objects open with AWS's Encryption SDK and hold whole frames of valid pcapng"""
    late = [cut for cut in story.cuts if cut.armed_ns and cut.cut_ns - cut.armed_ns > 3e9]
    assert story.torn() or len(late) < 10, 'no object is torn: it proves nothing'
    for o in story.torn():
        if o.part['kind'] == 'packets':
            found = o.capture()
            assert found.note is None and found.frames, f'{o.name}: {found.note}, {len(found.frames)} packets'
    print(f'# {len(story.torn())} torn objects of {len(story.all.objects)}')


def they_are_evidence(story):
    """Metadata, context, chain, envelope, index and statistics hold in boots that were cut off; only their last objects lack a signature"""
    for boot in story.boots[:-1]:
        for check in CUT_CHECKS:
            check(boot)
        unsigned = [o for o in boot.objects if o.meta['sig'] == 'none']
        assert all(o is boot.stream(o.stream)[-1] for o in unsigned), [o.name for o in unsigned]
        evidence.check_signatures(objects.Evidence([o for o in boot.objects if o not in unsigned], boot.folder))


def what_is_missing_is_young(story):
    """Each packet that arrived more than a checkpoint before the cut is recorded, and none twice"""
    for cut in story.cuts:
        kept_until = cut.cut_ns - int(KEPT_S * 1e9)
        assert not cut.strange, f'{cut.name}: {len(cut.strange)} packets were recorded more often than seen'
        if not cut.armed_ns or cut.armed_ns > kept_until:
            continue
        assert cut.boot.objects, f'{cut.name} left no object'
        old = [f for f in cut.missing if f.ns < kept_until]
        seen = sum(cut.armed_ns <= f.ns < kept_until for frames in cut.wire.values() for f in frames)
        assert not old, (f'{cut.name}: {len(old)} of {seen} are missing that arrived more than {KEPT_S:.1f} s before the cut, '
                         f'the first {(cut.cut_ns - old[0].ns) / 1e9:.3f} s before')
        oldest = f', the oldest {(cut.cut_ns - cut.missing[0].ns) / 1e9:.3f} s before' if cut.missing else ''
        print(f'# {cut.name}: {len(cut.missing)} packets missing{oldest}; {seen} were to be kept')
    assert sum(len(frames) for cut in story.cuts for frames in cut.wire.values()) > 200, 'so little traffic proves nothing'


def the_gap_is_told(story):
    """The next boot's log has one event `gap`, which covers all that is missing"""
    assert len(story.boots) == CUTS + 1, f'{len(story.boots)} boots have objects, {CUTS + 1} there were'
    for cut, boot, after in zip(story.cuts, story.boots, story.boots[1:]):
        name, = boot.boots()
        assert cut.boot is boot, cut.name
        gaps = after.events('gap')
        assert len(gaps) == 1, f'{cut.name}: {len(gaps)} events'
        gap = gaps[0]
        assert gap['boot'] == name, f'{cut.name}: the gap of boot {gap["boot"]}, not {name}'
        from_ns, to_ns = int(gap['from_ns']), int(gap['to_ns'])
        early_s = (cut.cut_ns + cut.offset_ns - from_ns) / 1e9
        told = f'{cut.name}: a gap from {early_s:.3f} s before the cut, {(to_ns - from_ns) / 1e9:.3f} s long'
        assert early_s < EARLY_S and from_ns < to_ns, told
        first_ns = min(f.ns for stream in after.recorded().values() for f in stream)
        assert to_ns <= first_ns + BOOT_S * 10**9, told
        for f in cut.missing:
            ns = f.ns + cut.offset_ns
            missing = f'{told}; one is missing from {(f.ns - cut.cut_ns) / 1e9:.3f} s after it'
            assert from_ns - cut.spread_ns <= ns <= to_ns + cut.spread_ns, missing
        print('# ' + told)


def all_gaps_are_told(story):
    """Whatever was cut off when, the logs' events `gap` together cover all that is missing"""
    gaps = [(int(e['from_ns']), int(e['to_ns'])) for boot in story.boots for e in boot.events('gap')]
    assert all(story.began - 5 < a / 1e9 < b / 1e9 for a, b in gaps), gaps
    for cut in story.cuts:
        slack_ns = cut.spread_ns if cut.offset_ns is not None else 10**9  # its clock is not known: by whole seconds, as any clock at boot
        times = [f.ns + (cut.offset_ns or 0) for f in cut.missing]
        untold = [ns for ns in times if not any(a - slack_ns <= ns <= b + slack_ns for a, b in gaps)]
        assert not untold, f'{cut.name}: {len(untold)} of {len(times)} missing packets are in none of {len(gaps)} gaps'


def nothing_is_used_twice(story):
    """No object name is stored twice, none stands beside another, and no message id is used twice"""
    stored = story.stored(story.began)
    twice = [name for name, times in stored.items() if times > 1]
    assert not twice, twice
    assert set(stored) == {o.name for o in story.all.objects}
    evidence.check_free(story.all)
    ids = collections.Counter()
    for o in story.all.objects:
        with open(o.path, 'rb') as f:
            ids[f.read(35)[3:]] += 1
    assert max(ids.values()) == 1, 'a message id is used twice'


def life_goes_on(story):
    """What arrives after the last boot is recorded, packet for packet, and it is evidence as ever"""
    session = story.session
    session.cut_windows()
    result = session.compare('after')
    assert result.seen > 300, result
    for check in evidence.CHECKS:
        if check is not evidence.check_log:
            check(session.evidence)
    listed = {e['name'] for e in session.evidence.events('shipped')} | {session.evidence.stream('log')[-1].name}
    unlisted = set(story.stored(story.last_began)) - listed
    assert not unlisted, f'not in the inventory: {unlisted}'


PROOFS = [all_ships, torn_objects_open, they_are_evidence, what_is_missing_is_young, nothing_is_used_twice, life_goes_on]


def main():
    report = testing.report()
    with Surroundings('powercut') as lab:
        for name, when, gap, about in (
                ('armed', after_armed, the_gap_is_told, ''),
                ('any', at_any_moment, all_gaps_are_told, ' (cut at any moment)')):
            report.life(lambda: Story(lab, name, when), [*PROOFS, gap], about)
    report.finish()


main()
