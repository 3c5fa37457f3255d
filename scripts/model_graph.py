"""Writes a sentence-transformers encoder as one ONNX graph, straight from its weights.

Inputs `input_ids` and `attention_mask` (int64 [n, t]), output `embedding` (float32 [n, dimension]): mean over the
unmasked tokens, length 1. Standard operators at float precision; whatever can be computed once is folded into the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Goes into model.json. Raise it whenever the bytes of a graph change: setup then exports again.
EXPORTER = "1"
OPSET, IR_VERSION = 20, 10


@dataclass(frozen=True)
class Names:
    """Where one family of checkpoints keeps its tensors ({} is the layer)."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str


FAMILIES = {
    "bert": Names(
        "encoder.layer.{}.attention.self.query",
        "encoder.layer.{}.attention.self.key",
        "encoder.layer.{}.attention.self.value",
        "encoder.layer.{}.attention.output.dense",
        "encoder.layer.{}.attention.output.LayerNorm",
    ),
    "mpnet": Names(
        "encoder.layer.{}.attention.attn.q",
        "encoder.layer.{}.attention.attn.k",
        "encoder.layer.{}.attention.attn.v",
        "encoder.layer.{}.attention.attn.o",
        "encoder.layer.{}.attention.LayerNorm",
    ),
}


class Weights:
    """The checkpoint. It remembers what was read, so that a tensor the graph forgot is noticed."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors = tensors
        self.left = {name for name in tensors if not name.startswith("pooler.") and not name.endswith("position_ids")}

    def take(self, name: str) -> np.ndarray:
        self.left.discard(name)
        return np.asarray(self.tensors[name], dtype=np.float32)

    def linear(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The matrix as [in, out], and the bias."""
        return self.take(f"{name}.weight").T, self.take(f"{name}.bias")


