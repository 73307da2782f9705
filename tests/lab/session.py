"""session: one life of the appliance under observation: armed, traffic in windows, power-off, and then the evidence.

    with Session(Host(lab, ..)) as session:      # captures run, the appliance is armed
        with session.window('pages'):            # marker frames open and close it on both sides
            ...
        session.end()                            # power button, drained, shipped, fetched, opened
    session.compare('pages')                     # recording against capture
"""
import contextlib
import time

from . import capture, compare, objects, probes


class Session:
    def __init__(self, appliance, arm_timeout_s=60):
        self.appliance, self.lab = appliance, appliance.lab
        self.arm_timeout_s = arm_timeout_s
        self.markers = {}  # window: {side: (first, last)}
        self.evidence = None

    def __enter__(self):
        self.captures = [capture.Capture(self.lab, side, ns, self.appliance.name) for side, ns in self.lab.nics]
        self.appliance.__enter__()
        return self

    def armed(self):
        """Waits until it is armed; seconds since power-on."""
        return self.appliance.console.wait_armed(self.arm_timeout_s)

    def armed_under_fire(self):
        """The same, while the host inside sends at it all the time."""
        with probes.Probes(self.lab) as self.probes:
            armed_s = self.armed()
            time.sleep(0.5)
        return armed_s

    def check_nothing_before_armed(self):
        """Nothing is forwarded before recording is armed: every packet that came through from the first on is in the recording."""
        arrived, recorded = self.probes.seen, set()
        assert arrived, 'no probe came through after ARMED'
        assert len(arrived) < self.probes.sent, 'every probe came through, also those from before it was armed'
        for stream in self.evidence.recorded().values():
            recorded |= probes.numbers(f.data for f in stream if f.interface == compare.SIDES.index('inside'))
        missing = sorted(arrived - recorded)
        assert not missing, f'{len(missing)} of {len(arrived)} forwarded probes were not recorded, the first is number {missing[0]}'

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    @contextlib.contextmanager
    def window(self, name):
        opening = self._mark(f'open {name}')
        yield
        time.sleep(0.1)
        closing = self._mark(f'close {name}')
        self.markers[name] = {side: (opening[side], closing[side]) for side in opening}

    def _mark(self, text):
        """Three marker frames on each side, apart, so that one of them stands alone whatever else is under way: {side: markers}."""
        marks = {c.side: [] for c in self.captures}
        for turn in range(3):
            for c in self.captures:
                marks[c.side].append(c.mark(f'{text} {turn}'))
            time.sleep(0.03)
        return marks

    def end(self):
        self.power_off()
        self.collect()

    def power_off(self):
        """The power button: drained, shipped, off; and the captures end."""
        self.appliance.stop()
        self.frames = {c.side: c.done() for c in self.captures}

    def collect(self):
        """Fetches and opens what this life shipped, and cuts the captures into windows."""
        self.evidence = objects.collect(self.lab)
        self.cut_windows()

    def cut_windows(self):
        self.windows = {}
        for name, sides in self.markers.items():
            self.windows[name] = {side: capture.window(self.frames[side], *(capture.loneliest(self.frames[side], m) for m in markers))
                                  for side, markers in sides.items()}

    def compare(self, name, lossy=False):
        return compare.compare(self.evidence, self.windows[name], lossy)

    def recorded(self, name, side):
        """{stream: recorded frames} of one side's window."""
        frames = self.windows[name][side]
        return compare.side_window(self.evidence.recorded(), compare.SIDES.index(side), frames[0].data, frames[-1].data)
