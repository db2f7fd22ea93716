"""Which fields have a list to choose from, and what stands in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.tui.document import Key
from advisor.tui.fields import FieldSpec
from advisor.tui.paths import typed_path
from advisor.tui.widgets.dialogs import Ask, Item, Picker

if TYPE_CHECKING:
    from advisor.tui.app import AdvisorApp
    from advisor.workbench import Workbench

AREA = "data_residency"
"""Of countries, or of a bloc of them."""
COUNTRY_FIELDS = ("country", "headquarters_country", "ultimate_parent_country", "export_from")
COUNTRY_LISTS = ("end_user_countries", AREA)
CONFIG = "config.json…"


def has_picker(spec: FieldSpec) -> bool:
    """Whether Enter opens a list rather than a line to type on."""
    name = spec.key[-1]
    if name == "id" and spec.key[-2:-1] == ("model",):
        return True
    return name in (*COUNTRY_FIELDS, *COUNTRY_LISTS, "candidates", "engines", "accelerator", "config_json") or (
        spec.kind == "names" and bool(spec.choices)
    )


def pick(app: AdvisorApp, spec: FieldSpec, value: Any, typed: str = "") -> None:
    """Open the list of a field, what was typed looked for in it, and edit the profile with what is taken."""
    if isinstance(app.screen, Picker):  # the next letter of a word came while the list was opening
        app.screen.type(typed)
        return
    if len(app.screen_stack) > 1:
        return
    name = str(spec.key[-1])
    if name == "config_json":
        ask_config(app, spec.key, typed)
        return
    bench = app.desk.facts.bench
    if bench is None:
        app.notify("The catalog is still being read; try again in a moment.", timeout=4)
        return
    several = spec.kind == "names"
    marked = [str(v) for v in value or ()] if several else None
    items = _items(bench, spec, name)
    hint = "None marked means: all." if name == "candidates" else ""
    at = "" if several else str(value or "")

    def taken(answer: str | None) -> None:
        if answer is None:
            return
        if answer == CONFIG:
            ask_config(app, (*spec.key[:-1], "config_json"))
        elif several:
            app.edit(spec.key, tuple(a for a in answer.split(",") if a) or None)
        else:
            app.edit(spec.key, answer)

    app.push_screen(Picker(spec.label, items, marked=marked, at=at, hint=hint, query=typed), taken)


def _items(bench: Workbench, spec: FieldSpec, name: str) -> list[Item]:
    catalog = bench.catalog
    if name == "id":
        return [*models(bench), Item(CONFIG, CONFIG, "another model, from its Hugging Face config.json")]
    if name in COUNTRY_FIELDS or name in COUNTRY_LISTS:
        countries = sorted(catalog.export.countries.values(), key=lambda c: c.name)
        listed = [Item(c.iso2, c.name, f"{c.iso2}  groups {', '.join(sorted(c.groups)) or 'none'}") for c in countries]
        return [Item("EU", "European Union", "EU  all member states"), *listed] if name == AREA else listed
    if name in ("candidates", "accelerator"):
        return [
            Item(a.id, a.name, f"{a.vendor}, {a.memory_gb_marketed:g} GB, {a.bandwidth_gbps / 1000:.3g} TB/s")
            for a in catalog.accelerators.values()
        ]
    if name == "engines":
        engines = sorted({m.engine for m in catalog.measurements})
        return [Item(e, e, f"{sum(m.engine == e for m in catalog.measurements):,} measurements") for e in engines]
    return [Item(c, c) for c in spec.choices]


def models(bench: Workbench) -> list[Item]:
    """Every model of the catalog, measured ones first."""
    ordered = sorted(bench.catalog.models.values(), key=lambda m: (not m.measured_as, m.id))
    return [Item(m.id, m.id, _model_line(m)) for m in ordered]


def _model_line(model: Any) -> str:
    size = f"{model.params_total / 1e9:.4g}B"
    if model.is_moe:
        size += f", {model.params_active / 1e9:.3g}B active, MoE"
    return f"{size}, {model.attention.upper()}" + (", measured" if model.measured_as else "")


def ask_config(app: AdvisorApp, key: Key, typed: str = "") -> None:
    """Ask for a config.json and check it before it is taken."""
    from advisor.domain.errors import AdvisorError
    from advisor.profiles.hf_config import model_from_config

    document = app.desk.document
    if document is None:
        return
    base = document.path.parent if document.path else Path()

    def check(text: str) -> str:
        path = typed_path(text)
        try:
            model_from_config(path if path.is_absolute() else base / path)
        except AdvisorError as error:
            return str(error).removeprefix("model.config_json: ")
        return ""

    def given(text: str | None) -> None:
        if text:
            path = typed_path(text)
            app.edit(key, str(path))

    hint = "The config.json of a Hugging Face model on disk. Parameters, KV cache and experts are counted from it."
    value = typed or str(document.get(key) or "")
    app.push_screen(Ask("Model from its configuration", value=value, hint=hint, button="Load", check=check), given)
