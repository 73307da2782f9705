#!/usr/bin/env python3
"""check.py [TOP]: rules about the sources that no compiler checks; one line a finding: file:line: what. Exit 1 when there is one.

Layers, sizes, first comments, purity, banned calls, names, fuzz targets of readers, the form of decisions, unfinished marks, the
proofs of README and src/SECURITY.md, events that are read back, and what src/ARCHITECTURE.md says is where. `check.py --self-test`
proves on made-up files that each rule can fail.
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
    'cli': {'base', 'net', 'lib', 'record', 'aws', 'os', 'cli', 'role'},  # of role: CLI_MAY
}
CLI_MAY = {'role/https.h'}  # the one HTTP client
# A role's folder is its own: only init, which makes what outlives the roles, and main see another's.
ROLES_OF_ALL = {'src/role/main.c'}
# Mbed TLS has one allocator, one clock and one random generator a process; the processor is asked once what it is.
PROCESS_WIDE = {'src/lib/tls_mbed_shared.c', 'src/lib/cpu.c'}
PURE = {'base', 'net', 'lib', 'record', 'aws'}
STANDARD = {'limits.h', 'stdalign.h', 'stdarg.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'string.h'}
POSIX = STANDARD | {'errno.h', 'fcntl.h', 'ftw.h', 'poll.h', 'signal.h', 'stdio.h', 'stdlib.h', 'sys/ioctl.h', 'sys/resource.h',
                    'sys/stat.h', 'unistd.h'}  # and ioctl's: of the command, which other systems shall be able to build
KERNEL_FORMATS = {'net', 'record'}  # may read linux/*.h: layouts and numbers
PROCESSOR = {'cpuid.h', 'immintrin.h'}
THIRD_PARTY = re.compile(r'^(bearssl\w*\.h|zstd\w*\.h|pcap(\.h|-bpf\.h|/)|mbedtls/|psa/)')
FUNCTION_LINES, FILE_LINES, MAKEFILE_LINES = 60, 500, 300
C_COLUMNS, SCRIPT_COLUMNS = 110, 140
MAP = 'src/ARCHITECTURE.md'
DOCUMENTS = {MAP, 'src/FORMAT.md'}
EVENTS = {'src/record/ledger_log.c', 'src/cli/health.c'}  # tables of role and event
EVENT = re.compile(r'^\t\{"(\w+)", "([\w-]+)", (?:ACTION|on)_', re.M)
CLAIMS, CLAIMS_HEAD = 'src/SECURITY.md', '| claim | mechanism | test |'
PROVEN = {'README.md', CLAIMS}
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')
ALLOCATION = re.compile(r'\b(malloc|calloc|realloc|free|strdup|strndup|asprintf)\s*\(')
VARYING = re.compile(r'^static (?!const\b|inline\b|_Noreturn\b|enum err\b[^=;]*\()[^()]*[;=\[{]')

NO_CODE = re.compile(r'/\*.*?\*/|"(\\.|[^"\\])*"|^ \*.*')  # comments and literals
BANNED = {  # calls: what is wrong with them, and what there is instead
    'strcpy strcat stpcpy sprintf vsprintf gets': 'writes without a limit: snprintf or base/buf',
    'strncat scanf fscanf sscanf': 'is hard to get right: base/text, base/buf',
    'strtok localtime gmtime ctime asctime mktime strftime': 'has a state or a zone of its own: base/span, base/time',
    'atoi atol atoll atof': 'sees no error: base/text',
    'system popen': 'wants a shell, and there is none',
    'setjmp longjmp sigsetjmp siglongjmp': 'leaves behind what is held: enum err and TRY',
    'alloca': 'has no limit and no error',
    'rand srand random srandom rand_r drand48': 'can be guessed: entropy is an argument',
    'tmpnam tempnam mktemp': 'is a race',
    'gethostbyname inet_addr inet_aton inet_ntoa': 'takes what is no address, or has a state of its own: base/ip',
    'setenv putenv': 'is another configuration beside the one',
}
WRONG = {call: what for calls, what in BANNED.items() for call in calls.split()}
# Tests write literals into fields that hold them (sanitizers watch), read their own tables, ask tshark and zstd, and cut calls short.
TESTS_MAY = {'strcpy', 'strcat', 'fscanf', 'system', 'popen', 'setjmp', 'longjmp', 'getenv'}
CALL = re.compile(r'(?<![\w.>])(' + '|'.join(WRONG) + r')\s*\(')
# who may call what there must be one of: the source of randomness; who counts the IVs under a key
ALONE = {'getenv': {'src/cli/env.c'}, 'getrandom': {'src/os/rng.c', 'src/os/rng.h'}, 'getentropy': set(),
         'aead_seal': {'src/record/esdk.c', 'src/lib/tls_gcm.c', 'src/lib/aead.c', 'src/lib/aead.h'}}
ALONE_CALL = re.compile(r'(?<![\w.>])(' + '|'.join(ALONE) + r')\s*\(')
SECRETS = r'\s*\([^;]*\b(secret|data_key|signing_key|plaintext|token)\b'
SECRET_COMPARED = re.compile(r'\b(memcmp|bcmp|strcmp|strncmp|span_eq)' + SECRETS)
SECRET_ZEROED = re.compile(r'\b(memset|bzero)' + SECRETS)
NAMELESS = {'util', 'utils', 'common', 'misc', 'helper', 'helpers'}
DECISION = re.compile(r'src/decisions/(\d{4}-\d\d-\d\d)-[a-z0-9-]+\.md')
READS = 'read|next|feed|find|classify|answer|redirect|decode|verify|compile|unescape'
READER = re.compile(rf'^(?![ \t/*#]).*?\b([a-z]\w*_(?:{READS})\w*)\(', re.M)
FUZZED = re.compile(r'src/(base|net|lib|record|aws|cli)/\w+\.h')
COMMENT = re.compile(r'/\*.*?\*/', re.S)
FUZZED_BY = {  # readers whose target in tests/fuzz calls them by another module, and what reads nothing of strangers
    'src/aws/fault.h': 's3', 'src/aws/post.h': 'post', 'src/base/conf_gateway.h': 'conf', 'src/base/conf_ntp.h': 'conf',
    'src/lib/zstd.h': 'zframe', 'src/lib/ecdsa.h': 'esdk', 'src/net/ntp_wire.h': 'ntp', 'src/record/index.h': 'zframe',
    'src/record/seek.h': 'zframe', 'src/record/rules.h': 'filter',
    'src/base/span.h': None,  # a byte in a span
    'src/cli/key.h': None, 'src/cli/options.h': None, 'src/cli/when.h': None,  # the operator's own words
    'src/cli/catalog.h': None, 'src/cli/merge.h': None, 'src/cli/sealed.h': None,  # they join what has a target each
}
TEST_NAME = re.compile(r'\bRUN\(\w+,\s*"([^"]*)"')


def listed(top):
    done = subprocess.run(['git', '-C', top, 'ls-files', '-co', '--exclude-standard'], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    if done.returncode == 0:
        return sorted(p for p in done.stdout.splitlines() if os.path.isfile(os.path.join(top, p)))
    return sorted(os.path.relpath(os.path.join(d, f), top) for d, _, fs in os.walk(top) for f in fs)


def allowed_system_header(layer, name, is_source):
    if THIRD_PARTY.match(name):
        return layer == 'lib' and is_source
    if layer == 'cli':
        return name in POSIX
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
            elif layer == 'cli' and target == 'role' and name not in CLI_MAY:
                yield n, f'the command is no role: not "{name}"'
            elif target == 'role' and path.startswith('src/role/') and not may_see_role(path, name):
                yield n, f'what two roles need stands in src/role, not in "{name}"'
        elif THIRD_PARTY.match(name) and not allowed_system_header(layer, name, path.endswith('.c')):
            yield n, f'<{name}> is third-party: only .c files of src/lib include it'
        elif layer == 'cli' and not allowed_system_header(layer, name, True):
            yield n, f'<{name}> is of one system: what needs it stands in src/os'
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
        code = NO_CODE.sub('', line)
        if SECRET_COMPARED.search(code):
            yield n, 'how long this comparison takes tells of a secret'
        if SECRET_ZEROED.search(code):
            yield n, 'a secret is wiped with wipe(), which the compiler does not drop'
        if ALLOCATION.search(code):
            yield n, 'memory is never allocated: storage is static or the caller\'s'
        if layer in PURE and path not in PROCESS_WIDE and VARYING.match(line):
            yield n, f'layer {layer} is pure: no variable outlives a call'


def check_calls(path, lines):
    for n, line in enumerate(lines, 1):
        for call in CALL.findall(NO_CODE.sub('', line)):
            if path.startswith('src/') or call not in TESTS_MAY:
                yield n, f'{call} {WRONG[call]}'
        for call in ALONE_CALL.findall(NO_CODE.sub('', line)) if path.startswith('src/') else ():
            if path not in ALONE[call]:
                yield n, f'{call} is called in one place alone'


def check_test(path, text):
    """A test's name is a sentence, told once."""
    seen = set()
    for m in TEST_NAME.finditer(text):
        n, name = text.count('\n', 0, m.start()) + 1, m[1]
        if len(name.split()) < 3 or name.endswith('.'):
            yield n, f'"{name}" is no sentence about the product'
        if name in seen:
            yield n, f'"{name}" is the name of another test'
        seen.add(name)
    if not seen or 'return check_done()' not in text:
        yield 1, 'a unit test says what it does by RUN and check_done of check.h'


