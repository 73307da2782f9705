"""session: one life of the appliance under observation: armed, traffic in windows, power-off, and then the evidence.

    with Session(Host(lab, ..)) as session:      # captures run, the appliance is armed
        with session.window('pages'):            # marker frames open and close it on both sides
            ...
        session.end()                            # power button, drained, shipped, fetched, opened
    session.compare('pages')                     # recording against capture
"""
import contextlib
import time

from . import capture, compare, objects


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

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    @contextlib.contextmanager
    def window(self, name):
        first = {c.side: c.mark(f'open {name}') for c in self.captures}
        time.sleep(0.02)  # what was under way lies before the window
        yield
        time.sleep(0.1)
        last = {c.side: c.mark(f'close {name}') for c in self.captures}
        time.sleep(0.02)
        self.markers[name] = {side: (first[side], last[side]) for side in first}

    def end(self):
        self.appliance.stop()
        self.frames = {c.side: c.done() for c in self.captures}
        self.evidence = objects.collect(self.lab, self.lab.boots)
        self.lab.boots |= self.evidence.boots()
        self.windows = {}
        for name, sides in self.markers.items():
            self.windows[name] = {side: capture.window(self.frames[side], *markers) for side, markers in sides.items()}

    def compare(self, name):
        return compare.compare(self.evidence, self.windows[name])

    def recorded(self, name, side):
        """{stream: recorded frames} of one side's window."""
        frames = self.windows[name][side]
        return compare.side_window(self.evidence.recorded(), compare.SIDES.index(side), frames[0].data, frames[-1].data)
