#!/usr/bin/env python3
"""roles_test: the roles are separate processes with no more rights than they need, and one that dies starts anew by itself.

roles_test.py [-k PATTERN]. Needs root. Logs stay in build/lab/roles/.
"""
import ctypes
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import testing, traffic  # noqa: E402
from lab.host import INSIDE, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

CAP_NET_ADMIN, CAP_SYS_TIME = 12, 25
LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION, SECCOMP_FILTERED = 444, 1, '2'
CAPABILITIES = {'net': 1 << CAP_NET_ADMIN | 1 << CAP_SYS_TIME, 'keys': 0, 'upload': 0, 'flows': 0, 'status': 0, 'capture': 0}
ANEW = ' (of those that started anew)'
STATUS = {'status__port': 9100, 'status__sources': '198.19.0.0/24'}


def status(pid):
    with open(f'/proc/{pid}/status') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def namespace(pid, kind):
    return os.readlink(f'/proc/{pid}/ns/{kind}')


def least_rights(appliance):
    """Each role is a process of a user of its own, with no capability but those it needs, and can gain none."""
    found = appliance.roles()
    assert set(found) == set(CAPABILITIES), found
    users = set()
    for role, pid in found.items():
        told = status(pid)
        users.add(told['Uid'].split()[0])
        assert set(told['Uid'].split()) == set(told['Gid'].split()) and '0' not in told['Uid'].split(), f'{role}: {told["Uid"]}'
        assert int(told['CapEff'], 16) == int(told['CapPrm'], 16) == CAPABILITIES[role], f'{role}: {told["CapEff"]}'
        assert told['NoNewPrivs'] == '1' and not told['Groups'].split(), role
    assert len(users) == len(found), f'roles share a user: {users}'


def confined(appliance):
    """Each role makes only the calls that its filter allows, and has given up what Landlock of this kernel can take"""
    known = max(ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION), 0)
    for role, pid in appliance.roles().items():
        told = status(pid)
        assert told['Seccomp'] == SECCOMP_FILTERED and told['Seccomp_filters'] == '1', f'{role}: {told["Seccomp"]}'
        versions = re.findall(rf' {role} sandbox landlock=(\d+)$', appliance.console.text(), re.M)
        assert versions and set(versions) == {str(known)}, f'{role}: {versions}, and this kernel has {known}'


def recorders_have_no_network(appliance):
    """The roles that see packets and flows, and the one that strangers speak to, have empty network namespaces: they send nothing."""
    found = appliance.roles()
    mine = {role: namespace(pid, 'net') for role, pid in found.items()}
    for role in ('capture', 'flows', 'status'):
        assert mine[role] not in {mine[r] for r in mine if r != role}, mine
        with open(f'/proc/{found[role]}/net/dev') as f:
            assert [line.split(':')[0].strip() for line in f.readlines()[2:]] == ['lo']


def only_what_was_given(appliance):
    """A role holds only descriptors that init gave it: channels, the ring, sockets of its own; no file."""
    for role, pid in appliance.roles().items():
        for fd in os.listdir(f'/proc/{pid}/fd'):
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
            assert target.startswith('socket:') or target == '/dev/null' and int(fd) < 3, f'{role}: descriptor {fd} is {target}'


def secrets_cannot_be_read(appliance):
    """The roles that hold keys or see packets write no core and cannot be traced by their own user."""
    for role in ('keys', 'flows', 'capture'):
        pid = appliance.roles()[role]
        assert os.stat(f'/proc/{pid}/mem').st_uid == 0, f'{role} is dumpable'
    for role, pid in appliance.roles().items():
        with open(f'/proc/{pid}/limits') as f:
            core = next(line for line in f if line.startswith('Max core file size'))
        assert core.split()[4:6] == ['0', '0'], f'{role}: {core}'


def starts_anew(appliance, role):
    """A role that dies starts anew at once, with no more rights than before; the others and forwarding go on"""
    before, said = appliance.roles(), len(appliance.console.text())
    appliance.kill_role(role)
    traffic.ping(appliance.lab, 5)
    appliance.console.wait(rf'^sealtap: warning role: role {role} died', 5, said)
    appliance.wait_role(role)
    after = appliance.roles()
    assert after[role] != before[role] and all(after[r] == before[r] for r in after if r != role), (before, after)
    assert appliance.forwards()


def button_after_deaths(lab, roles):
    """The power button while roles start anew: all is drained and shipped all the same"""
    with Host(lab, 'button-' + '-'.join(roles), lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        traffic.ping(lab, 2)
        found = appliance.roles()
        for role in roles:
            os.kill(found[role], signal.SIGKILL)
        appliance.stop(timeout_s=60)
        assert not appliance.forwards() and 'all shipped' in appliance.console.text()


def a_role_that_keeps_dying_waits(lab):
    """A role that dies again and again waits longer each time, and is well again when it no longer dies"""
    with Host(lab, 'again', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        waits = []
        for _ in range(4):
            began = time.monotonic()
            appliance.kill_role('upload')
            appliance.wait_role('upload')
            waits.append(time.monotonic() - began)
        assert waits[0] < 0.4 and waits[1] >= 0.5 and waits[2] >= 1 and waits[3] >= 2, waits
        traffic.ping(lab, 2)
        appliance.stop()


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
    report = testing.report()
    with Surroundings('roles') as lab, Host(lab, 'appliance', lab.configuration(**STATUS), verbose=True) as appliance:
        appliance.console.wait_armed(60)
        rights = (least_rights, confined, recorders_have_no_network, only_what_was_given, secrets_cannot_be_read)
        for check in rights:
            report.run(check, appliance)
        for role in CAPABILITIES:
            report.run(starts_anew, appliance, role, about=f' ({role})', always=any(report.wants(check, ANEW) for check in rights))
        time.sleep(3)  # the last one is at work
        for check in rights:
            report.run(check, appliance, about=ANEW)
        appliance.stop()
        for dead in (('capture', 'net'), ('net', 'keys', 'upload')):
            report.run(button_after_deaths, lab, dead, about=f' ({", ".join(dead)})')
        for life in (a_role_that_keeps_dying_waits, gone_link_does_not_hold_up):
            report.run(life, lab)
    report.finish()


main()
