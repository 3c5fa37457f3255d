"""Compares train-models with the mission's Python stack on the same folds and vectors (called by scripts/bench train).

    bench_train.py PROGRAMS_DIR WORK_DIR REFERENCE_PYTHON [OPTION…]

train-models writes its walk-forward folds, the ads and its own predictions into a folder (`--export-folds`); scripts/reference
predicts the same folds, and divides and draws the same vectors (bench_clusters.py). Intervals are 95% bootstrap intervals over families of reposts. Embedded markets stay in WORK_DIR.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import bench_clusters
from bench_report import DATA, REPOSITORY, processor, record

sys.path.insert(0, str(REPOSITORY / "scripts" / "reference"))
import bench_roles  # noqa: E402
from data import read  # noqa: E402
from scores import Scores, interval  # noqa: E402

MARKETS = {"Singapore": ("sg_jobs.parquet", "SGD"), "UK": ("uk_jobs.parquet", "GBP")}
MODELS = {"Singapore": "salary_predictor", "UK": "salary_predictor_gbp"}
OURS = "ours"
HEAD = (
    "| model | MAE | R² | RMSE | ≤ 3 | MAE behind | R² behind | seconds | CPU seconds | peak MB |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
UNWANTED = ("PORT", "CLOUD_RUN_JOB", "EMBEDDING_MODEL", "EMBEDDING_PRECISION", "THREADS", "MLFLOW_TRACKING_URI")


@dataclass
class Cost:
    """What a model costs: seconds and peak memory."""

    seconds: float
    cpu_seconds: float
    peak_memory_bytes: float


def run(command: list, **environment: str) -> Cost:
    """Runs a program to its end."""
    clean = {name: value for name, value in os.environ.items() if name not in UNWANTED} | environment
    clock = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], env=clean, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"bench: {Path(command[0]).name} failed")
    return Cost(time.monotonic() - clock, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def market_environment(folder: Path) -> dict[str, str]:
    places = {"WAREHOUSE_URL": f"duckdb:{folder}/jobs.duckdb", "ARTIFACTS_URL": f"file:{folder}/artifacts"}
    return places | {"DEVICE": "cpu", "RUST_LOG": "warn", "MALLOC_ARENA_MAX": "1"}


def embedded(arguments: argparse.Namespace, name: str, file: Path) -> Path:
    """Returns a folder with the market's warehouse, embedded; it is kept for the next run."""
    folder = arguments.work / name.lower()
    if not (folder / ".complete").exists():
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        folder.mkdir(parents=True)
        print(f"bench: embedding {name}", file=sys.stderr, flush=True)
        run([arguments.programs / "jobctl", "load", file], **market_environment(folder))
        run([arguments.programs / "embed-new-jobs", "--once"], **market_environment(folder))
        (folder / ".complete").touch()
    return folder


def train(arguments: argparse.Namespace, name: str, file: Path) -> tuple[Path, Cost]:
    """Runs train-models with its export, then the reference; returns the folder of both and the cost of ours."""
    market = embedded(arguments, name, file)
    folds = market / "folds"
    subprocess.run(["rm", "-rf", str(folds), str(market / "artifacts" / "models")], check=True)
    print(f"bench: train-models, {name}", file=sys.stderr, flush=True)
    ours = [arguments.programs / "train-models", "--once", "--only", "salary", "--trials", arguments.trials]
    ours += ["--currency", MARKETS[name][1], "--export-folds", folds]
    cost = run(ours, **market_environment(market))
    print(f"bench: the reference, {name}", file=sys.stderr, flush=True)
    reference = [arguments.python, REPOSITORY / "scripts" / "reference", folds, "--trials", arguments.trials]
    run([*reference, "--threads", arguments.threads, "--columns", arguments.columns])
    if (folds / "trials.json").exists():
        run([*reference, "--threads", arguments.threads, "--same-trials"])
    return folds, cost


def entries(folds: Path, ours: Cost) -> dict[str, tuple[list[list[float]], Cost]]:
    """Every model's predictions and cost: ours, the published one first, then the reference's.

    Of ours only the whole run has a cost.
    """
    written = json.loads((folds / "predictions.json").read_text())
    own, published = written["models"], written["published"]
    own = {published: own[published]} | own
    peers = json.loads((folds / "reference.json").read_text())["models"]
    unknown = Cost(float("nan"), float("nan"), float("nan"))
    found = {f"{OURS}: {name}": (model["folds"], unknown if place else ours) for place, (name, model) in enumerate(own.items())}
    for name, model in peers.items():
        cost = Cost(sum(model["seconds"].values()), sum(model["cpu_seconds"].values()), model["peak_memory_bytes"])
        found[name] = (model["folds"], cost)
    return found


