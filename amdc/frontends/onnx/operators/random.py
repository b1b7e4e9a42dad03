"""Random tensors.

They are drawn once, at import, by numpy's Mersenne twister from the node's seed (0 where it gives none): a compiled model gives
the same results in each run.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op
from amdc.frontends.onnx.tensors import torch_dtype


def generator(seed: float | None) -> np.random.RandomState:
    return np.random.RandomState(int(seed or 0) % 2**32)


def _tensor(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float64)).to(dtype)


def _like(x: Tensor, dtype: int | None) -> torch.dtype:
    return x.dtype if dtype is None else torch_dtype(dtype, "its output")


@onnx_op("RandomUniform")
def random_uniform(*, shape: list[int], dtype: int = 1, high: float = 1.0, low: float = 0.0, seed: float | None = None) -> Tensor:
    return _tensor(generator(seed).uniform(low, high, shape), torch_dtype(dtype, "its output"))


@onnx_op("RandomNormal")
def random_normal(
    *, shape: list[int], dtype: int = 1, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> Tensor:
    return _tensor(generator(seed).normal(mean, scale, shape), torch_dtype(dtype, "its output"))


@onnx_op("RandomUniformLike", shape_only=True)
def random_uniform_like(
    x: Tensor, /, *, dtype: int | None = None, high: float = 1.0, low: float = 0.0, seed: float | None = None
) -> Tensor:
    return _tensor(generator(seed).uniform(low, high, tuple(x.shape)), _like(x, dtype))


@onnx_op("RandomNormalLike", shape_only=True)
def random_normal_like(
    x: Tensor, /, *, dtype: int | None = None, mean: float = 0.0, scale: float = 1.0, seed: float | None = None
) -> Tensor:
    return _tensor(generator(seed).normal(mean, scale, tuple(x.shape)), _like(x, dtype))


@onnx_op("Bernoulli", since=15)
def bernoulli(x: Tensor, /, *, dtype: int | None = None, seed: float | None = None) -> Tensor:
    """1 with the probability x, else 0."""
    drawn = _tensor(generator(seed).uniform(0, 1, tuple(x.shape)), torch.float64)
    return (drawn < x).to(_like(x, dtype))


@onnx_op("Multinomial", since=7)
def multinomial(x: Tensor, /, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None) -> Tensor:
    """[N, sample_size] classes by unnormalised log-probabilities [N,C]: the largest after adding Gumbel noise."""
    noise = _tensor(generator(seed).gumbel(size=(x.shape[0], sample_size, x.shape[1])), x.dtype)
    return torch.argmax(x.unsqueeze(1) + noise, -1).to(torch_dtype(dtype, "its output"))
