#!/usr/bin/env python3
"""report_test.py [-k PATTERN]: `sealtap report` and `cost`: figures are those of the objects as AWS's SDK opens them; the page is looked at
in a real Chromium, in light and dark: it asks for nothing, logs nothing, has names and tables for its charts, contrasts, an order of
focus. Pictures are left in build/lab/report/."""
import contextlib
import html.parser
import json
import os
import re
import socket
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab import chromium, linelab, operatorlab, testing  # noqa: E402
from lab.certs import TOP  # noqa: E402

report = testing.report()
S = 10**9
PICTURES = os.path.join(TOP, 'build', 'lab', 'report')
HOSTILE = '<script>document.title="owned"</script><img src=http://192.0.2.1/x onerror=alert(1)>\'"`&amp;\u001b[31m'


class Text(html.parser.HTMLParser):
    """The page's texts and tables, as a parser that is not a browser sees it."""
    def __init__(self, text):
        super().__init__()
        self.tables, self.facts, self.tags, self.words = [], {}, [], []
        self.path, self.term = [], ''
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.path.append(tag)
        if tag == 'table':
            self.tables.append({'caption': '', 'rows': []})
        elif tag == 'tr':
            self.tables[-1]['rows'].append([])
        elif tag in ('td', 'th'):
            self.tables[-1]['rows'][-1].append('')

    def handle_endtag(self, tag):
        while tag in self.path and self.path.pop() != tag:
            pass

    def handle_data(self, data):
        if 'style' in self.path:
            return
        self.words.append(data)
        if 'caption' in self.path:
            self.tables[-1]['caption'] += data
        elif 'table' in self.path and {'td', 'th'} & set(self.path) and 'svg' not in self.path:
            self.tables[-1]['rows'][-1][-1] += data
        elif self.path and self.path[-1] == 'dt':
            self.term = data
        elif self.path and self.path[-1] == 'dd':
            self.facts[self.term] = data

    def table(self, caption):
        return next(t['rows'] for t in self.tables if caption in t['caption'])


def page(place, *args, status=0, path=None):
    """The page's text."""
    with tempfile.TemporaryDirectory() as here:
        file = path or os.path.join(here, 'page.html')
        done = place.sealtap('report', '-o', file, *args)
        assert done.status == status, f'{done.status}: {done.err}'
        with open(file) as f:
            return f.read()


def window(life):
    return ['--from', linelab.rfc3339(life.start_ns - S), '--to', linelab.rfc3339(life.start_ns + 600 * S)]


# ---- what it says

def the_figures_are_those_of_the_objects(made):
    life, text = made.life, Text(made.text)
    lines = [line for o in life.open().of('flows') for line in o.lines()]
    flows = linelab.flows_of(lines)
    lost = sum(line['packets'] for o in life.of('log') for line in o.lines() if line['event'] == 'lost')
    facts = {k: v for k, v in text.facts.items() if v.isdigit()}
    wanted = {'Packets recorded': len(life.frames()), 'Packets lost': lost, 'Flows': sum(flow.counts()[2] for flow in flows),
              'Packets not forwarded': sum(flow.counts()[3] for flow in flows), 'Objects': len(life.objects), 'Appliances': 1}
    assert lost and {k: int(facts[k]) for k in wanted} == wanted, f'{facts}: {wanted} is right'
    rows = text.table('Each row is')[1:]
    assert sum(int(row[1]) for row in rows) == len(life.frames()) and sum(int(row[3]) for row in rows) == lost, 'the timeline'


def top_talkers_and_ports_are_the_heaviest(made):
    flows = linelab.flows_of([line for o in made.life.of('flows') for line in o.lines()])
    hosts = linelab.sums(flows, lambda flow: {a for a in flow.ends() if a})
    shown = [(row[0], int(row[3]), int(row[4])) for row in Text(made.text).table('Hosts that moved most')[1:]]
    right = sorted(((v[0], v[1], k, v[2]) for k, v in hosts.items()), reverse=True)[:15]
    assert len(shown) == 15 and [(k, packets, count) for _, packets, k, count in right] == shown, f'{shown}: {right} is right'
    assert 'tcp 443' in [row[0] for row in Text(made.text).table('Ports')[1:]]


