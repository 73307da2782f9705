#!/usr/bin/env python3
"""pcr4.py EFI-FILE: the value PCR 4 (SHA-256) has after UEFI started this file from a boot option, computed offline.

PCR 4 is extended three times: with the text of EV_EFI_ACTION, with the separator, with the Authenticode hash of the file (TCG PC Client
Platform Firmware Profile, 2.3.4.5 and 3.3.4). The Authenticode hash leaves out the checksum, the certificate table's directory entry and
the table itself (Windows Authenticode Portable Executable Signature Format).
"""
import hashlib
import struct
import sys


def authenticode(image):
    """SHA-256 of a PE32+ image as a signature would cover it."""
    pe, = struct.unpack_from('<I', image, 0x3c)
    sections, optional_size = struct.unpack_from('<H12xH', image, pe + 6)
    optional = pe + 24
    magic, = struct.unpack_from('<H', image, optional)
    if image[pe:pe + 4] != b'PE\0\0' or magic != 0x20b:
        raise ValueError('not a PE32+ image')
    headers, = struct.unpack_from('<I', image, optional + 60)
    checksum, directory = optional + 64, optional + 112 + 4 * 8
    _, certificates = struct.unpack_from('<II', image, directory)

    digest = hashlib.sha256(image[:checksum] + image[checksum + 4:directory] + image[directory + 8:headers])
    table = optional + optional_size
    covered = headers
    for offset, size in sorted(struct.unpack_from('<16xII', image, table + 40 * i)[::-1] for i in range(sections)):
        digest.update(image[offset:offset + size])
        covered += size
    end = len(image) - certificates
    if end > covered:
        digest.update(image[covered:end])
    digest.update(b'\0' * (-end % 8))
    return digest.digest()


def pcr4(image):
    value = bytes(32)
    for event in (b'Calling EFI Application from Boot Option', bytes(4)):
        value = hashlib.sha256(value + hashlib.sha256(event).digest()).digest()
    return hashlib.sha256(value + authenticode(image)).hexdigest()


if __name__ == '__main__':
    with open(sys.argv[1], 'rb') as f:
        print(pcr4(f.read()))
