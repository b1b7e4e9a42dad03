"""What must hold before a model is imported; each failure is one message with everything of its kind."""

from __future__ import annotations

from collections import defaultdict

import onnx

from amdc.errors import ModelError
from amdc.frontends.onnx.load import Model
from amdc.frontends.onnx.registry import NEWEST_OPSET, OLDEST_OPSET, find_operator


def opsets(proto: onnx.ModelProto) -> dict[str, int]:
    """Domain -> version; the default domain is found under both of its names."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    default = versions.get("", versions.get("ai.onnx"))
    if default is not None:
        versions[""] = versions["ai.onnx"] = default
    return versions


def default_opset(proto: onnx.ModelProto) -> int:
    return opsets(proto).get("", 0)


def node_label(node: onnx.NodeProto, index: int) -> str:
    """The node's name, or for a nameless one its operator and its place among the model's nodes."""
    return node.name or f"{node.op_type}_{index}"


def check_model(model: Model) -> None:
    """Raises ModelError."""
    _check_opset(model)
    _check_operators(model)


def _check_opset(model: Model) -> None:
    version = default_opset(model.proto)
    if version and not OLDEST_OPSET <= version <= NEWEST_OPSET:
        raise ModelError(
            f"{model.name} uses opset {version}; amdc reads opsets {OLDEST_OPSET} to {NEWEST_OPSET}. "
            "Convert it with onnx.version_converter or export it again"
        )


def _check_operators(model: Model) -> None:
    versions, missing = opsets(model.proto), defaultdict(list)
    for index, node in enumerate(model.proto.graph.node):
        if find_operator(node.domain, node.op_type, versions.get(node.domain, 0)) is None:
            missing[f"{node.domain}:{node.op_type}" if node.domain else node.op_type].append(node_label(node, index))
    if missing:
        raise ModelError(_table(model.name, missing))


def _table(name: str, missing: dict[str, list[str]]) -> str:
    count = sum(map(len, missing.values()))
    width = max(len("op"), *map(len, missing))
    rows = [f"  {op:{width}}  {len(nodes):5}  {nodes[0]}" for op, nodes in sorted(missing.items(), key=lambda item: -len(item[1]))]
    head = f"{name}: {count} node{'s' * (count > 1)} use operators that amdc cannot compile"
    return "\n".join([head, f"  {'op':{width}}  nodes  first", *rows, "  Full list of operators: amdc ops"])
