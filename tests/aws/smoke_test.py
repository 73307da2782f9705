#!/usr/bin/env python3
"""`make aws-smoke` without AWS: against a model of account and appliance in this process (lab/smokemodel.py), in which each call fails in
turn, and once against moto as far as moto goes: the real aws command, the real deploy, objects sealed and opened by AWS's SDK.
"""
import contextlib
import functools
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, 'tests'), os.path.join(TOP, 'board', 'nitro')]

from lab import testing  # noqa: E402
from lab.smokemodel import ACCOUNT, NAME, OUTPUTS, PLANNED, REGION, RETAINED, Model  # noqa: E402
from smokelib import denied, opened, steps  # noqa: E402

loader = importlib.machinery.SourceFileLoader('smoke', os.path.join(TOP, 'board', 'nitro', 'smoke'))
smoke = importlib.util.module_from_spec(importlib.util.spec_from_loader('smoke', loader))
loader.exec_module(smoke)
smoke.commit = functools.lru_cache(smoke.commit)
smoke.account_hash = functools.lru_cache(smoke.account_hash)  # dear on purpose
ENV = {'AMI': 'ami-1', 'NETWORK': '203.0.113.9/32', 'OPENER': 'sealtap', 'AWS_REGION': REGION}
SENTENCE = 'not yet run on AWS'
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Scene:
    """One run of smoke's main() in a model: its exit status, what it printed, and smoke.json."""

    def __init__(self, folder, model=None, argv=(), name=NAME, **env):
        self.model, self.path = model or Model(), os.path.join(folder, 'smoke.json')
        before = {n: signal.getsignal(n) for n in HANDLED}
        self.out = io.StringIO()
        try:
            with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.out):
                self.status = smoke.main(self.model, self.path, name, {**ENV, **env}, list(argv))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            shutil.rmtree(smoke.folder_of(name), ignore_errors=True)
        with open(self.path) as f:
            self.text = f.read()
        self.told = json.loads(self.text)

    def failed(self):
        return [s['name'] for s in self.told['steps'] if not s['ok']]

    def unreported(self):
        """What exists, and stands in no line of what is left."""
        said = {line['what'] for line in self.told['left']}
        if 'names of what the stack retains' in said:  # then the stack itself stands, which has to be reported
            assert 'stack' in said & self.model.live or not self.model.live & set(RETAINED), 'its stack is gone'
            return self.model.live - said - set(RETAINED)
        return self.model.live - said


def fresh():
    return tempfile.TemporaryDirectory()


def a_whole_run():
    """A run does each step, keeps what Object Lock holds, with the date, and says the line for the README"""
    with fresh() as folder:
        s = Scene(folder)
        assert s.status == 0 and s.told['ok'], s.out.getvalue()
        assert [x['name'] for x in s.told['steps']] == [x[0] for x in steps.STEPS]
        assert all(x['seconds'] >= 0 and x['evidence'] for x in s.told['steps'])
        assert s.model.live == PLANNED == {x['what'] for x in s.told['left']}, s.model.live
        assert all(x['planned'] and x['until'].startswith('2027-01-16T') for x in s.told['left'] if 'Role' not in x['what'])
        assert f'run on AWS: {s.told["date"]}, {s.told["commit"]}, {REGION}' in s.out.getvalue()
        assert 0 < s.told['estimate']['usd'] < 1


def no_secret_is_written():
    """Neither the account's number nor a key stands in smoke.json; the account's hash is the same in the next run"""
    with fresh() as folder:
        s = Scene(folder)
        assert ACCOUNT not in s.text and 'SECRET' not in s.text and 'TOKEN' not in s.text and 'ACCOUNT' in s.text
        assert len(s.told['account']) == 24
        again = Scene(folder, name='sealtap-smoke-00000002')
        assert again.told['account'] == s.told['account']


def the_root_user_is_refused():
    """The account's root user is refused before anything is made"""
    model = Model()
    model.arn = f'arn:aws:iam::{ACCOUNT}:root'
    with fresh() as folder:
        s = Scene(folder, model)
        assert s.status == 1 and s.failed() == ['preflight'] and 'root user' in s.text and not model.live
        assert len(s.told['steps']) == 1 and s.told['left'] == []


