"""The driver: model -> Graph -> passes -> Program -> code objects -> Bundle."""

from amdc.compiler.driver import compile_model
from amdc.compiler.options import CompileOptions

__all__ = ["CompileOptions", "compile_model"]
