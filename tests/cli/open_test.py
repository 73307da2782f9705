#!/usr/bin/env python3
"""open_test.py [-k PATTERN]: `sealtap open`: what it writes is, packet for packet and in order, what today's chain of tools makes of the
same objects (aws s3 cp, AWS's SDK, zstd, mergecap, tcpdump); it reads what it needs alone; nothing unauthenticated leaves; who can't give
what is asked for is named; memory is bounded.
"""
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, pcapfile, testing  # noqa: E402
from lab.netns import command  # noqa: E402

report, packets = testing.report(), operatorlab.packets
S = 10**9
RSS_MAX_KIB = 256 * 1024
FILTERS = ['', 'port 0', 'tcp', 'udp port 53', f'host {operatorlab.RARE_HOST}', f'host {operatorlab.RARE_SERVER}',
           'tcp port 443 or tcp port 80', 'src net 198.19.0.0/16', 'dst portrange 1024-2048', 'greater 1000', 'icmp or icmp6', 'arp', 'ip6',
           'vlan', 'not tcp and not udp', 'tcp[tcpflags] & tcp-syn != 0', f'host {operatorlab.SCANNER} and not port 443', 'ip[8] < 65']


def rfc3339(ns):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(ns // S)) + f'.{ns % S:09d}Z'


def in_order(found):
    """Packets of one moment have no order."""
    return sorted(found) if [p[0] for p in found] == sorted(p[0] for p in found) else found


def window_args(window):
    return [word for name, ns in zip(('--from', '--to'), window) if ns is not None for word in (name, rfc3339(ns))]


def opened(bucket, *args, status=0):
    done = bucket.sealtap('open', *args)
    assert done.status == status, f'{done.status}: {done.err}'
    return done


def same(bucket, expression, window=(None, None)):
    found = packets(opened(bucket, *window_args(window), *(['--filter', expression] if expression else [])).out)
    chain = bucket.chain(expression, window[0] or 0, window[1] or 1 << 62)
    assert in_order(found) == in_order(chain), f'{len(found)} packets, {len(chain)} by the chain'
    return found


# ---- the same as today's chain

def what_it_writes_is_what_the_chain_of_tools_makes(world):
    """Packet for packet and in order, it writes what SDK, zstd, mergecap and tcpdump make, for filters of all kinds."""
    life, bucket = world
    plain = {e: life.pcap(e) for e in FILTERS}
    for e in FILTERS:
        found = packets(opened(bucket, *(['--filter', e] if e else [])).out)
        assert in_order(found) == in_order(plain[e]), f'{e}: {len(found)} packets, {len(plain[e])} by the chain'
    assert len(plain['']) > 5000 and len(plain['port 0']) > 3 and plain[f'host {operatorlab.RARE_HOST}']
    same(bucket, 'port 0')


def any_window_holds_the_packets_of_that_time(world):
    life, bucket = world
    start, end = life.start_ns, life.end['end_ns']
    middle = life.frames()[len(life.frames()) // 2].ns
    for window in ((start + 100 * S, start + 160 * S), (None, start + 30 * S), (end - 20 * S, None), (middle, middle + 1),
                   (start + 199 * S, start + 215 * S)):
        found = packets(opened(bucket, *window_args(window)).out)
        plain = life.pcap('', window[0] or 0, window[1] or 1 << 62)
        assert in_order(found) == in_order(plain) and found, f'{window}: {len(found)} packets, {len(plain)} by the chain'


def options_of_packets_are_kept(world):
    """Direction, queue, number and drops of each packet, names and descriptions of interfaces, and their statistics are kept."""
    life, bucket = world
    with tempfile.NamedTemporaryFile(suffix='.pcapng') as f:
        f.write(opened(bucket).out)
        f.flush()
        capture = pcapfile.read(f.name)
    recorded = {(p.ns, p.data): p.options for o in life.packets() for p in o.capture().frames}
    for p in capture.frames:
        assert recorded[p.ns, p.data] == p.options, (recorded[p.ns, p.data], p.options)
    was = {i.options[3] for o in life.packets() for i in o.capture().interfaces}
    assert {i.options[3] for i in capture.interfaces} == was and len(capture.section_options) == 1
    origins = {i.options[1] for i in capture.interfaces}
    assert len(origins) == 2 and all(f'boot={life.boot}'.encode() in o for o in origins), origins
    assert all(i.statistics for i in capture.interfaces), 'an interface without statistics'


def local_files_open_as_the_bucket_does(world):
    life, bucket = world
    got = bucket.sealtap('open', os.path.join(life.lab.folder, 'life-1'))
    assert got.status == 0 and packets(got.out) == packets(opened(bucket).out), got.err


def the_old_format_holds_the_same_packets(world):
    _, bucket = world
    old, new = opened(bucket, '--pcap', '--filter', 'udp').out, opened(bucket, '--filter', 'udp').out
    assert old[:4] == bytes.fromhex('4d3cb2a1') and packets(old) == packets(new)


def tshark_tcpdump_and_capinfos_read_all_that_it_writes(world):
    life, bucket = world
    here = tempfile.mkdtemp(dir=life.lab.folder)
    keylog = here + '/keys'
    with open(keylog, 'w') as f:
        f.write('CLIENT_RANDOM ' + '00' * 32 + ' ' + '11' * 48 + '\n')
    for n, args in enumerate((['--filter', 'port 0'], ['--pcap'], ['--redact', 'headers'], ['--keylog', keylog], ['--filter', 'port 4'])):
        path = f'{here}/{n}.cap'
        opened(bucket, *args, '-w', path)
        count = len(pcapfile.read(path).frames)
        assert len(command('tshark', '-r', path, '-T', 'fields', '-e', 'frame.number').split()) == count
        assert f'= {count}\n' in command('capinfos', '-c', '-M', path).replace(':   ', '= ').replace('  ', ''), count
        assert len(command('tcpdump', '-nr', path).splitlines()) == count
        assert os.stat(path).st_mode & 0o777 == 0o600, 'others may read it'


def tshark_captures_from_the_pipe(world):
    life, bucket = world
    child = bucket.start('open', '--filter', 'udp')
    argv = ['tshark', '-i', '-', '-T', 'fields', '-e', 'frame.time_epoch']
    said = subprocess.run(argv, stdin=child.stdout, capture_output=True, text=True, timeout=120)
    child.stdout.close()
    assert child.wait(60) == 0 and len(said.stdout.split()) == len(life.pcap('udp')), said.stderr


def secrets_for_tls_stand_before_the_packets(world):
    life, bucket = world
    keylog = life.lab.folder + '/tls-keys'
    with open(keylog, 'w') as f:
        f.write('CLIENT_RANDOM ' + 'ab' * 32 + ' ' + 'cd' * 48 + '\n')
    data = opened(bucket, '--keylog', keylog, '--filter', 'port 0').out
    at = data.index(b'KSLT')  # "TLSK", little-endian
    assert data[at - 8:at - 4] == b'\x0a\0\0\0' and b'CLIENT_RANDOM abab' in data[at:at + 40]
    assert at < 4096 and bucket.sealtap('open', '--keylog', keylog + '.none').status == 66


def redacted_packets_end_behind_their_headers(world):
    life, bucket = world
    with tempfile.NamedTemporaryFile(suffix='.pcapng') as f:
        f.write(opened(bucket, '--redact', 'headers', '--filter', 'tcp').out)
        f.flush()
        capture = pcapfile.read(f.name)
    whole = packets(opened(bucket, '--filter', 'tcp').out)
    assert b'redacted=headers' in capture.section_options[0][1] and len(whole) == len(capture.frames)
    shorter = 0
    for p, (ns, data) in zip(capture.frames, whole):
        assert p.ns == ns and data.startswith(p.data) and p.length >= len(data)
        if p.data[12:14] == b'\x08\0' and p.data[23] == 6:
            assert len(p.data) == 14 + (p.data[14] & 15) * 4 + (p.data[14 + (p.data[14] & 15) * 4 + 12] >> 4) * 4
            shorter += len(p.data) < len(data)
    assert shorter > 100, shorter


# ---- no more than is needed

def a_short_window_reads_a_small_part(world):
    """Of a minute in many, or of a host that is rare, only a small part is fetched; the first packet comes before the last request."""
    life, bucket = world
    front, start = bucket.lab.front, life.start_ns
    total = sum(len(o.body()) for o in life.packets())
    for args, part in ((window_args((start + 300 * S, start + 303 * S)), 0.5), (['--filter', f'host {operatorlab.RARE_SERVER}'], 0.6)):
        front.forget()
        assert packets(opened(bucket, *args).out)
        gets = [r for r in front.requests if r.method == 'GET' and '/packets/' in r.path]
        assert 0 < sum(r.sent for r in gets) < total * part, f'{args}: {sum(r.sent for r in gets)} of {total} bytes'
        assert all(r.headers.get('range') for r in gets)


def explain_reads_nothing(world):
    life, bucket = world
    bucket.lab.front.forget()
    done = opened(bucket, '--explain', '--filter', 'port 0', *window_args((life.start_ns, life.start_ns + 60 * S)))
    assert not [r for r in bucket.lab.front.requests if '/packets/' in r.path or r.action]
    for word in (b'objects ', b'bytes ', b'requests ', b'KMS', b'dollars '):
        assert word in done.out, done.out
    assert b'\xff' not in done.out and not packets_in(done.out)


def packets_in(text):
    return text.startswith(b'\x0a\x0d\x0d\x0a')


def the_first_packet_comes_before_the_rest_is_fetched(world):
    """The first packet is on the pipe while ranges behind it are still held back."""
    life, bucket = world
    last = max(life.packets(), key=lambda o: o.number('first'))
    go_on = threading.Event()

    def rule(request):
        if request.method == 'GET' and request.path.endswith(last.name):
            go_on.wait(60)
    bucket.lab.front.rule = rule
    child = bucket.start('open', '--filter', 'port 0')
    try:
        first = b''
        while not packets(first, whole=False) and select.select([child.stdout], [], [], 30)[0]:
            first += os.read(child.stdout.fileno(), 4096)
        go_on.set()
        rest = child.stdout.read()
        assert child.wait(60) == 0, child.stderr.read()
    finally:
        go_on.set()
        bucket.lab.front.rule = None
        child.kill()
    assert packets(first, whole=False), f'{len(first)} bytes at first'
    assert packets(first + rest) == life.pcap('port 0')


# ---- receipts

def a_receipt_says_of_what_and_by_whom(world):
    """--case writes beside the file of which objects, versions and hashes it is, the filter, the caller and its own hash."""
    life, bucket = world
    path = life.lab.folder + '/export.pcapng'
    opened(bucket, '--case', 'CASE-7', '--filter', 'port 0', '-w', path)
    with open(path + '.receipt.json') as f:
        said = json.load(f)
    assert said['case'] == 'CASE-7' and said['filter'] == 'port 0' and said['complete'] is True and said['caller'].startswith('arn:aws:')
    assert said['sha256'] == command('sha256sum', path).split()[0] and said['bytes'] == os.path.getsize(path)
    assert said['packets'] == len(pcapfile.read(path).frames)
    objects = {o.name: o.meta['sealtap-sha256'] for o in life.packets()}
    assert {o['key']: o.get('sha256') for o in said['objects']} == objects
    versions = {(k, v) for k, v, _ in bucket.versions()}
    assert all((o['key'], o['version']) in versions for o in said['objects']), said['objects'][0]
    assert bucket.sealtap('open', '--case', 'CASE-7').status == 64


# ---- what goes wrong

def wrong_usage_is_said_in_a_sentence(world):
    _, bucket = world
    for args, words in ((['--filter', 'port 80 and'], 'syntax error'), (['--filter', 'tcp port 99999'], 'port'),
                        (['--redact', 'all'], 'headers'), (['--from', 'now', '--to', '-1h'], '--from'),
                        (['--keylog', 'x', '--pcap'], 'pcap')):
        done = bucket.sealtap('open', *args)
        assert done.status == 64 and words in done.err and not done.out, done


def nothing_in_that_time_has_a_status_of_its_own(world):
    _, bucket = world
    done = bucket.sealtap('open', '--from', '2020-01-01', '--to', '2020-01-02')
    assert done.status == 66 and '2020-01-01' in done.err and not done.out, done


def flipped_bits_are_never_let_out(world):
    """With any bit of an object flipped, what comes out is genuine, the object is named, and the status is 2."""
    life, bucket = world
    genuine = set(life.pcap())
    victim = life.packets()[1]
    body = victim.body()
    places = random.Random(7)
    here = tempfile.mkdtemp(dir=life.lab.folder)
    path = os.path.join(here, os.path.basename(victim.name))
    headers = list(range(0, 700, 47))
    for at in headers + [places.randrange(700, len(body)) for _ in range(8)] + [len(body) - 1 - n for n in range(0, 4000, 601)]:
        with open(path, 'wb') as f:
            f.write(body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1:])
        done = bucket.sealtap('open', path)
        # a key or context that KMS does not know is refused by it
        assert done.status in ((2, 66, 69, 77, 78) if at < 700 else (2,)), f'byte {at}: {done.status} {done.err}'
        assert os.path.basename(path) in done.err, done.err
        if at < 700:
            assert not packets(done.out), f'byte {at}: packets of an object whose header is not genuine'
        else:
            assert 'not authenticate' in done.err or 'stands in its place' in done.err, f'byte {at}: {done.err}'
        assert set(packets(done.out)) <= genuine, f'byte {at}'
    with open(path, 'wb') as f:
        f.write(body[:len(body) // 2])
    done = bucket.sealtap('open', path)
    assert done.status == 2 and not packets(done.out), done.err


def a_damaged_header_costs_that_object(world):
    """An object whose header was altered so that KMS is asked for the wrong thing, or not at all, keeps no other from being opened."""
    life, bucket = world
    victim, other = life.packets()[1], life.packets()[0]
    path = os.path.join(tempfile.mkdtemp(dir=life.lab.folder), os.path.basename(victim.name))
    for word in (b'aws-kms', b':key/', b'sealtap-boot'):
        with open(path, 'wb') as f:
            f.write(victim.body().replace(word, word[:-1] + b'x', 1))
        done = bucket.sealtap('open', path, other.path)
        got = packets(done.out)
        assert done.status in (1, 2) and in_order(got) == in_order([(p.ns, p.data) for p in other.capture().frames]), f'{word}: {done.err}'


def a_damaged_frame_costs_that_frame(world):
    """A damaged frame of the envelope is named and costs the frames of packets that stand in it; all others are written."""
    life, bucket = world
    victim = max(life.packets(), key=lambda o: len(o.body()) if 'torn' not in o.name else 0)
    body = bytearray(victim.body())
    assert len(body) > 5 * 65536, len(body)
    body[2 * 65536] ^= 1
    path = os.path.join(tempfile.mkdtemp(dir=life.lab.folder), os.path.basename(victim.name))
    with open(path, 'wb') as f:
        f.write(body)
    done = bucket.sealtap('open', path)
    whole = [(f.ns, f.data) for f in victim.capture().frames]
    got = packets(done.out)
    assert done.status == 2 and 'does not authenticate' in done.err and 0 < len(got) < len(whole), done.err
    assert set(got) <= set(whole)


def an_object_that_is_denied_is_named_and_the_others_are_opened(world):
    life, bucket = world
    victim = life.packets()[0]
    denied = b'<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
    bucket.lab.front.rule = lambda r: (403, denied) if r.method == 'GET' and r.path.endswith(victim.name) else None
    try:
        done = bucket.sealtap('open')
        cold = b'<Error><Code>InvalidObjectState</Code><Message>archived</Message></Error>'
        bucket.lab.front.rule = lambda r: (403, cold) if r.method == 'GET' and r.path.endswith(victim.name) else None
        colder = bucket.sealtap('open')
    finally:
        bucket.lab.front.rule = None
    gone = {(f.ns, f.data) for f in victim.capture().frames}
    for d, words in ((done, 'AccessDenied'), (colder, 'InvalidObjectState')):
        assert d.status == 1 and victim.name in d.err and words in d.err, d.err
        assert in_order(packets(d.out)) == in_order([p for p in life.pcap() if p not in gone])


def a_session_that_expires_in_the_middle_can_be_gone_on_with(world):
    """When credentials expire in the middle it stops, says from when to go on, and the two halves are the whole."""
    life, bucket = world
    expired = b'<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>'
    last = max(life.packets(), key=lambda o: o.number('first')).name
    bucket.lab.front.rule = lambda r: (400, expired) if r.method == 'GET' and r.path.endswith(last) else None
    try:
        done = bucket.sealtap('open')
    finally:
        bucket.lab.front.rule = None
    go_on = re.search(r'go on with --from (\S+Z)', done.err)
    assert done.status == 75 and 'have expired' in done.err and go_on, f'{done.status} {done.err}'
    second = packets(opened(bucket, '--from', go_on[1]).out)
    first = packets(done.out)
    assert 0 < len(first) < len(second + first) and in_order(sorted(set(first + second))) == in_order(sorted(set(life.pcap())))


def a_service_that_asks_to_slow_down_is_asked_again(world):
    """Of answers every third of which is SlowDown, it makes the same capture."""
    life, bucket = world
    turn = iter(range(1 << 20))
    busy = b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
    bucket.lab.front.rule = lambda r: (503, busy) if r.method == 'GET' and next(turn) % 3 == 2 else None
    try:
        done = opened(bucket, '--filter', 'udp')
    finally:
        bucket.lab.front.rule = None
    assert packets(done.out) == life.pcap('udp')


def without_the_right_to_decrypt_it_says_so(world):
    _, bucket = world
    denied = b'{"__type":"AccessDeniedException","Message":"no kms:Decrypt for you"}'
    bucket.lab.front.rule = lambda r: (400, denied, {'Content-Type': 'application/x-amz-json-1.1'}) if r.action == 'Decrypt' else None
    try:
        done = bucket.sealtap('open')
    finally:
        bucket.lab.front.rule = None
    assert done.status == 77 and 'kms:Decrypt' in done.err and not packets(done.out), done.err


def a_closed_pipe_ends_it_without_a_word(world):
    _, bucket = world
    done = bucket.into_closed_pipe('open')
    assert done.status == -13 and not done.err, done


def ctrl_c_leaves_a_whole_capture(world):
    """Ctrl-C ends it with status 130; what was written is a whole capture, and it says from when to go on."""
    life, bucket = world
    child = bucket.start('open')
    got = b''
    while not packets(got, whole=False):
        got += os.read(child.stdout.fileno(), 4096)
    child.send_signal(signal.SIGINT)
    got += child.stdout.read()
    err = child.stderr.read().decode()
    found = packets(got)
    assert child.wait(60) == 130 and 'go on with --from' in err, err
    assert 0 < len(found) < life.end['packets'] and in_order(found) == in_order(life.pcap()[:len(found)])


def a_full_disk_is_named(world):
    _, bucket = world
    done, files = bucket.on_small_disk(256, 'open', '-w', 'disk/out.pcapng')
    assert done.status == 74 and 'disk/out.pcapng' in done.err and 'No space left' in done.err, done
    assert files['out.pcapng'][:4] == b'\x0a\x0d\x0d\x0a'


# ---- memory

def peak_kib(bucket, *args):
    child = bucket.start('open', *args, '-w', os.devnull)
    err = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    assert status == 0, err
    return used.ru_maxrss


def memory_is_bounded_on_many_streams(lab):
    """Of sixteen workers at once the packets are in order, and no more than 256 MiB are resident."""
    life = lab.record(seconds=40, workers=4, bytes_per_s=800000)
    lives = [life] + [lab.record(seconds=40, workers=4, bytes_per_s=800000, start_ns=life.start_ns + n * S) for n in range(1, 4)]
    bucket = lab.bucket(*lives)
    kib = peak_kib(bucket)
    print(f'# sixteen streams: {kib} KiB')
    assert kib < RSS_MAX_KIB
    found = packets(opened(bucket).out)
    assert [p[0] for p in found] == sorted(p[0] for p in found) and len(found) == sum(x.end['packets'] for x in lives)


WORLD = [what_it_writes_is_what_the_chain_of_tools_makes, any_window_holds_the_packets_of_that_time, options_of_packets_are_kept,
         local_files_open_as_the_bucket_does, the_old_format_holds_the_same_packets, tshark_tcpdump_and_capinfos_read_all_that_it_writes,
         tshark_captures_from_the_pipe,
         secrets_for_tls_stand_before_the_packets, redacted_packets_end_behind_their_headers, a_short_window_reads_a_small_part,
         explain_reads_nothing, the_first_packet_comes_before_the_rest_is_fetched, a_receipt_says_of_what_and_by_whom,
         wrong_usage_is_said_in_a_sentence, nothing_in_that_time_has_a_status_of_its_own, flipped_bits_are_never_let_out,
         a_damaged_header_costs_that_object, a_damaged_frame_costs_that_frame, an_object_that_is_denied_is_named_and_the_others_are_opened,
         a_session_that_expires_in_the_middle_can_be_gone_on_with, a_service_that_asks_to_slow_down_is_asked_again,
         without_the_right_to_decrypt_it_says_so, a_closed_pipe_ends_it_without_a_word,
         ctrl_c_leaves_a_whole_capture, a_full_disk_is_named]

with operatorlab.Lab() as lab:
    if any(report.wants(check) for check in WORLD):
        life = lab.record(seconds=600, lost_at_s=100, torn_at_s=200)
        world = life, lab.bucket(life)
        life.open()
        for check in WORLD:
            report.run(check, world)
    report.run(memory_is_bounded_on_many_streams, lab)
report.finish()
