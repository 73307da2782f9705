"""evidence: the checks of object format 1, each on the objects of one boot (objects.Evidence), each an assertion with a clear text."""
import base64
import concurrent.futures
import datetime
import hashlib
import itertools
import os
import re
import struct
import subprocess

from . import aws, bloom, metadata, pcapfile
from .netns import command

META = ['format', 'first', 'last', 'records', 'bytes', 'lost', 'cut', 'filtered', 'prev', 'sha256', 'sig']
CONTEXT = {'sealtap-' + k for k in ('format', 'account', 'region', 'vpc', 'instance', 'appliance', 'boot', 'stream', 'keyseq', 'image',
                                    'config', 'pub')}
FRAME_RAW_MAX = 1 << 20
STRIDE = 65504
INDEX_MAGIC, SEEK_MAGIC, SEEK_FOOT, ZSTD_MAGIC = 0x184d2a53, 0x184d2a5e, 0x8f92eab1, 0xfd2fb528
# SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480): all but the point
SPKI = bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200')
ZEROS = '0' * 64
KINDS = {'log': ('log', 'jsonl'), 'flows': ('flows', 'jsonl')}  # of the streams that are not packets


def rfc3339_ns(text):
    """20260102T030405.123456789Z as ns since 1970."""
    moment = datetime.datetime.strptime(text[:15] + '+0000', '%Y%m%dT%H%M%S%z')
    return int(moment.timestamp()) * 10**9 + int(text[16:25])


def check_names(evidence):
    """Names follow the format, and numbers in each stream begin at 0 without holes."""
    for stream in evidence.streams():
        objects = evidence.stream(stream)
        assert [o.seq for o in objects] == list(range(len(objects))), f'{stream}: numbers {[o.seq for o in objects]}'
    assert len(evidence.boots()) == 1, 'more than one boot'
    for o in evidence.objects:
        p = o.part
        assert p['directory'] == aws.PREFIX and p['account'] == metadata.ACCOUNT and p['region'] == metadata.REGION, o.name
        assert (p['kind'], p['ext']) == (KINDS.get(o.stream, ('packets', 'pcapng'))), o.name
        assert p['date'] == '/'.join((p['start'][:4], p['start'][4:6], p['start'][6:8], p['start'][9:11])), o.name
        assert rfc3339_ns(p['start']) == int(o.meta['first']), f'{o.name}: starts at {o.meta["first"]}'


def check_free(evidence):
    """No object had to stand beside a name that was taken."""
    beside = [o.name for o in evidence.objects if o.part['again'] is not None]
    assert not beside, f'{beside} shipped beside taken names'


def check_metadata(evidence):
    """Each object carries all metadata, its hash and times are true, and no hash of plaintext stands outside the envelope."""
    for o in evidence.objects:
        assert sorted(o.meta) == sorted(META), f'{o.name}: {sorted(o.meta)}'
        assert o.meta['format'] == '1' and o.meta['sha256'] == o.sha256, o.name
        assert int(o.meta['first']) <= int(o.meta['last']), o.name
        assert int(o.meta['bytes']) == len(o.plain()), f'{o.name}: {o.meta["bytes"]} raw bytes, found {len(o.plain())}'
        if o.stream in KINDS:
            assert int(o.meta['records']) == len(o.lines()) - 1, f'{o.name}: {o.meta["records"]} records, {len(o.lines())} lines'
            continue
        frames = o.capture().frames
        assert int(o.meta['records']) == len(frames), f'{o.name}: {o.meta["records"]} records, found {len(frames)}'
        assert (int(o.meta['first']), int(o.meta['last'])) == (frames[0].ns, max(f.ns for f in frames)), o.name
        assert int(o.meta['cut']) == sum(len(f.data) < f.length for f in frames), o.name


