#!/usr/bin/env python3
"""check.py [TOP]: rules about the sources that no compiler checks; one line a finding: file:line: what. Exit 1 when there is one.

Layers, sizes, first comments, purity, unfinished marks, the README's proofs. `check.py --self-test` proves on made-up files that each rule
can fail.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

# who may include whom
LAYERS = {
    'base': {'base'},
    'net': {'base', 'net'},
    'lib': {'base', 'lib'},
    'record': {'base', 'net', 'lib', 'record'},
    'aws': {'base', 'net', 'lib', 'record', 'aws'},
    'os': {'base', 'os'},
    'role': {'base', 'net', 'lib', 'record', 'aws', 'os', 'role'},
    'cli': {'base', 'net', 'lib', 'record', 'aws', 'cli'},
}
# A role's folder is its own: only init, which makes what outlives the roles, and main see another's.
ROLES_OF_ALL = {'src/role/main.c'}
# Mbed TLS has one allocator, one clock and one random generator a process.
PROCESS_WIDE = {'src/lib/tls_mbed_shared.c'}
PURE = {'base', 'net', 'lib', 'record', 'aws'}
STANDARD = {'limits.h', 'stdalign.h', 'stdarg.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'string.h'}
KERNEL_FORMATS = {'net', 'record'}  # may read linux/*.h: layouts and numbers
PROCESSOR = {'cpuid.h', 'immintrin.h'}
THIRD_PARTY = re.compile(r'^(bearssl\w*\.h|zstd\w*\.h|pcap(\.h|-bpf\.h|/)|mbedtls/|psa/)')
FUNCTION_LINES, FILE_LINES = 60, 500
C_COLUMNS, SCRIPT_COLUMNS = 110, 140
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
ALLOCATION = re.compile(r'\b(malloc|calloc|realloc|free|strdup|strndup|asprintf|alloca)\s*\(')
VARYING = re.compile(r'^static (?!const\b|inline\b|_Noreturn\b|enum err\b[^=;]*\()[^()]*[;=\[{]')


def listed(top):
    done = subprocess.run(['git', '-C', top, 'ls-files', '-co', '--exclude-standard'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    if done.returncode == 0:
        return sorted(p for p in done.stdout.splitlines() if os.path.isfile(os.path.join(top, p)))
    return sorted(os.path.relpath(os.path.join(d, f), top) for d, _, fs in os.walk(top) for f in fs)


def allowed_system_header(layer, name, is_source):
    if THIRD_PARTY.match(name):
        return layer == 'lib' and is_source
    if layer not in PURE or name in STANDARD:
        return True
    return name.startswith('linux/') and layer in KERNEL_FORMATS or layer == 'lib' and name in PROCESSOR


def may_see_role(path, name):
    mine, other = (p.split('/')[1] if p.count('/') == 2 else '' for p in (path.removeprefix('src/'), name))
    return other in ('', mine) or mine == 'init' or path in ROLES_OF_ALL


def check_includes(layer, path, lines):
    for n, line in enumerate(lines, 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        kind, name = m.groups()
        if kind == '"':
            target = name.split('/')[0]
            if '/' not in name or target not in LAYERS[layer]:
                yield n, f'layer {layer} must not include "{name}"'
            elif target == 'role' and path.startswith('src/role/') and not may_see_role(path, name):
                yield n, f'what two roles need stands in src/role, not in "{name}"'
        elif THIRD_PARTY.match(name) and not allowed_system_header(layer, name, path.endswith('.c')):
            yield n, f'<{name}> is third-party: only .c files of src/lib include it'
        elif not allowed_system_header(layer, name, path.endswith('.c')):
            yield n, f'layer {layer} is pure: <{name}> is not standard C without a system'


def check_functions(lines):
    start = None
    for n, line in enumerate(lines, 1):
        if line == '{':
            start = n
        elif line == '}' and start:
            if n - start - 1 > FUNCTION_LINES:
                yield start, f'function of {n - start - 1} lines; the limit is {FUNCTION_LINES}'
            start = None


def check_source(path, lines):
    layer = path.split('/')[1]
    if layer not in LAYERS:
        yield 1, f'src/{layer} is not a layer'
        return
    yield from check_includes(layer, path, lines)
    if path.endswith('.h'):
        if not lines or not lines[0].startswith('/*'):
            yield 1, 'a header begins with a comment: what it is for'
        guard = 'SEALTAP_' + re.sub(r'\W', '_', path[4:]).upper()
        if f'#ifndef {guard}' not in lines:
            yield 1, f'include guard {guard} is missing'
    for n, line in enumerate(lines, 1):
        if ALLOCATION.search(re.sub(r'/\*.*?\*/|"(\\.|[^"\\])*"|^ \*.*', '', line)):
            yield n, 'memory is never allocated: storage is static or the caller\'s'
        if layer in PURE and path not in PROCESS_WIDE and VARYING.match(line):
            yield n, f'layer {layer} is pure: no variable outlives a call'


def check_file(path, text):
    lines = text.split('\n')
    c = path.endswith(('.c', '.h'))
    limit = C_COLUMNS if c else SCRIPT_COLUMNS
    script = text.startswith('#!') or path.endswith(('.py', '.sh', 'Makefile'))
    for n, line in enumerate(lines, 1):
        if (c or script) and len(line.expandtabs(8)) > limit:
            yield n, f'{len(line.expandtabs(8))} columns; the limit is {limit}'
        if line != line.rstrip() and (c or script):
            yield n, 'blanks at the end of the line'
        if UNFINISHED.search(line):
            yield n, 'unfinished mark'
    if (c or script) and len(lines) - 1 > FILE_LINES:
        yield 1, f'{len(lines) - 1} lines; the limit is {FILE_LINES}'
    if c:
        yield from check_functions(lines)
    if c and path.startswith('src/'):
        yield from check_source(path, lines)


def spelled_out(name):
    """a/{b,c}_test.c is two."""
    m = re.fullmatch(r'(.*)\{(.*)\}(.*)', name)
    return [m[1] + middle + m[3] for middle in m[2].split(',')] if m else [name]


def check_proofs(top, text):
    """In a table's last column: `tests/..` are there, and a "quoted.." test behind them stands in one of them, or in the lab."""
    for n, line in enumerate(text.split('\n'), 1):
        files = []
        for name, quoted in re.findall(r'`(tests/[^` ]+)`|"([^"]+)"', line.split(' | ')[-1]) if line.startswith('| ') else ():
            if name:
                files = [os.path.join(top, f) for f in spelled_out(name)]
                yield from ((n, f'there is no {os.path.relpath(f, top)}') for f in files if not os.path.exists(f))
                continue
            held = ''
            for f in files + glob.glob(os.path.join(top, 'tests/lab/*.py')):
                if os.path.isfile(f):
                    with open(f, encoding='utf-8', errors='replace') as source:
                        held += source.read()
            yield from ((n, f'no test says "{part.strip()}"') for part in quoted.split('…') if part.strip() not in held)


