"""Finds a destination by ISO code or English name, and the members of a bloc of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from advisor.domain.errors import InputError, did_you_mean
from advisor.domain.rules import Country, ExportRules

BLOC_NAMES = {"EU": "the European Union"}
"""Blocs of the catalog's countries, as they are told."""


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Letters and digits of a name, without case, accents, articles or punctuation.

    >>> normalise("Côte d'Ivoire") == normalise("COTE D IVOIRE")
    True
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = [w for w in letters.replace("d ivoire", "divoire").split() if w not in ("the", "and", "of")]
    return "".join(words)


def resolve_country(text: str, rules: ExportRules, *, field: str = "country") -> Country:
    """The destination that a user means: ISO 3166 code of two or three letters, or an English name.

    Raises
    ------
    InputError
        With close matches, where nothing fits.
    """
    code = text.strip().upper()
    if code in rules.countries:
        return rules.countries[code]
    wanted = normalise(text)
    for country in rules.countries.values():
        if code == country.iso3 or (wanted and wanted in map(normalise, names(country))):
            return country
    if wanted in ("eu", "europeanunion", "europe"):
        hint = "; export rules go by country: name a member state, e.g. DE"
    else:
        hint = _suggest(text, rules)
    raise InputError(
        f'{field}: "{text}" is not a destination of the export regulations{hint}'
        " (ISO code such as DE or DEU, or an English name)"
    )


def resolve_area(texts: Sequence[str], rules: ExportRules, *, field: str) -> tuple[frozenset[str], str]:
    """ISO codes of the countries that a list means, and the list in words; ``EU`` stands for its member states.

    Raises
    ------
    InputError
        With close matches, where one of them is neither.
    """
    codes: set[str] = set()
    told: dict[str, str] = {}
    for text in texts:
        bloc = next((b for b, name in BLOC_NAMES.items() if normalise(text) in (normalise(b), normalise(name))), "")
        members = (c for c in rules.countries.values() if bloc in c.blocs)
        found = list(members) if bloc else [resolve_country(text, rules, field=field)]
        codes.update(c.iso2 for c in found)
        told[bloc or found[0].iso2] = f"{BLOC_NAMES[bloc]} ({len(found)} countries)" if bloc else found[0].name
    return frozenset(codes), ", ".join(told[code] for code in sorted(told))


def names(country: Country) -> tuple[str, ...]:
    """Every name under which a destination is known."""
    return (country.name, country.ear_name, *country.aliases)


def _suggest(text: str, rules: ExportRules) -> str:
    wanted = normalise(text)
    held = [c.name for c in rules.countries.values() if len(wanted) > 3 and wanted in normalise(c.name)]
    if held:
        return "; did you mean " + " or ".join(f'"{name}"' for name in held[:3]) + "?"
    known = [name for country in rules.countries.values() for name in names(country)]
    return did_you_mean(text, known)
