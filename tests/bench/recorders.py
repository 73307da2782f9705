"""recorders: who records what passes a gateway with two links: the appliance, tcpdump, dumpcap, netsniff-ng, or nobody.

    inside ── nic ── GATEWAY ── nic ── segment      frames for TARGET, from generate.c; counted and dropped where they leave it

Each Side builds a gateway anew, of the same links (lab/host.py): with the appliance, or with the kernel's forwarding and masquerading
alone (`nft`), which is what a NAT instance does; the peers record there what arrives at both links, as pcap on tmpfs, with BUFFER_MIB.
The appliance ships to an nginx in the web's namespace which takes S3's name, answers 200 and keeps nothing.
"""
import json
import os
import re
import signal
import struct
import subprocess
import time

from cpu import HZ, busy_s
from lab import aws, certs, frames, host, web
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, AWS, DNS, IMPOSTOR, NIC, ROUTER

TARGET, PORT = '198.51.100.77', 9  # nobody
BUFFER_MIB = 256
SETTLE_S = 0.3  # until what is in queues has passed
START_S = 0.5
DRAIN_S = 1.2  # a ring's block is handed over after a second at the latest
STOP_S = 120
GENERATE = os.path.join(certs.TOP, 'build', 'tests', 'generate')
COUNT = f'''table netdev bench {{
 chain in {{ type filter hook ingress device "{NIC}" priority 0; ip daddr {TARGET} counter drop; }}
}}'''
SEGMENTATION = 'tx on sg on tso on gso on'.split()
MASQUERADE = f'table ip nat {{ chain out {{ type nat hook postrouting priority 100; oifname "{host.OUTSIDE}" masquerade; }}; }}'
SINK = web.HEAD.replace('access_log {folder}/access-{name}.log short;', '''
    log_format meta '$request_length $http_x_amz_meta_sealtap_records $http_x_amz_meta_sealtap_lost $uri';
    access_log {folder}/{name}.log meta;
    keepalive_requests 1000000;
''').replace('{folder}/uploads', '{bodies}') + '''
    server {{ listen 127.0.0.1:8081; access_log off; location / {{ return 200; }} }}
    server {{
        listen {address}:443 ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{
            client_body_in_file_only clean;
            proxy_pass_request_body off;
            proxy_set_header Content-Length 0;
            proxy_set_header If-None-Match "";
            proxy_pass http://127.0.0.1:8081;
        }}
    }}
}}
'''


class Sink:
    """What stands for S3: it reads each object to its end, into a file on tmpfs, and removes that. (nginx's WebDAV would answer 201.)"""

    def __init__(self, lab, bodies):
        os.makedirs(bodies, exist_ok=True)
        cert, key = certs.issue(lab.folder, 'sink', aws.NAMES)
        self.log = os.path.join(lab.folder, 'sink.log')
        text = SINK.format(folder=lab.folder, bodies=bodies, name='sink', address=IMPOSTOR, cert=cert, key=key)
        self.process = web.start(lab.processes, lab.web, lab.folder, 'sink', text)
        self.process.wait_for(lambda: f'{IMPOSTOR}:443 ' in lab.web.run('ss', '-Hltn'), 10, 'port of the sink')
        lab.move_aws(AWS, IMPOSTOR)
        self.seen = 0

    def told(self):
        """(records, lost, bytes) in the metadata of the recordings that came since it was asked last."""
        with open(self.log) as f:
            lines = f.read().splitlines()
        new, self.seen = lines[self.seen:], len(lines)
        found = [line.split() for line in new if '.pcapng.zst.encrypted' in line]
        return [sum(int(words[i]) for words in found) for i in (1, 2, 0)]


    def taken_bytes(self):
        """All that it was sent so far."""
        with open(self.log) as f:
            return sum(int(line.split()[0]) for line in f)

    def worker(self):
        pid = self.process.child.pid
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            return int(f.read().split()[0])

    def hold(self, still):
        """It takes nothing more, or goes on."""
        os.kill(self.worker(), signal.SIGSTOP if still else signal.SIGCONT)

    def cpu_s(self):
        """What it has used so far."""
        with open(f'/proc/{self.worker()}/stat') as f:
            return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13])) / HZ


