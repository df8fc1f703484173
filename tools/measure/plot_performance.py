#!/usr/bin/env python3
"""The figures of docs/performance.md and docs/performance.svg from the rows that bench/peers/compare left in bench/results.

    tools/measure/plot_performance.py            rewrites both
    tools/measure/plot_performance.py --check    exit 1 when they are not what the rows say
    tools/measure/plot_performance.py --rows DIR --out DIR    from other rows, to another place (to look at a layout)

Of every machine, model, number of threads, instruction set and peer the newest osso that was measured is shown."""
import argparse
import csv
import html
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = ("machine", "model", "threads")
SERIES = PLACE + ("isa", "peer")
COLORS = {"osso": "#0b6e6e", "llama.cpp": "#6d737d", "ik_llama.cpp": "#a8752c"}
OTHER_COLORS = ("#7a6aa8", "#a85b6a", "#5b8aa8")


def read(folder):
    """series -> rows, of each of its tests those of the newest osso only."""
    series = {}
    for path in sorted(pathlib.Path(folder).glob("*.csv")):
        with open(path, newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames and {"osso_value", "peer", "round"} <= set(reader.fieldnames):
                for row in reader:
                    series.setdefault(tuple(row[k] for k in SERIES), []).append(row)
    for key, rows in series.items():
        newest = {r["test"]: r["osso"] for r in sorted(rows, key=lambda r: r["date"])}
        series[key] = [r for r in rows if r["osso"] == newest[r["test"]]]
    return dict(sorted(series.items(), key=lambda item: (item[0][:3], item[0][3] != "avx512vnni", item[0][3], item[0][4] != "llama.cpp", item[0][4])))


def median(rows, field):
    values = [float(r[field]) for r in rows if r.get(field)]
    return statistics.median(values) if values else None


def tests(rows):
    """Names in a fixed order: prompts, generation, depth, batch, start, memory."""
    def place(name):
        m = re.match(r"(pp|tg)?(\d+)?(?:x(\d+))?(?:@d(\d+))?", name)
        return (["pp", "tg", None].index(m[1]), int(m[3] or 0), int(m[4] or 0), int(m[2] or 0), name != "start")
    return sorted({r["test"] for r in rows}, key=place)


def words(name):
    m = re.fullmatch(r"(pp|tg)(\d+)(?:x(\d+))?(?:@d(\d+))?(\+fill)?", name)
    if not m:
        return {"start": "exec to exit of one token", "memory": "resident memory, peak"}.get(name, name)
    depth = f" after {int(m[4]):,}" if m[4] else ""
    if m[1] == "pp":
        return f"prompt of {int(m[2]):,}{depth}"
    return "generation" + (f", {m[3]} sequences" if m[3] else "") + depth


def number(value):
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def of(rows, test):
    return [r for r in rows if r["test"] == test]


def ratio(rows):
    ours, theirs = median(rows, "osso_value"), median(rows, "peer_value")
    if not theirs:
        return None
    return ours / theirs if rows[0]["unit"] == "tok/s" else theirs / ours


def one_row_rate(test, rows):
    """Kernels on weights in the cache, where a test is about one row at a time."""
    return median(rows, "resident_gbps") if re.match(r"tg\d+($|@)", test) else None


# ---- the tables --------------------------------------------------------------------------------------------

def table(head, align, lines):
    rule = [{"l": "---", "r": "---:"}[a] for a in align]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def peer_tables(series):
    """One table per series: osso and the peer, their ratio with its spread, shares of the ceiling."""
    parts = []
    for (machine, model, threads, isa, peer), rows in series.items():
        first, last = min(r["date"] for r in rows)[:10], max(r["date"] for r in rows)[:10]
        commit = next((r["peer_commit"] for r in rows if r["peer_commit"]), "")
        lines = []
        for test in tests(rows):
            some = of(rows, test)
            ratios = [float(r["ratio"]) for r in some if r["ratio"]]
            shares = [median(some, f) for f in ("osso_percent", "peer_percent")]
            unit = "" if some[0]["unit"] == "tok/s" else " " + some[0]["unit"]
            value = ratio(some)
            lines.append((f"{words(test)} (`{test}`)", str(len(some)), number(median(some, "osso_value")) + unit,
                          number(median(some, "peer_value")) + (unit if ratios else ""), f"**{value:.2f}**" if value else "",
                          f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else "",
                          *(f"{s:.0f} %" if s is not None else "" for s in shares)))
        parts.append(f"**osso ({isa}) and {peer}**{f' ({commit})' if commit else ''}: {model}, {machine}, {threads} threads, "
                     f"osso {' and '.join(sorted({r['osso'] for r in rows}))}, {first if first == last else first + ' to ' + last}\n\n"
                     + table(("", "n", "osso", peer, "ratio", "from to", "osso's share", "the peer's"), "lrrrrrrr", lines))
    return "\n\n".join(parts)


def roofline(series):
    """One table per machine, model, threads and ISA: what a token needs, the ceilings, what was reached."""
    parts, seen = [], {}
    for key, rows in series.items():
        seen.setdefault(key[:4], []).extend(r for r in rows if r["unit"] == "tok/s")
    for (machine, model, threads, isa), rows in seen.items():
        lines = []
        for test in tests(rows):
            some = of(rows, test)
            prefill = test.startswith("pp")
            ours = median(some, "osso_value")
            need = median(some, "operations_per_token" if prefill else "bytes_per_token") / 1e9
            ceiling = median(some, "int8_ceiling_tops" if prefill else "read_ceiling_gbps")
            cached = one_row_rate(test, some)
            low = min(ceiling, cached) if cached and ceiling else None
            at_most = (ceiling * 1000 if prefill else ceiling) / need if ceiling else None
            lines.append((f"{words(test)} (`{test}`)", f"{need:.2f} {'GOP' if prefill else 'GB'}",
                          (f"{ceiling:.2f} TOP/s" if prefill else f"{ceiling:.1f} GB/s") if ceiling else "",
                          f"{cached:.1f} GB/s" if cached else "", number(at_most), number(ours),
                          f"{100 * ours / at_most:.0f} %" if at_most else "",
                          f"{100 * ours * need / low:.0f} %" if low else ""))
        parts.append(f"**{model}, {isa}**, {machine}, {threads} threads\n\n" +
                     table(("phase", "a token needs", "ceiling", "kernels in cache", "tokens/s at the ceiling", "osso", "share",
                            "share of the lower one"), "lrrrrrrr", lines))
    return "\n\n".join(parts)


# ---- the plot ----------------------------------------------------------------------------------------------

LEFT, WIDTH, BAR, GAP, SCALE = 178, 860, 15, 12, 560


class Drawing:
    def __init__(self):
        self.parts, self.y = [], 0

    def text(self, x, y, text, size=12, color="#222", anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
                          f'font-weight="{weight}">{html.escape(text)}</text>')

    def box(self, x, y, w, h, color):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 1):.1f}" height="{h:.1f}" fill="{color}"/>')

    def line(self, x, y, x2, y2, color, width=1.0, dash=""):
        self.parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"'
                          + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")


