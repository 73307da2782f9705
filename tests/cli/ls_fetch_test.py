#!/usr/bin/env python3
"""ls_fetch_test.py: which objects there are, and copies of them: `sealtap ls`, `fetch` and `restore` before a recorded set in moto."""
import base64
import concurrent.futures
import datetime
import hashlib
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402

report = testing.report()
S = 10**9


def rfc3339(ns):
    return datetime.datetime.fromtimestamp(ns // S, datetime.timezone.utc).strftime(f'%Y-%m-%dT%H:%M:%S.{ns % S:09d}Z')


def stamp(ns):
    """As a name has it."""
    return rfc3339(ns).replace('-', '').replace(':', '')


def ns_of(text):
    whole, fraction = text.rstrip('Z').split('.')
    return int(datetime.datetime.fromisoformat(whole + '+00:00').timestamp()) * S + int(fraction)


def listed(bucket, *args, status=0, **environment):
    done = bucket.sealtap('ls', '--json', *args, **environment)
    assert done.status == status, done
    return [json.loads(line) for line in done.out.splitlines()]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def base(o):
    return os.path.basename(o if isinstance(o, str) else o.name)


# ---- ls

def ls_tells_what_each_objects_metadata_tells(lab, bucket, life):
    said = {line['key']: line for line in listed(bucket)}
    assert set(said) == {o.name for o in life.objects}
    assert [line['start'] for line in listed(bucket)] == sorted(line['start'] for line in said.values())
    for o in life.objects:
        line = said[o.name]
        for field, word in (('records', 'records'), ('lost', 'lost'), ('cut', 'cut'), ('filtered', 'filtered'), ('bytes', 'raw_bytes')):
            assert line[word] == o.number(field), f'{o.name}: {line}'
        assert (ns_of(line['start']), ns_of(line['end'])) == (o.number('first'), o.number('last')), line
        assert (line['kind'], line['stream'], line['seq'], line['size']) == (o.kind, o.stream, o.seq, len(o.body())), line
        assert line['sha256'] == hashlib.sha256(o.body()).hexdigest() and line['boot'] == life.boot
        assert ('torn' in line['state']) == ('.torn.' in o.name), line
        assert ('unsigned' in line['state']) == (o.meta['sealtap-sig'] == 'none'), line
    table = bucket.sealtap('ls').out.decode().splitlines()
    assert table[0].split()[0] == 'START' and len(table) == len(life.objects) + 1
    assert all(o.name in '\n'.join(table) for o in life.objects)


def a_window_has_all_that_reaches_into_it(lab, bucket, life):
    first, last = (f(o.number(w) for o in life.objects) for f, w in ((min, 'first'), (max, 'last')))
    for part in range(8):
        start = first + (last - first) * part // 8
        end = start + 60 * S
        got = {line['key'] for line in listed(bucket, '--from', rfc3339(start), '--to', rfc3339(end))}
        must = {o.name for o in life.objects if o.number('first') < end and o.number('last') > start}
        assert must <= got, f'{part}: {must - got}'
        assert all(ns_of(line['start']) < end for line in listed(bucket, '--to', rfc3339(end), '--short'))
    # S3 has them since a moment ago: a quarter of an hour later, by any clock that it takes requests of, none has anything
    assert len(listed(bucket, '--from', rfc3339(last + 600 * S))) == len(life.objects)
    assert bucket.sealtap('ls', '--from', rfc3339(last + 1000 * S)).status == 66


def a_name_that_was_made_up_hides_none(lab, bucket, life):
    # who may write to the bucket puts a next object of the stream there, as if the one before had ended at once
    o, following = life.of('w0')[:2]
    first, last = o.number('first'), o.number('last')
    made_up = stamp(first + 1).join(following.name.split(stamp(following.number('first'))))
    bucket = lab.bucket(life)
    bucket.put(made_up, b'nothing', {})
    window = '--from', rfc3339(last - (last - first) // 4), '--to', rfc3339(last)
    assert following.number('first') >= last and made_up != following.name
    for command in ('ls', '--json'), ('hold', '--case', '1'), ('release', '--case', '1'):
        done = bucket.sealtap(*command, *window)
        assert done.status == 0 and o.name in {json.loads(line).get('key') for line in done.out.splitlines()}, (command, done)


def a_short_window_costs_few_requests(lab, bucket, life):
    lab.front.forget()
    assert bucket.sealtap('ls', '--from', '-2h', '--short').status == 0
    assert len(lab.front.requests) == 4, [r.query for r in lab.front.requests]  # three levels of folders, a page
    lab.front.forget()
    assert bucket.sealtap('ls', '--to', '-300d').status == 66
    assert len(lab.front.requests) == 4


def kinds_appliances_and_operands_narrow_it(lab, bucket, life):
    for kind in ('packets', 'log', 'flows'):
        assert {line['key'] for line in listed(bucket, '--kind', kind)} == {o.name for o in life.objects if o.kind == kind}
    assert len(listed(bucket, '--kind', 'log,flows')) == sum(o.kind != 'packets' for o in life.objects)
    assert bucket.sealtap('ls', '--kind', 'packet').status == 64
    assert len(listed(bucket, '--appliance', operatorlab.APPLIANCE)) == len(life.objects)
    done = bucket.sealtap('ls', '--appliance', 'other')
    assert done.status == 66 and 'other' in done.err
    o = life.objects[0]
    for operand in (f's3://{bucket.name}/{o.name}', o.name):
        assert [line['key'] for line in listed(bucket, operand)] == [o.name]
    assert [line['key'] for line in listed(bucket, f's3://{bucket.name}/{o.name}', SEALTAP_BUCKET=None)] == [o.name]
    assert [line['file'] for line in listed(bucket, o.path)] == [o.path]
    assert bucket.sealtap('ls', 's3://other-bucket/x').status == 64
    assert bucket.sealtap('ls', '/no/such/file', SEALTAP_BUCKET=None).status == 66


def more_than_a_page_is_listed(lab, bucket, life):
    key = life.objects[0].name.replace(operatorlab.APPLIANCE, 'many')
    keys = [key.replace('-00000000.', f'-{i:08d}.') for i in range(1040)]
    other = lab.bucket()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: other.put(k, b'x'), keys))
    other.put('evidence/lab/notes.txt', b'x')
    lab.front.forget()
    assert [line['key'] for line in listed(other, '--short')] == keys
    assert sum(r.query.get('list-type') == '2' and 'delimiter' not in r.query for r in lab.front.requests) == 2
    assert [line['key'] for line in listed(other, '--short', '--versions')] == keys


