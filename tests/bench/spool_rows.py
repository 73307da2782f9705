"""spool: what recording costs up to the appliance's volume, and with the upload, against tcpdump's files in the clear on tmpfs."""
import contextlib
import os
import time

from cost_rows import Ours, Recorded, Turns, lost_text, to_tmpfs
from table import Row

VOLUME_BYTES = 40 * (64 << 20)
SPOOL = ('Ours: all packets of both links, pcapng, stored (zstd.level = 0), AES-256-GCM with key commitment, SHA-256, a signed chain, flow '
         'logs, to a volume on tmpfs{0}. tcpdump: -Q in -w on each link, in the clear to tmpfs, nothing sealed or hashed. ')


class Spooled(Ours):
    """With a volume; what is on it is shipped, too."""

    def __init__(self, lab, path, rotate_s):
        self.volume = path
        with open(path, 'wb') as f:
            f.truncate(VOLUME_BYTES)
        super().__init__(lab, rotate_s, spool=path, zstd__level=0)

    def __exit__(self, *exc):
        try:
            super().__exit__(*exc)
        finally:
            os.unlink(self.volume)


class Kept(Spooled):
    """Nothing is shipped while the clock runs: the sink stands still. After it all is, as else nothing would be known of losses."""
    holds_sink = True

    def finish(self):
        time.sleep(1.5)  # a frame is committed within a second, and the volume is written after that

    def after(self):
        super().finish()


def rows(bench):
    path = os.path.join(bench.folder, 'volume')
    with contextlib.ExitStack() as stack:
        turns = Turns(stack, bench)
        above, lost = turns.above_plain('tls', {
            'kept': lambda: Kept(turns.lab, path, turns.rotate_s), 'shipped': lambda: Spooled(turns.lab, path, turns.rotate_s),
            'tcpdump': lambda: Recorded(turns.lab, to_tmpfs(bench.folder, 'tcpdump'))})
        shipped = ', from there by TLS to the sink, whose CPU is in the figure'
        for name, what, and_then, must in (('kept', 'record, seal, to the spool', '', 1.0),
                                           ('shipped', 'the same with upload', shipped, 1.25)):
            yield Row(what, 'tcpdump to tmpfs', 'CPU-s/GB', above[name], above['tcpdump'], ('<=', must), None,
                      SPOOL.format(and_then) + turns.told('tls') + lost_text(lost, name, 'tcpdump'))
