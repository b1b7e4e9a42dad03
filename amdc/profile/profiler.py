"""One profiled run of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amdc.bundle import Bundle
from amdc.errors import UsageError
from amdc.profile.advice import hints
from amdc.profile.collect import Progress, Sample, collect
from amdc.profile.hot_lines import hot_kernel
from amdc.profile.instructions import Cost, kernel_costs, source_texts
from amdc.profile.records import KernelTotal, Profile
from amdc.profile.summarize import kernel_totals, launch_records, layer_totals, totals
from amdc.runtime.device import Device
from amdc.runtime.session import Session, open_device
from amdc.target import Card, target

HOT_KERNELS = 5  # whose lines are looked at: the costliest
RUNS = 5  # on a card, after one to warm up


def silent(done: int, total: int, what: str) -> None:
    """The progress callback that says nothing."""


def profile(
    bundle: Bundle,
    inputs: Mapping[str, Any],
    device: str = "sim",
    card: str | None = None,
    runs: int = RUNS,
    progress: Progress = silent,
) -> Profile:
    """Run a bundle on "sim" or "hip" and say what its launches took.

    `card` names the card that is simulated (by default the architecture's first) or whose peaks a real card is held against (by
    default the one that its name contains). `runs` counts for hip alone. Raises `UsageError` for an unknown card or device, and
    what a run raises.
    """
    if device not in ("sim", "hip"):
        raise UsageError(f"launches are timed on sim or hip, not on {device}")
    hardware = target(bundle.arch)
    simulated = hardware.card(card).name if device == "sim" else None
    opened = open_device(bundle.arch, device, check=False, card=simulated)
    known = _card_of(opened, card)
    with Session(bundle, opened) as session:
        samples = collect(session, inputs, runs, progress)
        executed = tuple(session.executed)
    return describe(bundle, opened, known, samples, executed, runs if device == "hip" else 1)


def _card_of(device: Device, name: str | None) -> Card:
    """The named card, or the one that a device's name contains (the longest: "RX 580 2048SP" before "RX 580")."""
    hardware = target(device.arch)
    if name is not None:
        return hardware.card(name)
    found = [card for card in hardware.cards if card.name.lower() in device.name.lower()]
    if not found:
        known = ", ".join(card.name for card in hardware.cards)
        raise UsageError(f"'{device.name}' does not tell which card it is, for its peak rates; name it with --card: {known}")
    return max(found, key=lambda card: len(card.name))


def describe(
    bundle: Bundle, device: Device, card: Card, samples: Sequence[Sample], executed: tuple[str, ...], runs: int
) -> Profile:
    """The profile of these samples."""
    records = launch_records(samples, bundle.programs, card)
    kernels = kernel_totals(records, bundle.programs, card)
    costs = _costs(bundle, samples, kernels[:HOT_KERNELS])
    sums = totals(records)
    hot = tuple(hot_kernel(name, found, _sources(bundle, name)) for name, found in costs.items())
    return Profile(
        bundle=bundle.path.name if bundle.path else "(in memory)",
        arch=bundle.arch,
        device_kind=device.kind,
        device=device.name,
        card=card.name,
        programs=executed,
        runs=runs,
        totals=sums,
        launches=records,
        kernels=kernels,
        layers=layer_totals(records),
        hot=hot,
        hints=hints(sums, records, kernels, costs, target(bundle.arch), card),
    )


def _costs(bundle: Bundle, samples: Sequence[Sample], kernels: Sequence[KernelTotal]) -> dict[str, tuple[Cost, ...]]:
    """The instructions of the given kernels, where the timing model tells them."""
    found: dict[str, tuple[Cost, ...]] = {}
    for total in kernels:
        mine = [sample for sample in samples if sample.launch.kernel == total.kernel and sample.timing is not None]
        if mine:
            found[total.kernel] = kernel_costs(mine, bundle.programs[mine[0].program].kernels[total.kernel], bundle)
    return found


def _sources(bundle: Bundle, name: str) -> Mapping[str, str]:
    kernel = next(program.kernels[name] for program in bundle.programs.values() if name in program.kernels)
    return source_texts(bundle, kernel)
