"""upload: the client's CPU for a body that goes up over TLS, ours against curl, to the same nginx (WebDAV) on loopback."""
import os
import resource
import socket
import subprocess
import time

from lab import certs, procs
from table import Missing, Row

CLIENT = os.path.join(certs.TOP, 'build', 'tests', 'https_client')
HOW = ('PUT of {0} MiB of random bytes from tmpfs to nginx (WebDAV, tmpfs), user and system time of the client alone. Ours: {1}, the '
       'https of the appliance over BearSSL with our AES-GCM, TLS 1.2, AES-128-GCM, writes of 256 KiB. curl: {2}. Neither hashes the body.')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Nginx:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        cert, key = certs.issue(folder, 'localhost', ['localhost', '127.0.0.1'])
        os.makedirs(folder + '/www')
        temps = ' '.join(f'{t}_temp_path {folder}/tmp;' for t in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        with open(folder + '/nginx.conf', 'w') as f:
            f.write(f'''daemon off; user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}
                http {{ access_log off; {temps} server {{ listen 127.0.0.1:{self.port} ssl;
                ssl_certificate {cert}; ssl_certificate_key {key}; root {folder}/www; client_max_body_size 0;
                location / {{ dav_methods PUT; create_full_put_path on; }} }} }}''')

    def __enter__(self):
        self.process = subprocess.Popen(['nginx', '-p', self.folder, '-e', self.folder + '/error.log', '-c', self.folder + '/nginx.conf'],
                                        preexec_fn=procs.die_with_parent)
        procs.wait_until(lambda: not socket.socket().connect_ex(('127.0.0.1', self.port)), 10, 'nginx')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def cpu_s(argv):
    """User and system time of a child."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and ('"sent_all": true' in done.stdout or '201' in done.stdout or '204' in done.stdout), done
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(bench):
    if not os.path.exists(CLIENT):
        raise Missing('build/tests/https_client is not built')
    mib = 128 if bench.quick else 512
    body = bench.folder + '/body'
    with open(body, 'wb') as f:
        for _ in range(mib):
            f.write(os.urandom(1 << 20))
    curl = subprocess.run(['curl', '--version'], stdout=subprocess.PIPE, text=True, check=True).stdout.split('\n')[0]
    bench.version('curl', curl.split()[1])
    ours, theirs = [], []
    with Nginx(bench.folder) as nginx:
        for n in range(-1, 2 * bench.rounds + 1):  # the first to warm up
            bench.note(f'upload, round {n + 1}')
            ours.append(cpu_s([CLIENT, certs.CA, '127.0.0.1', str(nginx.port), 'localhost', f'put:/ours:{body}']))
            theirs.append(cpu_s(['curl', '-sS', '--cacert', certs.CA, '-o', '/dev/null', '-w', '%{http_code}', '-T', body,
                                 f'https://localhost:{nginx.port}/curl']))
            time.sleep(0.2)
    del ours[0], theirs[0]
    gb = (mib << 20) / 1e9
    yield Row('a TLS upload, the client alone', 'curl', 'CPU-s/GB', [s / gb for s in ours], [s / gb for s in theirs],
              how=HOW.format(mib, 'tests/net/https_client.c', curl.split(' (')[0] + ', its default (TLS 1.3, AES-256-GCM)'))
