"""sink: what stands for S3 where the appliance ships to: an nginx in the web's namespace that takes its name and answers 200."""
import os
import shutil

from cpu import HZ
from lab import aws, certs, objects, web
from lab.surroundings import AWS, IMPOSTOR

SINK = web.HEAD.replace('access_log {folder}/access-{name}.log short;', '''
    log_format meta '$status $request_length $http_x_amz_meta_sealtap_records $http_x_amz_meta_sealtap_lost $request_body_file $uri';
    access_log {folder}/{name}.log meta;
    keepalive_requests 1000000;
''').replace('{folder}/uploads', '{bodies}') + '''
    server {{ listen 127.0.0.1:8081; access_log off; location / {{ return 200; }} }}
    server {{
        listen {address}:443 ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        location / {{
            client_body_buffer_size 1m;
            client_body_in_file_only {keep};
            proxy_pass_request_body off;
            proxy_set_header Content-Length 0;
            proxy_set_header If-None-Match "";
            proxy_pass http://127.0.0.1:8081;
        }}
    }}
}}
'''


class Sink:
    """What stands for S3: it reads each object to its end, into a file on tmpfs, and removes that, or keeps it until forget(). (nginx's
    WebDAV would answer 201.)"""

    def __init__(self, lab, bodies, keeps=False):
        self.lab, self.bodies, self.keeps = lab, bodies, keeps
        os.makedirs(bodies, exist_ok=True)
        cert, key = certs.issue(lab.folder, 'sink', aws.NAMES)
        self.log = os.path.join(lab.folder, 'sink.log')
        text = SINK.format(folder=lab.folder, bodies=bodies, name='sink', address=IMPOSTOR, cert=cert, key=key,
                           keep='on' if keeps else 'clean')
        self.process = web.start(lab.processes, lab.web, lab.folder, 'sink', text)
        self.process.wait_for(lambda: f'{IMPOSTOR}:443 ' in lab.web.run('ss', '-Hltn'), 10, 'port of the sink')
        lab.move_aws(AWS, IMPOSTOR)
        self.seen = 0

    def requests(self):
        with open(self.log) as f:
            return [line.split() for line in f]

    def came(self):
        """The recordings that came since it was asked last, each name once: [(records, lost, file)], by their metadata."""
        lines = self.requests()
        new, self.seen = lines[self.seen:], len(lines)
        by_name = {name: (int(records), int(lost), file) for status, _, records, lost, file, name in new
                   if status == '200' and '.pcapng.zst.encrypted' in name}
        return list(by_name.values())

    def opened(self, files):
        """These recordings, opened with AWS's own Encryption SDK and decompressed: paths."""
        there = [objects.Object(file, file, os.path.getsize(file), {}, {}) for file in files]
        if there:
            objects.open_all(self.lab, there)
        return [o.path + '.plain' for o in there]

    def forget(self):
        shutil.rmtree(self.bodies)
        os.makedirs(self.bodies)

    def taken_bytes(self):
        """All that it was sent so far."""
        return sum(int(line[1]) for line in self.requests())

    def worker(self):
        pid = self.process.child.pid
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            return int(f.read().split()[0])

    def cpu_s(self):
        """What it has used so far."""
        with open(f'/proc/{self.worker()}/stat') as f:
            return sum(map(int, f.read().rsplit(')', 1)[1].split()[11:13])) / HZ
