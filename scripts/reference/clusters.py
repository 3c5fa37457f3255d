"""The parts of the clustering with scikit-learn and umap-learn, on the vectors that our benchmark writes.

The folder has vectors.f32 ([ads, 384]), components.f32 ([ads, 20]: what k-means divides) and map.f32 ([ads, 2]: our map), rows
of little-endian f32.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from settings import Settings

NAME = "clusters"
DIMENSION, COMPONENTS, CLUSTERS, STARTS, ROUNDS = 384, 20, 10, 3, 3
NEIGHBOURS = 15
DRAWN = 5000
"""Ads of which the neighbours on the maps are compared: the measure takes memory for each pair."""
WARM = 4500
"""Vectors that compile umap-learn's functions before it is measured; of fewer than 4,096 it searches neighbours otherwise."""


def rows(file: Path, width: int) -> np.ndarray:
    return np.fromfile(file, dtype="<f4").reshape(-1, width)


def least(rounds: int, make) -> tuple[object, dict]:
    """The last result, and the least wall and CPU seconds of the rounds."""
    seconds, cpu_seconds, made = [], [], None
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        made = make()
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    return made, {"seconds": min(seconds), "cpu_seconds": min(cpu_seconds)}


def run(settings: Settings) -> dict:
    """Measures the parts, and how true the neighbours on both maps are."""
    # Slow to import, and needed by nothing else.
    from umap import UMAP

    warnings.filterwarnings("ignore", message="n_jobs value")
    folder, seed = settings.folder, settings.seed
    vectors = rows(folder / "vectors.f32", DIMENSION)
    points = rows(folder / "components.f32", COMPONENTS)
    ours = rows(folder / "map.f32", 2)
    _, pca = least(ROUNDS, lambda: PCA(COMPONENTS).fit_transform(vectors))
    k_means = KMeans(CLUSTERS, n_init=STARTS, random_state=seed)
    found, divided = least(ROUNDS, lambda: k_means.fit(points))
    # A seed makes umap-learn serial, as our map is.
    make = lambda: UMAP(n_neighbors=NEIGHBOURS, metric="cosine", random_state=seed)  # noqa: E731
    make().fit_transform(vectors[:WARM])
    theirs, drawn = least(1, lambda: make().fit_transform(vectors))
    some = np.random.default_rng(seed).permutation(len(vectors))[:DRAWN]
    true = lambda layout: float(  # noqa: E731
        trustworthiness(vectors[some], layout[some], n_neighbors=NEIGHBOURS, metric="cosine")
    )
    return {
        "pca": pca,
        "k_means": divided | {"inertia": float(found.inertia_)},
        "umap": drawn | {"trustworthiness": true(theirs), "trustworthiness_of_ours": true(ours)},
        "drawn": len(some),
    }
