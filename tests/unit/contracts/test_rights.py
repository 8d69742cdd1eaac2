"""What is shipped in docs/rights is what the modules need, as the generator knows it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import covers, single_rights

from tests.tools.rights import FOLDER, Account, accounts, files


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_the_shipped_files_are_the_generated_ones(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run make rights"


def test_nothing_else_is_shipped() -> None:
    assert {*FOLDER.iterdir()} == {*files(), FOLDER / "account.yml"}


@pytest.mark.parametrize("account", accounts(), ids=lambda account: account.name)
def test_each_right_stands_in_one_rule_only(account: Account) -> None:
    """So that taking it out takes it away: what tests prove about one right is true."""
    rules = yaml.safe_load((FOLDER / f"{account.name}.yml").read_text(encoding="utf-8"))["items"][0]["rules"]
    assert rules == account.rules
    for number, rule in enumerate(rules):
        others = rules[:number] + rules[number + 1 :]
        assert not [right for right in single_rights(rule) for other in others if covers(other, right)]


@pytest.mark.parametrize("account", accounts(), ids=lambda account: account.name)
def test_nobody_may_grant_themselves_more(account: Account) -> None:
    rights = [right for rule in account.rules for right in single_rights(rule)]
    assert not {right.verb for right in rights} & {"escalate", "bind", "impersonate", "*"}
    # The one that sees everything changes nothing but what it removes.
    assert {right.verb for right in rights if right.resource == "*"} <= {"list"}
