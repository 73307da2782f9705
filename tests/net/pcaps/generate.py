"""generate: a small set of captures that together have every file format, byte order and frame that replay must get right.

generate(folder) writes them; the same bytes each time. What can't be sent is in it on purpose (OTHER_FRAMES).
"""
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from lab import frames  # noqa: E402

LENGTHS = [14, 15, 20, 33, 34, 59, 60, 61, 64, 1513, 1514, 1515, 1518, 1522, 9014, 9015, 32767, 32768, 65534, 65535]
STRANGER = '02:99:99:99:99:99'  # nobody's: the kernel drops such a frame, but behind the tap


def sized(length, start=b''):
    """A frame of exactly `length` bytes, each byte telling its place."""
    frame = frames.mac(STRANGER) + frames.mac(frames.CLIENT_MAC) + b'\x88\xb6' + start
    return (frame + bytes(i * 7 & 0xff for i in range(max(0, length - len(frame)))))[:length]


def lengths():
    return [sized(n) for n in LENGTHS]


def tagged():
    plain = frames.udp_frame('tagged')
    out = []
    for tags in ([(0x8100, 1)], [(0x8100, 0)], [(0x88a8, 4095)], [(0x88a8, 2), (0x8100, 3)], [(0x9100, 4)], [(0x8100, 5), (0x9100, 6)],
                 [(0x8100, 7 << 13 | 1 << 12)]):
        out.append(frames.udp_frame('tagged', tags=tags))
        out.append(frames.ethernet(b'', 0x0800, tags=tags)[:20].ljust(20, b'\0'))  # the shortest that the kernel lets through
    return out + [plain]


def odd():
    """Broken and strange, but Ethernet."""
    good = frames.udp_frame('odd')
    arp = frames.ethernet(bytes.fromhex('0001080006040001') + frames.mac(STRANGER) + frames.address('198.18.0.1') + bytes(6) +
                          frames.address('198.19.0.1'), 0x0806, to='ff:ff:ff:ff:ff:ff')
    return [good, good, good[:-3], good[:20], good[:14] + b'\x46' + good[15:], good[:14] + b'\xff' * 40, b'\0' * 60, b'\xff' * 60,
            frames.ethernet(b'\x42\x42\x03' + bytes(35), 38, to='01:80:c2:00:00:00'), arp,
            frames.ethernet(b'\x60' + bytes(39), 0x86dd), frames.ethernet(bytes(46), 0x8809, to='01:80:c2:00:00:02')]


def pcap(order, magic, packets, link_type=1, version=(2, 4)):
    out = struct.pack(order + 'IHHiIII', magic, *version, 0, 0, 262144, link_type)
    for i, p in enumerate(packets):
        sizes = (len(p) + i, len(p)) if version < (2, 3) else (len(p), len(p) + i)  # cut by i bytes; the oldest wrote them the other way
        out += struct.pack(order + '4I', 1000 + i, i, *sizes)
        out += (struct.pack(order + 'IHBB', 3, 0x800, 0, 0) if magic == 0xa1b2cd34 else b'') + p
    return out


def block(order, kind, body):
    body += b'\0' * (-len(body) % 4)
    size = struct.pack(order + 'I', 12 + len(body))
    return struct.pack(order + 'I', kind) + size + body + size


def pcapng(order, packets, resolution=None, snaplen=0):
    """Two interfaces, the second not Ethernet; enhanced, simple and old packet blocks in turn; an unknown block between."""
    section = block(order, 0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1))
    tick = b'' if resolution is None else struct.pack(order + 'HHB3xHH', 9, 1, resolution, 0, 0)
    out = section + block(order, 1, struct.pack(order + 'HHI', 1, 0, snaplen) + tick)
    out += block(order, 1, struct.pack(order + 'HHI', 101, 0, 0))
    out += block(order, 0x7fff0001, b'unknown')
    for i, p in enumerate(packets):
        times = struct.pack(order + '4I', 0, i, len(p), len(p) + 1)
        if i % 3 == 0:
            out += block(order, 6, struct.pack(order + 'I', 0) + times + p)
        elif i % 3 == 1:
            out += block(order, 3, struct.pack(order + 'I', len(p)) + p)
        else:
            out += block(order, 2, struct.pack(order + 'HH', 0, 0) + times + p)
    return out + block(order, 6, struct.pack(order + '5I', 1, 0, 0, 20, 20) + bytes(20))


def captures():
    """{name: (bytes, frames that can be sent)}."""
    short, long = sized(13), sized(65535) + b'+'
    yield 'little.pcap', pcap('<', 0xa1b2c3d4, lengths()), lengths()
    yield 'big-ns.pcap', pcap('>', 0xa1b23c4d, odd()), odd()
    yield 'modified.pcap', pcap('<', 0xa1b2cd34, tagged()), tagged()
    yield 'oldest.cap', pcap('>', 0xa1b2c3d4, odd()[:4], version=(2, 2)), odd()[:4]
    yield 'little.pcapng', pcapng('<', lengths()), lengths()
    yield 'big.pcapng', pcapng('>', tagged(), 9), tagged()
    yield 'two-sections.pcapng', pcapng('<', odd(), 6) + pcapng('>', tagged(), 0x8a), odd() + tagged()
    yield 'cut-off.pcap', pcap('<', 0xa1b2c3d4, odd()[:3])[:-5], odd()[:2]
    yield 'too-short-too-long.pcap', pcap('<', 0xa1b2c3d4, [short, long, b'', sized(14)]), [sized(14)]
    yield 'raw-ip.pcap', pcap('<', 0xa1b2c3d4, [good[14:] for good in odd()[:2]], link_type=101), []
    yield 'half-a-tag.pcap', pcap('<', 0xa1b2c3d4, [sized(14)[:12] + b'\x81\0\0\1', odd()[0]]), [odd()[0]]


def generate(folder):
    """Writes all; {name: frames that can be sent}."""
    os.makedirs(os.path.join(folder, 'sub'), exist_ok=True)
    sendable = {}
    for i, (name, data, can) in enumerate(captures()):
        name = name if i % 2 else os.path.join('sub', name)
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
        sendable[name] = can
    with open(os.path.join(folder, 'notes.txt'), 'w') as f:
        f.write('not a capture\n')
    return sendable
