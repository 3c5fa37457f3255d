"""Makes torch's CUDA build importable on a machine without CUDA libraries: python bench_torch_stubs.py

PyPI has no CPU-only torch for x86_64. Its build links against several gigabytes of GPU libraries that CPU work never calls.
For each missing library this compiles a stub beside torch's own libraries, with the symbols that torch needs; they return
"no device".
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

NO_DEVICE = 100  # cudaErrorNoDevice
# These are called on a CPU too: whether a graph is being captured (no), and error messages.
BODIES = {
    "cudaStreamIsCapturing": "int cudaStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }",
    "cudaGetErrorString": 'const char *cudaGetErrorString(void) { return "no CUDA here"; }',
    "cudaGetErrorName": 'const char *cudaGetErrorName(void) { return "no CUDA here"; }',
}


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main() -> None:
    # Located without importing it, because importing fails without the stubs.
    folder = Path(importlib.util.find_spec("torch").origin).parent / "lib"
    libraries = list(folder.glob("*.so*"))
    present = {library.name for library in libraries}
    needed: set[str] = set()
    symbols: dict[str, set[str]] = defaultdict(set)  # symbol version, '' for none -> names
    for library in libraries:
        needed |= set(re.findall(r"NEEDED.*\[(lib(?:cu|nv|nccl).*)\]", output("readelf", "-d", library)))
        for line in output("nm", "-D", "--undefined-only", library).splitlines():
            name, _, version = line.split()[-1].partition("@")
            symbols[version.lstrip("@")].add(name)
    loose = {name for name in symbols[""] if re.match("(cu|nccl|nv)[A-Za-z]", name)}
    for name in sorted(needed - present):
        # A symbol's version is its library's name, except NVSHMEM's; a symbol without version may be in any library.
        version = "NVSHMEM" if "nvshmem" in name else name
        wanted = sorted(symbols[version] | (loose if name.startswith("libcudart.") else set()))
        stub(folder / name, version, wanted)


def stub(library: Path, version: str, symbols: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "stub.c"), Path(folder, "stub.map")
        source.write_text("".join(BODIES.get(s, f"int {s}(void) {{ return {NO_DEVICE}; }}") + "\n" for s in symbols))
        script.write_text(f"{version} {{ *; }};\n")
        flags = [f"-Wl,-soname,{library.name}", f"-Wl,--version-script={script}"]
        output("cc", "-shared", "-w", "-fno-builtin", "-o", library, source, *flags)


if __name__ == "__main__":
    main()
