"""Holds the benchmark models on the simulated card against ONNX Runtime or PyTorch, and generated tokens against transformers.

    python benchmarks/verify_models.py [NAME ...] [-O3] [--record]

Tolerances are those of `amdc verify`, derived from each model's own chain of kernels (amdc/compiler/tolerance.py). Exit status 1
where a model fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import description  # noqa: E402
from benchmarks.workloads import CONTEXT, WORKLOADS, Workload, gpt2  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "verify_models.json"
NEW_TOKENS = 4
PROMPT = list(range(100, 112))


def against_reference(workload: Workload, level: int) -> dict[str, Any]:
    """One run on random inputs, or on the reference's own examples."""
    import amdc
    from amdc.compiler.verify import verify
    from amdc.inputs import random_inputs

    assert workload.reference is not None
    bundle, model = workload.compile(level), workload.reference()
    examples = None
    if isinstance(model, tuple):
        model, examples = model
    with amdc.load(bundle, "sim", check=False) as session:
        inputs = {name: value.numpy() for name, value in examples.items()} if examples else random_inputs(session.inputs, 0)
        found = verify(model, bundle, session, inputs, example_inputs=examples)
    outputs = {output.name: output.describe() for output in found.outputs}
    return {"model": workload.name, "opt_level": level, "passed": found.passed, "against": found.reference, "outputs": outputs}


def generated(workload: Workload, level: int) -> dict[str, Any]:
    """Greedy tokens behind a prompt that the prefill program reads and the decoding one continues."""
    import torch

    import amdc

    assert len(PROMPT) + NEW_TOKENS <= CONTEXT
    with torch.no_grad():
        whole = gpt2().generate(
            torch.tensor([PROMPT]), max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    expected = whole[0, len(PROMPT) :].tolist()
    with amdc.load(workload.compile(level), "sim", check=False) as session:
        tokens = session.generate(PROMPT, NEW_TOKENS)
    against = "transformers, greedy"
    return {
        "model": "gpt2",
        "opt_level": level,
        "passed": tokens == expected,
        "against": against,
        "outputs": {"tokens": f"{tokens}, expected {expected}"},
    }


def record(row: dict[str, Any]) -> None:
    """Put a model's row in the place of its older one."""
    held = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    kept = {(old["model"], old["opt_level"]): old for old in held} | {(row["model"], row["opt_level"]): row}
    head = description("python benchmarks/verify_models.py")
    RESULTS.write_text(json.dumps(head | {"rows": list(kept.values())}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name for name in WORKLOADS if "prefill" not in name]
    parser.add_argument("models", nargs="*", default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("-O", type=int, default=3, dest="level")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/verify_models.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.models) - set(names):
        parser.error(f"no such model: {', '.join(sorted(unknown))}")
    failed = False
    for name in arguments.models:
        row = (against_reference if WORKLOADS[name].reference else generated)(WORKLOADS[name], arguments.level)
        print(json.dumps(row), flush=True)
        failed |= not row["passed"]
        if arguments.record:
            record(row)
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
