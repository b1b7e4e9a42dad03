"""`amdc`: the group of verbs, error reporting and exit statuses.

0 done · 1 the model cannot be compiled, or outputs differ · 2 usage · 3 toolchain or device missing · 70 a bug of amdc.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click

import amdc
from amdc.environment import unknown_variables
from amdc.errors import AmdcError, InternalError

VERBS = {
    "compile": "Compile an ONNX model into a bundle.",
    "run": "Run a bundle on the simulated GPU, a card, or the host.",
    "verify": "Compile, run, and compare every output with ONNX Runtime.",
    "tune": "Search the fastest kernels for a model's operators.",
    "profile": "Show where a run's time goes: kernels, layers, hot lines, roofline.",
    "inspect": "Show a bundle's kernels, registers, occupancy and memory.",
    "opt": "Run passes over a dumped graph, or replay a reproducer.",
    "targets": "The architectures and cards that amdc knows.",
    "ops": "The ONNX operators that compile.",
    "demo": "Classify a photograph with a pretrained network on the simulated GPU.",
}


class Verbs(click.Group):
    """Loads a verb's file only when it is called, so that `amdc --help` needs neither torch nor numpy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"amdc.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            import difflib

            close = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"verbs: {', '.join(VERBS)}"
            raise click.UsageError(f"no such verb '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(amdc.__version__, prog_name="amdc")
def group(debug: bool) -> None:
    """Compile neural networks for AMD gfx803 cards (RX 470-590, Fiji), and run the kernels on a simulated one."""


def report_bug(error: BaseException, arguments: Sequence[str]) -> str:
    """Write what a bug report needs to a file; returns its path."""
    with tempfile.NamedTemporaryFile("w", prefix="amdc-bug-", suffix=".txt", delete=False) as file:
        file.write(f"amdc {amdc.__version__}, Python {sys.version}\ncommand: amdc {' '.join(arguments)}\n\n")
        file.write("".join(traceback.format_exception(error)))
    return file.name


def _run(arguments: list[str], debug: bool) -> int:
    for line in unknown_variables():
        print(f"warning: {line}", file=sys.stderr)
    try:
        status = group.main(arguments, prog_name="amdc", standalone_mode=False)
        return status if isinstance(status, int) else 0  # click returns the status of ctx.exit() and of click.exceptions.Exit
    except click.Abort:
        print("interrupted", file=sys.stderr)
        return 130
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except AmdcError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        if isinstance(error, InternalError):
            print(f"This is a bug in amdc; what a report needs is in {report_bug(error, arguments)}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"This is a bug in amdc; what a report needs is in {report_bug(error, arguments)}", file=sys.stderr)
        return InternalError.exit_status


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exits with the status described at the head of this file."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given, "--debug" in given))


if __name__ == "__main__":
    main()
