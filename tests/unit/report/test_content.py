"""What must stand in every report, whatever its form."""

from __future__ import annotations

import re
from datetime import date

import pytest

from advisor.domain.cost import Lease, Outlay
from advisor.domain.profile import Profile
from advisor.domain.provenance import Source
from advisor.domain.recommendation import Binding, ClaimNote, ProbeCheck, Recommendation
from advisor.domain.sizing import Spread
from advisor.domain.text import capital
from advisor.report import render_report
from advisor.report.blocks import Chart, Heading, Items, PageBreak, References, Report, Span, Table, text_of
from advisor.report.build import build_report
from advisor.report.context import Context
from advisor.report.figures import usd
from advisor.report.pdf import as_data
from advisor.report.sections.glossary import glossary
from advisor.report.text import render_text
from tests.bench_kit import usual_bench


def text(tree: Recommendation, **more: bool) -> str:
    out = render_report(tree, "markdown", **more)
    assert isinstance(out, str)
    return out


def titles(tree: Recommendation, **more: bool) -> list[str]:
    return [text_of(b.text) for b in build_report(tree, **more).blocks if isinstance(b, Heading) and b.level == 1]


def test_every_section_that_a_meeting_asks_for(renewal: Recommendation) -> None:
    found = titles(renewal)
    assert found[0] == renewal.verdict.headline
    for title in (
        "Workload and assumptions", "Comparison", "Cost", "What would change the answer", "Measuring before signing",
        "Other courses: split or wait", "Negotiation", "Gates", "Risk register", "Software floor for the contract",
        "Method, and how often it is right", "Defaults taken because the profile is silent", "Sources",
        "How to reproduce this", "Glossary",
    ):  # fmt: skip
        assert title in found


def test_page_one_carries_verdict_cost_confidence_reasons_risks_and_monday(renewal: Recommendation) -> None:
    page = text(renewal).partition("\n---\n")[0]
    choice = renewal.candidates[0]
    assert choice.cost is not None
    cost = choice.cost.usd_per_month
    for wanted in (
        f"USD {cost.p50:,.0f}", f"{cost.p10:,.0f} to {cost.p90:,.0f}", renewal.verdict.confidence_word,
        "Three reasons", "Three risks", "What to do on Monday", choice.risks[0].name, choice.risks[2].name,
    ):  # fmt: skip
        assert wanted in page
    assert sum(line.startswith(("1. ", "2. ", "3. ")) for line in page.splitlines()) == 3
    report = build_report(renewal)
    first = next(i for i, b in enumerate(report.blocks) if isinstance(b, PageBreak))
    assert not any(isinstance(b, Table | Chart) for b in report.blocks[:first])


def test_the_command_of_a_step_is_set_as_code_in_every_form(renewal: Recommendation) -> None:
    assert renewal.decision is not None
    assert renewal.decision.information is not None
    assert renewal.decision.information.plan is not None
    command = renewal.decision.information.plan.command
    steps = next(b for b in build_report(renewal).blocks if isinstance(b, Items) and b.ordered)
    assert next(s.text for line in steps.items for s in line if s.style == "code") == command
    assert f"`{command}`" in text(renewal)


def bought(tree: Recommendation) -> Recommendation:
    """The choice with capital put up and a bill that is not its median."""
    outlay = Outlay(
        gpus=16, usd_per_gpu=55_312.5, up_front_usd=885_000, later_gpus=8, later_usd=442_500, text="16 GPUs, 885,000"
    )
    choice = tree.candidates[0]
    assert choice.cost is not None
    line = choice.cost.lines[0].model_copy(update={"quantity": 0.19301, "unit_price_usd": 60_312.5,
                                                   "usd_per_month": 0.19301 * 60_312.5})  # fmt: skip
    risk = choice.risks[0].model_copy(update={"loss_formula": "40 % a year x USD 157,470 / 12"})
    cost = choice.cost.model_copy(update={"outlay": outlay, "bill_text": "One bill.", "lines": (line,)})
    first = choice.model_copy(update={"cost": cost, "risks": (risk, *choice.risks[1:])})
    return tree.model_copy(update={"candidates": (first, *tree.candidates[1:])})


