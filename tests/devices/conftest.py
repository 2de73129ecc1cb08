"""The server of these tests, once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sshd import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("sshd")) as found:
        yield found
