"""Seconds, CPU seconds and peak memory of the parts of a run."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from pathlib import Path


class Parts:
    """Adds up the time of named parts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str):
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - wall
        self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + time.process_time() - cpu

    def report(self) -> dict:
        return {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "peak_memory_bytes": peak_memory_bytes()}


def peak_memory_bytes() -> int:
    """The most memory that this process has held; getrusage would count the parent's before this program started."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024
