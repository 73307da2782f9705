"""spdx: the rules of SPDX 2.3 that a document of ours has to keep, as JSON: faults(document) says which it breaks.

https://spdx.github.io/spdx-spec/v2.3/ and its JSON schema; licences: https://spdx.org/licenses/. Of lists of allowed words, what an
SBOM of a built image can need. A field that is not known here is a fault too.
"""
import re

URL = re.compile(r'https?://[\w.-]+(/\S*)?')
ACTOR = re.compile(r'(Person|Organization): \S.*|NOASSERTION')
ID = re.compile(r'SPDXRef-[A-Za-z0-9.-]+')
LICENCES = {'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'GPL-2.0-only', 'GPL-2.0-or-later', 'GPL-3.0-or-later', 'MIT', 'MPL-2.0'}
EXCEPTIONS = {'Linux-syscall-note': ('GPL-2.0-only',), 'GCC-exception-3.1': ('GPL-3.0-or-later',)}
PURPOSES = {'APPLICATION', 'LIBRARY', 'OPERATING_SYSTEM', 'FIRMWARE', 'FILE'}
RELATIONS = {'DESCRIBES', 'CONTAINS', 'STATIC_LINK', 'BUILD_TOOL_OF'}
LOCATORS = {('PACKAGE-MANAGER', 'purl'): re.compile(r'pkg:[a-z]+(/[\w.~-]+)+@[\w.~%-]+(\?[a-z]+=[\w.-]+(&[a-z]+=[\w.-]+)*)?'),
            ('SECURITY', 'cpe23Type'): re.compile(r'cpe:2\.3:[aho](:[\w.~-]+){3}(:\*){7}')}


def one_of(words):
    return lambda value: value in words


def licence(text):
    """An SPDX licence expression without parentheses, of the licences above."""
    if text in ('NOASSERTION', 'NONE'):
        return True
    for term in re.split(' (?:OR|AND) ', text):
        name, _, exception = term.partition(' WITH ')
        if name not in LICENCES or exception and name not in EXCEPTIONS.get(exception, ()):
            return False
    return True


def full(pattern, flags=0):
    return re.compile(pattern, flags).fullmatch


TEXT = full(r'\S.*')
DOCUMENT = {'spdxVersion': one_of({'SPDX-2.3'}), 'dataLicense': one_of({'CC0-1.0'}), 'SPDXID': one_of({'SPDXRef-DOCUMENT'}), 'name': TEXT,
            'documentNamespace': full(r'https?://[^\s#]+'), 'creationInfo': dict.keys, 'packages': bool, 'relationships': bool}
CREATION = {'created': full(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ'),
            'creators': lambda them: them and all(full(r'(Person|Organization|Tool): \S.*')(who) for who in them)}
NEEDED = {'SPDXID': ID.fullmatch, 'name': TEXT, 'downloadLocation': lambda where: where in ('NOASSERTION', 'NONE') or URL.fullmatch(where)}
# Mandatory by NTIA's minimum elements, not by SPDX; filesAnalyzed, since true is the default and would want a verification code.
OF_OURS = {'supplier': ACTOR.fullmatch, 'filesAnalyzed': lambda value: value is False, 'licenseDeclared': licence,
           'licenseConcluded': licence}
OPTIONAL = {'versionInfo': TEXT, 'packageFileName': TEXT, 'originator': ACTOR.fullmatch, 'homepage': URL.fullmatch, 'sourceInfo': TEXT,
            'licenseComments': TEXT, 'copyrightText': TEXT, 'comment': TEXT, 'primaryPackagePurpose': one_of(PURPOSES),
            'checksums': lambda sums: sums and all(set(s) == {'algorithm', 'checksumValue'} and s['algorithm'] == 'SHA256'
                                                   and full('[0-9a-f]{64}')(s['checksumValue']) for s in sums),
            'externalRefs': lambda refs: refs and all(locator(**r) for r in refs)}
RELATION = {'spdxElementId': ID.fullmatch, 'relationshipType': one_of(RELATIONS), 'relatedSpdxElement': ID.fullmatch}


def locator(referenceCategory, referenceType, referenceLocator):  # noqa: N803 (SPDX's names)
    pattern = LOCATORS.get((referenceCategory, referenceType))
    return pattern and pattern.fullmatch(referenceLocator)


def fields(where, what, needed, optional=None):
    for key in needed.keys() - what.keys():
        yield f'{where}: {key} is missing'
    for key, value in what.items():
        rule = {**needed, **(optional or {})}.get(key)
        if not rule:
            yield f'{where}: SPDX has no {key}'
        elif not rule(value):
            yield f'{where}: {key} is {value!r}'


def faults(document):
    """Each rule that the document breaks, as a text."""
    yield from fields('document', document, DOCUMENT)
    yield from fields('creationInfo', document.get('creationInfo', {}), CREATION)
    packages, relations = document.get('packages', []), document.get('relationships', [])
    for package in packages:
        yield from fields(package.get('name'), package, NEEDED | OF_OURS, OPTIONAL)
    ids = [document.get('SPDXID'), *(package.get('SPDXID') for package in packages)]
    yield from (f'{spdxid} is there twice' for spdxid in sorted(set(ids)) if ids.count(spdxid) > 1)
    for relation in relations:
        yield from fields('relationship', relation, RELATION)
        for end in ('spdxElementId', 'relatedSpdxElement'):
            if relation.get(end) not in ids:
                yield f'relationship: nothing is {relation.get(end)}'
    if not any(r.get('spdxElementId') == 'SPDXRef-DOCUMENT' and r.get('relationshipType') == 'DESCRIBES' for r in relations):
        yield 'the document describes nothing'
    related = {relation.get(end) for relation in relations for end in ('spdxElementId', 'relatedSpdxElement')}
    yield from (f'{spdxid} has to do with nothing' for spdxid in ids if spdxid not in related)
