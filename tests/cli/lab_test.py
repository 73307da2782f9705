#!/usr/bin/env python3
"""lab_test.py: the recorded set that the tests of the operator's command stand on is what an appliance ships: each check of object
format 1 that the roles' tests make (tests/lab/evidence.py), and today's chain of tools on it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import evidence, objects, operatorlab, testing  # noqa: E402

report = testing.report()
CHECKS = [check for check in evidence.CHECKS if check not in (evidence.check_readers,)]


def as_evidence(life):
    """The set as the checks of the roles' tests see one."""
    found = [objects.Object(o.name, o.path, len(o.body()), objects.NAME.fullmatch(o.name).groupdict(),
                            {k.removeprefix('sealtap-'): v for k, v in o.meta.items()}) for o in life.open().objects]
    for o in found:
        o.context = life.contexts[o.path]
        o.sha256 = evidence.hashlib.sha256(open(o.path, 'rb').read()).hexdigest()
    return objects.Evidence(sorted(found, key=lambda o: (o.stream, o.seq)), life.lab.folder)


def todays_chain_finds_the_packets_to_port_0(bucket, life):
    found = bucket.chain('port 0')
    assert found == life.pcap('port 0') and len(found) == life.end['port0'], f'{len(found)} of {life.end["port0"]}'


def a_host_that_is_rare_is_there_on_both_sides_of_the_nat(bucket, life):
    found = bucket.chain(f'host {operatorlab.RARE_SERVER}')
    assert len(found) == life.end['rare'] > 2, f'{len(found)} of {life.end["rare"]}'


with operatorlab.Lab() as lab:
    life = lab.record(seconds=700, lost_at_s=100, torn_at_s=200, key_seconds=300, odd_s=3)
    seen = as_evidence(life)
    for check in CHECKS:
        report.run(check, seen, about=', in the recorded set')
    bucket = lab.bucket(life)
    report.run(todays_chain_finds_the_packets_to_port_0, bucket, life)
    report.run(a_host_that_is_rare_is_there_on_both_sides_of_the_nat, bucket, life)
report.finish()
