"""Computes the fixed 8-bit ranges of an encoder's activations, by running its fp32 graph on model_calibration.txt.

A few channels of a layer norm are ten times larger than the rest, at a few tokens; one range for all channels would leave the
rest only a few steps. So channels are evened out first (SmoothQuant): divided in the norm, multiplied in the next matrix. All
results are rounded to a coarse grid, so that rounding differences between machines do not change the model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from model_graph import FAMILIES, Quantisation, build

# The calibration texts are a sample, so the ranges get a margin.
MARGIN = np.float32(1.1)


def watched_tensors(config: dict) -> list[tuple[str, str, list[str]]]:
    """Returns the quantised inputs with a fixed range: tensor, norm ('' for the attention's context) and matrices."""
    names, layers = FAMILIES[config["model_type"]], config["num_hidden_layers"]
    found = []
    for number in range(layers):
        before = f"encoder.layer.{number - 1}.output.LayerNorm" if number else "embeddings.LayerNorm"
        middle = names.attention_norm.format(number)
        projections = [name.format(number) for name in (names.query, names.key, names.value)]
        found += [
            (f"{before}.out", before, projections),
            (f"encoder.layer.{number}.context", "", []),
            (f"{middle}.out", middle, [f"encoder.layer.{number}.intermediate.dense"]),
        ]
    return found


def observe(graph: bytes, tokenizer_json: bytes, names: list[str], max_tokens: int) -> dict[str, list[np.ndarray]]:
    """Returns the lowest and highest value of every channel of these tensors, over the calibration texts."""
    tokenizer = Tokenizer.from_str(tokenizer_json.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    seen: dict[str, list[np.ndarray]] = {}
    for text in Path(__file__).with_name("model_calibration.txt").read_text().splitlines():
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        for name, value in zip(names, session.run(names, {"input_ids": ids, "attention_mask": np.ones_like(ids)})):
            low, high = seen.get(name, [value[0], value[0]])
            seen[name] = [np.minimum(low, value.min(axis=0)), np.maximum(high, value.max(axis=0))]
    return seen


def coarse(values: np.ndarray, steps: int) -> np.ndarray:
    return (np.ceil(values * steps) / steps).astype(np.float32)


def find(tensors: dict[str, np.ndarray], config: dict, max_tokens: int, tokenizer_json: bytes) -> Quantisation:
    wanted = watched_tensors(config)
    names = [name for name, _, _ in wanted]
    seen = observe(build(tensors, config, max_tokens, "fp32", watched=names), tokenizer_json, names, max_tokens)
    found = Quantisation()
    for name, norm, matrices in wanted:
        low, high = seen[name]
        if norm:
            size = coarse(np.maximum(-low, high), 16)
            if len(matrices) > 1:
                divisor = np.maximum(size / np.median(size), 1)
            else:
                # Evening out fully would cost the weights more steps than the activations gain.
                weight = np.abs(tensors[f"{matrices[0]}.weight"]).max(axis=0)
                divisor = size**0.7 / weight**0.3
                divisor = divisor / divisor.mean()
            divisor = coarse(divisor, 64)
            found.divisors[norm] = divisor
            low, high = low / divisor, high / divisor
        low, high = -coarse(-low.min() * MARGIN, 16), coarse(high.max() * MARGIN, 16)
        step = (high - low) / np.float32(255)
        found.ranges[name] = (step, int(np.rint(-low / step)))
    return found
