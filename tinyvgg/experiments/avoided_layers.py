"""Deconvolved pictures of networks with the avoided layers, compared face by face."""

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
COMPARED = {  # the measures that decide; words for more, less, neither, and too little to say
    "edges": (
        "keep more of the face's edges",
        "keep fewer of the face's edges",
        "keep neither measurably more nor fewer of the face's edges",
        "are too few to compare the edges",
    ),
    "sharpness": (
        "are sharper",
        "are less sharp",
        "are neither measurably sharper nor less sharp",
        "are too few to compare the sharpness",
    ),
}
JUDGED = tuple(COMPARED)
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


def in_sentences(results: Iterable[Mapping[str, Any]]) -> str:
    """What a record "layers" says: accuracies, then each avoided layer beside max-pooling."""
    results = list(results)
    table = measurements(results)
    shares: dict[str, list[float]] = {network: [] for network in NETWORKS}
    for entry in results:
        if "right" in entry:
            shares[entry["network"]].append(entry["right"] / entry["test"])
    right = [f"{100 * mean(some):.1f} % with {network}" for network, some in shares.items()]
    own_way = Kind(MAX, OWN_WAY), Kind(AVERAGE, OWN_WAY)
    ahead = [f"{measure} {_words(difference(table, measure, *own_way))}" for measure in JUDGED]
    return " ".join(
        [
            f"Of the test images, {listed(right)} are classified correctly.",
            *(_beside(table, network) for network in AVOIDED),
            "Max-pooling less average pooling in the paper's own way of deconvolution: "
            f"{'; '.join(ahead)}.",
        ]
    )


def _beside(table: pd.DataFrame, network: str) -> str:
    """One sentence: the max-pooling network's pictures beside those of another."""
    pair, seeds, found = (Kind(MAX), Kind(network)), table.seed.nunique(), []
    for measure, words in COMPARED.items():
        between = difference(table, measure, *pair)
        above = f"above zero in {seeds_above(table, measure, *pair)} of {seeds}"
        found.append(f"{verdict(between, *words)} ({_words(between)}; by seed, {above})")
    return f"Beside those with {network}, the pictures of the max-pooling network {listed(found)}."


def _words(interval: Interval) -> str:
    """A difference and its interval as text."""
    value, low, high = (f"{x:+.3f}".replace("-", "\N{MINUS SIGN}") for x in interval)
    return f"{value}, 95 % interval {low} to {high}"


def _values(table: pd.DataFrame, measure: str, kind: Kind) -> pd.DataFrame:
    """Columns person and value of the pictures of a kind, by seed and face."""
    own = table[(table.network == kind.network) & (table.made == kind.made)]
    own = own.set_index(["seed", "face"])
    return own[["person"]].assign(value=own[measure].astype(float))


def _differences(table: pd.DataFrame, measure: str, one: Kind, other: Kind) -> pd.DataFrame:
    first, second = (_values(table, measure, kind) for kind in (one, other))
    return first.assign(value=first.value - second.value).dropna()
