"""One price that a source lists, and how the spellings of sources become the catalog's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from advisor.catalog import Catalog
from advisor.domain.errors import CatalogError

_PART = re.compile(
    r"(?:\d+x\s*)?(?:nvidia|amd|instinct|\s|-|_)*"
    r"(gb200|gb300|h100|h200|h20|b200|b300|mi300x|mi308x|mi325x|mi350x|mi355x)(?=$|[^a-z0-9]|sxm|pcie|nvl)",
    re.IGNORECASE,
)
_VARIANT = re.compile(r"(?<![a-z])(sxm|pcie|nvl(?!ink|72))", re.IGNORECASE)
_SLICE = re.compile(r"(?<![a-z])mig(?![a-z])|\d+g\.\d+gb", re.IGNORECASE)
"""Part of a GPU, whose price is no price of a GPU."""
_SELLERS = {
    "datacrunch": "verda", "vast-ai": "vast", "vastai": "vast", "thunder-compute": "thundercompute",
    "jarvis-labs": "jarvislabs", "packet-ai": "packet.ai", "lambdalabs": "lambda", "crusoecloud": "crusoe",
    "do": "digitalocean",
}  # fmt: skip
"""Spellings and former names (DataCrunch became Verda)."""
_US = re.compile(r"us|usa|us[-_ ].*|(?:north|south|west)?(?:central|east|west)us\d?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offer:
    """One listed price of one part of the catalog."""

    provider: str
    channel: str
    accelerator: str
    variant: str
    commitment: str
    usd_per_gpu_hour: float
    gpus: int
    instance_type: str
    region: str
    country: str
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Parsed:
    """What one file of a source holds."""

    offers: list[Offer] = field(default_factory=list)
    measurements: list[dict[str, object]] = field(default_factory=list)
    mlperf: list[dict[str, object]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """Rows about parts of the catalog that cannot be used, by reason."""
    ignored: int = 0
    """Rows about other parts."""
    content_date: date | None = None
    """Day of the content, where the file states it."""

    @property
    def rows(self) -> int:
        """Usable rows."""
        return len(self.offers) + len(self.measurements) + len(self.mlperf)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalog knows that reading a source takes."""

    memory_gb: Mapping[str, float]
    """Accelerators with their memory."""
    seller_classes: Mapping[str, str]
    countries: Mapping[str, str]
    """Folded names and three-letter codes -> two-letter code."""
    iso2: frozenset[str]
    models: Mapping[str, str]
    """Names under which models are measured or published -> catalog id."""
    today: date

    def part(self, name: str, *hints: str) -> tuple[str, str] | None:
        """(accelerator, variant) of a spelling, or None for a part that the catalog does not hold.

        >>> facts = Facts({"h100": 80.0, "gb200": 186.0}, {}, {}, frozenset(), {}, date(2026, 1, 1))
        >>> facts.part("H100-SXM"), facts.part("NVIDIA_H100NVL"), facts.part("GB200"), facts.part("A100-80GB")
        (('h100', 'sxm'), ('h100', 'nvl'), ('gb200', ''), None)
        >>> facts.part("H100", "n3-H100-SXM5x8")
        ('h100', 'sxm')
        """
        found = None if _SLICE.search(name) else _PART.match(name.strip())
        accelerator = found[1].casefold() if found else ""
        if accelerator not in self.memory_gb:
            return None
        for text in (name.strip()[found.end() :] if found else "", *hints):
            variant = _VARIANT.search(text)
            if variant and accelerator in ("h100", "h200", "h20"):
                return accelerator, variant[1].casefold()
        return accelerator, ""

    def country(self, region: str) -> str:
        """Two-letter code of the place that a region names; empty where it does not say so plainly.

        Codes, names of countries at either end ("swedencentral"), and the forms in which the United States appear.
        """
        text = region.strip()
        head = re.split(r"[-_ ]", text, maxsplit=1)[0]
        if text.upper() in self.iso2 and text.isupper():
            return text.upper()
        if _US.fullmatch(text):
            return "US"
        folded = re.sub(r"[^a-z]", "", text.casefold())
        if head.isupper() and len(head) == 3 and head.casefold() in self.countries:
            return self.countries[head.casefold()]
        if head.isupper() and len(head) == 2 and head in self.iso2 and text[2:3] == "-":
            return head
        names = [n for n in self.countries if len(n) > 3 and (folded.startswith(n) or folded.endswith(n))]
        return self.countries[max(names, key=len)] if names else ""

    def seller(self, name: str) -> str:
        """The catalog's spelling of a seller."""
        folded = name.strip().casefold()
        return _SELLERS.get(folded, folded)

    def seller_class(self, name: str) -> str:
        """Class of a seller as the catalog has it; one that it does not know is a neocloud."""
        return self.seller_classes.get(name, "neocloud")


def facts_of(catalog: Catalog, today: date) -> Facts:
    """The facts that adapters need, from the catalog."""
    countries: dict[str, str] = {}
    iso2: frozenset[str] = frozenset()
    try:
        rules = catalog.export
        iso2 = frozenset(rules.countries)
        for code, country in rules.countries.items():
            countries[country.iso3.casefold()] = code
            for name in (country.name, country.ear_name, *country.aliases):
                folded = re.sub(r"[^a-z]", "", name.casefold())
                if len(folded) > 3:
                    countries[folded] = code
    except CatalogError:
        pass  # a user's own overlay of the rules is broken: prices can be read without countries
    models = {name: spec.id for spec in catalog.models.values() for name in (*spec.measured_as, spec.id)}
    return Facts(
        memory_gb={part.id: part.memory_bytes / 1e9 for part in catalog.accelerators.values()},
        seller_classes=_classes(catalog),
        countries=countries,
        iso2=iso2,
        models=models,
        today=today,
    )


def _classes(catalog: Catalog) -> dict[str, str]:
    counted: dict[str, Counter[str]] = {}
    for price in catalog.rent_prices:
        counted.setdefault(price.provider, Counter())[price.seller_class] += 1
    return {name: classes.most_common(1)[0][0] for name, classes in counted.items()}


def usable_price(usd_per_hour: float | None, gpus: int | None) -> tuple[float | None, str]:
    """(USD per GPU-hour, reason where there is none)."""
    if gpus is None or not 1 <= gpus <= 1024:
        return None, "no number of GPUs"
    if usd_per_hour is None:
        return None, "no price"
    price = usd_per_hour / gpus
    if not 0.01 <= price <= 1000:
        return None, "a price outside USD 0.01 to 1,000 per GPU-hour"
    return round(price, 6), ""


def grouped(offers: Iterable[Offer]) -> list[tuple[Offer, tuple[str, ...], int]]:
    """Offers that differ only by place, once each: (offer, its countries, its regions counted)."""
    groups: dict[tuple[object, ...], list[Offer]] = {}
    for o in offers:
        key = (
            o.provider, o.channel, o.accelerator, o.variant, o.commitment, o.gpus, o.instance_type,
            o.usd_per_gpu_hour, o.flags, bool(o.country),
        )  # fmt: skip
        groups.setdefault(key, []).append(o)
    out = []
    for members in groups.values():
        countries = tuple(sorted({o.country for o in members if o.country}))
        out.append((members[0], countries, len({o.region for o in members})))
    return out
