"""console: follows what the appliance says: `sealtap: ok CODE ..`, `sealtap: CLOSED CODE: ..`, `sealtap: ARMED`."""
import re
import signal
import time

from .procs import wait_until

CONTROL = re.compile(r'\x1b\[[0-9;=?]*[A-Za-z]')
DENIED = re.compile(rf'\(signal {int(signal.SIGSYS)}\)|^.*\bcall-denied number=\d+', re.M)


class Console:
    def __init__(self, path, process):
        self.path, self.process = path, process
        self.started = time.monotonic()

    def text(self):
        try:
            with open(self.path, errors='replace') as f:
                return CONTROL.sub('', f.read().replace('\r', ''))
        except FileNotFoundError:
            return ''

    def wait(self, pattern, timeout_s, since=0):
        """Waits for a match of `pattern` behind the first `since` characters; seconds since the start, and the match."""
        wanted = re.compile(pattern, re.M)
        found = wait_until(lambda: wanted.search(self.text(), since), timeout_s, f'"{pattern}"', self.process, self.text)
        return time.monotonic() - self.started, found

    def wait_armed(self, timeout_s, since=0):
        return self.wait(r'^sealtap: ARMED$', timeout_s, since)[0]

    def wait_closed(self, code, timeout_s, since=0):
        return self.wait(rf'^sealtap: CLOSED {code}: .*', timeout_s, since)[1][0]

    def check_calls(self):
        """No role made a call that its filter does not allow: it dies of that, and has mostly said so."""
        found = DENIED.search(self.text())
        assert not found, f'a role made a call that it may not make: {found[0]}'
