"""Formatting, style, types and documentation: each line of the table is one tool."""

from __future__ import annotations

import pytest

from tests.suite import stages

SCRIPTS = [str(path.relative_to(stages.CHECKOUT)) for path in stages.python_scripts()]
COLLECTION = "ansible_collections.promfleet.monitoring.plugins"
MARKDOWN = [str(p.relative_to(stages.CHECKOUT)) for p in stages.tracked_files() if p.suffix == ".md"]

CHECKS = {
    "ruff-check": ["ruff", "check", ".", *SCRIPTS],
    "ruff-format": ["ruff", "format", "--check", ".", *SCRIPTS],
    "yamllint": ["yamllint", "--strict", "."],
    "mypy-plugins": ["mypy", "--package", COLLECTION],
    "mypy-tests": ["mypy", "tests", *SCRIPTS],
    "ansible-lint": ["ansible-lint", "--offline", "--strict", "--profile", "production"],
    "antsibull-docs": [
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--skip-rstcheck",
        "--validate-collection-refs=all",
        ".",
    ],
    "antsibull-changelog": ["antsibull-changelog", "lint"],
    "markdown": ["pymarkdown", "--config", "pyproject.toml", "--strict-config", "scan", *MARKDOWN],
}


@pytest.mark.parametrize("name", CHECKS)
def test_lint(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    stages.run(CHECKS[name], env=stages.environment(stages.MAIN), capfd=capfd)
