"""spool: what recording costs up to the appliance's volume, and with the upload, against tcpdump's files in the clear on tmpfs."""
import contextlib
import os

import road
from cost_rows import Ours, Recorded, Turns, lost_text, to_tmpfs
from table import Row

VOLUME_BYTES = 40 * (64 << 20)
HOW = ('Ours: all packets of both links, pcapng, stored (zstd.level = 0), AES-256-GCM with key commitment, SHA-256, a signed chain, flow '
       'logs, to a volume on tmpfs{0}. tcpdump: -Q in -w on each link, in the clear to tmpfs, nothing sealed or hashed. ')


class Spooled(Ours):
    """With a volume; without upload S3 is where nobody answers, until the clock has stopped."""

    def __init__(self, lab, path, upload):
        with open(path, 'wb') as f:
            f.truncate(VOLUME_BYTES)
        self.upload, self.path = upload, path
        super().__init__(lab, spool=path, zstd__level=0)

    def __exit__(self, *exc):
        try:
            super().__exit__(*exc)
        finally:
            os.unlink(self.path)


class Held(Spooled):
    """Nothing is shipped while the clock runs: the sink is stopped."""

    def finish(self):
        pass
