#!/usr/bin/env python3
"""flows_test: the `flows` stream: every packet belongs to a flow's record, on both sides of the translation; none is missing, whatever dies
or finds no room; what was recorded but not forwarded is told.

flows_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/flows/.
"""
import collections
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, frames, testing, traffic  # noqa: E402
from lab.capture import Capture  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_OUTSIDE, CLIENT, WEB, Surroundings  # noqa: E402

MANY = 3000  # flows of a burst, each to a port of its own
FLOOD, SILENT = 600, 9999  # SYNs, and the port that does not answer
ALONE = 16  # of a flood have records of their own
DENIED, TUPLES = 7777, 1400  # more tuples than one set of verdicts has places for
SMALL_BUFFER = 4096
KILLS = 6
FLOW_SLOTS, FULL_S = 8, 16  # fills the slots of flows, not those of packets
TALK_PORT, LIVE_S, STEP_S = 7010, 300, 25  # flows that live longer have a line so often: src/role/flows/flows.c
ICMP, TCP, UDP = 1, 6, 17
# so that flows end while the test looks on
SHORT_S = {'udp_timeout': 2, 'udp_timeout_stream': 2, 'icmp_timeout': 2, 'tcp_timeout_time_wait': 2, 'tcp_timeout_close': 2,
           'tcp_timeout_syn_sent': 2, 'tcp_timeout_last_ack': 2}
RULES = '''table ip test {
  chain f { type filter hook forward priority -10; udp dport 7777 log prefix "denied" group 5 drop; }
}'''


# ---- packets and flows by the same key: (proto, src, sport, dst, dport); of echoes (proto, src, id, dst, 0)

def key_of(data):
    """Of an Ethernet frame with IPv4; None: another one, or an ICMP error."""
    if data[12:14] != b'\x08\x00':
        return None
    ip = data[14:]
    rest, proto = ip[(ip[0] & 15) * 4:], ip[9]
    src, dst = ('.'.join(map(str, ip[at:at + 4])) for at in (12, 16))
    if proto == ICMP:
        return (proto, src, int.from_bytes(rest[4:6], 'big'), dst, 0) if rest[0] in (0, 8) else None
    return proto, src, int.from_bytes(rest[:2], 'big'), dst, int.from_bytes(rest[2:4], 'big')


def key_of_tuple(proto, t):
    return (proto, t['src'], t['id'], t['dst'], 0) if proto == ICMP else (proto, t['src'], t['sport'], t['dst'], t['dport'])


def turned(key):
    proto, src, sport, dst, dport = key
    return (proto, dst, sport, src, 0) if proto == ICMP else (proto, dst, dport, src, sport)


def count(frames_seen):
    """{key: [packets, bytes from the IP header on]}."""
    seen = collections.defaultdict(lambda: [0, 0])
    for f in frames_seen:
        key = key_of(f.data)
        if key:
            seen[key][0] += 1
            seen[key][1] += int.from_bytes(f.data[16:18], 'big')
    return seen


def ends(flows):
    return [f for f in flows if f.get('flow') == 'end']


def syn(port, source_port):
    head = source_port.to_bytes(2, 'big') + port.to_bytes(2, 'big') + bytes(8) + b'\x50\x02\xff\xff' + bytes(4)
    pseudo = frames.address(CLIENT) + frames.address(WEB) + bytes((0, TCP)) + len(head).to_bytes(2, 'big')
    return frames.ethernet(frames.ipv4(head[:16] + frames.checksum(pseudo + head).to_bytes(2, 'big') + head[18:], TCP))


def shorten(appliance):
    for name, seconds in SHORT_S.items():
        appliance.ns.sysctl('netfilter/nf_conntrack_' + name, seconds)


def burst(lab):
    """A datagram to each of MANY ports."""
    frames.send(lab.inside, [frames.udp_frame(f'flow {i}', 20000 + i, 10000 + i) for i in range(MANY)], every=100, pause_s=0.05)


# ---- a life under observation