def verification_says_what_verify_says(made):
    done = made.bucket.sealtap('verify', '--json', *window(made.life))
    findings = [json.loads(line) for line in done.out.decode().splitlines()]
    findings = [f for f in findings if 'finding' in f]
    assert made.status == done.status == 1 and 'Genuine, with gaps' in made.text
    shown = Text(made.text).table('Findings')[1:]
    assert sorted((row[0], row[1]) for row in shown) == sorted((f['severity'], f['finding']) for f in findings) and shown, shown


def what_is_missing_is_a_gap_in_the_timeline_and_makes_it_bad(made):
    place = made.life.lab.bucket(made.life)
    victim = made.life.of('w0')[1]
    place.delete(victim.name)
    text = page(place, *window(made.life), status=2)
    assert 'class="verdict bad"' in text and len(re.findall('<rect class="gap"', text)) == 3, 'no band in the charts'
    gaps = Text(text).table('Times of which')[1:]
    assert len(gaps) == 1 and 'w0: objects 1 to 1' in gaps[0][2], gaps
    inventory = [row for row in Text(text).table('Streams of objects')[1:] if row[2] == 'w0']
    assert inventory[0][6] == '1', inventory


def quick_says_that_it_was_not_verified(made):
    made.life.lab.front.forget()
    text = page(made.bucket, '--quick', *window(made.life))
    assert 'Not verified' in text
    assert made.life.lab.front.bytes_sent() < sum(len(o.body()) for o in made.life.objects) / 2, 'it read all objects'


def files_of_this_machine_make_the_same_page(made):
    folder = os.path.dirname(made.life.objects[0].path).split('/' + operatorlab.PREFIX)[0]
    keys = {line for line in Text(page(made.life.lab, '--quick', *window(made.life), folder)).words if line.strip()}
    assert {str(len(made.life.frames())), 'tcp 443'} <= keys, 'figures'


def what_cannot_be_written_leaves_nothing(made):
    assert made.bucket.sealtap('report').status == 64
    done, after = made.bucket.on_small_disk(8, 'report', '--quick', '-o', 'disk/page.html', *window(made.life))
    assert done.status == 74 and after == {}, (done, after)


# ---- how it looks

CONTRAST = '''(() => {
  const rgb = c => (c.match(/[\\d.]+/g) || [0, 0, 0]).map(Number)
  const light = c => { const [r, g, b] = rgb(c).slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05) }
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; const v = rgb(c)
                        if (v.length < 4 || v[3] > 0) return c } return 'rgb(255, 255, 255)' }
  const out = { low: [], seen: 0, shapes: 0, least: 99 }
  const note = (e, r, least) => { out.least = Math.min(out.least, r); if (r < least) out.low.push([e.outerHTML.slice(0, 90), r]) }
  for (const e of document.querySelectorAll('body *')) {
    const style = getComputedStyle(e), svg = e.namespaceURI.endsWith('svg')
    if (svg && ['rect', 'line'].includes(e.tagName)) {
      const gap = e.classList.contains('gap'), drawn = gap || style.fill === 'none' || e.tagName === 'line' ? style.stroke : style.fill
      if (!e.classList.contains('track')) { out.shapes++; note(e, ratio(drawn, behind(e)), 3) }
    } else if ([...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && !['TITLE', 'STYLE', 'title', 'desc'].includes(e.tagName)) {
      out.seen++
      note(e, ratio(svg ? style.fill : style.color, behind(e)), 4.5)
    }
  }
  return out
})()'''

