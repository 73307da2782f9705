"""guest: the appliance's image in QEMU (board/qemu/run), its NICs on TAP devices in the lab's namespaces, its console in a file."""
import os
import shutil
import signal
import tempfile

from . import certs, metadata, netns
from .console import Console
from .qmp import Qmp
from .surroundings import NIC

BOARD = os.path.join(certs.TOP, 'build', 'qemu')
RUN = os.path.join(certs.TOP, 'board', 'qemu', 'run')


class Volume:
    """An NVMe disk of its own that outlives the guest: a sparse file below the lab's folder. Its serial number is that of an EBS volume."""

    def __init__(self, lab, volume_id='vol-0123456789abcdef0', mib=1024):
        self.id, self.serial = volume_id, volume_id.replace('-', '')
        self.path = os.path.join(lab.folder, self.serial)
        with open(self.path, 'wb') as f:
            f.truncate(mib << 20)


class Guest:
    """`with Guest(lab, 'name') as appliance:`; from_kernel skips firmware and disk; volume: one to attach; variables: a file
    that keeps the firmware's variables from one guest to the next; extra goes to QEMU."""

    memory_mib = 512

    def __init__(self, lab, name, from_kernel=False, volume=None, variables=None, extra=()):
        self.lab, self.name = lab, name
        lab.attach(lambda ns: netns.tap(ns, NIC), lambda ns: netns.tap(ns, NIC))
        self.serial = os.path.join(lab.folder, name + '.console')
        self.sockets = tempfile.mkdtemp(prefix='sealtap-')  # a unix socket's path must be short
        self.connection = None
        what = ['--kernel', os.path.join(BOARD, 'BOOTX64.EFI')] if from_kernel else ['--disk', os.path.join(BOARD, 'disk.img')]
        self.argv = [RUN, *what, '--serial', self.serial, '--qmp', self.sockets + '/qmp', '--memory', str(self.memory_mib),
                     '--nic', f'{lab.segment.name}:{NIC},mac={metadata.OUTSIDE_MAC}',
                     '--nic', f'{lab.inside.name}:{NIC},mac={metadata.INSIDE_MAC}',
                     *(['--variables', variables] if variables else []),
                     *(['--volume', f'{volume.path},serial={volume.serial}'] if volume else []),
                     *(['--', *extra] if extra else [])]

    def __enter__(self):
        self.process = self.lab.processes.start(self.name, self.argv)
        self.console = Console(self.serial, self.process)
        return self

    def __exit__(self, failed, *_):
        self.process.end()
        self.lab.detach()
        if self.connection:
            self.connection.close()
        shutil.rmtree(self.sockets)
        if not failed:
            self.console.check_calls()

    @property
    def qmp(self):
        self.connection = self.connection or Qmp(self.sockets + '/qmp')
        return self.connection

    def power_button(self):
        """ACPI's, by QMP."""
        self.qmp.command('system_powerdown')

    def cut_power(self):
        """The plug is pulled: what was not written to the volume is gone."""
        self.process.end(signal.SIGKILL)

    def stall_volume(self, on):
        """The volume answers no request any more, or all that wait and those to come."""
        limits = {f'{what}{way}': 0 for what in ('bps', 'iops') for way in ('', '_rd', '_wr')}
        self.qmp.command('block_set_io_throttle', device='v0', **{**limits, 'bps': int(on)})  # one byte a second

    def stop(self, timeout_s=120):
        """Presses the power button and waits until the machine is off: by itself, not reset."""
        self.power_button()
        self.console.wait(r'shut down: .* all shipped', timeout_s)
        reason = self.qmp.shutdown_reason(30)
        assert reason == 'guest-shutdown', f'the machine ended by {reason}'
        code = self.process.child.wait(30)
        assert code == 0, f'QEMU ended with {code}'
