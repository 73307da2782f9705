#!/usr/bin/env python3
"""record_test: host mode, real traffic, and an independent capture: every packet that arrives is recorded once, byte for byte.

record_test.py [-k PATTERN]. Needs root. SLOW_PACKETS and BURST_PACKETS say how many. Logs and objects stay in build/lab/record/.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, frames, metadata, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_OUTSIDE, CLIENT, WEB, Surroundings  # noqa: E402

SLOW_PACKETS = int(os.environ.get('SLOW_PACKETS', 200))
BURST_PACKETS = int(os.environ.get('BURST_PACKETS', 8000))
OWN_PORTS = range(64512, 65536)


# ---- traffic, each in a window of its own

def pages(session):
    traffic.everything(session.lab)


def fragments(session):
    data = frames.udp(bytes(range(256)) * 12, 40001, 9)
    lone = [frames.fragment(data, 1, 0, 800, False)]
    middle = [frames.fragment(data, 2, 800, 1600, False)]
    turned = [frames.fragment(data, 3, at, at + 800, at + 800 >= len(data)) for at in range(0, len(data), 800)][::-1]
    overlapping = [frames.fragment(data, 4, 0, 808, False), frames.fragment(data, 4, 400, 1208, False),
                   frames.fragment(data[::-1], 4, 1000, 2000, True)]
    twice = [frames.fragment(data, 5, 0, 800, False)] * 2
    tiny = [frames.fragment(data, 6, 0, 8, False), frames.fragment(data, 6, 8, 16, False)]
    session.fragments = lone + middle + turned + overlapping + twice + tiny
    frames.send(session.lab.inside, session.fragments, every=1, pause_s=0.001)


def slowly(session):
    session.slow = [frames.udp_frame(f'slow {i}') for i in range(SLOW_PACKETS)]
    frames.send(session.lab.inside, session.slow, every=1, pause_s=0.02)


def bursts(session):
    session.bursts = [frames.udp_frame(f'burst {i} ' + 'x' * (i % 1400)) for i in range(BURST_PACKETS)]
    frames.send(session.lab.inside, session.bursts, every=400, pause_s=0.03)


def tags(session):
    text = 'tagged'
    stacks = [
        [(frames.VLAN, 100)], [(frames.VLAN, 0)], [(frames.VLAN, 5 << 13)], [(frames.VLAN, 0xffff)], [(frames.SERVICE_VLAN, 200)],
        [(frames.SERVICE_VLAN, 200), (frames.VLAN, 100)], [(frames.VLAN, 7), (frames.VLAN, 8)], [(frames.VLAN, 1 << 12 | 9)],
        [(frames.SERVICE_VLAN, 1), (frames.SERVICE_VLAN, 2), (frames.VLAN, 3)],
    ]
    session.tagged = [frames.udp_frame(text, tags=stack) for stack in stacks] + [frames.udp_frame(text)]
    session.tagged += [frames.ethernet(b'\x01\x02\x03\x04' * 12, 0x9000, tags=[(frames.VLAN, 3)])]
    frames.send(session.lab.inside, session.tagged)


def reserved_ports(session):
    before = len(session.lab.site.clients())
    for port in (64512, 65000, 65535):
        traffic.fetch(session.lab, '1k', 'http', '--local-port', str(port))
    session.reserved_clients = session.lab.site.clients()[before:]


# ---- what must hold

def pages_names_uploads_and_pings(session):
    """Pages, uploads, names and pings pass and are recorded packet for packet, as an independent capture saw them."""
    session.compare('pages')


def fragments_byte_for_byte(session):
    """Lone, overlapping, reordered, repeated and never completed fragments are recorded as they came, byte for byte."""
    session.compare('fragments')
    on_wire = [f.data for f in session.windows['fragments']['inside']]
    assert [f for f in on_wire if f in session.fragments] == session.fragments, 'the capture itself has not seen them as sent'


def slow_packets(session):
    """Fifty packets a second lose nothing."""
    session.compare('slowly')
    assert has_all(session, 'slowly', session.slow)


def burst_packets(session):
    """Bursts lose nothing."""
    session.compare('bursts')
    assert has_all(session, 'bursts', session.bursts)


def vlan_tags(session):
    """VLAN tags (802.1Q, 802.1ad, stacked, priority only) stand in the recording where they stood on the wire."""
    assert has_all(session, 'tags', session.tagged)
    session.compare('tags')


def has_all(session, window, sent):
    recorded = [f.data for stream in session.recorded(window, 'inside').values() for f in stream]
    missing = [f.hex() for f in sent if recorded.count(f) != sent.count(f)]
    assert not missing, f'{len(missing)} of {len(sent)} frames are not recorded once, the first: {missing[0]}'
    return True


def nobody_hides_in_reserved_ports(session):
    """A host behind the appliance that uses a reserved source port is translated out of it and recorded in full."""
    assert len(session.reserved_clients) == 3, session.reserved_clients
    for address, port in session.reserved_clients:
        assert address == APPLIANCE_OUTSIDE and port not in OWN_PORTS, f'the server saw {address}:{port}'
    session.compare('reserved')
    for stream in session.recorded('reserved', 'outside').values():
        for f in stream:
            assert len(f.data) == f.length or f.data[26:30] != frames.address(WEB), 'a packet of the forwarded connection was cut'


def own_connections_headers_only(session):
    """The appliance's own connections are recorded as headers with their true length, everything else in full."""
    total = session.compare('all')
    assert total.own >= 10, f'only {total.own} packets of own connections in the window'


