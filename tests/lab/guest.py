"""guest: the appliance's image in QEMU (board/qemu/run), its NICs on TAP devices in the lab's namespaces, its console in a file."""
import json
import os
import socket
import tempfile

from . import certs, metadata, netns
from .console import Console
from .surroundings import NIC

BOARD = os.path.join(certs.TOP, 'build', 'qemu')
RUN = os.path.join(certs.TOP, 'board', 'qemu', 'run')


class Guest:
    """`with Guest(lab, 'name') as appliance:`; from_kernel skips firmware and disk; extra goes to QEMU."""

    def __init__(self, lab, name, from_kernel=False, extra=()):
        self.lab, self.name = lab, name
        lab.attach(lambda ns: netns.tap(ns, NIC), lambda ns: netns.tap(ns, NIC))
        self.serial = os.path.join(lab.folder, name + '.console')
        self.sockets = tempfile.mkdtemp(prefix='sealtap-')  # a unix socket's path must be short
        what = ['--kernel', os.path.join(BOARD, 'BOOTX64.EFI')] if from_kernel else ['--disk', os.path.join(BOARD, 'disk.img')]
        self.argv = [RUN, *what, '--serial', self.serial, '--qmp', self.sockets + '/qmp',
                     '--nic', f'{lab.segment.name}:{NIC},mac={metadata.OUTSIDE_MAC}',
                     '--nic', f'{lab.inside.name}:{NIC},mac={metadata.INSIDE_MAC}',
                     *(['--', *extra] if extra else [])]

    def __enter__(self):
        self.process = self.lab.processes.start(self.name, self.argv)
        self.console = Console(self.serial, self.process)
        return self

    def __exit__(self, *_):
        self.process.end()
        self.lab.detach()
        if os.path.exists(self.sockets + '/qmp'):
            os.unlink(self.sockets + '/qmp')
        os.rmdir(self.sockets)

    def power_button(self):
        """ACPI's, by QMP."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.sockets + '/qmp')
            lines = s.makefile('rw')
            lines.readline()  # greeting
            for command in ('qmp_capabilities', 'system_powerdown'):
                lines.write(json.dumps({'execute': command}) + '\n')
                lines.flush()
                while 'return' not in json.loads(lines.readline()):
                    pass

    def stop(self, timeout_s=120):
        """Presses the power button and waits until the machine is off."""
        self.power_button()
        self.console.wait(r'shut down: .* all shipped', timeout_s)
        code = self.process.child.wait(30)
        assert code == 0, f'QEMU ended with {code}'
