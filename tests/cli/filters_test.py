#!/usr/bin/env python3
"""filters_test.py: `sealtap open` finds what tcpdump finds, whatever the filter and the window, in a set that has ARP, IPv6, VLANs,
fragments and ICMP errors as well; and fetches less where the index's filters say that a frame has none."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import operatorlab, testing  # noqa: E402

S = operatorlab.S
FILTERS = [
    '', 'tcp', 'udp', 'icmp', 'arp', 'ip6', 'vlan', 'vlan 42', 'vlan 43', 'ip', 'not ip', 'broadcast', 'multicast', 'tcp port 443',
    'port 0', 'port 53', 'src port 443', 'dst port 0', 'not port 443', 'port 443 or port 80', 'tcp port 80 and host 198.19.0.12',
    'host 198.19.9.9', 'host 192.0.2.99', 'src host 192.0.2.66', 'net 203.0.113.0/28', 'net 192.0.2.0/24', 'not net 203.0.113.0/24',
    'portrange 7000-7010', 'portrange 0-52', 'udp port 7001', 'udp port 7002 or arp', 'host 2001:db8::99', 'ip6 and udp port 4789',
    'net 2001:db8::/32', 'vlan and udp port 6002', 'vlan 42 and host 192.0.2.99', 'host 192.0.2.99 or (vlan and host 192.0.2.99)',
    'ip[6:2] & 0x1fff != 0', 'ip[6:2] & 0x3fff != 0', 'icmp[icmptype] == icmp-unreach', 'icmp[icmptype] = icmp-echo', 'greater 1000',
    'less 60', 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'ether host 02:00:00:00:00:02', 'ether proto 0x0806', 'udp[8:4] = 0x706f7274',
    'port 443 and not host 198.19.0.10', 'tcp and (port 80 or port 0) and not src net 198.19.0.0/24', 'host 198.51.100.1', 'port 1',
]
FEW = ('host 198.19.9.9', 'port 0', 'host 198.51.100.1', 'port 1')


def found(bucket, expression, *options):
    """[(ns, bytes)], bytes of objects that were fetched for it."""
    path = os.path.join(bucket.lab.folder, 'found.pcapng')
    bucket.lab.front.forget()
    done = bucket.sealtap('open', '--filter', expression, '-w', path, *options)
    if done.status == 66 and 'no packets were recorded' in done.err:  # the window lies before or behind all
        return [], 0
    assert done.status == 0, f'{expression}: {done.status} {done.err}'
    fetched = sum(r.sent for r in bucket.lab.front.requests if r.method == 'GET' and '/packets/' in r.path)
    return operatorlab.read_pcap(path), fetched


def alike(ours, theirs, what):
    """The same packets, in order; those of one moment in any."""
    assert sorted(ours) == sorted(theirs), f'{what}: {len(ours)} packets, tcpdump has {len(theirs)}'
    assert [ns for ns, _ in ours] == sorted(ns for ns, _ in ours), f'{what}: not in the order of their times'


def every_filter_finds_what_tcpdump_finds(bucket, life):
    for expression in FILTERS:
        alike(found(bucket, expression)[0], life.pcap(expression), expression or 'no filter')


def every_window_has_what_is_in_it(bucket, life):
    """Any window of time has the packets from its beginning on and before its end"""
    rng = random.Random(5)
    for expression in ('', 'udp', 'port 0', 'tcp port 443') * 3:
        start = life.start_ns // S + rng.randrange(-20, 600)
        end = start + rng.choice((1, 7, 60, 400))
        ours = found(bucket, expression, '--from', f'@{start}', '--to', f'@{end}')[0]
        alike(ours, life.pcap(expression, start * S, end * S), f'{expression} from {start} to {end}')


def what_is_rare_costs_little(bucket, life):
    """What few frames have is found with a part of the bytes"""
    whole = found(bucket, '')[1]
    for expression in FEW:
        part = found(bucket, expression)[1]
        assert part < whole / 2, f'{expression}: {part} of {whole} bytes'


report = testing.report()
with operatorlab.Lab() as lab:
    life = lab.record(seconds=500, odd_s=2, torn_at_s=150, bytes_per_s=30000, rare_s=150, port0_s=100).open()
    bucket = lab.bucket(life)
    for test in (every_filter_finds_what_tcpdump_finds, every_window_has_what_is_in_it, what_is_rare_costs_little):
        report.run(test, bucket, life)
report.finish()
