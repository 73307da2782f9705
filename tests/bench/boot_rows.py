"""boot: from QEMU's start until the rings are armed, and until packets are forwarded under a data key; against the same kernel with an
empty init (empty_init.c), and a minimal Debian 12 with tcpdump as a service, made by mmdebstrap of the machine's own archive.

All on the machine of board/qemu/run, with -kernel: 2 processors, 512 MiB, two NICs. The guest's memory is a file that is there before: else
the host's search for free pages is what would be measured. The rings are armed when the console says `ok link`: net tells the links,
init has the rings admit them, and only then answers; no link is up before that.
"""
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import time

from lab import procs
from lab.certs import TOP
from lab.guest import BOARD, Guest
from lab.surroundings import Surroundings
from machine import version
from table import Missing, Row

RUN, KERNEL = os.path.join(TOP, 'board', 'qemu', 'run'), os.path.join(BOARD, 'BOOTX64.EFI')
CACHE = os.environ.get('CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'sealtap')
MIB, MEMORY_MIB, DISK_MIB, LIMIT_S = 1 << 20, 512, 1024, 120
CLOSED = 'sealtap: CLOSED rings'
LISTENS, ARMED, EMPTY = 'listening on', 'sealtap: ok link', 'empty init'
PACKAGES = 'systemd-sysv,linux-image-cloud-amd64,tcpdump'
UNIT = """[Unit]
Description=records all packets
[Service]
ExecStart=/usr/bin/tcpdump -i any -Q in -Z root -w /var/tmp/capture.pcap
StandardError=file:/dev/console
[Install]
WantedBy=multi-user.target
"""
SHORT = ('of what follows the kernel a third is to zero the rings\' 64 MiB, a third the second program, which TCG translates anew, '
         'the rest mounts and settings; the root is not compressed any more, net starts before all others. Where other work on the host '
         'takes TCG\'s turns, this doubles, and an empty init has less to lose')
COMMAND_LINE = 'root=/dev/vda rw quiet console=ttyS0'


# ---- what is started

def made(name, recipe, make):
    """The folder CACHE/bench-name-<hash of recipe>, made by make(folder) when it is not there."""
    folder = os.path.join(CACHE, f'bench-{name}-{hashlib.sha256(recipe).hexdigest()[:16]}')
    if not os.path.exists(folder):
        shutil.rmtree(folder + '.part', ignore_errors=True)
        os.makedirs(folder + '.part')
        make(folder + '.part')
        os.rename(folder + '.part', folder)
    return folder


def run(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Missing(f'{argv[0]} ended with {done.returncode}: {" ".join((done.stdout + done.stderr).split())[-300:]}')
    return done.stdout


def make_debian(folder):
    if not shutil.which('mmdebstrap'):
        raise Missing('mmdebstrap is not here: image/packages bench')
    root = os.path.join(folder, 'root')
    run('mmdebstrap', '--variant=minbase', f'--include={PACKAGES}', 'bookworm', root)
    unit = os.path.join(root, 'etc/systemd/system/capture.service')
    with open(unit, 'w') as f:
        f.write(UNIT)
    wants = os.path.join(root, 'etc/systemd/system/multi-user.target.wants')
    os.makedirs(wants, exist_ok=True)
    os.symlink('../capture.service', os.path.join(wants, 'capture.service'))
    for name in ('vmlinuz', 'initrd.img'):
        found = [f for f in os.listdir(os.path.join(root, 'boot')) if f.startswith(name + '-')]
        shutil.copy(os.path.join(root, 'boot', found[0]), os.path.join(folder, name))
        about = {'kernel': found[0].removeprefix(name + '-')}
    with open(os.path.join(root, 'etc/debian_version')) as f:
        about['version'] = f.read().strip()
    run('mke2fs', '-q', '-t', 'ext4', '-d', root, os.path.join(folder, 'disk.img'), f'{DISK_MIB}M')
    about['bytes'] = os.stat(os.path.join(folder, 'disk.img')).st_blocks * 512
    with open(os.path.join(folder, 'about.json'), 'w') as f:
        json.dump(about, f)
    shutil.rmtree(root)


def empty_kernel(scratch):
    """The kernel of board qemu, linked again around an init that does nothing."""
    program = os.path.join(scratch, 'init')
    run('strip', '-o', program, os.path.join(TOP, 'build', 'tests', 'empty_init'))
    compiled = run(os.path.join(TOP, 'image', 'kernel'), 'compile').strip()
    with open(program, 'rb') as f:
        recipe = compiled.encode() + f.read()

    def make(folder):
        tree = os.path.join(folder, 'tree')
        run('cp', '-a', compiled, tree)
        run('python3', os.path.join(TOP, 'image', 'initramfs.py'), program, '/dev/null', os.path.join(tree, 'sealtap.cpio'))
        run(os.path.join(TOP, 'image', 'kernel'), 'relink', tree)
        shutil.copy(os.path.join(tree, 'arch/x86/boot/bzImage'), os.path.join(folder, 'BOOTX64.EFI'))
        shutil.rmtree(tree)
    return os.path.join(made('empty', recipe, make), 'BOOTX64.EFI')


# ---- how it is measured

def memory(folder):
    """QEMU's options for memory that is there already."""
    path = os.path.join(folder, 'memory')
    if not os.path.exists(path):
        with open(path, 'wb') as f:
            for _ in range(MEMORY_MIB):
                f.write(b'\0' * MIB)
    return ['-object', f'memory-backend-file,id=ram,size={MEMORY_MIB}M,mem-path={path},share=on', '-machine', 'memory-backend=ram']


def seconds_until(text, argv):
    """From the start of a machine until its console, on standard output, says text; then it is ended."""
    begin = time.monotonic()
    child = subprocess.Popen(['timeout', str(LIMIT_S), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, errors='replace', preexec_fn=procs.die_with_parent)
    with child:
        last = []
        for line in child.stdout:
            if text in line:
                took_s = time.monotonic() - begin
                child.terminate()
                return took_s
            if CLOSED in line:
                child.terminate()
                raise Missing(f'the rings are not armed: {line.strip()}')
            last = [*last[-4:], line.strip()]
    raise Missing(f'the machine did not say "{text}" in {LIMIT_S} s: {" / ".join(last)}')


def of_kernel(kernel, folder, *more):
    return [RUN, '--kernel', kernel, '--', *memory(folder), *more]


def of_debian(debian, folder):
    drive = f'if=virtio,format=raw,snapshot=on,file={debian}/disk.img'
    return of_kernel(f'{debian}/vmlinuz', folder, '-initrd', f'{debian}/initrd.img', '-append', COMMAND_LINE, '-drive', drive)


def forwarding_s(lab, folder, number):
    """The same machine among all that it needs: addresses, metadata, KMS, S3."""
    with Guest(lab, f'boot-{number}', from_kernel=True, extra=memory(folder)) as guest:
        return guest.console.wait_armed(LIMIT_S)


def each(bench):
    """How often a round starts the machines that take seconds."""
    return 2 if bench.quick else 5


def one_round(bench, lab, empty, debian, number):
    """Seconds of each; the short ones several times."""
    took = {'empty': [], 'armed': []}
    for _ in range(each(bench)):
        took['empty'].append(seconds_until(EMPTY, of_kernel(empty, bench.folder)))
        took['armed'].append(seconds_until(ARMED, of_kernel(KERNEL, bench.folder)))
    took['forwarding'] = forwarding_s(lab, bench.folder, number)
    took['listens'] = seconds_until(LISTENS, of_debian(debian, bench.folder))
    bench.note(f'round {number + 1}: ' + ', '.join(f'{name} {statistics.median(s) if isinstance(s, list) else s:.2f} s'
                                                   for name, s in took.items()))
    return took


def rows(bench):
    debian = made('debian', (PACKAGES + UNIT).encode(), make_debian)
    with open(os.path.join(debian, 'about.json')) as f:
        about = json.load(f)
    bench.version('debian', f'{about["version"]}, Linux {about["kernel"]}, {about["bytes"] / 1e6:.0f} MB on its disk')
    bench.version('the kernel under all of ours', version(['file', '-b', KERNEL]))
    empty = empty_kernel(bench.folder)
    seconds_until(EMPTY, of_kernel(empty, bench.folder))  # the first one after a while is slow, whatever it boots
    with Surroundings('bench') as lab:
        took = [one_round(bench, lab, empty, debian, number) for number in range(bench.rounds)]
    none, armed = ([s for t in took for s in t[name]] for name in ('empty', 'armed'))
    forwarding, listens = ([t[name] for t in took] for name in ('forwarding', 'listens'))
    how = (f'from QEMU\'s start (TCG, 2 processors) until the rings admit both links, before any is up; {each(bench)} times a round, '
           'in turns')
    yield Row('power-on to rings armed', 'the same kernel, empty init', 's', armed, none, ('<=', 1.3), how=how, short=SHORT)
    how = (f'Debian {about["version"]} with systemd and tcpdump as a service ({about["bytes"] / 1e6:.0f} MB), until tcpdump listens; it '
           'writes in the clear to its disk, ours seals under a data key of KMS')
    yield Row('power-on to rings armed', 'Debian 12, tcpdump', 's', armed, listens, ('<=', 1 / 8), how=how, short=SHORT)
    yield Row('power-on to forwarding with a data key', 'Debian 12, tcpdump', 's', forwarding, listens, ('<=', 1 / 4), how=how,
              short=SHORT + '; behind the rings come DHCP, the clock, KMS and S3, each with its handshakes')
