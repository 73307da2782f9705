"""clients: what hosts inside do with the world outside, scene by scene: real clients, real servers, any gateway between them.

A scene is a function of a Place; it raises when something does not work. Its docstring is a sentence about the gateway.
"""
import collections
import contextlib
import errno
import hashlib
import json
import os
import re
import socket
import struct
import time

from . import certs, frames, ipv6, netns, testing, traffic
from .procs import wait_until
from .servers import CROWD, CROWD_PORT, NARROW, NARROW6, NARROW_MTU, ONE_PLACE_PORT, OTHERS_INSIDE, SWALLOWED, SYN_FLOOD, Conversation
from .surroundings import APPLIANCE_INSIDE, APPLIANCE_OUTSIDE, CLIENT, DNS, ROUTER, WEB, WWW

CONNTRACK = '/proc/net/nf_conntrack'
FLOW = re.compile(r'src=\S+ dst=(\S+) sport=(\d+) dport=(\d+)')  # one direction
FORGOTTEN_S = 3  # how long a silent flow is remembered, where a scene is about that
DATAGRAM = 65000
JUMBO = 9001
SCTP = 132  # linux/in.h
CROWD_FLOWS, ONE_PLACE_FLOWS, FLOOD_SYNS, FLOOD_PER_S = 50000, 65000, 100000, 20000
# The addresses of one family; whom a server sees; how long the headers of a ping are; what a large transfer is; how curl gets there.
Net = collections.namedtuple('Net', 'family client gateway router dns web narrow seen ping_headers large curl')
V4 = Net(socket.AF_INET, CLIENT, APPLIANCE_INSIDE, ROUTER, DNS, WEB, NARROW, APPLIANCE_OUTSIDE, 28, '50m', ())
V6 = Net(socket.AF_INET6, ipv6.CLIENT, ipv6.INSIDE, ipv6.ROUTER, ipv6.DNS, ipv6.WEB6, f'[{NARROW6}]', ipv6.CLIENT, 48, '10m',
         ('--connect-to', f'::[{ipv6.WEB6}]:'))


class Place:
    """A gateway's namespace, and what is around it."""

    def __init__(self, lab, servers, ns):
        self.lab, self.servers, self.ns = lab, servers, ns
        self.net = V4
        self.noted = {}  # what scenes saw and others want to know
        ipv6.inside(lab)
        for address in OTHERS_INSIDE:
            lab.inside.ip('address', 'add', address + '/24', 'dev', 'nic')

    def setting(self, name):
        return int(self.ns.run('cat', '/proc/sys/net/netfilter/' + name))

    @contextlib.contextmanager
    def timeout(self, name, seconds):
        """Conntrack's timeout is another for a while."""
        before = self.setting(name)
        self.ns.sysctl('netfilter/' + name, seconds)
        try:
            yield
        finally:
            self.ns.sysctl('netfilter/' + name, before)

    def flows(self, port):
        """{client's port: port outside} of the TCP flows to a port of the web server that the gateway knows."""
        known = [FLOW.findall(line) for line in self.ns.run('cat', CONNTRACK).splitlines() if ' ESTABLISHED ' in line]
        return {int(there[1]): int(back[2]) for there, back in known if (there[0], there[2]) == (WEB, str(port))}

    def forgets(self, port, client_port):
        wait_until(lambda: client_port not in self.flows(port), 10 * FORGOTTEN_S, 'end of the silent flow')

    def room_for(self, flows):
        """A scene that needs more than the machine's connection table has is skipped: a namespace can't change its size."""
        most = self.setting('nf_conntrack_max')
        room = most - self.setting('nf_conntrack_count')
        if most and room < flows:
            raise testing.Skip(f'nf_conntrack_max of this machine is {most}, {flows} more flows are needed, there is room for {room}')

    def tcp(self, port=0):
        s = self.lab.inside.socket(self.net.family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))  # its port waits for nothing afterwards
        return prepared(s, self.net.client, port)

    def udp(self, port=0):
        return prepared(self.lab.inside.socket(self.net.family, socket.SOCK_DGRAM), self.net.client, port)

    def udp_server(self, port):
        return prepared(self.lab.web.socket(self.net.family, socket.SOCK_DGRAM), self.net.web, port)