def check_fuzzed(top, path, text):
    """Who reads bytes of strangers has a target in tests/fuzz."""
    readers = READER.findall(COMMENT.sub('', text))
    targets = glob.glob(os.path.join(top, 'tests', 'fuzz', '*.c'))
    named = FUZZED_BY.get(path, '')
    if not readers or named is None or named and any(t.endswith(f'/{named}.c') for t in targets):
        return
    called = set()
    for t in targets:
        with open(t) as f:
            called |= set(re.findall(r'\w+', f.read()))
    if not called & set(readers):
        yield 1, f'no target in tests/fuzz calls {readers[0]}'


def check_decision(path, text):
    m = DECISION.fullmatch(path)
    if not m:
        yield 1, 'a decision is a file YYYY-MM-DD-words.md'
    elif not text.startswith(f'# {m[1]}: '):
        yield 1, f'a decision begins with "# {m[1]}: " and what was decided'
    for part in ('**Context.**', '**Choice.**', '**Why not**'):
        if '\n' + part not in text:
            yield 1, f'a decision says {part}'


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
    most = MAKEFILE_LINES if path.endswith('Makefile') else FILE_LINES
    if (c or script) and len(lines) - 1 > most:
        yield 1, f'{len(lines) - 1} lines; the limit is {most}'
    if path.startswith(('src/', 'tests/')) and os.path.basename(path).split('.')[0] in NAMELESS:
        yield 1, 'a file\'s name says what is in it'
    if path.startswith('src/decisions/'):
        yield from check_decision(path, text)
    if path.startswith('tests/unit/') and path.endswith('_test.c'):
        yield from check_test(path, text)
    if c:
        yield from check_functions(lines)
        yield from check_calls(path, lines)
    if c and path.startswith('src/'):
        yield from check_source(path, lines)


