"""Who the customers are: latent need, price sensitivity, age and card health, and the personal data a company stores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]

PLANS = ("basic", "standard", "premium")
FEES = np.array([15.0, 25.0, 45.0], dtype=np.float32)
METHODS = ("card", "direct_debit", "paypal", "wallet")
CHANNELS = ("organic", "search", "referral", "discount_site")
DEVICES = ("ios", "android", "web")
CHRONOTYPES = 4  # morning, office, evening, night

_CITY_HEADS = [
    "Ash",
    "Birch",
    "Brook",
    "Cedar",
    "Clay",
    "Crow",
    "East",
    "Elm",
    "Fair",
    "Fern",
    "Glen",
    "Gold",
    "Gray",
    "Green",
    "Hart",
    "Hazel",
    "High",
    "Holly",
    "Iron",
    "Kings",
    "Lake",
    "Linden",
    "Long",
    "Maple",
    "Marsh",
    "Mill",
    "Moor",
    "North",
    "Oak",
    "Pine",
    "Red",
    "River",
    "Rock",
    "Rose",
    "Salt",
    "Silver",
    "South",
    "Stone",
    "Summer",
    "Thorn",
    "West",
    "White",
    "Wild",
    "Wind",
]
_CITY_TAILS = [
    "bridge",
    "bury",
    "dale",
    "field",
    "ford",
    "gate",
    "ham",
    "haven",
    "hill",
    "hurst",
    "mouth",
    "port",
    "ridge",
    "stead",
    "ton",
    "vale",
    "ville",
    "worth",
]
CITIES = np.array([head + tail for tail in _CITY_TAILS for head in _CITY_HEADS])
COUNTRIES = np.array(["US", "GB", "DE", "FR", "NL", "CA", "ES"])
_CITY_WEIGHTS = 1.0 / (np.arange(len(CITIES)) + 4.0) ** 1.15  # Zipf-like: a few large cities and a long tail
_CITY_CUMULATIVE = np.cumsum(_CITY_WEIGHTS / _CITY_WEIGHTS.sum())
_COUNTRY_OF_CITY = np.random.Generator(np.random.PCG64(11)).choice(
    len(COUNTRIES), size=len(CITIES), p=[0.42, 0.16, 0.12, 0.1, 0.08, 0.07, 0.05]
)


def draw_people(random: np.random.Generator, count: int) -> Columns:
    """Return static traits of `count` new customers, one array per trait.

    `need`, `price`, `frailty` are standard normal and unseen by anyone; `login_rate` is logins a day at full
    engagement; `fail_logit` the log odds that a healthy card is refused; `age` in years.
    """
    normal = random.standard_normal((6, count), dtype=np.float32)
    uniform = random.random((10, count), dtype=np.float32)
    age = np.clip(18.0 + random.gamma(3.2, 7.4, count), 18, 88).astype(np.float32)
    need = normal[0]
    price = (0.8 * normal[1] - 0.3 * (age - 41.0) / 15.0).astype(np.float32)
    tech = (0.8 * normal[2] - 0.6 * (age - 41.0) / 15.0).astype(np.float32)
    taste = 0.7 * need - 0.5 * price + 0.9 * normal[3]
    plan = np.where(taste < -0.3, 0, np.where(taste < 1.15, 1, 2)).astype(np.int8)
    method = np.searchsorted([0.62, 0.80, 0.92], uniform[0]).astype(np.int8)
    return {
        "age": age,
        "need": need,
        "price": price,
        "tech": tech,
        "frailty": normal[4],
        "plan": plan,
        "method": method,
        "login_rate": np.exp(-0.68 + 0.5 * need + 0.45 * normal[5]).astype(np.float32),
        "fail_logit": (-4.3 + 0.3 * price + np.where(method == 3, 0.6, 0.0) + 3.7 * (uniform[1] < 0.27)).astype(
            np.float32
        ),
        "ticket_rate": np.exp(-5.4 - 0.3 * tech + 0.4 * (uniform[2] - 0.5)).astype(np.float32),
        "chronotype": _chronotype(age, uniform[3]),
        "weekend_factor": (0.5 + 1.0 * uniform[4]).astype(np.float32),
        "session_factor": np.exp(0.3 * need - 0.1).astype(np.float32),
        "is_tracked": uniform[5] >= 0.07,
        "billing_dom": (1 + np.floor(uniform[6] * 28)).astype(np.int8),
        "channel": np.searchsorted([0.40, 0.68, 0.84], uniform[7] + 0.04 * price.clip(-2, 2)).astype(np.int8),
        "device": np.searchsorted([0.38, 0.78], uniform[8]).astype(np.int8),
        "has_consent": uniform[9] < 0.78,
    }


def _chronotype(age: NDArray[np.float32], uniform: NDArray[np.float32]) -> NDArray[np.int8]:
    young = np.searchsorted([0.12, 0.32, 0.70], uniform)
    older = np.searchsorted([0.38, 0.72, 0.95], uniform)
    return np.where(age < 32, young, older).astype(np.int8)


def draw_identity(random: np.random.Generator, age: NDArray[np.float32], signed_up_day: NDArray[np.int64]) -> Columns:
    """Return birth day, city and contact details for customers of the given age on the day they signed up."""
    count = len(age)
    uniform = random.random((2, count))
    return {
        "birth_day": (signed_up_day - np.floor((age + uniform[0]) * 365.2425)).astype(np.int32),
        "city": np.searchsorted(_CITY_CUMULATIVE, uniform[1] * 0.999_999_9).astype(np.int16),
        "phone": random.integers(2_000_000, 9_999_999, count, dtype=np.int32),
    }


def country_of(city: NDArray[np.int16]) -> NDArray[Any]:
    """Return the country code of each city index."""
    codes: NDArray[Any] = COUNTRIES[_COUNTRY_OF_CITY[city]]
    return codes