def older_versions_and_delete_markers_are_seen(lab, bucket, life):
    o, gone = life.objects[1], life.objects[2]
    was = bucket.put(o.name, b'something else', o.meta)
    bucket.delete(gone.name)
    lines = listed(bucket, '--versions')
    assert ['older' in line['state'] for line in lines if line['key'] == o.name] == [False, True]
    states = [line['state'] for line in lines if line['key'] == gone.name]
    assert ['marker' in state for state in states] == [True, False] and ['older' in state for state in states] == [False, True]
    assert gone.name not in {line['key'] for line in listed(bucket)}
    bucket.delete(o.name, was)
    for key, version, kind in bucket.versions():
        if kind == 'marker':
            bucket.delete(key, version)
    assert {line['key'] for line in listed(bucket)} == {x.name for x in life.objects}


def one_that_may_not_be_seen_leaves_the_others(lab, bucket, life):
    o = life.objects[3]

    def rule(request):
        return (403, b'', {}) if request.method in ('HEAD', 'GET') and request.path.endswith(o.name) else None
    folder = os.path.join(lab.folder, 'denied')
    lab.front.rule = rule
    try:
        done = bucket.sealtap('ls', '--json')
        fetched = bucket.sealtap('fetch', '--from', '-1d', '-d', folder)
        none = bucket.sealtap('fetch', o.name, '-d', folder)
    finally:
        lab.front.rule = None
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 1 and 's3:GetObject' in done.err and len(lines) == len(life.objects), done
    assert [line['key'] for line in lines if 'denied' in line['state']] == [o.name]
    assert fetched.status == 1 and o.name in fetched.err and 's3:GetObject' in fetched.err, fetched
    assert none.status == 77, none
    assert {base(x) for x in life.objects} - set(os.listdir(folder)) == {base(o)}


def a_closed_pipe_ends_it_in_silence(lab, bucket, life):
    done = bucket.into_closed_pipe('ls', '--json', '--quiet')
    assert done.status in (0, -signal.SIGPIPE) and done.err == '', done


# ---- fetch

