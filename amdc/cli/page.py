"""HTML pages: one self-contained file each, nothing loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from amdc.errors import UsageError

PALETTE = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377")  # Paul Tol's "bright", safe for colour-blind readers


def write_page(path: Path, template: str, **values: Any) -> None:
    """Render a template into a file, which is whole or absent. Raises `UsageError` where it cannot be written."""
    environment = Environment(
        loader=PackageLoader("amdc.cli"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template(template).render(**values)
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
