#!/usr/bin/env python3
"""verify_test.py: `sealtap verify` on a recorded set: what is whole is called complete, and each attack on it by its object and kind."""
import hashlib
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import forger, operatorlab, testing  # noqa: E402
from lab.verified import COMPLETE, DAMAGED, GAPS, Found, Set  # noqa: E402

report = testing.report()
denied_by_kms = 400, b'{"__type":"AccessDeniedException","message":"no"}'
FIELDS = ['first', 'last', 'records', 'bytes', 'lost', 'cut', 'filtered', 'prev', 'sha256', 'sig', 'format']


def flipped(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1:]


# ---- whole

def a_whole_set_is_complete(life):
    bucket = Set(life).put()
    found = Set(life).verify(bucket=bucket)
    assert found.status == COMPLETE and not found.findings, (found.status, found.findings, found.err)
    r = found.result
    assert r['result'] == 'complete' and r['objects'] == r['signed_good'] == len(life.objects), r
    assert r['packets'] == sum(o.number('records') for o in life.packets()) and r['books_closed'] == 1 and r['canaries_stored'], r
    done = bucket.sealtap('verify')
    assert r['kms_keys'] == [life.lab.key_arn] and not r['part'], r
    assert done.status == COMPLETE and b'\ncomplete: 0 damaged' in done.out, done
    for not_proven in f'opened by KMS: {life.lab.key_arn}', 'nor that no whole boot was':
        assert not_proven in done.out.decode(), done


def a_window_of_it_is_complete_too(life):
    middle = (life.start_ns + 200 * operatorlab.S) // operatorlab.S
    found = Set(life).verify('--from', f'@{middle}', '--to', f'@{middle + 30}')
    assert found.status == COMPLETE and 0 < found.result['objects'] <= len(life.objects), (found.findings, found.err, found.result)


def without_the_key_signatures_chains_and_hashes_are_checked_and_it_says_what_was_not(life):
    bucket = Set(life).put()
    life.lab.front.rule = lambda request: denied_by_kms if request.action == 'Decrypt' else None
    done = bucket.sealtap('verify', '--public-only')
    life.lab.front.rule = None
    assert done.status == COMPLETE and b'not proven' in done.out and b'signatures that hold' in done.out, done


def files_in_a_folder_are_checked_like_objects_in_a_bucket_and_without_the_key_offline(life):
    found = Set(life).verify()
    assert found.status == COMPLETE and found.result['signed_good'] == len(life.objects), (found.findings, found.err, found.result)
    offline = {k: None for k in life.lab.own_environment() if k.startswith('AWS_')}
    found = Set(life).verify('--public-only', **offline)
    assert found.status == COMPLETE and found.result['signed_good'] == len(life.objects), (found.findings, found.err, found.result)


def what_fetch_brought_is_complete_and_nothing_of_it_is_called_a_stranger(life):
    bucket = Set(life).put()
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        done = bucket.sealtap('fetch', '--from', '1970-01-02', '-d', folder)
        assert done.status == 0, done
        found = Found(life.lab.sealtap('verify', '--json', folder))
    assert found.status == COMPLETE and not found.findings, (found.status, found.findings, found.err)
    assert found.result['signed_good'] == len(life.objects) and found.result['strangers'] == 0, found.result


def a_single_file_is_checked_by_itself_and_nothing_is_said_to_be_missing(life):
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        s = Set(life)
        s.write(folder)
        path = os.path.join(folder, os.path.basename(s.of('w0', 1)))
        found = Found(life.lab.sealtap('verify', '--json', path))
        assert found.status == COMPLETE and {f['finding'] for f in found.findings} == {'not-here'}, (found.findings, found.err)
        os.unlink(path + '.json')
        found = Found(life.lab.sealtap('verify', '--json', path))
        assert found.status == COMPLETE and found.result['signed_good'] == 0, (found.findings, found.err)
        assert {f['finding'] for f in found.findings} == {'not-here', 'unproven'}, found.findings


