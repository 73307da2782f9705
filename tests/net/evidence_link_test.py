#!/usr/bin/env python3
"""evidence_link_test: a third interface that keys and upload use alone: KMS and S3 are reached by it and by no other, also while it is
missing, and it takes part in nothing else.

evidence_link_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/evidence-link/.

AWS stands at the evidence link's other end (lab.evidence_link); the router outside throws away what is sent there.
"""
import contextlib
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import capture, evidence_link, forged, frames, leases, metadata, netns, testing, traffic  # noqa: E402
from lab.evidence_link import ADDRESS, GATEWAY, MAC, plug, unplug  # noqa: E402
from lab.evidence_link import NAME as EVIDENCE  # noqa: E402
from lab.gateway import Gateway  # noqa: E402
from lab.host import INSIDE, OUTSIDE, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import AWS, CLIENT, NIC, WEB, Surroundings  # noqa: E402

FLOW_PORT, DISCARD = 40007, 9
SETTINGS = {'evidence': 'eni', 'object__max_seconds': 2, 'status__port': 9100, 'status__sources': '198.18.0.0/15'}
AWS_BYTES, ADDRESS_BYTES = map(frames.address, (AWS, ADDRESS))


@contextlib.contextmanager
def life(lab, name, plugged=True, outside_blocked=True, **settings):
    """A session of an appliance with the third link, and nobody else's way to AWS; what it sends outside is captured apart."""
    appliance = Host(lab, name, lab.configuration(**{**SETTINGS, **settings}))
    if plugged:
        plug(lab, appliance)
    try:
        sent = capture.Capture(lab, OUTSIDE, lab.segment, name + '-sent', 'in')
        with evidence_link.no_other_way(lab) if outside_blocked else contextlib.nullcontext(), Session(appliance) as session:
            session.sent = sent
            yield session
    finally:
        unplug(lab)


def end(session):
    """Shipped, opened, and nothing to or from AWS was on the links outside and inside."""
    session.end()
    seen = session.sent.done() + [f for side in session.frames.values() for f in side]
    assert seen and not evidence_link.leaks(seen), evidence_link.leaks(seen)[:3]
    return session.evidence


def stored(lab):
    return sum(bool(e.get('stored')) for e in lab.front.entries())


def grows(lab, since, timeout_s=30):
    wait_until(lambda: stored(lab) > since, timeout_s, 'stored object')


# ---- the tests

def arms_and_ships(lab):
    """KMS and S3 are reached by the evidence interface alone: it arms and ships, and not one packet of theirs is outside"""
    with life(lab, 'arms') as session:
        seen = capture.Capture(lab, EVIDENCE, lab.aws, 'arms', 'in')
        session.armed()
        with session.window('all'):
            traffic.everything(lab, '100k')
        rules = session.appliance.ns.ip('rule')
        assert 'uidrange 102-103 lookup 102' in rules and 'uidrange 102-103 unreachable' in rules, rules
        assert EVIDENCE not in session.appliance.ns.ip('route', 'show', 'table', 'main')
        evidence = end(session)
        sent = [f.data for f in seen.done() if f.data[12:14] == b'\x08\x00']
    result = session.compare('all')
    assert result.missing == 0 and result.recorded > 100, result
    assert sent and {(d[26:30], d[23]) for d in sent} == {(ADDRESS_BYTES, 6)}, {(d[26:30], d[23]) for d in sent}
    assert all(d[30:34] == AWS_BYTES for d in sent)
    told = {line['key']: line['value'] for line in evidence.events('setting')}
    assert told['evidence'] == 'eni', told
    recorded = [f.data for stream in evidence.recorded().values() for f in stream]
    assert not [d for d in recorded if AWS_BYTES in (d[26:30], d[30:34])], 'the evidence link was recorded'
    rings = evidence.events('ring')  # of veths, which have none
    assert {e['link'] for e in rings} == {OUTSIDE, INSIDE, EVIDENCE} and all(e['kept'] for e in rings), rings
    assert evidence.events('books') and not evidence.events('books-not-closed')


def nothing_before_the_rules(lab):
    """Nothing goes to KMS or S3 before it is known by which link, though init is slow to tell: keys waits for the name"""
    with life(lab, 'slow') as session:
        before = lab.imds_server.output().count(metadata.CREDENTIALS)
        session.appliance.console.wait(r'^sealtap: ok dhcp ', 20)
        with session.appliance.process.stopped():
            lab.imds_server.wait_for(lambda: lab.imds_server.output().count(metadata.CREDENTIALS) > before, 10, 'question of keys')
            time.sleep(3)
        session.armed()
        end(session)


def missing_at_start(lab):
    """While the evidence interface is missing at the start it says so, sends nothing to KMS or S3, forwards nothing; attached, it arms"""
    with life(lab, 'missing', plugged=False) as session:
        said = session.appliance.console.wait_closed('evidence', 30)
        assert 'no link here is the interface with device number 2: attach it' in said, said
        session.appliance.console.wait_closed('kms', 30)
        time.sleep(3)
        assert not session.appliance.forwards()
        assert 'ARMED' not in session.appliance.console.text()
        plug(lab, session.appliance)
        session.armed()
        session.appliance.console.wait(rf'^sealtap: ok evidence KMS and S3 are reached by {EVIDENCE}$', 5)
        traffic.ping(lab, 3)
        end(session)