def write_frames(path, payloads, flows):
    """A pcap for generate.c: UDP from the host inside to TARGET, so many flows, these payloads."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for i, payload in enumerate(payloads):
            frame = frames.ethernet(frames.ipv4(frames.udp(payload, 20000 + i % flows, PORT, to=TARGET), to=TARGET))
            f.write(struct.pack('<4I', 0, 0, len(frame), len(frame)) + frame)


class Side:
    """`with Tcpdump(lab, folder) as side: side.send(..); side.stop(); side.recorded()`."""
    name = 'plain forwarding'
    number = 0

    def __init__(self, lab, folder, sink=None):
        self.lab, self.folder, self.sink = lab, folder, sink
        Side.number += 1
        self.sent = self.bytes = self.lost_claimed = 0
        self.gateway = host.Host(lab, f'gateway{Side.number}', self.configuration())
        self.ns = self.gateway.ns
        lab.segment.run('nft', '-f', '-', text_in=COUNT)

    def configuration(self):
        return ''

    def __enter__(self):
        self.ns.up(host.OUTSIDE, APPLIANCE_OUTSIDE + '/24')
        self.ns.up(host.INSIDE, APPLIANCE_INSIDE + '/24')
        self.ns.ip('route', 'add', 'default', 'via', ROUTER)
        self.ns.resolver(DNS)
        self.ns.run('nft', '-f', '-', text_in=MASQUERADE)
        self.ns.sysctl('ipv4/ip_forward', 1)
        self.nic_like()
        self.begin()
        self.ns.run('ping', '-c', '1', '-W', '2', ROUTER)  # both know each other's addresses
        return self

    def __exit__(self, *_):
        self.lab.segment.run('nft', 'delete', 'table', 'netdev', 'bench')
        self.lab.detach()
        self.ns.delete()
        self.lab.net.namespaces.remove(self.ns)

    def nic_like(self):
        """What the gateway itself sends to the sink is cut into segments by the NIC, as on Nitro (TSO), and not on its way. What it
        forwards comes in frames as on a wire, and goes on in the same."""
        for ns, link in ((self.ns, host.OUTSIDE), (self.lab.segment, 'router'), (self.lab.router, 'web')):
            ns.run('ethtool', '-K', link, *SEGMENTATION)

    def begin(self):
        pass

    def stop(self):
        pass

    def send(self, path, count, rate):
        """Seconds that it took."""
        done = self.lab.inside.run(GENERATE, NIC, path, str(count), str(rate)).split()
        time.sleep(SETTLE_S)
        self.sent, self.bytes = self.sent + int(done[0]), self.bytes + int(done[1])
        return float(done[2])

    def forwarded(self):
        """How many left it."""
        said = json.loads(self.lab.segment.run('nft', '-j', 'list', 'table', 'netdev', 'bench'))
        return next(e['counter']['packets'] for part in said['nftables'] if 'rule' in part for e in part['rule']['expr'] if 'counter' in e)

    def recorded(self):
        """How many of what was sent are in the recording, once it was stopped."""
        return 0


class Appliance(Side):
    """Records both links, compresses, encrypts and authenticates (AES-256-GCM), hashes (SHA-256), signs, and ships over TLS."""
    name = 'sealtap'
    settings = {}

    def configuration(self):
        return self.lab.configuration(**self.settings)

    def __enter__(self):
        self.sink.told()
        self.gateway.__enter__()
        self.gateway.console.wait_armed(60)
        self.nic_like()
        self.before = self.arrived()
        return self

    def __exit__(self, *failed):
        self.gateway.__exit__(*failed)
        super().__exit__(*failed)

    def arrived(self):
        return {link: self.ns.counters(link)['rx_packets'] for link in (host.OUTSIDE, host.INSIDE)}

    def stop(self):
        self.after = self.arrived()
        self.gateway.stop(STOP_S)
        self.records, self.lost_claimed, self.shipped_bytes = self.sink.told()

    def recorded(self):
        """All that arrived at the link inside, without what the metadata of what was shipped calls lost, and without what the books
        lack: what arrived at both links from arming to the end of traffic is at least what stands in the objects or was lost."""
        arrived = {link: self.after[link] - self.before[link] for link in self.after}
        absent = max(0, sum(arrived.values()) - self.records - self.lost_claimed)
        return min(arrived[host.INSIDE], self.sent) - self.lost_claimed - absent


class Peer(Side):
    """argv(link, path): a program for each link. dropped: what it says of its losses."""
    links = ((host.INSIDE, ), (host.OUTSIDE, ))
    dropped = None

    def begin(self):
        self.files = [os.path.join(self.folder, f'{self.name}-{links[0]}.pcap') for links in self.links]
        self.programs = [self.lab.processes.start(f'{self.name}-{links[0]}', self.argv(*links, path), self.ns)
                         for links, path in zip(self.links, self.files)]
        for program, path in zip(self.programs, self.files):
            program.wait_for(lambda path=path: os.path.exists(path), 10, 'file of ' + self.name)
        time.sleep(START_S)  # until its rings are there

    def stop(self):
        time.sleep(DRAIN_S)
        size = -1
        while size != (size := sum(map(os.path.getsize, self.files))):  # they leave what is in their buffers when they are ended
            time.sleep(SETTLE_S)
        for program in self.programs:
            program.end(signal.SIGINT, 60)
            self.lab.processes.list.remove(program)
        self.lost_claimed = sum(map(int, re.findall(self.dropped, self.programs[0].output())))  # of the link inside

    def recorded(self):
        ours = f'udp and dst host {TARGET}'
        said = subprocess.run(['tcpdump', '-n', '--count', '-r', self.files[0], ours], capture_output=True, text=True)
        return int(re.search(r'(\d+) packets?$', said.stdout.strip() or said.stderr.strip(), re.M)[1])

    def __exit__(self, *failed):
        for program in self.programs:
            program.end(signal.SIGINT)
        for path in self.files:
            if os.path.exists(path):
                os.unlink(path)
        super().__exit__(*failed)


class Tcpdump(Peer):
    """Two processes, in the clear to tmpfs."""
    name, dropped = 'tcpdump', r'(\d+) packets? dropped by kernel'

    def argv(self, link, path):
        return ['tcpdump', '-n', '-i', link, '-Q', 'in', '-s', '0', '-B', str(BUFFER_MIB * 1024), '-Z', 'root', '-w', path]


class Dumpcap(Peer):
    """One process, a thread for each link, in the clear to tmpfs."""
    name, dropped = 'dumpcap', r"received/dropped on interface '[^']*': \d+/(\d+)"
    links = ((host.INSIDE, host.OUTSIDE), )

    def argv(self, inside, outside, path):
        both = [word for link in (inside, outside) for word in ('-i', link, '-f', 'inbound', '-B', str(BUFFER_MIB))]
        return ['dumpcap', '-q', *both, '-w', path]


class Netsniff(Peer):
    """Two processes, in the clear to tmpfs."""
    name, dropped = 'netsniff-ng', r'(\d+)\s+packets? failed filter'

    def argv(self, link, path):
        ring = f'{BUFFER_MIB}MiB'
        return ['netsniff-ng', '--in', link, '--out', path, '--type', 'host', '--no-sock-mem', '--ring-size', ring, '--silent']


PEERS = Tcpdump, Dumpcap, Netsniff


def cost_s(side, path, count, rate):
    """Busy CPU-seconds from the first frame until all is recorded, and for the appliance shipped."""
    begin = busy_s()
    side.send(path, count, rate)
    side.stop()
    return busy_s() - begin
