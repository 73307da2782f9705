#!/usr/bin/env python3
"""clients_test: real clients inside, real servers outside, and crowds; through a plain Linux gateway first, then through the appliance in
host mode with independent captures. What works through the one must work through the other, and all of it must be in the recording.

clients_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/clients/.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import clients, evidence, frames, ipv6, metadata, netns, testing  # noqa: E402
from lab.host import INSIDE, OUTSIDE, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.servers import NARROW_MTU, Servers  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, NIC, ROUTER, WEB, Surroundings  # noqa: E402

JUMBO = clients.JUMBO
LAST_PORT = 64511  # outside; what follows is the appliance's own
MORE_FRAGMENTS_OR_OFFSET = 0x3fff
PLAIN_RULES = f"""
table ip nat {{
    chain postrouting {{ type nat hook postrouting priority srcnat; oifname "{OUTSIDE}" masquerade; }}
}}
"""
ORDINARY = clients.SCENES + clients.HOPELESS


# ---- what must hold of the recording

def clients_are_recorded(session):
    """Every packet of the real clients and servers is recorded once, byte for byte, in the order of the wire"""
    session.compare('clients')


def crowds_are_recorded(session):
    """Every packet of the crowds and of the flood is recorded once, or counted as lost"""
    result = session.compare('crowds', lossy=True)
    lost = sum(int(o.meta['lost']) for o in session.evidence.packets())
    assert result.missing == lost, f'{result.missing} packets are missing, {lost} are counted as lost'
    print(f'# {result.seen} packets seen, {result.recorded} recorded, {lost} counted as lost')


def nobody_hides_in_reserved_ports(session):
    """Flows from reserved source ports and pings with reserved identifiers are translated out of that range, and recorded in full"""
    for result in session.place.noted.values():
        assert 1024 <= result['port_least'] <= result['port_most'] <= LAST_PORT, result
    for window in ('pings', 'crowds'):
        for f in recorded(session, window, 'outside'):
            assert len(f.data) == f.length or f.data[26:30] != frames.address(WEB), f'cut: {f.data[:60].hex()}'
    answers = [f.data for f in recorded(session, 'pings', 'outside') if f.data[23:24] == b'\x01' and f.data[34:35] == b'\0']
    identifiers = {int.from_bytes(data[38:40], 'big') for data in answers}
    assert len(identifiers) == 4 and max(identifiers) <= LAST_PORT, identifiers


def jumbo_packets_and_their_errors(session):
    """Of the narrow path the recording holds the 9,001-byte packets, and the router's ICMP error with the MTU that led to 1,400 bytes"""
    lengths = [f.length - 14 for f in recorded(session, 'narrow_path', 'inside') if f.data[26:30] == frames.address(CLIENT)]
    assert max(lengths) == JUMBO, max(lengths)
    errors = [f.data for f in recorded(session, 'narrow_path', 'outside')
              if f.data[23:24] == b'\x01' and f.data[34:36] == b'\x03\x04' and f.data[26:30] == frames.address(ROUTER)]
    assert NARROW_MTU in {int.from_bytes(data[40:42], 'big') for data in errors}, f'{len(errors)} errors of the router'


def fragments_as_they_came(session):
    """Of datagrams of 65,000 bytes the recording holds each fragment, as it came"""
    for side in ('inside', 'outside'):
        found = [f for f in recorded(session, 'large_datagrams', side)
                 if f.data[12:14] == b'\x08\0' and int.from_bytes(f.data[20:22], 'big') & MORE_FRAGMENTS_OR_OFFSET]
        total = sum(int.from_bytes(f.data[16:18], 'big') - 20 for f in found)
        assert total == 5 * (8 + clients.DATAGRAM), f'{side}: {total} bytes in {len(found)} fragments'


def recorded(session, window, side):
    stream, = session.recorded(window, side).values()
    return stream


CHECKS = (clients_are_recorded, crowds_are_recorded, nobody_hides_in_reserved_ports, jumbo_packets_and_their_errors,
          fragments_as_they_came)


# ---- two gateways

