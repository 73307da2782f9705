"""kernelboot: a machine without surroundings, until it is off or its console says what one waits for."""
import os
import re
import subprocess

TRIES = 3
# A host that is too busy gives QEMU's timer no turn while the kernel looks whether it ticks.
STALLED = "IO-APIC + timer doesn't work"


def boot(argv, log, until=None, limit_s=120):
    """What the console says, on standard output; it also goes to the file `log`."""
    for _ in range(TRIES):
        said = once(argv, log, until, limit_s)
        if STALLED not in said:
            break
    return said


def once(argv, log, until, limit_s):
    os.makedirs(os.path.dirname(log), exist_ok=True)
    said = ''
    with open(log, 'w') as f, subprocess.Popen(['timeout', str(limit_s), *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                               stderr=subprocess.STDOUT, errors='replace') as qemu:
        for line in qemu.stdout:
            f.write(line)
            said += line.replace('\r', '')
            if until and re.search(until, line):
                qemu.terminate()
                break
    return said
