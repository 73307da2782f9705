"""spool: what recording costs up to the appliance's volume, and with the upload, against tcpdump's files in the clear on tmpfs."""
import contextlib
import os
import time

from cost_rows import Ours, Turns
from recorders import Tcpdump
from table import Row

SECONDS = 15  # of traffic: the sink must not stand still for longer than STILL_S
SLOTS, QUICK_SLOTS = 40, 16  # of 64 MiB
MIB = 1 << 20
SPOOL = ('Ours: both links, pcapng, stored (zstd.level = 0), AES-256-GCM with key commitment, SHA-256, a signed chain, flow logs, to a '
         'volume on tmpfs{0}. tcpdump: -Q in -w on each link, in the clear to tmpfs, nothing sealed or hashed. ')
SHIPPED = ', from there by TLS to the sink, whose CPU is in the figure'


class Spooled(Ours):
    """With a volume; what is on it is shipped, too. Its file is written first, and stays: else the host's search for free pages is what
    would be measured."""

    def __init__(self, turns):
        self.volume = os.path.join(turns.bench.folder, 'volume')
        with open(self.volume, 'r+b' if os.path.exists(self.volume) else 'wb') as f:
            for _ in range(64 * (QUICK_SLOTS if turns.bench.quick else SLOTS)):
                f.write(bytes(MIB))
        super().__init__(turns, spool=self.volume, zstd__level=0)


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
