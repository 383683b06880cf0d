"""Policies that tests bring by ``--import``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from agents.policies import POLICIES


def forget_own_policies(known: Mapping[str, Any]) -> None:
    """Leave only the policies of ``known``, and drop the modules that others came from."""
    kept = dict(known)
    POLICIES.clear()
    POLICIES.update(kept)
    for name in [name for name in sys.modules if name.startswith("_import_")]:
        del sys.modules[name]
