"""host: the appliance in host mode: `build/init host` in a namespace with two veths, outside and inside. SIGTERM is its power button.

INITS=build/san in the environment: the programs under sanitizers, whose reports fail the test.
"""
import os
import signal
import time

from . import certs, metadata, netns, procs, sanitized
from .console import Console
from .surroundings import NIC

BUILD = os.path.join(certs.TOP, os.environ.get('INITS', 'build'))
INIT, MBED = os.path.join(BUILD, 'init'), os.path.join(BUILD, 'mbed', 'init')  # over BearSSL, over Mbed TLS
INJECTED = os.path.join(BUILD, 'injected', 'init')  # under a test's clock
OUTSIDE, INSIDE = 'outside', 'inside'
ROLE_S = 40  # until a new process is at work, after many deaths
ROLES = ('net', 'keys', 'upload', 'flows', 'capture')
ON_DEMAND = (('\nspool = /', 'spool'), ('\nstatus.port = ', 'status'))  # what the configuration then says


class Host:
    """`with Host(lab, 'name', config) as appliance:`; stop() ends it by its power button."""

    def __init__(self, lab, name, configuration, workers=1, verbose=False, disk_faults=None, ct_buffer=None, init=INIT):
        self.lab, self.name = lab, name
        self.may_be_denied = False  # a role is to make calls that it may not make
        self.ns = lab.net.namespace(name)
        lab.attach(lambda far: netns.wire(self.ns, OUTSIDE, far, NIC, lab.mtu), lambda far: netns.wire(self.ns, INSIDE, far, NIC, lab.mtu))
        for link, mac in ((OUTSIDE, metadata.OUTSIDE_MAC), (INSIDE, metadata.INSIDE_MAC)):
            self.ns.ip('link', 'set', link, 'address', mac)
            netns.one_queue(self.ns, link)
        config = os.path.join(lab.folder, name + '.conf')
        with open(config, 'w') as f:
            f.write(configuration)
        self.argv = [init, 'host', '--config', config, '--anchors', certs.CA, '--workers', str(workers)] + ['--verbose'] * verbose
        self.argv += ['--disk-faults', disk_faults] if disk_faults else []
        self.argv += ['--ct-buffer', str(ct_buffer)] if ct_buffer else []
        self.role_names = ROLES + tuple(role for says, role in ON_DEMAND if says in configuration)

    def __enter__(self):
        sanitized.begin(self.argv[0])
        self.start()
        return self

    def start(self):
        self.process = self.lab.processes.start(self.name, self.argv, self.ns)
        self.console = Console(self.process.log, self.process)

    def __exit__(self, failed, *_):
        self.process.end(timeout_s=20)
        self.lab.detach()
        sanitized.check(self.argv[0])
        if not failed and not self.may_be_denied:
            self.console.check_calls()

    def stop(self, timeout_s=60):
        """The power button: forwarding stops, the rings drain, all is shipped; it must exit with 0."""
        code = self.process.end(signal.SIGTERM, timeout_s)
        assert code == 0, f'the appliance ended with {code}:\n{self.console.text()[-2000:]}'

    def cut_power(self):
        """All processes end at once; what was only in memory is gone."""
        os.kill(self.process.child.pid, signal.SIGKILL)
        self.process.child.wait()

    def kill_role(self, role):
        """Kills a living role and waits until it is gone: roles() may name it for a moment after."""
        pid = self.roles()[role]
        os.kill(pid, signal.SIGKILL)
        while self.roles().get(role) == pid:
            time.sleep(0.001)

    def wait_role(self, role):
        """Until it lives, and lives again."""
        procs.wait_until(lambda: role in self.roles(), ROLE_S, f'role {role}', self.process, self.console.text)

    def stopped(self, *roles):
        """These roles do nothing for the time of the block."""
        living = self.roles()
        return procs.stopped(*(living[role] for role in roles))

    def forwards(self):
        return self.ns.run('sysctl', '-n', 'net.ipv4.ip_forward').strip() == '1'

    def roles(self):
        """{role: process id} of the roles that live; of several workers the last."""
        parent, found = self.process.child.pid, {}
        with open(f'/proc/{parent}/task/{parent}/children') as f:
            for pid in map(int, f.read().split()):
                try:
                    with open(f'/proc/{pid}/cmdline') as line:
                        words = line.read().split('\0')
                except (FileNotFoundError, ProcessLookupError):  # before and after the file was opened
                    continue
                if words[1:2] and words[1] in self.role_names:
                    found[words[1]] = pid
        return found
