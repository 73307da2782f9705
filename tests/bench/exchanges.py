"""exchanges: real exchanges between `inside` and `web`, by exchange.c over the kernel's TCP and UDP, and what they consist of."""
import glob
import os
import random
import re
import subprocess

from lab import certs, procs
from lab.surroundings import WEB

PORT = 8080
# The links hand frames to the first processor (lab/netns.one_queue), and those that are sent from another interrupt it: how often, would
# be the scheduler's chance. Whoever records runs where it likes.
ON_FIRST_CPU = 'taskset', '-c', '0'
CORPUS_BYTES = 48 << 20
TEXTS = ('/usr/share/doc/**/*', '/usr/share/**/*.html', '/usr/share/**/*.js', '/usr/share/**/*.css', '/usr/share/**/*.json',
         '/usr/share/common-licenses/*', '/usr/lib/python3/**/*.py')


def corpus(folder):
    """Files that exchange.c serves: (clear, ciphertext, what clear is like). Clear: texts of this machine and, of four pieces of
    64 KiB the last, noise, as pages with their pictures."""
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
        self.program = [*ON_FIRST_CPU, os.path.join(certs.TOP, 'build', 'tests', 'exchange')]

    def __enter__(self):
        self.server = self.lab.processes.start('exchange', [*self.program, 'serve', WEB, str(PORT), self.clear, self.noise], self.lab.web)
        self.server.wait_output('ready', 10)
        return self

    def __exit__(self, *_):
        self.lab.processes.end(self.server)

    def run(self, mix, mbit_s, seconds):
        """Bytes of heads and bodies that went through."""
        said = self.lab.inside.run(*self.program, 'ask', WEB, str(PORT), mix, str(mbit_s), str(seconds))
        return int(re.match(r'(\d+) bytes', said)[1])

    def ready(self):
        """Until the gateway lets traffic through."""
        ping = [*self.lab.inside.prefix(), 'ping', '-n', '-c', '1', '-W', '1', WEB]
        procs.wait_until(lambda: subprocess.run(ping, stdout=subprocess.DEVNULL).returncode == 0, 60, 'ping that passes')
