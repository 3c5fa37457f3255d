"""usearch and hnswlib on the vectors of an index (called by scripts/bench similar, one process per peer).

    bench_peers.py usearch|hnswlib VECTORS.f32 DIMENSION

Both have 16 links per vector and are built by two threads. Searches are one query at a time on one thread, with a growing width
until recall@10 against exact search is reached. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

K = 10
QUERIES = 1000
LINKS = 16
BUILD_WIDTH = 128
WIDTHS = (32, 64, 96, 128, 192, 256, 384, 512)
WANTED_RECALL = 0.98
BLOCK = 50_000


def exact(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Returns, for every query, itself and its K most similar vectors."""
    scores = np.empty((len(queries), 0), dtype=np.float32)
    places = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        similar = queries @ vectors[start : start + BLOCK].T
        best = np.argpartition(similar, -min(K + 1, similar.shape[1]), axis=1)[:, -(K + 1) :]
        scores = np.hstack([scores, np.take_along_axis(similar, best, axis=1)])
        places = np.hstack([places, best + start])
        kept = np.argsort(-scores, axis=1, kind="stable")[:, : K + 1]
        scores, places = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(places, kept, axis=1)
    return places


class Usearch:
    """usearch with f16 vectors: half the bytes at the same recall."""

    def __init__(self, vectors: np.ndarray):
        from usearch.index import Index

        self.index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16", connectivity=LINKS, expansion_add=BUILD_WIDTH)
        self.index.add(np.arange(len(vectors)), vectors, threads=2)

    def widen(self, width: int) -> None:
        self.index.expansion_search = width

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        return self.index.search(query, count, threads=1).keys

    def save(self, file: str) -> None:
        self.index.save(file)


class Hnswlib:
    def __init__(self, vectors: np.ndarray):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), M=LINKS, ef_construction=BUILD_WIDTH)
        self.index.add_items(vectors, np.arange(len(vectors)), num_threads=2)

    def widen(self, width: int) -> None:
        self.index.set_ef(width)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        return self.index.knn_query(query, count, num_threads=1)[0][0]

    def save(self, file: str) -> None:
        self.index.save_index(file)


def measure(peer: Usearch | Hnswlib, vectors: np.ndarray, rows: np.ndarray, truth: np.ndarray) -> dict:
    """Returns the narrowest search with the wanted recall."""
    found = {}
    for width in WIDTHS:
        peer.widen(width)
        times, same = [], 0
        for row, nearest in zip(rows, truth):
            clock = time.perf_counter()
            answer = peer.search(vectors[row], K + 1)
            times.append((time.perf_counter() - clock) * 1e3)
            wanted = [place for place in nearest if place != row][:K]
            same += len(set(wanted) & {int(place) for place in answer if place != row})
        found = {
            "width": width,
            "recall_at_10": same / (K * len(rows)),
            "p50_ms": float(np.percentile(times, 50)),
            "p99_ms": float(np.percentile(times, 99)),
        }
        if found["recall_at_10"] >= WANTED_RECALL:
            break
    return found


def main() -> None:
    name, file, dimension = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    vectors = np.fromfile(file, dtype=np.float32).reshape(-1, dimension)
    rows = np.linspace(0, len(vectors) - 1, min(QUERIES, len(vectors)), dtype=np.int64)
    truth = exact(vectors, vectors[rows])
    clock, before = time.perf_counter(), time.process_time()
    peer = {"usearch": Usearch, "hnswlib": Hnswlib}[name](vectors)
    built = {"build_seconds": time.perf_counter() - clock, "build_cpu_seconds": time.process_time() - before}
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        saved = Path(folder, "index")
        peer.save(str(saved))
        built["bytes"] = saved.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {"peer": name, "texts": len(vectors), "peak_memory_bytes": peak} | built | measure(peer, vectors, rows, truth)
        )
    )


if __name__ == "__main__":
    main()
