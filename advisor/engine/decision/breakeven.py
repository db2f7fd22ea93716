"""At which price, throughput, utilisation, headcount, power price or horizon another answer would be right.

Both sides are compared on risk-adjusted cost. At each value the best way of paying is chosen anew, and the expected
loss and the tail with it: at a price, which is that of a quote in hand, by the draws (`trial`), while another input
moves by fixed cases (`moved`); of a horizon see `horizon`. Values are solved, not sampled, with today's deployments,
and held against a whole answer with deployments chosen anew (`again`). A throughput and a utilisation, of fixed cases,
are told as "about".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advisor.domain.decision import BreakEven
from advisor.domain.profile import Profile, Traffic
from advisor.domain.record import record, replace
from advisor.domain.text import percent
from advisor.engine.cost.levels import Level, Levels
from advisor.engine.cost.model import Way
from advisor.engine.decision.again import Moving, Range, Side, confirmed, had
from advisor.engine.decision.horizon import horizon_break_even
from advisor.engine.decision.moved import Move, Moved
from advisor.engine.decision.simulate import Run
from advisor.engine.decision.solve import TOLERANCE, Crossing, Steps, crossing
from advisor.engine.decision.trial import Setting, Trial, Turn
from advisor.engine.paying import leading_ways
from advisor.engine.response import FACTORS

SLOWEST, FASTEST = FACTORS[0], FACTORS[-1]
"""Factors on the throughput of the choice, and on that of a rival, up to which a turn is sought."""
ENGINEERS_MAX = 200.0
POWER_RANGE_USD = (0.005, 2.0)
BESIDE = 0.01
"""Share of today's value within which a turn lies at it."""
FEW = Steps(7, 13, 1)
"""Each value takes hundreds of cases; costs hardly bend between them."""

PAID = {
    "on_demand": " on demand", "spot": " as spot", "reserved_1y": " reserved for one year",
    "reserved_3y": " reserved for three years",
}  # fmt: skip

@record
class _Question:
    """One input to move, on one side or on both."""

    variable: str
    subject: str
    unit: str
    today: float
    low: float
    high: float
    mine: Move | None
    theirs: Move | None
    scale: float = 1.0
    """Shown value over the moved one."""
    of_tier: str = ""
    """Whose rate is shown, where a candidate serves several workloads."""
    firm: str = ""
    """The uncertain input, of which a value that is stated is sure, see `Moved`."""
    stated: Callable[[Profile, float], Profile] | None = None
    """The profile that states a value of the moved input; none of a throughput, by which layouts are moved instead."""


def break_evens(best: Run, rivals: tuple[Run, ...], setting: Setting) -> tuple[BreakEven, ...]:
    """All break-evens against the runner-up; price and throughput against further rivals."""
    out: list[BreakEven] = []
    own = Trial(best, setting)
    slower = Moved(best, setting, _throughput, 1.0)
    for i, rival in enumerate(rivals):
        out += [_price(own, best, rival), _price(Trial(rival, setting), best, rival)]
        out.append(_answer(_speed(best, SLOWEST, 1.0), slower, Moved(rival, setting, None, 1.0), setting))
        faster = Moved(rival, setting, _throughput, 1.0)
        out.append(_answer(_speed(rival, 1.0, FASTEST), Moved(best, setting, None, 1.0), faster, setting))
        if i == 0:
            for q in (*_utilisation(best, rival), *_engineers(best, rival), *_power(best, rival)):
                today = q.today / q.scale
                mine, theirs = (Moved(r, setting, m, today, q.firm) for r, m in ((best, q.mine), (rival, q.theirs)))
                out.append(_answer(q, mine, theirs, setting))
            out.append(horizon_break_even(best, rival, setting))
    return tuple(out)


def _answer(question: _Question, mine: Moved, theirs: Moved, setting: Setting) -> BreakEven:
    best, rival = mine.run, theirs.run
    low, high, near = question.low, question.high, question.today / question.scale
    found = crossing(mine.at, theirs.at, low, high, near, FEW) if low < high else None
    leads = found is None or not question.firm or _leads(mine, theirs, near)
    up = found is not None and _rival_above(found, mine, theirs, near, leads=leads)
    if low < high:
        one, other = (
            Side(m.run, setting, _moving(question, m, setting.profile), leading_ways(m.run.pricing))
            for m in (mine, theirs)
        )

        def kept(x: float) -> tuple[float, float]:
            at = FEW.grid(low, high, near)
            place = -1 if x == high else 0
            return float(mine.at(at)[place]), float(theirs.at(at)[place])

        found = confirmed(found, one, other, Range(low, high, near, leads), kept, up=up)
    return BreakEven(
        variable=question.variable,
        subject=question.subject,
        choice=best.id,
        rival=rival.id,
        unit=question.unit,
        today=question.today,
        value=None if found is None else found.value * question.scale,
        exact=found is None or found.exact,
        choice_usd_per_month=had(None if found is None else found.first),
        rival_usd_per_month=had(None if found is None else found.second),
        searched_low=low * question.scale,
        searched_high=high * question.scale,
        text=_text(question, found, best, rival, leads=leads, up=up),
    )


