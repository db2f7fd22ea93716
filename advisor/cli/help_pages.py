"""Help of every command as a page: what it does, its options, and examples to copy."""

from __future__ import annotations

import argparse

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "advisor recommend": (
        ("advisor recommend --profile mine.toml", "the same as without the word"),
        ("advisor recommend --profile mine.toml --format json --as-of 2026-11-21", "the same bytes each time"),
    ),
    "advisor profile": (
        ("advisor profile list", "what can be opened by name"),
        ("advisor profile new mine.toml", "a commented starter"),
        ("advisor profile validate mine.toml", "check it before use"),
    ),
    "advisor profile list": (("advisor profile list", ""),),
    "advisor profile new": (
        ("advisor profile new mine.toml", ""),
        ("advisor profile new - | less", "look at it first"),
    ),
    "advisor profile validate": (("advisor profile validate mine.toml renewal-100-gpus", ""),),
    "advisor profile show": (("advisor profile show renewal-100-gpus > mine.toml", "start from a bundled one"),),
    "advisor profile schema": (("advisor profile schema > profile.schema.json", "for an editor that completes"),),
    "advisor schema": (
        ("advisor schema", "of the answer"),
        ("advisor schema profile", "of what goes in"),
    ),
    "advisor explain": (
        ("advisor explain answer.json verdict", ""),
        ("advisor explain answer.json candidates.mi355x.cost.usd_per_month", ""),
        ("advisor explain --profile renewal-100-gpus candidates.b200.fleet.gpus", "without a stored answer"),
        ("advisor explain claims B15", "a public claim, recomputed"),
    ),
    "advisor diff": (
        ("advisor diff old.json new.json", "exit code 4 when the verdict changed"),
        ("advisor --profile mine.toml --format json | advisor diff old.json -", "against today"),
        ("advisor diff last/ this/", "two runs of a batch, file by file"),
    ),
    "advisor batch": (
        ("advisor batch profiles/ --output out/", "a folder of profiles, on all cores"),
        ("advisor batch a.toml b.toml --output out/ --summary-only", ""),
    ),
    "advisor report": (
        ("advisor report answer.json --output answer.pdf", ""),
        ("advisor report answer.json --format markdown --charts charts/ --output answer.md", ""),
        ("advisor report answer.json --format csv", "the comparison as a table"),
    ),
    "advisor estimate": (
        ("advisor estimate --accelerator mi355x --model dsr1 --precision fp8 --engine sglang --gpus 8"
         " --isl 1024 --osl 1024 --concurrency 64", ""),
        ("advisor estimate --points in.csv --output out.csv", "a table; columns as in catalog/evidence/serving.csv"),
    ),
    "advisor backtest": (
        ("advisor backtest", "the stored result"),
        ("advisor backtest --run", "again, from the evidence at hand"),
    ),
    "advisor evidence list": (("advisor evidence list --format json", ""),),
    "advisor evidence show": (("advisor evidence show 20261121-10", "the beginning of an id will do"),),
    "advisor evidence export": (("advisor evidence export --format csv --output runs.csv", ""),),
    "advisor evidence import": (
        ("advisor evidence import result.json --accelerator mi355x --gpus 8 --as-model dsr1 --weights fp8", ""),
    ),
    "advisor evidence remove": (("advisor evidence remove 20261121-10", ""),),
    "advisor claims": (
        ("advisor claims", "one line each"),
        ("advisor claims B15 D10", "in full"),
        ("advisor claims --verdict contradicted --format markdown", ""),
    ),
    "advisor catalog check": (("advisor catalog check --catalog ./our-quotes", ""),),
    "advisor catalog list": (
        ("advisor catalog list", "the kinds of fact"),
        ("advisor catalog list rent --match b200", ""),
    ),
    "advisor catalog show": (("advisor catalog show mi355x", ""),),
    "advisor catalog status": (("advisor catalog status", ""),),
    "advisor catalog sources": (("advisor catalog sources inferencex", ""),),
    "advisor serve": (
        ("advisor serve", "then open http://127.0.0.1:8000"),
        ("advisor serve --port 9000", ""),
    ),
}  # fmt: skip
"""Examples by command, each with what it is good for; commands that bring their own epilog are not here."""


class HelpFormatter(argparse.HelpFormatter):
    """Wraps a paragraph, and leaves a text of several lines as it is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text.strip():
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)


def complete_help(parser: argparse.ArgumentParser, path: str = "advisor", summary: str = "") -> None:
    """Give a command and those below it a description, examples and one layout, where they have none of their own."""
    parser.formatter_class = HelpFormatter
    sentence = parser.description or summary
    if sentence:
        parser.description = f"{sentence[:1].upper()}{sentence[1:]}{'' if sentence.rstrip()[-1] in '.)' else '.'}"
    if not parser.epilog and path in EXAMPLES:
        parser.epilog = epilog_of(EXAMPLES[path])
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            help_of = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                complete_help(command, f"{path} {name}", help_of.get(name, ""))


def epilog_of(examples: tuple[tuple[str, str], ...]) -> str:
    """Examples as the end of a help page, what they are good for in a column of its own."""
    width = max((len(command) for command, why in examples if why), default=0)
    lines = [f"  {command:<{width}}   {why}".rstrip() for command, why in examples]
    return "\n".join(["examples:", *lines]) + "\n"
