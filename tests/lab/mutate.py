"""mutate: frames and messages as nobody should send them, made of good ones: the same ones from the same seed.

    mutator = Mutator(seed)
    mutator.frame(good, mac)    # 14 to 1,514 bytes that begin as an Ethernet frame
    mutator.message(good)       # any bytes
"""
import random
import struct

from . import frames

SHORTEST, LONGEST = 14, 1514
TAGS = (b'\x81\x00', b'\x88\xa8', b'\x91\x00')
HOME = ('198.19.0.10', '198.19.0.1', '198.18.0.10', '198.51.100.10', '198.18.0.1', '198.18.0.2', '169.254.169.254', '255.255.255.255',
        '224.0.0.1', '127.0.0.1', '0.0.0.0')
EDGES = (0, 1, 4, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x5dc, 0x7fff, 0x8000, 0xfffe, 0xffff)
ETHER_TYPES = (0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x8863, 0x8864, 0x8847, 0x88cc, 0x88e5, 0x88f7, 0x8906, 0, 0x05dc, 0x0600, 0xffff)
PROTOCOLS = (0, 1, 2, 4, 6, 17, 33, 41, 43, 44, 47, 50, 51, 58, 59, 60, 89, 103, 112, 132, 135, 136, 255)


def is_ip(frame, version):
    return frame[12:14] == (b'\x08\x00' if version == 4 else b'\x86\xdd') and len(frame) >= (34 if version == 4 else 54)


def put16(frame, at, value):
    if at + 2 <= len(frame):
        frame[at:at + 2] = struct.pack('>H', value & 0xffff)


def header_bytes(frame):
    """Of IPv4's header, as far as it is there."""
    return min((frame[14] & 15) * 4, len(frame) - 14)


def right_sum(frame):
    """IPv4's header gets the checksum that is right for it."""
    if is_ip(frame, 4) and header_bytes(frame) >= 20:
        put16(frame, 24, 0)
        put16(frame, 24, frames.checksum(bytes(frame[14:14 + header_bytes(frame)])))