def _rival_above(found: Crossing, mine: Moved, theirs: Moved, near: float, *, leads: bool) -> bool:
    """Whether the rival wins above the turn; beside today's value, where all is level, by what both cost around it."""
    if abs(found.value - near) > BESIDE * near:
        return (found.value >= near) is leads
    around = near * np.array([1 - 2 * BESIDE, 1 + 2 * BESIDE])
    below, above = theirs.at(around) - mine.at(around)
    return bool(above < below)


def _moving(question: _Question, moved: Moved, profile: Profile) -> Moving | None:
    """What is asked anew at a value of the input, where it moves the candidate."""
    if not moved.moves:
        return None
    stated = question.stated
    return lambda x: (profile, x) if stated is None else (stated(profile, x), 1.0)


def _leads(mine: Moved, theirs: Moved, today: float) -> bool:
    """Whether the choice holds with today's value stated: sure, it may cost more than today's range does."""
    at = np.array([today])
    return bool(mine.at(at)[0] <= theirs.at(at)[0])


def _price(trial: Trial, best: Run, rival: Run) -> BreakEven:
    """The quote for one of the two at which the choice changes."""
    mine = trial.run is best
    fixed = (rival if mine else best).risk_adjusted
    turn = _confirmed_turn(trial, best, rival)
    costs = None if turn is None else (turn.usd_per_month, fixed) if mine else (fixed, turn.usd_per_month)
    return BreakEven(
        variable="price", subject=trial.run.id, choice=best.id, rival=rival.id, unit=trial.run.pricing.way.price.unit,
        today=trial.today, value=None if turn is None else turn.price,
        exact=turn is None or abs(turn.usd_per_month - fixed) <= TOLERANCE * fixed,
        choice_usd_per_month=had(None if costs is None else costs[0]),
        rival_usd_per_month=had(None if costs is None else costs[1]),
        searched_low=trial.low, searched_high=trial.high, text=_price_text(trial, turn, best, rival),
    )  # fmt: skip


def _confirmed_turn(trial: Trial, best: Run, rival: Run) -> Turn | None:
    """See `confirmed`; the other candidate costs what it does today."""
    mine, setting = trial.run is best, trial.setting
    fixed = (rival if mine else best).risk_adjusted
    turn = trial.turn(fixed)

    def both(usd: float) -> tuple[float, float]:
        """Cost of choice and rival where the one that is priced comes to so much."""
        return (usd, fixed) if mine else (fixed, usd)

    def kept(price: float) -> tuple[float, float]:
        return both(trial.at(price).risk_adjusted)

    def moving(price: float) -> tuple[Profile, float]:
        return trial.stated(price), 1.0

    found = None if turn is None else Crossing(turn.price, False, *both(turn.usd_per_month))
    sides = Side(best, setting, moving if mine else None), Side(rival, setting, None if mine else moving)
    again = confirmed(found, *sides, Range(trial.low, trial.high, trial.today), kept, up=mine)
    if again is None or again is found:
        return turn if again is found else None
    return Turn(again.value, again.first if mine else again.second)


def _price_text(trial: Trial, turn: Turn | None, best: Run, rival: Run) -> str:
    way = trial.run.pricing.way
    if turn is None:
        text = f"No quote for {trial.run.name}{paid(trial.run)} changes the order of {best.name} and"
        left = trial.left_from() if trial.run is best else None
        other = "" if left is None else f": above {unit_price(left[0], way)} it is paid otherwise ({left[1].label})"
        return f"{text} {rival.name}{other}."
    value, today = (unit_price(usd, way) for usd in (turn.price, trial.today))
    if way.price.firmness != "user quote":
        today += f", which is no quote yet{_turns_at_today(turn.price, trial, rival=trial.run is rival)}"
    if trial.run is rival:
        return f"{rival.name} wins with a quote below {value}{paid(trial.run)} (today {today})."
    return f"{rival.name} wins where {best.name} is quoted above {value}{paid(trial.run)} (today {today})."


def _turns_at_today(turn: float, trial: Trial, *, rival: bool) -> str:
    """Why the choice turns at today's price although today's price does not turn it: the one is firm, the other not."""
    if rival and turn > trial.today:
        return ": a firm one at today's price would do, since today's may yet turn out higher"
    if not rival and turn < trial.today:
        return ": a firm one at today's price is too dear, since today's may yet turn out lower"
    return ""


def paid(run: Run) -> str:
    """For which commitment the price of a candidate is, to stand behind it; empty where it is for any."""
    covered = run.pricing.book.covered(run.pricing.way)
    return "" if len(covered) > 1 else PAID.get(covered[0], "")


def unit_price(usd: float, way: Way) -> str:
    """A unit price [USD/GPU-h or USD/GPU] in words."""
    return f"USD {usd:,.0f} per GPU" if way.buys else f"USD {usd:,.2f} per GPU-hour"


def _throughput(levels: Levels, x: Level) -> Levels:
    return levels.with_(throughput=x)


