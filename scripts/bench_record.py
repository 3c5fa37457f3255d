"""Puts a section into BENCHMARKS.md, in place of the one with its heading: bench_record.py <SECTION"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def record(text: str) -> None:
    """Replaces the section of this heading, or appends it."""
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
