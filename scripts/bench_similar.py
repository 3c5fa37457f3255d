"""Measures similar-jobs under load at several sizes, beside usearch and hnswlib (called by scripts/bench similar).

    bench_similar.py PROGRAMS_DIR LOAD WORK_DIR [--ads N…] [--seconds S] [--rounds N] [--peers-up-to N] [--record]

LOAD is the load generator. WORK_DIR keeps the generated ads and indexes, so that a second run only measures.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench_report import DATA, REPOSITORY, processor, record
from bench_similar_tables import section

QUERIES = 5000
FILTERS = {
    "50%": {"source": "source 0"},
    "10%": {"location": "location 0"},
    "1%": {"company": "company 0"},
    "0.1%": {"work_type": "work_type 0"},
}
STARTS = 5
CHECKED = 50


def say(words: str) -> None:
    print(f"bench: {words}", file=sys.stderr, flush=True)


def run(command: list, environment: dict[str, str] | None = None) -> str:
    """Runs a program and returns its output."""
    done = subprocess.run([str(part) for part in command], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench: {Path(command[0]).name} exited with {done.returncode}")
    return done.stdout


@dataclass
class Place:
    """A warehouse, its index, and the programs."""

    programs: Path
    load: Path
    work: Path
    ads: int

    @property
    def market(self) -> Path:
        return self.work / f"{self.ads}.duckdb"

    def environment(self, **more: str) -> dict[str, str]:
        where = {"WAREHOUSE_URL": f"duckdb:{self.market}", "ARTIFACTS_URL": f"file:{self.work}/{self.ads}-artifacts"}
        return os.environ | where | {"INDEX_DIR": f"{self.work}/{self.ads}-indexes", "DEVICE": "cpu", "RUST_LOG": "warn"} | more

    def vectors(self) -> Path:
        [placed] = Path(f"{self.work}/{self.ads}-indexes").glob("v*/vectors.f32")
        return placed


def make_base(programs: Path, work: Path) -> Path:
    """Returns the embedded base ads: real ones if there are any, otherwise generated ones."""
    base, draft = work / "base.duckdb", work / "base.draft.duckdb"
    if base.exists():
        return base
    draft.unlink(missing_ok=True)
    environment = os.environ | {
        "WAREHOUSE_URL": f"duckdb:{draft}",
        "ARTIFACTS_URL": f"file:{work}/base-artifacts",
        "DEVICE": "cpu",
    }
    files = [file for file in (DATA / "sg_jobs.parquet", DATA / "uk_jobs.parquet") if file.exists()]
    for file in files:
        run([programs / "jobctl", "load", file], environment)
    if not files:
        say(f"no ads in {DATA}: using generated ads, whose texts are similar")
        run([programs / "jobctl", "generate", "--jobs", "5000"], environment)
    say("embedding the base (minutes)")
    run([programs / "embed-new-jobs", "--once"], environment)
    draft.rename(base)
    return base


def make_market(place: Place, base: Path) -> dict:
    """Generates the warehouse; returns its facts. Both are kept."""
    known = place.work / f"{place.ads}.json"
    if not known.exists():
        draft = place.work / f"{place.ads}.draft.duckdb"
        facts = run([sys.executable, REPOSITORY / "scripts/bench_market.py", base, draft, place.ads])
        draft.rename(place.market)
        known.write_text(facts)
    return json.loads(known.read_text())


def build_index(place: Place) -> dict:
    """Builds the index; returns the run's report with its CPU seconds and peak memory."""
    known = place.work / f"{place.ads}-build.json"
    if not known.exists():
        say(f"{place.ads} ads: building the index")
        clock = time.monotonic()
        process = subprocess.Popen(
            [place.programs / "build-vector-index", "--once"], env=place.environment(), stdout=subprocess.PIPE, text=True
        )
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("bench: build-vector-index failed")
        facts = json.loads(printed)["report"] | {
            "wall_seconds": time.monotonic() - clock,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_memory_bytes": usage.ru_maxrss * 1024,
        }
        known.write_text(json.dumps(facts))
    return json.loads(known.read_text())


