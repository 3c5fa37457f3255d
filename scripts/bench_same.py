"""Compares what the programs of this checkout make with what those of another commit make (called by scripts/bench same).

    bench_same.py NAME THEIRS_DIR OURS_DIR WORK_DIR FILE...

Both load FILE..., embed, build an index and answer the same requests. Vectors, the index's data files and the bodies of
answers without `took_ms` must be the same to the bit; exits with 1 if they differ. manifest.json, whose form may change
between commits, claim.json, which names the run, and moments of building are not compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

VECTORS = """SELECT source, job_id, content_hash, embedding_space, model_version, salary_mid, md5(CAST(embedding AS VARCHAR)) AS md5
FROM job_embeddings ORDER BY source, job_id"""
TEXTS = ("data engineer", "staff nurse in a community hospital", "java", "主厨", "head of finance, regional role")
FILTERS = (
    {"salary_min_sgd_per_month": 5000},
    {"work_type": "Full time"},
    {"posted_after": "2018-01-01T00:00:00Z"},
)
# Members that say when an index was made or how long an answer took.
MOMENTS = re.compile(rb'"(took_ms|created_at|built_at|published_at)":\s*("[^"]*"|[0-9.e-]+),?')
NOT_DATA = ("manifest.json", "claim.json")


class Side:
    """The programs of one commit, and what they make."""

    def __init__(self, name: str, programs: Path, folder: Path) -> None:
        self.name, self.programs, self.folder = name, programs, folder
        folder.mkdir(parents=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "XDG_CACHE_HOME")},
            "WAREHOUSE_URL": f"duckdb:{folder}/jobs.duckdb",
            "ARTIFACTS_URL": f"file:{folder}/artifacts",
            "INDEX_DIR": f"{folder}/indexes",
            "DEVICE": "cpu",
            "RUST_LOG": "warn",
        }

    def run(self, program: str, *arguments: object) -> str:
        command = [str(part) for part in (self.programs / program, *arguments)]
        return subprocess.run(command, env=self.environment, check=True, text=True, stdout=subprocess.PIPE).stdout

    def make(self, files: list[str]) -> None:
        self.run("jobctl", "load", *files)
        for program in ("embed-new-jobs", "build-vector-index"):
            clock = time.monotonic()
            self.run(program, "--once")
            print(f"{self.name}: {program} took {time.monotonic() - clock:.1f} s", file=sys.stderr)

    def vectors(self) -> list[str]:
        return self.run("jobctl", "sql", "--format", "csv", VECTORS).splitlines()

    def index_files(self) -> dict[str, str]:
        (version,) = (self.folder / "artifacts/indexes").glob("v*")
        files = (path for path in version.rglob("*") if path.is_file() and path.name not in NOT_DATA)
        return {str(path.relative_to(version)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def answers(self, ads: list[tuple[str, str]]) -> dict[str, bytes]:
        """Bodies of answers, by request."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [str(self.programs / "similar-jobs"), "--port", str(port)]
        service = subprocess.Popen(command, env=self.environment)
        try:
            self.wait(f"http://127.0.0.1:{port}/ready")
            return {name: self.ask(port, path, body) for name, path, body in requests(ads)}
        finally:
            service.terminate()
            service.wait()

    def wait(self, url: str) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5).read()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        sys.exit(f"bench: similar-jobs of {self.name} is not ready after a minute")

    def ask(self, port: int, path: str, body: object) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
        # A deadline may pass on a busy machine: such an answer says 503 and is asked for again.
        for _ in range(20):
            try:
                return MOMENTS.sub(b"", urllib.request.urlopen(request, timeout=60).read())
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    sys.exit(f"bench: {self.name} answers {error.code} to {path} {body}: {error.read()!r}")
                time.sleep(1)
        sys.exit(f"bench: {self.name} never answers {path} {body}")


def requests(ads: list[tuple[str, str]]) -> list[tuple[str, str, object]]:
    """Name, path and body of every request."""
    made: list[tuple[str, str, object]] = []
    for path in ("/v1/index", "/v1/map?limit=500", "/v1/jobs?q=nurse&limit=50", "/v1/jobs?q=engineer&limit=20"):
        made.append((path, path, None))
    for source, job_id in ads:
        pair = urllib.parse.urlencode({"source": source, "job_id": job_id})
        place = f"{urllib.parse.quote(source, safe='')}/{urllib.parse.quote(job_id, safe='')}"
        job = {"source": source, "job_id": job_id}
        made.append((f"similar {job}", f"/v1/similar?{pair}&top_k=10", None))
        made.append((f"one {job}", f"/v1/jobs/{place}", None))
        for filter_ in FILTERS:
            body = {"job": job, "filter": filter_, "top_k": 5}
            made.append((json.dumps(body), "/v1/similar", body))
    for text in TEXTS:
        for body in ({"text": text}, {"text": text, "hybrid": True, "top_k": 20}, {"text": text, "exact": True}):
            made.append((json.dumps(body), "/v1/similar", body))
    batch = {"queries": [{"text": text, "top_k": 3} for text in TEXTS]}
    return [*made, ("batch", "/v1/similar", batch)]


def compare(what: str, theirs: dict, ours: dict) -> bool:
    """Prints how many are the same; the first difference by name."""
    different = [key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key)]
    print(f"{what}: {len(theirs)}, different: {len(different)}")
    for key in sorted(different)[:3]:
        print(f"  {key}:\n    {str(theirs.get(key))[:300]}\n    {str(ours.get(key))[:300]}")
    return not different and bool(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench same")
    parser.add_argument("name")
    parser.add_argument("theirs", type=Path)
    parser.add_argument("ours", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    sides = (Side(options.name, options.theirs, options.work / "market-theirs"), Side("this checkout", options.ours, options.work / "market-ours"))
    for side in sides:
        side.make([str(Path(file).absolute()) for file in options.files])
    theirs, ours = (side.vectors() for side in sides)
    rows = [line.split(",")[:2] for line in theirs[1:]]
    step = max(1, len(rows) // 40)
    ads = [(source, job_id) for source, job_id in rows[::step] if '"' not in source + job_id]
    is_same = [
        compare("vectors", dict(enumerate(theirs)), dict(enumerate(ours))),
        compare("index files", *(side.index_files() for side in sides)),
        compare("answers", *(side.answers(ads) for side in sides)),
    ]
    sys.exit(0 if all(is_same) else 1)


if __name__ == "__main__":
    main()
