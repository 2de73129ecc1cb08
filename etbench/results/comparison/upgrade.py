"""What an upgrade of ExecuTorch changes: two versions that build, two that run, all interleaved.

The program of the old version on the old runtime is compared with that of the new version on the new runtime.
The two cross pairings show which of them an effect is from: on the new runtime only the programs differ (the
compiler), with the new program only the runtimes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from etbench.config.env import CURRENT, Env, env_section
from etbench.errors import EtbenchError
from etbench.escaping import markdown_row, markdown_text
from etbench.measure.pass_results import Profile
from etbench.results.comparison.compare import Comparison, Explain, compare_results
from etbench.results.comparison.formats import markdown
from etbench.results.comparison.outcome import Outcome
from etbench.results.comparison.pairing import cell_name, pair_results
from etbench.results.schema import Result
from etbench.text import and_more

__all__ = ["Upgrade", "upgrade_of"]

MB = 1e6
VERSIONS = ("versions",)  # which differ by intention, also for cells that were not interleaved
OPERATORS = 5  # whose times changed most
FIGURES: tuple[tuple[str, Callable[[Result], float | None]], ...] = (
    ("load ms", lambda result: result.load_ms),
    (
        "peak memory MB",
        lambda result: result.memory.peak_over_baseline_bytes / MB if result.memory else None,
    ),
    ("size MB", lambda result: result.artifact.pte_bytes / MB if result.artifact else None),
    ("parity dB", lambda result: result.parity.fidelity_db if result.parity else None),
    ("delegated", lambda result: result.delegation.delegated_nodes if result.delegation else None),
    ("subgraphs", lambda result: result.delegation.subgraphs if result.delegation else None),
)


class Upgrade(Struct, frozen=True, kw_only=True):
    """The comparison of two versions, and whether an effect is of the compiler or of the runtime.

    `old` and `new` name the interpreters. `whole` compares the old version with the new one and decides;
    `compiler` and `runtime` compare what only one of them changes, each as a family of its own. `not_run` are
    programs of one version that the runtime of the other one did not run, `changes` what else differs.
    """

    old: str
    new: str
    pairs: list[tuple[Result, Result]]
    whole: Comparison
    compiler: Comparison
    runtime: Comparison
    not_run: list[str]
    changes: list[str]

    def text(self, allow: Collection[str] = ()) -> tuple[str, Outcome]:
        """Return a summary in Markdown, and the outcome; `allow` is as for `Comparison.outcome`."""
        outcome = self.whole.outcome(allow)
        lines = [f"## Upgrade from {markdown_text(self.old)} to {markdown_text(self.new)}", ""]
        lines += [markdown(self.whole, outcome), "", "### Figures", "", *self._figures()]
        lines += ["", "### What changed", "", *(f"- {markdown_text(line)}" for line in self.changes)]
        lines += [self._bytes(), ""]
        lines += ["### Compiler or runtime", "", *self._attribution()]
        lines += [f"- {markdown_text(line)}" for line in self.not_run]
        return "\n".join(lines) + "\n", outcome

    def _bytes(self) -> str:
        """Return whether the programs have the same bytes, if that is known and true."""
        if not self.pairs:
            return "No cell was measured with both versions."
        programs = [[side.artifact and side.artifact.sha256 for side in pair] for pair in self.pairs]
        same = all(old is not None and old == new for old, new in programs)
        return "The programs have the same bytes." if same else ""

    def _figures(self) -> Iterator[str]:
        yield markdown_row(("cell", *(name for name, _ in FIGURES)))
        yield "|---|" + "--:|" * len(FIGURES)
        for old, new in self.pairs:
            values = [_change(read(old), read(new)) for _, read in FIGURES]
            yield markdown_row((cell_name(new), *values))

    def _attribution(self) -> Iterator[str]:
        yield markdown_row(("cell", "what differs", "new / old", "95 %", "verdict"))
        yield "|---|---|--:|--:|---|"
        for what, comparison in (("only the program", self.compiler), ("only the runtime", self.runtime)):
            for cell in comparison.cells:
                name = f"{cell.model} {cell.precision} {cell.delegate}"
                same = " (the same bytes)" if cell.same_program and what == "only the program" else ""
                yield markdown_row((name, what + same, f"{cell.ratio:.3f}", cell.interval, cell.words))
        yield ""
        for name, words in self.compiler.why.items():
            yield f"- {markdown_text(f'why {name}, only the program: {words}')}"


def upgrade_of(
    results: Iterable[Result],
    old: str | None,
    new: str | None,
    *,
    threshold: float,
    explain: Explain | None = None,
) -> Upgrade:
    """Return what changes between two interpreters.

    Args:
        results: of each cell, built in each of the two and run in each of the two.
        old: as in `Env`; None for this interpreter.
        new: the other one.
        threshold: 0.05 allows a cell to be 5 % slower.
        explain: called with each cell that the compiler made faster or slower, and both results of the new
            runtime.

    Raises:
        EtbenchError: of stage ``compare`` if there is no result of one of the versions.

    """
    results = list(results)
    of = {
        (build, run): [one for one in results if _interpreters(one) == (build, run)]
        for build in (old, new)
        for run in (old, new)
    }
    for env in (old, new):
        if not of[env, env]:
            raise EtbenchError(f"there is no result of {env or CURRENT}", stage="compare")
    pairs = pair_results(of[old, old], of[new, new]).pairs
    crossed = [one for key in ((old, new), (new, old)) for one in of[key]]
    return Upgrade(
        old=_version(of[old, old], old),
        new=_version(of[new, new], new),
        pairs=pairs,
        whole=compare_results(of[old, old], of[new, new], threshold=threshold, across=VERSIONS),
        compiler=compare_results(
            _ok(of[old, new]), _ok(of[new, new]), threshold=threshold, across=VERSIONS, explain=explain
        ),
        runtime=compare_results(_ok(of[new, old]), _ok(of[new, new]), threshold=threshold, across=VERSIONS),
        not_run=[_not_run(one) for one in crossed if one.status not in ("ok", "wrong")],
        changes=[line for pair in pairs for line in _changes(*pair)],
    )


def _interpreters(result: Result) -> tuple[str | None, str | None]:
    section = env_section(result.config.get("env"))
    env = Env(**{name: section.get(name) for name in Env.__struct_fields__})
    return env.builds, env.runs


def _version(results: Sequence[Result], env: str | None) -> str:
    version = results[0].environment.libraries.get("executorch", "unknown")
    return f"executorch {version} ({env or CURRENT})"


def _ok(results: Iterable[Result]) -> list[Result]:
    return [result for result in results if result.status == "ok"]


def _not_run(result: Result) -> str:
    build, run = _interpreters(result)
    where = f"built in {build or CURRENT}, does not run in {run or CURRENT}"
    return f"{cell_name(result)}, {where}: {result.why_not}"


def _changes(old: Result, new: Result) -> Iterator[str]:
    """Describe how the program of a cell differs between the versions, and the times of its operators."""
    yield from _program_changes(old, new)
    if old.profile and new.profile:
        before, after = _operator_ms(old.profile), _operator_ms(new.profile)
        differs_ms = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in before | after}
        most = sorted(differs_ms, key=lambda name: -abs(differs_ms[name]))[:OPERATORS]
        words = (f"{name} {_change(before.get(name), after.get(name))} ms" for name in most)
        yield f"{cell_name(new)}: profiled apart, so without a verdict: {', '.join(words)}"


def _operator_ms(profile: Profile) -> dict[str, float]:
    """Return the time of an inference that each operator takes, by its name."""
    total: dict[str, float] = defaultdict(float)
    for operator in profile.operators:
        total[operator.name] += operator.mean_ms
    return dict(total)


def _program_changes(old: Result, new: Result) -> Iterator[str]:
    name, (before, after) = cell_name(new), (old.artifact, new.artifact)
    if before is None or after is None or before.sha256 == after.sha256:
        return
    yield f"{name}: the program has other bytes, {_change(before.pte_bytes, after.pte_bytes)} of them"
    if old.delegation is None or new.delegation is None:
        return
    sides = (old.delegation, new.delegation)
    if sides[0].subgraphs != sides[1].subgraphs:
        yield f"{name}: {sides[0].subgraphs} to {sides[1].subgraphs} subgraphs"
    for what, counts in (
        ("now left to the runtime's own kernels", [Counter(side.left_behind) for side in sides]),
        ("now delegated", [Counter(side.delegated) for side in sides]),
    ):
        if more := counts[1] - counts[0]:
            yield f"{name}: {what}: {and_more(f'{count} x {op}' for op, count in more.items())}"


def _change(old: float | None, new: float | None) -> str:
    before, after = ("-" if value is None else f"{value:.4g}" for value in (old, new))
    return before if before == after else f"{before} to {after}"
