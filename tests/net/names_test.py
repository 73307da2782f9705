#!/usr/bin/env python3
"""names_test: the appliance finds its services through the DNS: answers too long for UDP, servers that lie or fall silent.

names_test.py [-k PATTERN]. Needs root. Logs and objects stay in build/lab/names/.
"""
import contextlib
import os
import re
import signal
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import aws, objects, surroundings, testing, traffic  # noqa: E402
from lab.clock import Clock  # noqa: E402
from lab.host import INJECTED, Host  # noqa: E402
from lab.procs import wait_until  # noqa: E402
from lab.surroundings import Surroundings  # noqa: E402

MANY = 40  # addresses of one name: some 700 bytes of answer
ADDRESSES = [f'198.18.1.{10 + i}' for i in range(MANY)]


def give_many_addresses(lab):
    """S3 and KMS answer at each of many addresses, and the DNS tells all of them."""
    for address in ADDRESSES[1:]:
        lab.aws.ip('address', 'add', address + '/24', 'dev', 'lan')
    with open(os.path.join(lab.folder, 'hosts'), 'a') as f:
        f.writelines(f'{address} {aws.S3_HOST} {aws.KMS_HOST}\n' for address in ADDRESSES[1:])
    lab.dnsmasq.send(signal.SIGHUP)


class Asked:
    """How often the DNS server was asked, told from its own log: a question over TCP comes from a child of the server."""

    def __init__(self, lab, name=aws.S3_HOST):
        self.name, self.dnsmasq, self.since = name, lab.dnsmasq, len(lab.dnsmasq.output())

    def processes(self, kind='A'):
        """Of each question for the name since: the process that took it."""
        text = self.dnsmasq.output()[self.since:]
        return [int(pid) for pid in re.findall(rf'dnsmasq\[(\d+)\]: query\[{kind}\] {re.escape(self.name)} from', text)]

    def tcp(self):
        return sum(pid != self.dnsmasq.child.pid for pid in self.processes())

    def udp(self):
        return len(self.processes()) - self.tcp()


def recordings(lab):
    """How many S3 has taken."""
    return sum('/packets/' in e['path'] and bool(e.get('stored')) for e in lab.front.entries())


