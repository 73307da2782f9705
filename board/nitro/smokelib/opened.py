"""opened: what was shipped, fetched and opened by AWS's own Encryption SDK, and held against the log's inventory.

Openers, the first of AWS's that is there (OPENER=NAME asks for one): aws-encryption-cli; node, whose modules tests/lab/opener/prepare
installs. Only where it is asked for: sealtap, which is not AWS's, with the data key that KMS gives.
"""
import base64
import glob
import hashlib
import json
import os
import re
import shutil
import struct

from .cloud import Failed

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NAME = re.compile(r'.*/(?P<kind>packets|flows|log)/[^/]+-(?P<boot>[0-9a-f]{16})-(?P<stream>w\d+|flows|log)-(?P<seq>\d{8})'
                  r'(-r\d+)?\.\w+\.zst(?P<torn>\.torn)?\.encrypted')
PREPARE = os.path.join(TOP, 'tests', 'lab', 'opener', 'prepare')
TOOLS = ('zstd', 'tshark')
DEPS = 'On Debian 12 `make deps` installs all of it; elsewhere install them, then run it again'
SHUT_DOWN = re.compile(r'shut down: packets (\d+) lost (\d+) objects (\d+), all shipped')


class Object:
    def __init__(self, name, path, modified='', records=0):
        self.name, self.path, self.modified, self.records = name, path, modified, records
        m = NAME.fullmatch(name)
        if not m:
            raise Failed(f'{name}: no name of the format')
        self.kind, self.boot, self.stream, self.seq, self.torn = m['kind'], m['boot'], m['stream'], int(m['seq']), bool(m['torn'])

    def lines(self):
        with open(self.path + '.plain') as f:
            return [json.loads(line) for line in f]


def header(message):
    """(encryption context, encrypted data key) of a message of format 2. Source: AWS Encryption SDK, message format reference."""
    version, _, fields, count = struct.unpack_from('>BH32xHH', message)
    at = 39
    if version != 2 or not fields:
        raise Failed('not a message of format 2 with a context')

    def text():
        nonlocal at
        size, = struct.unpack_from('>H', message, at)
        at += 2 + size
        return message[at - size:at]
    context = {text().decode(): text().decode() for _ in range(count)}
    keys, = struct.unpack_from('>H', message, at)
    at += 2
    provider, _, edk = text(), text(), text()
    if keys != 1 or provider != b'aws-kms':
        raise Failed(f'{keys} encrypted data keys, of {provider.decode()}')
    return context, edk


# ---- openers: each writes PATH.opened of every path

def by_cli(cloud, paths, facts, who):
    for path in paths:
        cloud.program('aws-encryption-cli', '--decrypt', '--input', path, '--output', path + '.opened', '--suppress-metadata',
                      '--wrapping-keys', f'key={facts["kms_key"]}', '--encryption-context', f'sealtap-appliance={facts["name"]}', env=who)


def node_folder(cloud):
    """Where open.mjs stands beside its modules; they are installed the first time."""
    return cloud.program(PREPARE).strip()


def by_node(cloud, paths, facts, who):
    endpoint = os.environ.get('AWS_ENDPOINT_URL') or f'https://kms.{facts["region"]}.amazonaws.com'
    cloud.program('node', os.path.join(node_folder(cloud), 'open.mjs'), endpoint, facts['region'], facts['kms_key'], *paths, env=who)


