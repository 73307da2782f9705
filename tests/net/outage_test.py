#!/usr/bin/env python3
"""outage_test: what AWS sees of the appliance in an outage and after it, when it connects again, and when its clock is wrong at first.

outage_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/outage/.
"""
import contextlib
import os
import secrets
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, frames, objects, procs, testing  # noqa: E402
from lab.host import INIT, MBED, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

BUILDS = {'BearSSL': INIT, 'Mbed TLS': MBED}
# src/aws/pace.h
WINDOW_MAX, BASE_S, CAP_S = 4, 0.5, 30
# each worker has room for 16 objects: an outage of 20 s and a last delay of 30 s fit
WORKERS, OBJECT_S = 4, 4
OUTAGE_S, RETRY_AFTER_S, SLOW_S = 20, 5, 0.6
CATCH_UP = 2  # times the live rate
REQUESTS_MAX = 14  # in an outage of that length, by full jitter: 5 to 9, more than 13 not once in a million outages
EARLY_S, LATE_S = 0.02, 1.0  # what clocks and a busy machine may add
CLOSED_S = 0.1  # so soon after its answer a connection has ended for its client, too


def puts(lab):
    """The book's requests to S3 of the appliance, in the order in which they began."""
    return sorted((e for e in lab.front.entries() if e.get('service') == 's3'), key=lambda e: e['began'])


def wait(lab, ready, timeout_s, what):
    """With steady traffic for all workers: the kernel gives them packets by flow."""
    def ready_after_traffic():
        frames.send(lab.inside, [frames.udp_frame(secrets.token_hex(400), port, 7777) for port in range(41000, 41032)])
        time.sleep(0.2)
        return ready()
    procs.wait_until(ready_after_traffic, timeout_s, what)


class Outage:
    """One life through an outage of S3, told at first by a Retry-After; then S3 takes its time for each object, so that it is seen how
    many are under way at once."""

    def __init__(self, lab):
        with Host(lab, 'outage', lab.configuration(object__max_seconds=OBJECT_S), WORKERS, True) as appliance:
            appliance.console.wait_armed(60)
            wait(lab, lambda: len(puts(lab)) > WORKERS, 20, 'object of each worker')
            with contextlib.ExitStack() as after:
                with lab.front.refuses(count=1, headers={'Retry-After': str(RETRY_AFTER_S)}), lab.front.refuses():
                    self.began = time.time()
                    wait(lab, lambda: time.time() > self.began + OUTAGE_S, OUTAGE_S + 5, 'end')
                    self.ended = time.time()
                    after.enter_context(lab.front.misbehave('stall-answer', seconds=SLOW_S))
                wait(lab, lambda: self.caught_up(puts(lab)), 90, 'recovery')
            appliance.stop()
        self.puts = [e for e in puts(lab) if e['began'] > self.began]
        self.stored = [e['path'][1:] for e in puts(lab) if e.get('stored')]
        self.evidence = objects.collect(lab)

    def refused(self):
        """The requests that met the outage; the first was told when to come again. What was under way with it counts as one with it."""
        first, *others = [e for e in self.puts if e.get('code') == 'SlowDown']
        later = [e for e in others if e['began'] > first['time'] + BASE_S / 4]
        assert len(others) - len(later) < WINDOW_MAX, others
        return [first, *later]

    def burst(self):
        return [e for e in self.puts if e.get('fault') == 'stall-answer']

    def caught_up(self, entries):
        """What is stored now was sealed after the outage."""
        stored = [e['path'] for e in entries if e.get('fault') == 'stall-answer' and '/packets/' in e['path']]
        return bool(stored) and sealed_s(stored[-1]) > self.ended


def sealed_s(name):
    """When the object began, by its name."""
    return evidence.rfc3339_ns(name.rsplit('/', 1)[1].split('-')[0].replace('Z', '') + 'Z') / 1e9


def pauses(outage):
    """From each answer of the outage to the next request, the first after it too."""
    seen = outage.refused() + outage.burst()[:1]
    return [after['began'] - before['time'] for before, after in zip(seen, seen[1:])]


def single_requests(outage):
    """In an outage of 20 s S3 sees single requests: each after the last was answered, and after a delay as pace.h says."""
    seen = outage.refused()
    assert 4 <= len(seen) <= REQUESTS_MAX, f'{len(seen)} requests'
    for number, pause in enumerate(pauses(outage)[1:], 1):  # the first is the Retry-After
        top_s = min(BASE_S * 2 ** number, CAP_S)
        assert BASE_S / 2 - EARLY_S <= pause <= top_s + LATE_S, f'{pause:.3f} s before request {number + 1}: {pauses(outage)}'
    first, second = outage.burst()[:2]
    assert second['began'] >= first['time'], 'the first after the outage was not alone'


def retry_after_is_kept(outage):
    """A Retry-After of 5 s is kept: there is no request for so long, and one soon after."""
    assert RETRY_AFTER_S - EARLY_S <= pauses(outage)[0] <= RETRY_AFTER_S + LATE_S, pauses(outage)


def no_flood(outage):
    """The end of an outage brings no flood: what waited is sent by at most four requests at once, which become four one by one."""
    burst = outage.burst()
    waited = [e for e in burst if sealed_s(e['path']) < burst[0]['began']]
    assert len(waited) >= 20, f'{len(waited)} objects waited'
    under_way = [sum(e['began'] <= at['began'] < e['time'] for e in burst) for at in burst]
    assert max(under_way) == WINDOW_MAX, f'{max(under_way)} under way at once'
    for width in range(2, WINDOW_MAX + 1):  # a window of n opens after n good answers
        first = burst[next(i for i, n in enumerate(under_way) if n == width)]
        answered = sum(e['time'] <= first['began'] for e in burst)
        assert answered >= sum(range(width)), f'{width} under way after {answered} answers'


