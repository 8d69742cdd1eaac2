"""The operator's defaults are those of its releases: of their sources, and of the program that the lab builds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.defaults import (
    BASE_IMAGES,
    RELOADER_FLAG,
    SOURCE,
    VERSIONS,
    Versions,
)

from tests.integration.support.releases import crd_folder

FLAGS = {
    "prometheus-default-base-image": "DefaultPrometheusBaseImage",
    "alertmanager-default-base-image": "DefaultAlertmanagerBaseImage",
    "thanos-default-base-image": "DefaultThanosBaseImage",
}


def module_of(release: str) -> Path:
    """The folder of a release's Go module."""
    return next(folder for folder in crd_folder(release).parents if folder.name.startswith("prometheus-operator@"))


def constant(text: str, name: str) -> str:
    (found,) = re.findall(rf'^\s*{name} = "([^"]+)"', text, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("release", VERSIONS)
def test_the_table_is_that_of_the_releases_sources(release: str) -> None:
    text = (module_of(release) / SOURCE).read_text(encoding="utf-8")
    (matrix,) = re.findall(r"PrometheusCompatibilityMatrix = \[\]string\{(.*?)\n\t\}", text, re.DOTALL)
    assert "DefaultPrometheusVersion = PrometheusCompatibilityMatrix[len(PrometheusCompatibilityMatrix)-1]" in text
    assert VERSIONS[release] == Versions(
        prometheus=re.findall(r'^\s*"(v[^"]+)",', matrix, re.MULTILINE)[-1],
        alertmanager=constant(text, "DefaultAlertmanagerVersion"),
        thanos=constant(text, "DefaultThanosVersion"),
    )
    assert {flag: constant(text, name) for flag, name in FLAGS.items()} == {
        flag: image for flag, image in BASE_IMAGES.items() if flag != RELOADER_FLAG
    }
    assert f'DefaultPrometheusConfigReloaderImage = "{BASE_IMAGES[RELOADER_FLAG]}:v" + version.Version' in text
    main = (module_of(release) / "cmd/operator/main.go").read_text(encoding="utf-8")
    assert [flag for flag in BASE_IMAGES if f'"{flag}"' not in main] == []


def test_the_pinned_release_is_known() -> None:
    assert PROMETHEUS_OPERATOR in VERSIONS