def by_sealtap(cloud, paths, facts, who):
    keys = {}
    for path in paths:
        with open(path, 'rb') as f:
            context, edk = header(f.read(1 << 16))
        if edk not in keys:
            with open(path + '.edk', 'wb') as f:
                f.write(edk)
            keys[edk] = cloud.aws('kms', 'decrypt', '--key-id', facts['kms_key'], '--ciphertext-blob', f'fileb://{path}.edk',
                                  '--encryption-context', json.dumps(context), who=who)['Plaintext']
        secret = path + '.key'
        try:
            with open(os.open(secret, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
                f.write(keys[edk])
            cloud.program('sh', '-c', 'exec "$0" decrypt --raw --key "$1" "$2" >"$2.opened"', os.path.join(TOP, 'build', 'sealtap'), secret,
                          path)
        finally:
            os.unlink(secret)


AWSS = "AWS's Encryption SDK"
OPENERS = {  # name: (is it here, how, whose)
    'aws-encryption-cli': (lambda: shutil.which('aws-encryption-cli'), by_cli, AWSS),
    'node': (lambda: shutil.which('node') and shutil.which('npm'), by_node, AWSS),
    'sealtap': (lambda: os.path.exists(os.path.join(TOP, 'build', 'sealtap')), by_sealtap, "sealtap itself: not AWS's")}


def choose(cloud, wanted):
    """The opener's name, ready to open: before anything is made that costs. A program that is missing is named, all at once."""
    name = next((n for n, (here, _, whose) in OPENERS.items() if (wanted == n or not wanted and whose == AWSS) and here()), None)
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if not name:
        missing.append({'': 'node and npm (or aws-encryption-cli)', 'node': 'node and npm'}.get(wanted, wanted))
    if missing:
        raise Failed(f'{", ".join(missing)}: not here, and needed to open and read what is shipped. {DEPS}')
    if name == 'node':
        node_folder(cloud)
    return name


# ---- fetch, open, decompress

def listed(cloud, facts, who=None):
    """[(name, when it was stored)] of the run's appliance, all of them."""
    told = cloud.aws('s3api', 'list-objects-v2', '--bucket', facts['bucket'], '--prefix', facts['prefix'], who=who).get('Contents') or []
    return [(o['Key'], o['LastModified']) for o in told]


def fetch(cloud, facts, name, modified, folder, who=None):
    path = os.path.join(folder, name.rpartition('/')[2])
    told = cloud.aws('s3api', 'get-object', '--bucket', facts['bucket'], '--key', name, path, who=who)
    return Object(name, path, modified, int(told.get('Metadata', {}).get('sealtap-records') or 0))


def open_all(cloud, objects, facts, who, opener):
    OPENERS[opener][1](cloud, [o.path for o in objects], facts, who)
    for o in objects:
        cloud.program('zstd', '-d', '-q', '-f', o.path + '.opened', '-o', o.path + '.plain')


def frames_with(cloud, marker, o):
    """How many frames of a recording hold the marker."""
    said = cloud.program('tshark', '-r', o.path + '.plain', '-Y', f'frame contains "{marker}"', '-T', 'fields', '-e', 'frame.number')
    return len(said.split())


# ---- what the log says of it

def events(objects, boot, event):
    return [line for o in objects if o.kind == 'log' and o.boot == boot for line in o.lines() if line.get('event') == event]


def findings(objects, killed, ended, killed_at):
    """What is wrong with the objects of the life that was killed and of the one that ended in order: sentences."""
    for boot in (killed, ended):
        for stream in sorted({o.stream for o in objects if o.boot == boot}):
            numbers = sorted(o.seq for o in objects if (o.boot, o.stream) == (boot, stream))
            if numbers != list(range(len(numbers))):
                yield f'{boot} {stream}: numbers {numbers}'
    by_name = {o.name: o for o in objects}
    inventory = {e['name']: e for boot in (killed, ended) for e in events(objects, boot, 'shipped')}
    for name in sorted(set(inventory) - set(by_name)):
        yield f'{name} is in the log and not in the store'
    last = max((o for o in objects if o.boot == ended and o.kind == 'log'), key=lambda o: o.seq, default=None)
    for o in objects:
        if o.boot == ended and o is not last and o.name not in inventory:
            yield f'{o.name} is in the store and not in the log'
        with open(o.path, 'rb') as f:
            if o.name in inventory and hashlib.sha256(f.read()).hexdigest() != inventory[o.name]['sha256']:
                yield f'{o.name} has not the hash that the log says'
    if not events(objects, ended, 'shutdown') or events(objects, killed, 'shutdown'):
        yield 'one life has to end in order, the other not'
    if not [e for e in events(objects, ended, 'gap') if e.get('boot') == killed]:
        yield f'the log of {ended} tells of no gap after {killed}'
    if not [o for o in objects if o.boot == killed and o.modified > killed_at]:
        yield f'nothing of {killed} was shipped after it was killed'
    books = sum(e['recorded'] for e in events(objects, ended, 'books'))
    records = sum(o.records for o in objects if o.boot == ended and o.kind == 'packets')
    if not books or books != records:
        yield f'the books of {ended} say {books} packets, its objects {records}'


def boots_in_order(objects):
    """Boots by the time of their first object's name."""
    first = {}
    for o in objects:
        start = o.name.rpartition('/')[2][:26]
        first[o.boot] = min(start, first.get(o.boot, start))
    return sorted(first, key=first.get)


def forget(folder):
    """What was opened holds packets in plaintext."""
    for path in glob.glob(os.path.join(glob.escape(folder), '*')):
        if path.endswith(('.opened', '.plain', '.edk', '.key')):
            os.unlink(path)


def base64_file(path, data):
    with open(path, 'wb') as f:
        f.write(base64.b64decode(data))
