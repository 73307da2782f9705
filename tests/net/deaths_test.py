#!/usr/bin/env python3
"""deaths_test: any role may be killed at any moment: nothing that reached the ring is lost, nothing is there twice, forwarding goes on.

deaths_test.py [-k PATTERN]. KILLS=N: how many kills each scene has; SEED=N: which, and when. Needs root.
Logs and objects stay in build/lab/deaths/.
"""
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import evidence, objects, testing, traffic  # noqa: E402
from lab.host import ROLES, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import WEB, Surroundings  # noqa: E402

KILLS = int(os.environ.get('KILLS', '20'))
SEED = int(os.environ.get('SEED', '1'))
VOLUME_BYTES = 2 << 30
AGAIN, COMMIT_S = 7, 1.5  # deaths of the worker alone; a frame is committed each second


class Load(threading.Thread):
    """Traffic until stop(): a few packets, or downloads; each must come through whole, whatever dies."""

    def __init__(self, lab, heavy):
        super().__init__(daemon=True)
        self.lab, self.heavy, self.over, self.error, self.rounds = lab, heavy, False, None, 0

    def run(self):
        try:
            while not self.over:
                if self.heavy:
                    traffic.fetch(self.lab, '10m', 'http', '--limit-rate', '6M')
                else:
                    said = self.lab.inside.run('ping', '-n', '-q', '-c', '50', '-i', '0.02', '-W', '5', WEB)
                    assert ' 0% packet loss' in said, said
                self.rounds += 1
        except Exception as e:
            self.error = e

    def stop(self):
        self.over = True
        self.join(120)
        assert not self.is_alive() and self.error is None, f'traffic broke after {self.rounds} rounds: {self.error}'


def kill_some(appliance, count, chance):
    """Kills one living role after the other, at random times: [role]. Those that die often wait longer and longer."""
    killed = []
    for _ in range(count):
        time.sleep(chance.uniform(0.05, 2.5))
        while not (alive := appliance.roles()):  # each waits for its turn
            time.sleep(0.01)
        role = chance.choice(sorted(alive))
        appliance.kill_role(role)
        killed.append(role)
    for role in appliance.role_names:
        appliance.wait_role(role)
    return killed


def kill_again(appliance):
    """Kills the worker again and again; each lives long enough to commit something."""
    for _ in range(AGAIN):
        appliance.wait_role('capture')
        time.sleep(COMMIT_S)
        appliance.kill_role('capture')
    return ['capture'] * AGAIN


class Life:
    def __init__(self, lab, name, heavy, kill, volume_bytes=0, rules=''):
        keys = {'object__max_seconds': 3, 'status__port': 9100, 'status__sources': '198.19.0.0/24'}
        if volume_bytes:
            keys['spool'] = os.path.join(lab.folder, name + '.volume')
            with open(keys['spool'], 'wb') as f:
                f.truncate(volume_bytes)
        with Session(Host(lab, name, lab.configuration(**keys) + rules, verbose=True)) as session:
            session.armed()
            load = Load(lab, heavy)
            with session.window('kills'):
                load.start()
                self.killed = kill(session.appliance)
                time.sleep(3)
                load.stop()
            self.rounds = load.rounds
            session.power_off()
            session.collect()
        self.session, self.evidence = session, session.evidence


def everything_is_accounted_for(life):
    """Every packet that the independent capture saw is recorded once, in order, or counted with its time span"""
    result = life.session.compare('kills', lossy=True)
    lost = sum(int(o.meta['lost']) for o in life.evidence.objects)
    assert result.missing == lost, f'{result.missing} packets are missing, {lost} are counted as lost'
    told = [e for e in life.evidence.events('lost')]
    assert sum(e['packets'] for e in told) == lost and all(e['cause'] == 'ring' and 0 < e['span_ms'] < 60000 for e in told), told
    killed = ' '.join(life.killed)
    print(f'# {result.seen} packets seen, {result.recorded} recorded, {lost} counted as lost; killed: {killed} (SEED={SEED})')


def nothing_is_lost(life):
    """A worker that dies again and again is never away for longer than its ring holds what comes: nothing is lost"""
    life.session.compare('kills')
    assert sum(int(o.meta['lost']) for o in life.evidence.objects) == 0


def what_is_refused_is_counted(life):
    """A worker that dies takes no count of refused packets with it: metadata and books have every ping that both ends saw"""
    books, = life.evidence.events('books')
    refused = sum(int(o.meta['filtered']) for o in life.evidence.packets())
    assert books['filtered'] == refused >= life.rounds * 2 * 50, f'{life.rounds} rounds of 50 pings, {refused} refused: {books}'
    assert books['unattributed'] == books['surplus'] == 0, books