def nothing_outbound(session):
    """No packet that the appliance sent is recorded."""
    own = {frames.mac(m) for m in (metadata.OUTSIDE_MAC, metadata.INSIDE_MAC)}
    for stream in session.evidence.recorded().values():
        for f in stream:
            assert f.data[6:12] not in own, f'recorded: {f.data[:60].hex()}'


def nothing_lost(session):
    """It reports no loss, and the links' own counters agree: what arrived since they came up, ring bound, is what was recorded."""
    assert all(o.meta['lost'] == '0' for o in session.evidence.objects)
    down = session.evidence.events('shutdown')[-1]
    assert down['lost'] == 0 and down['packets'] == sum(map(len, session.evidence.recorded().values())), down
    links = session.evidence.events('disarmed')[0]
    arrived = links['outside_rx_packets'] + links['inside_rx_packets']
    # the links count a little longer or shorter than the rings, by what arrives in that moment
    assert abs(arrived - down['packets']) <= 20, f'{arrived} arrived, {down["packets"]} recorded'


def interface_speeds(session):
    """Each interface's description tells its speed, as the driver says it (10 Gbit/s for a veth)."""
    for o in session.evidence.packets():
        speeds = [int.from_bytes(i.options[8], 'little') for i in o.capture().interfaces]
        assert speeds == [10**10, 10**10], f'{o.name}: {speeds}'


def both_workers_record(session):
    """With two workers both record, and together they have every packet once, each in the order of the wire."""
    counts = {name: len(stream) for name, stream in session.evidence.recorded().items()}
    assert len(counts) == 2 and min(counts.values()) > 100, counts
    session.compare('all')


def masquerade(session):
    """With nat = masquerade servers see the appliance's address."""
    assert {a for a, _ in session.clients} == {APPLIANCE_OUTSIDE}, session.clients


def no_nat(session):
    """With nat = none servers see the address of the host inside."""
    assert {a for a, _ in session.clients} == {CLIENT}, session.clients


# ---- sessions

def live(session, scenes):
    """It boots, arms, forwards, powers off, and AWS's Encryption SDK opens all that it shipped."""
    with session:
        session.armed_under_fire()
        before = len(session.lab.site.clients())
        with session.window('all'):
            for name, scene in scenes:
                with session.window(name):
                    scene(session)
        session.clients = session.lab.site.clients()[before:]
        session.end()


SCENES = [('pages', pages), ('fragments', fragments), ('slowly', slowly), ('bursts', bursts), ('tags', tags)]
ALWAYS = [Session.check_nothing_before_armed, pages_names_uploads_and_pings, nothing_outbound, nothing_lost,
          interface_speeds]
LIVES = {
    'one worker, NAT': (1, 'masquerade', SCENES + [('reserved', reserved_ports)],
                        [*ALWAYS, masquerade, fragments_byte_for_byte, slow_packets, burst_packets, vlan_tags,
                         nobody_hides_in_reserved_ports, own_connections_headers_only]),
    'two workers, NAT': (2, 'masquerade', SCENES, [*ALWAYS, masquerade, fragments_byte_for_byte, slow_packets, burst_packets, vlan_tags,
                                                   both_workers_record]),
    'one worker, no NAT': (1, 'none', SCENES[:2], [*ALWAYS, no_nat, fragments_byte_for_byte]),
    'two workers, no NAT': (2, 'none', SCENES[:1], [*ALWAYS, no_nat, both_workers_record]),
}


def main():
    report = testing.report()
    with Surroundings('record') as lab:
        for name, (workers, nat, scenes, checks) in LIVES.items():
            about = f' ({name})'
            if not any(report.wants(check, about) for check in [live, *checks, *evidence.CHECKS]):
                continue
            configuration = lab.configuration(nat=nat, object__max_seconds=2, object__max_bytes=4 << 20, log__interval_seconds=3)
            session = Session(Host(lab, name.replace(',', '').replace(' ', '-'), configuration, workers))
            if report.run(live, session, scenes, about=about, always=True):
                for check in checks + evidence.CHECKS:
                    report.run(check, session.evidence if check in evidence.CHECKS else session, about=about)
    report.finish()


main()
