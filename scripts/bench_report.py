"""Shared by the benchmarks: the processor's name, and replacing a section of BENCHMARKS.md.

    bench_report.py <SECTION       replaces the section of the same heading
"""

from __future__ import annotations

import os
import platform
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("JOB_MARKET_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


def processor() -> str:
    names = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def record(text: str) -> None:
    """Replaces the section with the heading of `text`, or appends it."""
    file = REPOSITORY / "BENCHMARKS.md"
    old = file.read_text() if file.exists() else "# Benchmarks\n"
    parts = re.split(r"(?m)^(?=## )", old)
    heading = text.splitlines()[0]
    places = [place for place, part in enumerate(parts) if part.splitlines()[:1] == [heading]]
    if places:
        parts[places[0]] = text + ("\n" if places[0] + 1 < len(parts) else "")
    else:
        parts = [*parts[:-1], parts[-1].rstrip("\n") + "\n\n", text]
    file.write_text("".join(parts))


if __name__ == "__main__":
    record(sys.stdin.read())