class Service:
    """similar-jobs as a process."""

    def __init__(self, place: Place, first: str):
        """Starts the service and requests `first`."""
        clock = time.perf_counter()
        environment = place.environment(PORT="0", LOG_FORMAT="json", RUST_LOG="info")
        self.process = subprocess.Popen([place.programs / "similar-jobs"], env=environment, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("{") and (port := json.loads(line).get("port")):
                break
        else:
            sys.exit("bench: similar-jobs exited during start")
        self.address = f"127.0.0.1:{port}"
        # Drains the log: a full pipe would block the service.
        subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
        self.ask("GET", first)
        self.first_answer_ms = (time.perf_counter() - clock) * 1e3

    def ask(self, method: str, path: str, body: dict | None = None) -> dict:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            f"http://{self.address}{path}", data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def memory(self) -> dict[str, int]:
        """Returns resident bytes of the process's own memory and of mapped files."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        values = dict(line.split(":", 1) for line in lines)
        return {name: int(values[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile")}

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=30):
            sys.exit("bench: similar-jobs exited with an error")


def by_job(source: str, job_id: str) -> str:
    return f"/v1/similar?source={source.replace(' ', '%20')}&job_id={job_id}&top_k=10"


def stolen_seconds() -> float:
    """Returns the CPU time that the host gave to others while the machine had work, all cores together."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


@dataclass
class Load:
    """Length and number of rounds of each load."""

    seconds: float
    rounds: int

    def put(self, service: Service, place: Place, lines: list[str], kind: str, number: float) -> list[dict]:
        """Puts a load on the service; returns the result of each round."""
        return [put(service, place, lines, self.seconds, kind, number) for _ in range(self.rounds)]


def put(service: Service, place: Place, lines: list[str], seconds: float, kind: str, number: float) -> dict:
    """Puts a load on the service once; returns its result, the cores used by both sides, and the share of CPU time stolen."""
    requests = place.work / "requests"
    requests.write_text("\n".join(lines))
    before, stolen, clock = service.cpu_seconds(), stolen_seconds(), time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in (place.load, service.address, requests, seconds, kind, number)],
        stdout=subprocess.PIPE,
        text=True,
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("bench: the load failed")
    result = json.loads(printed)
    if result["failed"] or result["short"]:
        say(f"{result['failed']} failed, {result['short']} short: {result['first_failure']}")
    took = time.monotonic() - clock
    return result | {
        "service_cores": (service.cpu_seconds() - before) / took,
        "load_cores": (usage.ru_utime + usage.ru_stime) / took,
        "stolen_share": (stolen_seconds() - stolen) / took / os.cpu_count(),
    }


def recall_with_filter(service: Service, jobs: list[tuple[str, str]], chosen: dict) -> float:
    """Returns the share of the exact answer's ads that are in the answer."""
    same = wanted = 0
    for source, job_id in jobs:
        body = {"job": {"source": source, "job_id": job_id}, "top_k": 10, "filter": chosen}
        ids = [
            [(hit["source"], hit["job_id"]) for hit in service.ask("POST", "/v1/similar", body | more)["results"]]
            for more in ({"exact": True}, {})
        ]
        same += len(set(ids[0]) & set(ids[1]))
        wanted += len(ids[0])
    return same / wanted


def texts(place: Place) -> dict[str, list[str]]:
    """Returns requests with five words of titles, and with the first 150 words of descriptions (about 200 tokens)."""
    sample = "SELECT job_title, job_description FROM cleaned_jobs USING SAMPLE 4000 ROWS (reservoir, 1)"
    ads = rows_of(place, sample)
    short = [words[:5] for title, _ in ads if len(words := (title or "").split()) >= 5]
    long = [words[:150] for _, description in ads if len(words := (description or "").split()) >= 150]

    def line(words: list[str]) -> str:
        return f"POST /v1/similar {json.dumps({'text': ' '.join(words), 'top_k': 10})}\t10"

    return {"five words": [line(words) for words in short], "200 tokens": [line(words) for words in long]}


