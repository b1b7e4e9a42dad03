"""Ensembles of decision trees and small operators of the ai.onnx.ml domain, on numbers alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op

DOMAIN = "ai.onnx.ml"
MEMBER = 6
COMPARE = (torch.le, torch.lt, torch.ge, torch.gt, torch.eq, torch.ne)  # by nodes_modes
AVERAGE, SUM, LEAST, MOST = range(4)


@dataclass(frozen=True)
class Trees:
    """Tables over the inner nodes, and behind them the leaves, which lead to themselves."""

    features: list[int]
    modes: list[int]
    splits: list[float]
    members: list[list[float]]  # of each node of mode MEMBER, else empty
    missing: list[int]  # whether NaN takes the true branch
    if_true: list[int]
    if_false: list[int]

    @cached_property
    def count(self) -> int:
        return len(self.features)

    def depth(self, roots: list[int]) -> int:
        """How many decisions lead to the deepest leaf."""
        level, depth = set(roots), 0
        while level := {n for node in level if node < self.count for n in (self.if_true[node], self.if_false[node])}:
            depth += 1
            if depth > self.count:
                raise NotSupported("its trees have a cycle")
        return depth

    def table(self, values: list[int] | list[float], leaves: int, dtype: torch.dtype) -> Tensor:
        return torch.tensor([*values, *[0] * leaves], dtype=dtype)

    def leaves_of(self, x: Tensor, roots: list[int], leaves: int) -> Tensor:
        """[B,T]: the leaf that each row of x [B,F] reaches in each tree."""
        onward = [torch.tensor([*ids, *range(self.count, self.count + leaves)]) for ids in (self.if_true, self.if_false)]
        features = self.table(self.features, leaves, torch.int64)
        node = torch.tensor(roots).expand(x.shape[0], len(roots))
        for _ in range(self.depth(roots)):
            flat = node.reshape(-1)
            value = torch.gather(x, 1, torch.index_select(features, 0, flat).reshape(node.shape))
            holds = self._decide(value, flat, leaves)
            true, false = (torch.index_select(ids, 0, flat).reshape(node.shape) for ids in onward)
            node = torch.where(holds, true, false)
        return node - self.count

    def _decide(self, value: Tensor, flat: Tensor, leaves: int) -> Tensor:
        modes = torch.index_select(self.table(self.modes, leaves, torch.int64), 0, flat).reshape(value.shape)
        splits = torch.index_select(self.table(self.splits, leaves, value.dtype), 0, flat).reshape(value.shape)
        holds = torch.zeros(tuple(value.shape), dtype=torch.bool)
        for mode in sorted(set(self.modes)):
            found = self._is_member(value, flat, leaves) if mode == MEMBER else COMPARE[mode](value, splits)
            holds = torch.where(modes == mode, found, holds)
        if not any(self.missing):
            return holds
        missing = torch.index_select(self.table(self.missing, leaves, torch.bool), 0, flat).reshape(value.shape)
        return torch.logical_or(holds, torch.logical_and(missing, torch.isnan(value)))

    def _is_member(self, value: Tensor, flat: Tensor, leaves: int) -> Tensor:
        width = max(map(len, self.members))
        rows = [[*values, *[math.nan] * (width - len(values))] for values in [*self.members, *[[]] * leaves]]
        sets = torch.index_select(torch.tensor(rows, dtype=value.dtype), 0, flat).reshape(*value.shape, width)
        return torch.any(value.unsqueeze(-1) == sets, -1)


@onnx_op("TreeEnsemble", since=5, domain=DOMAIN)
def tree_ensemble(
    x: Tensor,
    /,
    *,
    aggregate_function: int = SUM,
    leaf_targetids: list[int],
    leaf_weights: Tensor,
    membership_values: Tensor | None = None,
    n_targets: int = 1,
    nodes_falseleafs: list[int],
    nodes_falsenodeids: list[int],
    nodes_featureids: list[int],
    nodes_hitrates: Tensor | None = None,
    nodes_missing_value_tracks_true: list[int] | None = None,
    nodes_modes: Tensor,
    nodes_splits: Tensor,
    nodes_trueleafs: list[int],
    nodes_truenodeids: list[int],
    post_transform: int = 0,
    tree_roots: list[int],
) -> Tensor:
    """x [B,F] gives [B, targets]: the weights of the leaves that a row reaches, put together target by target."""
    count = len(nodes_featureids)
    modes = nodes_modes.to(torch.int64).tolist()
    trees = Trees(
        nodes_featureids,
        modes,
        nodes_splits.tolist(),
        _member_sets(modes, membership_values),
        nodes_missing_value_tracks_true or [0] * count,
        [n + count * leaf for n, leaf in zip(nodes_truenodeids, nodes_trueleafs, strict=True)],
        [n + count * leaf for n, leaf in zip(nodes_falsenodeids, nodes_falseleafs, strict=True)],
    )
    leaves = trees.leaves_of(x, tree_roots, len(leaf_targetids))
    weights = torch.index_select(leaf_weights.to(x.dtype), 0, leaves.reshape(-1)).reshape(*leaves.shape, 1)
    targets = torch.index_select(torch.tensor(leaf_targetids), 0, leaves.reshape(-1)).reshape(*leaves.shape, 1)
    return _transformed(_together(weights, targets == torch.arange(n_targets), aggregate_function), post_transform)


def _member_sets(modes: list[int], values: Tensor | None) -> list[list[float]]:
    """The sets of the nodes that ask for membership: they stand one behind another, NaN behind each."""
    rest = iter([] if values is None else values.tolist())
    sets: list[list[float]] = []
    for mode in modes:
        found: list[float] = []
        while mode == MEMBER and (value := next(rest, math.nan)) == value:
            found.append(value)
        sets.append(found)
    return sets


def _together(weights: Tensor, hit: Tensor, how: int) -> Tensor:
    """[B, targets] from weights [B,T,1] and which target each belongs to [B,T, targets]; a target without leaves gets 0."""
    if how in (SUM, AVERAGE):
        total = torch.sum(torch.where(hit, weights, 0.0), 1).to(weights.dtype)
        return total / weights.shape[1] if how == AVERAGE else total
    far = math.inf if how == LEAST else -math.inf
    kept = torch.where(hit, weights, far)
    extreme = torch.amin(kept, 1) if how == LEAST else torch.amax(kept, 1)
    return torch.where(extreme == far, 0.0, extreme).to(weights.dtype)


def _transformed(scores: Tensor, post_transform: int) -> Tensor:
    if post_transform == 0:
        return scores
    if post_transform == 1:
        return torch.softmax(scores, 1)
    if post_transform == 2:
        return torch.sigmoid(scores)
    if post_transform == 3:  # a softmax that leaves zeros zero
        weights = torch.exp(scores - torch.amax(scores, 1, keepdim=True)) * (scores != 0)
        return weights / torch.sum(weights, 1, keepdim=True)
    raise NotSupported(f"post_transform {post_transform} is not supported")


@onnx_op("ArrayFeatureExtractor", domain=DOMAIN)
def array_feature_extractor(x: Tensor, places: Tensor, /) -> Tensor:
    """The chosen columns of the last dimension; a vector counts as a row."""
    rows = x.reshape(1, -1) if x.dim() == 1 else x
    return torch.index_select(rows, rows.dim() - 1, places.reshape(-1).to(torch.int64))


@onnx_op("Binarizer", domain=DOMAIN)
def binarizer(x: Tensor, /, *, threshold: float = 0.0) -> Tensor:
    return (x > threshold).to(x.dtype)
