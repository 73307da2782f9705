"""recorders: who records what passes a gateway with two links: the appliance, tcpdump, dumpcap, netsniff-ng, or nobody.

    inside ── nic ── GATEWAY ── nic ── segment      frames for TARGET, from generate.c; counted and dropped where they leave it

Each Side builds a gateway anew, of the same links (lab/host.py): with the appliance, or with the kernel's forwarding and masquerading
alone (`nft`), which is what a NAT instance does; the peers record there what arrives at both links, as pcap on tmpfs, with BUFFER_MIB.
The appliance, with a worker for each core as it does by itself, ships to an nginx in the web's namespace which takes S3's name.
"""
import json
import os
import re
import signal
import struct
import subprocess
import time

from cpu import busy_s
from lab import certs, frames, host
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, DNS, NIC, ROUTER

TARGET, FIRST, PORT = '198.51.100.77', '198.51.100.78', 9  # nobody
FIRST_FRAMES, FIRST_RATE = 4096, 50_000
BUFFER_MIB = 256
SETTLE_S = 0.3  # until what is in queues has passed
START_S = 0.5
DRAIN_S = 1.2  # a ring's block is handed over after a second at the latest
STOP_S = 120
KEEPS_UP = 0.97  # of the wanted rate: else the generator lags, and the turn says nothing
GENERATE = os.path.join(certs.TOP, 'build', 'tests', 'generate')
COUNT = f'''table netdev bench {{
 chain in {{ type filter hook ingress device "{NIC}" priority 0; ip daddr {TARGET} counter drop; ip daddr {FIRST} drop; }}
}}'''
SEGMENTATION = 'tx on sg on tso on gso on'.split()
MASQUERADE = f'table ip nat {{ chain out {{ type nat hook postrouting priority 100; oifname "{host.OUTSIDE}" masquerade; }}; }}'


def write_frames(path, payloads, flows, to=TARGET):
    """A pcap for generate.c: UDP from the host inside to TARGET, so many flows, these payloads."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, 1))
        for i, payload in enumerate(payloads):
            frame = frames.ethernet(frames.ipv4(frames.udp(payload, 20000 + i % flows, PORT, to=to), to=to))
            f.write(struct.pack('<4I', 0, 0, len(frame), len(frame)) + frame)


def to_target(paths):
    """Packets to TARGET in recordings: by tcpdump, whoever wrote them."""
    said = [subprocess.run(['tcpdump', '-n', '--count', '-r', path, f'udp and dst host {TARGET}'], capture_output=True, text=True)
            for path in paths]
    return sum(int(re.search(r'(\d+) packets?$', s.stdout.strip() or s.stderr.strip(), re.M)[1]) for s in said)


class Side:
    """`with Tcpdump(lab, folder) as side: side.send(..); side.stop(); side.recorded()`."""
    name = 'plain forwarding'
    number = 0

    def __init__(self, lab, folder, sink=None):
        self.lab, self.folder, self.sink = lab, folder, sink
        Side.number += 1
        self.sent = self.bytes = self.lost_claimed = 0
        self.reached = 1.0  # of the rate that was wanted, at worst
        self.gateway = host.Host(lab, f'gateway{Side.number}', self.configuration(), workers=os.cpu_count())
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

    def begin_with(self, path):
        """Frames to FIRST, which count nowhere: libpcap's filter `inbound` takes none of the first ones."""
        self.lab.inside.run(GENERATE, NIC, path, str(FIRST_FRAMES), str(FIRST_RATE))
        time.sleep(SETTLE_S)

    def send(self, path, count, rate):
        done = self.lab.inside.run(GENERATE, NIC, path, str(count), str(rate)).split()
        time.sleep(SETTLE_S)
        self.sent, self.bytes = self.sent + int(done[0]), self.bytes + int(done[1])
        self.reached = min(self.reached, int(done[0]) / float(done[2]) / rate)

    def forwarded(self):
        """How many left it."""
        said = json.loads(self.lab.segment.run('nft', '-j', 'list', 'table', 'netdev', 'bench'))
        return next(e['counter']['packets'] for part in said['nftables'] if 'rule' in part for e in part['rule']['expr'] if 'counter' in e)

    def recorded(self):
        """How many of what was sent are in the recording, once it was stopped."""
        return 0

    def losses(self):
        """Packets of both links that it did not record, as far as it or its books tell, once it was stopped."""
        return 0

    def stored_bytes(self):
        """What it has written so far itself."""
        return 0


