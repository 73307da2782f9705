#!/usr/bin/env python3
"""help_test.py: what the command says of itself: help, manual page, completions typed into real shells; and check-config."""
import os
import pty
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import testing  # noqa: E402
from lab.certs import TOP  # noqa: E402

SEALTAP = os.path.join(TOP, 'build', 'sealtap')
PATIENCE_S = 60
GOOD = 's3.bucket = b-1\nkms.key = arn:aws:kms:eu-central-1:123456789012:key/1\n'


def sealtap(*args, stdin=''):
    done = subprocess.run([SEALTAP, *args], input=stdin, capture_output=True, text=True, errors='replace')
    return done.returncode, done.stdout, done.stderr


def commands():
    return re.findall(r'^  ([a-z][a-z-]*) {2,}', sealtap('--help')[1], re.M)


def no_core_is_written_of_it():
    """No core is ever written of it, whatever the shell allows: it would hold data keys and credentials"""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if not hard:
        raise testing.Skip('cores are forbidden here')
    child = subprocess.Popen([SEALTAP, 'check-config', '-'], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
    end, limit = time.monotonic() + PATIENCE_S, None
    while limit != '0' and time.monotonic() < end:
        with open(f'/proc/{child.pid}/limits') as f:
            limit = re.search(r'Max core file size +(\S+)', f.read()).group(1)
        time.sleep(0.01)
    child.communicate(GOOD.encode())
    assert limit == '0', limit


# ---- help, manual

def every_command_has_help_with_a_usage_and_an_example():
    assert 'decrypt' in commands()
    for name in commands():
        status, out, err = sealtap(name, '--help')
        assert (status, err) == (0, '') and out.startswith(f'usage: sealtap {name}'), f'{name}: {status} {err}'
        assert re.search(r'^  (?!-).*\bsealtap\b', out, re.M), f'{name} has no example'


def the_manual_page_has_every_command_and_option():
    status, page, err = sealtap('--man')
    assert (status, err) == (0, '')
    plain = page.replace('\\-', '-')
    for name in commands():
        assert f'\n.SS {name}\n' in plain, name
        for option in re.findall(r'^  (-[-\w]+)', sealtap(name, '--help')[1], re.M):
            assert re.search(rf'^\.B {option}( |$)', plain, re.M), f'{name} {option}'


def the_manual_page_is_formatted_without_a_warning():
    if not shutil.which('mandoc'):
        raise testing.Skip('mandoc is not there')
    done = subprocess.run(['mandoc', '-Tlint', '-Wwarning'], input=sealtap('--man')[1], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stdout, done.stdout
    text = subprocess.run(['mandoc', '-Tascii'], input=sealtap('--man')[1], capture_output=True, text=True).stdout
    assert 'sealtap decrypt --key data.key FILE | tshark -r -' in re.sub('.\x08', '', text)


def wrong_usage_is_said_with_its_exit_status():
    for words in ((), ('opne',), ('decrypt',), ('decrypt', 'a', 'b'), ('decrypt', '--nokey', 'x'), ('decrypt', '--key'),
                  ('decrypt', '--raw=1', 'x'), ('--completion', 'csh'), ('--completion',),
                  *((name, '--from', '-1h', '--to', '-2h') for name in ('ls', 'open', 'verify', 'logs', 'support', 'cost'))):
        status, out, err = sealtap(*words)
        assert (status, out) == (64, '') and err.startswith('sealtap: ') and err.count('\n') == 1, f'{words}: {status} {err}'


# ---- completions

class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, argv, setup):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(PS1='> ', TERM='dumb', HOME=tempfile.gettempdir())
            os.execvp(argv[0], argv)
        self.pid = pid
        self.type(f'PATH={os.path.dirname(SEALTAP)}:$PATH; {setup}; echo re""ady\n', 'ready')

    def type(self, text, until):
        """What it shows from here to `until`."""
        os.write(self.fd, text.encode())
        seen, end = '', time.monotonic() + PATIENCE_S
        while until not in seen:
            assert time.monotonic() < end and select.select([self.fd], [], [], PATIENCE_S)[0], f'{text!r}: no {until!r} in {seen!r}'
            seen += os.read(self.fd, 65536).decode(errors='replace')
        return seen

    def completes(self, typed, want):
        """What is typed, the key, and it stands there in full."""
        self.type(typed + '\t', want)
        self.type('\x15\n', '> ')  # ^U: away with it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.write(self.fd, b'\x15\nexit\n')
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def completions(argv, setup):
    if not shutil.which(argv[0]):
        raise testing.Skip(f'{argv[0]} is not there')
    with tempfile.TemporaryDirectory() as folder:
        open(os.path.join(folder, 'capture-a.key'), 'w').close()
        with Shell(argv, f'cd {folder}; {setup}') as shell:
            shell.completes('sealtap decr', 'decrypt')
            shell.completes('sealtap check-', 'check-config')
            shell.completes('sealtap decrypt --show', '--show-edk')
            shell.completes('sealtap decrypt --key capt', 'capture-a.key')


def bash_completes_commands_options_and_files():
    completions(['bash', '--norc', '--noprofile', '-i'], 'source <(sealtap --completion bash)')


def zsh_completes_commands_options_and_files():
    completions(['zsh', '-f', '-i'], 'autoload -Uz compinit; compinit -u -D; source <(sealtap --completion zsh)')


# ---- check-config

def a_good_configuration_is_shown_with_every_setting_and_is_one_itself():
    status, out, _ = sealtap('check-config', '-', stdin=GOOD + 'zstd.level = 3\nntp.server = 192.0.2.1\nntp.server = 192.0.2.2\n')
    assert status == 0 and 'zstd.level = 3\n' in out and 'object.max_seconds = 300  # default' in out, out
    again = sealtap('check-config', '-', stdin=out)
    assert again[0] == 0 and again[1].replace('  # default', '') == out.replace('  # default', ''), again


def each_error_comes_with_its_line_its_key_and_what_the_key_takes():
    status, out, _ = sealtap('check-config', '-', stdin='# one\ns3.bucket = Bad_One\nzstd.levle = 3\nzstd.level = 77\nzstd.level = 3\n'
                             'capture.rule = full : tcp prot 4\nstatus.port = 9000\n')
    want = ['line 2: s3.bucket: ', 'line 3: zstd.levle: .*is zstd.level meant', 'line 4: zstd.level: .*takes: 1 to 19',
            'kms.key: .*missing', 'status.sources: .*missing', "line 6: capture.rule: .*syntax error"]
    lines = out.splitlines()
    assert status == 1 and len(lines) == len(want), out
    for pattern, line in zip(want, lines):
        assert re.search(pattern, line), f'{line}: not {pattern}'


def every_key_tells_what_it_takes():
    shown = sealtap('check-config', '-', stdin=GOOD)[1]
    keys = set(re.findall(r'^(?:# )?([a-z0-9_.]+) = ', shown, re.M))
    assert len(keys) > 30, shown
    for key in sorted(keys):
        rest = ''.join(line + '\n' for line in GOOD.splitlines() if not line.startswith(key))
        status, out, _ = sealtap('check-config', '-', stdin=f'{key} = ?? !\n{rest}')
        assert status == 1 and re.search(rf'line 1: {re.escape(key)}: .*; it takes: \S', out), f'{key}: {out}'


def what_may_not_be_meant_is_a_warning():
    status, _, err = sealtap('check-config', '-', stdin=GOOD)
    assert status == 0 and 'warning: alarm.topic is not set' in err, err
    quiet = GOOD + 'alarm.topic = arn:aws:sns:eu-central-1:123456789012:t\n'
    assert 'alarm.topic' not in sealtap('check-config', '-', stdin=quiet)[2]


def another_partition_and_garbage_are_refused():
    for text in (GOOD + 's3.region = cn-north-1\n', '\0\0\0', 'x' * 20000, ''):
        status, out, err = sealtap('check-config', '-', stdin=text)
        assert status == 1 and out.startswith('standard input: '), f'{text[:40]!r}: {status} {out} {err}'
    assert sealtap('check-config', '/nonexistent')[0] == 66


report = testing.report()
for test in (no_core_is_written_of_it, every_command_has_help_with_a_usage_and_an_example, the_manual_page_has_every_command_and_option,
             the_manual_page_is_formatted_without_a_warning, wrong_usage_is_said_with_its_exit_status,
             bash_completes_commands_options_and_files, zsh_completes_commands_options_and_files,
             a_good_configuration_is_shown_with_every_setting_and_is_one_itself,
             each_error_comes_with_its_line_its_key_and_what_the_key_takes, every_key_tells_what_it_takes,
             what_may_not_be_meant_is_a_warning, another_partition_and_garbage_are_refused):
    report.run(test)
report.finish()
