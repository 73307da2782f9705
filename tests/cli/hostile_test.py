#!/usr/bin/env python3
"""hostile_test.py [-k PATTERN]: `sealtap open` of what somebody else has made: who may write to the bucket, who has a data key, who answers
in S3's place; and of files that were renamed or are named twice. Nothing is lost without a word, nothing is called damaged that is not.
"""
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import forger, operatorlab, testing  # noqa: E402

report, packets = testing.report(), operatorlab.packets
S = 10**9


def recorded(*objects):
    return sorted((f.ns, f.data) for o in objects for f in o.capture().frames)


def folder(life):
    return tempfile.mkdtemp(dir=life.lab.folder)


def write(path, data):
    with open(path, 'wb') as f:
        f.write(data)
    return path


def name_of(o, boot=None):
    name = os.path.basename(o.name)
    return name.replace(o.name.split('-w')[0][-16:], f'{boot:016x}') if boot is not None else name


def file_of(life):
    return f'{folder(life)}/{name_of(life.packets()[0])}'


# ---- recordings that are made here

def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack('<II', kind, len(body) + 12) + body + struct.pack('<I', len(body) + 12)


def head():
    return (block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1))
            + block(1, struct.pack('<HHI', 1, 0, 262144) + struct.pack('<HHB3xHH', 9, 1, 9, 0, 0)))


def packet(ns, data):
    return block(6, struct.pack('<IIIII', 0, ns >> 32, ns & 0xffffffff, len(data), len(data)) + data)


def zstd(raw):
    return subprocess.run(['zstd', '-q', '-c', '--check'], input=raw, stdout=subprocess.PIPE, check=True).stdout


def sealed(life, *frames, index=False):
    """The body of a torn object with these zstd frames (or with index and seek table), under the data key of a recorded one."""
    model = life.packets()[0]
    content = b''.join(zstd(f) for f in frames)
    if index:
        content += index_of(frames)
    return forger.seal(content, forger.data_key(life.lab, model.body(), life.contexts[model.path]), model.body())


def index_of(frames):
    """Index of version 1 and seek table."""
    raw = at = 0
    entries = seek = b''
    for f in frames:
        n = len(zstd(f))
        entries += struct.pack('<QQQQQQII', 0, 1 << 62, 0, 0, raw, at, 1, len(f))
        seek += struct.pack('<II', n, len(f))
        raw, at = raw + len(f), at + n
    content = b'sealtap-index\0\0\0' + struct.pack('<HHIQQ', 1, 56, len(frames), raw, at) + entries
    seek += struct.pack('<II', len(content) + 8, 0) + struct.pack('<IBI', len(frames) + 1, 0, 0x8f92eab1)
    return struct.pack('<II', 0x184d2a53, len(content)) + content + struct.pack('<II', 0x184d2a5e, len(seek)) + seek


# ---- files

