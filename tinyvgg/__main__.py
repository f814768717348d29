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
    "difficulty": "measure how difficult the faces are for a linear classifier and for Tiny VGG",
    "seeds": "train both tasks with several seeds and test the paper's claims on each",
    "discussion": "train with other optimizers, and the larger networks (Section Discussion)",
    "augmentation": "train with augmentation of misleading features, and with its controls",
    "layers": "train with average pooling and with inception layers, and deconvolve with each",
    "paper": "train both tasks at the paper's size and repeat every analysis of the paper",
    "precision": "train both tasks with several seeds in float32 and in bfloat16",
}

PROFILE_HELP = "smoke, default or paper (default: $TINYVGG_PROFILE if set, else default)"


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
        print("tinyvgg: interrupted; finished networks and notebooks are kept", file=sys.stderr)
        return 130
    return 0


def book(parameter: list[list[str]], **options: Any) -> None:
    """Train the networks, execute the notebooks, build the book."""
    import yaml

    from tinyvgg.book.build import ROOT, build

    given = {name: yaml.safe_load(value) for name, value in parameter}
    record = build(parameters=given, **options)
    for name, notebook in record["notebooks"].items():
        reused = "   unchanged" if notebook["reused"] else ""
        print(f"  {name:<30}{notebook['seconds']:7.1f} s{reused}")
    print(f"profile {record['profile']}, run {record['run']}: {record['seconds']:.0f} s in total")
    if not options["only"]:
        page = Path(options.get("output", ROOT)).resolve() / "_build" / "html" / "index.html"
        print(f"open {page}")


def faces_info(source: str, profile: str | None, **options: Any) -> None:
    """Describe a source: counts by label, problems, and what a book of it will contain."""
    from tinyvgg.book.forecast import forecast
    from tinyvgg.faces import split
    from tinyvgg.faces.overview import describe
    from tinyvgg.runs.study import Study

    asked = {name: value for name, value in options.items() if value is not None}
    study = Study(profile, source)
    faces = _open(source, **asked) if asked else study.faces
    logging.getLogger(split.__module__).setLevel(logging.ERROR)  # the text says it as well
    print(describe(faces))
    if not asked:
        print("A book of these images (make book FACES=...):")
        print("\n".join(f"  {line}" for line in forecast(study)))


def faces_show(out: str, count: int, **options: Any) -> None:
    """Save a contact sheet: images taken at equal steps through a source."""
    from tinyvgg.faces.overview import contact_sheet

    faces = _open(**options)
    sheet, shown = contact_sheet(faces, count)
    sheet.save(out)
    print(f"{shown} of {len(faces)} images of {faces.name}: {out}")


def faces_export(folder: Path, **options: Any) -> None:
    """Write the synthetic faces as files in RaFD's format."""
    from tinyvgg.faces.export import export_faces

    written = export_faces(folder, **options)
    print(f"{written} files written; the source rafd:{folder} reads them")


def train(task: str, **options: Any) -> None:
    """Train one network, or load it from the store, and print its test accuracy."""
    from tinyvgg.runs.study import Study

    study = Study(**options)
    study.train(task)
    errors = study.history(task)
    outcomes = study.outcomes(task)
    correct = int(outcomes["correct"].sum())
    print(
        f"{task} task, {study.profile.name} profile, {len(errors)} epochs: {correct} of "
        f"{len(outcomes)} test images classified correctly ({correct / len(outcomes):.2%})"
    )


def study(name: str, seed: list[int] | None, output: Path | None, **options: Any) -> None:
    """Make a record: train missing networks, measure, write."""
    from importlib import import_module

    from tinyvgg.figures.paper_size import PICTURES
    from tinyvgg.runs.recorded import record_study

    options["pictures"] = PICTURES.get(name)
    long = import_module(f"tinyvgg.studies.{name}").STUDY
    record, path = record_study(long, seeds=seed, folder=output, **options)
    for entry in record.results:
        print(f"  {long.words(entry)}")
    print(f"{path}: written after {record.made['minutes']:.1f} minutes")


def explorer(**options: Any) -> None:
    """Write an explorer of a network and images of one's own as one HTML file."""
    from tinyvgg.explorer.command import make_page

    print(make_page(**options))


