# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of an API server's refusal."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError

WRONG_TYPE = 'Invalid value: "null": spec.x in body must be of type object: "null"'
REMARK = ("<nil>", "Invalid value: null: some validation rules were not checked")
CAUSES = [("spec.resources", WRONG_TYPE), ("spec.externalLabels", WRONG_TYPE), ("spec.a[0]", "Required value"), REMARK]


def refused(causes: list[tuple[str, str]]) -> ApiError:
    """What a server answers that found the *causes* in this order; the shape is ``errors.NewInvalid``'s."""
    told = [f"{field}: {message}" for field, message in dict.fromkeys(causes)]
    body = {
        "reason": "Invalid",
        "message": f'Prometheus "old" is invalid: {told[0] if len(told) == 1 else "[" + ", ".join(told) + "]"}',
        "details": {"causes": [{"field": field, "message": message} for field, message in causes]},
    }
    return ApiError(method="PATCH", path="/x", status=422, body=body, text="")


def test_causes_are_told_by_field_however_the_server_ordered_them() -> None:
    told = {refused(list(order)).server_message for order in itertools.permutations([*CAUSES, CAUSES[0]])}
    expected = ", ".join(f"{field}: {message}" for field, message in [CAUSES[2], CAUSES[1], CAUSES[0], REMARK])
    assert told == {f'Prometheus "old" is invalid: [{expected}]'}


@pytest.mark.parametrize("body", [None, {"message": "no"}, {"message": "no", "details": {"causes": []}}])
def test_other_answers_are_told_as_they_came(body: dict[str, object] | None) -> None:
    assert ApiError(method="GET", path="/x", status=500, body=body, text="no").server_message == "no"


def test_one_cause_is_told_as_it_came() -> None:
    assert refused(CAUSES[:1]).server_message == f'Prometheus "old" is invalid: spec.resources: {WRONG_TYPE}'
