#!/usr/bin/env python3
"""radosgw_test: S3 as Ceph's gateway understands it: it takes what the appliance sends, and refuses what was changed on its way.

radosgw_test.py [-k PATTERN]. Needs root, Ceph's programs (image/packages radosgw), build/init and build/tests/s3_put. What moto does not
check is checked here: secrets, the clock, the body's hash. Logs and objects stay in build/lab/radosgw/.
"""
import base64
import email.message
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, certs, evidence, metadata, netns, objects, procs, surroundings, testing, traffic  # noqa: E402
from lab.host import Host  # noqa: E402
from lab.session import Session  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

PROGRAM = os.path.join(certs.TOP, 'build', 'tests', 's3_put')
FRONT = f'{aws.PREFIX}/{metadata.ACCOUNT}/{metadata.REGION}/lab'
STORE, STORE_ROUTER = '198.18.2.10', '198.18.2.1'
REGIONAL = f's3.{metadata.REGION}.amazonaws.com'
SIZES = {'1 byte': 1, '5 MiB': 5 << 20, '64 MiB and 7 bytes': (64 << 20) + 7}
ODD_NAMES = ['-._~', '..a/.b/c..', 'a' * 200 + '/' + 'b' * 180, 'UPPER/lower~']
FB = base64.b64encode(b'\xfb' * 72).decode()
META = {'format': '1', 'first': '1767225600000000001', 'last': '1767225601000000002', 'records': '3', 'bytes': '4', 'lost': '5',
        'cut': '6', 'filtered': '7', 'prev': 'fb' * 32, 'sig': FB}
