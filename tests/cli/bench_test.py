#!/usr/bin/env python3
"""bench_test: what `make bench` says of its rows, with groups that measure nothing: tests/bench/run, table.py, chart.py.

bench_test.py [-k PATTERN]
"""
import contextlib
import glob
import json
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from lab import testing  # noqa: E402
from lab.certs import TOP  # noqa: E402

sys.path.insert(0, os.path.join(TOP, 'tests', 'bench'))
from table import number  # noqa: E402

GROUPS = {
    'good': """
        assert os.path.isdir(bench.folder) and bench.rounds == 2
        bench.note('under way')
        bench.version('a peer', '4.2')
        yield Row('seal <64 KiB>', 'a peer', 'GB/s', [9, 11], [5, 5], ('>=', 1), how='both authenticate & hash')
        yield Row('lost', '', 'packets', [0, 0], must=('==', 0))
        yield Row('memory', '', 'MiB', [31, 33], must=('<=', 32), aim=16)
        yield Row('only told', 'a peer', 's', [2, 4], [1, 1])
    """,
    'short': """
        yield Row('late', 'a peer', 's', [4, 4], [2, 2], ('<=', 1.5), short='the bus is slow; nothing helped')
        yield Row('later', 'a peer', 's', [4, 4], [2, 2], ('<=', 2))
        yield Row('above nothing', 'a peer', 's', [-1, 1], [1, 1], ('<=', 2))
        yield Row('told of nothing', 'a peer', 's', [-1, 1], [1, 1])
        yield Row('lost', '', 'packets', [0, 1], must=('==', 0))
        yield Row.absent('sixth', 'a seventh', ('<=', 1), 'there is no seventh here')
    """,
    'missing': """
        yield Row('first', '', 's', [1, 1], must=('<=', 2))
        raise Missing('no such program: install it')
    """,
    'broken': """
        yield Row('first', '', 's', [1, 1], must=('<=', 2))
        {}['key']
    """,
    'dying': """
        yield Row('first', '', 's', [1, 1], must=('<=', 2))
        bench.out.write('{"row": {"wh')
        os._exit(0)
    """,
    'hanging': """
        child = subprocess.Popen(['sleep', '1000'])
        yield Row('first', '', '', [child.pid], must=('>=', 1))
        time.sleep(1000)
    """,
    'idle': """
        yield from ()
    """,
    'open': """
        yield Row('an hour', '', 's', [1, 1], must=('<=', 2))
    """,
}
HEAD = 'import os\nimport subprocess\nimport time\nfrom table import Missing, Row\n\n\ndef rows(bench):'

LIMIT_S = 4


class Ran:
    """tests/bench/run over some of these groups."""

    def __init__(self, names, *options):
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                with open(f'{folder}/{name}_rows.py', 'w') as f:
                    f.write(HEAD + GROUPS[name])
            argv = [os.path.join(TOP, 'tests/bench/run'), '--groups', folder, '--out', folder + '/out', '--rounds', '2', *options]
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.status, self.said, self.charts, self.json = done.returncode, done.stdout, {}, None
            for path in glob.glob(folder + '/out/*.svg'):
                with open(path) as f:
                    self.charts[os.path.basename(path)] = f.read()
            if os.path.exists(folder + '/out/table.json'):
                with open(folder + '/out/table.json') as f:
                    self.json = json.load(f)

    def row(self, what):
        return next(line for line in self.said.splitlines() if line.startswith(what) and '==>' not in line).split()

    def rows(self, group):
        return {row['what']: row for row in self.json['rows'] if row['group'] == group}


def all_rows_good(ran):
    """Where every row reaches its figure the exit status is 0"""
    assert ran.status == 0 and ran.json['reached'] is True, ran.said
    assert ran.row('seal')[-2:] == ['1×', 'yes'] and ran.row('memory')[-1] == 'yes' and ran.row('only')[-1] == '–', ran.said
    assert '\n3 of 3 rows reached their figure' in ran.said, ran.said


def told_with_all_figures(ran):
    """table.json has each round's figures, medians, ratio and bound; the machine, its flags, and the versions of all peers"""
    row = ran.rows('good')['seal <64 KiB>']
    assert (row['ours'], row['theirs'], row['median_ours'], row['median_theirs'], row['figure']) == ([9, 11], [5, 5], 10, 5, 2), row
    assert (row['must'], row['how']) == (['>=', 1], 'both authenticate & hash') and ran.rows('good')['memory']['aim'] == 16
    assert ran.json['rounds'] == 2 and ran.json['quick'] is False and ran.json['date'].endswith('+00:00')
    assert ran.json['versions']['a peer'] == '4.2' and 'openssl' in ran.json['versions']
    assert {'cpu', 'cores', 'flags', 'memory_gib', 'kernel'} <= set(ran.json['machine'])


