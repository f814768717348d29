"""The ledger: the values of this run and its records for each claim, and the verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tinyvgg.experiments.accuracies import accuracy, accuracy_difference
from tinyvgg.experiments.avoided_layers import layer_figures
from tinyvgg.experiments.measures import measure
from tinyvgg.experiments.other_seeds import renamed
from tinyvgg.experiments.statistics import Interval, over_seeds
from tinyvgg.faces.spec import parse_source
from tinyvgg.runs.recorded import COMMAND, find_record
from tinyvgg.runs.records import Record, commit
from tinyvgg.runs.study import Study
from tinyvgg.storage.files import write_json
from tinyvgg.verdicts import CLAIMS, WRITTEN
from tinyvgg.verdicts.pixels import printed_ties
from tinyvgg.verdicts.rules import VERDICTS, Claim, Evidence, Part
from tinyvgg.verdicts.training import key_of

PRINTED = ("name", "title", "statement", "where", "paper", "photographs", "rule")
BOUNDS = ("_low", "_high")


@dataclass(frozen=True)
class Ledger:
    """Every claim with its verdict and the evidence for it.

    Attributes
    ----------
    evidence : Evidence
    sources : dict of str to str
        What "run", "seeds", "recorded" and "layers" are, in words: for a record its status, or
        the command that creates it if there is none.
    identity : dict
        Of the run.
    claims : tuple of Claim
    """

    evidence: Evidence
    sources: dict[str, str]
    identity: dict[str, Any]
    claims: tuple[Claim, ...] = CLAIMS

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each claim, by its name."""
        return {claim.name: claim.decide(self.evidence) for claim in self.claims}

    def counts(self) -> dict[str, int]:
        """The number of claims with each verdict, in the order of `VERDICTS`."""
        reached = list(self.verdicts.values())
        return {name: reached.count(name) for name in VERDICTS}

    def source_of(self, part: Part) -> str:
        """What decided a condition: "run", "seeds" or "recorded"; empty if nothing did."""
        if part.holds(self.evidence) is None:
            return ""
        return self.evidence.decisive(part.key, part.cases, part.seeds)[1]

    def table(self) -> pd.DataFrame:
        """One row per claim: name, claim, what, paper, this run, over seeds, verdict, page, place.

        "this run" and "over seeds" show the claim's first quantity; what only a record has stands
        under "over seeds".
        """
        rows = []
        for claim in self.claims:
            first, evidence = claim.quantities[0], self.evidence
            rows.append(
                {
                    "name": claim.name,
                    "claim": claim.title,
                    "what": first.label,
                    "paper": claim.paper,
                    "this run": first.words(evidence.run.get(first.key)),
                    "over seeds": first.words(evidence.elsewhere(first.key)),
                    "verdict": claim.decide(evidence),
                    "page": claim.page,
                    "place": claim.place,
                }
            )
        return pd.DataFrame(rows)

    def as_json(self) -> dict[str, Any]:
        """The ledger as JSON: run, records, and the rule, values and verdict of each claim."""
        return {
            "paper": "Fang (2017), J. Big Data 4:40",
            "rules_written": WRITTEN,
            "run": self.identity,
            "sources": self.sources,
            "counts": self.counts(),
            "claims": [self._entry(claim) for claim in self.claims],
        }

    def _entry(self, claim: Claim) -> dict[str, Any]:
        evidence = self.evidence
        found = {"this_run": evidence.run, "seeds": evidence.seeds, "record": evidence.recorded}
        return {
            **{name: getattr(claim, name) for name in PRINTED},
            "verdict": claim.decide(evidence),
            "note": claim.note,
            "measured_by": f"notebooks/{claim.page}.html" + f"#{claim.place}" * bool(claim.place),
            "conditions": [
                {
                    "text": part.text,
                    "figure": part.key,
                    "relation": part.relation,
                    "threshold": part.threshold,
                    "holds": part.holds(evidence),
                    "decided_on": self.source_of(part),
                }
                for part in claim.parts
            ],
            "figures": [
                {"name": quantity.key}
                | {name: getattr(quantity, name) for name in ("label", "unit", "scale", "paper")}
                | {key: _plain(values.get(quantity.key)) for key, values in found.items()}
                for quantity in claim.quantities
            ],
        }


