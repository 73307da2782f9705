"""operatorlab: the world of the operator's command: S3 and KMS as moto plays them, a recorded set of objects, and the tools of today.

    with operatorlab.Lab() as lab:
        life = lab.record(seconds=900, lost_at_s=100)      # the objects of one boot (tests/cli/make_objects.c), as files: Life
        bucket = lab.bucket(life)                          # a bucket of its own, versioned, with Object Lock, that holds them
        status, out, err = bucket.sealtap('ls', '--json')  # build/sealtap with credentials, endpoint and bucket in its environment
        bucket.put(key, body, meta); bucket.get(key); bucket.delete(key, version)      # tampering
        lab.front.rule = lambda request: (503, b'...') if ... else None                # faults; lab.front.requests is the book
        lab.open_with_sdk(body); bucket.chain('port 0')    # AWS's SDK; aws s3 cp, SDK, zstd, mergecap, editcap, tcpdump

What a Life says of its objects comes from AWS's SDK, zstd and pcapfile, never from the product's readers.
"""
import base64
import contextlib
import dataclasses
import email.utils
import functools
import glob
import http.client
import http.server
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.parse
import xml.etree.ElementTree

from . import motoaccount, objects, pcapfile, procs, testing
from .certs import TOP
from .netns import command

SEALTAP = os.path.join(TOP, 'build', 'sealtap')
GENERATOR = os.path.join(TOP, 'build', 'tests', 'make_objects')
REGION, ACCOUNT = motoaccount.REGION, '123456789012'
PREFIX, APPLIANCE = 'evidence/lab', 'tap-1'
S = 10**9

OUTSIDE_ADDRESS, RARE_HOST, RARE_SERVER, SCANNER = '198.18.0.10', '198.19.9.9', '192.0.2.99', '192.0.2.66'  # traffic.h


class Done(typing.NamedTuple):
    status: int
    out: bytes
    err: str


def as_of_a_terminal():
    """Ctrl-C reaches it: what a shell starts in the background ignores it, and so do its children."""
    procs.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


# ---- what stands before moto

@dataclasses.dataclass
class Request:
    method: str
    path: str      # decoded, without the query
    query: dict
    headers: dict  # names in lower case
    body: bytes
    action: str    # of KMS and STS: Decrypt; else ''
    target: str    # as on the request line
    status: int = 0
    sent: int = 0  # bytes of the answer's body


class FrontServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *where):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that goes away in the middle is none of ours
            super().handle_error(*where)


class Front:
    """Passes requests on and keeps book. rule(request): None, or what to answer instead, (status, body[, headers]); it may wait.
    ahead_s: S3's clock ahead of this machine's, in the heads of what it answers."""

    def __init__(self, behind):
        self.behind, self.requests, self.rule, self.lock = behind, [], None, threading.Lock()
        self.ahead_s = 0
        self.server = FrontServer(('127.0.0.1', 0), functools.partial(Handler, self))
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def forget(self):
        self.requests = []

    def time(self, name, value):
        if name.lower() not in ('date', 'last-modified'):
            return value
        return email.utils.formatdate(email.utils.parsedate_to_datetime(value).timestamp() + self.ahead_s, usegmt=True)

    def bytes_sent(self):
        return sum(r.sent for r in self.requests)

    def count(self, action):
        return sum(r.action == action for r in self.requests)

    def end(self):
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def __init__(self, front, *args):
        self.front, self.onward = front, None
        super().__init__(*args)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get('content-length') or 0))
        parts = urllib.parse.urlsplit(self.path)
        headers = {k.lower(): v for k, v in self.headers.items()}
        form = dict(urllib.parse.parse_qsl(body.decode())) if 'form' in headers.get('content-type', '') else {}
        action = headers.get('x-amz-target', '').rpartition('.')[2] or form.get('Action', '')
        request = Request(self.command, urllib.parse.unquote(parts.path), dict(urllib.parse.parse_qsl(parts.query, True)), headers, body,
                          action, self.path)
        with self.front.lock:
            self.front.requests.append(request)
        rule = self.front.rule
        answer = rule(request) if rule else None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.answer(request, *(answer or self.ask(body)))

    def ask(self, body):
        if not self.onward:
            self.onward = http.client.HTTPConnection(*self.front.behind, timeout=60)
        self.onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            self.onward.putheader(name, value)
        self.onward.endheaders(body or None)
        answer = self.onward.getresponse()
        content = answer.read()
        return answer.status, content, {k: self.front.time(k, v) for k, v in answer.getheaders()}

    def answer(self, request, status, content, headers=()):
        headers = dict(headers)
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ('content-length', 'connection', 'transfer-encoding'):
                self.send_header(name, value)
        head = self.command == 'HEAD'
        length = next((v for k, v in headers.items() if k.lower() == 'content-length'), 0) if head else len(content)
        self.send_header('Content-Length', str(length))
        self.end_headers()
        request.status, request.sent = status, 0 if head else len(content)
        if not head:
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *_):
        pass


