#!/usr/bin/env python3
"""logs_test.py [-k PATTERN]: `sealtap logs`, `status` and `support`: lines are those that AWS's SDK and zstd open; hostile ones are shown
as text; an appliance's state is what its log says; the archive is a tar that holds no address, no account and no packet."""
import datetime
import io
import ipaddress
import json
import os
import re
import signal
import sys
import tarfile
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import linelab, operatorlab, testing  # noqa: E402

report = testing.report()
S = 10**9
HEALTHY, ALARMED, CLOSED = 0, 1, 2
LEVELS = ['info', 'warn', 'alarm']


def lines_of(life):
    return [line for o in life.open().of('log') for line in o.lines()]


def sealtap(place, *args, status=0):
    done = place.sealtap(*args)
    assert done.status == status, f'{" ".join(args)}: {done.status}: {done.err}'
    return done.out.decode()


def canonical(lines):
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


# ---- logs

def all_lines_come_in_the_order_of_time(bucket, life):
    found = [json.loads(line) for line in sealtap(bucket, 'logs', '--json').splitlines()]
    assert canonical(found) == canonical(lines_of(life)) and found
    text = sealtap(bucket, 'logs').splitlines()
    assert len(text) == len(found)
    for line, shown in zip(found, text):
        assert shown.split()[:4] == [line['time'], line['level'], line['role'], line['event']], shown


def level_event_role_and_time_choose(bucket, life):
    every = lines_of(life)
    middle = life.start_ns + 200 * S
    cases = [
        (['--level', 'alarm'], lambda line: line['level'] == 'alarm'),
        (['--level', 'warn'], lambda line: LEVELS.index(line['level']) >= 1),
        (['--event', 'shipped'], lambda line: line['event'] == 'shipped'),
        (['--role', 'net'], lambda line: line['role'] == 'net'),
        (['--from', linelab.rfc3339(middle)], lambda line: linelab.nanoseconds(line['time']) >= middle),
        (['--to', linelab.rfc3339(middle), '--event', 'setting'],
         lambda line: line['event'] == 'setting' and linelab.nanoseconds(line['time']) <= middle),
    ]
    for args, wanted in cases:
        found = [json.loads(line) for line in sealtap(bucket, 'logs', '--json', *args).splitlines()]
        right = [line for line in every if wanted(line)]
        assert canonical(found) == canonical(right) and right, f'{args}: {len(found)} lines, {len(right)} are right'
    assert bucket.sealtap('logs', '--level', 'loud').status == 64


def appliances_and_boots_are_merged_by_time(bucket, life):
    other = life.lab.record(appliance='tap-2', start_ns=life.start_ns + 50 * S, seconds=100)
    both = life.lab.bucket(life, other)
    found = [json.loads(line) for line in sealtap(both, 'logs', '--json').splitlines()]
    assert canonical(found) == canonical(lines_of(life) + lines_of(other))
    times = [line['time'] for line in found if line['event'] != 'object']
    assert times == sorted(times), 'not in the order of time'
    text = sealtap(both, 'logs', '--event', 'heartbeat').splitlines()
    assert {line.split()[1] for line in text} == {'tap-1'}, text
    one = [json.loads(line) for line in sealtap(both, 'logs', '--json', '--appliance', 'tap-2').splitlines()]
    assert canonical(one) == canonical(lines_of(other))


HOSTILE = 'a\u001b[2J\u009b31m\u202e"\\ \u0000<script>alert(1)</script>\u00e9'


def hostile(life, start):
    """An object of the log whose texts try to steer a terminal, to be markup, and to be more than one line."""
    lines = [linelab.head_of(start, 'log', instance=HOSTILE, version=HOSTILE, ami='ami-1'),
             linelab.line_of(start + S, 'alarm', 'net', 'evil', text=HOSTILE, **{'k\u001b[1mey': 'x y'}),
             linelab.line_of(start + 2 * S, HOSTILE, 'net\nx', 'evil\r\n2', n=1),
             '{"time":"' + linelab.rfc3339(start + 3 * S) + '","level":"alarm","role":"net","event":"raw\x9b31m","x":"\x7f\u202e"}']
    return linelab.sealed(life, 'log', lines, start)


def hostile_texts_are_shown_as_text(bucket, life):
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        file = linelab.write(folder, *hostile(life, life.start_ns))
        for args in (['logs'], ['logs', '--json'], ['status', '--from', '@0', '--to', linelab.rfc3339(life.start_ns + 9 * S)]):
            done = life.lab.sealtap(*args, file)
            text = done.out.decode()
            assert text and not re.search(r'[^\x20-\x7e\n]', text), f'{args}: {text!r}'
        assert len(sealtap(life.lab, 'logs', file).splitlines()) == 4


# ---- status

def status_of(place, now_ns, *args):
    done = place.sealtap('status', '--json', '--to', linelab.rfc3339(now_ns), *args)
    lines = [json.loads(line) for line in done.out.decode().splitlines()]
    assert lines or done.status > CLOSED, done
    return done.status, lines[0] if lines else None