def check_map(path, text, paths):
    """The map names each file of the roles, and no file that is not there."""
    words = set(re.findall(r'`([\w/.]+)`', text))
    for p in paths:
        name, extension = os.path.splitext(os.path.basename(p))
        if path == MAP and p.startswith('src/role/') and extension == '.c' and not words & {name, p.removeprefix('src/')}:
            yield 1, f'{p} is not named'
    for n, line in enumerate(text.split('\n'), 1):
        for word in re.findall(r'`([\w/]+/\w+\.(?:c|h|py))`', line):
            if not {word, 'src/' + word} & set(paths):
                yield n, f'there is no {word}'


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


def check_claims(top, text):
    """Each row of the table is a claim, the files that keep it, and its test."""
    inside = False
    for n, line in enumerate(text.split('\n'), 1):
        inside = line == CLAIMS_HEAD or inside and line.startswith('| ')
        if not inside or line == CLAIMS_HEAD or set(line) <= set('| -'):
            continue
        cells = line.strip('| ').split(' | ')
        if len(cells) != 3:
            yield n, f'{len(cells)} columns: a row is claim, mechanism, test'
            continue
        kept = re.findall(r'`((?:src|image|board|kernel-config|rootfs|tests)/[^` ]+)`', cells[1])
        yield from ((n, f'there is no {f}') for name in kept for f in spelled_out(name) if not os.path.exists(os.path.join(top, f)))
        if not kept or '`tests/' not in cells[2]:
            yield n, 'a claim has a file that keeps it, and a test'


