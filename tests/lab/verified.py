"""verified: a recorded set, to be tampered with, and what `sealtap verify` says of it."""
import json
import os
import tempfile

COMPLETE, GAPS, DAMAGED = 0, 1, 2


class Set:
    """The objects of a life as they are to be put: {name: [body, metadata]}, to be tampered with; then what verify says of them: in a
    folder, as `fetch` leaves them there, or in a bucket."""

    def __init__(self, life):
        self.life = life
        self.there = {o.name: [o.body(), dict(o.meta)] for o in life.objects}

    def of(self, stream, i):
        return self.life.of(stream)[i].name

    def put(self):
        bucket = self.life.lab.bucket()
        for name, (body, meta) in self.there.items():
            bucket.put(name, body, meta)
        return bucket

    def write(self, folder):
        for name, (body, meta) in self.there.items():
            path = os.path.join(folder, os.path.basename(name))
            with open(path, 'wb') as f:
                f.write(body)
            with open(path + '.json', 'w') as f:
                json.dump({'key': name, 'size': str(len(body)), **({'metadata': meta} if meta else {})}, f)

    def verify(self, *options, bucket=None, **environment):
        if bucket:
            return Found(bucket.sealtap('verify', '--json', *options, **environment))
        with tempfile.TemporaryDirectory(dir=self.life.lab.folder) as folder:
            self.write(folder)
            found = Found(self.life.lab.sealtap('verify', '--json', *options, folder, **environment))
            names = {os.path.basename(name): name for name in self.there}
            for f in found.findings:
                base = os.path.basename(f.get('object', ''))
                if base in names:
                    f['object'] = names[base]
            return found


class Found:
    def __init__(self, done):
        lines = [json.loads(line) for line in done.out.decode().splitlines()]
        self.status, self.err = done.status, done.err
        self.findings = [f for f in lines if 'finding' in f]
        self.result = lines[-1] if lines else None

    def kinds(self, name, severity='damage'):
        return {f['finding'] for f in self.findings if f.get('object') == name and f['severity'] == severity}

    def named(self, severity='damage'):
        return {(f.get('object'), f['finding']) for f in self.findings if f['severity'] == severity}

    def is_damage(self, *pairs):
        """Damaged, and these (object, kind) are all that is said to be."""
        assert self.status == DAMAGED, f'exit status {self.status}: {self.err}'
        assert all('from' in f for f in self.findings if 'object' in f), f'since when? {self.findings}'
        assert self.named() == set(pairs), f'{sorted(map(str, self.named()))}, not {sorted(map(str, pairs))}'
