"""Every destination, part, owner and day against the licence matrix, written out a second time by hand.

The oracle reads the Country Groups and the text of the matrix; it shares neither the destination classes nor
the table of rules with the engine.
"""

from __future__ import annotations

from datetime import date

import pytest

from advisor.domain.rules import Chip, Country, ExportRules
from advisor.engine.gates.export import evaluate_export

DAYS = (date(2026, 11, 21), date(2023, 1, 1), date(2024, 1, 1), date(2025, 3, 1), date(2026, 2, 1))
CASE_BY_CASE = {"h100_sxm", "h200_sxm", "mi300x", "mi325x"}  # named in row L6
CHINA = {"CN", "HK", "MO"}
OCTOBER_2022 = date(2022, 10, 7)
NOVEMBER_2023 = date(2023, 11, 17)
H20_LETTER = date(2025, 4, 9)
MI308_REPORT = date(2025, 7, 15)
JANUARY_2026 = date(2026, 1, 15)


def in_group(country: Country, *groups: str) -> bool:
    return any(group in country.groups for group in groups)


def oracle(country: Country, owner: Country, part: str, day: date, origin: str) -> tuple[str, str]:
    """(requirement, review policy) by rows L1 to L13 and the dates of the thresholds."""
    code = country.iso2
    d5_owner = in_group(owner, "D:5") or owner.iso2 == "MO"
    d5_place = code in CHINA or in_group(country, "D:5")
    if in_group(country, "E:1", "E:2") or code in ("RU", "BY"):
        return "licence", "policy_of_denial"  # L13
    if code == "US":
        return "none", "review" if d5_owner else "none"  # L1; L9 speaks of all destinations outside the US
    if part == "mi308x":
        return ("licence", "letter") if code in CHINA and day >= MI308_REPORT else ("unknown", "unstated")
    if part == "h20_sxm":
        hit = day >= H20_LETTER and (d5_place or d5_owner)
        return ("licence", "letter") if hit else ("none", "none")  # L12
    if day < OCTOBER_2022:
        return "none", "none"
    if day < NOVEMBER_2023:
        return ("licence", "unstated") if code in CHINA else ("none", "none")  # T-2022-a
    if code in CHINA:
        eligible = part in CASE_BY_CASE and day >= JANUARY_2026 and origin == "US"
        return "licence", "case_by_case" if eligible else "denial"  # L6, L7, L8
    if d5_owner or d5_place:
        return "licence", "denial"  # L9, L7
    if code == "AE":
        return "licence", "case_by_case"  # L5
    if in_group(country, "A:5", "A:6"):
        return "none", "none"  # L2
    if in_group(country, "D:1", "D:4"):
        return "licence", "approval"  # L4
    return "none", "none"  # L3


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("owner_code", ["same", "CN", "MO", "US"])
def test_requirement_equals_the_licence_matrix(
    day: date, owner_code: str, rules: ExportRules, chips: dict[str, Chip]
) -> None:
    assert len(rules.countries) == 201
    wrong = []
    for country in rules.countries.values():
        owner = country if owner_code == "same" else rules.countries[owner_code]
        for part, chip in chips.items():
            found = evaluate_export(
                chip, rules, destination=country, headquarters=owner, parent=owner,
                export_from=rules.countries["US"], as_of=day,
            )  # fmt: skip
            expected = oracle(country, owner, part, day, "US")
            if (found.requirement, found.review_policy) != expected:
                wrong.append((country.iso2, owner.iso2, part, found.rule.id, expected))
    assert wrong == []


@pytest.mark.parametrize("day", [DAYS[0], DAYS[4]], ids=str)
def test_relief_is_for_exports_from_the_united_states_only(
    day: date, rules: ExportRules, chips: dict[str, Chip]
) -> None:
    for code in sorted(CHINA):
        country = rules.countries[code]
        for part in sorted(CASE_BY_CASE):
            policies = [
                evaluate_export(
                    chips[part], rules, destination=country, headquarters=country, parent=country,
                    export_from=rules.countries[origin], as_of=day,
                ).review_policy
                for origin in ("US", "TW")
            ]  # fmt: skip
            assert policies == ["case_by_case", "denial"]


