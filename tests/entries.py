"""Entries of an artifact cache for the tests, whose programs are a few bytes."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from etbench.artifact import Artifact, Delegation, program_path, references_path
from etbench.artifact.sources import Sources
from etbench.builder.cache import Cache

KEY, OTHER = "a" * 64, "b" * 64


def told_nothing(text: str) -> None:
    """What a cache calls that has lost its remote."""
    raise AssertionError(text)


def artifact(program: bytes, sources: Sources | None = None) -> Artifact:
    return Artifact(
        pte_bytes=len(program),
        sha256=hashlib.sha256(program).hexdigest(),
        arena_bytes=0,
        batch=1,
        inputs=[],
        outputs=[],
        references=1,
        weights="random",
        data="",
        logits_axis=None,
        delegation=Delegation(subgraphs=0, delegated_nodes=0, total_nodes=0, left_behind={}),
        build_s={"lower": 1.0},
        sources=sources or Sources(),
    )


def put(
    cache: Cache,
    key: str,
    program: bytes = b"program",
    references: bytes = b"references",
    on_lost=told_nothing,
    jobs: Path | None = None,
    sources: Sources | None = None,
) -> Artifact:
    """Put an entry with these files and return its artifact."""
    built = _fresh(cache, jobs)
    program_path(built).write_bytes(program)
    references_path(built).write_bytes(references)
    described = artifact(program, sources)
    cache.put(key, "tiny_fp32_xnnpack", described, built, on_lost)
    return described


def take(
    cache: Cache, key: str, on_lost=told_nothing, jobs: Path | None = None
) -> tuple[Artifact | None, Path]:
    """Take an entry into a fresh folder and return its artifact and the folder."""
    folder = _fresh(cache, jobs)
    return cache.take(key, folder, on_lost), folder


def _fresh(cache: Cache, jobs: Path | None) -> Path:
    """Make the folder of a job, beside the cache unless it is said where."""
    jobs = jobs or cache.folder.with_name(f"{cache.folder.name}-jobs")
    jobs.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=jobs))