def check_events(top, text):
    """Each event that is read back is a word of that role's sources, of those that roles share, or said by keys for the role."""
    for m in EVENT.finditer(text):
        role, event = m.groups()
        sources = [f for at in ('*.c', f'{role}/*.c') for f in glob.glob(os.path.join(top, 'src/role', at))]
        said = [f'"{event}"' in open(f).read() for f in sources]
        said += [f'"{role}", "{event}"' in open(f).read() for f in glob.glob(os.path.join(top, 'src/role/keys/logstream.c'))]
        if not any(said):
            yield text.count('\n', 0, m.start()) + 1, f'no source of {role} says {event}'


def check_tree(top):
    paths = listed(top)
    for path in paths:
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
        for n, what in [*check_file(path, text), *(check_map(path, text, paths) if path in DOCUMENTS else ()),
                        *(check_proofs(top, text) if path in PROVEN else ()),
                        *(check_claims(top, text) if path == CLAIMS else ()),
                        *(check_events(top, text) if path in EVENTS else ()),
                        *(check_fuzzed(top, path, text) if FUZZED.fullmatch(path) else ())]:
            yield path, n, what


BAD = {  # a file that breaks a rule: what the finding must say
    'src/base/a.c': ('#include "os/loop.h"\n', 'must not include'),
    'src/record/b.c': ('#include <unistd.h>\n', 'is pure'),
    'src/cli/c.c': ('#include "role/peer.h"\n', 'is no role'),
    'src/cli/d.c': ('#include <sys/epoll.h>\n', 'of one system'),
    'src/role/c.c': ('#include <zstd.h>\n', 'third-party'),
    'src/role/net/c.c': ('#include "role/keys/keys.h"\n', 'what two roles need'),
    'src/role/c.h': ('/* c */\n#ifndef SEALTAP_ROLE_C_H\n#include "role/net/net.h"\n', 'what two roles need'),
    'src/lib/d.h': ('/* d */\n#ifndef SEALTAP_LIB_D_H\n#include <bearssl.h>\n', 'third-party'),
    'src/net/e.h': ('#ifndef SEALTAP_NET_E_H\n', 'begins with a comment'),
    'src/net/f.h': ('/* f */\n#ifndef F_H\n', 'include guard'),
    'src/net/g.h': ('/* g */\n#ifndef SEALTAP_NET_G_H\nenum err g_read(struct span s);\n', 'calls g_read'),
    'src/aws/g.c': ('static int calls;\n', 'no variable'),
    'src/os/h.c': ('\tx = malloc(3);\n', 'never allocated'),
    'src/os/i.c': ('void f(void)\n{\n' + '\tg();\n' * 61 + '}\n', 'function of 61'),
    'src/os/j.c': ('int x;\n' * 501, '501 lines'),
    'src/os/k.c': ('\t' * 13 + 'abcdefg;\n', '112 columns'),
    'src/os/l.c': ('/* TO' 'DO */\n', 'unfinished'),
    'src/os/m.c': ('int x; \n', 'blanks at the end'),
    'src/other/n.c': ('\n', 'not a layer'),
    'README.md': ('| a claim | `tests/net/no_test.py` |\n', 'there is no tests/net/no_test.py'),
    CLAIMS: (CLAIMS_HEAD + '\n| --- | --- | --- |\n| it is safe | `src/os/no.c` | a wall |\n', 'has a file that keeps it'),
    'src/cli/health.c': ('\t{"net", "link-lost", on_lost},\n', 'no source of net says link-lost'),
    'src/role/s.c': ('\taead_seal(&k, iv, aad, plain, out, tag);\n', 'in one place alone'),
    'image/o': ('#!/bin/sh\n', 'not executable'),
    'src/FORMAT.md': ('see `base/none.c`\n', 'there is no base/none.c'),
    MAP: ('`role/c.c`\n', 'src/role/net/c.c is not named'),
    'Makefile': ('\n' * 301, '301 lines; the limit is 300'),
    'src/os/common.h': ('/* p */\n#ifndef SEALTAP_OS_COMMON_H\n', 'name says what'),
    'tests/unit/util.h': ('\n', 'name says what'),
    'src/os/q.c': ('\tif (memcmp(a->secret, b->secret, 4) == 0)\n', 'how long this comparison'),
    'src/os/r.c': ('\tmemset(c.secret, 0, sizeof(c.secret));\n', 'wipe()'),
    'src/decisions/why.md': ('# Why\n', 'YYYY-MM-DD-words.md'),
    'src/decisions/2026-01-02-s.md': ('# 2026-01-03: s\n', 'begins with "# 2026-01-02: "'),
    'src/decisions/2026-01-02-t.md': ('# 2026-01-02: t\n\n**Context.** t\n\n**Why not** t\n', 'says **Choice.**'),
    'tests/unit/u_test.c': ('\tRUN(u, "test u");\n\treturn check_done();\n', 'no sentence'),
    'tests/unit/v_test.c': ('\tRUN(v, "it does v");\n\tRUN(w, "it does v");\n\treturn check_done();\n', 'name of another'),
    'tests/unit/w_test.c': ('int main(void)\n', 'by RUN and check_done'),
}
BAD |= {f'{folder}/calls_{call}.c': (f'\tx = {call}(y);\n', f'{call} {what}') for folder, call, what in (
    *(('src/os', call, 'writes without a limit') for call in ('strcpy', 'strcat', 'stpcpy', 'sprintf', 'vsprintf', 'gets')),
    *(('src/os', call, 'is hard to get right') for call in ('strncat', 'scanf', 'fscanf', 'sscanf')),
    *(('src/os', call, 'has a state') for call in ('strtok', 'localtime', 'gmtime', 'ctime', 'asctime', 'mktime', 'strftime')),
    *(('tests/net', call, 'sees no error') for call in ('atoi', 'atol', 'atoll', 'atof')),
    *(('src/os', call, 'wants a shell') for call in ('system', 'popen')),
    *(('src/os', call, 'leaves behind') for call in ('setjmp', 'longjmp', 'sigsetjmp', 'siglongjmp')),
    *(('tests/unit', call, 'can be guessed') for call in ('rand', 'srand', 'random', 'srandom', 'rand_r', 'drand48')),
    *(('src/os', call, 'is a race') for call in ('tmpnam', 'tempnam', 'mktemp')),
    *(('src/os', call, 'takes what is no address') for call in ('gethostbyname', 'inet_addr', 'inet_aton', 'inet_ntoa')),
    *(('src/os', call, 'is another configuration') for call in ('setenv', 'putenv')),
    ('src/os', 'getenv', 'is called in one place alone'),
    ('tests/unit', 'alloca', 'has no limit'),
)}


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
