"""A whole refresh: ask every source, lay the answers over what was kept, replace the overlay, report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from advisor.catalog import Catalog
from advisor.domain.errors import CatalogError, InputError, NetworkError
from advisor.refresh.decode import SourceError
from advisor.refresh.fetch import Fetched, Fetcher, Known, SlowError, UnreachableError
from advisor.refresh.guard import check_url, redirect_target
from advisor.refresh.merge import Read, merge, rejudge
from advisor.refresh.offers import Facts, Parsed, facts_of
from advisor.refresh.overlay import ItemState, Overlay, check_overlay, read_overlay
from advisor.refresh.report import RefreshReport
from advisor.refresh.settings import RefreshSettings, SourceSettings
from advisor.refresh.sources import Item, Source
from advisor.refresh.sources.gpuhunt import version_day
from advisor.refresh.write import CURRENT, replace_folder, write_lock

MAX_PAGES = 50
SLOW_FILES = 2
"""So many files in a row that a host lets wait to the end, and it is not asked for the others."""
CONFIRMED = "confirmed_prices.txt"
_UNKNOWN = Known()
Progress = Callable[[str], None]


def refresh(
    sources: Sequence[Source], settings: RefreshSettings, catalog: Catalog, fetcher: Fetcher, *, cache: Path,
    config: Path, today: date, dry_run: bool = False, progress: Progress = lambda _: None, lock_wait_s: float = 30.0,
) -> RefreshReport:  # fmt: skip
    """Ask the sources and put what they answer in force.

    Parameters
    ----------
    catalog
        Without the refreshed data.

    Raises
    ------
    InputError
        When the cache cannot be written or another refresh holds it too long.
    """
    facts = facts_of(catalog, today)
    kept = load_overlay(cache)
    reads: list[Read] = []
    hosts = _Hosts()
    for source in sources:
        chosen = settings.source(source.name)
        if not chosen.enabled:
            continue
        for item in _items(source, chosen):
            progress(f"{source.title}: {item.name}")
            state = kept.items.get(f"{source.name}/{item.name}", ItemState())
            reads.append(_read(source, item, chosen, state, facts, fetcher, hosts))
    return _finish(reads, catalog, facts, cache=cache, config=config, dry_run=dry_run, lock_wait_s=lock_wait_s)


def refresh_from_file(
    source: Source, item: Item, path: Path, catalog: Catalog, *, cache: Path, config: Path, today: date,
    max_mib: int, dry_run: bool = False,
) -> RefreshReport:  # fmt: skip
    """Read one file of a source from disk instead of asking for it; like a transfer it is at most `max_mib` large."""
    facts = facts_of(catalog, today)
    try:
        with path.open("rb") as file:
            body = file.read(max_mib * 2**20 + 1)
    except OSError as error:
        raise InputError(f"--file {path}: cannot be read ({error.strerror})") from None
    if len(body) > max_mib * 2**20:
        raise InputError(f"--file {path}: holds more than {max_mib} MiB (network.max_decoded_mib in refresh.toml)")
    state = ItemState(fetched=today.isoformat(), url=path.name)
    try:
        read = Read(source, item.name, state, item.parse(body, facts))
    except SourceError as error:
        raise InputError(f"--file {path}: {error}") from None
    return _finish([read], catalog, facts, cache=cache, config=config, dry_run=dry_run)


def confirm(ids: Sequence[str], catalog: Catalog, *, cache: Path, config: Path, today: date) -> RefreshReport:
    """Take in prices that were kept out as outliers; the decision is the user's and lies in the config folder.

    Raises
    ------
    InputError
        For an id that no refreshed price has.
    """
    facts = facts_of(catalog, today)
    with write_lock(cache):
        overlay = load_overlay(cache)
        known = {row["id"] for row in overlay.tables["prices/rent.csv"]}
        for name in ids:
            if name not in known:
                raise InputError(
                    f"--confirm {name}: no refreshed price has that id; `advisor catalog list rent --match outlier`"
                )
        confirmed = sorted({*read_confirmed(config), *ids})
        try:
            config.mkdir(parents=True, exist_ok=True)
            (config / CONFIRMED).write_text("".join(f"{name}\n" for name in confirmed), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{config}: cannot be written ({error.strerror})") from None
        report = rejudge(overlay, catalog, facts, confirmed)
        report.written_to = str(replace_folder(cache, overlay.files(), check_overlay))
    return report


def read_confirmed(config: Path) -> Collection[str]:
    """Ids of prices that the user has confirmed."""
    try:
        lines = (config / CONFIRMED).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return {line.strip() for line in lines if re.fullmatch(r"rf-[0-9a-f]{4,40}", line.strip())}


def load_overlay(cache: Path) -> Overlay:
    """What earlier refreshes kept; a damaged overlay is named and not built upon."""
    root = cache / CURRENT
    try:
        return read_overlay(root.resolve())
    except CatalogError as error:
        raise InputError(f"{error}; remove {root} and refresh again") from None


def _finish(
    reads: Sequence[Read], catalog: Catalog, facts: Facts, *, cache: Path, config: Path, dry_run: bool,
    lock_wait_s: float = 30.0,
) -> RefreshReport:  # fmt: skip
    confirmed = read_confirmed(config)
    if dry_run or all(read.error for read in reads):
        report = merge(load_overlay(cache), reads, catalog, facts, confirmed)
        report.dry_run = dry_run
        return report
    with write_lock(cache, wait_s=lock_wait_s):
        overlay = load_overlay(cache)  # again: another refresh may have finished meanwhile
        report = merge(overlay, reads, catalog, facts, confirmed)
        if any(item.status != "failed" for item in report.items):
            try:
                report.written_to = str(replace_folder(cache, overlay.files(), check_overlay))
            except CatalogError as error:
                raise NetworkError(f"the refreshed data were refused and the old stay: {error}") from None
    return report


@dataclass(slots=True)
class _Hosts:
    """Hosts that are not asked again in this refresh, with the reason; and files in a row that one was slow with."""

    down: dict[str, str] = field(default_factory=dict)
    slow: Counter[str] = field(default_factory=Counter)


def _items(source: Source, chosen: SourceSettings) -> list[Item]:
    if chosen.items is None:
        return list(source.items)
    found = []
    for name in dict.fromkeys(chosen.items):
        item = source.item(name)
        if item is None:
            known = ", ".join(item.name for item in source.items)
            raise InputError(f"refresh.toml: sources.{source.name}.items: there is no {name}; there are {known}")
        found.append(item)
    return found


def _read(
    source: Source, item: Item, chosen: SourceSettings, state: ItemState, facts: Facts, fetcher: Fetcher,
    hosts: _Hosts,
) -> Read:  # fmt: skip
    base = (chosen.base or source.base).rstrip("/")
    try:
        host, _ = check_url(base, allow_private=chosen.allow_private)
        if host in hosts.down:
            return Read(source, item.name, state, error=hosts.down[host])
        read = _ask(source, item, base, chosen.allow_private, state, facts, fetcher)
        hosts.slow[host] = 0
        return read
    except UnreachableError as error:
        hosts.down[host] = str(error)
        return Read(source, item.name, state, error=str(error))
    except SlowError as error:
        hosts.slow[host] += 1
        if hosts.slow[host] >= SLOW_FILES:
            hosts.down[host] = str(error)
        return Read(source, item.name, state, error=str(error))
    except NetworkError as error:
        return Read(source, item.name, state, error=str(error))
    except RecursionError:
        return Read(source, item.name, state, error="the answer is nested too deeply")


def _ask(
    source: Source, item: Item, base: str, allow_private: bool, state: ItemState, facts: Facts, fetcher: Fetcher
) -> Read:
    def get(address: str, known: Known = _UNKNOWN) -> Fetched:
        return fetcher.get(address, known, hosts=source.hosts, allow_private=allow_private)

    url = f"{base}/{item.path}"
    today = facts.today.isoformat()
    if item.follow is not None:
        pointer = get(url)
        url = f"{base}/{item.follow(pointer.body or b'')}"
    unchanged = ItemState(url, state.etag, state.last_modified, today, state.content_date, state.rows)
    if item.follow is not None and url == state.url:
        return Read(source, item.name, unchanged)
    paged = item.next_page is not None
    fetched = get(url, Known(state.etag, state.last_modified) if url == state.url and not paged else Known())
    if fetched.body is None:
        return Read(source, item.name, unchanged)
    parsed = item.parse(fetched.body, facts)
    if paged:
        _read_pages(source, item, url, fetched.body, parsed, facts, get, allow_private)
    if not source.live:
        parsed.content_date = (
            parsed.content_date or version_day(url) or fetched.content_date
            or _commit_day(url, get)
        )  # fmt: skip
    return Read(source, item.name, ItemState(url, fetched.known.etag, fetched.known.last_modified, today), parsed)


def _read_pages(
    source: Source, item: Item, url: str, body: bytes, parsed: Parsed, facts: Facts,
    get: Callable[[str], Fetched], allow_private: bool,
) -> None:  # fmt: skip
    assert item.next_page is not None
    seen = {url}
    for _ in range(MAX_PAGES):
        link = item.next_page(body)
        if link is None:
            return
        url = redirect_target(url, link, source.hosts, allow_private=allow_private)
        if url in seen:
            raise SourceError("its pages lead in a circle")
        seen.add(url)
        body = get(url).body or b""
        more = item.parse(body, facts)
        parsed.offers += more.offers
        parsed.refused += more.refused
        parsed.ignored += more.ignored
    raise SourceError(f"it has more than {MAX_PAGES} pages")


_RAW = re.compile(r"https://raw\.githubusercontent\.com/([\w.-]+/[\w.-]+)/[\w.-]+/([\w./-]+)")


def _commit_day(url: str, get: Callable[[str], Fetched]) -> date | None:
    """Day of the last change of a file in a public repository; None where that cannot be learnt."""
    found = _RAW.fullmatch(url)
    if found is None:
        return None
    try:
        answer = get(f"https://api.github.com/repos/{found[1]}/commits?path={found[2]}&per_page=1").body
        return date.fromisoformat(json.loads(answer or b"")[0]["commit"]["committer"]["date"][:10])
    except (NetworkError, ValueError, LookupError, TypeError, RecursionError):
        return None  # the date is then that of the retrieval, and the row says so
