"""The report as markdown that GitHub renders: pipe tables, plain lists, charts as tables or as SVG files beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

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

_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_LINE_START = re.compile(r"^(\s*)(\d{1,9})([.)])(?=\s|$)")


def write_markdown(report: Report, charts: Mapping[str, str] | None = None) -> str:
    """The report as one file.

    Parameters
    ----------
    charts
        File name of each chart by anchor, for charts that lie beside the file as SVG; the others become tables.
    """
    parts = [f"# {escape(report.title)}", f"*{escape(report.kicker)}, judged as of {report.as_of.isoformat()}*"]
    parts += [text for block in report.blocks if (text := _block(block, report, charts or {}))]
    parts += ["---", f"<sub>{escape(report.footer)}</sub>"]
    return "\n\n".join(parts) + "\n"


def chart_files(report: Report) -> dict[str, str]:
    """The SVG of each chart by anchor."""
    return {b.anchor: b.svg for b in report.blocks if isinstance(b, Chart)}


def escape(text: str) -> str:
    """Text that GitHub shows as it stands: no markup, HTML, mathematics, mention or automatic link.

    >>> escape("a|b *c* <img> $x$ www.x.org")
    'a\\\\|b \\\\*c\\\\* &lt;img&gt; <span>$</span>x<span>$</span> www\\\\.x.org'
    """
    out = text.replace("&", "&amp;")
    out = _SPECIAL.sub(r"\\\1", out)
    out = out.replace("<", "&lt;").replace(">", "&gt;")
    out = out.replace("$", "<span>$</span>").replace("@", "<span>@</span>")
    out = re.sub(r"://", "&#58;//", out)
    out = re.sub(r"\b(www)\.", r"\1\\.", out, flags=re.IGNORECASE)
    out = re.sub(r"^(\s*)([-+=#])", r"\1\\\2", out)
    return _LINE_START.sub(r"\1\2\\\3", out)


def _span(span: Span) -> str:
    if not span.text.strip():
        return span.text
    if span.style == "cite":
        return f"[\\[{span.text}\\]](#source-{span.target})"
    if span.style == "code":
        return _code(span.text)
    if span.style == "link":
        return f"[{escape(span.text)}](<{safe_url(span.target)}>)" if safe_url(span.target) else escape(span.text)
    if span.style in ("strong", "em"):
        # Emphasis must touch its words, so the blanks around them go outside.
        body = span.text.strip()
        left, right = span.text[: len(span.text) - len(span.text.lstrip())], span.text[len(span.text.rstrip()) :]
        mark = "**" if span.style == "strong" else "*"
        return f"{left}{mark}{escape(body)}{mark}{right}"
    return escape(span.text)


def _code(text: str) -> str:
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _line(line: Inline) -> str:
    return "".join(_span(s) for s in line).strip()


def _cell(line: Inline) -> str:
    # Within a table a pipe ends the cell even in code.
    return re.sub(r"(?<!\\)\|", r"\\|", _line(line))


def _block(block: Block, report: Report, charts: Mapping[str, str]) -> str:
    match block:
        case Heading():
            return f"{'#' * (block.level + 1)} {_line(block.text)}"
        case Para():
            return f"<sub>{_line(block.text)}</sub>" if block.note else _line(block.text)
        case Items():
            marks = (f"{i}." if block.ordered else "-" for i in range(1, len(block.items) + 1))
            return "\n".join(f"{mark} {_line(item)}" for mark, item in zip(marks, block.items, strict=True))
        case Table():
            return _table(block)
        case Chart():
            return _chart(block, charts)
        case Cards():
            return "\n".join(
                f"- **{escape(c.label)}:** {escape(c.value)}{f' ({escape(c.note)})' if c.note else ''}"
                for c in block.cards
            )
        case Columns():
            return "\n\n".join(
                f"### {escape(title)}\n\n" + "\n".join(f"- {_line(item)}" for item in items)
                for title, items in zip(block.titles, block.lists, strict=True)
            )
        case PageBreak():
            return "---"
        case Contents():
            return "\n".join(
                f"- [{_line(b.text)}](#{_slug(b)})"
                for b in report.blocks
                if isinstance(b, Heading) and b.level == 1 and b.anchor != "verdict"
            )
        case References():
            return "\n".join(f'- <a id="source-{e.number}"></a>\\[{e.number}\\] {_line(e.text)}' for e in block.entries)


def _slug(heading: Heading) -> str:
    text = "".join(s.text for s in heading.text).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def _table(table: Table) -> str:
    def row(cells: list[str]) -> str:
        return f"| {' | '.join(cells)} |"

    head = row([escape(c.title) for c in table.columns])
    ruler = row(["---:" if c.align == "right" else "---" for c in table.columns])
    body = [row([_cell(cell) for cell in cells]) for cells in table.rows]
    return "\n".join([f"**{escape(table.caption)}**", "", head, ruler, *body])


def _chart(chart: Chart, charts: Mapping[str, str]) -> str:
    name = charts.get(chart.anchor)
    if name is None:
        return f"*{escape(chart.caption)}*\n\n{_table(chart.table)}"
    picture = f"![{escape(chart.alt)}](<{name}>)\n\n*{escape(chart.caption)}*"
    return f"{picture}\n\n{_table(chart.table)}" if chart.show_table else picture
