#!/usr/bin/env python3
"""image_test: what is in the images of both boards: one executable, no test anchor in the release; manifest and SBOM tell the truth.

image_test.py [-k PATTERN]. Needs build/nitro/ and build/qemu/ (make build) and what build/init was linked of.
"""
import copy
import glob
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, spdx, testing  # noqa: E402
from lab.netns import command  # noqa: E402
sys.path.insert(0, os.path.join(certs.TOP, 'image'))
import sbom  # noqa: E402

BUILD = os.path.join(certs.TOP, 'build')
BOARDS = ('nitro', 'qemu')
# A symbol that tells a library, and its source's name. BearSSL is in both programs: what is not TLS is computed by it.
MARKS = {'pcap_compile': 'libpcap', 'ZSTD_compressStream2': 'zstd', '__libc_start_main': 'musl', 'br_sha256_init': 'bearssl',
         'br_ssl_client_init_full': 'bearssl', 'mbedtls_ssl_handshake': 'mbedtls'}
OF_THE_LINKER = {'__TMC_END__', '__bss_start', '__dso_handle', '_edata', '_end'}
# Marks of private keys, AWS access keys and session tokens; the test CA's key, which is public, has the first too.
SECRETS = re.compile(rb'-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|aws_secret_access_key')
# Of the test's clock, of the probe, of board debug.
HOOKS = (b'/dev/shm/sealtap', b'probe-end', b'board debug')
ENTRIES = {'init': 0o100755, 'anchors.pem': 0o100444, 'dev': 0o40755, 'proc': 0o40755, 'sys': 0o40755, 'run': 0o40755}


