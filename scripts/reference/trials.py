"""The trials of train-models repeated with Python's LightGBM on the same matrix, for the time of LightGBM alone.

trials.json: {"parameters": [{LightGBM's parameters with num_iterations}…], "categorical": [column…], "seconds": LightGBM's own
part in train-models}. matrix.parquet: one column a feature (floats), and `label`, `weight` and `fold`.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet

from measure import Parts
from settings import Settings

NAME = "same trials"
KEYS = ("label", "weight", "fold")


def repeat(settings: Settings) -> dict:
    """Trains every trial on every fold; returns the mean absolute error of each trial and the time."""
    import lightgbm

    parts = Parts()
    written = json.loads((settings.folder / "trials.json").read_text())
    with parts.part("read"):
        table = pyarrow.parquet.read_table(settings.folder / "matrix.parquet")
        label, weight, folds = (table[name].to_numpy() for name in KEYS)
        names = [name for name in table.column_names if name not in KEYS]
        matrix = np.column_stack([table[name].to_numpy() for name in names])
        categorical = [names.index(name) for name in written["categorical"]]
    errors = []
    for parameters in written["parameters"]:
        # As train-models sets them for every training.
        parameters = parameters | {"deterministic": True, "force_col_wise": True, "num_threads": settings.threads, "verbose": -1}
        held_errors = []
        for fold in np.unique(folds):
            train, held = folds != fold, folds == fold
            seen, hidden = matrix[train], matrix[held]
            with parts.part("lightgbm"):
                data = lightgbm.Dataset(seen, label[train], weight=weight[train], categorical_feature=categorical, params=parameters)
                predicted = lightgbm.train(parameters, data).predict(hidden, num_threads=settings.threads)
            held_errors.append(np.abs(predicted - label[held]))
        errors.append(float(np.concatenate(held_errors).mean()))
    return {"mean_absolute_errors": errors} | parts.report()
