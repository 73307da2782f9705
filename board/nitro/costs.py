#!/usr/bin/env python3
"""costs: what the appliance costs on AWS, by formula, and what NAT gateway and Traffic Mirroring would; prints the tables of README.md.

Prices are of us-east-1 in US dollars: PRICES says which were seen where. A month has 730 hours. What the appliance does when nothing
happens follows from its own constants; tests/aws/readme_test.py holds them, and README.md's tables, against the sources and this file.
"""
import math
import os
import re

HOURS = 730
DAY_S = 86400
STACK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'stack.yaml')

# what the appliance does by itself (src/base/conf.c, src/role/recorder.c, src/aws/cloudwatch.c)
OBJECT_S = 300           # object.max_seconds and log.interval_seconds: an object of each stream at the latest then
KEY_S = 3600 * 9 // 10   # key.max_seconds, of which nine tenths are used
METRICS_S = 60           # metrics.interval_seconds: a PutMetricData
METRICS = 28             # rows with a name in cloudwatch.c: a metric each
SMALL, LARGE = 'c7i.large', 'c7i.2xlarge'

SEEN = 'as others published it from AWS\'s price list in 2026'
UNSEEN = '**not verified here**'
# letter: (dollars, for what, of what, where it was seen, remark)
PRICES = {
    'I': (0.08925, 'an hour', f'instance, {SMALL}', SEEN, ''),
    'J': (0.357, 'an hour', f'instance, {LARGE}, for 100 TB', SEEN, ''),
    'A': (0.005, 'an hour', 'public IPv4 address', SEEN, ''),
    'E': (0.01, 'an hour and zone', 'interface endpoint', SEEN, 'three'),
    'D': (0.08, 'a GiB-month', 'spool, gp3', SEEN, '100 GiB; above 125 MiB/s 0.04 a MiB/s'),
    'K': (1, 'a month', 'KMS key', SEEN, ''),
    'G': (0.03, 'for 10,000', 'KMS calls', SEEN, ''),
    'P': (0.005, 'for 1,000', 'PUT', SEEN, 'one for each 64 MiB, and those of idle days'),
    'S1': (0.023, 'a GB-month', 'S3 Standard', SEEN, 'the first month'),
    'S2': (0.004, 'a GB-month', 'S3 Glacier Instant Retrieval', SEEN, 'then'),
    'S3': (0.00099, 'a GB-month', 'S3 Glacier Deep Archive', SEEN, 'of 84 months from the seventh on'),
    'N': (0.045, 'an hour, and a GB', 'NAT gateway', SEEN, ''),
    'M': (0.015, 'an hour', 'mirrored interface', UNSEEN, ''),
    'W1': (0.30, 'a month', 'CloudWatch metric', SEEN, f'{METRICS}'),
    'W2': (0.10, 'a month', 'CloudWatch alarm', UNSEEN, ''),
    'W3': (3, 'a month', 'CloudWatch dashboard', SEEN, 'one'),
    'W4': (0.01, 'for 1,000', 'PutMetricData', UNSEEN, 'one a minute'),
    'C': (0.0104, 'an hour', 't3.micro, the client of `make aws-smoke`', UNSEEN, ''),
    'B': (0.05, 'a GB-month', 'EBS snapshot', UNSEEN, ''),
}
P = {letter: row[0] for letter, row in PRICES.items()}


def alarms():
    """How many the stack makes."""
    with open(STACK) as f:
        return len(re.findall(r'^    Type: AWS::CloudWatch::Alarm$', f.read(), re.M))


# ---- when nothing happens

def idle_day(workers):
    """Calls in a day without a host inside: log, flows and each worker are streams, for the appliance's own connections are recorded."""
    streams = workers + 2
    return {'PUT': streams * math.ceil(DAY_S / OBJECT_S), 'GenerateDataKey': streams * math.ceil(DAY_S / KEY_S),
            'PutMetricData': DAY_S // METRICS_S, 'Publish': 0}


def idle_month_usd(workers):
    day, days = idle_day(workers), HOURS / 24
    return days * (day['PUT'] * P['P'] / 1000), days * day['GenerateDataKey'] * P['G'] / 10000


# ---- a month's formula

def stored_usd(months):
    """A GB over its life."""
    standard, instant = 1, min(months, 6) - 1 if months > 12 else months - 1
    return P['S1'] * standard + P['S2'] * instant + P['S3'] * (months - standard - instant)


def evidence_usd(gb, ratio, months):
    return ratio * gb * stored_usd(months)


def puts_usd(gb, ratio, workers):
    """64 MiB are 0.0671 GB."""
    return idle_month_usd(workers)[0] + P['P'] * ratio * gb / 0.0671 / 1000


def cloudwatch_usd():
    return P['W1'] * METRICS + P['W2'] * alarms() + P['W3'] + P['W4'] * HOURS * 3600 / METRICS_S / 1000


def machine(gb):
    """(price of the instance, its workers): as many as it has vCPUs."""
    return (P['J'], 8) if gb > 10000 else (P['I'], 2)


def sealtap_usd(gb, ratio=0.67, months=12):
    instance, workers = machine(gb)
    return (HOURS * (instance + P['A'] + 3 * P['E']) + 100 * P['D'] + P['K'] + idle_month_usd(workers)[1] + cloudwatch_usd()
            + evidence_usd(gb, ratio, months) + puts_usd(gb, ratio, workers))


def mirroring_usd(gb, ratio=0.67, months=12, mirrored=4):
    """NAT gateway, and Traffic Mirroring of interfaces to an instance of the same size that stores the same."""
    instance, workers = machine(gb)
    return (HOURS * (P['N'] + P['A'] + mirrored * P['M'] + instance) + P['N'] * gb + 100 * P['D']
            + evidence_usd(gb, ratio, months) + puts_usd(gb, ratio, workers))


# ---- the tables

def price_table():
    yield '| | US dollars | of | |'
    yield '| --- | --- | --- | --- |'
    for letter, (usd, per, what, seen, remark) in PRICES.items():
        yield f'| *{letter}* | {usd:g} {per} | {what} | {"; ".join(filter(None, [remark, seen if seen == UNSEEN else ""]))} |'


def month_table():
    volumes = (1000, 10000, 100000)
    yield f'| a month, kept 12 months, *r* = 0.67, *n* = 4 | 1 TB | 10 TB | 100 TB ({LARGE}) |'
    yield '| --- | --- | --- | --- |'
    for what, usd in (('sealtap', sealtap_usd), ('NAT gateway and mirroring', mirroring_usd),
                      ('of both: evidence in S3', lambda gb: evidence_usd(gb, 0.67, 12))):
        yield f'| {what} | ' + ' | '.join(f'{usd(gb):,.0f}' for gb in volumes) + ' |'


def idle_table():
    yield '| an idle day | one worker | two (c7i.large) | eight (c7i.2xlarge) |'
    yield '| --- | --- | --- | --- |'
    days = [idle_day(workers) for workers in (1, 2, 8)]
    for call in days[0]:
        yield f'| {call} | ' + ' | '.join(f'{day[call]:,}' for day in days) + ' |'
    yield '| PUT and KMS, a month | ' + ' | '.join(f'{sum(idle_month_usd(workers)):.2f}' for workers in (1, 2, 8)) + ' |'


def tables():
    return ['\n'.join(rows()) for rows in (price_table, month_table, idle_table)]


if __name__ == '__main__':
    print('\n\n'.join(tables()))