def long_answers(lab):
    """An answer too long for UDP is fetched over TCP, and the appliance arms by it."""
    asked = Asked(lab)
    with Host(lab, 'long', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        assert asked.udp() and asked.tcp(), f'{asked.udp()} questions over UDP, {asked.tcp()} over TCP'
        appliance.stop()


def hang_up(lab):
    """S3 ends the kept connection without an answer, which is met by a fresh one to the same addresses, and that one too:
    only then is the name needed."""
    with lab.front.misbehave('lost', count=2) as met:
        wait_until(lambda: traffic.ping(lab, 1) or len(met()) == 2, 60, 'request to S3')


def outage(lab):
    """When the DNS falls silent after arming, uploads go on with the addresses known, and the log says so once."""
    with Clock(lab) as clock, Host(lab, 'outage', lab.configuration(object__max_seconds=2), init=INJECTED) as appliance:
        appliance.console.wait_armed(60)
        traffic.ping(lab, 2)
        lab.stop_dnsmasq()
        try:
            for _ in range(2):
                hang_up(lab)
                before = recordings(lab)
                wait_until(lambda: traffic.ping(lab, 1) or recordings(lab) > before, 60, 'recording')
        finally:
            lab.start_dnsmasq()
        # what was learnt before counts as fresh for 30 s after its use
        said, asked = len(appliance.console.text()), Asked(lab)
        for _ in range(18):
            if not asked.processes():
                hang_up(lab)
                clock.pass_time(5)
        assert asked.processes(), 'the DNS is not asked again after its outage'
        time.sleep(1)
        assert 'CLOSED' not in appliance.console.text()[said:], appliance.console.text()[said:]
        appliance.stop()
    evidence = objects.collect(lab)
    silent = evidence.events('dns-silent-older-answers-used')
    assert len(silent) == 1 and len(evidence.events('dns-answers-again')) == 1, silent


def both_families(lab):
    """Dual-stack endpoints are asked for by both families, and reached by IPv4 where the links have no IPv6."""
    with open(os.path.join(lab.folder, 'hosts'), 'a') as f:
        f.writelines(f'{address} {aws.S3_DUALSTACK} {aws.KMS_DUALSTACK}\n' for address in (ADDRESSES[0], '2001:db8::1', '2001:db8::2'))
    lab.dnsmasq.send(signal.SIGHUP)
    asked = Asked(lab, aws.S3_DUALSTACK)
    with Host(lab, 'both', lab.configuration(endpoint__dualstack='yes')) as appliance:
        appliance.console.wait_armed(60)
        assert asked.processes('A') and asked.processes('AAAA'), f'{asked.processes("A")} A, {asked.processes("AAAA")} AAAA'
        appliance.stop()


LIAR, LIE = surroundings.ROUTER, '198.51.100.99'


class Liar:
    """A DNS server that answers each question five times wrongly before it passes the real server's answer on: with another id, to
    another name, from another port, as a question, with garbage. Over TCP it sends another question's answer first and its bytes
    one by one."""

    def __init__(self, lab):
        self.ns, self.lies, self.streams = lab.router, 0, 0
        self.udp = self.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((LIAR, 53))
        self.other = self.ns.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind((LIAR, 5353))
        self.tcp = self.ns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.bind((LIAR, 53))
        self.tcp.listen(16)
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    @staticmethod
    def lie(question, twist=0, flags=0x8180, name=None):
        ident, = struct.unpack_from('>H', question)
        asked = name or question[12:]
        answer = struct.pack('>HHIH', 1, 1, 3600, 4) + socket.inet_aton(LIE)
        return struct.pack('>6H', ident ^ twist, flags, 1, 1, 0, 0) + asked + b'\xc0\x0c' + answer

    def _serve_udp(self):
        while True:
            question, asker = self.udp.recvfrom(512)
            with self.ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as real:
                real.settimeout(2)
                real.connect((surroundings.DNS, 53))
                real.send(question)
                answer = real.recv(4096)
            self.udp.sendto(self.lie(question, twist=1), asker)
            self.udp.sendto(self.lie(question, name=b'\5other\4test\0\0\1\0\1'), asker)
            self.other.sendto(self.lie(question), asker)
            self.udp.sendto(self.lie(question, flags=0x0100), asker)
            self.udp.sendto(b'\0\1\2', asker)
            self.lies += 5
            self.udp.sendto(answer, asker)

    def _serve_tcp(self):
        while True:
            asker, _ = self.tcp.accept()
            with asker, self.ns.socket(socket.AF_INET, socket.SOCK_STREAM) as real, contextlib.suppress(OSError):
                real.settimeout(2)
                asker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                question = asker.recv(1024)
                real.connect((surroundings.DNS, 53))
                real.sendall(question)
                answer = real.recv(2, socket.MSG_WAITALL)
                answer += real.recv(int.from_bytes(answer, 'big'), socket.MSG_WAITALL)
                lie = self.lie(question[2:], twist=0x100)
                for byte in len(lie).to_bytes(2, 'big') + lie + answer:
                    asker.send(bytes([byte]))
                self.streams += 1


def liar(lab):
    """Answers with another id, to another name or from another port are passed over, and the right one is taken."""
    false = Liar(lab)
    lab.start_dnsmasq(lambda text: text.replace(f'option:dns-server,{surroundings.DNS}', f'option:dns-server,{LIAR}'))
    with Host(lab, 'liar', lab.configuration()) as appliance:
        appliance.console.wait_armed(60)
        assert false.lies and false.streams, f'{false.lies} lies, {false.streams} answers over TCP: the test proves nothing'
        appliance.console.wait(rf'names are resolved by {re.escape(LIAR)}', 5)
        appliance.stop()


def main():
    report = testing.report()
    with Surroundings('names') as lab:
        give_many_addresses(lab)
        for test in (long_answers, outage, both_families, liar):
            report.run(test, lab)
    report.finish()


main()
