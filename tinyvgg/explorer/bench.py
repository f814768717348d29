"""How long the page's engine takes, in a headless browser: ``python -m tinyvgg.explorer.bench``.

Needs playwright (the extra "dev") and a Chromium. Times are those of one task's explorer with
its pictures as they come; without a study, of an untrained TinyVGG on random pictures.
"""

from __future__ import annotations

import argparse
import base64
import platform
import shutil
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from tinyvgg.explorer.bundle import bundle
from tinyvgg.explorer.gallery import Gallery, gallery_of, study_gallery
from tinyvgg.explorer.pack import pack_gallery
from tinyvgg.model import TinyVGG
from tinyvgg.study import Study

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CLASSES = 67
REPEATS = 30

HARNESS = """
export async function time(text, repeats, floor) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const times = {};
  const timed = async (name, act) => {
    const start = performance.now();
    const result = await act();
    (times[name] ??= []).push(performance.now() - start);
    return result;
  };
  let pack;
  for (let k = 0; k < 5; k++) pack = await timed("readPack", () => readPack(bytes));
  const rows = [...pack.cases.keys()];
  const session = new Session(pack);
  for (let k = 0; k < repeats; k++) {
    const x = asInput(pack.image(rows[k % rows.length]), pack.network);
    const recording = await timed("features of a picture", () => pack.network.record(x));
    const { maps } = recording;
    const trace = await timed("backtracking with a cut", () =>
      backtrack(pack.network, maps, null, { floor, percentile: 90 }),
    );
    await timed("suppression to probabilities", () => suppress(pack.network, maps, trace.pixels));
    const hand = drawnOrder(maps, k).subarray(0, 40);
    session.choose({ case: rows[k % rows.length], pixel_set: "none" }).tracking();
    await timed("a brush: set, control, sentence", () => session.choose({ suppressed: hand }));
    await timed("its deconvolution and tracking", () => session.state.tracking());
    const counts = Array.from({ length: 61 }, (_, count) => count);
    const { control_order, target } = session.state;
    await timed("deletion curve of 61 points", () =>
      deletion(pack.network, maps, control_order, counts, target),
    );
  }
  return times;
}
"""


def bench(gallery: Gallery, repeats: int = REPEATS, floor: float = 0.05) -> dict[str, list[float]]:
    """Milliseconds of each step in the page, as often as it was done.

    Parameters
    ----------
    gallery : Gallery
        Its pack is made with the fewest bits.
    repeats : int
        Pictures, each of them once more than there are cases if need be.
    floor : float
        Of the cut.
    """
    from playwright.sync_api import sync_playwright

    pack = base64.b64encode(pack_gallery(gallery)).decode()
    with sync_playwright() as play:
        found = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.evaluate(
            """async (text) => {
                const blob = new Blob([text], { type: "text/javascript" });
                window.engine = await import(URL.createObjectURL(blob));
            }""",
            bundle() + HARNESS,
        )
        times = page.evaluate("(given) => engine.time(...given)", [pack, repeats, floor])
        browser.close()
    return times


def untrained(size: int, count: int = 12) -> Gallery:
    """An untrained TinyVGG on random pictures of a size in pixels."""
    net = TinyVGG(CLASSES, size).reset(torch.Generator().manual_seed(0))
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    classes = [str(k) for k in range(CLASSES)]
    return gallery_of(net, images, np.arange(count) % CLASSES, classes)


def _galleries(profile: str | None, sizes: Sequence[int]) -> Iterator[tuple[str, Gallery, float]]:
    """Title, gallery, and floor of the cut."""
    if profile is not None:
        study = Study(profile, progress=False)
        for task in study.tasks:
            title = f"{task}, profile {profile}, {study.image_size} px"
            yield title, study_gallery(study, task), 0.05
    for size in sizes:
        yield f"untrained, {size} px", untrained(size), 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table: the median, and the range of the middle four fifths, in milliseconds."""
    parser = argparse.ArgumentParser(prog="python -m tinyvgg.explorer.bench", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="pictures' sizes for untrained networks")
    parser.add_argument("--profile", help="time a study's networks too (trained if need be)")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args(arguments)
    sizes = options.sizes or ([] if options.profile else [64])
    print(f"{platform.machine()}, {platform.system()}; milliseconds: median (10 % to 90 %)")
    for title, gallery, floor in _galleries(options.profile, sizes):
        print(f"\n{title}")
        for name, times in bench(gallery, options.repeats, floor).items():
            low, median, high = np.quantile(times, (0.1, 0.5, 0.9))
            print(f"  {name:<34}{median:8.1f}   ({low:.1f} to {high:.1f}, {len(times)} times)")


if __name__ == "__main__":
    main()
