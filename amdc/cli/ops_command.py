"""`amdc ops`: the operators that compile for an architecture."""

from __future__ import annotations

import json

import click

from amdc.target import target


@click.command("ops")
@click.option("--arch", default="gfx803", show_default=True, help="Architecture (amdc targets).")
@click.option("--frontend", type=click.Choice(["onnx", "torch"]), default="onnx", show_default=True, help="Whose operators.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(arch: str, frontend: str, as_json: bool) -> None:
    """The ONNX operators that compile, with the opset versions that changed them; or PyTorch's core operators."""
    target(arch)
    (print_onnx if frontend == "onnx" else print_torch)(as_json)


def print_torch(as_json: bool) -> None:
    """A line for each operator that PyTorch tags as core ATen: compiles, decomposed or refused, and why."""
    from amdc.compiler.torch_operators import rows

    table = rows()
    if as_json:
        print(json.dumps([{"op": f"aten.{row.name}", "status": row.status, "note": row.note} for row in table], indent=2))
        return
    for row in table:
        print(f"{f'aten.{row.name}':52} {row.status:11} {row.note}".rstrip())


def print_onnx(as_json: bool) -> None:
    """A line for each ONNX operator."""
    from amdc.compiler.operators import PARTLY, compiled_operators, operator_title

    rows = compiled_operators()
    if as_json:
        print(
            json.dumps(
                [
                    {"domain": d, "op": op, "since": list(since), "limit": PARTLY.get(operator_title(d, op))}
                    for d, op, since in rows
                ],
                indent=2,
            )
        )
        return
    for domain, name, since in rows:
        title = operator_title(domain, name)
        limit = f"  ({PARTLY[title]})" if title in PARTLY else ""
        print(f"{title:28} opset {', '.join(map(str, since))}{limit}")
