"""The cost of the web page: the latency measured while it is open, and how fast it answers.

    python benchmarks/ui.py --pairs 20
    python benchmarks/ui.py --pairs 2 --tabs 20 --stretch 15 --settle 5

One cell is measured all the time, while Chromium has the Run tab open or not, stretch by stretch, in random
order within each pair. The rounds just after a switch are left out, since opening a page takes more work than
updating it. With several tabs, the response time is measured too, over HTTP and for a tick in the form.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import numpy as np
import psutil
from browser import chromium, serving
from common import print_machine
from playwright.sync_api import Browser, Page

from etbench.stats import paired_ratio
from etbench.system.event_log import EVENT_LOG, LoggedEvent, read_events

ASK_EVERY_S, ASKED = 0.5, 8
TICK = """() => new Promise(answered => {
  const begun = performance.now(), summary = document.querySelector('main [role=status]')
  new MutationObserver(() => answered(performance.now() - begun))
    .observe(summary, {childList: true, subtree: true, characterData: true})
  const boxes = [...document.querySelectorAll('[role=checkbox]')]
  boxes.find(box => box.textContent === 'int8').click()
})"""


class Costs:
    """The measurements: rounds per stretch, answers in ms, and CPU time of the processes."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.pairs: list[dict[bool, float]] = []  # p50 in ms, with the page open and without
        self.answers_ms: dict[str, list[float]] = {"GET /": [], "a tick": []}
        self.cpu_s: dict[str, float] = {"the server": 0.0, "the browser": 0.0}
        self.open_s = 0.0

    def p50_ms(self, since: float) -> float:
        """Return the median of the rounds that ended since then."""
        return median(
            event.round_ms
            for event in _rounds(self.log)
            if event.round_ms is not None and event.at.timestamp() >= since
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--tabs", type=int, default=1)
    parser.add_argument("--stretch", type=float, default=5.0, help="seconds whose rounds count")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds after a switch, not counted")
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    args = parser.parse_args()
    print_machine()
    with (
        tempfile.TemporaryDirectory(prefix="ui-") as name,
        serving(Path(name)) as (address, server),
        chromium() as browser,
    ):
        run = _start(args.cell, Path(name) / "run")
        costs = Costs(Path(name) / "run" / EVENT_LOG)
        try:
            _compare(costs, browser, address, server, args)
        finally:
            run.terminate()
            run.wait()
    _report(costs, args.tabs)


def _start(cell: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start measuring a cell for hours, and wait until its first rounds arrive."""
    hours = ["repeat.spread_s=36000", "repeat.max_seconds=36000", f"hydra.run.dir={folder}"]
    run = subprocess.Popen(
        [sys.executable, "-m", "etbench", *cell, *hours], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while len(_rounds(folder / EVENT_LOG)) < 10:
        assert run.poll() is None, "the run has ended"
        time.sleep(0.5)
    return run


def _compare(costs: Costs, browser: Browser, address: str, server: int, args: argparse.Namespace) -> None:
    """Take pairs of stretches."""
    tabs = [browser.new_page() for _ in range(args.tabs)]
    order = random.Random(0)
    for _ in range(args.pairs):
        pair: dict[bool, float] = {}
        for shown in order.sample([True, False], 2):
            for tab in tabs:
                tab.goto(address if shown else "about:blank")
                if shown:
                    tab.get_by_text("Started elsewhere").wait_for()
            time.sleep(args.settle)
            begun, cpu_s = time.time(), _cpu_s(server)
            time.sleep(args.stretch)
            pair[shown] = costs.p50_ms(begun)
            if shown:
                for name, spent in _cpu_s(server).items():
                    costs.cpu_s[name] += spent - cpu_s[name]
                costs.open_s += time.time() - begun
                _ask(costs, tabs, address)
        costs.pairs.append(pair)


def _ask(costs: Costs, tabs: list[Page], address: str) -> None:
    """Time the answers of the page with many tabs; after the stretch, since answers cost time too."""
    for _ in range(ASKED if len(tabs) > 1 else 0):
        begun = time.perf_counter()
        with urlopen(address) as answer:
            answer.read()
        costs.answers_ms["GET /"].append((time.perf_counter() - begun) * 1e3)
        costs.answers_ms["a tick"].append(tabs[0].evaluate(TICK))
        time.sleep(ASK_EVERY_S)


def _rounds(log: Path) -> list[LoggedEvent]:
    return [event for event in read_events(log)[0] if event.kind == "round"]


def _cpu_s(server: int) -> dict[str, float]:
    """Return the CPU time that the server and all processes of the browser have taken, in seconds."""
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return {
        "the server": _spent_s(psutil.Process(server)),
        "the browser": sum(_spent_s(child, named="chrom") for child in mine),
    }


def _spent_s(process: psutil.Process, named: str = "") -> float:
    """Return the CPU time of a process if its name contains `named`; 0 if it has just ended."""
    try:
        times = process.cpu_times()
        return times.user + times.system if named in process.name() else 0.0
    except psutil.NoSuchProcess:
        return 0.0


def _report(costs: Costs, tabs: int) -> None:
    ratio = paired_ratio([pair[False] for pair in costs.pairs], [pair[True] for pair in costs.pairs])
    interval = f", 95 % interval {ratio.low:.3f} to {ratio.high:.3f}" if ratio.low > 0 else ""
    without, with_page = (median(pair[shown] for pair in costs.pairs) for shown in (False, True))
    opened = "the page open" if tabs == 1 else f"{tabs} pages open"
    print(
        f"p50 {without:.3f} ms without, {with_page:.3f} ms with {opened}: ratio {ratio.ratio:.3f}"
        f"{interval}, {ratio.blocks} interleaved pairs"
    )
    for name, spent in costs.cpu_s.items():
        print(f"  {name:<12} takes {spent / costs.open_s:.1%} of a core")
    for name, taken in costs.answers_ms.items():
        if taken:
            fast, slow = np.percentile(taken, [50, 95])
            print(
                f"  {name:<12} is answered in {fast:.0f} ms, 95th percentile {slow:.0f} ms, of {len(taken)}"
            )


if __name__ == "__main__":
    main()