def test_capital_bridge_and_mean_effect_stand_in_the_report(renewal: Recommendation) -> None:
    tree = bought(renewal)
    page, _, rest = text(tree).partition("\n---\n")
    assert "USD 885,000" in page
    assert "USD 442,500 later" in page
    for wanted in ("Capital up front", "16 GPUs, 885,000", "One bill."):
        assert wanted in rest
    plain = " ".join(render_text(tree).split())
    assert "Capital: 16 GPUs, 885,000" in plain
    assert "(40 % a year x USD 157,470 / 12)" in plain
    assert "One bill." in render_text(tree, explain=True)
    assert "Capital" not in render_text(renewal) + text(renewal)  # rented


def test_what_signing_binds_and_the_total_stand_on_page_one(renewal: Recommendation) -> None:
    lease = Lease(gpus=8, months=12, usd_per_gpu_hour=4.25, usd=297_840, text="8 GPUs for a year, 297,840.")
    choice = renewal.candidates[0]
    assert choice.cost is not None
    cost = choice.cost.model_copy(update={"lease": lease})
    first = choice.model_copy(update={"cost": cost})
    tree = renewal.model_copy(update={"candidates": (first, *renewal.candidates[1:])})
    page, _, rest = text(tree).partition("\n---\n")
    assert "USD 297,840" in page
    assert "8 GPUs for 12 months at USD 4.25/GPU-h" in page
    assert f"USD {cost.cash_view_usd:,.0f} over {cost.horizon_months} months at typical inputs" in page
    assert "8 GPUs for a year, 297,840." in rest
    assert "Bound by signing: 8 GPUs for a year" in render_text(tree)
    assert "Bound by signing" not in render_text(renewal) + text(renewal)


def test_printed_terms_multiply_to_the_printed_amount(renewal: Recommendation, operator: Recommendation) -> None:
    rows = 0
    for tree in (bought(renewal), renewal, operator):
        table = next(
            b for b in build_report(tree).blocks if isinstance(b, Table) and "terms of the cost" in b.caption
        )
        for row in table.rows[:-1]:
            quantity, price, amount = (text_of(row[i]).replace(",", "").replace("−", "-") for i in (2, 4, 5))
            assert f"{float(quantity) * float(price):.0f}" == f"{float(amount):.0f}"
            rows += 1
    assert rows > 6


def test_the_glossary_stands_last_and_holds_what_the_report_says(renewal: Recommendation) -> None:
    assert titles(renewal)[-1] == "Glossary"
    written = text(renewal)
    for word in ("TTFT", "TPOT", "TP, EP, PP", "FP8", "P10", "80 % interval", "Evidence grade", "USD/Mtok", "Spares"):
        assert word in written.rpartition("Glossary\n")[2]


def test_every_candidate_stands_with_its_cost_as_in_the_tree(operator: Recommendation) -> None:
    written = text(operator)
    for c in operator.candidates:
        assert c.name in written
        assert c.cost is not None
        for figure in (c.cost.usd_per_month.p10, c.cost.usd_per_month.p50, c.cost.usd_per_month.p90):
            assert f"{figure:,.0f}" in written


def test_an_excluded_candidate_stays_with_its_reason(renewal: Recommendation) -> None:
    out = renewal.candidates[-1].model_copy(
        update={"feasible": False, "rank": None, "infeasible_reason": "no licence to that place"}
    )
    written = text(renewal.model_copy(update={"candidates": (*renewal.candidates[:-1], out)}))
    assert "Excluded, with the reason" in written
    assert "no licence to that place" in written


def test_nothing_feasible_is_a_report_too(renewal: Recommendation) -> None:
    verdict = renewal.verdict.model_copy(
        update={
            "kind": "infeasible", "choice": None, "runner_up": None, "headline": "Nothing qualifies.",
            "binding_constraint": "TTFT at p95", "smallest_change": "slo.ttft_ms from 100 to 382",
        }
    )  # fmt: skip
    none = tuple(
        c.model_copy(update={"feasible": False, "rank": None, "cost": None, "infeasible_reason": "misses TTFT"})
        for c in renewal.candidates
    )
    tree = renewal.model_copy(update={"verdict": verdict, "candidates": none, "decision": None})
    written = text(tree)
    assert "slo.ttft\\_ms from 100 to 382" in written
    assert "misses TTFT" in written
    assert "Cost per month" not in written
    assert "What hits each candidate" in written
    assert "the other" not in written  # there is no choice beside which they would be others
    assert isinstance(render_report(tree, "pdf"), bytes)


