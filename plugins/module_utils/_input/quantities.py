# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubernetes quantities (``500m``, ``1.5Gi``, ``1e3``): reading, exact values, the canonical form. Pure.

The rules are those of resource.Quantity in k8s.io/apimachinery/pkg/api/resource, which every API server uses: what it
accepts is accepted here with the same value, and what it refuses is refused. Two exceptions: text without a digit, some
of which it takes for zero, and exponents of more than three digits, which keep an API server busy for minutes.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from fractions import Fraction

# The three ways to write the unit. The canonical form keeps the one that was read.
BINARY, DECIMAL, EXPONENT = "binary", "decimal", "exponent"

# As powers of ten.
NANO, MILLI = -9, -3

# The largest amount that Kubernetes calculates with. A larger one with a binary unit becomes this.
LARGEST = 2**63 - 1

_TEXT = re.compile(r"(?P<sign>[+-]?)(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>[eEinumkKMGTP]*(?:[+-]?[0-9]*))")
_POWERS = {"n": NANO, "u": -6, "m": MILLI, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_STEPS = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_EXPONENT = re.compile(r"[eE](?P<power>[+-]?0*[0-9]{1,3})")
# What strings.TrimSpace of Go takes away, of ASCII.
_SPACE = " \t\n\v\f\r"


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """An amount, and the way in which its unit is written (BINARY, DECIMAL or EXPONENT).

    ``str`` of it is the canonical form: the largest unit that needs no fraction. An API server answers with the same
    text when it is sent this form, so that equal amounts can be compared as text.
    """

    value: Fraction
    form: str = DECIMAL

    def rounded_up(self, power: int) -> Quantity:
        """The same amount with nothing finer than 10 to the *power*, rounded away from zero as Kubernetes does."""
        step = Fraction(10) ** power
        size = math.ceil(abs(self.value) / step) * step
        return Quantity(value=size if self.value > 0 else -size, form=self.form)

    def __str__(self) -> str:
        if self.form == BINARY and self.value.denominator == 1 and abs(self.value) >= 1024:
            return _in_binary(int(self.value))
        return _in_decimal(self.rounded_up(NANO).value, exponent=self.form == EXPONENT)


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Quantity | None:
    """The quantity that *text* is, or None if it is none. What is finer than nano is rounded up."""
    match = _TEXT.fullmatch(text.strip(_SPACE))
    if match is None:
        return None
    unit = match["unit"]
    exponent = _EXPONENT.fullmatch(unit)
    if unit in _STEPS:
        form, factor = BINARY, Fraction(1024) ** _STEPS[unit]
    elif unit in _POWERS:
        form, factor = DECIMAL, Fraction(10) ** _POWERS[unit]
    elif exponent:
        form, factor = EXPONENT, Fraction(10) ** int(exponent["power"])
    else:
        return None
    whole, _point, part = match["number"].partition(".")
    value = Fraction(int(whole + part), 10 ** len(part)) * factor
    if form == BINARY and value > LARGEST:
        value = Fraction(LARGEST)
    if form == BINARY and 0 < value < 1:
        form = DECIMAL
    return Quantity(value=-value if match["sign"] == "-" else value, form=form).rounded_up(NANO)


def _in_binary(whole: int) -> str:
    steps = max(step for step in range(len(_STEPS) + 1) if whole % 1024**step == 0)
    return f"{whole // 1024**steps}{['', *_STEPS][steps]}"


def _in_decimal(value: Fraction, *, exponent: bool) -> str:
    """*value*, a multiple of 10 to the NANO, with a power of ten that is a multiple of three."""
    if not value:
        return "0"
    number, power = int(value / Fraction(10) ** NANO), NANO
    while number % 1000 == 0:
        number, power = number // 1000, power + 3
    # There are no letters beyond E; older API servers lose such a power when they write it.
    if exponent or power > max(_POWERS.values()):
        return f"{number}e{power}" if power else str(number)
    return f"{number}{next(unit for unit, of in _POWERS.items() if of == power)}"


def value_of(text: str) -> Fraction:
    """The value of a quantity that was checked before; raises ValueError for what is none."""
    found = parse(text)
    if found is None:
        raise ValueError(f"{text!r} is not a quantity")
    return found.value
