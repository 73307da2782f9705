"""sanitized: what ASan and UBSan say of a program under them (INITS=build/san, sanitized.c): a report fails the test it falls in."""
import os

from .certs import TOP

REPORTS = '/dev/shm/sealtap' + TOP.replace('/', '-') + '-sanitizers'  # as tests/sanitized.mk says it
LINES = 40


def has(program):
    return f'{os.sep}san{os.sep}' in program


def begin(program):
    """Makes the file for a program that has use for it: all roles may write it."""
    if has(program):
        with open(REPORTS, 'w') as f:
            os.fchmod(f.fileno(), 0o666)


def check(program):
    """It has reported nothing; the file is gone."""
    if not has(program) or not os.path.exists(REPORTS):
        return
    with open(REPORTS, errors='replace') as f:
        text = f.read()
    os.unlink(REPORTS)
    assert not text, 'a sanitizer reports:\n' + '\n'.join(text.splitlines()[:LINES])
