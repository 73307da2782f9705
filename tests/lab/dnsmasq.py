"""dnsmasq: starts one, for names, DHCP or a router's advertisements, as its configuration says."""
import os

COMMON = 'keep-in-foreground\nlog-facility=-\nuser=root\nbind-interfaces\n'


def start(lab, name, text, ns):
    """Serves when this returns."""
    conf = os.path.join(lab.folder, name + '.conf')
    with open(conf, 'w') as f:
        f.write(COMMON + text)
    process = lab.processes.start(name, ['dnsmasq', '-C', conf, '-x', os.path.join(lab.folder, name + '.pid')], ns)
    process.wait_output('started', 10)
    return process
