"""Options that several verbs share, and the parsing of their values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class ShapeType(click.ParamType):
    """`x=Nx3x224x224` -> ("x", ("N", 3, 224, 224)). The name may itself contain `=`; the last one counts. A symbol is written
    without the letter x, which separates extents."""

    name = "NAME=AxBxC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, tuple[int | str, ...]]:
        name, separator, extents = value.rpartition("=")
        shape = tuple(int(extent) if extent.isdigit() else extent for extent in extents.split("x"))
        if not separator or not name or not all(extent if isinstance(extent, int) else extent.isidentifier() for extent in shape):
            self.fail(
                f"'{value}' is not a shape; write the input's name and its extents, such as x=1x3x224x224, or x=Nx3x224x224 with "
                "--bind N=1,8 (a symbol of yours must not contain the letter x)",
                param,
                ctx,
            )
        return name, shape


class BindingType(click.ParamType):
    """`N=1,8` -> ("N", (1, 8))."""

    name = "NAME=INT[,INT...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, tuple[int, ...]]:
        name, separator, extents = value.rpartition("=")
        given = extents.split(",")
        if not separator or not name or not all(extent.isdigit() for extent in given):
            self.fail(
                f"'{value}' is no binding; write a dimension's symbol (or an input's name) and a number: N=1, or several: N=1,8",
                param,
                ctx,
            )
        return name, tuple(map(int, given))


class FileOf(click.ParamType):
    """`x=image.npy` -> ("x", Path("image.npy")), `inputs.npz` -> ("", Path("inputs.npz")); the file must exist."""

    name = "NAME=FILE.npy|FILE.npz"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        name, _, file = value.rpartition("=") if not value.endswith(".npz") else ("", "", value)
        if not file or (not name and not value.endswith(".npz")):
            self.fail(
                f"'{value}' names no file; write the input's name and a file, such as x=image.npy, or a .npz file with all",
                param,
                ctx,
            )
        if not Path(file).is_file():
            self.fail(f"no such file: {file}", param, ctx)
        return name, Path(file)


def compile_options(function: F) -> F:
    """The options of everything that compiles."""
    for decorate in reversed(
        (
            click.option("--arch", default="gfx803", show_default=True, help="Architecture to compile for (amdc targets)."),
            click.option("-O", "level", type=click.IntRange(0, 3), default=2, show_default=True, help="Optimisation level."),
            click.option(
                "--shape", "shapes", type=ShapeType(), multiple=True, help="Bind an input's shape; an extent may be a symbol."
            ),
            click.option(
                "--bind",
                "bindings",
                type=BindingType(),
                multiple=True,
                help="Bind a dimension's symbol, or an integer input of one element; several values make a program each.",
            ),
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
