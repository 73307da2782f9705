#!/usr/bin/env python3
"""boot_test: the image in QEMU: boots from its disk, forwards, records, ships; stays closed, with a clear code, when something is wrong.

boot_test.py [-k PATTERN]. Needs root and build/qemu/. Logs, consoles and objects stay in build/lab/boot/.
"""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, clients, evidence, gateway, ipv6, netns, probes, procs, scrape, testing, traffic  # noqa: E402
from lab.guest import Guest  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, AWS, CLIENT, IMPOSTOR, WEB, Surroundings  # noqa: E402

BOOT_S, RECOVERY_S = 60, 60
LANDLOCK = 6  # the version that Linux 6.12 has
PORT, PUBLISHED = 9100, 8443
HARDENED = 20  # rows of src/role/init/hardening.c; their values: kernel_test.py
SETTINGS = {'object__max_seconds': 5, 'log__interval_seconds': 5, 'status__port': PORT, 'status__sources': CLIENT,
            'publish': f'tcp {PUBLISHED} -> {CLIENT}:{gateway.ECHO}'}


# ---- the whole path

def whole_path(session):
    """It boots from its disk through UEFI firmware, arms, forwards for real clients, and powers off by its button, with all shipped."""
    with session:
        session.armed_under_fire()
        with session.window('all'):
            traffic.everything(session.lab)
            place = clients.Place(session.lab, None, None)
            router_advertised(session.lab)
            session.failures = failures(place, CORE)
            time.sleep(6)  # an object and a heartbeat ship inside the window
        port = scrape.Port(session.lab.inside, APPLIANCE_INSIDE, PORT)
        session.health, session.forwarding = port.health(), port.value('sealtap_forwarding')
        session.end()


def published(place):
    with gateway.Echo(place.lab.inside, CLIENT, gateway.ECHO):
        assert gateway.ask(place.lab.web, gateway.TCP, (APPLIANCE_OUTSIDE, PUBLISHED), b'from outside', timeout_s=5) == b'from outside'


def reserved_ports(place):
    """A source port of the appliance's own range is outside its remainder by the range's size, the same each time, as the kernel counts."""
    with gateway.Echo(place.lab.web, WEB, gateway.ECHO) as echo:
        for kind in (gateway.UDP, gateway.TCP):
            for port in (64512, 65000, 65535):
                assert gateway.ask(place.lab.inside, kind, (WEB, gateway.ECHO), b'out', (CLIENT, port), timeout_s=5) == b'out'
                outside = gateway.FIRST + port % (gateway.LAST - gateway.FIRST + 1)
                assert echo.peers[-1] == (APPLIANCE_OUTSIDE, outside), (port, echo.peers[-1])


def router_advertised(lab):
    """There is a way over IPv6."""
    def answers():
        with contextlib.suppress(netns.CommandFailed):
            return lab.inside.run('ping', '-n', '-c', '1', '-W', '1', ipv6.WEB6)
    procs.wait_until(answers, 30, 'way over IPv6')


def failures(place, scenes):
    """Why which of these scenes failed."""
    found = {}
    for scene in scenes:
        try:
            scene(place)
        except (AssertionError, OSError, netns.CommandFailed) as e:
            found[scene.__doc__ or scene.__name__] = repr(e)
    return found


OVER_IPV4 = (clients.web_pages, clients.names, clients.pings)
OVER_IPV6 = tuple(map(clients.over_ipv6, OVER_IPV4 + (clients.large_transfers,)))
CORE = OVER_IPV4 + OVER_IPV6 + (clients.sctp, clients.protocols_without_ports, published, reserved_ports)


def core_set(session):
    """Real clients by both families, SCTP, reserved source ports and a published one pass through the image's own kernel"""
    assert not session.failures, session.failures


def verdict_lines(session):
    """The console tells each step of the boot in order, and ARMED last."""
    lines = [line.split()[1:3] for line in session.appliance.console.text().splitlines() if line.startswith('sealtap: ')]
    codes = [words[1] for words in lines if words[0] == 'ok']
    wanted = ['link', 'dhcp', 'imds', 'configuration', 'clock', 'kms', 's3']
    assert [c for c in codes if c in wanted] == wanted, codes
    assert lines.index(['ARMED']) > max(i for i, words in enumerate(lines) if words[0] == 'ok'), lines


def status_port(session):
    """The status port says that it is well and forwards, and knows each step."""
    status, reasons, steps = session.health
    assert (status, reasons, session.forwarding) == (200, set(), 1) and all(steps.values()) and len(steps) > 8, session.health


def packet_for_packet(session):
    """Every packet that arrived on either NIC is recorded once, as a capture on the far side saw it; own connections as headers only."""
    result = session.compare('all')
    assert result.seen > 5000 and result.own > 5, result


def config_hash(session):
    """Each object names the configuration it was recorded under by its hash."""
    evidence.check_config_hash(session.evidence, session.lab.metadata.answers['/latest/user-data'])


# ---- what can be wrong: break it, see it closed, mend it, see it recover

def stays_closed(guest, watch, code, says=''):
    """CLOSED with the code, and in the next seconds nothing comes through."""
    line = guest.console.wait_closed(code, BOOT_S)
    assert says in line, f'"{says}" is not in: {line}'
    time.sleep(3)
    assert not watch.came_through(), f'{len(watch.seen)} packets were forwarded while CLOSED'
    assert 'sealtap: ARMED' not in guest.console.text(), 'it armed all the same'


