"""qmp: QEMU's control socket: commands, and how the machine ended.

qemu-qmp-ref: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
"""
import json
import socket


class Qmp:
    def __init__(self, path, timeout_s=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout_s)
        self.socket.connect(path)
        self.lines = self.socket.makefile('rw')
        self.events = []
        self._read()  # greeting
        self.command('qmp_capabilities')

    def close(self):
        self.lines.close()
        self.socket.close()

    def _read(self):
        """The next message that is no event; None when QEMU has ended."""
        for line in self.lines:
            said = json.loads(line)
            if 'event' not in said:
                return said
            self.events.append(said)
        return None

    def command(self, name, **arguments):
        self.lines.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.lines.flush()
        said = self._read()
        assert said and 'return' in said, f'QEMU: {name}: {said}'
        return said['return']

    def shutdown_reason(self, timeout_s):
        """Why the machine ended, waiting for it: guest-shutdown (it powered itself off), guest-reset, guest-panic, .."""
        self.socket.settimeout(timeout_s)
        try:
            self._read()
        except TimeoutError:
            raise TimeoutError(f'the machine did not end within {timeout_s} s') from None
        except ConnectionResetError:
            pass
        reasons = [e['data']['reason'] for e in self.events if e['event'] == 'SHUTDOWN']
        assert len(reasons) == 1, self.events
        return reasons[0]
