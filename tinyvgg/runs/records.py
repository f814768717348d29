"""Records: results that take too long for a build of the book, with all that they depend on.

A record is a JSON file in ``book/records``, written by a command that it names and committed
with the book. `Record.status` tells whether the code or the faces have changed since.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from tinyvgg.faces.design import PAPER_ANGLES
from tinyvgg.faces.labels import listed
from tinyvgg.faces.sources import open_faces, source_fingerprint
from tinyvgg.runs.profiles import get_profile
from tinyvgg.runs.study import Study
from tinyvgg.storage.files import replacing, write_json
from tinyvgg.storage.fingerprint import code_fingerprint, modules_of
from tinyvgg.training.device import processor

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "TINYVGG_RECORDS"
OF_A_PART = (  # what differs between the runs that made a record seed by seed
    *("seeds", "started", "finished", "minutes", "commit", "processor", "processors", "system"),
    "versions",
)


@dataclass(frozen=True)
class Record:
    """The results of a command and what made them.

    Attributes
    ----------
    name : str
        Of the file, without its suffix.
    made : dict
        What `provenance` returns.
    results : JSON
    """

    name: str
    made: dict[str, Any]
    results: Any

    def changes(self, study: Study) -> list[str]:
        """What has changed since the record was made; empty if nothing.

        Code counts without comments and layout.
        """
        found = [] if self.has_faces_of(study) else ["the faces"]
        sizes = asdict(get_profile(self.made["profile"]))
        if self.made.get("sizes", sizes) != sizes:
            found.append("the profile")
        found += [name for name, print_ in self.made["code"].items() if _print(name) != print_]
        return found

    def has_faces_of(self, study: Study) -> bool:
        """Whether the record was made on the faces of a study, as far as that can be known.

        The same pixels and labels are the same faces. Synthetic faces are also the same if the
        same code and data render them: processors round differently, so that between one with
        AVX-512 and one without, 80 of the 59 million values of the default profile differ by 1 of
        255. Other people's photographs under another profile cannot be compared.
        """
        if self.is_of_run(study) and study.faces.fingerprint == self.made["data"]:
            return True
        if self.made["faces"] == "synthetic":
            return self.made["rendering"] == _rendering(self.made["profile"])
        return not self.is_of_run(study)

    def on_faces_of(self, study: Study) -> Record:
        """This record with a study's faces as its own, if they are the same but for rounding."""
        if not (self.is_of_run(study) and self.has_faces_of(study)):
            return self
        return replace(self, made=self.made | {"data": study.faces.fingerprint})

    def joined(self, other: Record) -> Record:
        """This record with the seeds of another one of the same code, faces and settings.

        A seed that both have counts once, as the other one has it.
        ``made["parts"]`` tells which run made which seeds, when and on what.
        """
        old, new = self.made, other.made
        made = new | {
            "started": min(old["started"], new["started"]),
            "minutes": round(old["minutes"] + new["minutes"], 1),
            "seeds": sorted({*old["seeds"], *new["seeds"]}),
            "code": old["code"] | new["code"],
            "networks": old["networks"] | new["networks"],
            "parts": [*self.parts, *other.parts],
        }
        kept = [entry for entry in self.results if entry["seed"] not in new["seeds"]]
        results = sorted([*kept, *other.results], key=lambda entry: entry["seed"])
        return Record(self.name, made, results)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The runs that made this record; one, unless seeds were added to it."""
        return self.made.get("parts", [{key: self.made[key] for key in OF_A_PART}])

    def is_of_run(self, study: Study) -> bool:
        """Whether the record has the profile and the kind of source of a study."""
        run = study.profile.name, _kind(study.source)
        return run == (self.made["profile"], self.made["faces"])

    def status(self, study: Study) -> str:
        """The day and the profile of the record, and what has changed since, in a few words."""
        words = f"recorded {self.made['finished'][:10]}, {self.made['profile']} profile"
        if changed := self.changes(study):
            modules = [name for name in changed if name.startswith("tinyvgg.")]
            parts = [name for name in changed if name not in modules]
            count = f"{len(modules)} module" + "s" * (len(modules) != 1)
            parts += [f"the code ({count})"] * bool(modules)
            words += f"; outdated: {listed(parts)} changed since"
        return words


def write(record: Record, folder: str | Path | None = None) -> Path:
    """Write the file of a record, whole or not at all, and return its path."""
    path = Path(folder or default_folder()) / f"{record.name}.json"
    write_json(path, asdict(record), allow_nan=False)
    return path


def write_pictures(
    record: Record, pictures: Mapping[str, bytes], folder: str | Path | None = None
) -> None:
    """Write the files that go with a record, in the place of those before, all or none."""
    with replacing(Path(folder or default_folder()) / record.name) as temporary:
        temporary.mkdir()
        for name, data in pictures.items():
            (temporary / name).write_bytes(data)


def pictures_of(name: str, folder: str | Path | None = None) -> dict[str, Path]:
    """The files that go with the record of that name, by name."""
    found = (Path(folder or default_folder()) / name).glob("*.*")
    return {path.name: path for path in sorted(found)}


def read(name: str, folder: str | Path | None = None) -> Record | None:
    """The record of that name; None if there is none.

    Raises
    ------
    ValueError
        The file is not a record.
    """
    path = Path(folder or default_folder()) / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return Record(**json.loads(path.read_text("utf8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path} is not a record ({error}): restore the file or run its study again"
        ) from None


def results(record: Record | None) -> Any:
    """What a record holds; nothing without one."""
    return [] if record is None else record.results


def overview(study: Study, folder: str | Path | None = None) -> pd.DataFrame:
    """All records of a folder, one row per record.

    Returns
    -------
    DataFrame
        Columns record, made (the day), profile, faces, seeds, minutes (training time of its
        networks, one after the other; NaN if not recorded), device, commit (its first
        characters), state ("up to date", or what has changed since) and command.
    """
    rows = []
    for path in sorted(Path(folder or default_folder()).glob("*.json")):
        record = read(path.stem, path.parent)
        assert record is not None  # the file was there
        made, changed = record.made, record.changes(study)
        networks = made.get("networks", {}).values()
        names = [name.replace("tinyvgg.", "") for name in changed]
        rows.append(
            {
                "record": record.name,
                "made": made["finished"][:10],
                "profile": made["profile"],
                "faces": made["faces"],
                "seeds": ", ".join(map(str, made["seeds"])),
                "minutes": sum(net["minutes"] for net in networks) if networks else math.nan,
                "device": made["device"],
                "commit": ", ".join(dict.fromkeys(part["commit"][:7] for part in record.parts)),
                "state": f"outdated: {', '.join(names)}" if changed else "up to date",
                "command": made["command"],
            }
        )
    columns = ["record", "made", "profile", "faces", "seeds", "minutes", "device", "commit"]
    return pd.DataFrame(rows, columns=[*columns, "state", "command"])


def record_name(study_name: str, study: Study) -> str:
    """Name of a study's record: the study, and profile and source where they are not the usual.

    So a trial under the smoke profile does not overwrite the record of the default one.
    """
    kind, profile = _kind(study.source), study.profile.name
    parts = [profile] * (profile != "default") + [kind] * (kind != "synthetic")
    return "-".join([study_name, *parts])


def provenance(
    study: Study,
    command: str,
    code: Iterable[str],
    seeds: Sequence[int],
    started: datetime,
) -> dict[str, Any]:
    """What a record depends on: enough to reproduce it, and to tell whether it is outdated.

    Parameters
    ----------
    study : Study
    command : str
        What to type to reproduce it; no path of this machine.
    code : iterable of str
        The modules, with what they import from this package, that the results depend on.
    seeds : sequence of int
    started : datetime
        With a time zone.

    Returns
    -------
    dict
        JSON. No name of a host, a user or a folder is in it.
    """
    finished = datetime.now(UTC)
    identity = study.identity()
    made = {
        "command": command,
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "minutes": round((finished - started).total_seconds() / 60, 1),
        "commit": commit(),
        "profile": study.profile.name,
        "sizes": asdict(study.profile),
        "faces": _kind(study.source),
        "seeds": list(seeds),
        "device": identity["device"],
        "processor": processor(),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "data": identity["data"],
        "code": {name: _print(name) for name in code},
        "versions": identity["versions"],
    }
    if made["faces"] == "synthetic":
        made["rendering"] = _rendering(study.profile.name)
    return made


def default_folder() -> Path:
    """Folder of records: ``$TINYVGG_RECORDS``, else the checkout's ``book/records``, else here."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().resolve()
    return ROOT / "book" / "records" if (ROOT / "pyproject.toml").is_file() else Path("records")


def commit(root: Path = ROOT) -> str:
    """The checkout's commit, with "-dirty" if tracked files were changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _kind(source: str) -> str:
    return source.partition(":")[0]


def _rendering(profile: str) -> str:
    """Fingerprint of all that determines the synthetic faces of a profile, without rendering."""
    sizes = get_profile(profile)
    settings = source_fingerprint("synthetic", sizes.image_size, PAPER_ANGLES, sizes.subjects)
    return f"{settings}-{code_fingerprint(*modules_of(open_faces))}"


def _print(module: str) -> str:
    try:
        return code_fingerprint(module)
    except ModuleNotFoundError:  # it was renamed since
        return ""