def bench(output: Path | None, **options: Any) -> None:
    """Compare the speed of this package with that of the usual alternatives."""
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
        "execute the notebooks and build the book",
        "python -m tinyvgg book --profile smoke --output ../book-smoke",
        book,
    )
    _run_options(make)
    make.add_argument(
        "--output", type=Path, default=argparse.SUPPRESS, help="folder that will contain _build/"
    )
    make.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NAME",
        help="execute only notebooks whose names begin like this, and do not build the book",
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
        help="a parameter of individual notebooks",
    )

    face = commands.add_parser(
        "faces", help="inspect a source of images, or export the synthetic faces"
    )
    ways = face.add_subparsers(required=True, metavar="info | show | export")
    info = _command(
        ways,
        "info",
        "describe a source: counts by label, unusable images, possible tasks, and the book of it",
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
            help=f"one of {', '.join(SOURCES)} (default: synthetic); settings can follow, such as "
            "folder:DIR?labels=person/emotion,crop=detect,problems=skip",
        )
        way.add_argument("--size", type=int, help="side in pixels (default: that of the profile)")
        _part_of_design(way, "read", "all", "45 90 135, as in the paper")
    info.add_argument("--profile", help=PROFILE_HELP)
    show.add_argument(
        "--out", default="faces.png", help="image file to write (default: %(default)s)"
    )
    show.add_argument(
        "--count", type=int, default=64, help="number of images (default: %(default)s)"
    )

    export = _command(
        ways,
        "export",
        "write the synthetic faces in RaFD's format: JPEG files of 681 x 1024 pixels with RaFD's "
        "file names",
        "python -m tinyvgg faces export synthetic-rafd --subjects 2\n"
        "  python -m tinyvgg faces info rafd:synthetic-rafd\n\n"
        "Repeat the command to resume an interrupted export. Every file states in its metadata\n"
        "that it is synthetic.",
        faces_export,
    )
    export.add_argument(
        "folder",
        metavar="DIR",
        type=Path,
        help="a new or empty folder, or that of an export to resume",
    )
    _part_of_design(export, "write", "67", "all")
    export.add_argument("--workers", type=int, help="number of processes (default: one per core)")
    export.add_argument(
        "--height",
        type=int,
        default=1024,
        metavar="PIXELS",
        help="height of the images, 128 to 1024 (default: %(default)s); the width follows, and "
        "smaller images are faster to render",
    )

    fit = _command(
        commands,
        "train",
        "train one network",
        "python -m tinyvgg train --task face --profile smoke",
        train,
    )
    fit.add_argument(
        "--task",
        choices=("face", "emotion", "gaze"),
        default="face",
        help="what the network classifies (default: %(default)s)",
    )
    _run_options(fit)

    studies = commands.add_parser(
        "study", help="carry out a long study and keep its results as a record"
    )
    kinds = studies.add_subparsers(required=True, metavar=" | ".join(STUDIES))
    for name, about in STUDIES.items():
        example = f"python -m tinyvgg study {name} --profile smoke --seed 0 1"
        kind = _command(kinds, name, about, example, partial(study, name))
        _run_options(kind, seeds=True)
        kind.add_argument(
            "--precision",
            help="float32, bfloat16 or auto, the faster of the two on this machine (default: the "
            "usual one of the study)",
        )
        kind.add_argument(
            "--scheduler",
            metavar="ADDRESS",
            help="train on the workers of this Dask scheduler, such as tcp://127.0.0.1:8786",
        )
        kind.add_argument(
            "--so-far",
            action="store_true",
            help="do not train: measure the epochs that are trained so far (study paper)",
        )
        kind.add_argument(
            "--add",
            action="store_true",
            help="keep the seeds that the record has, and add the others to it",
        )
        kind.add_argument(
            "--output", type=Path, help="folder for the record (default: book/records)"
        )

    page = _command(
        commands,
        "explorer",
        "write an explorer of your own network and images as one HTML file",
        "python -m tinyvgg explorer --model my_models:net --weights net.safetensors "
        "--images folder:photos --output page.html",
        explorer,
    )
    page.add_argument(
        "--model",
        required=True,
        metavar="MODULE:FUNCTION",
        help="a function without arguments that returns the torch module",
    )
    page.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="the state_dict of the model in safetensors format",
    )
    page.add_argument(
        "--images",
        required=True,
        metavar="SOURCE",
        help="labeled images, such as folder:DIR with one folder per class",
    )
    page.add_argument(
        "--output",
        type=Path,
        default=Path("page.html"),
        help="file to write (default: %(default)s)",
    )
    page.add_argument("--task", help="label that the network predicts: face, emotion or gaze")
    page.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="names of the outputs, in order (default: the labels, sorted)",
    )
    page.add_argument(
        "--size",
        type=int,
        help="side in pixels (default: the size that the model states or accepts)",
    )
    page.add_argument(
        "--count", type=int, default=500, help="number of images (default: %(default)s)"
    )
    how = "the model's input is (bytes / scale - mean) / std (default: %(default)s)"
    page.add_argument("--mean", type=float, nargs="+", default=[0.0], help=how)
    page.add_argument("--std", type=float, nargs="+", default=[1.0], help="see --mean")
    page.add_argument("--scale", type=float, default=256, help="see --mean")
    page.add_argument("--title", help="title of the page")

    timing = _command(
        commands,
        "bench",
        "compare the speed of this package with that of the usual alternatives",
        "python -m tinyvgg bench --quick\n  python -m tinyvgg bench --only training",
        bench,
    )
    timing.add_argument(
        "--quick", action="store_true", help="only a few small benchmarks, in seconds"
    )
    timing.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NAME",
        help="only benchmarks whose names begin like this",
    )
    timing.add_argument(
        "--device", default="cpu", help="cpu, cuda, cuda:N or auto (default: %(default)s)"
    )
    timing.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for bench.json (default: _build)"
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


def _part_of_design(parser: argparse.ArgumentParser, do: str, subjects: str, angles: str) -> None:
    about = f"{do} only the first N subjects (default: {subjects})"
    parser.add_argument("--subjects", type=int, help=about)
    about = f"any of 0 45 90 135 180 (default: {angles})"
    parser.add_argument("--angles", type=int, nargs="+", metavar="DEGREES", help=about)


def _run_options(parser: argparse.ArgumentParser, seeds: bool = False) -> None:
    if not seeds:
        parser.add_argument(
            "--unseen-subjects",
            action="store_true",
            help="train the emotion task on half of the subjects and test it on the others",
        )
    parser.add_argument("--profile", help=PROFILE_HELP)
    parser.add_argument(
        "--faces",
        default="synthetic",
        help="a source of images, such as synthetic, orl, rafd:DIR or "
        "folder:DIR?labels=person/emotion (default: %(default)s); "
        "python -m tinyvgg faces info --help lists all sources",
    )
    if seeds:
        parser.add_argument(
            "--seed", type=int, nargs="+", help="one or more seeds (default: those of the study)"
        )
    else:
        parser.add_argument(
            "--seed", type=int, default=0, help="random seed (default: %(default)s)"
        )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)"
    )


if __name__ == "__main__":
    sys.exit(main())