def a_key_file_that_fits_some_objects_does_not_make_the_others_damaged(life):
    o = life.of('w0')[0]
    with open(os.path.join(life.lab.folder, 'data.key'), 'w') as f:
        f.write(forger.data_key(life.lab, o.body(), life.contexts[o.path]))
    found = Set(life).verify('--key', f.name)
    assert found.status == 78 and not found.named() and found.result['unopened'], (found.status, found.findings, found.err)
    assert 0 < found.result['unopened'] < len(life.objects), found.result


def objects_that_somebody_planted_keep_no_other_from_being_opened(life):
    """an object that no key opens, and one whose key is denied, keep no other from being opened; the status says so"""
    s, o = Set(life), life.of('flows')[0]
    meta = {**o.meta, 'sealtap-sig': 'none'}
    foreign = life.lab.key_arn.replace('123456789012:key', '999999999999:key')
    planted = (b'aws-kms', b'aws-kmx'), (life.lab.key_arn.encode(), foreign.encode())
    for n, body in enumerate(o.body().replace(*change, 1) for change in planted):
        s.there[o.name.replace(life.boot, f'{n:016x}')] = [body, meta]
    life.lab.front.rule = lambda r: denied_by_kms if r.action == 'Decrypt' and b'999999999999' in r.body else None
    found = s.verify()
    life.lab.front.rule = None
    assert found.status == DAMAGED and found.result['unopened'] == 2, (found.status, found.result, found.err)
    assert found.result['books_closed'] == 1 and found.result['kms_keys'] == [life.lab.key_arn], found.result


def a_key_that_is_denied_is_asked_for_once(life):
    """data keys that are denied are asked for once each, however many objects they are of"""
    life.lab.front.forget()
    life.lab.front.rule = lambda r: denied_by_kms if r.action == 'Decrypt' else None
    found = Set(life).verify()
    life.lab.front.rule = None
    assert found.status == 77 and found.result['unopened'] == len(life.objects), (found.status, found.result, found.err)
    assert life.lab.front.count('Decrypt') == len({str(c) for c in life.contexts.values()}) < len(life.objects), found.err


# ---- gaps

def a_copy_without_metadata_keeps_its_chain_and_says_what_nobody_signed_for(life):
    """files that a copy without metadata made keep their chain, and it is said that no signature was checked"""
    s = Set(life)
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        s.write(folder)
        for name in s.there:
            os.unlink(os.path.join(folder, os.path.basename(name) + '.json'))
        found = Found(life.lab.sealtap('verify', '--json', folder))
        assert found.status == COMPLETE and {f['finding'] for f in found.findings} == {'unproven'}, (found.findings, found.err)
        assert found.result['unproven'] == len(s.there) and found.result['part'] and found.result['signed_good'] == 0, found.result
        assert found.result['packets'] == sum(o.number('records') for o in life.packets()), found.result
        done = life.lab.sealtap('verify', folder)
        assert b'as far as it was checked, complete' in done.out and b'whoever may decrypt' in done.out, done
        os.unlink(os.path.join(folder, os.path.basename(s.of('w1', 0))))
        assert Found(life.lab.sealtap('verify', '--json', folder)).named() == {(s.of('w1', 0), 'missing')}


# ---- a part of the record

def what_is_missing_from_a_window_is_missing(life):
    """an object, a stream or the log that is missing from a window is missing, and a log that stops within it"""
    window = '--from', f'@{life.start_ns // operatorlab.S - 10}'
    assert Set(life).verify(*window).status == COMPLETE, 'whole'
    s = Set(life)
    gone = [s.of('w1', -1), *(o.name for o in life.of('flows'))]
    for name in gone:
        del s.there[name]
    s.verify(*window).is_damage(*((name, 'missing') for name in gone))
    for without in ([o.name for o in life.of('log')], [o.name for o in life.of('log')[2:]]):
        s = Set(life)
        for name in without:
            del s.there[name]
        found = Found(s.put().sealtap('verify', '--json', *window))
        assert found.status == DAMAGED and (None, 'missing') in found.named(), (len(without), found.findings, found.err)


