"""A smooth guess at a statistic between the trials, by which parameters are judged.

A search looks where it has found good trials, so its best trials lie close together even in a parameter that
decides nothing. A model of each statistic with a length scale for every parameter tells the two apart.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST = 300  # trials that are fitted: the cost grows with their cube
SCALES, NOISES = (0.15, 30.0), (1e-4, 1.0)  # of length scales, in ranges; of the noise's share of the variance


class Surrogate:
    """Gaussian process with one length scale a parameter (Rasmussen & Williams 2006, ch. 2 and 5).

    Parameters
    ----------
    places : (n, parameters) float64
        Where in their ranges the parameters of each trial lie, 0 to 1.
    values : (n,) float64
        What each trial came to.
    """

    def __init__(self, places: Floats, values: Floats) -> None:
        self.places = places
        self.mean, self.sd = float(values.mean()), float(values.std()) or 1.0
        self._y = (values - self.mean) / self.sd
        self._fit()

    def _fit(self) -> None:
        from scipy.linalg import cho_factor, cho_solve
        from scipy.optimize import minimize

        count = self.places.shape[1]
        apart = (self.places.T[:, :, None] - self.places.T[:, None, :]) ** 2  # (parameters, n, n)
        start = np.log([*([1.5] * count), 0.05])
        bounds = [tuple(np.log(SCALES))] * count + [tuple(np.log(NOISES))]
        found = minimize(self._surprise, start, (apart,), "L-BFGS-B", True, bounds=bounds, options={"maxiter": 30})
        self.scales, self.noise = np.exp(found.x[:-1]), float(np.exp(found.x[-1]))
        kernel = likeness(self.places, self.places, self.scales) + self.noise * np.eye(len(self.places))
        self._weights = cho_solve(cho_factor(kernel, lower=True), self._y)

    def _surprise(self, logs: Floats, apart: Floats) -> tuple[float, Floats]:
        """Negative log marginal likelihood and its gradient, with the variance put at its best value."""
        from scipy.linalg import cho_factor, cho_solve

        scales, noise, n = np.exp(logs[:-1]), float(np.exp(logs[-1])), self._y.size
        kernel = likeness(self.places, self.places, scales)
        factor = cho_factor(kernel + noise * np.eye(n), lower=True)
        inverse = cho_solve(factor, np.eye(n))
        weights = inverse @ self._y
        explained = max(float(self._y @ weights), 1e-12)
        value = 0.5 * n * math.log(explained / n) + float(np.log(np.diag(factor[0])).sum())
        slope = 0.5 * inverse - 0.5 * n / explained * np.outer(weights, weights)
        by_scale = np.tensordot(apart, slope * kernel, axes=2) / scales**2
        return value, np.append(by_scale, noise * np.trace(slope))

    def __call__(self, places: Floats) -> Floats:
        """What is to be expected at some places, (m,)."""
        return likeness(places, self.places, self.scales) @ self._weights * self.sd + self.mean


def likeness(a: Floats, b: Floats, scales: Floats) -> Floats:
    """Squared-exponential kernel, (len(a), len(b))."""
    a, b = a / scales, b / scales
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    return np.exp(-0.5 * np.maximum(square, 0.0))


def spread_out(losses: Floats) -> npt.NDArray[np.int64]:
    """Rows to fit: all, or the best two thirds of what can be fitted and an even selection of the rest."""
    order = np.argsort(losses, kind="stable")
    if order.size <= MOST:
        return np.sort(order)
    best = 2 * MOST // 3
    rest = order[best:]
    even = rest[np.linspace(0, rest.size - 1, MOST - best).round().astype(int)]
    return np.sort(np.concatenate((order[:best], even)))
