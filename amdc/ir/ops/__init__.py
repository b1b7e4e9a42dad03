"""amdc's own operators, `torch.ops.amdc.*`: what core ATen cannot say. Importing this package registers all of them.

Each has an eager implementation (any Graph runs in PyTorch), a fake one (shape and dtype) and a derivative.
"""

from amdc.ir.ops import (  # noqa: F401
    attention,
    attention_joined,
    bits,
    bottleneck,
    convolution_pooled,
    embedding_sum,
    expand_depthwise,
    linalg,
    norm_attention,
    norm_linear,
    norm_mlp,
    normalization,
    packed,
    pool_convolution,
    pooled_linear,
    recurrent,
    resize,
    row_moments,
    sampling,
    selection,
)
