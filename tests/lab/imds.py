#!/usr/bin/env python3
"""imds.py ADDRESS STATE.json: an instance metadata service, version 2 only, strict. ADDRESS is of either family. Answers
leave with a TTL of 1.

STATE.json is {"tokens": N, "answers": {PATH: TEXT}} and is read again for each request: who changes the file (by rename) changes
what is answered; another N makes every token given so far unknown. No token, an unknown or expired one: 401; no such path: 404;
a forwarded request: 403; anything else but PUT token and GET: 405. One line a request goes to standard output, never a secret.
"""
import http.server
import json
import secrets
import socket
import sys
import time

TOKEN_PATH = '/latest/api/token'
TTL_HEADER = 'X-aws-ec2-metadata-token-ttl-seconds'
TOKEN_HEADER = 'X-aws-ec2-metadata-token'


def read_state():
    with open(sys.argv[2]) as f:
        return json.load(f)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True  # else an answer's second write waits for the acknowledgement of its first
    server_version = 'EC2ws'
    sys_version = ''
    tokens = {}  # token: (expiry, generation, client)

    def answer(self, status, text='', headers=()):
        body = text.encode()
        print(f'{self.command} {self.path} {status}', flush=True)
        self.send_response(status)
        self.send_header('Content-Type', 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def forwarded(self):
        return any(h.lower().startswith('x-forwarded-for') for h in self.headers)

    def do_PUT(self):
        ttl = self.headers.get(TTL_HEADER, '')
        if self.path != TOKEN_PATH:
            return self.answer(405)
        if self.forwarded():
            return self.answer(403)
        if self.headers.get('Content-Length', '0') != '0' or not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            self.close_connection = True
            return self.answer(400)
        token = secrets.token_urlsafe(40)
        self.tokens[token] = (time.monotonic() + int(ttl), read_state()['tokens'], self.client_address[0])
        return self.answer(200, token, [(TTL_HEADER, ttl)])

    def authorised(self, state):
        expiry, generation, client = self.tokens.get(self.headers.get(TOKEN_HEADER, ''), (0, None, None))
        return time.monotonic() < expiry and generation == state['tokens'] and client == self.client_address[0]

    def do_GET(self):
        state = read_state()
        if self.forwarded():
            return self.answer(403)
        if not self.authorised(state):
            return self.answer(401)
        text = state['answers'].get(self.path)
        return self.answer(404) if text is None else self.answer(200, text)

    do_HEAD = do_GET

    def refuse(self):
        self.close_connection = True
        self.answer(405)

    do_POST = do_DELETE = do_OPTIONS = do_PATCH = refuse

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)  # accepted connections inherit it
        super().server_bind()


if __name__ == '__main__':
    Server.address_family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
    server = Server((sys.argv[1], 80), Handler)
    print('ready', flush=True)
    server.serve_forever()
