"""What a pass is: a frozen value with a name, options as fields, and one `run`."""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from amdc.ir.graph import Graph
from amdc.target import Target


@dataclass(frozen=True)
class PassContext:
    """What every pass may ask: the target's row and the level (0 to 3)."""

    target: Target
    opt_level: int = 2


@dataclass(frozen=True)
class PassResult:
    """`changed` is true only when the graph is another than before (this is checked). `notes` say what was done, and why a
    rule that looked applicable did not fire."""

    changed: bool
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Pass(ABC):
    """One transformation; subclasses are frozen dataclasses whose fields are the options."""

    @abstractmethod
    def run(self, graph: Graph, context: PassContext) -> PassResult:
        """Change the graph in place, and say whether it changed."""

    @property
    def name(self) -> str:
        """`FoldBatchNorm` is called `fold-batch-norm` on the command line and in messages."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    def options(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        """The name with the options: `fold-constants{max_growth=65536}`."""
        options = ",".join(f"{key}={value}" for key, value in self.options().items())
        return self.name + (f"{{{options}}}" if options else "")
