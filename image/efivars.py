"""efivars: UEFI's Secure Boot variables as lists of signatures, and the stores that hold them: OVMF's flash file, EC2's UEFI data.

Sources: UEFI specification 2.10, section 32.4.1 (EFI_SIGNATURE_LIST, EFI_SIGNATURE_DATA); edk2, MdeModulePkg/Include/Guid/
VariableFormat.h (AUTHENTICATED_VARIABLE_HEADER); awslabs/python-uefivars, pyuefivars/aws.py (EC2's format, version 0).

A list of signatures (.esl), one certificate or hash in each:
   0  16  type      X.509 certificate or SHA-256
  16   4  length of the list         20  4  0
  24   4  length of its signature    28 16  owner          44  the certificate (DER) or the image's Authenticode hash

A variable in OVMF's store, aligned to 4:
   0   2  0x55aa       2  1  0x3f: valid       4  4  attributes     8  8  0      16 16  time (EFI_TIME)     32  4  0
  36   4  length of the name with its end     40  4  length of the data     44 16  vendor     60  name (UTF-16), data

EC2's UEFI data, in base64: AMZNUEFI, CRC-32C of all that follows, version (4 bytes of 0), then zlib: number of variables (8), and for each
name (length 8, UTF-8), data (length 8), vendor (16), attributes (4), time (16), hash of who may change it (length 8).
"""
import base64
import collections
import re
import struct
import uuid
import zlib

from authenticode import authenticode

X509 = uuid.UUID('a5c059a1-94e4-4aa7-87b5-ab155c2bf072')
SHA256 = uuid.UUID('c1c41626-504c-4092-aca9-41f936934328')
GLOBAL = uuid.UUID('8be4df61-93ca-11d2-aa0d-00e098032b8c')
DATABASE = uuid.UUID('d719b2cb-3d3a-4596-a3bc-dad00e67656f')
ENABLE = uuid.UUID('f0a30bc7-af08-4556-99c4-001009c93a44')  # edk2: gEfiSecureBootEnableDisableGuid
OWNER = uuid.UUID('6b1d4f3e-52a7-4c0e-9a44-73ea17a90001')  # ours: it says whose entry it is, and proves nothing
VENDORS = {'PK': GLOBAL, 'KEK': GLOBAL, 'db': DATABASE, 'dbx': DATABASE}
STORED, AUTHENTICATED = 0x03, 0x27  # non-volatile, boot; and at run time, by a signature with a later time
TIME = struct.pack('<HBBBBB9x', 2026, 1, 1, 0, 0, 0)  # the same in each build; an update must bear a later one

Variable = collections.namedtuple('Variable', 'name vendor attributes data time')


def certificates(pem):
    """The DER certificates in a PEM file, in its order."""
    return [base64.b64decode(text) for text in re.findall(b'-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----', pem, re.S)]


def signature_list(kind, data):
    return kind.bytes_le + struct.pack('<III', 28 + 16 + len(data), 0, 16 + len(data)) + OWNER.bytes_le + data


def lists_of(content):
    """Lists of signatures of what a file has: certificates (PEM), a UEFI program by its hash, or lists already."""
    if content[:2] == b'MZ':
        return signature_list(SHA256, authenticode(content, 'sha256'))
    if b'-----BEGIN' in content:
        return b''.join(signature_list(X509, der) for der in certificates(content))
    return b''.join(content[at - 28:at - 28 + length] for at, length in _walk(content))


def _walk(lists):
    """(where its signatures begin, length) of each list; what is not a row of lists is an error."""
    at = 0
    while at < len(lists):
        if at + 28 > len(lists):
            raise ValueError('not a certificate (PEM), a UEFI program or a list of signatures')
        length, header, size = struct.unpack_from('<III', lists, at + 16)
        if header or size <= 16 or length <= 28 or (length - 28) % size or at + length > len(lists):
            raise ValueError('not a certificate (PEM), a UEFI program or a list of signatures')
        yield at + 28, length
        at += length


def entries(lists):
    """EFI_SIGNATURE_DATA (owner and certificate or hash) of each entry, as bytes."""
    for start, length in _walk(lists):
        size, = struct.unpack_from('<I', lists, start - 4)
        yield from (lists[at:at + size] for at in range(start, start + length - 28, size))


def variables(lists):
    """The variables of {'PK': list, ..}; what is empty is left out."""
    return [Variable(name, VENDORS[name], AUTHENTICATED, lists[name], TIME) for name in VENDORS if lists.get(name)]


def ovmf(empty, added):
    """An OVMF store with the variables added to an empty one, and Secure Boot switched on."""
    head, = struct.unpack_from('<H', empty, 48)
    start = head + 28
    if empty[40:44] != b'_FVH' or empty[start:start + 64] != b'\xff' * 64:
        raise ValueError('not an empty store of OVMF')
    data = b''
    for v in [*added, Variable('SecureBootEnable', ENABLE, STORED, b'\1', bytes(16))]:
        name = (v.name + '\0').encode('utf-16-le')
        data += struct.pack('<HBBIQ16sIII', 0x55aa, 0x3f, 0, v.attributes, 0, v.time, 0, len(name), len(v.data))
        data += v.vendor.bytes_le + name + v.data
        data += b'\xff' * (-(start + len(data)) % 4)
    size, = struct.unpack_from('<I', empty, head + 16)
    if 28 + len(data) > size:
        raise ValueError(f'{len(data)} bytes of variables do not fit the store')
    return empty[:start] + data + empty[start + len(data):]


def crc32c(data):
    """RFC 3720, appendix B.4."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def ec2(added):
    """What register-image takes as UEFI data. AWS' tool has a dictionary of 11 KB that makes it shorter; zlib does not ask for one."""
    def counted(data):
        return struct.pack('<Q', len(data)) + data
    raw = struct.pack('<Q', len(added))
    for v in added:
        raw += counted(v.name.encode()) + counted(v.data) + v.vendor.bytes_le + struct.pack('<I', v.attributes)
        raw += v.time + counted(bytes(32))
    rest = bytes(4) + zlib.compress(raw, 9)
    return base64.b64encode(b'AMZNUEFI' + struct.pack('<I', crc32c(rest)) + rest).decode()
