"""The programs of this checkout beside those of another commit, in turns (called by scripts/bench against).

    bench_against.py NAME THEIRS_DIR OURS_DIR WORK_DIR [--ads N] [--index N] [--rounds N] [--record]

Each turn starts from the same files: the loaded market for a run of embed-new-jobs, the embedded one for build-vector-index.
The larger market has the ads that the other commit embedded, as bench_market.py multiplies them, so that both commits read the
same rows. A figure is the least of all turns, and a ratio is ours to theirs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench_report import REPOSITORY, processor, record

LIMIT = 1.05
FIGURES = {"seconds": "{:.1f}", "CPU seconds": "{:.1f}", "peak memory (MB)": "{:.0f}"}


@dataclass
class Side:
    """The programs of one commit and what their turns took."""

    name: str
    programs: Path
    folder: Path
    turns: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def run(self, program: str, *arguments: object, market: Path) -> dict[str, float]:
        """Runs a program to its end."""
        unwanted = ("PORT", "CLOUD_RUN_JOB", "EMBEDDING_MODEL", "EMBEDDING_PRECISION", "THREADS")
        clean = {name: value for name, value in os.environ.items() if name not in unwanted}
        where = {
            "WAREHOUSE_URL": f"duckdb:{market}",
            "ARTIFACTS_URL": f"file:{self.folder}/artifacts",
            "INDEX_DIR": f"{self.folder}/indexes",
        }
        command = [str(part) for part in (self.programs / program, *arguments)]
        clock = time.monotonic()
        process = subprocess.Popen(command, env=clean | where | {"DEVICE": "cpu", "RUST_LOG": "warn"}, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"bench: {program} of {self.name} failed")
        return {
            "seconds": time.monotonic() - clock,
            "CPU seconds": usage.ru_utime + usage.ru_stime,
            "peak memory (MB)": usage.ru_maxrss * 1024 / 1e6,
        }

    def turn(self, step: str, program: str, *arguments: object, market: Path) -> Path:
        """One measured run on a copy of `market`; the copy."""
        for kept in ("artifacts", "indexes"):
            shutil.rmtree(self.folder / kept, ignore_errors=True)
        copy = self.folder / "turn.duckdb"
        copy.unlink(missing_ok=True)
        if market.exists():
            shutil.copy(market, copy)
        print(f"bench: {step}, {self.name}", file=sys.stderr, flush=True)
        self.turns.setdefault(step, []).append(self.run(program, *arguments, market=copy))
        return copy

    def least(self, step: str, figure: str) -> float:
        return min(turn[figure] for turn in self.turns[step])


def measure(theirs: Side, ours: Side, arguments: argparse.Namespace) -> list[str]:
    """Every step in turns; the names of the steps."""
    work = theirs.folder.parent
    ads, nothing = work / "ads.parquet", work / "nothing.duckdb"
    theirs.run("jobctl", "generate", "--jobs", arguments.ads, "--seed", 7, "--output", ads, market=nothing)
    load, embed, index = f"load {arguments.ads:,} ads", f"embed {arguments.ads:,} ads", f"index {arguments.index:,} ads"
    loaded, embedded, large = work / "loaded.duckdb", work / "embedded.duckdb", work / "large.duckdb"
    for turn in range(arguments.rounds):
        # Each goes first in every other turn.
        sides = [theirs, ours] if turn % 2 == 0 else [ours, theirs]
        for side in sides:
            made = side.turn(load, "jobctl", "load", ads, market=nothing)
            if side is theirs:
                shutil.copy(made, loaded)
        for side in sides:
            made = side.turn(embed, "embed-new-jobs", "--once", market=loaded)
            if side is theirs:
                shutil.copy(made, embedded)
        if not large.exists():
            maker = [sys.executable, REPOSITORY / "scripts/bench_market.py", embedded, large, arguments.index]
            subprocess.run([str(part) for part in maker], check=True, stdout=subprocess.DEVNULL)
        for side in sides:
            side.turn(index, "build-vector-index", "--once", market=large)
    return [load, embed, index]


def section(theirs: Side, ours: Side, steps: list[str], arguments: argparse.Namespace, load: float) -> tuple[str, bool]:
    """The table, and whether every ratio is within the limit."""
    rows, within = [], True
    for step in steps:
        for figure, form in FIGURES.items():
            before, now = theirs.least(step, figure), ours.least(step, figure)
            within &= now <= LIMIT * before
            rows.append(f"| {step} | {figure} | {form.format(before)} | {form.format(now)} | {now / before:.3f} |")
    command = f"scripts/bench against {arguments.name} --ads {arguments.ads} --index {arguments.index} --rounds {arguments.rounds}"
    text = "\n".join(
        [
            f"## Against {arguments.name}",
            "",
            f"`{command}` on {datetime.date.today()}: {processor()}, {os.cpu_count()} cores, load {load:.1f} at the start.",
            "Generated ads. Each figure is the least of all turns; a ratio is this checkout to that commit.",
            "",
            f"| step | figure | {arguments.name} | this checkout | ratio |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    return text, within


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench against COMMIT")
    parser.add_argument("name", help=argparse.SUPPRESS)
    for folder in ("theirs", "ours", "work"):
        parser.add_argument(folder, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ads", type=int, default=10_000, help="ads that are loaded and embedded")
    parser.add_argument("--index", type=int, default=100_000, help="ads of the index")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each commit")
    parser.add_argument("--record", action="store_true", help="put the result into BENCHMARKS.md")
    arguments = parser.parse_args()
    sides = []
    for name, programs in ((arguments.name, arguments.theirs), ("this checkout", arguments.ours)):
        folder = arguments.work / f"{programs.name}-files"
        folder.mkdir()
        sides.append(Side(name, programs, folder))
    load = os.getloadavg()[0]
    steps = measure(*sides, arguments)
    text, within = section(*sides, steps, arguments, load)
    print(text)
    if arguments.record:
        record(text)
    if not within:
        sys.exit(f"bench: a ratio is above {LIMIT}")


if __name__ == "__main__":
    main()
