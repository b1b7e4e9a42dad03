"""What must hold before a model is imported; each failure is one message with everything of its kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import onnx

from amdc.errors import ModelError
from amdc.frontends.onnx.control_flow import OPERATORS as CONTROL_FLOW
from amdc.frontends.onnx.control_flow import subgraphs
from amdc.frontends.onnx.elements import HELD, element_name
from amdc.frontends.onnx.functions import has_function, schema_of
from amdc.frontends.onnx.gradient import TRAINING
from amdc.frontends.onnx.load import Model
from amdc.frontends.onnx.registry import NEWEST_OPSET, OLDEST_OPSET, find_operator, newer_opset
from amdc.frontends.onnx.structure import structure_problems

SHOWN = 12  # rows of a table that fit on a screen with the rest
TENSORLESS = ("Sequence", "Optional", "String", "Regex", "ConcatFromSequence", "SplitToSequence")  # starts of operators' names


def opsets(proto: onnx.ModelProto) -> dict[str, int]:
    """Domain -> version; the default domain is found under both of its names."""
    versions = {entry.domain: entry.version for entry in proto.opset_import}
    default = versions.get("", versions.get("ai.onnx"))
    if default is not None:
        versions[""] = versions["ai.onnx"] = default
    return versions


def default_opset(proto: onnx.ModelProto) -> int:
    """The version of the default domain's operator set; 0 where the model does not import it."""
    return opsets(proto).get("", 0)


def node_label(node: onnx.NodeProto, index: int) -> str:
    """The node's name, or for a nameless one its operator and its place among the model's nodes."""
    return node.name or f"{node.op_type}_{index}"


def check_model(model: Model) -> None:
    """Raises ModelError: unsupported opset, operators or dtypes; values undefined, made twice, or in a cycle; malformed nodes."""
    _check_opset(model)
    _check_operators(model)
    _raise(model, "cannot be compiled", _type_problems(model.proto))
    _raise(model, "is not a valid ONNX graph", structure_problems(model.proto.graph, node_label))
    _raise(model, "has nodes that break the ONNX specification", _node_problems(model.proto))