def waiting(outage):
    """The requests that brought what had waited, log too, in the order in which they began."""
    over = outage.burst()[0]['began']
    return [e for e in outage.puts if e.get('stored') and e['began'] >= over and sealed_s(e['path']) + OBJECT_S < over]


def oldest_first(outage):
    """What waited is sent oldest first, to within the four connections and but for the four objects tried in turn during the outage"""
    begun = [objects.NAME.fullmatch(e['path'][1:]) for e in waiting(outage)][WINDOW_MAX:]
    ages = [sealed_s(m[0]) for m in begun if m['kind'] == 'packets']  # an object of the log may be open for minutes
    assert all(age > max(ages[:i], default=0) - OBJECT_S - LATE_S for i, age in enumerate(ages)), ages
    for stream in {m['stream'] for m in begun}:
        numbers = [int(m['seq']) for m in begun if m['stream'] == stream]
        # four connections at once: a request may arrive behind those that began after it
        assert all(n > max(numbers[:i], default=-1) - WINDOW_MAX for i, n in enumerate(numbers)), f'{stream}: {numbers}'


def catches_up(outage):
    """After the outage what waited is shipped at no less than twice the rate at which it is recorded, though each answer takes its time"""
    packets = outage.evidence.packets()
    span_ns = max(int(o.meta['last']) for o in packets) - min(int(o.meta['first']) for o in packets)
    live = sum(o.size for o in packets) / span_ns * 1e9
    waited = [e for e in waiting(outage) if '/packets/' in e['path']]
    size = sum(o.size for o in packets if o.name in {e['path'][1:] for e in waited})
    ratio = size / (max(e['time'] for e in waited) - waited[0]['began']) / live
    print(f'# {len(waited)} objects of {size} bytes waited; shipped at {ratio:.1f} times the {live:.0f} bytes/s of recording')
    assert len(waited) >= 12 and ratio >= CATCH_UP


def stored_once(outage):
    """Every object that waited is stored exactly once, none is lost, and no packet is."""
    assert len(outage.stored) == len(set(outage.stored)), 'a name was stored twice'
    mine = [name for name in outage.stored if objects.NAME.fullmatch(name)['boot'] in outage.evidence.boots()]
    assert sorted(mine) == sorted(o.name for o in outage.evidence.objects)
    for check in evidence.CHECKS:
        if check is not evidence.check_readers:  # other tests' part, and slow with so many objects
            check(outage.evidence)
    down = outage.evidence.events('shutdown')[-1]
    assert down['lost'] == 0 and down['packets'] == sum(map(len, outage.evidence.recorded().values())), down


def reconnects(lab, init):
    """Where each connection ends with its answer, every further one resumes the session"""
    before = len(lab.front.entries())
    appliance = Host(lab, 'reconnects-' + init.split('/')[-2], lab.configuration(object__max_seconds=1), verbose=True, init=init)
    with lab.front.misbehave('close') as met, appliance:
        appliance.console.wait_armed(60)
        wait(lab, lambda: len(met()) >= 6, 30, 'reconnect')
        appliance.stop()
    seen = [e for e in lab.front.entries()[before:] if e.get('fault') == 'close']
    assert len({e['connection'] for e in seen}) == len(seen), seen
    # two objects at once go by two connections, each of which has a session of its own to begin with
    alone = [e for e in seen if not any(o['accepted'] < e['accepted'] < o['time'] + CLOSED_S for o in seen)]
    assert len(alone) >= 4 and [e['resumed'] for e in alone] == [False] + [True] * (len(alone) - 1), [e['resumed'] for e in seen]
    tls13 = {e['suite'].startswith('TLS_') for e in seen}
    assert tls13 == {init == MBED}, seen[0]['suite']


def wrong_clock_from_the_start(lab, offset_s):
    """A clock that is 20 minutes off at the start is corrected by KMS's answer, said once, and good for S3 as well"""
    before = len(lab.front.entries())
    lab.front.expect('skew')
    lab.front.tell(clock_offset_s=offset_s)
    with Host(lab, f'clock{offset_s}', lab.configuration(object__max_seconds=1), verbose=True) as appliance:
        appliance.console.wait_armed(60)
        wait(lab, lambda: sum(bool(e.get('stored')) for e in lab.front.entries()[before:]) >= 3, 20, 'object')
        appliance.stop()
        said = [line for line in appliance.console.text().splitlines() if ' clock-offset ' in line]
    lab.front.tell(clock_offset_s=0)
    lab.front.expect()
    skewed = [e['service'] for e in lab.front.entries()[before:] if e['verdict'] == 'skew']
    assert skewed == ['kms'], skewed
    assert len(said) == 1 and f'sign={"+-"[offset_s < 0]}' in said[0], said
    seconds = int(said[0].split('seconds=')[1].split()[0])
    assert abs(seconds - abs(offset_s)) <= 2, said


def main():
    report = testing.report()
    with Surroundings('outage') as lab:
        checks = (single_requests, retry_after_is_kept, no_flood, oldest_first, catches_up, stored_once)
        report.life(lambda: Outage(lab), checks)
        for name, init in BUILDS.items():
            report.run(reconnects, lab, init, about=f' ({name})')
        for offset_s in (1200, -1200):
            report.run(wrong_clock_from_the_start, lab, offset_s, about=f' ({offset_s:+} s)')
    report.finish()


main()
