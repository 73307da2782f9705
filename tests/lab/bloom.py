"""bloom: the index's filters of addresses and ports, read by their description at the top of src/record/bloom.c and by nothing of the
product: keys of addresses, ports and Ethernet frames; is a key in a filter."""
import ipaddress
import struct

GOLDEN, ONES = 0x9e3779b97f4a7c15, 2**64 - 1
TAGS = {0x8100, 0x88a8, 0x9100}
WITH_PORTS = {6, 17, 132}


def mix(x):
    x &= ONES
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & ONES
    x = (x ^ x >> 27) * 0x94d049bb133111eb & ONES
    return x ^ x >> 31


def port_key(port):
    return 1 << 32 | port


def address_key(packed):
    """Of four bytes, or sixteen."""
    if len(packed) == 4:
        return 4 << 32 | int.from_bytes(packed, 'big')
    high, low = struct.unpack('>QQ', packed)
    return 1 << 63 | mix(high + GOLDEN) ^ mix(low)


def text_key(text):
    """Of an address as a text, or of a port's number."""
    return port_key(text) if isinstance(text, int) else address_key(ipaddress.ip_address(text).packed)


def bits_of(key, filter_bytes):
    hashes = [mix(key + n * GOLDEN) for n in (1, 2, 3)]
    numbers = [h >> shift for h in hashes for shift in (0, 18, 36)][:7]
    return [n % (8 * filter_bytes) for n in numbers]


def has(filter_, key):
    return all(filter_[n // 8] >> n % 8 & 1 for n in bits_of(key, len(filter_)))


def frame_keys(frame):
    """Every address and port that libpcap's `host` and `port` find in an Ethernet frame, behind two VLAN tags at most."""
    at = 12
    for _ in range(2):
        if frame[at:at + 2] and int.from_bytes(frame[at:at + 2], 'big') in TAGS:
            at += 4
    kind, body = int.from_bytes(frame[at:at + 2], 'big'), frame[at + 2:]
    if kind in (0x0806, 0x8035):
        parts, ports_at = [body[14:18], body[24:28]], None
    elif kind == 0x0800:
        parts, ports_at = [body[12:16], body[16:20]], None
        if len(body) > 9 and body[9] in WITH_PORTS and not int.from_bytes(body[6:8], 'big') & 0x1fff:
            ports_at = (body[0] & 15) * 4
    elif kind == 0x86dd:
        parts, ports_at = [body[8:24], body[24:40]], 40 if len(body) > 6 and body[6] in WITH_PORTS else None
    else:
        return set()
    keys = {address_key(p) for p in parts if len(p) == (16 if kind == 0x86dd else 4)}  # else the frame ends within it
    if ports_at is not None:
        found = [body[ports_at:ports_at + 2], body[ports_at + 2:ports_at + 4]]
        keys |= {port_key(int.from_bytes(p, 'big')) for p in found if len(p) == 2}
    return keys
