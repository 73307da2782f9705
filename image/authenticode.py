"""authenticode: the hash of a UEFI program as a signature covers it, whether it is signed or not (Windows Authenticode Portable Executable
Signature Format): it leaves out the checksum, the certificate table's entry in the directory and the table itself."""
import hashlib
import struct


def authenticode(image, bank):
    """bank: the name of a hash, as a TPM's bank has it."""
    pe, = struct.unpack_from('<I', image, 0x3c)
    sections, optional_size = struct.unpack_from('<H12xH', image, pe + 6)
    optional = pe + 24
    magic, = struct.unpack_from('<H', image, optional)
    if image[pe:pe + 4] != b'PE\0\0' or magic != 0x20b:
        raise ValueError('not a PE32+ image')
    headers, = struct.unpack_from('<I', image, optional + 60)
    checksum, directory = optional + 64, optional + 112 + 4 * 8
    _, certificates = struct.unpack_from('<II', image, directory)

    digest = hashlib.new(bank, image[:checksum] + image[checksum + 4:directory] + image[directory + 8:headers])
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