class Appliance(Side):
    """Records both links, compresses, encrypts and authenticates (AES-256-GCM), hashes (SHA-256), signs, and ships over TLS."""
    name = 'sealtap'
    settings = {}

    def configuration(self):
        return self.lab.configuration(**self.settings)

    def __enter__(self):
        self.sink.came()
        self.gateway.__enter__()
        self.gateway.console.wait_armed(60)
        self.nic_like()
        return self

    def __exit__(self, *failed):
        self.gateway.__exit__(*failed)
        super().__exit__(*failed)
        self.sink.forget()

    def stop(self):
        self.arrived = {link: self.ns.counters(link)['rx_packets'] for link in (host.OUTSIDE, host.INSIDE)}
        self.gateway.stop(STOP_S)
        self.came = self.sink.came()
        self.lost_claimed = sum(lost for _, lost, _ in self.came)

    def losses(self):
        """What the metadata of what was shipped calls lost, and what the books lack: all that arrived at both links, which are down until
        the rings are there, until the end of traffic must be in the objects or be lost."""
        records = sum(n for n, _, _ in self.came)
        return self.lost_claimed + max(0, sum(self.arrived.values()) - records - self.lost_claimed)

    def recorded(self):
        """Counted in the objects, where the sink keeps them; else by the books."""
        if self.sink.keeps:
            return to_target(self.sink.opened([file for _, _, file in self.came]))
        return min(self.arrived[host.INSIDE], self.sent) - self.losses()


class Peer(Side):
    """argv(link, path): a program for each link. dropped: what it says of its losses. buffer_mib: None: as it comes."""
    links = ((host.INSIDE, ), (host.OUTSIDE, ))
    dropped = None
    telling = 2  # so many of its programs

    def __init__(self, lab, folder, sink=None, buffer_mib=BUFFER_MIB):
        self.buffer_mib = buffer_mib
        super().__init__(lab, folder, sink)

    def buffer(self, option, unit='', times=1):
        return [option, f'{self.buffer_mib * times}{unit}'] if self.buffer_mib else []

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
        self.lost_claimed = self.losses()

    def losses(self):
        return sum(map(int, re.findall(self.dropped, ' '.join(program.output() for program in self.programs[:self.telling]))))

    def recorded(self):
        return to_target(self.files[:1])  # the other one has the link outside alone

    def stored_bytes(self):
        return sum(map(os.path.getsize, self.files))

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
        return ['tcpdump', '-n', '-i', link, '-Q', 'in', '-s', '0', *self.buffer('-B', times=1024), '-Z', 'root', '-w', path]


class Dumpcap(Peer):
    """One process, a thread for each link, in the clear to tmpfs."""
    name, dropped = 'dumpcap', r"received/dropped on interface '[^']*': \d+/(\d+)"
    links = ((host.INSIDE, host.OUTSIDE), )

    def argv(self, inside, outside, path):
        both = [word for link in (inside, outside) for word in ('-i', link, '-f', 'inbound', *self.buffer('-B'))]
        return ['dumpcap', '-q', *both, *self.queue(), '-w', path]

    def queue(self):
        """Between its threads: 1 MB by itself."""
        return self.buffer('-C', times=1 << 20)


class Netsniff(Peer):
    """Two processes, in the clear to tmpfs."""
    name, dropped = 'netsniff-ng', r'(\d+)\s+packets? failed filter'
    telling = 1  # at the link outside it counts what leaves, too, which it does not want

    def argv(self, link, path):
        size = self.buffer('--ring-size', 'MiB')
        return ['netsniff-ng', '--in', link, '--out', path, '--type', 'host', '--no-sock-mem', *size, '--silent']


PEERS = Tcpdump, Dumpcap, Netsniff


def as_called(buffers, name, turn):
    """(cost, packets lost) of a peer as people call it; where it loses packets so, with BUFFER_MIB, now and from then on.
    turn(buffer_mib) gives the two; buffers: {name: buffer_mib} so far."""
    cost, lost = turn(buffers.setdefault(name, None))
    if lost and not buffers[name]:
        buffers[name] = BUFFER_MIB
        cost, lost = turn(BUFFER_MIB)
    return cost, lost


def called(buffers):
    """In words."""
    return ('buffers are as they come, but of a size where packets were lost so, in a quick run, and for netsniff-ng, which does not '
            'begin on a veth without: ' + ', '.join(f'{name} {f"{mib} MiB" if mib else "its own"}' for name, mib in buffers.items()))


def cost_s(side, path, count, rate):
    """Busy CPU-seconds from the first frame until all is recorded, and for the appliance shipped."""
    begin = busy_s()
    side.send(path, count, rate)
    side.stop()
    return busy_s() - begin
