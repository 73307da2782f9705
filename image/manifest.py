#!/usr/bin/env python3
"""manifest.py BOARD VERSION BUILD-TIME: writes build/BOARD/manifest.json: what the image is made of and how to recognise it.

No paths and no times of this build appear in it: the same sources give the same manifest.
"""
import hashlib
import json
import os
import re
import subprocess
import sys

import pcr4

board, version, build_time = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
top = os.path.dirname(here)
out = os.path.join(top, 'build', board)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def facts(path):
    data = read(path)
    return {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}


def first_line(*cmd):
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines()[0].strip()


def sources():
    for line in open(os.path.join(top, 'build', 'sources.used')):
        name, release, sha, how, path = line.split()
        yield {'name': name, 'version': release, 'file': os.path.basename(path), 'sha256': sha, 'accepted': how}


config = read(os.path.join(top, 'kernel-config', 'sealtap.config')).decode()
manifest = {
    'board': board,
    'version': version,
    'build_time_s': int(build_time),
    'artefacts': {name: facts(os.path.join(out, name)) for name in ('BOOTX64.EFI', 'disk.img', 'root.erofs')}
    | {'init': facts(os.path.join(top, 'build', 'init'))},
    'pcr4_sha256': pcr4.pcr4(read(os.path.join(out, 'BOOTX64.EFI'))),
    'command_line': re.search(r'^CONFIG_CMDLINE="(.*)"$', config, re.M).group(1),
    'kernel_config_sha256': hashlib.sha256(config.encode()).hexdigest(),
    'sources': list(sources()),
    'tools': {'gcc': first_line('gcc', '--version'), 'ld': first_line('ld', '--version'),
              'mkfs.erofs': first_line('mkfs.erofs', '-V')},
}
with open(os.path.join(out, 'manifest.json'), 'w') as f:
    json.dump(manifest, f, indent=2)
    f.write('\n')
print(f"  {board}: BOOTX64.EFI {manifest['artefacts']['BOOTX64.EFI']['bytes']} bytes, PCR4 {manifest['pcr4_sha256']}")