def an_image_of_its_own_is_removed():
    """Without AMI it makes one, and removes that AMI and its snapshot, not others; one that was there before stays"""
    path = os.path.join(TOP, 'build', 'nitro', 'ami.json')
    assert not os.path.exists(path), f'{path} is in the way of this test'
    os.makedirs(os.path.dirname(path), exist_ok=True)

    class Made(Model):
        def run_make(self, argv, env):
            super().run_make(argv, env)
            with open(path, 'w') as f:
                json.dump({'image_id': 'ami-1', 'snapshot_id': 'snap-1'}, f)
    try:
        for there in (False, True):
            with fresh() as folder:
                s = Scene(folder, Made(), AMI='')
                assert s.status == 0 and s.model.live == PLANNED | ({'AMI', 'snapshot'} if there else set()), (there, s.model.live)
                assert any('make -C' in call for call in s.model.calls)
    finally:
        os.unlink(path)


def each_call_fails(folder, how):
    """(number, scene) of runs in which one call fails, each in turn: refused; lost: done, without an answer; cut: and all after it."""
    count = len(Scene(folder).model.calls)
    os.unlink(os.path.join(folder, 'smoke.json'))
    for number in range(count):
        model = Model()
        model.fail = (lambda n, at=number: how if n == at or how == 'cut' and n > at else None)
        yield number, Scene(folder, model)
        os.unlink(os.path.join(folder, 'smoke.json'))


def judge_failures(how):
    runs, failed_in = 0, set()
    with fresh() as folder:
        for number, s in each_call_fails(folder, how):
            what = f'call {number} ({s.model.calls[number]}) {how}'
            assert s.told.get('ended') and not s.unreported(), f'{what}: {s.unreported()} is left and not reported: {s.told["left"]}'
            unplanned = [line for line in s.told['left'] if not line['planned']]
            assert (s.status == 0) == (not s.failed() and not unplanned) == s.told['ok'], f'{what}: {s.status} {s.failed()} {unplanned}'
            last = s.told['steps'][-1]
            assert last['ok'] or last.get('error'), what
            assert all(line['why'] for line in s.told['left']), what
            removed = {'client', 'queue', 'stack'} if how != 'cut' and not unplanned else set()
            assert not s.model.live & removed, f'{what}: {s.model.live}'
            failed_in |= set(s.failed())
            runs += 1
    assert failed_in == {x[0] for x in steps.STEPS}, {x[0] for x in steps.STEPS} - failed_in
    assert runs > 100, runs


def each_call_is_refused():
    """Each call refused once: smoke.json names the step, removal runs, and nothing that is left is unreported"""
    judge_failures('refused')


def each_answer_is_lost():
    """Each answer lost once, after the call was done: the same"""
    judge_failures('lost')


def the_network_is_cut():
    """The network cut for good at each call: what can't be removed or asked for is reported as left"""
    judge_failures('cut')


def interrupted_anywhere():
    """Ctrl-C in each step: written down as such, and removed"""
    for name, *_ in steps.STEPS:
        with fresh() as folder:
            model = Model()

            def watch(number, path=os.path.join(folder, 'smoke.json'), model=model, name=name):
                if not os.path.exists(path):
                    return
                with open(path) as f:
                    told = json.load(f).get('steps') or [{}]
                if told[-1].get('name') == name and 'seconds' not in told[-1]:
                    model.watch = lambda number: None
                    raise KeyboardInterrupt('SIGINT')
            model.watch = watch
            s = Scene(folder, model)
            assert s.status == 1 and s.failed() == [name] and 'KeyboardInterrupt' in s.told['steps'][-1]['error'], (name, s.failed())
            assert not s.unreported() and not model.live & {'client', 'queue', 'stack', 'Trail', 'SpoolVolume'}, (name, model.live)


def a_run_that_was_cut_off_is_removed_by_the_next():
    """A run that ended without removing, at any call, is removed by the next one, before that makes anything"""
    with fresh() as folder:
        count = len(Scene(folder).model.calls)
        os.unlink(os.path.join(folder, 'smoke.json'))
        kept = []
        for number in range(4, count, 7):
            model = Model()

            def keep(n, at=number, model=model):
                if n == at:
                    with open(os.path.join(folder, 'smoke.json')) as f:
                        kept.append((at, f.read(), model.copy()))
            model.watch = keep
            Scene(folder, model)
            os.unlink(os.path.join(folder, 'smoke.json'))
        for at, text, world in kept:
            with open(os.path.join(folder, 'smoke.json'), 'w') as f:
                f.write(text)
            s = Scene(folder, world, argv=['remove'])
            assert not s.unreported() and not world.live & {'client', 'queue', 'stack', 'Trail', 'SpoolVolume'}, (at, world.live)
        assert len(kept) > 15


