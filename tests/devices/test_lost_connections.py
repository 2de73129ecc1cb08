"""A connection that is made again."""

from __future__ import annotations

import pytest

from etbench.devices import lost_connections
from etbench.devices.lost_connections import LostConnections
from etbench.errors import EtbenchError

LOSS = EtbenchError("gone", stage="connect")


def test_waits_grow_to_a_minute_and_start_over_after_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(lost_connections.time, "sleep", waits.append)
    lost = LostConnections("connection", 100, lambda _: None)
    left = 7

    def connect() -> None:
        nonlocal left
        if left:
            left -= 1
            raise LOSS

    assert lost.connected_again(LOSS, connect, is_loss=lambda _: True)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert lost.connected_again(LOSS, connect, is_loss=lambda _: True)
    assert waits[8:] == [2]


def test_all_losses_count_as_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost_connections.time, "sleep", lambda _: None)
    lost = LostConnections("connection", 2, lambda _: None)
    again = [lost.connected_again(LOSS, lambda: None, is_loss=lambda _: True) for _ in range(3)]
    assert again == [True, True, False]
