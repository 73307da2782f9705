#!/usr/bin/env python3
"""roles_test: the roles are separate processes with no more rights than they need, and one that dies starts anew by itself.

roles_test.py [-k PATTERN]. Needs root. Logs stay in build/lab/roles/.
"""
import contextlib
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
CAPABILITIES = {'net': 1 << CAP_NET_ADMIN | 1 << CAP_SYS_TIME, 'keys': 0, 'upload': 0, 'spool': 0, 'flows': 0, 'status': 0, 'capture': 0}
SECRETS, NO_NETWORK = ('keys', 'flows', 'capture'), ('capture', 'spool', 'flows', 'status')
SETTINGS = '/proc/sys/net'  # what net sees of the file system
INERT = {'nosuid', 'nodev', 'noexec'}
LISTENS = '0A'  # in /proc/net/tcp
# src/os/spawn.c; a host's volume is a file, which the spool may write
LIMITS = {'Max core file size': 0, 'Max processes': 0, 'Max file size': 0, 'Max open files': 256, 'Max locked memory': 0}
OTHER_LIMITS = {**{('spool', 'Max file size'): None}, **{(role, 'Max locked memory'): 128 << 20 for role in SECRETS}}
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
        assert int(told['CapBnd'], 16) == CAPABILITIES[role], f'{role}: {told["CapBnd"]}'
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
    """The roles that see packets, flows or ciphertext alone, or speak with strangers, have empty network namespaces: they send nothing"""
    found = appliance.roles()
    mine = {role: namespace(pid, 'net') for role, pid in found.items()}
    for role in NO_NETWORK:
        assert mine[role] not in {mine[r] for r in mine if r != role}, mine
        with open(f'/proc/{found[role]}/net/dev') as f:
            assert [line.split(':')[0].strip() for line in f.readlines()[2:]] == ['lo']


def mounts(pid):
    """{mount point: (type, options)}"""
    found = {}
    with open(f'/proc/{pid}/mountinfo') as f:
        for line in f:
            before, after = (part.split() for part in line.split(' - '))
            found[before[4]] = after[0], set(before[5].split(',')), set(after[2].split(','))
    return found


def empty_view(appliance):
    """A role sees an empty root that cannot be written and executes nothing; net the kernel's network settings, too: no /proc, no /dev"""
    for role, pid in appliance.roles().items():
        found = mounts(pid)
        kind, options, of_root = found.pop('/')
        assert kind == 'tmpfs' and options >= INERT | {'ro'} and 'ro' in of_root, f'{role}: {options} {of_root}'
        if role == 'net':
            kind, options, _ = found.pop(SETTINGS)
            assert kind == 'proc' and options >= INERT, f'{role}: {options}'
        assert not found, f'{role}: {found}'
        seen = [os.path.join(d, name) for d, folders, names in os.walk(f'/proc/{pid}/root/') for name in folders + names]
        assert role == 'net' and seen[:2] == [f'/proc/{pid}/root/proc', f'/proc/{pid}/root/proc/sys'] or not seen, f'{role}: {seen[:9]}'
        assert os.readlink(f'/proc/{pid}/cwd').startswith(SETTINGS if role == 'net' else '/'), role


def alone(appliance):
    """A role is in a mount and a PID namespace of its own, in which it is the only process"""
    for kind in ('mnt', 'pid'):
        own = [namespace(pid, kind) for pid in [appliance.process.child.pid, *appliance.roles().values()]]
        assert len(set(own)) == len(own), own
    for role, pid in appliance.roles().items():
        assert status(pid)['NSpid'].split()[-1] == '1', role


def limits(appliance):
    """A role writes no core, makes no process, lets no file grow, opens few descriptors, and locks memory only for secrets"""
    for role, pid in appliance.roles().items():
        with open(f'/proc/{pid}/limits') as f:
            told = {line[:26].strip(): line[26:].split()[:2] for line in f}
        for name, most in LIMITS.items():
            most = OTHER_LIMITS.get((role, name), most)
            holds = most is None or all(value.isdigit() and int(value) <= most for value in told[name])
            assert holds, f'{role}: {name}: {told[name]}'


def only_what_was_given(appliance):
    """A role holds only descriptors that init gave it: channels, the ring, sockets of its own, the volume; no other file"""
    for role, pid in appliance.roles().items():
        for fd in os.listdir(f'/proc/{pid}/fd'):
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
            given = target.startswith('socket:') or target == '/dev/null' and int(fd) < 3 or role == 'spool' and target == appliance.volume
            assert given, f'{role}: descriptor {fd} is {target}'


def none_can_be_read(appliance):
    """No role can be traced or read by its own user, nor writes a core"""
    for role, pid in appliance.roles().items():
        assert os.stat(f'/proc/{pid}/mem').st_uid == 0, f'{role} is dumpable'


def sockets(pid):
    for fd in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
            if target.startswith('socket:['):
                yield target[len('socket:['):-1]


def no_right_listens(appliance):
    """Who listens for connections has no capability: the status role alone has the port, and init gave it away"""
    listening = set()
    for table in ('tcp', 'tcp6'):
        with open(f'/proc/{appliance.process.child.pid}/net/{table}') as f:
            listening |= {line.split()[9] for line in f.readlines()[1:] if line.split()[3] == LISTENS}
    everybody = {'init': appliance.process.child.pid, **appliance.roles()}
    holders = {name for name, pid in everybody.items() if listening & set(sockets(pid))}
    assert len(listening) == 1 and holders == {'status'}, (listening, holders)


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


def full(lab):
    """With every role that there is."""
    volume = os.path.join(lab.folder, 'volume')
    with open(volume, 'wb') as f:
        f.truncate(1 << 30)
    appliance = Host(lab, 'appliance', lab.configuration(spool=volume, **STATUS), verbose=True)
    appliance.volume = volume
    return appliance


def main():
    report = testing.report()
    with Surroundings('roles') as lab, full(lab) as appliance:
        appliance.console.wait_armed(60)
        rights = (least_rights, confined, recorders_have_no_network, empty_view, alone, limits, only_what_was_given, none_can_be_read,
                  no_right_listens)
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
