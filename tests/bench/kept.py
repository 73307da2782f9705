"""kept: memory that was free stays the machine's own while it is measured.

A virtual machine may give back free pages to its hypervisor (page reporting): whoever takes one next then waits for it, up to 36
microseconds, which is more than all else that is done to its 4 KiB. That is the hypervisor's time, and it hits now one side, now the
other. Source: Linux, mm/page_reporting.c.
"""
import contextlib
import mmap
import os

FOLDER = '/sys/module/page_reporting/parameters'
OFF = {'page_reporting_order': '11', 'free_bitmap_enable': 'N'}  # no block is so large; not every kernel has the second
HUGE = 2 << 20
MOST_GIB = 8


def touch(size_bytes):
    """Has that much memory once, in huge pages, which are cleared as one."""
    with mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as m:
        m.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, size_bytes, HUGE):
            m[at] = 1


@contextlib.contextmanager
def kept(gib=MOST_GIB):
    """Yields words: what was done. gib: so much of it is touched before, or half of what is free."""
    was = {}
    for name, off in OFF.items():
        path = os.path.join(FOLDER, name)
        with contextlib.suppress(OSError), open(path, 'r+') as f:
            before = f.read()
            f.seek(0)
            f.write(off)
            f.flush()
            was[path] = before
    try:
        size = min(gib << 30, os.sysconf('SC_AVPHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 2) // HUGE * HUGE
        if was and size:
            touch(size)
        yield f'free memory was not given back to the hypervisor, {size / 2**30:.0f} GiB had been touched before' if was else \
            'free memory was left to the hypervisor, if there is one that takes it'
    finally:
        for path, before in was.items():
            with open(path, 'w') as f:
                f.write(before)
