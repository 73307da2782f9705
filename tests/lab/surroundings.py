"""surroundings: everything around the appliance, each a real program in a network namespace of its own.

    inside 198.19.0.10 ── nic ── APPLIANCE ── nic ── segment (a switch) ┬─ dns     198.18.0.2       dnsmasq: DHCP and DNS
    curl, dig, ping      198.19.0.1     198.18.0.10 (DHCP)              ├─ imds    169.254.169.254  instance metadata, and
                                                                        │          169.254.169.123  NTP
                                                                        └─ router  198.18.0.1 ┬─ aws  198.18.1.10    moto: S3, KMS
                                                                                              └─ web  198.51.100.10  nginx

The namespaces have no way out. The appliance's NICs are the other ends of `nic` in `inside` and in `segment`: a TAP device for QEMU, a
veth for host mode (see guest, host). www.example.test is the web server; the names of S3 and KMS are AWS's own.
"""
import fcntl
import os
import shutil
import signal
import sys

from . import aws, certs, dnsmasq, ledger, metadata, netns, ntp, procs, web
from .certs import TOP

APPLIANCE_OUTSIDE, APPLIANCE_INSIDE = '198.18.0.10', '198.19.0.1'
ROUTER, DNS, AWS, IMPOSTOR, WEB, CLIENT = ('198.18.0.1', '198.18.0.2', '198.18.1.10', '198.51.100.11', '198.51.100.10', '198.19.0.10')
WWW = 'www.example.test'
NIC = 'nic'  # in `inside` and `segment`: the far end of the appliance's wire

DNSMASQ = f"""
no-resolv
local=/amazonaws.com/
no-hosts
no-ping
interface=lan
dhcp-authoritative
dhcp-leasefile={{folder}}/dnsmasq.leases
dhcp-range=198.18.0.0,static,1h
dhcp-host={metadata.OUTSIDE_MAC},{APPLIANCE_OUTSIDE}
dhcp-option=option:router,{ROUTER}
dhcp-option=option:dns-server,{DNS}
dhcp-option=option:mtu,{{mtu}}
addn-hosts={{folder}}/hosts
log-dhcp
log-queries
"""


