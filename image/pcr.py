#!/usr/bin/env python3
"""pcr.py EFI-FILE [--keys DIR --certificate PEM]: prints as JSON what PCR 4, 7 and 12 hold after UEFI started this file from a boot option.

Computed offline, by the TCG PC Client Platform Firmware Profile Specification 1.05, for the banks SHA-256 and SHA-384:
- PCR 4 (3.3.4.5) is extended with the text of EV_EFI_ACTION, the separator, and the file's Authenticode hash, which leaves out the
  checksum, the certificate table's entry in the directory and the table itself: a signature changes nothing.
- PCR 7 (3.3.4.8) with the variables SecureBoot, PK, KEK, db and dbx, the separator, and, with Secure Boot on, the entry of db by which the
  file is accepted. DIR is one made by image/enroll, PEM the signer's certificate; without them Secure Boot is off and there are no keys.
- PCR 12 with nothing: the command line is within the file.
`pcr.py --disk EFI-FILE` prints PCR 4 of both banks as 80 bytes: image/disk writes them into the disk (src/os/firmware.h).
"""
import argparse
import hashlib
import json
import os
import struct
import sys

import efivars
from authenticode import authenticode

BANKS = ('sha256', 'sha384')
SEPARATOR = bytes(4)
VARIABLES = ('PK', 'KEK', 'db', 'dbx')


def extended(bank, digests):
    """The register after these digests."""
    value = bytes(hashlib.new(bank).digest_size)
    for digest in digests:
        value = hashlib.new(bank, value + digest).digest()
    return value


def hashed(bank, *events):
    return [hashlib.new(bank, event).digest() for event in events]


def pcr4(image, bank='sha256'):
    return extended(bank, [*hashed(bank, b'Calling EFI Application from Boot Option', SEPARATOR), authenticode(image, bank)]).hex()


def variable_event(name, vendor, data):
    """UEFI_VARIABLE_DATA: what is measured of a variable."""
    return vendor.bytes_le + struct.pack('<QQ', len(name), len(data)) + name.encode('utf-16-le') + data


def accepting_entry(db, certificates):
    """The entry of db by which firmware accepts what the first of the certificates signed, the others being its chain."""
    for der in certificates:
        for entry in efivars.entries(db):
            if entry[16:] == der:
                return entry
    raise ValueError('the signer\'s certificate is not in db: the firmware would refuse the file')


def pcr7(lists, certificates, bank='sha256'):
    """lists: {'PK': bytes, ..}; empty: Secure Boot is off."""
    events = [variable_event('SecureBoot', efivars.GLOBAL, b'\1' if lists.get('PK') else b'\0')]
    events += [variable_event(name, efivars.VENDORS[name], lists.get(name, b'')) for name in VARIABLES]
    events.append(SEPARATOR)
    if lists.get('PK'):
        events.append(variable_event('db', efivars.DATABASE, accepting_entry(lists['db'], certificates)))
    return extended(bank, hashed(bank, *events)).hex()


def keys_in(folder):
    """The lists of signatures that image/enroll left there."""
    lists = {}
    for name in VARIABLES:
        path = os.path.join(folder, name + '.esl')
        if os.path.exists(path):
            with open(path, 'rb') as f:
                lists[name] = f.read()
    if not all(lists.get(name) for name in ('PK', 'KEK', 'db')):
        raise ValueError(f'{folder} lacks PK.esl, KEK.esl or db.esl: image/enroll makes them')
    return lists


def expected(image, lists, certificates):
    """What pcr.json says."""
    return {'image_sha256': hashlib.sha256(image).hexdigest(), 'secure_boot': bool(lists),
            **{bank: {'pcr4': pcr4(image, bank), 'pcr7': pcr7(lists, certificates, bank), 'pcr12': extended(bank, []).hex()}
               for bank in BANKS}}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('image')
    p.add_argument('--keys')
    p.add_argument('--certificate')
    p.add_argument('--disk', action='store_true')
    o = p.parse_args()
    with open(o.image, 'rb') as f:
        image = f.read()
    if o.disk:
        sys.stdout.buffer.write(b''.join(bytes.fromhex(pcr4(image, bank)) for bank in BANKS))
        return
    signers = []
    if o.certificate:
        with open(o.certificate, 'rb') as f:
            signers = efivars.certificates(f.read())
    try:
        print(json.dumps(expected(image, keys_in(o.keys) if o.keys else {}, signers), indent=2))
    except ValueError as e:
        sys.exit(f'sealtap: {e}')


if __name__ == '__main__':
    main()