def check_tree(top):
    for path in listed(top):
        if path == 'LICENSE':
            continue
        with open(os.path.join(top, path), 'rb') as f:
            data = f.read()
        if b'\0' in data:
            continue
        full = os.path.join(top, path)
        if data.startswith(b'#!') and not os.access(full, os.X_OK) and not path.endswith('.py'):
            yield path, 1, 'a script that is not executable'
        text = data.decode('utf-8', 'replace')
        for n, what in [*check_file(path, text), *(check_proofs(top, text) if path == 'README.md' else ())]:
            yield path, n, what


BAD = {  # a file that breaks a rule: what the finding must say
    'src/base/a.c': ('#include "os/loop.h"\n', 'must not include'),
    'src/record/b.c': ('#include <unistd.h>\n', 'is pure'),
    'src/role/c.c': ('#include <zstd.h>\n', 'third-party'),
    'src/role/net/c.c': ('#include "role/keys/keys.h"\n', 'what two roles need'),
    'src/role/c.h': ('/* c */\n#ifndef SEALTAP_ROLE_C_H\n#include "role/net/net.h"\n', 'what two roles need'),
    'src/lib/d.h': ('/* d */\n#ifndef SEALTAP_LIB_D_H\n#include <bearssl.h>\n', 'third-party'),
    'src/net/e.h': ('#ifndef SEALTAP_NET_E_H\n', 'begins with a comment'),
    'src/net/f.h': ('/* f */\n#ifndef F_H\n', 'include guard'),
    'src/aws/g.c': ('static int calls;\n', 'no variable'),
    'src/os/h.c': ('\tx = malloc(3);\n', 'never allocated'),
    'src/os/i.c': ('void f(void)\n{\n' + '\tg();\n' * 61 + '}\n', 'function of 61'),
    'src/os/j.c': ('int x;\n' * 501, '501 lines'),
    'src/os/k.c': ('\t' * 13 + 'abcdefg;\n', '112 columns'),
    'src/os/l.c': ('/* TO' 'DO */\n', 'unfinished'),
    'src/os/m.c': ('int x; \n', 'blanks at the end'),
    'src/other/n.c': ('\n', 'not a layer'),
    'README.md': ('| a claim | `tests/net/no_test.py` |\n', 'there is no tests/net/no_test.py'),
    'image/o': ('#!/bin/sh\n', 'not executable'),
}


def self_test():
    failed = 0
    with tempfile.TemporaryDirectory() as top:
        for path, (text, _) in BAD.items():
            os.makedirs(os.path.dirname(os.path.join(top, path)), exist_ok=True)
            with open(os.path.join(top, path), 'w') as f:
                f.write(text)
        findings = list(check_tree(top))
        for path, (_, want) in BAD.items():
            if not any(p == path and want in what for p, _, what in findings):
                print(f'tests/lint/check.py:1: the rule that says "{want}" did not find {path}')
                failed = 1
    return failed


def main():
    if sys.argv[1:] == ['--self-test']:
        sys.exit(self_test())
    findings = list(check_tree(sys.argv[1] if len(sys.argv) > 1 else '.'))
    for path, n, what in findings:
        print(f'{path}:{n}: {what}')
    sys.exit(bool(findings))


if __name__ == '__main__':
    main()