class Life:
    """Pages, names, pings, a refused connection, a flood, packets that are not forwarded; one download is under way when it ends."""

    def __init__(self, lab):
        lab.web.run('nft', '-f', '-', text_in='table ip t {\n chain i { type filter hook input priority 0; '
                                               f'tcp dport {SILENT} drop; }}\n}}')
        host = Host(lab, 'joined', lab.configuration(object__max_seconds=5), verbose=True)
        with Session(host) as session:
            sent = [Capture(lab, f'{side}-sent', ns, host.name, 'in') for side, ns in lab.nics]
            session.armed()
            shorten(host)
            host.ns.run('nft', '-f', '-', text_in=RULES)
            with session.window('all'):
                traffic.everything(lab)
                subprocess.run(lab.inside.prefix() + ['curl', '-s', f'http://{WEB}:81/'])
            self.denied = [frames.udp_frame('denied', 30000 + i, DENIED) for i in range(3) for _ in range(40)]
            frames.send(lab.inside, self.denied)
            frames.send(lab.inside, [frames.ethernet(frames.ipv4(frames.udp(b'short way', 31000, 9), ttl=1))])
            frames.send(lab.inside, [syn(SILENT, 1024 + i) for i in range(FLOOD)], every=50, pause_s=0.02)
            time.sleep(14)  # verdicts and floods are told every ten seconds
            frames.send(lab.inside, [frames.udp_frame('x' * 20, 30000 + i, DENIED) for i in range(TUPLES)], every=50)
            slow = subprocess.Popen(lab.inside.prefix() + ['curl', '-s', '--limit-rate', '50k', '-o', '/dev/null', f'http://{WEB}/10m'])
            time.sleep(2)
            session.power_off()
            slow.kill()
            slow.wait()
            self.sent = {c.side.split('-')[0]: c.done() for c in sent}
            session.collect()
        self.session, self.evidence, self.flows = session, session.evidence, session.evidence.flows()


def joined(life):
    """Every packet of a run belongs to a flow's record, on both sides of the translation, with the same packets and bytes each way"""
    arrived = {side: count(f) for side, f in life.session.frames.items()}
    left = {side: count(f) for side, f in life.sent.items()}
    out, back = (collections.defaultdict(lambda: [0, 0]) for _ in range(2))
    other_side = {}
    for f in ends(life.flows):
        key, reply = key_of_tuple(f['proto'], f['orig']), key_of_tuple(f['proto'], f['reply'])
        for sums, way, k in ((out, 'out', key), (back, 'in', reply)):
            sums[k][0] += f[f'packets_{way}']
            sums[k][1] += f[f'bytes_{way}']
        assert other_side.setdefault(key, reply) == reply, f'{key} was translated to {reply} and to {other_side[key]}'
    window = {k for f in life.session.windows['all']['inside'] if (k := key_of(f.data))}
    assert len(window) >= 10 and {k[0] for k in window} == {ICMP, TCP, UDP}, window
    for key in window:
        assert key in other_side, f'{key} has no record'
        reply = other_side[key]
        assert reply[3] == APPLIANCE_OUTSIDE, f'{key} was not translated: {reply}'
        assert out[key] == arrived['inside'][key], f'{key}: recorded {out[key]}, on the wire {arrived["inside"][key]}'
        assert back[reply] == arrived['outside'][reply], f'{reply}: recorded {back[reply]}, on the wire {arrived["outside"][reply]}'
        assert out[key] == left['outside'][turned(reply)], f'{key}: recorded {out[key]}, outside {left["outside"][turned(reply)]}'
        assert back[reply] == left['inside'][turned(key)], f'{reply}: recorded {back[reply]}, inside {left["inside"][turned(key)]}'
    known = {turned(r) for r in other_side.values()} | set(other_side)
    # what comes when its flow is over has a record of its own: it is not let in
    known |= {turned((v['proto'], v['src'], v['sport'], v['dst'], v['dport'])) for v in life.flows
              if v.get('verdict') == 'invalid' and v['proto'] == TCP}
    # nor has what upload begins once recording has ended
    ended_ns = evidence.rfc3339_ns(re.sub('[-:]', '', life.evidence.events('disarmed')[-1]['time']))
    outside = count(f for f in life.session.frames['outside'] if f.ns < ended_ns)
    strangers = [k for k in outside if turned(k) not in known and k[3] == APPLIANCE_OUTSIDE and k[0] != UDP]
    assert not strangers, f'packets from outside without a flow: {strangers}'


