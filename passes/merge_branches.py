"""Makes one convolution of those that read one tensor and whose results are concatenated, as in SqueezeNet's fire modules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
ACTIVATIONS = (aten.relu.default, aten.hardtanh.default, aten.silu.default, aten.hardswish.default, aten.sigmoid.default)
CHANNELS = 1  # the dimension
REACHED = 0.5  # of the card's peak, by a small convolution: what the zeros of a widened kernel cost


@dataclass(frozen=True)
class Branch:
    """One part of a concatenation: a convolution, and `end`, the activation behind it or itself."""

    convolution: Node
    end: Node

    @property
    def kernel(self) -> tuple[int, ...]:
        return shape(self.weight)[2:]

    @property
    def weight(self) -> Node:
        given: Any = self.convolution.args[1]
        return given

    @property
    def padding(self) -> list[int]:
        given: Any = self.convolution.args[4]
        return given

    @property
    def key(self) -> tuple[Any, ...]:
        """What branches that become one have in common."""
        x, stride, dilation = (self.convolution.args[place] for place in (0, 3, 5))
        assert isinstance(stride, Sequence) and isinstance(dilation, Sequence)
        after = (str(self.end.target), self.end.args[1:]) if self.end is not self.convolution else ()
        return x, tuple(stride), tuple(dilation), after, dtype(self.end), self.convolution.args[2] is None


@dataclass(frozen=True)
class MergeBranches(Pass):
    """Merge neighbouring parts of a concatenation that are convolutions of one input into one convolution.

    before: cat([relu(conv(x, a)), relu(conv(x, b, padding=1))], 1)    with a 1x1 kernel a and a 3x3 kernel b
    after:  relu(conv(x, [a b], padding=1))                            where zeros around a make it 3x3
    Only where multiplying with the zeros costs less than the launch that it saves. Kernels of one size merge at every level.
    Zeros are put around others at `lossy_level` only: finite inputs give the same values, but an infinite or NaN pixel reaches
    the neighbours from which a widened kernel meets it (0 * inf is NaN).
    """

    lossy_level: int = 3

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        merged, notes = 0, []
        for node in list(graph.graph.nodes):
            if not is_op(node, aten.cat.default) or len(shape(node)) != 4 or _dimension(node) != CHANNELS:
                continue
            given: Any = node.args[0]
            parts: list[Node] = []
            for key, run in groupby(((part, _branch(part)) for part in given), key=lambda pair: pair[1] and pair[1].key):
                pairs = list(run)
                branches = [branch for _, branch in pairs if branch is not None]
                if key is None or len(branches) < 2 or len(set(branches)) < len(branches):
                    parts += [part for part, _ in pairs]
                elif reason := self.obstacle(branches, context):
                    notes.append(f"the parts of {node} stay: {reason}")
                    parts += [part for part, _ in pairs]
                else:
                    parts.append(_merge(graph, branches))
                    merged += len(branches)
            if len(parts) < len(given):
                whole = parts[0] if len(parts) == 1 else add_call(graph, node, aten.cat.default, (parts, CHANNELS))
                replace(node, whole)
        return PassResult(merged > 0, (*([f"merged {merged} convolutions"] if merged else []), *notes))

    def obstacle(self, branches: Sequence[Branch], context: PassContext) -> str:
        """Why the branches stay apart; empty where they merge."""
        frame = _frame(branches)
        if frame is None:
            return "one window would not meet the pixels of each"
        zeros = _zeros(branches, frame[1])
        if zeros and context.opt_level < self.lossy_level:
            return f"zeros around a kernel would spread infinities, which needs -O{self.lossy_level}"
        cost = _cost(branches, zeros, context)
        return f"their zeros would take {cost:.0f} us more than a launch" if cost > 0 else ""


def _dimension(node: Node) -> int:
    given: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    return int(given) % len(shape(node))


def _branch(part: Node) -> Branch | None:
    """The part as a branch, where a convolution with constant weights and nothing else makes it."""
    made: Any = part.args[0] if is_op(part, *ACTIVATIONS) and not part.kwargs else part
    if not is_op(made, aten.convolution.default) or only_user(part) is None or (made is not part and only_user(made) is None):
        return None
    _, weight, bias, _, _, _, transposed, _, groups = made.args
    if transposed or groups != 1 or weight.op != "get_attr" or (bias is not None and bias.op != "get_attr"):
        return None
    return Branch(made, part)


def _frame(branches: Sequence[Branch]) -> tuple[list[int], list[int]] | None:
    """The padding and the kernel that hold all of the branches'; None where outputs of one size would need others."""
    padding = [max(extents) for extents in zip(*(branch.padding for branch in branches), strict=True)]
    reach = [[p - own + k for p, own, k in zip(padding, b.padding, b.kernel, strict=True)] for b in branches]
    kernel = [max(extents) for extents in zip(*reach, strict=True)]
    x: Any = branches[0].convolution.args[0]
    _, stride, dilation, *_ = branches[0].key
    sides = zip(shape(x)[2:], padding, kernel, stride, strict=True)
    if set(dilation) != {1} or [(side + 2 * p - k) // s + 1 for side, p, k, s in sides] != [*shape(branches[0].end)[2:]]:
        return None
    return padding, kernel


def _zeros(branches: Sequence[Branch], kernel: Sequence[int]) -> int:
    """How many zeros the weights get where each kernel becomes as large as `kernel`."""
    return sum(math.prod(shape(b.weight)[:2]) * (math.prod(kernel) - math.prod(b.kernel)) for b in branches)


def _cost(branches: Sequence[Branch], zeros: int, context: PassContext) -> float:
    """Microseconds that the merged convolution takes more than what it saves."""
    batch, _, *sides = shape(branches[0].end)
    added = 2 * batch * math.prod(sides) * zeros / (REACHED * context.target.card().fp32_tflops * 1e6)
    return added - context.target.launch_us * (len(branches) - 1)


def _merge(graph: Graph, branches: Sequence[Branch]) -> Node:
    """The convolution of all branches, and the activation behind it, where the last of them stood."""
    frame = _frame(branches)
    assert frame is not None
    padding, kernel = frame
    order = {node: index for index, node in enumerate(graph.graph.nodes)}
    last = max((branch.end for branch in branches), key=order.__getitem__)
    weight = torch.cat([_widened(constant(graph, branch.weight), branch, padding, kernel) for branch in branches])
    x, _, bias, stride, _, *rest = branches[0].convolution.args
    if bias is not None:
        rows = [branch.convolution.args[2] for branch in branches]
        joined = torch.cat([constant(graph, row) for row in rows if isinstance(row, Node)])
        bias = add_constant(graph, last, "branches_bias", joined)
    arguments = (x, add_constant(graph, last, "branches_weight", weight), bias, stride, padding, *rest)
    made = add_call(graph, last, aten.convolution.default, arguments)
    made.meta["source"] = tuple(name for branch in branches for name in branch.convolution.meta["source"])
    first = branches[0]
    if first.end is not first.convolution:
        made = add_call(graph, last, first.end.target, (made, *first.end.args[1:]))
        made.meta["source"] = tuple(name for branch in branches for name in branch.end.meta["source"])
    return made


def _widened(weight: torch.Tensor, branch: Branch, padding: Sequence[int], kernel: Sequence[int]) -> torch.Tensor:
    """The kernel among zeros, so that it meets the same pixels under the common padding."""
    before = [p - own for p, own in zip(padding, branch.padding, strict=True)]
    behind = [k - own - b for k, own, b in zip(kernel, branch.kernel, before, strict=True)]
    sides = [side for axis in reversed(range(len(kernel))) for side in (before[axis], behind[axis])]  # the last dimension first
    return torch.nn.functional.pad(weight, sides)
