"""attacks: what somebody would try inside a role, for build/injected/init (injected_attacks.c): `with Attacks() as attacks:`, then Hosts.

order() has a role make them; all() gives what came of each: a call that the sandbox denied is `trapped`, for others the kernel's own answer
counts. The page is in shared memory, for the length of the block.
"""
import dataclasses
import errno
import os
import struct

from .clock import PATH as CLOCK, shared
from .procs import wait_until

PATH = CLOCK + '-attacks'
ROLES = ('net', 'keys', 'upload', 'capture', 'spool', 'flows', 'status')  # by their users' ids
ALL, FLOOD, I386, X32, STORE = range(1, 6)  # enum order
FLOOD_LINES, PTRACE = 60, 101  # what FLOOD says, and the call that it ends with
CALLS_MIN = 40
STATE, RESULT, RESULTS_MAX = struct.Struct('<4I'), struct.Struct('<48sqii'), 400
OTHER_AT = len(ROLES) * STATE.size
BINARY_AT, MEMORY_AT, RESULTS_AT = OTHER_AT + 8, OTHER_AT + 264, OTHER_AT + 328
BYTES = RESULTS_AT + len(ROLES) * RESULTS_MAX * RESULT.size
ALL_S = 20


@dataclasses.dataclass
class Attempt:
    """value: as the system call gives it; number: of the call, if it was trapped, else -1."""
    role: str
    name: str
    value: int
    number: int

    @property
    def trapped(self):
        return self.number >= 0

    @property
    def error(self):
        return errno.errorcode.get(-self.value, str(self.value)) if -4096 < self.value < 0 else None

    def __str__(self):
        told = f'trapped ({self.number})' if self.trapped else self.error or f'it gave {self.value}'
        return f'{self.role}: {self.name}: {told}'


class Attacks:
    def __enter__(self):
        self.page = shared(PATH, BYTES)
        return self

    def __exit__(self, *_):
        os.unlink(PATH)

    def order(self, role, order, other=0, binary=''):
        at = ROLES.index(role) * STATE.size
        self.page[OTHER_AT:BINARY_AT] = struct.pack('<Q', other)
        self.page[BINARY_AT:MEMORY_AT] = binary.encode().ljust(256, b'\0')
        self.page[MEMORY_AT:RESULTS_AT] = f'/proc/{other}/mem'.encode().ljust(64, b'\0')
        self.page[at + 4:at + 8] = bytes(4)
        self.page[at:at + 4] = struct.pack('<I', order)

    def _state(self, role):
        return STATE.unpack_from(self.page, ROLES.index(role) * STATE.size)

    def done(self, role):
        """It obeyed, and lived on."""
        return self._state(role)[1] != 0

    def results(self, role):
        at, found = RESULTS_AT + ROLES.index(role) * RESULTS_MAX * RESULT.size, []
        for i in range(self._state(role)[2]):
            name, value, number, _ = RESULT.unpack_from(self.page, at + i * RESULT.size)
            found.append(Attempt(role, name.rstrip(b'\0').decode(), value, number))
        return found

    def all(self, role, other, binary, process):
        """Makes them all: [Attempt]. other: the process id of another role; binary: the path of init's own."""
        self.order(role, ALL, other, binary)

        def last():
            return f'the last that {role} made: {(self.results(role) or [None])[-1]}'
        wait_until(lambda: self.done(role), ALL_S, f'end of the attacks in {role}', process, last)
        return self.results(role)
