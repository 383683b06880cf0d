"""Policies that tests bring by ``--import``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from agents.policies import POLICIES
from agents.registry import ELSEWHERE


def forget_own_policies(known: Mapping[str, Any]) -> None:
    """Leave only the policies of ``known``, and drop what is known of others."""
    kept = dict(known)
    POLICIES.clear()
    POLICIES.update(kept)
    ELSEWHERE.clear()
    for name in [name for name in sys.modules if name.startswith("_import_")]:
        del sys.modules[name]
