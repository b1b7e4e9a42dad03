"""A profile as an HTML page: timeline, roofline plot, tables that sort, hot lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from amdc.cli.page import PALETTE, write_page
from amdc.cli.profile_plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, roofline, timeline
from amdc.profile.records import LaunchRecord, Profile
from amdc.target import target

BLUE, CYAN, GREEN, YELLOW, RED, PURPLE = PALETTE
ORANGE, GREY = "#ee8866", "#9aa5b1"
COLOURS: Mapping[str, str] = {
    "VALU": BLUE,
    "SALU": ORANGE,
    "LDS": GREEN,
    "VMEM": CYAN,
    "L2": PURPLE,
    "DRAM": YELLOW,
    "latency": RED,
}


def write_profile(path: Path, profile: Profile) -> None:
    """Write the page; the file is whole or absent. Raises `UsageError` where it cannot be written."""
    hardware = target(profile.arch)
    card = hardware.card(profile.card)
    bars, ticks = timeline(profile)
    bounds = {record.prediction.kernel_bound for record in profile.launches if record.prediction}
    write_page(
        path,
        "profile.html",
        title=profile.bundle,
        profile=profile,
        card=card,
        bars=bars,
        ticks=ticks,
        roofline=roofline(profile, card, hardware),
        frame={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM},
        legend=[(bound, colour) for bound, colour in COLOURS.items() if bound in bounds],
        colour=colour,
        grey=GREY,
        longest_layer=max((layer.us for layer in profile.layers), default=1.0),
        sustained=hardware.dram_efficiency,
    )


def colour(record: LaunchRecord) -> str:
    """By what bounds the kernel; one colour for all where that is not known."""
    return COLOURS[record.prediction.kernel_bound] if record.prediction else BLUE
