#!/usr/bin/env python3
"""initramfs.py INIT ROOT OUT: the initramfs as a cpio archive of format newc (kernel: Documentation/driver-api/early-userspace/
buffer-format.rst). Same input, same bytes: entry numbers for inodes, no times, owner root."""
import stat
import sys

init, root, out = sys.argv[1:]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def entry(number, name, mode, data=b'', device=(0, 0)):
    name = name.encode() + b'\0'
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
    head = b'070701' + b''.join(b'%08X' % f for f in fields) + name
    return pad(head) + pad(data)


def pad(data):
    return data + b'\0' * (-len(data) % 4)


entries = [
    ('dev', stat.S_IFDIR | 0o755),
    ('dev/console', stat.S_IFCHR | 0o600, b'', (5, 1)),
    ('newroot', stat.S_IFDIR | 0o755),
    ('init', stat.S_IFREG | 0o755, read(init)),
    ('root.erofs', stat.S_IFREG | 0o444, read(root)),
    ('TRAILER!!!', 0),
]
with open(out, 'wb') as f:
    for number, e in enumerate(entries, 1):
        f.write(entry(number, *e))
