"""The other interpreters that run programs of a run, as the measuring process needs to know them."""

from __future__ import annotations

from etbench.environments import interpreter, look
from etbench.host.environment import library_versions
from etbench.measure.protocol import OtherInterpreter

__all__ = ["other_interpreter"]


def other_interpreter(env: str | None) -> OtherInterpreter | None:
    """Return the interpreter that a configuration names; None for this one.

    Raises:
        EtbenchError: of stage ``env`` if there is no such interpreter, or it has no ExecuTorch.

    """
    if env is None:
        return None
    found = look(interpreter(env))
    return OtherInterpreter(
        env=env,
        python=found.python,
        version=found.version,
        libraries=library_versions(found.version_of),
        binding=str(found.own_binding),
    )
