"""clock: the appliance's time as a test says it, for build/injected/init (injected_clock.c): faster than the machine's, and jumping.

Within `with Clock(lab) as clock:` speed(60) makes an hour take a minute, for AWS's clock (the front's) too; leap(60) makes a minute pass at
once, for all of them, so that no delay of the machine counts for more than it is; jump(3600) sets the appliance's clock alone an hour ahead
of what it was, what stamps packets included. Monotonic time leaps, too, but does not jump.

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
BYTES, ROWS_MAX = 65536, 1023
COUNT, ROW = struct.Struct('<Q'), struct.Struct('<5Q')
STEER_AT, STEER, SLEW_PPM = 49152, struct.Struct('<Q3q'), 500
LEAD_S, SETTLE_S = 0.05, 0.1
DAY_S = 86400
# the day begins this much later than the machine's: certificates made just now are valid also after a jump back
AHEAD_S = 7200


def shared(path, size):
    """A file that roles of any user map, and the test too: zeros."""
    with open(path, 'w+b') as f:
        os.fchmod(f.fileno(), 0o666)
        f.truncate(size)
        return mmap.mmap(f.fileno(), size)


class Clock:
    def __init__(self, lab):
        self.lab, self.rows, self.now_speed = lab, [], 1
        self.time_servers = [lab.time_server]
        self.front = {'clock_offset_s': AHEAD_S, 'clock_since': 0, 'clock_speed': 1, 'clock_leap_s': 0}

    def __enter__(self):
        self.table = shared(PATH, BYTES)
        self._row(AHEAD_S)
        self.renew(self.lab.amazon.role_keys, DAY_S)
        return self

    def __exit__(self, *_):
        os.unlink(PATH)
        self.lab.metadata.credentials(self.lab.amazon.role_keys)
        self._tell(clock_offset_s=0, clock_since=0, clock_speed=1, clock_leap_s=0)

    def _tell(self, **front):
        self.lab.front.tell(**front)
        for server in self.time_servers:
            self._tell_server(server, front)

    @staticmethod
    def _tell_server(server, front):
        server.clock = {key[len('clock_'):]: value for key, value in front.items()}
        server.tell(**server.state)

    def keep(self, server):
        """One more NTP server follows AWS's clock."""
        self.time_servers.append(server)
        self._tell_server(server, self.front)

    def _row(self, jump_s, leap_s=0):
        """From a moment on that is near but not here yet; returns when it is."""
        assert len(self.rows) < ROWS_MAX
        real, mono = time.time_ns(), time.monotonic_ns()
        lead = int(LEAD_S * 10**9)
        real, mono = real + lead, mono + lead
        self._told_from(real / 1e9, leap_s)
        row = (mono, real, self._at(mono, 0) + int(leap_s * 10**9), self._at(real, 1) + int((jump_s + leap_s) * 10**9), self.now_speed)
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

    def _told_from(self, since, leap_s):
        f = self.front
        gained_s = (since - f['clock_since']) * (f['clock_speed'] - 1) if f['clock_since'] else 0
        offset_s = f['clock_offset_s'] + f['clock_leap_s'] + gained_s
        self.front = {'clock_offset_s': offset_s, 'clock_since': since, 'clock_speed': self.now_speed, 'clock_leap_s': leap_s}

    def speed(self, times):
        self.now_speed = times
        self._row(0)

    def leap(self, seconds):
        self._row(0, seconds)

    def pass_time(self, seconds, step_s=5, until=lambda: False):
        """So much passes in leaps, so that what is due now and then is done; not on when until() is true, which it gives."""
        for _ in range(seconds // step_s):
            if until():
                break
            self.leap(step_s)
            time.sleep(SETTLE_S)
        return until()

    def renew(self, keys, left_s):
        """The metadata service gives these credentials, for so long by AWS's clock."""
        self.lab.front.credentials(keys)
        expires = time.gmtime(self.aws_s() + left_s)
        self.lab.metadata.credentials({**keys, 'Expiration': time.strftime('%Y-%m-%dT%H:%M:%SZ', expires)})

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
        """Of the appliance's time between two moments of the machine's (time.time()), but for jumps: by its monotonic clock."""
        return (self._mono(ended) - self._mono(began)) / 1e9

    def _mono(self, moment_s):
        moment_ns = int(moment_s * 1e9)
        row = next((row for row in reversed(self.rows) if row[1] <= moment_ns), self.rows[0])
        return row[2] + (moment_ns - row[1]) * row[4]

    def aws_s(self):
        """Seconds since 1970 by AWS's clock."""
        now, f = time.time(), self.front
        since_s = now - f['clock_since']
        passed_s = since_s * (f['clock_speed'] - 1) + f['clock_leap_s'] if f['clock_since'] and since_s > 0 else 0
        return now + f['clock_offset_s'] + passed_s

    def wait(self, seconds):
        """For so long by the appliance's clock."""
        time.sleep(seconds / self.now_speed)
