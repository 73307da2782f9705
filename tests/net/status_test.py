#!/usr/bin/env python3
"""status_test: the status port tells configured sources whether packets are forwarded and recorded, and counts; nobody hurts it.

status_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/status/.
"""
import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import frames, objects, scrape, testing, traffic  # noqa: E402
from lab.certs import TOP  # noqa: E402
from lab.gateway import Gateway, arrived, from_inside  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, NIC, Surroundings  # noqa: E402

PORT, STRANGER = 9100, '198.19.0.99'
NOT_FORWARDED = 'sealtap_not_forwarded_packets_total'
REFUSED, FLOWS = 5, 60
STATUS = {'status__port': PORT, 'status__sources': f'192.0.2.0/24, {CLIENT}'}
PLACES, CROWD, SLOW = 32, 100, 40
BOOKS = 'sealtap_recorded', 'sealtap_cut', 'sealtap_lost'
WAIT_S = 40


def wait(what, found):
    wait_until(found, WAIT_S, what)


def source(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


class Life:
    def __init__(self, lab, name, **settings):
        self.lab = lab
        self.appliance = Host(lab, name, lab.configuration(**STATUS, **settings), verbose=True)
        self.port = scrape.Port(lab.inside, APPLIANCE_INSIDE, PORT)

    def __enter__(self):
        self.appliance.__enter__()
        return self

    def __exit__(self, *exc):
        self.appliance.__exit__(*exc)

    def is_well(self):
        return self.port.health()[:2] == (200, set())

    def is_unwell(self, *reasons):
        status, told, _ = self.port.health()
        return status == 503 and told == set(reasons)

    def answers(self):
        with contextlib.suppress(OSError, IndexError):
            return self.port.health()


def not_well_before_it_is_armed(life):
    """While it boots it is 503 with the step that fails; 200 when it is armed"""
    with life.lab.front.refuses():
        wait('the status port', life.answers)
        wait('the step that fails', lambda: life.port.health()[2].get('s3') is False)
        status, reasons, steps = life.port.health()
        assert status == 503 and {'booting', 'closed'} <= reasons, reasons
        assert steps['dhcp'] and steps['imds'] and steps['configuration'], steps
        assert life.port.value('sealtap_healthy') == 0
    life.appliance.console.wait_armed(60)
    life.port.asked = 0  # from now on all is recorded
    wait('200', life.is_well)
    status, _, steps = life.port.health()
    assert status == 200 and all(steps.values()) and 's3' in steps and 'rings' in steps, steps


def what_it_answers(life):
    """GET and HEAD of two paths are answered, all else is refused in words of HTTP"""
    got, head = life.port.ask('/metrics'), life.port.ask('/metrics', 'HEAD')
    assert got.status == head.status == 200 and not head.body and abs(len(got.body) - int(head.fields['content-length'])) < 50
    assert int(got.fields['content-length']) == len(got.body) and got.fields['connection'] == 'close'
    assert life.port.ask('/healthz').fields['content-type'] == 'application/json'
    assert life.port.ask('/healthz?verbose').status == 200
    for path in ('/', '/metrics/', '/healthz/..', '/HEALTHZ', '/' + 'x' * 200):
        assert life.port.ask(path).status == 404, path
    for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'get'):
        a = life.port.ask('/healthz', method)
        assert a.status == 405 and a.fields['allow'] == 'get, head', method
    host = b'\r\nHost: a\r\n'
    for request, status in ((b'GET /healthz HTTP/1.1\r\n\r\n', 400), (b'GET /healthz HTTP/2.0' + host, 505), (b'\x16\x03\x01\r\n', 400),
                            (b'POST /healthz HTTP/1.1' + host + b'Content-Length: 3\r\n\r\nabc', 413),
                            (b'GET /' + b'x' * 5000, 414), (b'GET / HTTP/1.1' + host + b'X: y\r\n' * 2000, 431)):
        assert scrape.Answer(life.port.raw(request)).status == status, request[:40]


def bytewise_requests(life):
    """A request that comes byte by byte is answered like any other."""
    with life.port.connect() as s:
        for byte in b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n':
            s.sendall(bytes([byte]))
            time.sleep(0.005)
        assert scrape.Answer(scrape.everything(s)).status == 200


@contextlib.contextmanager
def stranger(lab):
    lab.inside.ip('address', 'add', STRANGER + '/24', 'dev', NIC)
    try:
        yield
    finally:
        lab.inside.ip('address', 'del', STRANGER + '/24', 'dev', NIC)


def is_silent(port, source=None):
    """Not even a closed port answers; one SYN is sent."""
    try:
        port.connect(source, timeout_s=0.7).close()
    except TimeoutError:
        return True
    except ConnectionRefusedError:
        return False
    raise AssertionError('it lets others in')


