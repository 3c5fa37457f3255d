"""Compares the role classifier of train-models with scripts/reference on the same folds (a part of scripts/bench train)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import read
from scores import ClassScores, Scores, interval

HEAD = (
    "| model of roles | macro-F1 | top-3 | macro-F1 behind | top-3 behind | seconds | peak MB |",
    "|---|---|---|---|---|---|---|",
)


def table(folder: Path, run: Callable[[list], object], train: list, reference: list) -> list[str]:
    """Trains on the ads of all currencies with the command `train`, runs `reference` on its folds; returns the rows.

    The published model is the first; differences are to it, and positive where it is better.
    """
    ours = run([*train, "--only", "role", "--export-folds", folder])
    roles = folder / "roles"
    run([reference[0], reference[1], roles, "--roles", *reference[2:]])
    ads, folds = read(roles)
    test = np.concatenate([fold.test for fold in folds])
    written = json.loads((roles / "predictions.json").read_text())
    peers = json.loads((roles / "reference.json").read_text())["models"]
    own = {written["published"]: written["models"][written["published"]]} | written["models"]
    costs = {f"ours: {written['published']}": (ours.seconds, ours.peak_memory_bytes)}
    costs |= {name: (sum(model["seconds"].values()), model["peak_memory_bytes"]) for name, model in peers.items()}
    draws = Scores.draws(ads.families[test])
    rows, first = [], None
    for name, model in ({f"ours: {name}": model for name, model in own.items()} | peers).items():
        labels, top = (np.array([one for fold in model["folds"] for one in fold[part]]) for part in ("labels", "top"))
        scores = ClassScores(ads.texts["classification"][test], labels, top, ads.families[test], draws)
        first = first or scores
        cells = [name]
        for figure in ("macro_f1", "top_3"):
            cells.append(f"{getattr(scores, figure):.3f} {interval(getattr(scores, f'{figure}s'), 3)}")
        for figure in ("macro_f1", "top_3"):
            difference = getattr(first, figure) - getattr(scores, figure)
            drawn = getattr(first, f"{figure}s") - getattr(scores, f"{figure}s")
            cells.append("–" if scores is first else f"{difference:+.3f} {interval(drawn, 3)}")
        seconds, memory = costs.get(name, (None, None))
        cells += ["", ""] if seconds is None else [f"{seconds:,.0f}", f"{memory / 1e6:,.0f}"]
        rows.append("| " + " | ".join(cells) + " |")
    return [*HEAD, *rows]
