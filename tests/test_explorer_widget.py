"""The explorer in Jupyter: what passes between Python and its front-end, both ways."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from explorers import CLASSES, OPEN, lonely_case, of, pictures_of, world
from ipywidgets import jslink, link
from jupyter_client.manager import start_new_kernel

from tinyvgg import TinyVGG
from tinyvgg.explorer import Explorer, Session
from tinyvgg.explorer.session import INPUTS
from tinyvgg.explorer.snapshot import first_paint

HERE = Path(__file__).resolve().parent


class FrontEnd:
    """The other side of an explorer: what it was told, and what it says."""

    def __init__(self, explorer: Explorer):
        self.explorer, self.heard = explorer, []
        explorer.comm = SimpleNamespace(
            comm_id="here", kernel=True, on_msg=lambda _: None, close=lambda: None, send=self._hear
        )

    def _hear(self, data, buffers=None):
        content = json.loads(json.dumps(data))  # what cannot travel as JSON fails here
        self.heard.append((content.pop("method"), content, [bytes(part) for part in buffers or ()]))

    def says(self, **state):
        self._send({"method": "update", "state": json.loads(json.dumps(state))})

    def asks(self, content):
        self._send({"method": "custom", "content": content})

    def _send(self, data):
        self.heard.clear()
        self.explorer._handle_msg({"content": {"data": data}, "buffers": []})

    def told(self) -> dict:
        """All that Python said of the traits since the front-end last spoke."""
        found = {}
        for method, content, _ in self.heard:
            if method == "update":
                found |= content["state"]
        return found

    def refusals(self) -> list[str]:
        said = [content["content"] for method, content, _ in self.heard if method == "custom"]
        return [content["refused"] for content in said if "refused" in content]


@pytest.fixture
def explorer(small):
    explorer = of(small, Explorer)
    explorer.choose(**OPEN)
    return explorer


@pytest.fixture
def front_end(explorer):
    return FrontEnd(explorer)


def second(explorer) -> int:
    return [row for row, case in explorer.cases.items() if case.twin is not None][1]


# ---------------------------------------------------------------------- Python to the front-end


def test_all_that_a_choice_changes_goes_in_one_message(explorer, front_end):
    explorer.choose(case=second(explorer), pixel_set="unique", percentile=45.0)
    ((method, content, _),) = front_end.heard
    assert method == "update"
    assert set(content["state"]) == {"case", "pixel_set", "percentile", "suppressed"}
    assert content["state"]["suppressed"] == list(explorer.suppressed)


def test_one_trait_that_is_set_brings_what_follows_with_it(explorer, front_end):
    explorer.choose(pixel_set="unique")
    front_end.heard.clear()
    explorer.case = lonely_case(explorer)
    told = front_end.told()
    assert (told["case"], told["pixel_set"]) == (explorer.case, "backtracked")
    assert len(front_end.heard) == 1


def test_what_does_not_change_is_not_told(explorer, front_end):
    explorer.choose(percentile=explorer.percentile)
    assert front_end.heard == []


# ---------------------------------------------------------------------- the front-end to Python


def test_python_hears_the_front_end(explorer, front_end):
    heard = []
    explorer.observe(lambda change: heard.append((change.name, change.new)), ["case", "suppressed"])
    row = second(explorer)
    front_end.says(case=row, pixel_set="common", suppressed=[1])
    assert (explorer.case, explorer.pixel_set) == (row, "common")
    assert dict(heard) == {"case": row, "suppressed": explorer.suppressed}
    assert explorer.state.choice.case == row


def test_values_of_a_message_are_one_choice_whatever_their_order(small):
    two = {"animals": of(small).state.gallery}
    net, images, labels = world(7, None, count=30)
    other = Session(net, images, labels, CLASSES)
    explorer = Explorer({**two, "letters": other.state.gallery})
    row = next(row for row in other.cases if row not in explorer.cases)
    front_end = FrontEnd(explorer)
    states = []
    explorer.observe(lambda change: states.append(change.new), "state")
    front_end.says(case=row, task="letters", target="fox")
    assert (explorer.task, explorer.case, explorer.target) == ("letters", row, "fox")
    assert states == [explorer.state]
    assert front_end.refusals() == []


def test_what_the_front_end_said_is_not_said_back(explorer, front_end):
    follows = list(of_choice(explorer, pixel_set="none"))
    front_end.says(pixel_set="none", suppressed=follows)
    assert front_end.told() == {}


def of_choice(explorer, **wanted) -> tuple[int, ...]:
    now = explorer.state.choice
    suppressed = explorer.choose(**wanted) and explorer.suppressed
    explorer.choose(**{name: getattr(now, name) for name in INPUTS})
    return suppressed


def test_pixels_that_follow_from_a_choice_of_the_front_end_are_its_own(explorer, front_end):
    """A pixel at the very cut may fall to either side; that must not look like a new choice."""
    front_end.says(pixel_set="unique", suppressed=[0])
    assert explorer.pixel_set == "unique"
    assert explorer.suppressed != (0,)
    assert "suppressed" not in front_end.told()


def test_suppressed_alone_are_pixels_by_hand(explorer, front_end):
    explorer.choose(random=True)
    front_end.says(suppressed=[5, 3, 3])
    assert (explorer.pixel_set, explorer.random) == ("hand", False)
    assert explorer.suppressed == explorer.by_hand == (3, 5)
    told = front_end.told()
    assert (told["pixel_set"], told["by_hand"], told["suppressed"]) == ("hand", [3, 5], [3, 5])


def test_pixels_by_hand_travel_beside_their_control(explorer, front_end):
    front_end.says(pixel_set="hand", by_hand=[3, 5], random=True, suppressed=[8, 9])
    assert (explorer.by_hand, explorer.random) == ((3, 5), True)
    assert len(explorer.suppressed) == 2


@pytest.mark.parametrize(
    "wanted, reason",
    [
        ({"case": 10_000}, "not among the"),
        ({"task": "age", "case": 3}, "unknown task 'age'"),
        ({"draw": None, "pixel_set": "none"}, "draw must be a whole number, got None"),
        ({"floor": "much"}, "floor must be a number, got 'much'"),
        ({"suppressed": [99]}, "no pixel 99"),
        ({"suppressed": "all"}, "must be numbers of pixels"),
        ({"by_hand": [[1]], "pixel_set": "hand"}, "must be numbers of pixels"),
    ],
)
def test_a_refused_choice_is_answered_with_a_sentence_and_the_state_that_holds(
    explorer, front_end, wanted, reason
):
    before = explorer.state
    front_end.says(**wanted)
    assert explorer.state is before
    (sentence,) = front_end.refusals()
    assert reason in sentence
    told = front_end.told()
    assert {*INPUTS, "suppressed"} == set(told)
    assert all(told[name] == json.loads(json.dumps(getattr(explorer, name))) for name in told)


def test_a_refusal_leaves_the_next_choice_open(explorer, front_end):
    front_end.says(case=10_000)
    front_end.says(pixel_set="none")
    assert explorer.pixel_set == "none"


# ---------------------------------------------------------------------- packs


def test_a_pack_is_sent_when_it_is_asked_for_and_only_then(explorer, front_end):
    assert not any(isinstance(value, bytes) for value in explorer.get_state().values())
    front_end.asks({"need": "pictures"})
    ((method, content, buffers),) = front_end.heard
    assert (method, content["content"]) == ("custom", {"pack": "pictures"})
    assert buffers == [explorer._with_pack("pictures")[1]]
    assert len(buffers[0]) > 1000


def test_a_pack_of_an_unknown_task_is_refused_by_name(explorer, front_end):
    front_end.asks({"need": "age"})
    assert front_end.refusals() == ["unknown task 'age': choose one of pictures"]
    front_end.asks({"hello": 1})
    front_end.asks("hello")
    assert front_end.heard == []


def test_python_computes_with_the_weights_that_the_page_has(small):
    from tinyvgg.explorer.pack import fewest_bits, rounded_network

    net, images, _ = small
    explorer = of(small, Explorer)
    bits = fewest_bits(net, images)
    expected = rounded_network(net, bits).state_dict()
    held = explorer.state.gallery.net.state_dict()
    assert bits < 32
    assert all((held[name] == expected[name]).all() for name in held)
    assert any((held[name] != net.state_dict()[name]).any() for name in held)


# ---------------------------------------------------------------------- by itself, and in a page


def test_an_explorer_works_without_a_front_end(small):
    explorer = of(small, Explorer)
    state = explorer.choose(pixel_set="common", **OPEN)
    assert state is explorer.state
    assert state.sentence == of(small).choose(pixel_set="common", **OPEN).sentence


def test_two_explorers_do_not_share(small):
    one, two = of(small, Explorer), of(small, Explorer)
    one.choose(pixel_set="none", **OPEN)
    assert two.pixel_set == "backtracked"


def test_the_kept_state_of_a_widget_holds_no_weights():
    net = TinyVGG(67, 64)
    images = pictures_of(1, 40, 64)
    explorer = Explorer(net, images, np.arange(40) % 67, [str(k) for k in range(67)])
    explorer.choose(printed=True)
    state = explorer.get_state()
    program = len(state.pop("_esm")) + len(state.pop("_css"))
    assert len(json.dumps(state)) < 50_000
    assert program < 400_000


def test_a_cell_shows_the_widget_and_html_for_pages_without_one(explorer):
    data, _ = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert data["text/html"] == first_paint(explorer)
    assert explorer.state.sentence in data["text/html"]


def test_other_widgets_can_be_linked_to_its_pixels(explorer, front_end):
    other = Explorer(dict(pictures=explorer.state.gallery))
    jslink((explorer, "suppressed"), (other, "suppressed"))
    link((explorer, "case"), (other, "case"))
    front_end.says(case=second(explorer), suppressed=[])
    assert other.case == explorer.case


# ---------------------------------------------------------------------- with a kernel


class Kernel:
    """A kernel that has an explorer, and a front-end's side of its messages."""

    def __init__(self, client):
        self.client = client
        opened = self.run(
            "from explorers import CLASSES, OPEN, world",
            "from tinyvgg import Explorer",
            "explorer = Explorer(*world(), CLASSES)",
            "explorer.choose(**OPEN)",
        )[1]
        models = [m for m in opened if m["msg_type"] == "comm_open"]
        (model,) = [m for m in models if m["content"]["data"]["state"].get("_esm")]
        self.comm_id = model["content"]["comm_id"]

    def run(self, *lines: str) -> tuple[str, list[dict]]:
        """What some lines print, and the messages that they send."""
        return self._hear(self.client.execute("\n".join(lines)))

    def says(self, data: dict) -> list[dict]:
        """Send a message to the explorer; what it answers."""
        message = self.client.session.msg("comm_msg", {"comm_id": self.comm_id, "data": data})
        self.client.shell_channel.send(message)
        return [m for m in self._hear(message["header"]["msg_id"])[1] if "data" in m["content"]]

    def _hear(self, asked: str) -> tuple[str, list[dict]]:
        printed, heard = "", []
        while True:
            message = self.client.get_iopub_msg(timeout=600)
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "error":
                pytest.fail("\n".join(content["traceback"]))
            elif message["msg_type"].startswith("comm"):
                heard.append(message)
            elif content.get("execution_state") == "idle":
                return printed, heard