def after_the_lock_all_goes():
    """When the lock has ended, `remove` deletes evidence, audit, key and roles as the break-glass role; before, it does not try"""
    with fresh() as folder:
        s = Scene(folder)
        assert not any('delete-objects' in call for call in s.model.calls)
        s.model.pass_time(2 * 86400)
        again = Scene(folder, s.model, argv=['remove'])
        assert again.status == 0 and not s.model.live and not again.told['left'] and again.told['ok'], again.out.getvalue()
        assert not any('bypass' in call for call in s.model.calls)


def a_run_keeps_what_another_left():
    """A further run keeps the names of what the one before left, in a file of its own, until that is gone"""
    with fresh() as folder:
        first = Scene(folder)
        first.model.arn = f'arn:aws:iam::{ACCOUNT}:root'
        Scene(folder, first.model, name='sealtap-smoke-00000002')
        with open(os.path.join(folder, NAME + '.json')) as f:
            assert json.load(f)['left'] == first.told['left']


def facts():
    return {'bucket': 'ev-bucket', 'audit': 'au-bucket', 'prefix': f'sealtap/{ACCOUNT}/{REGION}/{NAME}/', 'key': 'sealtap/a',
            'version': 'v1', 'file': os.path.join(TOP, 'README.md'), 'edk': 'fileb://' + os.path.join(TOP, 'LICENSE'),
            'kms_key': OUTPUTS['KeyArn'], 'context': json.dumps({'sealtap-appliance': NAME}), 'foreign': '{"sealtap-appliance": "other"}',
            'person': f'arn:aws:iam::{ACCOUNT}:user/anna', 'appliance_role': OUTPUTS['ApplianceRoleArn'],
            'analyst_role': OUTPUTS['AnalystRoleArn'], 'bucket_arn': 'arn:aws:s3:::ev-bucket',
            'topic': OUTPUTS['AlarmTopicArn'], 'vpc': 'vpc-1', 'address': '10.20.0.10', 'name': NAME, 'soon': '2026-11-27T03:04:05Z'}


ANALYST = {'analyst': {'AWS_ACCESS_KEY_ID': 'analyst'}}


def what_is_allowed_fails():
    """More than 20 calls are tried; one that is allowed, or of which nothing is known, fails by its name; so does a role that may more"""
    sentences = [call for call, *_ in (*denied.TRIED, *denied.SIMULATED)]
    assert len(denied.TRIED) >= 20 and len(set(sentences)) == len(sentences)
    results, wrong = denied.judge(Model(), facts(), ANALYST)
    assert not wrong and all(r['how'] in ('tried', 'simulated') for r in results), wrong
    for call, who, words in denied.TRIED:
        model = Model()
        model.allowed = {(' '.join(words.split()[:2]), who)}
        assert f'{call}: allowed' in denied.judge(model, facts(), ANALYST)[1], call
        model.fail = lambda n: 'cut'
        assert len(denied.judge(model, facts(), ANALYST)[1]) == len(results)
    for call, allowed, action, *_ in denied.SIMULATED:
        model = Model()
        if allowed:
            model.iam_simulate_principal_policy = lambda *_: {'EvaluationResults': [{'EvalDecision': 'implicitDeny'}]}
        else:
            model.allowed = {(action, 'appliance')}
        assert any(w.startswith(call + ':') for w in denied.judge(model, facts(), ANALYST)[1]), call


def source(path):
    with open(os.path.join(TOP, path)) as f:
        return f.read()