def it_is_evidence(life):
    """Names, metadata, signatures, chain, index, inventory and readers hold; torn objects open with AWS's Encryption SDK"""
    for check in evidence.CHECKS:
        check(life.evidence)


def deaths_are_told(life):
    """Each death stands in the log and on the console"""
    told = [e['died'] for e in life.evidence.events('role-died')]
    assert sorted(told) == sorted(life.killed), f'killed {life.killed}, told {told}'


def deaths_while_it_boots(lab, name, chance):
    """Roles that die while it boots start anew, and it arms all the same"""
    with Host(lab, name, lab.configuration(), verbose=True) as appliance:
        for role in chance.sample(ROLES, 3):
            time.sleep(chance.uniform(0, 0.5))
            appliance.wait_role(role)
            appliance.kill_role(role)
        appliance.console.wait_armed(60)
        traffic.ping(lab, 2)
        appliance.stop()
        assert 'all shipped' in appliance.console.text()


def all_is_there(lab, appliance):
    """What init said of the end is so."""
    found = objects.collect(lab)
    down = found.events('shutdown')[-1]
    recorded = sum(map(len, found.recorded().values()))
    assert 'all shipped' in appliance.console.text() and down['packets'] == recorded > 0 and down['lost'] == 0, f'{recorded} of {down}'
    for check in (evidence.check_names, evidence.check_free, evidence.check_chain, evidence.check_log):
        check(found)


def upload_dies_while_it_ships(lab):
    """When upload dies while a shutdown waits for S3, all that is sealed is shipped by its successor: of producers that died, too"""
    with Host(lab, 'ships', lab.configuration(), verbose=True) as appliance:
        appliance.console.wait_armed(60)
        with lab.front.refuses():
            traffic.ping(lab, 2)
            appliance.process.send(signal.SIGTERM)
            appliance.console.wait(' init books ', 30)
            for role in ('capture', 'flows', 'upload'):
                appliance.kill_role(role)
            appliance.wait_role('upload')
            time.sleep(1)
            assert appliance.process.running(), appliance.console.text()[-300:]
        appliance.stop()
    all_is_there(lab, appliance)


def upload_dies_at_the_very_end(lab):
    """When upload dies with the log's last object, its successor ships that, and the machine is off at once"""
    with Host(lab, 'end', lab.configuration(), verbose=True) as appliance:
        appliance.console.wait_armed(60)
        traffic.ping(lab, 2)
        with lab.front.misbehave('stall-answer', count=1, seconds=5):
            appliance.process.send(signal.SIGTERM)
            appliance.console.wait(' init books ', 30)
            time.sleep(1)
            with lab.front.refuses() as refused:  # what comes now: the log's last
                wait_until(refused, 30, 'last object of the log')
                appliance.kill_role('upload')
                appliance.wait_role('upload')
        appliance.stop(timeout_s=20)
    all_is_there(lab, appliance)


def in_pairs(appliance):
    """Kills the worker, and its successor before that is at work again."""
    chance = random.Random(SEED)
    for _ in range(AGAIN):
        appliance.wait_role('capture')
        appliance.kill_role('capture')
        appliance.wait_role('capture')
        time.sleep(chance.uniform(0.01, 0.1))
        appliance.kill_role('capture')
        time.sleep(1 + COMMIT_S)
    return ['capture'] * (2 * AGAIN)


def at_random(appliance):
    return kill_some(appliance, KILLS, random.Random(SEED))


SCENES = (
    ('trickle', ' (50 packets/s)', (False, at_random), everything_is_accounted_for),
    ('load', ' (under load)', (True, at_random), everything_is_accounted_for),
    ('volume', ' (under load, with a volume)', (True, at_random, VOLUME_BYTES), everything_is_accounted_for),
    ('pairs', ' (a worker and its successor, under load)', (True, in_pairs), everything_is_accounted_for),
    ('again', ' (the worker alone)', (False, kill_again), nothing_is_lost),
    ('refused', ' (the worker alone, a rule refuses nearly all)', (False, kill_again, 0, 'capture.rule = none : icmp\n'),
     what_is_refused_is_counted),
)


def main():
    report = testing.report()
    with Surroundings('deaths') as lab:
        for name, about, how, first in SCENES:
            checks = (first, it_is_evidence, deaths_are_told)
            report.life(lambda: Life(lab, name, *how), checks, about)
        print(f'# SEED={SEED}')
        for i in range(3):
            report.run(deaths_while_it_boots, lab, f'boot-{i}', random.Random(f'{SEED} {i}'), about=f' ({i + 1})')
        objects.pass_over(lab)
        report.run(upload_dies_while_it_ships, lab)
        report.run(upload_dies_at_the_very_end, lab)
    report.finish()


main()
