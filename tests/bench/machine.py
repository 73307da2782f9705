"""machine: on what it was measured, and with which versions of what."""
import os
import platform
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLAGS = ('aes', 'pclmulqdq', 'avx2', 'avx512f', 'vaes', 'vpclmulqdq', 'sha_ni')
OPENSSL_OF_PYTHON = 'from cryptography.hazmat.backends.openssl.backend import backend as b; print(b.openssl_version_text())'
PROGRAMS = {
    'sealtap': [os.path.join(TOP, 'build', 'sealtap'), '--version'], 'openssl': ['openssl', 'version'],
    'openssl of cryptography': [sys.executable, '-c', OPENSSL_OF_PYTHON], 'tcpdump': ['tcpdump', '--version'],
    'dumpcap': ['dumpcap', '--version'], 'netsniff-ng': ['netsniff-ng', '--version'], 'nginx': ['nginx', '-v'],
    'curl': ['curl', '--version'], 'zstd': ['zstd', '--version'], 'aws': ['aws', '--version'], 'node': ['node', '--version'],
    'mergecap': ['mergecap', '--version'], 'qemu': ['qemu-system-x86_64', '--version'],
}


def version(argv):
    """The first line with a version in what a program says of itself."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f'not here: {e}'
    said = done.stdout.splitlines()
    return next((line.strip() for line in said if re.search(r'\d\.\d', line)), said[0].strip() if said else 'says nothing')[:100]


def versions():
    return {name: version(argv) for name, argv in PROGRAMS.items()}


def machine():
    with open('/proc/cpuinfo') as f:
        said = f.read()
    model, flags = (re.search(rf'^{name}\s*: (.*)', said, re.M) for name in ('model name', 'flags'))
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    return {'cpu': model[1] if model else platform.machine(), 'cores': os.cpu_count(),
            'flags': [f for f in FLAGS if flags and f in flags[1].split()], 'memory_gib': round(memory / 2**30, 1),
            'kernel': platform.release(), 'load': os.getloadavg()[0]}


def told(where):
    """In a line."""
    return (f'{where["cpu"]}, {where["cores"]} cores ({" ".join(where["flags"])}), {where["memory_gib"]} GiB, Linux {where["kernel"]}, '
            f'load {where["load"]:.2f}')
