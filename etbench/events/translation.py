"""Make an `EtbenchError` of any other exception: its cause, and the line of the user's code it came from."""

from __future__ import annotations

import linecache
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.text import shown_path

__all__ = ["explained", "root_cause", "users_line"]

OWN = Path(__file__).resolve().parents[1]
STANDARD = Path(sysconfig.get_path("stdlib")).resolve()
PACKAGES = ("site-packages", "dist-packages")
ZOOS = ("transformers", "torchvision", "timm")  # their models are read, if no code of the user is involved
# The pass managers of torch and executorch name a pass and hide what went wrong in it in the cause.
PASS = re.compile(r"^An error occurred when running the '(\S+)' pass")
# How torch quotes the line that an operator of a graph came from.
QUOTED = re.compile(r'File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<function>[^\s:]+)')


def explained(error: BaseException, stage: str) -> EtbenchError:
    """Return the error as an `EtbenchError` of this stage, with its traceback as text."""
    import traceback

    text = "".join(traceback.format_exception(error))
    if isinstance(error, EtbenchError):
        error.traceback = error.traceback or text
        error.where = error.where or users_line(error)
        return error
    return EtbenchError(
        _message(error), stage=stage, kind=type(error).__name__, traceback=text, where=users_line(error)
    )


def root_cause(error: BaseException) -> BaseException:
    """Return the error that an error was raised from in the first place; it may be itself."""
    return [*_causes(error)][-1]


def users_line(error: BaseException) -> str:
    """Return the last line of the user's code, or else of a library's model, that led to an error.

    Returns:
        Such as ``net.py:12, in forward: if x.sum() > 0:``; an empty text if there is none.

    """
    places = list(_places(error))
    for chosen in (_is_users, _is_of_a_zoo):
        for file, line, function in places:
            if chosen(Path(file)):
                code = linecache.getline(file, line).strip()
                return f"{shown_path(Path(file))}:{line}, in {function}" + (f": {code}" if code else "")
    return ""


def _message(error: BaseException) -> str:
    """Return the message of an error with its cause: first that of a failed pass, or else last."""
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called"
    own, cause = _text(error), _text(root_cause(error))
    if cause in own:
        return own
    if failed := PASS.match(own):
        first, _, rest = cause.partition("\n")
        return "\n".join(filter(None, (f"{first} (in {failed[1]})", rest, own)))
    first, _, rest = own.partition("\n")
    return "\n".join(filter(None, (f"{first} (caused by: {cause.splitlines()[0]})", rest)))


def _text(error: BaseException) -> str:
    """Return the message of an error; a first line that only announces the second is joined with it."""
    text = str(error).strip() or type(error).__name__
    first, _, rest = text.partition("\n")
    return f"{first} {rest.lstrip()}" if first.endswith(":") else text


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from, each once: an error can be raised from itself."""
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and not any(one is other for other in seen):
        seen.append(one)
        yield one
        one = one.__cause__


def _places(error: BaseException) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and function of the frames that led to an error, the innermost first.

    A pass over a graph runs long after the user's code; torch then quotes the line in the message.
    """
    for one in reversed([*_causes(error)]):
        quoted = [(found["file"], int(found["line"]), found["function"]) for found in _quoted(one)]
        yield from reversed(quoted)
        yield from reversed([*_frames(one)])


def _quoted(error: BaseException) -> Iterable[re.Match[str]]:
    return QUOTED.finditer(str(error))


def _frames(error: BaseException) -> Iterator[tuple[str, int, str]]:
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        yield code.co_filename, trace.tb_lineno, code.co_name
        trace = trace.tb_next


def _is_users(file: Path) -> bool:
    """Return whether a file is neither etbench's, nor Python's, nor that of an installed package."""
    if not file.is_file():  # code that was made at run time
        return False
    path = file.resolve()
    installed = any(name in path.parts for name in PACKAGES)
    return not (installed or path.is_relative_to(OWN) or path.is_relative_to(STANDARD))


def _is_of_a_zoo(file: Path) -> bool:
    """Return whether a file is part of a model in a library of models."""
    path = file.as_posix()
    return "/models/" in path and any(f"{packages}/{zoo}/" in path for packages in PACKAGES for zoo in ZOOS)
