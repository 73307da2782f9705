#!/usr/bin/env python3
"""replay_test: every frame of a set of captures, strange and broken ones too, comes back from the recording as it went in.

replay_test.py [-k PATTERN]. Needs root. `make replay PCAPS=DIR` does the same with captures of yours.
"""
import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, 'net', 'pcaps')]
import generate  # noqa: E402
from lab import pcapfile, replay, testing  # noqa: E402
from lab.certs import TOP  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

OWN = os.path.join(TOP, 'build', 'lab', 'own-captures')
SHARED = os.path.join(TOP, '..', 'shared', 'pcaps')


def formats(sendable):
    """Captures of every format are read: both byte orders, micro- and nanoseconds, modified, pcapng with all packet blocks."""
    files, others = replay.find(OWN)
    assert others == ['notes.txt'], others
    for f in files:
        assert f.send == sendable[f.name], f'{f.name}: {len(f.send)} frames, expected {len(sendable[f.name])}'
    assert len(files) == len(sendable)
    notes = [f.name for f in files if f.note]
    assert notes == ['cut-off.pcap'], notes


def tshark_agrees(sendable):
    """tshark reads the same frames from them."""
    for name in sendable:
        path = os.path.join(OWN, name)
        done = subprocess.run(['tshark', '-n', '-r', path, '-T', 'fields', '-e', 'frame.cap_len'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        ours = [len(f.data) for f in pcapfile.read(path).frames]
        assert list(map(int, done.stdout.split())) == ours, f'{name}: tshark says {done.stdout.split()}, we {ours}'


def comes_back(files):
    with Surroundings('replay', replay.MTU) as lab:
        replay.replay(lab, files)
    wrong = [f.line() for f in files if f.difference()]
    assert not wrong, '\n'.join(wrong)


def own_set(sendable):
    """Frames of 14 to 65,535 bytes, tagged, broken, of any format come back byte for byte, each once, in order."""
    files, _ = replay.find(OWN)
    comes_back(files)


def shared_set():
    """So do the captures in ../shared/pcaps."""
    if not os.path.isdir(SHARED):
        raise testing.Skip('../shared/pcaps is not there')
    files, _ = replay.find(SHARED)
    comes_back(files)
    assert sum(len(f.send) for f in files) > 0


def differences(sendable):
    """A frame that is missing, doubled or changed in one bit makes its file fail."""
    sent = sendable['modified.pcap'] if 'modified.pcap' in sendable else sendable['sub/modified.pcap']
    changed = sent[:1] + [sent[1][:-1] + bytes([sent[1][-1] ^ 1])] + sent[2:]
    for recorded in (sent[1:], sent + sent[:1], changed, []):
        assert replay.File('x', None, sent, {}, recorded).difference(), 'a difference went unnoticed'
    assert replay.File('x', None, sent, {}, list(sent)).difference() is None


def main():
    report = testing.report()
    sendable = generate.generate(OWN)
    report.run(formats, sendable)
    report.run(tshark_agrees, sendable)
    report.run(differences, sendable)
    report.run(own_set, sendable)
    report.run(shared_set)
    report.finish()


main()
