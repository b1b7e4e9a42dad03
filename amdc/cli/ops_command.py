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
    from amdc.frontends.onnx import supported_operators

    target(arch)
    rows = supported_operators()
    if as_json:
        print(json.dumps([{"domain": domain, "op": name, "since": list(since)} for domain, name, since in rows], indent=2))
        return
    for domain, name, since in rows:
        print(f"{domain + ':' if domain else ''}{name:32} since opset {', '.join(map(str, since))}")
