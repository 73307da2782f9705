"""spool: what recording costs up to the appliance's volume, and with the upload, against tcpdump's files in the clear on tmpfs."""
import contextlib
import os
import time

from cost_rows import Ours, Turns
from recorders import Tcpdump
from table import Row

SECONDS = 15  # of traffic: the sink must not stand still for longer than STILL_S
VOLUME_BYTES = 40 * (64 << 20)
SPOOL = ('Ours: both links, pcapng, stored (zstd.level = 0), AES-256-GCM with key commitment, SHA-256, a signed chain, flow logs, to a '
         'volume on tmpfs{0}. tcpdump: -Q in -w on each link, in the clear to tmpfs, nothing sealed or hashed. ')
SHIPPED = ', from there by TLS to the sink, whose CPU is in the figure'


class Spooled(Ours):
    """With a volume; what is on it is shipped, too."""

    def __init__(self, turns):
        self.volume = os.path.join(turns.bench.folder, 'volume')
        with open(self.volume, 'wb') as f:
            f.truncate(VOLUME_BYTES)
        super().__init__(turns, spool=self.volume, zstd__level=0)

    def __exit__(self, *failed):
        try:
            super().__exit__(*failed)
        finally:
            os.unlink(self.volume)


class Kept(Spooled):
    """Nothing is shipped while the clock runs: the sink stands still. After it all is, as else nothing would be known of losses."""
    holds_sink = True

    def stop(self):
        time.sleep(1.5)  # a frame is committed within a second, and the volume is written after that

    def after(self):
        super().stop()


def rows(bench):
    with contextlib.ExitStack() as stack:
        turns = Turns(stack, bench, SECONDS)
        turns.above_plain('tls', {'kept': lambda: Kept(turns), 'shipped': lambda: Spooled(turns)},
                          {'tcpdump': lambda mib: Tcpdump(turns.lab, bench.folder, buffer_mib=mib)})
        for name, what, then, must in (('kept', 'record, seal, to the spool', '', 1.0), ('shipped', 'the same with upload', SHIPPED, 1.25)):
            yield turns.row(what, 'tcpdump to tmpfs', 'tls', name, 'tcpdump', ('<=', must), None, SPOOL.format(then), '')