def check_context(evidence):
    """The encryption context has exactly the format's keys, with the instance's own values."""
    for o in evidence.objects:
        c = {k: v for k, v in o.context.items() if not k.startswith('aws-crypto-')}
        assert set(c) == CONTEXT and len(o.context) == len(c), f'{o.name}: {sorted(o.context)}'
        want = {'format': '1', 'account': metadata.ACCOUNT, 'region': metadata.REGION, 'vpc': metadata.VPC, 'instance': metadata.INSTANCE,
                'appliance': o.part['appliance'], 'boot': o.part['boot'], 'stream': o.stream}
        for key, value in want.items():
            assert c['sealtap-' + key] == value, f'{o.name}: sealtap-{key} is {c["sealtap-" + key]}, not {value}'
        assert c['sealtap-keyseq'].isdigit() and len(c['sealtap-image']) == len(c['sealtap-config']) == 64, o.name
    lives = 1 + sum(e['died'] == 'keys' for e in evidence.events('role-died'))
    assert len({o.context['sealtap-pub'] for o in evidence.objects}) <= lives, 'more signing keys than processes that have one'


def check_config_hash(evidence, text):
    """The encryption context names the configuration by its hash."""
    want = hashlib.sha256(text.encode()).hexdigest()
    assert {o.context['sealtap-config'] for o in evidence.objects} == {want}, 'sealtap-config is another hash'


def check_signatures(evidence):
    """Every signature verifies with OpenSSL under the key in the encryption context; none is missing but where that key had died."""
    for o in evidence.objects:
        if o.meta['sig'] == 'none':
            assert o.context['sealtap-pub'] != evidence.stream('log')[-1].context['sealtap-pub'], f'{o.name} has no signature'
            continue
        name = o.name if o.part['again'] is None else o.name.replace(o.part['again'] + '.', '.', 1)  # signed under its own name
        text = f'name:{name}\n' + ''.join(f'{k}:{o.meta[k]}\n' for k in META[:-1])
        key, signature = o.path + '.pub', o.path + '.sig'
        with open(key, 'wb') as f:
            f.write(SPKI + base64.b64decode(o.context['sealtap-pub'], validate=True))
        with open(signature, 'wb') as f:
            f.write(base64.b64decode(o.meta['sig'], validate=True))
        command('openssl', 'dgst', '-sha256', '-keyform', 'DER', '-verify', key, '-signature', signature, text_in=text)
        os.unlink(key)
        os.unlink(signature)


def chain_inside(o):
    """What an object says inside of its envelope about its place in the chain: {seq, prev, prev_sig, boot, stream}."""
    if o.stream in KINDS:
        first = o.lines()[0]
        assert first['event'] == 'object', f'{o.name}: begins with the event {first["event"]}'
        return {k: str(first[k]) for k in ('seq', 'prev', 'prev_sig', 'boot', 'stream', 'appliance')}
    comment = o.capture().section_options[0][1].decode()
    return dict(line.split('=', 1) for line in comment.splitlines())


def check_chain(evidence):
    """Each object repeats its predecessor's hash, outside and inside, and its predecessor's signature inside."""
    for stream in evidence.streams():
        prev, signature = ZEROS, ''
        for o in evidence.stream(stream):
            inside = chain_inside(o)
            assert o.meta['prev'] == inside['prev'] == prev, f'{o.name}: prev {o.meta["prev"]} / {inside["prev"]}, not {prev}'
            assert inside['prev_sig'] == signature, f'{o.name}: the signature inside is not its predecessor\'s'
            assert (inside['boot'], inside['stream'], int(inside['seq'])) == (o.part['boot'], stream, o.seq), o.name
            prev, signature = o.sha256, o.meta['sig']


def skippable_frames(data):
    """[(offset, magic, content)] of the skippable frames at the end of a zstd stream, found from the seek table backwards."""
    frames, (count, descriptor, magic) = [], struct.unpack('<IBI', data[-9:])
    assert magic == SEEK_FOOT and descriptor == 0, 'the stream does not end in a zstd seek table'
    at = len(data) - (8 + count * 8 + 9)
    assert struct.unpack('<II', data[at:at + 8]) == (SEEK_MAGIC, count * 8 + 9), 'the seek table\'s head is wrong'
    frames.append((at, SEEK_MAGIC, data[at + 8:]))
    table = [struct.unpack('<II', data[at + 8 + 8 * i:at + 16 + 8 * i]) for i in range(count)]
    index_at = at - table[-1][0]
    magic, length = struct.unpack('<II', data[index_at:index_at + 8])
    assert (magic, length + 8) == (INDEX_MAGIC, table[-1][0]), 'the index does not stand before the seek table'
    return table, data[index_at + 8:at]


