"""chromium: a page in a real browser, without a window: what it logs and asks for, what its DOM says, keys pressed, pictures.

    with chromium.Browser() as browser:                 # testing.Skip when there is none
        page = browser.open(path, dark=True, width=1100)
        page.evaluate('document.title'); page.press('Tab'); page.picture(); page.complaints; page.requests

Speaks the DevTools protocol over a pipe (--remote-debugging-pipe: descriptors 3 and 4, messages of JSON with a NUL behind)."""
import base64
import json
import os
import select
import shutil
import struct
import subprocess
import tempfile
import zlib

from . import procs, testing

PROGRAMS = ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome')
PATIENCE_S = 60
KEYS = {'Tab': 9, 'Enter': 13}


def program():
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not found:
        raise testing.Skip('no Chromium here (Debian: chromium-headless-shell)')
    return found


class Browser:
    def __enter__(self):
        binary = program()
        self.home = tempfile.TemporaryDirectory(prefix='sealtap-chromium-', ignore_cleanup_errors=True)
        there, self.out = os.pipe()
        self.back, here = os.pipe()
        words = [binary, '--headless', '--remote-debugging-pipe', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-extensions',
                 '--disable-background-networking', '--disable-dev-shm-usage', f'--user-data-dir={self.home.name}']

        def arrange():
            os.dup2(there, 13)
            os.dup2(here, 14)
            os.dup2(13, 3)
            os.dup2(14, 4)
            procs.die_with_parent()
        self.child = subprocess.Popen(words, preexec_fn=arrange, close_fds=True, pass_fds=(3, 4), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, 'HOME': self.home.name})
        os.close(there)
        os.close(here)
        self.number, self.rest, self.events = 0, b'', []
        return self

    def __exit__(self, *_):
        try:
            self.call('Browser.close')
            self.child.wait(10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            self.child.kill()
            self.child.wait()
        os.close(self.out)
        os.close(self.back)
        self.home.cleanup()

    def receive(self):
        while b'\0' not in self.rest:
            assert select.select([self.back], [], [], PATIENCE_S)[0], 'Chromium says nothing'
            more = os.read(self.back, 1 << 20)
            assert more, 'Chromium has gone'
            self.rest += more
        text, _, self.rest = self.rest.partition(b'\0')
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': params, **({'sessionId': session} if session else {})}
        os.write(self.out, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == self.number:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']
            self.events.append(answer)

    def open(self, path, dark=False, width=1100, height=1400):
        return Page(self, path, dark, width, height)


class Page:
    def __init__(self, browser, path, dark, width, height):
        self.browser, self.width = browser, width
        target = browser.call('Target.createTarget', url='about:blank')['targetId']
        self.session = browser.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        browser.events.clear()
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
        self.url = 'file://' + os.path.abspath(path)
        self.call('Page.navigate', url=self.url)
        while not any(e.get('method') == 'Page.loadEventFired' for e in self.mine()):
            self.browser.events.append(browser.receive())
        self.evaluate('new Promise(done => setTimeout(done, 200))')  # what comes late is seen, too

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def mine(self):
        return [e for e in self.browser.events if e.get('sessionId') == self.session]

    @property
    def complaints(self):
        """What the console shows: violated policies, errors, messages."""
        told = ('Log.entryAdded', 'Runtime.consoleAPICalled', 'Runtime.exceptionThrown')
        return [e['params'] for e in self.mine() if e['method'] in told]

    @property
    def requests(self):
        """Everything it asked for but itself."""
        return [url for url in (e['params']['request']['url'] for e in self.mine() if e['method'] == 'Network.requestWillBeSent')
                if url != self.url]

    def evaluate(self, script):
        done = self.call('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        assert 'exceptionDetails' not in done, done['exceptionDetails']
        return done['result'].get('value')

    def press(self, key):
        for kind in ('rawKeyDown', 'char', 'keyUp') if key == 'Enter' else ('rawKeyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key],
                      **({'text': '\r'} if kind == 'char' else {}))

    def picture(self, path):
        """The whole page, as a PNG at path; the colours of its pixels: {(r, g, b): how many}."""
        height = self.evaluate('document.documentElement.scrollHeight')
        data = base64.b64decode(self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True,
                                          clip={'x': 0, 'y': 0, 'width': self.width, 'height': height, 'scale': 1})['data'])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
        return colours(data)


def colours(png):
    """Of a PNG with 8 bits a channel, RGB or RGBA, not interlaced."""
    at, packed, width, height, channels = 8, b'', 0, 0, 0
    while at < len(png):
        length, kind = struct.unpack('>I4s', png[at:at + 8])
        body = png[at + 8:at + 8 + length]
        if kind == b'IHDR':
            width, height, depth, colour, _, _, interlaced = struct.unpack('>IIBBBBB', body)
            assert depth == 8 and not interlaced and colour in (2, 6)
            channels = 3 if colour == 2 else 4
        elif kind == b'IDAT':
            packed += body
        at += 12 + length
    raw, stride, before, found = zlib.decompress(packed), width * channels, bytearray(width * channels), {}
    for row in range(height):
        begin = row * (stride + 1)
        line = unfiltered(raw[begin], bytearray(raw[begin + 1:begin + 1 + stride]), before, channels)
        if row % 4 == 0:  # enough to see by
            for x in range(0, stride, channels):
                pixel = tuple(line[x:x + 3])
                found[pixel] = found.get(pixel, 0) + 1
        before = line
    return found


def unfiltered(kind, line, before, step):
    if kind == 2:
        return bytearray((a + b) & 255 for a, b in zip(line, before))
    if kind:
        for i in range(len(line)):
            left, up, corner = (line[i - step] if i >= step else 0), before[i], (before[i - step] if i >= step else 0)
            line[i] = (line[i] + (left if kind == 1 else (left + up) // 2 if kind == 3 else paeth(left, up, corner))) & 255
    return line


def paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda v: abs(guess - v))
