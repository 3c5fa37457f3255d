"""Scores of predicted salaries and roles with bootstrap intervals over families of reposts."""

from __future__ import annotations

import numpy as np

DRAWS = 2_000
SEED = 1


class Scores:
    """MAE, RMSE and R² of all ads, and MAE and R² of every draw of families.

    Models that are given the same `draws` are paired: the difference of their `maes` is the distribution of the difference.
    """

    def __init__(self, actual: np.ndarray, predicted: np.ndarray, families: np.ndarray, draws: np.ndarray):
        self.mae, self.r2, self.rmse = self.point(actual, predicted)
        _, places = np.unique(families, return_inverse=True)
        error = predicted - actual
        centred = actual - actual.mean()
        parts = (np.ones(len(actual)), np.abs(error), error**2, centred, centred**2)
        sums = np.column_stack([np.bincount(places, part) for part in parts])
        count, absolute, square, total, squares = (draws @ sums).T
        self.maes = absolute / count
        self.r2s = 1 - square / (squares - total**2 / count)

    @staticmethod
    def draws(families: np.ndarray) -> np.ndarray:
        """[DRAWS, families]: how often each family is drawn."""
        count = len(np.unique(families))
        random = np.random.default_rng(SEED)
        drawn = (np.bincount(random.integers(count, size=count), minlength=count) for _ in range(DRAWS))
        return np.stack([draw.astype(np.float32) for draw in drawn])

    @staticmethod
    def point(actual: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
        """MAE, R² and RMSE."""
        error = predicted - actual
        square = float((error**2).mean())
        spread = float(((actual - actual.mean()) ** 2).mean())
        return float(np.abs(error).mean()), 1 - square / spread if spread else float("nan"), square**0.5


class ClassScores:
    """Macro-F1 and top-3 of all ads and of every draw of families; paired as [`Scores`] are.

    `top` are the most probable classes of each ad.
    """

    def __init__(self, actual: np.ndarray, labels: np.ndarray, top: np.ndarray, families: np.ndarray, draws: np.ndarray):
        _, places = np.unique(families, return_inverse=True)
        found = (top == actual[:, None]).any(axis=1)
        right, ads = labels == actual, np.ones(len(actual))
        columns = [found, ads]
        for name in sorted({*actual, *labels}):
            columns += [(actual == name) & right, (actual == name) * ads + (labels == name)]
        sums = np.column_stack([np.bincount(places, column, minlength=draws.shape[1]) for column in columns])
        (self.macro_f1,), (self.top_3,) = self.of(sums.sum(axis=0)[None])
        self.macro_f1s, self.top_3s = self.of(draws @ sums)

    @staticmethod
    def of(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Macro-F1, of the classes that are actual or predicted, and top-3 of each row of sums."""
        right, either = sums[:, 2::2], sums[:, 3::2]
        f1 = np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0)
        return f1.sum(axis=1) / (either > 0).sum(axis=1), sums[:, 0] / sums[:, 1]


def interval(draws: np.ndarray, digits: int) -> str:
    """The middle 95% of the draws."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"[{low:,.{digits}f}, {high:,.{digits}f}]"
