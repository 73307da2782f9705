#!/usr/bin/env python3
"""metadata_test: what the appliance does while the instance metadata changes, fails, or says that the instance has to go.

metadata_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/metadata/.
"""
import base64
import contextlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, evidence, metadata, netns, objects, procs, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

CLIENT = os.path.join(certs.TOP, 'build', 'tests', 'metadata_client')
IMDS = os.path.join(certs.TOP, 'tests', 'lab', 'imds.py')
SPOT = 'spot/instance-action'
NOTICES = {
    'rebalance recommendation at 2026-11-05T08:22:00Z': ('events/recommendations/rebalance', '{"noticeTime": "2026-11-05T08:22:00Z"}'),
    'auto scaling: Terminated at once': ('autoscaling/target-lifecycle-state', 'Terminated'),
}


def start(lab, name, **settings):
    """An appliance under the test's clock."""
    return Host(lab, name, lab.configuration(**settings), verbose=True, init=INJECTED)


def gone(appliance, clock):
    """Time passes until it goes by itself; its exit code."""
    clock.pass_time(60, until=lambda: ' shutting down' in appliance.console.text())
    return appliance.process.child.wait(60)


class Life:
    """One appliance that lives through all that its metadata service can do to it, and then is told to go."""

    def __init__(self, lab, clock):
        self.lab, self.clock = lab, clock
        first, second = lab.amazon.role_keys, lab.amazon.next_keys
        self.secrets = [keys[name] for keys in (first, second) for name in ('SecretAccessKey', 'SessionToken')]
        clock.renew(first, 60)  # due at once
        with start(lab, 'appliance', object__max_seconds=2, log__interval_seconds=2) as self.appliance, contextlib.ExitStack() as silence:
            self.appliance.console.wait_armed(60)
            self.step('tokens forgotten', lab.metadata.forget_tokens, None)
            self.step('no credentials', lambda: lab.metadata.no_credentials('AssumeRoleUnauthorizedAccess'), 'credentials-not-renewed', 45)
            self.step('credentials expired', lambda: None, 'credentials-expired', 75)
            self.step('new credentials', lambda: clock.renew(second, 7200), 'credentials-renewed', 75)
            self.step('IMDS silent', lambda: silence.enter_context(lab.imds_server.stopped()), 'notices-unread', 40)
            self.step('IMDS back', silence.close, 'notices-read-again', 40)
            lab.metadata.notice(SPOT, json.dumps({'action': 'stop', 'time': '2026-09-18T08:22:00Z'}))
            self.code = gone(self.appliance, clock)
        lab.metadata.notice(SPOT, None)
        self.console = self.appliance.console.text()
        self.evidence = objects.collect(lab)

    def step(self, what, act, event, timeout_s=10):
        """Does it; time passes until the event, and recordings go on being shipped."""
        before = self.shipped()
        act()
        if event:
            self.clock.pass_time(timeout_s, until=lambda: f' {event} ' in self.appliance.console.text())
            self.appliance.console.wait(f' {event} ', 5)
        traffic.ping(self.lab, 3)
        self.appliance.process.wait_for(lambda: self.shipped() >= before + 2, 20, f'shipping after {what}')

    def shipped(self):
        return sum(bool(e.get('stored')) for e in self.lab.front.entries())


def all_is_shipped(life):
    """Through all of it nothing is lost, and what was shipped is evidence."""
    for check in evidence.CHECKS:
        check(life.evidence)
    down = life.evidence.events('shutdown')[-1]
    assert down['lost'] == 0 and down['packets'] == sum(map(len, life.evidence.recorded().values())), down


def credentials_are_kept(life):
    """A refused refresh is told once and leaves the old credentials in use, even expired, which is an alarm; new ones are taken."""
    refused, = life.evidence.events('credentials-not-renewed')
    assert refused['said'] == 'AssumeRoleUnauthorizedAccess' and 0 < refused['expire_in_s'] <= 60, refused
    expired, = life.evidence.events('credentials-expired')
    assert expired['level'] == 'alarm' and expired['expire_in_s'] == 0, expired
    assert expired['reason'] == 'no new ones came; used all the same', expired
    renewed = life.evidence.events('credentials-renewed')
    assert len(renewed) == 1 and renewed[0]['expire_in_s'] > 3600, renewed


def a_silent_imds_changes_nothing(life):
    """A metadata service that falls silent is told once, with its return; an unknown token is renewed without a word."""
    assert len(life.evidence.events('notices-unread')) == 1 and len(life.evidence.events('notices-read-again')) == 1
    tokens = life.lab.imds_server.output().count('PUT /latest/api/token 200')
    assert 2 <= tokens <= 4, f'{tokens} tokens were asked for'