class Graph:
    """A list of nodes under construction; every tensor's name says where it comes from."""

    def __init__(self, precision: str):
        self.precision = precision
        self.float = np.float16 if precision == "fp16" else np.float32
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        if name not in self.constants:
            # order="C" and not ascontiguousarray, which turns a scalar into a vector of one.
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def floats(self, name: str, value) -> str:
        return self.constant(name, np.asarray(value, dtype=self.float))

    def integers(self, name: str, value) -> str:
        return self.constant(name, np.asarray(value, dtype=np.int64))

    def op(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def norm(self, x: str, name: str, weights: Weights, epsilon: float) -> str:
        scale = self.floats(f"{name}.weight", weights.take(f"{name}.weight"))
        bias = self.floats(f"{name}.bias", weights.take(f"{name}.bias"))
        return self.op("LayerNormalization", [x, scale, bias], f"{name}.out", axis=-1, epsilon=epsilon)

    def linear(self, x: str, name: str, matrix: np.ndarray, bias: np.ndarray) -> str:
        if self.precision == "int8":
            product = self.quantized_product(x, name, matrix)
        else:
            product = self.op("MatMul", [x, self.floats(f"{name}.matrix", matrix)], f"{name}.product")
        return self.op("Add", [product, self.floats(f"{name}.bias", bias)], f"{name}.out")

    def quantized_product(self, x: str, name: str, matrix: np.ndarray) -> str:
        """8-bit weights with one scale an output column; ONNX Runtime fuses these nodes into one."""
        if f"{x}.q" not in {n.output[0] for n in self.nodes}:
            quantize = helper.make_node("DynamicQuantizeLinear", [x], [f"{x}.q", f"{x}.scale", f"{x}.zero"], name=f"{x}.q")
            self.nodes.append(quantize)
        scale = np.abs(matrix).max(axis=0) / 127
        q = self.constant(f"{name}.matrix8", np.rint(matrix / scale).astype(np.int8))
        zero = self.constant(f"{name}.zero8", np.zeros(matrix.shape[1], np.int8))
        product = self.op("MatMulInteger", [f"{x}.q", q, f"{x}.zero", zero], f"{name}.product8")
        product = self.op("Cast", [product], f"{name}.product32", to=TensorProto.FLOAT)
        scales = self.op("Mul", [f"{x}.scale", self.floats(f"{name}.scale8", scale)], f"{name}.scales")
        return self.op("Mul", [product, scales], f"{name}.product")


def bucket_of_distance(distance: np.ndarray, buckets: int = 32, max_distance: int = 128) -> np.ndarray:
    """MPNet's bucket of (key position - query position): exact when near, logarithmic when far."""
    half = buckets // 2
    exact = half // 2
    size = np.abs(distance)
    with np.errstate(divide="ignore"):
        far = np.log(size.astype(np.float32) / exact) / math.log(max_distance / exact) * (half - exact)
    far = np.minimum(exact + np.where(size < exact, 0, far).astype(np.int64), half - 1)
    return np.where(distance > 0, half, 0) + np.where(size < exact, size, far)


def embeddings(graph: Graph, weights: Weights, config: dict, max_tokens: int) -> str:
    """Word + position (+ token type 0), normalised. Leaves `length` ([1], tokens) for whoever needs it."""
    first = config["pad_token_id"] + 1 if config["model_type"] == "mpnet" else 0
    positions = weights.take("embeddings.position_embeddings.weight")[first : first + max_tokens]
    if config["model_type"] == "bert":
        positions = positions + weights.take("embeddings.token_type_embeddings.weight")[0]
    table = graph.floats("words", weights.take("embeddings.word_embeddings.weight"))
    words = graph.op("Gather", [table, "input_ids"], "words.out", axis=0)
    graph.op("Shape", ["input_ids"], "length", start=1, end=2)
    bounds = [graph.integers("zero", [0]), "length", graph.integers("axis.0", [0])]
    place = graph.op("Slice", [graph.floats("positions", positions), *bounds], "positions.out")
    total = graph.op("Add", [words, place], "embeddings.sum")
    return graph.norm(total, "embeddings.LayerNorm", weights, config["layer_norm_eps"])


def attention_bias(graph: Graph, weights: Weights, config: dict, max_tokens: int) -> str:
    """What is added to every score: a large negative number at masked keys, and MPNet's bias by distance."""
    kind = TensorProto.FLOAT16 if graph.precision == "fp16" else TensorProto.FLOAT
    mask = graph.op("Cast", ["attention_mask"], "mask", to=kind)
    absent = graph.op("Sub", [graph.floats("one", 1), mask], "mask.absent")
    minus = graph.op("Mul", [absent, graph.floats("mask.minus", -6e4 if graph.precision == "fp16" else -1e9)], "mask.minus.out")
    bias = graph.op("Unsqueeze", [minus, graph.integers("axes.12", [1, 2])], "mask.bias")
    if config["model_type"] != "mpnet":
        return bias
    # The bias depends on the distance alone: one row of 2 * max_tokens - 1 numbers a head, picked by key - query.
    table = weights.take("encoder.relative_attention_bias.weight")
    row = table[bucket_of_distance(np.arange(1 - max_tokens, max_tokens))].T
    length = graph.op("Squeeze", ["length"], "length.scalar")
    places = graph.op("Range", [graph.integers("scalar.0", 0), length, graph.integers("scalar.1", 1)], "places")
    queries = graph.op("Unsqueeze", [places, graph.integers("axis.1", [1])], "places.query")
    distance = graph.op("Sub", [places, queries], "distance")
    index = graph.op("Add", [distance, graph.integers("distance.zero", max_tokens - 1)], "distance.index")
    by_distance = graph.op("Gather", [graph.floats("distance.bias", row), index], "distance.bias.out", axis=1)
    return graph.op("Add", [by_distance, bias], "attention.bias")


def layer(graph: Graph, weights: Weights, config: dict, number: int, x: str, bias: str) -> str:
    names = FAMILIES[config["model_type"]]
    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads
    at = f"encoder.layer.{number}"
    split = graph.integers("shape.split", [0, 0, heads, width])

    def project(which: str, order: list[int], factor: float = 1.0) -> str:
        name = getattr(names, which).format(number)
        matrix, offset = weights.linear(name)
        flat = graph.linear(x, name, matrix * np.float32(factor), offset * np.float32(factor))
        cut = graph.op("Reshape", [flat, split], f"{name}.heads")
        return graph.op("Transpose", [cut], f"{name}.turned", perm=order)

    # The scores' 1/sqrt(width) is folded into the query.
    query = project("query", [0, 2, 1, 3], 1 / math.sqrt(width))
    key = project("key", [0, 2, 3, 1])
    value = project("value", [0, 2, 1, 3])
    scores = graph.op("MatMul", [query, key], f"{at}.scores")
    scores = graph.op("Add", [scores, bias], f"{at}.scores.biased")
    shares = graph.op("Softmax", [scores], f"{at}.shares", axis=-1)
    context = graph.op("MatMul", [shares, value], f"{at}.context")
    context = graph.op("Transpose", [context], f"{at}.context.turned", perm=[0, 2, 1, 3])
    context = graph.op("Reshape", [context, graph.integers("shape.join", [0, 0, heads * width])], f"{at}.context.flat")

    name = names.attention_output.format(number)
    attended = graph.linear(context, name, *weights.linear(name))
    x = graph.op("Add", [attended, x], f"{at}.attended")
    x = graph.norm(x, names.attention_norm.format(number), weights, config["layer_norm_eps"])

    inner = graph.linear(x, f"{at}.intermediate.dense", *weights.linear(f"{at}.intermediate.dense"))
    inner = graph.op("Gelu", [inner], f"{at}.gelu")
    outer = graph.linear(inner, f"{at}.output.dense", *weights.linear(f"{at}.output.dense"))
    x = graph.op("Add", [outer, x], f"{at}.sum")
    return graph.norm(x, f"{at}.output.LayerNorm", weights, config["layer_norm_eps"])


def pool(graph: Graph, hidden: str) -> None:
    """Mean over the mask and length 1, in float32. The mean's divisor cancels in the normalisation, so it is left out.

    MatMul and not ReduceSum: only with it does a batch of equal lengths give each text the bits it gets alone.
    """
    if graph.precision == "fp16":
        hidden = graph.op("Cast", [hidden], "hidden32", to=TensorProto.FLOAT)
    mask = graph.op("Cast", ["attention_mask"], "pool.mask", to=TensorProto.FLOAT)
    rows = graph.op("Unsqueeze", [mask, graph.integers("axis.1", [1])], "pool.rows")
    total = graph.op("MatMul", [rows, hidden], "pool.sum3")
    total = graph.op("Squeeze", [total, graph.integers("axis.1", [1])], "pool.sum")
    graph.op("LpNormalization", [total], "embedding", axis=-1, p=2)


def build(tensors: dict[str, np.ndarray], config: dict, max_tokens: int, precision: str) -> bytes:
    """The ONNX file's bytes: the same for the same weights, every time."""
    weights, graph = Weights(tensors), Graph(precision)
    x = embeddings(graph, weights, config, max_tokens)
    bias = attention_bias(graph, weights, config, max_tokens)
    for number in range(config["num_hidden_layers"]):
        x = layer(graph, weights, config, number, x, bias)
    pool(graph, x)
    if weights.left:
        raise SystemExit(f"export_model: the graph leaves out these weights: {', '.join(sorted(weights.left))}")
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in ("input_ids", "attention_mask")]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", config["hidden_size"]])
    body = helper.make_graph(graph.nodes, "encoder", inputs, [output], list(graph.constants.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    model.producer_name, model.producer_version = "job-market", EXPORTER
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
