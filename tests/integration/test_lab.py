"""The lab's own clusters: what all tests on them rely on."""

from __future__ import annotations

from pathlib import Path

import pytest

from promlab.session import Session
from tests.integration.support import lab


@pytest.mark.usefixtures("hub")
def test_services_answer_after_a_restart_of_kube_proxy(tmp_path: Path) -> None:
    """`lab soak` for hours proves more; this fault would show with the first restart."""
    log = tmp_path / "soak.log"
    assert Session().soak(lab.HUB, minutes=1, restarts=2, log=log) == 0, log.read_text()
