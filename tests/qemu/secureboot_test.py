#!/usr/bin/env python3
"""secureboot_test: only what the keys of db signed boots under Secure Boot, and the TPM holds what the build said it would.

secureboot_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles, keys and disks stay in build/lab/secureboot/.
The firmware is OVMF with its variables behind system management mode, the TPM is swtpm; the keys are of this run.
"""
import base64
import hashlib
import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, secureboot, testing  # noqa: E402
from lab.guest import Guest  # noqa: E402
from lab.netns import command  # noqa: E402
from lab.secureboot import BUILD, EFI, IMAGE, OFF, Keys, Machine, read, write  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402
import efivars  # noqa: E402

BOOT_S = 90
BANKS = ('sha256', 'sha384')
REGISTERS = ('pcr4', 'pcr7', 'pcr12')


class Bench:
    """The lab, the keys and the signed image."""

    def __init__(self, lab):
        self.lab, self.folder = lab, lab.folder
        self.keys = Keys(os.path.join(lab.folder, 'keys'))
        self.signed = self.keys.sign(EFI, self.path('signed.efi'))
        self.disk = secureboot.disk(self.signed, self.path('signed.img'))

    def path(self, name):
        return os.path.join(self.folder, name)

    def machine(self, name, disk, variables=None):
        return Machine(self.lab.processes, self.folder, name, disk, variables or self.keys.variables)

    def refuses(self, name, efi, variables=None):
        with self.machine(name, secureboot.disk(efi, self.path(name + '.img')), variables) as machine:
            machine.is_refused()


def require_measured(got, expected):
    """The TPM's registers are the expected ones, in both banks."""
    for bank in BANKS:
        for register in REGISTERS:
            assert got[bank][register] == expected[bank][register], \
                f'{bank} {register}: measured {got[bank][register]}, expected {expected[bank][register]}'
        assert (got[bank]['expected4'], got[bank]['agree']) == (expected[bank]['pcr4'], 'yes'), got[bank]


def signed_boots(bench):
    """A signed image boots under Secure Boot and ships; PCR 4, 7 and 12 are those that the build computed, in its log and on its console"""
    expected = secureboot.expected(bench.signed, '--keys', bench.keys.enrolled, '--certificate', bench.keys.certificate('db'))
    lab = bench.lab
    lab.metadata.user_data(lab.configuration(log__interval_seconds=5))
    guest = Guest(lab, 'signed')
    guest.argv += ['--disk', bench.disk, '--secure-boot', bench.keys.variables, '--tpm', bench.path('signed.tpm')]
    with Session(guest, arm_timeout_s=BOOT_S) as session:
        session.armed()
        session.end()
    said = session.appliance.console.text()
    assert 'Secure boot enabled' in said, 'the kernel does not know of Secure Boot'
    shown = secureboot.measured(said)
    require_measured(shown, expected)
    assert {bank: shown[bank]['secure_boot'] for bank in BANKS} == dict.fromkeys(BANKS, 'on')
    logged = {e['bank']: e for e in session.evidence.events('measured')}
    require_measured(logged, expected)
    evidence.check_context(session.evidence)
    assert {o.context['sealtap-image'] for o in session.evidence.objects} == {expected['image_sha256']}, 'sealtap-image'


def unsigned_does_not_boot(bench):
    """An image that nobody signed does not boot under Secure Boot"""
    bench.refuses('unsigned', EFI)


def foreign_does_not_boot(bench):
    """An image that another key signed does not boot under Secure Boot"""
    bench.refuses('foreign', bench.keys.sign(EFI, bench.path('foreign.efi'), 'stranger'))


