#!/usr/bin/env python3
"""roles_test: the roles are separate processes with no more rights than they need, and the death of any of them closes forwarding.

roles_test.py [-k PATTERN]. Needs root. Logs stay in build/lab/roles/.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import testing, traffic  # noqa: E402
from lab.host import INSIDE, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

CAP_NET_ADMIN, CAP_SYS_TIME = 12, 25
CAPABILITIES = {'net': 1 << CAP_NET_ADMIN | 1 << CAP_SYS_TIME, 'keys': 0, 'upload': 0, 'capture': 0}
RESTART_S = 40


def roles(appliance):
    """{role: process id} of the appliance's children."""
    parent, found = appliance.process.child.pid, {}
    with open(f'/proc/{parent}/task/{parent}/children') as f:
        for pid in f.read().split():
            with open(f'/proc/{pid}/cmdline') as line:
                found[line.read().split('\0')[1]] = int(pid)
    return found


def status(pid):
    with open(f'/proc/{pid}/status') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def namespace(pid, kind):
    return os.readlink(f'/proc/{pid}/ns/{kind}')


def least_rights(appliance):
    """Each role is a process of a user of its own, with no capability but those it needs, and can gain none."""
    found = roles(appliance)
    assert set(found) == set(CAPABILITIES), found
    users = set()
    for role, pid in found.items():
        told = status(pid)
        users.add(told['Uid'].split()[0])
        assert set(told['Uid'].split()) == set(told['Gid'].split()) and '0' not in told['Uid'].split(), f'{role}: {told["Uid"]}'
        assert int(told['CapEff'], 16) == int(told['CapPrm'], 16) == CAPABILITIES[role], f'{role}: {told["CapEff"]}'
        assert told['NoNewPrivs'] == '1' and not told['Groups'].split(), role
    assert len(users) == len(found), f'roles share a user: {users}'


def capture_has_no_network(appliance):
    """The role that sees packets has an empty network namespace: it can send nothing anywhere."""
    found = roles(appliance)
    mine = {role: namespace(pid, 'net') for role, pid in found.items()}
    assert mine['capture'] not in {mine['net'], mine['keys'], mine['upload']}, mine
    with open(f'/proc/{found["capture"]}/net/dev') as f:
        assert [line.split(':')[0].strip() for line in f.readlines()[2:]] == ['lo']


def only_what_was_given(appliance):
    """A role holds only descriptors that init gave it: channels, the ring, sockets of its own; no file."""
    for role, pid in roles(appliance).items():
        for fd in os.listdir(f'/proc/{pid}/fd'):
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
            assert target.startswith('socket:') or target == '/dev/null' and int(fd) < 3, f'{role}: descriptor {fd} is {target}'


def secrets_cannot_be_read(appliance):
    """The roles that hold keys or see packets write no core and cannot be traced by their own user."""
    for role in ('keys', 'capture'):
        pid = roles(appliance)[role]
        assert os.stat(f'/proc/{pid}/mem').st_uid == 0, f'{role} is dumpable'
    for role, pid in roles(appliance).items():
        with open(f'/proc/{pid}/limits') as f:
            core = next(line for line in f if line.startswith('Max core file size'))
        assert core.split()[4:6] == ['0', '0'], f'{role}: {core}'


def forwarding(appliance):
    return appliance.ns.run('sysctl', '-n', 'net.ipv4.ip_forward').strip()


def death_closes(appliance, role):
    """A role that dies closes forwarding at once; then all start anew, and it opens again when recording is armed"""
    traffic.ping(appliance.lab, 2)
    said = len(appliance.console.text())
    os.kill(roles(appliance)[role], signal.SIGKILL)
    end = time.monotonic() + 2
    while forwarding(appliance) != '0' and time.monotonic() < end:
        time.sleep(0.01)
    assert forwarding(appliance) == '0', 'forwarding stayed open'
    appliance.console.wait(rf'^sealtap: CLOSED role: role {role} died', 5, said)
    appliance.console.wait_armed(RESTART_S, said)
    traffic.ping(appliance.lab, 2)


def button_during_restart(lab):
    """The power button while the roles start anew ends it at once, closed."""
    with Host(lab, 'button', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        os.kill(roles(appliance)['net'], signal.SIGKILL)
        appliance.console.wait('^sealtap: CLOSED role', 5)
        appliance.stop(timeout_s=10)
        assert forwarding(appliance) == '0'


def gone_link_does_not_hold_up(lab):
    """A link that is gone does not hold up the shutdown: everything is shipped."""
    with Host(lab, 'gone', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        traffic.ping(lab, 2)
        appliance.ns.ip('link', 'delete', INSIDE)
        time.sleep(0.5)
        appliance.stop(timeout_s=30)
        assert 'all shipped' in appliance.console.text()


def main():
    report = testing.Report(testing.pattern())
    with Surroundings('roles') as lab, Host(lab, 'appliance', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        for check in (least_rights, capture_has_no_network, only_what_was_given, secrets_cannot_be_read):
            report.run(check, appliance)
        for role in CAPABILITIES:
            report.run(death_closes, appliance, role, about=f' ({role})')
        appliance.stop()
        for life in (button_during_restart, gone_link_does_not_hold_up):
            report.run(life, lab)
    report.finish()


main()