def lost_and_back(lab):
    """Lost later it is an alarm; traffic flows and is recorded, nothing is shipped by another way; back, what waited is shipped"""
    with life(lab, 'lost') as session:
        session.armed()
        console = session.appliance.console
        with session.window('lost'):
            traffic.ping(lab, 3)
            grows(lab, stored(lab))
            said = len(console.text())
            unplug(lab)
            console.wait(rf'^sealtap: alarm net link-gone link={EVIDENCE}', 10, said)
            console.wait(r'^sealtap: warning evidence: .*nothing is shipped until then', 10, said)
            before = stored(lab)
            traffic.fetch(lab, '100k')
            session.appliance.kill_role('net')  # the next one finds the rules by user, and leaves them
            time.sleep(1)
            session.appliance.kill_role('upload')
            traffic.ping(lab, 10)
            time.sleep(4)
            assert stored(lab) == before, 'something was shipped without the interface'
            assert healthy(lab) == 200, 'it forwards and records'
            said = len(console.text())
            plug(lab, session.appliance)
            console.wait(r'^sealtap: ok evidence ', 30, said)
            grows(lab, before + 1, 60)
        evidence = end(session)
    result = session.compare('lost')
    assert result.missing == 0, result
    assert sum(int(o.meta['lost']) for o in evidence.objects) == 0


def healthy(lab):
    return int(lab.inside.run('curl', '-sS', '-o', os.devnull, '-w', '%{http_code}', '--max-time', '5', 'http://198.19.0.1:9100/healthz'))


def address_by_dhcp(lab):
    """Where IMDS gives the evidence interface no address, DHCP does; until then the verdict says so"""
    with leases.instead_of_imds(lab, lab.aws, MAC, '198.18.2.0', ADDRESS, '198.18.2.200') as serve, life(lab, 'dhcp') as session:
        said = session.appliance.console.wait_closed('evidence', 30)
        assert 'neither IMDS nor DHCP gives the interface an address' in said, said
        serve()
        session.armed()
        end(session)


def takes_no_part(lab):
    """Nothing is forwarded from or to the evidence interface, nobody reaches the appliance by it: dropped and counted, closed too"""
    with life(lab, 'apart') as session:
        appliance = session.appliance
        session.armed()
        seen = capture.Capture(lab, EVIDENCE, lab.aws, 'apart', 'in')
        for target in (CLIENT, WEB):
            lab.aws.ip('route', 'replace', target + '/32', 'via', ADDRESS, 'dev', NIC)
        try:
            counted = lambda: Gateway(lab, appliance).counters()['evidence']
            before = counted()
            for target in (CLIENT, WEB, ADDRESS):
                assert unreached(lab.aws, target), f'{target} answers by the evidence interface'
            for port in (9100, 22):
                with lab.aws.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
                    s.settimeout(1)
                    try:
                        assert s.connect_ex((ADDRESS, port)) != 0, f'port {port} answers'
                    except TimeoutError:
                        pass
            dropped = counted() - before
            assert dropped >= 3 * 2 + 2, dropped
            # an open flow's packets do not pass by it either
            flow = established(lab)
            assert heard(flow) is None
            before = counted()
            frames.send(lab.aws, [forged.answer(WEB, DISCARD, FLOW_PORT, to=MAC, source=lab.aws.mac(NIC))] * 5)
            time.sleep(0.3)
            assert heard(flow) is None and counted() == before + 5, (before, counted())
            assert '[UNREPLIED]' in forged.flow(appliance.ns, FLOW_PORT), 'the flow counts them as its answers'
            # nor do packets from inside leave by it
            appliance.ns.ip('route', 'add', '203.0.113.200/32', 'via', GATEWAY, 'dev', EVIDENCE, 'onlink')
            assert unreached(lab.inside, '203.0.113.200')
            flow.close()
        finally:
            for target in (CLIENT, WEB):
                lab.aws.ip('route', 'delete', target + '/32')
        end(session)
        assert unreached(lab.aws, ADDRESS), 'once closed, it answers by the evidence interface'
        others = [f.data for f in seen.done() if f.data[12:14] == b'\x08\x00' and f.data[30:34] != AWS_BYTES]
    assert not others, others[0].hex()


def unreached(ns, target):
    with contextlib.suppress(netns.CommandFailed):
        ns.run('ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', target)
        return False
    return True


def established(lab):
    """A flow from inside to the web server, through the appliance, which keeps its port."""
    s = lab.inside.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((CLIENT, FLOW_PORT))
    s.settimeout(1)
    s.sendto(b'?', (WEB, DISCARD))
    return s


def heard(flow):
    try:
        return flow.recv(100)
    except (TimeoutError, ConnectionRefusedError):
        return None


def without_the_setting(lab):
    """Without the setting nothing changes: a third interface is not used, AWS is reached outside, no rule is by user"""
    with life(lab, 'without', outside_blocked=False, evidence='none') as session:
        session.armed()
        ns = session.appliance.ns
        assert 'uidrange' not in ns.ip('rule') and ADDRESS not in ns.ip('address')
        assert 'goto evidence' not in ns.run('nft', 'list', 'table', 'inet', 'sealtap')
        with session.window('all'):
            traffic.ping(lab, 3)
        session.end()
        assert evidence_link.leaks(session.sent.done()), 'how did it reach AWS?'
    assert session.compare('all').missing == 0
    assert ' evidence' not in session.appliance.console.text().replace('evidence/lab', '')


def main():
    report = testing.report()
    with Surroundings('evidence-link') as lab:
        evidence_link.describe(lab)
        for test in (arms_and_ships, nothing_before_the_rules, missing_at_start, lost_and_back, address_by_dhcp, takes_no_part,
                     without_the_setting):
            report.run(test, lab)
    report.finish()


if __name__ == '__main__':
    main()
