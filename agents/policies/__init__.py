"""What a platform does with its surplus: one small class per policy, found by name in `POLICIES`."""

from agents.policies.base import (
    POLICIES,
    Books,
    Decision,
    PlatformPolicy,
    PolicySettings,
    check_lever,
    policy_named,
)
from agents.policies.bottleneck import Bottleneck
from agents.policies.dividend import Dividend
from agents.policies.hold import Hold
from agents.policies.levers import CAPABILITIES, LEVERS, PLANNED
from agents.policies.reinvest import Reinvest
from agents.policies.single_push import SinglePush

__all__ = [
    "CAPABILITIES",
    "LEVERS",
    "PLANNED",
    "POLICIES",
    "Books",
    "Bottleneck",
    "Decision",
    "Dividend",
    "Hold",
    "PlatformPolicy",
    "PolicySettings",
    "Reinvest",
    "SinglePush",
    "check_lever",
    "policy_named",
]
