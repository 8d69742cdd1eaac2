"""Warnings in the headers of answers (RFC 7234, section 5.5), as API servers and proxies before them send these."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.headers import LONGEST, warning_texts


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        ([], ()),
        (['299 - "a is deprecated"'], ("a is deprecated",)),
        (['299 - "first"', '299 - "second"'], ("first", "second")),
        (['299 - "first", 299 - "second, with a comma"'], ("first", "second, with a comma")),
        (['299 kube "with a date" "Wed, 21 Oct 2015 07:28:00 GMT", 299 - "after it"'], ("with a date", "after it")),
        ([r'299 - "namespace \"a\\b\" is \"x\""'], (r'namespace "a\b" is "x"',)),
        # Other codes are about caches on the way.
        (['110 - "Response is Stale"', '299 - "ours"'], ("ours",)),
        (["299 - without quotes", '299 - "', "", '299 - ""'], ()),
        (['299 - "an\x1bescape\nand  blanks"'], ("an escape and blanks",)),
        ([f'299 - "{"x" * 5000}"'], ("x" * LONGEST,)),
    ],
)
def test_texts_of_warnings(headers: list[str], texts: tuple[str, ...]) -> None:
    assert warning_texts(headers) == texts
