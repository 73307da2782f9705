"""compare: what was recorded against what an independent capture saw on the wire: same packets, same bytes, same order, none missing, none
twice. The appliance's own TCP connections must be recorded as headers only, with their true length.

Order: each worker's stream must have its packets in the order of the wire. With one worker that is the capture itself; with several, the
kernel gives equal frames to the same worker, so a worker's stream must be exactly those frames of the capture that it recorded at all.
"""
import dataclasses

from . import metadata
from .frames import address, mac
from .surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE

OWN_ADDRESSES = set(map(address, (APPLIANCE_OUTSIDE, APPLIANCE_INSIDE)))
OWN_MACS = tuple(map(mac, (metadata.OUTSIDE_MAC, metadata.INSIDE_MAC)))
OWN_PORTS = range(64512, 65536)
SIDES = ('outside', 'inside')  # in the order of the recording's interfaces


@dataclasses.dataclass
class Result:
    seen: int = 0
    recorded: int = 0
    own: int = 0  # of recorded: headers only
    missing: int = 0


def kept_bytes(data, side=None):
    """How much of a frame must be recorded: all, or headers alone where it belongs to an own TCP connection (record/ring_filter). side:
    where it came; unless all that comes there is for this machine."""
    macs = OWN_MACS if side is None else OWN_MACS[side:side + 1]
    ours = data[:6] in macs and data[12:14] == b'\x08\x00' and len(data) >= 34 and data[14] >> 4 == 4
    if not ours or data[23] != 6 or data[30:34] not in OWN_ADDRESSES or int.from_bytes(data[20:22], 'big') & 0x1fff:
        return len(data)
    tcp = 14 + (data[14] & 15) * 4
    if tcp < 34 or len(data) < tcp + 20 or int.from_bytes(data[tcp + 2:tcp + 4], 'big') not in OWN_PORTS or data[tcp + 12] >> 4 < 5:
        return len(data)
    return min(len(data), tcp + (data[tcp + 12] >> 4) * 4)


def describe(frame):
    return f'{len(frame[0])} of {frame[1]} bytes: {frame[0][:54].hex()}'


def expected(frame, side=None):
    return frame.data[:kept_bytes(frame.data, side)], frame.length


def first_difference(wire, recorded):
    for i, (a, b) in enumerate(zip(wire, recorded)):
        if a != b:
            return f'packet {i}: on the wire {describe(a)}; recorded {describe(b)}'
    longer, where = (wire, 'missing in the recording') if len(wire) > len(recorded) else (recorded, 'not on the wire')
    return f'packet {min(len(wire), len(recorded))} {where}: {describe(longer[min(len(wire), len(recorded))])}'


def side_window(streams, side, first, last):
    """{stream: frames of this side from marker `first` to marker `last`}: by their places in the one stream, whatever the clock did; of
    several by the markers' times."""
    mine = {name: [f for f in frames if f.interface == side] for name, frames in streams.items()}
    times = [[f.ns for frames in mine.values() for f in frames if f.data == marker] for marker in (first, last)]
    assert [len(t) for t in times] == [1, 1], f'{SIDES[side]}: markers recorded {len(times[0])} and {len(times[1])} times, not once'
    if len(mine) == 1:
        (name, frames), = mine.items()
        data = [f.data for f in frames]
        return {name: frames[data.index(first):data.index(last) + 1]}
    return {name: [f for f in frames if times[0][0] <= f.ns <= times[1][0]] for name, frames in mine.items()}


def those_recorded(wire, recorded):
    """The frames of the wire that are recorded, in its order. Of equal ones any may be missing: each is taken as soon as it is next."""
    found, left = [], iter(recorded)
    want = next(left, None)
    for w in wire:
        if w == want:
            found.append(w)
            want = next(left, None)
    return found


def compare_side(streams, side, wire_frames, lossy=False):
    """wire_frames: the capture's window, markers included."""
    wire = [expected(f, side) for f in wire_frames]
    result = Result(seen=len(wire), own=sum(len(w[0]) < w[1] for w in wire))
    owner = {}
    for name, frames in side_window(streams, side, wire_frames[0].data, wire_frames[-1].data).items():
        recorded = [(f.data, f.length) for f in frames]
        result.recorded += len(recorded)
        for frame in set(recorded):
            assert frame not in owner, f'{SIDES[side]}: {name} and {owner.get(frame)} both recorded {describe(frame)}'
            owner[frame] = name
        mine = set(recorded)
        on_wire = those_recorded(wire, recorded) if lossy else [w for w in wire if w in mine]
        assert recorded == on_wire, f'{SIDES[side]}, {name}: {first_difference(on_wire, recorded)}'
    missing = [w for w in wire if w not in owner]
    result.missing = len(wire) - result.recorded if lossy else len(missing)
    assert lossy or not missing, f'{SIDES[side]}: {len(missing)} of {len(wire)} packets are missing, the first: {describe(missing[0])}'
    assert result.seen == result.recorded + result.missing, result
    return result


def compare(evidence, windows, lossy=False):
    """windows: {side's name: frames of the capture between its markers}. The sum over both sides. lossy: packets may be missing; it is
    the caller's to account for them."""
    streams, total = evidence.recorded(), Result()
    for number, side in enumerate(SIDES):
        one = compare_side(streams, number, windows[side], lossy)
        total = Result(total.seen + one.seen, total.recorded + one.recorded, total.own + one.own, total.missing + one.missing)
    return total
