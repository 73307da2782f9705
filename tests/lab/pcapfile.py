"""pcapfile: reads captures: pcap of either byte order, with micro- or nanoseconds, the "modified" kind; and pcapng.

read(path) gives a Capture: all frames up to where the file ends or makes no sense; .note says why it stopped early, else None.
Written from draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""
import dataclasses
import struct

ETHERNET = 1
FRAME_MAX = 1 << 20  # nothing sane has longer frames: the file is damaged
PCAP_MAGICS = {0xa1b2c3d4: (1000, 16), 0xa1b23c4d: (1, 16), 0xa1b2cd34: (1000, 24)}  # ns a tick, bytes of a record's head
SECTION, INTERFACE, OLD_PACKET, SIMPLE, STATISTICS, PACKET = 0x0a0d0d0a, 1, 2, 3, 5, 6


@dataclasses.dataclass(slots=True)
class Frame:
    data: bytes
    length: int  # on the wire
    ns: int = 0
    link_type: int = ETHERNET
    interface: int = 0
    options: dict = dataclasses.field(default_factory=dict)  # code: value of its first appearance


@dataclasses.dataclass
class Interface:
    link_type: int
    snaplen: int
    options: dict
    tick: float
    statistics: dict = None  # options of the last statistics block


@dataclasses.dataclass
class Capture:
    kind: str = None  # pcap, pcapng; None: not a capture
    frames: list = dataclasses.field(default_factory=list)
    interfaces: list = dataclasses.field(default_factory=list)  # pcapng, of all sections
    section_options: list = dataclasses.field(default_factory=list)  # pcapng: one dict a section
    block_types: set = dataclasses.field(default_factory=set)
    note: str = None


class Stop(Exception):
    pass


def read(path):
    with open(path, 'rb') as f:
        data = f.read()
    capture = Capture()
    for order in '<>':
        magic = struct.unpack(order + 'I', data[:4])[0] if len(data) >= 4 else 0
        if magic in PCAP_MAGICS:
            return guarded(capture, 'pcap', read_pcap, data, order, *PCAP_MAGICS[magic])
    if data[:4] == b'\x0a\x0d\x0d\x0a':
        return guarded(capture, 'pcapng', read_pcapng, data)
    return capture


def guarded(capture, kind, reader, data, *args):
    capture.kind = kind
    try:
        reader(capture, data, *args)
    except (Stop, struct.error, IndexError) as e:
        capture.note = str(e) if isinstance(e, Stop) else 'the file is damaged'
    return capture


def read_pcap(capture, data, order, ns, head):
    if len(data) < 24:
        raise Stop('the file ends in its header')
    major, minor = struct.unpack(order + 'HH', data[4:8])
    link_type = struct.unpack(order + 'I', data[20:24])[0] & 0xffff
    at = 24
    while at < len(data):
        if at + head > len(data):
            raise Stop(f'the file ends in the head of frame {len(capture.frames) + 1}')
        seconds, ticks, captured, length = struct.unpack(order + '4I', data[at:at + 16])
        if (major, minor) < (2, 3) or ((major, minor) == (2, 3) and captured > length):
            captured, length = length, captured  # these wrote them the other way round
        at += head
        if captured > FRAME_MAX:
            raise Stop(f'frame {len(capture.frames) + 1} claims {captured} bytes')
        if at + captured > len(data):
            raise Stop(f'the file ends in frame {len(capture.frames) + 1}')
        capture.frames.append(Frame(data[at:at + captured], length, seconds * 10**9 + ticks * ns, link_type))
        at += captured


def read_pcapng(capture, data):
    at, order, first = 0, '<', 0
    while at < len(data):
        if at + 12 > len(data):
            raise Stop('the file ends in a block\'s head')
        kind = struct.unpack('<I', data[at:at + 4])[0]
        if kind == SECTION:
            order = '<' if data[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            first = len(capture.interfaces)
        kind, length = struct.unpack(order + 'II', data[at:at + 8])
        if length < 12 or length % 4 or at + length > len(data):
            raise Stop(f'a block claims {length} bytes, {len(data) - at} are left')
        if data[at + 4:at + 8] != data[at + length - 4:at + length]:
            raise Stop('a block\'s two lengths differ')
        capture.block_types.add(kind)
        read_block(capture, kind, data[at + 8:at + length - 4], order, first)
        at += length


def read_block(capture, kind, body, order, first):
    if kind == SECTION:
        capture.section_options.append(read_options(body, 16, order))
    elif kind == INTERFACE:
        link_type, _, snaplen = struct.unpack(order + 'HHI', body[:8])
        options = read_options(body, 8, order)
        capture.interfaces.append(Interface(link_type, snaplen, options, tick_ns(options.get(9, b'\x06')[0])))
    elif kind == STATISTICS:
        number = struct.unpack(order + 'I', body[:4])[0]
        interface_of(capture, first, number).statistics = read_options(body, 12, order)
    elif kind == SIMPLE:
        length = struct.unpack(order + 'I', body[:4])[0]
        interface = interface_of(capture, first, 0)
        captured = min(length, interface.snaplen or length, len(body) - 4)
        capture.frames.append(Frame(body[4:4 + captured], length, 0, interface.link_type, first))
    elif kind in (PACKET, OLD_PACKET):
        read_packet(capture, kind, body, order, first)


def read_packet(capture, kind, body, order, first):
    number, high, low, captured, length = struct.unpack(order + ('I' if kind == PACKET else 'H2x') + '4I', body[:20])
    interface = interface_of(capture, first, number)
    if 20 + captured > len(body):
        raise Stop('a frame is longer than its block')
    options = read_options(body, 20 + (captured + 3) // 4 * 4, order)
    ns = int((high << 32 | low) * interface.tick)
    capture.frames.append(Frame(body[20:20 + captured], length, ns, interface.link_type, first + number, options))


def interface_of(capture, first, number):
    if first + number >= len(capture.interfaces):
        raise Stop(f'interface {number} is not described')
    return capture.interfaces[first + number]


def tick_ns(resolution):
    """Nanoseconds a tick; exact for decimal resolutions up to nanoseconds."""
    if resolution & 0x80:
        return 10**9 / 2 ** (resolution & 0x7f)
    return 10 ** (9 - resolution) if resolution <= 9 else 10**9 / 10**resolution


def read_options(body, at, order):
    options = {}
    while at + 4 <= len(body):
        code, length = struct.unpack(order + 'HH', body[at:at + 4])
        if code == 0:
            break
        options.setdefault(code, body[at + 4:at + 4 + length])
        at += 4 + (length + 3) // 4 * 4
    return options


def write(path, frames, link_type=ETHERNET):
    """A little-endian pcap with nanoseconds."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, link_type))
        for frame in frames:
            f.write(struct.pack('<4I', frame.ns // 10**9, frame.ns % 10**9, len(frame.data), frame.length) + frame.data)
