#!/usr/bin/env python3
"""rules_test: what the operator has cut or refused: rules, the flows' cutoff, the day's budget; against an independent capture.

rules_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/rules/.
"""
import os
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import compare, evidence, frames, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import CLIENT, Surroundings  # noqa: E402

RULES = ['full : udp port 9997', 'none : udp portrange 9997-9999', 'headers : tcp port 443', 'none : vlan and udp port 9998',
         'headers : icmp']
CUTOFF = 1 << 20
BUDGET = 12 << 20
FLOOD = 20000  # packets of 1,400 bytes: more than the budget
LIGHT = [f'198.19.0.{i}' for i in range(100, 120)]
ALL, NOTHING = 1 << 20, None


# ---- what must be kept of a frame: a model that shares nothing with the product but the rules above

def is_own(data):
    ip = data[12:14] == b'\x08\x00' and data[23] == 6 and data[30:34] in compare.OWN_ADDRESSES
    tcp = 14 + (data[14] & 15) * 4
    return ip and struct.unpack('>H', data[tcp + 2:tcp + 4])[0] in compare.OWN_PORTS


def layers(data):
    """(EtherTypes, protocol, source, target, ports, bytes of headers); None: not IPv4, or nonsense."""
    at, types = 12, []
    while not types or types[-1] in (0x8100, 0x88a8):
        at += 2 if not types else 4
        types.append(struct.unpack('>H', data[at - 2:at])[0])
    if types[-1] != 0x0800:
        return None
    protocol, ip = data[at + 9], data[at:]
    offset, at = struct.unpack('>H', ip[6:8])[0] & 0x1fff, at + (ip[0] & 15) * 4
    if offset:
        return types, protocol, ip[12:16], ip[16:20], None, at
    if protocol == 6 and data[at + 12] >> 4 < 5:
        return None
    ports = struct.unpack('>HH', data[at:at + 4]) if protocol in (6, 17) else None
    length = (data[at + 12] >> 4) * 4 if protocol == 6 else 8
    if protocol == 1 and data[at] in (3, 11):  # the packet that it is about
        length += (data[at + 8] & 15) * 4 + 8
    return types, protocol, ip[12:16], ip[16:20], ports, min(at + length, len(data))


def by_rules(data):
    found = layers(data)
    if not found:
        return ALL
    types, protocol, _, _, ports, length = found
    plain, ports = types[0] == 0x0800, ports or ()
    if plain and protocol == 17 and ports and {9997} & set(ports):
        return ALL
    if plain and protocol == 17 and {9998, 9999} & set(ports):
        return NOTHING
    if plain and protocol == 6 and 443 in ports:
        return length
    if not plain and types[1] == 0x0800 and protocol == 17 and 9998 in ports:
        return NOTHING
    return length if plain and protocol == 1 else ALL


class ByCutoff:
    def __init__(self):
        self.seen = {}

    def __call__(self, data):
        found = layers(data)
        if not found or not found[4]:
            return ALL
        _, protocol, source, target, ports, length = found
        flow = protocol, source, target, ports
        if protocol == 6 and data[14 + (data[14] & 15) * 4 + 13] & 2:
            self.seen[flow] = 0
        before = self.seen.get(flow, 0)
        self.seen[flow] = before + len(data)
        return length if before >= CUTOFF else ALL


def expected(wire, keep):
    kept = []
    for f in wire:
        n = compare.kept_bytes(f.data) if is_own(f.data) else keep(f.data)
        if n is not NOTHING:
            kept.append((f.data[:n], f.length))
    return kept


def agree(session, window, model):
    """Recording and model, packet by packet, both sides: (kept whole, cut, refused)."""
    whole = cut = refused = 0
    for side in compare.SIDES:
        wire = session.windows[window][side]
        want = expected(wire, model() if isinstance(model, type) else model)
        got = [(f.data, f.length) for stream in session.recorded(window, side).values() for f in stream]
        assert got == want, f'{side}: {compare.first_difference(want, got)}'
        cut += sum(len(d) < n for d, n in got)
        whole += sum(len(d) == n for d, n in got)
        refused += len(wire) - len(got)
    return whole, cut, refused


