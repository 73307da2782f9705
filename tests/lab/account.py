"""account: an AWS account on loopback for tools that call the real aws command: moto behind a proxy that counts calls and cuts the network.

    with Account(folder) as account:
        account.tool('image/ami', 'make')            # (exit status, what it said)
        account.calls                                # [Call], in order
        account.cut(n, 'request' | 'answer' | 'middle')
        account.cut_at(action, how)                  # at the first call of this action

Cut at the n-th call from now: before the request gets through, after it did but before the answer, or in the middle of the answer; then the
network stays down until mend(). What moto does not do is done by the stand-in (standin.py), which sees each call first and amends answers.
"""
import concurrent.futures
import http.client
import http.server
import os
import re
import socket
import subprocess
import tempfile
import threading
import urllib.parse

from . import awsd, certs, standin
from .procs import Processes, free_port

REGION, ACCOUNT = 'eu-central-1', '123456789012'
KEYS = {'AWS_ACCESS_KEY_ID': 'AKIAIOSFODNN7EXAMPLE', 'AWS_SECRET_ACCESS_KEY': 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'}
CUTS = ('request', 'answer', 'middle')
HOP_BY_HOP = {'connection', 'transfer-encoding', 'content-length', 'server', 'date', 'keep-alive', 'expect'}
EBS_PATHS = (('PUT', r'/snapshots/[^/]+/blocks/\d+', 'PutSnapshotBlock'), ('POST', r'/snapshots/completion/.*', 'CompleteSnapshot'),
             ('POST', r'/snapshots', 'StartSnapshot'), ('GET', r'/snapshots/[^/]+/blocks/\d+', 'GetSnapshotBlock'),
             ('GET', r'/snapshots/[^/]+/blocks', 'ListSnapshotBlocks'))


class Call:
    """One request as it came, with the action it asks for."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.body = method, target, body
        self.path = target.partition('?')[0]
        self.headers = {k.lower(): v for k, v in headers.items()}
        scope = re.search(r'Credential=[^/]*/\d+/([^/]+)/([^/]+)/', self.headers.get('authorization', ''))
        self.region, self.service = scope.groups() if scope else ('', '')
        self.form = {}
        if 'x-www-form-urlencoded' in self.headers.get('content-type', ''):
            self.form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        self.action = self._action()

    def _action(self):
        if self.service == 'ebs':
            return next((a for m, path, a in EBS_PATHS if m == self.method and re.fullmatch(path, self.path)), '?')
        if self.service == 's3':
            return {'PUT': 'PutObject', 'GET': 'GetObject', 'HEAD': 'HeadObject'}.get(self.method, '?')
        if '/operation/' in self.path:  # Smithy's RPC
            return self.path.rpartition('/')[2]
        return self.form.get('Action') or self.headers.get('x-amz-target', '').rpartition('.')[2]

    def __str__(self):
        return f'{self.service}:{self.action}'


class Account:
    """site: a folder with a sitecustomize.py for moto's interpreter."""

    def __init__(self, folder, number=1, site=''):
        self.folder, self.name = os.path.join(folder, f'account-{number}'), 'moto'
        os.makedirs(self.folder)
        self.processes, self.site = Processes(self.folder), site
        self.lock = threading.Lock()
        self.calls, self.left, self.at, self.how, self.down = [], None, None, None, False
        self.on_the_way = None  # changes a request's body: f(call) -> body

    def __enter__(self):
        self.moto = free_port()
        process = self.processes.start(self.name, ['moto_server', '-H', '127.0.0.1', '-p', str(self.moto)],
                                       env={'MOTO_EC2_LOAD_DEFAULT_AMIS': 'false', **({'PYTHONPATH': self.site} if self.site else {})})
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), type('Handler', (Handler,), {'account': self}))
        self.server.daemon_threads = True
        self.endpoint = f'http://127.0.0.1:{self.server.server_address[1]}'
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.quick = awsd.command(self.processes, self.folder)
        process.wait_output('Running on', 30)
        self.stand_in = standin.StandIn(self)
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.processes.__exit__()

    def reset(self):
        """An empty account again, with the network up."""
        self.pass_on(Call('POST', '/moto-api/reset', {}, b''))
        self.stand_in = standin.StandIn(self)
        self.calls, self.on_the_way = [], None
        self.mend()

    def cut(self, n, how):
        self.left, self.how = n, how

    def cut_at(self, action, how):
        self.at, self.how = action, how

    def mend(self):
        self.left, self.at, self.down = None, None, False

    def counted(self, call):
        """How this call is cut; None when it is not."""
        with self.lock:
            if self.down:
                return 'request'
            self.calls.append(call)
            if self.left is not None:
                self.left -= 1
            if self.left == 0 or self.at == call.action:
                self.down, self.cut_call = True, str(call)
                return self.how
        return None

    def pass_on(self, call):
        """moto's answer: (status, headers, body)."""
        connection = http.client.HTTPConnection('127.0.0.1', self.moto, timeout=60)
        try:
            headers = {k: v for k, v in call.headers.items() if k not in HOP_BY_HOP}
            connection.request(call.method, call.target, call.body, headers)
            answer = connection.getresponse()
            return answer.status, {k: v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP}, answer.read()
        finally:
            connection.close()

    # ---- programs that call it

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if k != 'AWS' and not k.startswith('AWS_')}
        if self.quick:
            kept['PATH'] = f'{self.quick}:{kept["PATH"]}'
        return {**kept, **KEYS, 'AWS_ENDPOINT_URL': self.endpoint, 'AWS_REGION': REGION, 'AWS_DEFAULT_REGION': REGION,
                'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull, 'AWS_EC2_METADATA_DISABLED': 'true',
                'AWS_MAX_ATTEMPTS': '1', **more}

    def tool(self, program, *argv, **environment):
        """Runs one of the checkout's tools: (exit status, all that it said)."""
        done = subprocess.run([os.path.join(certs.TOP, program), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=self.environment(**environment), timeout=300)
        return done.returncode, done.stdout

    def succeeds(self, program, *argv, **environment):
        status, said = self.tool(program, *argv, **environment)
        assert status == 0, f'{program} {" ".join(argv)} ended with {status}:\n{said}'
        return said

    def names(self, since=0):
        """The calls as service:Action."""
        return [str(call) for call in self.calls[since:]]

    def query(self, service, version, action, **members):
        """The answer (bytes) to a call of the tests' own, past proxy and stand-in; moto does not check who asks."""
        body = urllib.parse.urlencode({'Action': action, 'Version': version, **members}).encode()
        status, _, text = self.pass_on(self._own(service, 'POST', '/', {'content-type': 'application/x-www-form-urlencoded'}, body))
        assert status < 300, f'{action}: {status} {text[:300]}'
        return text

    def ec2(self, action, **members):
        return self.query('ec2', '2016-11-15', action, **members)

    def get(self, service, path):
        status, _, body = self.pass_on(self._own(service, 'GET', path, {}, b''))
        assert status < 300, f'{service} {path}: {status} {body[:300]}'
        return body

    @staticmethod
    def _own(service, method, path, headers, body):
        scope = f'Credential=test/20260101/{REGION}/{service}/aws4_request'
        return Call(method, path, {'authorization': f'AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0',
                                   'host': f'{service}.{REGION}.amazonaws.com', **headers}, body)


def in_two(prefix, tests, report):
    """Runs tests, functions of (account, folder), in two accounts side by side: most of the time is the aws command's, on one processor."""
    with tempfile.TemporaryDirectory(prefix=prefix) as folder, Account(folder) as first, Account(folder, 2) as second, \
            concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = list(tests)

        def work(account):
            while waiting:
                report.run(waiting.pop(0), account, folder)
        for half in [pool.submit(work, account) for account in (first, second)]:
            half.result()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    account = None

    def log_message(self, *_):
        pass

    def handle_call(self):
        body = self.rfile.read(int(self.headers.get('content-length') or 0))
        call = Call(self.command, self.path, dict(self.headers), body)
        cut = self.account.counted(call)
        self.close_connection = True
        if cut == 'request':
            return self.hang_up()
        if self.account.on_the_way:
            call.body = self.account.on_the_way(call)
        status, headers, text = self.account.stand_in.answer(call)
        if cut == 'answer':
            return self.hang_up()
        head = ''.join(f'{k}: {v}\r\n' for k, v in {**headers, 'Content-Length': len(text), 'Connection': 'close'}.items())
        whole = f'HTTP/1.1 {status} {http.client.responses.get(status, "")}\r\n{head}\r\n'.encode() + text
        self.wfile.write(whole[:len(whole) // 2] if cut == 'middle' else whole)
        self.wfile.flush()

    def hang_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_call
