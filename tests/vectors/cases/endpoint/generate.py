#!/usr/bin/env python3
"""generate.py: writes table.txt: where botocore's rule sets say that each service of each region is.

With --check it writes nothing and says whether the table is still what the installed botocore resolves; an older
botocore than the table's, or none, is no judge.

A line: service, region, variant, URL. Services are s3, s3-dots (a bucket with dots), kms, monitoring, sns, and those of
the operator's command alone: sts, ec2, logs, iam, sso; the bucket is in the URL. Variants: plain, fips, dual,
both. S3 is asked for its regional endpoint, which for us-east-1 is not its default.
"""
import argparse
import os
import sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'table.txt')
PARTITIONS = 'aws', 'aws-us-gov'
SERVICES = {'s3': 's3', 's3-dots': 's3', 'kms': 'kms', 'monitoring': 'cloudwatch', 'sns': 'sns',
            'sts': 'sts', 'ec2': 'ec2', 'logs': 'logs', 'iam': 'iam', 'sso': 'sso'}
BUCKETS = {'s3': 'evidence', 's3-dots': 'evi.den.ce'}
VARIANTS = {'plain': (False, False), 'fips': (True, False), 'dual': (False, True), 'both': (True, True)}


def version(text):
    return tuple(int(n) for n in text.split('.')[:3])


class Judge:
    def __init__(self):
        import botocore
        from botocore.endpoint_provider import EndpointProvider
        from botocore.loaders import create_loader
        loader = create_loader()
        self.version = botocore.__version__
        partitions = loader.load_data('partitions')
        ours = [p for p in loader.load_data('endpoints')['partitions'] if p['partition'] in PARTITIONS]
        self.regions = [region for p in ours for region in sorted(p['regions'])]
        self.of = {}
        for model in set(SERVICES.values()):
            self.of[model] = EndpointProvider(loader.load_service_model(model, 'endpoint-rule-set-1'), partitions)

    def url(self, service, region, variant):
        fips, dual = VARIANTS[variant]
        asked = {'Region': region, 'UseFIPS': fips, 'UseDualStack': dual}
        if service in BUCKETS:
            asked |= {'Bucket': BUCKETS[service], 'UseGlobalEndpoint': False, 'Accelerate': False, 'ForcePathStyle': False}
        if service == 'sts':
            asked |= {'UseGlobalEndpoint': False}
        return self.of[SERVICES[service]].resolve_endpoint(**asked).url

    def table(self, regions):
        return [f'{s} {r} {v} {self.url(s, r, v)}' for s in SERVICES for r in regions for v in VARIANTS]


def check(judge):
    with open(TABLE) as f:
        head, *lines = f.read().splitlines()
    made_by = head.split()[-1]
    sentence = 'where services are is what botocore resolves'
    if judge is None:
        print(f'skip {sentence}: botocore is not installed')
        return 0
    if version(judge.version) < version(made_by):
        print(f'skip {sentence}: botocore {judge.version} is older than {made_by}')
        return 0
    now = judge.table(dict.fromkeys(line.split()[1] for line in lines))
    wrong = [f'  {old}, but botocore {judge.version} says {new.split()[-1]}' for old, new in zip(lines, now) if old != new]
    print(*wrong, sep='\n', end='\n' if wrong else '')
    good = not wrong and len(lines) == len(now)
    print(('ok ' if good else 'not ok ') + sentence)
    return not good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--check', action='store_true')
    args = p.parse_args()
    try:
        judge = Judge()
    except ImportError:
        judge = None
    if args.check:
        sys.exit(check(judge))
    if judge is None:
        p.error('botocore is not installed')
    with open(TABLE, 'w') as f:
        print(f'# made by generate.py with botocore {judge.version}', *judge.table(judge.regions), sep='\n', file=f)


main()
