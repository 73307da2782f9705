#!/usr/bin/env python3
"""vectors_test.py: `sealtap decrypt` opens what AWS's Encryption SDK makes and what published and own known answers say, and nothing else:
a message that must not open ends with the right error, and what left before was genuine."""
import base64
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import objects, testing  # noqa: E402
from lab.certs import TOP  # noqa: E402

SEALTAP = os.path.join(TOP, 'build', 'sealtap')
SHARED = os.path.join(TOP, '..', 'shared', 'vectors', 'esdk')
OWN = os.path.join(TOP, 'tests', 'vectors', 'cases', 'esdk')
SUITE, SUITE_SIGNED = 0x0478, 0x0578
RAW_KEY = '5a' * 32
# What the cases call the error: what the command says of it.
SAYS = {'Invalid commitment': 'key', 'the key commitment does not match': 'key', 'authentication failed': 'authenticat|altered|differ',
        'the data ends too early': 'ends too early|truncated|cut', 'the input does not follow its format': 'format|follows the end',
        'this variant of the format is not supported': 'not an AWS Encryption SDK message with key commitment',
        'the same thing is given twice': 'format|twice',
        'a required value is missing': 'format|missing'}


def decrypt(message, key, *options):
    """(exit status, content, what it says); key: 32 bytes."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(base64.b64encode(key))
        f.flush()
        done = subprocess.run([SEALTAP, 'decrypt', '--raw', '--key', f.name, *options, '-'], input=message, capture_output=True)
    return done.returncode, done.stdout, done.stderr.decode(errors='replace')


def check_answer(t):
    status, out, err = decrypt(base64.b64decode(t['ciphertext']), base64.b64decode(t['decrypted-dek']))
    if t['status']:
        assert (status, out, err) == (0, ''.join(t['plaintext-frames']).encode(), ''), f'{t["comment"]}: {status} {out[:60]} {err}'
        return
    pattern = SAYS[t['exception'].removeprefix('EXCEPTION: ')]
    assert status not in (0, 64) and err.startswith('sealtap: standard input: ') and re.search(pattern, err), \
        f'{t["comment"]}: {status} {err}: not "{pattern}"'


def answers(path, about):
    """Tests of a file of known answers: those that open, those that must not."""
    with open(path) as f:
        tests = json.load(f)['tests']
    for good in (True, False):
        some = [t for t in tests if t['status'] is good]

        def each():
            assert some, 'there are none'
            for t in some:
                check_answer(t)
        each.__doc__ = f'{"Opens" if good else "Refuses, each with the right error,"} the known answers {about}'
        report.run(each)


def raw_aes(folder, about):
    """A message whose data key is wrapped by a raw AES key, with that key and its plaintext beside it."""
    def each():
        found = [p for p in glob.glob(folder + '/**/*.json', recursive=True) if 'decryption-scenario' in open(p).read()]
        assert found, folder
        for path in found:
            here = os.path.dirname(path)
            with open(path) as f:
                scenario = json.load(f)['decryption-scenario']
            with open(os.path.join(here, scenario['decryptKeyDescription']['key'] + '.key.json')) as f:
                key = base64.b64decode(json.load(f)['material'])
            with open(path.removesuffix('.json'), 'rb') as f:
                message = f.read()
            with open(os.path.join(here, os.path.basename(scenario['result']) + '.plaintext'), 'rb') as f:
                plain = f.read()
            status, out, err = decrypt(message, key)
            assert (status, out) == (0, plain), f'{path}: {status} {err}'
    each.__doc__ = f'Opens a message under a raw AES key {about}'
    report.run(each)


# ---- what AWS's SDK makes

def sizes(rng):
    """(bytes, frame length) around every edge, and others."""
    edges = (0, 1, 2, 65503, 65504, 65505, 131007, 131008, 131009)
    yield from ((n, 65504) for n in edges)
    yield from ((n, f) for f in (1, 2, 15, 16, 17, 512, 4096, 1 << 20) for n in (0, 1, f - 1, f, f + 1, 3 * f) if n / f < 2000)
    yield from ((rng.randrange(1 << rng.randrange(1, 19)), rng.choice((64, 1000, 65504, 100000))) for _ in range(40))


def make(folder):
    rng = random.Random(int(os.environ.get('SEED', '9')))
    cases = [{'name': f'{i}-{n}-{frame}', 'bytes': n, 'frame': frame, 'suite': SUITE if i % 4 else SUITE_SIGNED,
              'context': {f'k{j}': 'v' * rng.randrange(1, 300) for j in range(i % 5)}} for i, (n, frame) in enumerate(sizes(rng))]
    modules = os.path.join(objects.prepare_opener(), 'node_modules')
    done = subprocess.run(['node', os.path.join(TOP, 'tests', 'cli', 'seal.mjs'), RAW_KEY, folder], input=json.dumps(cases), text=True,
                          capture_output=True, env={**os.environ, 'NODE_MODULES': modules})
    assert done.returncode == 0, done.stderr
    return [(c, *(read(f'{folder}/{c["name"]}.{end}') for end in ('sealed', 'plain'))) for c in cases]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def what_awss_sdk_seals_is_opened_whatever_its_size_and_frame_length(made):
    assert len(made) > 80
    for case, sealed, plain in made:
        status, out, err = decrypt(sealed, bytes.fromhex(RAW_KEY))
        assert (status, out, err) == (0, plain, ''), f'{case}: {status}, {len(out)} bytes, {err}'


def a_message_cut_anywhere_does_not_open_and_what_came_out_is_its_beginning(made):
    rng = random.Random(3)
    for case, sealed, plain in made:
        if len(sealed) > 3000:
            continue
        cut = sealed[:rng.randrange(len(sealed))]
        status, out, err = decrypt(cut, bytes.fromhex(RAW_KEY))
        assert status != 0 and plain.startswith(out) and err, f'{case}: cut at {len(cut)}: {status}, {len(out)} bytes'


def a_flipped_bit_anywhere_does_not_open_and_what_came_out_is_its_beginning(made):
    rng = random.Random(4)
    some = [m for m in made if 1 < len(m[1]) < 100000]
    for case, sealed, plain in some:
        at = rng.randrange(len(sealed) * 8)
        bent = bytearray(sealed)
        bent[at // 8] ^= 1 << at % 8
        status, out, err = decrypt(bytes(bent), bytes.fromhex(RAW_KEY))
        assert status != 0 and plain.startswith(out) and err, f'{case}: bit {at}: {status}, {len(out)} bytes'


def another_key_opens_nothing(made):
    for case, sealed, _ in made[:10]:
        status, out, err = decrypt(sealed, bytes.fromhex('5b' * 32))
        assert status != 0 and out == b'' and 'key' in err, f'{case}: {status} {err}'


report = testing.report()
answers(os.path.join(OWN, 'messages.json'), 'of our own')
if os.path.isdir(SHARED):
    answers(os.path.join(SHARED, 'commitment_known_answer_tests.json'), 'that AWS published')
    raw_aes(SHARED, 'that AWS published')
else:
    print(f'skip Opens the known answers that AWS published: {os.path.relpath(SHARED, TOP)} is not there')
with tempfile.TemporaryDirectory() as work:
    tests = (what_awss_sdk_seals_is_opened_whatever_its_size_and_frame_length,
             a_message_cut_anywhere_does_not_open_and_what_came_out_is_its_beginning,
             a_flipped_bit_anywhere_does_not_open_and_what_came_out_is_its_beginning, another_key_opens_nothing)
    report.life(lambda: make(work), tests)
report.finish()
