"""Read a profile from TOML or JSON; everything that can be wrong ends in one clear `ProfileError`."""

from __future__ import annotations

import codecs
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from advisor.domain.errors import ProfileError, did_you_mean
from advisor.domain.profile import Profile
from advisor.profiles.locate import STDIN
from advisor.profiles.words import told

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_SHOWN = 5
NAME_LENGTH = 200
STDIN_NAME = "standard input"


def read_profile(path: Path) -> Profile:
    """Read and validate a profile file, or standard input, whose first character tells JSON from TOML.

    Raises
    ------
    ProfileError
        With the file, the field, the value and what to do.
    """
    text = read_text(path)
    if str(path) == STDIN:
        return parse_profile(text, STDIN_NAME, is_json=text.lstrip().startswith("{"))
    return parse_profile(text, path.name, is_json=path.suffix.lower() == ".json")


def read_text(path: Path) -> str:
    """Read a small text file or standard input, refusing what is none."""
    if str(path) == STDIN:
        return _small_text(STDIN_NAME, sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        if path.is_dir():
            raise ProfileError(f"{path}: is a folder; give a profile file (.toml or .json)")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ProfileError(
                f"{path}: {size / 1e6:.0f} MB; a profile is at most {MAX_BYTES / 1e6:.0f} MB of TOML or JSON"
            )
        with path.open("rb") as handle:
            raw = handle.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ProfileError(f"{path}: no such file; `advisor profile list` names the profiles there are") from None
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read ({error.strerror})") from None
    return _small_text(str(path), raw)


def _small_text(path: str, raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise ProfileError(f"{path}: longer than {MAX_BYTES / 1e6:.0f} MB; a profile is a small TOML or JSON file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # as `>` of Windows PowerShell writes it
            raise ProfileError(f"{path}: UTF-16 text; save it as UTF-8") from None
        raise ProfileError(f"{path}: not UTF-8 text (byte {error.start}); a profile is TOML or JSON text") from None
    if "\0" in text:
        raise ProfileError(f"{path}: holds NUL bytes; a profile is TOML or JSON text")
    if not text.strip():
        raise ProfileError(f"{path}: is empty; `advisor profile new` writes a commented starter")
    return text


def parse_profile(text: str, name: str, *, is_json: bool = False) -> Profile:
    """Parse and validate profile text; `name` is shown in messages."""
    data = parse_document(text, name, is_json=is_json)
    return validate_profile(data, name)


def parse_document(text: str, name: str, *, is_json: bool) -> dict[str, Any]:
    """Parse TOML or JSON into a table, refusing duplicate keys and absurd nesting."""
    try:
        if is_json:
            data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        else:
            data = tomllib.loads(text)
        _check_depth(data, name)
    except ProfileError as error:
        raise ProfileError(f"{name}: {error}" if not str(error).startswith(name) else str(error)) from None
    except RecursionError:
        raise ProfileError(f"{name}: nested deeper than {MAX_DEPTH} levels") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{name}: not valid TOML: {error}") from None
    except json.JSONDecodeError as error:
        raise ProfileError(f"{name}: not valid JSON: {error}") from None
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ProfileError(f"{name}: holds a number of thousands of digits; give a usable one") from None
        raise ProfileError(f"{name}: a value cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise ProfileError(f"{name}: the top level must be a table of keys, not a {type(data).__name__}")
    return data


def validate_profile(data: dict[str, Any], name: str) -> Profile:
    """Validate a parsed profile, naming every wrong field (the first few); a nameless one is called as its file."""
    stem = PurePath(name).stem
    if "name" not in data and stem:
        data = {"name": stem[:NAME_LENGTH], **data}
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        problems = [describe(e) for e in error.errors(include_url=False)]
    except RecursionError:
        raise ProfileError(f"{name}: nested too deep") from None
    unique = list(dict.fromkeys(problems))
    shown = unique[:MAX_SHOWN]
    if len(unique) > MAX_SHOWN:
        shown.append(f"and {len(unique) - MAX_SHOWN} more, which `advisor profile validate` lists")
    raise ProfileError(f"{name}: " + "; ".join(shown), tuple(f"{name}: {problem}" for problem in unique))


def describe(error: Any) -> str:
    """One validation error as `field: what is wrong (given value); what to do`."""
    loc: tuple[int | str, ...] = error["loc"]
    field = dotted(loc) or "profile"
    kind = error["type"]
    if kind == "extra_forbidden":
        known = keys_at(Profile, loc[:-1])
        hint = did_you_mean(str(loc[-1]), known) or f"; known keys: {', '.join(sorted(known))}"
        return f'{field}: unknown key "{loc[-1]}"{hint}'
    if kind == "missing":
        return f"{field}: missing; it is required"
    message = str(error["msg"])
    if message.startswith("Value error, "):
        return f"{field}: {message.removeprefix('Value error, ')}"
    return f"{field}: {told(error)}"


def dotted(loc: Sequence[int | str]) -> str:
    """`('workloads', 0, 'slo')` as `workloads[0].slo`."""
    out = ""
    for part in loc:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else str(part))
    return out


def keys_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Keys that a table at `loc` may have; empty where it is no table of the profile."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return []
        current = _model_in(current.model_fields[part].annotation)
    return [] if current is None else list(current.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ProfileError(f'the key "{key}" is given twice')
        out[key] = value
    return out


def _no_constant(word: str) -> float:
    raise ProfileError(f"{word} is no number that can be used; give a finite value")


def _check_depth(data: Any, name: str) -> None:
    stack = [(data, 1)]
    while stack:
        node, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise ProfileError(f"{name}: nested deeper than {MAX_DEPTH} levels")
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        stack.extend((child, depth + 1) for child in children)