def test_headquarters_and_ultimate_parent_count_alike(rules: ExportRules, chips: dict[str, Chip]) -> None:
    us, de, cn = (rules.countries[c] for c in ("US", "DE", "CN"))
    for headquarters, parent in ((cn, de), (de, cn)):
        found = evaluate_export(
            chips["b200_sxm"], rules, destination=de, headquarters=headquarters, parent=parent,
            export_from=us, as_of=DAYS[0],
        )  # fmt: skip
        assert found.rule.id == "L9"


@pytest.mark.parametrize(
    ("day", "literal"),
    [
        (date(2024, 1, 1), False),
        (date(2025, 1, 12), False),
        (date(2025, 1, 13), True),
        (date(2025, 3, 1), True),
        (date(2025, 5, 13), True),
        (date(2026, 11, 21), True),
    ],
)
@pytest.mark.parametrize("code", ["DE", "BR"])
def test_the_worldwide_text_stands_beside_the_enforced_position(
    day: date, literal: bool, code: str, rules: ExportRules, chips: dict[str, Chip]
) -> None:
    place = rules.countries[code]
    found = evaluate_export(
        chips["mi355x"], rules, destination=place, headquarters=place, parent=place,
        export_from=rules.countries["US"], as_of=day,
    )  # fmt: skip
    assert found.requirement == "none"
    assert bool(found.rule.literal_position) is literal


def test_each_row_of_the_matrix_can_decide_or_says_why_not(rules: ExportRules, chips: dict[str, Chip]) -> None:
    days = (*DAYS, date(2022, 1, 1))
    used = set()
    for day in days:
        for country in rules.countries.values():
            for owner in (country, rules.countries["CN"], rules.countries["DE"]):
                for chip in chips.values():
                    for origin in ("US", "TW"):
                        found = evaluate_export(
                            chip, rules, destination=country, headquarters=owner, parent=owner,
                            export_from=rules.countries[origin], as_of=day,
                        )  # fmt: skip
                        used.add(found.rule.id)
    # No part of the catalog is of the middle tier or for workstations.
    assert {r.id for r in rules.matrix} - used == {"L10", "L11"}


def test_history_says_what_the_data_cannot_decide(rules: ExportRules, chips: dict[str, Chip]) -> None:
    us = rules.countries["US"]

    def notes(code: str, day: date) -> str:
        place = rules.countries[code]
        found = evaluate_export(
            chips["h100_sxm"], rules, destination=place, headquarters=place, parent=place, export_from=us, as_of=day
        )
        return " ".join(found.notes)

    assert "2023-01-17" in notes("MO", date(2023, 1, 1))
    assert "reviewed at that time is not in the catalog" in notes("CN", date(2023, 1, 1))
    assert "D:4 to A:5 at an unknown date" in notes("AE", date(2024, 1, 1))
    assert "list of 2024-01-01 is not in the catalog" in notes("AE", date(2024, 1, 1))
    assert "last read on 2026-07-23" in notes("DE", date(2026, 11, 21))


STRICT = ["none", "review", "unstated", "approval", "case_by_case", "letter", "denial", "policy_of_denial"]


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_restricted_owner_never_loosens_the_review(day: date, rules: ExportRules, chips: dict[str, Chip]) -> None:
    us, cn = rules.countries["US"], rules.countries["CN"]
    for country in rules.countries.values():
        for part, chip in chips.items():
            if part == "mi308x":
                continue
            free, owned = (
                evaluate_export(
                    chip, rules, destination=country, headquarters=us, parent=parent, export_from=us, as_of=day
                )
                for parent in (us, cn)
            )
            assert STRICT.index(owned.review_policy) >= STRICT.index(free.review_policy), (country.iso2, part)


def test_a_sanctioned_owner_is_said(rules: ExportRules, chips: dict[str, Chip]) -> None:
    us, cn, ru = (rules.countries[c] for c in ("US", "CN", "RU"))
    found = evaluate_export(
        chips["h200_sxm"], rules, destination=cn, headquarters=ru, parent=ru, export_from=us, as_of=DAYS[0]
    )
    assert any("Russia" in note for note in found.notes)
