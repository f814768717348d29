"""The explorer in a browser: what hand and eye find there, against what Python says."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
from explorer_page import Hands, write_page
from networks import random_tiny
from PIL import Image
from serving import serve, settle

from tinyvgg import as_input, backtrack
from tinyvgg.explorer.gallery import gallery_of
from tinyvgg.explorer.link import decode
from tinyvgg.explorer.pack import pack_gallery, rounded
from tinyvgg.explorer.session import INPUTS, Refused, Session
from tinyvgg.explorer.training import leaders

pytestmark = pytest.mark.browser

CLASSES = {"emotion": ["angry", "calm", "dull", "eager", "fond", "glad"], "face": list("123456")}
VIEWPORT = {"width": 1100, "height": 1300}
OPEN = {"floor": 0.0, "percentile": 60.0}  # a cut that leaves something of a random network
SIZE, MAPS, SIDE = 64, 6, 8  # of the pictures; the last maps, and their height and width
FACE, GRID = ".tve-face .tve-canvas", ".tve-maps .tve-canvas"


def world(task: str, seed: int):
    """A gallery of a random network whose mistakes have twins, but for the last class."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    images = small.repeat(8, 1).repeat(8, 2)
    net = random_tiny(seed, image_size=SIZE, width=MAPS, num_classes=6, dtype=torch.float32)
    with torch.no_grad():
        last = net.classifier[-1]
        last.weight.mul_(20)
        last.bias -= backtrack(net, as_input(images)).logits.mean(0)
        last.bias[-1] -= 100
    labels = backtrack(net, as_input(images)).logits.argmax(1).numpy()
    labels[::3] = labels[1::3][: len(labels[::3])]
    labels[3] = 5
    found = gallery_of(net, images, labels, CLASSES[task], task, trained(seed))
    return rounded(found, 16)


