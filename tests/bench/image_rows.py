"""image: how large the disk of the release image is, and how much of it `make ami` uploads: blocks of 512 KiB that are not all zeros."""
import os
import sys

from lab.certs import TOP
from table import Missing, Row

for folder in ('board/nitro', 'image'):
    sys.path.insert(0, os.path.join(TOP, folder))
import ami_snapshot  # noqa: E402

DISK = os.path.join(TOP, 'build', 'nitro', 'disk.img')


def rows(bench):
    if not os.path.exists(DISK):
        raise Missing(f'{DISK} is not built: make build')
    firmware = os.path.getsize(os.path.join(os.path.dirname(DISK), 'BOOTX64.EFI'))
    blocks = ami_snapshot.blocks_of(DISK)
    how = f'build/nitro/disk.img; the firmware file on it, which is all there is, has {firmware / 1e6:.2f} MB'
    short = f'of it {firmware / 1e6:.2f} MB are the firmware file: the kernel and the root'
    yield Row('image: the disk', '', 'MB', [os.path.getsize(DISK) / 1e6], must=('<=', 32), how=how, short=short)
    yield Row('image: to upload', '', 'MB', [len(blocks) * ami_snapshot.BLOCK / 1e6], must=('<=', 8), how=how, short=short)
