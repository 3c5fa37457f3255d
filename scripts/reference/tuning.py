"""Hyperparameters by optuna's TPE over the mission's ranges, judged on folds that keep families together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import GroupKFold

FOLDS = 5


def splits(families: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rows = np.arange(len(families))
    return list(GroupKFold(FOLDS, shuffle=True, random_state=seed).split(rows, groups=families))


def ranges(trial) -> dict:
    """The mission's ranges, under LightGBM's names."""
    return {
        "num_leaves": trial.suggest_int("num_leaves", 31, 100),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
        "n_estimators": trial.suggest_int("n_estimators", 100, 1000),
        "min_child_samples": trial.suggest_int("min_child_samples", 20, 100),
    }


def tune(make: Callable[[dict], object], matrix: np.ndarray, target: np.ndarray, families: np.ndarray, settings) -> dict:
    """Returns the parameters with the least mean absolute error of the log salary; hopeless trials end early."""
    import optuna

    parts = splits(families, settings.seed)

    def objective(trial) -> float:
        parameters, errors = ranges(trial), []
        for step, (train, held) in enumerate(parts):
            model = make(parameters).fit(matrix[train], target[train])
            errors.append(float(np.abs(model.predict(matrix[held]) - target[held]).mean()))
            trial.report(float(np.mean(errors)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(errors))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed), pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=settings.trials)
    return study.best_params
