"""The ads and folds that `train-models --export-folds` writes.

ads.parquet, one row an ad, in any order: source, job_id (strings); family (integer: ads that must stay on one side); title,
description (strings with stated pay masked); location, classification, work_type, company_name, company_industry,
company_size (strings, empty if missing); salary_min_per_month, salary_max_per_month (floats, at least one of them); posted
(timestamp or null), seen (timestamp), both UTC; embedding (list of floats of the masked text, empty or null if missing).

folds.json: {"rows": [{"source", "job_id"}…], "folds": [{"train": [row…], "test": [row…]}…]}, rows numbered from 0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

AD = ("source", "title", "description", "location", "classification", "work_type")
TEXTS = (*AD, "company_name", "company_industry", "company_size")


@dataclass(frozen=True)
class Fold:
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Ads:
    """Ads in the order of the rows of folds.json."""

    texts: dict[str, np.ndarray]
    """Columns of strings."""
    posted: np.ndarray
    """Seconds since 1970 when posted, or else when seen."""
    age_days: np.ndarray
    """Age when last seen; NaN if the posting date is missing."""
    embedding: np.ndarray
    """[ads, dimension]; zeros where missing."""
    families: np.ndarray
    salary: np.ndarray
    """The middle of the pay range per month."""
    ratio: np.ndarray
    """Upper bound over lower bound; 1 if only one is known."""

    @property
    def target(self) -> np.ndarray:
        return np.log(self.salary)


def seconds(column) -> np.ndarray:
    """Timestamps as seconds since 1970, NaN where missing."""
    micros = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False).cast(pyarrow.int64())
    return micros.to_numpy().astype(float) / 1e6


def vectors(column) -> np.ndarray:
    rows = column.to_pylist()
    dimension = max((len(row) for row in rows if row), default=0)
    missing = [0.0] * dimension
    return np.array([row or missing for row in rows], dtype=np.float32).reshape(len(rows), dimension)


def read_folds(folder: Path) -> tuple[list[tuple[str, str]], list[Fold]]:
    """Returns the keys of the rows and the folds."""
    written = json.loads((folder / "folds.json").read_text())
    keys = [(row["source"], row["job_id"]) for row in written["rows"]]
    folds = [Fold(np.array(fold["train"], dtype=int), np.array(fold["test"], dtype=int)) for fold in written["folds"]]
    return keys, folds


def read(folder: Path) -> tuple[Ads, list[Fold]]:
    """Reads the ads of folds.json; an ad that ads.parquet lacks is an error."""
    keys, folds = read_folds(folder)
    table = pyarrow.parquet.read_table(folder / "ads.parquet")
    places = {key: place for place, key in enumerate(zip(table["source"].to_pylist(), table["job_id"].to_pylist()))}
    missing = [key for key in keys if key not in places]
    if missing:
        raise SystemExit(f"reference: invalid ads.parquet: expected every ad of folds.json, {len(missing)} are missing")
    table = table.take([places[key] for key in keys])
    low, high = (table[f"salary_{end}_per_month"].to_numpy().astype(float) for end in ("min", "max"))
    low, high = np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high)
    posted, seen = seconds(table["posted"]), seconds(table["seen"])
    ads = Ads(
        texts={name: np.array(table[name].fill_null("").to_pylist(), dtype=object) for name in TEXTS},
        posted=np.where(np.isnan(posted), seen, posted),
        age_days=(seen - posted) / 86_400,
        embedding=vectors(table["embedding"]),
        families=np.array(table["family"].to_pylist()),
        salary=(low + high) / 2,
        ratio=high / np.maximum(low, 1.0),
    )
    return ads, folds