def closed_then_armed(lab, name, code, mend, says='', recovery_s=RECOVERY_S, extra=()):
    with Guest(lab, name, from_kernel=True, extra=extra) as guest, probes.Probes(lab) as watch:
        stays_closed(guest, watch, code, says)
        mend()
        guest.console.wait_armed(recovery_s)
        time.sleep(0.5)
        assert watch.came_through(), 'nothing came through after it had recovered: the watch proves nothing'
        guest.stop()


def wrong_certificate(lab):
    """A server with AWS's names and a stranger's certificate: CLOSED kms, nothing forwarded; ARMED when the true server answers."""
    lab.impostor()
    lab.move_aws(IMPOSTOR)
    closed_then_armed(lab, 'wrong-certificate', 'kms', lambda: lab.move_aws(AWS), 'certificate')


def wrong_secret(lab):
    """A wrong secret key: CLOSED kms, nothing forwarded; ARMED when the metadata service has the right one."""
    keys = lab.amazon.role_keys
    lab.front.expect('signature')
    lab.metadata.credentials({**keys, 'SecretAccessKey': keys['SecretAccessKey'][::-1]})
    closed_then_armed(lab, 'wrong-secret', 'kms', lambda: lab.metadata.credentials(keys))


def malformed_user_data(lab):
    """Malformed user data: CLOSED configuration with line and key, nothing forwarded; ARMED when it is corrected."""
    good = lab.configuration(**SETTINGS)
    lab.metadata.user_data(good.replace('s3.prefix', 's3.prefx'))
    closed_then_armed(lab, 'malformed-user-data', 'configuration', lambda: lab.metadata.user_data(good), 'line 3, key "s3.prefx"')


def kms_denial(lab):
    """A role that may not GenerateDataKey: CLOSED kms, nothing forwarded; ARMED when its policy allows it."""
    lab.amazon.allow(aws.PUT)
    closed_then_armed(lab, 'kms-denial', 'kms', lambda: lab.amazon.allow(aws.PUT, aws.GENERATE))


def s3_denial(lab):
    """A role that may not PutObject: CLOSED s3, nothing forwarded; ARMED when its policy allows it."""
    lab.amazon.allow(aws.GENERATE)
    closed_then_armed(lab, 's3-denial', 's3', lambda: lab.amazon.allow(aws.PUT, aws.GENERATE))


def clock_in_1970(lab):
    """A clock in 1970 and no NTP: CLOSED clock, nothing forwarded; stepped and ARMED when NTP answers."""
    lab.time_server.tell(silent=True)
    # it is asked again after 64 s
    rtc = ['-rtc', 'base=1970-01-01T00:00:00']
    closed_then_armed(lab, 'clock', 'clock', lab.time_server.tell, recovery_s=64 + RECOVERY_S, extra=rtc)


def no_metadata(lab):
    """No metadata service: CLOSED imds, nothing forwarded; ARMED when it is there."""
    lab.segment.ip('link', 'set', 'imds', 'down')
    closed_then_armed(lab, 'no-metadata', 'imds', lambda: lab.segment.up('imds'))


def no_dhcp(lab):
    """No DHCP server: CLOSED dhcp, nothing forwarded; ARMED when it is there."""
    lab.segment.ip('link', 'set', 'dns', 'down')
    closed_then_armed(lab, 'no-dhcp', 'dhcp', lambda: lab.segment.up('dns'))


def memory_locked(session):
    """The roles that hold keys have locked their memory: nothing of it can reach a swap device."""
    said = [(e['role'], e['locked']) for e in session.evidence.events('memory')]
    assert sorted(set(said)) == [('capture', 'yes'), ('flows', 'yes'), ('keys', 'yes')], said


def sandboxed(session):
    """Each role is in its sandbox, and the image's kernel has the Landlock that knows files, TCP, signals and abstract sockets."""
    said = [(e['role'], e['landlock']) for e in session.evidence.events('sandbox')]
    assert sorted(said) == [(role, LANDLOCK) for role in ('capture', 'capture', 'flows', 'keys', 'net', 'status', 'upload')], said


def rings_at_maximum(session):
    """The NICs' receive rings are as long as the devices let them be, and the log says so."""
    said = [(e['link'], e['packets'], e['max']) for e in session.evidence.events('ring')]
    assert len(said) == 2 and all(int(now) == int(most) > 0 for _, now, most in said), said


def hardened(session):
    """Each setting of the hardened machine holds, and nothing is mounted but root, /dev and /proc; the log says so."""
    said, = session.evidence.events('hardened')
    assert said['settings'] == HARDENED and sorted(said['mounts'].split()) == ['/', '/dev', '/proc'], said
    assert not session.evidence.events('setting-refused') and not session.evidence.events('mount-too-open')


FAULTS = [wrong_certificate, wrong_secret, malformed_user_data, kms_denial, s3_denial, clock_in_1970, no_metadata, no_dhcp]
PROOFS = [verdict_lines, core_set, status_port, Session.check_nothing_before_armed, packet_for_packet, config_hash, memory_locked,
          sandboxed, rings_at_maximum, hardened]


def main():
    report = testing.report()
    with Surroundings('boot') as lab:
        lab.metadata.user_data(lab.configuration(**SETTINGS))
        if any(map(report.wants, [whole_path, *PROOFS, *evidence.CHECKS])):
            ipv6.lay(lab)
            session = Session(Guest(lab, 'from-disk'), arm_timeout_s=90)
            if report.run(whole_path, session, always=True):
                for check in PROOFS:
                    report.run(check, session)
                for check in evidence.CHECKS:
                    report.run(check, session.evidence)
        for fault in FAULTS:
            report.run(fault, lab)
    report.finish()


main()