def record_times(o):
    """ns of each record of an object, in order."""
    if o.stream not in KINDS:
        return [f.ns for f in o.capture().frames]
    return [rfc3339_ns(re.sub('[-:]', '', line['time'])) for line in o.lines()[1:]]


def decompress(data):
    return subprocess.run(['zstd', '-d', '-q', '-c'], input=data, stdout=subprocess.PIPE, check=True).stdout


def line_keys(line):
    """Every address and port in a record of the flows stream."""
    sides = [line.get('orig'), line.get('reply'), line]
    found = [side[key] for side in sides if side for key in ('src', 'dst', 'sport', 'dport') if key in side]
    return {bloom.text_key(v) for v in found + line.get('sources', [])}


def record_keys(o):
    """The addresses and ports of each record of an object, in order, as keys of the index's filters; None: its filters have none."""
    if o.stream == 'log':
        return None
    return [bloom.frame_keys(f.data) for f in o.capture().frames] if o.stream not in KINDS else [line_keys(line) for line in o.lines()[1:]]


STRANGERS = [bloom.text_key(f'192.0.2.{i}') for i in range(256)]  # TEST-NET-1: no lab uses it


def check_filter(o, i, filter_, keys):
    """A frame's filter has every key of its records, and is at most half full. (keys asked for, found) of those that are not there."""
    missing = [f'{k:#x}' for k in keys if not bloom.has(filter_, k)]
    assert not missing, f'{o.name}: the filter of frame {i} lacks {missing[:5]}'
    full = sum(b.bit_count() for b in filter_) / (8 * len(filter_))
    assert full <= 0.5 and len(filter_).bit_count() == 1 and 8 <= len(filter_) <= 32768, f'{o.name}: filter of frame {i}: {full:.0%} full'
    absent = [k for k in STRANGERS if k not in keys]
    return len(absent), sum(bloom.has(filter_, k) for k in absent)


def check_index(evidence):
    """Index and seek table lead to every frame: each opens alone; its filter has its records' addresses and ports, 1 in 128 of others."""
    asked = found = 0
    for o in evidence.objects:
        if o.part['torn']:
            continue
        with open(o.path + '.opened', 'rb') as f:
            data = f.read()
        plain = o.plain()
        table, index = skippable_frames(data)
        name, version, entry, count, raw_bytes, zstd_bytes = struct.unpack('<16sHHIQQ', index[:40])
        assert (name.rstrip(b'\0'), version, entry, count) == (b'sealtap-index', 2, 64, len(table) - 1), f'{o.name}: {index[:40]}'
        assert raw_bytes == len(plain) and zstd_bytes == sum(z for z, _ in table[:-1]), o.name
        raw_at = zstd_at = records = filter_at = 0
        times, keys, filters = record_times(o), record_keys(o), index[40 + count * 64:]
        for i in range(count):
            e = struct.unpack('<6QIIII', index[40 + i * 64:104 + i * 64])
            first_ns, last_ns, first_block, last_block, raw_offset, zstd_offset, n, raw, filter_offset, filter_bytes = e
            assert (raw_offset, zstd_offset, raw) == (raw_at, zstd_at, table[i][1]), f'{o.name}: frame {i}'
            assert first_ns <= last_ns and first_block <= last_block and raw <= FRAME_RAW_MAX, f'{o.name}: frame {i}: {e}'
            mine = times[records:records + n]
            assert not mine or (first_ns, last_ns) == (min(mine), max(mine)), f'{o.name}: frame {i} is not of {first_ns}..{last_ns}'
            frame = data[zstd_at:zstd_at + table[i][0]]
            assert struct.unpack('<I', frame[:4])[0] == ZSTD_MAGIC and frame[4] & 4, f'{o.name}: frame {i} has no checksum'
            assert (filter_offset, filter_bytes > 0) == (filter_at, keys is not None), f'{o.name}: frame {i}: filter'
            if keys is not None:
                here = set().union(*keys[records:records + n])
                more = check_filter(o, i, filters[filter_at:filter_at + filter_bytes], here)
                asked, found = asked + more[0], found + more[1]
            assert decompress(frame) == plain[raw_at:raw_at + raw], f'{o.name}: frame {i} is another'
            raw_at, zstd_at, records, filter_at = raw_at + raw, zstd_at + table[i][0], records + n, filter_at + filter_bytes
        assert records == int(o.meta['records']), f'{o.name}: {records} records in the index'
        assert filter_at == len(filters), f'{o.name}: {len(filters) - filter_at} bytes behind the filters'
    assert found <= asked / 128 + 5 * (asked / 128) ** 0.5, f'{found} of {asked} addresses that are not there were found in filters'