STRUCTURE = '''(() => {
  const wrong = [], all = s => [...document.querySelectorAll(s)]
  const text = id => (document.getElementById(id) || { textContent: '' }).textContent.trim()
  const one = (s, n = 1) => { if (all(s).length !== n) wrong.push(`${all(s).length} of ${s}`) }
  one('main'); one('body > header'); one('body > footer'); one('nav[aria-label]'); one('h1'); one('html[lang=en]')
  one('script', 0); one('img', 0); one('[style]', 0); one('link', 0)
  if (!document.title) wrong.push('no title')
  const ids = all('[id]').map(e => e.id)
  if (new Set(ids).size !== ids.length) wrong.push('an id stands twice')
  let level = 0
  for (const h of all('h1, h2, h3, h4')) {
    if (+h.tagName[1] > level + 1) wrong.push('a level is skipped: ' + h.textContent)
    level = +h.tagName[1]
  }
  for (const s of all('svg')) {
    const name = s.getAttribute('aria-label') || (s.getAttribute('aria-labelledby') || '').split(' ').map(text).join(' ')
    if (s.getAttribute('role') !== 'img' || name.trim().length < 3)
      wrong.push('a picture without role or name: ' + s.outerHTML.slice(0, 80))
  }
  for (const s of all('section')) if (!text(s.getAttribute('aria-labelledby') || '')) wrong.push('a section without name')
  for (const r of all('[role=region]')) if (!r.getAttribute('aria-label') || r.tabIndex !== 0) wrong.push('a region without name or focus')
  for (const t of all('table')) {
    if (!t.caption || !t.caption.textContent.trim()) wrong.push('a table without caption')
    for (const h of t.querySelectorAll('thead th')) if (h.scope !== 'col' || !h.textContent.trim()) wrong.push('a heading without scope')
  }
  for (const f of all('figure')) if (!f.querySelector('figcaption') || !f.querySelector('svg title') || !f.querySelector('svg desc'))
    wrong.push('a figure without caption, title or description')
  for (const a of all('a[href]')) if (!document.getElementById(a.getAttribute('href').slice(1)))
    wrong.push('a link to nowhere: ' + a.outerHTML)
  return { wrong, charts: all('svg.chart').length, tables: all('table').length }
})()'''


def it_loads_nothing_and_logs_nothing(made):
    for looked in made.pages():
        assert looked.requests == [] and looked.complaints == [], (looked.requests, looked.complaints)


