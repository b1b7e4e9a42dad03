"""The ONNX frontend: `import_model` turns an ONNX model into a Graph of core ATen and amdc:: operators."""

from amdc.frontends.onnx.importer import NeedsConstants, import_model
from amdc.frontends.onnx.registry import supported_operators

__all__ = ["NeedsConstants", "import_model", "supported_operators"]
