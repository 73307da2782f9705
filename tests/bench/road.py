"""road: a network's way through a gateway, for measuring: the lab's namespaces, and in the middle the appliance (lab.host) or Plain.

Plain is what all are measured against: the same two links, the kernel's forwarding and NAT by nftables, and nothing else. A recorder of
today runs in its namespace. Sink stands for S3: nginx over TLS, which stores each body as a file on tmpfs and answers 200 as S3 does (its
WebDAV would answer 201). traffic(): the exchanges of exchange.c between `inside` and `web`.
"""
import glob
import os
import random
import re
import signal
import subprocess

from lab import aws, certs, metadata, netns, procs
from lab.host import INSIDE, OUTSIDE
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, DNS, IMPOSTOR, NIC, ROUTER, WEB

PORT = 8080
CORPUS_BYTES = 48 << 20
TEXTS = ('/usr/share/doc/**/*', '/usr/share/**/*.html', '/usr/share/**/*.js', '/usr/share/**/*.css', '/usr/share/**/*.json',
         '/usr/share/common-licenses/*', '/usr/lib/python3/**/*.py')
NAT = f"""
table ip road {{
    chain out {{ type nat hook postrouting priority srcnat; oifname "{OUTSIDE}" masquerade; }}
    chain through {{ type filter hook forward priority filter; policy drop;
        ct state established,related accept; iifname "{INSIDE}" oifname "{OUTSIDE}" accept; }}
}}
"""


SEGMENTATION = 'tx on sg on tso on gso on'.split()


def nic_like(lab, gateway):
    """What the gateway itself sends to the sink is cut into segments by the NIC, as on Nitro (TSO), and not on the way to it. What it
    forwards comes in frames as on a wire, and goes on in the same."""
    for ns, link in ((gateway.ns, OUTSIDE), (lab.segment, 'router'), (lab.router, 'web')):
        ns.run('ethtool', '-K', link, *SEGMENTATION)


class Plain:
    """`with Plain(lab) as gateway:`: forwards and masquerades."""

    def __init__(self, lab, name='plain'):
        self.lab, self.ns = lab, lab.net.namespace(name)

    def __enter__(self):
        lab, ns = self.lab, self.ns
        lab.attach(lambda far: netns.wire(ns, OUTSIDE, far, NIC, lab.mtu), lambda far: netns.wire(ns, INSIDE, far, NIC, lab.mtu))
        for link, address, mac in ((OUTSIDE, APPLIANCE_OUTSIDE, metadata.OUTSIDE_MAC), (INSIDE, APPLIANCE_INSIDE, metadata.INSIDE_MAC)):
            netns.one_queue(ns, link)
            ns.up(link, address + '/24', mac)
        ns.ip('route', 'add', 'default', 'via', ROUTER)
        ns.resolver(DNS)
        ns.sysctl('ipv4/ip_forward', 1)
        ns.run('nft', '-f', '-', text_in=NAT)
        for neighbour in (lab.router, lab.inside):
            neighbour.ip('neigh', 'flush', 'all')
        nic_like(lab, self)
        return self

    def __exit__(self, *_):
        self.lab.detach()
        self.ns.delete()
        self.lab.net.namespaces.remove(self.ns)

    def finish(self):
        """All that there is to be done is done."""


