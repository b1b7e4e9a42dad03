"""Options that several verbs share, and the parsing of their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class ShapeType(click.ParamType):
    """`x=1x3x224x224` -> ("x", (1, 3, 224, 224)). The name may itself contain `=`; the last one counts."""

    name = "NAME=AxBxC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, tuple[int, ...]]:
        name, separator, extents = value.rpartition("=")
        try:
            shape = tuple(int(extent) for extent in extents.split("x"))
        except ValueError:
            shape = ()
        if not separator or not name or not shape or min(shape) < 1:
            self.fail(f"'{value}' is not a shape; write the input's name and its extents, such as x=1x3x224x224", param, ctx)
        return name, shape


class BindingType(click.ParamType):
    """`N=1` -> ("N", 1)."""

    name = "SYMBOL=INT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        name, separator, extent = value.rpartition("=")
        if not separator or not name or not extent.isdigit() or int(extent) < 1:
            self.fail(f"'{value}' is not a binding; write the dimension's symbol and its extent, such as N=1", param, ctx)
        return name, int(extent)


class FileOf(click.ParamType):
    """`x=image.npy` -> ("x", Path("image.npy")), the file must exist."""

    name = "NAME=FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        name, separator, file = value.partition("=")
        if not separator or not name or not file:
            self.fail(f"'{value}' names no file; write the input's name and a file, such as x=image.npy", param, ctx)
        if not Path(file).is_file():
            self.fail(f"no such file: {file}", param, ctx)
        return name, Path(file)


def compile_options(function: F) -> F:
    """The options of everything that compiles."""
    for decorate in reversed(
        (
            click.option("--arch", default="gfx803", show_default=True, help="Architecture to compile for (amdc targets)."),
            click.option("-O", "level", type=click.IntRange(0, 3), default=2, show_default=True, help="Optimisation level."),
            click.option("--shape", "shapes", type=ShapeType(), multiple=True, help="Bind an input's shape."),
            click.option("--bind", "bindings", type=BindingType(), multiple=True, help="Bind a symbolic dimension."),
            click.option("-j", "--jobs", type=click.IntRange(1), help="Compile this many kernels at once [default: the cores]."),
        )
    ):
        function = decorate(function)
    return function


device_option = click.option(
    "--device",
    type=click.Choice(["sim", "hip", "host"]),
    help="Where to run [default: hip where a supported card is found, else sim].",
)
no_check_option = click.option("--no-check", is_flag=True, help="Turn the simulated GPU's checks off.")