def prepared(s, address, port):
    s.bind((address, port))
    s.settimeout(5)
    return s


def over_ipv6(scene, sentence=None):
    """The same scene with the addresses of IPv6."""
    def play(place):
        place.net = V6
        try:
            scene(place)
        finally:
            place.net = V4
    play.__name__ = scene.__name__ + '_over_ipv6'
    play.__doc__ = (sentence or testing.sentence(scene)) + ', over IPv6'
    return play


def curl(lab, url, *options):
    """What curl writes to its standard output."""
    return lab.inside.run('curl', '-sS', '-f', '--max-time', '60', '--cacert', certs.CA, *options, url)


# ---- web

def web_pages(place):
    """HTTP/1.1 and HTTP/2 over TLS pass, each as negotiated"""
    for option, version in (('--http1.1', '1.1'), ('--http2', '2')):
        for page in ('empty', '1k', '100k'):
            traffic.fetch(place.lab, page, 'https', option, *place.net.curl)
        told = ('-o', '/dev/null', '-w', '%{http_version} %{ssl_verify_result}')
        said = curl(place.lab, f'https://{WWW}/1k', option, *place.net.curl, *told)
        assert said == f'{version} 0', f'negotiated with {option}: {said}'


def large_transfers(place):
    """50 MB come down and go up unchanged, by HTTP/1.1 and by HTTP/2"""
    traffic.fetch(place.lab, place.net.large, 'http', '--limit-rate', '20M', *place.net.curl)
    traffic.fetch(place.lab, '10m', 'https', '--http2', *place.net.curl)
    send_up(place, place.net.large, '--http2', '--limit-rate', '20M')
    send_up(place, '10m', '--http1.1')


def send_up(place, page, *options):
    place.lab.site.forget_uploads()
    source = os.path.join(place.lab.folder, 'pages', page)
    curl(place.lab, f'https://{WWW}/upload', '-T', source, *options, *place.net.curl)
    assert place.lab.site.uploads() == [place.lab.site.sums[page]], f'the upload of {page} did not arrive whole'


# ---- names, shells, files

def names(place):
    """Names are resolved over UDP and over TCP"""
    for way in ('+notcp', '+tcp'):
        answer = place.lab.inside.run('dig', '+short', '+tries=2', '+time=3', way, '@' + place.net.dns, WWW).split()
        assert answer == [WEB], f'dig {way} says {answer}'


def shell(place):
    """SSH with a key passes, and carries a file whole"""
    ssh = place.servers.ssh(address=place.net.web)
    said = place.lab.inside.run(*ssh, 'sha256sum', os.path.join(place.lab.folder, 'pages', '10m'))
    assert said.split()[0] == place.lab.site.sums['10m'], said
    said = place.lab.inside.run('sh', '-c', ' '.join(ssh) + f' cat {place.lab.folder}/pages/10m | sha256sum')
    assert said.split()[0] == place.lab.site.sums['10m'], 'the file came through changed'


def silent_shell(place):
    """A silent SSH session that the gateway forgot goes on, by the same port outside, when its client speaks; keepalives keep it known"""
    place.ns.run('test', '-r', CONNTRACK)
    with place.timeout('nf_conntrack_tcp_timeout_established', FORGOTTEN_S):
        with Conversation(place.lab.inside, place.servers.ssh('-o', 'ServerAliveInterval=1') + ['cat']) as lively:
            lively.ask('one')
            kept, = place.flows(22).items()
            with Conversation(place.lab.inside, place.servers.ssh() + ['cat']) as silent:
                silent.ask('one')
                both = place.flows(22)
                (port, outside), = set(both.items()) - {kept}
                place.forgets(22, port)
                assert place.flows(22) == dict([kept]), 'the flow with keepalives was forgotten too'
                silent.ask('two')
                assert place.flows(22)[port] == outside, f'{outside} outside before, {place.flows(22)[port]} after'
            lively.ask('two')


