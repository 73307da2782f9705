"""cloud: every program that smoke starts, the aws command first, and what it answers. Nothing asks at the terminal.

Variables: AWS=COMMAND is the aws command (aws), as for board/nitro/deploy. Children are in sessions of their own: Ctrl-C reaches smoke
alone, which then removes what it made.
"""
import json
import os
import subprocess
import time

from awscli import ERROR, Failed, Refused

CALL_S = 300  # of a call that answers at once; AWS's own attempts are within
PROGRAM_S = 3600


class Cloud:
    def __init__(self):
        self.command = (os.environ.get('AWS') or 'aws').split()
        self.sleep, self.clock = time.sleep, time.time

    def run(self, argv, env=None, timeout_s=PROGRAM_S):
        """(status, standard output, standard error) of a program; env is what differs from ours."""
        try:
            done = subprocess.run(argv, env={**os.environ, 'AWS_PAGER': '', **(env or {})}, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors='replace', timeout=timeout_s, start_new_session=True)
        except FileNotFoundError:
            raise Failed(f'{argv[0]} is missing: install it') from None
        except subprocess.TimeoutExpired:
            raise Failed(f'{" ".join(argv[:3])}: no end after {timeout_s} s') from None
        return done.returncode, done.stdout, done.stderr

    def program(self, *argv, env=None):
        """What a program says; Failed with its last words when it ends with an error."""
        status, out, err = self.run(list(argv), env)
        if status:
            last = (err.strip() or out.strip() or f'exit {status}').splitlines()[-1]
            raise Failed(f'{os.path.basename(argv[0])} {" ".join(argv[1:3])}: {last}')
        return out

    def aws(self, *words, who=None, timeout_s=CALL_S):
        """A call's answer. who: credentials as environment variables; without, the person's own."""
        status, out, err = self.run([*self.command, *words, '--output', 'json'], who, timeout_s)
        if status:
            known = ERROR.search(err)
            if known:
                raise Refused(f'{known[2]} was refused ({known[1]}): {known[3].strip()}', known[1])
            raise Failed(f'aws {" ".join(words[:2])}: {(err.strip() or f"exit {status}").splitlines()[-1]}')
        return json.loads(out) if out.strip() else {}

    def waits(self, what, ready, timeout_s, every_s=10):
        """ready() as soon as it is true."""
        end = self.clock() + timeout_s
        while True:
            result = ready()
            if result:
                return result
            if self.clock() > end:
                raise Failed(f'{what}: not within {timeout_s} s')
            self.sleep(every_s)


def words_of(filters):
    return ['--filters', *(f'Name={name},Values={value}' for name, value in filters.items())]


def credentials(answer):
    """Of AssumeRole's answer, what the aws command and the SDK read. In memory alone: written nowhere."""
    c = answer['Credentials']
    return {'AWS_ACCESS_KEY_ID': c['AccessKeyId'], 'AWS_SECRET_ACCESS_KEY': c['SecretAccessKey'], 'AWS_SESSION_TOKEN': c['SessionToken'],
            'AWS_PROFILE': ''}