def trained(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Training images, each of one color, and their labels."""
    colors = np.random.default_rng(100 + seed).integers(0, 256, (count, 1, 1, 3), dtype=np.uint8)
    return colors.repeat(SIZE, 1).repeat(SIZE, 2), np.arange(count) % 6


@pytest.fixture(scope="module")
def galleries():
    return {task: world(task, seed) for seed, task in enumerate(CLASSES)}


@pytest.fixture(scope="module")
def site(galleries, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    packs = {task: pack_gallery(gallery, 16) for task, gallery in galleries.items()}
    session = Session(galleries)
    session.choose(task="emotion", **OPEN)
    traits = {name: getattr(session, name) for name in (*INPUTS, "suppressed")}
    write_page(folder, packs, {"tasks": list(galleries), **traits})
    with serve(folder) as address:
        yield address


def context_of(chromium, **settings):
    context = chromium.new_context(**{"viewport": VIEWPORT, **settings})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture(scope="module")
def tab(chromium, site):
    """One for all tests that ask for nothing particular."""
    with context_of(chromium) as context:
        yield Hands(context, site)


@pytest.fixture
def opened(chromium, site, tab):
    """Open explorers, further ones in contexts of their own; none may complain or ask elsewhere."""
    used, contexts = [], []

    def open_one(query: str = "", **settings) -> Hands:
        if settings or used:
            contexts.append(context_of(chromium, **settings))
            used.append(Hands(contexts[-1], site))
        else:
            tab.page.emulate_media(color_scheme="light")
            tab.page.set_viewport_size(VIEWPORT)
            tab.wrong.clear()
            used.append(tab)
        return used[-1].open(query)

    yield open_one
    wrong = [each for hands in used for each in hands.wrong]
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def hands(opened):
    return opened()


@pytest.fixture
def session(galleries):
    session = Session(galleries)
    session.choose(**OPEN)
    return session


def words(state) -> tuple[str, str]:
    return state.sentence, state.context


def numbers_at(row: int, column: int, state, maps=range(MAPS)) -> list[int]:
    """The active pixels at a place, in some maps."""
    each = [(m * SIDE + row) * SIDE + column for m in maps]
    return [k for k in each if state.maps.flat[k] > 0]


def busiest(state) -> tuple[int, int]:
    """The place with most active pixels."""
    return divmod(int((state.maps > 0).sum(0).argmax()), SIDE)


def cell(row: int, column: int) -> tuple[float, float]:
    return (column + 0.5) / SIDE, (row + 0.5) / SIDE


def cell_of_map(hands: Hands, number: int, row: int, column: int) -> tuple[float, float]:
    """Where a pixel of a map is in the grid, as shares of its width and height."""
    return tuple(
        hands.page.evaluate(
            """([map, row, column]) => {
                const canvas = document.querySelector(".tve-maps .tve-canvas");
                const found = canvas.closest(".tve-board").dataset;
                const [across, cell, apart, down] = found.layout.split(",").map(Number);
                const x = (map % across) * apart + (column + 0.5) * cell;
                const y = Math.floor(map / across) * down + (row + 0.5) * cell;
                return [x / canvas.width, y / canvas.height];
            }""",
            [number, row, column],
        )
    )


# ---------------------------------------------------------------------- it says what Python says


def test_begins_where_python_begins_and_says_the_same(hands, session):
    assert hands.said == words(session.state)
    assert hands.trait("case") == session.case
    assert hands.trait("pixel_set") == "backtracked"


@pytest.mark.parametrize("name", ["nothing", "backtracked", "common", "unique"])
def test_each_set_says_what_python_says(hands, session, name):
    hands.radio("Suppress", name)
    state = session.choose(pixel_set="none" if name == "nothing" else name)
    assert hands.said == words(state)
    shown = hands.page.get_by_role("group", name="Suppress", exact=True).inner_text()
    for set_name, pixels in state.sets.items():
        assert re.search(rf"{set_name}\s+{int(pixels.sum())}\b", shown)


def test_draws_the_same_pixels_at_random_as_python(hands, session):
    hands.switch("as many random pixels")
    assert hands.said == words(session.choose(random=True))
    hands.press("Draw again")
    assert hands.said == words(session.choose(draw=1))
    assert hands.trait("suppressed") == list(session.suppressed)


def test_another_task_and_back(hands, session):
    hands.radio("Task", "face")
    hands.page.wait_for_function("model.get('task') == 'face'")
    assert hands.said == words(session.choose(task="face"))
    hands.radio("Task", "emotion")
    assert hands.said == words(session.choose(task="emotion"))
    assert hands.page.evaluate("model.sent") == [{"need": "emotion"}, {"need": "face"}]


def test_the_class_traced_back_and_the_cut(hands, session):
    hands.page.get_by_text("Backtracking: class and cut").click()
    hands.page.get_by_label("Class backtracked").select_option("dull")
    hands.settle()
    assert hands.said == words(session.choose(target="dull"))
    hands.page.get_by_label("Floor").fill("0.025")
    hands.page.get_by_label("Percentile").fill("30.5")
    hands.settle()
    assert hands.said == words(session.choose(floor=0.025, percentile=30.5))
    hands.radio("Algorithm", "printed")
    assert hands.said == words(session.choose(printed=True))
    assert hands.page.get_by_label("Floor").is_disabled()


def test_bars_tell_every_number_and_the_true_class(hands, session):
    state = session.choose(pixel_set="unique")
    hands.radio("Suppress", "unique")
    told = hands.page.locator(".tve-chance .tve-unseen").all_inner_texts()
    truth = state.gallery.say(state.case.true)
    assert sum(text.startswith(f"{truth}, the true class: ") for text in told) == 1
    names = [text.split(":")[0].split(",")[0] for text in told]
    after = [state.after[state.gallery.classes.index(name)] for name in names]
    assert after == sorted(after, reverse=True)
    k = state.gallery.classes.index(names[0])
    assert f"{state.before[k]:.2f} with all pixels" in told[0]
    assert f"{state.without_chosen[k]:.2f} with the set suppressed" in told[0]
    assert f"{state.without_control[k]:.2f} with as many random pixels suppressed" in told[0]


# ---------------------------------------------------------------------- pictures


def test_pictures_are_chosen_by_hand_and_by_arrow_keys(hands, session):
    rows = list(session.cases)
    caption = session.cases[rows[1]].caption
    hands.page.get_by_role("radio", name=caption, exact=True).check()
    hands.settle()
    assert hands.said == words(session.choose(case=rows[1]))
    hands.page.keyboard.press("ArrowRight")
    hands.settle()
    assert hands.trait("case") == rows[2]
    hands.press("Previous image")
    hands.press("Previous image")
    hands.press("Previous image")
    assert hands.trait("case") == rows[-1]
    hands.press("Next image")
    assert hands.trait("case") == rows[0]


def test_the_twin_stands_beside_its_case(hands, session):
    twin = hands.page.locator(".tve-twin")
    gallery = session.state.gallery
    label = twin.locator("canvas").get_attribute("aria-label")
    assert label == f"Its twin, classified correctly: {gallery.shown[session.twin]}"
    before = twin.evaluate("node => node.previousElementSibling.querySelector('input').checked")
    assert before
    alone = next(row for row, case in session.cases.items() if case.twin is None)
    hands.change(case=alone)
    assert twin.count() == 0
    for name in ("common", "unique"):
        group = hands.page.get_by_role("group", name="Suppress", exact=True)
        assert group.locator(f"label:has-text('{name}') input").is_disabled()
    assert session.cases[alone].why_no_twin in hands.page.locator(".tve-hint").first.inner_text()


# ---------------------------------------------------------------------- the brush


def test_a_place_brushed_on_the_face_goes_in_all_maps(hands, session):
    hands.radio("Suppress", "nothing")
    place = busiest(session.state)
    hands.drag(FACE, [cell(*place)])
    state = session.choose(suppressed=numbers_at(*place, session.state))
    assert hands.trait("suppressed") == list(session.suppressed)
    assert hands.said == words(state)


def test_a_pixel_brushed_on_one_map_goes_alone_or_in_all(hands, session):
    hands.radio("Suppress", "nothing")
    place = busiest(session.state)
    pixels = numbers_at(*place, session.state)
    number = pixels[0] // SIDE**2
    hands.drag(GRID, [cell_of_map(hands, number, *place)])
    assert hands.trait("suppressed") == pixels[:1]
    hands.switch("in all maps")
    hands.drag(GRID, [cell_of_map(hands, number, *place)])
    assert hands.trait("suppressed") == pixels


def test_the_brush_restores_and_has_a_size(hands, session):
    hands.radio("Suppress", "nothing")
    hands.radio("Size", "3")
    hands.drag(FACE, [cell(3, 3)])
    around = [(y, x) for y in (2, 3, 4) for x in (2, 3, 4)]
    wide = sorted(k for y, x in around for k in numbers_at(y, x, session.state))
    assert hands.trait("suppressed") == wide
    hands.radio("Size", "1")
    hands.radio("Brush", "restore")
    hands.drag(FACE, [cell(3, 3)])
    left = sorted(set(wide) - set(numbers_at(3, 3, session.state)))
    assert hands.trait("suppressed") == left
    hands.drag(FACE, [cell(3, 3)], shift=True)  # the other way
    assert hands.trait("suppressed") == wide
    hands.radio("Brush", "look")
    hands.drag(FACE, [cell(3, 3)])
    assert hands.trait("suppressed") == wide


def test_a_drag_is_seen_at_once_and_kept_once(hands, session):
    hands.radio("Suppress", "nothing")
    saved = hands.page.evaluate("model.saved.length")
    before = hands.sentence
    hands.drag(FACE, [cell(2, 1), cell(2, 6)], up=False)
    assert hands.sentence != before
    assert hands.page.evaluate("model.saved.length") == saved
    hands.page.mouse.up()
    hands.settle()
    assert hands.page.evaluate("model.saved.length") == saved + 1
    row = sorted(k for x in range(1, 7) for k in numbers_at(2, x, session.state))
    assert hands.trait("suppressed") == row
    hands.press("Undo")  # the whole stroke
    assert hands.sentence == before


def test_what_was_found_can_be_brushed_on(hands, session):
    session.choose(pixel_set="unique")
    found = set(session.suppressed)
    hands.radio("Suppress", "unique")
    place = busiest(session.state)
    hands.drag(FACE, [cell(*place)])
    assert set(hands.trait("suppressed")) == found | set(numbers_at(*place, session.state))
    assert hands.trait("pixel_set") == "hand"


# ---------------------------------------------------------------------- the pixel pointed at


def field(row: int, column: int) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the receptive field of Tiny VGG, by hand."""
    edges = [(max(0, 8 * k - 14), min(SIZE, 8 * k + 22)) for k in (row, column)]
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def outlined(hands: Hands) -> tuple[float, ...] | None:
    """What is outlined on the face: top, left, bottom and right in pixels of the image."""
    mark = hands.shown(".tve-face .tve-mark").any(axis=2)
    if not mark.any():
        return None
    rows, columns = np.flatnonzero(mark.any(1)), np.flatnonzero(mark.any(0))
    high, wide = (SIZE / extent for extent in mark.shape)
    return rows[0] * high, columns[0] * wide, (rows[-1] + 1) * high, (columns[-1] + 1) * wide


def thumbnails(hands: Hands, kind: int) -> list[tuple[str, list[int]]]:
    """The titles of a row's thumbnails, and the colors of their middles."""
    row = hands.page.locator(".tve-thumbnails").nth(kind)
    return row.evaluate(
        """node => [...node.querySelectorAll("canvas:not([hidden])")].map((one) => {
            const copy = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
            const context = copy.getContext("2d", { willReadFrequently: true });
            context.drawImage(one, -(one.width >> 1), -(one.height >> 1));
            return [one.title, [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)]];
        })"""
    )


def check_pixel(hands: Hands, gallery, number: int, row: int, column: int) -> None:
    """What is shown of a pixel is what Python measures."""
    top, left, bottom, right = field(row, column)
    line = f"Pixel (map {number + 1}, row {row + 1}, column {column + 1}): receptive field "
    line += f"{bottom - top} × {right - left}"
    assert hands.page.locator(".tve-pixelline").inner_text() == line
    assert outlined(hands) == pytest.approx((top, left, bottom, right), abs=0.5)
    found = leaders(gallery.net, gallery.training, 3)
    pixel = (number * SIDE + row) * SIDE + column
    images, labels = gallery.training.images, gallery.training.labels
    for kind, rows in enumerate((found.active[pixel], found.deciding[pixel])):
        shown = thumbnails(hands, kind)
        rows = [row for row in rows if row >= 0]
        assert len(shown) == len(rows)
        for (title, color), row in zip(shown, rows, strict=True):
            truth, predicted = (gallery.say(k) for k in (labels[row], found.predicted[row]))
            other = "" if truth == predicted else f", misclassified as {predicted}"
            assert title == f"{truth}{other}"
            assert np.abs(images[row, 0, 0] - np.array(color, float)).max() < 30
    texts = hands.page.locator(".tve-thumbnails .tve-hint").all_inner_texts()
    none = "No training image excites this pixel.", "No decision on a training image depends on it."
    for text, sentence, rows in zip(texts, none, (found.active, found.deciding), strict=True):
        assert text == ("" if rows[pixel, 0] >= 0 else sentence)


def test_the_pixel_under_the_pointer_shows_its_field_and_its_training_images(hands, galleries):
    gallery = galleries["emotion"]
    found = leaders(gallery.net, gallery.training, 3)
    shape = MAPS, SIDE, SIDE
    silent = np.flatnonzero(found.active[:, 0] < 0)
    excited = np.flatnonzero(found.deciding[:, 2] >= 0)
    assert len(silent) and len(excited)
    for pixel in (excited[0], excited[-1], excited[len(excited) // 2], silent[0]):
        place = tuple(int(k) for k in np.unravel_index(pixel, shape))
        box, (x, y) = hands.box(GRID), cell_of_map(hands, *place)
        hands.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        hands.settle()
        check_pixel(hands, gallery, *place)
    hands.page.mouse.move(1, 1)
    hands.settle()
    assert outlined(hands) is None
    assert hands.page.locator(".tve-pixelline").inner_text().startswith("Pixel (map ")


def test_the_pixel_under_the_cursor_is_shown_and_read_out_at_rest(hands, galleries):
    hands.page.locator(GRID).focus()
    live = hands.page.locator(".tve-pixel [aria-live]")
    assert live.get_attribute("aria-live") == "polite"
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "PageDown"):
        hands.page.keyboard.press(key)
    assert live.inner_text() == ""  # while keys follow each other
    hands.settle()
    check_pixel(hands, galleries["emotion"], 1, 2, 1)
    hands.page.wait_for_function(
        "document.querySelector('.tve-pixel [aria-live]').textContent.startsWith("
        "'Pixel (map 2, row 3, column 2): receptive field 36 × 30.')"
    )
    titles = [title for title, _ in thumbnails(hands, 0)]
    if titles:
        assert f"Most active in: {'; '.join(titles)}." in live.text_content()
    hands.page.keyboard.press("Tab")
    hands.settle()
    assert outlined(hands) is None


def test_a_place_of_the_face_shows_its_field_in_all_maps(hands):
    box, (x, y) = hands.box(FACE), cell(0, 7)
    hands.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    hands.settle()
    line = hands.page.locator(".tve-pixelline").inner_text()
    assert line == "Pixels of all maps (row 1, column 8): receptive field 22 × 22"
    assert outlined(hands) == pytest.approx(field(0, 7), abs=0.5)
    assert not thumbnails(hands, 0) and not thumbnails(hands, 1)


def test_another_task_has_other_training_images(hands, galleries):
    hands.radio("Task", "face")
    hands.page.wait_for_function("model.get('task') == 'face'")
    hands.settle()
    assert hands.page.locator(".tve-pixelline").inner_text().startswith("Point at a pixel")
    hands.page.locator(GRID).focus()
    hands.page.keyboard.press("ArrowRight")
    hands.settle()
    check_pixel(hands, galleries["face"], 0, 0, 1)


def test_a_finger_shows_a_pixel_and_lifts(opened):
    hands = opened(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    hands.page.locator(GRID).tap(position={"x": 20, "y": 20})
    hands.settle()
    assert hands.page.locator(".tve-pixelline").inner_text().startswith("Pixel (map 1, ")
    assert outlined(hands) is not None
    above = hands.page.locator(".tve-pixel").bounding_box()
    assert above["y"] + above["height"] <= hands.page.locator(".tve-maps").bounding_box()["y"]


# ---------------------------------------------------------------------- the curve


def test_the_dot_of_the_curve_is_dragged_and_moved_by_keys(hands, session):
    size = int(session.state.chosen.sum())
    slider = hands.page.get_by_label("Only the strongest")
    assert slider.input_value() == slider.get_attribute("max") == str(size)
    hands.drag(".tve-plot", [(0.97, 0.5), (0.5, 0.5)])
    strongest = hands.trait("strongest")
    assert 1 < strongest < size
    assert hands.said == words(session.choose(strongest=strongest))
    slider.focus()
    hands.page.keyboard.press("ArrowLeft")
    hands.settle()
    assert hands.said == words(session.choose(strongest=strongest - 1))
    hands.page.keyboard.press("End")
    hands.settle()
    assert hands.trait("strongest") is None


def test_the_curve_ends_where_the_bars_are(hands, session):
    state = session.choose(pixel_set="backtracked")
    told = hands.page.locator(".tve-plot").get_attribute("aria-label")
    k = int(state.before.argmax())
    values = state.before[k], state.without_chosen[k], state.without_control[k]
    assert re.findall(r"\d\.\d\d", told) == [f"{value:.2f}" for value in values]


# ---------------------------------------------------------------------- undo and links


def test_undo_redo_and_reset_by_buttons_and_keys(hands):
    first = hands.said
    hands.radio("Suppress", "unique")
    hands.switch("as many random pixels")
    last = hands.said
    hands.press("Undo")
    hands.press("Undo")
    assert hands.said == first
    assert hands.page.get_by_role("button", name="Undo", exact=True).is_disabled()
    hands.page.keyboard.press("Control+Shift+z")
    hands.page.locator(GRID).focus()
    hands.page.keyboard.press("Control+y")
    hands.page.keyboard.press("Control+y")
    hands.settle()
    assert hands.said == last
    hands.page.keyboard.press("Control+z")
    hands.settle()
    assert hands.said != last
    hands.press("Reset")
    assert hands.trait("pixel_set") == "backtracked"
    assert hands.trait("percentile") == 90
    hands.press("Undo")
    assert hands.trait("percentile") == OPEN["percentile"]


def test_a_link_restores_exactly_this_state(opened):
    hands = opened()
    hands.press("Next image")
    hands.drag(FACE, [cell(1, 1), cell(5, 5)])
    hands.switch("as many random pixels")
    hands.press("Draw again")
    hands.press("Copy link")
    link = hands.page.evaluate("navigator.clipboard.readText()")
    address, fragment = link.split("#")
    assert hands.page.url.startswith(address)
    other = opened()
    chosen = other.page.evaluate("text => explorer.decode(text)", fragment.removeprefix("explore:"))
    other.change(**chosen)
    assert other.said == hands.said
    assert {name: other.trait(name) for name in INPUTS} == {
        name: hands.trait(name) for name in INPUTS
    }


def test_there_is_no_link_where_no_page_opens_it(hands):
    assert hands.page.get_by_role("button", name="Copy link").count() == 1
    hands.page.evaluate(
        """() => {
            leave();
            const values = { ...model.values, page: undefined };
            explorer.render({ model: new Model(values), el: document.querySelector("#first") });
        }"""
    )
    hands.page.locator(".tve-sentence").wait_for()
    assert hands.page.get_by_role("button", name="Copy link").count() == 0


def test_a_link_is_offered_where_the_clipboard_is_closed(hands):
    closed = "navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
    hands.page.evaluate(f"() => {{ {closed} }}")
    hands.press("Copy link")
    _, found, link = hands.page.get_by_label("Link to copy").input_value().partition("#explore:")
    assert found and decode(link).task == "emotion"


# ---------------------------------------------------------------------- the model


def test_follows_what_python_sets(hands, session):
    session.choose(pixel_set="common", draw=3, percentile=50.0)
    hands.change(pixel_set="common", draw=3, percentile=50.0, suppressed=list(session.suppressed))
    assert hands.said == words(session.state)
    hands.change(pixel_set="hand", by_hand=[5, 9, 40], suppressed=[5, 9, 40])
    assert hands.said == words(session.choose(suppressed=[5, 9, 40]))
    hands.change(random=True)
    assert hands.said == words(session.choose(random=True))
    saved = hands.page.evaluate("model.saved.length")
    assert saved == 0  # what was heard is not sent back


def test_pixels_that_another_widget_sets_are_by_hand(hands, session):
    hands.change(suppressed=[7, 8, 300])
    assert hands.said == words(session.choose(suppressed=[7, 8, 300]))


def test_what_cannot_be_is_refused_in_words(hands, session):
    said = hands.said
    with pytest.raises(Refused) as refusal:
        session.choose(case=10**6)
    hands.change(case=10**6)
    refused = hands.page.locator(".tve > [role=alert]").inner_text()
    assert refused.lower() == str(refusal.value).lower()
    assert hands.said == said
    hands.radio("Suppress", "common")
    assert hands.page.locator(".tve > [role=alert]").inner_text() == ""
    assert hands.trait("case") == session.case  # what can be is written again
    hands.page.evaluate("model.tell('msg:custom', { refused: 'Not so.' }, [])")
    assert hands.page.locator(".tve > [role=alert]").inner_text() == "Not so."


def test_a_task_whose_network_does_not_come_is_refused_in_words(hands):
    said = hands.said
    hands.wrong.clear()
    hands.change(task="gaze")
    hands.page.get_by_text("There is none.").wait_for()
    assert hands.said == said
    hands.wrong = [each for each in hands.wrong if "404" not in each]


def test_two_views_of_one_model_go_together(hands):
    hands.page.evaluate(
        "() => { window.end = explorer.render({ model, el: document.querySelector('#second') }) }"
    )
    second = hands.page.locator("#second")
    second.locator(".tve-sentence").wait_for()
    hands.radio("Suppress", "unique")
    hands.settle()
    assert second.locator(".tve-sentence").inner_text() == hands.sentence
    second.get_by_role("checkbox", name="as many random pixels").check()
    hands.settle()
    assert "at random" in hands.sentence
    hands.page.evaluate("end()")
    assert second.inner_html() == ""
    hands.radio("Suppress", "common")
    assert hands.trait("pixel_set") == "common"


def test_leaves_nothing_behind(hands):
    assert hands.page.evaluate("model.listening()") > 0
    hands.page.evaluate("leave()")
    assert hands.page.locator("#first").inner_html() == ""
    assert hands.page.locator("#first").get_attribute("class") in ("", None)
    assert hands.page.evaluate("model.listening()") == 0
    hands.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    hands.page.set_viewport_size({"width": 500, "height": 800})
    hands.change(pixel_set="unique")


# ---------------------------------------------------------------------- keys, ears, touch, tone


def test_everything_is_done_by_keys_alone(hands, session):
    page = hands.page
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.tve-maps') !== null"):
            break
    assert page.evaluate("document.activeElement.matches('.tve-maps .tve-canvas')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    row, column = busiest(session.state)
    pixels = numbers_at(row, column, session.state)
    number = pixels[0] // SIDE**2
    for key, times in (("PageDown", number), ("ArrowDown", row), ("ArrowRight", column)):
        for _ in range(times):
            page.keyboard.press(key)
    spoken = page.locator(".tve-maps [aria-live]").inner_text()
    assert spoken.startswith(f"Map {number + 1}, row {row + 1}, column {column + 1}, ")
    page.keyboard.press("Shift+Space")
    hands.settle()
    assert pixels[0] not in hands.trait("suppressed")
    page.keyboard.press("Space")
    hands.settle()
    assert pixels[0] in hands.trait("suppressed")
    assert "suppressed" in page.locator(".tve-maps [aria-live]").inner_text()


def test_jupyterlab_takes_no_key_from_what_has_the_focus(hands):
    hands.press("Your image")
    hands.press("Use an example")
    focused = ".tve :is(a, button, input, select, summary, [tabindex])"
    assert hands.page.locator(focused).count() > 30
    assert hands.page.locator(f"{focused}:not([data-lm-suppress-shortcuts])").count() == 0


def test_arrow_keys_go_from_map_to_map(hands):
    hands.page.locator(GRID).focus()
    for _ in range(SIDE):
        hands.page.keyboard.press("ArrowRight")
    spoken = hands.page.locator(".tve-maps [aria-live]").inner_text()
    assert spoken.startswith("Map 2, row 1, column 1,")
    for _ in range(SIDE + 3):
        hands.page.keyboard.press("ArrowLeft")
    spoken = hands.page.locator(".tve-maps [aria-live]").inner_text()
    assert spoken.startswith("Map 1, row 1, column 1,")


def test_everything_has_a_name(hands):
    hands.press("Your image")
    hands.press("Use an example")
    hands.page.locator("summary").click()
    tree = hands.page.locator("#first").aria_snapshot()
    roles = "button|radio|checkbox|slider|combobox|application|img|group|radiogroup|textbox"
    assert not re.findall(rf"^ *- (?:{roles})(?:$|:$| \[)", tree, re.MULTILINE)
    for landmark in ("Gallery", "Image", "Pixel", "Deconvolved", "Feature maps", "Probabilities"):
        assert f'region "{landmark}"' in tree
    canvases = hands.page.locator("canvas:not([aria-label]):not([aria-hidden])")
    assert canvases.count() == 0


def test_the_sentence_is_told_when_the_hand_rests(hands):
    place = hands.page.locator(".tve-sentence")
    assert place.get_attribute("aria-live") == "polite"
    hands.drag(FACE, [cell(2, 1), cell(2, 6)], up=False)
    assert place.get_attribute("aria-busy") == "true"
    hands.page.mouse.up()
    hands.settle()
    assert place.get_attribute("aria-busy") == "false"


def test_the_sentence_comes_first_and_only_the_last_state_is_deconvolved(hands):
    hands.radio("Suppress", "nothing")
    seen = hands.page.evaluate(
        """async () => {
            const features = document.querySelector(".tve-features");
            const told = () => document.querySelector(".tve-sentence").innerText;
            const drawn = [];
            const note = (records) => drawn.push(...records.map(({ target }) => target.title));
            const options = { attributes: true, attributeFilter: ["title"], subtree: true };
            new MutationObserver(note).observe(features, options);
            const said = [told()];
            for (const set of ["unique", "backtracked"]) {
                model.change({ pixel_set: set });
                await new Promise((done) => setTimeout(done, 0));
                said.push(told(), features.getAttribute("aria-busy"));
            }
            while (features.getAttribute("aria-busy") === "true")
                await new Promise((done) => requestAnimationFrame(done));
            return [said, drawn];
        }"""
    )
    (nothing, unique, early, backtracked, again), drawn = seen
    assert len({nothing, unique, backtracked}) == 3
    assert early == again == "true"  # the pictures are of a state before
    assert len(drawn) == 3  # pictures
    assert backtracked.split()[1] in drawn[1]  # the number of pixels


def test_a_finger_scrolls_until_it_is_to_brush(opened):
    hands = opened(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    canvas = hands.page.locator(FACE)
    action = "node => getComputedStyle(node).touchAction"
    assert canvas.evaluate(action) == "auto"
    hands.radio("Suppress", "nothing")
    canvas.tap()
    hands.settle()
    assert hands.trait("suppressed") == []
    hands.radio("Brush", "suppress")
    assert canvas.evaluate(action) == "none"
    canvas.tap()
    hands.settle()
    assert len(hands.trait("suppressed")) > 0


@pytest.mark.parametrize("width", [340, 360, 700, 1100])
def test_fits_every_width(opened, width):
    hands = opened(viewport={"width": width, "height": 900})
    hands.press("Your image")
    hands.press("Use an example")
    hands.page.locator("summary").click()
    hands.settle()
    assert hands.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = hands.page.evaluate(
        """() => [...document.querySelectorAll(".tve :is(button, canvas, svg, select, p, label)")]
            .filter((node) => !node.closest(".tve-strip, .tve-unseen, [hidden]"))
            .map((node) => node.getBoundingClientRect().right)"""
    )
    assert max(boxes) <= width


def test_follows_the_tone_of_the_page(opened):
    hands = opened()
    paper = "() => getComputedStyle(document.querySelector('.tve')).backgroundColor"
    light = hands.page.evaluate(paper), hands.shown(GRID).mean()
    hands.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    hands.settle()
    dark = hands.page.evaluate(paper), hands.shown(GRID).mean()
    assert light[0] == "rgb(255, 255, 255)" != dark[0]
    assert dark[1] < light[1]
    hands.page.evaluate(
        "delete document.documentElement.dataset.theme; document.body.dataset.jpThemeLight = 'true'"
    )
    hands.settle()
    assert hands.page.evaluate(paper) == light[0]
    hands.page.evaluate("delete document.body.dataset.jpThemeLight")
    hands.page.emulate_media(color_scheme="dark")
    hands.settle()
    assert hands.page.evaluate(paper) == dark[0]


def test_nothing_glides_where_motion_is_unwelcome(opened):
    count = """() => {
        window.glided = 0;
        const { animate } = Element.prototype;
        Element.prototype.animate = function (...what) {
            window.glided += 1;
            return animate.apply(this, what);
        };
    }"""
    for wanted in ("no-preference", "reduce"):
        hands = opened(reduced_motion=wanted)
        hands.page.evaluate(count)
        hands.radio("Suppress", "nothing")
        hands.radio("Suppress", "backtracked")
        assert (hands.page.evaluate("glided") > 0) == (wanted == "no-preference")
        slides = "node => getComputedStyle(node, '::after').transitionDuration"
        slow = hands.page.locator(".tve-switch input").first.evaluate(slides)
        assert (slow != "0s") == (wanted == "no-preference")


# ---------------------------------------------------------------------- a picture of one's own


def picture_file(image: Image.Image, kind: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def choose_file(hands: Hands, name: str, mime: str, content: bytes) -> None:
    if not hands.page.get_by_text("nothing leaves your browser").is_visible():
        hands.press("Your image")
    file = {"name": name, "mimeType": mime, "buffer": content}
    hands.page.locator("input[type=file]").set_input_files(file)


def seen(hands: Hands) -> np.ndarray:
    """What the network will see, (S, S, 3)."""
    hands.page.locator(".tve-preview").wait_for()
    hands.settle()
    return hands.shown(".tve-preview")


@pytest.fixture(scope="module")
def photograph():
    """More wide than high, and no multiple of the network's pictures."""
    random = np.random.default_rng(5)
    rough = Image.fromarray(random.integers(0, 256, (10, 14, 3), dtype=np.uint8))
    return rough.resize((210, 150), Image.Resampling.BICUBIC)


def area_mean(image: Image.Image, left: int, top: int, side: int) -> np.ndarray:
    """The exact mean over each part of a square, slowly: every pixel counted by its share."""
    source = np.asarray(image, float)[top : top + side, left : left + side]
    part = side / SIZE
    shares = np.zeros((SIZE, side))
    for k in range(SIZE):
        for pixel in range(side):
            covered = min(pixel + 1, (k + 1) * part) - max(pixel, k * part)
            shares[k, pixel] = max(0, covered)
    return np.einsum("ky,yxc,lx->klc", shares, source, shares) / part**2


def test_a_picture_is_cropped_shrunk_and_classified(hands, galleries, photograph):
    choose_file(hands, "me.png", "image/png", picture_file(photograph))
    found = seen(hands)
    assert np.abs(found - area_mean(photograph, 30, 0, 150)).max() <= 0.5 + 1e-6
    hands.press("Classify")
    gallery = galleries["emotion"]
    chances = backtrack(gallery.net, as_input(found[None])).probabilities[0]
    best = int(chances.argmax())
    line = hands.page.locator(".tve-caseline").inner_text()
    assert (
        f"your image → classified as {gallery.say(best)} (confidence {chances[best]:.2f})" in line
    )
    assert "is not known" in hands.said[1]  # nothing is suppressed, whatever was before
    assert hands.trait("case") in gallery.cases  # the model never hears of it
    assert hands.page.evaluate("model.sent") == [{"need": "emotion"}]
    hands.press("Copy link")
    assert "stays in your browser" in hands.page.locator(".tve > [role=alert]").inner_text()
    hands.press("Undo")
    assert "your image" not in hands.page.locator(".tve-caseline").inner_text()


def test_the_frame_is_moved_and_sized_by_keys_wheel_and_pointer(hands, photograph):
    choose_file(hands, "me.png", "image/png", picture_file(photograph))
    seen(hands)
    frame = hands.page.locator(".tve-crop")
    frame.press("ArrowRight")
    assert np.abs(seen(hands) - area_mean(photograph, 33, 0, 150)).max() <= 0.51
    for _ in range(30):
        frame.press("ArrowRight")  # not beyond the picture
    assert np.abs(seen(hands) - area_mean(photograph, 60, 0, 150)).max() <= 0.51
    size = hands.page.get_by_label("Size of the frame")
    size.fill("100")
    size.dispatch_event("input")
    assert np.abs(seen(hands) - area_mean(photograph, 85, 25, 100)).max() <= 0.51
    hands.drag(".tve-crop", [(0.6, 0.5), (0.0, 0.0)])
    assert np.abs(seen(hands) - area_mean(photograph, 0, 0, 100)).max() <= 0.51
    frame.hover()
    hands.page.mouse.wheel(0, -200)
    hands.settle()
    assert int(size.input_value()) < 100
    frame.press("+")
    assert size.input_value() != "100"


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photograph_stands_upright(hands, photograph, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {3: 180, 6: 90, 8: 270}[orientation]
    stored = photograph.rotate(turned, expand=True)
    jpeg = picture_file(stored, "JPEG", quality=98, subsampling=0, exif=exif)
    choose_file(hands, "me.jpg", "image/jpeg", jpeg)
    assert np.abs(seen(hands) - area_mean(photograph, 30, 0, 150)).mean() < 4


def test_an_animation_gives_its_first_frame(hands):
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "lime", "blue")]
    gif = picture_file(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    choose_file(hands, "me.gif", "image/gif", gif)
    settle(hands.page, frames=12)  # long enough for another frame of the picture
    assert (seen(hands) == [255, 0, 0]).all()


def test_what_is_transparent_is_white(hands):
    choose_file(hands, "me.png", "image/png", picture_file(Image.new("RGBA", (70, 70))))
    assert (seen(hands) == 255).all()


BAD = {
    "notes.txt": ("text/plain", b"not a picture", "is not an image but text/plain"),
    "fake.png": ("image/png", b"not a picture", "is not an image that this browser can read"),
    "empty.png": ("image/png", b"", "is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_refuses_what_is_no_picture(hands, photograph, name):
    mime, content, why = BAD[name]
    choose_file(hands, name, mime, content)
    alert = hands.page.locator(".tve-panel [role=alert]")
    alert.filter(has_text=f"“{name}” {why}").wait_for()
    assert hands.page.locator(".tve-framing").is_hidden()
    choose_file(hands, "me.png", "image/png", picture_file(photograph))  # and goes on
    seen(hands)
    assert alert.inner_text() == ""


def test_refuses_what_is_huge_before_it_is_decoded(hands):
    kinds = {"PNG": ("image/png", 8000), "GIF": ("image/gif", 8000), "JPEG": ("image/jpeg", 8000)}
    for kind, (mime, side) in kinds.items():
        content = picture_file(Image.new("L", (side, side)), kind)
        choose_file(hands, f"big.{kind.lower()}", mime, content)
        refused = f"“big.{kind.lower()}” has 8,000 × 8,000 pixels. The limit is 60 million"
        hands.page.locator(".tve-panel [role=alert]").filter(has_text=refused).wait_for()
    drop(hands, "new File([new Uint8Array(41 * 2 ** 20)], 'long.png', { type: 'image/png' })")
    refused = "“long.png” has 41 MB. The limit is 40 MB"
    hands.page.locator(".tve-panel [role=alert]").filter(has_text=refused).wait_for()


def drop(hands: Hands, file: str, event: str = "drop") -> None:
    """Drop, or paste, what an expression makes; null for a drop of something else."""
    hands.page.evaluate(
        f"""() => {{
            const carried = new DataTransfer();
            const file = {file};
            if (file) carried.items.add(file);
            const options = {{ bubbles: true, cancelable: true }};
            const happens = "{event}" === "drop"
                ? new DragEvent("drop", {{ ...options, dataTransfer: carried }})
                : new ClipboardEvent("paste", {{ ...options, clipboardData: carried }});
            document.querySelector(".tve-face").dispatchEvent(happens);
        }}"""
    )


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted_anywhere(hands, photograph, event):
    content = list(picture_file(photograph))
    drop(hands, f"new File([new Uint8Array({content})], 'a.png', {{ type: 'image/png' }})", event)
    assert np.abs(seen(hands) - area_mean(photograph, 30, 0, 150)).max() <= 0.51


def test_a_drop_of_no_file_says_what_to_do(hands):
    drop(hands, "null")
    hands.page.get_by_text("That contained no file.").wait_for()