def server_breaks_the_silence(place):
    """The server's word in a silent SSH session that the gateway forgot"""
    with place.timeout('nf_conntrack_tcp_timeout_established', FORGOTTEN_S):
        with Conversation(place.lab.inside, place.servers.ssh() + [f'read a; echo $a; sleep {FORGOTTEN_S + 2}; echo late']) as silent:
            silent.ask('one')
            (port, _), = place.flows(22).items()
            place.forgets(22, port)
            assert silent.hear(FORGOTTEN_S + 2) == 'late'


def silence_from_a_reserved_port(place):
    """A silent connection from a port of the reserved range that the gateway forgot goes on, by the same port outside"""
    if not netns.kernel_has('INIT_STACK_ALL_ZERO'):
        raise testing.Skip("this kernel's nf_nat_masquerade.c takes the offset from its stack; the image's is zeroed: boot_test")
    with place.timeout('nf_conntrack_tcp_timeout_established', FORGOTTEN_S), place.tcp(65000) as s:
        s.connect((WEB, CROWD_PORT))
        before = exchange(s, 'one')
        place.forgets(CROWD_PORT, 65000)
        assert exchange(s, 'two') == before == place.flows(CROWD_PORT)[65000]


def exchange(s, text):
    """With a server for crowds: it repeats the question, and says whom it saw."""
    question = text.encode().ljust(16, b'.')
    s.send(question)
    answer = s.recv(64)
    assert answer[:16] == question and len(answer) == 22, answer
    return int.from_bytes(answer[20:22], 'big')


def passive_ftp(place):
    """Passive FTP passes, by EPSV and by PASV"""
    address, options = (WEB, ('--ftp-pasv', '--disable-epsv')) if place.net is V4 else (f'[{place.net.web}]', ('--ftp-pasv',))
    for option in options:
        target = os.path.join(place.lab.folder, 'fetched')
        curl(place.lab, f'ftp://{address}/10m', option, '-o', target)
        with open(target, 'rb') as f:
            assert hashlib.sha256(f.read()).hexdigest() == place.lab.site.sums['10m'], 'the file came through changed'


def active_ftp(place):
    """Active FTP"""
    what = [f'ftp://{WEB}/1k', '--ftp-port', '-', '--connect-timeout', '5', '-o', '/dev/null']
    place.lab.web.run('curl', '-sS', *what)  # where nobody translates
    curl(place.lab, *what)


# ---- IP and its errors

def pings(place):
    """Pings pass, those with an identifier in the reserved range too"""
    for identifier in (1, 40000, 64512, 65535):
        said = place.lab.inside.run('ping', '-n', '-c', '2', '-i', '0.2', '-W', '5', '-e', str(identifier), place.net.web)
        assert '2 received' in said, said


def traces(place):
    """traceroute by UDP, ICMP and TCP sees the gateway, the router behind it and the goal"""
    for way in (['-U'], ['-I'], ['-T', '-p', '80']):
        said = place.lab.inside.run('traceroute', '-n', '-q', '1', '-N', '1', '-w', '3', '-m', '6', *way, place.net.web)
        hops = [line.split()[1] for line in said.splitlines()[1:]]
        assert hops == [place.net.gateway, place.net.router, place.net.web], said


