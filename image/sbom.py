#!/usr/bin/env python3
"""sbom.py BOARD VERSION BUILD-TIME: prints the software bill of materials of build/BOARD/disk.img, as SPDX 2.3 in JSON.

It lists what is in the image, not what was at hand: a library is named when build/init has symbols of its archive. The compiler's own
start-up code and support library are in it too. Tools that made the image, and are not in it, are BUILD_TOOL_OF it. The same sources
give the same document: its time is the commit's, and its namespace is computed from the rest of it.
https://spdx.github.io/spdx-spec/v2.3/ · the decision behind it: src/decisions/2026-11-27-sbom.md
"""
import datetime
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

import inputs

# What is known of each source: by whom it is, where it lives, its licences as its own files declare them and as we take them, and how
# vulnerability databases call it ({v}: upstream's version). BearSSL has no name in the CPE dictionary.
ABOUT = {
    'bearssl': {'by': 'Person: Thomas Pornin', 'home': 'https://bearssl.org/', 'declared': 'MIT', 'purl': 'pkg:generic/bearssl@{v}'},
    'libpcap': {'by': 'Organization: The Tcpdump Group', 'home': 'https://www.tcpdump.org/', 'declared': 'BSD-3-Clause',
                'concluded': 'NOASSERTION', 'remark': 'The file LICENSE says BSD-3-Clause. gencode.c, optimize.c, bpf_filter.c and others '
                'bear an older notice of the Lawrence Berkeley Laboratory, by which advertising that mentions the software names them.',
                'purl': 'pkg:github/the-tcpdump-group/libpcap@libpcap-{v}', 'cpe': 'a:tcpdump:libpcap:{v}'},
    'linux': {'by': 'Organization: The Linux kernel developers', 'home': 'https://www.kernel.org/',
              'declared': 'GPL-2.0-only WITH Linux-syscall-note', 'cpe': 'o:linux:linux_kernel:{v}'},
    'mbedtls': {'by': 'Organization: The Mbed TLS Contributors', 'home': 'https://www.trustedfirmware.org/projects/mbed-tls/',
                'declared': 'Apache-2.0 OR GPL-2.0-or-later', 'concluded': 'Apache-2.0', 'purl': 'pkg:github/mbed-tls/mbedtls@v{v}',
                'cpe': 'a:arm:mbed_tls:{v}'},
    'musl': {'by': 'Organization: The musl project', 'home': 'https://musl.libc.org/', 'declared': 'MIT', 'purl': 'pkg:generic/musl@{v}',
             'cpe': 'a:musl-libc:musl:{v}'},
    'zstd': {'by': 'Organization: Meta Platforms, Inc.', 'home': 'https://facebook.github.io/zstd/',
             'declared': 'BSD-3-Clause OR GPL-2.0-only', 'concluded': 'BSD-3-Clause', 'purl': 'pkg:github/facebook/zstd@v{v}',
             'cpe': 'a:facebook:zstandard:{v}'},
}
ARCHIVES = {'libbearssl.a': 'bearssl', 'libpcap.a': 'libpcap', 'libmbedtls.a': 'mbedtls', 'libmbedx509.a': 'mbedtls',
            'libmbedcrypto.a': 'mbedtls', 'libzstd.a': 'zstd', 'libc.a': 'musl'}
# What the build machine's own Debian has. tool: (package, licence)
TOOLS = {'gcc': ('gcc', 'GPL-3.0-or-later'), 'ld': ('binutils', 'GPL-3.0-or-later'), 'mkfs.erofs': ('erofs-utils', 'GPL-2.0-or-later'),
         'osslsigncode': ('osslsigncode', 'GPL-3.0-or-later')}
DEBIAN, SEALTAP = 'Organization: Debian', 'Organization: sealtap'


