"""Networks that stay at chance level, which a mean over seeds hides among those that learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tinyvgg.experiments.statistics import wilson


def at_chance(results: Iterable[Mapping[str, Any]]) -> pd.Series:
    """How many networks of each way to train are not more accurate than chance.

    A network counts if the 95 % interval of its own test accuracy (Wilson's) reaches down to
    chance, and if its loss diverged.

    Parameters
    ----------
    results : iterable of mapping
        Entries of the record "discussion".

    Returns
    -------
    Series
        Counts, by part, name and task.
    """
    columns = ["part", "name", "task", "at_chance"]
    rows = [
        (entry["part"], entry["name"], entry["task"], _is_at_chance(entry)) for entry in results
    ]
    return pd.DataFrame(rows, columns=columns).groupby(columns[:-1]).at_chance.sum().astype(int)


def _is_at_chance(entry: Mapping[str, Any]) -> bool:
    return entry["diverged"] or wilson(entry["right"], entry["test"]).low <= 1 / entry["classes"]
