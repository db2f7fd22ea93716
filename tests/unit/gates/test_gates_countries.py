"""Destinations by ISO code or name, and errors that help."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.catalog import load_catalog
from advisor.domain.errors import InputError
from advisor.domain.rules import ExportRules
from advisor.engine.gates.countries import names, resolve_area, resolve_country

RULES = load_catalog().export


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("DEU", "DE"), ("germany", "DE"), ("  Germany ", "DE"), ("UK", "GB"),
        ("United Kingdom", "GB"), ("USA", "US"), ("the United States", "US"), ("UAE", "AE"), ("Hong Kong", "HK"),
        ("China (PRC)", "CN"), ("Macao", "MO"), ("Côte d'Ivoire", "CI"), ("Cote d Ivoire", "CI"),
        ("ivory coast", "CI"), ("Türkiye", "TR"), ("turkey", "TR"), ("South Korea", "KR"), ("Korea, North", "KP"),
        ("Czech Republic", "CZ"), ("Viet Nam", "VN"), ("Burma", "MM"), ("Saint Kitts & Nevis", "KN"),
    ],
)  # fmt: skip
def test_code_or_name(text: str, code: str, rules: ExportRules) -> None:
    assert resolve_country(text, rules).iso2 == code


def test_every_destination_is_found_by_each_of_its_names(rules: ExportRules) -> None:
    for country in rules.countries.values():
        for text in (country.iso2, country.iso3, *names(country)):
            assert resolve_country(text, rules) is country, text


@pytest.mark.parametrize(
    ("text", "hint"),
    [("Germny", '"Germany"'), ("Korea", '"North Korea"'), ("Congo", "Congo (Republic)"), ("EU", "member state")],
)
def test_unknown_country_is_an_error_with_a_suggestion(text: str, hint: str, rules: ExportRules) -> None:
    with pytest.raises(InputError) as caught:
        resolve_country(text, rules, field="place.country")
    assert str(caught.value).startswith(f'place.country: "{text}"')
    assert hint in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_destination_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        assert resolve_country(text, RULES).iso2 in RULES.countries


def test_country_groups_match_the_special_cases(rules: ExportRules) -> None:
    uae, israel, macau, cyprus = (rules.countries[c] for c in ("AE", "IL", "MO", "CY"))
    assert ("A:5" in uae.groups, "D:4" in uae.groups, uae.destination_class) == (True, False, "UAE")
    assert {"A:6", "D:4"} <= israel.groups
    assert israel.destination_class == "A5_A6"
    assert "D:5" not in macau.groups
    assert macau.restricted_owner
    assert not cyprus.restricted_owner
    assert sum(c.restricted_owner for c in rules.countries.values()) == 24  # 23 in D:5, and Macau


def test_the_union_stands_for_its_members_and_no_others(rules: ExportRules) -> None:
    union, told = resolve_area(["EU"], rules, field="place.data_residency")
    assert len(union) == 27
    assert {"DE", "FR", "HR", "MT"} <= union
    assert union.isdisjoint({"CH", "GB", "NO", "US", "TR"})
    assert told == "the European Union (27 countries)"
    more, told = resolve_area(["the European Union", "Norway", "DE", "germany"], rules, field="x")
    assert more == union | {"NO"}
    assert told == "Germany, the European Union (27 countries), Norway"
    assert resolve_area([], rules, field="x") == (frozenset(), "")


@pytest.mark.parametrize("text", ["Europe", "Eu rope", "Mordor", ""])
def test_what_is_no_country_or_union_is_refused_with_its_field(rules: ExportRules, text: str) -> None:
    with pytest.raises(InputError, match=r"place\.data_residency"):
        resolve_area(["DE", text], rules, field="place.data_residency")