def a_running_appliance_is_armed_and_its_counters_are_those_of_its_log(bucket, life):
    now = life.start_ns + 400 * S
    status, found = status_of(bucket, now)
    until = [line for line in lines_of(life) if linelab.nanoseconds(line['time']) <= now]
    shipped = [line for line in until if line['event'] == 'shipped']
    head = until[0]
    assert (status, found['state'], found['stale']) == (HEALTHY, 'armed', False), (status, found)
    assert (found['objects'], found['object_bytes']) == (len(shipped), sum(line['size'] for line in shipped)), found
    assert all(found[k] == head[k] for k in ('version', 'image', 'config', 'instance', 'ami', 'boot')), found
    beats = [line for line in until if line['event'] == 'heartbeat']
    assert found['heartbeat'] == beats[-1]['time'] and found['uptime_s'] == beats[-1]['uptime_s'], found
    assert found['alarms'] == [] and found['lost'] == 0, found


def an_alarm_is_told_and_makes_it_1(bucket, life):
    troubled = life.lab.record(seconds=400, lost_at_s=50, shutdown=0)
    place = life.lab.bucket(troubled)
    status, found = status_of(place, troubled.start_ns + 395 * S)
    lost = [line for line in lines_of(troubled) if line['event'] == 'lost']
    alarm = next(a for a in found['alarms'] if a['event'] == 'lost')
    assert status == ALARMED and found['lost'] == sum(line['packets'] for line in lost) > 0, (status, found)
    assert (alarm['count'], alarm['last']) == (len(lost), lost[-1]['time']), alarm


def silence_is_stale(bucket, life):
    silent = life.lab.record(seconds=400, shutdown=0)
    place = life.lab.bucket(silent)
    beat = max(linelab.nanoseconds(line['time']) for line in lines_of(silent) if line['event'] == 'heartbeat')
    for after_s, stale in ((890, False), (910, True)):
        status, found = status_of(place, beat + after_s * S)
        assert (status, found['stale'], found['heartbeat_age_s']) == (ALARMED if stale else HEALTHY, stale, after_s), (status, found)
    assert 'STALE' in place.sealtap('status', '--to', linelab.rfc3339(beat + 910 * S)).out.decode()


def an_appliance_that_was_shut_down_is_closed(bucket, life):
    status, found = status_of(bucket, life.start_ns + 420 * S)
    assert (status, found['state'], found['stale']) == (CLOSED, 'closed', False), (status, found)


def forwarding_that_stopped_is_closed_until_it_goes_on(bucket, life):
    start = life.start_ns
    lines = [linelab.head_of(start, 'log'), linelab.line_of(start, 'info', 'keys', 'boot'),
             linelab.line_of(start + S, 'info', 'init', 'armed'), linelab.line_of(start + 2 * S, 'info', 'keys', 'heartbeat', uptime_s=9),
             linelab.line_of(start + 3 * S, 'alarm', 'init', 'forwarding-stopped', reason='no ring has room'),
             linelab.line_of(start + 9 * S, 'alarm', 'init', 'forwarding-again', reason='recording works')]
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        file = linelab.write(folder, *linelab.sealed(life, 'log', lines, start))
        seen = [status_of(life.lab, start + int(at * S), '--from', '@0', file) for at in (0.5, 2, 5, 10)]
    assert [(status, found['state']) for status, found in seen] == [
        (CLOSED, 'starting'), (HEALTHY, 'armed'), (CLOSED, 'stopped'), (ALARMED, 'armed')], seen
    assert seen[2][1]['state_reason'] == 'no ring has room', seen[2]


def nothing_logged_is_no_input(bucket, life):
    done = bucket.sealtap('status', '--from', '2020-01-01', '--to', '2020-01-02')
    assert done.status == 66, done


# ---- support

def archive(place, *args):
    with tempfile.TemporaryDirectory() as here:
        path = os.path.join(here, 'support.tar')
        done = place.sealtap('support', '-o', path, *args)
        assert done.status == 0, done
        assert os.listdir(here) == ['support.tar']
        with open(path, 'rb') as f:
            return f.read()


def files_of(data):
    with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as tar:
        members = tar.getmembers()
        assert all(m.isreg() and not m.name.startswith(('/', '..')) and m.mtime == 0 and m.mode == 0o644 and m.uid == 0 for m in members)
        return {m.name: tar.extractfile(m).read().decode() for m in members}


def window(life):
    return ['--from', linelab.rfc3339(life.start_ns), '--to', linelab.rfc3339(life.start_ns + 500 * S)]


def the_archive_holds_log_states_and_findings(bucket, life):
    files = files_of(archive(bucket, *window(life)))
    assert set(files) == {f'support/{name}' for name in ('README.txt', 'versions.txt', 'status.txt', 'status.jsonl', 'verify.txt',
                                                         'log/0001.jsonl')}, set(files)
    log = [json.loads(line) for line in files['support/log/0001.jsonl'].splitlines()]
    assert [(line['time'], line['event']) for line in log] == [
        (line['time'], line['event']) for line in map(json.loads, sealtap(bucket, 'logs', '--json').splitlines())]
    assert 'gap lost' in files['support/verify.txt'], files['support/verify.txt']
    assert json.loads(files['support/status.jsonl'])['state'] == 'closed'


