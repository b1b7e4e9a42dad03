"""A profile as text: the run, its kernels, layers, hot lines, and what to try."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from amdc.cli.inspect_command import report_console
from amdc.profile.records import HotKernel, KernelTotal, LayerTotal, Profile

NODES = 3  # names of a layer, before the rest is counted
TEXT = 100  # letters of a source line
HOT_KERNELS, HOT_LINES = 3, 6  # of those in the JSON and on the page


def print_profile(profile: Profile, rows: int) -> None:
    """All of it on stdout, `rows` rows of each table."""
    console = report_console()
    for line in head_lines(profile):
        console.print(line, highlight=False)
    console.print(kernel_table(profile.kernels[:rows], len(profile.kernels), profile.predicted))
    layers = sorted(profile.layers, key=lambda layer: -layer.us)
    console.print(layer_table(layers[:rows], len(layers)))
    for hot in profile.hot[:HOT_KERNELS]:
        console.print(hot_table(hot))
    print_hints(profile, console)


def head_lines(profile: Profile) -> list[str]:
    """The run in a few lines, each figure with its kind."""
    sums = profile.totals
    how = "predicted by the timing model" if profile.predicted else f"measured with events, median of {profile.runs} runs"
    lines = [
        f"[bold]{escape(profile.bundle)}[/] on {escape(profile.device)}: {sums.us:.0f} us, {how}; {sums.launches} launches "
        f"of {len(profile.kernels)} kernels",
        f"roofline limit of the launches on {profile.card}: {sums.floor_us:.0f} us; {sums.floor_share:.1%} of it reached",
    ]
    if sums.kernel_us is not None and sums.launch_us is not None:
        reached = sums.floor_us / sums.kernel_us if sums.kernel_us else 0.0
        lines.append(
            f"kernels {sums.kernel_us:.0f} us ({reached:.1%} of the limit reached), launches {sums.launch_us:.0f} us "
            f"({sums.launch_us / sums.us:.0%} of the run)"
        )
    if len(profile.programs) > 1:
        lines.append(f"programs, in order: {escape(', '.join(profile.programs))}")
    return lines


def _table(title: str, first: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold", min_width=20)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _title(what: str, shown: int, total: int) -> str:
    return what if shown == total else f"{what}: the first {shown} of {total}"


def kernel_table(kernels: Sequence[KernelTotal], total: int, predicted: bool) -> Table:
    """A row a kernel; what only the model knows has columns only where it is known."""
    headings = ["runs", "us", *(["kernel us"] if predicted else []), "share", "fp32", "DRAM"]
    model = ["bound", "in flight", "of waves", "limit"] if predicted else ["waves"]
    table = _table(_title("Kernels by time", len(kernels), total), "kernel", [*headings, *model, "VGPR", "LDS"])
    for row in kernels:
        times = [f"{row.us:.1f}", *([f"{row.kernel_us:.1f}"] if predicted else [])]
        known = [str(row.waves_per_simd)]
        if row.bound is not None and row.limiter is not None and row.waves_in_flight is not None:
            known = [row.bound, f"{row.waves_in_flight:.1f}", *known, row.limiter]
        table.add_row(
            escape(row.kernel) + (" spills" if row.scratch_bytes else ""),
            str(row.launches),
            *times,
            *(f"{share:.1%}" for share in (row.share, row.peak_share, row.dram_share)),
            *known,
            str(row.vgprs),
            str(row.lds_bytes),
        )
    return table


def layer_table(layers: Sequence[LayerTotal], total: int) -> Table:
    """A row a group of the user's nodes."""
    table = _table(_title("Layers by time", len(layers), total), "nodes of the model", ("launches", "us", "share", "limit us"))
    for row in layers:
        table.add_row(
            escape(short_names(row.nodes)), str(len(row.launches)), f"{row.us:.1f}", f"{row.share:.1%}", f"{row.floor_us:.1f}"
        )
    return table


def short_names(nodes: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" + {len(nodes) - NODES} more" if len(nodes) > NODES else ""
    return ", ".join(nodes[:NODES]) + more


def hot_table(hot: HotKernel) -> Table:
    """A row a line of source, or a basic block."""
    lines = hot.lines[:HOT_LINES]
    title = f"Hot {'lines' if hot.from_source else 'blocks'} of {escape(hot.kernel)}: "
    table = _table(f"{title}{sum(line.share for line in lines):.0%} of its {hot.us:.1f} us", "line", ("us", "share", "waiting"))
    for row in lines:
        table.add_row(escape(shortened(f"{row.where}  {row.text}")), f"{row.us:.1f}", f"{row.share:.1%}", f"{row.stalled:.0%}")
    return table


def shortened(text: str) -> str:
    return text if len(text) <= TEXT else text[: TEXT - 3] + "..."


def print_hints(profile: Profile, console: Console) -> None:
    """What to try next, and from what it follows."""
    if profile.hints:
        console.print("[bold]What to try next[/]")
    for hint in profile.hints:
        where = hint.kernel + (f" at {short_names(hint.nodes)}" if hint.nodes else "")
        gain = f"(at most {hint.us:.0f} us to gain)"
        console.print(f"  {escape(where)} [dim]{gain}[/]: {escape(hint.figure)}", highlight=False)
        console.print(f"    -> {escape(hint.advice)}", highlight=False)
