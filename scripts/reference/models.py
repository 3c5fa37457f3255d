"""The models, each fitted on the log of the salary's midpoint and judged on the folds it is given.

A model imports its library when it is made, so that its peak memory does not include the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data import Ads, read
from features import Tabular, Words
from measure import Parts
from settings import Settings
from tuning import splits, tune

ALPHAS = (0.1, 0.3, 1.0, 3.0)


class ClassMedian:
    """The median of the ad's classification, or of all ads for a classification that training lacks."""

    def fit(self, classes: np.ndarray, target: np.ndarray) -> ClassMedian:
        self.median = float(np.median(target))
        self.medians = {name: float(np.median(target[classes == name])) for name in set(classes)}
        return self

    def predict(self, classes: np.ndarray) -> np.ndarray:
        return np.array([self.medians.get(name, self.median) for name in classes])


class Classes:
    def fit(self, ads: Ads, rows: np.ndarray) -> Classes:
        return self

    def transform(self, ads: Ads, rows: np.ndarray) -> np.ndarray:
        return ads.texts["classification"][rows]


class NoClasses(Classes):
    """One class for every ad."""

    def transform(self, ads: Ads, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), "", dtype=object)


def linear(*_):
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def ridge(parameters: dict, _: Settings):
    from sklearn.linear_model import Ridge

    return Ridge(parameters["alpha"], solver="sparse_cg")


def light(parameters: dict, settings: Settings):
    import lightgbm

    return lightgbm.LGBMRegressor(**parameters, random_state=settings.seed, n_jobs=settings.threads, verbose=-1)


def extreme(parameters: dict, settings: Settings):
    """XGBoost that grows by leaves, as LightGBM does, so that the ranges mean the same."""
    import xgboost

    return xgboost.XGBRegressor(
        n_estimators=parameters["n_estimators"],
        learning_rate=parameters["learning_rate"],
        max_leaves=parameters["num_leaves"],
        min_child_weight=parameters["min_child_samples"],
        grow_policy="lossguide",
        max_depth=0,
        tree_method="hist",
        random_state=settings.seed,
        n_jobs=settings.threads,
    )


def forest(_: dict, settings: Settings):
    from sklearn.ensemble import RandomForestRegressor

    given = {"min_samples_leaf": 3, "max_features": 0.33, "random_state": settings.seed, "n_jobs": settings.threads}
    return RandomForestRegressor(300, **given)


@dataclass(frozen=True)
class Model:
    features: Callable[[Settings], object]
    make: Callable[[dict, Settings], object]
    tuned: bool = False
    alphas: tuple[float, ...] = ()


def tabular(settings: Settings) -> Tabular:
    return Tabular(settings.columns == "full", settings.seed)


MODELS = {
    "median": Model(lambda _: NoClasses(), lambda *_: ClassMedian()),
    "median of the class": Model(lambda _: Classes(), lambda *_: ClassMedian()),
    "linear regression": Model(tabular, linear),
    "TF-IDF + ridge": Model(lambda _: Words(), ridge, alphas=ALPHAS),
    "random forest": Model(tabular, forest),
    "LightGBM": Model(tabular, light, tuned=True),
    "XGBoost": Model(tabular, extreme, tuned=True),
}


def best_alpha(model: Model, matrix, target: np.ndarray, families: np.ndarray, settings: Settings) -> dict:
    """Returns the penalty with the least mean absolute error on folds that keep families together."""

    parts = splits(families, settings.seed)

    def error(alpha: float) -> float:
        errors = []
        for train, held in parts:
            fitted = model.make({"alpha": alpha}, settings).fit(matrix[train], target[train])
            errors.append(np.abs(fitted.predict(matrix[held]) - target[held]))
        return float(np.concatenate(errors).mean())

    return {"alpha": min(model.alphas, key=error)}


def run(name: str, settings: Settings) -> dict:
    """Predicts the test ads of every fold; parameters are chosen on the training ads of the first fold alone."""
    model, parts = MODELS[name], Parts()
    with parts.part("read"):
        ads, folds = read(settings.folder)
    parameters, predictions = {}, []
    for place, fold in enumerate(folds):
        with parts.part("features"):
            features = model.features(settings).fit(ads, fold.train)
            train, test = (features.transform(ads, rows) for rows in (fold.train, fold.test))
        if place == 0:
            families, target = ads.families[fold.train], ads.target[fold.train]
            with parts.part("tune"):
                if model.tuned:
                    parameters = tune(lambda given: model.make(given, settings), train, target, families, settings)
                elif model.alphas:
                    parameters = best_alpha(model, train, target, families, settings)
        with parts.part("fit"):
            fitted = model.make(parameters, settings).fit(train, ads.target[fold.train])
        with parts.part("predict"):
            predictions.append(np.exp(fitted.predict(test)).tolist())
    return {"parameters": parameters, "folds": predictions} | parts.report()