def same_names(life):
    """Each recorded packet has the Community ID of its flow's record by tshark, too, on both sides"""
    names = [{}, {}]
    for f in ends(life.flows):
        names[1][key_of_tuple(f['proto'], f['orig'])] = f['community_id']
        names[0][key_of_tuple(f['proto'], f['reply'])] = f['community_id_nat']
    checked = 0
    for o in life.evidence.packets():
        said = subprocess.run(['tshark', '-n', '-r', o.path + '.plain', '--enable-protocol', 'communityid', '-T', 'fields', '-e',
                               'communityid'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        for line, f in zip(said.stdout.splitlines(), o.capture().frames, strict=True):
            key = key_of(f.data)
            if key in names[f.interface]:
                assert line == names[f.interface][key], f'{key}: tshark says {line}, its record {names[f.interface][key]}'
                checked += 1
    assert checked > 1000, f'only {checked} packets'


def reasons(life):
    """A record says why its flow ended: closed, reset, no more packets; and shutdown where it lived when recording ended"""
    found = collections.defaultdict(set)
    for f in ends(life.flows):
        if f['orig']['src'] == CLIENT:
            found[f['proto'], f['orig'].get('dport')].add(f['reason'])
    assert found[TCP, 81] == {'reset'}, found[TCP, 81]
    assert found[TCP, 80] == {'closed', 'shutdown'} and found[TCP, 443] == {'closed'}, found
    assert found[UDP, 53] == found[ICMP, None] == {'timeout'}, found
    live, = [f for f in ends(life.flows) if f['reason'] == 'shutdown' and f['orig']['src'] == CLIENT and f['orig'].get('dport') == 80]
    assert live['answered'] and live['bytes_in'] > 50000, live


def flood_in_one(life):
    """Of a flood of SYNs that nobody answers the first have records of their own, the others are counted together"""
    mine = [f for f in ends(life.flows) if f['orig'].get('dport') == SILENT]
    crowds = [f for f in life.flows if f.get('flow') == 'unanswered']
    assert all((c['dst'], c['dport'], c['proto']) == (WEB, SILENT, TCP) and c['sources'] == [CLIENT] and not c['more_sources']
               for c in crowds), crowds
    assert not any(f['answered'] for f in mine)
    packets = sum(f['packets_out'] for f in mine + crowds)
    assert len(mine) + sum(c['flows'] for c in crowds) == packets == FLOOD, f'{len(mine)} alone, {crowds}'
    assert crowds and len(mine) == sum(c['alone'] for c in crowds) and all(c['alone'] == ALONE for c in crowds), f'{len(mine)}, {crowds}'


def verdicts(life):
    """What is recorded but not forwarded is told by tuple and reason, with packets, bytes and times; beyond the places in sum"""
    told = [f for f in life.flows if f.get('verdict') == 'denied']
    for source_port in range(30000, 30003):
        first = next(f for f in told if f.get('sport') == source_port)
        want = {'proto': UDP, 'src': CLIENT, 'dst': WEB, 'dport': DENIED, 'packets': 40, 'bytes': 40 * (28 + 6)}
        assert {k: first[k] for k in want} == want and first['first'] <= first['last'] <= first['time'], first
    assert sum(f['packets'] for f in told) == len(life.denied) + TUPLES
    assert sum(f['bytes'] for f in told) == len(life.denied) * 34 + TUPLES * 48
    others = [f for f in told if f.get('other')]
    assert others and sum(f['packets'] for f in others) == TUPLES - 1024, others
    assert not [f for f in life.flows if 'verdicts_lost' in f]
    assert not [f for f in ends(life.flows) if f['orig'].get('dport') == DENIED], 'a packet that was dropped has a flow'


def by_error(life):
    """Of a packet that is answered with an ICMP error the packet itself is told, not the error"""
    one, = [f for f in life.flows if f.get('verdict') == 'ttl']
    assert (one['src'], one['sport'], one['dst'], one['dport'], one['packets'], one['bytes']) == (CLIENT, 31000, WEB, 9, 1, 37), one


def it_is_evidence(life):
    """Names, metadata, signatures, chain, index and inventory hold for the stream of flows as for the others"""
    for check in evidence.CHECKS:
        check(life.evidence)
    assert len(life.evidence.stream('flows')) >= 2


# ---- losses and deaths

def each_once(lab_evidence, about):
    """Each flow of burst() has one record with its one datagram."""
    seen = collections.Counter(f['orig']['dport'] for f in ends(lab_evidence.flows())
                               if f['proto'] == UDP and f['orig']['src'] == CLIENT and f['orig']['dport'] in range(10000, 10000 + MANY))
    missing = [p for p in range(10000, 10000 + MANY) if p not in seen]
    twice = [p for p, n in seen.items() if n > 1]
    assert not missing and not twice, f'{about}: {len(missing)} of {MANY} flows have no record, {len(twice)} several'
    mine = [f for f in ends(lab_evidence.flows()) if f['orig'].get('dport') in seen and f['orig']['src'] == CLIENT and f['proto'] == UDP]
    assert all((f['packets_out'], f['bytes_out']) == (1, 28 + len(f'flow {f["orig"]["dport"] - 10000}')) for f in mine)
    return mine


def small_buffer(lab):
    """With a socket of 4 KiB under load lost events are counted and told, flows are reconciled, and none is missing in the end"""
    host = Host(lab, 'small', lab.configuration(), verbose=True, ct_buffer=SMALL_BUFFER)
    with Session(host) as session:
        session.armed()
        shorten(host)
        burst(lab)
        traffic.fetch(lab, '100k')
        time.sleep(8)
        burst_again = [frames.udp_frame('late', 50000 + i, 40000 + i) for i in range(200)]
        frames.send(lab.inside, burst_again)  # these live when it ends
        session.power_off()
        session.collect()
    flows = session.evidence.flows()
    lost = [f for f in flows if 'events_lost' in f]
    assert lost and sum(f['events_lost'] for f in lost) > 0, 'no event was lost: the test proves nothing'
    assert [e['losses'] for e in session.evidence.events('flow-events-lost')] == [f['events_lost'] for f in lost]
    mine = each_once(session.evidence, 'small buffer')
    assert not [f for f in mine if f['reason'] == 'events-lost'], 'the kernel keeps what it could not tell'
    late = collections.Counter(f['orig']['dport'] for f in ends(flows) if f['orig'].get('dport', 0) in range(40000, 40200))
    assert len(late) == 200 and set(late.values()) == {1}, late
    for check in evidence.CHECKS:
        check(session.evidence)
    print(f'# {sum(f["events_lost"] for f in lost)} times events found no room; {lost[-1]}')


def killed_under_load(lab):
    """The role may be killed at any moment: no flow is missing, none is there twice"""
    host = Host(lab, 'killed', lab.configuration(object__max_seconds=3), verbose=True)
    with Session(host) as session:
        session.armed()
        shorten(host)
        frames.send(lab.inside, [syn(SILENT, 1024 + i) for i in range(FLOOD)])
        burst(lab)
        for i in range(KILLS):
            time.sleep(0.4 + 0.3 * i)
            host.wait_role('flows')
            host.kill_role('flows')
        time.sleep(3)
        session.power_off()
        session.collect()
    each_once(session.evidence, 'killed')
    flood = [f for f in session.evidence.flows() if f.get('dport') == SILENT or f.get('orig', {}).get('dport') == SILENT]
    assert sum(f.get('flows', 1) for f in flood) == FLOOD, flood
    died = [e for e in session.evidence.events('role-died') if e['died'] == 'flows']
    assert len(died) == KILLS, died
    for check in evidence.CHECKS:
        check(session.evidence)


def full_at_the_end(lab, clock):
    """A shutdown does not wait for ever for room of the flows' records: what has none is counted and told, and the packets are shipped"""
    host = Host(lab, 'full', lab.configuration(object__max_seconds=1), verbose=True, init=INJECTED)
    with Session(host) as session:
        session.armed()
        shorten(host)
        with lab.front.refuses():
            for i in range(FULL_S):
                frames.send(lab.inside, [syn(81, 20000 + i)])  # refused: ends at once
                time.sleep(0.2)
                clock.pass_time(1, 1)
            host.process.send(signal.SIGTERM)
            clock.pass_time(60, 2, until=lambda: ' flow-records-lost ' in host.console.text())
            host.console.wait('^sealtap: alarm flows flow-records-lost', 1)
            time.sleep(1)
        session.power_off()
        session.collect()
    told = session.evidence.events('flow-records-lost')
    assert told and max(e['records'] for e in told) > 0, told
    assert len(session.evidence.stream('flows')) <= FLOW_SLOTS + 1
    for check in evidence.CHECKS:
        check(session.evidence)


class Talks:
    """Connections from inside to a server outside, each open until the end of the block."""

    def __init__(self, lab, host):
        self.lab, self.host, self.open = lab, host, contextlib.ExitStack()
        self.server = self.open.enter_context(lab.web.socket(socket.AF_INET, socket.SOCK_STREAM))
        self.server.bind((WEB, TALK_PORT))
        self.server.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open.close()

    def begin(self):
        client = self.open.enter_context(self.lab.inside.socket(socket.AF_INET, socket.SOCK_STREAM))
        client.connect((WEB, TALK_PORT))
        talk = client, self.open.enter_context(self.server.accept()[0])
        self.say(talk, b'hello')
        return talk

    def say(self, talk, text):
        for one, other in (talk, talk[::-1]):
            one.sendall(text)
            assert other.recv(100) == text
        time.sleep(0.3)  # the last acknowledgement

    def counts(self, talk):
        """[packets out, bytes out, packets in, bytes in], as the kernel has them."""
        known = self.host.ns.run('cat', '/proc/net/nf_conntrack')
        line, = [line for line in known.splitlines() if f' sport={port_of(talk)} dport={TALK_PORT} ' in line]
        return list(map(int, re.findall(r'(?:packets|bytes)=(\d+)', line)))


def port_of(talk):
    return talk[0].getsockname()[1]


def long_flows(lab, clock):
    """A flow that lives on for more than five minutes has a line each five while it moves, with its counts; its record has them all"""
    host = Host(lab, 'long', lab.configuration(), init=INJECTED)
    with Session(host) as session, Talks(lab, host) as talks:
        session.armed()
        moving, still = talks.begin(), talks.begin()
        clock.pass_time(7 * 60, STEP_S)
        young = talks.begin()
        clock.pass_time(5 * 60, STEP_S)  # the second time that lines are due; the first came within their fifth minute
        wanted = {port_of(talk): [talks.counts(talk)] for talk in (moving, still)}
        talks.say(moving, b'again')
        clock.pass_time(5 * 60, STEP_S)
        wanted[port_of(moving)].append(talks.counts(moving))
        wanted[port_of(young)] = [talks.counts(young)]
        talks.open.close()
        session.end()
    mine = [f for f in session.evidence.flows() if f.get('orig', {}).get('dport') == TALK_PORT]
    lines, records = collections.defaultdict(list), {f['orig']['sport']: f for f in ends(mine)}
    for f in mine:
        if f['flow'] == 'live':
            lines[f['orig']['sport']].append([f[f'{what}_{way}'] for way in ('out', 'in') for what in ('packets', 'bytes')])
            written_ns, start_ns = (evidence.rfc3339_ns(re.sub('[-:]', '', f[key])) for key in ('time', 'start'))
            assert written_ns - start_ns > LIVE_S * 1e9 and 'reason' not in f and f['id'] == records[f['orig']['sport']]['id'], f
    assert lines == wanted, f'{dict(lines)}, not {wanted}'
    assert len(records) == 3, records
    assert all(r['bytes_out'] > lines[port][-1][1] and r['reason'] == 'closed' for port, r in records.items()), records


def main():
    report = testing.report()
    checks = (joined, same_names, reasons, flood_in_one, verdicts, by_error, it_is_evidence)
    with Surroundings('flows') as lab:
        report.life(lambda: Life(lab), checks)
        report.run(small_buffer, lab)
        report.run(killed_under_load, lab)
        with Clock(lab) as clock:
            report.run(full_at_the_end, lab, clock)
            report.run(long_flows, lab, clock)
    report.finish()


main()
