#!/usr/bin/env python3
"""front.py PORT BEHIND STATE.json LEDGER: stands before moto as AWS's front does, and is stricter: TLS on all addresses, port PORT.

What comes from the appliance, or with its keys, is judged (judge.py) and only then passed on to moto on loopback, port BEHIND; a
violation is answered as AWS would. All else, the tests' own calls, is passed on untouched. STATE.json (written by ledger.py, by rename)
is read again for each request; it says also how to misbehave. The ledger gets one JSON line a request.
"""
import contextlib
import email.utils
import http.client
import itertools
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time
import xml.sax.saxutils

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import judge  # noqa: E402
from lab.judge import Violation  # noqa: E402

HEAD_MAX = 32768
BODY_MAX = 1 << 30
TOKEN_BYTES, REQUEST_ID = 1400, '4442587FB7D0A2F9'
IDLE_S = 20  # a connection without a request is closed
HOP_BY_HOP = {'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'date', 'server', 'content-length'}


class State:
    """STATE.json as it is now."""

    def __init__(self, path):
        self.path, self.stamp, self.value, self.lock = path, None, None, threading.Lock()
        self.fired = {}  # id of a fault: requests that it met

    def get(self):
        with self.lock:
            told = os.stat(self.path)
            if (told.st_ino, told.st_mtime_ns) != self.stamp:
                with open(self.path) as f:
                    self.value = json.load(f)
                self.stamp = (told.st_ino, told.st_mtime_ns)
            return self.value

    def fault(self, kinds, service):
        """The first fault of these kinds that is to meet a request to this service now; {} when there is none."""
        for f in self.get()['faults']:
            with self.lock:
                if f['kind'] not in kinds or f['service'] not in (service, None) or self.fired.get(f['id'], 0) >= f['count']:
                    continue
                self.fired[f['id']] = self.fired.get(f['id'], 0) + 1
                return f
        return {}


class Ledger:
    def __init__(self, path):
        self.file, self.lock = open(path, 'a', buffering=1), threading.Lock()

    def write(self, **entry):
        with self.lock:
            self.file.write(json.dumps({'time': time.time(), **entry}) + '\n')


class Gone(Exception):
    """The client went away, or was sent away, in the middle of something."""


class Names:
    """What is stored under which name, and what is being stored."""

    def __init__(self):
        self.digests, self.stored, self.lock = {}, set(), threading.Lock()

    def offer(self, name, digest):
        with self.lock:
            known = self.digests.setdefault(name, digest)
        judge.require(known == digest, 'other-bytes', f'{name} came before with other bytes', 412, 'PreconditionFailed')

    def store(self, name):
        with self.lock:
            twice = name in self.stored
            self.stored.add(name)
        judge.require(not twice, 'stored-twice', f'{name} was stored before and answered 200 again', 500, 'InternalError')


def error_body(service, status, code, message, **more):
    """(content type, body) of an error in the service's own form; more: S3's further elements."""
    if service == 'kms':
        return 'application/x-amz-json-1.1', json.dumps({'__type': code, 'message': message}).encode()
    code, message = xml.sax.saxutils.escape(code), xml.sax.saxutils.escape(message)
    more = ''.join(f'<{name}>{xml.sax.saxutils.escape(text)}</{name}>' for name, text in more.items())
    error = f'<Code>{code}</Code><Message>{message}</Message>{more}'
    if service == 's3':
        return 'application/xml', f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{error}</Error>'.encode()
    return 'text/xml', f'<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>'.encode()


class Connection:
    def __init__(self, front, raw, source):
        self.front, self.raw, self.source, self.sni = front, raw, source, ''
        self.buffered, self.entry, self.tls, self.accepted = b'', None, None, time.time()
        self.number = next(front.connections)

    def run(self):
        try:
            self.raw.settimeout(IDLE_S)
            self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.shake_hands()
            except (OSError, ssl.SSLError) as e:
                self.front.ledger.write(source=self.source, host=self.sni, verdict='handshake', why=str(e), status=0, bytes=0)
                return
            while self.exchange():
                pass
            self.close()
        except (Gone, OSError):
            pass
        finally:
            with contextlib.suppress(OSError):
                self.raw.close()

    def shake_hands(self):
        context = self.front.context(self.source)
        self.tls = context.wrap_socket(self.raw, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True)
        self.tls.connection = self  # for the server name's callback
        self.tls.do_handshake()

    # ---- bytes

    def close(self):
        with contextlib.suppress(OSError):
            self.tls.settimeout(2)
            self.tls.unwrap()

    def reset(self):
        """RST, whatever is under way."""
        self.book()
        self.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.tls.close()
        raise Gone

    def fill(self):
        got = self.tls.recv(65536)
        if not got:
            raise Gone
        self.buffered += got

    def read_head(self):
        """Up to the empty line; '' when the client closed or was idle for long."""
        while b'\r\n\r\n' not in self.buffered:
            if len(self.buffered) > HEAD_MAX:
                raise Gone
            try:
                self.fill()
            except (Gone, OSError):
                return ''
        head, self.buffered = self.buffered.split(b'\r\n\r\n', 1)
        return head.decode('latin-1')

    def read_body(self, size, stop_at=None):
        """size bytes; after stop_at of them the connection is reset."""
        if size > BODY_MAX:
            raise Gone
        body = bytearray(size)
        view, at = memoryview(body), min(size, len(self.buffered))
        view[:at], self.buffered = self.buffered[:at], self.buffered[at:]
        while at < size:
            if stop_at is not None and at >= stop_at:
                self.reset()
            got = self.tls.recv_into(view[at:at + (1 << 18)])
            if not got:
                raise Gone
            at += got
        return body

    def read_chunks(self):
        """A chunked body, decoded: tests' own programs send such."""
        body = bytearray()
        while True:
            while b'\r\n' not in self.buffered:
                self.fill()
            size, self.buffered = self.buffered.split(b'\r\n', 1)
            body += self.read_body(int(size.split(b';')[0], 16))
            self.read_body(2)
            if int(size.split(b';')[0], 16) == 0:
                return body

    def answer(self, status, headers, body, length=None, head_only=False):
        """length: what Content-Length says; None: the truth; '': nothing."""
        self.book()
        length = len(body) if length is None else length
        lines = [f'HTTP/1.1 {status} {http.client.responses.get(status, "Unknown")}', *(f'{k}: {v}' for k, v in headers)]
        lines += [f'Date: {email.utils.formatdate(self.front.now(), usegmt=True)}', 'Server: AmazonS3']
        lines += [] if length == '' else [f'Content-Length: {length}']
        self.tls.sendall('\r\n'.join(lines + ['', '']).encode('latin-1') + (b'' if head_only else body))

    def book(self):
        """Each request once, and before its answer is seen."""
        entry, self.entry = self.entry, None
        if entry:
            self.front.ledger.write(**entry)

    def error(self, r, status, code, message, headers=(), **more):
        kind, body = error_body(r.service or 's3', status, code, message, **more)
        self.answer(status, [('Content-Type', kind), *headers], body)

    # ---- one request

    def exchange(self):
        """False when the connection is to be closed."""
        head = self.read_head()
        if not head:
            return False
        r = judge.Request(head, self.source, self.sni, self.tls.cipher()[0], self.tls.version())
        state = self.front.state.get()
        judged = self.source not in state['neighbours'] or r.key_id() in {k['AccessKeyId'] for k in state['keys']}
        self.entry = entry = {'source': self.source, 'host': r.get('host'), 'method': r.method, 'path': r.path, 'suite': r.suite,
                              'key': r.key_id(), 'date': r.get('x-amz-date'), 'accepted': self.accepted, 'began': time.time(),
                              'connection': self.number, 'resumed': self.tls.session_reused,
                              'status': 0, 'bytes': 0, 'verdict': 'aborted'}
        try:
            if judged:
                return self.judged(r, state, entry)
            return self.passed_on(r, entry)
        finally:
            self.book()

    def passed_on(self, r, entry):
        if r.get('expect'):
            self.tls.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        chunked = r.get('transfer-encoding').lower() == 'chunked'
        r.body = self.read_chunks() if chunked else self.read_body(int(r.get('content-length') or 0))
        status, headers, body, length = self.front.behind(r)
        entry.update(verdict='passed', status=status, bytes=len(r.body))
        self.answer(status, headers, body, length, r.method == 'HEAD')
        return r.version == 'HTTP/1.1' and r.get('connection').lower() != 'close'

    def judged(self, r, state, entry):
        try:
            self.judge(r, state, entry)
            entry['verdict'] = 'ok'
        except Violation as v:
            entry.update(verdict=v.name, why=v.why, status=v.status, service=r.service, action=r.action)
            entry['expected'] = v.name in state['expected']
            self.error(r, v.status, v.code, v.why)
            return False
        entry.update(service=r.service, action=r.action)
        return self.serve(r, entry)

    def judge(self, r, state, entry):
        judge.judge_head(r, state, self.front.now())
        size = int(r.get('content-length'))
        fault = self.front.state.fault(('reset', 'stall-read'), r.service)
        if fault:
            entry['fault'] = fault['kind']
            entry['service'] = r.service
        if fault.get('kind') == 'stall-read':
            time.sleep(fault['seconds'])
        r.body = self.read_body(size, fault['at'] if fault.get('kind') == 'reset' else None)
        if 'at' in fault:
            self.reset()  # it was shorter
        entry['bytes'] = size
        judge.judge_body(r, state)
        extra = len(self.buffered) + self.tls.pending()
        judge.require(not extra, 'content-length', f'{extra} bytes behind the request')
        if r.service == 's3':
            entry['sha256'] = r.get('x-amz-content-sha256')
            self.front.names.offer(r.name(), entry['sha256'])

    def serve(self, r, entry):
        """Misbehaves as told, or lets moto answer."""
        keys = next(k for k in self.front.state.get()['keys'] if k['AccessKeyId'] == r.key_id())
        if keys.get('expired'):
            code = 'ExpiredTokenException' if r.service == 'kms' else 'ExpiredToken'
            fault = {'kind': 'error', 'status': 400, 'code': code, 'message': 'The provided token has expired.'}
        else:
            fault = self.front.state.fault(FAULTS, r.service)
        if not fault:
            return self.honest(r, entry)
        entry['fault'] = fault['kind']
        return FAULTS[fault['kind']](self, r, entry, fault)

    def from_behind(self, r, entry):
        status, headers, body, length = self.front.behind(r)
        entry['status'] = status
        if r.service == 's3' and status == 200:
            entry['stored'] = True
            try:
                self.front.names.store(r.name())
            except Violation as v:
                entry.update(verdict=v.name, why=v.why, expected=False)
        if r.service == 'kms' and status == 200:
            entry['data_key'] = json.loads(body)['Plaintext']
        return status, headers, body, length

    def honest(self, r, entry):
        status, headers, body, length = self.from_behind(r, entry)
        self.answer(status, headers, body, length)
        return True

    # ---- misbehaviour, after the body was read and judged

    def say_error(self, r, entry, fault):
        """An error of this name; nothing is stored."""
        entry.update(status=fault['status'], code=fault['code'])
        headers = [('x-amzn-ErrorType', fault['code'])] if r.service == 'kms' else []
        self.error(r, fault['status'], fault['code'], fault['message'], headers + list(fault.get('headers', {}).items()))
        return True

    def deny_signature(self, r, entry, fault):
        """As S3 does it: all that was signed stands in the answer, twice; an instance's token is longer than moto's."""
        keys = next(k for k in self.front.state.get()['keys'] if k['AccessKeyId'] == r.key_id())
        canonical, text, _ = judge.signed_texts(r, keys)
        canonical = canonical.replace(keys['SessionToken'], keys['SessionToken'].ljust(TOKEN_BYTES, 'x'))
        more = {'AWSAccessKeyId': r.key_id(), 'StringToSign': text, 'SignatureProvided': '0' * 64,
                'StringToSignBytes': text.encode().hex(' '), 'CanonicalRequest': canonical,
                'CanonicalRequestBytes': canonical.encode().hex(' '), 'RequestId': REQUEST_ID, 'HostId': 'for+a/test='}
        entry.update(status=403, code='SignatureDoesNotMatch', answer_bytes=sum(map(len, more.values())))
        message = 'The request signature we calculated does not match the signature you provided. Check your key and signing method.'
        self.error(r, 403, 'SignatureDoesNotMatch', message, [('x-amz-request-id', REQUEST_ID)], **more)
        return True

    def lose_answer(self, r, entry, fault):
        """It is stored, and nobody says so."""
        self.from_behind(r, entry)
        return False

    def close_after(self, r, entry, fault):
        """All in order, but the connection ends with this answer."""
        status, headers, body, length = self.from_behind(r, entry)
        self.answer(status, headers + [('Connection', 'close')], body, length)
        return False

    def stall_answer(self, r, entry, fault):
        """It is stored, but the answer takes its time."""
        status, headers, body, length = self.from_behind(r, entry)
        time.sleep(fault['seconds'])
        self.answer(status, headers, body, length)
        return True

    def error_in_200(self, r, entry, fault):
        entry.update(status=200, code=fault['code'])
        self.error(r, 200, fault['code'], fault['message'])
        return True

    def truncate(self, r, entry, fault):
        """Stored; the answer's end is missing."""
        status, headers, body, _ = self.from_behind(r, entry)
        self.answer(status, headers, body[:len(body) // 2], len(body) + 100)
        return False

    def unframe(self, r, entry, fault):
        """Stored; an answer without a length, ended by the connection's bare end, without close_notify."""
        status, headers, body, _ = self.from_behind(r, entry)
        self.answer(status, headers, body, '')
        self.tls.shutdown(socket.SHUT_RDWR)
        raise Gone

    def change_key(self, r, entry, fault):
        """KMS's answer with one thing wrong."""
        status, headers, body, _ = self.from_behind(r, entry)
        self.answer(status, headers, json.dumps({**json.loads(body), **fault['members']}).encode())
        return True

    def cut_json(self, r, entry, fault):
        status, headers, body, _ = self.from_behind(r, entry)
        self.answer(status, headers, body[:len(body) // 2])
        return True

    def say_raw(self, r, entry, fault):
        """The next of these answers, byte for byte, whatever they are; carried out before, where the test says so."""
        if fault['carried_out']:
            self.from_behind(r, entry)
        self.book()
        with open(fault['answers'], encoding='latin-1', newline='') as f:
            answers = json.load(f)
        self.tls.sendall(answers[self.front.state.fired[fault['id']] % len(answers)].encode('latin-1'))
        return False


FAULTS = {'error': Connection.say_error, 'signature': Connection.deny_signature, 'lost': Connection.lose_answer,
          'stall-answer': Connection.stall_answer, 'close': Connection.close_after, 'error-in-200': Connection.error_in_200,
          'truncated': Connection.truncate, 'unframed': Connection.unframe, 'members': Connection.change_key,
          'cut-json': Connection.cut_json, 'raw': Connection.say_raw}


def named(tls, name, _):
    tls.connection.sni = name or ''


def new_context(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*pair)
    context.sni_callback = named
    return context


class Front:
    def __init__(self, port, behind, state, ledger):
        self.behind_port, self.state, self.ledger = behind, State(state), Ledger(ledger)
        self.names = Names()
        self.connections, self.contexts, self.lock = itertools.count(), {}, threading.Lock()
        self.listener = socket.create_server(('0.0.0.0', port), backlog=64, reuse_port=False)

    def now(self):
        """Seconds since 1970: the machine's, as far off as the test says, and since a moment so many times as fast."""
        told, now = self.state.get(), time.time()
        since_s = max(0, now - told['clock_since'])
        return now + told['clock_offset_s'] + since_s * (told['clock_speed'] - 1) + (told['clock_leap_s'] if since_s else 0)

    def context(self, source):
        """One for each certificate, as long as this program runs: it holds the sessions and the tickets' key."""
        state = self.state.get()
        pair = state['certificate']
        if state['wrong_certificate'] and source not in state['neighbours']:
            pair = state['wrong_certificate']
        with self.lock:
            if tuple(pair) not in self.contexts:
                self.contexts[tuple(pair)] = new_context(pair)
            return self.contexts[tuple(pair)]

    def behind(self, r):
        """moto's answer: (status, headers, body, content length as said)."""
        c = http.client.HTTPConnection('127.0.0.1', self.behind_port, timeout=60)
        try:
            c.putrequest(r.method, r.path, skip_host=True, skip_accept_encoding=True)
            for name, value in r.pairs:
                if name.lower() not in ('connection', 'transfer-encoding', 'expect', 'content-length'):
                    c.putheader(name, value)
            c.putheader('Content-Length', str(len(r.body)))
            c.putheader('Connection', 'close')
            c.endheaders()
            if r.body:
                c.send(memoryview(r.body))
            a = c.getresponse()
            body = a.read()
            length = a.headers.get('Content-Length') if r.method == 'HEAD' else None
            return a.status, [(k, v) for k, v in a.getheaders() if k.lower() not in HOP_BY_HOP], body, length
        finally:
            c.close()

    def serve(self):
        print('ready', flush=True)
        while True:
            raw, (address, _) = self.listener.accept()
            threading.Thread(target=Connection(self, raw, address).run, daemon=True).start()


if __name__ == '__main__':
    Front(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]).serve()
