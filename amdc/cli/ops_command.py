"""`amdc ops`: the ONNX operators that compile for an architecture."""

from __future__ import annotations

import json

import click

from amdc.target import target


@click.command("ops")
@click.option("--arch", default="gfx803", show_default=True, help="Architecture (amdc targets).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(arch: str, as_json: bool) -> None:
    """The ONNX operators that compile, with the opset versions that changed them."""
    from amdc.compiler.operators import PARTLY, compiled_operators, operator_title

    target(arch)
    rows = compiled_operators()
    if as_json:
        print(
            json.dumps(
                [{"domain": d, "op": op, "since": list(since), "limit": PARTLY.get(operator_title(d, op))} for d, op, since in rows], indent=2
            )
        )
        return
    for domain, name, since in rows:
        title = operator_title(domain, name)
        limit = f"  ({PARTLY[title]})" if title in PARTLY else ""
        print(f"{title:28} opset {', '.join(map(str, since))}{limit}")
