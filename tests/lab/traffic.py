"""traffic: what the host inside does through the appliance: pages, uploads, names, pings; each thing checks that it worked."""
import hashlib
import os

from . import certs, web
from .surroundings import DNS, WEB, WWW


def fetch(lab, page, scheme='http', *options):
    """A page, compared with what the server has."""
    target = os.path.join(lab.folder, 'fetched')
    lab.inside.run('curl', '-sS', '-f', '--max-time', '120', '--cacert', certs.CA, '-o', target, *options, f'{scheme}://{WWW}/{page}')
    if web.PAGES[page] == 0:
        return
    with open(target, 'rb') as f:
        assert hashlib.sha256(f.read()).hexdigest() == lab.site.sums[page], f'{scheme} page {page} came through changed'


def upload(lab, page, scheme='http'):
    """Sends one of the pages to the server, which must have it whole."""
    source = os.path.join(lab.folder, 'pages', page)
    lab.inside.run('curl', '-sS', '-f', '--max-time', '120', '--cacert', certs.CA, '-T', source, f'{scheme}://{WWW}/upload')
    assert lab.site.sums[page] in lab.site.uploads(), f'the upload of {page} did not arrive whole'


def resolve(lab):
    answer = lab.inside.run('dig', '+short', '+tries=2', '+time=3', '@' + DNS, WWW).split()
    assert answer == [WEB], f'dig says {answer}'


def ping(lab, count=5):
    said = lab.inside.run('ping', '-n', '-c', str(count), '-i', '0.2', '-W', '5', WEB)
    assert f'{count} received' in said, said


def everything(lab, large='10m'):
    resolve(lab)
    ping(lab)
    for page in ('empty', '1k', '100k'):
        fetch(lab, page)
        fetch(lab, page, 'https')
    fetch(lab, large)
    upload(lab, large, 'https')