class Sink:
    """`with Sink(lab, folder) as sink:`: S3's names lead here; what is stored is counted and thrown away by empty()."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, os.path.join(folder, 'sink')
        os.makedirs(self.folder + '/bodies')
        cert, key = certs.issue(self.folder, 'sink', [*aws.NAMES])
        temps = ' '.join(f'{t}_temp_path {self.folder}/tmp;' for t in ('proxy', 'fastcgi', 'uwsgi', 'scgi'))
        with open(self.folder + '/nginx.conf', 'w') as f:
            f.write(f'''daemon off; user root; worker_processes 1; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;
events {{}}
http {{ access_log off; {temps} client_body_temp_path {self.folder}/bodies; keepalive_requests 100000;
  server {{ listen unix:{self.folder}/ok.sock; location / {{ return 200 ''; }} }}
  server {{ listen {IMPOSTOR}:443 ssl; ssl_certificate {cert}; ssl_certificate_key {key};
    client_max_body_size 0; client_body_buffer_size 512k;
    location / {{ client_body_in_file_only on; proxy_pass_request_body off; proxy_set_header Content-Length 0;
      proxy_set_header If-None-Match '';
      proxy_pass http://unix:{self.folder}/ok.sock; }} }} }}
''')

    def __enter__(self):
        self.process = self.lab.processes.start('sink', ['nginx', '-p', self.folder, '-e', self.folder + '/error.log', '-c',
                                                        self.folder + '/nginx.conf'], self.lab.web)
        self.process.wait_for(lambda: os.path.exists(self.folder + '/nginx.pid'), 10, 'sink')
        return self

    def __exit__(self, *_):
        self.lab.processes.end(self.process)

    def stored(self):
        return sum(e.stat().st_size for e in os.scandir(self.folder + '/bodies'))

    def empty(self):
        for e in os.scandir(self.folder + '/bodies'):
            os.unlink(e.path)

    def worker(self):
        with open(f'/proc/{self.process.child.pid}/task/{self.process.child.pid}/children') as f:
            return int(f.read().split()[0])

    def hold(self, still):
        """It takes nothing more, or goes on."""
        os.kill(self.worker(), signal.SIGSTOP if still else signal.SIGCONT)

    def cpu_s(self):
        """What nginx's worker has used so far."""
        with open(f'/proc/{self.worker()}/stat') as f:
            return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')


def corpus(folder):
    """Files that exchange.c serves: (clear, ciphertext, what clear is like). Clear: texts of this machine and noise, four to one,
    in pieces of 64 KiB, as pages with their pictures."""
    chance, clear, noise = random.Random(1), os.path.join(folder, 'clear'), os.path.join(folder, 'noise')
    paths = sorted({p for pattern in TEXTS for p in glob.glob(pattern, recursive=True) if os.path.isfile(p) and not p.endswith('.gz')})
    chance.shuffle(paths)
    text = bytearray()
    for path in paths:
        with open(path, 'rb') as f:
            text += f.read(1 << 18)
        if len(text) > CORPUS_BYTES:
            break
    with open(clear, 'wb') as f:
        for at in range(0, len(text), 1 << 16):
            f.write(os.urandom(1 << 16) if at >> 16 & 3 == 3 else text[at:at + (1 << 16)])
    with open(noise, 'wb') as f:
        for _ in range(CORPUS_BYTES >> 20):
            f.write(os.urandom(1 << 20))
    packed = subprocess.run(['zstd', '-1', '-q', '-c', clear], stdout=subprocess.PIPE, check=True).stdout
    return clear, noise, f'{os.path.getsize(clear) / len(packed):.2f} to 1 by zstd -1'


class Traffic:
    """`with Traffic(lab, folder) as traffic:`: servers in `web`; run() asks from `inside`."""

    def __init__(self, lab, folder):
        self.lab = lab
        self.clear, self.noise, self.like = corpus(folder)
        self.program = os.path.join(certs.TOP, 'build', 'tests', 'exchange')

    def __enter__(self):
        self.server = self.lab.processes.start('exchange', [self.program, 'serve', WEB, str(PORT), self.clear, self.noise], self.lab.web)
        self.server.wait_output('ready', 10)
        return self

    def __exit__(self, *_):
        self.lab.processes.end(self.server)

    def run(self, mix, mbit_s, seconds):
        """Bytes of heads and bodies that went through."""
        said = self.lab.inside.run(self.program, 'ask', WEB, str(PORT), mix, str(mbit_s), str(seconds))
        return int(re.match(r'(\d+) bytes', said)[1])

    def ready(self):
        """Until the gateway lets traffic through."""
        ping = [*self.lab.inside.prefix(), 'ping', '-n', '-c', '1', '-W', '1', WEB]
        procs.wait_until(lambda: subprocess.run(ping, stdout=subprocess.DEVNULL).returncode == 0, 60, 'ping that passes')
