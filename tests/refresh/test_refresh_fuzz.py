"""Whatever a source sends: it is refused with a reason, or what is kept of it is what the catalog accepts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_server import archive, sample

from advisor.catalog import Catalog, load_catalog
from advisor.domain.text import plain
from advisor.refresh.decode import SourceError
from advisor.refresh.merge import Read, merge
from advisor.refresh.offers import Facts, Parsed, facts_of
from advisor.refresh.overlay import ItemState, Overlay, check_overlay
from advisor.refresh.sources import SOURCES, azure, gpuhunt, inferencex, mlperf, skypilot, vultr

TODAY = date(2026, 11, 21)
CATALOG: Catalog = load_catalog()
FACTS: Facts = facts_of(CATALOG, TODAY)
Parser = Callable[[bytes, Facts], Parsed]


def _zipped(body: bytes, facts: Facts) -> Parsed:
    return gpuhunt.parse(archive("nebius.csv", body), facts, provider="nebius")


TEXTS: dict[str, tuple[Parser, bytes]] = {
    "skypilot": (partial(skypilot.parse, cloud="lambda"), sample("skypilot/lambda.csv")),
    "gpuhunt": (_zipped, sample("gpuhunt/nebius.csv")),
}
DOCUMENTS: dict[str, tuple[Parser, bytes]] = {
    "azure": (azure.parse, sample("azure/h100.json")),
    "vultr": (partial(vultr.parse, key="plans_metal"), sample("vultr/plans-metal.json")),
    "inferencex": (inferencex.parse, sample("inferencex/dsr1.json")),
    "mlperf": (mlperf.parse, sample("mlperf/summary.json")),
}
EVIL = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**400), 10**400), st.floats(), st.text(max_size=30),
    st.sampled_from(["=cmd|' /C calc'!A0", "\x1b]0;x\x07", "a\nb,c\"d", "\u202eevil", "NaN", "1e999", "H100", "-0"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


def accepted(parse: Parser, body: bytes, source: str) -> None:
    """Refused with a reason, or merged into an overlay that the catalog's own loader takes whole."""
    try:
        parsed = parse(body, FACTS)
    except SourceError as error:
        said = str(error)
    else:
        said = ""
    assert plain(said) == said
    if said:
        return
    for reason in parsed.refused:
        assert plain(reason) == reason
    item = SOURCES[source].items[0]
    overlay = Overlay()
    merge(overlay, [Read(SOURCES[source], item.name, ItemState("https://x"), parsed)], CATALOG, FACTS, ())
    with tempfile.TemporaryDirectory() as folder:
        for path, content in overlay.files().items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
            cells = [c for line in content.splitlines() if path.endswith("csv") for c in line.split(",")]
            assert not any(c.lstrip('"')[:1] in ("=", "@", "+") for c in cells)
            assert "\x1b" not in content
        check_overlay(Path(folder))


@pytest.mark.parametrize("source", TEXTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_tables_with_cells_of_any_kind(source: str, data: st.DataObject) -> None:
    parse, body = TEXTS[source]
    lines = body.decode().splitlines()
    row = data.draw(st.integers(0, len(lines) - 1))
    cells = lines[row].split(",")
    cell = data.draw(st.integers(0, len(cells) - 1))
    cells[cell] = data.draw(st.one_of(st.text(max_size=20), EVIL.map(str)))
    lines[row] = ",".join(cells)
    accepted(parse, "\n".join(lines).encode("utf-8", "replace"), source)


@pytest.mark.parametrize("source", DOCUMENTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_documents_with_values_of_any_kind(source: str, data: st.DataObject) -> None:
    parse, body = DOCUMENTS[source]
    document: Any = json.loads(body)
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            at[key] = data.draw(EVIL)
            break
        at = at[key]
    accepted(parse, json.dumps(document).encode("utf-8", "replace"), source)


@pytest.mark.parametrize("source", [*TEXTS, *DOCUMENTS])
@settings(max_examples=15, deadline=None)
@given(body=st.binary(max_size=200))
def test_bytes_of_any_kind(source: str, body: bytes) -> None:
    accepted({**TEXTS, **DOCUMENTS}[source][0], body, source)
