#!/usr/bin/env python3
"""manifest.py BOARD VERSION BUILD-TIME: prints build/BOARD/manifest.json: what the image is made of and how to recognise it.

No paths and no times of this build appear in it: the same sources give the same manifest. The SBOM is one of its artefacts.
"""
import hashlib
import json
import os
import re
import sys

import inputs
import pcr4

board, version, build_time = sys.argv[1:]
out = os.path.join(inputs.BUILD, board)
config = inputs.read(os.path.join(inputs.TOP, 'kernel-config', 'sealtap.config')).decode()
manifest = {
    'board': board,
    'version': version,
    'build_time_s': int(build_time),
    'artefacts': {name: inputs.facts(os.path.join(out, name)) for name in ('BOOTX64.EFI', 'disk.img', 'root.erofs', 'sbom.json')}
    | {'init': inputs.facts(inputs.init(board))},
    'pcr4_sha256': pcr4.pcr4(inputs.read(os.path.join(out, 'BOOTX64.EFI'))),
    'command_line': re.search(r'^CONFIG_CMDLINE="(.*)"$', config, re.M).group(1),
    'kernel_config_sha256': hashlib.sha256(config.encode()).hexdigest(),
    'sources': list(inputs.sources()),
    'tools': inputs.tools(),
}
print(json.dumps(manifest, indent=2))
print(f"  {board}: BOOTX64.EFI {manifest['artefacts']['BOOTX64.EFI']['bytes']} bytes, PCR4 {manifest['pcr4_sha256']}", file=sys.stderr)
