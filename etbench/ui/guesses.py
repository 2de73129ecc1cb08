"""Slow down guesses of the token: a client waits longer after each wrong one, up to a limit."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict

__all__ = ["MOST_S", "Guesses", "delay_s"]

FIRST_S = 0.1
MOST_S = 5.0
CLIENTS = 1_000  # that are remembered
IPV6_NETWORK = 64  # bits; one machine has all addresses of such a network


def delay_s(wrong: int) -> float:
    """Return how long a client waits that has given this many wrong tokens.

    >>> [delay_s(wrong) for wrong in (0, 1, 2, 6, 7, 1_000)]
    [0.0, 0.1, 0.2, 3.2, 5.0, 5.0]
    """
    return min(MOST_S, FIRST_S * 2.0 ** min(wrong - 1, 10)) if wrong else 0.0


class Guesses:
    """The wrong tokens of each client.

    The right token waits as well, or a client could take a pause for a refusal. It waits for `MOST_S` at
    most, however many wrong ones others at the same address give, so nobody is locked out.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, int] = OrderedDict()

    async def wait(self, address: str) -> None:
        """Wait before a token from this address is checked; it counts as wrong until it turns out right."""
        client = _client(address)
        wrong = self._wrong.pop(client, 0)
        self._wrong[client] = wrong + 1  # before the pause: guesses at the same time add up
        if len(self._wrong) > CLIENTS:
            self._wrong.popitem(last=False)
        await asyncio.sleep(delay_s(wrong))

    def forgive(self, address: str) -> None:
        """Forget the wrong tokens from an address that has given the right one."""
        self._wrong.pop(_client(address), None)


def _client(address: str) -> str:
    """Return what tells clients apart: an IPv4 address, or the network of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and not found.is_loopback:
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_NETWORK), strict=False))
    return str(found)
