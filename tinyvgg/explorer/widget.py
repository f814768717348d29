"""The explorer in Jupyter: a session that shares its choices with a front-end."""

from __future__ import annotations

import os
from typing import Any

try:
    import anywidget
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("the explorer needs anywidget: pip install anywidget") from error

from tinyvgg.explorer.gallery import Gallery
from tinyvgg.explorer.pack import cached_pack, rounded
from tinyvgg.explorer.page import TITLE, SavedPage, check_size, write_page
from tinyvgg.explorer.session import INPUTS, Refused, Session
from tinyvgg.explorer.snapshot import first_paint
from tinyvgg.explorer.state import Choice
from tinyvgg.explorer.static import STYLE, bundle, web_text

SHARED = (*INPUTS, "suppressed")


class Explorer(Session, anywidget.AnyWidget):
    """A `Session` with an interactive display, in JupyterLab, Notebook, VS Code or Voila.

    The front-end runs the network itself, from a pack whose weights are quantised such that no
    prediction of the test images changes. Python computes with the same weights, so that both
    give the same results.

    Parameters, attributes and methods are those of `Session`.

    Notes
    -----
    The messages between the two: everything that changed at once goes in one message. In a
    message from the front-end, `INPUTS` are one choice, as `choose` takes it, and `suppressed`,
    which follows from them, is ignored; `suppressed` alone (sent by `jslink`) are pixels by hand.
    An invalid choice is answered by ``{"refused": sentence}`` and by all traits as they are.
    ``{"need": task}`` is answered by ``{"pack": task}`` with the bytes as its one buffer.

    Examples
    --------
    ``Explorer(study)`` explores the networks of a `Study`; a network of your own comes with its
    pictures. The last line of a cell shows the explorer.

    >>> import numpy as np
    >>> from tinyvgg import Explorer, TinyVGG
    >>> net = TinyVGG(num_classes=2, image_size=16, width=4, dense=(8,)).eval()
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    >>> explorer = Explorer(net, images, labels=[0, 1, 0, 1], classes=["cat", "dog"])
    >>> state = explorer.choose(pixel_set="backtracked")  # the display follows
    >>> explorer.pixel_set
    'backtracked'
    >>> page = explorer.save("page.html")  # doctest: +SKIP
    """

    _esm = bundle()
    _css = web_text(STYLE)

    def __init__(self, *source: Any, **own: Any):
        self._received: dict[str, Any] | None = None  # while a message is being read
        self._rounded: dict[str, tuple[Gallery, bytes]] = {}
        super().__init__(*source, **own)
        self.on_msg(self._answer)

    def _gallery(self, task: str) -> Gallery:
        return self._with_pack(task)[0]

    def _with_pack(self, task: str) -> tuple[Gallery, bytes]:
        """A gallery with the quantised network of its pack, and that pack."""
        if task not in self._rounded:
            gallery = super()._gallery(task)
            bits, pack = cached_pack(gallery, self._study.store if self._study else None)
            self._rounded[task] = rounded(gallery, bits), pack
        return self._rounded[task]

    def save(self, path: str | os.PathLike, title: str = TITLE) -> SavedPage:
        """Write this explorer, in its present state, as one HTML file that needs nothing else.

        It opens from a disk, in any browser of today, and has the weights that are computed with
        here: the fewest bits that change no prediction.

        Parameters
        ----------
        path : path
            Replaced if it is there, whole or not at all.
        title : str
            Its heading.

        Returns
        -------
        SavedPage
            The path, and the size, which it says when it is shown.

        Raises
        ------
        ValueError
            The network is too large for a page.
        """
        made = {task: self._with_pack(task) for task in self.tasks}
        check_size(gallery.net for gallery, _ in made.values())
        return write_page(path, self, {task: pack for task, (_, pack) in made.items()}, title)

    # ------------------------------------------------------------------ to the front-end

    def _arrive(self, choice: Choice) -> None:
        with self.hold_sync():  # one message
            super()._arrive(choice)

    def notify_change(self, change: Any) -> None:
        with self.hold_sync():  # together with what observers change in turn
            super().notify_change(change)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """As any widget; and as HTML of this state, for a page without widgets."""
        shown = super()._repr_mimebundle_(**kwargs)
        if shown is None:  # it was closed
            return None
        data, metadata = shown
        return {**data, "text/html": first_paint(self)}, metadata

    # ------------------------------------------------------------------ from the front-end

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Set the values of a message: those of the choice as one choice, the others one by one."""
        self._received = {}
        try:
            super().set_state(sync_data)  # echoes, and hands each value to set_trait
            received = self._received
        finally:
            self._received = None
        if received:
            self._take(received)

    def set_trait(self, name: str, value: Any) -> None:
        if self._received is None:
            super().set_trait(name, value)
        elif name in SHARED:
            self._received[name] = value
        elif name != "tasks":  # which the front-end may not set
            super().set_trait(name, value)

    def _take(self, received: dict[str, Any]) -> None:
        inputs = {name: value for name, value in received.items() if name in INPUTS}
        try:
            with self._lock_property(**received), self.hold_sync():
                self.choose(**(inputs or received))
                if inputs:  # the front-end knows what follows
                    self._states_to_send.discard("suppressed")
        except Refused as refusal:
            self.send_state(SHARED)
            self.send({"refused": str(refusal)})

    def _answer(self, _: Any, content: Any, __: Any) -> None:
        """Send the pack that a message asks for."""
        task = content.get("need") if isinstance(content, dict) else None
        if task is None:
            return
        if task in self.tasks:
            self.send({"pack": task}, [self._with_pack(task)[1]])
        else:
            known = ", ".join(self.tasks)
            self.send({"need": task, "refused": f"unknown task {task!r}: choose one of {known}"})
