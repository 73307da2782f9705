"""servers: what else the world outside offers, besides the surroundings' own: SSH, FTP, a second web server behind a narrow link, an
address that swallows everything, and one that answers crowds.

The world outside knows no way to the addresses inside: what comes back does so by the gateway's translation, or not at all.
"""
import os
import select
import subprocess

from . import ipv6, netns, web
from .certs import TOP
from .netns import command
from .surroundings import APPLIANCE_OUTSIDE, WEB

NARROW, NARROW6, NARROW_MTU, JUMBO_MSS = '203.0.113.10', '2001:db8:4::10', 1400, 8961
SWALLOWED = '203.0.113.66'
CROWD, SYN_FLOOD = (os.path.join(TOP, 'build', 'tests', name) for name in ('crowd', 'syn_flood'))
CROWD_PORT, ONE_PLACE_PORT = 7000, 7001  # at each the ports outside are counted anew
DEBIAN_PYTHON = '/usr/bin/python3'  # the one that has Debian's modules
OTHERS_INSIDE = ('198.19.0.11', '198.19.0.12', '198.19.0.13')  # further hosts there, on the wire of the first
SSHD = """
ListenAddress {WEB}
ListenAddress {WEB6}
HostKey {folder}/ssh-host
AuthorizedKeysFile {folder}/ssh-client.pub
PidFile none
StrictModes no
UsePAM yes
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
# It wants a folder in /run, which is made in a mount namespace of its own.
SSHD_START = 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -D -e -f {folder}/sshd.conf'


class Servers:
    def __init__(self, lab):
        self.lab, self.folder = lab, lab.folder
        lab.router.ip('route', 'delete', '198.19.0.0/24', 'via', APPLIANCE_OUTSIDE)
        lab.router.ip('route', 'add', 'blackhole', SWALLOWED)
        ipv6.lay(lab)
        self._narrow()
        self._ssh()
        ftp = [DEBIAN_PYTHON, '-W', 'ignore', '-m', 'pyftpdlib', '-p', '21', '-d', os.path.join(self.folder, 'pages'), '-i']
        self.ftp = [lab.processes.start(f'ftp-{address}', ftp + [address], lab.web) for address in (WEB, ipv6.WEB6)]
        ports = CROWD_PORT, ONE_PLACE_PORT
        crowds = [lab.processes.start(f'crowd-{port}', [CROWD, 'serve', WEB, str(port)], lab.web) for port in ports]
        self.sshd.wait_output('Server listening', 10)
        for ftp in self.ftp:
            ftp.wait_output('starting FTP server', 10)
        for crowd in crowds:
            crowd.wait_output('ready', 10)

    def _narrow(self):
        """A link of 1,400 bytes behind the router. The server at its other end says that it takes jumbo segments, as one does whose own
        link is wide: who sends to it has to be told."""
        ns = self.lab.net.namespace('narrow')
        netns.wire(self.lab.router, 'narrow', ns, 'lan', NARROW_MTU)
        self.lab.router.up('narrow', '203.0.113.1/24')
        ns.up('lan', NARROW + '/24')
        ns.ip('route', 'add', 'default', 'via', '203.0.113.1', 'advmss', str(JUMBO_MSS))
        ipv6.link_up(self.lab.router, 'narrow', '2001:db8:4::1')
        ipv6.link_up(ns, 'lan', NARROW6)
        ns.ip('-6', 'route', 'add', 'default', 'via', '2001:db8:4::1', 'advmss', str(JUMBO_MSS - 20))
        cert, key = os.path.join(self.folder, 'web.pem'), os.path.join(self.folder, 'web.key')
        site = web.SITE.format(folder=self.folder, name='narrow', address=NARROW, cert=cert, key=key)
        self.narrow = web.start(self.lab.processes, ns, self.folder, 'narrow', site)
        self.narrow.wait_for(lambda: ':443 ' in ns.run('ss', '-Hltn'), 10, 'open ports')

    def _ssh(self):
        for name in ('ssh-host', 'ssh-client'):
            command('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', os.path.join(self.folder, name))
        with open(os.path.join(self.folder, 'ssh-host.pub')) as f, open(os.path.join(self.folder, 'known-hosts'), 'w') as known:
            known.write(f'{WEB},{ipv6.WEB6} {f.read()}')
        with open(os.path.join(self.folder, 'sshd.conf'), 'w') as f:
            f.write(SSHD.format(folder=self.folder, WEB=WEB, WEB6=ipv6.WEB6))
        start = ['unshare', '--mount', 'sh', '-c', SSHD_START.format(folder=self.folder)]
        self.sshd = self.lab.processes.start('sshd', start, self.lab.web)

    def ssh(self, *options, address=WEB):
        """What to put before a remote command's words."""
        argv = ['ssh', '-F', 'none', '-i', os.path.join(self.folder, 'ssh-client'), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes']
        argv += ['-o', 'UserKnownHostsFile=' + os.path.join(self.folder, 'known-hosts'), '-o', 'GlobalKnownHostsFile=none']
        return argv + ['-o', 'StrictHostKeyChecking=yes', *options, f'root@{address}']


class Conversation:
    """A program inside that is talked to by lines: `with Conversation(ns, argv) as talk: talk.ask('hello')`."""

    def __init__(self, ns, argv):
        self.child = subprocess.Popen(ns.prefix() + argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def say(self, line):
        self.child.stdin.write(line.encode() + b'\n')

    def hear(self, timeout_s):
        """The next line."""
        text = b''
        while not text.endswith(b'\n'):
            ready, _, _ = select.select([self.child.stdout], [], [], timeout_s)
            assert ready, f'nothing was heard for {timeout_s} s'
            part = os.read(self.child.stdout.fileno(), 1)
            assert part, f'the program ended: {self.child.wait()}'
            text += part
        return text.decode().rstrip('\n')

    def ask(self, line, timeout_s=15):
        """Of a program that repeats what it is told."""
        self.say(line)
        heard = self.hear(timeout_s)
        assert heard == line, f'said {line}, heard {heard}'
