"""`amdc demo`: the whole way on a real network and a real photograph."""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path

import click
import numpy as np

from amdc.cli.progress import progress


@click.command("demo")
@click.option("--photograph", default="flower.jpg", show_default=True, help="flower.jpg, china.jpg, or an image file.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("out"), show_default=True, help="Where to write."
)
@click.option("-O", "level", type=click.IntRange(0, 3), default=3, show_default=True, help="Optimisation level.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Compile this many kernels at once [default: the cores].")
def command(photograph: str, output: Path, level: int, jobs: int | None) -> None:
    """Compile a pretrained EfficientNet-Lite0, run it on the simulated GPU on a photograph, compare with ONNX Runtime."""
    import amdc
    from amdc.cli import inspection
    from amdc.cli.inspect_command import print_tables, report_console
    from amdc.cli.photograph import as_data_uri, as_input, class_name, export_network, load_photograph
    from amdc.cli.report import write_report
    from amdc.compiler import CompileOptions, compile_model
    from amdc.compiler.verify import verify

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
        bundle = compile_model(model, CompileOptions(opt_level=level, jobs=jobs, progress=report))
        bundle.save(packed)
        report("simulate", 0, 1, f"{len(bundle.program.launches)} launches on the simulated {bundle.program.arch}")
        with amdc.load(packed, "sim") as session:
            inputs = {"image": as_input(image)}
            started = time.perf_counter()
            scores = session.run(inputs)["scores"][0]
            seconds = time.perf_counter() - started
            checked = verify(model, bundle, session, inputs)
    reference = checked.expected["scores"][0]
    agreement = checked.outputs[0]
    best = np.argsort(-scores)[:5]
    print_tables(inspection.as_json(bundle.program), console)
    console.print(f"\n[bold]{photograph}[/]: the five best of 1000 classes (raw scores)", highlight=False)
    for index in best:
        console.print(f"  {scores[index]:8.4f}  ONNX Runtime {reference[index]:8.4f}  {class_name(int(index))}", highlight=False)
    same = list(best) == list(np.argsort(-reference)[:5])
    text = f"largest difference {agreement.max_error:.2e} (allowed {agreement.bound:.2e})"
    how = f"compiled at -O{level} in {bundle.compile_seconds:.1f} s; simulated with checks on in {seconds:.1f} s of this machine"
    console.print(f"agreement with ONNX Runtime: {'same' if same else 'DIFFERENT'} five classes, {text}\n{how}", highlight=False)
    page = output / "report.html"
    rows = [{"name": class_name(int(i)), "score": float(scores[i]), "reference": float(reference[i])} for i in best]
    result = {"photograph": as_data_uri(image), "classes": rows, "agreement": text, "how": how}
    write_report(page, "EfficientNet-Lite0", bundle.programs, None, result)
    console.print(f"report: {page}", highlight=False)
    if not checked.passed:
        raise click.exceptions.Exit(1)
