"""linelab: objects of flows and log lines that a test writes itself, sealed under the data key of a recorded one (forger): what the command
makes of lines that no appliance of the lab writes, hostile ones among them. And lines as Python understands them."""
import datetime
import ipaddress
import json
import os
import subprocess

from . import forger, operatorlab

S = 10**9
FRAME = 700000  # bytes; objects of ours have frames of at most 1 MiB


def rfc3339(ns):
    return datetime.datetime.fromtimestamp(ns // S, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S') + f'.{ns % S:09d}Z'


def nanoseconds(text):
    whole, _, fraction = text.rstrip('Z').partition('.')
    moment = datetime.datetime.strptime(whole, '%Y-%m-%dT%H:%M:%S').replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * S + int(fraction.ljust(9, '0') or 0)


def compact(line):
    return json.dumps(line, separators=(',', ':'))


def sealed(life, stream, lines, start_ns, boot='00000000000000aa', seq=0, appliance=operatorlab.APPLIANCE, frame=FRAME):
    """(name, message): an object with these lines: texts, or what JSON is made of."""
    text = '\n'.join(line if isinstance(line, str) else compact(line) for line in lines) + '\n'
    raw = text.encode()  # frames end anywhere, within lines too
    packed = b''.join(subprocess.run(['zstd', '-q', '-c', '--check'], input=raw[at:at + frame], stdout=subprocess.PIPE, check=True).stdout
                      for at in range(0, len(raw), frame))
    model = life.open().of(stream)[0]
    message = model.body()
    body = forger.seal(packed, forger.data_key(life.lab, message, life.contexts[model.path]), message)
    moment = datetime.datetime.fromtimestamp(start_ns // S, datetime.timezone.utc)
    folder = f'{operatorlab.PREFIX}/{operatorlab.ACCOUNT}/{operatorlab.REGION}/{appliance}/{moment:%Y/%m/%d/%H}/{stream}'
    return f'{folder}/{moment:%Y%m%dT%H%M%S}.{start_ns % S:09d}Z-{boot}-{stream}-{seq:08d}.jsonl.zst.encrypted', body


def write(folder, name, body):
    """As a file; its path."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(body)
    return path


def line_of(time_ns, level, role, event, **members):
    return {'time': rfc3339(time_ns), 'level': level, 'role': role, 'event': event, **members}


def head_of(time_ns, stream, boot='00000000000000aa', **members):
    """The first line of an object."""
    return line_of(time_ns, 'info', 'keys' if stream == 'log' else stream, 'object', format=1, appliance=operatorlab.APPLIANCE, boot=boot,
                   stream=stream, seq=0, **members)


# ---- flows, by the texts of their lines alone

class Flow:
    def __init__(self, line):
        self.line = line
        self.kind = line.get('flow') or ('verdict' if 'verdict' in line else '')
        self.from_ns = nanoseconds(line.get('start') or line.get('first') or line['time'])
        self.to_ns = nanoseconds(line.get('end') or line.get('last') or line['time'])
        self.proto = line.get('proto')
        self.orig = line.get('orig') or {k: line[k] for k in ('src', 'dst', 'sport', 'dport') if k in line}
        self.reply = line.get('reply', {})
        self.bytes = line.get('bytes_out', 0) + line.get('bytes_in', 0) + line.get('bytes', 0)
        self.packets = line.get('packets_out', 0) + line.get('packets_in', 0) + line.get('packets', 0)

    def hosts(self):
        """All of both sides, and the sources of those that share a line."""
        return {side[end] for side in (self.orig, self.reply) for end in ('src', 'dst') if end in side} | set(self.line.get('sources', ()))

    def ports(self):
        return {side[end] for side in (self.orig, self.reply) for end in ('sport', 'dport') if end in side}

    def ends(self):
        """(who began it, who answers or would)"""
        return self.orig.get('src'), self.reply.get('src') or self.orig.get('dst')

    def service(self):
        return self.proto, self.orig['type'] if 'type' in self.orig else self.orig.get('dport', 0)

    def counts(self):
        """(bytes, packets, flows, packets that were not forwarded)"""
        flows = self.line['flows'] if self.kind == 'unanswered' else int(self.kind != 'verdict')
        return self.bytes, self.packets, flows, self.line.get('packets', 0) if self.kind == 'verdict' else 0


def flows_of(lines):
    """The lines that tell of traffic, of each flow that goes on the last one alone, unless its end is there."""
    flows = [flow for flow in map(Flow, lines) if flow.kind]
    ended = {(flow.line['id'], flow.line.get('start')) for flow in flows if flow.kind == 'end'}
    live = {(flow.line['id'], flow.line.get('start')): flow for flow in flows if flow.kind == 'live'}
    return [flow for flow in flows if flow.kind != 'live'] + [flow for key, flow in live.items() if key not in ended]


def sums(flows, keys_of):
    total = {}
    for flow in flows:
        for key in keys_of(flow):
            total[key] = tuple(a + b for a, b in zip(total.get(key, (0,) * 4), flow.counts()))
    return total


def within(network):
    net = ipaddress.ip_network(network)
    return lambda flow: any(ipaddress.ip_address(a) in net for a in flow.hosts() if ipaddress.ip_address(a).version == net.version)