def rows_of(place: Place, sql: str) -> list[tuple]:
    with duckdb.connect(str(place.market), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def starts(place: Place, first: str) -> dict[str, float]:
    """Returns milliseconds from start to first answer."""
    # The first start copies the index to this machine.
    Service(place, first).stop()
    taken = []
    for _ in range(STARTS):
        service = Service(place, first)
        taken.append(service.first_answer_ms)
        service.stop()
    return {"median": statistics.median(taken), "most": max(taken)}


def with_filter(service: Service, place: Place, jobs: list[tuple[str, str]], chosen: dict, load: Load) -> list[dict]:
    def body(job: tuple[str, str], **more: object) -> dict:
        return {"job": {"source": job[0], "job_id": job[1]}, "top_k": 10, "filter": chosen} | more

    # In a small warehouse fewer than ten ads may pass the filter, and the queried ad may be one of them.
    passing = len(service.ask("POST", "/v1/similar", body(jobs[0], top_k=100, exact=True))["results"])
    lines = [f"POST /v1/similar {json.dumps(body(job))}\t{min(10, passing - 1)}" for job in jobs]
    recall = recall_with_filter(service, jobs[:CHECKED], chosen)
    return [result | {"recall": recall} for result in load.put(service, place, lines, "rate", 50)]


def under_load(service: Service, place: Place, jobs: list[tuple[str, str]], load: Load) -> dict:
    service.ask("POST", "/v1/similar", {"text": "wait until the model is loaded"})
    get = [f"GET {by_job(*job)}\t10" for job in jobs]
    put(service, place, get, load.seconds / 3, "rate", 200)
    say(f"{place.ads} ads: by job")
    facts = {"by_job": load.put(service, place, get, "rate", 200), "filters": {}, "texts": {}}
    for share, chosen in FILTERS.items():
        say(f"{place.ads} ads: a filter that lets {share} pass")
        facts["filters"][share] = with_filter(service, place, jobs, chosen, load)
    say(f"{place.ads} ads: 16 clients")
    facts["saturation"] = load.put(service, place, get, "clients", 16)
    for name, lines in texts(place).items():
        say(f"{place.ads} ads: texts of {name}")
        facts["texts"][name] = load.put(service, place, lines, "clients", 1)
    facts["fifty"] = load.put(service, place, texts(place)["five words"], "clients", 50)
    return facts | {"memory": service.memory()}


def measure(place: Place, base: Path, load: Load, with_peers: bool) -> dict:
    facts = {"market": make_market(place, base), "build": build_index(place)}
    jobs = rows_of(place, f"SELECT source, job_id FROM job_embeddings USING SAMPLE {QUERIES} ROWS (reservoir, 1)")
    first = by_job(*jobs[0])
    facts["first_answer_ms"] = starts(place, first)
    service = Service(place, first)
    facts |= under_load(service, place, jobs, load)
    service.stop()
    if with_peers:
        facts["peers"] = []
        for peer in ("usearch", "hnswlib"):
            say(f"{place.ads} ads: {peer}")
            command = [sys.executable, REPOSITORY / "scripts/bench_peers.py", peer, place.vectors(), 384]
            facts["peers"].append(json.loads(run(command, os.environ | {"TMPDIR": str(place.work)})))
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench similar")
    parser.add_argument("programs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("load", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ads", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of ads")
    parser.add_argument("--seconds", type=float, default=30, help="length of each load")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each load")
    parser.add_argument("--peers-up-to", type=int, default=1_000_000, help="largest size at which the peers take part")
    parser.add_argument("--record", action="store_true", help="replace the section in BENCHMARKS.md by the result")
    arguments = parser.parse_args()
    busy = os.getloadavg()[0]
    load = Load(arguments.seconds, arguments.rounds)
    base = make_base(arguments.programs, arguments.work)
    results = {}
    for ads in arguments.ads:
        place = Place(arguments.programs, arguments.load, arguments.work, ads)
        results[ads] = measure(place, base, load, ads <= arguments.peers_up_to)
        (arguments.work / f"{ads}-measured.json").write_text(json.dumps(results[ads], indent=1))
    command = " ".join(["scripts/bench similar", *sys.argv[4:]])
    head = f"`{command}` on {datetime.date.today()}: {processor()}, {os.cpu_count()} cores, load {busy:.1f} at the start."
    text = section(head, dict(sorted(results.items())))
    print(text)
    if arguments.record:
        record(text)


if __name__ == "__main__":
    main()
