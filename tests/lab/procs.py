"""procs: programs of a run, each with its output in a file, ended by process id and never by name; and how to wait."""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PAUSE_S = 0.02


class Gone(Exception):
    """A program that should be running has ended; its last words are in the text."""


def free_port():
    """A port of the loopback address that nobody has now."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_until(ready, timeout_s, what, process=None, said=None):
    """Returns ready() as soon as it is true. `process`: what must live that long; said(): what explains it when nothing comes."""
    end = time.monotonic() + timeout_s
    while True:
        result = ready()
        if result:
            return result
        gone = process and not process.running()
        if gone or time.monotonic() > end:
            break
        time.sleep(PAUSE_S)
    words = f': {tail(said(), 30)}' if said else ''
    if gone:
        raise Gone(f'{process.name} ended ({process.child.returncode}) before {what}{words}')
    raise TimeoutError(f'no {what} within {timeout_s} s{words}')


@contextlib.contextmanager
def stopped(*pids):
    """These processes do nothing for the time of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    def __init__(self, name, argv, log, env=None):
        self.name, self.log = name, log
        self.began_at = os.path.getsize(log) if os.path.exists(log) else 0  # a program of the same name may have written before
        with open(log, 'ab') as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env=env, preexec_fn=die_with_parent)

    def output(self):
        with open(self.log, 'rb') as f:
            f.seek(self.began_at)
            return f.read().decode(errors='replace')

    def running(self):
        return self.child.poll() is None

    def wait_for(self, ready, timeout_s, what):
        """Returns ready() as soon as it is true; the program must live that long."""
        return wait_until(ready, timeout_s, what, self, self.output)

    def wait_output(self, text, timeout_s):
        self.wait_for(lambda: text in self.output(), timeout_s, f'"{text}"')

    def stopped(self):
        """It does nothing for the time of the block."""
        return stopped(self.child.pid)

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def end(self, number=signal.SIGTERM, timeout_s=5):
        self.send(number)
        try:
            self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.child.returncode


def tail(text, lines=15):
    return '\n'.join(text.strip().splitlines()[-lines:])


class Processes:
    """All programs of a run; the last started is ended first."""

    def __init__(self, folder):
        self.folder = folder
        self.list = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in reversed(self.list):
            p.end()
        self.list = []

    def start(self, name, argv, ns=None, env=None):
        prefix = ns.prefix() if ns else []
        log = os.path.join(self.folder, name + '.log')
        p = Process(name, prefix + list(argv), log, env={**os.environ, **(env or {})})
        self.list.append(p)
        return p

    def end(self, process):
        process.end()
        self.list.remove(process)
