"""An example call of each operator that PyTorch tags as core ATen, by the name of its overload. Small, with uneven extents."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_GENERATOR = torch.Generator().manual_seed(0)


def x(*shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=_GENERATOR)


def positive(*shape: int) -> Tensor:
    """Numbers from 0.2 to 1.2."""
    return torch.rand(shape, generator=_GENERATOR) + 0.2


def within(*shape: int) -> Tensor:
    """Numbers from -0.9 to 0.9, where the inverses of bounded functions are defined."""
    return torch.rand(shape, generator=_GENERATOR) * 1.8 - 0.9


def integers(high: int, *shape: int) -> Tensor:
    return torch.randint(0, high, shape, generator=_GENERATOR)


def flags(*shape: int) -> Tensor:
    return integers(2, *shape).bool()


Call = tuple[Any, ...]  # positional arguments; a dict in the last place holds keyword arguments

UNARY = (
    "abs",
    "ceil",
    "cos",
    "cosh",
    "erf",
    "exp",
    "expm1",
    "floor",
    "isinf",
    "isnan",
    "leaky_relu",
    "logical_not",
    "neg",
    "relu",
)
UNARY += ("round", "sigmoid", "sign", "sin", "sinh", "tan", "tanh", "trunc", "gelu", "hardtanh", "elu", "atan", "asinh", "alias")
UNARY_POSITIVE = ("log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt")
UNARY_WITHIN = ("acos", "asin", "atanh")
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
BINARY = ("add", "sub", "mul", "div", "fmod", "remainder", *COMPARE)

CASES: dict[str, Call] = {
    **{f"{name}.default": (x(3, 5),) for name in UNARY},
    **{f"{name}.default": (positive(3, 5),) for name in UNARY_POSITIVE},
    **{f"{name}.default": (within(3, 5),) for name in UNARY_WITHIN},
    **{f"{name}.Tensor": (x(3, 5), positive(5)) for name in BINARY},
    **{f"{name}.Scalar": (x(3, 5), 0.75) for name in BINARY},
    **{f"bitwise_{name}.Tensor": (integers(99, 3, 5), integers(99, 5)) for name in ("and", "or", "xor")},
    **{f"bitwise_{name}.Scalar": (integers(99, 3, 5), 6) for name in ("and", "or", "xor")},
    **{f"logical_{name}.default": (flags(3, 5), flags(5)) for name in ("and", "or", "xor")},
    **{f"{name}.default": (x(3, 5), x(5)) for name in ("maximum", "minimum", "atan2")},
    **{f"{name}.default": (x(3, 4, 5), [1], True) for name in ("amax", "amin")},
    **{f"{name}.default": (x(3, 4, 5), 1) for name in ("argmax", "argmin", "cumsum")},
    **{f"{name}.dim": (x(3, 4, 5), 1) for name in ("max", "min")},
    "acosh.default": (positive(3, 5) + 1,),
    "bitwise_not.default": (integers(99, 3, 5),),
    "div.Tensor_mode": (x(3, 5), positive(5), {"rounding_mode": "floor"}),
    "div.Scalar_mode": (x(3, 5), 0.3, {"rounding_mode": "trunc"}),
    "pow.Tensor_Tensor": (positive(3, 5), x(5)),
    "pow.Tensor_Scalar": (x(3, 5), 3),
    "pow.Scalar": (2.0, x(3, 5)),
    "clamp.default": (x(3, 5), -0.5, 0.5),
    "clamp.Tensor": (x(3, 5), x(5) - 1, x(5) + 1),
    "where.self": (flags(3, 5), x(3, 5), x(5)),
    "any.default": (flags(3, 5),),
    "any.dim": (flags(3, 5), 1),
    "any.dims": (flags(3, 4, 5), [0, 2]),
    "mean.default": (x(3, 5),),
    "mean.dim": (x(3, 4, 5), [0, 2], True),
    "sum.dim_IntList": (x(3, 4, 5), [1]),
    "prod.default": (positive(3, 5),),
    "prod.dim_int": (positive(3, 4, 5), 1),
    "var.dim": (x(3, 4, 5), [1], True),
    "var.correction": (x(3, 4, 5), [1], {"correction": 0}),
    "sort.default": (x(3, 7),),
    "topk.default": (x(3, 7), 3),
    "_softmax.default": (x(3, 5), -1, False),
    "_log_softmax.default": (x(3, 5), 1, False),
    "mm.default": (x(3, 5), x(5, 7)),
    "bmm.default": (x(2, 3, 5), x(2, 5, 7)),
    "addmm.default": (x(7), x(3, 5), x(5, 7)),
    "convolution.default": (x(1, 3, 9, 8), x(4, 3, 3, 3), x(4), [2, 1], [1, 1], [1, 1], False, [0, 0], 1),
    "native_layer_norm.default": (x(3, 6), [6], x(6), x(6), 1e-5),
    "native_group_norm.default": (x(2, 4, 5), x(4), x(4), 2, 4, 5, 2, 1e-5),
    "_native_batch_norm_legit_no_training.default": (x(2, 3, 5), x(3), x(3), x(3), positive(3), 0.1, 1e-5),
    "_native_batch_norm_legit.no_stats": (x(2, 3, 5), x(3), x(3), True, 0.1, 1e-5),
    "native_dropout.default": (x(3, 5), 0.5, False),
    "embedding.default": (x(9, 4), integers(9, 2, 3)),
    "_embedding_bag.default": (x(9, 4), integers(9, 6), torch.tensor([0, 2, 4])),
    "max_pool2d_with_indices.default": (x(1, 2, 7, 6), [3, 2], [2, 2], [1, 1]),
    "max_pool3d_with_indices.default": (x(1, 2, 4, 5, 6), [2, 2, 2]),
    "avg_pool1d.default": (x(1, 2, 7), [3], [2], [1]),
    "avg_pool2d.default": (x(1, 2, 7, 6), [3, 2], [2, 2], [1, 1]),
    "avg_pool3d.default": (x(1, 2, 4, 5, 6), [2, 2, 2]),
    "adaptive_avg_pool1d.default": (x(1, 2, 7), [3]),
    "_adaptive_avg_pool2d.default": (x(1, 2, 7, 6), [3, 2]),
    "_adaptive_avg_pool3d.default": (x(1, 2, 4, 5, 6), [2, 2, 3]),
    "upsample_nearest2d.vec": (x(1, 2, 3, 4), [6, 8], None),
    "upsample_bilinear2d.vec": (x(1, 2, 3, 4), [7, 9], False, None),
    "grid_sampler_2d.default": (x(1, 2, 4, 5), within(1, 3, 3, 2), 0, 0, False),
    "reflection_pad1d.default": (x(2, 3, 6), [2, 1]),
    "reflection_pad2d.default": (x(2, 3, 6, 5), [2, 1, 1, 2]),
    "reflection_pad3d.default": (x(1, 2, 4, 4, 5), [1, 1, 1, 2, 2, 1]),
    "replication_pad2d.default": (x(2, 3, 6, 5), [2, 1, 1, 2]),
    "replication_pad3d.default": (x(1, 2, 4, 4, 5), [1, 1, 1, 2, 2, 1]),
    "constant_pad_nd.default": (x(2, 3), [1, 2, 0, 1], 0.5),
    "col2im.default": (x(1, 12, 12), [5, 4], [2, 2], [1, 1], [0, 0], [1, 1]),
    "_cdist_forward.default": (x(3, 4), x(5, 4), 2.0, None),
    "_pdist_forward.default": (x(4, 3), 2.0),
    "_fft_r2c.default": (x(3, 8), [1], 0, True),
    "_fft_c2r.default": (torch.complex(x(3, 5), x(3, 5)), [1], 0, 8),
    "_to_copy.default": (x(3, 5), {"dtype": torch.int64}),
    "clone.default": (x(3, 5),),
    "copy.default": (x(3, 5), x(5)),
    "arange.start_step": (0, 7, 2),
    "full.default": ([2, 3], 0.5),
    "full_like.default": (x(3, 5), 0.5),
    "fill.Scalar": (x(3, 5), 0.5),
    "scalar_tensor.default": (0.5,),
    "cat.default": ([x(3, 5), x(3, 2)], 1),
    "as_strided.default": (x(4, 5), [3, 2], [5, 2]),
    "diagonal.default": (x(4, 5),),
    "expand.default": (x(3, 1), [2, 3, 5]),
    "flip.default": (x(3, 5), [1]),
    "gather.default": (x(3, 5), 1, integers(5, 3, 4)),
    "index.Tensor": (x(4, 5), [integers(4, 3), None]),
    "index_put.default": (x(4, 5), [torch.tensor([2, 0])], x(2, 5)),
    "index_select.default": (x(4, 5), 1, integers(5, 3)),
    "masked_scatter.default": (x(3, 5), flags(3, 5), x(15)),
    "permute.default": (x(2, 3, 4), [2, 0, 1]),
    "repeat.default": (x(2, 3), [2, 1, 3]),
    "scatter.value": (x(3, 5), 1, torch.tensor([[0, 3], [4, 1], [2, 0]]), 0.5),
    "scatter.src": (x(3, 5), 1, torch.tensor([[0, 3], [4, 1], [2, 0]]), x(3, 2)),
    "scatter_add.default": (x(3, 5), 1, integers(5, 3, 7), x(3, 7)),
    "scatter_reduce.two": (x(3, 5), 1, integers(5, 3, 7), x(3, 7), "amax"),
    "select.int": (x(3, 4, 5), 1, 2),
    "select_scatter.default": (x(3, 4, 5), x(3, 5), 1, 2),
    "slice.Tensor": (x(3, 9), 1, 1, 8, 3),
    "slice_scatter.default": (x(3, 9), x(3, 3), 1, 1, 8, 3),
    "split_with_sizes.default": (x(3, 7), [2, 5], 1),
    "squeeze.dim": (x(3, 1, 5), 1),
    "squeeze.dims": (x(1, 3, 1, 5), [0, 2]),
    "unsqueeze.default": (x(3, 5), 1),
    "view.default": (x(3, 4), [2, 6]),
    "empty.memory_format": ([2, 3],),
    "empty_strided.default": ([2, 3], [3, 1]),
    "nonzero.default": (flags(3, 5),),
    "_local_scalar_dense.default": (x(1),),
    "rand.default": ([2, 3],),
    "randn.default": ([2, 3],),
    "randperm.default": (5,),
    "_native_batch_norm_legit.default": (x(2, 3, 5), x(3), x(3), x(3), positive(3), True, 0.1, 1e-5),
}
