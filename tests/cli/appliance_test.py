#!/usr/bin/env python3
"""appliance_test.py: what a living appliance shipped, seen by the operator's command over TLS: it finds, opens and verifies what is
in the bucket, and what was sent. Needs root. Logs and objects stay in build/lab/operator/."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import aws, frames, objects, operatorlab, pcapfile, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402


def sealtap(lab, *args):
    """Its output, as the bucket's admin, in the namespace of the services."""
    return objects.as_admin(lab.store, 'env', f'AWS_ENDPOINT_URL={lab.store.endpoint}', f'SEALTAP_BUCKET={aws.BUCKET}/{aws.PREFIX}',
                            operatorlab.SEALTAP, *args)


def opened(lab, *args):
    path = os.path.join(lab.folder, 'opened.pcapng')
    sealtap(lab, 'open', '-w', path, *args)
    return pcapfile.read(path).frames


def verify_finds_the_life_complete(session):
    said = sealtap(session.lab, 'verify')
    assert 'complete: 0 damaged or missing, 0 gaps' in said, said


def open_gives_every_packet_of_the_recordings_in_order(session):
    """open gives every packet of the recordings, byte for byte, in the order of their times"""
    theirs = sorted((f.ns, f.data) for stream in session.evidence.recorded().values() for f in stream)
    ours = [(f.ns, f.data) for f in opened(session.lab)]
    assert sorted(ours) == theirs and len(ours) > 500, f'{len(ours)} packets, the objects have {len(theirs)}'
    assert [ns for ns, _ in ours] == sorted(ns for ns, _ in ours), 'not in order'


def what_was_sent_to_port_0_is_found_by_one_line(session):
    found = [f.data for f in opened(session.lab, '--from', '-7d', '--filter', 'port 0')]
    on_wire = [f.data for f in session.windows['odd']['inside'] if f.data in session.port_0]
    assert found == on_wire and len(found) == len(session.port_0), f'{len(found)} of {len(session.port_0)} packets'


def flows_and_logs_are_read(session):
    flows = sealtap(session.lab, 'flows', '--json')
    assert flows.count('"flow"') == sum('flow' in line for line in session.evidence.flows()) > 0, flows[:500]
    assert 'shutdown' in sealtap(session.lab, 'logs')


def live(lab):
    objects.command_line(lab.store, 's3api', 'put-bucket-versioning', '--bucket', aws.BUCKET, '--versioning-configuration',
                         'Status=Enabled')
    session = Session(Host(lab, 'appliance', lab.configuration(object__max_seconds=2, log__interval_seconds=3), workers=2))
    with session:
        session.armed()
        with session.window('pages'):
            traffic.everything(lab)
        with session.window('odd'):
            session.port_0 = [frames.udp_frame(f'port zero {i}', 40000 + i, 0) for i in range(20)]
            frames.send(lab.inside, session.port_0, every=1, pause_s=0.002)
        session.end()
    # moto decodes %2F in a query before it signs that to compare, the aws command's too: it shall compare no more (signed_test.py does)
    lab.amazon.call('s3', 'POST', '/moto-api/reset-auth', '100000')
    return session


TESTS = (verify_finds_the_life_complete, open_gives_every_packet_of_the_recordings_in_order, what_was_sent_to_port_0_is_found_by_one_line,
         flows_and_logs_are_read)
report = testing.report()
if os.geteuid() != 0:
    for test in TESTS:
        print(f'skip {testing.sentence(test)}: this needs root: it makes network namespaces')
    sys.exit()
with Surroundings('operator') as lab:
    report.life(lambda: live(lab), TESTS)
report.finish()
