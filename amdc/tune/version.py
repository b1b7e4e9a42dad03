"""The version of the code that a timing is of: the sources of the kernels that were timed, and the candidates there were; of a
prediction also the model that made it.

A timing of other kernels than today's is not used, nor one of a choice among others. One of another model still says which kernel
to take, but a search compares no times of two models. Comments, documentation and spaces do not count, and how a lowering packs
its operands is not part of it.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import amdc.kernels
import amdc.sim.timing
import amdc.target
from amdc.cache import content_key
from amdc.kernels.template import KernelTemplate
from amdc.tune.records import MODEL

DIGITS = 16
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


@cache
def _templates() -> dict[str, KernelTemplate]:
    modules = [importlib.import_module(f"amdc.kernels.{info.name}") for info in pkgutil.iter_modules(amdc.kernels.__path__)]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, KernelTemplate)]
    return {template.name: template for template in found}


def version(candidates: Iterable[str], templates: Iterable[str]) -> str:
    """The version of a timing among `candidates` (names) that launches kernels of `templates`; "" where a template is gone."""
    names = sorted(set(templates))
    return _version(tuple(sorted(candidates)), tuple(names)) if set(names) <= set(_templates()) else ""


@cache
def _version(candidates: tuple[str, ...], templates: tuple[str, ...]) -> str:
    return content_key(*candidates, "", *(bare(_templates()[name].source()) for name in templates))[:DIGITS]


def stamp(candidates: Iterable[str], templates: Iterable[str], how: str) -> str:
    """What is kept with a timing: its version, and of a prediction the model's behind a dash."""
    return version(candidates, templates) + (f"-{_model()}" if how == MODEL else "")


def of_kernels(kept: str) -> str:
    """A stamp without the model's part."""
    return kept.partition("-")[0]


@cache
def _model() -> str:
    """The version of the timing layer and of the cards' figures."""
    assert amdc.sim.timing.__file__ and amdc.target.__file__
    folder = Path(amdc.sim.timing.__file__).parent
    python = [undocumented(path.read_text()) for path in (*sorted(folder.glob("*.py")), Path(amdc.target.__file__))]
    native = [bare(path.read_text()) for path in sorted(folder.glob("native/*"))]
    return content_key(*python, *native)[:DIGITS]


def undocumented(source: str) -> str:
    """What a Python module does: its syntax tree without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def bare(source: str) -> str:
    """A kernel's source without comments and runs of spaces; what stands in quotes holds neither in our kernels."""
    return " ".join(COMMENT.sub(" ", source).split())