def its_policy_stops_what_would_load(made):
    """Its policy stops what would load or run, and this test would see it."""
    path = os.path.join(made.folder, 'tampered.html')
    asked = []

    def listen(listener):
        with contextlib.suppress(OSError):
            while True:
                asked.append(listener.accept()[1])  # closed at once
    with socket.create_server(('127.0.0.1', 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        with open(path, 'w') as f:
            f.write(made.text.replace('</main>', '<script>document.title="owned"</script><p style="color:red">x</p>'
                                      f'<img src="http://127.0.0.1:{listener.getsockname()[1]}/x.png"></main>'))
        looked = made.browser.open(path)
        listener.shutdown(socket.SHUT_RDWR)
    assert looked.evaluate('document.title') != 'owned' and len(looked.complaints) >= 3, looked.complaints
    assert asked == [], 'it asked for the picture'


def charts_have_names_and_tables_landmarks_and_captions_are_there(made):
    found = made.pages()[0].evaluate(STRUCTURE)
    assert found['wrong'] == [] and found['charts'] == 3 and found['tables'] >= 5, found


def contrasts_are_enough_in_light_and_dark(made):
    for looked, name in zip(made.pages(), ('light', 'dark')):
        found = looked.evaluate(CONTRAST)
        assert found['low'] == [] and found['seen'] > 100 and found['shapes'] > 100, f'{name}: {found}'
        backdrop = looked.evaluate('getComputedStyle(document.body).backgroundColor')
        assert (sum(map(int, re.findall(r'\d+', backdrop))) > 600) == (name == 'light'), backdrop


def pictures_in_light_and_dark_are_not_blank(made):
    seen = []
    for looked, name in zip(made.pages(), ('light', 'dark')):
        colours = looked.picture(os.path.join(PICTURES, f'report-{name}.png'))
        most, count = max(colours.items(), key=lambda item: item[1])
        assert len(colours) > 50 and 0.3 < count / sum(colours.values()) < 0.98, (name, len(colours))
        bar = tuple(map(int, re.findall(r'\d+', looked.evaluate('getComputedStyle(document.querySelector(".bar")).fill'))))
        assert colours.get(bar, 0) > 1000, f'{name}: the bars are not in the picture'
        seen.append(most)
    assert seen[0] != seen[1], seen


def the_keyboard_reaches_everything_in_the_order_of_the_page(made):
    looked = made.pages()[0]
    looked.evaluate('document.activeElement.blur()')
    order = []
    while len(order) < 60:
        looked.press('Tab')
        here = looked.evaluate('''(() => { const e = document.activeElement, all = [...document.querySelectorAll('*')]
          return e === document.body ? null :
            { at: all.indexOf(e), what: e.className || e.tagName, outline: getComputedStyle(e).outlineStyle } })()''')
        if here is None or order and here['at'] == order[0]['at']:
            break
        order.append(here)
    places = [here['at'] for here in order]
    wanted = looked.evaluate('''[...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
      .filter(e => e.checkVisibility()).length''')
    assert order[0]['what'] == 'skip' and places == sorted(places) and len(places) == wanted, (order, wanted)
    assert all(here['outline'] != 'none' for here in order), order


def the_charts_table_opens_with_the_keyboard(made):
    looked = made.pages()[0]
    looked.evaluate('document.querySelector("summary").focus()')
    looked.press('Enter')
    assert looked.evaluate('document.querySelector("details").open && document.querySelector("details table").offsetHeight > 0')


def a_narrow_window_needs_no_scrolling_sideways(made):
    looked = made.browser.open(made.path, width=320, height=800)
    wide, room = looked.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')
    assert wide <= room, f'{wide} of {room} pixels'


def hostile_texts_are_only_text(made):
    life, start = made.life, made.life.start_ns
    log = [linelab.head_of(start, 'log', version=HOSTILE, instance=HOSTILE, ami=HOSTILE),
           linelab.line_of(start + S, 'alarm', 'net', HOSTILE, text=HOSTILE),
           linelab.line_of(start + S, 'alarm', 'init', 'forwarding-stopped', reason=HOSTILE)]
    at = linelab.rfc3339(start)
    flows = [{'time': linelab.rfc3339(start + S), 'verdict': HOSTILE, 'first': at, 'last': at, 'proto': 17,
              'src': '192.0.2.1', 'sport': 1, 'dst': '192.0.2.2', 'dport': 2, 'packets': 3, 'bytes': 4}]
    path = os.path.join(made.folder, 'hostile.html')
    with tempfile.TemporaryDirectory(dir=life.lab.folder) as folder:
        names = [linelab.write(folder, *linelab.sealed(life, stream, lines, start, appliance=appliance))
                 for stream, lines, appliance in (('log', log, 'tap-1'), ('flows', flows, 'tap-1'), ('log', log, '<b>tap"&'))]
        text = page(life.lab, '--quick', '-o', path, *names, path=path)
    assert not {tag for tag, _ in Text(text).tags} & {'script', 'img', 'b'} and '&lt;script&gt;' in text
    looked = made.browser.open(path)
    assert looked.evaluate('document.title').startswith('Traffic record') and looked.evaluate(STRUCTURE)['wrong'] == []
    assert looked.complaints == [] and looked.requests == [], (looked.complaints, looked.requests)


# ---- cost

def cost_counts_objects_bytes_and_data_keys(made):
    life = made.life
    done = made.bucket.sealtap('cost', '--json', '--from', linelab.rfc3339(life.start_ns - S))
    assert done.status == 0, done.err
    found = json.loads(done.out)
    numbers = {}
    for context in life.open().contexts.values():
        numbers.setdefault(context['sealtap-stream'], []).append(int(context['sealtap-keyseq']))
    keys = sum(max(seen) - min(seen) + 1 for seen in numbers.values())  # one that was given and not used cost a call, too
    assert (found['objects'], found['bytes'], found['data_keys']) == (
        len(life.objects), sum(len(o.body()) for o in life.objects), keys), found
    month = 365.25 / 12 * 86400 / found['seconds']
    put, standard = found['prices']['put'], found['prices']['standard']
    assert abs(found['usd_put_a_month'] / (found['objects'] * month * put / 1000) - 1) < 1e-4, found
    assert abs(found['usd_storage_a_month_of_a_month'] / (found['bytes'] * month / 1e9 * standard) - 1) < 1e-4, found
    assert found['region'] == 'us-east-1' and not found['listed'], found  # the bucket's region has no prices of its own


def cost_counts_an_object_without_bytes(made):
    """An object without bytes in one of our names, first of its stream, is counted, and its stream's data keys are said not to be."""
    bucket, o = made.life.lab.bucket(), made.life.of('w0')[0]
    bucket.put(o.name, b'')
    done = bucket.sealtap('cost')
    assert done.status == 0 and b'could not be counted' in done.out and b' in 1 objects' in done.out, done


def cost_takes_prices_and_says_of_when_its_own_are(made):
    text = made.bucket.sealtap('cost').out.decode()
    assert re.search(r'list prices of us-east-1 as of \w+ \d{4}', text) and 'DEEP_ARCHIVE' in text and 'no prices here' in text, text
    mine = json.loads(made.bucket.sealtap('cost', '--json', '--prices', 'put=1.5,standard=.02').out)['prices']
    assert (mine['put'], mine['standard'], mine['kms']) == (1.5, 0.02, 0.03), mine
    for wrong in ('put', 'put=', 'put=x', 'pot=1', 'put=1.2.3'):
        assert made.bucket.sealtap('cost', '--prices', wrong).status == 64, wrong
    own = made.bucket.sealtap('cost', '--region', 'us-east-1').out.decode()
    assert not own or 'no prices here' not in own, own


class Made:
    def __init__(self, lab):
        self.life = lab.record(seconds=560, key_seconds=300, lost_at_s=100, torn_at_s=400, object_seconds=150)
        self.bucket, self.folder = lab.bucket(self.life), lab.folder
        self.path = os.path.join(lab.folder, 'page.html')
        done = self.bucket.sealtap('report', '-o', self.path, *window(self.life))
        self.status = done.status
        assert done.status <= 2, done.err
        with open(self.path) as f:
            self.text = f.read()
        self.looked = self.browser = None

    def pages(self):
        self.looked = self.looked or [self.browser.open(self.path, dark) for dark in (False, True)]
        return self.looked


FIGURES = (the_figures_are_those_of_the_objects, top_talkers_and_ports_are_the_heaviest, verification_says_what_verify_says,
           what_is_missing_is_a_gap_in_the_timeline_and_makes_it_bad, quick_says_that_it_was_not_verified,
           files_of_this_machine_make_the_same_page, what_cannot_be_written_leaves_nothing, cost_counts_objects_bytes_and_data_keys,
           cost_counts_an_object_without_bytes, cost_takes_prices_and_says_of_when_its_own_are)
LOOKS = (it_loads_nothing_and_logs_nothing, its_policy_stops_what_would_load, charts_have_names_and_tables_landmarks_and_captions_are_there,
         contrasts_are_enough_in_light_and_dark, pictures_in_light_and_dark_are_not_blank,
         the_keyboard_reaches_everything_in_the_order_of_the_page, the_charts_table_opens_with_the_keyboard,
         a_narrow_window_needs_no_scrolling_sideways, hostile_texts_are_only_text)


def skip_all(checks, why):
    def skipped(*_):
        raise why
    for check in checks:
        skipped.__doc__ = testing.sentence(check)
        report.run(skipped, made)


with operatorlab.Lab() as lab:
    made = Made(lab)
    for check in FIGURES:
        report.run(check, made)
    try:
        with chromium.Browser() as made.browser:
            for check in LOOKS:
                report.run(check, made)
    except testing.Skip as e:
        skip_all(LOOKS, e)
report.finish()
