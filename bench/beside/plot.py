"""Draws a comparison as SVG: throughput as bars, latency added to the upstream's own."""

WIDTH, BAR, LEFT = 760, 22, 130
COLOURS = {"echelon": "#2563eb", "echelon, tier": "#60a5fa", "nginx": "#15803d", "haproxy": "#a16207"}


def bars(title, rows, top, text_of):
    """`rows`: (name, value), drawn from `top` on. @returns the elements and where they end."""
    most = max(value for _, value in rows) or 1
    out, y = [f'<text x="10" y="{top + 16}" font-weight="bold">{title}</text>'], top + 28
    for name, value in rows:
        width = max(1.0, (WIDTH - LEFT - 150) * max(value, 0) / most)
        out.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{name}</text>'
                   f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 5}" fill="{COLOURS.get(name, "#6b7280")}"/>'
                   f'<text x="{LEFT + width + 6:.1f}" y="{y + 14}">{text_of(value)}</text>')
        y += BAR
    return out, y + 12


def draw(result):
    """`result` as bench/run writes it."""
    out, y = [], 8
    for connections, rows in result["throughput"].items():
        more, y = bars(f"requests a second, {connections} connections", [(n, x["rps"]) for n, x in rows.items()], y, lambda v: f"{v:,.0f}")
        out += more
    for rate, rows in result["latency"].items():
        direct = rows["direct"]
        for q in ("p50", "p99"):
            added = [(n, 1e3 * (x[q] - direct[q])) for n, x in rows.items() if n != "direct"]
            more, y = bars(f"{q} added to the upstream's own, {rate} requests a second", added, y, lambda v: f"{v:,.0f} us")
            out += more
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/>{"".join(out)}</svg>\n')
