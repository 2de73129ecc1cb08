"""Build in parallel: a few long-lived processes, each of which gets the job that suits it best next."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from etbench.artifact import Artifact, shared_part
from etbench.builder.asking import MODULE, asked, python_of, refusal
from etbench.builder.cache import Cache, is_still, recipe_key
from etbench.builder.memory import MemoryWatch, available_bytes
from etbench.builder.recording import OutdatedCodeError
from etbench.builder.times import BuildTimes
from etbench.config import Recipe
from etbench.errors import EtbenchError
from etbench.events import Event, explained
from etbench.system.process import Worker

__all__ = ["Built", "Job", "OnJobDone", "OnJobEvent", "build_all", "default_builders"]

BUILDER_BYTES = 5 * 2**30  # observed while lowering a model of about 600 MB
# Threads of torch that wait for work by spinning would take the cores from the other builders. The number of
# threads stays as it is, since sums, and with them the bytes of a quantized program, may depend on it.
BUILDER_ENV = {"OMP_WAIT_POLICY": "PASSIVE"}
UNKNOWN_S = 60.0  # assumed for a build that was never recorded


@dataclass(frozen=True, eq=False)
class Job:
    """A program to build: a readable name, an existing empty folder for its files, and a log."""

    name: str
    recipe: Recipe
    folder: Path
    log: Path


@dataclass(frozen=True)
class Built:
    """A program whose files are in the job's folder."""

    artifact: Artifact
    from_cache: bool


OnJobEvent = Callable[[Job, Event], None]
OnJobDone = Callable[[Job, Built | EtbenchError], None]