def a_file_opens_whatever_its_name(world):
    """Files under names of one's own open, several at once and beside one that kept its name, within a window of time, too."""
    life, bucket = world
    here, some = folder(life), life.packets()
    paths = [shutil.copy(o.path, f'{here}/{n}.evidence') for n, o in enumerate(some[:5])]
    done = bucket.sealtap('open', *paths, some[5].path)
    assert done.status == 0 and sorted(packets(done.out)) == recorded(*some[:6]), f'{done.status} {done.err}'
    since = some[2].capture().frames[3].ns
    done = bucket.sealtap('open', '--from', time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(since // S)) + f'.{since % S:09d}Z', paths[2])
    assert done.status == 0 and sorted(packets(done.out)) == [p for p in recorded(some[2]) if p[0] >= since], done.err


def what_is_no_object_is_no_damage(world):
    """A file that is no object, and a pipe, are not called damage; what was an object of ours is."""
    life, bucket = world
    here = folder(life)
    os.mkfifo(here + '/pipe')
    done = bucket.sealtap('open', write(here + '/notes.pcapng', head()))
    assert done.status == 66 and 'not a sealed object' in done.err, done
    done = bucket.sealtap('open', here + '/pipe')
    assert done.status == 66 and 'neither file nor folder' in done.err, done
    done = bucket.sealtap('open', write(file_of(life), head()))
    assert done.status == 2 and 'not a sealed object' in done.err, 'one of ours that is none any more is damaged'


def what_is_read_is_never_overwritten(world):
    life, bucket = world
    o, here = life.packets()[0], folder(life)
    path, old = shutil.copy(o.path, f'{here}/{name_of(o)}'), write(f'{here}/old.pcapng', b'old')
    os.link(path, here + '/other.pcapng')
    for out in (path, here + '/other.pcapng'):
        done = bucket.sealtap('open', path, '-w', out)
        assert done.status == 64 and 'would be lost' in done.err and os.path.getsize(path) == len(o.body()), done
    assert bucket.sealtap('open', path, '-w', old, '--keylog', here + '/none').status == 66
    assert bucket.sealtap('open', path, '-w', old, '--keylog', old).status == 64
    with open(old, 'rb') as f:
        assert f.read() == b'old'


def names_are_shown_in_visible_characters(world):
    life, bucket = world
    o, here = life.packets()[0], folder(life) + '/\x1b[31m'
    os.mkdir(here)
    done = bucket.sealtap('open', write(f'{here}/{name_of(o)}', o.body()[:-5]))
    assert done.status == 2 and '\x1b' not in done.err and name_of(o) in done.err, repr(done.err)
    cut, none = f'{here}/{name_of(o)}', f'{here}/none'
    for args in (['open', none], ['decrypt', cut], ['decrypt', none], ['decrypt', '--show-edk', cut], ['salvage', cut, here],
                 ['salvage', none, here], ['check-config', none], ['open', '--key', none, cut], ['open', '-w', here, cut],
                 ['fetch', '--from', '-1d', '-d', none + '/none'], ['--extcap-interface', 'sealtap-open', '--capture', '--fifo', here]):
        done = bucket.sealtap(*args)
        assert '\x1b' not in done.err and b'\x1b[31m' not in done.out, f'{args} {done.err!r}'
        assert '?[31m' in done.err + done.out.decode(errors='replace'), f'{args} {done.err!r}'


def a_key_file_of_other_objects_is_no_damage(world):
    life, bucket = world
    done = bucket.sealtap('open', '--key', write(folder(life) + '/key', b'11' * 32), life.packets()[0].path)
    assert done.status == 77 and 'is not the key of this object' in done.err, done


# ---- who may write to the bucket

def objects_that_are_none_of_ours_keep_no_other_back(world):
    """Objects in our names that no key opens, however many stand before them, keep none of ours back."""
    life, bucket = world
    o, here = life.packets()[0], folder(life)
    for n in range(6):
        write(f'{here}/{name_of(o, n)}', o.body().replace(b'aws-kms', b'aws-kmx', 1))
    good = life.packets()[-1]
    shutil.copy(good.path, here)
    done = bucket.sealtap('open', here)
    assert done.status == 1 and sorted(packets(done.out)) == recorded(good), f'{done.status} {done.err}'


def objects_that_are_denied_keep_no_other_back(world):
    """Objects in our names that are denied, by KMS or S3, however many stand before, keep none of ours back; KMS is asked once a key."""
    life, _ = world
    bucket, good = life.lab.bucket(), life.packets()[-1]
    log = [o for o in life.objects if o.kind == 'log'][-1]
    own = life.lab.key_arn.rpartition('/')[2].encode()
    keys = [b'%08x' % n + own[8:] for n in range(15)]
    for o in (good, log):
        first = re.sub(r'T(\d\d)\d{4}\.', r'T\g<1>0000.', os.path.basename(o.name))
        for n in range(60):
            body = o.body().replace(own, keys[n % 15]) if n % 2 else o.body()
            bucket.put(f'{os.path.dirname(o.name)}/{first.replace(life.boot, f"{n:016x}")}', body, o.meta)
        bucket.put(o.name, o.body(), o.meta)
    asked = []

    def rule(r):
        if r.action == 'Decrypt' and json.loads(r.body)['KeyId'] != life.lab.key_arn:
            asked.append(r.body)
            return 400, b'{"__type":"AccessDeniedException","Message":"not you"}', {'Content-Type': 'application/x-amz-json-1.1'}
        if r.method == 'GET' and 'range' in r.headers and any(f'-{n:016x}-' in r.path for n in range(0, 60, 2)):
            return 403, b'<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
    bucket.lab.front.rule = rule
    try:
        opened, told = bucket.sealtap('open'), bucket.sealtap('logs')
    finally:
        bucket.lab.front.rule = None
    assert opened.status == 1 and sorted(packets(opened.out)) == recorded(good), f'{opened.status} {opened.err[-500:]}'
    assert told.status == 1 and len(told.out.splitlines()) == len(log.lines()), f'{told.status} {told.err[-500:]}'
    assert len(asked) == 30, 'fifteen keys, packets and log'


def an_object_that_was_taken_away_is_missed(world):
    """An object that is not in the bucket any more is missed by its number: status 1, and the receipt is not of all."""
    life, _ = world
    bucket, some = life.lab.bucket(), [o for o in life.packets() if o.stream == 'w0'][:4]
    assert len(some) == 4
    for o in some:
        bucket.put(o.name, o.body(), o.meta)
    bucket.delete(some[1].name)
    path = folder(life) + '/export.pcapng'
    done = bucket.sealtap('open', '--case', 'A-2', '-w', path)
    assert done.status == 1 and f'1 before {some[2].name}' in done.err, f'{done.status} {done.err}'
    with open(path + '.receipt.json') as f:
        assert json.load(f)['complete'] is False
    later = some[2].capture().frames[5].ns
    done = bucket.sealtap('open', '--from', time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(later // S + 1)) + 'Z')
    assert done.status == 0 and not done.err, 'it is before the window'


def an_object_under_the_name_of_another_is_told_of(world):
    """An object that was copied to the name of another boot or appliance is said to be another's."""
    life, _ = world
    bucket, o = life.lab.bucket(), life.packets()[0]
    names = [o.name, o.name.replace(operatorlab.APPLIANCE, 'tap-2'), os.path.dirname(o.name) + '/' + name_of(o, 7)]
    for name in names:
        bucket.put(name, o.body(), o.meta)
    done = bucket.sealtap('open')
    told = [line for line in done.err.splitlines() if 'than its name' in line]
    assert len(told) == 2 and all(any(name in line for line in told) for name in names[1:]), done.err


def a_receipt_knows_an_object_that_was_overwritten(world):
    """An object that takes a name while the export is written is not told as the one that was read."""
    life, _ = world
    bucket, some = life.lab.bucket(), life.packets()[:2]
    for o in some:
        bucket.put(o.name, o.body(), o.meta)
    path = folder(life) + '/export.pcapng'

    def rule(request):
        if request.method == 'HEAD' and request.path.endswith(some[0].name):
            bucket.lab.front.rule = None
            bucket.put(some[0].name, some[1].body(), some[1].meta)
    bucket.lab.front.rule = rule
    try:
        done = bucket.sealtap('open', '--case', 'A-1', '-w', path)
    finally:
        bucket.lab.front.rule = None
    assert done.status == 0, done.err
    with open(path + '.receipt.json') as f:
        first, second = json.load(f)['objects']
    assert 'sha256' not in first and 'another object' in first['metadata'] and second['sha256'] == some[1].meta['sealtap-sha256'], first


# ---- who answers in S3's place

def answers_of_other_bytes_are_no_damage(world):
    """An answer that is not the part that was asked for costs that object, and is not called damage: status 1."""
    life, bucket = world
    victim = life.packets()[0]
    for answer in (lambda length: (200, victim.body()), lambda length: (200, bytes(length)), lambda length: (206, bytes(length + 1))):
        def rule(r, answer=answer):
            if r.method == 'GET' and r.path.endswith(victim.name):
                first, last = map(int, r.headers['range'].removeprefix('bytes=').split('-'))
                return answer(last - first + 1)
        bucket.lab.front.rule = rule
        try:
            done = bucket.sealtap('open')
        finally:
            bucket.lab.front.rule = None
        assert done.status == 1 and victim.name in done.err, f'{done.status} {done.err}'
        assert sorted(packets(done.out)) == recorded(*(o for o in life.packets() if o is not victim))


def an_object_that_changes_while_it_is_read_is_no_damage(world):
    """Ranges of another object, by their ETag, in the middle of one, are said to be that, and are not called damage: status 1."""
    life, bucket = world
    victim, other = sorted(life.packets(), key=lambda o: -len(o.body()))[:2]

    def rule(r):
        if r.method == 'GET' and r.path.endswith(victim.name) and 'if-match' in r.headers:
            first, last = map(int, r.headers['range'].removeprefix('bytes=').split('-'))
            return 206, (other.body() + bytes(last))[first:last + 1], {'ETag': '"another"'}
    bucket.lab.front.rule = rule
    try:
        done = bucket.sealtap('open')
    finally:
        bucket.lab.front.rule = None
    assert done.status == 1 and 'has become another object' in done.err and 'authenticate' not in done.err, f'{done.status} {done.err}'
    assert set(packets(done.out)) >= set(recorded(*(o for o in life.packets() if o is not victim)))


def ctrl_c_is_heard_while_nobody_answers(world):
    """One Ctrl-C ends it with a whole capture while S3 is silent or busy, or where nobody reads the FIFO that it would write."""
    life, bucket = world
    silent, last = threading.Event(), max(life.packets(), key=lambda o: o.number('first')).name
    busy = b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
    path, fifo = folder(life) + '/some.pcapng', folder(life) + '/fifo'
    os.mkfifo(fifo)
    for answer, out in ((lambda: silent.wait(60) and None, path), (lambda: (503, busy), path), (lambda: None, fifo)):
        bucket.lab.front.forget()
        bucket.lab.front.rule = lambda r, answer=answer: answer() if r.method == 'GET' and r.path.endswith(last) else None
        child = bucket.start('open', '-w', out)
        try:
            end = time.monotonic() + 30
            while out == path and not any(r.path.endswith(last) for r in bucket.lab.front.requests) and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
            child.send_signal(signal.SIGINT)
            assert child.wait(30) == 130, child.stderr.read()
        finally:
            child.kill()
            silent.set()
            bucket.lab.front.rule = None
        if out == path:
            with open(path, 'rb') as f:
                packets(f.read())


# ---- who has a data key; torn objects

def a_damaged_first_frame_costs_that_frame(world):
    """Where the frame is damaged that describes the interfaces, the packets of all others are written."""
    life, bucket = world
    body = bytearray(life.packets()[0].body())
    body[1500] ^= 1
    done = bucket.sealtap('open', write(file_of(life), body))
    got, whole = packets(done.out), recorded(life.packets()[0])
    assert done.status == 2 and len(whole) > len(got) > len(whole) / 2 and set(got) <= set(whole), f'{len(got)} of {len(whole)}'
    assert done.err.count('frame 1 does not authenticate') == 1, done.err


def a_clock_that_was_set_back_hides_nothing(world):
    """Packets of a window are found in the object before as well, where the clock was set back behind it."""
    life, bucket = world
    here, first = folder(life), (int(time.time()) - 3600) * S
    times = [[first + (60 * n - 40 * (n > 3) + s) * S for s in (0, 20, 59)] for n in range(8)]  # it is set back by 40 s behind the fourth
    frames = {ns: packet(ns, bytes(60)) for part in times for ns in part}
    for n, part in enumerate(times):
        start = time.strftime('%Y%m%dT%H%M%S', time.gmtime(part[0] // S))
        name = f'{start}.000000000Z-{0x9e:016x}-w0-{n:08d}.pcapng.zst.encrypted'
        write(f'{here}/{name}', sealed(life, head() + b''.join(map(frames.get, part))))
    for begin, end in ((first + 230 * S, first + 250 * S), (first + 190 * S, first + 205 * S), (first + 200 * S, first + 261 * S)):
        window = [f'{time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // S))}.{ns % S:09d}Z' for ns in (begin, end)]
        done = bucket.sealtap('open', '--from', window[0], '--to', window[1], here)
        wanted = sorted(ns for part in times for ns in part if begin <= ns < end)
        assert done.status == 0 and sorted(ns for ns, _ in packets(done.out)) == wanted and wanted, f'{window}: {done.err}'


def a_torn_object_of_noise_opens(world):
    """Frames that don't compress, as large as frames get, open without an index, too."""
    life, bucket = world
    noise = random.Random(5)
    frames, number = [head() + packet(0, noise.randbytes(9000))], 1
    for _ in range(3):
        raw = b''
        while len(raw) + 9100 < 1 << 20:
            raw += packet(number, noise.randbytes(9000))
            number += 1
        frames.append(raw)
    done = bucket.sealtap('open', write(file_of(life), sealed(life, *frames)))
    assert done.status == 0 and len(packets(done.out)) == number, f'{done.status} {done.err}'


def an_empty_frame_hides_nothing_behind_it(world):
    life, bucket = world
    frames = head() + packet(1, b'first' * 20), b'', packet(2, b'second' * 20)
    for index, found in ((True, 2), (False, 1)):
        done = bucket.sealtap('open', write(file_of(life), sealed(life, *frames, index=index)))
        assert done.status == 2 and len(packets(done.out)) == found and 'zstd frame 2' in done.err, f'{done.status} {done.err}'


def redacted_packets_hold_no_payload(world):
    """--redact headers leaves no payload: not of fragments, tunnels, tags, extension headers, nor of transports that are not known."""
    life, bucket = world
    secret = b'SECRET' * 30
    four = lambda what, cut=0: struct.pack('>BBHHHBBHII', 0x45, 0, 200, 1, cut, 64, what, 0, 0x0a000001, 0x0a000002)  # noqa: E731
    six = lambda protocol: struct.pack('>IHBB', 6 << 28, 200, protocol, 64) + bytes(32)  # noqa: E731
    udp, tcp = struct.pack('>HHHH', 4000, 4789, 180, 0), struct.pack('>HHIIBBHHH', 1, 2, 3, 4, 0x50, 2, 5, 0, 0)
    inside = bytes(12) + b'\x08\0' + four(17) + udp
    datagrams = [(0x0800, four(253)), (0x0800, four(17, 64)), (0x0800, four(17) + udp), (0x0800, four(6) + tcp),
                 (0x0800, four(1) + bytes(8)), (0x0800, four(17) + udp + bytes(8) + inside), (0x0800, four(4) + four(17) + udp),
                 (0x86dd, six(59)), (0x86dd, six(44) + struct.pack('>BBHI', 17, 0, 64, 1)), (0x86dd, six(60) + bytes([99, 0]) + bytes(6)),
                 (0x86dd, six(0) + bytes([6, 0]) + bytes(6) + tcp), (0x86dd, six(51) + bytes([17, 4]) + bytes(22) + udp),
                 (0x8100, b'\0\x05\x08\0' + four(253)), (0x9100, b'\0\x05\x08\0' + four(17) + udp),
                 (0x8847, b'\0\x01\x01\x40'), (0x1234, b'')]
    frames = [bytes(12) + struct.pack('>H', kind) + data + secret for kind, data in datagrams]
    path = write(file_of(life), sealed(life, head() + b''.join(packet(n, f) for n, f in enumerate(frames))))
    for form in ([], ['--pcap']):
        done = bucket.sealtap('open', '--redact', 'headers', *form, path)
        leaks = [f'{datagrams[n][0]:x} {f.hex()}' for n, f in packets(done.out) if b'SEC' in f]
        assert done.status == 0 and len(packets(done.out)) == len(frames) and not leaks, leaks
    assert bucket.sealtap('open', '--redact', 'headers', '--keylog', path, path).status == 64


def packets_without_room_for_their_interface_are_counted(world):
    """Of more interfaces than a capture holds, those that are left out are counted, and the status is 1; the old format holds them all."""
    life, bucket = world
    here, body, count = folder(life), sealed(life, head() + packet(7, bytes(60))), 4100
    first = int(time.time()) - 86400 * 365
    for n in range(count):  # one after the other
        start = time.strftime('%Y%m%dT%H%M%S', time.gmtime(first + n * 7200))
        write(f'{here}/{start}.000000000Z-{n:016x}-w0-00000000.pcapng.zst.encrypted', body)
    done = bucket.sealtap('open', here)
    assert done.status == 1 and f'{count - 4096} packets were left out' in done.err and len(packets(done.out)) == 4096, done.err[-500:]
    done = bucket.sealtap('open', '--pcap', here)
    assert done.status == 0 and len(packets(done.out)) == count, done.err[-500:]


CHECKS = [a_file_opens_whatever_its_name, what_is_no_object_is_no_damage, what_is_read_is_never_overwritten,
          names_are_shown_in_visible_characters, a_key_file_of_other_objects_is_no_damage,
          objects_that_are_none_of_ours_keep_no_other_back, objects_that_are_denied_keep_no_other_back,
          an_object_that_was_taken_away_is_missed,
          an_object_under_the_name_of_another_is_told_of,
          a_receipt_knows_an_object_that_was_overwritten, answers_of_other_bytes_are_no_damage,
          an_object_that_changes_while_it_is_read_is_no_damage, ctrl_c_is_heard_while_nobody_answers,
          a_damaged_first_frame_costs_that_frame, a_clock_that_was_set_back_hides_nothing, a_torn_object_of_noise_opens,
          an_empty_frame_hides_nothing_behind_it, redacted_packets_hold_no_payload, packets_without_room_for_their_interface_are_counted]

with operatorlab.Lab() as lab:
    if any(report.wants(check) for check in CHECKS):
        life = lab.record(seconds=180, object_seconds=50)
        world = life, lab.bucket(life)
        life.open()
        for check in CHECKS:
            report.run(check, world)
report.finish()