def others_find_nothing(life):
    """For another source, and from the other interface, nothing answers on the port, nor on those beside it; it is counted"""
    before = life.port.value(NOT_FORWARDED, reason='status-port')
    outside = scrape.Port(life.lab.router, APPLIANCE_OUTSIDE, PORT)
    with stranger(life.lab), Gateway(life.lab, life.appliance).counted() as grown:
        assert all([is_silent(life.port, STRANGER) for _ in range(REFUSED - 2)])
        assert is_silent(outside) and is_silent(scrape.Port(life.lab.router, APPLIANCE_INSIDE, PORT))
        assert is_silent(scrape.Port(life.lab.inside, APPLIANCE_INSIDE, PORT + 1), STRANGER)
        assert is_silent(scrape.Port(life.lab.router, APPLIANCE_OUTSIDE, PORT + 1))
    assert life.port.health()[0] == 200 and grown == {'status-port': REFUSED, 'to-appliance': 2}, grown
    wait('the metric', lambda: life.port.value(NOT_FORWARDED, reason='status-port') == before + REFUSED)


def others_are_closed_at_once(life):
    """Where the packet filter would let another source in, the role closes it without a word"""
    before = life.port.value('sealtap_status_visits_total', end='source')
    life.appliance.ns.run('nft', f'insert rule inet sealtap input tcp dport {PORT} accept')
    with stranger(life.lab):
        for _ in range(3):
            try:
                got = life.port.raw(b'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', STRANGER)
            except (ConnectionResetError, BrokenPipeError):
                got = b''
            assert got == b'', got
    assert life.port.value('sealtap_status_visits_total', end='source') == before + 3
    assert not is_silent(scrape.Port(life.lab.router, APPLIANCE_OUTSIDE, PORT))


def a_hundred_at_once(life):
    """A hundred that ask at once all get their answer"""
    request = b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'
    sockets = []
    for _ in range(CROWD):
        sockets.append(life.port.connect())
        sockets[-1].sendall(request)
    answers = [scrape.Answer(scrape.everything(s)) for s in sockets]
    for s in sockets:
        s.close()
    assert [a.status for a in answers] == [200] * CROWD and all(a.body.endswith(b'# EOF\n') for a in answers)