# ---- a recorded set

@dataclasses.dataclass
class Object:
    name: str
    path: str
    stream: str
    seq: int
    meta: dict  # sealtap-first and so on

    @property
    def kind(self):
        return 'packets' if self.stream[0] == 'w' else self.stream

    def body(self):
        with open(self.path, 'rb') as f:
            return f.read()

    def number(self, field):
        return int(self.meta['sealtap-' + field])

    def opened(self):
        """As AWS's SDK opened it: still compressed."""
        with open(self.path + '.opened', 'rb') as f:
            return f.read()

    def plain(self):
        with open(self.path + '.plain', 'rb') as f:
            return f.read()

    def lines(self):
        return [json.loads(line) for line in self.plain().decode().splitlines()]

    def capture(self):
        return pcapfile.read(self.path + '.plain')


@dataclasses.dataclass
class Life:
    """One boot: its objects in the order in which they were stored, and what the generator says of it (end)."""
    lab: 'Lab'
    objects: list
    end: dict
    start_ns: int
    is_open: bool = False
    contexts: dict = None  # {path: encryption context}
    merged: str = None

    @property
    def boot(self):
        return self.end['boot']

    def of(self, stream):
        return [o for o in self.objects if o.stream == stream]

    def packets(self):
        self.open()
        return [o for o in self.objects if o.kind == 'packets']

    def open(self):
        """All of it by the SDK and zstd, once: then plain(), lines() and capture() of each object can be asked."""
        if not self.is_open:
            self.contexts = self.lab.open_files([o.path for o in self.objects])
            self.is_open = True
        return self

    def frames(self):
        """All packets of all workers: pcapfile's frames in the order of their times."""
        return sorted((f for o in self.packets() for f in o.capture().frames), key=lambda f: f.ns)

    def pcap(self, expression='', from_ns=0, to_ns=1 << 62):
        """What tcpdump finds in the packets: [(ns, bytes)] in the order of their times; from_ns <= ns < to_ns."""
        if not self.merged:
            self.merged = os.path.join(self.lab.folder, f'merged-{self.boot}.pcapng')
            command('mergecap', '-w', self.merged, *(o.path + '.plain' for o in self.packets()))
        return self.lab.select(self.merged, expression, from_ns, to_ns)


