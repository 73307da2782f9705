"""certs: certificates for the lab's servers, made at run time with openssl: by the test CA that board qemu trusts, or by a stranger."""
import os

from .netns import command

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CA = os.path.join(TOP, 'board', 'qemu', 'test-ca.pem')
CA_KEY = os.path.join(TOP, 'tests', 'lab', 'test-ca.key')
EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']


def stranger(folder):
    """A CA that nobody trusts, with the test CA's own name: (certificate, key)."""
    cert, key = os.path.join(folder, 'stranger.pem'), os.path.join(folder, 'stranger.key')
    command('openssl', 'req', '-x509', *EC, '-keyout', key, '-out', cert, '-days', '30', '-subj', '/CN=sealtap test CA')
    return cert, key


def self_signed(folder, name, names):
    """A server's certificate that vouches for itself: (certificate, key)."""
    cert, key = os.path.join(folder, name + '.pem'), os.path.join(folder, name + '.key')
    command('openssl', 'req', '-x509', *EC, '-keyout', key, '-out', cert, '-days', '30', '-subj', f'/CN={name}',
            '-addext', 'subjectAltName=' + ','.join('DNS:' + n for n in names), '-addext', 'basicConstraints=CA:FALSE')
    return cert, key


def issue(folder, name, names, ca=CA, ca_key=CA_KEY, days=30):
    """A server's certificate for DNS names and addresses: (certificate, key)."""
    cert, key, request = (os.path.join(folder, name + end) for end in ('.pem', '.key', '.csr'))
    alternatives = ','.join(('IP:' if n[-1].isdigit() else 'DNS:') + n for n in names)
    command('openssl', 'req', *EC, '-keyout', key, '-out', request, '-subj', f'/CN={name}',
            '-addext', f'subjectAltName={alternatives}', '-addext', 'extendedKeyUsage=serverAuth')
    command('openssl', 'x509', '-req', '-in', request, '-CA', ca, '-CAkey', ca_key, '-days', str(days), '-out', cert,
            '-copy_extensions', 'copy', '-CAcreateserial', '-CAserial', os.path.join(folder, name + '.srl'))
    return cert, key
