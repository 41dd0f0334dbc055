"""Draws the figures: a row for each scenario, a dot for each proxy."""

from html import escape
from math import log10

from .scenarios import SCENARIOS

COLOURS = {
    "weir": "#d9480f", "nginx": "#2f9e44", "haproxy": "#1971c2", "envoy": "#9c36b5", "traefik": "#0c8599",
    "caddy": "#e8a100", "sozu": "#868e96",
}
STYLE = (
    "svg { font-family: sans-serif; font-size: 12px } .back { fill: #ffffff } .text { fill: #24292f } .dim { fill: #68707c } "
    ".grid { stroke: #e3e5ea } .one { stroke: #868e96 } @media (prefers-color-scheme: dark) { .back { fill: #111217 } "
    ".text { fill: #d8dce3 } .dim { fill: #949ba8 } .grid { stroke: #262a31 } }"
)
ROW, TOP, LEFT, GAP = 26, 78, 110, 50
PANELS = (("by the best peer: requests per second of CPU", 520), ("most resident memory, MiB", 300))


class Scale:
    """A logarithmic scale with round marks."""

    def __init__(self, values, left, width, marks):
        low, high = min(values), max(values)
        self.marks = [mark for mark in marks if low / 1.6 <= mark <= high * 1.6] or [low]
        self.low, self.high = min(low, self.marks[0]) * 0.93, max(high, self.marks[-1]) * 1.07
        self.left, self.width = left, width

    def at(self, value):
        """Where a value stands."""
        span = log10(self.high) - log10(self.low)
        return self.left + self.width * (log10(value) - log10(self.low)) / span


def draw(results):
    """The picture, as SVG."""
    rows = [name for name in results.scenarios if not SCENARIOS[name].is_latency]
    height = TOP + ROW * len(rows) + 40
    width = LEFT + sum(each for _, each in PANELS) + GAP + 30
    ratios = {(p, s): results.ratio(p, s, "per_cpu_second") for p in results.proxies for s in rows}
    peaks = {(p, s): results.median(p, s, "peak_mib") for p in results.proxies for s in rows}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>Weir and its peers, by scenario</title><style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        *legend(results.proxies),
    ]
    for number, name in enumerate(rows):
        y = TOP + ROW * number
        parts.append(f'<text class="text" x="12" y="{y + 4}">{escape(name)}</text>')
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{width - 16}" y1="{y}" y2="{y}"/>')
    left = LEFT
    marks = ((0.1, 0.2, 0.5, 1, 1.5, 2, 3), (5, 10, 20, 50, 100, 200, 500, 1000, 2000))
    for (title, panel), figures, ticks in zip(PANELS, (ratios, peaks), marks):
        parts += dots(title, figures, rows, Scale([v for v in figures.values() if v] or [1], left, panel, ticks))
        left += panel + GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def legend(proxies):
    """Names with their colours."""
    parts, x = [], 12
    for proxy in proxies:
        parts.append(f'<circle cx="{x + 6}" cy="18" r="6" fill="{COLOURS.get(proxy, "#868e96")}"/>')
        parts.append(f'<text class="text" x="{x + 17}" y="22">{escape(proxy)}</text>')
        x += 34 + 8 * len(proxy)
    return parts


def dots(title, figures, rows, scale):
    """One panel; Weir is drawn last, and larger."""
    bottom = TOP + ROW * (len(rows) - 1) + 12
    parts = [f'<text class="text" x="{scale.left}" y="46" font-weight="bold">{escape(title)}</text>']
    for mark in scale.marks:
        x, kind = scale.at(mark), "one" if mark == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{bottom}"/>')
        parts.append(f'<text class="dim" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{mark:g}</text>')
    for (proxy, scenario), value in sorted(figures.items(), key=lambda item: item[0][0].startswith("weir")):
        if value:
            is_own = proxy.startswith("weir")
            label = f"{proxy}, {scenario}: {value:.2f}"
            parts.append(
                f'<circle cx="{scale.at(value):.1f}" cy="{TOP + ROW * rows.index(scenario)}" r="{7 if is_own else 5}" '
                f'fill="{COLOURS.get(proxy, "#868e96")}" fill-opacity="{1 if is_own else 0.8}"><title>{escape(label)}</title></circle>'
            )
    return parts
