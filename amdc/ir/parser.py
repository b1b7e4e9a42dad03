"""Reads the text form of a Graph (amdc.ir.printer) back to an equal Graph.

Each line's expression is valid Python once the % signs are gone, so Python's own `ast` reads it; nothing is evaluated.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule, Node

from amdc.errors import ModelError
from amdc.ir.graph import Graph, infer
from amdc.ir.printer import DTYPES, type_text

_TOKEN = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|%(\w+)|(\#.*)""")
_LINE = re.compile(r"( *)%(\w+) : ([^=]+) = (.*)")
_TYPE = re.compile(r"(\w+)\[([\d,]*)\]")
_DTYPE_NAMES = {text: dtype for dtype, text in DTYPES.items()}
_NUMBERS = {"inf": math.inf, "nan": math.nan}


def _python(text: str) -> tuple[ast.expr, str]:
    """The expression at the start of the text, `%name` read as the name `_name`; and the comment behind it."""
    comment = ""

    def change(match: re.Match[str]) -> str:
        nonlocal comment
        if match[3] is not None:
            comment = match[3][1:]
        return match[1] or (f"_{match[2]}" if match[2] else "")

    return ast.parse(_TOKEN.sub(change, text).strip(), mode="eval").body, comment


class _Reader:
    """Reads the lines of one graph or body; `position` is the next line."""

    def __init__(self, text: str, constants: Mapping[str, torch.Tensor]) -> None:
        self.lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
        self.constants, self.position = constants, 0
        self.mode = FakeTensorMode()
        self.fakes: dict[str, Any] = {}
        self.states: list[tuple[str, str]] = []

    def graph(self, depth: int) -> Graph:
        """The graph from here to its `return`."""
        module, graph = torch.nn.Module(), torch.fx.Graph()
        nodes: dict[str, Node] = {}
        names: list[str] = []
        while self.position < len(self.lines):
            line = self.lines[self.position].strip()
            self.position += 1
            if line.startswith("return "):
                return self.finish(module, graph, nodes, names, line, depth)
            node = self.node(module, graph, nodes, names, line, depth)
            nodes[node.name] = node
        raise ModelError("graph text ends without a `return` line; it is truncated")

    def node(
        self, module: torch.nn.Module, graph: torch.fx.Graph, nodes: dict[str, Node], names: list[str], line: str, depth: int
    ) -> Node:
        match = _LINE.fullmatch(line)
        call, comment = _python(match[4]) if match else (None, "")
        if match is None or not isinstance(call, ast.Call):
            raise ModelError(f"graph text, line `{line}`: expected `%name : type = expression`")
        name = match[2]
        match ast.unparse(call.func).split("."):
            case ["input" | "state" as kind]:
                names.append(ast.literal_eval(call.args[0]))
                if kind == "state":
                    self.states.append((names[-1], ast.literal_eval(call.args[1])))
                node = graph.create_node("placeholder", name, name=name)
            case ["constant"]:
                node = self.constant(module, graph, call, name, match[3])
            case ["region", held]:
                module.add_module(held, self.graph(depth + 1))
                node = graph.create_node("call_module", held, tuple(_value(a, nodes) for a in call.args), name=name)
            case path:
                arguments = tuple(_value(a, nodes) for a in call.args)
                keywords = {str(k.arg): _value(k.value, nodes) for k in call.keywords}
                node = graph.create_node("call_function", _target(path), arguments, keywords, name=name)
        node.meta = {"val": self.fake(match[3]), **_names(comment)}
        if node.op == "call_function":
            node.meta["val"] = _with_strides(node)
        return node

    def constant(self, module: torch.nn.Module, graph: torch.fx.Graph, call: ast.Call, name: str, type_text: str) -> Node:
        target = ast.literal_eval(call.args[0])
        if not hasattr(module, target):
            if len(call.args) == 2:
                like = self.fake(type_text)
                tensor: torch.Tensor | None = torch.tensor(_value(call.args[1], {}), dtype=like.dtype).reshape(tuple(like.shape))
            elif (tensor := self.constants.get(target)) is None:
                raise ModelError(f"graph text names the constant '{target}', which the constants beside it lack")
            module.register_buffer(target, tensor)
        return graph.create_node("get_attr", target, name=name)

    def fake(self, text: str) -> Any:
        """A FakeTensor, or a tuple of them, of a type's text."""
        if text not in self.fakes:
            parts = []
            for dtype, extents in _TYPE.findall(text):
                with self.mode:
                    parts.append(torch.empty([int(e) for e in extents.split(",") if e], dtype=_DTYPE_NAMES[dtype]))
            self.fakes[text] = tuple(parts) if text.startswith("(") else parts[0]
        return self.fakes[text]

    def finish(
        self, module: torch.nn.Module, graph: torch.fx.Graph, nodes: dict[str, Node], names: list[str], line: str, depth: int
    ) -> Graph:
        held = _value(_python(line.removeprefix("return "))[0], nodes)
        graph.output(held if depth else tuple(node for _, node in held)).meta = {"source": (), "value": None}
        made = GraphModule(module, graph)
        made.meta = {"inputs": tuple(names), "outputs": ("out",) if depth else tuple(name for name, _ in held)}
        if self.states and not depth:
            made.meta["states"] = tuple(self.states)
        return made