def color(peer, known):
    first = re.split("[ ,(]", peer)[0]
    if first not in COLORS:
        known.setdefault(peer, OTHER_COLORS[len(known) % len(OTHER_COLORS)])
    return COLORS.get(first) or known[peer]


def panel(d, key, by_peer, known):
    """Bars as shares of the ceiling: prompts of integer dots, generation of reading; tokens per second beside them."""
    machine, model, threads, isa = key
    every = [r for rows in by_peer.values() for r in rows if r["unit"] == "tok/s"]
    names = [t for t in tests(every) if any(median(of(every, t), f) is not None for f in ("osso_percent",))]
    if not names:
        return
    d.text(16, d.y + 20, f"{model}, {isa}, {threads} threads", 14, weight="bold")
    d.text(16, d.y + 36, machine, 11, "#666")
    x = 16
    legend_y = d.y + 56
    for who in ["osso", *by_peer]:
        d.box(x, legend_y - 9, 10, 10, color(who, known))
        d.text(x + 15, legend_y, who, 11)
        x += 30 + 7 * len(who)
    legend_x, marked = x, False
    top = d.y = d.y + 84
    rows_at = []
    for name in names:
        some = of(every, name)
        bars = [("osso", median(some, "osso_value"), median(some, "osso_percent"))]
        for peer, rows in by_peer.items():
            if median(of(rows, name), "peer_value") is not None:
                bars.append((peer, median(of(rows, name), "peer_value"), median(of(rows, name), "peer_percent")))
        rows_at.append((d.y, name, some, bars))
        d.y += max(BAR * len(bars), 26 if name.endswith("+fill") else 0) + GAP
    for share in (0, 25, 50, 75, 100):
        at = LEFT + SCALE * share / 100
        d.line(at, top - 6, at, d.y - GAP + 4, "#444" if share == 100 else "#ddd", 1.2 if share == 100 else 1)
        d.text(at, top - 10, "ceiling" if share == 100 else f"{share} %", 11, "#444" if share == 100 else "#888", "middle")
    for y, name, some, bars in rows_at:
        d.text(LEFT - 10, y + 11, words(name), 12, anchor="end")
        if name.endswith("+fill"):
            d.text(LEFT - 10, y + 24, "(made-up context, osso alone)", 9, "#888", "end")
        for i, (who, value, share) in enumerate(bars):
            d.box(LEFT, y + i * BAR, SCALE * share / 100, BAR - 2, color(who, known))
            inside, end = share > 30, LEFT + SCALE * share / 100  # beside a long bar stands the mark
            d.text(end - 6 if inside else end + 6, y + i * BAR + 11, f"{number(value)} tok/s, {share:.0f} %", 11,
                   "#fff" if inside else "#444", "end" if inside else "start", "bold" if who == "osso" else "normal")
        read, cached = median(some, "read_ceiling_gbps"), one_row_rate(name, some)
        if cached and read and cached < 1.2 * read:
            at = LEFT + SCALE * cached / read
            d.line(at, y - 2, at, y + BAR, "#111", 2)
            marked = True
    if marked:
        d.line(legend_x + 4, legend_y - 10, legend_x + 4, legend_y + 2, "#111", 2)
        d.text(legend_x + 11, legend_y, "osso's own kernels on weights in the cache", 11)
    d.y += 14


