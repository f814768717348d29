"""Deconvolved images of networks with the avoided layers, compared face by face."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from tinyvgg.experiments.picture_quality import MEASURES
from tinyvgg.experiments.statistics import (
    SEEDS,
    Interval,
    bootstrap_mean,
    mean,
    over_seeds,
    verdict,
)
from tinyvgg.faces.labels import listed

MAX, AVERAGE, INCEPTION = "max-pooling", "average pooling", "inception"
AVOIDED = {AVERAGE: "average", INCEPTION: "inception"}  # in names of figures
NETWORKS = (MAX, *AVOIDED)
JUDGED = ("edges", "sharpness")  # the measures that the claim is tested by
RESULTS = (  # words for a difference above zero, below it, neither, and without an interval
    "max-pooling higher",
    "max-pooling lower",
    "no measurable difference",
    "too few images",
)
TRAINED, OWN_WAY, UNTRAINED = "trained", "trained, the paper's way", "untrained"


class Kind(NamedTuple):
    """A kind of pictures: whose they are, and how they were made.

    Attributes
    ----------
    network : str
        `MAX`, or one of `AVOIDED`.
    made : str
        From the network as `TRAINED`, from the same in the paper's `OWN_WAY`, or from the weights
        that training started from (`UNTRAINED`).
    """

    network: str
    made: str = TRAINED


def measurements(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """What a record "layers" measured of each picture.

    Returns
    -------
    DataFrame
        One row per picture: seed, network, made (see `Kind`), face (its row in the set), person,
        and a column for each of `MEASURES`.
    """
    results = list(results)
    shown = {entry["seed"]: entry for entry in results if "faces" in entry}
    tables = [
        pd.DataFrame(values, dtype=float).assign(
            seed=entry["seed"],
            network=entry["network"],
            made=made,
            face=shown[entry["seed"]]["faces"],
            person=shown[entry["seed"]]["people"],
        )
        for entry in results
        for made, values in entry.get("pictures", {}).items()
    ]
    columns = ["seed", "network", "made", "face", "person", *MEASURES]
    return pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)


def difference(table: pd.DataFrame, measure: str, one: Kind, other: Kind) -> Interval:
    """The mean difference of a measure between two kinds of pictures of the same faces.

    From `SEEDS` seeds on with Student's interval of the seeds' means; from fewer with a bootstrap
    over people.
    """
    differences = _differences(table, measure, one, other)
    means = differences.groupby("seed").value.mean()
    if len(means) >= SEEDS:
        return over_seeds(means)
    return bootstrap_mean(differences.value, differences.person)


def seeds_above(table: pd.DataFrame, measure: str, one: Kind, other: Kind) -> int:
    """In how many seeds that difference is above zero, by a bootstrap over people in each."""
    differences = _differences(table, measure, one, other)
    found = [bootstrap_mean(own.value, own.person) for _, own in differences.groupby("seed")]
    return sum(interval.low > 0 for interval in found)


def layer_figures(results: Iterable[Mapping[str, Any]]) -> dict[str, Interval]:
    """What the claim on the avoided layers looks at, from a record "layers".

    Returns
    -------
    dict of Interval
        ``edges_over_NAME`` and ``sharpness_over_NAME``, the max-pooling network less the one of
        that name (of `AVOIDED`), and ``learnt_NAME``, the accuracy of the poorer of the two,
        seed by seed.
    """
    results = list(results)
    table = measurements(results)
    shares = {(e["network"], e["seed"]): e["right"] / e["test"] for e in results if "right" in e}
    found = {}
    for network, name in AVOIDED.items():
        for measure in JUDGED:
            found[f"{measure}_over_{name}"] = difference(table, measure, Kind(MAX), Kind(network))
        seeds = [seed for other, seed in shares if other == network]
        poorer = [min(shares[MAX, seed], shares[network, seed]) for seed in seeds]
        found[f"learnt_{name}"] = over_seeds(poorer)
    return found


def layers_table(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per measure and network of a record; the paper's own way is left out.

    Returns
    -------
    DataFrame
        Columns measure, network, trained and untrained (means over the pictures), gain (trained
        less untrained), and ahead (the max-pooling network less this one); of the last two also
        the 95 % interval, as gain_low, gain_high, ahead_low and ahead_high.
    """
    table, rows = measurements(results), []
    for measure in MEASURES if len(table) else ():
        for network in NETWORKS:
            trained, untrained = Kind(network), Kind(network, UNTRAINED)
            gain = difference(table, measure, trained, untrained)
            ahead = difference(table, measure, Kind(MAX), trained)
            rows.append(
                {
                    "measure": measure,
                    "network": network,
                    "trained": _values(table, measure, trained).value.mean(),
                    "untrained": _values(table, measure, untrained).value.mean(),
                    **gain.named("gain"),
                    **(Interval.unknown() if network == MAX else ahead).named("ahead"),
                }
            )
    bounds = [f"{name}{end}" for name in ("gain", "ahead") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["measure", "network", "trained", "untrained", *bounds])


def comparisons_table(results: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The max-pooling network compared with each avoided layer, one row per comparison.

    Returns
    -------
    DataFrame
        Columns compared with, measure, difference (max-pooling minus the other), low and high
        (its 95 % interval), seeds above zero ("2 of 3", by a bootstrap over people in each) and
        result. The last rows compare max-pooling and average pooling under the deconvolution of
        the released code.
    """
    table, rows = measurements(results), []
    pairs = {name: (Kind(MAX), Kind(name)) for name in AVOIDED}
    pairs[f"{AVERAGE}, released deconvolution"] = Kind(MAX, OWN_WAY), Kind(AVERAGE, OWN_WAY)
    for name, pair in pairs.items() if len(table) else ():
        for measure in JUDGED:
            between = difference(table, measure, *pair)
            above = seeds_above(table, measure, *pair)
            rows.append(
                {
                    "compared with": name,
                    "measure": measure,
                    "difference": between.value,
                    "low": between.low,
                    "high": between.high,
                    "seeds above zero": f"{above} of {table.seed.nunique()}",
                    "result": verdict(between, *RESULTS),
                }
            )
    columns = ["compared with", "measure", "difference", "low", "high", "seeds above zero"]
    return pd.DataFrame(rows, columns=[*columns, "result"])


def in_sentences(results: Iterable[Mapping[str, Any]]) -> str:
    """What a record "layers" shows: accuracies, and how often max-pooling is ahead."""
    results = list(results)
    shares: dict[str, list[float]] = {network: [] for network in NETWORKS}
    for entry in results:
        if "right" in entry:
            shares[entry["network"]].append(entry["right"] / entry["test"])
    right = [f"{100 * mean(some):.1f} % with {network}" for network, some in shares.items()]
    table = comparisons_table(results)
    judged = table[table["compared with"].isin(list(AVOIDED))]
    ahead = int((judged.result == RESULTS[0]).sum())
    return (
        f"Of the test images, {listed(right)} are classified correctly. The max-pooling network "
        f"scores measurably higher in {ahead} of the {len(judged)} comparisons that the rule uses."
    )


def _values(table: pd.DataFrame, measure: str, kind: Kind) -> pd.DataFrame:
    """Columns person and value of the pictures of a kind, by seed and face."""
    own = table[(table.network == kind.network) & (table.made == kind.made)]
    own = own.set_index(["seed", "face"])
    return own[["person"]].assign(value=own[measure].astype(float))


def _differences(table: pd.DataFrame, measure: str, one: Kind, other: Kind) -> pd.DataFrame:
    first, second = (_values(table, measure, kind) for kind in (one, other))
    return first.assign(value=first.value - second.value).dropna()
