#!/usr/bin/env python3
"""evidence_link_test: the image with a third interface, by which alone KMS and S3 are reached.

evidence_link_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles and objects stay in build/lab/evidence-guest/.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import capture, evidence_link, netns, testing, traffic  # noqa: E402
from lab.guest import Guest  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import NIC, Surroundings  # noqa: E402


def by_the_third_alone(lab):
    """The image reaches KMS and S3 by its third interface alone: it arms and ships, and not one packet of theirs is outside"""
    lab.metadata.user_data(lab.configuration(evidence='eni', object__max_seconds=5))
    guest = Guest(lab, 'third', from_kernel=True)
    netns.tap(lab.aws, NIC)
    guest.argv += ['--nic', f'{lab.aws.name}:{NIC},mac={evidence_link.MAC}']
    try:
        sent = capture.Capture(lab, 'outside', lab.segment, 'third-sent', 'in')
        with evidence_link.no_other_way(lab), Session(guest, arm_timeout_s=90) as session:
            lab.aws.up(NIC, evidence_link.GATEWAY + '/24')
            session.armed()
            with session.window('all'):
                traffic.everything(lab, '100k')
            session.end()
            frames = sent.done() + [f for side in session.frames.values() for f in side]
    finally:
        evidence_link.unplug(lab)
    assert session.compare('all').missing == 0
    assert frames and not evidence_link.leaks(frames), evidence_link.leaks(frames)[:3]


def main():
    report = testing.report()
    with Surroundings('evidence-guest') as lab:
        evidence_link.describe(lab)
        report.run(by_the_third_alone, lab)
    report.finish()


main()