class Slow(threading.Thread):
    """More connections than there are places, which say a little and then nothing; each that is closed comes again."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over, self.again = port, False, 0

    def run(self):
        sockets = []
        while not self.over:
            sockets += [self.begin() for _ in range(SLOW - len(sockets))]
            time.sleep(0.1)
            alive = [s for s in sockets if not self.closed(s)]
            self.again += len(sockets) - len(alive)
            sockets = alive
        for s in sockets:
            s.close()

    def begin(self):
        s = self.port.connect()
        s.sendall(b'GET /hea')
        s.setblocking(False)
        return s

    @staticmethod
    def closed(s):
        try:
            gone = s.recv(1) == b''
        except BlockingIOError:
            return False
        except OSError:
            gone = True
        s.close()
        return gone


def slow_ones_keep_nobody_out(life):
    """Connections that ask slowly take all places for nobody: each goes for one that waits, or when its time is over"""
    slow = Slow(life.port)
    slow.start()
    try:
        time.sleep(1)
        for _ in range(10):
            assert life.port.health()[0] == 200
        wait('the slow ones to be closed', lambda: slow.again >= PLACES)
    finally:
        slow.over = True
        slow.join()
    assert life.port.value('sealtap_status_visits_total', end='crowd') > 0
    for _ in range(2):  # alone, it ends with its time
        before = life.port.value('sealtap_status_visits_total', end='slow')
        with life.port.connect() as s:
            s.sendall(b'GET /metrics HTTP/1.1\r\nHost: a\r\n')
            assert scrape.everything(s) == b''
        assert life.port.value('sealtap_status_visits_total', end='slow') == before + 1


def one_that_does_not_read(life):
    """One that asks and reads nothing, and one that asks and leaves, harm nobody"""
    held = []
    for _ in range(PLACES):
        s = life.lab.inside.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(life.port.at)
        s.sendall(b'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n')
        held.append(s)
    for _ in range(PLACES):
        life.port.connect().close()
    assert life.port.health()[0] == 200
    for s in held:
        s.close()


def a_hung_worker(life):
    """A worker that hangs makes it 503; 200 when it goes on"""
    with life.appliance.stopped('capture'):
        wait('word of the worker', lambda: life.is_unwell('worker'))
        assert life.port.value('sealtap_workers_recording') == 0
    wait('200', life.is_well)


def a_link_that_is_down(life):
    """A link that is down makes it 503; 200 when it is back"""
    life.lab.segment.ip('link', 'set', NIC, 'down')
    try:
        wait('word of the link', lambda: life.is_unwell('link'))
        assert life.port.health()[2]['link'] is False
        wait('the metric', lambda: life.port.value('sealtap_forwarding') == 0 and life.port.value('sealtap_links_up') == 0)
    finally:
        life.lab.segment.up(NIC)
    wait('200', life.is_well)
    wait('the metric', lambda: life.port.value('sealtap_forwarding') == 1 and life.port.value('sealtap_links_up') == 1)


def silent_init(life):
    """When init says nothing for three seconds it is 503"""
    with life.appliance.process.stopped():
        wait('word of the silence', lambda: 'silent' in life.port.health()[1])
        assert life.port.health()[0] == 503
    wait('200', life.is_well)


def metrics_are_documented(life):
    """Prometheus reads the metrics; each is in the table, with help, type and unit"""
    families = life.port.families()
    table = set(re.findall(r'^\t\{"(sealtap\w*)"', source('src/role/status/metrics.c'), re.M))
    assert set(families) == table - {'sealtap_conntrack_allowance_available'}, set(families) ^ table  # there is no ENA here
    assert all(len(f['help']) > 15 and f['samples'] for f in families.values()), families
    assert all(f['unit'] == name.rsplit('_', 1)[1] for name, f in families.items() if name.endswith(('_bytes', '_seconds')))
    assert families['sealtap']['samples'][0][1]['version'] in life.appliance.console.text().split('\n')[0]
    assert families['sealtap_link_received_bytes']['samples'] and len(table) > 25


def traffic_counts(life):
    """What goes through is counted, on both links"""
    before = life.port.counters()
    traffic.fetch(life.lab, '100k')
    grown = ('sealtap_link_sent_bytes_total', ('link', 'inside')), ('sealtap_link_received_bytes_total', ('link', 'outside'))

    def all_there():
        now = life.port.counters()
        return all(now[c] - before[c] > 100000 for c in grown) and \
            now[('sealtap_recorded_packets_total',)] - before[('sealtap_recorded_packets_total',)] > 100
    wait('the counters', all_there)


def not_forwarded_counts(life):
    """What is not forwarded is counted by reason as the packet filter counts it, whether net dies or not; so are the flows there are"""
    gateway = Gateway(life.lab, life.appliance)
    before = life.port.counters()
    with gateway.counted() as grown:
        frames.send(life.lab.inside, [from_inside(f'{i}', to='169.254.1.1') for i in range(7)])
        arrived(gateway, [from_inside(f'{i}', 41000 + i) for i in range(FLOWS)])
    assert grown == {'link-local': 7}, grown
    key = (NOT_FORWARDED, ('reason', 'link-local'))
    wait('the counter', lambda: life.port.counters()[key] == before[key] + 7)

    def kernel(name):
        return int(life.appliance.ns.run('cat', f'/proc/sys/net/netfilter/nf_conntrack_{name}'))
    wait('the flows', lambda: abs(life.port.value('sealtap_flows') - kernel('count')) < FLOWS / 2)
    assert life.port.value('sealtap_flows') > FLOWS
    assert life.port.value('sealtap_flows_max') == kernel('max')
    restarts = ('sealtap_role_restarts_total', ('role', 'net'))
    life.appliance.kill_role('net')
    wait('the end of net', lambda: life.port.counters()[restarts] == before[restarts] + 1)
    wait('its successor', lambda: 'net' in life.appliance.roles() and life.is_well())
    time.sleep(1)  # it has looked
    frames.send(life.lab.inside, [from_inside(f'{i}', to='169.254.1.1') for i in range(5)])
    wait('the counter', lambda: life.port.counters()[key] == before[key] + 12)


def no_counter_goes_back(life):
    """Whatever role dies, no counter goes back and none begins anew"""
    before = life.port.counters()
    for role in ('upload', 'status', 'net', 'capture', 'keys', 'upload', 'status'):
        restarts = ('sealtap_role_restarts_total', ('role', role))
        life.appliance.kill_role(role)
        wait(f'the end of {role}', lambda: life.answers() and life.port.counters()[restarts] == before[restarts] + 1)
        traffic.ping(life.lab, 3)
        now = life.port.counters()
        back = {c: (before[c], now.get(c)) for c in before if now.get(c, -1) < before[c]}
        assert not back, f'after the death of {role}: {back}'
        before = now
    wait('200', life.is_well)
    # those that count anew are added: more objects were shipped than any one process of upload has shipped
    wait('more objects', lambda: life.port.value('sealtap_shipped_objects_total') > before[('sealtap_shipped_objects_total',)])


def leaving_and_books(life):
    """From the power button on it is 503; then the counters agree with what the objects say, to the packet and byte"""
    life.asked = life.port.asked
    with life.lab.front.refuses():
        life.appliance.process.send(signal.SIGTERM)
        wait('word of the shutdown', lambda: {'leaving', 'closed'} <= life.port.health()[1])
        assert life.port.health()[0] == 503
        wait('the rings to be drained', lambda: ' books ' in life.appliance.console.text())
        last = []

        def settled():  # all workers have told their last
            time.sleep(0.1)
            last.append({c: v for c, v in life.port.counters().items() if c[0].startswith(BOOKS)})
            return len(last) > 20 and all(c == last[-1] for c in last[-20:])
        wait('the last counters', settled)
    assert life.appliance.process.child.wait(60) == 0, life.appliance.console.text()[-2000:]
    life.evidence = objects.collect(life.lab)
    for metric, field in (('recorded_packets', 'records'), ('recorded_bytes', 'bytes'), ('cut_packets', 'cut')):
        told, meant = last[-1][(f'sealtap_{metric}_total',)], sum(int(o.meta[field]) for o in life.evidence.packets())
        assert told == meant > 0, f'{metric}: {told} were told, {meant} are in the objects'
    lost = sum(int(o.meta['lost']) for o in life.evidence.packets())
    assert sum(last[-1][('sealtap_lost_packets_total', ('cause', c))] for c in ('ring', 'budget')) == lost


def settings_are_in_the_boot_object(life):
    """The boot object has each setting with its effective value"""
    keys = re.findall(r'^\t\{"([a-z0-9_.]+)", KIND_', source('src/base/conf.c'), re.M)
    told = [e for e in life.evidence.stream('log')[0].lines() if e['event'] == 'setting']
    assert len(keys) > 25 and list(dict.fromkeys(e['key'] for e in told)) == keys, told
    values = {}
    for e in told:
        values.setdefault(e['key'], []).append(e['value'])
    assert values['status.port'] == [str(PORT)] and values['status.sources'] == ['192.0.2.0/24', CLIENT + '/32'], values
    assert values['status.interface'] == ['inside'] and values['nat'] == ['masquerade'] and values['spool'] == ['memory'], values
    assert values['appliance'] == ['lab'] and values['s3.region'] == ['eu-central-1'] and values['object.max_seconds'] == ['2'], values


def recorded_in_full(life):
    """What the port says and hears is recorded in full like any other packet"""
    frames = [f.data for stream in life.evidence.recorded().values() for f in stream if f.interface == 1]
    asked = [f for f in frames if b'GET /healthz HTTP/1.1' in f]
    assert len(asked) >= life.asked > 1, f'asked {life.asked} times, {len(asked)} are recorded'


def others_are_told(life):
    """Who was kept from the port has a line in the stream of flows"""
    told = [f for f in life.evidence.flows() if f.get('verdict') == 'status-port']
    assert sum(f['packets'] for f in told) == REFUSED and {f['dport'] for f in told} == {PORT}, told
    assert sum(f['packets'] for f in told if f['src'] == STRANGER) == REFUSED - 2, told


def a_policy_is_the_reason(lab):
    """Where a policy has closed forwarding 503 says which"""
    with Life(lab, 'policy', on_loss='stop') as life:
        life.appliance.console.wait_armed(60)
        wait('200', life.is_well)
        with life.appliance.stopped('capture'):
            wait('word of it', lambda: 'closed' in life.port.health()[1])
            texts = [r['text'] for r in life.port.ask('/healthz').json()['reasons'] if r['code'] == 'closed']
            assert texts == ['a capture worker is late'], texts
        wait('200', life.is_well)
        life.appliance.stop()


def nothing_listens_unasked(lab):
    """Without status.port no such role runs and nothing listens"""
    with Host(lab, 'unasked', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        parent = appliance.process.child.pid
        with open(f'/proc/{parent}/task/{parent}/children') as f:
            children = f.read().split()
        assert len(children) == len(appliance.roles()) == len(appliance.role_names), children
        assert appliance.ns.run('ss', '-Hltn').strip() == ''
        appliance.stop()


def main():
    report = testing.report()
    with Surroundings('status') as lab:
        with Life(lab, 'appliance', object__max_seconds=2) as life:
            report.run(not_well_before_it_is_armed, life, always=True)
            for check in (what_it_answers, bytewise_requests, others_find_nothing, others_are_closed_at_once, a_hundred_at_once,
                          slow_ones_keep_nobody_out, one_that_does_not_read, a_hung_worker, a_link_that_is_down, silent_init,
                          metrics_are_documented, traffic_counts, not_forwarded_counts, no_counter_goes_back):
                report.run(check, life, always=check is others_find_nothing and report.wants(others_are_told))
            report.run(leaving_and_books, life, always=True)
            for check in (settings_are_in_the_boot_object, recorded_in_full, others_are_told):
                report.run(check, life)
        for check in (a_policy_is_the_reason, nothing_listens_unasked):
            report.run(check, lab)
    report.finish()


main()
