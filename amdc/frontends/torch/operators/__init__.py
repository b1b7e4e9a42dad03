"""Operators by families; importing this package registers all of them."""

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.torch.operators import arithmetic, attention, movement, normalization, recurrent, resize  # noqa: F401
from amdc.frontends.torch.operators.registry import KNOWN, REWRITES, WHOLE

__all__ = ["KNOWN", "REWRITES", "WHOLE"]
