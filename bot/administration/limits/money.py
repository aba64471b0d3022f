"""The cost of calls, and amounts of requests, tokens and money as text. Money is in millionths of the currency."""

from __future__ import annotations

import re
from decimal import Decimal

from bot.interfaces.config import ModelSection
from bot.interfaces.errors import UserError
from bot.interfaces.records import Unit
from bot.interfaces.replies import Usage

MILLION = 1_000_000
LARGEST = 10**15

_WRITTEN = re.compile(r"((?:\d{1,3}(?:[,_]\d{3})+|\d+)(?:\.\d*)?|\.\d+)\s*([km]?)", re.IGNORECASE)
_TIMES = {"": 1, "k": 1_000, "m": MILLION}


def rates(model: ModelSection) -> tuple[int, int]:
    """Return the prices of a million tokens of prompt and of answer, in millionths of the currency."""
    return round(model.input_price * MILLION), round(model.output_price * MILLION)


def costs(model: ModelSection) -> bool:
    """Return whether the model has a price."""
    return rates(model) != (0, 0)


def cost(model: ModelSection, usage: Usage) -> int:
    """Return the cost of a call in millionths of the currency, rounded up."""
    prompt, completion = rates(model)
    return -(-(usage.prompt_tokens * prompt + usage.completion_tokens * completion) // MILLION)


def affordable(model: ModelSection, prompt_tokens: int, money: int) -> int:
    """Return the longest answer in tokens that `money` pays for; below 0 where it does not pay for the prompt."""
    prompt, completion = rates(model)
    left = money * MILLION - prompt_tokens * prompt
    if left < 0 and costs(model):
        return -1
    return left // completion if completion else LARGEST


def format_amount(amount: int, unit: Unit, currency: str) -> str:
    """Return an amount as text: "1,200", "2.50 USD"."""
    if unit != "money":
        return f"{amount:,}"
    digits = f"{Decimal(amount) / MILLION:,.6f}"
    return f"{digits[:-4]}{digits[-4:].rstrip('0')} {currency}"


def counted(amount: int, unit: Unit, currency: str) -> str:
    """Return an amount with its unit: "1 request", "1,200 tokens", "2.50 USD"."""
    text = format_amount(amount, unit, currency)
    return text if unit == "money" else f"{text} {unit.removesuffix('s') if amount == 1 else unit}"


def whole(text: str, least: int, most: int) -> int | None:
    """Return the whole number in `text`; None for other text or a number out of range."""
    number = int(text) if text.isdecimal() and len(text) <= len(str(most)) + 6 else -1
    return number if least <= number <= most else None


def parse_amount(text: str, unit: Unit) -> int:
    """Return the amount that a person wrote: 20, 1,200, 100k, 2.50. Raises UserError."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None and "," in text:
        raise UserError(
            f"“{text[:40]}” is not a valid amount. Use a decimal point (2.50); commas separate thousands (1,000)."
        )
    if found is None:
        raise UserError(f"“{text[:40]}” is not a valid amount. Write a number such as 20, 100k or, for money, 2.50.")
    number = Decimal(found[1].replace(",", "").replace("_", ""))
    amount = number * _TIMES[found[2].lower()] * (MILLION if unit == "money" else 1)
    if amount != int(amount) or amount > LARGEST:
        raise UserError(f"“{text[:40]}” is too large, or has too many decimal places. Write another amount.")
    return int(amount)
