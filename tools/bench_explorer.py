"""How long the page's engine takes, in a headless browser: ``python tools/bench_explorer.py``.

Needs playwright (the extra "dev") and a Chromium. Without a study, the network is an untrained
TinyVGG and its pictures are random.
"""

from __future__ import annotations

import argparse
import base64
import platform
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from tinyvgg.explorer.gallery import Gallery, gallery_of, study_gallery
from tinyvgg.explorer.pack import pack_gallery
from tinyvgg.explorer.static import bundle
from tinyvgg.model import TinyVGG
from tinyvgg.runs.study import Study

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CLASSES = 67
REPEATS = 20

STEPS = {  # name, and how often it is done for each of `repeats`
    "the pack is read": 1,
    "features of a picture": 1,
    "backtracking with a cut": 1,
    "suppression to probabilities": 4,
    "a brush: set, control, sentence": 4,
    "the same, with deconvolution and tracking": 1,
    "the cut is moved": 1,
    "a deletion curve of 61 points": 1,
}
HARNESS = """
export function stepsOf(text, floor) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const counts = Array.from({ length: 61 }, (_, count) => count);
  const cut = { floor, percentile: 90 };
  let pack, session, recording, set, turn = 0;
  const some = () => drawnOrder(recording.maps, turn++).slice(0, 40);
  const brush = () => session.choose({ suppressed: some() });
  const steps = [
    async () => { pack = await readPack(bytes); },
    () => { recording = pack.network.record(asInput(pack.image(pack.first), pack.network)); },
    () => { set = backtrack(pack.network, recording.maps, null, cut).pixels; },
    () => suppress(pack.network, recording.maps, set),
    () => { session ??= new Session(pack); brush(); },
    () => brush().tracking(),
    () => session.choose({ pixel_set: "backtracked", floor, percentile: 90 - (turn++ % 60) }),
    () => deletion(pack.network, recording.maps, session.state.control_order, counts, 0),
  ];
  return async (step, repeats) => {
    const times = [];
    for (let k = 0; k < repeats; k++) {
      const start = performance.now();
      await steps[step]();
      times.push(performance.now() - start);
    }
    return times;
  };
}
"""


def bench(
    browser: Any, gallery: Gallery, repeats: int = REPEATS, floor: float = 0.05
) -> dict[str, tuple[list[float], float]]:
    """Milliseconds of each step in the page.

    Parameters
    ----------
    browser : playwright.sync_api.Browser
        A Chromium.
    gallery : Gallery
        Its pack is made with the fewest bits.
    repeats : int
        How often each step is done, after a few times that do not count.
    floor : float
        Of the cut.

    Returns
    -------
    dict of str to (list of float, float)
        By step: the time of each repetition, and the processor time of one on average, which
        other work on the machine does not lengthen much.
    """
    page, system = browser.new_page(), browser.new_browser_cdp_session()

    def processor_time() -> float:
        processes = system.send("SystemInfo.getProcessInfo")["processInfo"]
        return 1000 * sum(p["cpuTime"] for p in processes if p["type"] == "renderer")

    page.evaluate(
        """async ([text, ...given]) => {
            const blob = new Blob([text], { type: "text/javascript" });
            const { stepsOf } = await import(URL.createObjectURL(blob));
            window.run = stepsOf(...given);
        }""",
        [bundle() + HARNESS, base64.b64encode(pack_gallery(gallery)).decode(), floor],
    )
    found = {}
    for step, (name, often) in enumerate(STEPS.items()):
        page.evaluate("(step) => run(step, 3)", step)
        before = processor_time()
        times = page.evaluate("(given) => run(...given)", [step, often * repeats])
        found[name] = times, (processor_time() - before) / len(times)
    page.close()
    return found


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
    """Print a table of milliseconds."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(prog="python tools/bench_explorer.py", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="pictures' sizes for untrained networks")
    parser.add_argument("--profile", help="time a study's networks too (trained if need be)")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    options = parser.parse_args(arguments)
    sizes = options.sizes or ([] if options.profile else [64])
    print(f"milliseconds on {platform.machine()}, {platform.system()}")
    with sync_playwright() as play:
        path = next(filter(None, map(shutil.which, BROWSERS)), None)
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for title, gallery, floor in _galleries(options.profile, sizes):
            print(f"\n{title:<44}  median   10 % to 90 %   processor")
            for name, (times, processor) in bench(browser, gallery, options.repeats, floor).items():
                low, median, high = np.quantile(times, (0.1, 0.5, 0.9))
                print(f"  {name:<42}{median:8.1f}{low:8.1f} {high:7.1f}{processor:10.1f}")
        browser.close()


if __name__ == "__main__":
    main()
