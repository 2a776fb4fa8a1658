"""A simulated subscription business: who its customers are on each day, and who leaves.

Every customer carries a hidden `trouble`: it drifts, grows with failed payments and tickets, and
drives both what can be seen (visits, tickets, survey answers) and the decision to leave. Between
the decision and the last day visits fade away, but holidays look much the same, so that a model
sees a part of the truth, as it would in life.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.profiles.subscription import AGE_BANDS, CHANNELS, COUNTRIES, PLANS

__all__ = ["simulate"]

FEES = np.array([9.99, 19.99, 39.99])

WARM_UP_DAYS = 90
BILLING_DAYS = 30
PROMOTION_DAYS = 90
NOTICE_DAYS = (4, 46)
DAILY_EXITS = 0.0024
DAILY_ANSWERS = 0.008
AUTO_RENEW_SHARE = 0.9
SATURDAY = 5
DIRTY_SHARES = (0.001, 0.004)

State = dict[str, NDArray[Any]]


def simulate(customers: int, days: int, until: date, seed: int) -> Iterator[tuple[date, pd.DataFrame]]:
    """The daily snapshots of about `customers` customers, for `days` days up to and with `until`.

    Each frame holds the customers of one day, by `customer_id`, as known at its end. A few rows in
    a thousand are broken on purpose. The same arguments give the same frames.
    """
    rng = np.random.default_rng(seed)
    today = until - timedelta(days=days + WARM_UP_DAYS - 1)
    state = _first_customers(customers, today, rng)
    signed_up = customers
    for day in range(WARM_UP_DAYS + days):
        state = _without_leavers(state)
        arrivals = _arrivals(len(state["signup"]), customers, today, rng)
        state = _with_new(state, signed_up, arrivals, today, rng)
        signed_up += arrivals
        _live(state, today, rng)
        if day >= WARM_UP_DAYS:
            yield today, _with_dirty_rows(_snapshot(state, today), today, rng)
        today += timedelta(days=1)


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _yearly(day: date, peak: int) -> float:
    """A wave through the year between -1 and 1, highest on the day of the year `peak`."""
    return float(np.cos(2 * np.pi * (day.timetuple().tm_yday - peak) / 365.25))


def _first_customers(count: int, today: date, rng: np.random.Generator) -> State:
    tenure = np.sort(rng.exponential(420, count).astype(np.int64))[::-1]
    return _customers(np.arange(1, count + 1), _day_number(today) - tenure, rng)


def _customers(numbers: NDArray[np.int64], signup: NDArray[np.int64], rng: np.random.Generator) -> State:
    """New customers. Bits of `active`, `orders`, `tickets` are days, those of `failures` are bills."""
    n = len(numbers)
    return {
        "customer_id": np.array([f"c{number:07d}" for number in numbers], dtype="U12"),
        "signup": signup,
        "plan": rng.choice(3, n, p=[0.5, 0.35, 0.15]),
        "country": rng.choice(6, n, p=[0.3, 0.14, 0.18, 0.2, 0.1, 0.08]),
        "channel": rng.choice(4, n, p=[0.35, 0.35, 0.1, 0.2]),
        "age_band": rng.choice(4, n, p=[0.27, 0.34, 0.26, 0.13]),
        "auto_renew": rng.random(n) < AUTO_RENEW_SHARE,
        "promotion": rng.choice([0.0, 0.2, 0.5], n, p=[0.65, 0.25, 0.1]),
        "habit": rng.beta(2.2, 2.6, n),
        "basket": rng.lognormal(2.3, 0.6, n),
        "card_risk": rng.beta(1, 30, n),
        "frailty": rng.normal(0, 0.5, n),
        "trouble": rng.normal(0, 1, n),
        "holiday_left": np.zeros(n, dtype=np.int64),
        "notice_left": np.full(n, -1),
        "active": np.zeros(n, dtype=np.uint32),
        "orders": np.zeros(n, dtype=np.uint32),
        "tickets": np.zeros(n, dtype=np.uint32),
        "failures": np.zeros(n, dtype=np.uint8),
        "since_login": np.zeros(n, dtype=np.int64),
        "satisfaction": np.full(n, np.nan),
    }


def _without_leavers(state: State) -> State:
    stays = state["notice_left"] != 0
    return {name: values[stays] for name, values in state.items()}


def _arrivals(alive: int, target: int, today: date, rng: np.random.Generator) -> int:
    """How many sign up today: more before Christmas, and enough to stay near `target`."""
    expected = target * DAILY_EXITS * (1 + 0.25 * _yearly(today, peak=330)) + 0.05 * (target - alive)
    return int(rng.poisson(max(expected, 0.0)))


def _with_new(state: State, signed_up: int, arrivals: int, today: date, rng: np.random.Generator) -> State:
    numbers = np.arange(signed_up + 1, signed_up + arrivals + 1)
    new = _customers(numbers, np.full(arrivals, _day_number(today)), rng)
    return {name: np.concatenate([values, new[name]]) for name, values in state.items()}


def _live(state: State, today: date, rng: np.random.Generator) -> None:
    """What everybody does, pays, feels and decides today."""
    tenure = _day_number(today) - state["signup"]
    _visit(state, today, rng)
    _pay(state, tenure, rng)
    _feel(state, rng)
    _decide(state, tenure, today, rng)


def _push(bits: NDArray[Any], happened: NDArray[np.bool_], window: int) -> NDArray[Any]:
    """The last `window` yes-or-no answers as bits, with the newest one added."""
    pushed: NDArray[Any] = ((bits << 1) | happened) & bits.dtype.type((1 << window) - 1)
    return pushed


def _visit(state: State, today: date, rng: np.random.Generator) -> None:
    n = len(state["habit"])
    starts = (state["holiday_left"] == 0) & (rng.random(n) < 0.004 * (1 + 0.7 * _yearly(today, peak=210)))
    state["holiday_left"] = np.where(starts, rng.integers(4, 22, n), np.maximum(state["holiday_left"] - 1, 0))
    rhythm = (1.15 if today.weekday() >= SATURDAY else 0.95) * (1 + 0.12 * _yearly(today, peak=15))
    fading = np.where(state["notice_left"] >= 0, np.clip(state["notice_left"] / NOTICE_DAYS[1], 0, 1) ** 1.2, 1.0)
    mood = np.exp(-0.18 * np.maximum(state["trouble"], 0))
    visits = state["habit"] * rhythm * mood * fading * np.where(state["holiday_left"] > 0, 0.05, 1.0)
    active = rng.random(n) < visits
    orders = active & (rng.random(n) < 0.12 * mood)
    state["active"] = _push(state["active"], active, 30)
    state["orders"] = _push(state["orders"], orders, 30)
    state["since_login"] = np.where(active, 0, state["since_login"] + 1)


def _pay(state: State, tenure: NDArray[np.int64], rng: np.random.Generator) -> None:
    bill = tenure % BILLING_DAYS == 0
    risk = state["card_risk"] * np.where(state["notice_left"] >= 0, 3.0, 1.0)
    failed = bill & (rng.random(len(bill)) < risk)
    state["failures"] = np.where(bill, _push(state["failures"], failed, 6), state["failures"])
    state["trouble"] = state["trouble"] + 0.9 * failed


def _feel(state: State, rng: np.random.Generator) -> None:
    n = len(state["trouble"])
    state["trouble"] = 0.97 * state["trouble"] + rng.normal(0, 0.24, n)
    leaving = state["notice_left"] >= 0
    tickets = rng.random(n) < np.minimum(0.009 * np.exp(0.75 * state["trouble"] + 0.4 * leaving), 0.2)
    state["tickets"] = _push(state["tickets"], tickets, 30)
    state["trouble"] = state["trouble"] + 0.3 * tickets
    answers = rng.random(n) < DAILY_ANSWERS
    score = np.clip(np.rint(7.5 - 1.5 * state["trouble"] + rng.normal(0, 1.3, n)), 1, 10)
    state["satisfaction"] = np.where(answers, score, state["satisfaction"])


def _decide(state: State, tenure: NDArray[np.int64], today: date, rng: np.random.Generator) -> None:
    n = len(tenure)
    state["notice_left"] = np.where(state["notice_left"] > 0, state["notice_left"] - 1, state["notice_left"])
    urge = (
        state["frailty"]
        + 1.0 * state["trouble"]
        + 0.6 * ~state["auto_renew"]
        + np.array([0.2, 0.0, -0.4])[state["plan"]]
        + 0.8 * np.exp(-tenure / 60)
        + 1.2 * ((tenure >= PROMOTION_DAYS) & (tenure < PROMOTION_DAYS + 30)) * (state["promotion"] > 0)
        + 0.2 * _yearly(today, peak=20)
    )
    decides = (state["notice_left"] < 0) & (rng.random(n) < 0.0009 * np.exp(urge))
    state["notice_left"] = np.where(decides, rng.integers(*NOTICE_DAYS, n), state["notice_left"])
    switches_off = rng.random(n) < np.where(decides, 0.6, 0.0002)
    state["auto_renew"] = state["auto_renew"] & ~switches_off


def _snapshot(state: State, today: date) -> pd.DataFrame:
    fee = FEES[state["plan"]]
    discount = np.where(_day_number(today) - state["signup"] < PROMOTION_DAYS, state["promotion"], 0.0)
    paid = fee * (1 - discount) * (state["failures"] & 1 == 0)
    return pd.DataFrame(
        {
            "customer_id": pd.array(state["customer_id"], dtype="str"),
            "plan": pd.Categorical.from_codes(state["plan"], dtype=pd.CategoricalDtype(PLANS)),
            "country": pd.Categorical.from_codes(state["country"], dtype=pd.CategoricalDtype(COUNTRIES)),
            "channel": pd.Categorical.from_codes(state["channel"], dtype=pd.CategoricalDtype(CHANNELS)),
            "age_band": pd.Categorical.from_codes(state["age_band"], dtype=pd.CategoricalDtype(AGE_BANDS)),
            "signup_date": state["signup"].astype("datetime64[D]").astype("datetime64[us]"),
            "monthly_fee": fee,
            "discount": discount,
            "auto_renew": state["auto_renew"],
            "spend": np.round(paid + state["basket"] * np.bitwise_count(state["orders"]), 2),
            "active_days": np.bitwise_count(state["active"]).astype(np.int64),
            "days_since_login": pd.array(state["since_login"], dtype="Int64"),
            "support_tickets": np.bitwise_count(state["tickets"]).astype(np.int64),
            "payment_failures": np.bitwise_count(state["failures"]).astype(np.int64),
            "satisfaction": state["satisfaction"],
        }
    )


def _with_dirty_rows(customers: pd.DataFrame, today: date, rng: np.random.Generator) -> pd.DataFrame:
    """The mistakes a warehouse makes, in at most four rows of a thousand."""
    n = len(customers)
    least, most = (int(share * n) for share in DIRTY_SHARES)
    count = rng.integers(least, most, endpoint=True)
    rows = rng.choice(n, count, replace=False)
    negative, unknown, unseen, future, twice = (rows[kind::5] for kind in range(5))
    customers["plan"] = customers["plan"].cat.add_categories(["unknown"])
    customers.loc[negative, "spend"] = -19.99
    customers.loc[unknown, "plan"] = "unknown"
    customers.loc[unseen, "days_since_login"] = pd.NA
    customers.loc[future, "signup_date"] = pd.Timestamp(today + timedelta(days=365))
    return customers.iloc[np.sort(np.concatenate([np.arange(n), twice]))].reset_index(drop=True)