def test_a_long_name_is_told_whole_with_the_day_behind_it(renewal: Recommendation) -> None:
    name = "A name that is rather longer than people mostly write, " * 3
    tree = renewal.model_copy(update={"profile": renewal.profile.model_copy(update={"name": name.strip(", ")})})
    first = render_text(tree).partition("\n\n")[0]
    assert " ".join(first.split()) == f"{name.strip(', ')}: judged as of {tree.as_of}"
    assert all(len(line) <= 100 for line in first.splitlines())


def test_the_glossary_stands_on_one_page() -> None:
    table = next(b for b in glossary(None) if isinstance(b, Table))  # type: ignore[arg-type]
    assert as_data(Report("x", "", "", date(2026, 1, 1), "", (), (table,)), "a4")["blocks"][0]["whole"]


def test_page_one_says_once_what_binds_and_what_to_change() -> None:
    """The card, the reason and the first step had said the same three times."""
    asked = Profile.model_validate(
        {
            "name": "x", "model": {"id": "llama3.3-70b", "precisions": ["fp8"]}, "candidates": ["h100", "mi300x"],
            "traffic": {"isl": 8000, "osl": 800, "peak_concurrency": 64}, "slo": {"ttft_ms": 10, "tpot_ms": 2},
        }
    )  # fmt: skip
    tree = usual_bench().advise(asked, draws=100)
    assert tree.verdict.kind == "infeasible"
    page = text(tree).partition("Workload and assumptions")[0]
    assert page.count("What binds") == 1
    assert "service level (2 of 2)" in page
    assert page.count("Smallest change") == 1
    assert "What to do on Monday" not in page
    guard = tree.verdict.model_copy(update={"next_steps": (*tree.verdict.next_steps, "Ask for quotes.")})
    page = text(tree.model_copy(update={"verdict": guard}))
    assert "1. Ask for quotes." in page
    plain = render_text(tree)
    assert "Why none of them" in plain
    assert "Why not the others" not in plain


def test_what_is_asked_for_is_told_in_whole_sentences(renewal: Recommendation) -> None:
    decision = renewal.decision
    assert decision is not None
    assert decision.negotiation is not None
    assert decision.negotiation.asks
    told = text(renewal).partition("What to ask for")[2].partition("\n## ")[0]
    items = re.findall(r"^\d+\. \*\*(.+?)\*\* (.+?)(?: \[.*)?$", told, re.MULTILINE)
    assert len(items) == len(decision.negotiation.asks)
    for what, why in items:
        assert what[0] == capital(what)[0]
        assert why[0] == capital(why)[0]
        assert what.endswith(".")
        assert ". " in f"{why} "


def test_a_column_of_sources_stands_only_where_something_is_cited(renewal: Recommendation) -> None:
    def head(tree: Recommendation) -> list[str]:
        (table,) = (b for b in build_report(tree).blocks if isinstance(b, Table) and b.caption.startswith("Excluded"))
        return [c.title for c in table.columns]

    out = renewal.candidates[-1].model_copy(update={"feasible": False, "rank": None, "infeasible_reason": "too slow"})
    rule = out.gates[0].model_copy(update={"status": "fail", "source": renewal.sources[0].id})
    for gates in ((), (rule,)):
        last = out.model_copy(update={"gates": gates})
        titles = head(renewal.model_copy(update={"candidates": (*renewal.candidates[:-1], last)}))
        assert titles == ["Candidate", "Why it cannot serve", *(["Source"] if gates else [])]


def test_page_one_counts_the_candidates_that_each_constraint_stops(renewal: Recommendation) -> None:
    """The counts are read from their own field: a name that happens to end like one was rewritten with them."""
    binding = tuple(Binding(what=w, candidates=n, of=8) for w, n in (("slo", 5), ("site_power", 3)))
    verdict = renewal.verdict.model_copy(update={"kind": "infeasible", "choice": None, "binding": binding})
    written = text(renewal.model_copy(update={"verdict": verdict}))
    assert "service level (5 of 8), site power (3 of 8)" in written
    assert "for every candidate" not in written
    old = verdict.model_copy(update={"binding": (), "binding_constraint": "tier of oslo (2 of 8)"})
    assert "tier of oslo (2 of 8)" in text(renewal.model_copy(update={"verdict": old}))


