"""Read a result file that may be anything: somebody else may have sent the folder that it is in."""

from __future__ import annotations

import stat
from pathlib import Path

from etbench.results.files.store import UnreadableError, read_result
from etbench.results.schema import Result
from etbench.results.tables.rows import row_of
from etbench.ui.faults import reason_of

__all__ = ["read_guarded"]

MOST_BYTES = 256 << 20
MOST = 2**53  # a larger integer is not exact in a table or in a browser


def read_guarded(path: Path) -> Result:
    """Read a result file.

    Raises:
        UnreadableError: if it is anything else, whatever it is.

    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a FIFO would wait for its writer
            raise UnreadableError(path, "not a regular file")
        if found.st_size > MOST_BYTES:
            raise UnreadableError(path, f"larger than {MOST_BYTES >> 20} MB")
        result = read_result(path)
        if any(isinstance(value, int) and abs(value) > MOST for value in row_of(result)):
            raise UnreadableError(path, f"a number in it is larger than {MOST}")
        return result
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    except (ValueError, ArithmeticError, LookupError, RecursionError, MemoryError) as error:
        raise UnreadableError(path, f"not a result: {reason_of(error)}") from error
