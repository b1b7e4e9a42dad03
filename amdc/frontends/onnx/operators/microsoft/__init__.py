"""ONNX Runtime's own operators (domain com.microsoft), which its optimiser and its quantiser write into models.

Their definitions: ONNX Runtime, docs/ContribOperators.md.
"""

from amdc.frontends.onnx.operators.microsoft import attention, fused, normalization, quantized  # noqa: F401