def test_the_curves_promise_only_marks_that_are_drawn(renewal: Recommendation) -> None:
    def chart(tree: Recommendation) -> Chart:
        return next(b for b in build_report(tree).blocks if isinstance(b, Chart) and b.anchor == "chart-pareto")

    assert "where each would be run" in chart(renewal).caption
    assert "where it would be run" in chart(renewal).svg
    out = tuple(c.model_copy(update={"operating_point": None, "feasible": False}) for c in renewal.candidates)
    none = chart(renewal.model_copy(update={"candidates": out}))
    assert "would be run" not in none.caption + none.svg
    assert "measurements at 1,024/1,024 tokens in/out" in chart(renewal).caption
    one = chart(renewal.model_copy(update={"candidates": renewal.candidates[:1]}))
    assert "first two" not in one.caption


def test_what_there_is_one_of_is_told_as_one(renewal: Recommendation) -> None:
    best = renewal.candidates[0]
    assert best.cost is not None
    level = best.cost.model_copy(update={"gpus_start": 8.0, "gpus_end": 8.0})
    tree = renewal.model_copy(update={"candidates": (best.model_copy(update={"cost": level}), *renewal.candidates[1:])})
    assert "8 to 8" not in text(tree)
    assert "average, from the first month to the last" in text(tree)
    assert renewal.decision is not None
    assert renewal.decision.information is not None
    nothing = renewal.decision.information.model_copy(update={"probes": ()})
    decision = renewal.decision.model_copy(update={"information": nothing})
    assert "Probes over a lock-in" not in text(renewal.model_copy(update={"decision": decision}))


def test_sources_are_numbered_once_and_every_citation_points_to_one(renewal: Recommendation) -> None:
    report = build_report(renewal, explain=True)
    entries = [e for b in report.blocks if isinstance(b, References) for e in b.entries]
    assert [e.number for e in entries] == list(range(1, len(renewal.sources) + 1))
    cited = {
        span.target
        for b in report.blocks
        if isinstance(b, Table)
        for row in b.rows
        for cell in row
        for span in cell
        if span.style == "cite"
    }
    assert cited
    assert cited <= {str(e.number) for e in entries}
    for source, entry in zip(renewal.sources, entries, strict=True):
        assert str(source.as_of or "undated") in text_of(entry.text)
    for line in renewal.attributions:
        assert line.partition(",")[0] in text(renewal)


def test_following_citations_are_drawn_together(renewal: Recommendation) -> None:
    tree = renewal.model_copy(
        update={"sources": tuple(Source(id=f"s{i}", reference="r", kind="press") for i in range(1, 8))}
    )
    cited = Context(tree).cite("s7; s1", "s3;s4;s5", "profile")
    assert [s.text for s in cited if s.style] == ["1", "3–5", "7"]
    assert Context(tree).origin("profile") == (Span("your profile"),)


def test_governance_only_where_use_is_regulated_and_open_points_show(renewal: Recommendation) -> None:
    assert "Governance checklist" not in titles(renewal)
    p = renewal.profile
    regulated = p.model_copy(
        update={
            "place": p.place.model_copy(update={"regulated": "HIPAA"}),
            "governance": p.governance.model_copy(update={"human_review": "a physician signs each answer"}),
        }
    )
    written = text(renewal.model_copy(update={"profile": regulated}))
    assert "a physician signs each answer" in written
    for point in ("Model and version", "Where inference runs", "What is logged", "What is stored", "Who is told"):
        assert point in written
    assert written.count("open: answer before go-live") == 4


def test_claims_and_probes_show_when_the_tree_has_them(renewal: Recommendation) -> None:
    claim = ClaimNote(
        id="A01", subject="MI355X vs B200", claim="+40 % tokens per dollar", finding="to_check",
        assessment="the advantage is 12 % here", source_id="none",
    )  # fmt: skip
    probe = ProbeCheck(
        accelerator="b300", measured_on=date(2026, 11, 1), deployment="fp4 TP1 trt", concurrency=64, isl=2000, osl=500,
        predicted_output_tps=Spread(lo=3000, value=3698, hi=4400), measured_output_tps=3500.0, within_interval=True,
        text="within the interval; the choice stands",
    )  # fmt: skip
    assert "Claims you may have read" not in titles(renewal)
    written = text(renewal.model_copy(update={"claims": (claim,), "probes": (probe,)}))
    for wanted in ("+40 % tokens per dollar", "the advantage is 12 % here", "3,500", "the choice stands"):
        assert wanted in written