def files_of_an_appliance_that_still_ran_are_whole_up_to_then(life):
    """files that were made while an appliance ran are whole up to that time; without it verify says that it may have run"""
    s, then = Set(life), life.start_ns // operatorlab.S + 700
    for o in life.objects:
        if o.number('last') > (then - 1) * operatorlab.S:
            del s.there[o.name]
    found = s.verify('--to', f'@{then}')
    assert found.status == COMPLETE and not found.findings, (found.findings, found.err)
    found = s.verify()
    assert found.status == DAMAGED and '--to' in found.findings[0]['text'], (found.findings, found.err)


def less_than_an_appliance_is_a_part(lab):
    """an hour of an appliance, by its prefix, is a part: nothing is said to be missing before and behind it"""
    start = (int(time.time()) // 3600 * 3600 - 3 * 3600 - 600) * operatorlab.S
    life = lab.record(seconds=1300, bytes_per_s=2000, workers=1, start_ns=start)
    bucket = lab.bucket(life)
    hours = sorted({o.name.rsplit('/', 2)[0] for o in life.objects})
    assert len(hours) == 2, hours
    for hour in hours:
        found = Found(bucket.sealtap('verify', '--json', f's3://{bucket.name}/{hour}'))
        assert found.status == COMPLETE and not found.findings and found.result['part'], (hour, found.findings, found.err)
    within = next(o for o in life.of('w0')[1:] if o.name.startswith(hours[1]))
    bucket.delete(within.name, next(v for k, v, _ in bucket.versions() if k == within.name))
    found = Found(bucket.sealtap('verify', '--json', f's3://{bucket.name}/{hours[1]}'))
    assert (within.name, 'missing') in found.named(), found.findings
    prefixes = [f's3://{bucket.name}/{prefix}' for prefix in ('', hours[0].rsplit('/', 4)[0])]
    for whole in *prefixes, '--appliance=' + operatorlab.APPLIANCE:
        found = Found(bucket.sealtap('verify', '--json', whole))
        assert found.named() == {(within.name, 'missing')} and not found.result['part'], (whole, found.findings, found.err)


def losses_and_torn_objects_are_gaps_that_are_explained(lab):
    life = lab.record(seconds=330, lost_at_s=100, torn_at_s=200)
    found = Set(life).verify()
    assert found.status == GAPS, (found.status, found.findings, found.err)
    lost = {o.name for o in life.objects if o.number('lost')}
    torn = {o.name for o in life.objects if '.torn.' in o.name}
    assert torn and found.named('gap') == {(n, 'lost') for n in lost} | {(n, 'torn') for n in torn}, found.findings
    assert found.result['lost'] == life.end['lost'] and found.result['result'] == 'gaps', found.result


# ---- alteration

def a_flipped_bit_of_the_body_is_an_altered_object(life):
    name = Set(life).of('w0', 1)
    length = len(Set(life).there[name][0])
    for at in (0, 2, 10, 37, 200, length // 3, length // 2, length - 300, length - 1):
        s = Set(life)
        s.there[name][0] = flipped(s.there[name][0], at)
        found = s.verify()
        assert found.status == DAMAGED and {n for n, _ in found.named()} == {name}, f'byte {at}: {found.named()} {found.err}'
        assert 'altered' in found.kinds(name), f'byte {at}: {found.named()}'


def a_metadata_field_that_was_changed_is_an_altered_object(life):
    for field in FIELDS:
        s = Set(life)
        name, key = s.of('w1', 0), 'sealtap-' + field
        value = s.there[name][1][key]
        s.there[name][1][key] = ('1' if value[0] != '1' else '2') + value[1:] if field not in ('sig', 'format') else value + 'A'
        found = s.verify()
        assert found.status == DAMAGED and 'altered' in found.kinds(name), f'{field}: {found.named()}'
        assert {n for n, _ in found.named()} == {name}, f'{field}: {found.named()}'


def metadata_that_is_gone_is_an_altered_object(life):
    s = Set(life)
    name = s.of('flows', 0)
    s.there[name][1] = {}
    s.verify(bucket=s.put()).is_damage((name, 'altered'))
    s.verify().is_damage((name, 'altered'))


def an_object_that_ends_early_is_truncated(life):
    name = Set(life).of('w0', 0)
    length = len(Set(life).there[name][0])
    for keep in (30, 700, 70000, length - 1):
        s = Set(life)
        s.there[name][0] = s.there[name][0][:keep]
        found = s.verify()
        assert 'truncated' in found.kinds(name) and {n for n, _ in found.named()} == {name}, f'{keep}: {found.named()} {found.err}'


# ---- forgery

def forged(s, o, meta):
    """The object sealed once more, with a right data key, by somebody who may decrypt."""
    key = forger.data_key(s.life.lab, o.body(), s.life.contexts[o.path])
    body = forger.seal(o.opened(), key, o.body())
    meta = {**o.meta, 'sealtap-sha256': hashlib.sha256(body).hexdigest(), **meta}
    s.there[o.name] = [body, meta]
    return meta


def an_object_sealed_with_the_right_key_but_not_signed_is_named_as_unsigned(life):
    s = Set(life)
    o = s.life.of('w0')[-1]
    forged(s, o, {'sealtap-sig': 'none'})
    assert 'unsigned' in s.verify().kinds(o.name), s.verify().named()


def an_object_sealed_with_the_right_key_and_signed_by_another_is_forged(life):
    s = Set(life)
    o = s.life.of('w0')[-1]
    meta = forged(s, o, {})
    assert s.verify().kinds(o.name) == {'forged'}, 'with its old signature'
    meta['sealtap-sig'] = forger.sign(o.name, meta)
    assert s.verify().kinds(o.name) == {'forged'}, 'with a signature of its own'
    found = s.verify('--public-only')
    assert found.status == DAMAGED and found.kinds(o.name) == {'forged'}, found.named()


def a_forged_log_object_stands_for_nothing(life):
    s = Set(life)
    log, packets = s.life.of('log')[-2], s.life.of('w0')[-1]
    meta = forged(s, packets, {'sealtap-sig': 'none'})
    text = log.plain().decode().replace(packets.meta['sealtap-sha256'], meta['sealtap-sha256'])
    assert text != log.plain().decode() or packets.name not in text, 'it lists the object'
    found = s.verify()
    assert 'unsigned' in found.kinds(packets.name), found.named()


# ---- what is where

def objects_under_each_others_names_are_swapped(life):
    s = Set(life)
    a, b = s.of('w0', 0), s.of('w0', 1)
    s.there[a], s.there[b] = s.there[b], s.there[a]
    found = s.verify()
    assert 'swapped' in found.kinds(a) and 'swapped' in found.kinds(b), found.named()
    s = Set(life)
    a, b = s.of('w0', 0), s.of('w1', 0)
    s.there[a], s.there[b] = s.there[b], s.there[a]
    found = s.verify()
    assert 'swapped' in found.kinds(a) and 'swapped' in found.kinds(b), found.named()


def an_object_that_is_missing_in_the_middle_or_at_the_end_is_named(life):
    for stream, i in ('w0', 0), ('w0', -1), ('w1', 1), ('flows', -1), ('log', 1):
        s = Set(life)
        name = s.of(stream, i)
        del s.there[name]
        found = s.verify()
        assert (name, 'missing') in found.named(), f'{name}: {found.named()}'
        assert {n for n, _ in found.named()} <= {name, None}, found.named()


def a_log_whose_last_object_is_missing_has_no_end(life):
    s = Set(life)
    del s.there[s.of('log', -1)]
    found = s.verify()
    ends = [f for f in found.findings if f['finding'] in ('missing', 'goes-on') and 'object' not in f]
    assert ends and ends[0]['boot'] == life.boot, found.findings


def without_the_key_a_hole_in_the_numbers_and_a_broken_chain_are_seen(life):
    s = Set(life)
    del s.there[s.of('w0', 0)]
    found = s.verify('--public-only')
    assert found.status == DAMAGED and (None, 'missing') in found.named(), found.named()


def a_copy_beside_an_object_is_duplicated(life):
    s = Set(life)
    name = s.of('w0', 1)
    copy = name.replace('.pcapng.', '-r1.pcapng.')
    s.there[copy] = s.there[name]
    s.verify(bucket=s.put()).is_damage((copy, 'duplicated'))


def a_later_version_is_overwritten_and_the_oldest_is_the_evidence(life):
    s = Set(life)
    name = s.of('w1', 1)
    bucket = s.put()
    bucket.put(name, b'nothing', {})
    found = s.verify(bucket=bucket)
    found.is_damage((name, 'overwritten'))
    assert found.result['signed_good'] == len(life.objects), found.result


def of_versions_within_one_second_the_oldest_is_the_evidence(life):
    """of versions within one second, more exactly S3 does not tell, the oldest is the evidence"""
    s = Set(life)
    name = s.of('w1', 1)
    bucket = s.put()
    for i in range(6):
        bucket.put(name, b'nothing %d' % i, {})

    def in_whole_seconds(request):
        if 'versions' not in request.query or 'delimiter' in request.query:
            return None
        text = life.lab.s3('GET', request.path, query=request.query)[1]
        return 200, re.sub(rb'<LastModified>[^<]*', b'<LastModified>2026-11-22T10:00:00.000Z', text), {'Content-Type': 'application/xml'}
    life.lab.front.rule = in_whole_seconds
    found = s.verify(bucket=bucket)
    life.lab.front.rule = None
    found.is_damage((name, 'overwritten'))
    assert found.result['signed_good'] == len(life.objects), found.result


def a_delete_marker_is_deleted_and_the_oldest_version_is_the_evidence(life):
    s = Set(life)
    name = s.of('log', 1)
    bucket = s.put()
    bucket.delete(name)
    found = s.verify(bucket=bucket)
    found.is_damage((name, 'deleted'))
    assert found.result['signed_good'] == len(life.objects), found.result


def an_appliance_all_of_whose_objects_have_a_delete_marker_is_found(life):
    """an appliance of which each object has a delete marker, so that S3 lists its folder no more, is found deleted"""
    bucket = Set(life).put()
    for o in life.objects:
        bucket.delete(o.name)
    empty = b'<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'  # S3's answer; moto's has the folders
    life.lab.front.rule = lambda request: (200, empty) if request.query.get('list-type') == '2' else None
    found = Set(life).verify(bucket=bucket)
    life.lab.front.rule = None
    found.is_damage(*((o.name, 'deleted') for o in life.objects))


# ---- times

def what_was_stored_and_when_is_of_s3s_clock(lab):
    """an operator's clock that is off, S3's being right, makes neither notes of what is missing nor damage of what goes on"""
    for ahead_s in 1200, -1200:
        life = lab.record(seconds=400, workers=1, bytes_per_s=2000, start_ns=int(time.time() + ahead_s - 460) * operatorlab.S)
        s = Set(life)
        gone = s.of('w0', -1) if ahead_s > 0 else s.of('log', -1)
        del s.there[gone]
        bucket = s.put()
        time.sleep(2)  # a Date is of whole seconds: what was stored just now may be later
        lab.front.ahead_s = ahead_s
        try:
            found = s.verify(bucket=bucket)
        finally:
            lab.front.ahead_s = 0
        if ahead_s > 0:
            assert (gone, 'missing') in found.named(), (found.findings, found.err)
        else:
            assert found.status == COMPLETE and found.named('note') == {(None, 'goes-on')}, (found.findings, found.err)


# ---- what keeps it from its work

def denied(words):
    return (403, f'<Error><Code>AccessDenied</Code><Message>{words}</Message></Error>'.encode(), {'Content-Type': 'application/xml'})


def who_may_not_read_or_decrypt_is_told_so_and_nothing_is_called_damaged(life):
    bucket = Set(life).put()
    one = Set(life).of('w0', 1)
    rules = {
        'an object': lambda r: denied('no') if r.method == 'GET' and r.path.endswith(one) else None,
        'what S3 tells of it': lambda r: denied('no') if r.method == 'HEAD' and r.path.endswith(one) else None,
        'KMS': lambda r: denied_by_kms if r.action == 'Decrypt' else None,
        'the list': lambda r: denied('no') if 'prefix' in r.query or 'versions' in r.query else None,
    }
    for what, rule in rules.items():
        life.lab.front.rule = rule
        done = bucket.sealtap('verify', '--json')
        life.lab.front.rule = None
        assert done.status == 77 and 'AccessDenied' in done.err, f'{what}: {done}'
        assert 's3:GetObject ' not in done.err, f'{what}: of a version s3:GetObjectVersion is needed: {done.err}'
        assert b'"damage",' not in done.out, f'{what}: {done.out}'


with operatorlab.Lab() as lab:
    recorded = lab.record(seconds=400, canary_s=100, bytes_per_s=6000).open()
    for test in (a_whole_set_is_complete, a_window_of_it_is_complete_too,
                 without_the_key_signatures_chains_and_hashes_are_checked_and_it_says_what_was_not,
                 files_in_a_folder_are_checked_like_objects_in_a_bucket_and_without_the_key_offline,
                 what_fetch_brought_is_complete_and_nothing_of_it_is_called_a_stranger,
                 a_single_file_is_checked_by_itself_and_nothing_is_said_to_be_missing,
                 a_key_file_that_fits_some_objects_does_not_make_the_others_damaged,
                 objects_that_somebody_planted_keep_no_other_from_being_opened, a_key_that_is_denied_is_asked_for_once,
                 a_flipped_bit_of_the_body_is_an_altered_object, a_metadata_field_that_was_changed_is_an_altered_object,
                 metadata_that_is_gone_is_an_altered_object, an_object_that_ends_early_is_truncated,
                 an_object_sealed_with_the_right_key_but_not_signed_is_named_as_unsigned,
                 an_object_sealed_with_the_right_key_and_signed_by_another_is_forged, a_forged_log_object_stands_for_nothing,
                 objects_under_each_others_names_are_swapped, an_object_that_is_missing_in_the_middle_or_at_the_end_is_named,
                 a_log_whose_last_object_is_missing_has_no_end, without_the_key_a_hole_in_the_numbers_and_a_broken_chain_are_seen,
                 a_copy_beside_an_object_is_duplicated, a_later_version_is_overwritten_and_the_oldest_is_the_evidence,
                 of_versions_within_one_second_the_oldest_is_the_evidence,
                 a_delete_marker_is_deleted_and_the_oldest_version_is_the_evidence,
                 a_copy_without_metadata_keeps_its_chain_and_says_what_nobody_signed_for,
                 an_appliance_all_of_whose_objects_have_a_delete_marker_is_found,
                 who_may_not_read_or_decrypt_is_told_so_and_nothing_is_called_damaged):
        report.run(test, recorded)
    report.run(losses_and_torn_objects_are_gaps_that_are_explained, lab)
    report.run(less_than_an_appliance_is_a_part, lab)
    report.run(what_was_stored_and_when_is_of_s3s_clock, lab)
    hours_ago = lab.record(seconds=1000, bytes_per_s=2000, start_ns=int(time.time() - 3 * 3600) * operatorlab.S)
    report.run(what_is_missing_from_a_window_is_missing, hours_ago)
    report.run(files_of_an_appliance_that_still_ran_are_whole_up_to_then, hours_ago)
report.finish()