def fetch_copies_what_is_stored(lab, bucket, life):
    folder = os.path.join(lab.folder, 'copies')
    done = bucket.sealtap('fetch', '--from', '-1d', '-d', folder)
    assert done.status == 0 and f'{len(life.objects)} objects fetched' in done.err, done
    assert sorted(os.listdir(folder)) == sorted(base(o) + end for o in life.objects for end in ('', '.json'))
    for o in life.objects:
        assert read(os.path.join(folder, base(o))) == o.body(), o.name
        said = json.loads(read(os.path.join(folder, base(o) + '.json')))
        assert (said['key'], said['bucket'], said['metadata']) == (o.name, bucket.name, o.meta), said
        assert said['version'] == bucket.head(o.name)['x-amz-version-id'] and said['size'] == str(len(o.body()))
    offline = [json.loads(line) for line in lab.sealtap('ls', '--json', folder).out.splitlines()]
    assert sorted(line['records'] for line in offline) == sorted(o.number('records') for o in life.objects)
    lab.front.forget()
    again = bucket.sealtap('fetch', '--from', '-1d', '-d', folder)
    assert again.status == 0 and f'{len(life.objects)} were there already' in again.err, again
    assert not [r for r in lab.front.requests if 'range' in r.headers]


def nothing_else_is_overwritten(lab, bucket, life):
    folder = os.path.join(lab.folder, 'taken')
    os.mkdir(folder)
    first, second, third = life.objects[:3]
    for o, name, content in ((first, base(first), b'mine'), (second, base(second), bytes(len(second.body()))),
                             (third, base(third) + '.json', b'{}')):
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(content)
        done = bucket.sealtap('fetch', o.name, '-d', folder)
        assert done.status == 74 and 'left as it is' in done.err, done
        assert read(os.path.join(folder, name)) == content


def of_two_objects_with_one_file_name_the_first_stays(lab, bucket, life):
    """Of objects with one file name in several folders of the bucket the first one's file and metadata stay, and the others are said."""
    o, model, later = life.objects[0], life.objects[1], lab.bucket()
    copy, other = (o.name.replace(operatorlab.APPLIANCE, name) for name in ('tap-2', 'tap-3'))
    for key, body, meta in ((o.name, o.body(), o.meta), (copy, o.body(), o.meta), (other, model.body(), model.meta)):
        later.put(key, body, meta)
    folder = os.path.join(lab.folder, 'one-name')
    for chosen in (['--from', '-1d'], [copy, other]):
        done = later.sealtap('fetch', *chosen, '-d', folder)
        said = json.loads(read(os.path.join(folder, base(o) + '.json')))
        assert sorted(os.listdir(folder)) == [base(o), base(o) + '.json'], os.listdir(folder)
        assert read(os.path.join(folder, base(o))) == o.body() and (said['key'], said['metadata']) == (o.name, o.meta), said
        assert done.status in (1, 74) and copy in done.err and other in done.err and done.err.count('left as it is') == 2, done


def big(bucket, life, mebibytes=24, name='big'):
    """An object of many parts."""
    body = os.urandom(1 << 20) * mebibytes
    o = life.of('w0')[0]
    key = o.name.replace(operatorlab.APPLIANCE, name)
    bucket.put(key, body, {**o.meta, 'sealtap-sha256': hashlib.sha256(body).hexdigest()})
    return key, body


def an_interrupted_fetch_goes_on(lab, bucket, life):
    other = lab.bucket()
    key, body = big(other, life)
    folder = os.path.join(lab.folder, 'interrupted')
    part = os.path.join(folder, base(key) + '.part')
    held = threading.Event()
    lab.front.rule = lambda r: held.wait(60) and None if r.headers.get('range', '').startswith('bytes=12582912-') else None
    child = other.start('fetch', key, '-d', folder)
    until = time.monotonic() + 60
    while not (os.path.exists(part) and os.path.getsize(part) == 12 << 20):
        assert time.monotonic() < until and child.poll() is None, 'the first parts did not come'
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    status = child.wait(60)
    held.set()
    lab.front.rule = None
    assert status in (130, -signal.SIGINT), status
    assert read(part) == body[:12 << 20]
    lab.front.forget()
    done = other.sealtap('fetch', key, '-d', folder)
    assert done.status == 0 and read(os.path.join(folder, base(key))) == body, done
    assert lab.front.bytes_sent() < (12 << 20) + 65536 and not os.path.exists(part)


def a_part_of_something_else_is_begun_anew(lab, bucket, life):
    o = max(life.objects, key=lambda o: len(o.body()))
    folder = os.path.join(lab.folder, 'anew')
    os.mkdir(folder)
    with open(os.path.join(folder, base(o) + '.part'), 'wb') as f:
        f.write(bytes(1000))
    done = bucket.sealtap('fetch', o.name, '-d', folder)
    assert done.status == 0 and read(os.path.join(folder, base(o))) == o.body(), done