def how_it_was_measured(ran):
    """The text says below the table how each row was measured"""
    assert 'seal <64 KiB>: both authenticate & hash' in ran.said, ran.said


def charts_are_svg(ran):
    """Each group has a chart in SVG with a bar a row"""
    assert ran.charts
    for name, text in ran.charts.items():
        page = xml.dom.minidom.parseString(text)
        assert page.documentElement.tagName == 'svg', name
        bars = page.getElementsByTagName('rect')
        assert len(bars) == len(ran.rows(name.removesuffix('.svg'))), (name, len(bars))


def short_rows_fail(ran):
    """A row that falls short makes the exit status 1, and its reason stands below it"""
    assert ran.status == 1 and ran.json['reached'] is False, ran.said
    assert ran.row('late ')[-1] == 'NO' and ran.row('later')[-1] == 'yes' and ran.row('lost')[-1] == 'NO', ran.said
    lines = ran.said.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith('late '))
    assert lines[at + 1].strip() == 'short: the bus is slow; nothing helped', lines[at + 1]
    assert '\n6 of 15 rows reached their figure' in ran.said, ran.said


def no_ratio_of_nothing(ran):
    """Where a median is not above 0 there is no ratio, and no bound is reached"""
    rows = ran.rows('short')
    assert rows['above nothing']['figure'] is None and not rows['above nothing']['reached'], rows
    assert rows['told of nothing']['reached'] and 'no ratio: a figure is not above 0' in ran.said, ran.said


def absent_rows_fail(ran):
    """A row that could not be measured is not reached, and says why"""
    assert ran.row('sixth')[-1] == 'NO' and 'not measured: there is no seventh here' in ran.said, ran.said
    assert ran.rows('short')['sixth']['reached'] is False


def groups_stand_alone(ran):
    """A group that fails, dies, hangs or lacks a program is one more row that is not reached; its other rows and the other groups count"""
    for name, why in (('missing', 'no such program: install it'), ('broken', "KeyError: 'key'"), ('dying', 'ended with status 0'),
                      ('hanging', f'was ended after {LIMIT_S} s')):
        rows = ran.rows(name)
        assert rows['first']['reached'] and len(rows) == 2, rows
        other = rows[f'{name}: the other rows']
        assert why in other['missing'] and not other['reached'], rows
    assert 'it has no row' in ran.rows('idle')['idle: all rows']['missing']
    assert len(ran.rows('open')) == 1, ran.said


def nothing_runs_on(ran):
    """What a group started that had to be ended is ended as well"""
    with contextlib.suppress(FileNotFoundError), open(f'/proc/{ran.rows("hanging")["first"]["ours"][0]}/cmdline') as f:
        assert f.read() == '', 'it still runs'  # what ended and was not waited for has no command line


def quick_leaves_open_out(ran):
    """A quick run leaves the hour of open out"""
    assert ran.status == 0 and ran.json['quick'] is True and not ran.rows('open') and len(ran.rows('good')) == 4, ran.said


def unknown_group():
    """A group that there is not is refused"""
    ran = Ran(['good'], 'gone')
    assert ran.status == 2 and 'no such group: gone; there are good' in ran.said and not ran.json, ran.said


def three_digits():
    """Figures are told with three digits that count"""
    told = {0: '0', 0.2549: '0.255', 1.044: '1.04', 15.24: '15.2', 404.4: '404', 12345.6: '12,346', 0.00012: '0.00012'}
    assert {x: number(x) for x in told} == told, {x: number(x) for x in told}


def main():
    report = testing.report()
    report.life(lambda: Ran(['good']), [all_rows_good, told_with_all_figures, how_it_was_measured, charts_are_svg])
    report.life(lambda: Ran([n for n in GROUPS if n != 'good'], '--limit', str(LIMIT_S)),
                [short_rows_fail, no_ratio_of_nothing, absent_rows_fail, groups_stand_alone, nothing_runs_on, charts_are_svg],
                about=', where rows fall short')
    report.life(lambda: Ran(['good', 'open'], '--quick'), [quick_leaves_open_out])
    report.run(unknown_group)
    report.run(three_digits)
    report.finish()


main()