class Surroundings:
    """`with Surroundings('name') as lab:` starts all; what the programs said stays in build/lab/name/."""

    def __init__(self, name, mtu=1500):
        self.mtu = mtu  # of the appliance's links, told by DHCP, and of all others on the switch
        self.folder = os.path.join(TOP, 'build', 'lab', name)
        self.nics = []
        self.boots = set()  # lives whose evidence was collected
        self.dnsmasq = None

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        netns.require_root()
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        self.lock = open(self.folder + '.lock', 'w')
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # a second run of the same name waits for the first
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.net = netns.Network()
        self.processes = procs.Processes(self.folder)
        try:
            for role in ('segment', 'router', 'dns', 'imds', 'aws', 'web', 'inside'):
                setattr(self, role, self.net.namespace(role))
            self._start_amazon()  # which takes its time
            self._lay_wires()
            self._start_programs()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, failed, *_):
        self._take_down()
        if not failed:
            self.front.check()

    def _take_down(self):
        self.processes.__exit__()
        self.net.__exit__()
        self.lock.close()

    def _lay_wires(self):
        netns.bridge(self.segment, 'switch')
        services = [f'{a}/32' for a in ('169.254.169.254', ntp.TimeServer.ADDRESS, ntp.TimeServer.OTHER)]
        for ns, addresses in ((self.router, [ROUTER + '/24']), (self.dns, [DNS + '/24']), (self.imds, services)):
            netns.wire(ns, 'lan', self.segment, ns.name.rsplit('-', 1)[1], self.mtu)
            self._plug(ns.name.rsplit('-', 1)[1])
            for address in addresses:
                ns.up('lan', address)
        self.imds.ip('route', 'add', '198.18.0.0/24', 'dev', 'lan')
        for ns, link, gateway, addresses in ((self.aws, 'aws', '198.18.1.1', [AWS]), (self.web, 'web', '198.51.100.1', [WEB, IMPOSTOR])):
            netns.wire(self.router, link, ns, 'lan')
            self.router.up(link, gateway + '/24')
            for address in addresses:
                ns.up('lan', address + '/24')
            ns.ip('route', 'add', 'default', 'via', gateway)
        self.dns.ip('route', 'add', 'default', 'via', ROUTER)
        self.router.ip('route', 'add', '198.19.0.0/24', 'via', APPLIANCE_OUTSIDE)
        self.router.sysctl('ipv4/ip_forward', 1)
        self.router.sysctl('ipv4/conf/all/send_redirects', 0)
        self.inside.resolver(DNS)
        for ns in (self.web, self.inside):  # windows that fit the kernel's queues between two veths: what is lost there is nobody's fault
            for memory in ('tcp_rmem', 'tcp_wmem'):
                ns.sysctl(f'ipv4/{memory}', '4096 131072 262144')

    def _plug(self, link):
        self.segment.ip('link', 'set', link, 'master', 'switch')
        self.segment.up(link)

    def _start_amazon(self):
        self.amazon = aws.Aws(self.processes, self.aws, self.folder)
        self.amazon.start()
        self.front = ledger.Front(self.processes, self.aws, self.folder, aws.SERVICES, aws.NAMES, ['127.0.0.1', AWS])
        self.front.tell(prefix=aws.PREFIX)
        self.store = self.amazon  # who has the bucket

    def _start_programs(self):
        self.metadata = metadata.Metadata(os.path.join(self.folder, 'imds.json'))
        here = os.path.dirname(os.path.abspath(__file__))
        imds = [sys.executable, os.path.join(here, 'imds.py'), '169.254.169.254', self.metadata.path]
        self.imds_server = self.processes.start('imds', imds, self.imds)
        self.time_server = ntp.TimeServer(self.processes, self.imds, self.folder)
        self.time_server.start()
        self.site = web.Site(self.processes, self.web, self.folder, WWW, WEB)
        self.names(AWS)
        self.start_dnsmasq()
        self.imds_server.wait_output('ready', 10)
        self.site.wait()
        self.front.wait()
        self.amazon.set_up()
        self.front.tell(key_arn=self.amazon.key_arn)
        self.front.credentials(self.amazon.role_keys)
        self.metadata.credentials(self.amazon.role_keys)
        self.metadata.user_data(self.configuration())

    def start_dnsmasq(self, change=str):
        """DHCP and DNS, anew when it is there; change(text) gives the configuration of this start."""
        self.stop_dnsmasq()
        self.dnsmasq = dnsmasq.start(self, 'dnsmasq', change(DNSMASQ.format(folder=self.folder, mtu=self.mtu)), self.dns)

    def stop_dnsmasq(self):
        if self.dnsmasq in self.processes.list:
            self.processes.end(self.dnsmasq)

    def names(self, kms_address, s3_address=None):
        """What the DNS server answers; dnsmasq reads it at its start and on SIGHUP. S3 is where KMS is unless it is said."""
        with open(os.path.join(self.folder, 'hosts'), 'w') as f:
            others = ' '.join(h for h in aws.HOSTS if h != aws.S3_HOST)
            f.write(f'{s3_address or kms_address} {aws.S3_HOST}\n{kms_address} {others}\n{WEB} {WWW}\n')

    def move_aws(self, kms_address, s3_address=None):
        self.names(kms_address, s3_address)
        self.dnsmasq.send(signal.SIGHUP)

    def configuration(self, **keys):
        """User data for the lab's AWS; dots in keys as __: object__max_bytes=1048576."""
        lines = [f's3.bucket = {aws.BUCKET}', f's3.prefix = {aws.PREFIX}', f'kms.key = {self.amazon.key_arn}', 'appliance = lab']
        lines += [f'{key.replace("__", ".")} = {value}' for key, value in keys.items()]
        text = '# written by the lab\n' + '\n'.join(lines) + '\n'
        self.front.configured(text)
        return text

    def attach(self, make_outside, make_inside):
        """Connects the appliance: make_*(namespace) creates link NIC there; it is addressed and brought up here."""
        self.detach()
        make_outside(self.segment)
        make_inside(self.inside)
        self.segment.ip('link', 'set', NIC, 'master', 'switch')
        for ns in (self.segment, self.inside):
            netns.in_one_order(ns, NIC)
        self.segment.up(NIC)
        self.inside.up(NIC, CLIENT + '/24', mac='02:00:00:00:00:10')
        self.inside.ip('route', 'replace', 'default', 'via', APPLIANCE_INSIDE)
        self.nics = [('outside', self.segment), ('inside', self.inside)]

    def detach(self):
        for _, ns in self.nics:
            try:
                ns.ip('link', 'delete', NIC)
            except netns.CommandFailed:
                pass  # the other end's namespace took it along
        self.nics = []

    def impostor(self):
        """A server that has AWS's names in a certificate by a CA with the right name and another key."""
        ca, ca_key = certs.stranger(self.folder)
        cert, key = certs.issue(self.folder, 'impostor', aws.NAMES, ca, ca_key)
        return web.start_tls_server(self.processes, self.web, self.folder, IMPOSTOR, cert, key)
