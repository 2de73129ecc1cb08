"""The process that draws: a request is a line of JSON, the answer such a line and the picture.

Run as a script, without the packages of etbench, whose imports take longer than a drawing.
"""

import contextlib
import json
import os
import sys
from typing import Any


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints does not get between the answers
    import vl_convert

    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit(request["cpu_s"], request["memory_bytes"])
        try:
            body, error = _drawn(vl_convert, request), ""
        except Exception as raised:  # the library raises ValueError for all that it cannot draw
            body, error = b"", str(raised) or type(raised).__name__
        answers.write(json.dumps({"bytes": len(body), "error": error}).encode() + b"\n" + body)
        answers.flush()


def _drawn(vl_convert: Any, request: dict[str, Any]) -> bytes:
    form, options = request["form"], {"vl_version": request["vl_version"]}
    if form == "png":
        options["ppi"] = request["ppi"]
    drawn = getattr(vl_convert, f"vegalite_to_{form}")(request["spec"], **options)
    return drawn.encode() if isinstance(drawn, str) else bytes(drawn)


def _limit(cpu_s: int, memory_bytes: int) -> None:
    """Limit the processor time of the next picture, and the memory of this process."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows; a lower limit of the system
        import resource

        spent = resource.getrusage(resource.RUSAGE_SELF)
        until = int(spent.ru_utime + spent.ru_stime) + cpu_s
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
