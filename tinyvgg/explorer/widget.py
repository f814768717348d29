"""The explorer in Jupyter: a session whose choices a front-end shares."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

try:
    import anywidget
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the explorer needs anywidget: pip install anywidget") from error

from tinyvgg.explorer.bundle import bundle
from tinyvgg.explorer.gallery import Gallery
from tinyvgg.explorer.kept import kept_pack
from tinyvgg.explorer.pack import rounded
from tinyvgg.explorer.page import first_paint
from tinyvgg.explorer.session import INPUTS, Refused, Session
from tinyvgg.explorer.state import Choice

SHARED = (*INPUTS, "suppressed")


class Explorer(Session, anywidget.AnyWidget):
    """A `Session` that can be seen and moved, in JupyterLab, Notebook, VS Code or Voila.

    >>> explorer = tinyvgg.Explorer(study)
    >>> explorer = tinyvgg.Explorer(net, images, labels, classes)
    >>> explorer                             # the last line of a cell shows it
    >>> explorer.choose(pixel_set="unique")  # what is shown follows
    >>> explorer.observe(print, "suppressed")

    The front-end computes for itself what it shows; it has the network in a pack, whose weights
    are rounded where no prediction of the test pictures changes. So that both say the same,
    Python computes with these weights too.

    Parameters, attributes and methods are those of `Session`.

    Notes
    -----
    What passes between the two. All that changed at once goes in one message. Of a message from
    the front-end `INPUTS` are one choice, as `choose` takes it, and `suppressed`, which follows
    from them, is passed over; `suppressed` alone (`jslink` sends that) are pixels by hand. A
    choice that cannot be is answered by ``{"refused": sentence}`` and by everything as it holds.
    ``{"need": task}`` is answered by ``{"pack": task}`` with the bytes as its one buffer.
    """

    _esm = bundle()
    _css = (files(__package__) / "web" / "explorer.css").read_text("utf8")

    def __init__(self, *source: Any, **own: Any):
        self._said: dict[str, Any] | None = None  # by the front-end, while its message is read
        self._rounded: dict[str, tuple[Gallery, bytes]] = {}
        super().__init__(*source, **own)
        self.on_msg(self._answer)

    def _gallery(self, task: str) -> Gallery:
        return self._with_pack(task)[0]

    def _with_pack(self, task: str) -> tuple[Gallery, bytes]:
        """A gallery with the network that its pack holds, and that pack."""
        if task not in self._rounded:
            gallery = super()._gallery(task)
            bits, pack = kept_pack(gallery, self._study.store if self._study else None)
            self._rounded[task] = rounded(gallery, bits), pack
        return self._rounded[task]

    # ------------------------------------------------------------------ to the front-end

    def _arrive(self, choice: Choice) -> None:
        with self.hold_sync():  # one message
            super()._arrive(choice)

    def notify_change(self, change: Any) -> None:
        with self.hold_sync():  # with what follows, which observers bring about
            super().notify_change(change)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """As any widget; and as HTML of this state, for a page where no widget lives."""
        shown = super()._repr_mimebundle_(**kwargs)
        if shown is None:  # it was closed
            return None
        data, metadata = shown
        return {**data, "text/html": first_paint(self)}, metadata

    # ------------------------------------------------------------------ from the front-end

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take a message's values: those of the choice as one choice, the others one by one."""
        self._said = {}
        try:
            super().set_state(sync_data)  # echoes, and hands each value to set_trait
            said = self._said
        finally:
            self._said = None
        if said:
            self._take(said)

    def set_trait(self, name: str, value: Any) -> None:
        if self._said is None:
            super().set_trait(name, value)
        elif name in SHARED:
            self._said[name] = value
        elif name != "tasks":  # those are not the front-end's to set
            super().set_trait(name, value)

    def _take(self, said: dict[str, Any]) -> None:
        inputs = {name: value for name, value in said.items() if name in INPUTS}
        try:
            with self._lock_property(**said), self.hold_sync():
                self.choose(**(inputs or said))
                if inputs:  # what follows from them, the front-end knows
                    self._states_to_send.discard("suppressed")
        except Refused as refusal:
            self.send_state(SHARED)
            self.send({"refused": str(refusal)})

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        """Send a pack that is asked for."""
        task = content.get("need") if isinstance(content, dict) else None
        if task is None:
            return
        if task in self.tasks:
            self.send({"pack": task}, [self._with_pack(task)[1]])
        else:
            known = ", ".join(self.tasks)
            self.send({"need": task, "refused": f"unknown task {task!r}: choose one of {known}"})