def symbols(path):
    """The global symbols that a program or an archive defines."""
    said = subprocess.run(['nm', '-g', '--defined-only', path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return {words[2] for words in map(str.split, said.stdout.splitlines()) if len(words) == 3}


def toolchain():
    """Where musl's libc.a and the libraries' archives are that build/init is linked of."""
    where = dict(re.findall(r'^(\w+) := (.*)$', inputs.read(os.path.join(inputs.BUILD, 'deps.mk')).decode(), re.M))
    musl = os.path.join(os.path.dirname(os.path.dirname(where['MUSL_CC'])), 'lib', 'libc.a')
    return {'musl': musl, 'archives': [musl, *sorted(glob.glob(os.path.join(where['MUSL_LIBS'], 'lib', '*.a')))]}


def linked(program):
    """The names of the sources that a program, given with its symbols, has code of."""
    ours, found = symbols(program), set()
    for path in toolchain()['archives']:
        if os.path.basename(path) not in ARCHIVES:
            raise SystemExit(f'sealtap: image/sbom.py does not know what {os.path.basename(path)} is part of')
        if symbols(path) & ours:
            found.add(ARCHIVES[os.path.basename(path)])
    return found


def suites():
    """{(name, SHA-256 or `archive`): (suite, package)} of image/sources.list"""
    rows = [line.split() for line in inputs.read(os.path.join(inputs.TOP, 'image', 'sources.list')).decode().splitlines()]
    return {(row[0], row[4]): (row[1], row[2].removeprefix('deb:')) for row in rows if row and row[0][0] != '#'}


def ref(category, kind, locator):
    return {'referenceCategory': category, 'referenceType': kind, 'referenceLocator': locator}


def package(spdxid, name, supplier, declared, **more):
    """A package; what is None is left out."""
    fields = {'SPDXID': f'SPDXRef-{spdxid}', 'name': name, 'supplier': supplier, 'downloadLocation': 'NOASSERTION',
              'filesAnalyzed': False, 'licenseDeclared': declared, 'licenseConcluded': declared, 'copyrightText': 'NOASSERTION', **more}
    return {key: value for key, value in fields.items() if value is not None}


def checksums(sha256):
    return [{'algorithm': 'SHA256', 'checksumValue': sha256}]


def of_source(source):
    """The package of a third-party source, as the Debian archive gave it."""
    name, about, linux = source['name'], ABOUT[source['name']], source['name'] == 'linux'
    upstream = re.match(r'\d+(\.\d+)*', source['version'])[0]
    listed = source['accepted'] == 'listed'
    suite, origin = suites()[name, source['sha256'] if listed else 'archive']
    what = 'with Debian\'s changes' if linux else 'repacked by Debian' if '+dfsg' in source['file'] else 'without Debian\'s changes'
    debian = f'pkg:deb/debian/{origin}@{source["version"]}?arch=all&distro={suite.split("-")[0]}'
    purl = debian if linux else about['purl'].format(v=upstream)
    cpe = [ref('SECURITY', 'cpe23Type', f'cpe:2.3:{about["cpe"].format(v=upstream)}:*:*:*:*:*:*:*')] if 'cpe' in about else []
    return package(
        name, name, DEBIAN, about['declared'], versionInfo=source['version'], packageFileName=source['file'], originator=about['by'],
        homepage=about['home'], checksums=checksums(source['sha256']), licenseConcluded=about.get('concluded', about['declared']),
        licenseComments=about.get('remark'), primaryPackagePurpose='OPERATING_SYSTEM' if linux else 'LIBRARY',
        sourceInfo=f'The Debian archive, {suite}, package {origin}: {source["file"]}, {what}; '
        + ('its SHA-256 is listed in image/sources.list' if listed else 'signed by the archive, not listed in image/sources.list'),
        externalRefs=[ref('PACKAGE-MANAGER', 'purl', purl), *cpe])


def of_compiler(told):
    """What GCC itself links into each program: crt*.o and what is used of libgcc.a."""
    version = told.split()[-1]
    debian = re.search(r'\(Debian (\S+)\)', told)
    name = f'libgcc-{version.split(".")[0]}-dev'
    purl = debian and ref('PACKAGE-MANAGER', 'purl', f'pkg:deb/debian/{name}@{debian[1].replace("+", "%2B")}')
    return package('libgcc', 'libgcc', DEBIAN, 'GPL-3.0-or-later WITH GCC-exception-3.1', versionInfo=debian[1] if debian else version,
                   originator='Organization: Free Software Foundation', homepage='https://gcc.gnu.org/', primaryPackagePurpose='LIBRARY',
                   sourceInfo='start-up code (crtbeginS.o, crtendS.o) and libgcc.a of the compiler that the build machine has',
                   externalRefs=[*filter(None, [purl]), ref('SECURITY', 'cpe23Type', f'cpe:2.3:a:gnu:gcc:{version}:*:*:*:*:*:*:*')])


def anchors(board):
    """The certificates of the root's anchors.pem, in its order: those of every image, then the board's own, which are for tests."""
    every, tests = os.path.join('rootfs', 'anchors'), os.path.join('board', board)
    of_all = {'supplier': DEBIAN, 'declared': 'MPL-2.0', 'originator': 'Organization: Amazon Trust Services',
              'sourceInfo': 'as the Debian package ca-certificates carries it'}
    of_tests = {'supplier': SEALTAP, 'declared': 'Apache-2.0', 'sourceInfo': 'made for the tests; no release has it'}
    for folder, about in ((every, of_all), (tests, of_tests)):
        for path in sorted(glob.glob(os.path.join(inputs.TOP, folder, '*.pem'))):
            name = re.sub(r'[-_]+', ' ', os.path.basename(path).removesuffix('.pem'))
            yield package('anchor-' + name.replace(' ', '-'), f'trust anchor {name}', **about, primaryPackagePurpose='FILE',
                          packageFileName=os.path.relpath(path, inputs.TOP), checksums=checksums(inputs.facts(path)['sha256']))


def commit(version):
    found = inputs.commit_of(version)
    return f'commit {found}{", with changes that no commit has" if "dirty" in version else ""}' if found else None


def document(board, version, build_time_s):
    disk = inputs.facts(os.path.join(inputs.BUILD, board, 'disk.img'))['sha256']
    tools = inputs.tools(inputs.signer(board))
    ours = {'versionInfo': version, 'sourceInfo': commit(version)}
    image = package('image', f'sealtap-{board}', SEALTAP, 'NOASSERTION', packageFileName='disk.img', checksums=checksums(disk),
                    primaryPackagePurpose='OPERATING_SYSTEM', comment='An EFI system partition with one firmware file: Linux, its root '
                    'and in that the program sealtap as /init and its trust anchors. The parts have licences of their own.', **ours)
    init = package('sealtap', 'sealtap', SEALTAP, 'Apache-2.0', packageFileName='init', primaryPackagePurpose='APPLICATION',
                   checksums=checksums(inputs.facts(inputs.init(board))['sha256']),
                   externalRefs=[ref('PACKAGE-MANAGER', 'purl', f'pkg:generic/sealtap@{version}')], **ours)
    inside = linked(inputs.init(board) + '.sym')
    parts = {s['name']: of_source(s) for s in inputs.sources() if s['name'] in inside | {'linux'}}
    libraries = [part for name, part in parts.items() if name != 'linux'] + [of_compiler(tools['gcc'])]
    contents = [init, parts['linux'], *anchors(board)]
    makers = [package(f'tool-{name}', name, DEBIAN, licence, versionInfo=tools[tool].split()[-1], primaryPackagePurpose='APPLICATION',
                      comment=f'not in the image: {tools[tool]}') for tool, (name, licence) in TOOLS.items() if tool in tools]
    related = [('SPDXRef-DOCUMENT', 'DESCRIBES', image['SPDXID'])]
    related += [(image['SPDXID'], 'CONTAINS', part['SPDXID']) for part in contents]
    related += [(init['SPDXID'], 'STATIC_LINK', library['SPDXID']) for library in libraries]
    related += [(tool['SPDXID'], 'BUILD_TOOL_OF', image['SPDXID']) for tool in makers]
    told = {
        'spdxVersion': 'SPDX-2.3',
        'dataLicense': 'CC0-1.0',
        'SPDXID': 'SPDXRef-DOCUMENT',
        'name': f'sealtap-{board}-{version}',
        'creationInfo': {'created': datetime.datetime.fromtimestamp(build_time_s, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
                         'creators': [SEALTAP, f'Tool: sealtap-sbom-{version}']},
        'packages': sorted([image, *contents, *libraries, *makers], key=lambda p: p['SPDXID']),
        'relationships': [{'spdxElementId': a, 'relationshipType': how, 'relatedSpdxElement': b} for a, how, b in sorted(related)],
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    told['documentNamespace'] = f'https://spdx.org/spdxdocs/{told["name"]}-{uuid.uuid5(uuid.NAMESPACE_OID, digest)}'
    return told


if __name__ == '__main__':
    print(json.dumps(document(sys.argv[1], sys.argv[2], int(sys.argv[3])), indent=2))