def table(folds: Path, ours: Cost) -> list[str]:
    """The rows of a market; differences are to its first model, and positive where that one is better."""
    ads, parts = read(folds)
    test = np.concatenate([fold.test for fold in parts])
    sound = ads.ratio[test] <= 3
    draws = Scores.draws(ads.families[test])
    rows, first = [], None
    for name, (predictions, cost) in entries(folds, ours).items():
        predicted = np.concatenate([np.array(fold, dtype=float) for fold in predictions])
        if len(predicted) != len(test):
            sys.exit(f"bench: invalid predictions of {name}: expected {len(test)}, found {len(predicted)}")
        every = Scores(ads.salary[test], predicted, ads.families[test], draws)
        plain = Scores.point(ads.salary[test][sound], predicted[sound])
        first = first or every
        cells = [name, f"{every.mae:,.0f} {interval(every.maes, 0)}", f"{every.r2:.3f} {interval(every.r2s, 3)}"]
        cells += [f"{every.rmse:,.0f}", f"{plain[0]:,.0f} / {plain[1]:.3f}"]
        if every is first:
            cells += ["–", "–"]
        else:
            cells += [f"{every.mae - first.mae:+,.0f} {interval(every.maes - first.maes, 0)}"]
            cells += [f"{first.r2 - every.r2:+.3f} {interval(first.r2s - every.r2s, 3)}"]
        if np.isnan(cost.seconds):
            cells += ["", "", ""]
        else:
            cells += [f"{cost.seconds:,.0f}", f"{cost.cpu_seconds:,.0f}", f"{cost.peak_memory_bytes / 1e6:,.0f}"]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def same_trials(folds: Path) -> list[str]:
    """A line about the trials that both sides trained on the same matrix."""
    if not (folds / "reference_trials.json").exists():
        return []
    ours = json.loads((folds / "trials.json").read_text())
    theirs = json.loads((folds / "reference_trials.json").read_text())["seconds"]["lightgbm"]
    times = f"{ours['seconds']:.0f} s, in Python {theirs:.0f} s, ratio {ours['seconds'] / theirs:.3f}"
    return ["", f"LightGBM alone, {len(ours['parameters'])} same trials: {times}."]


def roles(arguments: argparse.Namespace, name: str) -> list[str]:
    """The table of the models of roles of a market, whose warehouse is embedded."""
    market = arguments.work / name.lower()
    print(f"bench: roles, {name}", file=sys.stderr, flush=True)
    train = [arguments.programs / "train-models", "--once"]
    reference = [arguments.python, REPOSITORY / "scripts" / "reference", "--threads", arguments.threads, "--columns", arguments.columns]
    return ["", *bench_roles.table(market / "folds", lambda command: run(command, **market_environment(market)), train, reference)]


def predictions_a_second(arguments: argparse.Namespace, name: str) -> list[str]:
    """A line about the speed of the model that was published for a market."""
    market = arguments.work / name.lower()
    model = market / "artifacts" / "models" / MODELS[name] / "v1"
    clean = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    command = [arguments.programs / "predict", f"duckdb:{market}/jobs.duckdb", model]
    done = subprocess.run([str(part) for part in command], env=clean, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    rates = f"{found['from_rows_a_second']:,.0f} ads a second from rows, {found['from_features_a_second']:,.0f} from features"
    return ["", f"Prediction of {found['ads']:,} ads by the model of {found['training_ads']:,} ads: {rates}."]


def clusters(arguments: argparse.Namespace, load: float) -> str:
    """The section about the parts of the clustering."""
    files = {name: DATA / MARKETS[name][0] for name in arguments.market}
    markets = {name: embedded(arguments, name, file) / "jobs.duckdb" for name, file in files.items() if file.exists()}
    if not markets:
        sys.exit(f"bench: no market in {DATA}")
    return bench_clusters.section(
        arguments.programs / "clusters", arguments.python, markets, arguments.work, arguments.threads, load
    )


def section(arguments: argparse.Namespace, load: float) -> str:
    """The section about the salary models."""
    command = f"scripts/bench train --trials {arguments.trials} --threads {arguments.threads} --columns {arguments.columns}"
    lines = [
        "## Salary models",
        "",
        f"`{command}` on {datetime.date.today()}: {processor()}, {os.cpu_count()} cores, load {load:.1f} at the start.",
        "Walk-forward folds, the same for all; per month in the ad's currency; brackets are 95% bootstrap intervals over",
        "families of reposts. ≤ 3: MAE / R² on ads whose upper bound is at most three times the lower. Behind: how much worse",
        "than the first model. The first line's seconds and memory are those of the whole run of train-models.",
    ]
    for name in arguments.market:
        file = DATA / MARKETS[name][0]
        if not file.exists():
            print(f"bench: {name}: no {file.name} in the test data", file=sys.stderr)
            continue
        folds, cost = train(arguments, name, file)
        lines += ["", f"### {name}", "", *HEAD, *table(folds, cost), *same_trials(folds), *predictions_a_second(arguments, name)]
        lines += roles(arguments, name)
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench train")
    for name in ("programs", "work", "python"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--market", action="append", choices=list(MARKETS), help="a market [default: all]")
    parser.add_argument("--trials", type=int, default=30, help="trials of each tuned model")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="threads of the reference")
    parser.add_argument("--columns", choices=("full", "pca"), default="full", help="the reference's columns")
    parser.add_argument("--only", choices=("salary", "clusters"), help="one of the two comparisons [default: both]")
    parser.add_argument("--record", action="store_true", help="replace the section in BENCHMARKS.md by the result")
    arguments = parser.parse_args()
    arguments.market = arguments.market or list(MARKETS)
    for name, measured in {"salary": section, "clusters": clusters}.items():
        if arguments.only in (None, name):
            text = measured(arguments, os.getloadavg()[0])
            print(text, flush=True)
            if arguments.record:
                record(text)


if __name__ == "__main__":
    main()