def every_call_of_the_appliance_is_seen():
    """Each call that the appliance's code can sign is looked for by its traces and asked of the simulator, and there is none else"""
    text = ''.join(source(f'src/aws/{name}') for name in os.listdir(os.path.join(TOP, 'src', 'aws')) if name.endswith('.c'))
    signed = set(re.findall(r'"TrentService\.(\w+)"', text)) | set(re.findall(r'post_field\(body, "Action", SPAN\("(\w+)"\)', text))
    methods = re.findall(r'\.method = SPAN\("(\w+)"\)', text)
    assert sorted(methods) == ['POST', 'PUT'], f'a signed request of another kind: {methods}'  # of S3 there is PUT alone
    signed.add('PutObject')
    with fresh() as folder:
        told = Scene(folder).told['steps']
    assert set(next(s for s in told if s['name'] == 'calls')['evidence']) == signed
    assert {action.partition(':')[2] for _, allowed, action, *_ in denied.SIMULATED if allowed} == signed
    role = source('board/nitro/stack.yaml').partition('  ApplianceRole:')[2].partition('\n  AnalystRole:')[0]
    assert {a.partition(':')[2] for a in re.findall(r"Effect: Allow, Action: '(\S+)'", role)} == signed, role


def what_is_missing_here_is_said_at_once():
    """Before the first call to AWS: which programs are not here, and the command that installs them; never another opener in silence"""
    def here(present):
        return lambda name: name in present and name
    real, cases = opened.shutil.which, ((('zstd', 'tshark'), 'node and npm (or aws-encryption-cli):'), (('node', 'npm'), 'zstd, tshark:'),
                                        ((), 'zstd, tshark, node and npm (or aws-encryption-cli):'))
    try:
        for present, said in cases:
            opened.shutil.which = here(present)
            model = Model()
            with fresh() as folder:
                s = Scene(folder, model, OPENER='')
            error = s.told['steps'][0]['error']
            assert s.failed() == ['preflight'] and error.startswith(said) and 'make deps' in error, error
            assert not model.live and not any('get-caller-identity' in call for call in model.calls), model.calls
    finally:
        opened.shutil.which = real


def modules_are_installed_once():
    """On a fresh machine the SDK's modules come by lockfile from preflight itself, once, before AWS is asked; a failure is told as such"""
    prepare = os.path.join(TOP, 'tests', 'lab', 'opener', 'prepare')
    link = os.path.join(TOP, 'build', 'lab', 'opener', 'node_modules')
    before = os.readlink(link) if os.path.islink(link) else None
    with fresh() as folder:
        npm, asked = os.path.join(folder, 'npm'), os.path.join(folder, 'asked')
        with open(npm, 'w') as f:
            f.write('#!/bin/sh\necho "$*" >>"$ASKED"\n[ ! -e "$ASKED.fail" ] || { echo no network >&2; exit 1; }\n'
                    'mkdir "$3/node_modules"\n')
        os.chmod(npm, 0o755)
        env = {**os.environ, 'CACHE': os.path.join(folder, 'cache'), 'ASKED': asked, 'PATH': f'{folder}:{os.environ["PATH"]}'}
        open(asked + '.fail', 'w').close()
        done = subprocess.run([prepare], env=env, capture_output=True, text=True)
        assert done.returncode and 'no network' in done.stderr and 'npm could not install' in done.stderr.splitlines()[-1], done.stderr
        os.unlink(asked + '.fail')
        for _ in range(2):
            at = subprocess.run([prepare], env=env, capture_output=True, text=True, check=True).stdout.strip()
            assert os.path.isdir(os.path.join(at, 'node_modules')) and os.path.exists(os.path.join(at, 'open.mjs')), at
        with open(asked) as f:
            assert len(f.readlines()) == 2 and os.listdir(os.path.join(folder, 'cache')), 'npm is asked once when it succeeded'
        model = Model()
        model.run_prepare = lambda argv, env: at
        assert opened.choose(model, 'node') == 'node' and model.calls == [prepare]
    if before:
        subprocess.run([prepare], check=True, capture_output=True)


def names_of(model, part):
    return [n for n in model.objects if part in n]


def drop(part):
    def change(model):
        del model.objects[names_of(model, part)[0]]
    return change


def rewrite(part, old, new):
    def change(model):
        for n in names_of(model, part):
            model.plain[n.rpartition('/')[2]] = model.plain[n.rpartition('/')[2]].replace(old, new)
    return change


def other_bytes(model):
    model.objects[names_of(model, 'b' * 16 + '-w0')[0]]['body'] += b'x'


def before_the_kill(model):
    model.objects[names_of(model, '.torn')[0]]['at'] = 1.8e9


