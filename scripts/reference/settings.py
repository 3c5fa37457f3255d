"""What a run is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    folder: Path
    trials: int
    threads: int
    seed: int
    columns: str

    def flags(self) -> list[str]:
        """The command-line flags that give these settings."""
        flags = {"trials": self.trials, "threads": self.threads, "seed": self.seed, "columns": self.columns}
        return [part for name, value in flags.items() for part in (f"--{name}", str(value))]