class Plain:
    """A plain Linux gateway where the appliance stands, as the usual NAT instances (fck-nat, for one) have it: forwarding on, one
    masquerade rule, the appliance's wires, addresses and MTU."""

    def __init__(self, lab, name='plain'):
        self.lab, self.ns = lab, lab.net.namespace(name)

    def __enter__(self):
        lab = self.lab
        lab.attach(lambda far: netns.wire(self.ns, OUTSIDE, far, NIC, lab.mtu), lambda far: netns.wire(self.ns, INSIDE, far, NIC, lab.mtu))
        for link, address, mac in ((OUTSIDE, APPLIANCE_OUTSIDE, metadata.OUTSIDE_MAC), (INSIDE, APPLIANCE_INSIDE, metadata.INSIDE_MAC)):
            self.ns.up(link, address + '/24', mac)
            netns.one_queue(self.ns, link)
        self.ns.ip('route', 'add', 'default', 'via', ROUTER)
        for link, address in ((OUTSIDE, ipv6.OUTSIDE), (INSIDE, ipv6.INSIDE)):
            ipv6.link_up(self.ns, link, address)
        self.ns.ip('-6', 'route', 'add', 'default', 'via', ipv6.ROUTER)
        self.ns.sysctl('ipv4/ip_forward', 1)
        self.ns.sysctl('ipv6/conf/all/forwarding', 1)
        self.ns.run('nft', '-f', '-', text_in=PLAIN_RULES)
        return self

    def __exit__(self, *_):
        self.lab.detach()


class Table:
    """What worked through which gateway: {scene: {gateway: None, or why not}}."""

    def __init__(self):
        self.rows = {}

    def enter(self, scene, gateway, place):
        """Plays the scene and enters what came of it; raises what it raised."""
        why = None
        try:
            scene(place)
        except testing.Skip as e:
            why = f'skipped: {e}'
            raise
        except Exception as e:
            why = f'{type(e).__name__}: {e}'
            raise
        finally:
            self.rows.setdefault(scene, {})[gateway] = why

    def show(self):
        for scene, row in self.rows.items():
            words = ', '.join(f'{gateway}: {"works" if not why else "skipped" if why.startswith("skipped") else "fails"}'
                              for gateway, why in row.items())
            print(f'# {scene.__name__.replace("_", " "):32} {words}')


def failing(scene):
    """A test: the scene fails here, as it does through plain Linux."""
    def test(table, place):
        try:
            table.enter(scene, 'sealtap', place)
        except Exception as e:
            print(f'# {e}')
            return
        raise AssertionError('it works')
    test.__doc__ = f'{testing.sentence(scene)} fails here as through plain Linux'
    return test


def working(scene):
    def test(table, place):
        table.enter(scene, 'sealtap', place)
    test.__doc__ = testing.sentence(scene)
    return test


def test_of(scene):
    """What must come of it here."""
    return failing(scene) if scene in clients.HOPELESS else working(scene)


def nothing_fails_here_that_plain_linux_does(table):
    """Nothing that works through plain Linux with a masquerade rule fails here"""
    table.show()
    worse = {scene.__name__: row['sealtap'] for scene, row in table.rows.items() if row['plain'] is None and row['sealtap']}
    assert not worse, worse
    unknown = [scene.__name__ for scene, row in table.rows.items() if len(row) < 2]
    assert not unknown, f'not played through both: {unknown}'


def play_through_plain_linux(lab, servers, table, scenes):
    with Plain(lab) as gateway:
        place = clients.Place(lab, servers, gateway.ns)
        for scene in scenes:
            try:
                table.enter(scene, 'plain', place)
            except Exception as e:
                print(f'# through plain Linux {scene.__name__} fails: {str(e).splitlines()[0][:200]}', flush=True)


def knows_a_way_over_ipv6(appliance):
    """It has heard of the router."""
    wait_until(lambda: f'dev {OUTSIDE}' in appliance.ns.ip('-6', 'route', 'show', 'default'), 30, 'way over IPv6')


def play_through_the_appliance(report, session, servers, table, scenes):
    """It boots, arms, forwards, and powers off; all that it shipped is fetched and opened"""
    with session:
        session.armed()
        knows_a_way_over_ipv6(session.appliance)
        session.place = clients.Place(session.lab, servers, session.appliance.ns)
        for name, acts in (('clients', ORDINARY), ('crowds', clients.CROWDS)):
            with session.window(name):
                for scene in [s for s in acts if s in scenes]:
                    with session.window(scene.__name__):
                        report.run(test_of(scene), table, session.place)
        session.end()


def main():
    report = testing.report()
    everything = ORDINARY + clients.CROWDS
    checks = CHECKS + tuple(evidence.CHECKS) + (nothing_fails_here_that_plain_linux_does,)
    scenes = everything if any(map(report.wants, checks)) else [s for s in everything if report.wants(test_of(s))]
    table = Table()
    with Surroundings('clients', mtu=JUMBO) as lab:
        servers = Servers(lab)
        play_through_plain_linux(lab, servers, table, scenes)
        session = Session(Host(lab, 'sealtap', lab.configuration()))
        if report.run(play_through_the_appliance, report, session, servers, table, scenes, always=True):
            report.run(nothing_fails_here_that_plain_linux_does, table)
            for check in checks[:-1]:
                report.run(check, session.evidence if check in evidence.CHECKS else session)
    report.finish()


main()
