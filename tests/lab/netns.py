"""netns: network namespaces with names of their own per run, and the links between them. Nothing of the host's own network is touched.

`with Network() as net:` deletes every namespace at the end, and with them all their links, addresses and rules.
"""
import contextlib
import ctypes
import gzip
import json
import os
import secrets
import shutil
import socket
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)
NO_OFFLOADS = 'tx off rx off sg off tso off gso off gro off'.split()


class CommandFailed(Exception):
    pass


def command(*argv, text_in=None):
    """Runs a program to its end; its output. Its own words are in the exception when it fails."""
    done = subprocess.run(argv, input=text_in, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise CommandFailed(f'{" ".join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}')
    return done.stdout


def require_root():
    if os.geteuid() != 0:
        raise SystemExit('this needs root: it makes network namespaces; run it with sudo')


def kernel_has(option):
    """Whether this machine's kernel was built with the option; where it does not say how it was built, it has."""
    for path, opened in (('/proc/config.gz', gzip.open), (f'/boot/config-{os.uname().release}', open)):
        if os.path.exists(path):
            with opened(path, 'rt') as f:
                return f'CONFIG_{option}=y\n' in f.read()
    return True


class Namespace:
    def __init__(self, name):
        self.name = name
        command('ip', 'netns', 'add', name)
        self.sysctl('ipv6/conf/all/disable_ipv6', 1)
        self.sysctl('ipv6/conf/default/disable_ipv6', 1)
        self.ip('link', 'set', 'lo', 'up')

    def delete(self):
        subprocess.run(['ip', 'netns', 'delete', self.name], stderr=subprocess.DEVNULL)
        shutil.rmtree(f'/etc/netns/{self.name}', ignore_errors=True)

    def ip(self, *argv):
        return command('ip', '-n', self.name, *argv)

    def prefix(self):
        """What to put before a command line so that it runs here; the program keeps the process id."""
        return ['ip', 'netns', 'exec', self.name]

    def run(self, *argv, text_in=None):
        return command(*self.prefix(), *argv, text_in=text_in)

    @contextlib.contextmanager
    def entered(self):
        """This thread is inside for the time of the block. Sockets made inside stay here."""
        home = os.open('/proc/self/ns/net', os.O_RDONLY)
        there = os.open(f'/run/netns/{self.name}', os.O_RDONLY)
        try:
            setns(there)
            yield
        finally:
            setns(home)
            os.close(there)
            os.close(home)

    def socket(self, *args):
        with self.entered():
            return socket.socket(*args)

    def sysctl(self, path, value):
        with self.entered(), open(f'/proc/sys/net/{path}', 'w') as f:
            f.write(str(value))

    def resolver(self, address):
        """Programs started here ask this server for names (ip-netns(8))."""
        os.makedirs(f'/etc/netns/{self.name}', exist_ok=True)
        with open(f'/etc/netns/{self.name}/resolv.conf', 'w') as f:
            f.write(f'nameserver {address}\noptions timeout:2 attempts:3\n')

    def up(self, link, address=None, mac=None, mtu=None):
        if mac:
            self.ip('link', 'set', link, 'address', mac)
        if mtu:
            self.ip('link', 'set', link, 'mtu', str(mtu))
        if address:
            self.ip('address', 'add', address, 'dev', link)
        self.ip('link', 'set', link, 'up')

    def offloads_off(self, link):
        self.run('ethtool', '-K', link, *NO_OFFLOADS)

    def counters(self, link):
        """The link's own counters: {'rx_packets': .., 'rx_dropped': .., 'tx_dropped': ..}."""
        stats = json.loads(self.ip('-s', '-j', 'link', 'show', link))[0]['stats64']
        return {f'{way}_{what}': stats[way][what] for way in ('rx', 'tx') for what in ('packets', 'dropped', 'errors')}

    def mac(self, link):
        return json.loads(self.ip('-j', 'link', 'show', link))[0]['address']


def setns(fd):
    if LIBC.setns(fd, 0):
        raise OSError(ctypes.get_errno(), 'setns')


class Network:
    """Namespaces of one run: their names share a random part, so that runs side by side do not meet."""

    def __init__(self):
        require_root()
        self.tag = secrets.token_hex(3)
        self.namespaces = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for ns in reversed(self.namespaces):
            ns.delete()
        self.namespaces = []

    def namespace(self, role):
        ns = Namespace(f'stap-{self.tag}-{role}')
        self.namespaces.append(ns)
        return ns


def wire(a, a_link, b, b_link, mtu=None):
    """A cable: link a_link of namespace a is one end, b_link of b the other; offloads off at both, so that what travels is
    what is on a wire."""
    size = ['mtu', str(mtu)] if mtu else []
    command('ip', 'link', 'add', a_link, *size, 'netns', a.name, 'type', 'veth',
            'peer', 'name', b_link, *size, 'netns', b.name)
    a.offloads_off(a_link)
    b.offloads_off(b_link)


def bridge(ns, name):
    """A plain switch: no spanning tree, no multicast of its own."""
    ns.ip('link', 'add', name, 'type', 'bridge', 'stp_state', '0', 'forward_delay', '0', 'mcast_snooping', '0')
    ns.up(name)


def tap(ns, name):
    """A TAP device for QEMU, deep enough that a slow guest loses nothing to its queue."""
    ns.ip('tuntap', 'add', name, 'mode', 'tap')
    ns.ip('link', 'set', name, 'txqueuelen', '20000')


def in_one_order(ns, link):
    """Frames leave `link` one at a time, so that a capture on it and the other end see the same order."""
    ns.run('tc', 'qdisc', 'replace', 'dev', link, 'root', 'pfifo', 'limit', '20000')


def one_queue(ns, link):
    """Frames that arrive on the veth `link` go through one processor's queue whoever sent them: one receive queue, as a NIC."""
    with ns.entered():
        subprocess.run(ns.prefix() + ['sh', '-c', f'echo 1 > /sys/class/net/{link}/queues/rx-0/rps_cpus'], check=True)