class Bucket:
    def __init__(self, lab, name, lives):
        self.lab, self.name = lab, name
        self.environment = {'SEALTAP_BUCKET': f'{name}/{PREFIX}'}
        lab.s3('PUT', f'/{name}', f'<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint>'
               '</CreateBucketConfiguration>'.encode(), {'x-amz-bucket-object-lock-enabled': 'true'})
        for life in lives:
            for o in life.objects:
                self.put(o.name, o.body(), o.meta)

    def path(self, key):
        return f'/{self.name}/{urllib.parse.quote(key)}'

    def put(self, key, body, meta=None, **headers):
        """Metadata names are as in Object.meta; further headers with _ for -. The version's id."""
        named = {f'x-amz-meta-{k}': v for k, v in (meta or {}).items()}
        further = {k.replace('_', '-'): v for k, v in headers.items()}
        return self.lab.s3('PUT', self.path(key), body, {**named, **further})[0].get('x-amz-version-id')

    def get(self, key, version=None):
        return self.lab.s3('GET', self.path(key), query={'versionId': version} if version else None)[1]

    def head(self, key, version=None):
        """Header names in lower case."""
        headers = self.lab.s3('HEAD', self.path(key), query={'versionId': version} if version else None)[0]
        return {k.lower(): v for k, v in headers.items()}

    def delete(self, key, version=None):
        """Without a version: a delete marker stands before the object."""
        self.lab.s3('DELETE', self.path(key), query={'versionId': version} if version else None)

    def keys(self):
        return sorted({key for key, _, _ in self.versions() if _ != 'marker'})

    def versions(self):
        """[(key, version, 'version' or 'marker')], S3's order."""
        root = xml.etree.ElementTree.fromstring(self.lab.s3('GET', f'/{self.name}', query={'versions': ''})[1])
        words = {'Version': 'version', 'DeleteMarker': 'marker'}
        return [(e.find('{*}Key').text, e.find('{*}VersionId').text, words[e.tag.rpartition('}')[2]])
                for e in root if e.tag.rpartition('}')[2] in words]

    def legal_hold(self, key):
        return b'ON' in self.lab.s3('GET', self.path(key), query={'legal-hold': ''})[1]

    def sealtap(self, *args, **environment):
        return self.lab.sealtap(*args, **{**self.environment, **environment})

    def start(self, *args, **environment):
        """Its process, with pipes; for follow, signals and closed pipes."""
        return subprocess.Popen([SEALTAP, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.lab.environment(**{**self.environment, **environment}), preexec_fn=as_of_a_terminal)

    def into_closed_pipe(self, *args, after_bytes=1):
        """The reader goes away after so many bytes: Done, status -13 when it died of SIGPIPE."""
        child = self.start(*args)
        got = child.stdout.read(after_bytes)
        child.stdout.close()
        err = child.stderr.read().decode()
        return Done(child.wait(60), got, err)

    def on_small_disk(self, kibibytes, *args, **environment):
        """Runs it where `disk/` in its working folder is a file system of so many KiB: (Done, {file: bytes} that are on it afterwards)."""
        if os.geteuid() != 0:
            raise testing.Skip('this needs root: it mounts a small file system of its own')
        with tempfile.TemporaryDirectory(dir=self.lab.folder) as here:
            os.mkdir(here + '/disk')
            os.mkdir(here + '/after')
            script = f'mount -t tmpfs -o size={kibibytes}k none disk || exit 99\n"$@"\ns=$?\ncp -r disk/. after\nexit $s'
            done = self.lab.run(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'sh', SEALTAP, *args],
                                {**self.environment, **environment}, cwd=here)
            assert done.status != 99, done.err
            return done, {os.path.relpath(p, here + '/after'): open(p, 'rb').read()
                          for p in glob.glob(here + '/after/**', recursive=True) if os.path.isfile(p)}

    def chain(self, expression='', from_ns=0, to_ns=1 << 62):
        """Today's way: aws s3 cp, SDK, zstd, mergecap, editcap, tcpdump: [(ns, bytes)]."""
        with tempfile.TemporaryDirectory(dir=self.lab.folder) as here:
            self.lab.aws('s3', 'cp', '--recursive', '--only-show-errors', f's3://{self.name}', here)
            files = sorted(glob.glob(here + '/**/packets/*', recursive=True))
            self.lab.open_files(files)
            merged = os.path.join(here, 'merged.pcapng')
            command('mergecap', '-w', merged, *(f + '.plain' for f in files))
            return self.lab.select(merged, expression, from_ns, to_ns)