def test_explain_adds_the_arithmetic(renewal: Recommendation) -> None:
    choice = renewal.candidates[0]
    assert choice.fleet is not None
    formula = choice.fleet.terms[0].formula
    plain_report, explained = build_report(renewal), build_report(renewal, explain=True)
    cells = {text_of(c) for b in explained.blocks if isinstance(b, Table) for row in b.rows for c in row}
    assert formula in cells
    assert len(explained.blocks) > len(plain_report.blocks)


def test_a_split_between_vendors_shows_its_terms(operator: Recommendation) -> None:
    assert operator.decision is not None
    split = operator.decision.split
    assert split is not None
    written = text(operator)
    assert f"{split.second_stack_usd_per_month:,.0f}" in written
    assert f"{split.single_usd_per_month:,.0f}" in written
    table = next(b for b in build_report(operator).blocks if isinstance(b, Table) and b.caption.startswith("Split"))
    amounts = {text_of(row[0]): number(text_of(row[2])) for row in table.rows}
    terms = list(amounts.values())[: list(amounts).index("Split, all terms")]
    assert split.leverage_usd_per_month > 0
    assert sum(terms) == pytest.approx(amounts["Split, all terms"], abs=len(terms))


def test_a_measured_point_is_not_said_to_meet_the_service_level(renewal: Recommendation) -> None:
    """Its lengths are its own; of answers written before, each was said to."""
    chart = next(b for b in build_report(renewal).blocks if isinstance(b, Chart) and b.anchor == "chart-pareto")
    assert chart.table is not None
    rows = [(text_of(row[5]), text_of(row[6])) for row in chart.table.rows]
    assert {held for kind, held in rows if kind == "measured"} == {"–"}
    assert {held for kind, held in rows if kind == "estimate"} <= {"yes", "no"}


def test_reproduction_names_version_fingerprint_seed_and_command(renewal: Recommendation) -> None:
    written = text(renewal)
    for wanted in (renewal.advisor_version, renewal.catalog_fingerprint, str(renewal.seed), renewal.command):
        assert wanted in written


@pytest.mark.parametrize("form", ["markdown", "html", "csv"])
def test_same_tree_same_text(renewal: Recommendation, form: str) -> None:
    assert render_report(renewal, form) == render_report(renewal.model_copy(deep=True), form)


def test_a_table_whose_rows_do_not_fit_its_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells under 0 columns"):
        Table("t", (), (((Span("x"),),),))


def number(cell: str) -> float:
    return float(cell.partition(" over")[0].replace(",", "").replace(" %", "").replace("−", "-"))


def test_a_row_of_the_risk_register_multiplies_out(renewal: Recommendation, operator: Recommendation) -> None:
    for tree in (renewal, operator):
        tables = [b for b in build_report(tree).blocks if isinstance(b, Table)]
        table = next(b for b in tables if "what could go wrong" in b.caption)
        assert table.rows
        for row in table.rows:
            year, effect, loss = (number(text_of(row[i])) for i in (2, 3, 4))
            assert year / 100 * effect / 12 == pytest.approx(loss, rel=1e-3, abs=0.51)


def test_columns_as_wide_as_their_content_leave_room_for_the_texts(
    renewal: Recommendation, operator: Recommendation
) -> None:
    """An A4 page takes some hundred characters of a dense table; a sentence in such a column pushes all others out."""
    for tree in (bought(renewal), renewal, operator):
        for b in build_report(tree, explain=True).blocks:
            if isinstance(b, Table) and any(c.width for c in b.columns):
                fixed = sum(
                    max(len(c.title), *(len(text_of(row[i])) for row in b.rows))
                    for i, c in enumerate(b.columns)
                    if not c.width
                )
                assert fixed <= 100, b.caption


