#!/usr/bin/env python3
"""tamper_test: evidence that was changed is found out, and so is a recording that differs from the wire: the other tests can fail.

tamper_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/tamper/.
"""
import copy
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import compare, evidence, objects, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.netns import CommandFailed  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402


def found_out(check, *args):
    """True when the check fails on its arguments."""
    try:
        check(*args)
    except (AssertionError, CommandFailed):
        return True
    return False


def one_life(session):
    """A short life whose evidence is in order."""
    with session:
        session.armed()
        with session.window('all'):
            for _ in range(3):
                traffic.ping(session.lab)
                traffic.fetch(session.lab, '100k')
        session.end()
    for check in evidence.CHECKS:
        check(session.evidence)


def flipped_bits(session):
    """AWS's SDK refuses an object with one bit changed, wherever it is, and one that is cut."""
    whole = session.evidence.packets()[0]
    with open(whole.path, 'rb') as f:
        data = f.read()
    forged = copy.copy(whole)
    forged.path = whole.path + '.forged'
    header_end = data.index(b'aws-kms')
    for at in (0, 2, 20, 60, header_end + 3, header_end + 200, len(data) // 2, len(data) - 20, len(data) - 1):
        with open(forged.path, 'wb') as f:
            f.write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
        assert found_out(objects.open_all, session.lab, [forged]), f'a bit changed at {at} went unnoticed'
    for end in (len(data) - 1, len(data) // 2, 100):
        with open(forged.path, 'wb') as f:
            f.write(data[:end])
        assert found_out(objects.open_all, session.lab, [forged]), f'an object cut at {end} opened'
    shutil.copy(whole.path, forged.path)
    objects.open_all(session.lab, [forged])


def changed(session, change):
    """The evidence with one object changed by change(object)."""
    forged = copy.deepcopy(session.evidence)
    change(forged.packets()[1])
    return forged


def changed_metadata(session):
    """A signature covers the name and every metadata field: a change of any fails it."""
    for field in evidence.META[:-1]:
        def change(o):
            o.meta[field] = o.meta[field][:-1] + ('1' if o.meta[field][-1] == '0' else '0')
        assert found_out(evidence.check_signatures, changed(session, change)), f'{field} changed unnoticed'
    assert found_out(evidence.check_signatures, changed(session, lambda o: setattr(o, 'name', o.name.replace('-w0-', '-w1-'))))


def foreign_signature(session):
    """A signature by another key fails."""
    def change(o):
        o.context['sealtap-pub'] = 'B' + o.context['sealtap-pub'][1:].swapcase()
    assert found_out(evidence.check_signatures, changed(session, change))


def missing_object(session):
    """An object taken out of the middle, from the end, or put in another's place breaks numbers, chain or inventory."""
    for at in range(len(session.evidence.objects)):
        forged = copy.copy(session.evidence)
        forged.objects = [o for i, o in enumerate(session.evidence.objects) if i != at]
        noticed = [found_out(check, forged) for check in (evidence.check_names, evidence.check_chain, evidence.check_log)]
        assert any(noticed), f'{session.evidence.objects[at].name} is missed by nobody'
    first, second = session.evidence.stream('w0')[:2]
    forged = copy.deepcopy(session.evidence)
    a, b = forged.stream('w0')[:2]
    a.path, b.path = second.path, first.path
    assert found_out(evidence.check_chain, forged)


class Recording:
    """Stands in for the evidence: recorded frames that a test changes."""

    def __init__(self, streams):
        self.streams = streams

    def recorded(self):
        return self.streams


def recording_differs(session):
    """The comparison notices a packet that is missing, doubled, out of order, changed, cut, or too long."""
    windows = session.windows['all']
    frames = session.evidence.recorded()['w0']
    begin = max(next(i for i, f in enumerate(frames) if f.data == side[0].data) for side in windows.values())
    places = [i for i, f in enumerate(frames) if len(f.data) > 500]
    at = places[len(places) // 2]
    own = next(i for i, f in enumerate(frames) if i > begin and len(f.data) < f.length)

    def edited(index, *new):
        return Recording({'w0': frames[:index] + list(new) + frames[index + 1:]})

    def with_data(frame, data, length=None):
        other = copy.copy(frame)
        other.data, other.length = data, length or frame.length
        return other

    f = frames[at]
    neighbour = next(i for i in range(at + 1, len(frames)) if frames[i].interface == f.interface and frames[i].data != f.data)
    swapped = list(frames)
    swapped[at], swapped[neighbour] = swapped[neighbour], swapped[at]
    compare.compare(Recording({'w0': frames}), windows)
    for what, recording in {
        'missing': edited(at), 'doubled': edited(at, f, f), 'out of order': Recording({'w0': swapped}),
        'changed': edited(at, with_data(f, f.data[:-1] + bytes([f.data[-1] ^ 1]))), 'cut': edited(at, with_data(f, f.data[:-1])),
        'of another length': edited(at, with_data(f, f.data, f.length + 1)),
        'payload of an own connection': edited(own, with_data(frames[own], frames[own].data + b'secret')),
        'recorded by two workers': Recording({'w0': frames, 'w1': [f]}),
    }.items():
        assert found_out(compare.compare, recording, windows), f'a packet {what} went unnoticed'


TESTS = [flipped_bits, changed_metadata, foreign_signature, missing_object, recording_differs]


def main():
    report = testing.report()
    with Surroundings('tamper') as lab:
        session = Session(Host(lab, 'tamper', lab.configuration(object__max_seconds=1, log__interval_seconds=1)))
        if report.run(one_life, session, always=True):
            for test in TESTS:
                report.run(test, session)
    report.finish()


main()