def spot_notice(life):
    """A spot notice is as the power button: drained, shipped, off, its reason in the log and on the console."""
    assert life.code == 0, life.code
    assert life.evidence.events('shutdown')[0]['reason'] == 'spot interruption: stop at 2026-09-18T08:22:00Z'
    assert 'shutting down: spot interruption: stop at 2026-09-18T08:22:00Z' in life.console and 'all shipped' in life.console


def spellings(secret):
    """A secret as it may stand somewhere: raw, base64 of both alphabets without padding, hex of both cases."""
    text = [encode(secret).rstrip(b'=') for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    return {secret, *text, secret.hex().encode(), secret.hex().upper().encode()}


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def no_secret_is_told(life):
    """Secret keys, session tokens and data keys stand in no byte of console, log, recording or shipped object, however spelled."""
    objects_plain = {o.name: o.plain() for o in life.evidence.objects}
    places = {'console': life.console.encode(), **objects_plain, **{o.name + ' as shipped': read(o.path) for o in life.evidence.objects}}
    keys = life.lab.front.data_keys()
    assert len(keys) >= 2 and all(len(set(k)) > 8 for k in keys), f'{len(keys)} data keys'
    for secret in [s.encode() for s in life.secrets] + keys:
        assert len(secret) > 20
        for spelling in spellings(secret):
            for place, data in places.items():
                assert spelling not in data, f'a secret stands in {place}'
    assert any(metadata.ROLE.encode() in data for data in places.values())


def foreign_partition(lab, clock):
    """A metadata service that speaks of another partition than the region's keeps it closed, saying so; ARMED when they agree."""
    wrong = {'services/partition': ('aws-cn', 'aws-cn (amazonaws.com)'),
             'services/domain': ('amazonaws.com.cn', 'aws (amazonaws.com.cn)')}
    for number, (path, (value, told)) in enumerate(wrong.items()):
        right = lab.metadata.answers['/latest/meta-data/' + path]
        lab.metadata.notice(path, value)
        with start(lab, f'partition{number}') as appliance:
            said = appliance.console.wait_closed('imds', 30)
            assert said.endswith(f'region eu-central-1 is of partition aws, but IMDS says {told}: what answers there?'), said
            lab.metadata.notice(path, right)
            clock.pass_time(60, until=lambda: 'sealtap: ARMED' in appliance.console.text())
            appliance.console.wait_armed(10)
            appliance.stop()


def other_notices(lab, clock):
    """So are a rebalance recommendation and the group's wish to terminate it; a state that leaves it running is none."""
    lab.metadata.notice('autoscaling/target-lifecycle-state', 'InService')
    for number, (reason, (path, text)) in enumerate(NOTICES.items()):
        with start(lab, f'other{number}') as appliance:
            appliance.console.wait_armed(60)
            lab.metadata.notice(path, text)
            assert gone(appliance, clock) == 0
            console = appliance.console.text()
        lab.metadata.notice(path, None)
        assert f'shutting down: {reason}' in console and 'all shipped' in console, console[-600:]


def over_ipv6(folder):
    """Where only IMDS's IPv6 address answers it is asked there, and first there from then on; else over IPv4."""
    instance = metadata.INSTANCE
    with netns.Network() as net, procs.Processes(folder) as processes:
        ns = net.namespace('imds6')
        ns.sysctl('ipv6/conf/lo/disable_ipv6', 0)
        ns.up('lo')
        state = metadata.Metadata(os.path.join(folder, 'imds6.json'))
        state.user_data('')
        state.credentials({'AccessKeyId': 'ASIAEXAMPLE', 'SecretAccessKey': 'secret', 'SessionToken': 'token',
                           'Expiration': '2099-01-01T00:00:00Z'})
        for prefix, address in (('128', 'fd00:ec2::254'), ('32', '169.254.169.254')):
            ns.ip('address', 'add', f'{address}/{prefix}', 'dev', 'lo')
            server = processes.start('imds-' + prefix, [sys.executable, IMDS, address, state.path], ns)
            server.wait_output('ready', 10)
            client = processes.start('client-' + prefix, [CLIENT], ns)
            client.child.wait(30)
            want = f'instance {instance} over {address}\nnotices {instance} over {address}\n'
            assert client.output() == want, client.output()


def main():
    report = testing.report()
    with Surroundings('metadata') as lab:
        with Clock(lab) as clock:
            report.life(lambda: Life(lab, clock), (all_is_shipped, credentials_are_kept, a_silent_imds_changes_nothing, spot_notice,
                                                   no_secret_is_told))
            report.run(other_notices, lab, clock)
            report.run(foreign_partition, lab, clock)
        report.run(over_ipv6, lab.folder)
    report.finish()


main()