def _with_strides(node: Node) -> Any:
    """A node's `meta["val"]` with the strides that its operator gives, which the text does not show and which rules that drop
    copies go by; the text's own where the operator gives another type or none (the verifier then says so)."""
    try:
        found = infer(node)
    except Exception:  # whatever an operator raises on arguments that do not fit it
        return node.meta["val"]
    return found if type_text(found) == type_text(node.meta["val"]) else node.meta["val"]


def _target(path: list[str]) -> Any:
    if path == ["getitem"]:
        return operator.getitem
    found: Any = torch.ops
    try:
        for part in path:
            found = getattr(found, part)
    except AttributeError:
        raise ModelError(f"graph text names the operator {'.'.join(path)}, which this PyTorch does not have") from None
    return found


def _names(comment: str) -> dict[str, Any]:
    """`source` and `value` of a comment such as ` 'a', 'b' -> 'c'`."""
    strings = [ast.literal_eval(match[1]) for match in _TOKEN.finditer(comment) if match[1]]
    plain = _TOKEN.sub(lambda match: "" if match[1] else match[0], comment)
    if "->" in plain:
        return {"source": tuple(strings[:-1]), "value": strings[-1]}
    return {"source": tuple(strings), "value": None}


def _value(tree: ast.expr, nodes: Mapping[str, Node]) -> Any:
    """What an argument's expression stands for."""
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in _NUMBERS:
            return _NUMBERS[name]
        case ast.Name(id=name) if name[1:] in nodes:
            return nodes[name[1:]]
        case ast.List(elts=parts):
            return [_value(part, nodes) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, nodes) for part in parts)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, nodes)
        case ast.Attribute(value=ast.Name(id="torch"), attr=name):
            return getattr(torch, name)
        case ast.Call(func=ast.Name(id="device"), args=[ast.Constant(value=str(name))]):
            return torch.device(name)
    raise ModelError(f"graph text holds `{ast.unparse(tree)}`, which is neither a value nor a node above")


def parse(text: str, constants: Mapping[str, torch.Tensor]) -> Graph:
    """The Graph of a text. `constants` holds the tensors that the text does not show. Raises `ModelError` on malformed text."""
    import amdc.ir.ops  # noqa: F401 -- registers the amdc:: operators that a text may name

    try:
        return _Reader(text, constants).graph(0)
    except SyntaxError as error:
        raise ModelError(f"graph text cannot be read: {error.msg}: {error.text}") from None