def default_builders() -> int:
    """Return how many builds this machine can run at once, from its cores and its free memory."""
    from etbench.host.environment import available_cores

    return max(1, min(available_cores(), available_bytes() // BUILDER_BYTES))


def build_all(
    jobs: Sequence[Job],
    *,
    cache: Cache | None,
    builders: int | None,
    timeout_s: float,
    max_bytes: int | None = None,
    scratch: Path,
    on_event: OnJobEvent,
    on_done: OnJobDone,
) -> None:
    """Take programs from the cache if it has them, and build the rest, the longest build first.

    Jobs of one model go to the same process if that saves a load and an export. Callbacks are called one at
    a time, from any thread; an exception in one stops everything and is raised here.

    Args:
        jobs: each with a different recipe.
        cache: for finding and storing programs, or None.
        builders: maximum number of processes; None for `default_builders`.
        timeout_s: a build that takes longer is killed and fails.
        max_bytes: a build that uses more memory is killed and fails; None for the memory of the machine.
        scratch: an existing folder for the builders' temporary files.
        on_event: called at each stage of each job.
        on_done: called with each job and its program or error, a `NotApplicableError` if the program would be
            that of another precision.

    """
    pool = _Pool(cache, timeout_s, max_bytes, scratch, on_event, on_done)
    missing = pool.not_found(jobs)
    if not missing:
        return
    pool.run(missing, min(builders or default_builders(), len(missing)))


class _Pool:
    """The builders, their pending jobs, and what they share."""

    def __init__(
        self,
        cache: Cache | None,
        timeout_s: float,
        max_bytes: int | None,
        scratch: Path,
        on_event: OnJobEvent,
        on_done: OnJobDone,
    ) -> None:
        self.memory = MemoryWatch(max_bytes, lambda: list(self.workers.values()))
        self.writable = cache is not None and cache.writable()
        self.cache = cache
        self.times = BuildTimes(cache.folder) if cache else None
        self.timeout_s = timeout_s
        self.scratch = scratch
        self.on_event = on_event
        self.on_done = on_done
        self.lock = threading.RLock()
        self.keys: dict[Path, str | None] = {}
        self.changes: dict[Path, str] = {}
        self.pending: list[Job] = []
        self.busy: dict[int, bytes] = {}
        self.workers: dict[int, Worker] = {}
        self.stop = False
        self.raised: BaseException | None = None

    def not_found(self, jobs: Sequence[Job]) -> list[Job]:
        """Put the programs that the cache has into the jobs' folders, and return the other jobs.

        Large files are read to verify their checksums. Several threads do so, since hashing releases the
        interpreter lock.
        """
        missing = []
        with ThreadPoolExecutor() as readers:
            for job, taken in zip(jobs, readers.map(self._taken_or_not, jobs), strict=True):
                if taken is None:
                    missing.append(job)
                else:
                    self._done(job, taken)
        return missing

    def _taken_or_not(self, job: Job) -> Built | EtbenchError | None:
        try:
            artifact = self._taken(job)
        except Exception as error:  # such as a file of the recipe that cannot be read
            return explained(error, "cache")
        return Built(artifact, from_cache=True) if artifact else None

    def run(self, jobs: list[Job], count: int) -> None:
        """Build the jobs in so many processes."""
        if self.cache and not self.writable:
            text = f"the cache folder {self.cache.folder} is not writable: no program is added to it"
            self._tell(jobs[0], text)
        self.pending = list(jobs)
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]
        try:
            with self.memory():
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        finally:
            self._stop_all()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        if self.raised is not None:
            raise self.raised

    def _work(self, number: int) -> None:
        """Run one builder: this thread starts, uses and ends the process, as `Worker` requires."""
        try:
            while (job := self._next(number)) is not None:
                self._done(job, self._built(job, number))
        except BaseException as error:  # of a callback: it ends the pool, and `run` raises it
            self.raised = self.raised or error
            self._stop_all()
        finally:
            self._close(number)

    def _built(self, job: Job, number: int) -> Built | EtbenchError:
        key = self.keys.get(job.folder)
        try:
            if self.cache is None or not self.writable or key is None:
                return self._build(job, number)
            with self.cache.building(key, lambda: self._wait_for_another(job)):
                if (artifact := self._taken(job)) is not None:
                    return Built(artifact, from_cache=True)
                return self._kept(job, key, self._build(job, number))
        except Exception as error:  # a failed build is the result of its job; the others continue
            return explained(error, "build")

    def _build(self, job: Job, number: int) -> Built:
        if change := self.changes.get(job.folder):
            self._tell(job, f"built again: {change}")
        begun = perf_counter()
        try:
            artifact = self._asked(job, number)
        except EtbenchError as error:
            if error.kind != OutdatedCodeError.__name__:
                raise
            self._close(number)  # the next one imports the code as it is now
            artifact = self._asked(job, number)
        if self.times and self.writable:
            self.times.record(job.name, perf_counter() - begun)
        return Built(artifact, from_cache=False)

    def _asked(self, job: Job, number: int) -> Artifact:
        """Ask the builder of this number, which is started if there is none."""
        process, python = self.workers.get(number), python_of(job.recipe)
        if process is None or not process.alive or process.python != python:
            self._close(number)  # one that died still has its pipes
            process = Worker(MODULE, scratch=self.scratch, log=job.log, env=BUILDER_ENV, python=python)
            with self.lock:
                self.workers[number] = process
                if self.stop:  # stopped while it was started: it was not killed yet
                    process.kill()
        try:
            return asked(
                process,
                job.recipe,
                job.folder,
                log=job.log,
                on_event=lambda event: self._event(job, event),
                timeout_s=self.timeout_s,
            )
        except EtbenchError as error:
            raise self.memory.explained(process, error) from error

    def _kept(self, job: Job, key: str, built: Built) -> Built:
        """Add a program to the cache, unless something that it was made from changed meanwhile."""
        assert self.cache is not None
        if built.artifact.sources is None:  # the builder has said why
            return built
        try:
            if is_still(job.recipe, key):
                self.cache.put(key, job.name, built.artifact, job.folder, lambda text: self._tell(job, text))
            else:
                self._tell(job, "the program was not added to the cache: its files or code have changed")
        except OSError as error:  # such as a full disk: the program itself was built
            self._tell(job, f"the program was not added to the cache: {error}")
        return built

    def _taken(self, job: Job) -> Artifact | None:
        if self.cache is None:
            return None
        if job.folder not in self.keys:
            self.keys[job.folder] = recipe_key(job.recipe)
        key = self.keys[job.folder]
        if key is None:
            return None
        return self.cache.take(
            key,
            job.folder,
            on_lost=lambda text: self._tell(job, text),
            on_changed=lambda text: self.changes.update({job.folder: text}),
            env=job.recipe.python,
        )

    def _next(self, number: int) -> Job | None:
        """Return the builder's next job: one of its own model, else of the longest that no builder has."""
        with self.lock:
            own = self.busy.pop(number, b"")
            if self.stop or not self.pending:
                return None
            groups: dict[bytes, list[Job]] = defaultdict(list)
            for job in self.pending:
                groups[shared_part(job.recipe)].append(job)
            if own not in groups:
                free = [group for group in groups if group not in self.busy.values()]
                own = max(free or groups, key=lambda group: sum(map(self._expected_s, groups[group])))
            job = max(groups[own], key=self._expected_s)
            self.pending.remove(job)
            self.busy[number] = own
            return job

    def _expected_s(self, job: Job) -> float:
        known = self.times.expected(job.name) if self.times else None
        return UNKNOWN_S if known is None else known

    def _event(self, job: Job, event: Event) -> None:
        with self.lock:
            if not self.stop:
                self.on_event(job, event)

    def _wait_for_another(self, job: Job) -> None:
        """Report that another etbench is building the same program, unless the run was stopped."""
        if self.stop:
            raise EtbenchError("the run was stopped", stage="build")
        self._tell(job, "another etbench is building this program: waiting for it")

    def _tell(self, job: Job, text: str) -> None:
        self._event(job, Event(kind="progress", stage="build", message=text))

    def _done(self, job: Job, what: Built | EtbenchError) -> None:
        if isinstance(what, Built) and what.artifact.refusal:
            what = refusal(what.artifact)
        with self.lock:
            if not self.stop:
                self.on_done(job, what)

    def _stop_all(self) -> None:
        with self.lock:
            self.stop = True
        for process in list(self.workers.values()):
            process.kill()

    def _close(self, number: int) -> None:
        process = self.workers.pop(number, None)
        if process is not None:
            process.close()