def ledger(study: Study, folder: str | Path | None = None) -> Ledger:
    """The ledger of a run.

    Parameters
    ----------
    study : Study
        Its networks are trained if they are missing.
    folder : path, optional
        Of the records; see `records.default_folder`.
    """
    identity = study.identity()
    sources = {"run": f"{identity['profile']} profile, seed {identity['seed']}"}
    evidence: dict[str, dict[str, Interval]] = {"seeds": {}, "recorded": {}}
    aside = set()
    for name, (source, kind, figures) in RECORDS.items():
        record = find_record(name, study, folder)
        if record is None:
            sources[source] = f"no record yet; run {COMMAND} {name}"
            continue
        sources[source] = f"{_seeds(record)}, {record.status(study)}"
        if record.changes(study) or not record.is_of_run(study):
            aside.add(kind)
        evidence[kind] |= figures(record.results)
    run = intervals(measure(study)) | intervals(printed_ties())
    found = Evidence(
        run=run,
        **evidence,
        aside=frozenset(aside),
        photographs=_of_the_paper(study),
        machine=identity["device"] if study.profile.name == "paper" else "",
    )
    return Ledger(found, sources, identity)


def write_claims(
    path: str | Path, study: Study, folder: str | Path | None = None, **identity: Any
) -> Path:
    """Write the ledger of a run as JSON, whole or not at all.

    Parameters
    ----------
    path : path
    study, folder
        As for `ledger`.
    **identity
        More of what identifies the run.
    """
    made = ledger(study, folder).as_json()
    made["run"] |= {"commit": commit(), **identity}
    write_json(path, made, allow_nan=False)
    return Path(path)


# ---------------------------------------------------------------------- values from results


def intervals(measures: Mapping[str, Any]) -> dict[str, Interval]:
    """What `measure` returns as intervals; unknown values are left out."""
    return {
        name: Interval.of(measures, name)
        for name, value in measures.items()
        if isinstance(value, int | float) and not math.isnan(value) and not name.endswith(BOUNDS)
    }


def seed_figures(results: Iterable[Mapping[str, Any]]) -> dict[str, Interval]:
    """Mean and t-interval over seeds of each value of `measure`; below three seeds no interval.

    Seeds without a value are left out.
    """
    values: dict[str, list[float]] = {}
    for entry in results:
        for name, interval in intervals(renamed(entry)).items():
            values.setdefault(name, []).append(interval.value)
    values.pop("seed", None)
    return {name: over_seeds(some) for name, some in values.items()}


def discussion_figures(results: Iterable[Mapping[str, Any]]) -> dict[str, Interval]:
    """Differences in the record "discussion": each optimizer minus SGD, each network minus chance.

    Intervals are those of `experiments.accuracies`. A network whose loss diverged has no correct
    image.
    """
    arms: dict[tuple[str, str, str], dict[int, tuple[int, int]]] = {}
    chance = {}
    for entry in results:
        right = 0 if entry.get("diverged") else entry["right"]
        key = entry["part"], entry["name"], entry["task"]
        arms.setdefault(key, {})[entry["seed"]] = right, entry["test"]
        chance[entry["task"]] = 1 / entry["classes"]
    found = {}
    for (part, name, task), seeds in arms.items():
        if part == "architectures":
            bounds = (bound - chance[task] for bound in accuracy([*seeds.values()]))
            found[f"{key_of(name, task)}_over_chance"] = Interval(*bounds)
        plain = arms.get((part, "SGD", task), {})
        if part == "optimisers" and name != "SGD" and (both := seeds.keys() & plain.keys()):
            pairs = [(seeds[seed], plain[seed]) for seed in sorted(both)]
            value, low, high = accuracy_difference(pairs)
            shares = Interval(value, max(low, -1.0), min(high, 1.0))  # of differences of shares
            found[f"{key_of(name, task)}_over_sgd"] = shares
    return found


def paper_size_figures(results: Sequence[Mapping[str, Any]]) -> dict[str, Interval]:
    """The values of `measure_task` in the record "paper", of its first seed: NAME_at_paper_size."""
    first = [entry for entry in results if entry["seed"] == results[0]["seed"]]
    values = {k: v for entry in first for k, v in entry["measures"].items() if v is not None}
    return {f"{name}_at_paper_size": found for name, found in intervals(values).items()}


RECORDS = {  # by name: its key in `sources`, the kind of evidence, and how it is read
    "seeds": ("seeds", "seeds", seed_figures),
    "discussion": ("recorded", "recorded", discussion_figures),
    "layers": ("layers", "recorded", layer_figures),
    "paper": ("paper_size", "recorded", paper_size_figures),
}


def _seeds(record: Record) -> str:
    count = len({entry["seed"] for entry in record.results})
    return f"{count} seed" + "s" * (count != 1)


def _of_the_paper(study: Study) -> bool:
    """Whether the faces are the paper's photographs; an export of synthetic faces is not."""
    rendered = study.faces.table.source.astype(str).str.contains("Synthetic", regex=False).any()
    return parse_source(study.source).kind == "rafd" and not bool(rendered)


def _plain(found: Interval | None) -> dict[str, float | None] | None:
    if found is None:
        return None
    return {k: None if v != v else v for k, v in found._asdict().items()}
