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
    over_seeds,
    verdict,
)
from tinyvgg.faces.labels import listed

MAX, AVERAGE, INCEPTION = "max-pooling", "average pooling", "inception"
AVOIDED = {AVERAGE: "average", INCEPTION: "inception"}  # in names of figures
NETWORKS = (MAX, *AVOIDED)
COMPARED = {  # the measures that decide, and the words for more, less and neither
    "edges": ("keep more edges", "keep fewer edges", "keep about as many edges"),
    "sharpness": ("are sharper", "are less sharp", "are about as sharp"),
}
JUDGED = tuple(COMPARED)
NONE, PREVIOUS, UNTRAINED = "none", "previous", "untrained"


class Kind(NamedTuple):
    """A kind of pictures: whose they are, and how they were made.

    Attributes
    ----------
    network : str
        `MAX`, or one of `AVOIDED`.
    made : str
        With ``bias="none"`` (`NONE`) or with ``bias="previous"`` (`PREVIOUS`) from the trained
        network, or with neither from the initial weights (`UNTRAINED`).
    """

    network: str
    made: str = NONE


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
    """One row per measure and network of a record, the pictures made with ``bias="none"``.

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
    shares = pd.DataFrame([e for e in results if "right" in e]).assign(
        share=lambda entries: entries.right / entries.test
    )
    right = shares.groupby("network").share.mean()
    said = listed(f"{100 * right[network]:.1f} % with {network}" for network in NETWORKS)
    compared = [_beside(table, network) for network in AVOIDED]
    own_way = [
        f"{measure} {_words(difference(table, measure, *_in_the_papers_way()))}"
        for measure in JUDGED
    ]
    return " ".join(
        [
            f"Of the test images, {said} are classified correctly (means over "
            f"{table.seed.nunique()} seeds).",
            *compared,
            "In the paper's own way, with the bias of the preceding convolution, the differences "
            f"from average pooling are: {listed(own_way)}.",
        ]
    )


def _beside(table: pd.DataFrame, network: str) -> str:
    """One sentence: the max-pooling network's pictures beside those of another."""
    found = []
    for measure, (more, less, same) in COMPARED.items():
        pair = Kind(MAX), Kind(network)
        between = difference(table, measure, *pair)
        word = verdict(between, more, less, same, f"{same} (too few people to say)")
        above, seeds = seeds_above(table, measure, *pair), table.seed.nunique()
        found.append(f"{word} ({_words(between)}; above zero in {above} of {seeds} seeds)")
    return f"Beside those with {network}, the pictures of the max-pooling network {listed(found)}."


def _in_the_papers_way() -> tuple[Kind, Kind]:
    return Kind(MAX, PREVIOUS), Kind(AVERAGE, PREVIOUS)


def _words(interval: Interval) -> str:
    """A difference and its interval as text."""
    value, low, high = (f"{x:+.3f}".replace("-", "\N{MINUS SIGN}") for x in interval)
    return f"{value}, {low} to {high}"


def _values(table: pd.DataFrame, measure: str, kind: Kind) -> pd.DataFrame:
    """Columns person and value of the pictures of a kind, by seed and face."""
    own = table[(table.network == kind.network) & (table.made == kind.made)]
    own = own.set_index(["seed", "face"])
    return own[["person"]].assign(value=own[measure].astype(float))


def _differences(table: pd.DataFrame, measure: str, one: Kind, other: Kind) -> pd.DataFrame:
    first, second = (_values(table, measure, kind) for kind in (one, other))
    return first.assign(value=first.value - second.value).dropna()