def read(*path):
    with open(os.path.join(BUILD, *path), 'rb') as f:
        return f.read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Root:
    """A board's root file system, taken apart."""

    def __init__(self, board):
        self.folder = tempfile.TemporaryDirectory(prefix='sealtap-root-')
        self.path = os.path.join(self.folder.name, 'root')
        command('fsck.erofs', f'--extract={self.path}', os.path.join(BUILD, board, 'root.erofs'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def entries(self):
        return {os.path.relpath(os.path.join(d, name), self.path): os.lstat(os.path.join(d, name)).st_mode
                for d, dirs, files in os.walk(self.path) for name in dirs + files}

    def read(self, name):
        with open(os.path.join(self.path, name), 'rb') as f:
            return f.read()


def one_executable(board):
    """The root holds one executable, the trust anchors and empty mount points, nothing else; nothing is writable or setuid."""
    with Root(board) as root:
        assert root.entries() == ENTRIES, {k: oct(v) for k, v in root.entries().items()}
        assert sha256(root.read('init')) == sha256(read('init')), '/init is another than build/init'


def owned_by_root(board):
    """All of the root belongs to root, and nothing bears an extended attribute: no capabilities, no lists of others who may."""
    with Root(board) as root:
        for name in ('', *root.entries()):
            said = command('dump.erofs', f'--path=/{name}', os.path.join(BUILD, board, 'root.erofs'))
            assert re.search(r'Uid:\s*0\s+Gid:\s*0\s', said), f'/{name}: {said}'
            assert re.search(r'Xattr size:\s*0\b', said), f'/{name}: {said}'


def no_secret(board):
    """No key and no credential is in the root: certificates alone."""
    with Root(board) as root:
        for name in ('init', 'anchors.pem'):
            found = SECRETS.findall(root.read(name))
            assert not found, f'/{name}: {found}'


def no_hook(board):
    """The executable knows no test: none of the names by which the tests' programs differ from it."""
    with Root(board) as root:
        said = root.read('init')
    assert not [hook for hook in HOOKS if hook in said], [hook for hook in HOOKS if hook in said]
    for program, hook in (('injected', HOOKS[0]), ('probed', HOOKS[1]), ('debug', HOOKS[2])):
        if os.path.exists(os.path.join(BUILD, program, 'init')):
            assert hook in read(program, 'init'), f'build/{program}/init does not have {hook!r}: looking for it proves nothing'


def elf_faults(said):
    """What `readelf -hldW` says of a program that a hardened one has not, or lacks."""
    segments = re.findall(r'^\s+(\w+)\s+(?:0x[0-9a-f]+\s+){5}([RWE ]{3})\s', said, re.M)
    rights = {kind: rights for kind, rights in segments}
    yield from (f'the {kind} segment is writable and executable' for kind, r in segments if 'W' in r and 'E' in r)
    yield from ([] if re.search(r'Type:\s+DYN', said) else ['not a PIE'])
    yield from (f'{word} is there' for word in ('INTERP', 'NEEDED', 'TEXTREL', 'RPATH', 'RUNPATH') if re.search(rf'\b{word}\b', said))
    yield from ([] if 'GNU_RELRO' in rights else ['no RELRO'])
    yield from ([] if rights.get('GNU_STACK') == 'RW ' else ['an executable stack, or none said'])
    yield from ([] if re.search(r'FLAGS_1\).*\bNOW\b.*\bPIE\b', said) else ['no BIND_NOW'])


def static(board):
    """The executable is a hardened static PIE: no interpreter, no library, RELRO with BIND_NOW, no segment writable and executable."""
    with Root(board) as root:
        said = command('readelf', '-hldW', os.path.join(root.path, 'init'))
    assert not list(elf_faults(said)), list(elf_faults(said))


def faults_of_elf_are_told(_):
    """What a program of another kind lacks is told"""
    with tempfile.TemporaryDirectory() as folder:
        source, out = os.path.join(folder, 'x.c'), os.path.join(folder, 'x')
        with open(source, 'w') as f:
            f.write('int main(void) { return 0; }\n')
        for flags, told in ((['-no-pie'], {'not a PIE', 'INTERP is there', 'NEEDED is there', 'no BIND_NOW'}),
                            (['-static-pie', '-Wl,-z,now', '-Wl,-z,execstack'], {'the GNU_STACK segment is writable and executable'}),
                            (['-static-pie', '-Wl,-z,now', '-Wl,-z,norelro'], {'no RELRO'})):
            command('gcc', *flags, '-o', out, source)
            found = set(elf_faults(command('readelf', '-hldW', out)))
            assert told <= found, (flags, found)


def compiled_hardened(_):
    """Program and libraries check their stacks, probe large frames, and begin functions with a landing pad."""
    archives = [os.path.join(BUILD, 'libsealtap.a'), *sbom.toolchain()['archives']]
    for path in archives:
        said = command('nm', path)
        assert re.search(r'\sU __stack_chk_fail\b', said), f'{os.path.basename(path)} has no stack protector'
    code = command('objdump', '-d', '--no-show-raw-insn', os.path.join(BUILD, 'init.sym'))
    assert re.search(r'orq\s+\$0x0,\(%rsp\)', code), 'no frame is probed'
    for name in ('init_main', 'tls_read', 'pcap_compile', 'ZSTD_compressStream2', 'br_sha256_init', 'snprintf'):
        assert re.search(rf'<{name}>:\n\s+[0-9a-f]+:\s+endbr64', code), f'{name} has no landing pad'


def anchors_of(board):
    with Root(board) as root:
        return re.findall(rb'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', root.read('anchors.pem'), re.S)


def release_trusts_amazon_alone(_):
    """The release image trusts Amazon's five roots alone; the test board adds the test CA."""
    subjects = [subprocess.run(['openssl', 'x509', '-noout', '-subject'], input=pem, stdout=subprocess.PIPE, check=True).stdout.decode()
                for pem in anchors_of('nitro')]
    assert len(subjects) == 5 and all('Amazon' in s or 'Starfield Services' in s for s in subjects), subjects
    extra = set(anchors_of('qemu')) - set(anchors_of('nitro'))
    with open(certs.CA, 'rb') as f:
        assert len(extra) == 1 and extra.pop() in f.read()


def manifest(board):
    """The manifest has the true size and hash of each artefact, and the sources with theirs."""
    told = json.loads(read(board, 'manifest.json'))
    for name in ('BOOTX64.EFI', 'disk.img', 'root.erofs', 'sbom.json'):
        data = read(board, name)
        assert told['artefacts'][name] == {'bytes': len(data), 'sha256': sha256(data)}, name
    assert {s['name'] for s in told['sources']} == {'musl', 'bearssl', 'mbedtls', 'libpcap', 'zstd', 'linux'}, told['sources']
    assert all(re.fullmatch(r'[0-9a-f]{64}', s['sha256']) for s in told['sources'])
    assert re.fullmatch(r'[0-9a-f]{64}', told['pcr4_sha256'])
    for tool, version in told['tools'].items():
        assert re.search(r'\d+\.\d', version) and not re.search('invalid|unrecognized|usage', version), f'{tool} says {version}'


def bill(board):
    return json.loads(read(board, 'sbom.json'))


def related(document, how):
    """What stands in this relationship to something: {name: package}"""
    ends = {r['relatedSpdxElement'] for r in document['relationships'] if r['relationshipType'] == how}
    return {p['name']: p for p in document['packages'] if p['SPDXID'] in ends}


def sha256_in(package):
    return package['checksums'][0]['checksumValue']


def sbom_is_spdx(board):
    """The SBOM keeps the rules of SPDX 2.3, and packages and relationships are sorted."""
    document = bill(board)
    assert not list(spdx.faults(document)), '\n'.join(spdx.faults(document))
    for part, order in (('packages', ['SPDXID']), ('relationships', ['spdxElementId', 'relationshipType', 'relatedSpdxElement'])):
        keys = [[item[key] for key in order] for item in document[part]]
        assert keys == sorted(keys), part


def sbom_describes_image(board):
    """The SBOM describes this disk, and in it this init, these trust anchors and the kernel of the accepted sources."""
    document = bill(board)
    image, = related(document, 'DESCRIBES').values()
    assert sha256_in(image) == sha256(read(board, 'disk.img'))
    parts = related(document, 'CONTAINS')
    assert sha256_in(parts.pop('sealtap')) == sha256(read('init'))
    require_source(parts.pop('linux'))
    assert all(name.startswith('trust anchor ') for name in parts), parts.keys()
    files = {}
    for part in parts.values():
        with open(os.path.join(certs.TOP, part['packageFileName']), 'rb') as f:
            files[part['packageFileName']] = f.read()
        assert sha256_in(part) == sha256(files[part['packageFileName']]), part['name']
    with Root(board) as root:
        inside = re.findall(rb'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', root.read('anchors.pem'), re.S)
    assert len(inside) == len(files) and all(any(pem in data for data in files.values()) for pem in inside)


def require_source(package):
    """The package is the file that image/sources.list accepts by this version and hash, or one taken on the archive's signature."""
    with open(os.path.join(certs.TOP, 'image', 'sources.list')) as f:
        rows = [line.split() for line in f if line.strip() and line[0] != '#']
    listed = {(row[0], row[3], row[4]) for row in rows}
    if (package['name'], package['versionInfo'], sha256_in(package)) not in listed:
        assert 'signed by the archive, not listed' in package['sourceInfo'], f'{package["name"]} {package["versionInfo"]} is not accepted'
        assert any(row[0] == package['name'] and package['versionInfo'].startswith(row[3]) for row in rows if row[4] == 'archive')


def sbom_libraries(board):
    """The SBOM lists each library that is linked into the executable, with an accepted version and hash, and no other."""
    libraries = related(bill(board), 'STATIC_LINK')
    compiler = libraries.pop('libgcc')
    assert 'crtstuff.c' in command('readelf', '-sW', os.path.join(BUILD, 'init.sym')), 'nothing of the compiler is in it'
    assert command('gcc', '-dumpfullversion').strip() in compiler['versionInfo']
    ours = sbom.symbols(os.path.join(BUILD, 'init.sym'))
    assert set(libraries) == {name for mark, name in MARKS.items() if mark in ours}, sorted(libraries)
    for library in libraries.values():
        require_source(library)


def nothing_unnamed(_):
    """Each symbol of the executable is the project's own, of a library that the SBOM lists, of its compiler or of the linker."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, 'init')
        command('strip', '-o', stripped, os.path.join(BUILD, 'init.sym'))
        with open(stripped, 'rb') as f:
            assert f.read() == read('init'), 'build/init.sym is another program than build/init'
    listed = related(bill('nitro'), 'STATIC_LINK')
    known = set(OF_THE_LINKER)
    where = sbom.toolchain()
    start = glob.glob(os.path.join(os.path.dirname(where['musl']), '*crt*.o')) if 'musl' in listed else []
    objects = glob.glob(os.path.join(BUILD, 'obj', '**', '*.o'), recursive=True)
    for path in [*objects, *start, *([command('gcc', '-print-libgcc-file-name').strip()] if 'libgcc' in listed else [])]:
        known |= sbom.symbols(path)
    for path in where['archives']:
        if sbom.ARCHIVES[os.path.basename(path)] in listed:
            known |= sbom.symbols(path)
    unknown = sbom.symbols(os.path.join(BUILD, 'init.sym')) - known
    assert not unknown, f'of unknown origin: {sorted(unknown)[:10]}'


def linked_decides(_):
    """What is linked decides what is listed: the program over Mbed TLS has Mbed TLS too."""
    program = os.path.join(BUILD, 'mbed', 'init.sym')
    if not os.path.exists(program):
        raise testing.Skip('build/mbed/init is not built: make tests')
    assert sbom.linked(program) == {'musl', 'zstd', 'libpcap', 'bearssl', 'mbedtls'}, sbom.linked(program)


def same_again(board):
    """Manifest and SBOM come out the same again, byte for byte, at another time, elsewhere, in another zone and language."""
    about = json.loads(read(board, 'manifest.json'))
    env = {**os.environ, 'TZ': 'Pacific/Auckland', 'LC_ALL': 'C.UTF-8', 'PYTHONHASHSEED': '7', 'SOURCE_DATE_EPOCH': '1'}
    for name in ('sbom', 'manifest'):
        tool = os.path.join(certs.TOP, 'image', f'{name}.py')
        made = subprocess.run([sys.executable, tool, board, about['version'], str(about['build_time_s'])], cwd='/', env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert made.returncode == 0, made.stderr.decode()
        assert made.stdout == read(board, f'{name}.json'), f'{name}.json'


def broken(document, path, value):
    """A copy of the document with the field at `path` set, or taken away where the value is None."""
    document = copy.deepcopy(document)
    at = document
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


def rules_tell(_):
    """A broken rule of SPDX is told"""
    document = bill('nitro')
    for path, value, told in (
            (['dataLicense'], 'MIT', 'dataLicense is'), (['spdxVersion'], None, 'spdxVersion is missing'),
            (['documentNamespace'], 'https://spdx.org/x#y', 'documentNamespace is'),
            (['creationInfo', 'created'], '2026-11-27', 'created is'),
            (['creationInfo', 'creators'], ['sealtap'], 'creators is'), (['packages', 1, 'SPDXID'], 'SPDXRef-image', 'is there twice'),
            (['packages', 0, 'SPDXID'], 'SPDXRef-a_b', 'SPDXID is'), (['packages', 0, 'licenseDeclared'], 'GPLv2', 'licenseDeclared is'),
            (['packages', 0, 'licenseConcluded'], 'MIT WITH Linux-syscall-note', 'licenseConcluded is'),
            (['packages', 0, 'name'], None, 'name is missing'), (['packages', 0, 'downloadLocation'], 'somewhere', 'downloadLocation is'),
            (['packages', 0, 'supplier'], 'Debian', 'supplier is'), (['packages', 0, 'filesAnalyzed'], True, 'filesAnalyzed is'),
            (['packages', 0, 'colour'], 'red', 'has no colour'),
            (['packages', 0, 'primaryPackagePurpose'], 'OPERATING-SYSTEM', 'Purpose is'),
            (['packages', 0, 'checksums'], [{'algorithm': 'SHA256', 'checksumValue': 'AB'}], 'checksums is'),
            (['packages', 0, 'externalRefs'], [{'referenceCategory': 'SECURITY', 'referenceType': 'cpe23Type',
                                                'referenceLocator': 'cpe:2.3:a:x:y'}], 'externalRefs is'),
            (['relationships', 0, 'relatedSpdxElement'], 'SPDXRef-none', 'nothing is SPDXRef-none'),
            (['relationships', 0, 'relationshipType'], 'HAS', 'relationshipType is'),
            (['relationships', 0], document['relationships'][1], 'describes nothing')):
        found = list(spdx.faults(broken(document, path, value)))
        assert any(told in fault for fault in found), f'{path} as {value}: {found}'


def disk_names_firmware(board):
    """The disk's identifiers are the hash of the firmware file on it, which is the board's."""
    disk = read(board, 'disk.img')
    assert disk[512:520] == b'EFI PART'
    entry = disk[1024:1152]
    assert (disk[568:584] + entry[16:32]).hex() == sha256(read(board, 'BOOTX64.EFI'))
    assert entry[56:128].decode('utf-16-le').rstrip('\0') == 'sealtap-esp'
    first, = struct.unpack('<Q', entry[32:40])
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, 'efi')
        command('mcopy', '-i', f'{os.path.join(BUILD, board, "disk.img")}@@{first * 512}', '::/EFI/BOOT/BOOTX64.EFI', target)
        with open(target, 'rb') as f:
            assert sha256(f.read()) == sha256(read(board, 'BOOTX64.EFI'))


def main():
    report = testing.report()
    for board in BOARDS:
        for check in (one_executable, owned_by_root, no_secret, no_hook, static, manifest, disk_names_firmware, sbom_is_spdx,
                      sbom_describes_image, sbom_libraries, same_again):
            report.run(check, board, about=f' ({board})')
    for check in (release_trusts_amazon_alone, faults_of_elf_are_told, compiled_hardened, nothing_unnamed, linked_decides, rules_tell):
        report.run(check, None)
    report.finish()


main()
