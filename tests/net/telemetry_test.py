#!/usr/bin/env python3
"""telemetry_test: metrics each interval, also when nothing happens, and an alarm for each loss and stop; moto plays CloudWatch and SNS.

telemetry_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/telemetry/.
"""
import datetime
import json
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, frames, metadata, ntp, objects, testing, traffic  # noqa: E402
from lab.capture import Capture  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.gateway import from_inside  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, AWS, CLIENT, DNS, NIC, ROUTER, Surroundings  # noqa: E402

NAMESPACE, INTERVAL_S = 'Lab/tap', 2
SHUTDOWN_S, LATE_S = 100, 15  # init's patience; what is left of it when unshipped objects are told
DROPPED = 7
FLOOD = 60000  # more than the ring holds


# ---- what the appliance itself sends

ARP, TCP, UDP = 0x0806, 6, 17
IMDS, ANYBODY, NOBODY = '169.254.169.254', '255.255.255.255', '0.0.0.0'
NTP = ntp.TimeServer.ADDRESS
NEIGHBOURS = {ROUTER, DNS, IMDS, NTP, APPLIANCE_OUTSIDE}  # whose hardware address it may ask for
PROMISED = {  # what: (protocols, addresses, port)
    'DHCP': ({UDP}, {ANYBODY, DNS}, 67),
    'DNS': ({UDP, TCP}, {DNS}, 53),
    'IMDS': ({TCP}, {IMDS}, 80),
    'NTP': ({UDP}, {NTP}, 123),
    'AWS': ({TCP}, {AWS}, 443),
}


class Sent:
    """An independent capture from here on; the link must be there, the appliance not yet started. What the host inside sends is left out,
    so the appliance must not translate addresses (nat = none). done() while the link is there."""

    def __init__(self, lab, name):
        ns = dict(lab.nics)['outside']
        self.capture = Capture(lab, 'outside', ns, name + '-sent', 'in', ('not', 'src', 'host', CLIENT))

    def done(self):
        self.frames = self.capture.done()

    def check(self):
        """{what: packets}; each that is promised was sent, nothing else was."""
        counts = dict.fromkeys(PROMISED, 0)
        for frame in self.frames:
            what = purpose(frame.data)
            if what != 'ARP':
                counts[what] += 1
        assert all(counts.values()), f'not all is sent at all: the check proves nothing: {counts}'
        return counts


def dotted(data):
    return '.'.join(map(str, data))


def purpose(data):
    """Which promise the frame belongs to."""
    assert data[6:12] == frames.mac(metadata.OUTSIDE_MAC), f'sent with a foreign hardware address: {data[:34].hex()}'
    kind = int.from_bytes(data[12:14], 'big')
    if kind == ARP:
        assert dotted(data[38:42]) in NEIGHBOURS, f'asked for the hardware address of {dotted(data[38:42])}'
        return 'ARP'
    assert kind == frames.IPV4 and data[14] == 0x45, f'neither ARP nor plain IPv4: {data[:34].hex()}'
    protocol, source, to = data[23], dotted(data[26:30]), dotted(data[30:34])
    port = int.from_bytes(data[36:38], 'big') if protocol in (TCP, UDP) else None
    assert not int.from_bytes(data[20:22], 'big') & 0x3fff, f'a fragment to {to}'
    for what, (protocols, addresses, promised_port) in PROMISED.items():
        if protocol in protocols and to in addresses and port == promised_port:
            assert source == APPLIANCE_OUTSIDE or (what, source) == ('DHCP', NOBODY), f'{what} from {source}'
            return what
    raise AssertionError(f'sent what is not promised: protocol {protocol}, from {source} to {to}, port {port}')


# ---- what an operator sees

