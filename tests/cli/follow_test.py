#!/usr/bin/env python3
"""follow_test.py [-k PATTERN]: `sealtap follow` writes the packets of objects as they land; Wireshark takes the same, and windows of time,
through its protocol for capture programs (extcap), here in tshark."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402

report = testing.report()
S = 10**9


def packets(data):
    return sorted(operatorlab.packets(data))


def packets_so_far(data):
    return operatorlab.packets(data, whole=False)


def of(objects):
    return sorted((f.ns, f.data) for o in objects for f in o.capture().frames)


class Reader:
    """Takes what a process writes as it comes, always: nobody waits for it."""

    def __init__(self, stream):
        self.stream, self.data = stream, b''
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while more := os.read(self.stream.fileno(), 1 << 20):
            self.data += more

    def until(self, enough):
        wait_for(lambda: enough(self.data), lambda: f'{len(self.data)} bytes came, at the end {self.data[-400:]}')

    def rest(self):
        self.thread.join(60)
        return self.data


def wait_for(what, else_say, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, else_say()
        time.sleep(0.05)


def new_objects_are_written_as_they_land(world):
    """What lands while it runs is written, once, out of order or not; Ctrl-C ends it with a whole capture and status 0."""
    life, _ = world
    bucket = life.lab.bucket()
    some = life.packets()
    assert len(some) >= 4
    bucket.put(some[0].name, some[0].body(), some[0].meta)
    child = bucket.start('follow', '--from', '-1h')
    try:
        reader, said = Reader(child.stdout), Reader(child.stderr)
        size = len(some[0].plain())
        reader.until(lambda d: len(d) > size * 0.9)
        for o in (some[3], some[1]):  # the later one lands first
            bucket.put(o.name, o.body(), o.meta)
            size += len(o.plain())
            reader.until(lambda d: len(d) > size * 0.9)
        bucket.put(some[2].name, some[2].body()[:-5], some[2].meta)  # damaged: said, and not the end
        said.until(lambda d: some[2].name.encode() in d and d.endswith(b'\n'))
        child.send_signal(signal.SIGINT)
        reader.rest()
        err = said.rest().decode()
        assert child.wait(60) == 0 and some[2].name in err and 'cut' in err, err
    finally:
        child.kill()
    assert packets(reader.data) == of([some[0], some[3], some[1]])


def a_service_that_fails_for_a_while_ends_nothing(world):
    life, _ = world
    bucket = life.lab.bucket()
    some = life.packets()[:1]
    busy = b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
    bucket.lab.front.forget()
    bucket.lab.front.rule = lambda r: (503, busy) if r.method == 'GET' else None
    child = bucket.start('follow', '--from', '-1h')
    try:
        wait_for(lambda: len(bucket.lab.front.requests) >= 3, lambda: 'it did not ask again')
        bucket.lab.front.rule = None
        for o in some:
            bucket.put(o.name, o.body(), o.meta)
        reader = Reader(child.stdout)
        reader.until(lambda d: len(d) > len(some[0].plain()) * 0.9)
    finally:
        bucket.lab.front.rule = None
        child.kill()


def an_outage_within_a_round_repeats_no_packet(world):
    """A service that fails in the middle of a round and comes back: each packet is written once, those of one time too."""
    life, _ = world
    bucket, some = life.lab.bucket(), sorted(life.packets(), key=lambda o: o.number('first'))
    busy = b'<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
    bad, asked = some[-1], threading.Event()
    for o in some:
        bucket.put(o.name, o.body(), o.meta)

    def rule(r):
        if r.method == 'GET' and 'range' in r.headers and r.path.endswith(bad.name):
            asked.set()
            return 503, busy, {'Retry-After': '3600'}
    bucket.lab.front.rule = rule
    child = bucket.start('follow', '--from', '-1h')
    try:
        reader, said = Reader(child.stdout), Reader(child.stderr)
        said.until(lambda d: b'go on with' in d)
        bucket.lab.front.rule = None
        assert asked.is_set() and packets_so_far(reader.data)
        reader.until(lambda d: len(d) > sum(len(o.plain()) for o in some) * 0.9)
        child.send_signal(signal.SIGINT)
        assert packets(reader.rest()) == of(some)
    finally:
        bucket.lab.front.rule = None
        child.kill()


def it_goes_on_once_there_are_new_credentials(world):
    """Credentials that expire, and can't be renewed, end nothing and lose no object, not even of that round: with new ones it goes on."""
    life, _ = world
    bucket, o = life.lab.bucket(), life.packets()[0]
    program, until = os.path.join(life.lab.folder, 'expiring'), os.path.join(life.lab.folder, 'expiring.until')
    keys = '"AccessKeyId": "KEY", "SecretAccessKey": "secret", "SessionToken": "t"'
    for path, text in ((program, f'#!/bin/sh\ncat {until}\n'), (program + '.conf', f'[default]\ncredential_process = {program}\n')):
        with open(path, 'w') as f:
            f.write(text)
    os.chmod(program, 0o755)

    def last(ns):
        with open(until + '.new', 'w') as f:
            f.write('{"Version": 1, %s, "Expiration": "%s"}' % (keys, time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(ns // S))))
        os.rename(until + '.new', until)

    def rule(r):  # the bucket is listed with good ones; they have expired when the object is to be read
        if r.query.get('list-type') == '2' and 'delimiter' not in r.query:
            time.sleep(max(0, (end - time.time_ns()) / S))
    end = time.time_ns() // S * S + 6 * S
    last(end)
    bucket.put(o.name, o.body(), o.meta)
    bucket.lab.front.rule = rule
    child = bucket.start('follow', '--from', '-1h', AWS_CONFIG_FILE=program + '.conf', AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    try:
        reader, said = Reader(child.stdout), Reader(child.stderr)
        said.until(lambda d: b'have expired' in d)
        last(time.time_ns() + 3600 * S)
        reader.until(lambda d: len(d) > len(o.plain()) * 0.9)
        child.send_signal(signal.SIGINT)
        assert packets(reader.rest()) == of([o]) and child.wait(60) == 0, said.rest()
    finally:
        bucket.lab.front.rule = None
        child.kill()


def packets_from_long_ago_come_first(world):
    """--from reaches back as far as it says, and then what lands comes."""
    life, _ = world
    old = life.lab.record(seconds=60, workers=1, start_ns=life.start_ns - 30 * 3600 * S).open()
    bucket, new = life.lab.bucket(old), life.packets()[0]
    child = bucket.start('follow', '--from', '-2d')
    try:
        reader = Reader(child.stdout)
        reader.until(lambda d: len(d) > sum(len(o.plain()) for o in old.packets()) * 0.9)
        size = len(reader.data)
        bucket.put(new.name, new.body(), new.meta)
        reader.until(lambda d: len(d) > size + len(new.plain()) * 0.9)
        child.send_signal(signal.SIGINT)
        assert packets(reader.rest()) == of([*old.packets(), new])
    finally:
        child.kill()


def an_object_that_can_never_be_opened_holds_nothing_up(world):
    """Objects in our names that no key opens, or that are archived, are said once, and what lands behind them comes."""
    life, _ = world
    bucket, some = life.lab.bucket(), life.packets()
    cold = b'<Error><Code>InvalidObjectState</Code><Message>archived</Message></Error>'
    bucket.lab.front.rule = lambda r: (403, cold) if r.method == 'GET' and r.path.endswith(some[1].name) else None
    child = bucket.start('follow', '--from', '-1h')
    try:
        reader = Reader(child.stdout)
        for o, body in ((some[0], some[0].body().replace(b'aws-kms', b'aws-kmx', 1)), (some[1], some[1].body())):
            bucket.lab.front.forget()
            bucket.put(o.name, body, o.meta)
            wait_for(lambda o=o: any(r.path.endswith(o.name) for r in bucket.lab.front.requests), lambda: 'it was not fetched')
        bucket.put(some[2].name, some[2].body(), some[2].meta)
        reader.until(lambda d: len(d) > len(some[2].plain()) * 0.9)
        child.send_signal(signal.SIGINT)
        assert packets(reader.rest()) == of([some[2]])
        err = child.stderr.read().decode()
        assert child.wait(60) == 0 and err.count(some[0].name) == err.count(some[1].name) == 1, err
    finally:
        bucket.lab.front.rule = None
        child.kill()


def it_ends_when_its_reader_has_gone(world):
    """When its reader goes away it ends, also when no packet comes any more."""
    child = world[0].lab.bucket().start('follow')
    try:
        assert child.stdout.read(4) == b'\x0a\x0d\x0d\x0a'
        child.stdout.close()
        assert child.wait(60) == -signal.SIGPIPE and not child.stderr.read()
    finally:
        child.kill()


def wireshark(bucket, *args, seconds=120):
    """tshark with sealtap in its folder of extcaps."""
    home = tempfile.mkdtemp(dir=bucket.lab.folder)
    for folder in ('.config/wireshark/extcap', '.local/lib/wireshark/extcap'):
        os.makedirs(f'{home}/{folder}')
        os.symlink(operatorlab.SEALTAP, f'{home}/{folder}/sealtap')
    environment = bucket.lab.environment(**bucket.environment, HOME=home, XDG_CONFIG_HOME=None)
    return subprocess.run(['tshark', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=seconds)


def tshark_lists_it_among_its_interfaces(world):
    done = wireshark(world[1], '-D')
    assert 'sealtap-open' in done.stdout and 'sealtap-follow' in done.stdout, done
    types = wireshark(world[1], '-i', 'sealtap-open', '-L')
    assert 'EN10MB' in types.stdout + types.stderr, types


def tshark_captures_a_window_and_follows(world):
    """tshark's own capture from sealtap-open and sealtap-follow has the packets that the filter accepts."""
    life, bucket = world
    found = life.pcap('port 0')
    assert len(found) > 3
    begin = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(life.start_ns // S))
    for name in ('sealtap-open', 'sealtap-follow'):
        setting = f'extcap.{name.replace("-", "_")}.from:{begin}'
        done = wireshark(bucket, '-i', name, '-o', setting, '-f', 'port 0', '-c', str(len(found)), '-T', 'fields', '-e', 'frame.time_epoch')
        times = [round(float(t.split('.')[0])) * S + int(t.split('.')[1]) for t in done.stdout.split()]
        assert times == [ns for ns, _ in found], f'{name}: {done.stdout[:300]} {done.stderr}'


def wireshark_is_told_what_is_wrong_with_a_filter(world):
    _, bucket = world
    args = ('--extcap-interface', 'sealtap-open', '--extcap-capture-filter')
    assert b'65535' in bucket.sealtap(*args, 'port 99999').out and bucket.sealtap(*args, 'port 80').out == b''
    assert bucket.sealtap('--extcap-interface', 'eth0', '--extcap-dlts').status == 64


CHECKS = [new_objects_are_written_as_they_land, a_service_that_fails_for_a_while_ends_nothing,
          an_outage_within_a_round_repeats_no_packet, it_goes_on_once_there_are_new_credentials, packets_from_long_ago_come_first,
          an_object_that_can_never_be_opened_holds_nothing_up, it_ends_when_its_reader_has_gone, tshark_lists_it_among_its_interfaces,
          tshark_captures_a_window_and_follows, wireshark_is_told_what_is_wrong_with_a_filter]

with operatorlab.Lab() as lab:
    life = lab.record(seconds=300, object_seconds=100)
    world = life, lab.bucket(life)
    life.open()
    for check in CHECKS:
        report.run(check, world)
report.finish()
