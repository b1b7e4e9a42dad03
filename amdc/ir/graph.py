"""The Graph's contract, and small helpers to read one and to change one.

A Graph is a `torch.fx.GraphModule` whose nodes are
  placeholder     an input; `inputs(graph)` gives the user's names in their order
  get_attr        a constant: an attribute of the module that holds a dense torch.Tensor (`constant(graph, node)`)
  call_function   a core ATen `OpOverload` or an `amdc::` operator (amdc.ir.ops)
  call_module     a fused region: a GraphModule of its own whose body obeys this same contract (no nesting, no get_attr inside);
                  one kernel computes it. `region(graph, node)` gives the body. Its node arguments are the region's placeholders.
                  A body's output node holds one node, not a tuple, so that the call_module's value is a tensor (amdc.ir.regions).
  output          one tuple of nodes; `outputs(graph)` gives the user's names in their order
Every node but output has `meta["val"]`: a FakeTensor (static shape, dtype), or a tuple of them.
The graph's `meta["states"]`, if there: (input name, output name) pairs. Such an input is no input of the user's: a session
keeps it from run to run, and the output of that name is its next value (a key-value cache, a mutated buffer). The graph's
`meta["state_values"]`, if there, holds the tensors that states start as, by input name; the others start as zeros.
`meta["source"]`: a tuple of the user's node names that this node computes (empty for what passes invented).
`meta["value"]`: the user's name of the tensor this node holds, or None. A pass that replaces a node by one that holds the same
tensor keeps both with `replace(old, new)`; so a deviation can be traced back to the user's model at every optimisation level.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node

Graph = GraphModule


def inputs(graph: Graph) -> tuple[str, ...]:
    """The user's input names, in the order of the placeholders."""
    return tuple(graph.meta["inputs"])


def outputs(graph: Graph) -> tuple[str, ...]:
    """The user's output names, in the order of the output tuple."""
    return tuple(graph.meta["outputs"])


def states(graph: Graph) -> dict[str, str]:
    """The name of each state's next value among the outputs, by the state's name among the inputs."""
    return dict(graph.meta.get("states", ()))


def placeholders(graph: Graph) -> list[Node]:
    return [node for node in graph.graph.nodes if node.op == "placeholder"]


def output_nodes(graph: Graph) -> list[Node]:
    """The nodes of the output tuple (a region's: of its one output), in order; one node may stand in it more than once."""
    held: Any = next(node for node in reversed(graph.graph.nodes) if node.op == "output").args[0]
    return [held] if isinstance(held, Node) else list(held)


def constant(graph: Graph, node: Node) -> torch.Tensor:
    """The tensor of a get_attr node."""
    return getattr(graph, str(node.target))


def region(graph: Graph, node: Node) -> Graph:
    """The body of a fused region (a call_module node)."""
    body = getattr(graph, str(node.target))
    assert isinstance(body, GraphModule)
    return body


def shape(node: Node) -> tuple[int, ...]:
    return tuple(int(extent) for extent in node.meta["val"].shape)


def dtype(node: Node) -> torch.dtype:
    return node.meta["val"].dtype


def source(*nodes: Node) -> tuple[str, ...]:
    """The user's node names behind several nodes, each once, in order."""
    return tuple(dict.fromkeys(name for node in nodes for name in node.meta.get("source", ())))


def is_op(node: Any, *targets: Any) -> bool:
    """Whether a value is a call_function node of one of these operators."""
    return isinstance(node, Node) and node.op == "call_function" and node.target in targets


def fake_like(graph: Graph, tensor: torch.Tensor) -> torch.Tensor:
    """A FakeTensor of the graph's own mode with this tensor's shape and dtype."""
    for node in graph.graph.nodes:
        val = node.meta.get("val")
        val = val[0] if isinstance(val, (tuple, list)) else val
        if val is not None:
            with val.fake_mode:
                return torch.empty(tuple(tensor.shape), dtype=tensor.dtype)
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.empty(tuple(tensor.shape), dtype=tensor.dtype)


def add_constant(graph: Graph, before: Node, hint: str, tensor: torch.Tensor) -> Node:
    """Insert a get_attr node for a new constant; the attribute's name starts with `hint` and is unique."""
    hint = "".join(c if c.isalnum() else "_" for c in hint)
    name, count = hint, 0
    while hasattr(graph, name):
        count += 1
        name = f"{hint}_{count}"
    graph.register_buffer(name, tensor.detach().contiguous())
    with graph.graph.inserting_before(before):
        node = graph.graph.get_attr(name)
    node.meta.update(val=fake_like(graph, tensor), source=(), value=None)
    return node


def infer(node: Node) -> Any:
    """`meta["val"]` of a call_function node from its operator and its arguments' (raises what the operator raises)."""
    assert callable(node.target)
    arguments, keywords = torch.fx.map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
    for value in torch.utils._pytree.tree_leaves((arguments, keywords)):
        if isinstance(value, torch._subclasses.FakeTensor):
            with value.fake_mode:
                return node.target(*arguments, **keywords)
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return node.target(*arguments, **keywords)


def add_call(
    graph: Graph, before: Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, like: Node | None = None
) -> Node:
    """Insert a call_function node; source and value are empty until `replace` sets them.

    `meta["val"]` is inferred, or taken from `like` where the caller knows that it is the same (the verifier checks it).
    """
    with graph.graph.inserting_before(before):
        node = graph.graph.call_function(target, args, kwargs or {})
    node.meta.update(source=(), value=None)
    node.meta["val"] = infer(node) if like is None else like.meta["val"]
    return node


def replace(old: Node, new: Node, *also: Node) -> None:
    """Let `new` stand for `old` (same tensor): all uses move, and the user's names of `old` and of the nodes `also` that `new`
    now computes are kept. `old` stays in the graph, unused, for dead-code removal."""
    new.meta["source"] = source(*also, new, old)
    new.meta["value"] = old.meta.get("value")
    old.replace_all_uses_with(new, propagate_meta=False)