ADDRESSES = ['203.0.113.77', '2001:db8::77', '02:00:5e:10:00:77', 'fe80::77', '198.51.100.1']


def secretive(life, start):
    lines = [linelab.head_of(start, 'log')]
    lines += [linelab.line_of(start + S, 'warn', 'net', 'seen', a=a, port=f'{a}:53', words=f'at {a}, then {a}.',
                              arn=f'arn:aws:sns:x:{12 * "7"}:t',
                              number=777777777777, key='AKIAABCDEFGHIJKLMNOP', link=f'[{a}]:443') for a in ADDRESSES]
    return linelab.sealed(life, 'log', lines, start)


def words_of(text):
    return re.findall(r'[0-9A-Fa-f:.]{3,}', text)


def addresses_in(text):
    found = set()
    for word in words_of(text):
        for part in {word, word.strip(':.'), *word.split(':'), word.rpartition(':')[0], word.rstrip('.')}:
            try:
                found.add(str(ipaddress.ip_address(part)))
            except ValueError:
                pass
    return found


def no_address_and_no_account_is_in_it_and_equal_ones_stay_equal(bucket, life):
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        file = linelab.write(folder, *secretive(life, life.start_ns))
        masked = files_of(archive(life.lab, *window(life), '--quick', file))
        plain = files_of(archive(life.lab, *window(life), '--quick', '--with-addresses', file))
    masked_text, plain_text = ''.join(masked.values()), ''.join(plain.values())
    for secret in (12 * '7' + ':t', operatorlab.ACCOUNT, 'AKIAABCDEFGHIJKLMNOP'):
        assert secret not in masked_text and secret not in plain_text, secret
    for address in ADDRESSES:
        assert address in plain_text and address not in masked_text, next(line for line in masked_text.splitlines() if address in line)
    assert addresses_in(masked_text) == set(), addresses_in(masked_text)
    log = [json.loads(line) for line in masked['support/log/0001.jsonl'].splitlines()][1:]
    assert all(line['number'] == 777777777777 for line in log), 'a number is no account'
    names = [line['a'] for line in log]
    assert len(set(names)) == len(ADDRESSES), names
    for line in log:
        assert line['words'] == f'at {line["a"]}, then {line["a"]}.' and line['link'] == f'[{line["a"]}]:443', line


def the_real_log_is_masked_too(bucket, life):
    text = ''.join(files_of(archive(bucket, *window(life))).values())
    assert operatorlab.ACCOUNT not in text and addresses_in(text) == set(), addresses_in(text)


def the_same_objects_make_the_same_archive(bucket, life):
    assert archive(bucket, *window(life)) == archive(bucket, *window(life))


def an_archive_that_is_interrupted_leaves_nothing(bucket, life):
    for part, statuses in (('log', (-signal.SIGINT,)), ('packets', (-signal.SIGINT, 130))):  # packets: verification
        reached = threading.Event()

        def slow(request, part=part, reached=reached):
            if f'/{part}/' in request.path:
                reached.set()
                time.sleep(0.5)
        with tempfile.TemporaryDirectory() as here:
            bucket.lab.front.rule = slow
            try:
                child = bucket.start('support', '-o', os.path.join(here, 'support.tar'))
                assert reached.wait(60)
                time.sleep(0.1)
                child.send_signal(signal.SIGINT)
                err = child.communicate(timeout=60)[1]
            finally:
                bucket.lab.front.rule = None
            assert child.returncode in statuses and os.listdir(here) == [], (child.returncode, err, os.listdir(here))


def an_archive_that_cannot_be_written_leaves_nothing(bucket, life):
    done = bucket.sealtap('support', '-o', '/nowhere/support.tar')
    assert done.status == 74 and '/nowhere' in done.err, done
    done, after = bucket.on_small_disk(8, 'support', '-o', 'disk/support.tar')
    assert done.status == 74 and after == {}, (done, after)
    assert bucket.sealtap('support').status == 64


with operatorlab.Lab() as lab:
    life = lab.record(seconds=420, key_seconds=300, lost_at_s=410)
    bucket = lab.bucket(life)
    for check in (all_lines_come_in_the_order_of_time, level_event_role_and_time_choose, appliances_and_boots_are_merged_by_time,
                  hostile_texts_are_shown_as_text, a_running_appliance_is_armed_and_its_counters_are_those_of_its_log,
                  an_alarm_is_told_and_makes_it_1, silence_is_stale, an_appliance_that_was_shut_down_is_closed,
                  forwarding_that_stopped_is_closed_until_it_goes_on, nothing_logged_is_no_input, the_archive_holds_log_states_and_findings,
                  no_address_and_no_account_is_in_it_and_equal_ones_stay_equal, the_real_log_is_masked_too,
                  the_same_objects_make_the_same_archive, an_archive_that_is_interrupted_leaves_nothing,
                  an_archive_that_cannot_be_written_leaves_nothing):
        report.run(check, bucket, life)
report.finish()
