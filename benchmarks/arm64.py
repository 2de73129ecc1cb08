"""The models on the kernels of arm64, without a board: their outputs, and those of this host.

    python benchmarks/arm64.py outputs/arm64
    python benchmarks/arm64.py outputs/arm64 --models mobilenet_v2 --precisions int8

Each cell is measured as on a board: over a real ssh, by the native runner for arm64, which qemu runs. The
libraries are those that `etbench env create --board aarch64` has fetched. One cell runs after the other; one
that has a result is not run again. The times are those of an emulator. Each program also runs on this host.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "tests" / part) for part in ("", "devices")]

from arm_board import arm_shell
from sshd import serving

from etbench.results.files.store import read_results
from etbench.results.schema import Result

SIZES = {"segformer_b0": ["model.image_size=128"]}  # at 512, one inference in fp32 takes minutes under qemu
MODELS = ("mobilenet_v2", "resnet18", "distilbert", "clip_text", "efficientnet_b0", "segformer_b0", "gpt2")
ONE_OF_EACH = [
    *("repeat=quick", "repeat.runs=1", "repeat.warmup=0", "repeat.max_seconds=1"),
    *("passes.load=1", "passes.load_s=1", "calibration.references=1"),
    *("measure.timeout_s=3600", "report.enabled=false", "privacy=strict"),
]
HEADER = (
    *("model", "precision", "status", "SQNR arm64, dB", "SQNR x86, dB", "same program", "`.pte` MB"),
    *("delegated", "s under qemu"),
)
HOST = "x86"  # the folder of the results of this host


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the results; README.md is written into it")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--precisions", nargs="+", default=["int8", "fp32"])
    parser.add_argument("--libraries", help="device.libraries; those that were fetched by default")
    args = parser.parse_args()
    folder = args.folder.resolve()
    given = [f"device.libraries={args.libraries}"] if args.libraries else []
    cells = [(model, precision) for precision in args.precisions for model in args.models]
    with tempfile.TemporaryDirectory(prefix="etbench-arm64-") as name:
        home = Path(name)
        with serving(home, shell=arm_shell(home)) as server:
            board = [word for word in server.overrides if not word.startswith("device.python")]
            for model, precision in cells:
                cell = [f"model={model}", f"precision={precision}", *SIZES.get(model, []), *ONE_OF_EACH]
                measure(folder, [*cell, "runner=native", *board, *given])
                measure(folder / HOST, [*cell, "runner=native"])
    (folder / "README.md").write_text("\n".join(page(folder)) + "\n", encoding="utf-8")
    print(folder / "README.md")


def measure(folder: Path, overrides: list[str]) -> None:
    model, precision = (word.partition("=")[2] for word in overrides[:2])
    if (folder / f"{model}_{precision}_xnnpack.json").exists():
        return
    command = [sys.executable, "-m", "etbench", *overrides, f"hydra.run.dir={folder}"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    print(f"{model} {precision} in {folder.name}: exit status {done.returncode}", flush=True)


def page(folder: Path) -> Iterator[str]:
    arm, host = ({_name(one): one for one in _results(where)} for where in (folder, folder / HOST))
    facts = next(iter(arm.values())).environment
    yield "# The models on the kernels of arm64"
    yield ""
    yield (
        "Written by `python benchmarks/arm64.py` from the results here: the native runner for arm64 with "
        f"ExecuTorch {facts.libraries.get('executorch')}, over ssh, under {facts.emulator}, on XNNPACK, "
        "with random weights and one reference batch. SQNR is against eager fp32 on the host that builds; "
        "`x86` is the same program there."
    )
    yield ""
    yield (
        "**Times and memory are those of an emulator** (finding `device.emulated`): the last column shows "
        "how long one inference took there. They do not describe any board."
    )
    yield ""
    yield f"| {' | '.join(HEADER)} |"
    yield "|---|---|---|--:|--:|---|--:|--:|--:|"
    for name, one in sorted(arm.items()):
        yield _row(one, host.get(name))


def _row(one: Result, host: Result | None) -> str:
    artifact = one.artifact
    took = one.latency_ms.avg / 1e3 if one.latency_ms else None
    same = artifact and host and host.artifact and artifact.sha256 == host.artifact.sha256
    graph = artifact.delegation if artifact else None
    delegated = f"{graph.delegated_nodes} of {graph.total_nodes}" if graph else ""
    cells = [
        *(one.model_name, one.precision_short, one.status),
        _db(one),
        _db(host) if host else "",
        "yes" if same else "no",
        f"{artifact.pte_bytes / 1e6:.1f}" if artifact else "",
        delegated,
        f"{took:.2g}" if took is not None else "",
    ]
    return f"| {' | '.join(cells)} |"


def _db(one: Result) -> str:
    return f"{one.parity.sqnr_db:.2f}" if one.parity and one.parity.sqnr_db is not None else ""


def _name(one: Result) -> tuple[str, str]:
    return one.model_name, one.precision_short


def _results(folder: Path) -> list[Result]:
    return [result for path, result in read_results([folder])[0] if path.parent == folder]


if __name__ == "__main__":
    main()
