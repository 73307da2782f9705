#!/usr/bin/env python3
"""reproduce_test: the image is built a second time, elsewhere and otherwise, and each byte is the same (image/reproduce).

reproduce_test.py [-k PATTERN]. Needs build/nitro/. The kernel's objects and the libraries are those of the cache; `make reproduce` compiles
them anew too.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, testing  # noqa: E402

LIMIT_S = 900
SHIPS = {'init', 'sealtap', 'nitro/root.erofs', 'nitro/BOOTX64.EFI', 'nitro/disk.img', 'nitro/sbom.json', 'nitro/manifest.json'}


def same_bytes(_):
    """Built again in another directory, with another umask, zone, language and number of jobs, all that ships is the same, byte for byte"""
    made = subprocess.run([os.path.join(certs.TOP, 'image', 'reproduce')], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=LIMIT_S)
    assert made.returncode == 0, made.stdout[-4000:]
    assert set(re.findall(r'^same: build/(\S+) [0-9a-f]{64}$', made.stdout, re.M)) == SHIPS, made.stdout


def main():
    report = testing.report()
    report.run(same_bytes, None)
    report.finish()


main()
