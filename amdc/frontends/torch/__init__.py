"""The PyTorch frontend: modules, by way of torch.export, and ExportedPrograms become Graphs of core ATen and amdc:: operators."""

from amdc.frontends.torch.exported import import_exported
from amdc.frontends.torch.module import import_module

__all__ = ["import_exported", "import_module"]
