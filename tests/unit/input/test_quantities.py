"""Quantities are calculated with exactly; tests/integration/test_quantities.py asks an API server about them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import (
    BINARY,
    DECIMAL,
    LARGEST,
    MILLI,
    NANO,
    Quantity,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.support.quantities import DIGITLESS, NONE, TEXTS

# What was written, and what a Kubernetes 1.36 keeps.
CANONICAL = [
    ("1", "1"),
    ("1000m", "1"),
    ("1.5", "1500m"),
    ("0.5m", "500u"),
    ("12.", "12"),
    (".5", "500m"),
    ("007", "7"),
    ("+2", "2"),
    ("-1.5Gi", "-1536Mi"),
    ("2000", "2k"),
    ("400Mi", "400Mi"),
    ("1024Mi", "1Gi"),
    ("1.5Gi", "1536Mi"),
    ("1500M", "1500M"),
    ("1024", "1024"),
    ("0.5Ki", "512"),
    ("1.1Ki", "1126400m"),
    ("0.0001Ki", "102400u"),
    ("0Gi", "0"),
    ("1e3", "1e3"),
    ("10E2", "1e3"),
    ("15e-1", "1500e-3"),
    ("1e0", "1"),
    ("0.1n", "1n"),
    ("-0.1n", "-1n"),
    ("9Ei", str(LARGEST)),
    ("9E", "9E"),
    ("1000E", "1e21"),
    (" 1Gi\n", "1Gi"),
]
UNITS = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E-2", "e+1"]


@pytest.mark.parametrize(("written", "kept"), CANONICAL)
def test_a_quantity_takes_the_form_in_which_the_server_keeps_it(written: str, kept: str) -> None:
    assert str(parse(written)) == kept


@pytest.mark.parametrize("text", ["", " ", *NONE, *DIGITLESS, "1e1000"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", TEXTS)
def test_the_canonical_form_has_the_same_value_and_is_its_own(text: str) -> None:
    found = parse(text)
    if found is None:
        assert text in NONE
    else:
        again = parse(str(found))
        assert again is not None
        assert (again.value, str(again)) == (found.value, str(found))


@given(st.decimals(0, 10**6, places=4).map(str), st.sampled_from(UNITS), st.sampled_from(["", "-", "+"]))
def test_only_what_is_finer_than_nano_changes_and_grows(number: str, unit: str, sign: str) -> None:
    whole = parse(f"1{unit}")
    found = parse(f"{sign}{number}{unit}")
    assert whole is not None
    assert found is not None
    exact = Fraction(number) * whole.value
    if unit.endswith("i"):
        exact = min(exact, Fraction(LARGEST))
    assert 0 <= abs(found.value) - exact < Fraction(1, 10**9)
    assert (found.value < 0) == (sign == "-" and exact > 0)


@given(st.integers(-(10**15), 10**15), st.sampled_from([DECIMAL, BINARY]))
def test_an_amount_is_read_back_as_it_was_written(number: int, form: str) -> None:
    written = Quantity(value=Fraction(number, 1000), form=form)
    again = parse(str(written))
    assert again is not None
    assert again.value == written.value


@pytest.mark.parametrize(
    ("written", "power", "rounded"),
    [("0.5m", MILLI, "1m"), ("-0.5m", MILLI, "-1m"), ("1.5", MILLI, "1500m"), ("1.1Ki", 0, "1127"), ("1n", NANO, "1n")],
)
def test_rounding_goes_away_from_zero(written: str, power: int, rounded: str) -> None:
    found = parse(written)
    assert found is not None
    assert str(found.rounded_up(power)) == rounded
