"""`amdc demo`: the whole way on a real network and a real photograph."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path

import click
import numpy as np

from amdc.cli.progress import progress

KERNELS = 12  # rows of the printed table


@click.command("demo")
@click.option("--photograph", default="flower.jpg", show_default=True, help="flower.jpg, china.jpg, or an image file.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("out"), show_default=True, help="Where to write."
)
@click.option("-O", "level", type=click.IntRange(0, 3), default=3, show_default=True, help="Optimisation level.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Compile this many kernels at once [default: the cores].")
def command(photograph: str, output: Path, level: int, jobs: int | None) -> None:
    """Compile a pretrained EfficientNet-Lite0, run it on the simulated GPU on a photograph, compare with ONNX Runtime,
    and show where the predicted time goes."""
    from amdc.bundle import Bundle
    from amdc.cli.inspect_command import report_console
    from amdc.cli.photograph import as_data_uri, as_input, class_name, export_network, load_photograph
    from amdc.cli.profile_page import write_profile
    from amdc.cli.profile_tables import head_lines, kernel_table
    from amdc.cli.report import write_report
    from amdc.compiler import CompileOptions, compile_model
    from amdc.compiler.verify import verify
    from amdc.profile.collect import predicted_samples
    from amdc.profile.profiler import describe
    from amdc.runtime.session import Session
    from amdc.runtime.sim_device import SimDevice
    from amdc.target import target

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    console = report_console()
    image = load_photograph(photograph)
    output.mkdir(parents=True, exist_ok=True)
    model, packed = output / "efficientnet-lite0.onnx", output / "efficientnet-lite0.amdc"
    if not model.exists():
        click.echo("exporting the pretrained EfficientNet-Lite0 to ONNX", err=True)
        export_network(model)
    with progress() as report:
        compiled = compile_model(model, CompileOptions(opt_level=level, jobs=jobs, progress=report))
        compiled.save(packed)
        bundle, card = Bundle.open(packed), target(compiled.arch).card()
        report("simulate", 0, 1, f"{len(bundle.program.launches)} launches on the simulated {card.name}")
        device = SimDevice(bundle.arch, jobs=jobs, card=card.name)
        with Session(bundle, device) as session:
            started = time.perf_counter()
            checked = verify(model, bundle, session, {"image": as_input(image)})
            seconds = time.perf_counter() - started
            samples = predicted_samples(session, device.gpu.timings[: len(bundle.program.launches)])
            profile = describe(bundle, device, card, samples, tuple(session.executed), runs=1)
    scores, reference = checked.actual["scores"][0], checked.expected["scores"][0]
    agreement = checked.outputs[0]
    best = np.argsort(-scores)[:5]
    for line in head_lines(profile):
        console.print(line, highlight=False)
    console.print(kernel_table(profile.kernels[:KERNELS], len(profile.kernels), profile.predicted))
    console.print(f"\n[bold]{photograph}[/]: the five best of 1000 classes (raw scores)", highlight=False)
    for index in best:
        console.print(f"  {scores[index]:8.4f}  ONNX Runtime {reference[index]:8.4f}  {class_name(int(index))}", highlight=False)
    same = list(best) == list(np.argsort(-reference)[:5])
    text = f"largest difference {agreement.max_error:.2e} (allowed {agreement.bound:.2e})"
    how = (
        f"compiled at -O{level} in {compiled.compile_seconds:.1f} s; simulated with checks on and compared "
        f"in {seconds:.1f} s of this machine"
    )
    console.print(f"agreement with ONNX Runtime: {'same' if same else 'DIFFERENT'} five classes, {text}\n{how}", highlight=False)
    rows = [{"name": class_name(int(i)), "score": float(scores[i]), "reference": float(reference[i])} for i in best]
    result = {"photograph": as_data_uri(image), "classes": rows, "agreement": text, "how": how}
    write_report(output / "report.html", "EfficientNet-Lite0", bundle.programs, None, result)
    write_profile(output / "profile.html", profile)
    console.print(
        f"what was compiled: {output / 'report.html'}   where its time goes: {output / 'profile.html'}", highlight=False
    )
    if not checked.passed:
        raise click.exceptions.Exit(1)
