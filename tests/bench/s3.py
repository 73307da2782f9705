#!/usr/bin/env python3
"""s3.py FOLDER DELAY_MS: a bucket's objects from files, as S3 answers: ListObjectsV2, HEAD, GET with ranges; each answer comes so late.
It says its port in a line. What it stands for is time: nothing is signed or checked, and what it sends goes from the page cache.

FOLDER/<key>, its metadata beside it in FOLDER/<key>.meta (JSON); any bucket's name, in the path. Beside S3:
  GET /-/counts   {"requests", "bytes" of bodies of objects, "first_ns": monotonic time of the first of these, "methods": {}}
  GET /-/reset    counts from zero
"""
import collections
import contextlib
import email.utils
import http.server
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

PAGE = 1000
TO_XML = {'Content-Type': 'application/xml'}


class Store:
    def __init__(self, folder):
        self.folder = folder
        self.keys = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs
                           if not f.endswith('.meta'))
        self.size = {k: os.path.getsize(os.path.join(folder, k)) for k in self.keys}
        self.meta = {}
        for k in self.keys:
            with open(os.path.join(folder, k + '.meta')) as f:
                self.meta[k] = json.load(f)
        self.lock = threading.Lock()
        self.reset()

    def reset(self):
        self.requests, self.bytes, self.first_ns, self.methods = 0, 0, 0, collections.Counter()

    def etag(self, key):
        return '"' + self.meta[key]['sealtap-sha256'][:32] + '"'

    def count(self, what, length=0):
        with self.lock:
            self.requests += what != ''
            self.bytes += length
            self.methods[what] += what != ''
            if length and not self.first_ns:
                self.first_ns = time.monotonic_ns()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self):
        store, path = self.server.store, urllib.parse.urlsplit(self.path)
        if path.path.startswith('/-/'):
            return self.control(path.path[3:])
        time.sleep(self.server.delay_s)
        _, _, key = urllib.parse.unquote(path.path).lstrip('/').partition('/')
        query = dict(urllib.parse.parse_qsl(path.query, True))
        if not key:
            store.count('list')
            return self.answer(200, TO_XML, self.listing(query).encode())
        if key not in store.size:
            store.count('missing')
            return self.answer(404, TO_XML, b'<Error><Code>NoSuchKey</Code><Message>there is none</Message></Error>')
        store.count(self.command)
        return self.object(key)

    do_HEAD = do_GET

    def control(self, word):
        store = self.server.store
        if word == 'reset':
            store.reset()
        body = {'requests': store.requests, 'bytes': store.bytes, 'first_ns': store.first_ns, 'methods': store.methods}
        self.answer(200, {}, json.dumps(body).encode())

    def listing(self, query):
        store, prefix, delimiter = self.server.store, query.get('prefix', ''), query.get('delimiter', '')
        after = query.get('continuation-token') or query.get('start-after', '')
        most = min(int(query.get('max-keys', PAGE)), PAGE)
        entries, folders, truncated, last = [], [], False, ''
        for key in store.keys:
            if key <= after or not key.startswith(prefix) or (last.endswith('/') and key.startswith(last)):
                continue
            if len(entries) + len(folders) == most:
                truncated = True
                break
            rest = key[len(prefix):]
            if delimiter and delimiter in rest:
                last = prefix + rest[:rest.index(delimiter) + 1]
                if last > after:
                    folders.append(f'<CommonPrefixes><Prefix>{escape(last)}</Prefix></CommonPrefixes>')
                continue
            last = key
            entries.append(f'<Contents><Key>{escape(key)}</Key><LastModified>2026-11-27T00:00:00.000Z</LastModified>'
                           f'<ETag>{escape(store.etag(key))}</ETag><Size>{store.size[key]}</Size><StorageClass>STANDARD</StorageClass>'
                           '</Contents>')
        token = f'<NextContinuationToken>{escape(last)}</NextContinuationToken>' if truncated else ''
        return ('<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f'<Name>b</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries) + len(folders)}</KeyCount>'
                f'<MaxKeys>{most}</MaxKeys>'
                f'<IsTruncated>{str(truncated).lower()}</IsTruncated>{token}{"".join(entries)}{"".join(folders)}</ListBucketResult>')

    def object(self, key):
        store, size = self.server.store, self.server.store.size[key]
        headers = {'ETag': store.etag(key), 'Last-Modified': email.utils.formatdate(1795737600, usegmt=True), 'Accept-Ranges': 'bytes',
                   'Content-Type': 'binary/octet-stream', **{f'x-amz-meta-{k}': v for k, v in store.meta[key].items()}}
        if self.headers.get('If-Match', headers['ETag']) != headers['ETag']:
            return self.answer(412, TO_XML, b'<Error><Code>PreconditionFailed</Code><Message>another one</Message></Error>')
        wanted = re.fullmatch(r'bytes=(\d*)-(\d*)', self.headers.get('Range', ''))
        start, end = 0, size - 1
        if wanted and wanted[1]:
            start, end = int(wanted[1]), min(int(wanted[2] or end), end)
        elif wanted:
            start = max(size - int(wanted[2]), 0)
        if start >= size:
            return self.answer(416, TO_XML, b'<Error><Code>InvalidRange</Code><Message>beyond its end</Message></Error>')
        if wanted:
            headers['Content-Range'] = f'bytes {start}-{end}/{size}'
        self.head(206 if wanted else 200, headers, end - start + 1)
        if self.command == 'GET':
            store.count('', end - start + 1)
            self.send_file(os.path.join(store.folder, key), start, end + 1)

    def send_file(self, path, at, end):
        with open(path, 'rb') as f, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while at < end:
                at += os.sendfile(self.connection.fileno(), f.fileno(), at, min(end - at, 1 << 20))

    def head(self, status, headers, length):
        self.send_response_only(status)
        for name, value in {'x-amz-request-id': 'BENCH', 'Server': 'AmazonS3', **headers, 'Content-Length': str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def answer(self, status, headers, body):
        self.head(status, headers, len(body))
        if self.command == 'GET':
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def handle_error(self, *where):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that goes away in the middle is none of ours
            super().handle_error(*where)


if __name__ == '__main__':
    server = Server(('127.0.0.1', 0), Handler)
    server.store, server.delay_s = Store(sys.argv[1]), int(sys.argv[2]) / 1000
    print(f'port {server.server_port}', flush=True)
    server.serve_forever()
