"""The version of the code that a timing is of: the sources of the kernels that were timed, and the candidates there were.

A timing whose version differs from today's is not used: its kernel has changed, or the choice was among others. Comments and
spaces do not count, and how a lowering packs its operands is not part of it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from functools import cache

import amdc.kernels
from amdc.cache import content_key
from amdc.kernels.template import KernelTemplate

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


def bare(source: str) -> str:
    """A kernel's source without comments and runs of spaces; what stands in quotes holds neither in our kernels."""
    return " ".join(COMMENT.sub(" ", source).split())