class Watch:
    """A topic with a queue behind it, as an operator would have, and the metrics."""

    def __init__(self, lab):
        self.amazon = lab.amazon
        self.topic = self.text('sns', '2010-03-31', 'CreateTopic', 'TopicArn', Name='watch')
        self.queue = self.text('sqs', '2012-11-05', 'CreateQueue', 'QueueUrl', QueueName='watch')
        self.amazon.query('sns', '2010-03-31', 'Subscribe', TopicArn=self.topic, Protocol='sqs',
                          Endpoint=f'arn:aws:sqs:{metadata.REGION}:{metadata.ACCOUNT}:watch')
        self.alarms = []

    def text(self, service, version, action, name, **members):
        return self.amazon.query(service, version, action, **members).find(f'.//{{*}}{name}').text

    def read(self):
        """All alarms so far: {subject, message}."""
        while True:
            answer = self.amazon.query('sqs', '2012-11-05', 'ReceiveMessage', QueueUrl=self.queue, MaxNumberOfMessages=10)
            messages = answer.findall('.//{*}Message')
            for m in messages:
                self.alarms.append(json.loads(m.find('{*}Body').text))
                self.amazon.query('sqs', '2012-11-05', 'DeleteMessage', QueueUrl=self.queue,
                                  ReceiptHandle=m.find('{*}ReceiptHandle').text)
            if not messages:
                return self.alarms

    def events(self):
        return [a['Subject'].split(': ')[1] for a in self.read()]

    def metric(self, name, cause=None):
        """[(time, sum, samples)] a second with data."""
        dimensions = [('Appliance', 'lab')] + [('Cause', cause)] * (cause is not None)
        members = {f'Dimensions.member.{i}.{k}': v for i, d in enumerate(dimensions, 1) for k, v in zip(('Name', 'Value'), d)}
        now = datetime.datetime.now(datetime.timezone.utc)
        answer = self.amazon.query('monitoring', '2010-08-01', 'GetMetricStatistics', Namespace=NAMESPACE, MetricName=name, Period=1,
                                   StartTime=(now - datetime.timedelta(hours=1)).isoformat(), EndTime=now.isoformat(),
                                   **{'Statistics.member.1': 'Sum', 'Statistics.member.2': 'SampleCount'}, **members)
        return sorted((p.find('{*}Timestamp').text, float(p.find('{*}Sum').text), float(p.find('{*}SampleCount').text))
                      for p in answer.findall('.//{*}Datapoints/{*}member'))


def seconds(sample):
    return datetime.datetime.fromisoformat(sample[0].replace('Z', '+00:00')).timestamp()


def allow(lab, metrics=True, alarms=True):
    lab.amazon.allow(aws.PUT, aws.GENERATE, *[aws.METRICS] * metrics, *[aws.PUBLISH] * alarms)


class Life:
    def __init__(self, lab):
        self.watch = watch = Watch(lab)
        allow(lab)
        settings = {'metrics__namespace': NAMESPACE, 'metrics__interval_seconds': INTERVAL_S, 'alarm__topic': watch.topic}
        host = Host(lab, 'appliance', lab.configuration(nat='none', **settings))
        self.sent = Sent(lab, 'appliance')
        with host as appliance:
            appliance.console.wait_armed(60)
            time.sleep(4 * INTERVAL_S)
            self.quiet = watch.metric('PacketsRecorded'), watch.metric('Forwarding')
            self.quiet_alarms = list(watch.events())
            traffic.ping(lab, 5)
            frames.send(lab.inside, [from_inside(f'{i}', to='169.254.1.1') for i in range(DROPPED)])
            self.unplug(lab)
            self.lose(lab, appliance)
            wait_until(lambda: 'lost' in watch.events(), 20, 'alarm of the loss')
            self.refuse(lab)
            self.refuse_for_good(lab)
            appliance.stop()
            self.sent.done()
        self.evidence = objects.collect(lab)
        self.alarms = watch.read()

    def unplug(self, lab):
        """The inside link goes down at its far end, and comes back."""
        def last():
            return self.watch.metric('Forwarding')[-1][1]
        self.down_s = time.time()
        lab.inside.ip('link', 'set', NIC, 'down')
        time.sleep(4 * INTERVAL_S)
        wait_until(lambda: last() == 0, 20, 'metric that it does not forward')
        self.up_s = time.time()
        lab.inside.up(NIC)
        lab.inside.ip('route', 'replace', 'default', 'via', APPLIANCE_INSIDE)
        time.sleep(2 * INTERVAL_S)
        wait_until(lambda: last() > 0, 20, 'metric that it forwards')
        self.plugged = self.watch.metric('Forwarding')

    @staticmethod
    def lose(lab, appliance):
        with appliance.stopped('capture'):
            frames.send(lab.inside, frames.flood(FLOOD), pause_s=0)

    def refuse(self, lab):
        """For a while the role may not put metrics."""
        allow(lab, metrics=False)
        time.sleep(3 * INTERVAL_S)
        self.refused_from = len(self.watch.metric('Forwarding'))
        time.sleep(2 * INTERVAL_S)
        self.refused_to = len(self.watch.metric('Forwarding'))
        allow(lab)
        wait_until(lambda: len(self.watch.metric('Forwarding')) > self.refused_to + 2, 40, 'metric')

    def refuse_for_good(self, lab):
        """Two samples are refused as too old ones would be."""
        traffic.ping(lab, 5)
        with lab.front.refuses('monitoring', 400, 'InvalidParameterValue', count=2) as met:
            wait_until(lambda: len(met()) == 2, 20, 'two refusals')
            before = len(self.watch.metric('Forwarding'))
            wait_until(lambda: len(self.watch.metric('Forwarding')) > before, 20, 'metric behind them')