def narrow_path(place):
    """Who sends 9,001-byte packets with DF is told of a 1,400-byte link behind the router, and the upload arrives whole"""
    inside, lab, net = place.lab.inside, place.lab, place.net
    inside.ip('-6' if net is V6 else '-4', 'route', 'flush', 'cache')
    # the gateway may clamp the segments of connections: one packet of full size, whatever becomes of it
    said = inside.run('sh', '-c', f'ping -n -c 1 -W 5 -M do -s {JUMBO - net.ping_headers} {net.narrow.strip("[]")} 2>&1 || :')
    assert '0 received' in said, said
    lab.site.forget_uploads()
    curl(lab, f'https://{WWW}/upload', '--http1.1', '-T', os.path.join(lab.folder, 'pages', '10m'), '--connect-to', f'::{net.narrow}:')
    assert lab.site.uploads() == [lab.site.sums['10m']], 'the upload did not arrive whole'
    known = inside.ip('route', 'get', net.narrow.strip('[]'))
    assert f'mtu {NARROW_MTU}' in known, f'the host inside was not told: {known}'


def large_datagrams(place):
    """Datagrams of 65,000 bytes pass in fragments, both ways"""
    with place.udp_server(7003) as server, place.udp() as client:
        if place.net is V6:  # which nobody fragments on the way: the first one teaches the path's MTU
            client.sendto(bytes(DATAGRAM), (place.net.web, 7003))
            time.sleep(0.3)
        for _ in range(5):
            question, answer = os.urandom(DATAGRAM), os.urandom(DATAGRAM)
            client.sendto(question, (place.net.web, 7003))
            heard, who = server.recvfrom(65535)
            assert heard == question and who[0] == place.net.seen, f'{len(heard)} bytes from {who}'
            server.sendto(answer, who)
            heard, who = client.recvfrom(65535)
            assert (heard, who[:2]) == (answer, (place.net.web, 7003)), f'{len(heard)} bytes from {who}'


def closed_ports(place):
    """A closed port is told to who asks there, by TCP and by UDP"""
    with place.tcp() as s:
        assert s.connect_ex((place.net.web, 9)) == errno.ECONNREFUSED
    with place.udp() as s:
        s.connect((place.net.web, 9))
        s.send(b'anybody?')
        try:
            s.recv(100)
        except ConnectionRefusedError:
            return
        raise AssertionError('somebody answered')


@contextlib.contextmanager
def raw_sockets(place, protocol):
    with place.lab.inside.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as client, \
            place.lab.web.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as server:
        for s in (client, server):
            s.settimeout(5)
        yield client, server


def protocols_without_ports(place):
    """Protocols without ports pass and are answered: GRE, ESP, one that nobody knows"""
    for protocol in (47, 50, 253):
        with raw_sockets(place, protocol) as (client, server):
            client.sendto(bytes(4) + b'question', (WEB, 0))
            heard, who = server.recvfrom(100)
            assert heard[20:] == bytes(4) + b'question' and who[0] == APPLIANCE_OUTSIDE, f'protocol {protocol}: {heard} from {who}'
            server.sendto(bytes(4) + b'answer', who)
            heard, who = client.recvfrom(100)
            assert heard[20:] == bytes(4) + b'answer' and who[0] == WEB, f'protocol {protocol}: {heard} from {who}'


def sctp(place):
    """SCTP passes and is answered, from privileged and reserved ports too"""
    for port in (700, 40000, 65000):
        with raw_sockets(place, SCTP) as (client, server):
            client.sendto(frames.sctp_init(port, 9), (WEB, 0))
            heard = server.recv(100)[20:]
            outside = int.from_bytes(heard[:2], 'big')
            assert heard == frames.sctp_init(outside, 9), f'from {port} came {heard.hex()}'
            server.sendto(frames.sctp_init(9, outside, 1, True), (APPLIANCE_OUTSIDE, 0))
            assert client.recv(100)[20:] == frames.sctp_init(9, port, 1, True)


def privileged_ports(place):
    """A client's port below 1024 is the same outside, as NFS, NTP and IKE want it"""
    for port in (123, 500, 700, 1023):
        with place.tcp(port) as s:
            s.connect((WEB, CROWD_PORT))
            assert exchange(s, 'port') == port
        with place.udp(port) as s:
            s.connect((WEB, CROWD_PORT))
            assert exchange(s, 'port') == port


