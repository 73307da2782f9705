"""inputs: what an image is made of, for those who write it down (manifest.py, sbom.py, ami): files, sources, tools, commit."""
import glob
import hashlib
import os
import re
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, 'build')
# Version 1.5 of mkfs.erofs has no option for it, but says its version first, on its standard output, whatever it is asked.
TOOLS = {'gcc': ('gcc', '--version'), 'ld': ('ld', '--version'), 'mkfs.erofs': ('mkfs.erofs', '--version')}
SIGNING = {'osslsigncode': ('osslsigncode', '--version')}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def facts(path):
    data = read(path)
    return {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()}


def init(board):
    """The board's executable: its own, where the board has C sources, else the one of all."""
    own = glob.glob(os.path.join(TOP, 'board', board, '*.c'))
    return os.path.join(BUILD, board, 'init') if own else os.path.join(BUILD, 'init')


def sources():
    """The third-party sources of this build, in the order of image/sources.list."""
    for line in read(os.path.join(BUILD, 'sources.used')).decode().splitlines():
        name, release, sha, how, path = line.split()
        yield {'name': name, 'version': release, 'file': os.path.basename(path), 'sha256': sha, 'accepted': how}


def signer(board):
    """Path of the certificate by whose key the board's firmware file is signed, as image/board left it; None: it is not signed."""
    path = os.path.join(BUILD, board, 'signer.pem')
    return path if os.path.exists(path) else None


def tools(signed=False):
    """{tool: the line by which it tells its version}"""
    told = {}
    for name, command in (TOOLS | SIGNING if signed else TOOLS).items():
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
        if not re.search(r'\d+\.\d', said):
            raise SystemExit(f"sealtap: '{' '.join(command)}' does not tell its version")
        told[name] = said.splitlines()[0].strip().removesuffix(', using:')
    return told


def commit_of(version):
    """The commit that the version names (git describe's form), in full where this checkout knows it; '' where it names none."""
    m = re.search(r'(?:^|-g)([0-9a-f]{7,40})(?:-dirty)?$', version)
    if not m:
        return ''
    try:
        done = subprocess.run(['git', '-C', TOP, 'rev-parse', '--verify', '--quiet', m[1] + '^{commit}'], capture_output=True, text=True)
    except FileNotFoundError:
        return m[1]
    return done.stdout.strip() or m[1]
