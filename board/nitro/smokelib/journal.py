"""journal: smoke.json, written whole after each thing that is known, so that also an interrupted run says how far it came.

    {"version": 1,             of this form
     "name":                   of the run: its stack, its appliance, tag "sealtap-smoke" of its client
     "commit": "date": "region": "ami":
     "account":                scrypt of the account's number: says whether two runs had the same account, not which
     "began": "ended":         UTC; no "ended": it was cut off, and the next run removes what it left
     "ok":                     each step was, and nothing is left but as planned
     "estimate":               {"formula", "usd"}
     "steps": [{"name", "does", "judged", "ok", "seconds", "evidence": {...} or "error": text}]
     "resources": {logical name: physical name}   of what the stack retains
     "made": {"ami", "snapshot"}                  by this run itself
     "left": [{"what", "name", "why", "planned": true or false, "until"}]}

The account's number and keys stand nowhere: texts have ACCOUNT in its place.
"""
import datetime
import hashlib
import json
import os

VERSION = 1


def utc(at_s):
    return datetime.datetime.fromtimestamp(at_s, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def masked(value, account):
    if isinstance(value, str):
        return value.replace(account, 'ACCOUNT') if account else value
    if isinstance(value, dict):
        return {k: masked(v, account) for k, v in value.items()}
    return [masked(v, account) for v in value] if isinstance(value, (list, tuple)) else value


def account_hash(account):
    """A number of 12 digits is found by trying unless each try costs something: 16 MiB and some 40 ms."""
    return hashlib.scrypt(account.encode(), salt=b'sealtap smoke', n=1 << 14, r=8, p=1, dklen=12).hex()


class Journal:
    def __init__(self, path, account=''):
        self.path, self.account, self.told = path, account, {}

    def begin(self, **what):
        self.told = {'version': VERSION, **what, 'ok': False, 'steps': [], 'resources': {}, 'made': {}, 'left': []}
        self.write()

    def load(self):
        """What a run before this one wrote; False: there was none."""
        if not os.path.exists(self.path):
            return False
        with open(self.path) as f:
            self.told = json.load(f)
        return self.told.get('version') == VERSION

    def write(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + '.new', 'w') as f:
            json.dump(masked(self.told, self.account), f, indent=1)
            f.write('\n')
        os.rename(self.path + '.new', self.path)

    def __getitem__(self, key):
        return self.told[key]

    def __setitem__(self, key, value):
        self.told[key] = value
        self.write()
