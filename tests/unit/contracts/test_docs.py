"""What the guides name is there: files, anchors, make targets, playbooks, modules, roles and their variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.conditions import (
    conditions_config,
)

from tests.suite.stages import tracked_files

CHECKOUT = Path(__file__).resolve().parents[3]
GUIDES = [path for path in tracked_files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def anchors(path: Path) -> set[str]:
    """The anchors that headings of a guide get."""
    text = FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_is_a_readme() -> None:
    assert CHECKOUT / "README.md" in GUIDES


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_links_lead_somewhere(guide: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", guide.read_text())):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, anchor = (*target.split("#", maxsplit=1), "")[:2]
        path = (guide.parent / name).resolve() if name else guide
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_commands_exist(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE))
    text = guide.read_text()
    code = [match[2] for match in FENCE.finditer(text)] + re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for piece in code:
        for target in re.findall(r"(?:^|[\s;&])make ([a-z]+)", piece):
            assert target in targets, f"make {target}"
        for script in re.findall(r"(?:^|\s)((?:\./)?(?:tests|\.ci)/[\w./-]+)", piece):
            assert (CHECKOUT / script).exists(), script


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_names_of_the_collection_exist(guide: Path) -> None:
    own = {path.stem for folder in ("plugins/modules", "playbooks") for path in CHECKOUT.glob(f"{folder}/*")}
    own |= {path.name for path in CHECKOUT.glob("roles/*")} | {"all"}
    # Labels of objects go on with a slash, domains and files with a dot.
    named = set(re.findall(r"\bpromfleet\.monitoring\.(\w+)", guide.read_text()))
    assert named <= own


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_variables_exist(guide: Path) -> None:
    roles = sorted(path.name for path in CHECKOUT.glob("roles/*") if path.is_dir())
    known: set[str] = set(roles)
    for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text())["argument_specs"].values():
            known |= set(spec.get("options", {}))
    known |= {"promfleet_central", "promfleet_workers"}
    # So are metrics of kube-state-metrics.
    known |= {
        f"{one['metricNamePrefix']}_{metric['name']}"
        for one in conditions_config()["spec"]["resources"]
        for metric in one["metrics"]
    }
    # Modules and files may be named like a role with something behind it.
    known |= {path.stem for path in CHECKOUT.glob("plugins/modules/*.py")}
    pattern = re.compile(rf"(?<![\w./])(?:{'|'.join(roles)})_\w+")
    named = set(pattern.findall(guide.read_text()))
    assert {name for name in named if not name.endswith("_")} <= known | {
        n for n in named if n.startswith("promfleet_region_")
    }


@pytest.mark.parametrize("guide", GUIDES, ids=name_of)
def test_yaml_examples_can_be_read(guide: Path) -> None:
    for match in FENCE.finditer(guide.read_text()):
        if match[1] in {"yaml", "yml"}:
            assert list(yaml.load_all(match[2], Loader=Unsafe)), match[2]


class Unsafe(yaml.SafeLoader):
    """Reads Ansible's own tags too."""


Unsafe.add_constructor("!unsafe", yaml.SafeLoader.construct_scalar)  # type: ignore[type-var]  # its node is narrower than the stub says


@pytest.mark.parametrize("path", sorted((CHECKOUT / "plugins/doc_fragments").glob("*.py")), ids=lambda path: path.stem)
def test_documentation_fragments_are_yaml(path: Path) -> None:
    texts = re.findall(r'^    [A-Z]+ = r"""\n(.*?)"""$', path.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert texts
    for text in texts:
        assert yaml.safe_load(text)["options"] is not None