# ---- traffic

def send(session, sent, every=100):
    frames.send(session.lab.inside, sent, every=every)


def everything(session):
    traffic.everything(session.lab)
    tagged = [(frames.VLAN, 7)]
    send(session, [frames.udp_frame('x' * 500, port=port, tags=tags) for port in (9, 9996, 9997, 9998, 9999) for tags in ((), tagged)] * 5)
    send(session, [frames.fragment(frames.udp(b'y' * 2000, 1, 9998), 3, at, at + 800, at == 1600) for at in (0, 800, 1600)])
    send(session, [frames.ethernet(frames.ipv4(b'\x01\xbb' * 30, 6)), frames.ethernet(b'nothing that is known' * 9, 0x9000)])


def downloads(session):
    traffic.fetch(session.lab, '10m')
    traffic.fetch(session.lab, '100k', 'https')
    traffic.upload(session.lab, '10m', 'https')
    traffic.fetch(session.lab, '10m')


def flood(session):
    sent = []
    for i in range(FLOOD):
        sent.append(frames.ethernet(frames.ipv4(frames.udp(f'flood {i} '.encode().ljust(1358, b'x'), 4000, 9))))
        if i % 20 == 0:
            source = LIGHT[i // 20 % len(LIGHT)]
            sent.append(frames.ethernet(frames.ipv4(frames.udp(f'light {i} '.encode().ljust(300, b'l'), 4000, 9, source), source=source)))
    session.sent = sent
    send(session, sent, 40)


# ---- what must hold

def rules_decide(session):
    """The first rule that matches decides, packet for packet: full, headers byte for byte with the true length, or none."""
    whole, cut, refused = agree(session, 'all', by_rules)
    print(f'  # {whole} in full, {cut} cut to headers, {refused} refused')
    assert whole > 1000 and cut > 1000 and refused >= 16


def cutoff_decides(session):
    """Each direction of each flow is recorded in full up to its cutoff and as headers from then on; a new connection begins anew."""
    whole, cut, _ = agree(session, 'all', ByCutoff)
    print(f'  # {whole} in full, {cut} cut to headers')
    assert whole > 1000 and cut > 2000


def books_agree(session):
    """What is cut and filtered stands in metadata and shutdown event, and with the records it is all that came."""
    packets, down = session.evidence.packets(), session.evidence.events('shutdown')[-1]
    recorded = [f for stream in session.evidence.recorded().values() for f in stream]
    assert down['packets'] == len(recorded) and down['cut'] == sum(len(f.data) < f.length for f in recorded), down
    for field in ('cut', 'filtered', 'lost'):
        assert down[field] == sum(int(o.meta[field]) for o in packets), f'{field}: {down}'
    links = session.evidence.events('disarmed')[0]
    arrived = links['outside_rx_packets'] + links['inside_rx_packets']
    counted = down['packets'] + down['filtered'] + down['lost']
    assert abs(arrived - counted) <= 20, f'{arrived} arrived, {down}'


def refused_counted(session):
    """What a rule refused is counted, to the packet."""
    refused = sum(len(wire) - len(expected(wire, by_rules)) for wire in session.frames.values())
    # the independent capture began before the recording
    assert 16 <= session.evidence.events('shutdown')[-1]['filtered'] <= refused, refused
    assert session.evidence.events('shutdown')[-1]['filtered'] >= sum(
        len(w) - len(expected(w, by_rules)) for w in session.windows['all'].values())


def rules_in_recording(session):
    """Each recording says by which rules it was made."""
    for o in session.evidence.packets():
        said = evidence.chain_inside(o)
        assert [said[f'rule.{i + 1}'] for i in range(len(RULES))] == RULES, said


def flood_is_cut(session):
    """One source floods: it is cut to headers, then dropped, each counted; every packet of the light sources is recorded in full."""
    recorded = [f for side in session.recorded('all', 'inside').values() for f in side]
    light = [f.data for f in recorded if f.data[42:48] == b'light ']
    assert light == [f for f in session.sent if f[42:48] == b'light '], f'{len(light)} of light sources are recorded in full'
    flood_sent = [f for f in session.sent if f[42:48] == b'flood ']
    mine = [f for f in recorded if f.data[26:30] == frames.address(CLIENT) and f.data[34:36] == b'\x0f\xa0']
    full, cut = [f for f in mine if len(f.data) == f.length], [f for f in mine if len(f.data) < f.length]
    known = {f[:42] for f in flood_sent}
    assert all(len(f.data) == 42 and f.length == 1400 and f.data in known for f in cut)
    lost = sum(int(o.meta['lost']) for o in session.evidence.packets())
    print(f'  # flood: {len(full)} in full, {len(cut)} cut, {lost} dropped; light: {len(light)} in full')
    assert len(full) > 4000 and len(cut) > 2000 and lost > 2000 and len(full) + len(cut) + lost >= len(flood_sent)
    assert [f.data for f in full] == flood_sent[:len(full)]


def budget_holds(session):
    """The day's recordings take no more than the budget, but for what is no packet."""
    used = sum(int(o.meta['bytes']) for o in session.evidence.packets())
    assert BUDGET * 0.8 < used < BUDGET * 1.02, used


def budget_is_said(session):
    """Reaching 80 % is an alarm that names the heaviest sources and how much of them was cut."""
    alarms = [e for e in session.evidence.events('budget') + session.evidence.events('budget-exceeded') if e['level'] == 'alarm']
    assert alarms and any(f'{CLIENT} cut ' in str(e) for e in alarms), alarms
    last = (session.evidence.events('budget-exceeded') or session.evidence.events('budget'))[-1]
    lost = sum(int(o.meta['lost']) for o in session.evidence.packets())
    assert int(last['dropped']) == lost and int(last['cut']) > 2000, last


def bad_rule(lab, name, rule, said):
    with Host(lab, name, lab.configuration() + f'capture.rule = full : tcp\n{rule}\n') as appliance:
        line = appliance.console.wait_closed('configuration', 30)
    where = f'line {lab.configuration().count(chr(10)) + 2}, key "capture.rule": '
    assert where in line and said in line, line


def broken_rule_keeps_closed(lab):
    """A rule that does not compile keeps it closed, with its line and what libpcap says."""
    bad_rule(lab, 'broken', 'capture.rule = none : tcp porf 80', 'syntax error')


def name_in_rule_keeps_closed(lab):
    """A rule with a host's name keeps it closed: nobody is asked for names."""
    start = time.monotonic()
    bad_rule(lab, 'named', 'capture.rule = none : host www.example.com', 'www.example.com')
    assert time.monotonic() - start < 15


# ---- sessions

def live(session, scene):
    """It boots, arms, forwards, powers off, and AWS's Encryption SDK opens all that it shipped."""
    with session:
        session.armed()
        with session.window('all'):
            scene(session)
        traffic.ping(session.lab, 2)
        time.sleep(2)
        session.end()


LIVES = {
    'rules': (everything, {}, ''.join(f'capture.rule = {r}\n' for r in RULES),
              [rules_decide, refused_counted, rules_in_recording]),
    'cutoff': (downloads, {'capture__flow_cutoff': CUTOFF}, '', [cutoff_decides]),
    'budget': (flood, {'budget__bytes_per_day': BUDGET}, '', [flood_is_cut, budget_holds, budget_is_said]),
}


def main():
    report = testing.report()
    with Surroundings('rules') as lab:
        for check in (broken_rule_keeps_closed, name_in_rule_keeps_closed):
            report.run(check, lab)
        for name, (scene, keys, lines, checks) in LIVES.items():
            about = f' ({name})'
            checks = [*checks, books_agree]
            if not any(report.wants(check, about) for check in [live, *checks, *evidence.CHECKS]):
                continue
            configuration = lab.configuration(object__max_seconds=3, log__interval_seconds=3, **keys) + lines
            lab.front.configured(configuration)
            session = Session(Host(lab, name, configuration))
            if report.run(live, session, scene, about=about, always=True):
                for check in checks + evidence.CHECKS:
                    report.run(check, session.evidence if check in evidence.CHECKS else session, about=about)
    report.finish()


main()
