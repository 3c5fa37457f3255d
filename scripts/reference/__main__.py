"""The mission's Python stack (scikit-learn, LightGBM, XGBoost, optuna) as the yardstick of models of salaries and roles.

    python scripts/reference FOLDER [--models NAME…] [--trials N] [--threads N] [--seed N] [--columns full|pca]
    python scripts/reference FOLDER --roles [--threads N] [--seed N] [--columns full|pca]
    python scripts/reference FOLDER --same-trials
    python scripts/reference FOLDER --clusters

FOLDER holds what `train-models --export-folds FOLDER` writes: folds.json and ads.parquet (see data.py), and for --same-trials
also trials.json and matrix.parquet (see trials.py); for --roles it is FOLDER/roles; for --clusters it holds vectors (see
clusters.py). Writes FOLDER/reference.json, reference_trials.json or reference_clusters.json. Each model runs in a process of
its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import clusters
import models
import roles
import trials
from settings import Settings

PACKAGES = ("scikit-learn", "lightgbm", "xgboost-cpu", "optuna", "numpy", "scipy", "pyarrow", "umap-learn")
# Thread pools that read their size at start.
POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_alone(name: str, settings: Settings, *flags: str) -> dict:
    """Runs one model in a process of its own and returns what it prints."""
    print(f"reference: {name}", file=sys.stderr, flush=True)
    environment = os.environ | {pool: str(settings.threads) for pool in POOLS} | {"OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, str(Path(__file__).parent), str(settings.folder), *settings.flags(), *flags, "--alone", name]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"reference: {name} failed")
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/reference")
    parser.add_argument("folder", type=Path, help="folds.json and ads.parquet")
    parser.add_argument("--models", nargs="+", choices=list(models.MODELS), default=list(models.MODELS))
    parser.add_argument("--trials", type=int, default=30, help="trials of each tuned model [default: 30]")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", choices=("full", "pca"), default="full", help="all of the embedding, or its PCA-10")
    parser.add_argument("--roles", action="store_true", help="models of roles instead of salaries")
    parser.add_argument("--same-trials", action="store_true", help="only repeat the trials of trials.json")
    parser.add_argument("--clusters", action="store_true", help="only measure the parts of the clustering")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    settings = Settings(arguments.folder, arguments.trials, arguments.threads, arguments.seed, arguments.columns)
    if arguments.alone:
        run = roles.run if arguments.roles else models.run
        others = {trials.NAME: trials.repeat, clusters.NAME: clusters.run}
        of_settings = others.get(arguments.alone)
        print(json.dumps(of_settings(settings) if of_settings else run(arguments.alone, settings)))
        return
    if arguments.same_trials:
        written, parts = "reference_trials.json", run_alone(trials.NAME, settings)
    elif arguments.clusters:
        written, parts = "reference_clusters.json", run_alone(clusters.NAME, settings)
    elif arguments.roles:
        written, parts = "reference.json", {"models": {name: run_alone(name, settings, "--roles") for name in roles.MODELS}}
    else:
        written, parts = "reference.json", {"models": {name: run_alone(name, settings) for name in arguments.models}}
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    described = {name: value for name, value in asdict(settings).items() if name != "folder"}
    (settings.folder / written).write_text(json.dumps({"versions": versions} | described | parts))


if __name__ == "__main__":
    main()
