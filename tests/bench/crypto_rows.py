"""crypto: AES-256-GCM and SHA-256 on one core, in 64 KiB frames, against OpenSSL.

Ours is build/tests/crypto, from the library that ships; OpenSSL 3.0 is Debian's libcrypto, called by peer/openssl.c; the newest is the one
that Python's cryptography brings along, called by peer/python_openssl.py. All run on the same core, in turns.
"""
import os
import re
import shutil
import subprocess
import sys

from lab.certs import TOP
from table import Missing, Row, scatter

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(TOP, 'build', 'tests', 'crypto')
FRAME = 65536
AES, VAES256 = '1', '2'  # of enum aead_path
# Leaf 7's AVX-512 F, DQ, IFMA, CD, BW, VL (EBX), VAES and VPCLMULQDQ (ECX) are not there: OPENSSL_ia32cap(3).
MASK = {'OPENSSL_ia32cap': ':~0x600d0230000'}
VERSION = 'from cryptography.hazmat.backends.openssl.backend import backend as b; print(b.openssl_version_text().split()[1])'

HOW = ('AES-256-GCM, 64 KiB from one buffer into another, each with an IV of 12 bytes, 16 bytes of additional data and a tag; nothing is '
       'hashed beside it. One thread on one core, sides in turns. Ours: all of aead_seal() of the library that ships, wiping included, by '
       '{path}. ')
NEWEST = ('OpenSSL {0}: in Python\'s cryptography {1}, encrypt_into() with one key; what a call without a text takes is taken off, in '
          'favour of OpenSSL.')
DEBIAN = 'OpenSSL {0}: Debian\'s libcrypto by EVP in C, with one context and key for all frames.'
MASKED = ' Neither side uses AVX-512, VAES or VPCLMULQDQ: OpenSSL by OPENSSL_ia32cap.'
HOW_SHA = 'SHA-256 of 64 KiB, one thread on one core, sides in turns. Ours: sha256_of() of the library that ships. OpenSSL {0}: {1}.'


class Sides:
    def __init__(self, bench):
        self.seconds = 0.2 if bench.quick else 0.5
        self.turns = max(5, 3 * bench.rounds)
        self.core = max(os.sched_getaffinity(0))
        self.debian = os.path.join(bench.folder, 'openssl')
        self.python = newest_python()
        if not os.path.exists(OURS):
            raise Missing('build/tests/crypto is not built')
        done = subprocess.run(['gcc', '-O2', '-o', self.debian, os.path.join(HERE, 'peer', 'openssl.c'), '-lcrypto'],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Missing(f'peer/openssl.c does not compile (libssl-dev): {done.stderr[-300:]}')

    def run(self, argv, env=None):
        """Its lines' GB/s and the words after them; None where the processor lacks what is wanted."""
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})},
                              preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))
        if done.returncode == 2:
            return None
        if done.returncode:
            raise Missing(f'{os.path.basename(argv[0])} ended with {done.returncode}')
        return [(float(m[1]), m[2]) for m in re.finditer(r'ns (\S+) GB/s (.*)', done.stdout)]

    def ours(self, work, path='-', length=FRAME):
        return self.run([OURS, work, path, '32', str(length), str(self.seconds)])

    def openssl(self, work, length=FRAME, mask=False):
        return self.run([self.debian, work, '32', str(length), str(self.seconds)], MASK if mask else None)

    def newest(self):
        return self.run([self.python, os.path.join(HERE, 'peer', 'python_openssl.py'), str(self.seconds)])

    def turn(self, calls):
        """What each call gave in each turn: {name: [[(GB/s, words)]]}."""
        got = {name: [] for name in calls}
        for _ in range(self.turns):
            for name, call in calls.items():
                got[name].append(call())
        return got


