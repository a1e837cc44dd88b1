"""What tests of the store share: a hub of this machine."""

import pytest
from mirror import running_mirror


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_mirror() as server:
        yield server
