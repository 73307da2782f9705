"""chart: a group's rows as an SVG: a bar a row, as long as its figure in parts of what it must reach; for light and dark pages."""
from xml.sax.saxutils import escape

from table import number

WIDTH, LEFT, RIGHT, TOP, STEP, BAR = 960, 430, 190, 56, 40, 18
BOUND = LEFT + (WIDTH - LEFT - RIGHT) / 2  # where the bound stands; a bar ends at twice it
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c2733 }
.head { font-size: 16px; font-weight: 600 }
.small { font-size: 11px; fill: #5a6775 }
.good { fill: #1b7f4d } .bad { fill: #c03a2b } .only { fill: #6b7c8f }
.bound { stroke: #1c2733; stroke-width: 1.5; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e4eaf0 } .small { fill: #a3afbb } .bound { stroke: #e4eaf0 }
.good { fill: #45b97c } .bad { fill: #ef7463 } .only { fill: #8b9aaa }
}
"""


def part(row):
    """How long the bar is, in parts of the bound; None where there is none to draw."""
    if row.reached is None or not row.must:
        return None
    if row.must[1]:
        return min(row.reached / row.must[1], 2)
    return 0 if row.reached == 0 else 2


def said(row):
    if row.missing:
        return 'not measured'
    if row.reached is None:
        return 'no ratio'
    figure = number(row.reached) + ('×' if row.theirs else f' {row.unit}')
    return f'{figure} (must {row.must[0]} {row.must[1]:.4g})' if row.must else figure


def bar(row, y):
    kind = 'bad' if not row.good else 'good' if row.must else 'only'
    length = part(row)
    at = LEFT if length is None else LEFT + length * (BOUND - LEFT)
    name, against = escape(row.what[:64]), escape(row.against[:76])
    drawn = f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(at - LEFT, 1):.1f}" height="{BAR}" rx="2"/>'
    return (f'<text x="{LEFT - 10}" y="{y + 9}" text-anchor="end">{name}</text>'
            f'<text x="{LEFT - 10}" y="{y + 23}" text-anchor="end" class="small">{against}</text>'
            f'{drawn}<text x="{max(at, BOUND) + 8:.1f}" y="{y + 14}">{escape(said(row))}</text>')


def chart(group, rows, about):
    """The SVG's text. about: a line on the machine."""
    height = TOP + STEP * len(rows) + 40
    bars = '\n'.join(bar(row, TOP + i * STEP) for i, row in enumerate(rows))
    bound = f'<line class="bound" x1="{BOUND}" y1="{TOP - 8}" x2="{BOUND}" y2="{height - 36}"/>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">\n'
            f'<title>{escape(group)}</title>\n<style>{STYLE}</style>\n<text class="head" x="16" y="26">{escape(group)}</text>\n'
            f'<text class="small" x="{BOUND}" y="{TOP - 14}" text-anchor="middle">must</text>\n{bars}\n{bound}\n'
            f'<text class="small" x="16" y="{height - 12}">{escape(about)}</text>\n</svg>\n')
