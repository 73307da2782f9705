#!/usr/bin/env python3
"""image_test: what is in the images of both boards: one executable, no test anchor in the release, and a manifest that tells the truth.

image_test.py [-k PATTERN]. Needs build/nitro/ and build/qemu/ (make build).
"""
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, testing  # noqa: E402
from lab.netns import command  # noqa: E402

BUILD = os.path.join(certs.TOP, 'build')
BOARDS = ('nitro', 'qemu')
ENTRIES = {'init': 0o100755, 'anchors.pem': 0o100444, 'dev': 0o40755, 'proc': 0o40755, 'sys': 0o40755, 'run': 0o40755}


def read(*path):
    with open(os.path.join(BUILD, *path), 'rb') as f:
        return f.read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Root:
    """A board's root file system, taken apart."""

    def __init__(self, board):
        self.folder = tempfile.TemporaryDirectory(prefix='sealtap-root-')
        self.path = os.path.join(self.folder.name, 'root')
        command('fsck.erofs', f'--extract={self.path}', os.path.join(BUILD, board, 'root.erofs'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def entries(self):
        return {os.path.relpath(os.path.join(d, name), self.path): os.lstat(os.path.join(d, name)).st_mode
                for d, dirs, files in os.walk(self.path) for name in dirs + files}

    def read(self, name):
        with open(os.path.join(self.path, name), 'rb') as f:
            return f.read()


def one_executable(board):
    """The root holds one executable, the trust anchors and empty mount points, nothing else; nothing is writable or setuid."""
    with Root(board) as root:
        assert root.entries() == ENTRIES, {k: oct(v) for k, v in root.entries().items()}
        assert sha256(root.read('init')) == sha256(read('init')), '/init is another than build/init'


def static(board):
    """The executable is a static PIE: no interpreter, no library."""
    with Root(board) as root:
        said = command('readelf', '-hldW', os.path.join(root.path, 'init'))
    assert re.search(r'Type:\s+DYN', said), 'not a PIE'
    assert 'INTERP' not in said and 'NEEDED' not in said, said
    assert 'GNU_RELRO' in said and re.search(r'GNU_STACK\s.*\sRW\s', said), said


def anchors_of(board):
    with Root(board) as root:
        return re.findall(rb'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', root.read('anchors.pem'), re.S)


def release_trusts_amazon_alone(_):
    """The release image trusts Amazon's five roots alone; the test board adds the test CA."""
    subjects = [subprocess.run(['openssl', 'x509', '-noout', '-subject'], input=pem, stdout=subprocess.PIPE, check=True).stdout.decode()
                for pem in anchors_of('nitro')]
    assert len(subjects) == 5 and all('Amazon' in s or 'Starfield Services' in s for s in subjects), subjects
    extra = set(anchors_of('qemu')) - set(anchors_of('nitro'))
    with open(certs.CA, 'rb') as f:
        assert len(extra) == 1 and extra.pop() in f.read()


def manifest(board):
    """The manifest has the true size and hash of each artefact, and the sources with theirs."""
    told = json.loads(read(board, 'manifest.json'))
    for name in ('BOOTX64.EFI', 'disk.img', 'root.erofs'):
        data = read(board, name)
        assert told['artefacts'][name] == {'bytes': len(data), 'sha256': sha256(data)}, name
    assert {s['name'] for s in told['sources']} == {'musl', 'bearssl', 'mbedtls', 'libpcap', 'zstd', 'linux'}, told['sources']
    assert all(re.fullmatch(r'[0-9a-f]{64}', s['sha256']) for s in told['sources'])
    assert re.fullmatch(r'[0-9a-f]{64}', told['pcr4_sha256'])


def disk_names_firmware(board):
    """The disk's identifiers are the hash of the firmware file on it, which is the board's."""
    disk = read(board, 'disk.img')
    assert disk[512:520] == b'EFI PART'
    entry = disk[1024:1152]
    assert (disk[568:584] + entry[16:32]).hex() == sha256(read(board, 'BOOTX64.EFI'))
    assert entry[56:128].decode('utf-16-le').rstrip('\0') == 'sealtap-esp'
    first, = struct.unpack('<Q', entry[32:40])
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, 'efi')
        command('mcopy', '-i', f'{os.path.join(BUILD, board, "disk.img")}@@{first * 512}', '::/EFI/BOOT/BOOTX64.EFI', target)
        with open(target, 'rb') as f:
            assert sha256(f.read()) == sha256(read(board, 'BOOTX64.EFI'))


def main():
    report = testing.report()
    for board in BOARDS:
        for check in (one_executable, static, manifest, disk_names_firmware):
            report.run(check, board, about=f' ({board})')
    report.run(release_trusts_amazon_alone, None)
    report.finish()


main()