def newest_python():
    """The interpreter whose cryptography has the newest OpenSSL: this one, or that of the tests' own tools (image/deps)."""
    found = []
    pythons = [sys.executable]
    for tool in ('moto_server', 'cfn-lint'):
        path = shutil.which(tool)
        if path:
            pythons.append(os.path.join(os.path.dirname(os.path.realpath(path)), 'python3'))
    for python in dict.fromkeys(p for p in pythons if os.path.exists(p)):
        done = subprocess.run([python, '-c', VERSION], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0:
            found.append((tuple(int(n) for n in re.findall(r'\d+', done.stdout)[:3]), python))
    if not found:
        raise Missing('no Python here has the package cryptography')
    return max(found)[1]


def figures(turns, line=0):
    return [lines[line][0] for lines in turns]


def words(turns, line=0):
    return turns[0][line][1]


def row(what, against, ours, theirs, must, how, lacks=''):
    return Row(what, against, 'GB/s', ours, theirs, must, how=how, short=lacks or scatter(('ours', ours), ('OpenSSL', theirs)) + ' GB/s')


def rows(bench):
    s = Sides(bench)
    bench.note(f'{s.turns} turns of each side on core {s.core}, {s.seconds} s each')
    got = s.turn({'seal': lambda: s.ours('seal'), 'newest': s.newest, 'debian': lambda: s.openssl('seal'),
                  'sha': lambda: s.ours('sha256'), 'debian sha': lambda: s.openssl('sha256')})
    (version, package), debian, path = words(got['newest']).split(), words(got['debian']), words(got['seal'])
    bench.version('openssl of cryptography', f'OpenSSL {version}, cryptography {package}')
    lacks = '' if 'AVX-512' in path else f'this processor allows {path} only'
    what, newest, older = 'seal 64 KiB frames, one core', f'OpenSSL {version}', f'OpenSSL {debian}'
    yield row(what, newest, figures(got['seal']), figures(got['newest']), ('>=', 1.0),
              HOW.format(path=path) + NEWEST.format(version, package), lacks)
    yield row(what, older, figures(got['seal']), figures(got['debian']), ('>=', 2.0),
              HOW.format(path=path) + DEBIAN.format(debian), lacks)
    yield row('SHA-256, one core', newest, figures(got['sha']), figures(got['newest'], 1), ('>=', 0.95),
              HOW_SHA.format(version, 'Hash.update() of Python\'s cryptography, less what one of nothing takes'))
    yield row('SHA-256, one core', older, figures(got['sha']), figures(got['debian sha']), ('>=', 0.95),
              HOW_SHA.format(debian, 'Debian\'s libcrypto by EVP in C'))
    yield from masked_rows(s, debian)
    if not bench.quick:
        yield from other_rows(s, got, debian)


def masked_rows(s, debian):
    what, against, must = 'seal 64 KiB frames by AES-NI alone', f'OpenSSL {debian}, masked', ('>=', 1.0)
    if not s.ours('seal', AES):
        yield Row.absent(what, against, must, 'this processor has no AES-NI')
        return
    got = s.turn({'ours': lambda: s.ours('seal', AES), 'theirs': lambda: s.openssl('seal', mask=True)})
    yield row(what, against, figures(got['ours']), figures(got['theirs']), must, HOW.format(path='AES-NI') + DEBIAN.format(debian) + MASKED)


def other_rows(s, seen, debian):
    """For information: the path between, opening, and short texts."""
    if s.ours('seal', VAES256):
        got = s.turn({'ours': lambda: s.ours('seal', VAES256)})
        yield Row('seal 64 KiB frames by VAES, AVX2', f'OpenSSL {debian}', 'GB/s', figures(got['ours']), figures(seen['debian']))
    got = s.turn({'ours': lambda: s.ours('open')})
    yield Row('open 64 KiB frames', f'sealing by OpenSSL {debian}', 'GB/s', figures(got['ours']), figures(seen['debian']))
    for length in (64, 1400):
        got = s.turn({'ours': lambda n=length: s.ours('seal', length=n), 'theirs': lambda n=length: s.openssl('seal', n)})
        yield Row(f'seal {length:,} bytes', f'OpenSSL {debian}', 'GB/s', figures(got['ours']), figures(got['theirs']))
