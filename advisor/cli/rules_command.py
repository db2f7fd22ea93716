"""`advisor rules`: what export rules ask at one place, for every part of the catalog."""

from __future__ import annotations

import argparse
import json
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from advisor.domain.rules import ExportFinding, ExportRules
    from advisor.engine.gates.place import Parties

_WIDTH = 100
_LABELS = {
    "country": "--country",
    "headquarters_country": "--hq",
    "ultimate_parent_country": "--parent",
    "end_user_countries": "--users",
    "export_from": "--export-from",
}
_EXAMPLES = """\
examples:
  advisor rules --country DE
  advisor rules --country Malaysia --hq CN
  advisor rules --country SA --parent "Hong Kong" --as-of 2024-01-01 --format json
"""


def add_rules_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `rules` to the command line."""
    parser = subparsers.add_parser(
        "rules",
        help="export rules at one place, for every part",
        description="Which parts need an export licence at one place, for one owner, on one day, and why. "
        "Decision support, not legal advice.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--country", required=True, metavar="XX", help="country of deployment: ISO code or name")
    parser.add_argument("--hq", metavar="YY", help="buyer's headquarters (default: the country of deployment)")
    parser.add_argument("--parent", metavar="YY", help="headquarters of the ultimate parent (default: --hq)")
    parser.add_argument("--users", metavar="YY[,ZZ]", default="", help="where remote users sit, parted by commas")
    parser.add_argument("--export-from", metavar="XX", default="US", help="country that it ships from (default: US)")
    parser.add_argument("--as-of", metavar="DATE", help="judge by the rules of that day (default: today)")
    parser.add_argument("--accelerator", metavar="ID", help="one part, with every gate in full")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the output")
    parser.add_argument("--output", "-o", metavar="FILE", help="write to a file instead of stdout")
    parser.add_argument("--catalog", metavar="DIR", action="append", default=[], help="folder to lay over the catalog")
    parser.set_defaults(func=run_rules)


def run_rules(args: argparse.Namespace) -> int:
    """Print the table of one place, or every gate of one part."""
    from pathlib import Path

    from advisor.catalog import load_catalog
    from advisor.catalog.resources import user_overlay_dirs
    from advisor.domain.errors import InputError, did_you_mean
    from advisor.domain.profile import Place
    from advisor.engine.gates.export import chip_of
    from advisor.engine.gates.place import judge, resolve_place, unspecified_chip
    from advisor.report.output import write_result

    as_of = _day(args.as_of)
    catalog = load_catalog([*user_overlay_dirs(), *map(Path, args.catalog)])
    rules = catalog.export
    parties = resolve_place(
        Place(
            country=args.country,
            headquarters_country=args.hq,
            ultimate_parent_country=args.parent,
            end_user_countries=tuple(u.strip() for u in args.users.split(",") if u.strip()),
            export_from=args.export_from,
        ),
        rules,
        _LABELS,
    )
    chips = [chip_of(a) for a in catalog.accelerators.values()]
    chips += [unspecified_chip(part) for part in catalog.incomplete_accelerators]
    if args.accelerator is not None:
        wanted = args.accelerator.casefold()
        chips = [c for c in chips if wanted in (c.id, c.part_id)]
        if not chips:
            known = [*catalog.accelerators, *catalog.incomplete_accelerators]
            raise InputError(f'--accelerator: "{args.accelerator}" is not in the catalog{did_you_mean(wanted, known)}')
    findings = sorted((judge(chip, parties, rules, as_of) for chip in chips), key=_order)
    if args.format == "json":
        write_result(json.dumps(_tree(findings, parties, rules), indent=2, ensure_ascii=False) + "\n", args.output)
    elif args.accelerator is not None:
        write_result(_detail(findings[0], parties, rules), args.output)
    else:
        write_result(_table(findings, parties, rules), args.output)
    return 0


def _day(text: str | None) -> date:
    from advisor.domain.errors import InputError

    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f'--as-of: "{text}" is not a date; write it like 2026-11-21') from None


def _order(finding: ExportFinding) -> tuple[float, str]:
    return (finding.classification.tpp or float("inf"), finding.classification.chip.id)


def _heading(parties: Parties, as_of: date) -> list[str]:
    from advisor.engine.gates.legal import destination_sentence

    owner = f"buyer's headquarters {parties.headquarters.name}, ultimate parent {parties.parent.name}"
    return [
        f"Export rules for {parties.destination.name} on {as_of.isoformat()}",
        f"{owner}, shipped from {parties.export_from.name}",
        destination_sentence(parties.destination),
        "",
    ]


def _table(findings: list[ExportFinding], parties: Parties, rules: ExportRules) -> str:
    from advisor.engine.gates.place import gates_of_finding

    lines = _heading(parties, findings[0].as_of)
    form = "{:<8} {:>9} {:>7} {:<14} {:<9} {:<8} {:<16} {:<7} {}"
    head = ("part", "TPP", "PD", "class", "enforced", "text", "review", "tariff", "row")
    lines += [form.format(*head), form.format(*("-" * len(h) for h in head))]
    for finding in findings:
        lines.append(form.format(*_cells(finding, rules)).rstrip())
    lines.append("")
    shown: set[str] = set()
    for finding in findings:
        if finding.rule.id in shown:
            continue
        shown.add(finding.rule.id)
        lines += _wrap(f"{finding.rule.id}: {finding.rule.title}. {finding.rule.statement_on(finding.as_of)}")
        if finding.rule.literal_position:
            lines += _wrap(f"Text of the regulation: {finding.rule.literal_position}", "  ")
        if finding.rule.conditions:
            lines += _wrap("Conditions: " + "; ".join(finding.rule.conditions) + ".", "  ")
        if finding.rule.remedy:
            lines += _wrap(f"What to do: {finding.rule.remedy}", "  ")
        as_of = finding.rule.as_of.isoformat() if finding.rule.as_of else "undated"
        lines += _wrap(f"{finding.rule.citation}; as of {as_of}; confidence {finding.rule.confidence}", "  ")
    notes = dict.fromkeys(note for finding in findings for note in finding.notes)
    if notes:
        lines += ["", "Notes", *(line for note in notes for line in _wrap(f"- {note}", "  ", first=""))]
    lines += ["", "Parties and users"]
    for gate in gates_of_finding(findings[-1], parties.users, rules)[2:]:
        lines += _wrap(f"- {gate.title}: {gate.reason}", "  ", first="")
    lines += ["", "Decision support, not legal advice. `--accelerator ID` shows every gate of a part in full."]
    return "\n".join(lines) + "\n"


def _cells(finding: ExportFinding, rules: ExportRules) -> tuple[str, ...]:
    from advisor.engine.gates.tariff import tariff_gate

    found = finding.classification
    rate = tariff_gate(finding, rules).tariff_rate
    tariff = "-" if found.tariff is None else f"{rate:.0%}" if rate else "band"
    return (
        found.chip.id,
        "-" if found.tpp is None else f"{found.tpp:,.1f}",
        "-" if found.performance_density is None else f"{found.performance_density:.2f}",
        found.item_class,
        finding.requirement,
        "licence" if finding.rule.literal_position else finding.requirement,
        finding.review_policy.replace("_", " "),
        tariff,
        finding.rule.id,
    )


def _detail(finding: ExportFinding, parties: Parties, rules: ExportRules) -> str:
    from advisor.engine.gates.place import gates_of_finding

    lines = _heading(parties, finding.as_of)
    for gate in gates_of_finding(finding, parties.users, rules):
        lines.append(f"{gate.gate}: {gate.status}" + (f" ({gate.condition})" if gate.condition else ""))
        pairs = (
            ("", gate.title),
            ("", gate.reason),
            ("Arithmetic: ", gate.arithmetic),
            ("Text of the regulation: ", gate.literal_text_position),
            ("Enforced: ", gate.enforced_position),
            ("What to do: ", gate.remedy),
            ("Delay: ", _delay(gate.delay_weeks)),
            ("Rule: ", gate.citation),
            ("Confidence: ", gate.confidence),
        )
        for label, text in pairs:
            if text:
                lines += _wrap(label + text, "  ")
        for note in gate.notes:
            lines += _wrap(f"Note: {note}", "  ")
        lines.append("")
    lines.append("Decision support, not legal advice.")
    return "\n".join(lines) + "\n"


def _delay(weeks: Any) -> str:
    if weeks is None:
        return ""
    return f"{weeks.low:g} to {weeks.high:g} weeks, typically {weeks.typical:g}. {weeks.basis}"


def _tree(findings: list[ExportFinding], parties: Parties, rules: ExportRules) -> dict[str, Any]:
    from advisor.domain.gates import DISCLAIMER
    from advisor.engine.gates.place import gates_of_finding

    return {
        "as_of": findings[0].as_of.isoformat(),
        "destination": _country(parties.destination),
        "headquarters": _country(parties.headquarters),
        "ultimate_parent": _country(parties.parent),
        "end_users": [_country(u) for u in parties.users],
        "export_from": _country(parties.export_from),
        "parts": [
            {
                "accelerator": f.classification.chip.id,
                "tpp": f.classification.tpp,
                "tpp_by_format": f.classification.tpp_by_format,
                "tpp_format": f.classification.tpp_format,
                "performance_density": f.classification.performance_density,
                "item_class": f.classification.item_class,
                "computer_class": f.classification.computer_class,
                "requirement": f.requirement,
                "literal_requirement": "licence" if f.rule.literal_position else f.requirement,
                "review_policy": f.review_policy,
                "matrix_row": f.rule.id,
                "tariff_band": f.classification.tariff.gives if f.classification.tariff else None,
                "gates": [g.model_dump(mode="json") for g in gates_of_finding(f, parties.users, rules)],
            }
            for f in findings
        ],
        "disclaimer": DISCLAIMER,
    }


def _country(country: Any) -> dict[str, Any]:
    return {
        "iso2": country.iso2,
        "name": country.name,
        "groups": sorted(country.groups),
        "destination_class": country.destination_class,
    }


def _wrap(text: str, indent: str = "", first: str | None = None) -> list[str]:
    import textwrap

    from advisor.domain.text import plain

    start = indent if first is None else first
    return textwrap.wrap(plain(text), _WIDTH, initial_indent=start, subsequent_indent=indent) or [""]
