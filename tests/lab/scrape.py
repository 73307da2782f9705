"""scrape: asks the status port as a load balancer or Prometheus does, byte by byte where a test wants it; metrics are read by Prometheus'
own parser (Debian's python3-prometheus-client, so by Debian's Python)."""
import json
import socket
import subprocess

PARSE = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = {}
for f in text_string_to_metric_families(sys.stdin.read()):
    families[f.name] = {'type': f.type, 'help': f.documentation, 'unit': f.unit,
                        'samples': [[s.name, s.labels, s.value] for s in f.samples]}
json.dump(families, sys.stdout)
"""
TIMEOUT_S = 20


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        self.status = int(lines[0].split(' ')[1])
        self.fields = dict(line.lower().split(': ', 1) for line in lines[1:])

    def json(self):
        return json.loads(self.body)


class Port:
    """The status port at `address`, as seen from a namespace."""

    def __init__(self, ns, address, port):
        self.ns, self.at = ns, (address, port)
        self.asked = 0  # how often for its health, and was not refused

    def connect(self, source=None, timeout_s=TIMEOUT_S):
        s = self.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(timeout_s)
        if source:
            s.bind((source, 0))
        s.connect(self.at)
        return s

    def raw(self, request, source=None):
        """All that comes back until the other side ends."""
        with self.connect(source) as s:
            s.sendall(request)
            self.asked += request.startswith(b'GET /healthz HTTP/1.1')
            return everything(s)

    def ask(self, path, method='GET'):
        return Answer(self.raw(f'{method} {path} HTTP/1.1\r\nHost: {self.at[0]}\r\n\r\n'.encode()))

    def health(self):
        """(status, {code of each reason}, {code of each step: whether it works})."""
        a = self.ask('/healthz')
        told = a.json()
        assert told['healthy'] == (a.status == 200) == (not told['reasons']), told
        return a.status, {r['code'] for r in told['reasons']}, {s['code']: s['ok'] for s in told['steps']}

    def families(self):
        a = self.ask('/metrics')
        assert a.status == 200 and a.fields['content-type'] == 'application/openmetrics-text; version=1.0.0; charset=utf-8', a.fields
        return json.loads(subprocess.run(['/usr/bin/python3', '-c', PARSE], input=a.body, stdout=subprocess.PIPE, check=True).stdout)

    def counters(self):
        """{(name, labels): value} of all counters."""
        return {(name, *sorted(labels.items())): value for f in self.families().values() if f['type'] == 'counter'
                for name, labels, value in f['samples']}

    def value(self, name, **labels):
        found = [v for f in self.families().values() for n, of, v in f['samples'] if n == name and of == labels]
        assert len(found) == 1, f'{name} {labels}: {found}'
        return found[0]


def everything(s):
    data = b''
    while True:
        try:
            got = s.recv(65536)
        except ConnectionResetError:
            return data
        if not got:
            return data
        data += got
