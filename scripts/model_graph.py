"""Writes a sentence-transformers encoder as one ONNX graph, straight from its weights.

Inputs `input_ids` and `attention_mask` (int64 [n, t]), output `embedding` (float32 [n, dimension]): mean over the
unmasked tokens, normalised to length 1. What can be computed once is folded into the weights. ONNX Runtime's own operators
(com.microsoft) are used only where they are faster than the standard ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Goes into model.json. Raise it whenever the bytes of a graph change: setup then exports again.
EXPORTER = "3"
OPSET, IR_VERSION = 20, 10
CONTRIB = "com.microsoft"


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
    """The checkpoint. It records which tensors were read, to detect any that the graph leaves out."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors = tensors
        self.left = {name for name in tensors if not name.startswith("pooler.") and not name.endswith("position_ids")}

    def take(self, name: str) -> np.ndarray:
        self.left.discard(name)
        return np.asarray(self.tensors[name], dtype=np.float32)

    def linear(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The matrix as [in, out], and the bias."""
        return self.take(f"{name}.weight").T, self.take(f"{name}.bias")


@dataclass
class Quantisation:
    """What int8 needs besides the weights; model_quantise.py computes it."""

    # Layer norm -> a divisor per channel, which evens out channels before quantisation; folded into the norm and the matrix.
    divisors: dict[str, np.ndarray] = field(default_factory=dict)
    # Tensor -> (step, zero point).
    ranges: dict[str, tuple[np.float32, int]] = field(default_factory=dict)


class Graph:
    """A list of nodes under construction; a tensor's name gives its origin."""

    def __init__(self, precision: str, quantisation: Quantisation | None = None):
        self.precision = precision
        self.quantisation = quantisation
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

    def norm(self, x: str, name: str, norm: tuple[np.ndarray, np.ndarray], epsilon: float) -> str:
        scale, bias = self.floats(f"{name}.weight", norm[0]), self.floats(f"{name}.bias", norm[1])
        return self.op("LayerNormalization", [x, scale, bias], f"{name}.out", axis=-1, epsilon=epsilon)

    def linear(self, x: str, name: str, matrix: np.ndarray, bias: np.ndarray | None) -> str:
        """x (a matrix with one row per token) @ matrix + bias."""
        if self.precision == "int8":
            return self.quantised_linear(x, name, matrix, bias)
        matrix_name = self.floats(f"{name}.matrix", matrix)
        if bias is None:
            return self.op("MatMul", [x, matrix_name], f"{name}.out")
        return self.op("Gemm", [x, matrix_name, self.floats(f"{name}.bias", bias)], f"{name}.out")

    def quantised_linear(self, x: str, name: str, matrix: np.ndarray, bias: np.ndarray | None) -> str:
        """The same in 8 bits. A row's result depends on that row alone, so a text's vector does not depend on its batch.

        Weights: one scale per output column. Input: a fixed range if one is known, else one range per row (GELU's output,
        whose size differs most between tokens).
        """
        scale = np.abs(matrix).max(axis=0) / np.float32(127)
        weights = self.constant(f"{name}.matrix8", np.rint(matrix / scale).astype(np.int8))
        scales, zeros = self.floats(f"{name}.scale8", scale), self.constant(f"{name}.zero8", np.zeros(len(scale), np.int8))
        bias_name = "" if bias is None else self.floats(f"{name}.bias", bias)
        fixed = self.quantisation.ranges.get(x)
        if fixed is not None:
            step, zero = self.floats(f"{x}.step", fixed[0]), self.constant(f"{x}.zero", np.uint8(fixed[1]))
            if f"{x}.q" not in (node.name for node in self.nodes):
                self.op("QuantizeLinear", [x, step, zero], f"{x}.q")
            inputs = [f"{x}.q", weights, step, scales, zero, zeros, bias_name]
            return self.op("MatMulIntegerToFloat", inputs, f"{name}.out", domain=CONTRIB)
        top = self.op("ReduceMax", [x, self.integers("axis.last", [-1])], f"{x}.top", keepdims=1)
        # GELU is never below -0.17: 38 of the 255 steps reach that far down when the row's largest value is 1 or more.
        zero = self.constant("gelu.zero", np.uint8(38))
        step = self.op("Mul", [top, self.floats("gelu.steps", 1 / 217)], f"{x}.step")
        rows = self.op("Reshape", [step, self.integers("shape.flat", [-1])], f"{x}.rows")
        row_zeros = self.op("Expand", [zero, "tokens"], f"{x}.zeros")
        q = self.op("QuantizeLinear", [x, rows, row_zeros], f"{x}.q", axis=0)
        one = self.floats("scalar.one", 1)
        product = self.op("MatMulIntegerToFloat", [q, weights, one, scales, zero, zeros], f"{name}.product", domain=CONTRIB)
        product = self.op("Mul", [product, step], f"{name}.scaled")
        return self.op("Add", [product, bias_name], f"{name}.out")


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
    """Word + position (+ token type 0): [n, t, hidden]. Also defines the shapes that other nodes use."""
    first = config["pad_token_id"] + 1 if config["model_type"] == "mpnet" else 0
    positions = weights.take("embeddings.position_embeddings.weight")[first : first + max_tokens]
    if config["model_type"] == "bert":
        positions = positions + weights.take("embeddings.token_type_embeddings.weight")[0]
    table = graph.floats("words", weights.take("embeddings.word_embeddings.weight"))
    words = graph.op("Gather", [table, "input_ids"], "words.out", axis=0)
    shape = graph.op("Shape", ["input_ids"], "shape")  # [n, t]
    graph.op("Shape", ["input_ids"], "length", start=1, end=2)  # [t]
    heads = config["num_attention_heads"]
    graph.op("Concat", [shape, graph.integers("heads", [heads, config["hidden_size"] // heads])], "shape.heads", axis=0)
    graph.op("Concat", [shape, graph.integers("hidden", [config["hidden_size"]])], "shape.hidden", axis=0)
    if graph.precision == "int8":
        count = graph.op("Size", ["input_ids"], "tokens.scalar")
        graph.op("Reshape", [count, graph.integers("shape.flat", [-1])], "tokens")
    bounds = [graph.integers("zero", [0]), "length", graph.integers("axis.0", [0])]
    place = graph.op("Slice", [graph.floats("positions", positions), *bounds], "positions.out")
    return graph.op("Add", [words, place], "embeddings.sum")


def attention_bias(graph: Graph, weights: Weights, config: dict, max_tokens: int) -> None:
    """Defines what is added to every score: a large negative number at masked keys, and MPNet's bias by distance."""
    kind = TensorProto.FLOAT16 if graph.precision == "fp16" else TensorProto.FLOAT
    mask = graph.op("Cast", ["attention_mask"], "mask", to=kind)
    absent = graph.op("Sub", [graph.floats("scalar.one", 1), mask], "mask.absent")
    minus = graph.op("Mul", [absent, graph.floats("mask.minus", -6e4 if graph.precision == "fp16" else -1e9)], "mask.minus.out")
    if config["model_type"] != "mpnet":
        graph.op("Unsqueeze", [minus, graph.integers("axes.12", [1, 2])], "attention.bias")
        return
    masked = graph.op("Unsqueeze", [minus, graph.integers("axes.12", [1, 2])], "mask.bias")
    # The bias depends on the distance alone: one row of 2 * max_tokens - 1 numbers a head, picked by key - query.
    table = weights.take("encoder.relative_attention_bias.weight")
    row = table[bucket_of_distance(np.arange(1 - max_tokens, max_tokens))].T
    length = graph.op("Squeeze", ["length"], "length.scalar")
    places = graph.op("Range", [graph.integers("scalar.0", 0), length, graph.integers("scalar.1", 1)], "places")
    queries = graph.op("Unsqueeze", [places, graph.integers("axis.1", [1])], "places.query")
    distance = graph.op("Sub", [places, queries], "distance")
    index = graph.op("Add", [distance, graph.integers("distance.zero", max_tokens - 1)], "distance.index")
    by_distance = graph.op("Gather", [graph.floats("distance.bias", row), index], "distance.bias.out", axis=1)
    graph.op("Add", [by_distance, masked], "attention.bias")


def plain_attention(graph: Graph, config: dict, projections: list[str], at: str) -> str:
    """Returns the context as [n, t, hidden], in standard operators."""

    def heads(flat: str, order: list[int]) -> str:
        cut = graph.op("Reshape", [flat, "shape.heads"], f"{flat}.heads")
        return graph.op("Transpose", [cut], f"{flat}.turned", perm=order)

    query, key, value = projections
    scores = graph.op("MatMul", [heads(query, [0, 2, 1, 3]), heads(key, [0, 2, 3, 1])], f"{at}.scores")
    biased = graph.op("Add", [scores, "attention.bias"], f"{at}.biased")
    shares = graph.op("Softmax", [biased], f"{at}.shares", axis=-1)
    context = graph.op("MatMul", [shares, heads(value, [0, 2, 1, 3])], f"{at}.context.heads")
    return graph.op("Transpose", [context], f"{at}.context.turned", perm=[0, 2, 1, 3])


def fused_attention(graph: Graph, config: dict, projections: list[str], at: str) -> str:
    """The same in one operator. Without a mask it is 5% (fp32) or 7% (int8) faster, so the mask is passed only when it hides
    something, which is never the case in a batch of one."""
    inputs = [graph.op("Reshape", [flat, "shape.hidden"], f"{flat}.wide") for flat in projections]

    def branch(name: str, mask: list[str]) -> onnx.GraphProto:
        out = f"{at}.{name}"
        heads = config["num_attention_heads"]
        node = helper.make_node(
            "MultiHeadAttention", inputs + mask, [out], name=out, domain=CONTRIB, num_heads=heads, scale=1.0
        )
        output = helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", "t", config["hidden_size"]])
        return helper.make_graph([node], out, [], [output])

    unmasked, masked = branch("unmasked", []), branch("masked", ["", "mask.keys"])
    return graph.op("If", ["mask.hides_nothing"], f"{at}.context.wide", then_branch=unmasked, else_branch=masked)


class Encoder:
    """The layers, on a flat [tokens, hidden] matrix: matrix products need no batch dimension."""

    def __init__(self, graph: Graph, weights: Weights, config: dict, max_tokens: int):
        self.graph, self.weights, self.config = graph, weights, config
        self.names = FAMILIES[config["model_type"]]
        self.divisors = graph.quantisation.divisors if graph.quantisation else {}
        # MPNet's bias by distance keeps the fused operator from its fast path; on a GPU (fp16) the branch would wait.
        if config["model_type"] == "mpnet" or graph.precision == "fp16":
            attention_bias(graph, weights, config, max_tokens)
            self.attend = plain_attention
        else:
            lowest = graph.op("ReduceMin", ["attention_mask"], "mask.lowest", keepdims=0)
            graph.op("Cast", [lowest], "mask.hides_nothing", to=TensorProto.BOOL)
            graph.op("Cast", ["attention_mask"], "mask.keys", to=TensorProto.INT32)
            self.attend = fused_attention

    def norm(self, x: str, name: str) -> tuple[str, str, np.ndarray]:
        """Returns the norm for the next matrix, the norm for the residual sum, and the factor of that matrix's rows."""
        scale, bias = self.weights.take(f"{name}.weight"), self.weights.take(f"{name}.bias")
        divisor = self.divisors.get(name, np.ones(1, np.float32))
        out = self.graph.norm(x, name, (scale / divisor, bias / divisor), self.config["layer_norm_eps"])
        if divisor.size == 1:
            return out, out, divisor
        residual = self.graph.op("Mul", [out, self.graph.floats(f"{name}.divisor", divisor)], f"{name}.residual")
        return out, residual, divisor

    def attention(self, number: int, x: str, divisor: np.ndarray) -> str:
        graph, at, names = self.graph, f"encoder.layer.{number}", self.names
        query, key, value, output = (
            (name.format(number), *self.weights.linear(name.format(number)))
            for name in (names.query, names.key, names.value, names.attention_output)
        )
        # Folded: the scores' 1/sqrt(width) into the query; the key's bias adds the same to all scores of a query, so the
        # softmax drops it; the value's bias passes through the shares, which sum to 1, into the output's bias.
        scale = np.float32(1 / math.sqrt(self.config["hidden_size"] // self.config["num_attention_heads"]))
        output_bias = (output[2] + value[2].astype(np.float64) @ output[1]).astype(np.float32)
        rows = divisor[:, None]
        projections = [
            graph.linear(x, query[0], query[1] * rows * scale, query[2] * scale),
            graph.linear(x, key[0], key[1] * rows, None),
            graph.linear(x, value[0], value[1] * rows, None),
        ]
        context = self.attend(graph, self.config, projections, at)
        context = graph.op("Reshape", [context, self.flat()], f"{at}.context")
        return graph.linear(context, output[0], output[1], output_bias)

    def flat(self) -> str:
        return self.graph.integers("shape.tokens", [-1, self.config["hidden_size"]])

    def run(self, x: str) -> str:
        """x [n, t, hidden] to the last layer's [n, t, hidden]."""
        graph = self.graph
        x = graph.op("Reshape", [x, self.flat()], "embeddings.flat")
        x, residual, divisor = self.norm(x, "embeddings.LayerNorm")
        for number in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{number}"
            attended = self.attention(number, x, divisor)
            x = graph.op("Add", [attended, residual], f"{at}.attended")
            x, residual, divisor = self.norm(x, self.names.attention_norm.format(number))
            matrix, offset = self.weights.linear(f"{at}.intermediate.dense")
            inner = graph.linear(x, f"{at}.intermediate.dense", matrix * divisor[:, None], offset)
            inner = graph.op("Gelu", [inner], f"{at}.gelu")
            outer = graph.linear(inner, f"{at}.output.dense", *self.weights.linear(f"{at}.output.dense"))
            x = graph.op("Add", [outer, residual], f"{at}.sum")
            x, residual, divisor = self.norm(x, f"{at}.output.LayerNorm")
        return graph.op("Reshape", [residual, "shape.hidden"], "hidden_states")


def pool(graph: Graph, hidden: str) -> None:
    """Mean over the mask, normalised to length 1, in float32. The mean's divisor cancels out and is left out.

    MatMul instead of ReduceSum: with ReduceSum a batch of equal lengths does not give the bits of single calls.
    """
    if graph.precision == "fp16":
        hidden = graph.op("Cast", [hidden], "hidden_states32", to=TensorProto.FLOAT)
    mask = graph.op("Cast", ["attention_mask"], "pool.mask", to=TensorProto.FLOAT)
    rows = graph.op("Unsqueeze", [mask, graph.integers("axis.1", [1])], "pool.rows")
    total = graph.op("MatMul", [rows, hidden], "pool.sum3")
    total = graph.op("Squeeze", [total, graph.integers("axis.1", [1])], "pool.sum")
    graph.op("LpNormalization", [total], "embedding", axis=-1, p=2)


def build(
    tensors: dict[str, np.ndarray],
    config: dict,
    max_tokens: int,
    precision: str,
    quantisation: Quantisation | None = None,
    watched: list[str] | None = None,
) -> bytes:
    """Returns the bytes of the ONNX file, the same for the same weights. `watched` tensors become outputs too."""
    weights, graph = Weights(tensors), Graph(precision, quantisation)
    x = embeddings(graph, weights, config, max_tokens)
    pool(graph, Encoder(graph, weights, config, max_tokens).run(x))
    if weights.left:
        raise SystemExit(f"export_model: the graph leaves out these weights: {', '.join(sorted(weights.left))}")
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", config["hidden_size"]])]
    seen = ["tokens", config["hidden_size"]]
    outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, seen) for name in watched or []]
    body = helper.make_graph(graph.nodes, "encoder", inputs, outputs, list(graph.constants.values()))
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(body, opset_imports=domains, ir_version=IR_VERSION)
    model.producer_name, model.producer_version = "job-market", EXPORTER
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
