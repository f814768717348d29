"""The command line: ``python -m tinyvgg book | faces | train | study | explorer | bench``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinyvgg.faces.spec import SOURCES

STUDIES = {  # modules of tinyvgg.studies
    "difficulty": "measure how hard the faces are, for a linear probe and for TinyVGG",
    "seeds": "train both tasks with several seeds and measure the paper's claims on each",
    "discussion": "train with other optimisers, and the large models (Section Discussion)",
    "augmentation": "train with augmentation aimed at features that mislead, and its control",
    "layers": "train with average pooling and inception layers, and deconvolve faces with each",
    "paper": "train both tasks at the paper's size, and make every analysis of its sections",
    "precision": "train both tasks with several seeds in float32 and in bfloat16",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 if it succeeded, 1 if it failed, 2 if its options were wrong."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("tinyvgg").setLevel(logging.INFO)
    from tinyvgg.book.execute import BookError
    from tinyvgg.runs.jobs import ProcessLost

    try:
        command(**options)
    except (ValueError, TypeError, FileNotFoundError, ModuleNotFoundError) as error:
        print(f"tinyvgg: {error}", file=sys.stderr)
        return 2
    # OSError: the disk is full, the folder is another's; FloatingPointError: training diverged
    except (BookError, ProcessLost, FloatingPointError, OSError) as error:
        print(f"tinyvgg: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tinyvgg: stopped; finished networks and notebooks are kept", file=sys.stderr)
        return 130
    return 0


def book(parameter: list[list[str]], **options: Any) -> None:
    """Train, execute the notebooks, bind the book."""
    import yaml

    from tinyvgg.book.build import build

    given = {name: yaml.safe_load(value) for name, value in parameter}
    record = build(parameters=given, **options)
    for name, notebook in record["notebooks"].items():
        reused = "   unchanged" if notebook["reused"] else ""
        print(f"  {name:<30}{notebook['seconds']:7.1f} s{reused}")
    print(f"profile {record['profile']}, run {record['run']}: {record['seconds']:.0f} s in all")


def faces_info(source: str, profile: str | None, **options: Any) -> None:
    """Describe a source: counts by label, what looks wrong, and what a book of it will hold."""
    from tinyvgg.book.forecast import forecast
    from tinyvgg.faces import split
    from tinyvgg.faces.overview import describe
    from tinyvgg.runs.study import Study

    asked = {name: value for name, value in options.items() if value is not None}
    study = Study(profile, source)
    faces = _open(source, **asked) if asked else study.faces
    logging.getLogger(split.__module__).setLevel(logging.ERROR)  # the text tells it too
    print(describe(faces))
    if not asked:
        print("A book of it (make book FACES=...):")
        print("\n".join(f"  {line}" for line in forecast(study)))


def faces_show(out: str, count: int, **options: Any) -> None:
    """Save a contact sheet: images taken at equal steps through a source."""
    from tinyvgg.faces.overview import contact_sheet

    faces = _open(**options)
    sheet, shown = contact_sheet(faces, count)
    sheet.save(out)
    print(f"{shown} of {len(faces)} images of {faces.name}: {out}")


def faces_export(folder: Path, **options: Any) -> None:
    """Write the synthetic faces as RaFD delivers its photographs."""
    from tinyvgg.faces.export import export_faces

    written = export_faces(folder, **options)
    print(f"{written} files written; read them by --source rafd:{folder}")


def train(task: str, **options: Any) -> None:
    """Train one network, or find it in the store, and print its test error."""
    from tinyvgg.runs.study import Study

    study = Study(**options)
    study.train(task)
    errors = study.history(task)
    outcomes = study.outcomes(task)
    wrong = int((~outcomes["correct"]).sum())
    print(
        f"{task}, profile {study.profile.name}: {len(outcomes) - wrong} of {len(outcomes)} "
        f"test images right, {1 - wrong / len(outcomes):.2%}, after {len(errors)} epochs"
    )


def study(name: str, seed: list[int] | None, output: Path | None, **options: Any) -> None:
    """Make a record: train what is missing, measure, write."""
    from importlib import import_module

    from tinyvgg.figures.paper_size import PICTURES
    from tinyvgg.runs.recorded import record_study

    options["pictures"] = PICTURES.get(name)
    long = import_module(f"tinyvgg.studies.{name}").STUDY
    record, path = record_study(long, seeds=seed, folder=output, **options)
    for entry in record.results:
        print(f"  {long.words(entry)}")
    print(f"{record.made['minutes']:.1f} minutes: {path}")


def explorer(**options: Any) -> None:
    """Write the explorer of one's own network and pictures as one HTML file."""
    from tinyvgg.explorer.command import make_page

    print(make_page(**options))