# ---- crowds

def ask_crowd(place, protocols, port, flows, first_port, sources, meanwhile, then):
    """Runs the crowd; meanwhile() when each flow has been asked once and all are open; then `again` or `end`."""
    argv = [CROWD, 'ask', protocols, APPLIANCE_OUTSIDE, WEB, str(port), str(flows), str(first_port), *sources]
    with Conversation(place.lab.inside, argv) as crowd:
        assert crowd.hear(60) == 'asked once'
        meanwhile()
        crowd.say(then)
        result = json.loads(crowd.hear(60))
    for what in ('wrong', 'moved', 'shared', 'elsewhere'):
        assert result[what] == 0, f'{what}: {result}'
    return result


def crowd(place):
    """50,000 flows at once, UDP and TCP, from equal ports of three hosts, reserved ones too, are all answered, twice by the same mapping"""
    place.room_for(CROWD_FLOWS)
    hosts = OTHERS_INSIDE
    most = []
    result = ask_crowd(place, 'mixed', CROWD_PORT, CROWD_FLOWS, 65536 - -(-CROWD_FLOWS // len(hosts)), hosts,
                       lambda: most.append(place.setting('nf_conntrack_count')), 'again')
    assert result['mapped'] == result['again'] == CROWD_FLOWS, result
    assert most[0] >= CROWD_FLOWS, f'only {most[0]} flows were known at once'
    place.noted['crowd'] = result


def more_flows_than_ports(place):
    """65,000 flows to one goal are more than there are ports: each has its own answer or none, and other goals are reached"""
    place.room_for(ONE_PLACE_FLOWS)

    def others_are_reached():
        traffic.fetch(place.lab, '1k')
        traffic.ping(place.lab, 2)

    with place.timeout('nf_conntrack_udp_timeout', 600), place.timeout('nf_conntrack_udp_timeout_stream', 600):
        result = ask_crowd(place, 'udp', ONE_PLACE_PORT, ONE_PLACE_FLOWS, 1024, OTHERS_INSIDE[:2], others_are_reached, 'end')
    assert 0 < result['mapped'] <= 65536 - 1024 < ONE_PLACE_FLOWS, result
    place.noted['one place'] = result


def syn_flood(place):
    """100,000 SYNs from random ports of one host, 20,000 a second, stop neither transfers nor pings of another"""
    place.room_for(FLOOD_SYNS)
    argv = [SYN_FLOOD, '198.19.0.66', SWALLOWED, str(FLOOD_SYNS), str(FLOOD_PER_S)]
    flood, rounds = place.lab.processes.start('flood', argv, place.lab.inside), 0
    while flood.running():
        traffic.fetch(place.lab, '10m', 'http', '--limit-rate', '20M')
        traffic.ping(place.lab, 2)
        rounds += 1
    assert flood.child.returncode == 0 and rounds, flood.output()


OVER_IPV6 = tuple(map(over_ipv6, (web_pages, names, shell, pings, traces, narrow_path, large_datagrams, closed_ports)))
OVER_IPV6 += (over_ipv6(large_transfers, '10 MB come down and go up unchanged, by HTTP/1.1 and by HTTP/2'),
              over_ipv6(passive_ftp, 'Passive FTP passes, by EPSV'))
SCENES = (web_pages, large_transfers, names, shell, silent_shell, silence_from_a_reserved_port, passive_ftp, pings, traces, narrow_path,
          large_datagrams, closed_ports, protocols_without_ports, sctp, privileged_ports) + OVER_IPV6
CROWDS = (crowd, more_flows_than_ports, syn_flood)
# What fails through any gateway that translates without looking into the conversations.
HOPELESS = (active_ftp, server_breaks_the_silence)
