#!/usr/bin/env python3
"""sample_test: the README's ten seconds without AWS: the sealed sample opens with our tool and with AWS's Encryption SDK alike.

sample_test.py [-k PATTERN]. Needs build/sealtap; no root.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, objects, testing  # noqa: E402

SAMPLE = os.path.join(certs.TOP, 'tests', 'sample')
SEALED, KEY = (os.path.join(SAMPLE, name) for name in ('sample.pcapng.zst.encrypted', 'sample.key'))
SEALTAP = os.path.join(certs.TOP, 'build', 'sealtap')


def shell(line, **env):
    """A pipeline as a reader of the README types it; its output. Any failure in it is one."""
    done = subprocess.run(['bash', '-o', 'pipefail', '-c', line], cwd=certs.TOP, env={**os.environ, **env}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 0, f'{line}: exit {done.returncode}: {done.stderr.decode()}'
    return done.stdout


def packets_by_our_tool():
    return shell(f'build/sealtap decrypt --key tests/sample/sample.key {SEALED} | tshark -n -r -').decode().splitlines()


def our_tool_opens_it():
    """The sample opens with build/sealtap and tshark reads its pings, its DNS and its page."""
    lines = packets_by_our_tool()
    for protocol in ('ICMP', 'DNS', 'HTTP'):
        assert any(f' {protocol} ' in line for line in lines), f'no {protocol} in {lines}'


def the_sdk_opens_it_to_the_same_bytes():
    """The sample opens with AWS's Encryption SDK, zstd and tshark, without anything of ours, to the same bytes."""
    modules = {'NODE_PATH': os.path.join(objects.prepare_opener(), 'node_modules')}
    ours = shell(f'build/sealtap decrypt --key tests/sample/sample.key {SEALED}')
    assert shell('node tests/sample/open.mjs | zstd -d', **modules) == ours
    assert shell('node tests/sample/open.mjs | zstd -d | tshark -n -r -', **modules).decode().splitlines() == packets_by_our_tool()


def a_changed_byte_is_refused():
    """A sample with one bit changed, anywhere, is refused, and nothing of the changed part is written."""
    with open(SEALED, 'rb') as f:
        sealed = f.read()
    for at in range(0, len(sealed), 97):
        changed = bytearray(sealed)
        changed[at] ^= 1
        done = subprocess.run([SEALTAP, 'decrypt', '--key', KEY, '-'], input=changed, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode in (2, 66, 77) and done.stderr and not done.stdout, f'bit changed in byte {at}: exit {done.returncode}'


report = testing.report()
for check in (our_tool_opens_it, the_sdk_opens_it_to_the_same_bytes, a_changed_byte_is_refused):
    report.run(check)
report.finish()
