"""The explorer in Jupyter: controls that set the session, and its state beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from tinyvgg.explorer import page
from tinyvgg.explorer.session import WITH_TWIN, Refused, Session
from tinyvgg.explorer.state import State

BUTTONS = ("none", "backtracked", "common", "unique")
WIDE = {"description_width": "initial"}


class Explorer(Session, widgets.VBox):
    """A `Session` that can be seen and moved: a widget for a notebook with a kernel.

    >>> explorer = Explorer(study)
    >>> explorer                             # the last line of a cell shows it
    >>> explorer.choose(pixel_set="unique")  # moves its controls as well
    >>> explorer.observe(print, "suppressed")

    Parameters, attributes and methods are those of `Session`.
    """

    def __init__(self, *source: Any, **own: Any):
        super().__init__(*source, **own)
        self._showing = False
        self._make_controls()
        self._said, self._bars, self._faces, self._maps, self._note = (
            widgets.HTML(layout=_flex(1, basis))
            for basis in ("auto", "280px", "auto", "300px", "auto")
        )
        for shown in (self._said, self._faces, self._note):
            shown.layout.width = "100%"
        self.children = [
            widgets.HTML(page.STYLE, layout=widgets.Layout(display="none")),
            _row(self.controls["task"], self._back, self._forth, self.controls["case"]),
            _row(widgets.Label("Suppress"), *self._sets.values()),
            _row(self.controls["random"], self._again, self.controls["strongest"]),
            _row(
                self.controls["target"],
                self.controls["printed"],
                self.controls["floor"],
                self.controls["percentile"],
                self._reset,
            ),
            self._note,
            self._said,
            self._faces,
            _row(self._bars, self._maps, gap="24px", align="flex-start"),
        ]
        self.layout = widgets.Layout(max_width="960px", grid_gap="6px", overflow="hidden")
        self.add_class("tinyvgg-explorer")
        self.observe(lambda change: self._show(change.new), "state")
        self._show(self.state)

    # ------------------------------------------------------------------ controls

    def _make_controls(self) -> None:
        self.controls: dict[str, Any] = {
            "task": widgets.ToggleButtons(options=self.tasks, style={"button_width": "auto"}),
            "case": widgets.Dropdown(description="Case", style=WIDE, layout=_flex(1, "340px")),
            "random": widgets.Checkbox(
                description="as many drawn at random instead", indent=False, layout=_flex(0)
            ),
            "strongest": widgets.IntSlider(
                description="only the strongest", min=1, max=1, style=WIDE, layout=_flex(1, "280px")
            ),
            "target": widgets.Dropdown(
                description="Backtrack", style=WIDE, layout=_flex(0, "220px")
            ),
            "printed": widgets.Checkbox(
                description="as printed (no cut)", indent=False, layout=_flex(0)
            ),
            "floor": widgets.FloatSlider(
                description="floor", max=0.5, step=0.005, readout_format=".3f", style=WIDE,
                layout=_flex(1, "200px"),
            ),
            "percentile": widgets.FloatSlider(
                description="percentile", max=100, step=0.5, readout_format=".1f", style=WIDE,
                layout=_flex(1, "200px"),
            ),
        }  # fmt: skip
        for name, control in self.controls.items():
            if name != "strongest":
                self._on(control, partial(_same, name))
        self._on(self.controls["strongest"], self._strongest)
        self._sets = {
            name: widgets.ToggleButton(description=page.NAMES[name], layout=_flex(0))
            for name in BUTTONS
        }
        for name, button in self._sets.items():
            self._on(button, partial(_set, name))
        self._back = self._button("◀", "The case before", lambda: self._step(-1))
        self._forth = self._button("▶", "The next case", lambda: self._step(1))
        self._again = self._button(
            "draw again", "Draw other pixels at random", lambda: self.choose(draw=self.draw + 1)
        )
        self._reset = self._button("reset", "Everything but the case as at first", self.reset)

    def _on(self, control: widgets.Widget, wanted: Callable[[Any], dict[str, Any]]) -> None:
        """Let a control choose, but not while it is being set by the state."""

        def moved(change) -> None:
            if not self._showing:
                self._try(lambda: self.choose(**wanted(change.new)))

        control.observe(moved, "value")

    def _button(self, text: str, tooltip: str, press: Callable[[], Any]) -> widgets.Button:
        button = widgets.Button(description=text, tooltip=tooltip, layout=_flex(0))
        button.on_click(lambda _: self._try(press))
        return button

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except Refused as refusal:
            self._show(self.state)
            self._note.value = _note(str(refusal))
        else:
            self._show_controls(self.state)  # a pressed button stays down

    def _strongest(self, count: int) -> dict[str, Any]:
        return {"strongest": None if count >= self.controls["strongest"].max else count}

    def _step(self, by: int) -> State:
        rows = list(self.cases)
        return self.choose(case=rows[(rows.index(self.case) + by) % len(rows)])

    # ------------------------------------------------------------------ what is seen

    def _show(self, state: State) -> None:
        self._show_controls(state)
        self._note.value = _note(_explanation(self, state))
        self._said.value = page.said(state)
        self._bars.value = page.bars(state)
        self._faces.value = page.faces(state)
        self._maps.value = page.maps(state)

    def _show_controls(self, state: State) -> None:
        """Bring every control to where the session is."""
        self._showing = True
        try:
            self._show_choice(state)
        finally:
            self._showing = False

    def _show_choice(self, state: State) -> None:
        choice, gallery, controls = state.choice, state.gallery, self.controls
        cases = tuple((case.caption, case.row) for case in gallery.cases.values())
        says = gallery.say
        targets = (
            (f"predicted: {says(int(state.before.argmax()))}", "predicted"),
            (f"true: {says(state.case.true)}", "true"),
            *((says(k), name) for k, name in enumerate(gallery.classes)),
        )
        for name, options in (("case", cases), ("target", targets)):
            if controls[name].options != options:
                controls[name].options = options
        size = int(state.sets[choice.pixel_set].sum()) if choice.pixel_set in state.sets else 0
        controls["strongest"].max = max(1, size)
        controls["floor"].max = max(controls["floor"].max, choice.floor)
        for name, control in controls.items():
            if name != "strongest":
                control.value = getattr(choice, name)
        controls["strongest"].value = min(choice.strongest or size, max(1, size)) or 1
        controls["strongest"].disabled = size < 2
        controls["floor"].disabled = controls["percentile"].disabled = choice.printed
        controls["random"].disabled = choice.pixel_set == "none"
        self._again.disabled = choice.pixel_set == "none"
        for name, button in self._sets.items():
            count = f" ({int(state.sets[name].sum()):,})" if name in state.sets else ""
            button.description = page.NAMES[name] + count
            button.value = name == choice.pixel_set
            button.disabled = name not in self.available
            button.tooltip = state.case.why_no_twin if button.disabled else ""


def _same(name: str, value: Any) -> dict[str, Any]:
    return {name: value}


def _set(name: str, _: bool) -> dict[str, Any]:
    return {"pixel_set": name}


def _explanation(session: Session, state: State) -> str:
    """What the reader needs to know to understand why a control is dead or a set is empty."""
    notes = []
    if state.case.why_no_twin:
        names = " and ".join(f"“{page.NAMES[name]}”" for name in WITH_TWIN)
        notes.append(f"{state.case.why_no_twin} So {names} are switched off.")
    if state.choice.pixel_set == "hand":
        notes.append("The pixels were chosen by hand, from Python.")
    if state.choice.printed:
        notes.append("Without a cut, backtracking selects nearly every active pixel.")
    elif not state.sets["backtracked"].any():
        notes.append("No contribution passes this cut: lower the floor or the percentile.")
    return " ".join(notes)


def _note(text: str) -> str:
    return f'<div class="tve tve-small">{escape(text)}</div>' if text else ""


def _row(*children: widgets.Widget, gap: str = "6px 10px", align: str = "center") -> widgets.Box:
    layout = widgets.Layout(
        display="flex", flex_flow="row wrap", align_items=align, width="100%", grid_gap=gap
    )
    return widgets.Box(children, layout=layout)


def _flex(grow: int, basis: str = "auto") -> widgets.Layout:
    return widgets.Layout(flex=f"{grow} 1 {basis}", width="auto", max_width="100%", margin="0")
