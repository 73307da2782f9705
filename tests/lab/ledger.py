"""ledger: the strict front before moto (front.py, judge.py): what it is told, and the book that it keeps of every request.

A request of the appliance that breaks a promise is a violation; check() fails on any that the test did not announce with expect().
Surroundings calls it at the end, so that no test can forget it. misbehave(kind, ..) makes the front misbehave for the time of a block.
"""
import base64
import contextlib
import json
import os
import shutil
import sys

from . import certs, metadata

PORT, BEHIND = 443, 5000
HONEST = {'ok', 'passed', 'aborted', 'handshake'}  # verdicts that are no violations
CONF = {'metrics.namespace': 'monitoring', 'alarm.topic': 'sns', 'appliance': 'appliance', 's3.prefix': 'prefix'}


def interpreter():
    """The Python that moto_server runs under: it has botocore."""
    beside = os.path.join(os.path.dirname(os.path.realpath(shutil.which('moto_server'))), 'python3')
    return beside if os.path.exists(beside) else sys.executable


class Front:
    def __init__(self, processes, ns, folder, hosts, names, neighbours):
        """hosts: {name: (service, region)}; names: of the certificate; neighbours: addresses whose calls are the tests' own."""
        self.folder, self.path, self.ids = folder, os.path.join(folder, 'front.json'), 0
        self.log = os.path.join(folder, 'front.log')
        self.state = {'hosts': hosts, 'neighbours': neighbours, 'certificate': certs.issue(folder, 'aws', names), 'wrong_certificate': None,
                      'keys': [], 'expected': [], 'faults': [],
                      'clock_offset_s': 0, 'clock_since': 0, 'clock_speed': 1, 'clock_leap_s': 0,
                      'key_arn': '', 'account': metadata.ACCOUNT, 'instance_region': metadata.REGION,
                      'appliance': '', 'prefix': '', 'monitoring': '', 'sns': ''}
        self.write()
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'front.py')
        self.process = processes.start('front-program', [interpreter(), program, str(PORT), str(BEHIND), self.path, self.log], ns)

    def wait(self):
        self.process.wait_output('ready', 20)

    def write(self):
        with open(self.path + '.new', 'w') as f:
            json.dump(self.state, f)
        os.rename(self.path + '.new', self.path)

    def tell(self, **members):
        self.state.update(members)
        self.write()

    def configured(self, text):
        """The next life is configured so."""
        settings = dict(line.split(' = ', 1) for line in text.splitlines() if ' = ' in line)
        self.tell(**{name: settings.get(key, '') for key, name in CONF.items()})

    def credentials(self, keys, expire=False):
        """The role's newest; with `expire` all before them have expired."""
        old = [k for k in self.state['keys'] if k['AccessKeyId'] != keys['AccessKeyId']]
        self.tell(keys=[{**k, 'expired': k.get('expired') or expire} for k in old] + [dict(keys)])

    def expire(self):
        self.tell(keys=[{**k, 'expired': True} for k in self.state['keys']])

    def expect(self, *names):
        """These violations are the test's own doing, from now on."""
        self.tell(expected=list(names))

    @contextlib.contextmanager
    def misbehave(self, kind, service='s3', count=1 << 30, **how):
        """For the time of the block, and for `count` requests at most; gives a function that says how many it met."""
        self.ids += 1
        fault = {'id': self.ids, 'kind': kind, 'service': service, 'count': count, **how}
        before = len(self.entries())
        self.tell(faults=self.state['faults'] + [fault])
        try:
            yield lambda: [e for e in self.entries()[before:] if e.get('fault') == kind and e.get('service') == service]
        finally:
            self.tell(faults=[f for f in self.state['faults'] if f['id'] != fault['id']])

    def refuses(self, service='s3', status=503, code='SlowDown', **how):
        """misbehave() by an error: an outage."""
        return self.misbehave('error', service, status=status, code=code, message='for a test', **how)

    @contextlib.contextmanager
    def certificate(self, pair):
        """The appliance is shown this one (certificate, key) for the time of the block; the tests' own calls are not."""
        self.tell(wrong_certificate=pair)
        try:
            yield
        finally:
            self.tell(wrong_certificate=None)

    def entries(self):
        try:
            with open(self.log) as f:
                return [json.loads(line) for line in f if line.endswith('\n')]
        except FileNotFoundError:
            return []

    def counts(self):
        """{(service, action): requests that were in order}."""
        counts = {}
        for e in self.entries():
            if e['verdict'] == 'ok':
                what = (e['service'], e['action'])
                counts[what] = counts.get(what, 0) + 1
        return counts

    def data_keys(self):
        """All that KMS handed out, in the clear."""
        return [base64.b64decode(e['data_key']) for e in self.entries() if 'data_key' in e]

    def violations(self):
        return [e for e in self.entries() if e['verdict'] not in HONEST]

    def check(self):
        """Nothing that the appliance sent broke a promise, but what a test announced."""
        bad = [e for e in self.violations() if not e.get('expected')]
        said = '\n'.join(f'{e["verdict"]}: {e["method"]} {e["host"]}{e["path"]}: {e.get("why", "")}' for e in bad[:10])
        assert not bad, f'{len(bad)} requests that break a promise, in {self.log}:\n{said}'
