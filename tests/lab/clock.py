"""clock: the appliance's time as a test says it, for build/injected/init (injected_clock.c): faster than the machine's, and jumping.

Within `with Clock(lab) as clock:` speed(60) makes an hour take a minute, for AWS's clock (the front's) too; jump(3600) sets the appliance's
clock alone an hour ahead of what it was, what stamps packets included. Monotonic time goes on without jumps.

Behind the table stands what the appliance did to its clock itself: shown_ns() has it all. NTP follows AWS's clock.

The table is in shared memory: roles have no right to read a checkout. A row is written before it comes into force, so that no process can
read a later time by the row before.
"""
import mmap
import os
import struct
import time

from .certs import TOP

PATH = '/dev/shm/sealtap' + TOP.replace('/', '-')  # as the Makefile says it
BYTES, ROWS_MAX = 16384, 255
COUNT, ROW = struct.Struct('<Q'), struct.Struct('<5Q')
STEER_AT, STEER, SLEW_PPM = 12288, struct.Struct('<Q3q'), 500
LEAD_S = 0.05
# the day begins this much later than the machine's: certificates made just now are valid also after a jump back
AHEAD_S = 7200


class Clock:
    def __init__(self, lab):
        self.lab, self.rows, self.now_speed = lab, [], 1
        self.front = {'clock_offset_s': AHEAD_S, 'clock_since': 0, 'clock_speed': 1}

    def __enter__(self):
        with open(PATH, 'wb') as f:
            os.fchmod(f.fileno(), 0o666)
            f.truncate(BYTES)
        with open(PATH, 'r+b') as f:
            self.table = mmap.mmap(f.fileno(), BYTES)
        self._row(AHEAD_S)
        return self

    def __exit__(self, *_):
        os.unlink(PATH)
        self._tell(clock_offset_s=0, clock_since=0, clock_speed=1)

    def _tell(self, **front):
        self.lab.front.tell(**front)
        self.lab.time_server.clock = {key[len('clock_'):]: value for key, value in front.items()}
        self.lab.time_server.tell(**self.lab.time_server.state)

    def _row(self, jump_s):
        """From a moment on that is near but not here yet; returns when it is."""
        assert len(self.rows) < ROWS_MAX
        real, mono = time.time_ns(), time.monotonic_ns()
        lead = int(LEAD_S * 10**9)
        real, mono = real + lead, mono + lead
        row = (mono, real, self._at(mono, 0), self._at(real, 1) + int(jump_s * 10**9), self.now_speed)
        at = len(self.rows)
        self.table[8 + at * ROW.size:8 + (at + 1) * ROW.size] = ROW.pack(*row)
        self.table[:8] = COUNT.pack(at + 1)
        self.rows.append(row)
        self._tell(**self.front)
        time.sleep(max(0, real - time.time_ns()) / 1e9 + 0.005)

    def _at(self, machine_ns, which):
        """which: 0 monotonic, 1 real."""
        for row in reversed(self.rows):
            if row[which] <= machine_ns:
                return row[2 + which] + (machine_ns - row[which]) * row[4]
        return machine_ns

    def speed(self, times):
        since = time.time() + LEAD_S
        passed = (since - self.front['clock_since']) * (self.front['clock_speed'] - 1) if self.front['clock_since'] else 0
        self.front = {'clock_offset_s': self.front['clock_offset_s'] + passed, 'clock_since': since, 'clock_speed': times}
        self.now_speed = times
        self._row(0)

    def jump(self, seconds):
        self._row(seconds)

    def steered_ns(self):
        """How much further the appliance has set its clock than the table says."""
        count, = COUNT.unpack(self.table[STEER_AT:STEER_AT + 8])
        if not count:
            return 0
        at = STEER_AT + 8 + (count - 1) * STEER.size
        since, by, slew, ppb = STEER.unpack(self.table[at:at + STEER.size])
        passed = int(self.passed_s(since / 1e9, time.time()) * 10**9)
        most = passed * SLEW_PPM // 10**6
        return by + max(-most, min(most, slew)) + passed * ppb // 10**9

    def shown_ns(self):
        """What the appliance's clock shows."""
        return self._at(time.time_ns(), 1) + self.steered_ns()

    def off_s(self):
        """How far the appliance's clock is ahead of true time, AWS's."""
        return self.shown_ns() / 1e9 - self.aws_s()

    def passed_s(self, began, ended):
        """Of the appliance's time between two moments of the machine's (time.time()), but for jumps."""
        total = 0
        for row, after in zip(self.rows, self.rows[1:] + [None]):
            start, end = row[1] / 1e9, after[1] / 1e9 if after else float('inf')
            total += max(0, min(end, ended) - max(start, began)) * row[4]
        return total

    def aws_s(self):
        """Seconds since 1970 by AWS's clock."""
        now, f = time.time(), self.front
        return now + f['clock_offset_s'] + (max(0, now - f['clock_since']) * (f['clock_speed'] - 1) if f['clock_since'] else 0)

    def wait(self, seconds):
        """For so long by the appliance's clock."""
        time.sleep(seconds / self.now_speed)
