#!/usr/bin/env python3
"""appliance_test.py: what a living appliance shipped, seen by the operator's command over TLS: it finds, opens and verifies what is
in the bucket, and what was sent. Needs root. Logs and objects stay in build/lab/operator/."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import aws, frames, objects, operatorlab, pcapfile, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings, WEB  # noqa: E402


def command(lab, *args):
    return 'env', f'AWS_ENDPOINT_URL={lab.store.endpoint}', f'SEALTAP_BUCKET={aws.BUCKET}/{aws.PREFIX}', operatorlab.SEALTAP, *args


def sealtap(lab, *args):
    """Its output, as the bucket's admin, in the namespace of the services."""
    return objects.as_admin(lab.store, *command(lab, *args))


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


def versioned(lab):
    objects.command_line(lab.store, 's3api', 'put-bucket-versioning', '--bucket', aws.BUCKET, '--versioning-configuration',
                         'Status=Enabled')


def trusting(lab):
    # moto decodes %2F in a query before it signs that to compare, the aws command's too: it shall compare no more (signed_test.py does)
    lab.amazon.call('s3', 'POST', '/moto-api/reset-auth', '100000')


def live(lab):
    versioned(lab)
    session = Session(Host(lab, 'appliance', lab.configuration(object__max_seconds=2, log__interval_seconds=3), workers=2))
    with session:
        session.armed()
        with session.window('pages'):
            traffic.everything(lab)
        with session.window('odd'):
            session.port_0 = [frames.udp_frame(f'port zero {i}', 40000 + i, 0) for i in range(20)]
            frames.send(lab.inside, session.port_0, every=1, pause_s=0.002)
        session.end()
    trusting(lab)
    return session


# ---- a life that is cut off

def verified(lab, *args):
    """(exit status, findings, result)."""
    said = objects.as_admin(lab.store, 'sh', '-c', '"$@"; echo $?', 'sh', *command(lab, 'verify', '--json', *args)).splitlines()
    lines = [json.loads(line) for line in said[:-1]]
    return int(said[-1]), lines[:-1], lines[-1]


def a_death_and_a_power_cut_are_gaps_that_the_record_explains(lab):
    """what the keys role's death and a power cut in an outage leave is explained by the record: gaps, no damage"""
    for window in (), ('--from', '-1h'):
        status, findings, result = verified(lab, *window)
        assert status == 1 and result['damage'] == 0 and result['boots'] == 2 and result['covered'], (findings, result)
        kinds = {f['finding'] for f in findings if f['severity'] == 'gap'}
        assert {'gap', 'torn'} <= kinds <= {'gap', 'torn', 'lost'}, (kinds, result)


def a_boot_that_a_gap_names_is_missing_when_all_of_it_is_taken_away(lab):
    boot = next(f['boot'] for f in verified(lab)[1] if f['finding'] == 'gap')
    listed = json.loads(objects.command_line(lab.store, 's3api', 'list-object-versions', '--bucket', aws.BUCKET))['Versions']
    gone = [{'Key': v['Key'], 'VersionId': v['VersionId']} for v in listed if f'-{boot}-' in v['Key']]
    objects.command_line(lab.store, 's3api', 'delete-objects', '--bucket', aws.BUCKET, '--delete', json.dumps({'Objects': gone}))
    status, findings, _ = verified(lab)
    nothing = [f for f in findings if f['severity'] == 'damage' and f.get('boot') == boot and 'object' not in f]
    assert status == 2 and len(nothing) == 1 and nothing[0]['finding'] == 'missing', findings


def cut_off(lab):
    versioned(lab)
    volume = os.path.join(lab.folder, 'volume')
    with open(volume, 'wb') as f:
        f.truncate(10 * 64 << 20)
    # what is open at the cut has frames on the volume: it is older than a second, and younger than its end
    settings = lab.configuration(spool=volume, spool__sync_ms=200, object__max_seconds=6, log__interval_seconds=3)
    with Session(Host(lab, 'cut', settings, workers=2)) as session:
        session.armed()
        traffic.fetch(lab, '100k')
        session.appliance.kill_role('keys')
        session.appliance.wait_role('keys')
        traffic.fetch(lab, '10m')
        with lab.front.refuses():
            ping = lab.processes.start('ping', ['ping', '-n', '-q', '-c', '1000', '-i', '0.01', WEB], lab.inside)
            time.sleep(3)
            session.appliance.cut_power()
            ping.end()
        session.appliance.name += '-again'
        session.appliance.start()
        session.armed()
        traffic.fetch(lab, '100k')
        session.end()
    trusting(lab)
    return lab


TESTS = (verify_finds_the_life_complete, open_gives_every_packet_of_the_recordings_in_order, what_was_sent_to_port_0_is_found_by_one_line,
         flows_and_logs_are_read)
CUT = (a_death_and_a_power_cut_are_gaps_that_the_record_explains, a_boot_that_a_gap_names_is_missing_when_all_of_it_is_taken_away)
report = testing.report()
if os.geteuid() != 0:
    for test in TESTS + CUT:
        print(f'skip {testing.sentence(test)}: this needs root: it makes network namespaces')
    sys.exit()
with Surroundings('operator') as lab:
    report.life(lambda: live(lab), TESTS)
with Surroundings('operator-cut') as lab:
    report.life(lambda: cut_off(lab), CUT)
report.finish()
