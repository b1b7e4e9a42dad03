"""The name of the domain, and the decorator for its operators."""

from __future__ import annotations

from functools import partial

from amdc.frontends.onnx.registry import onnx_op

DOMAIN = "com.microsoft"
microsoft_op = partial(onnx_op, domain=DOMAIN)