def flipped_bit_does_not_boot(bench):
    """A signed image with one bit changed does not boot under Secure Boot, be it in the root or in the PE header"""
    efi = read(bench.signed)
    bench.refuses('bit-root', write(bench.path('bit-root.efi'), secureboot.flipped(efi, len(efi) // 2)))
    bench.refuses('bit-header', write(bench.path('bit-header.efi'), secureboot.flipped(efi, secureboot.image_version_at(efi))))


def revoked_does_not_boot(bench):
    """A signed image whose hash is in dbx does not boot any more"""
    bench.refuses('revoked', bench.signed, os.path.join(bench.keys.enroll('revoked', '--dbx', bench.signed), 'OVMF_VARS.fd'))


def unsigned_is_measured(bench):
    """Without Secure Boot the unsigned image boots, and the TPM holds what build/qemu/pcr.json says"""
    with bench.machine('off', os.path.join(BUILD, 'qemu', 'disk.img'), OFF) as machine:
        got = machine.boots()
    assert got['sha256']['secure_boot'] == 'off', got
    require_measured(got, json.loads(read(os.path.join(BUILD, 'qemu', 'pcr.json'))))


def changed_is_measured(bench):
    """A changed image has another PCR 4, computed and measured, and the boot log warns that it is not the expected one"""
    efi = read(EFI)
    changed = write(bench.path('changed.efi'), secureboot.flipped(efi, secureboot.image_version_at(efi)))
    original, expected = secureboot.expected(EFI), secureboot.expected(changed)
    disk = bytearray(read(secureboot.disk(changed, bench.path('changed.img'))))
    disk[:80] = read(os.path.join(BUILD, 'qemu', 'disk.img'))[:80]  # who changes the file leaves the statement as it was
    with bench.machine('changed', write(bench.path('changed.img'), disk), OFF) as machine:
        got = machine.boots()
        machine.console.wait('^sealtap: warn init measured-differs bank=sha256$', BOOT_S)
    for bank in BANKS:
        assert expected[bank]['pcr4'] != original[bank]['pcr4']
        assert got[bank]['pcr4'] == expected[bank]['pcr4'], got[bank]
        assert (got[bank]['expected4'], got[bank]['agree']) == (original[bank]['pcr4'], 'no'), got[bank]


def without_tpm(bench):
    """A machine without a TPM says so, and boots on"""
    with Machine(bench.lab.processes, bench.folder, 'no-tpm', os.path.join(BUILD, 'qemu', 'disk.img'), OFF, tpm=False) as machine:
        machine.console.wait('^sealtap: measured tpm=none$', BOOT_S)
        machine.console.wait('^sealtap: ok link ', BOOT_S)


def signature_changes_no_pcr4(bench):
    """Signed or not, PCR 4 is the same; with Secure Boot PCR 7 is another"""
    signed = secureboot.expected(bench.signed, '--keys', bench.keys.enrolled, '--certificate', bench.keys.certificate('db'))
    unsigned = secureboot.expected(EFI)
    for bank in BANKS:
        assert signed[bank]['pcr4'] == unsigned[bank]['pcr4'] and signed[bank]['pcr7'] != unsigned[bank]['pcr7']
        assert set(signed[bank]['pcr12']) == {'0'}
    assert signed['image_sha256'] != unsigned['image_sha256']


def same_bytes(bench):
    """A key in a file and the same key in a PKCS#11 token sign to the same bytes, at any time"""
    time.sleep(1.1)  # a signing time has seconds
    assert read(bench.keys.sign(EFI, bench.path('token.efi'), **bench.keys.token())) == read(bench.signed)
    assert read(bench.keys.sign(EFI, bench.path('again.efi'))) == read(bench.signed)


def another_key_is_refused(bench):
    """Signing by a key that is not the certificate's is refused, and nothing is written"""
    target = bench.path('mismatch.efi')
    done = subprocess.run([os.path.join(IMAGE, 'sign'), EFI, target], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **bench.keys.settings('db', key=bench.keys.key('stranger'))})
    assert done.returncode and not os.path.exists(target), done.stdout.decode()


def board(tree, name, **settings):
    """Builds a board there: its folder and what its manifest says."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith('SIGN_') and k != 'BOOT_KEYS'}
    done = subprocess.run([os.path.join(tree, 'image', 'board'), name], env={**ours, **settings}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout.decode()
    folder = os.path.join(tree, 'build', name)
    return folder, json.loads(read(os.path.join(folder, 'manifest.json')))


def build_signs(bench):
    """Built with SIGN_KEY the release image is signed, twice to the same bytes: disk, manifest, SBOM and PCRs tell of this one file"""
    tree, keys = secureboot.checkout(bench.path('tree')), bench.keys
    settings = {**keys.settings(), 'BOOT_KEYS': keys.enrolled}
    folder, told = board(tree, 'nitro', **settings)
    efi = os.path.join(folder, 'BOOTX64.EFI')
    command('osslsigncode', 'verify', '-CAfile', keys.certificate('db'), '-in', efi)
    inside = bench.path('inside.efi')
    command('mcopy', '-i', f'{os.path.join(folder, "disk.img")}@@{1 << 20}', '::/EFI/BOOT/BOOTX64.EFI', inside)
    assert read(inside) == read(efi)
    assert json.loads(read(os.path.join(folder, 'pcr.json'))) == \
        secureboot.expected(efi, '--keys', keys.enrolled, '--certificate', keys.certificate('db'))
    der = efivars.certificates(read(keys.certificate('db')))[0]
    assert told['signer_sha256'] == hashlib.sha256(der).hexdigest()
    assert re.fullmatch(r'osslsigncode \d+\.\d+', told['tools']['osslsigncode']), told['tools']
    assert 'SPDXRef-tool-osslsigncode' in read(os.path.join(folder, 'sbom.json')).decode()
    assert read(os.path.join(folder, 'uefi-data')) == read(os.path.join(keys.enrolled, 'uefi-data'))
    assert board(tree, 'nitro', **settings)[1] == told, 'the second build differs'
    assert board(tree, 'qemu', **settings)[1]['signer_sha256'] is None, 'the image that trusts the test CA was signed'
    unsigned, told = board(tree, 'nitro')
    assert told['signer_sha256'] is None and not {'signer.pem', 'uefi-data'} & set(os.listdir(unsigned)), told


def read_ec2(text):
    """The variables of EC2's UEFI data, read by its description alone: {name: (vendor, attributes, data)}"""
    blob = base64.b64decode(text)
    assert blob[:8] == b'AMZNUEFI' and blob[12:16] == bytes(4), blob[:16]
    assert struct.unpack_from('<I', blob, 8)[0] == efivars.crc32c(blob[12:])
    raw = io.BytesIO(zlib.decompress(blob[16:]))

    def number(size=8):
        return int.from_bytes(raw.read(size), 'little')
    found = {}
    for _ in range(number()):
        name, data = raw.read(number()).decode(), raw.read(number())
        vendor, attributes = uuid.UUID(bytes_le=raw.read(16)), number(4)
        raw.read(16)  # time
        raw.read(number())
        found[name] = (str(vendor), attributes, data)
    assert not raw.read(), 'something is left over'
    return found


def enrolled_twice(bench):
    """The same certificates give the same stores; EC2's has PK, KEK, db and dbx as lists of signatures, of the right certificates"""
    first, second = (bench.keys.enroll(name, '--dbx', EFI) for name in ('one', 'two'))
    for name in os.listdir(first):
        assert read(os.path.join(first, name)) == read(os.path.join(second, name)), name
    assert efivars.crc32c(b'123456789') == 0xe3069283  # the published check value
    found = read_ec2(read(os.path.join(first, 'uefi-data')))
    assert list(found) == ['PK', 'KEK', 'db', 'dbx']
    for name, (vendor, attributes, data) in found.items():
        assert vendor == ('8be4df61-93ca-11d2-aa0d-00e098032b8c' if name in ('PK', 'KEK') else 'd719b2cb-3d3a-4596-a3bc-dad00e67656f')
        assert attributes == 0x27 and data == read(os.path.join(first, name + '.esl')), name
        length, header, size = struct.unpack_from('<III', data, 16)
        assert (length, header, size) == (len(data), 0, len(data) - 28), name
        if name == 'dbx':
            assert uuid.UUID(bytes_le=data[:16]) == uuid.UUID('c1c41626-504c-4092-aca9-41f936934328') and len(data) == 28 + 16 + 32
        else:
            assert uuid.UUID(bytes_le=data[:16]) == uuid.UUID('a5c059a1-94e4-4aa7-87b5-ab155c2bf072')
            pem = subprocess.run(['openssl', 'x509', '-inform', 'DER'], input=data[44:], stdout=subprocess.PIPE, check=True).stdout
            assert pem == read(bench.keys.certificate(name)), name


def main():
    report = testing.report()
    tests = [signed_boots, unsigned_does_not_boot, foreign_does_not_boot, flipped_bit_does_not_boot, revoked_does_not_boot,
             unsigned_is_measured, changed_is_measured, without_tpm, signature_changes_no_pcr4, same_bytes, another_key_is_refused,
             build_signs, enrolled_twice]
    with Surroundings('secureboot') as lab:
        report.life(lambda: Bench(lab), tests)
    report.finish()


main()
