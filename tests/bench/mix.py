"""mix: what is sent: frames of 64 bytes, bulk, and a mix of real exchanges: pages, TLS, names, bulk, as they passed a gateway once."""
import os
import random
import subprocess

from lab import certs, pcapfile
from lab.surroundings import DNS, NIC, WWW
from recorders import FIRST, Side, write_frames

HEADS = 42  # Ethernet, IPv4, UDP
SMALL = 64 - 4  # without the checksum that no capture has
FULL = 1514
FLOWS = 256
PAGES = [('https', '1k'), ('https', '100k'), ('http', '100k'), ('https', '1k'), ('https', '100k'), ('https', '10m'), ('http', '1k')] * 3
BULK = 0, 499999  # of the page of 10 MiB


def small(folder):
    """The worst case: nothing but packets."""
    noise = random.Random(1)
    path = os.path.join(folder, '64.pcap')
    write_frames(path, [noise.randbytes(SMALL - HEADS) for _ in range(4096)], FLOWS)
    return path


def first(folder):
    """What comes before what is counted."""
    path = os.path.join(folder, 'first.pcap')
    write_frames(path, [bytes(SMALL - HEADS)], FLOWS, to=FIRST)
    return path


def bulk(folder):
    """Full frames that do not compress, as TLS is: 6 MB, over and over."""
    noise = random.Random(2)
    path = os.path.join(folder, 'bulk.pcap')
    write_frames(path, [noise.randbytes(FULL - HEADS) for _ in range(4096)], FLOWS)
    return path


def mixed(lab, folder):
    """Sizes and payloads from curl and dig through a gateway, both directions; as UDP, so that it can be repeated without end. Also
    its words: how large, how compressible."""
    exchange, path = os.path.join(folder, 'exchange.pcap'), os.path.join(folder, 'mixed.pcap')
    with Side(lab, folder):
        watch = lab.processes.start('exchange', ['tcpdump', '-n', '-i', NIC, '-B', '65536', '-Z', 'root', '-w', exchange, 'ip'], lab.inside)
        watch.wait_output('listening', 10)
        for scheme, page in PAGES:
            lab.inside.run('dig', '+short', '@' + DNS, WWW)
            wanted = ['-r', '{}-{}'.format(*BULK)] if page == '10m' else []
            lab.inside.run('curl', '-sS', '--cacert', certs.CA, '-o', os.devnull, *wanted, f'{scheme}://{WWW}/{page}')
        watch.end(timeout_s=10)
    payloads = [f.data[HEADS:FULL] for f in pcapfile.read(exchange).frames if len(f.data) >= HEADS]
    write_frames(path, payloads, FLOWS)
    packed = len(subprocess.run(['zstd', '-1', '-c', path], stdout=subprocess.PIPE, check=True).stdout)
    mean = sum(map(len, payloads)) // len(payloads) + HEADS
    return path, (f'mixed: {len(payloads)} frames of {mean} bytes in the mean, of pages over HTTP and TLS, names and bulk; '
                  f'zstd -1 leaves {100 * packed // os.path.getsize(path)} %')
