"""Generates a warehouse of any size with the neighbour distances of real ads (called by scripts/bench similar).

    bench_market.py BASE.duckdb OUT.duckdb ADS

BASE holds embedded ads. They are copied unchanged; further ads have the title, description and salary of a base ad and its vector
plus a step along the difference of two base vectors. Step lengths vary by base ad and by copy, so that the distance to the tenth
neighbour varies as among the base ads; both distributions are printed. Columns for filters: half of the ads have one source, a
tenth one location, a hundredth one company and a thousandth one work type.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

CHUNK = 20_000
STEP_OF_BASE = (0.5, 1.2)
STEP_OF_COPY = (0.5, 1.2)
SAMPLE = 500
NEIGHBOURS = 10
SHARES = {"source": 2, "location": 10, "company": 100, "work_type": 1000}

LATEST = """
SELECT job.*, embedding.embedding, embedding.model_name, embedding.created_at, embedding.embedding_space,
    embedding.model_version, embedding.content_hash
FROM cleaned_jobs AS job
JOIN job_embeddings AS embedding USING (source, job_id)
QUALIFY row_number() OVER (
    PARTITION BY embedding.content_hash ORDER BY job.scrape_timestamp DESC, job.source, job.job_id
) = 1
ORDER BY embedding.content_hash
"""

# The base's columns, with those replaced that differ.
ADS = """
INSERT INTO market.cleaned_jobs BY NAME
SELECT base.* EXCLUDE (embedding, model_name, created_at, embedding_space, model_version, content_hash, place)
REPLACE (
    chunk.source AS source, chunk.job_id AS job_id, chunk.location AS job_location, chunk.company AS company_name,
    chunk.work_type AS job_work_type, left(base.job_description, 1000) AS job_description
)
FROM chunk JOIN base ON base.place = chunk.place
"""
EMBEDDINGS = """
INSERT INTO market.job_embeddings BY NAME
SELECT chunk.source, chunk.job_id, chunk.embedding::FLOAT[{dimension}] AS embedding, base.model_name, base.created_at,
    base.embedding_space, base.model_version, chunk.content_hash, chunk.location AS job_location,
    base.job_classification, chunk.work_type AS job_work_type, base.job_posted_timestamp,
    (base.job_salary_min_sgd_monthly + base.job_salary_max_sgd_monthly) / 2 AS salary_mid
FROM chunk JOIN base ON base.place = chunk.place
"""


def moved(base: np.ndarray, places: np.ndarray, steps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the base's vectors at `places`, each plus a random step, normalised."""
    direction = base[rng.integers(0, len(base), len(places))] - base[rng.integers(0, len(base), len(places))]
    size = np.linalg.norm(direction, axis=1, keepdims=True)
    direction /= np.where(size > 0, size, 1)
    length = steps[places] * rng.uniform(*STEP_OF_COPY, len(places)).astype(np.float32)
    vectors = base[places] + length[:, None] * direction
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def tenth_similarities(queries: np.ndarray, blocks: list[np.ndarray]) -> list[float]:
    """5th, 25th, 50th, 75th and 95th percentile of the similarity of a query's tenth neighbour, itself not counted."""
    best = np.full((len(queries), NEIGHBOURS + 1), -np.inf, dtype=np.float32)
    for block in blocks:
        similar = queries @ block.T
        count = min(NEIGHBOURS + 1, similar.shape[1])
        best = np.sort(np.hstack([best, np.partition(similar, -count, axis=1)[:, -count:]]))[:, -NEIGHBOURS - 1 :]
    return [round(float(value), 3) for value in np.percentile(best[:, 0], [5, 25, 50, 75, 95])]


def main() -> None:
    base_file, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out.unlink(missing_ok=True)
    connection = duckdb.connect(":memory:")
    connection.execute("SET memory_limit = '2GB'")
    connection.execute(f"ATTACH '{base_file}' AS origin (READ_ONLY); ATTACH '{out}' AS market (ROW_GROUP_SIZE 8192)")
    for table in ("cleaned_jobs", "job_embeddings"):
        [(sql,)] = connection.execute(
            f"SELECT sql FROM duckdb_tables() WHERE database_name = 'origin' AND table_name = '{table}'"
        ).fetchall()
        connection.execute(sql.replace("CREATE TABLE ", "CREATE TABLE market."))
    connection.execute("USE origin")
    connection.execute(f"CREATE TEMP TABLE base AS SELECT *, (row_number() OVER ()) - 1 AS place FROM ({LATEST})")
    vectors = connection.execute("SELECT embedding FROM base ORDER BY place").fetchnumpy()["embedding"]
    base = np.stack([np.asarray(vector, dtype=np.float32) for vector in vectors])
    connection.execute("ALTER TABLE base DROP COLUMN embedding; ALTER TABLE base ADD COLUMN embedding INTEGER")
    rng = np.random.default_rng(7)
    steps = rng.uniform(*STEP_OF_BASE, len(base)).astype(np.float32)
    queries, blocks = None, []
    for start in range(0, count, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, count))
        places = numbers % len(base)
        chunk_vectors = np.where((numbers < len(base))[:, None], base[places], moved(base, places, steps, rng))
        columns = {name: rng.integers(0, values, len(numbers)) for name, values in SHARES.items()}
        chunk = pa.table(
            {
                "place": places,
                "job_id": [str(number) for number in numbers],
                "content_hash": [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers],
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(chunk_vectors.reshape(-1)), base.shape[1]),
            }
            | {name: [f"{name} {value}" for value in values] for name, values in columns.items()}
        )
        connection.register("chunk", chunk)
        connection.execute(ADS)
        connection.execute(EMBEDDINGS.format(dimension=base.shape[1]))
        blocks.append(chunk_vectors.astype(np.float16))
        print(f"bench: {numbers[-1] + 1} of {count} ads", file=sys.stderr)
    # Closes the file, so that it contains everything.
    connection.execute("USE memory; DETACH market")

    def among(vectors: np.ndarray) -> np.ndarray:
        return vectors[rng.permutation(len(vectors))[:SAMPLE]].astype(np.float32)

    everything = np.concatenate([block[:: max(1, count // CHUNK // 4)] for block in blocks])
    queries = among(everything)
    facts = {
        "ads": count,
        "base_ads": len(base),
        "tenth_of_base": tenth_similarities(among(base), [base]),
        "tenth": tenth_similarities(queries, [block.astype(np.float32) for block in blocks]),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