def body_at(data):
    """Where the first frame of a message stands."""
    at = 35 + 2 + struct.unpack('>H', data[35:37])[0] + 2
    for _ in range(3):
        at += 2 + struct.unpack('>H', data[at:at + 2])[0]
    return at + 5 + 32 + 16


def vectors(data):
    """The initialisation vector of each frame of a message."""
    at, found = body_at(data), []
    while data[at:at + 4] != b'\xff\xff\xff\xff':
        found.append(data[at + 4:at + 16])
        at += 16 + STRIDE + 16
    return found + [data[at + 8:at + 20]]


def check_envelope(evidence):
    """Each object is one message of the Encryption SDK with frames of 65,504 bytes, one data key, and IVs counted from 1."""
    for o in evidence.objects:
        with open(o.path, 'rb') as f:
            data = f.read()
        assert data[:3] == b'\x02\x04\x78', f'{o.name}: not a message of suite 0x0478'
        at = 35 + 2 + struct.unpack('>H', data[35:37])[0]
        assert struct.unpack('>H', data[at:at + 2])[0] == 1, f'{o.name}: not one data key'
        at += 2
        for _ in range(3):
            at += 2 + struct.unpack('>H', data[at:at + 2])[0]
        assert struct.unpack('>BI', data[at:at + 5]) == (2, STRIDE), f'{o.name}: frame length {data[at:at + 5].hex()}'
        at += 5 + 32 + 16
        number = 1
        while data[at:at + 4] != b'\xff\xff\xff\xff':
            assert struct.unpack('>I8xI', data[at:at + 16]) == (number, number), f'{o.name}: frame {number}: {data[at:at + 16].hex()}'
            assert data[at + 4:at + 12] == bytes(8), f'{o.name}: frame {number}: IV {data[at + 4:at + 16].hex()}'
            at, number = at + 16 + STRIDE + 16, number + 1
        sequence, high, low, length = struct.unpack('>IQII', data[at + 4:at + 24])
        torn = high >> 32 == 0x80000000 and high & 0xffffffff > 0  # a provisional frame's: no regular frame has such an IV
        assert (sequence, low) == (number, number) and (torn if o.part['torn'] else high == 0), f'{o.name}: IV of the final frame'
        assert at + 24 + length + 16 == len(data), f'{o.name}: final frame'


def check_log(evidence):
    """The log stream begins with the boot, ends with the shutdown, and lists every object shipped before its last."""
    events = evidence.events()
    assert events[0]['event'] == 'object' and events[-1]['event'] == 'shutdown', [e['event'] for e in events]
    assert any(e['event'] == 'boot' for e in evidence.stream('log')[0].lines()), 'the first object has no boot event'
    listed = {e['name']: e for e in evidence.events('shipped')}
    last_log = evidence.stream('log')[-1].name
    for o in evidence.objects:
        if o.name == last_log:
            continue
        assert o.name in listed, f'{o.name} is not in the inventory'
        entry = listed.pop(o.name)
        assert (entry['size'], entry['sha256'], entry['sig']) == (o.size, o.sha256, o.meta['sig']), f'{o.name}: {entry}'
    assert not listed, f'the inventory lists what is not there: {sorted(listed)}'


def check_books(evidence):
    """The books balance to the packet: what the links counted is what was recorded, lost and filtered; nothing is unattributed."""
    books, = evidence.events('books')
    accounted = books['recorded'] + books['lost'] + books['filtered']
    assert books['unattributed'] == books['surplus'] == 0 and 0 < books['arrived_least'] <= accounted <= books['arrived_most'], books
    assert books['recorded'] == sum(int(o.meta['records']) for o in evidence.packets()), books