def test_the_text_sets_the_others_against_the_choice_on_the_ranked_cost(renewal: Recommendation) -> None:
    said = " ".join(render_text(renewal).split())
    choice, second = renewal.candidates[:2]
    assert choice.risk_adjusted_usd_per_month is not None
    assert second.risk_adjusted_usd_per_month is not None
    gap = second.risk_adjusted_usd_per_month - choice.risk_adjusted_usd_per_month
    assert f"USD {usd(gap)} a month above the choice with risk and tail counted" in said
    assert "USD/month more than the best" not in said


def test_figures_that_look_alike_and_differ_are_reconciled(renewal: Recommendation) -> None:
    d = renewal.decision
    assert d is not None
    assert d.information is not None
    assert d.information.plan is not None
    assert any(b.variable == "price" for b in d.break_evens)
    plan = d.information.plan.model_copy(update={"decides_at_output_tps_per_gpu": 1_389.0})
    probed = d.model_copy(update={"information": d.information.model_copy(update={"plan": plan})})
    tree = renewal.model_copy(update={"decision": probed})
    for said in (text(tree), render_text(tree)):
        assert "a probe narrows it" in " ".join(said.split())
    assert "lets the cheapest way of paying be chosen anew" in text(tree)
    alone = d.model_copy(update={"information": None, "tornado": ()})
    tree = renewal.model_copy(update={"decision": alone})
    assert "a probe narrows it" not in " ".join((text(tree) + render_text(tree)).split())
    assert "be chosen anew" not in text(tree)


def test_a_count_of_sellers_says_of_what(renewal: Recommendation) -> None:
    choice = renewal.candidates[0]
    assert choice.cost is not None
    assert choice.cost.price is not None
    few = "median of 1 seller (q 5.56); 1 seller: a quote, not a market, so the interval is wide"
    for sellers, shown in ((1, "1"), (0, "–")):  # a purchase has none
        price = choice.cost.price.model_copy(update={"text": few, "sellers": sellers})
        cost = choice.cost.model_copy(update={"price": price, "notes": (f"base: {few}",)})
        verdict = renewal.verdict.model_copy(update={"reasons": (f"Price: {few}.",)})
        first = choice.model_copy(update={"cost": cost})
        tree = renewal.model_copy(update={"verdict": verdict, "candidates": (first, *renewal.candidates[1:])})
        for said in (text(tree), " ".join(render_text(tree).split())):
            assert "1 seller with such a price: a quote, not a market" in said
        assert few not in text(tree) + " ".join(render_text(tree).split())
        tables = [b for b in build_report(tree).blocks if isinstance(b, Table)]
        prices = next(b for b in tables if b.caption.startswith("Prices that the comparison rests on"))
        assert text_of(prices.rows[0][5]) == shown


def test_a_reader_meets_no_field_names_or_raw_marks(renewal: Recommendation) -> None:
    step = "Ask for written quotes and put them into procurement.quotes; they overrule the catalog."
    first = renewal.assumptions[0].model_copy(update={"why": "Where users sit; default `country`."})
    verdict = renewal.verdict.model_copy(update={"next_steps": (step,), "kind": "get"})
    tree = renewal.model_copy(update={"verdict": verdict, "assumptions": (first,)})
    report = build_report(tree)
    assert report.kicker == "Recommendation: go ahead"
    assert "enter them in the profile" in text(tree).partition("\n---\n")[0]
    defaults = next(b for b in report.blocks if isinstance(b, Table) and b.caption == "Defaults")
    assert text_of(defaults.rows[0][2]) == "Where users sit; default country."
    assert any(span.style == "code" for span in defaults.rows[0][2])


def test_prices_before_a_promised_discount_are_told_as_such(renewal: Recommendation) -> None:
    """The page of cost had shown the list price, that of break-evens the price less the discount, both as today's."""
    told = "prices before your discount of 10 %"
    assert told not in text(renewal)
    procurement = renewal.profile.procurement.model_copy(update={"volume_discount": 0.1})
    profile = renewal.profile.model_copy(update={"procurement": procurement})
    captions = [
        b.caption if isinstance(b, Table) else b.table.caption
        for b in build_report(renewal.model_copy(update={"profile": profile})).blocks
        if isinstance(b, Table | Chart)
    ]
    marked = [c for c in captions if c.endswith(told)]
    assert len(marked) == 3
    for table in ("ways of paying", "Prices that the comparison rests on", "Each input moved alone"):
        assert any(table in c for c in marked)
