#!/usr/bin/env python3
"""metadata_test: what the appliance does while the instance metadata changes, fails, or says that the instance has to go.

metadata_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/metadata/.
"""
import datetime
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import certs, evidence, metadata, netns, objects, procs, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

CLIENT = os.path.join(certs.TOP, 'build', 'tests', 'metadata_client')
IMDS = os.path.join(certs.TOP, 'tests', 'lab', 'imds.py')
SPOT = 'spot/instance-action'
NOTICES = {
    'rebalance recommendation at 2026-11-05T08:22:00Z': ('events/recommendations/rebalance', '{"noticeTime": "2026-11-05T08:22:00Z"}'),
    'auto scaling: Terminated at once': ('autoscaling/target-lifecycle-state', 'Terminated'),
}


def soon(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%SZ')


def gone(appliance, timeout_s=60):
    """Waits until it has gone by itself; its exit code."""
    return appliance.process.child.wait(timeout_s)


class Life:
    """One appliance that lives through all that its metadata service can do to it, and then is told to go."""

    def __init__(self, lab):
        self.lab = lab
        first, second = lab.amazon.role_keys, lab.amazon.next_keys
        self.secrets = [keys[name] for keys in (first, second) for name in ('SecretAccessKey', 'SessionToken')]
        lab.metadata.credentials({**first, 'Expiration': soon(300)})  # due at once
        settings = {'object__max_seconds': 2, 'log__interval_seconds': 2}
        with Host(lab, 'appliance', lab.configuration(**settings), verbose=True) as self.appliance:
            self.appliance.console.wait_armed(60)
            self.step('tokens forgotten', lab.metadata.forget_tokens, None)
            self.step('no credentials', lambda: lab.metadata.no_credentials('AssumeRoleUnauthorizedAccess'), 'credentials-not-renewed', 45)
            lab.front.credentials(second)
            self.step('new credentials', lambda: lab.metadata.credentials({**second, 'Expiration': soon(7200)}), 'credentials-renewed', 75)
            self.step('IMDS silent', lambda: lab.imds_server.send(signal.SIGSTOP), 'notices-unread', 40)
            self.step('IMDS back', lambda: lab.imds_server.send(signal.SIGCONT), 'notices-read-again', 40)
            lab.metadata.notice(SPOT, json.dumps({'action': 'stop', 'time': '2026-09-18T08:22:00Z'}))
            self.code = gone(self.appliance)
        lab.metadata.notice(SPOT, None)
        self.console = self.appliance.console.text()
        self.evidence = objects.collect(lab)

    def step(self, what, act, event, timeout_s=10):
        """Does it, waits for the event, and sees that recordings go on being shipped."""
        before = self.shipped()
        act()
        if event:
            self.appliance.process.wait_for(lambda: f' {event} ' in self.appliance.console.text(), timeout_s, f'{event} after {what}')
        traffic.ping(self.lab, 3)
        self.appliance.process.wait_for(lambda: self.shipped() >= before + 2, 20, f'shipping after {what}')

    def shipped(self):
        return len(objects.list_names(self.lab.store))


def all_is_shipped(life):
    """Through all of it nothing is lost, and what was shipped is evidence."""
    for check in evidence.CHECKS:
        check(life.evidence)
    down = life.evidence.events('shutdown')[-1]
    assert down['lost'] == 0 and down['packets'] == sum(map(len, life.evidence.recorded().values())), down


def credentials_are_kept(life):
    """A refused refresh is told once and leaves the old credentials in use; new ones are taken when they come."""
    refused, = life.evidence.events('credentials-not-renewed')
    assert refused['said'] == 'AssumeRoleUnauthorizedAccess' and 0 < refused['expire_in_s'] <= 300, refused
    renewed = life.evidence.events('credentials-renewed')
    assert len(renewed) == 1 and renewed[0]['expire_in_s'] > 3600, renewed
    assert not life.evidence.events('credentials-expired')


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


def no_secret_is_told(life):
    """The role's secret key and session token stand in no byte of console, log or recording."""
    places = {'console': life.console.encode(), **{o.name: o.plain() for o in life.evidence.objects}}
    for secret in life.secrets:
        assert len(secret) > 20
        for place, data in places.items():
            assert secret.encode() not in data, f'a secret stands in {place}'
    assert any(metadata.ROLE.encode() in data for data in places.values())


def other_notices(lab):
    """So are a rebalance recommendation and the group's wish to terminate it; a state that leaves it running is none."""
    lab.metadata.notice('autoscaling/target-lifecycle-state', 'InService')
    for number, (reason, (path, text)) in enumerate(NOTICES.items()):
        with Host(lab, f'other{number}', lab.configuration()) as appliance:
            appliance.console.wait_armed(60)
            lab.metadata.notice(path, text)
            assert gone(appliance) == 0
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
        state.credentials({'AccessKeyId': 'ASIAEXAMPLE', 'SecretAccessKey': 'secret', 'SessionToken': 'token', 'Expiration': soon(7200)})
        for prefix, address in (('128', 'fd00:ec2::254'), ('32', '169.254.169.254')):
            ns.ip('address', 'add', f'{address}/{prefix}', 'dev', 'lo')
            server = processes.start('imds-' + prefix, [sys.executable, IMDS, address, state.path], ns)
            server.wait_output('ready', 10)
            client = processes.start('client-' + prefix, [CLIENT], ns)
            client.child.wait(30)
            want = f'instance {instance} over {address}\nnotices {instance} over {address}\n'
            assert client.output() == want, client.output()


def main():
    report = testing.Report(testing.pattern())
    with Surroundings('metadata') as lab:
        life = Life(lab)
        for check in (all_is_shipped, credentials_are_kept, a_silent_imds_changes_nothing, spot_notice, no_secret_is_told):
            report.run(check, life)
        report.run(other_notices, lab)
        report.run(over_ipv6, lab.folder)
    report.finish()


main()
