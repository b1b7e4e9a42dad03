"""amdc against TVM and tinygrad on one simulated card: the same ONNX file, predicted milliseconds side by side.

    python benchmarks/peers/run.py [NAME ...] [--tvm PYTHON] [--tinygrad PYTHON] [--peers-on-file] [--card "RX 580"] [--no-check]
                                   [--record]

Every figure is a prediction of the simulator's timing layer, amdc's as well as the peers'; none was measured on a card. All
kernels are timed by the same code, and every launch costs the same besides. Outputs are held against ONNX Runtime's: where a
compiler's own are wrong, its row says so and counts in no mean. README.md says how to install the peers. `--peers-on-file` runs
amdc alone, and sets it beside what the results hold of the peers: that changes with the timing model, and not with amdc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import onnx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402
from benchmarks.peers.compare import Refused, Side, amdc_side, described, peer_side, reference, restored  # noqa: E402
from benchmarks.peers.networks import LAYERS, MODELS, NETWORKS, random_feed  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
WORK = ROOT / "out" / "peers"
PEERS = {"tvm": ("tvm", "apache-tvm==0.27.* onnx"), "tinygrad": ("tinygrad", "tinygrad==0.14.* onnx numpy")}
FAILED, MISSING = 1, 3  # exit status: amdc gave no code or wrong outputs; something is to be installed
TARGET, AIM = 3.0, 5.0  # times TVM's speed, geometric mean over the models
Sides = dict[str, Side | Refused]


def interpreters(wanted: Mapping[str, Path]) -> dict[str, Path]:
    """The peers' interpreters that can import their peer; the others are named with what to install."""
    found = {}
    for peer, python in wanted.items():
        module, packages = PEERS[peer]
        if python.exists() and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode:
            found[peer] = python
        else:
            place = python.parent.parent
            print(
                f"{peer} is not installed for {python}: python3 -m venv {place} && {place}/bin/pip install {packages}"
                f" (benchmarks/peers/README.md), or name another interpreter with --{peer}",
                file=sys.stderr,
            )
    return found


def model_file(name: str) -> Path:
    """The network's ONNX file, written once."""
    path = WORK / name / "model.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(NETWORKS[name](), path)
    return path


def compare(name: str, pythons: Mapping[str, Path], card: str, check: bool, on_file: Sides) -> Sides:
    """One network by every compiler; by peers without an interpreter, what is on file."""
    path = model_file(name)
    expected = reference(path, random_feed(onnx.load(path))) if check else None
    sides: Sides = on_file | {"amdc": amdc_side(path, card, expected)}
    for peer, python in pythons.items():
        sides[peer] = peer_side(peer, python, path, WORK / name / peer, card, expected)
    return sides


def ratio(sides: Sides, peer: str, launches: bool = True) -> float | None:
    """How many times as long the peer takes, with or without launches; None where it gave no code or wrong outputs."""
    ours, theirs = sides["amdc"], sides.get(peer)
    if isinstance(ours, Side) and isinstance(theirs, Side) and ours.right and theirs.right:
        return theirs.total_us / ours.total_us if launches else theirs.kernels_us / ours.kernels_us
    return None


def means(table: Mapping[str, Sides], names: Iterable[str], peer: str) -> dict[str, float] | None:
    """The geometric means of the ratios and how many there are."""
    chosen = [table[name] for name in names if name in table and ratio(table[name], peer) is not None]
    if not chosen:
        return None
    whole, kernels = ([ratio(sides, peer, launches) or 0.0 for sides in chosen] for launches in (True, False))
    return {
        "geometric_mean": round(geometric_mean(whole), 3),
        "of_kernels_alone": round(geometric_mean(kernels), 3),
        "networks": len(chosen),
    }


