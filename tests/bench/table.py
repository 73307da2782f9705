"""table: the rows of a benchmark, each with what it reached and what it must.

A group of rows is a module tests/bench/NAME_rows.py with rows(bench), a generator of Row: it measures ours and theirs in turns (A B A B),
bench.rounds times, and yields a row as soon as it is complete. bench.quick: a shorter run of the same (all groups together take less than
3 minutes). bench.folder: a directory on tmpfs that is emptied after the group; bench.note(text): progress; bench.version(name, text): of
a peer that tests/bench/machine.py does not know.
"""
import math
import operator
import statistics
import textwrap

COMPARE = {'<=': operator.le, '>=': operator.ge, '==': operator.eq}
KEPT = ('what', 'against', 'unit', 'ours', 'theirs', 'must', 'aim', 'how', 'short', 'missing')
HEAD = ('what', 'against', 'ours', 'theirs', 'ratio', 'must', 'reached')
WIDTH = 140


class Missing(Exception):
    """What a row needs is not here; the row counts as not reached, with this reason."""


class Row:
    """One comparison. ours and theirs: a figure for each round, of the same unit; theirs is empty where there is no peer. A ratio there
    is only where both medians are above 0.

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

    @classmethod
    def loaded(cls, kept):
        """What saved() gave."""
        row = cls('', '', '', [])
        for name in KEPT:
            setattr(row, name, kept[name])
        return row

    def saved(self):
        """For JSON: all that was measured, and what follows from it."""
        medians = {f'median_{side}': statistics.median(figures) if figures else None
                   for side, figures in (('ours', self.ours), ('theirs', self.theirs))}
        return {**{name: getattr(self, name) for name in KEPT}, **medians, 'figure': self.reached, 'reached': self.good}

    @property
    def reached(self):
        """The figure that must is about: the ratio of the medians, or ours; None: there is none."""
        if not self.ours:
            return None
        ours = statistics.median(self.ours)
        if not self.theirs:
            return ours
        theirs = statistics.median(self.theirs)
        return ours / theirs if min(ours, theirs) > 0 else None

    @property
    def due(self):
        """It counts: it has something to reach, or could not be measured."""
        return self.must is not None or self.missing is not None

    @property
    def good(self):
        if self.missing:
            return False
        if self.must is None:
            return True
        return self.reached is not None and COMPARE[self.must[0]](self.reached, self.must[1])


def scatter(*sides):
    """Why a row of many turns may be short: how far the figures of each side lie apart."""
    return 'from turn to turn: ' + '; '.join(f'{name} {number(min(figures))} to {number(max(figures))}' for name, figures in sides)


def number(x):
    """Three digits that count."""
    if x == 0 or abs(x) >= 1000:
        return f'{x:,.0f}'
    return f'{x:.{2 - math.floor(math.log10(abs(x)))}f}' if abs(x) >= 0.001 else f'{x:.2g}'


def cells(row):
    """The words of HEAD for a row."""
    ours, theirs = (f'{number(statistics.median(f))} {row.unit}'.strip() if f else '–' for f in (row.ours, row.theirs))
    ratio = f'{number(row.reached)}×' if row.theirs and row.reached else '–'
    must = f'{row.must[0]} {row.must[1]:.4g}' + ('×' if row.theirs else '') if row.must else '–'
    return row.what, row.against or '–', ours, theirs, ratio, must, 'NO' if not row.good else 'yes' if row.must else '–'


def reasons(row):
    """What stands below a row: why it was not measured, or why it is short."""
    if row.missing:
        return [f'not measured: {row.missing}']
    if row.must and row.reached is None:
        return ['no ratio: a figure is not above 0']
    return [row.short] if row.short and not row.good else [] if row.good else ['no reason is known']


def table(rows):
    """The table as text: a line a row, below it why it is not reached; then how each was measured."""
    lines = [HEAD, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]

    def line(words):
        return '  '.join(w.ljust(n) for w, n in zip(words, widths)).rstrip()
    text = [line(HEAD), '  '.join('-' * n for n in widths)]
    for row, words in zip(rows, lines[1:]):
        text.append(line(words))
        for reason in reasons(row):
            text += textwrap.wrap('short: ' + reason, WIDTH, initial_indent='    ', subsequent_indent='           ')
    for how in dict.fromkeys(row.how for row in rows if row.how):
        names = ', '.join(dict.fromkeys(row.what for row in rows if row.how == how))
        text += ['', *textwrap.wrap(f'{names}: {how}', WIDTH, subsequent_indent='  ')]
    return '\n'.join(text)