def altered_bytes_are_kept_apart(lab, bucket, life):
    other = lab.bucket()
    o = life.objects[1]
    body = bytearray(o.body())
    body[len(body) // 2] ^= 1
    other.put(o.name, bytes(body), o.meta)
    other.put(life.objects[0].name, life.objects[0].body(), life.objects[0].meta)
    folder = os.path.join(lab.folder, 'altered')
    done = other.sealtap('fetch', '--from', '-1d', '-d', folder)
    assert done.status == 2 and o.name in done.err and 'SHA-256' in done.err, done
    assert read(os.path.join(folder, base(o) + '.damaged')) == body and not os.path.exists(os.path.join(folder, base(o)))
    assert read(os.path.join(folder, base(life.objects[0]))) == life.objects[0].body()


def a_full_disk_is_said_and_gone_on_from(lab, bucket, life):
    other = lab.bucket()
    key, body = big(other, life, 9)
    done, files = other.on_small_disk(5 * 1024, 'fetch', key, '-d', 'disk')
    assert done.status == 74 and 'No space left' in done.err and 'goes on' in done.err, done
    (name, content), = files.items()
    assert name == base(key) + '.part' and body.startswith(content) and len(content) >= 4 << 20, f'{name}: {len(content)}'


# ---- restore

def archived_objects_are_named_priced_and_asked_for(lab, bucket, life):
    other = lab.bucket()
    o, warm = life.objects[1], life.objects[0]
    other.put(o.name, o.body(), o.meta, x_amz_storage_class='DEEP_ARCHIVE')
    other.put(warm.name, warm.body(), warm.meta)
    assert 'archived' in listed(other, o.name)[0]['state']
    folder = os.path.join(lab.folder, 'archived')
    done = other.sealtap('fetch', '--from', '-1d', '-d', folder)
    assert done.status == 1 and 'InvalidObjectState' in done.err and 'sealtap restore' in done.err, done
    assert other.sealtap('fetch', o.name, '-d', folder).status == 75
    assert os.path.exists(os.path.join(folder, base(warm)))
    price = other.sealtap('restore', '--from', '-1d', '--price')
    assert price.status == 0 and b'1 objects' in price.out and b'12 hours' in price.out and b'$0.00' in price.out, price
    assert 'archived' in listed(other, o.name)[0]['state']
    dear = other.sealtap('restore', '--from', '-1d', '--tier', 'Expedited')
    assert dear.status == 64 and 'no tier Expedited' in dear.err, dear
    lab.front.forget()
    done = other.sealtap('restore', '--from', '-1d', '--days', '3', '--tier', 'Bulk')
    assert done.status == 0 and '1 asked for' in done.err and b'48 hours' in done.out, done
    (asked,) = [r for r in lab.front.requests if 'restore' in r.query]
    assert b'<Days>3</Days>' in asked.body and b'<Tier>Bulk</Tier>' in asked.body
    assert asked.headers['x-amz-checksum-sha256'] == base64.b64encode(hashlib.sha256(asked.body).digest()).decode()
    done = other.sealtap('fetch', '--from', '-1d', '-d', folder)  # moto restores at once
    assert done.status == 0 and read(os.path.join(folder, base(o))) == o.body(), done


CHECKS = (ls_tells_what_each_objects_metadata_tells, a_window_has_all_that_reaches_into_it, a_name_that_was_made_up_hides_none,
          a_short_window_costs_few_requests, kinds_appliances_and_operands_narrow_it, more_than_a_page_is_listed,
          older_versions_and_delete_markers_are_seen,
          one_that_may_not_be_seen_leaves_the_others, a_closed_pipe_ends_it_in_silence, fetch_copies_what_is_stored,
          nothing_else_is_overwritten, of_two_objects_with_one_file_name_the_first_stays, an_interrupted_fetch_goes_on,
          a_part_of_something_else_is_begun_anew, altered_bytes_are_kept_apart,
          a_full_disk_is_said_and_gone_on_from, archived_objects_are_named_priced_and_asked_for)

with operatorlab.Lab() as lab:
    life = lab.record(seconds=700, lost_at_s=100, torn_at_s=200)
    bucket = lab.bucket(life)
    for check in CHECKS:
        report.run(check, lab, bucket, life)
report.finish()