def also_when_nothing_happens(life):
    """A sample comes each interval, also while nothing is to be recorded, and says that forwarding is open."""
    packets, forwarding = life.quiet
    assert len(packets) >= 3, packets
    assert sum(p[1] for p in packets) < 100 and forwarding[-1][1] == forwarding[-1][2], life.quiet
    assert life.quiet_alarms == [], life.quiet_alarms


def sums_are_the_totals(life):
    """The samples of a life add up to what its shutdown event says: packets, losses; nothing is left out or counted twice."""
    down = life.evidence.events('shutdown')[-1]
    for metric, cause, field in (('PacketsRecorded', None, 'packets'), ('PacketsLost', 'ring', 'lost'), ('PacketsCut', None, 'cut')):
        got = sum(p[1] for p in life.watch.metric(metric, cause))
        assert got == down[field], f'{metric}: {got}, shutdown event: {down}'
    assert down['lost'] > 1000, f'only {down["lost"]} lost: the test proves nothing'
    canaries = sum(p[1] for p in life.watch.metric('CanariesStored'))
    assert canaries == len(life.evidence.events('canary-stored')) > 0, f'{canaries}, {life.evidence.events("canary-stored")}'
    shipped = sum(p[1] for p in life.watch.metric('ObjectsShipped'))
    assert len(life.evidence.objects) - 1 <= shipped <= len(life.evidence.objects), f'{shipped}, {len(life.evidence.objects)} objects'


def gateway_metrics(life):
    """Flows and what was not forwarded are metrics by a NAT gateway's names, and add up to the packet filter's counts."""
    told = {k: v for k, v in life.evidence.events('not-forwarded')[-1].items() if isinstance(v, int)}
    dropped = sum(p[1] for p in life.watch.metric('PacketsDropCount'))
    assert told['link-local'] == DROPPED, told
    assert sum(told.values()) - told.get('stopped', 0) <= dropped <= sum(told.values()), f'{dropped}, {told}'
    assert max(p[1] for p in life.watch.metric('ActiveConnectionCount')) > 0
    ports = life.watch.metric('ErrorPortAllocation')
    assert ports and sum(p[1] for p in ports) == 0, ports


def alarms_of_loss_and_stop(life):
    """The loss and the shutdown were published, each once within five minutes, with what the log says of them."""
    events = [a['Subject'].split(': ')[1] for a in life.alarms]
    assert events.count('lost') <= 2 and events.count('shutdown') == 1, events
    lost = next(a['Message'] for a in life.alarms if a['Subject'] == 'sealtap lab: lost')
    assert 'capture lost cause=ring packets=' in lost and f'instance: {metadata.INSTANCE}' in lost, lost
    assert any('init shutdown reason="power button"' in a['Message'] for a in life.alarms), life.alarms


def refusals_are_told_and_overcome(life):
    """While the role may not put metrics none arrives and the log tells why, once; then those of that time are made up for."""
    assert life.refused_from == life.refused_to, f'{life.refused_from}, then {life.refused_to}'
    failed = [e for e in life.evidence.events('post-failed') if e['call'] == 'PutMetricData']
    assert len(failed) == 1 and 'cloudwatch:PutMetricData' in failed[0]['remedy'] and failed[0]['level'] == 'alarm', failed
    assert any(' post-failed call=PutMetricData ' in a['Message'] for a in life.alarms), life.alarms
    assert life.evidence.events('post-works'), 'nothing is said of the end'


def refused_for_good_is_given_up(life):
    """A sample that CloudWatch refuses for good is given up with a line of the log, and its counts are not lost (see the sums)."""
    given_up = life.evidence.events('post-given-up')
    assert [(e['call'], e['what']) for e in given_up] == [('PutMetricData', 'InvalidParameterValue')] * 2, given_up


