"""Options of the runtime's XNNPACK backend, set in this process before a program is loaded.

The Python binding of executorch 1.5.1 has no call for them. The C++ one, `executorch::runtime::set_option`
of `runtime/backend/interface.h`, is an exported symbol of the wheel's library; it is called here, with the
structs of `runtime/backend/options.h` as compilers of the Itanium ABI (all except Microsoft's) lay them out.
"""

from __future__ import annotations

import ctypes
from typing import Any

from etbench.config import XnnpackRuntime
from etbench.errors import EtbenchError
from etbench.runtime.binding import binding

__all__ = ["get_option", "set_options"]

BACKEND = b"XnnpackBackend"
SHARING = {"disabled": 0, "per_model": 1, "global": 2}  # WorkspaceSharingMode
NAMES = {"workspace_sharing": "workspace_sharing_mode", "weight_cache": "weight_cache_enabled"}
MANGLED = "_ZN10executorch7runtime10{}EPKcNS0_4SpanINS0_13BackendOptionEEE"


class _Value(ctypes.Union):
    _fields_ = (("flag", ctypes.c_bool), ("number", ctypes.c_int32), ("text", ctypes.c_char * 256))


class _Option(ctypes.Structure):
    """A `BackendOption`: its key, and a `std::variant<bool, int, char[256]>`, whose index comes last."""

    _fields_ = (("key", ctypes.c_char * 64), ("value", _Value), ("index", ctypes.c_ubyte))


class _Span(ctypes.Structure):
    _fields_ = (("data", ctypes.POINTER(_Option)), ("length", ctypes.c_size_t))


def set_options(options: XnnpackRuntime) -> None:
    """Set the options that are given; programs that are loaded afterwards use them.

    Raises:
        EtbenchError: of stage ``load_program`` if this runtime has no such option.

    """
    if options.workspace_sharing is not None:
        _call("set_option", "workspace_sharing", SHARING[options.workspace_sharing])
    if options.weight_cache is not None:
        _call("set_option", "weight_cache", options.weight_cache)


def get_option(name: str) -> int:
    """Return the runtime's value of an option of `XnnpackRuntime`; a flag is 0 or 1."""
    return _call("get_option", name, 0)


def _call(function: str, name: str, value: int) -> int:
    """Call a function of the runtime on one option and return the option's value after it."""
    option = _Option(key=NAMES[name].encode(), index=0 if isinstance(value, bool) else 1)
    option.value.number = value  # a flag is its first byte
    try:
        call: Any = ctypes.CDLL(binding.__file__)[MANGLED.format(function)]
    except AttributeError as error:
        raise _refusal(name, value, "it does not export that function") from error
    call.argtypes, call.restype = (ctypes.c_char_p, _Span), ctypes.c_uint32
    if code := call(BACKEND, _Span(ctypes.pointer(option), 1)):
        raise _refusal(name, value, f"error 0x{code:02x}")
    return int(option.value.flag if option.index == 0 else option.value.number)


def _refusal(name: str, value: int, why: str) -> EtbenchError:
    return EtbenchError(
        f"the runtime does not accept delegate.runtime.{name}={value}: {why}",
        stage="load_program",
        hint="set it to null to use the runtime's default",
    )
