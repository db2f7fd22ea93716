"""The report as one HTML file for screen readers and browsers: headings, table headers, alt texts, no script."""

from __future__ import annotations

from html import escape

from advisor.report.blocks import (
    Block,
    Cards,
    Chart,
    Columns,
    Contents,
    Heading,
    Inline,
    Items,
    PageBreak,
    Para,
    References,
    Report,
    Span,
    Table,
)
from advisor.report.links import safe_url
from advisor.report.numbers import unbroken

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

STYLE = """
:root{--ink:#1c2733;--grey:#566270;--rule:#d7dce1;--accent:#0b4f7d;--tint:#eef3f7}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff}
body{font:16px/1.5 "Source Sans 3","Source Sans Pro","Helvetica Neue",Arial,sans-serif}
main{max-width:64rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
.kicker{color:var(--accent);font-weight:600;margin:0}
h1{font-size:1.2rem;font-weight:400;color:var(--grey);margin:.2rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.45rem;line-height:1.25;color:var(--accent);margin:3rem 0 .8rem}
h2#verdict{font-size:1.9rem;color:var(--ink);margin-top:0;max-width:46rem}
h3{font-size:1.08rem;margin:1.8rem 0 .5rem}
p,li{max-width:46rem;overflow-wrap:anywhere}li{margin:.25rem 0}
.note,.small{color:var(--grey);font-size:.88em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.8rem;margin:1.2rem 0;padding:0}
.cards div{background:var(--tint);padding:.8rem 1rem;border-radius:3px}
.cards dt{font-size:.82rem;color:var(--grey)}.cards dd{margin:0}.cards .value{font-size:1.2rem;font-weight:600}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 2.5rem}
.scroll{overflow-x:auto;margin:1rem 0 1.6rem}
table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--grey);padding-bottom:.4rem}
th,td{padding:.35rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
thead th{border-bottom:1px solid var(--ink);vertical-align:bottom}tbody th{font-weight:inherit}
.right{text-align:right;white-space:nowrap}tr.set-apart{background:var(--tint);font-weight:600}
figure{margin:1.4rem 0}figure svg{width:100%;height:auto;max-width:52rem}figcaption{color:var(--grey);font-size:.88rem}
code{font:.88em ui-monospace,"DejaVu Sans Mono",Menlo,monospace;overflow-wrap:anywhere}
a{color:var(--accent)}a.cite{text-decoration:none;font-size:.85em}
ol.sources{font-size:.88rem;padding-left:2.6rem}ol.sources li{overflow-wrap:anywhere}
footer{margin-top:3rem;border-top:1px solid var(--rule);padding-top:.6rem;color:var(--grey);font-size:.85rem}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}tr,figure{break-inside:avoid}}
"""


def write_html(report: Report) -> str:
    """The report as one file without script or outside reference."""
    body = "\n".join(text for block in report.blocks if (text := _block(block, report)))
    keywords = escape(", ".join(report.keywords))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}: {escape(report.headline)}</title>\n"
        f'<meta name="description" content="{escape(report.headline)}">\n<meta name="keywords" content="{keywords}">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<p class="kicker">{escape(report.kicker)}</p>\n'
        f"<h1><bdi>{escape(report.title)}</bdi>, judged as of {report.as_of.isoformat()}</h1>\n"
        f"{body}\n<footer>{escape(report.footer)}</footer>\n</main>\n</body>\n</html>\n"
    )


def _span(span: Span) -> str:
    text = escape(unbroken(span.text))
    match span.style:
        case "strong" | "em" | "code":
            return f"<{span.style}>{text}</{span.style}>"
        case "small":
            return f'<span class="small">{text}</span>'
        case "cite":
            return f'<a class="cite" href="#source-{escape(span.target)}" aria-label="source {text}">[{text}]</a>'
        case "link":
            url = safe_url(span.target)
            return f'<a href="{escape(url)}" rel="noreferrer">{text}</a>' if url else text
        case _:
            return text


def _line(line: Inline) -> str:
    return "".join(_span(s) for s in line)


def _block(block: Block, report: Report) -> str:
    match block:
        case Heading():
            n = block.level + 1
            return f'<h{n} id="{escape(block.anchor)}">{_line(block.text)}</h{n}>'
        case Para():
            return f'<p class="note">{_line(block.text)}</p>' if block.note else f"<p>{_line(block.text)}</p>"
        case Items():
            return _list(block.items, "ol" if block.ordered else "ul")
        case Table():
            return _table(block)
        case Chart():
            return _chart(block)
        case Cards():
            cards = "".join(
                f'<div><dt>{escape(c.label)}</dt><dd class="value">{escape(c.value)}</dd>'
                f'<dd class="note">{escape(c.note)}</dd></div>'
                for c in block.cards
            )
            return f'<dl class="cards">{cards}</dl>'
        case Columns():
            lists = "".join(
                f"<section><h3>{escape(title)}</h3>{_list(items, 'ul')}</section>"
                for title, items in zip(block.titles, block.lists, strict=True)
            )
            return f'<div class="columns">{lists}</div>'
        case PageBreak():
            return ""
        case Contents():
            links = "".join(
                f'<li><a href="#{escape(b.anchor)}">{_line(b.text)}</a></li>'
                for b in report.blocks
                if isinstance(b, Heading) and b.level == 1 and b.anchor != "verdict"
            )
            return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'
        case References():
            entries = "".join(
                f'<li id="source-{e.number}" value="{e.number}">{_line(e.text)}</li>' for e in block.entries
            )
            return f'<ol class="sources">{entries}</ol>'


def _list(items: tuple[Inline, ...], tag: str) -> str:
    return f"<{tag}>{''.join(f'<li>{_line(i)}</li>' for i in items)}</{tag}>"


def _table(table: Table) -> str:
    def at(i: int) -> str:
        return ' class="right"' if table.columns[i].align == "right" else ""

    head = "".join(f'<th scope="col"{at(i)}>{escape(c.title)}</th>' for i, c in enumerate(table.columns))
    rows = []
    for n, cells in enumerate(table.rows):
        apart = ' class="set-apart"' if n in table.strong_rows else ""
        first = f'<th scope="row"{at(0)}>{_line(cells[0])}</th>'
        rest = "".join(f"<td{at(i)}>{_line(c)}</td>" for i, c in enumerate(cells) if i)
        rows.append(f"<tr{apart}>{first}{rest}</tr>")
    return (
        f'<div class="scroll"><table><caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _chart(chart: Chart) -> str:
    figure = f'<figure id="{escape(chart.anchor)}">{chart.svg}<figcaption>{escape(chart.caption)}</figcaption></figure>'
    table = _table(chart.table)
    if not chart.show_table:
        table = f"<details><summary>The figures as a table</summary>{table}</details>"
    return figure + table