def forwarding_is_the_state(life):
    """While a link is down no sample says that it forwards, from the next sample on; when it is back they do."""
    # moto tells a sample's second to within one
    down = [p for p in life.plugged if life.down_s + 1.5 < seconds(p) < life.up_s - 1.5]
    up = [p for p in life.plugged if seconds(p) < life.down_s - 1.5 or seconds(p) > life.up_s + 1.5]
    assert len(down) >= 2 and all(p[1] == 0 for p in down), down
    assert len(up) >= 3 and all(p[1] == p[2] for p in up) and seconds(up[-1]) > life.up_s, up


def only_promised_requests(life):
    """What the appliance itself sends goes to DHCP, the DNS server, IMDS, NTP and AWS's services alone, says an independent capture."""
    print(f'  # packets: {life.sent.check()}')


def stopped_before_armed(lab, watch):
    """A shutdown before arming is published too: here IMDS gives no address for the inside, and it never arms."""
    before = watch.events().count('shutdown')
    lab.metadata.notice(f'network/interfaces/macs/{metadata.INSIDE_MAC}/local-ipv4s', None)
    try:
        with Host(lab, 'early', lab.configuration(alarm__topic=watch.topic)) as appliance:
            appliance.console.wait_closed('link', 60)
            appliance.console.wait('^sealtap: ok s3 ', 60)
            time.sleep(1)
            appliance.stop()
            assert 'shut down: packets 0 ' in appliance.console.text() and 'ARMED' not in appliance.console.text()
    finally:
        lab.metadata.notice(f'network/interfaces/macs/{metadata.INSIDE_MAC}/local-ipv4s', '198.19.0.1')
    assert watch.events().count('shutdown') == before + 1, watch.events()


def unshipped_is_told(lab, watch):
    """A shutdown in an outage of S3 publishes what is not shipped 15 s before the machine goes off; then it goes off."""
    first = len(watch.read())
    configuration = lab.configuration(alarm__topic=watch.topic, object__max_seconds=1)
    with Clock(lab) as clock, Host(lab, 'outage', configuration, init=INJECTED) as appliance:
        appliance.console.wait_armed(60)
        with lab.front.refuses():
            traffic.ping(lab, 5)
            appliance.console.wait(' put-failed ', 20)
            appliance.process.send(signal.SIGTERM)
            begun = time.time()
            clock.pass_time(SHUTDOWN_S, 2, until=lambda: ' not-shipped ' in appliance.console.text())
            wait_until(lambda: any('not-shipped' in a['Subject'] for a in watch.read()[first:]), LATE_S, 'word of what is not shipped')
            told = clock.passed_s(begun, time.time())
            assert SHUTDOWN_S - LATE_S - 1 < told < SHUTDOWN_S - 5 and appliance.process.running(), told
            clock.pass_time(LATE_S + 5, 2, until=lambda: not appliance.process.running())
            assert appliance.process.child.wait(5) == 1 and clock.passed_s(begun, time.time()) > SHUTDOWN_S - 2
    said = next(a['Message'] for a in watch.read()[first:] if 'not-shipped' in a['Subject'])
    objects_left, bytes_left = map(int, re.search(r'upload not-shipped objects=(\d+) bytes=(\d+)', said).groups())
    assert objects_left >= 2 and bytes_left > 1000 * objects_left, said


def silent_unless_asked(lab):
    """Without a namespace and a topic no name of CloudWatch or SNS is asked for."""
    before = lab.dnsmasq.output().count('monitoring.')
    with Host(lab, 'silent', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        appliance.stop()
    said = lab.dnsmasq.output()
    assert before and said.count('monitoring.') == before, 'asked for CloudWatch'


def main():
    report = testing.report()
    with Surroundings('telemetry') as lab:
        life = Life(lab)
        for check in (also_when_nothing_happens, sums_are_the_totals, gateway_metrics, alarms_of_loss_and_stop,
                      refusals_are_told_and_overcome, refused_for_good_is_given_up, forwarding_is_the_state, only_promised_requests):
            report.run(check, life)
        report.run(stopped_before_armed, lab, life.watch)
        report.run(unshipped_is_told, lab, life.watch)
        report.run(silent_unless_asked, lab)
    report.finish()


main()