BROKEN = (  # what is done to the store, and what step open or another says of it
    (drop('b' * 16 + '-w0-00000000'), 'numbers'), (drop('a' * 16 + '-w0-00000000'), 'numbers'), (other_bytes, 'not the hash'),
    (rewrite('b' * 16 + '-log', '"event": "gap"', '"event": "other"'), 'no gap'),
    (rewrite('b' * 16 + '-log', '"shutdown"', '"other"'), 'end in order'), (before_the_kill, 'after it was killed'),
    (rewrite('b' * 16 + '-log', '"recorded": ', '"recorded": 1'), 'the books'), (rewrite('-w0', '0badcafe', 'another'), 'marker'),
    (rewrite('b' * 16 + '-log', '"event": "shipped"', '"event": "other"'), 'not in the log'))


def what_is_wrong_with_the_objects_is_said():
    """A hole in the numbers, other bytes, a log without gap, shutdown or inventory, books that differ, no marker: step open says which"""
    for change, why in BROKEN:
        model = Model()
        model.change = change
        with fresh() as folder:
            s = Scene(folder, model)
            assert s.failed() == ['open'] and why in s.told['steps'][-1]['error'], (why, s.told['steps'][-1])


def ctrl_c_reaches_a_real_process():
    """A real SIGINT to the program, while the aws command is at work: smoke.json says so, removal ran"""
    with fresh() as folder:
        stub, asked = os.path.join(folder, 'aws'), os.path.join(folder, 'asked')
        with open(stub, 'w') as f:
            f.write('#!/bin/bash\necho "$*" >>"$ASKED"\ncase "$*" in\n'
                    '*get-caller-identity*) echo \'{"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/a"}\' ;;\n'
                    '*terminate-instances*) kill -INT "$SMOKE" ; sleep 20 ;;\n'
                    '*describe-instances*) echo \'{"Reservations": []}\' ;;\n'
                    '*) echo "An error occurred (ValidationError) when calling the X operation: does not exist" >&2; exit 254 ;;\nesac\n')
        os.chmod(stub, 0o755)
        code = ('import os, sys, importlib.machinery as m, importlib.util as u\nos.environ["SMOKE"] = str(os.getpid())\n'
                'l = m.SourceFileLoader("smoke", "board/nitro/smoke")\ns = u.module_from_spec(u.spec_from_loader("smoke", l))\n'
                f'l.exec_module(s)\nsys.exit(s.main(path="{folder}/smoke.json", name="sealtap-smoke-00000003", argv=[]))')
        done = subprocess.run([sys.executable, '-c', code], cwd=TOP, env={**os.environ, **ENV, 'AWS': stub, 'ASKED': asked}, timeout=30,
                              capture_output=True, text=True)
        with open(os.path.join(folder, 'smoke.json')) as f:
            told = json.load(f)
        shutil.rmtree(smoke.folder_of('sealtap-smoke-00000003'), ignore_errors=True)
        with open(asked) as f:
            calls = f.read()
        assert done.returncode == 1 and 'KeyboardInterrupt' in told['steps'][0]['error'] and told['ended'], done.stderr
        assert 'describe-instances' in calls and 'describe-stacks' in calls and 'get-queue-url' in calls, calls


def the_readme_says_whether_it_ran():
    """README says "not yet run on AWS" until a result is committed; then that result's date, commit and region"""
    with open(os.path.join(TOP, 'README.md')) as f:
        readme = f.read()
    path = os.path.join(TOP, 'board', 'nitro', 'smoke.json')
    if not os.path.exists(path):
        assert SENTENCE in readme and not re.search(r'run on AWS: \d', readme)
        return
    with open(path) as f:
        told = json.load(f)
    assert told['ok'] and smoke.line_for_readme(told) in readme and SENTENCE not in readme
    assert next(s for s in told['steps'] if s['name'] == 'open')['evidence']['whose'] == opened.AWSS


def main():
    os.chdir(TOP)
    report = testing.report()
    for test in (a_whole_run, no_secret_is_written, the_root_user_is_refused, an_image_of_its_own_is_removed, each_call_is_refused,
                 each_answer_is_lost, the_network_is_cut, interrupted_anywhere, a_run_that_was_cut_off_is_removed_by_the_next,
                 after_the_lock_all_goes, a_run_keeps_what_another_left, what_is_allowed_fails, every_call_of_the_appliance_is_seen,
                 what_is_missing_here_is_said_at_once, modules_are_installed_once, what_is_wrong_with_the_objects_is_said,
                 ctrl_c_reaches_a_real_process, the_readme_says_whether_it_ran):
        report.run(test)
    report.finish()


main()