def print_network(name: str, sides: Sides) -> None:
    print(name)
    for compiler, side in sides.items():
        if isinstance(side, Refused):
            print(f"  {compiler:22} no code: {side.reason}", flush=True)
            continue
        times = ratio(sides, compiler) if compiler != "amdc" else None
        outputs = "outputs not checked" if side.error is None else f"error {side.error:.1e}" + ("" if side.right else " WRONG")
        print(
            f"  {side.compiler:22} predicted {side.total_us / 1e3:9.3f} ms: kernels {side.kernels_us / 1e3:9.3f} ms, "
            f"{side.launches:3} launches; {outputs}{f'; amdc is {times:.2f} times as fast' if times else ''}",
            flush=True,
        )


def summary(table: Mapping[str, Sides]) -> dict[str, dict[str, float]]:
    """Geometric means by peer, over models and over layers."""
    found = {}
    for peer in PEERS:
        for group, names in (("models", MODELS), ("layers", LAYERS)):
            if mean := means(table, names, peer):
                found[f"{peer}, {group}"] = mean
    return found


def print_summary(table: Mapping[str, Sides]) -> None:
    for key, mean in summary(table).items():
        aimed = f" (target {TARGET}, aim {AIM})" if key == "tvm, models" else ""
        print(
            f"amdc against {key}: predicted {mean['geometric_mean']:.2f} times as fast{aimed}, "
            f"{mean['of_kernels_alone']:.2f} times without launches; geometric means of {mean['networks']}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS))
    for peer in PEERS:
        default = WORK / f"venv-{peer}" / "bin" / "python"
        parser.add_argument(f"--{peer}", type=Path, default=default, metavar="PYTHON", help=f"an interpreter that has {peer}")
    parser.add_argument("--card", default="RX 580")
    parser.add_argument("--peers-on-file", action="store_true", help="do not run the peers: take their sides from the results")
    parser.add_argument("--no-check", action="store_true", help="do not compare outputs with ONNX Runtime's")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/peers.json, keeping its other networks")
    arguments = parser.parse_args()
    if unknown := set(arguments.networks) - set(NETWORKS):
        parser.error(f"no such network: {', '.join(sorted(unknown))}")
    keep = arguments.peers_on_file
    pythons = {} if keep else interpreters({peer: getattr(arguments, peer) for peer in PEERS})
    if not pythons and not keep:
        return MISSING
    on_file = rows_on_file(arguments.card) if keep else {}
    print(f"Simulated {arguments.card}. Every time is predicted, amdc's and the peers'; none was measured on a card.")
    table: dict[str, Sides] = {}
    for name in arguments.networks:
        before = {key: restored(entry) for key, entry in on_file.get(name, {"sides": {}})["sides"].items()}
        table[name] = compare(name, pythons, arguments.card, not arguments.no_check, before)
        print_network(name, table[name])
        if arguments.record:
            record(name, table[name], arguments.card)
    print_summary(table)
    if any(not isinstance(sides["amdc"], Side) or not sides["amdc"].right for sides in table.values()):
        return FAILED
    return 0 if keep or len(pythons) == len(PEERS) else MISSING


def rows_on_file(card: str) -> dict[str, Any]:
    """The recorded rows by network, of this card."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return dict(before.get("rows", {})) if before.get("card") == card else {}


def record(name: str, sides: Sides, card: str) -> None:
    """Write a network's row at once, keeping those of other networks that are on file for the card; each says its date."""
    head = description("python benchmarks/peers/run.py")
    rows = rows_on_file(card)
    rows[name] = {"date": head["date"], "sides": {compiler: described(side) for compiler, side in sides.items()}}
    table = {key: {peer: restored(entry) for peer, entry in row["sides"].items()} for key, row in rows.items()}
    note = "every time is predicted by the simulator's timing layer; none was measured on a card"
    ordered = {key: rows[key] for key in NETWORKS if key in rows}
    RESULTS.write_text(json.dumps(head | {"card": card, "note": note, "means": summary(table), "rows": ordered}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
