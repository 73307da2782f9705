"""motoaccount: an AWS account as moto plays it without checking who asks, on a loopback port, and the aws command for it.

What moto's CloudFormation does not keep it passes over in silence: KEPT_NOT in tests/aws/deploy_test.py names it.
"""
import json
import os
import subprocess

from .procs import Process, free_port

REGION = 'eu-central-1'
SITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'moto_site')


class Account:
    """url: one that another module plays (account.py), instead of one of its own."""

    def __init__(self, folder, url=None):
        port = free_port()
        self.url = url or f'http://127.0.0.1:{port}'
        self.command = f'aws --endpoint-url {self.url}'
        self.environment = {**os.environ, 'AWS_ACCESS_KEY_ID': 'test', 'AWS_SECRET_ACCESS_KEY': 'test', 'AWS_DEFAULT_REGION': REGION,
                            'AWS_REGION': REGION, 'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_MAX_ATTEMPTS': '1', 'AWS_PAGER': '',
                            'AWS_CONFIG_FILE': os.devnull, 'AWS_SHARED_CREDENTIALS_FILE': os.devnull, 'AWS': self.command}
        self.process = None if url else self._moto(folder, port)

    def _moto(self, folder, port):
        process = Process('moto', ['moto_server', '-H', '127.0.0.1', '-p', str(port)], os.path.join(folder, 'moto.log'),
                          env={**self.environment, 'PYTHONPATH': SITE})
        process.wait_output('Running on', 60)
        return process

    def aws(self, *words):
        """What a call answers."""
        done = subprocess.run([*self.command.split(), *words, '--output', 'json'], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f'aws {" ".join(words)}: {done.stderr.strip()}')
        return json.loads(done.stdout or 'null')

    def deploy(self, word, **variables):
        """board/nitro/deploy as make calls it: (status, what it said)."""
        done = subprocess.run(['board/nitro/deploy', word], env={**self.environment, **variables}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def end(self):
        if self.process:
            self.process.end()
