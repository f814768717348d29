"""Which epoch is saved, which is listed, and who meets whom in the batches of an epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from tinyvgg.training.protocol import epoch_order


def stops(history: pd.DataFrame) -> pd.DataFrame:
    """What the released code would save and list, had training stopped after any epoch.

    Parameters
    ----------
    history : DataFrame
        Of `Study.history`.

    Returns
    -------
    DataFrame
        epoch, test_error, saved (the first epoch so far with the smallest test error),
        saved_error, and same (the saved weights are those of this epoch, so that the list of
        mistakes is theirs).
    """
    error = history.test_error.to_numpy()
    best = np.minimum.accumulate(error)
    saved = [int(history.epoch[np.argmin(error[: k + 1])]) for k in range(len(error))]
    return pd.DataFrame(
        {
            "epoch": history.epoch,
            "test_error": error,
            "saved": saved,
            "saved_error": best,
            "same": history.epoch.to_numpy() == np.array(saved, int),
        }
    )


def list_and_weights(last: pd.DataFrame, best: pd.DataFrame) -> dict[str, int]:
    """How the last epoch's list of mistakes disagrees with what the best epoch's weights say.

    Parameters
    ----------
    last, best : DataFrame
        Outcomes of the same test images, in the same order (see `Study.outcomes`).

    Returns
    -------
    dict
        listed (mistakes of the last epoch), wrong (of the best), listed_right (listed, and the
        saved weights get them right), unlisted (wrong, and not listed), and other_class (listed
        and wrong, but taken for another class).
    """
    listed, wrong = ~last.correct.to_numpy(), ~best.correct.to_numpy()
    both = listed & wrong
    return {
        "listed": int(listed.sum()),
        "wrong": int(wrong.sum()),
        "listed_right": int((listed & ~wrong).sum()),
        "unlisted": int((wrong & ~listed).sum()),
        "other_class": int((both & (last.predicted != best.predicted).to_numpy()).sum()),
    }


def meetings(
    train: ArrayLike, epochs: int, order: str, seed: int = 0, batch_size: int = 12
) -> np.ndarray:
    """The share of all pairs of training images that have shared a batch, after each epoch.

    Parameters
    ----------
    train : int array (N,)
    epochs : int
    order : {"reshuffled", "fixed"}
    seed, batch_size
        As for `fit`.

    Returns
    -------
    float array (epochs,)
    """
    train = np.sort(np.asarray(train, int))
    count = len(train)
    met, shares = np.zeros((count, count), bool), []
    for epoch in range(1, epochs + 1):
        places = np.searchsorted(train, epoch_order(train, seed, epoch, order))
        for start in range(0, count, batch_size):
            batch = places[start : start + batch_size]
            met[np.ix_(batch, batch)] = True
        shares.append((met.sum() - count) / max(count * (count - 1), 1))
    return np.array(shares)
