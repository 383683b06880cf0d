"""What all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.policies import forget_own_policies

from agents.policies import POLICIES


@pytest.fixture(autouse=True)
def own_policies_are_forgotten() -> Iterator[None]:
    """What a test brings by --import must not be known to the next."""
    before = dict(POLICIES)
    yield
    forget_own_policies(before)
