#!/usr/bin/env python3
"""debug_test: board debug is another image than the release, and no switch makes one of the other.

debug_test.py [-k PATTERN]. Needs build/nitro/; builds build/debug/ (the kernel is linked anew, once). Its console: build/lab/debug/.
"""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, kernelboot, testing  # noqa: E402

BUILD = os.path.join(certs.TOP, 'build')
LAB = os.path.join(BUILD, 'lab', 'debug')
BOOT_S, BUILD_S = 60, 900
INFO = r'sealtap: info init hardened .*'


def manifest(board):
    with open(os.path.join(BUILD, board, 'manifest.json')) as f:
        return json.load(f)


def boot(firmware, until):
    """The console until a line has `until`."""
    run = [os.path.join(certs.TOP, 'board', 'qemu', 'run'), '--kernel', firmware, '--memory', '256']
    return kernelboot.boot(run, os.path.join(LAB, 'console'), until, BOOT_S)


def another_image(_):
    """Board debug has another name, another executable and another PCR4 than the release; kernel, command line and sources are the same."""
    release, debug = manifest('nitro'), manifest('debug')
    assert (release['board'], debug['board']) == ('nitro', 'debug')
    assert release['pcr4_sha256'] != debug['pcr4_sha256']
    assert release['artefacts']['init'] != debug['artefacts']['init']
    for same in ('version', 'command_line', 'kernel_config_sha256', 'sources', 'tools'):
        assert release[same] == debug[same], same


def tells_all(_):
    """Board debug says the whole log on its console, and which board it is"""
    said = boot(os.path.join(BUILD, 'debug', 'BOOTX64.EFI'), INFO)
    assert 'sealtap: board debug' in said and re.search(INFO, said), said[-3000:]


def release_keeps_quiet(_):
    """The release says no info line on its console"""
    said = boot(os.path.join(BUILD, 'nitro', 'BOOTX64.EFI'), 'sealtap: CLOSED dhcp')
    assert 'sealtap: CLOSED dhcp' in said, said[-3000:]
    assert 'board debug' not in said and 'sealtap: info' not in said, said[-3000:]


def main():
    report = testing.report()
    boards = [f'build/{board}/manifest.json' for board in ('nitro', 'debug')]
    made = subprocess.run(['make', '-C', certs.TOP, *boards], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=BUILD_S)
    if made.returncode:
        sys.exit(made.stdout)
    for test in (another_image, tells_all, release_keeps_quiet):
        report.run(test, None)
    report.finish()


main()
