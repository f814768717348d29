"""Table 3: probabilities before and after a suppression, and the floor that its rows share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy import special
from torch import Tensor, nn

from tinyvgg.experiments.pairs import TwinPairs
from tinyvgg.layers import check_network, dense_pass
from tinyvgg.paper import classes_at_the_floor

MOMENTS = ("before", "after", "after, rectified")


def one_for_each(table: pd.DataFrame, column: str = "predicted_name") -> pd.DataFrame:
    """The most confident case of each class that something was mistaken for, in their order."""
    ranked = table.sort_values("confidence", ascending=False, kind="stable")
    return ranked.drop_duplicates(column).sort_values(column)


@torch.no_grad()
def suppressed_logits(net: nn.Module, maps: Tensor, pixels: Tensor) -> np.ndarray:
    """What `suppress` puts into the soft-max: logits, float64 (B, classes)."""
    _, linears = check_network(net)
    silenced = maps.masked_fill(pixels.to(maps.device), 0)
    return dense_pass(linears, silenced)[-1].double().cpu().numpy()


def softmax(logits: np.ndarray, rectify: bool = False) -> np.ndarray:
    """Soft-max over the last axis, of the logits or of what a ReLU leaves of them (Table 3)."""
    logits = np.asarray(logits, float)
    return special.softmax(np.maximum(logits, 0) if rectify else logits, axis=-1)


def probability_table(
    net: nn.Module, pairs: TwinPairs, places: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Table 3 made again: some cases before and after their unique pixels are suppressed.

    Parameters
    ----------
    net : nn.Module
    pairs : TwinPairs
    places : int array (n,)
        Which pairs.
    classes : sequence of str

    Returns
    -------
    DataFrame
        Of the form of `paper.table_3`, with a third moment: indexed by (case 1..n, moment),
        columns mistaken, true, and a probability for each class. "after, rectified" is what the
        soft-max gives if the logits pass a ReLU first.
    """
    some = torch.as_tensor(np.array(places, int))
    before = pairs.case.logits.cpu()[some].double().numpy()
    after = suppressed_logits(net, pairs.case.maps[some], pairs.sets.only_a[some])
    rows = (softmax(before), softmax(after), softmax(after, rectify=True))
    names = pairs.table.iloc[places][["predicted_name", "true_name"]]
    names = names.set_axis(["mistaken", "true"], axis=1).set_axis(range(1, len(some) + 1))
    parts = [names.join(pd.DataFrame(some, names.index, list(classes))) for some in rows]
    table = pd.concat(dict(zip(MOMENTS, parts, strict=True)), names=["moment", "case"])
    return table.swaplevel().sort_index(level="case", sort_remaining=False, kind="stable")


def at_moment(table: pd.DataFrame, moment: str) -> pd.DataFrame:
    """The rows of one of `MOMENTS`, by case; none if the table has no case."""
    return table[table.index.get_level_values("moment") == moment].droplevel("moment")


def read_as(table: pd.DataFrame, classes: Sequence[str]) -> pd.Series:
    """The most probable class of each row of such a table."""
    return table[list(classes)].astype(float).idxmax(axis=1) if len(table) else table["true"]


def floor_counts(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """How many classes share the smallest probability: a row a case, a column a moment."""
    counts = [classes_at_the_floor(row) for row in table[list(classes)].to_numpy(float)]
    moments = list(dict.fromkeys(table.index.get_level_values("moment"))) or list(MOMENTS)
    return pd.Series(counts, table.index, dtype="Int64").unstack().reindex(columns=moments)


def implied_spread(probabilities: pd.DataFrame) -> pd.Series:
    """How far apart the largest and the smallest logit of each row must have been."""
    return np.log(probabilities.max(axis=1) / probabilities.min(axis=1))