def check_clock(evidence):
    """Each object says which clock stamped it, how wrong that may be, and whether it smears; with NTP the bound is a number."""
    for o in evidence.objects:
        inside = o.lines()[0] if o.stream in KINDS else chain_inside(o)
        source, error_ns, smeared = (inside[key] for key in ('clock', 'clock_error_ns', 'clock_smeared'))
        if source == 'unsynchronised':
            assert (error_ns, smeared) == ('unknown', 'unknown'), f'{o.name}: {error_ns}, {smeared}'
        else:
            assert re.fullmatch(r'ntp:[0-9a-f.:]+', source) and error_ns.isdigit() and smeared in ('yes', 'unknown'), \
                f'{o.name}: clock {source}, error {error_ns}, smeared {smeared}'
    assert evidence.events('clock'), 'the log says nothing of the clock'


def check_pcapng(evidence):
    """Recordings are one little-endian Ethernet section with nanoseconds; each packet has direction, number, queue and drop count."""
    allowed = {pcapfile.SECTION, pcapfile.INTERFACE, pcapfile.PACKET, pcapfile.STATISTICS}
    for stream in evidence.streams():
        number = 0
        before = None
        for o in evidence.stream(stream):
            if stream in KINDS:
                continue
            c = o.capture()
            # a loss at the end of an object is told by the packet that follows it
            lost, before = int(o.meta['lost']) + int(before.meta['lost'] if before else 0), o
            assert c.note is None and len(c.section_options) == 1 and c.block_types <= allowed, f'{o.name}: {c.note} {c.block_types}'
            assert o.plain()[8:12] == b'\x4d\x3c\x2b\x1a' and {1, 2, 3, 4} <= set(c.section_options[0]), o.name
            assert [i.options[3].split()[0] for i in c.interfaces] == [b'outside', b'inside'], o.name
            for i in c.interfaces:
                assert i.link_type == pcapfile.ETHERNET and i.options[9] == b'\x09' and i.snaplen == 262144, o.name
                assert i.statistics or o.part['torn'], o.name
            for f in c.frames:
                flags, drops, packet_id, queue = (int.from_bytes(f.options[code], 'little') for code in (2, 4, 5, 6))
                assert (flags, packet_id, f'w{queue}') == (1, number, stream), f'{o.name}: packet {number}: {f.options}'
                assert (7 in f.options) == (len(f.data) < f.length), f'{o.name}: packet {number}: verdict'
                assert drops == 0 or lost, f'{o.name}: packet {number} tells of {drops} lost'
                number += 1


def check_statistics(evidence):
    """Each recording's interface statistics agree with its metadata: recorded, lost and filtered, and together they are what came."""
    for stream in evidence.streams():
        before, records = [0, 0], 0
        for o in evidence.stream(stream) if stream not in KINDS else ():
            if o.part['torn']:  # its last statistics may be missing: what it says of itself stands in for them
                records += int(o.meta['records'])
                before = [before[0] + int(o.meta['lost']), before[1] + int(o.meta['filtered'])]
                continue
            interfaces = [[int.from_bytes(i.statistics[code], 'little') for code in (4, 6, 7, 8)] for i in o.capture().interfaces]
            for received, accepted, dropped, delivered in interfaces:
                assert accepted == dropped + delivered <= received, f'{o.name}: {interfaces}'
            received, accepted, dropped, delivered = map(sum, zip(*interfaces))
            records += int(o.meta['records'])
            assert delivered == records, f'{o.name}: {delivered} delivered, {records} records'
            now = [dropped, received - accepted]
            grown = [n - b for n, b in zip(now, before)]
            assert grown == [int(o.meta['lost']), int(o.meta['filtered'])], f'{o.name}: {grown} lost and filtered'
            before = now


def check_readers(evidence):
    """tshark and tcpdump read every recording to its end without a warning."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda pair: check_reader(*pair), itertools.product(evidence.packets(), READERS)))


READERS = ('tshark', '-n', '-T', 'fields', '-e', 'frame.number', '-r'), ('tcpdump', '-n', '-t', '-r')


def check_reader(o, reader):
    done = subprocess.run([*reader, o.path + '.plain'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith(('reading from file', 'Running as user "root"'))]
    assert done.returncode == 0 and not said, f'{reader[0]} on {o.name}: {said}'
    if reader[0] == 'tshark':
        count = len(done.stdout.split())
        assert count == int(o.meta['records']), f'tshark sees {count} of {o.meta["records"]} packets in {o.name}'


CHECKS = [check_names, check_free, check_metadata, check_context, check_signatures, check_chain, check_envelope, check_index, check_log,
          check_books, check_clock, check_pcapng, check_statistics, check_readers]
