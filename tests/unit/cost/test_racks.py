"""Rack-scale systems: bought as a whole, rented by the tray."""

from __future__ import annotations

import pytest

from advisor.catalog import Catalog, load_catalog
from advisor.domain.cost import Cost
from advisor.engine.paying import price_candidate
from tests.conftest import AS_OF
from tests.sized_kit import profile_of, sized_of


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def cost(catalog: Catalog, part: str, replicas: int, **procurement: object) -> Cost:
    """One request/s a replica of eight GPUs."""
    profile = profile_of(traffic={"peak_requests_per_s": float(replicas)}, procurement=procurement)
    return price_candidate(profile, sized_of(profile, catalog, part), catalog, AS_OF)


@pytest.mark.parametrize(("replicas", "gpus"), [(1, 72), (9, 72), (10, 144)])
def test_a_purchase_pays_for_whole_racks(catalog: Catalog, replicas: int, gpus: int) -> None:
    """Two trays of a rack of 72 were priced as if a tray could be bought."""
    found = cost(catalog, "gb200", replicas, mode="buy")
    assert found.outlay is not None
    assert found.outlay.gpus == found.gpus_start == gpus
    assert found.flows[0].cash_usd == pytest.approx(gpus * found.price.typical, rel=0.05)
    capital = next(line for line in found.lines if "bought" in line.formula)
    assert f"{gpus} GPUs bought" in capital.formula
    assert f"whole racks of 72 GPUs: {gpus} are paid for" in " ".join(found.notes)
    one = cost(catalog, "gb200", 9, mode="buy").point_usd_per_month
    assert found.point_usd_per_month == pytest.approx(one * gpus / 72, rel=0.05)  # operations grow slower than nodes


def test_rent_goes_by_the_tray_and_a_term_says_what_is_not_known(catalog: Catalog) -> None:
    on_demand = cost(catalog, "gb200", 1, mode="rent", commitment="on_demand")
    assert on_demand.gpus_start == 8
    term = cost(catalog, "gb200", 1, mode="rent", commitment="reserved_1y")
    assert term.gpus_start == 8
    assert "whether a seller commits less than a rack of 72" in " ".join(term.notes)


def test_nodes_of_eight_are_bought_one_by_one(catalog: Catalog) -> None:
    found = cost(catalog, "b200", 1, mode="buy")
    assert found.gpus_start == 8
    assert "rack" not in " ".join(found.notes)
