"""From an answer to a file: the forms there are, and what each looks like."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.tui.paths import typed_path

if TYPE_CHECKING:
    from advisor.domain.recommendation import Recommendation

FORMATS = ("pdf", "markdown", "html", "json", "csv", "text")
SUFFIX = {"pdf": ".pdf", "markdown": ".md", "html": ".html", "json": ".json", "csv": ".csv", "text": ".txt"}
FORM = {suffix: form for form, suffix in SUFFIX.items()}
PREVIEW_CHARS = 24_000


def suggested(name: str, form: str) -> str:
    """Where the answer goes unless something else is typed: the folder that the program was started in."""
    try:
        path, home = Path.cwd() / f"{name}{SUFFIX[form]}", Path.home()
    except (OSError, RuntimeError):  # the folder is gone, or there is no home
        return f"{name}{SUFFIX[form]}"
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def form_of(typed: str) -> str:
    """The form that the ending of a file name stands for; empty where it stands for none."""
    return FORM.get(Path(typed.strip()).suffix.lower(), "")


def with_ending(typed: str, form: str) -> str:
    """A file name with the ending of a form, where it had that of another; any other name as it is.

    >>> with_ending("~/report.pdf", "markdown"), with_ending("v1.2", "pdf")
    ('~/report.md', 'v1.2')
    """
    return typed.strip()[: -len(Path(typed.strip()).suffix)] + SUFFIX[form] if form_of(typed) else typed


def target_of(typed: str) -> tuple[Path, str]:
    """The file that is meant, and what is wrong with it as a sentence."""
    typed, path = typed.strip(), typed_path(typed)
    if not typed:
        return path, "name a file"
    if path.parts[:1] and path.parts[0].startswith("~") and typed.startswith("~"):
        return path, f"{path.parts[0]} is nobody's home"
    if typed.endswith(("/", os.sep)):
        return path, f"{typed} is a folder; give a file name"
    return path, ""


def render(answer: Recommendation, form: str) -> str | bytes:
    """The answer in one form."""
    if form == "json":
        return answer.model_dump_json(indent=2) + "\n"
    if form == "text":
        from advisor.report.text import render_text

        return render_text(answer, explain=False, colour=False)
    from advisor.report import render_report

    return render_report(answer, form, explain=False, paper="a4")


def preview_text(answer: Recommendation, form: str) -> str:
    """What the preview shows: the file itself, or for a PDF and a page its text."""
    from advisor.domain.errors import AdvisorError

    try:
        body = render(answer, "markdown" if form in ("pdf", "html") else form)
    except (AdvisorError, ImportError) as error:
        return f"No preview: {error}"
    assert isinstance(body, str)
    lead = "The text of the report; the file has its typesetting and charts.\n\n" if form in ("pdf", "html") else ""
    tail = "\n…" if len(body) > PREVIEW_CHARS else ""
    return lead + body[:PREVIEW_CHARS] + tail


def produce(answer: Recommendation, form: str, path: Path) -> str:
    """Write the file whole or not at all, and the folder for it; returns what went wrong, in a sentence."""
    from advisor.domain.errors import AdvisorError
    from advisor.report.output import write_result

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_result(render(answer, form), str(path))
    except AdvisorError as error:
        return str(error).removeprefix("--output ")
    except OSError as error:
        return f"{path}: cannot be written ({error.strerror})"
    except Exception as error:  # a fault in a report must not end the program
        return f"this is a fault of the program, not of your input: {type(error).__name__}: {error}"
    return ""