class Mutator(random.Random):
    # ---- what is done to a frame: each takes a bytearray, changes it or gives another one

    def flip(self, frame):
        for _ in range(1 << self.randrange(5)):
            frame[self.randrange(12, len(frame)) if self.random() < 0.9 else self.randrange(len(frame))] ^= 1 << self.randrange(8)

    def cut(self, frame):
        del frame[self.randrange(SHORTEST, len(frame) + 1):]

    def extend(self, frame):
        frame += self.randbytes(self.randrange(1, 200)) if self.random() < 0.5 else bytes(self.randrange(1, 1400))

    def lengths(self, frame):
        """Of the IP header and of what follows it."""
        if is_ip(frame, 4):
            at = self.choice((16, 16, 14 + header_bytes(frame) + 4))
            put16(frame, at, self.choice(EDGES))
            if self.random() < 0.3:
                frame[14] = 0x40 | self.randrange(16)
        elif is_ip(frame, 6):
            put16(frame, self.choice((18, 58)), self.choice(EDGES))
        elif len(frame) > 16:
            put16(frame, 12, self.randrange(1536))

    def data_offset(self, frame):
        """TCP's, and with it what are its options."""
        if is_ip(frame, 4) and len(frame) > 14 + header_bytes(frame) + 12:
            frame[14 + header_bytes(frame) + 12] = self.randrange(256)

    def options(self, frame):
        """IPv4's: right, wrong, endless; the header grows by them."""
        if not is_ip(frame, 4):
            return None
        size = 4 * self.randrange(1, 11)
        kind = self.choice((0, 1, 7, 68, 130, 131, 134, 136, 137, 148, self.randrange(256)))
        made = bytes((kind, self.choice((0, 1, 2, 3, 4, size, 255)), 4)) + self.randbytes(size)
        out = bytearray(frame[:34] + made[:size] + frame[34:])
        out[14] = 0x40 | (5 + size // 4)
        put16(out, 16, len(out) - 14)
        return out

    def extensions(self, frame):
        """IPv6's extension headers, one after the other, also where there may be none."""
        if not is_ip(frame, 6):
            return None
        out, behind = frame[:54], frame[54:]
        place, following = 20, frame[20]
        for _ in range(self.randrange(1, 9)):
            kind = self.choice((0, 43, 44, 51, 60, 135, 139, 140))
            out[place] = kind
            place = len(out)
            out += bytes((following, self.choice((0, 0, 0, 1, 255)))) + self.randbytes(6)
        out += behind
        put16(out, 18, len(out) - 54)
        return out

    def tags(self, frame):
        stack = b''.join(self.choice(TAGS) + self.randbytes(2) for _ in range(self.choice((1, 1, 2, 3, 9, 60))))
        return frame[:12] + stack + frame[12:]

    def fragment(self, frame):
        if is_ip(frame, 4):
            put16(frame, 18, self.randrange(64))
            put16(frame, 20, self.choice((0x2000, 0x2001, 0x1fff, 0x3fff, 0x8000, self.randrange(65536))))
            return None
        if not is_ip(frame, 6):
            return None
        head = bytes((frame[20], 0)) + struct.pack('>HI', self.randrange(65536), self.randrange(64))
        out = bytearray(frame[:54] + head + frame[54:])
        out[20] = 44
        put16(out, 18, len(out) - 54)
        return out

    def sum(self, frame):
        if is_ip(frame, 4):
            put16(frame, self.choice((24, 14 + header_bytes(frame) + 6, 14 + header_bytes(frame) + 16)), self.randrange(65536))

    def ether_type(self, frame):
        put16(frame, 12, self.choice(ETHER_TYPES))

    def protocol(self, frame):
        for version, place in ((4, 23), (6, 20)):
            if is_ip(frame, version):
                frame[place] = self.choice(PROTOCOLS)

    def nothing(self, frame):
        pass

    WAYS = (flip, flip, cut, extend, lengths, data_offset, options, extensions, tags, fragment, fragment, sum, ether_type, protocol,
            nothing)

    def address(self, frame, mac):
        """Most come to the appliance, and speak of who is there: else it would not look at them."""
        if self.random() < 0.85:
            frame[:6] = mac if self.random() < 0.9 else b'\xff' * 6
        if is_ip(frame, 4) and self.random() < 0.7:
            for at in (26, 30):
                frame[at:at + 4] = frames.address(self.choice(HOME))

    def frame(self, good, mac):
        out = bytearray(good[:LONGEST].ljust(SHORTEST, b'\0'))
        self.address(out, mac)
        for _ in range(self.choice((1, 1, 2, 4))):
            out = self.choice(self.WAYS)(self, out) or out
        if self.random() < 0.6:
            right_sum(out)
        return bytes(out[:LONGEST])

    # ---- a message of any protocol

    def message(self, good):
        out = bytearray(good or b'\0')
        for _ in range(self.choice((1, 1, 2, 5))):
            at, size = self.randrange(len(out)), self.randrange(1, 40)
            way = self.randrange(7)
            if way == 0:
                out[at] ^= 1 << self.randrange(8)
            elif way == 1:
                out[at:at + 2] = struct.pack('>H', self.choice(EDGES))
            elif way == 2:
                del out[at:at + size]
            elif way == 3:
                out[at:at] = self.randbytes(size)
            elif way == 4:
                out[at:at] = out[at:at + size] * self.randrange(1, 9)
            elif way == 5:
                del out[at:]
            else:
                out[at:at] = self.choice((b'\0', b'\r\n', b'\xff\xff\xff\xff', b'"', b'<', b'[' * 40, b'9' * 30, b'%s%n', b'\xc3('))
            out = out or bytearray(b'\0')
        return bytes(out)
