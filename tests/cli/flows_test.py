#!/usr/bin/env python3
"""flows_test.py [-k PATTERN]: `sealtap flows`: what it lists, chooses and adds up is what Python makes of the same lines, as AWS's SDK and
zstd open them; hostile lines are only text; --open goes on into the packets of the flows."""
import csv
import io
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import linelab, operatorlab, testing  # noqa: E402

report, packets = testing.report(), operatorlab.packets
S = 10**9
PROTOS = {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6'}


def flows(place, *args, status=0):
    done = place.sealtap('flows', *args)
    assert done.status == status, f'flows {" ".join(args)}: {done.status}: {done.err}'
    return done.out.decode()


def lines_of(life):
    return [line for o in life.open().of('flows') for line in o.lines()]


def records(life):
    """Each line that tells of traffic."""
    return [flow for flow in map(linelab.Flow, lines_of(life)) if flow.kind]


def same_lines(text, wanted):
    key = json.dumps
    found = sorted(key(json.loads(line), sort_keys=True) for line in text.splitlines())
    assert found == sorted(key(flow.line, sort_keys=True) for flow in wanted), f'{len(found)} lines, {len(wanted)} are right'
    assert wanted, 'nothing was compared'


# ---- choosing

def all_records_come_as_they_stand_in_the_order_of_time(bucket, life):
    text = flows(bucket, '--json')
    same_lines(text, records(life))
    times = [json.loads(line)['time'] for line in text.splitlines()]
    assert times == sorted(times)


def a_window_takes_the_flows_that_reach_into_it(bucket, life):
    middle = life.start_ns + 200 * S
    for first, last in ((middle, middle + 60 * S), (middle, middle + 1), (life.start_ns, middle)):
        wanted = [flow for flow in records(life) if flow.to_ns >= first and flow.from_ns <= last]
        same_lines(flows(bucket, '--json', '--from', linelab.rfc3339(first), '--to', linelab.rfc3339(last)), wanted)


def hosts_networks_ports_and_protocols_choose_on_both_sides_of_the_translation(bucket, life):
    every = records(life)
    outside = operatorlab.OUTSIDE_ADDRESS
    host = max(flow.orig['src'] for flow in every if flow.kind == 'end')
    port = next(flow.reply['dport'] for flow in every if flow.reply.get('dport', 0) not in flow.orig.values())
    cases = [
        (['--host', outside], linelab.within(outside)),
        (['--host', host], linelab.within(host)),
        (['--host', '198.19.0.0/28'], linelab.within('198.19.0.0/28')),
        (['--port', str(port)], lambda flow: port in flow.ports()),
        (['--port', '0'], lambda flow: 0 in flow.ports()),
        (['--proto', 'udp'], lambda flow: flow.proto == 17),
        (['--proto', '6', '--port', '443', '--host', host],
         lambda flow: flow.proto == 6 and 443 in flow.ports() and linelab.within(host)(flow)),
    ]
    for args, wanted in cases:
        same_lines(flows(bucket, '--json', *args), [flow for flow in every if wanted(flow)])


# ---- adding up

def service_in(line):
    return {v: k for k, v in PROTOS.items()}.get(line['proto']), line.get('port', line.get('type'))


KEYS = {
    'host': (lambda flow: {a for a in flow.ends() if a}, lambda line: line['host']),
    'port': (lambda flow: [flow.service()] if any(flow.ends()) else [], lambda line: service_in(line)),
    'pair': (lambda flow: [(*flow.ends(), *flow.service())] if any(flow.ends()) else [],
             lambda line: (line['client'], line['server'], *service_in(line))),
}


def same_sums(text, wanted, key_of, count):
    found = [json.loads(line) for line in text.splitlines()]
    shown = [(line['bytes'], line['packets'], line['flows'], line['not_forwarded']) for line in found]
    assert [s[0] for s in shown] == sorted((w[0] for w in wanted.values()), reverse=True)[:count], 'not the heaviest, or not in order'
    for line, sums in zip(found, shown):
        assert wanted[key_of(line)] == sums, f'{line}: {wanted[key_of(line)]} is right'


def sums_by_host_port_and_pair_are_exact(bucket, life):
    every = linelab.flows_of(lines_of(life))
    for by, (keys_of, key_of) in KEYS.items():
        wanted = linelab.sums(every, keys_of)
        for count in (5, 100000):
            same_sums(flows(bucket, '--top', str(count), '--by', by, '--json'), wanted, key_of, count)
        table = flows(bucket, '--top', '5', '--by', by).splitlines()
        assert len(table) == 6 and table[0].split()[0] == by.upper(), table


def more_hosts_than_there_is_room_for_are_told_as_approximate_and_the_heaviest_are_right(bucket, life):
    start = life.start_ns
    at = linelab.rfc3339(start)
    verdict = {'time': at, 'verdict': 'spoofed', 'first': at, 'last': at, 'proto': 17,
               'src': '', 'sport': 1, 'dst': '192.0.2.1', 'dport': 2, 'packets': 1, 'bytes': 0}
    model = linelab.compact(verdict)
    many = [model.replace('"src":""', f'"src":"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"').replace('"bytes":0', f'"bytes":{40 + i % 7}')
            for i in range(140000)]
    heavy = [model.replace('"src":""', f'"src":"203.0.113.{i}"').replace('"bytes":0', f'"bytes":{10**9 + i}') for i in range(5)]
    files = []
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        for n, part in enumerate(([*heavy, *many[:60000]], [*many[60000:120000]], [*many[120000:], *heavy])):
            files.append(linelab.write(folder, *linelab.sealed(life, 'flows', part, start + n, seq=n)))
        done = life.lab.sealtap('flows', '--top', '6', '--json', *files)
    found = [json.loads(line) for line in done.out.decode().splitlines()]
    assert done.status == 0 and 'too small by at most' in done.err, done
    for line, i in zip(found[1:], (4, 3, 2, 1, 0)):  # the first is the destination of them all
        assert line['host'] == f'203.0.113.{i}' and line['bytes'] == 2 * (10**9 + i) and line['bytes_missing_at_most'] < 1000, line


# ---- showing

def csv_has_each_flow_once_with_all_its_numbers(bucket, life):
    every = linelab.flows_of(lines_of(life))
    rows = list(csv.DictReader(io.StringIO(flows(bucket, '--csv'), newline='')))
    found = sorted((row['start'], row['src'], row['dst'], int(row['bytes_out']) + int(row['bytes_in']), row['community_id'])
                   for row in rows)
    wanted = sorted((linelab.rfc3339(flow.from_ns), flow.orig.get('src', ''), flow.orig.get('dst', ''), flow.bytes,
                     flow.line.get('community_id', '')) for flow in every)
    assert found == wanted, f'{len(found)} rows, {len(wanted)} are right'


def the_table_shows_both_sides_and_what_became_of_each_flow(bucket, life):
    lines = flows(bucket).splitlines()
    every = linelab.flows_of(lines_of(life))
    assert len(lines) == len(every) + 1, f'{len(lines)} lines for {len(every)} flows'
    begins = [m.start() for m in re.finditer(r'(?<=  )\S', lines[0])]
    left = [at for at, title in zip(begins, re.split(r' {2,}', lines[0])[1:]) if title in ('PROTO', 'FROM', 'TO', 'TRANSLATED', 'STATE')]
    assert len(left) == 5 and all(line[at - 2:at] == '  ' for line in lines[1:] for at in left), 'columns do not line up'
    for flow in every:
        if flow.kind == 'verdict':
            assert any(f'not forwarded: {flow.line["verdict"]}' in line for line in lines), flow.line
        elif flow.kind == 'end' and 'sport' in flow.orig:
            words = [f'{flow.orig["src"]}:{flow.orig["sport"]}', f'{flow.orig["dst"]}:{flow.orig["dport"]}',
                     f'{flow.reply["dst"]}:{flow.reply["dport"]}', flow.line['reason']]
            assert any(all(word in line for word in words) for line in lines), flow.line


def crafted(life, start):
    """Lines of kinds that the lab does not record: long flows, crowds, published ports, IPv6, hostile texts."""
    def flow(kind, number, begun, at, bytes_in, **more):
        line = {'time': linelab.rfc3339(at), 'flow': kind, 'id': number, 'start': linelab.rfc3339(begun), 'proto': 6,
                'orig': {'src': '192.0.2.7', 'sport': 5000, 'dst': '198.18.0.10', 'dport': 8443},
                'reply': {'src': '10.0.0.5', 'sport': 443, 'dst': '192.0.2.7', 'dport': 5000},
                'packets_out': 1, 'bytes_out': 100, 'packets_in': 2, 'bytes_in': bytes_in, 'answered': True}
        return {**line, **({'end': linelab.rfc3339(at), 'reason': 'closed'} if kind == 'end' else {}), **more}
    first = [linelab.head_of(start, 'flows'), flow('live', 1, start, start + 300 * S, 1000), flow('live', 2, start, start + 301 * S, 5),
             {'time': linelab.rfc3339(start + 302 * S), 'flow': 'unanswered', 'start': linelab.rfc3339(start),
              'end': linelab.rfc3339(start + S),
              'proto': 6, 'dst': '2001:db8::9', 'dport': 23, 'flows': 900, 'alone': 1, 'packets_out': 901, 'bytes_out': 54000,
              'sources': ['2001:db8::7', '192.0.2.8'], 'more_sources': True},
             flow('end', 4, start, start + 303 * S, 7, reason='=cmd|\u001b[31m\u0000"x, "y', community_id='1:\u202e<script>')]
    second = [flow('live', 1, start, start + 600 * S, 2000), flow('end', 1, start, start + 700 * S, 3000),
              flow('live', 2, start, start + 601 * S, 50), {'time': linelab.rfc3339(start + 602 * S), 'verdicts_lost': 4},
              '{"time":"', 'no JSON at all', '{"time":"2026-11-22T10:00:00Z","flow":"end","proto":6,"orig":{"src":"not an address"}}']
    return [linelab.sealed(life, 'flows', first, start), linelab.sealed(life, 'flows', second, start + 305 * S, seq=1)]


def a_flow_that_goes_on_counts_once_by_its_last_line(bucket, life):
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        files = [linelab.write(folder, *made) for made in crafted(life, life.start_ns)]
        rows = list(csv.DictReader(io.StringIO(flows(life.lab, '--csv', *files), newline='')))
        top = [json.loads(line) for line in flows(life.lab, '--top', '9', '--by', 'pair', '--json', *files).splitlines()]
        inside = flows(life.lab, '--json', '--host', '10.0.0.5', *files).splitlines()
        crowd = flows(life.lab, '--host', '2001:db8::/64', *files)
    kinds = sorted((row['kind'], row['bytes_in']) for row in rows)
    assert kinds == [('end', '3000'), ('end', '7'), ('live', '50'), ('unanswered', '0')], rows
    pair = next(line for line in top if line['client'] == '192.0.2.7')
    assert (pair['server'], pair['port'], pair['bytes'], pair['flows']) == ('10.0.0.5', 8443, 3057 + 300, 3), pair
    assert next(line for line in top if line['client'] is None)['flows'] == 900, top
    assert len(inside) == 6 and '[2001:db8::9]:23' in crowd and '900 flows' in crowd, crowd


def protocols_without_ports_have_none(bucket, life):
    """A flow of a protocol without ports is on no port, not even on 0, though its record says 0"""
    start = life.start_ns
    side = {'src': '192.0.2.7', 'sport': 0, 'dst': '198.18.0.10', 'dport': 0}
    back = {'src': '198.18.0.10', 'sport': 0, 'dst': '192.0.2.7', 'dport': 0}
    lines = [linelab.head_of(start, 'flows')] + [
        {'time': linelab.rfc3339(start + S), 'flow': 'end', 'id': proto, 'start': linelab.rfc3339(start), 'end': linelab.rfc3339(start + S),
         'proto': proto, 'orig': side, 'reply': back, 'packets_out': 1, 'bytes_out': 100, 'packets_in': 2, 'bytes_in': 1, 'answered': True,
         'reason': 'closed'} for proto in (6, 17, 47, 50, 132)]
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        file = linelab.write(folder, *linelab.sealed(life, 'flows', lines, start))
        on_zero = list(csv.DictReader(io.StringIO(flows(life.lab, '--csv', '--port', '0', file), newline='')))
        every = list(csv.DictReader(io.StringIO(flows(life.lab, '--csv', file), newline='')))
        table, top = flows(life.lab, file), flows(life.lab, '--top', '9', '--by', 'port', '--json', file)
    assert [row['proto'] for row in on_zero] == ['tcp', 'udp', '132'], on_zero
    assert [row['dport'] for row in every if row['proto'] in ('gre', '47', 'esp', '50')] == ['', ''], every
    assert table.count('192.0.2.7:0') == 3 and top.count('"port":0') == 3 and top.count('\n') == 5, (table, top)


def hostile_texts_are_shown_as_text(bucket, life):
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        files = [linelab.write(folder, *made) for made in crafted(life, life.start_ns)]
        for args in ([], ['--csv'], ['--json'], ['--top', '5']):
            text = flows(life.lab, *args, *files)
            assert not re.search(r'[^\x20-\x7e\r\n]', text), f'{args}: {text!r}'
        table = csv.DictReader(io.StringIO(flows(life.lab, '--csv', *files), newline=''))
        assert any(row['state'].startswith("'=cmd|") for row in table), 'a spreadsheet would run it'


def lines_that_frames_cut_are_whole(bucket, life):
    start = life.start_ns
    lines = [linelab.line_of(start + i, 'info', 'net', 'n', i=i, fill='x' * (i * 37 % 900)) for i in range(300)]
    lines.insert(150, linelab.line_of(start, 'info', 'net', 'long', fill='y' * 70000))  # longer than any line may be
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        for frame in (1000, 65537):
            file = linelab.write(folder, *linelab.sealed(life, 'log', lines, start, frame=frame))
            done = life.lab.sealtap('logs', '--json', file)
            found = [json.loads(line) for line in done.out.decode().splitlines()]
            assert found == [line for line in lines if line['event'] == 'n'], f'frames of {frame} bytes: {len(found)} lines'
            assert '1 lines are no JSON' in done.err, done.err


# ---- into the packets

def open_goes_on_into_the_packets_of_a_flow_on_both_sides(bucket, life):
    flow = next(f for f in records(life) if f.kind == 'end' and f.proto == 6 and f.line['packets_in'] > 5)
    o, r = flow.orig, flow.reply
    wanted = life.pcap(f'(tcp and host {o["src"]} and host {o["dst"]} and port {o["sport"]} and port {o["dport"]}) or '
                       f'(tcp and host {r["src"]} and host {r["dst"]} and port {r["sport"]} and port {r["dport"]})')
    done = bucket.sealtap('flows', '--host', o['src'], '--port', str(o['sport']), '--open')
    assert done.status == 0, done.err
    found = packets(done.out)
    assert sorted(found) == sorted(wanted) and found, f'{len(found)} packets, {len(wanted)} are right'
    sides = {o['src'] in done.err, r['dst'] in done.err}
    assert sides == {True}, done.err


def open_says_when_the_flows_are_too_many_to_name_each(bucket, life):
    done = bucket.sealtap('flows', '--port', '0', '--open')
    assert done.status == 0 and 'too many to name each' in done.err, done.err
    assert sorted(packets(done.out)) == sorted(life.pcap('port 0')), done.err
    several = bucket.sealtap('flows', '--port', '443', '--open')  # too many servers, too
    assert several.status == 0 and "'(port 443)'" in several.err and 'other traffic' in several.err, several.err
    of_port = [flow for flow in linelab.flows_of(lines_of(life)) if 443 in flow.ports()]
    begin, end = min(flow.from_ns for flow in of_port) - 2 * S, max(flow.to_ns for flow in of_port) + 2 * S
    assert sorted(packets(several.out)) == sorted(life.pcap('port 443', begin, end)), several.err
    everything = bucket.sealtap('flows', '--open')
    assert everything.status == 64 and 'too many for one filter' in everything.err, everything.err


# ---- what goes wrong

def wrong_words_are_said(bucket, life):
    for args, said in ((['--host', '10.0.0.256'], '--host'), (['--host', '10.0.0.1/8'], '--host'), (['--proto', 'tpc'], '--proto'),
                       (['--port', '65536'], '--port'), (['--top', '5', '--by', 'mac'], '--by'), (['--by', 'host'], '--top'),
                       (['--json', '--csv'], '--json'), (['--from', '-1m', '--to', '-2m'], '--from')):
        done = bucket.sealtap('flows', *args)
        assert done.status == 64 and said in done.err and not done.out, f'{args}: {done}'


def nothing_in_that_time_is_said(bucket, life):
    done = bucket.sealtap('flows', '--from', '2020-01-01', '--to', '2020-01-02')
    assert done.status == 66 and done.err, done


def a_damaged_object_is_named_and_the_others_are_read(bucket, life):
    broken = life.lab.bucket(life)
    victim = life.of('flows')[0]
    body = bytearray(victim.body())
    body[len(body) // 2] ^= 1
    broken.put(victim.name, bytes(body), victim.meta)
    done = broken.sealtap('flows', '--json')
    assert done.status == 2 and victim.name.rpartition('/')[2] in done.err, done.err
    found = {json.dumps(json.loads(line), sort_keys=True) for line in done.out.decode().splitlines()}
    others = [flow for o in life.of('flows')[1:] for flow in map(linelab.Flow, o.lines()) if flow.kind]
    assert others and all(json.dumps(flow.line, sort_keys=True) in found for flow in others), done.err


with operatorlab.Lab() as lab:
    life = lab.record(seconds=420, key_seconds=300, object_seconds=120)
    bucket = lab.bucket(life)
    for check in (all_records_come_as_they_stand_in_the_order_of_time, a_window_takes_the_flows_that_reach_into_it,
                  hosts_networks_ports_and_protocols_choose_on_both_sides_of_the_translation, sums_by_host_port_and_pair_are_exact,
                  more_hosts_than_there_is_room_for_are_told_as_approximate_and_the_heaviest_are_right,
                  csv_has_each_flow_once_with_all_its_numbers, the_table_shows_both_sides_and_what_became_of_each_flow,
                  a_flow_that_goes_on_counts_once_by_its_last_line, protocols_without_ports_have_none, hostile_texts_are_shown_as_text,
                  lines_that_frames_cut_are_whole,
                  open_goes_on_into_the_packets_of_a_flow_on_both_sides, open_says_when_the_flows_are_too_many_to_name_each,
                  wrong_words_are_said, nothing_in_that_time_is_said, a_damaged_object_is_named_and_the_others_are_read):
        report.run(check, bucket, life)
report.finish()