def bench(output: Path | None, **options: Any) -> None:
    """Time this package against what one would otherwise write or install."""
    from tinyvgg import bench as benchmarks

    rows, path = benchmarks.bench(output=output or benchmarks.default_folder(), **options)
    print(benchmarks.as_text(rows))
    print(path)


def _open(source: str, **options: Any):
    from tinyvgg.faces.sources import open_faces

    return open_faces(source, **{name: x for name, x in options.items() if x is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tinyvgg", description="An executable edition of Fang (2017)."
    )
    commands = parser.add_subparsers(
        required=True, metavar="book | faces | train | study | explorer | bench"
    )

    make = _command(
        commands,
        "book",
        "execute the notebooks and bind the book",
        "python -m tinyvgg book --profile smoke --output ../book-smoke",
        book,
    )
    _run_options(make)
    make.add_argument("--output", type=Path, default=argparse.SUPPRESS, help="folder of _build/")
    make.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NAME",
        help="execute only the notebooks whose name begins so, and bind nothing",
    )
    make.add_argument(
        "--pdf", action="store_true", help="print the whole book to a PDF file as well"
    )
    make.add_argument(
        "-p",
        "--parameter",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the notebooks' own",
    )

    face = commands.add_parser("faces", help="look into a source of faces")
    ways = face.add_subparsers(required=True, metavar="info | show | export")
    info = _command(
        ways,
        "info",
        "describe a source: counts by label, what is missing or left out, which tasks it allows",
        "python -m tinyvgg faces info 'folder:photos?crop=detect,problems=skip'",
        faces_info,
    )
    show = _command(
        ways,
        "show",
        "save a contact sheet",
        "python -m tinyvgg faces show orl --size 128 --out sheet.png",
        faces_show,
    )
    for way in (info, show):
        way.add_argument("--source", default="synthetic", help=argparse.SUPPRESS)
        way.add_argument(
            "source",
            nargs="?",
            default=argparse.SUPPRESS,
            metavar="SOURCE",
            help=f"one of {', '.join(SOURCES)} (default: synthetic); settings may follow, such as "
            "folder:DIR?labels=person/emotion,crop=detect,problems=skip",
        )
        way.add_argument("--size", type=int, help="pixels (default: the profile's)")
        way.add_argument("--subjects", type=int, help="the first so many subjects (default: all)")
        way.add_argument(
            "--angles",
            type=int,
            nargs="+",
            metavar="DEGREES",
            help="some of 0 45 90 135 180 (default: the paper's, 45 90 135)",
        )
    info.add_argument("--profile", help="smoke, default or paper ($TINYVGG_PROFILE, or default)")
    show.add_argument("--out", default="faces.png", help="picture file (default: %(default)s)")
    show.add_argument("--count", type=int, default=64, help="images (default: %(default)s)")

    export = _command(
        ways,
        "export",
        "write the synthetic faces as RaFD delivers its photographs: JPEG files of 681 x 1024 "
        "pixels, with RaFD's names",
        "python -m tinyvgg faces export synthetic-rafd --subjects 2\n"
        "  python -m tinyvgg faces info rafd:synthetic-rafd\n\n"
        "An export that was interrupted goes on when it is asked for again. Every file says\n"
        "inside that it is synthetic.",
        faces_export,
    )
    export.add_argument(
        "folder", metavar="DIR", type=Path, help="new, empty, or of an export to go on with"
    )
    export.add_argument("--subjects", type=int, help="the first so many subjects (default: 67)")
    export.add_argument(
        "--angles",
        type=int,
        nargs="+",
        metavar="DEGREES",
        help="some of 0 45 90 135 180 (default: all)",
    )
    export.add_argument("--workers", type=int, help="processes (default: one per core)")
    export.add_argument(
        "--height",
        type=int,
        default=1024,
        metavar="PIXELS",
        help="of smaller photographs, which are quicker to make: 128 to 1024 (default: "
        "%(default)s); the width follows",
    )

    fit = _command(
        commands,
        "train",
        "train one network",
        "python -m tinyvgg train --task face --profile smoke",
        train,
    )
    fit.add_argument("--task", choices=("face", "emotion", "gaze"), default="face")
    _run_options(fit)

    studies = commands.add_parser("study", help="a run too long for the book, kept as a record")
    kinds = studies.add_subparsers(required=True, metavar=" | ".join(STUDIES))
    for name, about in STUDIES.items():
        example = f"python -m tinyvgg study {name} --profile smoke --seed 0 1"
        kind = _command(kinds, name, about, example, partial(study, name))
        _run_options(kind, seeds=True)
        kind.add_argument(
            "--precision",
            help="float32, bfloat16 or auto, the faster of both on this machine (default: what "
            "is usual in this study)",
        )
        kind.add_argument(
            "--scheduler",
            metavar="ADDRESS",
            help="let the workers of this Dask scheduler train, such as tcp://127.0.0.1:8786",
        )
        kind.add_argument(
            "--so-far",
            action="store_true",
            help="train nothing: measure what is trained so far (of the study paper)",
        )
        kind.add_argument(
            "--output", type=Path, help="folder of the record (default: book/records)"
        )

    page = _command(
        commands,
        "explorer",
        "write the explorer of your own network and pictures as one HTML file",
        "python -m tinyvgg explorer --model my_models:net --weights net.safetensors "
        "--images folder:photos --output page.html",
        explorer,
    )
    page.add_argument(
        "--model",
        required=True,
        metavar="MODULE:FUNCTION",
        help="a function without arguments that makes the torch module",
    )
    page.add_argument(
        "--weights", type=Path, metavar="FILE", help="its state_dict, in safetensors' format"
    )
    page.add_argument(
        "--images",
        required=True,
        metavar="SOURCE",
        help="pictures with their classes, such as folder:DIR, with a folder for each class",
    )
    page.add_argument("--output", type=Path, default=Path("page.html"), help="default: %(default)s")
    page.add_argument("--task", help="face, emotion or gaze: the label that the network tells")
    page.add_argument(
        "--classes", nargs="+", metavar="NAME", help="of the outputs (default: by alphabet)"
    )
    page.add_argument("--size", type=int, help="pixels (default: what the model says or takes)")
    page.add_argument("--count", type=int, default=500, help="pictures (default: %(default)s)")
    how = "how bytes become the model's input, (bytes / scale - mean) / std (default: %(default)s)"
    page.add_argument("--mean", type=float, nargs="+", default=[0.0], help=how)
    page.add_argument("--std", type=float, nargs="+", default=[1.0], help=argparse.SUPPRESS)
    page.add_argument("--scale", type=float, default=256, help=argparse.SUPPRESS)
    page.add_argument("--title", help="heading of the page")

    timing = _command(
        commands,
        "bench",
        "time training, backtracking, tracking and more against what one would otherwise write",
        "python -m tinyvgg bench --quick\n  python -m tinyvgg bench --only training",
        bench,
    )
    timing.add_argument("--quick", action="store_true", help="few and small ones, in seconds")
    timing.add_argument(
        "--only", nargs="+", default=(), metavar="NAME", help="those whose name begins so"
    )
    timing.add_argument(
        "--device", default="cpu", help="cpu, cuda, cuda:N or auto (default: %(default)s)"
    )
    timing.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of bench.json (default: _build)"
    )
    return parser


def _command(commands, name: str, help: str, example: str, function) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=function)
    return parser


def _run_options(parser: argparse.ArgumentParser, seeds: bool = False) -> None:
    if not seeds:
        parser.add_argument(
            "--unseen-subjects",
            action="store_true",
            help="in the emotion task, train on half of the people and test on the others",
        )
    parser.add_argument("--profile", help="smoke, default or paper ($TINYVGG_PROFILE, or default)")
    parser.add_argument(
        "--faces",
        default="synthetic",
        help="a source such as synthetic, orl, rafd:DIR or folder:DIR?labels=person/emotion; "
        "python -m tinyvgg faces info --help lists them (default: %(default)s)",
    )
    if seeds:
        parser.add_argument(
            "--seed", type=int, nargs="+", help="one or more (default: those of the study)"
        )
    else:
        parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)"
    )


if __name__ == "__main__":
    sys.exit(main())
