#!/usr/bin/env python3
"""kernel_test: the release kernel from inside: what kernel-config/required.list says it does not let happen is tried, as root.

kernel_test.py [-k PATTERN]. Needs build/nitro/ and build/probed/init. Consoles stay in build/lab/kernel/.
The release's firmware file is booted as it is. QEMU, as a boot loader might, hands it a second initramfs, which is unpacked over the
built-in one: with an init of the same objects and tests/qemu/probe*.c in front of supervisor_start. So the kernel, its command line, first
stage, mounts and settings are the product's. By UEFI the release takes no such initramfs, which is tried too.
"""
import os
import re
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, kernelboot, testing  # noqa: E402
from lab.netns import command  # noqa: E402

TOP = certs.TOP
FIRMWARE = os.path.join(TOP, 'build', 'nitro', 'BOOTX64.EFI')
LAB = os.path.join(TOP, 'build', 'lab', 'kernel')
BOOT_S = 120
OVMF = '/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'
# What the kernel says at boot.
SAID = {'wx': r'Checked W\+X mappings: passed, no W\+X pages found',
        'autoinit': r'mem auto-init: stack:all\(zero\), heap alloc:on',
        'initramfs': r'Kernel command line: .*\bnoinitrd\b'}
# The settings that a hardened router has; src/role/init/hardening.c writes them, the kernel has been asked for each.
SETTINGS = {
    'kernel/kptr_restrict': '2', 'kernel/dmesg_restrict': '1', 'kernel/perf_event_paranoid': '3', 'kernel/randomize_va_space': '2',
    'kernel/yama/ptrace_scope': '3', 'kernel/panic_on_oops': '1', 'kernel/panic': '-1', 'vm/mmap_rnd_bits': '32',
    'vm/mmap_min_addr': '65536', 'vm/memfd_noexec': '2', 'fs/suid_dumpable': '0', 'fs/protected_symlinks': '1',
    'fs/protected_hardlinks': '1', 'fs/protected_fifos': '2', 'fs/protected_regular': '2', 'dev/tty/ldisc_autoload': '0',
    'dev/tty/legacy_tiocsti': '0', 'net/core/bpf_jit_harden': '2',
    **{f'net/{family}/neigh/default/gc_thresh{n}': str(rows) for family in ('ipv4', 'ipv6') for n, rows in ((2, 8192), (3, 16384))}}
# Switches that the configuration leaves out: they are not there to be turned.
ABSENT = {'kernel/sysrq', 'kernel/modprobe', 'kernel/modules_disabled', 'kernel/kexec_load_disabled', 'kernel/unprivileged_bpf_disabled',
          'kernel/io_uring_disabled', 'kernel/core_pattern', 'kernel/unprivileged_userns_clone', 'vm/unprivileged_userfaultfd'}


def requirements():
    """kernel-config/required.list: [(option, value, probe)]"""
    with open(os.path.join(TOP, 'kernel-config', 'required.list')) as f:
        rows = [line.split(None, 2) for line in f if line.strip() and line[0] != '#']
    return [(*row[0].split('='), row[1]) for row in rows]


def initramfs(folder):
    """As image/board makes it, with the probing init in place of the release's."""
    init = os.path.join(TOP, 'build', 'probed', 'init')
    root, erofs, out = (os.path.join(folder, name) for name in ('root', 'root.erofs', 'probe.cpio'))
    for name in ('dev', 'proc', 'sys', 'run'):
        os.makedirs(os.path.join(root, name))
    shutil.copy(init, os.path.join(root, 'init'))
    command('mkfs.erofs', '--quiet', '--all-root', erofs, root)
    command(sys.executable, os.path.join(TOP, 'image', 'initramfs.py'), init, erofs, out)
    return out


def boot(name, *options, until=None):
    """What the console says until the machine is off, or until this pattern."""
    argv = ['qemu-system-x86_64', '-accel', 'tcg,thread=single', '-machine', 'q35', '-cpu', 'max', '-smp', '2', '-m', '512', '-nodefaults',
            '-display', 'none', '-no-reboot', '-device', 'virtio-rng-pci', '-serial', 'stdio', '-kernel', FIRMWARE, *options]
    return kernelboot.boot(argv, os.path.join(LAB, name + '.console'), until, BOOT_S)


class Probed:
    """One boot, probed."""

    def __init__(self):
        with tempfile.TemporaryDirectory(prefix='sealtap-probe-') as folder:
            self.said = boot('probed', '-initrd', initramfs(folder))
        assert 'probe-end' in self.said, self.said[-4000:]
        self.ok = set(re.findall(r'^probe (\w+) ok$', self.said, re.M)) | {k for k, v in SAID.items() if re.search(v, self.said)}
        self.wrong = re.findall(r'^probe \w+ FAILED.*$', self.said, re.M)
        self.settings = dict(re.findall(r'^sysctl (\S+) (.*)$', self.said, re.M))
        self.writable = re.findall(r'^writable (.*)$', self.said, re.M)


def behaves(probed):
    """Whatever required.list forbids is refused to root as PID 1: modules, kexec, memory devices, debugfs, bpf, io_uring and more."""
    assert not probed.wrong, '\n'.join(probed.wrong)
    asked = {probe for _, _, probe in requirements()} - {'-'}
    assert len(asked) > 30 and asked <= probed.ok, f'no answer: {sorted(asked - probed.ok)}'


def settings(probed):
    """The kernel has each setting of the hardened router, and no switch for what is left out."""
    have = {name: probed.settings.get(name) for name in SETTINGS}
    assert have == SETTINGS, {name: value for name, value in have.items() if value != SETTINGS[name]}
    assert not ABSENT & set(probed.settings), ABSENT & set(probed.settings)
    assert 'alarm init setting-refused' not in probed.said


def nothing_writable(probed):
    """No file can be made anywhere in the release's tree, by root neither: root, /dev, /run, /sys, /proc."""
    assert not probed.writable, probed.writable
    assert 'mount-too-open' not in probed.said


def no_second_initramfs(_):
    """An initramfs that UEFI firmware or a boot loader offers (LoadFile2) is not taken: the release's own init starts."""
    for path in OVMF:
        if not os.path.exists(path):
            raise testing.Skip(f'{path} is missing')
    with tempfile.TemporaryDirectory(prefix='sealtap-probe-') as folder:
        said = boot('offered', '-initrd', initramfs(folder), '-drive', f'if=pflash,unit=0,format=raw,readonly=on,file={OVMF[0]}',
                    '-drive', f'if=pflash,unit=1,format=raw,snapshot=on,file={OVMF[1]}', until=r'sealtap: ok link|CLOSED link|probe ')
    assert re.search(r'efi: EFI v\d', said), said[-3000:]
    assert 'Loaded initrd' not in said and 'probe ' not in said, said[-3000:]
    assert 'sealtap: version' in said, said[-3000:]


def main():
    report = testing.report()
    report.life(Probed, [behaves, settings, nothing_writable])
    report.run(no_second_initramfs, None)
    report.finish()


main()
