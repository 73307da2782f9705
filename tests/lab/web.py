"""web: nginx as the world outside: pages of several sizes over HTTP and HTTPS, and uploads, which it keeps for comparison."""
import hashlib
import os
import random

from . import certs

PAGES = {'empty': 0, '1k': 1024, '100k': 100 * 1024, '10m': 10 << 20, '50m': 50 << 20}
HEAD = """
daemon off;
worker_processes 1;
pid {folder}/nginx-{name}.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
    log_format short '$remote_addr $remote_port $status $request_uri';
    access_log {folder}/access-{name}.log short;
    default_type application/octet-stream;
    client_max_body_size 0;
    client_body_temp_path {folder}/uploads;
    proxy_temp_path {folder}/nginx-tmp;
    fastcgi_temp_path {folder}/nginx-tmp; uwsgi_temp_path {folder}/nginx-tmp; scgi_temp_path {folder}/nginx-tmp;
"""
# An upload is read whole into a file before the inner server sees its request; the file stays.
SITE = HEAD + """
    server {{ listen 127.0.0.1:8080; access_log off; location / {{ return 204; }} }}
    server {{
        listen {address}:80;
        listen {address}:443 ssl http2;
        listen [::]:80;
        listen [::]:443 ssl http2;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        root {folder}/pages;
        location /upload {{
            client_body_in_file_only on;
            proxy_pass_request_body off;
            proxy_set_header Content-Length 0;
            proxy_set_header X-File $request_body_file;
            proxy_pass http://127.0.0.1:8080;
        }}
    }}
}}
"""
TLS_SERVER = HEAD + """
    server {{
        listen {address}:443 ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{ return 503; }}
    }}
}}
"""


def start(processes, ns, folder, name, text):
    path = os.path.join(folder, f'nginx-{name}.conf')
    with open(path, 'w') as f:
        f.write(text)
    return processes.start(f'nginx-{name}', ['nginx', '-p', folder, '-c', path, '-g', 'user root;'], ns)


def start_tls_server(processes, ns, folder, address, cert, key):
    """A TLS server on port 443 of one address that answers 503 to everybody it can talk to."""
    return start(processes, ns, folder, 'tls', TLS_SERVER.format(folder=folder, name='tls', address=address, cert=cert, key=key))


class Site:
    def __init__(self, processes, ns, folder, name, address):
        self.folder, self.ns = folder, ns
        for sub in ('pages', 'uploads', 'nginx-tmp'):
            os.makedirs(os.path.join(folder, sub))
        self.sums = {page: self._make_page(page, size) for page, size in PAGES.items()}
        cert, key = certs.issue(folder, 'web', [name])
        self.process = start(processes, ns, folder, 'site', SITE.format(folder=folder, name='site', address=address, cert=cert, key=key))

    def _make_page(self, page, size):
        """Text that compresses and noise that does not, in turn; the same in each run."""
        noise = random.Random(page)
        text = b'<p>sealtap lab page, line after line after line.</p>\n' * 80
        data = b''.join(noise.randbytes(len(text)) + text for _ in range(size // (2 * len(text)) + 1))[:size]
        with open(os.path.join(self.folder, 'pages', page), 'wb') as f:
            f.write(data)
        return hashlib.sha256(data).hexdigest()

    def wait(self):
        def listening():
            lines = self.ns.run('ss', '-Hltn')
            return ':80 ' in lines and ':443 ' in lines
        self.process.wait_for(listening, 10, 'open ports')

    def clients(self):
        """(address, port) of each request so far, as the server saw them."""
        with open(os.path.join(self.folder, 'access-site.log')) as f:
            return [(line.split()[0], int(line.split()[1])) for line in f]

    def forget_uploads(self):
        for name in os.listdir(os.path.join(self.folder, 'uploads')):
            os.unlink(os.path.join(self.folder, 'uploads', name))

    def uploads(self):
        """SHA-256 of each upload received whole."""
        sums = []
        for name in os.listdir(os.path.join(self.folder, 'uploads')):
            with open(os.path.join(self.folder, 'uploads', name), 'rb') as f:
                sums.append(hashlib.sha256(f.read()).hexdigest())
        return sums