# what is changed, the words of s3_put that change it, the answer: status, S3's code, the appliance's verdict
CORRUPTED = [
    ('its signature', ['edit:Authorization'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('its content hash', ['edit:X-Amz-Content-Sha256'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('one bit of its body', ['body'], (400, 'XAmzContentSHA256Mismatch', 'RETRY')),
    ('one field of its metadata', ['edit:X-Amz-Meta-sealtap-records'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('its checksum', ['edit:X-Amz-Checksum-Sha256'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('its date', ['edit:X-Amz-Date'], (403, 'AccessDenied', 'DENIED')),
    ('its host', ['edit:Host'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('its If-None-Match', ['edit:If-None-Match'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('a signed If-None-Match left out', ['drop:If-None-Match'], (403, 'SignatureDoesNotMatch', 'DENIED')),
    ('a clock 20 minutes ahead', ['clock:1200'], (403, 'RequestTimeTooSkewed', 'SKEW')),
    ('a clock 20 minutes behind', ['clock:-1200'], (403, 'RequestTimeTooSkewed', 'SKEW')),
]


# ---- Ceph

PROGRAMS = ('ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin')
MONITOR = '127.0.0.1:6789'
START_S = 60  # bound of every wait; all together need some 15 s on two idle processors

CONF = """
[global]
fsid = {fsid}
mon_host = v1:{monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr2 = false
run_dir = {folder}
admin_socket =
log_file =
log_to_stderr = true
err_to_stderr = true
pid_file =
crash_dir = {folder}/crash
keyring = {folder}/keyring
mon_data = {folder}/mon
mon_data_avail_crit = 1
mon_data_avail_warn = 1
mon_allow_pool_size_one = true
mon_cluster_log_file = /dev/null
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_memory_target = 939524096
rgw_data = {folder}/rgw
rgw_dns_name = s3.{region}.amazonaws.com
rgw_dns_s3website_name =
rgw_enable_usage_log = false
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
rgw_enable_quota_threads = false
rgw_frontends = beast ssl_endpoint=0.0.0.0:443 ssl_certificate={cert} ssl_private_key={key}
"""


def missing():
    """Programs that are not installed; image/packages radosgw installs them."""
    return [p for p in PROGRAMS if not shutil.which(p)]


class Radosgw:
    """Ceph's S3 as a judge that shares nothing with moto: it checks secrets, clocks, the body's hash and If-None-Match. It can be a lab's
    `store`. One monitor, one OSD that keeps all in memory, one gateway behind TLS; start() returns when it serves.

    Nothing of a Ceph that the machine may run is read: every program gets this folder's ceph.conf. The gateway ignores the region of a
    signature's scope and x-amz-checksum-*; x-amz-security-token is not looked at (it has no STS here)."""
    endpoint = 'https://127.0.0.1'  # from its namespace; with a name that is not rgw_dns_name it would take that for a bucket's

    def __init__(self, processes, ns, folder, cert, key):
        self.processes, self.ns, self.folder = processes, ns, os.path.join(folder, 'ceph')
        self.conf = os.path.join(self.folder, 'ceph.conf')
        for name in ('mon', 'osd', 'rgw', 'crash'):
            os.makedirs(os.path.join(self.folder, name))
        with open(self.conf, 'w') as f:
            f.write(CONF.format(fsid=uuid.uuid4(), folder=self.folder, monitor=MONITOR, region=metadata.REGION, cert=cert, key=key))

    def run(self, program, *argv):
        """Runs one of Ceph's programs to its end; its standard output."""
        done = subprocess.run(self.ns.prefix() + ['timeout', str(START_S), program, '-c', self.conf, *argv], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise netns.CommandFailed(f'{program} {" ".join(argv)}: exit {done.returncode}: {done.stderr.strip()[-1500:]}')
        return done.stdout

    def command(self, *argv):
        """One of the monitor's commands; its answer.

        Ceph 16 forgets ceph.conf's fsid once it has asked the monitor for settings, and may send a command before it has learnt the fsid
        anew: EPERM, "wrong fsid". Nobody is refused for another reason here, so it is sent again. (ceph-osd, which would end, doesn't ask
        for settings.)"""
        def answer():
            try:
                return self.run('ceph', *argv)
            except netns.CommandFailed as e:
                if 'EPERM' not in str(e):
                    raise
                return None
        return procs.wait_until(answer, START_S, f'answer to ceph {" ".join(argv)}')

    def start(self):
        monmap = os.path.join(self.folder, 'monmap')
        self.run('monmaptool', '--create', '--addv', 'a', f'[v1:{MONITOR}]', monmap)
        self.run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monmap)
        self.processes.start('ceph-mon', ['ceph-mon', '-f', '-i', 'a', '-c', self.conf], self.ns)
        identity = str(uuid.uuid4())
        self.command('--connect-timeout', '30', 'osd', 'new', identity)
        self.run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', identity)
        osd = self.processes.start('ceph-osd', ['ceph-osd', '-f', '-i', '0', '--no-mon-config', '-c', self.conf], self.ns)
        osd.wait_for(self._osd_is_up, START_S, 'the OSD in the map')
        self.gateway = self.processes.start('radosgw', ['radosgw', '-f', '-n', 'client.rgw', '-c', self.conf], self.ns)
        self.gateway.wait_for(self._serves, START_S, 'a listening gateway')

    def _osd_is_up(self):
        return json.loads(self.command('osd', 'stat', '-f', 'json'))['num_up_osds'] == 1

    def _serves(self):
        return ':443 ' in self.ns.run('ss', '-Hltn')

    def user(self, name, keys):
        """A user who has these keys: {'AccessKeyId', 'SecretAccessKey'}; calls are made as this one from now on."""
        self.keys = keys
        self.run('radosgw-admin', 'user', 'create', '--uid', name, '--display-name', name,
                 '--access-key', keys['AccessKeyId'], '--secret-key', keys['SecretAccessKey'])

    def environment(self):
        return aws.environment(self.keys)

    def aws(self, *argv):
        return objects.command_line(self, *argv)

    def head(self, name):
        """Headers of a stored object: its metadata."""
        headers = email.message.Message()
        said = json.loads(self.aws('s3api', 'head-object', '--bucket', aws.BUCKET, '--key', name))
        for key, value in said['Metadata'].items():
            headers['x-amz-meta-' + key] = value
        return headers


# ---- the judge

class Judge:
    """The gateway beside the lab's other servers, and our requests to it."""

    def __init__(self, lab):
        self.lab = lab
        ns = lab.net.namespace('store')
        netns.wire(lab.router, 'store', ns, 'lan')
        lab.router.up('store', STORE_ROUTER + '/24')
        ns.up('lan', STORE + '/24')
        ns.ip('route', 'add', 'default', 'via', STORE_ROUTER)
        cert, key = certs.issue(lab.folder, 'store', [aws.S3_HOST, REGIONAL, '127.0.0.1'])
        self.keys = lab.amazon.role_keys  # one pair for both: moto's STS chose it, the gateway is told
        self.store = Radosgw(lab.processes, ns, lab.folder, cert, key)
        self.store.start()
        self.store.user('store', self.keys)
        self.store.aws('s3api', 'create-bucket', '--bucket', aws.BUCKET)
        self.files = {size: self._file(size) for size in SIZES.values()}

    def _file(self, size):
        path = os.path.join(self.lab.folder, f'body-{size}')
        with open(path, 'wb') as f:
            f.write(random.Random(size).randbytes(size))
        return path

    def put(self, *steps, keys=None, bucket=aws.BUCKET):
        """Each answer to our program's steps: {err, status, verdict, code, reused}."""
        keys = keys or self.keys
        out = self.store.ns.run(PROGRAM, certs.CA, '127.0.0.1', keys['AccessKeyId'], keys['SecretAccessKey'], bucket, *steps)
        return [json.loads(line) for line in out.splitlines()]

    def put_small(self, name, *steps, **how):
        answer, = self.put(*steps, f'put:{name}:{self.files[1]}', **how)
        return answer

    def must_hold(self, name, path):
        """What the gateway gives for a name, asked by the AWS command line, is the file, with the object's metadata."""
        with open(path, 'rb') as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        copy = os.path.join(self.lab.folder, 'copy')
        said = json.loads(self.store.aws('s3api', 'get-object', '--bucket', aws.BUCKET, '--key', f'{FRONT}/{name}', copy))
        with open(copy, 'rb') as f:
            assert hashlib.sha256(f.read()).hexdigest() == digest, f'{name}: other bytes'
        want = {'sealtap-' + k: v for k, v in {**META, 'sha256': digest}.items()}
        assert said['Metadata'] == want, f'{name}: {said["Metadata"]}'
        assert said['ContentType'] == 'application/octet-stream', said

    def holds(self, name):
        return f'{FRONT}/{name}' in objects.list_names(self.store)


def verdict(answer):
    return answer['status'], answer['code'], answer['verdict']


STORED = (200, '', 'STORED')


def an_object_arrives(judge, size):
    """An object is stored as it was sent, with its metadata"""
    answer, = judge.put(f'put:size-{size}:{judge.files[size]}')
    assert verdict(answer) == STORED, answer
    judge.must_hold(f'size-{size}', judge.files[size])


def corrupted_is_refused(judge, steps, want):
    """What was changed after it was signed is refused, and nothing is stored"""
    name = 'changed-' + steps[0].replace(':', '-').lower()
    answer = judge.put_small(name, *steps)
    assert verdict(answer) == want, answer
    assert not judge.holds(name), 'it is stored'


def wrong_secret(judge):
    """A secret with one bit changed signs nothing."""
    secret = judge.keys['SecretAccessKey']
    keys = {**judge.keys, 'SecretAccessKey': secret[:-1] + chr(ord(secret[-1]) ^ 1)}
    answer = judge.put_small('secret', keys=keys)
    assert verdict(answer) == (403, 'SignatureDoesNotMatch', 'DENIED'), answer
    assert not judge.holds('secret')


def unknown_key(judge):
    """A key that is not known is refused, and said so."""
    answer = judge.put_small('stranger', keys={**judge.keys, 'AccessKeyId': 'AKIAUNKNOWN'})
    assert verdict(answer) == (403, 'InvalidAccessKeyId', 'DENIED'), answer


def other_bucket(judge):
    """A bucket that is not there is said so."""
    answer = judge.put_small('lost', 'endpoint:' + REGIONAL, bucket='sealtap-nowhere')
    assert verdict(answer) == (404, 'NoSuchBucket', 'DENIED'), answer


def taken_name(judge):
    """A taken name is never overwritten; it is our own object only where an earlier attempt had no answer."""
    first, second, third = judge.put(f'put:taken:{judge.files[1]}', f'put:taken:{judge.files[5 << 20]}', 'unanswered',
                                     f'put:taken:{judge.files[1]}')
    assert verdict(first) == STORED, first
    assert verdict(second) == (412, 'PreconditionFailed', 'EXISTS'), second
    assert verdict(third) == (412, 'PreconditionFailed', 'STORED'), third
    judge.must_hold('taken', judge.files[1])


def one_connection(judge):
    """Objects follow each other on one connection, also after a refusal."""
    answers = judge.put(f'put:kept-1:{judge.files[1]}', f'put:kept-2:{judge.files[5 << 20]}', f'put:kept-1:{judge.files[1]}',
                        f'put:kept-3:{judge.files[1]}')
    assert [a['verdict'] for a in answers] == ['STORED', 'STORED', 'EXISTS', 'STORED'], answers
    assert [a['reused'] for a in answers] == [False, True, True, True], answers
    judge.must_hold('kept-2', judge.files[5 << 20])


def odd_names(judge):
    """Every name that the appliance may use is signed as S3 reads it."""
    for name in ODD_NAMES:
        answer = judge.put_small(name)
        assert verdict(answer) == STORED, f'{name}: {answer}'
        judge.must_hold(name, judge.files[1])


def path_style(judge):
    """With the bucket in the path, as at a named endpoint, it is the same object."""
    answer = judge.put_small('by-path', 'endpoint:' + REGIONAL)
    assert verdict(answer) == STORED, answer
    judge.must_hold('by-path', judge.files[1])
    answer = judge.put_small('by-path-changed', 'endpoint:' + REGIONAL, 'edit:Authorization')
    assert verdict(answer) == (403, 'SignatureDoesNotMatch', 'DENIED'), answer


def session_token(judge):
    """A session's token is signed too."""
    answer = judge.put_small('token', 'token:abc/+=def')
    assert verdict(answer) == STORED, answer
    answer = judge.put_small('token-changed', 'token:abc/+=def', 'edit:X-Amz-Security-Token')
    assert verdict(answer) == (403, 'SignatureDoesNotMatch', 'DENIED'), answer


def whole_life(lab, judge):
    """The appliance ships a whole life to it: recorded once, fetched, opened with AWS's SDK, all of the format's checks"""
    lab.move_aws(surroundings.AWS, STORE)
    lab.store = judge.store
    judge.store.aws('s3', 'rm', '--recursive', '--only-show-errors', f's3://{aws.BUCKET}')
    with Session(Host(lab, 'appliance', lab.configuration(object__max_bytes=1 << 20, object__max_seconds=5))) as session:
        session.armed()
        with session.window('pages'):
            traffic.everything(lab)
        session.end()
    session.compare('pages')
    assert len(session.evidence.packets()) > 3, 'too few objects to speak of'
    for check in evidence.CHECKS:
        check(session.evidence)
    assert not objects.list_names(lab.amazon), 'something went to the other S3'


def requests(report, judge):
    for about, size in SIZES.items():
        report.run(an_object_arrives, judge, size, about=f' ({about})')
    for about, steps, want in CORRUPTED:
        report.run(corrupted_is_refused, judge, steps, want, about=f' ({about})')
    for check in (wrong_secret, unknown_key, other_bucket, taken_name, one_connection, odd_names, path_style, session_token):
        report.run(check, judge)


def gateway_is_there(lacking):
    """Ceph's gateway judges our requests."""
    if lacking:
        raise testing.Skip(f'not installed: {", ".join(lacking)} (image/packages radosgw installs them)')


def main():
    report = testing.report()
    lacking = missing()
    if lacking:
        report.run(gateway_is_there, lacking, always=True)
        report.finish()
    with Surroundings('radosgw') as lab:
        judge = Judge(lab)
        requests(report, judge)
        report.run(whole_life, lab, judge)
    report.finish()


main()
