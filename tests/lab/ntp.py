#!/usr/bin/env python3
"""ntp.py ADDRESS STATE.json [OTHER]: an NTP server, strict with its client, that can be told to lie.

STATE.json is read again for each request; who changes it does so by rename (class TimeServer):
  clock      {offset_s, since, speed, leap_s}: its time by the machine's: the lab's clock (see clock.py)
  error_s    a list: so much is added to the time it gives, the next of the list in each answer, and again from its beginning
  kiss       a kiss-o'-death with this code is all the answer
  silent     no answer
  first      'replay': an answer that was given before comes before the true one; 'origin': one to another request, an hour off;
             'port', 'address': one with all fields right but the time, an hour off, from another port or from OTHER
  instead    as `first`, and no true answer follows
One line a request goes to standard output: `request N`, or `bad request: ..`, which gets no answer.
"""
import itertools
import json
import os
import secrets
import socket
import struct
import sys
import time

PORT, UNIX = 123, 2208988800
HEAD = struct.Struct('>BBbbII4sQQQQ')
HOUR_NS = 3600 * 10**9


def stamp(ns):
    return (ns // 10**9 + UNIX) % 2**32 << 32 | (ns % 10**9 << 32) // 10**9


class Server:
    def __init__(self, address, path, other):
        self.path, self.nonces, self.given, self.turn = path, set(), [], itertools.count()
        self.socket = bound(address, PORT)
        self.others = {'port': bound(address, 0), 'address': bound(other, PORT) if other else None}

    def serve(self):
        print('ready', flush=True)
        for n in itertools.count():
            request, client = self.socket.recvfrom(2048)
            arrived = time.time_ns()
            with open(self.path) as f:
                self.state = json.load(f)
            wrong = self.wrong(request)
            print(f'bad request: {wrong}: {request.hex()}' if wrong else f'request {n}', flush=True)
            if not wrong and not self.state.get('silent'):
                self.nonces.add(request[40:])
                self.answer(request[40:], arrived, client)

    def wrong(self, request):
        """What is wrong with a request: it may carry nothing but version, mode and a nonce that was never used."""
        if len(request) != HEAD.size or request[0] != 0x23 or any(request[1:40]):
            return 'it is not a plain client request'
        return 'its nonce is used' if request[40:] in self.nonces or not any(request[40:]) else None

    def now(self, machine_ns):
        clock, s = self.state['clock'], machine_ns / 1e9
        if clock['since'] and s > clock['since']:
            machine_ns += int(((s - clock['since']) * (clock['speed'] - 1) + clock['leap_s']) * 1e9)
        return machine_ns + int(clock['offset_s'] * 1e9)

    def packet(self, origin, arrived, error_ns):
        leaves = time.time_ns()
        times = [stamp(self.now(t) + error_ns) for t in (arrived, arrived, leaves)]
        return HEAD.pack(0x24, 2, 0, -20, 0x10, 0x20, b'LAB\0', times[0], int.from_bytes(origin, 'big'), *times[1:])

    def answer(self, origin, arrived, client):
        if 'kiss' in self.state:
            code = self.state['kiss'].encode()
            self.socket.sendto(HEAD.pack(0xe4, 0, 0, -20, 0, 0, code, 0, int.from_bytes(origin, 'big'), 0, 0), client)
            return
        trick = self.state.get('first') or self.state.get('instead')
        if trick == 'replay' and self.given:
            self.socket.sendto(self.given[-1], client)
        elif trick == 'origin':
            self.socket.sendto(self.packet(secrets.token_bytes(8), arrived, HOUR_NS), client)
        elif trick in self.others:
            self.others[trick].sendto(self.packet(origin, arrived, HOUR_NS), client)
        if 'instead' not in self.state:
            errors = self.state.get('error_s', [0])
            error_ns = int(errors[next(self.turn) % len(errors)] * 1e9)
            self.given.append(self.packet(origin, arrived, error_ns))
            self.socket.sendto(self.given[-1], client)


def bound(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s


class TimeServer:
    """What such a server is told, and what it saw."""
    ADDRESS, OTHER = '169.254.169.123', '169.254.169.122'

    def __init__(self, processes, ns, folder, address=ADDRESS):
        self.processes, self.ns, self.address = processes, ns, address
        self.path = os.path.join(folder, f'ntp-{address}.json')
        self.clock = {'offset_s': 0, 'since': 0, 'speed': 1, 'leap_s': 0}
        self.tell()

    def start(self):
        argv = [sys.executable, os.path.abspath(__file__), self.address, self.path] + [self.OTHER] * (self.address == self.ADDRESS)
        self.process = self.processes.start(f'ntp-{self.address}', argv, self.ns)
        self.process.wait_output('ready', 10)

    def tell(self, **state):
        """It does this from now on, and nothing else that it was told before."""
        self.state = state
        with open(self.path + '.new', 'w') as f:
            json.dump({'clock': self.clock, **state}, f)
        os.rename(self.path + '.new', self.path)

    def requests(self):
        said = self.process.output()
        assert 'bad request' not in said, said
        return said.count('\nrequest ')


if __name__ == '__main__':
    Server(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None).serve()
