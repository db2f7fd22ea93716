"""Probe: set up, see the worst case, measure, compare with the estimate, use it as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Static

from advisor.tui.actions import bindings
from advisor.tui.desk import Sight
from advisor.tui.fields import FieldSpec, Kind
from advisor.tui.probe_suggestion import suggested
from advisor.tui.probe_text import History, plan_content, progress_content, result_content, still_to_state
from advisor.tui.probing import ProbeJob, Setup, deployment_of, plan_of
from advisor.tui.screens.pane import Pane
from advisor.tui.widgets.field_row import FieldRow
from advisor.tui.widgets.secret_row import SecretRow
from advisor.tui.widgets.tones import content

if TYPE_CHECKING:
    from advisor.domain.estimate import OperatingEstimate
    from advisor.evidence.runs import Run
    from advisor.probe.keys import Secret
    from advisor.probe.plan import Plan
    from advisor.probe.session import Snapshot


def _field(
    name: str, label: str, kind: Kind, text: str, unit: str = "", choices: tuple[str, ...] = (), default: Any = None,
    required: bool = False,
) -> FieldSpec:  # fmt: skip
    return FieldSpec((name,), label, unit, kind, text, default, required, True, choices)


FIELDS: tuple[FieldSpec, ...] = (
    _field("url", "Server", "text", "An OpenAI-compatible server, e.g. http://127.0.0.1:8000.", required=True),
    _field("model", "Model name", "text", "Name to ask the server for; default the only one that it serves."),
    _field("preset", "Preset", "choice", "quick: a few minutes; full: up to an hour; nine-shape: nine fixed shapes.",
           choices=("quick", "full", "nine-shape"), default="quick"),
    _field("concurrency", "At once", "text", "Requests in flight, e.g. 1,8,64; default from the profile."),
    _field("isl", "Input length", "whole", "Tokens per request; default the profile's lengths.", "tokens"),
    _field("osl", "Output length", "whole", "Tokens per request; default the profile's lengths.", "tokens"),
    _field("step_seconds", "Time per step", "number", "At most. Default 60; full 240.", "s"),
    _field("max_usd", "Limit of money", "number", "The run stops here; needs a price. Default 5, full 50.", "USD"),
    _field("max_tokens", "Limit of tokens", "whole", "The run stops here. Default 500,000; full 5,000,000.", "tokens"),
    _field("max_seconds", "Limit of time", "number", "The run stops here. Default 285; full 3,600.", "s"),
    _field("usd_per_gpu_hour", "Rent", "number", "What the endpoint costs you, for the budget.", "USD/GPU-h"),
    _field("gpus", "GPUs", "whole", "GPUs that serve the endpoint; needed to use the result as evidence."),
    _field("accelerator", "Accelerator", "text", "Catalog id, e.g. mi355x; needed to use the result as evidence."),
    _field("as_model", "Catalog model", "text", "Catalog id of the model; needed to use the result as evidence."),
    _field("weights", "Weights", "choice", "Precision of the weights.", choices=("bf16", "fp8", "fp4", "int4")),
    _field("engine", "Engine", "text", "vllm, sglang, trt, ...; default asked of the server."),
    _field("tp", "TP", "whole", "Tensor parallelism; default all GPUs."),
    _field("ep", "EP", "whole", "Expert parallelism; default none."),
    _field("dp_attention", "DP attention", "toggle", "Attention is data-parallel.", choices=("yes", "no"),
           default=False),
    _field("spec", "Speculation", "text", "Speculative decoding method, e.g. mtp; default none."),
    _field("disagg", "Disaggregated", "toggle", "Prefill and decode run on separate GPUs.", choices=("yes", "no"),
           default=False),
    _field("plain_http", "Plain http", "toggle", "Speak http beyond this machine, key and prompts in clear.",
           choices=("yes", "no"), default=False),
)  # fmt: skip
KEY_HELP = (
    "Type or paste it; it is not shown, and held in memory until you leave or press Delete. Empty takes the environment"
    " variable ADVISOR_API_KEY."
)


def _no_key() -> str:
    """What holds while no key is typed."""
    import os

    return "from ADVISOR_API_KEY" if os.environ.get("ADVISOR_API_KEY") else "none: type or paste it"


class ProbePane(Pane):
    """The probe from set-up to evidence."""

    PANE_ID = "probe"
    TEXT = "#probe-right"
    HELP = (
        "Measures a rented endpoint: TTFT, ITL, TPOT and throughput at several loads. The form holds the probe that the"
        " verdict suggests, limits and rent included; Enter edits a field, or paste onto it. The right side shows the"
        " worst case before anything is sent; the run stops at the first of its limits, also when the server"
        " misbehaves. Every finished step is kept at once, so that stopping or a crash loses nothing, and F9 measures"
        " what a stopped run has left. The key is typed"
        " or pasted without echo, or taken from the environment variable ADVISOR_API_KEY; it stays in memory, goes to"
        " the server's own address alone, and is written nowhere."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("probe")]

    def __init__(self) -> None:
        super().__init__()
        self.setup = Setup()
        self._rows: dict[str, FieldRow] = {}
        self.job: ProbeJob | None = None
        self.snapshot: Snapshot | None = None
        self.run_: Run | None = None
        self._history = History()
        self._stopped: Run | None = None
        """The last run, which may have steps left; it stays while the form is edited, to raise a limit."""
        self._said: tuple[Run | None, Sequence[OperatingEstimate | str]] = (None, ())
        self._error = ""
        self._suggested = suggested(None)
        self._suggested_for = ""

    def compose(self) -> ComposeResult:
        """Form and what comes of it."""
        with Horizontal(id="probe-body"):
            with VerticalScroll(id="probe-form", can_focus=False):
                for spec in FIELDS:
                    row = FieldRow(spec)
                    self._rows[str(spec.key[0])] = row
                    yield row
                    if spec is FIELDS[0]:
                        yield SecretRow("Key", absent=_no_key(), id="probe-key")
                with Horizontal(id="probe-buttons"):
                    yield Button("Start (F5)", id="probe-start", variant="primary", compact=True)
                    yield Button("Stop (F8)", id="probe-stop", compact=True)
                    yield Button("Resume (F9)", id="probe-resume", compact=True)
                    yield Button("Use (F7)", id="probe-use", compact=True)
                yield Static("", id="probe-help", classes="note")
            with VerticalScroll(id="probe-right", can_focus=False):
                yield Static("", id="probe-text")

    def on_mount(self) -> None:
        """Fill the form."""
        self._fill()
        self._redraw()

    @property
    def key(self) -> Secret | None:
        """The key that was typed; it lives in its field alone, apart from the setup that is shown and kept."""
        return self.query_one(SecretRow).secret

    def first_focus(self) -> Widget:
        """The first field."""
        return self._rows["url"]

    def draw(self, sight: Sight) -> None:
        """Fill in what the answer wants measured, where nobody has changed what it wanted before."""
        if sight.answer is not None and sight.fresh and self.job is None and self.run_ is None:
            wanted = suggested(sight.answer)
            untouched = all(getattr(self.setup, name) == value for name, value in self._suggested.items())
            another = sight.name != self._suggested_for and wanted["accelerator"]
            if wanted != self._suggested and (untouched or another):
                self.setup = replace(self.setup, **wanted)
                self._suggested, self._suggested_for = wanted, sight.name
        self._fill()
        self._redraw()

    def _fill(self) -> None:
        for name, row in self._rows.items():
            value = getattr(self.setup, name)
            row.show(None if value in ("", None, False) else value, "", "")
        self.query_one("#probe-stop", Button).disabled = self.job is None
        self.query_one("#probe-start", Button).disabled = self.job is not None
        self.query_one("#probe-use", Button).disabled = self.run_ is None
        self.query_one("#probe-resume", Button).disabled = not self._can_resume()

    def _can_resume(self) -> bool:
        from advisor.probe.resume import has_more

        return self.job is None and self._stopped is not None and has_more(self._stopped)

    def _redraw(self) -> None:
        text = self.query_one("#probe-text", Static)
        width = max(30, self.query_one("#probe-right").size.width - 4)
        if self.snapshot is not None and self.job is not None:
            text.update(progress_content(self.snapshot, self._history, width))
        elif self.run_ is not None:
            text.update(result_content(self.run_, self._predicted(self.run_), self._error))
        else:
            text.update(self._plan())

    def _predicted(self, run: Run) -> Sequence[OperatingEstimate | str]:
        """What was predicted for a run: asked once, for it does not change with what the run is used for."""
        if self.bench is not None and run.steps and self._said[0] is not run:
            self._said = (run, self.bench.predicted(run))
        return self._said[1] if self._said[0] is run else ()

    def _plan(self) -> Any:
        from advisor.domain.errors import AdvisorError

        lead = content((f"✗ {self._error}\n\n", "bad")) if self._error else content("")
        sight = self.sight
        why = sight.answer.decision.information if sight.answer and sight.answer.decision else None
        try:
            _, plan = plan_of(self.setup, sight.profile)
        except AdvisorError as error:
            return lead + plan_content(None, str(error), why)
        return lead + plan_content(plan, "", why)

    # ---------------------------------------------------------------- events

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        name = str(event.row.spec.key[0])
        blank = getattr(Setup(), name)
        self.setup = replace(self.setup, **{name: blank if event.value is None else event.value})
        self._error = ""
        if self.job is None:
            self.run_ = None
        self._fill()
        self._redraw()

    @on(FieldRow.Stepped)
    def _stepped(self, event: FieldRow.Stepped) -> None:
        self._step(event.row, event.by)

    @on(SecretRow.Stepped)
    def _stepped_from_key(self, event: SecretRow.Stepped) -> None:
        self._step(self.query_one(SecretRow), event.by)

    def _step(self, here: Widget, by: int) -> None:
        rows: list[Widget] = [w for w in self.query_one("#probe-form").children if isinstance(w, FieldRow | SecretRow)]
        at = rows.index(here) + by
        if 0 <= at < len(rows):
            rows[at].focus()

    @on(SecretRow.Focused)
    def _key_focused(self) -> None:
        self.query_one("#probe-help", Static).update(content(("Key: ", "strong"), KEY_HELP))

    @on(FieldRow.Focused)
    def _focused(self, event: FieldRow.Focused) -> None:
        event.row.scroll_visible(animate=False)
        spec = event.row.spec
        self.query_one("#probe-help", Static).update(content((f"{spec.label}: ", "strong"), spec.help))

    @on(Button.Pressed, "#probe-start")
    def action_start(self) -> None:
        """Show the worst case once more, then measure."""
        from advisor.domain.errors import AdvisorError
        from advisor.evidence.runs import unstated
        from advisor.tui.widgets.dialogs import Confirm

        if self.job is not None:
            return
        try:
            target, plan = plan_of(self.setup, self.sight.profile)
        except AdvisorError as error:
            self._error = str(error)
            self._redraw()
            return
        usd = f"USD {plan.worst_usd:,.2f}" if plan.worst_usd is not None else "unknown cost: no price is given"
        seconds = f"{plan.worst_seconds:,.0f} s" if plan.worst_seconds is not None else "no limit on time"
        hint = f"At worst {plan.worst_tokens:,} tokens, {seconds}, {usd}. Then it stops by itself."
        missing = still_to_state([name for name in unstated(deployment_of(self.setup)) if name != "model"])
        hint += f" It will be no evidence: state {missing}." if missing else ""

        def sure(yes: bool | None) -> None:
            if yes:
                self._start(plan)

        self.app.push_screen(Confirm(f"Start the probe of {target.shown}?", hint, "Start"), sure)

    @on(Button.Pressed, "#probe-resume")
    def action_resume(self) -> None:
        """Measure what the last run has left, within the limits of the form."""
        from advisor.domain.errors import AdvisorError
        from advisor.probe.resume import asked_of, take_up
        from advisor.tui.widgets.dialogs import Confirm

        if self.job is not None:
            return
        if not self._can_resume() or self._stopped is None:
            self.notify("There is no stopped run with steps left. Start one with F5.", timeout=4)
            return
        run = self._stopped
        try:
            target, plan = plan_of(self.setup, self.sight.profile)
            resumed = take_up(run, plan, asked_of(plan, target), deployment_of(self.setup), target)
        except AdvisorError as error:
            self._error = str(error)
            self._redraw()
            return
        spent = resumed.spent
        usd = f", USD {spent.usd:,.2f}" if plan.prices.known else ""
        hint = (
            f"{len(resumed.done)} of {len(plan.steps)} steps are done and stay as they are. Of the limits"
            f" {spent.tokens:,} tokens, {spent.seconds:,.0f} s{usd} are spent."
        )

        def sure(yes: bool | None) -> None:
            if yes:
                self._start(plan, run.id)

        self.app.push_screen(Confirm(f"Take up run {run.id}?", hint, "Resume"), sure)

    def _start(self, plan: Plan, resume: str = "") -> None:
        self._error, self.run_, self.snapshot, self._history = "", None, None, History()
        self.job = ProbeJob(
            self.setup, plan, self.program.call_back, self._told, self._ended, key=self.key, resume=resume
        )
        self._rows["url"].focus()  # the button is about to be disabled, and keys go by the focus
        self._fill()
        self.program.set_probing(True)
        self.query_one("#probe-text", Static).update(content(("◌ Contacting the server …", "warn")))
        self.job.start()

    def _told(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._history.add(snapshot)
        if self.is_mounted:
            self._redraw()

    def _ended(self, error: str) -> None:
        self.job = None
        self.program.set_probing(False)
        self.run_ = self.snapshot.run if self.snapshot is not None else None
        self._stopped = self.run_ or self._stopped
        self._error = error
        if self.is_mounted:
            self._fill()
            self._redraw()
        if self.program.at != "probe":
            self.notify(error or "The probe has ended; its result is under Probe.", timeout=8, markup=False)

    @on(Button.Pressed, "#probe-stop")
    def action_stop(self) -> None:
        """End now; what is measured is kept."""
        if self.job is not None:
            self._rows["url"].focus()
            self.job.stop()
            self.notify("Stopping: what is in flight is cut, what is measured is kept.", timeout=4)

    @on(Button.Pressed, "#probe-use")
    def action_use(self) -> None:
        """Let the measurement overrule the estimate."""
        from advisor.domain.model_names import model_called
        from advisor.evidence.runs import measurements_from_run, unstated

        if self.run_ is None:
            self.notify("There is no finished run. Start one with F5.", timeout=4)
            return
        missing = still_to_state(unstated(self.run_.deployment))
        if missing:
            self.notify(f"State {missing} before the run: without it no estimate can use it.", timeout=6)
            return
        bench, name = self.program.desk.facts.bench, self.run_.deployment.model
        if bench is not None and model_called(name, bench.catalog.models.values()) is None:
            told = f'The catalog has no model "{name}": state which one it is before the run.'
            self.notify(told, timeout=6, markup=False)
            return
        found = measurements_from_run(self.run_)
        if not found:
            self.notify("No step of this run is evidence, so that there is nothing to use.", timeout=6)
            return
        self.program.use_evidence(found)
        self.notify(f"{len(found)} measured points now overrule the estimate (grade A).", timeout=6)
