#!/usr/bin/env python3
"""watchdog_test: a machine that hangs is reset by itself; one whose volume hangs is not.

watchdog_test.py [-k PATTERN]. Needs root and build/qemu/. Consoles stay in build/lab/watchdog/.
"""
import mmap
import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import testing, traffic  # noqa: E402
from lab.certs import TOP  # noqa: E402
from lab.guest import Guest, Volume  # noqa: E402
from lab.netns import command  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

WATCHDOG_S, PET_S = 30, 5  # src/role/init/machine.c
SLACK_S = 8  # a slow guest
RUNS_S = 15
PAGE = 4096
# x86-64: mov $34 (pause), %eax; syscall; jmp back: the caller sleeps for good
HANG = bytes.fromhex('b822000000 0f05 ebf7')


# ---- a program inside the guest is made to hang from outside: what it runs is overwritten in the machine's memory, by QEMU's debugger. The
# product needs no door for it, and what hangs is the very binary that ships. Code is position independent, so that its bytes in memory are
# those of the file; a page keeps its place within. Every copy is overwritten, also those in memory that is free already.

def function_code(program, name, most=96):
    """(place within its page, first bytes of a function) from a program with symbols."""
    path = os.path.join(TOP, program)
    found = [line.split() for line in command('nm', '-S', path).splitlines() if line.split()[-1] == name]
    assert len(found) == 1, f'{program} has {len(found)} functions {name}'
    address, size = (int(x, 16) for x in found[0][:2])
    with open(path, 'rb') as f:
        data = f.read()
    table, = struct.unpack('<Q', data[32:40])  # ELF-64: program headers
    width, count = struct.unpack('<HH', data[54:58])
    for i in range(count):
        kind, _, offset, start, _, length = struct.unpack('<IIQQQQ', data[table + i * width:table + i * width + 40])
        if kind == 1 and start <= address < start + length:
            at = offset + address - start
            return at % PAGE, data[at:at + min(size, most, PAGE - at % PAGE)]
    raise AssertionError(f'{name} is in no segment of {program}')


class Debugger:
    """GDB's remote protocol, as far as it goes to write physical memory. The machine stands still in between."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)

    def ask(self, text):
        self.socket.sendall(f'${text}#{sum(text.encode()) % 256:02x}'.encode())
        said = b''
        while not (len(said) > 3 and said[-3:-2] == b'#'):
            said += self.socket.recv(4096)
        self.socket.sendall(b'+')
        answer = said[said.index(b'$') + 1:-3].decode()
        assert answer == 'OK', f'QEMU\'s debugger answers "{answer}" to {text[:40]}'

    def write(self, address, data):
        self.ask('Qqemu.PhyMemMode:1')
        self.ask(f'M{address:x},{len(data):x}:{data.hex()}')

    def leave(self):
        self.ask('D')
        self.socket.close()


def places(memory, place, code):
    """Physical addresses of all copies of the code in an image of the memory."""
    with open(memory, 'rb') as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as m:
        at = m.find(code)
        while at >= 0:
            if at % PAGE == place:
                yield at
            at = m.find(code, at + 1)


def overwrite(guest, code, new):
    """Writes `new` over the beginning of each copy of the code (function_code) in the guest's memory."""
    memory, door = os.path.join(guest.sockets, 'memory'), os.path.join(guest.sockets, 'gdb')
    assert len(new) <= len(code[1])
    guest.qmp.command('stop')
    try:
        guest.qmp.command('pmemsave', val=0, size=guest.memory_mib << 20, filename=memory)
        found = list(places(memory, *code))
    finally:
        os.unlink(memory)
    assert found, 'the code is not in the guest\'s memory'
    guest.qmp.command('human-monitor-command', **{'command-line': f'gdbserver unix:{door},server=on,wait=off'})
    debugger = Debugger(door)
    for address in found:
        debugger.write(address, new)
    debugger.leave()
    guest.qmp.command('cont')
    os.unlink(door)


# ---- the tests


def hung_init_is_reset(lab):
    """A machine whose init hangs is reset by its watchdog after half a minute, and not before."""
    with Guest(lab, 'hung', from_kernel=True) as guest:
        guest.console.wait_armed(60)
        time.sleep(RUNS_S)  # had it not been petted since it began, it would reset the machine soon after
        overwrite(guest, function_code('build/init.sym', 'guard_look'), HANG)
        began = time.monotonic()
        reason = guest.qmp.shutdown_reason(WATCHDOG_S + SLACK_S)
        took_s = time.monotonic() - began
        assert reason == 'guest-reset', reason
        assert WATCHDOG_S - PET_S - 1 < took_s, f'reset after {took_s:.1f} s: it was not petted'
        assert 'no working watchdog' not in guest.console.text()


def stalled_volume_is_no_hang(lab):
    """A volume that stalls for longer than the watchdog waits resets nothing: all is forwarded, recorded and shipped"""
    volume = Volume(lab)
    lab.metadata.user_data(lab.configuration(spool=volume.id, spool__sync_ms=200))
    with Session(Guest(lab, 'stalled', from_kernel=True, volume=volume)) as session:
        session.armed()
        guest = session.appliance
        with session.window('stall'):
            traffic.fetch(lab, '100k')
            guest.stall_volume(True)
            time.sleep(2)
            stood_still, until = os.stat(volume.path).st_mtime_ns, time.monotonic() + WATCHDOG_S + SLACK_S
            while time.monotonic() < until:
                traffic.ping(lab)
            assert os.stat(volume.path).st_mtime_ns == stood_still, 'the volume was written to: it proves nothing'
            guest.stall_volume(False)
            traffic.fetch(lab, '100k')
        session.end()
    result = session.compare('stall')
    assert result.missing == 0 and result.recorded > 200, result


def main():
    report = testing.report()
    with Surroundings('watchdog') as lab:
        # init looks after recording every 10 ms: what hangs is met at once
        lab.metadata.user_data(lab.configuration(on_loss='stop'))
        report.run(hung_init_is_reset, lab)
        report.run(stalled_volume_is_no_hang, lab)
    report.finish()


main()
