"""What a seller's pricing rule sees, and the class that every rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.registry import find, home, register

Floats: TypeAlias = NDArray[np.float64]

PRICING: dict[str, type[SellerPricing]] = {}

HIGHEST_PRICE = 1e60  # currency; far above any break-even price, and sums of sales stay far from the end of a double


class PricingSettings(Protocol):
    """The scenario's sellers section, as far as pricing rules read it."""

    @property
    def markup(self) -> float:
        """Mark-up of cost-plus pricing, share of full unit cost."""

    @property
    def markup_cap(self) -> float:
        """Highest mark-up over break-even that any rule may ask, share."""

    @property
    def price_step(self) -> float:
        """Step of hill-climbing and of undercutting, share of price."""

    @property
    def damping(self) -> float:
        """Share of the way to its target that a best response goes in a week."""


@dataclass(slots=True)
class PricingView:
    """What the sellers that follow one rule see when they set prices: n offers, G groups, S sellers.

    A group is all offers of one seller in one category on one platform. A rule leaves the view as it is,
    but for `direction`.

    Attributes
    ----------
    price : float64[n]
        Price asked now, currency.
    unit_cost : float64[n]
        Full cost of a sold unit: procurement, and the fulfilment fee or own handling and shipping; currency.
    keep : float64[n]
        Share of the price that stays with the seller, in (0, 1]: 1 - commission - advertising bid.
    level : float64[n]
        Price level of the category, currency.
    group : int[n]
        Group of each offer, 0 to G-1 without gaps.
    seller : int[n]
        Seller of each offer, 0 to S-1 within this view.
    own_share : float64[G]
        The seller's own chance of being chosen in the searches that showed the group, s-weighted:
        ``1 - sum s(1-s) / sum s``.
    alpha : float64[G]
        Price sensitivity of those who searched, utility per currency: ``sum alpha s(1-s) / sum s(1-s)``.
    seen : int[G] or float64[G]
        Logged searches that showed the group; 0 means that nothing is known of its demand.
    rival_price : float64[n]
        Lowest price of the nearest competing offers left and right on the circle, at this category's price
        level, currency; NaN where there is none, and for a rule that says ``sees_rivals = False``.
    profit, profit_before : float64[S]
        Smoothed weekly profit since the last price step, and before it; currency.
    direction : int8[S]
        Direction of the last price step, +1 or -1; a rule may write into it.
    mu : float
        Scale of taste noise, utility.
    settings : PricingSettings
        The scenario's sellers section.
    """

    price: Floats
    unit_cost: Floats
    keep: Floats
    level: Floats
    group: NDArray[np.integer[Any]]
    seller: NDArray[np.integer[Any]]
    own_share: Floats
    alpha: Floats
    seen: NDArray[Any]
    rival_price: Floats
    profit: Floats
    profit_before: Floats
    direction: NDArray[np.int8]
    mu: float
    settings: PricingSettings

    @property
    def break_even(self) -> Floats:
        """Price at which a sale earns nothing, float64[n], currency."""
        return self.unit_cost / self.keep


class SellerPricing(ABC):
    """A third-party seller's rule for its prices. A concrete subclass is found by its `name` from then on.

    One instance prices for all sellers that follow the rule. What a rule remembers stands in plain
    attributes, so that a model can be copied, branched and sent to another process.

    Parameters
    ----------
    settings
        The scenario's sellers section.
    """

    name: ClassVar[str]
    source: ClassVar[str] = "assumption"
    sees_rivals: ClassVar[bool] = True
    """Whether `PricingView.rival_price` is looked up; a rule that does not read it is spared the time."""

    def __init__(self, settings: PricingSettings) -> None:
        self.settings = settings

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(PRICING, cls, "pricing rule")

    @abstractmethod
    def prices(self, view: PricingView) -> Floats:
        """Return the new prices, a fresh float64[n], currency."""

    def checked(self, view: PricingView, given: Any) -> Floats:
        """Return what `prices` has given as float64[n], refusing what no market could go on with.

        Raises
        ------
        ValueError
            If it is anything but a price from 0 to `HIGHEST_PRICE` for every offer.
        """
        try:
            prices = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise self._refused(view, f"{given!r:.60}") from None
        if prices.shape != view.price.shape:
            raise self._refused(view, f"values of shape {prices.shape}")
        fits = (prices >= 0.0) & (prices <= HIGHEST_PRICE)
        if not fits.all():
            raise self._refused(view, f"{prices[~fits][0]:g} for {np.count_nonzero(~fits)} of {prices.size} offers")
        return prices

    def _refused(self, view: PricingView, given: str) -> ValueError:
        return ValueError(
            f"pricing rule {self.name!r} ({home(type(self))}) returned {given}: it must return a price from 0 to "
            f"{HIGHEST_PRICE:g} for each offer, float64[{len(view.price)}]."
        )

    def bounded(self, view: PricingView, prices: Floats) -> Floats:
        """Return prices brought between break-even and the highest mark-up over it, float64[n], currency."""
        floor = view.break_even
        return np.minimum(np.maximum(prices, floor), (1.0 + self.settings.markup_cap) * floor)


def pricing_named(name: str) -> type[SellerPricing]:
    """Return the pricing class of a name; ValueError with the nearest spelling where there is none."""
    return find(PRICING, name, "pricing rule")
