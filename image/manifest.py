#!/usr/bin/env python3
"""manifest.py BOARD VERSION BUILD-TIME: prints build/BOARD/manifest.json: what the image is made of and how to recognise it.

No paths and no times of this build appear in it: the same sources give the same manifest. The SBOM is one of its artefacts.
"""
import hashlib
import json
import os
import re
import sys

import efivars
import inputs

board, version, build_time = sys.argv[1:]
out = os.path.join(inputs.BUILD, board)
config = inputs.read(os.path.join(inputs.TOP, 'kernel-config', 'sealtap.config')).decode()
expected = json.loads(inputs.read(os.path.join(out, 'pcr.json')))
signer = inputs.signer(board)
names = ['BOOTX64.EFI', 'disk.img', 'root.erofs', 'sbom.json', 'pcr.json']
names += [name for name in ('signer.pem', 'uefi-data') if os.path.exists(os.path.join(out, name))]
manifest = {
    'board': board,
    'version': version,
    'build_time_s': int(build_time),
    'artefacts': {name: inputs.facts(os.path.join(out, name)) for name in names}
    | {'init': inputs.facts(inputs.init(board))},
    'pcr4_sha256': expected['sha256']['pcr4'],
    'signer_sha256': hashlib.sha256(efivars.certificates(inputs.read(signer))[0]).hexdigest() if signer else None,
    'command_line': re.search(r'^CONFIG_CMDLINE="(.*)"$', config, re.M).group(1),
    'kernel_config_sha256': hashlib.sha256(config.encode()).hexdigest(),
    'sources': list(inputs.sources()),
    'tools': inputs.tools(signer),
}
print(json.dumps(manifest, indent=2))
print(f"  {board}: BOOTX64.EFI {manifest['artefacts']['BOOTX64.EFI']['bytes']} bytes, PCR4 {manifest['pcr4_sha256']}, "
      f"{'signed' if signer else 'not signed'}", file=sys.stderr)
