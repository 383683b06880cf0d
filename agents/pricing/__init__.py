"""How third-party sellers set prices: one small class per rule, found by name in `PRICING`."""

from agents.pricing.base import PRICING, PricingSettings, PricingView, SellerPricing, pricing_named
from agents.pricing.best_response import BestResponse
from agents.pricing.cost_plus import CostPlus
from agents.pricing.hill_climbing import HillClimbing
from agents.pricing.undercutting import Undercutting

__all__ = [
    "PRICING",
    "BestResponse",
    "CostPlus",
    "HillClimbing",
    "PricingSettings",
    "PricingView",
    "SellerPricing",
    "Undercutting",
    "pricing_named",
]
