"""objects: what was shipped: listed with the `aws` command line, fetched, opened with AWS's own Encryption SDK, decompressed with zstd,
and checked against object format 1 by code that shares nothing with the product.

collect(lab) gives an Evidence of what was not collected before; each check_* of evidence.py takes it. Files stay in FOLDER/objects: NAME as
shipped, NAME.opened out of its envelope, NAME.plain decompressed.
"""
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import re
import subprocess

from . import aws, metadata, pcapfile
from .certs import TOP
from .netns import command

OPENER = os.path.join(TOP, 'tests', 'lab', 'opener')
OPENED_BY = 'AWS Encryption SDK for JavaScript (@aws-crypto/client-node 5.0.2), zstd'
NAME = re.compile(
    r'(?P<directory>.+)/(?P<account>\d{12})/(?P<region>[a-z0-9-]+)/(?P<appliance>[^/]+)/(?P<date>\d{4}/\d\d/\d\d/\d\d)/'
    r'(?P<kind>packets|flows|log)/'
    r'(?P<start>\d{8}T\d{6}\.\d{9}Z)-(?P<boot>[0-9a-f]{16})-(?P<stream>w\d+|flows|log)-(?P<seq>\d{8})(?P<again>-r\d+)?'
    r'\.(?P<ext>pcapng|jsonl)\.zst(?P<torn>\.torn)?\.encrypted')


@dataclasses.dataclass
class Object:
    name: str
    path: str
    size: int
    part: dict  # the name's parts
    meta: dict  # x-amz-meta-sealtap-*, without that
    context: dict = None
    sha256: str = None
    read: tuple = None  # (path, what capture() gave): a file is read once

    @property
    def stream(self):
        return self.part['stream']

    @property
    def seq(self):
        return int(self.part['seq'])

    def plain(self):
        with open(self.path + '.plain', 'rb') as f:
            return f.read()

    def lines(self):
        """Events of a log object, records of one of flows."""
        return [json.loads(line) for line in self.plain().decode().splitlines()]

    def capture(self):
        if not self.read or self.read[0] != self.path:
            self.read = self.path, pcapfile.read(self.path + '.plain')
        return self.read[1]


@dataclasses.dataclass
class Evidence:
    """The objects of one boot or several, by stream and number."""
    objects: list
    folder: str

    def stream(self, name):
        return [o for o in self.objects if o.stream == name]

    def streams(self):
        return sorted({o.stream for o in self.objects})

    def boots(self):
        return {o.part['boot'] for o in self.objects}

    def of(self, boot):
        return Evidence([o for o in self.objects if o.part['boot'] == boot], self.folder)

    def lives(self):
        """That of each boot, in their order."""
        return [self.of(b) for b in sorted(self.boots(), key=lambda b: min(int(o.meta['first']) for o in self.of(b).objects))]

    def packets(self):
        return [o for o in self.objects if o.part['kind'] == 'packets']

    def events(self, event=None):
        """All lines of the log stream in order."""
        return [line for o in self.stream('log') for line in o.lines() if event in (None, line['event'])]

    def recorded(self):
        """{stream: frames in the order recorded}."""
        return {s: [f for o in self.stream(s) for f in o.capture().frames] for s in sorted({o.stream for o in self.packets()})}

    def flows(self):
        """All records of the flows stream in order."""
        return [line for o in self.stream('flows') for line in o.lines()[1:]]


def as_admin(server, *argv):
    """Runs a program in a server's namespace with its admin's keys; its output. Its own words are in the exception when it fails."""
    done = subprocess.run(server.ns.prefix() + list(argv), env={**os.environ, **server.environment()}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f'{argv[0]} {argv[1]}: {done.stderr.strip()}'
    return done.stdout


def command_line(server, *argv):
    """The `aws` command line, talking to this server."""
    return as_admin(server, 'aws', '--endpoint-url', server.endpoint, *argv)


def list_names(server):
    """{name: size} of all objects in the bucket."""
    text = command_line(server, 's3api', 'list-objects-v2', '--bucket', aws.BUCKET)
    return {o['Key']: o['Size'] for o in json.loads(text or '{}').get('Contents', [])}


def pass_over(lab):
    """What lives so far have shipped is never collected."""
    lab.boots |= {NAME.fullmatch(n)['boot'] for n in list_names(lab.store)}


def collect(lab):
    """All objects but those of the lives that were collected before (lab.boots): listed, fetched, opened, decompressed."""
    folder = os.path.join(lab.folder, 'objects')
    found = list_names(lab.store)
    strangers = [n for n in found if not NAME.fullmatch(n)]
    assert not strangers, f'names that the format does not know: {strangers}'
    found = {n: size for n, size in found.items() if NAME.fullmatch(n)['boot'] not in lab.boots}
    assert found, 'nothing was shipped'
    command_line(lab.store, 's3', 'sync', '--only-show-errors', f's3://{aws.BUCKET}', folder)
    objects = [describe(lab, folder, name, size) for name, size in found.items()]
    objects.sort(key=lambda o: (o.stream, o.seq))
    open_all(lab, objects)
    evidence = Evidence(objects, folder)
    lab.boots |= evidence.boots()
    return evidence


def describe(lab, folder, name, size):
    head = lab.store.head(name)
    prefix = 'x-amz-meta-sealtap-'
    meta = {k.lower()[len(prefix):]: v for k, v in head.items() if k.lower().startswith(prefix)}
    path = os.path.join(folder, name)
    with open(path, 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return Object(name, path, size, NAME.fullmatch(name).groupdict(), meta, sha256=digest)


def open_all(lab, objects):
    """AWS's SDK takes the objects out of their envelopes, zstd decompresses them; both at once for several files."""
    script = os.path.join(prepare_opener(), 'open.mjs')
    by_path = {o.path: o for o in objects}
    said = as_admin(lab.amazon, 'node', script, lab.amazon.endpoint, metadata.REGION, lab.amazon.key_arn, *by_path)
    for line in said.splitlines():
        result = json.loads(line)
        assert result['suite'] == 0x0478, f'{result["file"]}: suite {result["suite"]:#x}'
        by_path[result['file']].context = result['context']
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda o: command('zstd', '-d', '-q', '-f', o.path + '.opened', '-o', o.path + '.plain'), objects))


def prepare_opener():
    """The folder where open.mjs runs, beside its modules."""
    return command(os.path.join(OPENER, 'prepare')).strip()
