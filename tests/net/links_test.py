#!/usr/bin/env python3
"""links_test: links that come late, go and come back, bear each other's names or get other addresses: each ends in service or in a stated
wait, never in forwarding without recording.

links_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/links/.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import metadata, netns, objects, testing, traffic  # noqa: E402
from lab.host import INSIDE, OUTSIDE, Host  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, CLIENT, NIC, WEB, Surroundings  # noqa: E402

LATE_S = 3  # how long the second interface is late: 30 s in life, where nothing but the wait is longer
MACS = '/latest/meta-data/network/interfaces/macs/'


# ---- interfaces that are attached and detached

def detach(lab, appliance, link):
    appliance.ns.ip('link', 'delete', link)
    lab.nics = [n for n in lab.nics if n[0] != link]


def attach(lab, appliance, link, name=None, mac=None):
    """A NIC at the place of the one that was detached: another index, maybe another name and MAC address."""
    side = lab.inside if link == INSIDE else lab.segment
    netns.wire(appliance.ns, name or link, side, NIC, lab.mtu)
    if link == OUTSIDE:
        side.ip('link', 'set', NIC, 'master', 'switch')
    netns.in_one_order(side, NIC)
    side.up(NIC, *[CLIENT + '/24'] * (link == INSIDE), mac='02:00:00:00:00:10' if link == INSIDE else None)
    if link == INSIDE:
        side.ip('route', 'replace', 'default', 'via', APPLIANCE_INSIDE)
    appliance.ns.ip('link', 'set', name or link, 'address', mac or (metadata.INSIDE_MAC if link == INSIDE else metadata.OUTSIDE_MAC))
    lab.nics.append((link, side))


def rings_open(appliance):
    return appliance.ns.run('sysctl', '-n', 'net.ipv4.ip_forward').strip() == '1'


def passes(lab, seconds=20):
    """Traffic passes within this time."""
    end = time.monotonic() + seconds
    while True:
        try:
            traffic.ping(lab, 1)
            return
        except netns.CommandFailed:
            assert time.monotonic() < end, f'nothing passes {seconds} s later'


def evidence_of(lab, appliance):
    """What this life shipped. All pings that came in are there."""
    appliance.stop()
    evidence = objects.collect(lab, lab.boots)
    lab.boots |= evidence.boots()
    return evidence


def pings(evidence, side):
    """ICMP echoes and answers recorded on a side: 0 outside, 1 inside."""
    frames = [f for stream in evidence.recorded().values() for f in stream]
    return [f.data for f in frames if f.interface == side and f.data[12:14] == b'\x08\x00' and f.data[23] == 1]


def count(evidence, side, text):
    return sum(text in f for f in pings(evidence, side))


def say(lab, text, times=3):
    """Pings that carry these (up to 16) bytes through the appliance."""
    said = lab.inside.run('ping', '-n', '-c', str(times), '-i', '0.2', '-W', '5', '-p', text.encode().hex(), WEB)
    assert f'{times} received' in said, said


# ---- the tests

def late_second_interface(lab):
    """A second interface that is attached late: the appliance says what it waits for, then arms, and records all that comes"""
    appliance = Host(lab, 'late', lab.configuration())
    detach(lab, appliance, INSIDE)
    with appliance:
        said = appliance.console.wait_closed('link', 10)
        assert '1 Ethernet link found, two are needed: attach the inside network interface' in said, said
        time.sleep(LATE_S)
        assert not rings_open(appliance)
        attach(lab, appliance, INSIDE)
        appliance.console.wait_armed(60)
        say(lab, 'late')
        evidence = evidence_of(lab, appliance)
    assert count(evidence, 1, b'latelate') == 3 and count(evidence, 0, b'latelate') == 3


def known_late(lab):
    """Also when IMDS does not know of it before it is attached"""
    answers = dict(lab.metadata.answers)
    mac = metadata.INSIDE_MAC
    lab.metadata.answers = {k: v for k, v in answers.items() if mac not in k}
    lab.metadata.answers[MACS] = metadata.OUTSIDE_MAC + '/'
    lab.metadata.write()
    with Host(lab, 'unknown', lab.configuration()) as appliance:
        said = appliance.console.wait_closed('link', 30)
        assert 'no link here is the interface with device number 1: attach it' in said, said
        lab.metadata.answers = answers
        lab.metadata.write()
        appliance.console.wait_armed(60)
        say(lab, 'known')
        evidence_of(lab, appliance)


def comes_back(lab, link, **other):
    """An interface that is detached and comes back after arming is set up again without re-arming, and all that comes is recorded"""
    name = other.get('name', link)
    with Host(lab, f'back-{link}-{len(other)}', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        say(lab, 'before')
        said = len(appliance.console.text())
        detach(lab, appliance, link)
        appliance.console.wait(rf'^sealtap: alarm net link-gone link={link}', 10, said)
        time.sleep(1)
        attach(lab, appliance, link, **other)
        appliance.console.wait(rf'^sealtap: warn.* net link-back link={name}', 30, said)
        passes(lab)
        say(lab, 'after')
        assert 'ARMED' not in appliance.console.text()[said:] and appliance.roles().keys() == set(appliance.role_names)
        evidence = evidence_of(lab, appliance)
    for side in (0, 1):
        for text in (b'beforebefore', b'afterafter'):
            assert count(evidence, side, text) == 3, f'{count(evidence, side, text)} of 3 pings recorded on side {side}: {text}'
    assert evidence.events('books-not-closed') and not evidence.events('books')
    return evidence


def comes_back_as_another(lab):
    """One that comes back with another name and MAC address is known by its device number, and an object of its own describes it"""
    mac = '02:00:00:00:00:77'
    answers = dict(lab.metadata.answers)
    lab.metadata.answers = {k.replace(metadata.INSIDE_MAC, mac): v.replace(metadata.INSIDE_MAC, mac) for k, v in answers.items()}
    lab.metadata.answers[MACS + mac + '/interface-id'] = 'eni-00000000000000077'
    changed = lab.metadata.answers
    lab.metadata.answers = answers
    try:
        with_change(lab, changed, mac)
    finally:
        lab.metadata.answers = answers
        lab.metadata.write()


def with_change(lab, changed, mac):
    attach_plain = globals()['attach']

    def attach_changed(lab, appliance, link, **other):
        lab.metadata.answers = changed
        lab.metadata.write()
        attach_plain(lab, appliance, link, **other)
    globals()['attach'] = attach_changed
    try:
        evidence = comes_back(lab, INSIDE, name='other', mac=mac)
    finally:
        globals()['attach'] = attach_plain
    for o in evidence.packets():
        for f in o.capture().frames:
            if f.interface != 1 or f.data[12:14] != b'\x08\x00' or f.data[23] != 1:
                continue
            name = o.capture().interfaces[1].options[2]
            assert name == (b'other' if b'afterafter' in f.data else INSIDE.encode()) or b'before' not in f.data and b'after' not in f.data, \
                f'{o.name}: {name} for {f.data[42:80]}'


def names_swapped(lab):
    """Which link is which is IMDS's to say: names and the kernel's order are swapped, and traffic passes as ever"""
    appliance = Host(lab, 'swapped', lab.configuration())
    for link in (INSIDE, OUTSIDE):  # the inside one is older and is called outside now
        detach(lab, appliance, link)
    attach(lab, appliance, INSIDE, OUTSIDE)
    attach(lab, appliance, OUTSIDE, INSIDE)
    with appliance:
        appliance.console.wait_armed(60)
        say(lab, 'swap')
        os.kill(appliance.roles()['net'], 9)  # the one that comes next does not know which is which at first
        passes(lab)
        time.sleep(2)
        say(lab, 'swap')
        evidence = evidence_of(lab, appliance)
    assert count(evidence, 0, b'swapswap') == 6 and count(evidence, 1, b'swapswap') == 6


def main():
    report = testing.Report(testing.pattern())
    with Surroundings('links') as lab:
        report.run(late_second_interface, lab)
        report.run(known_late, lab)
        for link in (INSIDE, OUTSIDE):
            report.run(comes_back, lab, link, about=f' ({link})')
        report.run(comes_back_as_another, lab)
        report.run(names_swapped, lab)
    report.finish()


main()
