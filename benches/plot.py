#!/usr/bin/env python3
"""Draws benches/table.txt as an SVG: benches/plot.py >benches/plot.svg

Needs nothing but Python 3. The same table gives the same octets. Legible on light and dark pages.
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

PANEL_WIDTH, PANEL_HEIGHT = 300, 150
LEFT, TOP, GAP, COLUMNS = 40, 70, 50, 2
ROW_HEIGHT = PANEL_HEIGHT + 90
BAR, PAIR = 20, 50
OURS, TODAY, TEXT, GRID = "#2f81f7", "#d29922", "#7d8590", "#7d859055"


def rows(table, title):
    """The rows of the section that begins with `title`, as {(octets, way): columns}."""
    section = table.split(title, 1)[1].split("\n\n", 2)[1]
    found = {}
    for line in section.splitlines():
        cells = [cell.split() for cell in line.split("|")]
        if len(cells[0]) == 2 and cells[0][0].isdigit():
            found[(int(cells[0][0]), cells[0][1])] = cells[1:]
    return found


def pairs(section, way, column):
    """(octets, ours, today) of one column."""
    return [
        (octets, float(cells[column][0]), float(cells[column][1]))
        for (octets, which), cells in section.items()
        if which == way
    ]


def text(x, y, words, anchor="middle", size=12, weight="normal"):
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{TEXT}">{words}</text>'
    )


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if value < 10 else f"{value:.0f}"


def panel(index, title, data, top_value):
    """One panel of pairs of bars, with their values above them."""
    left = LEFT + index % COLUMNS * (PANEL_WIDTH + GAP)
    bottom = TOP + index // COLUMNS * ROW_HEIGHT + PANEL_HEIGHT
    parts = [text(left, bottom - PANEL_HEIGHT - 26, title, "start", 13, "bold")]
    parts.append(
        f'<line x1="{left}" y1="{bottom}" x2="{left + PANEL_WIDTH}" y2="{bottom}" stroke="{GRID}"/>'
    )
    for place, (octets, ours, today) in enumerate(data):
        x = left + 10 + place * (PANEL_WIDTH - 10) // len(data)
        for offset, value, colour in ((0, ours, OURS), (BAR + 4, today, TODAY)):
            height = round(PANEL_HEIGHT * value / top_value, 1)
            y = round(bottom - height, 1)
            parts.append(
                f'<rect x="{x + offset}" y="{y}" width="{BAR}" height="{height}" fill="{colour}"/>'
            )
            parts.append(text(x + offset + BAR // 2, round(y - 4, 1), number(value), size=10))
        parts.append(text(x + BAR + 2, bottom + 16, octets))
    parts.append(text(left + PANEL_WIDTH // 2, bottom + 34, "octets a frame from the co-processor"))
    return parts


def main():
    table = (HERE / "table.txt").read_text(encoding="utf-8")
    lone = rows(table, "Lone frames")
    load = rows(table, "Under load")
    latency = rows(table, "Latency of lone frames")
    panels = [
        ("Transactions for a lone frame", pairs(lone, "from", 0), 2.2),
        ("System calls for a lone frame", pairs(lone, "from", 2), None),
        ("% of the wire under load, 8 MHz", pairs(load, "from", 5), 100),
        ("INT to client, us, median, lone, 4 MHz", pairs(latency, "from", 0), None),
    ]
    width = LEFT + COLUMNS * (PANEL_WIDTH + GAP)
    height = TOP + -(-len(panels) // COLUMNS) * ROW_HEIGHT - 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" role="img" '
        'aria-label="What frames cost: this program and today\'s rule">',
        f'<rect x="{LEFT}" y="10" width="12" height="12" fill="{OURS}"/>',
        text(LEFT + 18, 21, "spinel-bridge", "start"),
        f'<rect x="{LEFT + 120}" y="10" width="12" height="12" fill="{TODAY}"/>',
        text(LEFT + 138, 21, "today's rule: 32 octets offered whatever comes", "start"),
    ]
    for index, (title, data, top_value) in enumerate(panels):
        if not data:
            sys.exit(f"table.txt has nothing for: {title}")
        top_value = top_value or 1.1 * max(max(ours, today) for _, ours, today in data)
        parts += panel(index, title, data, top_value)
    parts.append("</svg>")
    print("\n".join(parts))


main()