def _raise(model: Model, what: str, problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise ModelError(f"{model.name} {what}\n  " + "\n  ".join(problems[:SHOWN] + more))


def _check_opset(model: Model) -> None:
    version = default_opset(model.proto)
    if version > NEWEST_OPSET or (version < OLDEST_OPSET and not _unchanged(model.proto, version)):
        raise ModelError(
            f"{model.name} uses opset {version}; amdc reads opsets {OLDEST_OPSET} to {NEWEST_OPSET}. "
            "Convert it with onnx.version_converter or export it again"
        )


def _unchanged(proto: onnx.ModelProto, version: int) -> bool:
    """Whether all operators of the default domain mean the same in the oldest operator set that amdc reads."""
    names = {node.op_type for node, _ in all_nodes(proto.graph) if node.domain in ("", "ai.onnx")}
    versions = [(schema_of("", name, version), schema_of("", name, OLDEST_OPSET)) for name in names]
    return all(old is not None and new is not None and old.since_version == new.since_version for old, new in versions)


def _check_operators(model: Model) -> None:
    versions, missing = opsets(model.proto), defaultdict(list)
    for node, label in all_nodes(model.proto.graph):
        if not is_known(node, versions.get(node.domain, 0)):
            missing[node.domain, node.op_type].append(label)
    if missing:
        raise ModelError(_table(model.name, missing, versions))


def all_nodes(graph: onnx.GraphProto, outer: str = "") -> Iterator[tuple[onnx.NodeProto, str]]:
    """Every node with its label, those of subgraphs too."""
    for index, node in enumerate(graph.node):
        label = outer + node_label(node, index)
        yield node, label
        for inner in subgraphs(node):
            yield from all_nodes(inner, f"{label}/")


def is_known(node: onnx.NodeProto, version: int) -> bool:
    """Whether the import has a meaning for a node: control flow, an operator of its own, or the specification's function."""
    if node.domain in ("", "ai.onnx") and node.op_type in CONTROL_FLOW:
        return True
    if node.op_type == "Gradient" and node.domain == TRAINING:
        return True
    if find_operator(node.domain, node.op_type, version) is not None:
        return True
    return not node.op_type.startswith(TENSORLESS) and has_function(node.domain, node.op_type, version)


def _table(name: str, missing: dict[tuple[str, str], list[str]], versions: dict[str, int]) -> str:
    """The unsupported operators, those with most nodes first, and what can be done about them."""
    titles = {key: ":".join(filter(None, key)) for key in missing}
    count, width = sum(map(len, missing.values())), max(map(len, titles.values()))
    ranked = sorted(missing, key=lambda key: -len(missing[key]))
    rows = [f"  {titles[key]:{width}}  {len(missing[key]):5}  {missing[key][0]}" for key in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        rows.append(f"  and {len(ranked) - SHOWN} operators more")
    head = f"{name}: {count} node{'s use operators' if count > 1 else ' uses an operator'} that amdc cannot compile"
    return "\n".join([head, f"  {'op':{width}}  nodes  first", *rows, *_advice(missing, versions), "  Full list: amdc ops"])


def _advice(missing: dict[tuple[str, str], list[str]], versions: dict[str, int]) -> list[str]:
    advice = []
    for domain, op in missing:
        since = newer_opset(domain, op, versions.get(domain, 0))
        if since:
            advice.append(f"  {op}: part of opset {since}, but the model imports opset {versions.get(domain, 0)}")
    if any(op.startswith(TENSORLESS) for _, op in missing):
        advice.append("  Sequences, optionals and strings: only tensors are supported; compute on them outside of the model")
    if any(domain not in ("", "ai.onnx") for domain, _ in missing):
        advice.append("  Operators of other domains: export without contrib operators")
    return advice[:SHOWN]


def _node_problems(proto: onnx.ModelProto) -> list[str]:
    """Wrong numbers of inputs or outputs, missing, unknown or mistyped attributes, as the onnx package finds them."""
    context = onnx.checker.C.CheckerContext()
    context.ir_version = proto.ir_version
    context.opset_imports = opsets(proto)
    problems = []
    for index, node in enumerate(proto.graph.node):
        if subgraphs(node):  # the checker of single nodes does not see the values outside
            continue
        if schema_of(node.domain, node.op_type, context.opset_imports.get(node.domain, 0)) is None:
            continue  # ONNX Runtime's operators, some of which stand in the default domain
        checked = node
        if node.domain == "ai.onnx":  # the checker knows the default domain only by its short name
            checked = onnx.NodeProto()
            checked.CopyFrom(node)
            checked.domain = ""
        try:
            onnx.checker.check_node(checked, context)
        except onnx.checker.ValidationError as problem:
            problems.append(f"node '{node_label(node, index)}': {str(problem).strip().splitlines()[0]}")
    return problems


def _type_problems(proto: onnx.ModelProto) -> list[str]:
    """Inputs, outputs and initializers that are no dense tensors of a supported dtype."""
    problems = []
    for kind, values in (("input", proto.graph.input), ("output", proto.graph.output)):
        for value in values:
            held = value.type.WhichOneof("value")
            if held not in (None, "tensor_type"):
                problems.append(f"{kind} '{value.name}' is a {held.removesuffix('_type')}; only tensors are supported")
            elif value.type.tensor_type.elem_type not in (onnx.TensorProto.UNDEFINED, *HELD):
                problems.append(_dtype_problem(f"{kind} '{value.name}'", value.type.tensor_type.elem_type))
    for tensor in proto.graph.initializer:
        if tensor.data_type not in HELD:
            problems.append(_dtype_problem(f"initializer '{tensor.name}'", tensor.data_type))
    return problems


def _dtype_problem(what: str, elem_type: int) -> str:
    return f"{what} has the dtype {element_name(elem_type)}, which amdc does not support"