def _speed(run: Run, low: float, high: float) -> _Question:
    sized = run.pricing.model.sized
    rate = sized.tiers[0].operating_point.output_tps_per_gpu
    return _Question("throughput", run.id, "output tok/s/GPU", rate, low, high, None, None, rate, sized.of_tier)


def _utilisation(best: Run, rival: Run) -> list[_Question]:
    """Average demand over peak; it moves only what follows traffic."""
    average = best.pricing.model.average
    if not any(run.pricing.way.floats or run.pricing.way.mode == "mixed" for run in (best, rival)):
        return []

    def move(levels: Levels, x: Level) -> Levels:
        return levels.with_(utilisation=x)

    low, high = min(0.01, average) / average, 1.0 / average
    return [_Question("utilisation", "", "average/peak", average, low, high, move, move, average, stated=_busier)]


def _busier(profile: Profile, x: float) -> Profile:
    """With the average demand of every tier so many times as high, its peak at most."""

    def busier(traffic: Traffic) -> Traffic:
        return traffic.model_copy(update={"average_to_peak": min(1.0, traffic.average_to_peak * x)})

    if not profile.workloads:
        assert profile.traffic is not None
        return profile.model_copy(update={"traffic": busier(profile.traffic)})
    tiers = tuple(w.model_copy(update={"traffic": busier(w.traffic)}) for w in profile.workloads)
    return profile.model_copy(update={"workloads": tiers})


def _staffed_with(profile: Profile, engineers: float) -> Profile:
    return profile.model_copy(update={"team": profile.team.model_copy(update={"rocm_extra_engineers": engineers})})


def _engineers(best: Run, rival: Run) -> list[_Question]:
    """Extra engineers of the ROCm stack; those of two parts of AMD's are one team, which both have."""
    runs = [run for run in (best, rival) if run.vendor == "AMD" and _staffed(run)]
    if len(runs) != 1:
        return []
    run = runs[0]
    model = run.pricing.model
    fleet = model.stack_fleet(run.pricing.way, Levels())
    today, most = (float(model.premium.engineers(fleet, at)) for at in (0.0, 1.0))

    def move(levels: Levels, x: Level) -> Levels:
        return levels.with_(extra_engineers=x)

    mine, theirs = (move, None) if run is best else (None, move)
    # a rival may win with as many as today once they are sure, as they may yet turn out more
    low, high = (today, ENGINEERS_MAX) if run is best else (0.0, most)
    asked = _Question("engineers", run.id, "extra FTE", today, low, high, mine, theirs, firm="engineers")
    return [replace(asked, stated=_staffed_with)]


def _staffed(run: Run) -> bool:
    """Whether it is known what an engineer costs."""
    return "engineer_usd_per_year" in run.pricing.model.facts.values


def _power(best: Run, rival: Run) -> list[_Question]:
    buyers = [run for run in (best, rival) if run.pricing.way.buys]
    if not buyers:
        return []
    today = buyers[0].pricing.model.facts.typical("power_usd_per_kwh")
    if today <= 0:
        return []

    def move(levels: Levels, x: Level) -> Levels:
        return levels.with_(power=x)

    def stated(profile: Profile, x: float) -> Profile:
        site = profile.site.model_copy(update={"power_usd_per_kwh": x * today})
        return profile.model_copy(update={"site": site})

    low, high = (end / today for end in POWER_RANGE_USD)
    ends = min(low, 1.0), max(high, 1.0)
    return [_Question("power_price", "", "USD/kWh", today, *ends, move, move, today, firm="power", stated=stated)]


def _text(question: _Question, found: Crossing | None, best: Run, rival: Run, *, leads: bool, up: bool) -> str:
    subject = question.subject.upper()
    what = {
        "throughput": f"throughput of {subject}", "utilisation": "utilisation", "engineers": f"headcount for {subject}",
        "power_price": "electricity price",
    }[question.variable]  # fmt: skip
    if found is None:
        # A probe may still change it: what it narrows is the tail, which is held here.
        held = " (its interval as wide as today)" if question.variable == "throughput" else ""
        return f"No {what} in the range searched{held} changes the order of {best.name} and {rival.name}."
    value, today = found.value * question.scale, question.today
    shown, stands = _shown(question, value), _shown(question, today)
    side = "above" if up else "below"
    if not leads:  # the turn lies on the near side of today's value, which is uncertain
        stands += f", which may yet turn out to be {'more' if value > today else 'less'}"
    if question.variable == "throughput":
        than = f"{'more' if value > today else 'less'} than about {percent(value / today)} of the estimate ({shown})"
        loser = f"{best.name} loses to {rival.name}" if question.subject == best.id else f"{rival.name} wins"
        return f"{loser} if it reaches {than}."
    about = "about " if question.variable == "utilisation" else ""
    return f"{rival.name} wins with {what} {side} {about}{shown} (today {stands})."


def _shown(question: _Question, value: float) -> str:
    match question.variable:
        case "throughput":
            return f"{value:,.0f} output tok/s per GPU{question.of_tier}"
        case "utilisation":
            return f"{percent(value)} average over peak"
        case "engineers":
            return f"{value:,.2f} extra engineers"
    return f"USD {value:,.3f} per kWh"
