"""If, Loop and Scan, written out: a Graph has no branches.

An If with a constant condition is the chosen branch; with a traced one both branches are computed, and `where` chooses. Loop and
Scan are unrolled, which needs a number of iterations that is known at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import onnx
import torch

from amdc.frontends.onnx.elements import held_dtype
from amdc.frontends.onnx.registry import NeedsConstant, NotSupported
from amdc.frontends.onnx.values import Scope, Value, constant

if TYPE_CHECKING:
    from amdc.frontends.onnx.walk import Walk

MOST_ITERATIONS = 4096  # each is a copy of the body's nodes in the Graph
ENDLESS = 2**63 - 1  # a trip count that exporters write for "until the condition is false"

Arguments = list[Value | None]


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs among a node's attributes."""
    return [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def captured(node: onnx.NodeProto) -> set[str]:
    """The values outside of a node that its subgraphs use."""
    used: set[str] = set()
    for graph in subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {sparse.values.name for sparse in graph.sparse_initializer}
        own |= {name for inner in graph.node for name in inner.output}
        wanted = {name for inner in graph.node for name in (*inner.input, *captured(inner)) if name}
        used |= (wanted | {value.name for value in graph.output}) - own
    return used


def if_(walk: Walk, node: onnx.NodeProto, label: str, scope: Scope, arguments: Arguments) -> list[Value | None]:
    """The chosen branch, or both and a choice between them."""
    condition = _present(arguments, 0, "cond")
    branches = {name: _graph(node, name) for name in ("then_branch", "else_branch")}
    if condition.content is not None:
        chosen = branches["then_branch" if bool(condition.content.reshape(-1)[0]) else "else_branch"]
        return list(run_graph(walk, chosen, label, scope, []))
    try:
        then, other = (run_graph(walk, graph, label, scope, []) for graph in branches.values())
    except Exception as problem:  # whatever a node of a branch raises; it may be the branch that these inputs never take
        deciding = ", ".join(sorted(condition.inputs))
        raise NeedsConstant(
            f"its condition depends on the model's inputs ({deciding}), and one of its branches cannot be compiled "
            f"for them ({problem}); bind the input that decides it, such as --bind mode=1",
            condition.inputs,
        ) from problem
    for name, a, b in zip(node.output, then, other, strict=True):
        if a.element != b.element or a.tensor.shape != b.tensor.shape:
            raise NeedsConstant(
                f"its condition depends on the model's inputs, and output '{name}' is {_shape(a)} in one branch, {_shape(b)} in "
                "the other; export the model with a fixed condition, or specialise the input that decides it",
                condition.inputs,
            )
    return [
        walk.apply(label, lambda a, b, c: torch.where(c.reshape(()), a, b), a, b, condition)
        for a, b in zip(then, other, strict=True)
    ]


def loop(walk: Walk, node: onnx.NodeProto, label: str, scope: Scope, arguments: Arguments) -> list[Value | None]:
    """Inputs: trip count, condition, carried values. The body takes (iteration, condition, carried...) and gives (condition,
    carried..., scanned...); scanned values are stacked."""
    body = _graph(node, "body")
    count, going = [*arguments, None, None][:2]
    trips = ENDLESS if count is None else int(walk.content(count, node.input[0], "its trip count").reshape(-1)[0])
    state = [_present(arguments, i, node.input[i]) for i in range(2, len(arguments))]
    going = going or constant(torch.tensor(True))
    rows: list[list[Value]] = []
    while len(rows) < trips and bool(walk.content(going, "cond", "the condition of another iteration").reshape(-1)[0]):
        if len(rows) == MOST_ITERATIONS:
            raise NotSupported(f"it runs more than {MOST_ITERATIONS} times, which would make as many copies of its body")
        index = constant(torch.tensor(len(rows), dtype=torch.int64))
        going, *results = run_graph(walk, body, label, scope, [index, going, *state])
        state, row = results[: len(state)], results[len(state) :]
        rows.append(row)
    scanned = list(body.output)[1 + len(state) :]
    return [*state, *(_stack(walk, label, [row[i] for row in rows], output, 0) for i, output in enumerate(scanned))]


def scan(walk: Walk, node: onnx.NodeProto, label: str, scope: Scope, arguments: Arguments) -> list[Value | None]:
    """Since opset 9: inputs are the initial states, then tensors of which each iteration takes a slice."""
    if scope.opsets[node.domain] < 9:
        return _scan_batches(walk, node, label, scope, arguments)
    settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    given = [_present(arguments, i, name) for i, name in enumerate(node.input)]
    return list(_scan(walk, label, scope, given, settings))


def _scan_batches(walk: Walk, node: onnx.NodeProto, label: str, scope: Scope, arguments: Arguments) -> list[Value | None]:
    """Opset 8: all tensors have a batch dimension in front, and the first input may give each sequence's length."""
    if arguments[0] is not None:
        raise NotSupported("lengths of sequences are not supported; export the model with opset 9 or newer")
    settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    settings["scan_input_directions"] = settings.pop("directions", [])
    given = [_present(arguments, i, node.input[i]) for i in range(1, len(arguments))]
    batches = [
        _scan(walk, label, scope, [_select(walk, label, value, 0, batch) for value in given], settings)
        for batch in range(int(given[0].tensor.shape[0]))
    ]
    return [walk.apply(label, lambda *parts: torch.stack(parts), *parts) for parts in zip(*batches, strict=True)]


def _scan(walk: Walk, label: str, scope: Scope, given: list[Value], settings: dict[str, Any]) -> list[Value]:
    body, scanned = settings["body"], settings["num_scan_inputs"]
    state, sources = given[: len(given) - scanned], given[len(given) - scanned :]
    axes = list(settings.get("scan_input_axes") or [0] * scanned)
    backwards = list(settings.get("scan_input_directions") or [0] * scanned)
    lengths = {int(source.tensor.shape[axis]) for source, axis in zip(sources, axes, strict=True)}
    if len(lengths) != 1:
        raise NotSupported(f"its scanned inputs have different lengths: {sorted(lengths)}")
    (length,) = lengths
    if length > MOST_ITERATIONS:
        raise NotSupported(f"it runs {length} times, which would make as many copies of its body (at most {MOST_ITERATIONS})")
    rows = []
    for step in range(length):
        slices = [
            _select(walk, label, source, axis, length - 1 - step if back else step)
            for source, axis, back in zip(sources, axes, backwards, strict=True)
        ]
        results = run_graph(walk, body, label, scope, [*state, *slices])
        state, row = results[: len(state)], results[len(state) :]
        rows.append(row)
    outputs = list(body.output)[len(state) :]
    out_axes = list(settings.get("scan_output_axes") or [0] * len(outputs))
    out_backwards = list(settings.get("scan_output_directions") or [0] * len(outputs))
    columns = [[row[i] for row in (rows[::-1] if out_backwards[i] else rows)] for i in range(len(outputs))]
    return [*state, *(_stack(walk, label, columns[i], output, out_axes[i]) for i, output in enumerate(outputs))]


def run_graph(walk: Walk, graph: onnx.GraphProto, label: str, outer: Scope, arguments: Iterable[Value]) -> list[Value]:
    """The outputs of a subgraph. Its nodes see the values outside; what they record carries the user's node."""
    scope = outer.inner(label)
    for initializer in graph.initializer:
        scope.values[initializer.name] = constant(walk.reader.read(initializer, "a constant"), initializer.data_type)
    for value, argument in zip(graph.input, arguments, strict=False):
        scope.values[value.name] = argument
    for node in graph.node:
        walk.node(node, label, scope)
    return [scope.values[output.name] for output in graph.output]


def _stack(walk: Walk, label: str, parts: list[Value], output: onnx.ValueInfoProto, axis: int) -> Value:
    """The results of all iterations along a new axis; without any, a tensor without elements of the declared shape."""
    if parts:
        return walk.apply(label, lambda *tensors: torch.stack(tensors, axis), *parts)
    kind = output.type.tensor_type
    extents = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim]
    if not kind.HasField("shape") or -1 in extents:
        raise NotSupported(f"it does not run at all, and the shape of its output '{output.name}' is not declared")
    extents.insert(axis, 0)
    return constant(torch.empty(extents, dtype=held_dtype(kind.elem_type, output.name)), kind.elem_type)


def _select(walk: Walk, label: str, value: Value, axis: int, index: int) -> Value:
    return walk.apply(label, lambda tensor: tensor.select(axis, index), value)


def _graph(node: onnx.NodeProto, name: str) -> onnx.GraphProto:
    return next(a.g for a in node.attribute if a.name == name)


def _present(arguments: Arguments, index: int, name: str) -> Value:
    value = arguments[index]
    if value is None:
        raise NotSupported(f"its input '{name}' is missing")
    return value


def _shape(value: Value) -> str:
    return f"{str(value.tensor.dtype)[6:]} {list(value.tensor.shape)}"


OPERATORS: dict[str, Callable[[Any, onnx.NodeProto, str, Scope, Arguments], list[Value | None]]] = {
    "If": if_,
    "Loop": loop,
    "Scan": scan,
}
