"""Models of roles, each judged on the folds that it is given: the class of an ad from everything else in it.

A model imports its library when it is made, so that its peak memory does not include the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data import read
from features import ONE_HOT, Tabular, Words
from measure import Parts
from settings import Settings

TOP = 3
# The parameter with which train-models fits its logistic regressions.
C = 10.0


def logistic(weights: str | None):
    def make(_: Settings):
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=C, class_weight=weights, max_iter=500)

    return make


def light(settings: Settings):
    import lightgbm

    return lightgbm.LGBMClassifier(random_state=settings.seed, n_jobs=settings.threads, verbose=-1)


def tabular(settings: Settings) -> Tabular:
    known = tuple(name for name in ONE_HOT if name != "classification")
    return Tabular(settings.columns == "full", settings.seed, known)


@dataclass(frozen=True)
class Model:
    features: Callable[[Settings], object]
    make: Callable[[Settings], object]


MODELS = {
    "TF-IDF + logistic regression": Model(lambda _: Words(), logistic(None)),
    "the same, classes weighted": Model(lambda _: Words(), logistic("balanced")),
    "LightGBM": Model(tabular, light),
}


def run(name: str, settings: Settings) -> dict:
    """Predicts the test ads of every fold: the `labels`, and the `top` classes of each, the most probable first."""
    model, parts = MODELS[name], Parts()
    with parts.part("read"):
        ads, folds = read(settings.folder)
        classes = ads.texts["classification"]
    predictions = []
    for fold in folds:
        with parts.part("features"):
            features = model.features(settings).fit(ads, fold.train)
            train, test = (features.transform(ads, rows) for rows in (fold.train, fold.test))
        with parts.part("fit"):
            fitted = model.make(settings).fit(train, classes[fold.train])
        with parts.part("predict"):
            order = np.argsort(-fitted.predict_proba(test), axis=1, kind="stable")[:, :TOP]
            top = fitted.classes_[order]
        predictions.append({"labels": top[:, 0].tolist(), "top": top.tolist()})
    return {"folds": predictions} | parts.report()
