"""secureboot: keys of this run, disks of changed firmware files, and the image on a machine with Secure Boot and a TPM, without network.

The keys are made here at each run and are worth nothing: the product's tools (image/sign, image/enroll) only use them.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys

from . import certs
from .console import Console
from .netns import command

IMAGE = os.path.join(certs.TOP, 'image')
sys.path.insert(0, IMAGE)
RUN = os.path.join(certs.TOP, 'board', 'qemu', 'run')
BUILD = os.path.join(certs.TOP, 'build')
EFI = os.path.join(BUILD, 'qemu', 'BOOTX64.EFI')
OFF = '/usr/share/OVMF/OVMF_VARS_4M.fd'  # variables without keys
MODULE = '/usr/lib/softhsm/libsofthsm2.so'
PIN = '4711'
REFUSED = r'BdsDxe: failed to load Boot\d+ "UEFI QEMU NVMe[^\n]*: (Access Denied|Security Violation)'
MEASURED = r'^sealtap: measured bank=sha384 .*\n'  # whole: it is read while it is written


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)
    return path


class Keys:
    """PK, KEK and db, and a stranger's key; `enrolled` is the folder that image/enroll made of the first three."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        for name in ('PK', 'KEK', 'db', 'stranger'):
            command('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.key(name), '-out', self.certificate(name),
                    '-days', '30', '-subj', f'/CN=sealtap test {name}')
        self.enrolled = self.enroll('enrolled')
        self.variables = os.path.join(self.enrolled, 'OVMF_VARS.fd')

    def key(self, name):
        return os.path.join(self.folder, name + '.key')

    def certificate(self, name):
        return os.path.join(self.folder, name + '.pem')

    def enroll(self, name, *more):
        into = os.path.join(self.folder, name)
        command(os.path.join(IMAGE, 'enroll'), '--pk', self.certificate('PK'), '--kek', self.certificate('KEK'),
                '--db', self.certificate('db'), *more, into)
        return into

    def settings(self, name='db', key=None):
        """image/sign's variables for one of the keys."""
        return {'SIGN_KEY': key or self.key(name), 'SIGN_CERT': self.certificate(name)}

    def sign(self, source, target, name='db', **settings):
        done = subprocess.run([os.path.join(IMAGE, 'sign'), source, target], env={**os.environ, **self.settings(name), **settings},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()
        return target

    def token(self):
        """A PKCS#11 token (SoftHSM) with db's key: image/sign's variables."""
        where = os.path.join(self.folder, 'tokens')
        os.makedirs(where)
        conf = write(os.path.join(self.folder, 'softhsm2.conf'), f'directories.tokendir = {where}\nobjectstore.backend = file\n'.encode())
        pin = write(os.path.join(self.folder, 'pin'), PIN.encode())
        env = {**os.environ, 'SOFTHSM2_CONF': conf}
        plain = os.path.join(self.folder, 'db.p8')
        command('openssl', 'pkcs8', '-topk8', '-nocrypt', '-in', self.key('db'), '-out', plain)
        for words in (['--init-token', '--free', '--label', 'lab', '--pin', PIN, '--so-pin', PIN],
                      ['--import', plain, '--token', 'lab', '--label', 'db', '--id', '01', '--pin', PIN]):
            subprocess.run(['softhsm2-util', *words], env=env, check=True, stdout=subprocess.DEVNULL)
        return {'SIGN_KEY': f'pkcs11:token=lab;object=db;type=private;pin-source=file:{pin}', 'SIGN_MODULE': MODULE,
                'SOFTHSM2_CONF': conf}


def checkout(folder):
    """A checkout in which image/board makes images of the program that is built here, without touching this one's."""
    for part in ('image', 'kernel-config', 'rootfs'):
        shutil.copytree(os.path.join(certs.TOP, part), os.path.join(folder, part), ignore=shutil.ignore_patterns('__pycache__'))
    for board in ('nitro', 'qemu'):
        shutil.copytree(os.path.join(certs.TOP, 'board', board), os.path.join(folder, 'board', board),
                        ignore=lambda at, names: [n for n in names if not n.endswith('.pem')])
    os.makedirs(os.path.join(folder, 'build'))
    for name in ('init', 'init.sym', 'obj', 'deps.mk', 'sources.used', 'version', 'kernel', 'kernel.lock'):
        os.symlink(os.path.join(BUILD, name), os.path.join(folder, 'build', name))
    return folder


def disk(efi, path):
    command(os.path.join(IMAGE, 'disk'), efi, path)
    return path


def flipped(data, at):
    """The bytes with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def image_version_at(efi):
    """Where a PE file has the version of the image: nobody reads it, the Authenticode hash covers it."""
    pe, = struct.unpack_from('<I', efi, 0x3c)
    return pe + 24 + 44


def expected(*argv):
    """What image/pcr.py says."""
    return json.loads(command(sys.executable, os.path.join(IMAGE, 'pcr.py'), *argv))


def measured(text):
    """{bank: {key: value}} of the lines `measured`."""
    lines = re.findall(r'^sealtap: measured bank=(\w+) (.*)$', text, re.M)
    return {bank: dict(word.split('=', 1) for word in rest.split()) for bank, rest in lines}


class Machine:
    """`with Machine(processes, folder, name, disk, variables) as m`: switched on, with no network; m.boots(), m.is_refused()."""

    def __init__(self, processes, folder, name, disk, variables, tpm=True):
        self.processes, self.name = processes, name
        self.serial = os.path.join(folder, name + '.console')
        self.argv = [RUN, '--disk', disk, '--serial', self.serial, '--secure-boot', variables,
                     *(['--tpm', os.path.join(folder, name + '.tpm')] if tpm else [])]

    def __enter__(self):
        self.process = self.processes.start(self.name, self.argv)
        self.console = Console(self.serial, self.process)
        return self

    def __exit__(self, *_):
        self.processes.end(self.process)

    def boots(self, timeout_s=90):
        """What init says was measured; a refusal is told at once."""
        _, found = self.console.wait(f'{MEASURED}|{REFUSED}', timeout_s)
        assert 'BdsDxe' not in found[0], found[0]
        return measured(self.console.text())

    def is_refused(self, timeout_s=60):
        """The firmware says so, and started nothing of the disk."""
        _, found = self.console.wait(f'{REFUSED}|EFI stub:|Linux version', timeout_s)
        assert 'BdsDxe' in found[0], f'it was started: {found[0]}'
