#!/usr/bin/env python3
"""readme_test: what board/nitro/README.md says in numbers and names is what board/nitro/costs.py, stack.yaml and the sources have."""
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, 'tests'), os.path.join(TOP, 'board', 'nitro')]

import costs  # noqa: E402
from lab import template, testing  # noqa: E402
from smokelib import steps  # noqa: E402


SAMPLE = set("""vpc internetgateway sbpublic sbwebserver sbmanagement routetables natroute firebox elasticip sgpubliceni sgwebservereni
    sgwebserver sgmanagement sgssh sgs3cidrs s3endpointegress lambda lambdasnat kmskey capturepackets clirole packetcaptureserver s3bucket
    s3bucketpolicy s3endpoint flowlogs flowlogsrole webserver""".split())  # its templates at that commit


def source(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def default(key):
    """A setting's default, of the table in conf.c."""
    return int(re.search(rf'{{"{re.escape(key)}",.*"(\d+)"}}', source('src/base/conf.c'))[1])


def the_tables_are_computed():
    """README's prices, months and idle day are the ones that costs.py prints"""
    readme = source('board/nitro/README.md')
    for table in costs.tables():
        assert table in readme, f'run board/nitro/costs.py and put this into board/nitro/README.md:\n{table}'


def an_idle_day_is_the_appliances():
    """PUTs, data keys and metrics of an idle day follow from the appliance's own defaults, which the stack leaves as they are"""
    recorder, metrics = source('src/role/recorder.c'), source('src/aws/cloudwatch.c')
    assert costs.OBJECT_S == default('object.max_seconds') == default('log.interval_seconds')
    tenths = int(re.search(r'return key_used\(r, (\d+)\);', recorder)[1])
    assert costs.KEY_S == default('key.max_seconds') * tenths // 10
    assert costs.METRICS_S == default('metrics.interval_seconds')
    assert costs.METRICS == len(re.findall(r'^\t\{"\w+", "(?:Count|Bytes|Seconds|None)"', metrics, re.M)) > 20
    changed = re.findall(r'^ +((?:object|key|log|metrics)\.\w+_(?:seconds|bytes)) =', source('board/nitro/stack.yaml'), re.M)
    assert not changed, f'the stack sets {changed}'
    day = costs.idle_day(1)
    assert (day['PUT'], day['GenerateDataKey']) == (3 * 288, 3 * 27), day
    assert f'{day["GenerateDataKey"]} calls a day and at most {day["PUT"]} small PUTs' in source('README.md')


def what_is_unverified_is_marked():
    """Each price says whether it was seen; what was not is marked so in README"""
    for letter, (*_, seen, _remark) in costs.PRICES.items():
        row = re.search(rf'^\| \*{letter}\* .*$', source('board/nitro/README.md'), re.M)[0]
        assert (costs.UNSEEN in row) == (seen != costs.SEEN), row


def the_smoke_is_below_a_dollar():
    """What smoke estimates has the same prices, and stays below a dollar also where it takes three hours"""
    assert steps.AN_HOUR['appliance c7i.large'] == costs.P['I'] and steps.AN_HOUR['three endpoints'] == 3 * costs.P['E']
    told = steps.estimate()['usd']
    assert 0.1 < told < 1 and f'{told} in us-east-1' in source('board/nitro/README.md'), told
    assert 3 * sum(steps.AN_HOUR.values()) + sum(steps.ONCE.values()) < 1


def what_stands_beside_the_sample_is_there():
    """What README sets beside PacketCaptureAWS are resources of the stack, and each of that sample's templates has its row"""
    table = source('board/nitro/README.md').partition('## Beside PacketCaptureAWS')[2]
    rows = re.findall(r'^\| (.*?) \| (.*) \|$', table, re.M)[2:]
    there, here = (set(re.findall(r'`(\w+)`', ' '.join(row[column] for row in rows))) for column in (0, 1))
    logical = set(re.findall(r'^  (\w+):', source('board/nitro/stack.yaml').partition('\nResources:')[2].partition('\nOutputs:')[0], re.M))
    assert len(here) > 40 and here <= logical, here - logical
    assert there == SAMPLE, there ^ SAMPLE


def what_is_told_is_what_is_there():
    """README's tables of alarms and rules are the stack's: each by name, an alarm with its minutes and what silence is to it"""
    told = source('board/nitro/README.md').partition('## What is told')[2].partition('\n## ')[0]
    resources = template.load(source('board/nitro/stack.yaml'))['Resources']
    alarms = {n: r['Properties'] for n, r in resources.items() if r['Type'] == 'AWS::CloudWatch::Alarm'}
    row = re.compile(r'^\| `(\w+Alarm)` \| .* \| (\d+) \| (.*) \|$', re.M)
    rows = {name: (int(minutes), silence) for name, minutes, silence in row.findall(told)}
    assert set(rows) == set(alarms), set(rows) ^ set(alarms)
    for name, p in alarms.items():
        period = p['Period'] if 'Period' in p else max(m['MetricStat']['Period'] for m in p['Metrics'] if 'MetricStat' in m)
        silence = 'alarm' if p['TreatMissingData'] == 'breaching' else 'quiet'
        assert rows[name][0] * 60 == period * p['EvaluationPeriods'] and rows[name][1].startswith(silence), (name, rows[name])
    rules = set(re.findall(r'^\| `(\w+Watch)` \|', told, re.M))
    assert rules == {n for n, r in resources.items() if r['Type'] == 'AWS::Events::Rule'}, rules
    given = set(template.load(source('board/nitro/global.yaml'))['Parameters'])
    assert set(re.findall(r'(\w+)=\S', told.partition('--parameter-overrides')[2].partition('```')[0])) == given, given


def main():
    report = testing.report()
    for test in (the_tables_are_computed, an_idle_day_is_the_appliances, what_is_unverified_is_marked, the_smoke_is_below_a_dollar,
                 what_stands_beside_the_sample_is_there, what_is_told_is_what_is_there):
        report.run(test)
    report.finish()


main()