class Lab:
    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix='sealtap-cli-'))
        self.account = motoaccount.Account(self.folder)
        self.stack.callback(self.account.end)
        self.address = urllib.parse.urlsplit(self.account.url)
        self.front = Front((self.address.hostname, self.address.port))
        self.stack.callback(self.front.end)
        self.key_arn = self.kms('CreateKey')['KeyMetadata']['Arn']
        self.lives = self.buckets = 0
        os.mkdir(self.folder + '/home')
        return self

    def __exit__(self, *_):
        self.stack.close()

    # -- calls of the lab's own, past the front

    def call(self, service, method, path, body=b'', headers=None):
        """(headers, body); an AssertionError when the status is not 2xx."""
        scope = f'test/20260101/{REGION}/{service}/aws4_request'  # moto sees by it which service is meant, and checks nothing
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
        try:
            signed = f'AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0'
            connection.request(method, path, body, {'Authorization': signed, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status // 100 == 2, f'{service} {method} {path}: {answer.status} {text[:300].decode(errors="replace")}'
        return answer.headers, text

    def s3(self, method, path, body=b'', headers=None, query=None):
        return self.call('s3', method, path + ('?' + urllib.parse.urlencode(query) if query else ''), body, headers)

    def kms(self, action, **members):
        return json.loads(self.call('kms', 'POST', '/', json.dumps(members).encode(),
                                    {'X-Amz-Target': f'TrentService.{action}', 'Content-Type': 'application/x-amz-json-1.1'})[1])

    def aws(self, *words):
        """The aws command, through the front."""
        return command('env', *(f'{k}={v}' for k, v in self.own_environment().items()), 'aws', *words)

    # -- the recorded set

    def record(self, appliance=APPLIANCE, start_ns=None, config='', **numbers):
        """The objects of a boot; numbers as make_objects takes them. It ends a minute ago unless start_ns says when it begins."""
        self.lives += 1
        seconds = numbers.setdefault('seconds', 600)
        start_ns = start_ns or int(time.time()) * S - (seconds + 60) * S
        return record(self, os.path.join(self.folder, f'life-{self.lives}'), appliance, start_ns, config,
                      {'seed': self.lives, **numbers})

    def data_key(self, context):
        answer = self.kms('GenerateDataKey', KeyId=self.key_arn, NumberOfBytes=32, EncryptionContext=context)
        return answer['Plaintext'], answer['CiphertextBlob']

    def bucket(self, *lives):
        self.buckets += 1
        return Bucket(self, f'sealtap-lab-{self.buckets}', lives)

    # -- programs

    def own_environment(self):
        return {'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_REGION': REGION, 'AWS_DEFAULT_REGION': REGION,
                'AWS_ENDPOINT_URL': self.front.url, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_PAGER': '', 'AWS_MAX_ATTEMPTS': '1',
                'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull, 'HOME': self.folder + '/home', 'TZ': 'UTC',
                'LC_ALL': 'C.UTF-8'}

    def environment(self, **more):
        """A value of None takes a variable away."""
        here = {k: v for k, v in os.environ.items() if not k.startswith(('AWS_', 'SEALTAP_'))}
        return {k: v for k, v in {**here, **self.own_environment(), **more}.items() if v is not None}

    def run(self, argv, environment=None, stdin=b'', cwd=None):
        done = subprocess.run(argv, input=stdin, capture_output=True, env=self.environment(**(environment or {})), cwd=cwd, timeout=300)
        return Done(done.returncode, done.stdout, done.stderr.decode(errors='replace'))

    def sealtap(self, *args, stdin=b'', cwd=None, **environment):
        return self.run([SEALTAP, *args], environment, stdin, cwd)

    def open_files(self, paths):
        """PATH.opened by AWS's SDK, PATH.plain by zstd behind it: {PATH: encryption context}."""
        script = os.path.join(objects.prepare_opener(), 'open.mjs')
        done = self.run(['node', script, self.account.url, REGION, self.key_arn, *paths])
        assert done.status == 0, f'the SDK: {done.err}'
        command('zstd', '-d', '-q', '-f', '--rm', *(self._linked(p) for p in paths))
        return {said['file']: said['context'] for said in map(json.loads, done.out.splitlines())}

    @staticmethod
    def _linked(path):
        """PATH.plain.zst beside PATH.opened: the name that zstd makes PATH.plain of."""
        os.link(path + '.opened', path + '.plain.zst')
        return path + '.plain.zst'

    def open_with_sdk(self, body):
        """What AWS's SDK makes of a message; an AssertionError with its words when it refuses."""
        with tempfile.TemporaryDirectory(dir=self.folder) as here:
            path = os.path.join(here, 'message')
            with open(path, 'wb') as f:
                f.write(body)
            script = os.path.join(objects.prepare_opener(), 'open.mjs')
            done = self.run(['node', script, self.account.url, REGION, self.key_arn, path])
            assert done.status == 0, f'the SDK: {done.err}'
            with open(path + '.opened', 'rb') as f:
                return f.read()

    def select(self, capture, expression, from_ns, to_ns):
        """What tcpdump finds in a capture file: [(ns, bytes)]."""
        found = os.path.join(self.folder, 'found.pcap')
        command('tcpdump', '--nano', '-r', capture, '-w', found, *([expression] if expression else []))
        return [p for p in read_pcap(found) if from_ns <= p[0] < to_ns]


def packets(data, whole=True):
    """[(ns, bytes)] of a capture in memory, as other readers than ours see it."""
    with tempfile.NamedTemporaryFile(suffix='.pcapng') as f:
        f.write(data)
        f.flush()
        capture = pcapfile.read(f.name)
    assert not whole or capture.kind and not capture.note, f'{capture.kind} {capture.note}'
    return [(frame.ns, frame.data) for frame in capture.frames]


def read_pcap(path):
    """[(ns, bytes)] of a capture file of either format."""
    with open(path, 'rb') as f:
        data = f.read()
    if data[:4] == b'\n\r\r\n':
        return [(frame.ns, frame.data) for frame in pcapfile.read(path).frames]
    unit = {0xa1b23c4d: 1, 0xa1b2c3d4: 1000}[int.from_bytes(data[:4], 'little')]
    found, at = [], 24
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack('<4I', data[at:at + 16])
        found.append((seconds * S + fraction * unit, data[at + 16:at + 16 + length]))
        at += 16 + length
    return found


def record(lab, folder, appliance, start_ns, config, numbers, data_key=None):
    """Runs the generator; data_key(context): (key, CiphertextBlob) in base64."""
    os.makedirs(folder)
    path = folder + '.conf'
    with open(path, 'w') as f:
        f.write(f's3.bucket = sealtap-lab\ns3.prefix = {PREFIX}\nkms.key = {lab.key_arn}\nappliance = {appliance}\n{config}')
    child = subprocess.Popen([GENERATOR, path, folder, lab.key_arn, f'start_ns={start_ns}', *(f'{k}={v}' for k, v in numbers.items())],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=procs.die_with_parent)
    made, end = [], None
    for line in child.stdout:
        said = json.loads(line)
        if 'key' in said:
            print(*(data_key or lab.data_key)(said['key']), file=child.stdin, flush=True)
        elif 'object' in said:
            made.append(Object(said['object'], os.path.join(folder, said['object']), said['stream'], said['seq'], said['meta']))
        else:
            end = said['end']
    child.stdin.close()
    assert child.wait() == 0 and end, f'make_objects ended with {child.returncode}'
    return Life(lab, made, end, start_ns)
