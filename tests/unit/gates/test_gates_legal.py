"""The gates of law: outcome, text that stands alone, tariff, users, parties, local rules."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.catalog import Catalog
from advisor.domain.gates import Gate
from advisor.domain.profile import Place
from advisor.engine.gates.parties import LISTS
from advisor.engine.gates.place import legal_gates

TODAY = date(2026, 11, 21)


def gates(catalog: Catalog, part: str, day: date = TODAY, **place: object) -> dict[str, Gate]:
    found = legal_gates(Place.model_validate(place), catalog.accelerators[part], catalog.export, day)
    return {g.gate: g for g in found}


@pytest.mark.parametrize(
    ("place", "part", "status", "condition"),
    [
        ({"country": "US"}, "mi355x", "pass", ""),
        ({"country": "US", "headquarters_country": "CN"}, "mi355x", "condition", "review"),
        ({"country": "DE"}, "mi355x", "pass", ""),
        ({"country": "MY"}, "b200", "pass", ""),
        ({"country": "SA"}, "b200", "condition", "licence"),
        ({"country": "AE"}, "b200", "condition", "licence"),
        ({"country": "IL"}, "b200", "pass", ""),
        ({"country": "CN"}, "b200", "fail", "denial"),
        ({"country": "CN"}, "h200", "condition", "licence"),
        ({"country": "CN", "export_from": "SG"}, "h200", "fail", "denial"),
        ({"country": "CN"}, "h20", "condition", "licence"),
        ({"country": "DE"}, "h20", "pass", ""),
        ({"country": "DE", "ultimate_parent_country": "CN"}, "h20", "condition", "licence"),
        ({"country": "DE", "ultimate_parent_country": "CN"}, "mi300x", "fail", "denial"),
        ({"country": "SG", "headquarters_country": "Macau"}, "mi300x", "fail", "denial"),
        ({"country": "IR"}, "h20", "fail", "embargo"),
        ({"country": "RU"}, "mi355x", "fail", "embargo"),
    ],
)
def test_outcome(place: dict[str, object], part: str, status: str, condition: str, catalog: Catalog) -> None:
    gate = gates(catalog, part, **place)["export"]
    assert (gate.status, gate.condition) == (status, condition)
    assert gate.blocks == ("all" if status == "fail" else "nothing")


@pytest.mark.parametrize("country", ["US", "DE", "MY", "SA", "AE", "CN", "MO", "IQ", "IR"])
@pytest.mark.parametrize("part", ["mi355x", "h20", "h200"])
@pytest.mark.parametrize("day", [TODAY, date(2022, 1, 1), date(2023, 1, 1), date(2025, 3, 1)], ids=str)
def test_each_gate_stands_alone(country: str, part: str, day: date, catalog: Catalog) -> None:
    for gate in gates(catalog, part, day, country=country).values():
        assert gate.disclaimer == "Decision support, not legal advice."
        assert len(gate.reason) > 80
        assert gate.title
        if gate.status != "pass":
            assert gate.remedy
            assert gate.citation
            assert gate.source
    export = gates(catalog, part, day, country=country)["export"]
    assert "The United States licenses the export of strong AI chips" in export.reason
    assert catalog.accelerators[part].name in export.reason
    assert "TPP = max(" in export.arithmetic
    assert export.citation
    assert export.source
    assert export.as_of is not None
    assert export.confidence


def test_literal_text_and_enforced_practice_stand_side_by_side(catalog: Catalog) -> None:
    gate = gates(catalog, "b300", country="DE")["export"]
    assert "every destination in the world" in gate.literal_text_position
    assert gate.enforced_position.startswith("No licence")
    earlier = gates(catalog, "b300", date(2024, 1, 1), country="DE")["export"]
    assert (earlier.literal_text_position, earlier.enforced_position) == ("", "")
    pending = gates(catalog, "b300", date(2025, 3, 1), country="DE")["export"]
    assert "2025-05-15" in pending.literal_text_position


def test_case_by_case_names_its_conditions_and_a_delay(catalog: Catalog) -> None:
    gate = gates(catalog, "h100", country="CN")["export"]
    for words in ("50 % of the units", "independent testing", "remote users in Belarus", "no military end use"):
        assert words in gate.reason
    assert gate.delay_weeks is not None
    assert 12.8 < gate.delay_weeks.low < gate.delay_weeks.typical < gate.delay_weeks.high < 26
    assert "750.4" in gate.delay_weeks.basis


def test_uae_is_named_although_it_is_in_a5(catalog: Catalog) -> None:
    gate = gates(catalog, "gb300", country="AE")["export"]
    assert "A:5" in gate.reason
    assert "35,000" in gate.reason
    assert gate.delay_weeks is not None


@pytest.mark.parametrize(
    ("part", "place", "day", "rate", "title"),
    [
        ("h200", {"country": "CN"}, TODAY, 0.25, "duty on the way"),
        ("mi325x", {"country": "HK"}, TODAY, 0.25, "duty on the way"),
        ("h100", {"country": "CN"}, TODAY, None, "Outside"),
        ("mi300x", {"country": "CN"}, TODAY, None, "Outside"),
        ("h200", {"country": "US"}, TODAY, None, "exempt"),
        ("h200", {"country": "DE"}, TODAY, None, "only if routed"),
        ("h200", {"country": "DE", "export_from": "TW"}, TODAY, None, "not imported"),
        ("h200", {"country": "CN"}, date(2026, 1, 14), None, "No chip tariff"),
    ],
)
def test_tariff(
    part: str, place: dict[str, object], day: date, rate: float | None, title: str, catalog: Catalog
) -> None:
    gate = gates(catalog, part, day, **place)["tariff"]
    assert gate.tariff_rate == rate
    assert title in gate.title
    assert (gate.status == "condition") is (rate is not None)


def test_remote_users_count(catalog: Catalog) -> None:
    near = gates(catalog, "h200", country="SG", end_user_countries=["SG", "DE"])["end_users"]
    assert near.status == "pass"
    far = gates(catalog, "h200", country="SG", end_user_countries=["China", "Iran"])["end_users"]
    assert (far.status, far.condition) == ("condition", "review")
    assert "China, Iran" in far.title
    assert "sanctions programmes" in far.reason
    listed = gates(catalog, "h200", country="CN", end_user_countries=["VE"])["end_users"]
    assert "must be named in it" in listed.reason
    own = gates(catalog, "h200", country="CN", end_user_countries=["CN"])["end_users"]
    assert own.status == "pass"


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2025, 9, 28), "only the listed companies themselves"),
        (date(2025, 9, 29), "The Affiliates Rule is in force"),
        (date(2025, 11, 10), "is suspended from 2025-11-10 to 2026-11-09"),
        (date(2026, 11, 9), "is suspended"),
        (date(2026, 11, 10), "treated as in force"),
    ],
)
def test_affiliates_rule_by_date(day: date, words: str, catalog: Catalog) -> None:
    assert words in gates(catalog, "b200", day, country="DE")["parties"].reason


def test_parties_need_review_where_the_owner_is_restricted(catalog: Catalog) -> None:
    assert gates(catalog, "b200", country="DE")["parties"].status == "pass"
    assert gates(catalog, "b200", country="DE", headquarters_country="CN")["parties"].status == "condition"


def test_local_rules(catalog: Catalog) -> None:
    assert "Permit and 30 days" in gates(catalog, "b200", country="MY")["local_rules"].reason
    assert gates(catalog, "b200", country="CN")["local_rules"].condition == "review"
    assert "no claim is made" in gates(catalog, "b200", country="JP")["local_rules"].reason
    assert "none was researched" in gates(catalog, "b200", country="BR")["local_rules"].reason
    assert "30 days" not in gates(catalog, "b200", date(2025, 7, 13), country="MY")["local_rules"].reason


def test_no_answer_knows_the_future(catalog: Catalog) -> None:
    def reason(country: str, day: date, part: str = "h200", **place: object) -> str:
        return gates(catalog, part, day, country=country, **place)["export"].reason

    assert "35,000" not in reason("AE", date(2024, 1, 1))
    assert "35,000" in reason("AE", date(2025, 11, 19))
    assert "confirmed" not in reason("DE", date(2026, 2, 1), headquarters_country="CN")
    assert "confirmed" in reason("DE", date(2026, 6, 1), headquarters_country="CN")
    assert "near zero" not in reason("CN", date(2026, 2, 1))
    assert "B-337935" not in reason("DE", date(2026, 2, 1))
    assert "foreclosed" not in reason("CN", date(2025, 9, 1), part="h20")
    for day in (date(2023, 1, 1), date(2024, 1, 1), date(2025, 3, 1)):
        for country in catalog.export.countries:
            gate = gates(catalog, "h100", day, country=country)["export"]
            assert not [y for y in ("2026-", "2025-0", "2025-1") if y in gate.reason.replace("2026-07-23", "")] or (
                day.year == 2025
            ), (country, day)


def test_no_remedy_and_no_citation_is_of_a_later_rule(catalog: Catalog) -> None:
    """Before January 2026 no part was reviewed case by case, and nobody had to list users or read of a permit."""
    before, since = date(2026, 1, 14), date(2026, 1, 15)
    abroad = {"country": "CN", "headquarters_country": "DE", "export_from": "TW"}
    assert gates(catalog, "h200", before, **abroad)["export"].remedy == "Deploy elsewhere."
    assert "H100, H200, MI300X and MI325X may be" in gates(catalog, "h200", since, **abroad)["export"].remedy
    straight = {"country": "CN", "headquarters_country": "DE"}
    assert gates(catalog, "b200", before, **straight)["export"].remedy == "Deploy in another country."
    assert "case by case" in gates(catalog, "b200", since, **straight)["export"].remedy
    users = {"country": "SG", "end_user_countries": ["CN"]}
    assert "91 FR 1684" not in gates(catalog, "h200", before, **users)["end_users"].citation
    assert "must disclose" not in gates(catalog, "h200", before, **users)["end_users"].reason
    assert "91 FR 1684" in gates(catalog, "h200", since, **users)["end_users"].citation
    assert gates(catalog, "h200", date(2025, 9, 28), country="DE")["parties"].citation == LISTS
    assert "90 FR 47201" in gates(catalog, "h200", date(2025, 9, 29), country="DE")["parties"].citation
    told = {day: gates(catalog, "h200", day, country="MY")["local_rules"].reason for day in
            (date(2025, 6, 30), date(2025, 7, 1))}  # fmt: skip
    assert ["Draft US rule" in reason for reason in told.values()] == [False, True]
    assert "Country Group A:5" not in gates(catalog, "h200", before, country="AE")["local_rules"].reason
    assert "Country Group A:5" in gates(catalog, "h200", TODAY, country="AE")["local_rules"].reason


def test_no_part_is_reviewed_case_by_case_outside_china_and_macau(catalog: Catalog) -> None:
    gate = gates(catalog, "b200", country="AF", headquarters_country="DE")["export"]
    assert (gate.status, gate.remedy) == ("fail", "Deploy in another country.")


@pytest.mark.parametrize("place", [{"headquarters_country": "CN"}, {"ultimate_parent_country": "CN"}])
def test_a_restricted_owner_is_told_where_another_country_helps(place: dict[str, str], catalog: Catalog) -> None:
    """A Chinese buyer was sent to another country, where the headquarters rule denies him the same part."""
    here = {"country": "CN", "headquarters_country": "DE", **place}
    remedy = gates(catalog, "b200", **here)["export"].remedy
    assert "headquartered in China that country is the United States" in remedy
    assert gates(catalog, "b200", **(here | {"country": "CH"}))["export"].status == "fail"
    assert gates(catalog, "b200", **(here | {"country": "US"}))["export"].status == "condition"
    assert "United States" not in gates(catalog, "b200", country="CN", headquarters_country="DE")["export"].remedy