@pytest.fixture(scope="module")
def kernel():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    yield Kernel(client)
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_a_kernel_hears_the_front_end(kernel):
    kernel.run("heard = []", "explorer.observe(lambda c: heard.append(c.new), 'suppressed')")
    kernel.says({"method": "update", "state": {"pixel_set": "none", "suppressed": []}})
    assert (
        kernel.run("print(explorer.pixel_set, explorer.suppressed, heard)")[0] == "none () [()]\n"
    )


@pytest.mark.slow
def test_a_front_end_hears_the_kernel(kernel):
    kernel.run("explorer.reset()")
    _, heard = kernel.run("explorer.choose(by_hand=[3, 5])")
    (update,) = [m["content"]["data"] for m in heard if m["content"]["comm_id"] == kernel.comm_id]
    assert update["method"] == "update"
    assert update["state"]["by_hand"] == update["state"]["suppressed"] == [3, 5]


@pytest.mark.slow
def test_a_kernel_sends_the_pack_as_bytes(kernel):
    (answer,) = kernel.says({"method": "custom", "content": {"need": "pictures"}})
    assert answer["content"]["data"]["content"] == {"pack": "pictures"}
    printed, _ = kernel.run("print(len(explorer._with_pack('pictures')[1]))")
    assert [len(bytes(buffer)) for buffer in answer["buffers"]] == [int(printed)]


@pytest.mark.slow
def test_a_kernel_answers_what_cannot_be_and_goes_on(kernel):
    answers = kernel.says({"method": "update", "state": {"case": 10_000}})
    said = [m["content"]["data"] for m in answers]
    refusals = [d["content"]["refused"] for d in said if d["method"] == "custom"]
    assert [r.startswith("image 10000 is not among the") for r in refusals] == [True]
    assert kernel.run("print(explorer.case in explorer.cases)")[0] == "True\n"