def plot(series):
    panels = {}
    for key, rows in series.items():
        panels.setdefault((key[0], key[1], key[2], key[3]), {})[key[4]] = rows
    d, known = Drawing(), {}
    for key, by_peer in panels.items():
        panel(d, key, by_peer, known)
    if not d.parts:
        return None
    d.text(16, d.y + 4, "Shares of the ceiling measured in the same run: prompts of the integer dot rate, generation of the rate of "
           "reading memory. Medians.", 10.5, "#666")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{d.y + 18:.0f}" viewBox="0 0 {WIDTH} {d.y + 18:.0f}" '
            'font-family="Helvetica, Arial, DejaVu Sans, sans-serif">\n<title>osso beside other engines, as shares of the '
            'machine\'s ceilings</title>\n<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(d.parts) + "\n</svg>\n")


# ---- the page ----------------------------------------------------------------------------------------------

def fill(text, name, body):
    """Replaces what stands between <!-- name --> and <!-- end -->."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.S)
    if not pattern.search(text):
        sys.exit(f"docs/performance.md has no place marked {name}")
    return pattern.sub(lambda m: m[1] + body + "\n" + m[2], text)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--check", action="store_true")
    p.add_argument("--rows", default=str(ROOT / "bench/results"))
    p.add_argument("--out", default=str(ROOT / "docs"))
    args = p.parse_args()
    series = read(args.rows)
    none = "bench/results holds no rows of bench/peers/compare yet."
    page = (ROOT / "docs/performance.md").read_text()
    page = fill(page, "rows: peers", peer_tables(series) or none)
    page = fill(page, "rows: roofline", roofline(series) or none)
    picture = plot(series)
    page = fill(page, "rows: plot", "![osso beside other engines, as shares of the machine's ceilings](performance.svg)" if picture else none)
    wanted = {"performance.md": page, "performance.svg": picture}
    out, stale = pathlib.Path(args.out), []
    for name, text in wanted.items():
        if text is None or ((out / name).exists() and (out / name).read_text() == text):
            continue
        stale.append(name)
        if not args.check:
            (out / name).write_text(text)
    if args.check and stale:
        sys.exit(f"{', '.join('docs/' + s for s in stale)}: not what the rows in bench/results say; run tools/measure/plot_performance.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
