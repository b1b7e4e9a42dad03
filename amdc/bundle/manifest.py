"""The manifest of a bundle: what is written into it, and what must hold before anything else of a bundle is looked at."""

from __future__ import annotations

import json
from typing import Any

from amdc import __version__
from amdc.bundle.archive import Archive
from amdc.errors import BundleError

SCHEMA = 2  # 1: one program a bundle
FORMAT = "amdc bundle"
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"


def code_name(arch: str, key: str) -> str:
    return f"code/{arch}/{key}.hsaco"


def source_name(key: str) -> str:
    return f"sources/{key}.hip"


def graph_name(index: int) -> str:
    """The member with the Graph of the program at this place."""
    return f"graphs/{index}.txt"


def read_manifest(archive: Archive) -> dict[str, Any]:
    """The manifest of a bundle that this version can read."""
    if MANIFEST not in archive:
        raise BundleError(
            f"{archive.path} is a zip file but not an amdc bundle (it has no {MANIFEST}); make one with `amdc compile`"
        )
    try:
        manifest = json.loads(archive.read(MANIFEST))
        schema, writer, kind = manifest["schema"], manifest["amdc"], manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise archive.error(f"its {MANIFEST} is malformed ({error!r})") from None
    if kind != FORMAT or not isinstance(schema, int):
        raise archive.error(f"its {MANIFEST} is of the format {kind!r}, schema {schema!r}; expected {FORMAT!r}")
    if schema != SCHEMA:
        advice = f"install amdc {writer} or newer, or compile" if schema > SCHEMA else "compile"
        raise BundleError(
            f"bundle {archive.path}: it has schema {schema}, written by amdc {writer}, but this amdc {__version__} reads schema "
            f"{SCHEMA}; {advice} the model again with this one"
        )
    return dict(manifest)
