"""radosgw: Ceph's S3 as a judge that shares nothing with moto: it checks secrets, clocks, the body's hash and If-None-Match.

One monitor, one OSD that keeps all in memory, one gateway behind TLS, in a namespace of the lab; what they said stays in the folder given.
Nothing of a Ceph that the machine may run is read: every program gets this folder's ceph.conf. The gateway ignores the region of a
signature's scope and x-amz-checksum-*; x-amz-security-token is not looked at (it has no STS here).
"""
import email.message
import json
import os
import shutil
import subprocess
import uuid

from . import aws, metadata, objects
from .netns import CommandFailed

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
    """Started by start(), which returns when it serves; its programs are ended with the Processes given, by process id. It can be a
    lab's `store`."""
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
            raise CommandFailed(f'{program} {" ".join(argv)}: exit {done.returncode}: {done.stderr.strip()[-1500:]}')
        return done.stdout

    def start(self):
        monmap = os.path.join(self.folder, 'monmap')
        self.run('monmaptool', '--create', '--addv', 'a', f'[v1:{MONITOR}]', monmap)
        self.run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monmap)
        self.processes.start('ceph-mon', ['ceph-mon', '-f', '-i', 'a', '-c', self.conf], self.ns)
        identity = str(uuid.uuid4())
        self.run('ceph', '--connect-timeout', '30', 'osd', 'new', identity)
        self.run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', identity)
        osd = self.processes.start('ceph-osd', ['ceph-osd', '-f', '-i', '0', '-c', self.conf], self.ns)
        osd.wait_for(self._osd_is_up, START_S, 'the OSD in the map')
        self.gateway = self.processes.start('radosgw', ['radosgw', '-f', '-n', 'client.rgw', '-c', self.conf], self.ns)
        self.gateway.wait_for(self._serves, START_S, 'a listening gateway')

    def _osd_is_up(self):
        return json.loads(self.run('ceph', 'osd', 'stat', '-f', 'json'))['num_up_osds'] == 1

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
