"""The parts of the clustering beside scikit-learn and umap-learn (called by bench_train.py)."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

from bench_report import REPOSITORY, processor

HEAD = ("| part | seconds, ours | theirs | CPU seconds, ours | theirs | ratio | result, ours | theirs |", "|---|---|---|---|---|---|---|---|")


def row(name: str, ours: dict, theirs: dict, results: tuple[str, str] = ("", "")) -> str:
    """A line of the table; the ratio is that of the CPU seconds."""
    cells = [name, f"{ours['seconds']:.2f}", f"{theirs['seconds']:.2f}", f"{ours['cpu_seconds']:.2f}"]
    cells += [f"{theirs['cpu_seconds']:.2f}", f"{ours['cpu_seconds'] / theirs['cpu_seconds']:.2f}", *results]
    return "| " + " | ".join(cells) + " |"


def section(program: Path, python: Path, markets: dict[str, Path], work: Path, threads: int, load: float) -> str:
    """Measures both on the ads of all markets, whose warehouses are given."""
    folder = work / "clusters"
    folder.mkdir(parents=True, exist_ok=True)
    print("bench: components, k-means and the map, ours", file=sys.stderr, flush=True)
    environment = os.environ | {"RUST_LOG": "warn", "MALLOC_ARENA_MAX": "1", "RAYON_NUM_THREADS": str(threads)}
    urls = [f"duckdb:{warehouse}" for warehouse in markets.values()]
    done = subprocess.run([str(program), str(folder), *urls], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    ours = json.loads(done.stdout)
    print("bench: the same with scikit-learn and umap-learn", file=sys.stderr, flush=True)
    reference = [python, REPOSITORY / "scripts" / "reference", folder, "--clusters", "--threads", threads, "--seed", 42]
    subprocess.run([str(part) for part in reference], check=True)
    theirs = json.loads((folder / "reference_clusters.json").read_text())
    k_means = tuple(f"inertia {each['k_means']['inertia']:,.2f}" for each in (ours, theirs))
    true = tuple(f"trustworthiness {theirs['umap'][name]:.4f}" for name in ("trustworthiness_of_ours", "trustworthiness"))
    versions = theirs["versions"]
    lines = [
        "## Components, k-means and the map",
        "",
        f"`scripts/bench train --only clusters --threads {threads}` on {datetime.date.today()}: {processor()},",
        f"{os.cpu_count()} cores, load {load:.1f} at the start. The {ours['ads']:,} ads of {' and '.join(markets)}; scikit-learn",
        f"{versions['scikit-learn']}, umap-learn {versions['umap-learn']} with a seed and after compilation. Least of three rounds;",
        "the map, of all ads, has one. k-means: 10 clusters of 20 components, three starts. Trustworthiness: 15 neighbours of",
        f"{theirs['drawn']:,} drawn ads by cosine. The ratio is that of the CPU seconds. Our k-means ends when no point changes its",
        "cluster, scikit-learn's when its centres move little.",
        "",
        *HEAD,
        row("20 principal components", ours["pca"], theirs["pca"]),
        row("k-means", ours["k_means"], theirs["k_means"], k_means),
        row("map (UMAP)", ours["umap"], theirs["umap"], true),
        "",
    ]
    return "\n".join(lines)
