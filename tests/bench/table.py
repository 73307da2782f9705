"""table: the rows of a benchmark, each with what it reached and what it must.

A group of rows is a module tests/bench/NAME_rows.py with rows(bench), a generator of Row: it measures ours and theirs in turns (A B A B),
bench.rounds times, and yields a row as soon as it is complete. bench.quick: a shorter run of the same (all groups together take less than
3 minutes). bench.folder: a directory on tmpfs that is emptied after the group; bench.note(text): progress.
"""
import operator
import statistics

COMPARE = {'<=': operator.le, '>=': operator.ge, '==': operator.eq}


class Missing(Exception):
    """What a row needs is not here; the row counts as not reached, with this reason."""


class Row:
    """One comparison. ours and theirs: a figure for each round, of the same unit; theirs is empty where there is no peer.

    must: ('<=', 0.5), of the ratio ours/theirs, or of ours where there is no peer; None: shown for information. aim: what we would like.
    how: what was measured, and what each side authenticates and hashes. short: why it falls short, and what was tried.
    """

    def __init__(self, what, against, unit, ours, theirs=(), must=None, aim=None, how='', short=''):
        self.what, self.against, self.unit, self.how, self.short = what, against, unit, how, short
        self.ours, self.theirs, self.must, self.aim = list(ours), list(theirs), must, aim
        self.missing = None

    @classmethod
    def absent(cls, what, against, must, reason):
        """A row that could not be measured."""
        row = cls(what, against, '', [], [], must)
        row.missing = reason
        return row

    @property
    def reached(self):
        """The figure that must is about: the ratio of the medians, or ours."""
        if not self.ours:
            return None
        ours = statistics.median(self.ours)
        if not self.theirs:
            return ours
        theirs = statistics.median(self.theirs)
        return ours / theirs if theirs else float('inf')

    @property
    def good(self):
        if self.must is None:
            return True
        return self.reached is not None and COMPARE[self.must[0]](self.reached, self.must[1])
