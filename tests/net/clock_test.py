#!/usr/bin/env python3
"""clock_test: an NTP server that is wrong by a second or an hour, jumps, kisses, replays, is silent, or is spoken for by others: the real
roles, which set the test's clock (tests/lab/clock.py) and never the machine's.

clock_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/clock/.
"""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, ntp, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INIT, INJECTED, Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

SERVER = ntp.TimeServer.ADDRESS
LEAP_S, SETTLE_S = 60, 0.1  # so much time passes at once, when all is quiet for so long
HOUR_S, YEAR_S = 3600, 365 * 86400
SLEW_PPM, STEP_S = 500, 0.5  # src/os/clock.h, src/role/net/timekeeper.h
RIGHT_S = 0.25  # how far off is right
ICMP = 1
POLL_S, POLL_MAX_S, CONFIRM = 64, 256, 4  # src/net/ntp.h
TRICKS = ('replay', 'origin', 'port', 'address')  # tests/lab/ntp.py


def event(name, **members):
    """A pattern of a line of the console."""
    return rf'^sealtap: \w+ net {name} ' + ''.join(rf'(?=.*\b{key}={value}( |$))' for key, value in members.items())


class Life:
    """`with Life(lab, clock, 'name') as life:`: an appliance under the test's clock, armed; after it .evidence."""

    def __init__(self, lab, clock, name, init=INJECTED, **settings):
        self.lab, self.clock, self.server = lab, clock, lab.time_server
        self.began_ns = clock.shown_ns() if clock else None
        self.session = Session(Host(lab, name, lab.configuration(object__max_seconds=30, **settings), verbose=True, init=init))

    def __enter__(self):
        self.session.__enter__()
        self.console = self.session.appliance.console
        return self

    def __exit__(self, failed, *_):
        try:
            if not failed:
                self.session.end()
                self.evidence = self.session.evidence
        finally:
            for server in self.clock.time_servers if self.clock else [self.server]:
                server.tell()
            self.session.__exit__(failed)

    def mark(self):
        self.at = len(self.console.text())

    def said(self, pattern):
        """Matches since the mark."""
        return re.findall(pattern, self.console.text()[self.at:], re.M)

    def settle(self):
        """Until no answer is on its way, whose delay a leap would be."""
        asked = None
        while asked != self.server.requests():
            asked = self.server.requests()
            time.sleep(SETTLE_S)

    def leap(self):
        """Some time passes at once, and what is due then is done."""
        self.clock.leap(LEAP_S)
        self.settle()

    def leaps_until(self, ready, most_s, what):
        """Time passes until ready(), by the appliance's clock not longer than so."""
        self.settle()
        for _ in range(most_s // LEAP_S):
            if ready():
                return
            self.leap()
        assert ready(), f'no {what} within {most_s} s:\n{self.console.text()[-2000:]}'

    def hears(self, pattern, most_s=HOUR_S):
        self.leaps_until(lambda: self.said(pattern), most_s, f'"{pattern}"')

    def asked(self, count=1):
        """Time passes until the server was asked so often from now on."""
        goal = self.server.requests() + count
        self.leaps_until(lambda: self.server.requests() >= goal, 2 * POLL_MAX_S * count, f'{count} requests')

    def is_right(self, wrong_s=0, within_s=RIGHT_S):
        off_s = self.clock.off_s()
        assert abs(off_s - wrong_s) < within_s, f'the clock is off by {off_s:.3f} s, not by {wrong_s}'

    def steps(self, **members):
        found = self.evidence.events('clock-step')
        return [(round(float(e['offset_ms']) / 1000), e['level']) for e in found if members.items() <= e.items()]

    def notes(self, stream='w0'):
        """(source, error bound, smeared) as each object says them."""
        keys = ('clock', 'clock_error_ns', 'clock_smeared')
        for o in self.evidence.stream(stream):
            note = o.lines()[0] if stream == 'log' else evidence.chain_inside(o)
            yield tuple(note[key] for key in keys)


SYNCHRONISED = (f'ntp:{SERVER}', 'yes')


def check_evidence(life):
    for check in evidence.CHECKS:
        if check not in (evidence.check_readers, evidence.check_books):
            check(life.evidence)


# ---- at the start

def wrong_at_the_start(lab, clock, wrong_s):
    """A clock that is wrong at the start is stepped before anything is forwarded, and each object says its source and error bound"""
    clock.jump(wrong_s)
    with Life(lab, clock, f'start{wrong_s}') as life:
        life.session.armed()
        life.is_right()
        text = life.console.text()
        assert text.index(' net clock-step ') < text.index('sealtap: ok clock ') < text.index('sealtap: ARMED'), text
        traffic.ping(lab, 3)
    assert life.steps() == [(-wrong_s, 'warn')] and life.steps(in_use='no'), life.evidence.events('clock-step')
    for stream in ('w0', 'log'):
        for source, error_ns, smeared in life.notes(stream):
            assert (source, smeared) == SYNCHRONISED and 0 < int(error_ns) < 50e6, (stream, source, error_ns, smeared)
    told = life.evidence.events('clock')[0]
    assert (told['source'], told['server'], told['smeared'], told['kept']) == ('ntp', SERVER, 'yes', 'yes'), told
    # what came before the step keeps the time that the clock showed then: the appliance's own packets of the boot
    times = [f.ns for o in life.evidence.stream('w0') for f in o.capture().frames if f.data[12:14] == b'\x08\x00' and f.data[23] == ICMP]
    assert len(times) >= 6 and all(abs(t - clock.aws_s() * 1e9) < 60e9 for t in times), times
    check_evidence(life)


def before_the_build(lab, clock):
    """A clock from before the build: CLOSED clock while no server answers; stepped and ARMED when one does"""
    clock.jump(-2 * YEAR_S)
    lab.time_server.tell(silent=True)
    with Life(lab, clock, 'before') as life:
        life.console.wait_closed('clock', 60)
        assert 'sealtap: ok kms' not in life.console.text(), 'it asked AWS by a clock that can not be right'
        life.mark()
        life.server.tell()
        life.hears('^sealtap: ARMED$')
        life.is_right()
        traffic.ping(lab, 3)
    (step, level), = life.steps()
    assert (abs(step - 2 * YEAR_S) < 2 and level == 'warn'), life.evidence.events('clock-step')


def earlier_than_build_refused(lab, clock):
    """A server whose time is earlier than the build is refused, and the machine's clock used and called unsynchronised"""
    clock.jump(0.3)
    lab.time_server.tell(error_s=[-2 * YEAR_S])
    with Life(lab, clock, 'refused') as life:
        life.session.armed()
        life.is_right(0.3, 0.05)
        traffic.ping(lab, 3)
    refused = life.evidence.events('ntp-answer-refused')
    assert refused and 'before this program was built' in refused[0]['reason'], refused
    assert not life.steps() and set(life.notes()) == {('unsynchronised', 'unknown', 'unknown')}, list(life.notes())
    clock.jump(-0.3)


def silent_at_the_start(lab, clock):
    """Without an answer it arms all the same and says so in log and objects; an answer later is confirmed, stepped as an alarm, and said"""
    clock.jump(-2)
    lab.time_server.tell(silent=True)
    with Life(lab, clock, 'silent') as life:
        life.session.armed()
        assert re.search(event('clock', source='unsynchronised'), life.console.text(), re.M), 'it did not say so'
        life.is_right(-2, 0.05)
        traffic.ping(lab, 3)
        life.mark()
        life.hears(event('ntp-silent'))
        life.server.tell()
        life.hears(event('clock-step', in_use='yes'))
        life.is_right()
        traffic.ping(lab, 3)
        life.asked(2)
    assert life.steps() == [(2, 'alarm')]
    notes = [(source, smeared) for source, _, smeared in life.notes()]
    assert notes[0] == ('unsynchronised', 'unknown') and notes[-1] == SYNCHRONISED, notes
    assert [e['source'] for e in life.evidence.events('clock')][:2] == ['unsynchronised', 'ntp']
    check_evidence(life)


# ---- in use: one life after the other, each begins and ends with a right clock

def server_is_wrong(lab, clock, wrong_s):
    """A server that goes wrong is believed when four answers in a row agree: stepped as an alarm with from and to, and back the same way"""
    lab.front.expect('skew')
    with Life(lab, clock, f'wrong{wrong_s}') as life:
        life.session.armed()
        traffic.ping(lab, 3)
        for error_s, step_s in ((wrong_s, wrong_s), (0, -wrong_s)):
            life.mark()
            life.server.tell(error_s=[error_s])
            life.hears(event('clock-step', in_use='yes'))
            assert len(life.said(event('ntp-spike'))) >= CONFIRM - 1, 'it was believed at once'
            life.is_right(error_s)
            traffic.ping(lab, 3)
            life.asked(2)
    lab.front.expect()
    steps = life.evidence.events('clock-step')
    assert life.steps() == [(wrong_s, 'alarm'), (-wrong_s, 'alarm')], steps
    for e in steps:
        moved_s = (evidence.rfc3339_ns(re.sub('[-:]', '', e['to'])) - evidence.rfc3339_ns(re.sub('[-:]', '', e['from']))) / 1e9
        assert abs(moved_s - float(e['offset_ms']) / 1000) < 0.001 and e['server'] == SERVER, e
    assert {(s, m) for s, _, m in life.notes()} == {SYNCHRONISED}, list(life.notes())
    check_evidence(life)


def no_object_spans_a_step(lab, clock):
    """Each step ends the workers' objects: what one says of its clock holds for all of it"""
    lab.front.expect('skew')  # what it ships while its clock is an hour ahead is refused
    with Life(lab, clock, 'spans') as life:
        life.session.armed()
        traffic.ping(lab, 3)
        clock.jump(HOUR_S)  # not the server: this machine's clock alone
        life.mark()
        life.hears(event('clock-step', in_use='yes'))
        life.is_right()
        time.sleep(0.5)
        traffic.ping(lab, 3)
    lab.front.expect()
    assert life.steps() == [(-HOUR_S, 'alarm')] and not life.evidence.events('ntp-spike')
    for o in life.evidence.stream('w0'):
        times = [f.ns for f in o.capture().frames]
        back = [b - a for a, b in zip(times, times[1:]) if b - a < -HOUR_S / 2 * 1e9]
        after = len(times) - max([0] + [i + 1 for i, (a, b) in enumerate(zip(times, times[1:])) if b - a < -HOUR_S / 2 * 1e9])
        # packets that came between the step and the word of it
        assert not back or after < 20, f'{o.name}: {after} of {len(times)} packets come after the step'


def jumping(lab, clock):
    """A server that jumps between values, never four times the same, is not believed: no step, and the error bound grows"""
    with Life(lab, clock, 'jumping') as life:
        life.session.armed()
        life.asked(4)
        life.mark()
        life.server.tell(error_s=[HOUR_S, 5, -HOUR_S, 1, 7200, -7])
        life.asked(20)
        assert len(life.said(event('ntp-spike'))) >= 15 and not life.said(event('clock-step')), life.said(event('.*'))
        life.is_right()
        traffic.ping(lab, 3)
        life.leap()
        life.leap()
        traffic.ping(lab, 3)
    assert not life.steps()
    bounds = [int(error) for _, error, _ in life.notes()]
    assert bounds[-1] > bounds[0], bounds


def small_offset(lab, clock):
    """Less than half a second is slewed, not stepped, by some 500 ppm"""
    with Life(lab, clock, 'slew') as life:
        life.session.armed()
        life.asked(2)
        clock.jump(0.2)
        life.asked(1)
        began, off_s = time.time(), clock.off_s()
        assert off_s > 0.1, off_s
        for _ in range(4):
            life.leap()
        rate_ppm = (off_s - clock.off_s()) / clock.passed_s(began, time.time()) * 1e6
        assert SLEW_PPM / 2 < rate_ppm < 2 * SLEW_PPM, f'{rate_ppm:.0f} ppm'
        life.leaps_until(lambda: abs(clock.off_s()) < 0.05, HOUR_S, 'end of the slew')
    assert not life.steps()


def kisses(lab, clock, code):
    """After a kiss-o'-death it asks less (RATE), or no more (DENY), says so, and goes on with what it knew"""
    with Life(lab, clock, 'kiss' + code) as life:
        life.session.armed()
        life.asked(1)
        life.mark()
        life.server.tell(kiss=code)
        life.hears(event('ntp-kiss', code=code))
        asked, began = life.server.requests(), time.time()
        for _ in range(20 * POLL_S // LEAP_S):
            life.leap()
        passed_s = clock.passed_s(began, time.time())
        most = 1 + passed_s / (2 * POLL_S * 7 / 8) if code == 'RATE' else 0
        count = life.server.requests() - asked
        assert count <= most and (code == 'DENY' or count >= 2), f'asked {count} times in {passed_s:.0f} s'
        life.is_right()
        traffic.ping(lab, 3)
    assert not life.steps() and {(s, m) for s, _, m in life.notes()} == {SYNCHRONISED}


def forged(lab, clock, first):
    """Answers that are replayed, or forged without the nonce, or come from another port or address, are not believed"""
    with Life(lab, clock, 'forged-first' if first else 'forged') as life:
        life.session.armed()
        for trick in TRICKS:
            life.asked(1)
            life.mark()
            life.server.tell(**{'first' if first else 'instead': trick})
            if first:
                life.asked(6)
                assert not life.said(event('ntp-silent')), f'{trick}: the true answers were not taken'
            else:
                life.hears(event('ntp-silent'), 8 * POLL_MAX_S)
            refused = life.said(event('ntp-answer-refused'))
            # what is not from the server's address and port does not arrive at all
            assert bool(refused) == (trick in ('replay', 'origin')), (trick, refused)
            # forged answers are an hour off; what a busy machine delays, by less than a minute, may be a spike, too
            spikes = life.said(r'^sealtap: \w+ net ntp-spike .*offset_ms=(-?[\d.]+)')
            assert not [ms for ms in spikes if abs(float(ms)) > 60000] and not life.said(event('clock-step')), (trick, spikes)
            life.is_right()
            life.server.tell()
        traffic.ping(lab, 3)
    assert not life.steps() and {(s, m) for s, _, m in life.notes()} == {SYNCHRONISED}


def three_servers(lab, clock):
    """Of three servers the majority is believed: one that is an hour wrong moves nothing; when none agree, that is said"""
    others = [ntp.TimeServer(lab.processes, lab.imds, lab.folder, f'198.18.0.{n}') for n in (31, 32)]
    for s in others:
        lab.imds.ip('address', 'add', s.address + '/32', 'dev', 'lan')
        clock.keep(s)
        s.start()
    lab.time_server.tell(error_s=[HOUR_S])
    servers = '\nntp.server = '.join([SERVER] + [s.address for s in others])
    with Life(lab, clock, 'three', ntp__server=servers) as life:
        life.session.armed()
        life.is_right()
        traffic.ping(lab, 3)
        life.mark()
        others[0].tell(error_s=[-HOUR_S])
        life.hears(event('ntp-disagree'))
        life.is_right()
        traffic.ping(lab, 3)
    assert not life.steps()
    notes = [source for source, _, _ in life.notes()]
    assert notes[0] == f'ntp:{others[0].address}' and notes[-1] == 'unsynchronised', notes


def host_mode_sets_nothing(lab):
    """On a host the machine's clock is measured and never set; how far it is off is in the error bound"""
    apart = lambda: time.time_ns() - time.monotonic_ns()
    before = apart()
    lab.time_server.tell(error_s=[HOUR_S])
    with Life(lab, None, 'host', init=INIT) as life:
        life.session.armed()
        traffic.ping(lab, 3)
    assert abs(apart() - before) < STEP_S * 1e9, 'the machine\'s clock was set'
    told = life.evidence.events('clock')[0]
    assert told['kept'].startswith('no') and abs(float(told['offset_ms']) - HOUR_S * 1000) < 1000, told
    assert not life.steps() and all(int(error) > 3599e9 for _, error, _ in life.notes()), list(life.notes())


def main():
    report = testing.report()
    with Surroundings('clock') as lab:
        report.run(host_mode_sets_nothing, lab)
        with Clock(lab) as clock:
            for wrong_s in (1, -HOUR_S):
                report.run(wrong_at_the_start, lab, clock, wrong_s, about=f' ({wrong_s:+} s)')
            for test in (before_the_build, earlier_than_build_refused, silent_at_the_start, no_object_spans_a_step, jumping, small_offset,
                         three_servers):
                report.run(test, lab, clock)
            for wrong_s in (1, HOUR_S):
                report.run(server_is_wrong, lab, clock, wrong_s, about=f' ({wrong_s:+} s)')
            for code in ('RATE', 'DENY'):
                report.run(kisses, lab, clock, code, about=f' ({code})')
            for first in (True, False):
                report.run(forged, lab, clock, first, about=f' ({"before" if first else "instead of"} the true ones)')
    report.finish()


main()
