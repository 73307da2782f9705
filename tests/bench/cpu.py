"""cpu: the machine's busy time, whoever used it: softirq is charged to whoever runs, so a process's own figures would mislead."""
import os

HZ = os.sysconf('SC_CLK_TCK')


def busy_s():
    """Busy CPU-seconds of all cores since the machine started (/proc/stat: user, nice, system, irq, softirq, steal left out)."""
    with open('/proc/stat') as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / HZ
