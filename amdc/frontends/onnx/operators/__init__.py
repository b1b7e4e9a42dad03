"""The ONNX operators, a file a family; importing this package registers all."""

from amdc.frontends.onnx.operators import (  # noqa: F401
    activation,
    attention,
    constants,
    convolution,
    indexing,
    legacy,
    linear,
    losses,
    normalization,
    padding,
    pointwise,
    pooling,
    quantization,
    rearrange,
    recurrent,
    reduction,
    resize,
    sequence_mixing,
    shape,
    spectral,
)
