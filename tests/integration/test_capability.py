"""A capability that is only registered: applied, pruned, predicted, refused and removed on a real API server."""

from __future__ import annotations

import re
import shutil
import sys
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import single
from tests.integration.support.playbook import CHECKOUT, Run
from tests.integration.support.toy import TOY
from tests.tools.stamp import PACKAGE, stamp

JsonObject = dict[str, t.Any]
PLACE = "toys"


@pytest.fixture
def toy(plane: ControlPlane, api: Cluster) -> Iterator[Callable[..., Answer]]:
    """Runs the toy's module; afterwards nothing of it is there."""
    definition = definition_of(TOY)

    def run(*, check: bool = False, **options: t.Any) -> Answer:
        given = {"kubeconfig": str(plane.kubeconfig), "context": plane.context, "namespace": PLACE, **options}
        checked = ArgumentSpecValidator(definition.options, **definition.rules).validate(given)
        assert not checked.error_messages, checked.error_messages
        return execute(definition, checked.validated_parameters, check=check, diff=False)

    yield run
    run(state="absent")
    api.wait_until(lambda: api.find("v1", "Namespace", PLACE) is None, "the namespace is gone")


def fates(answer: Answer) -> JsonObject:
    assert not answer.result.get("failed"), answer.result
    return {fate: count for fate, count in answer.result["counts"].items() if count}


def test_a_registered_capability_is_applied_pruned_and_removed(toy: Callable[..., Answer], api: Cluster) -> None:
    # With the record of the set.
    assert fates(toy(names=["bear", "car"], check=True)) == {"created": 5}
    assert api.find("v1", "Namespace", PLACE) is None
    assert fates(toy(names=["bear", "car"])) == {"created": 5}
    assert fates(toy(names=["car", "bear"])) == {"unchanged": 5}
    assert fates(toy(names=["car"])) == {"deleted": 1, "unchanged": 4}
    assert api.find("v1", "ConfigMap", "bear", PLACE) is None
    assert api.find("v1", "ConfigMap", "car", PLACE) is not None
    assert fates(toy(state="absent")) == {"deleted": 4}
    assert api.find("v1", "ConfigMap", "promfleet-set-default.toy", "kube-system") is None


def test_its_wrong_input_is_refused_before_the_first_write(toy: Callable[..., Answer], api: Cluster) -> None:
    answer = toy(names=["bear", "Not A Name"])
    assert answer.result["failed"] is True
    assert answer.result["msg"].startswith("names[1]: 'Not A Name' must consist of")
    assert api.find("v1", "Namespace", PLACE) is None


def config_map(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def test_parts_of_one_capability_leave_each_other_alone(plane: ControlPlane, api: Cluster) -> None:
    def run(part: str, *names: str) -> JsonObject:
        cluster = connect({"kubeconfig": str(plane.kubeconfig), "context": plane.context})
        owner = SetId(fleet="default", capability=TOY.name, part=part)
        request = Request(owner=owner, desired=tuple(map(config_map, names)), kinds=TOY.kinds)
        counts = converge(cluster, request, options=Options()).counts()
        return {fate: count for fate, count in counts.items() if count}

    # With the record of each.
    assert run("", "bear") == {"created": 2}
    assert run("blue", "car") == {"created": 2}
    with pytest.raises(Refused, match=r"default/bear belongs to the set 'default\.toy'; .*'default\.toy--blue'"):
        run("blue", "bear", "car")
    assert run("", "bear") == {"unchanged": 2}
    assert run("blue") == {"deleted": 2}
    assert api.find("v1", "ConfigMap", "bear", "default") is not None
    assert run("") == {"deleted": 2}


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with the toy in it: its folder, its line in the registry, and what `make stamp` makes of them."""
    root = tmp_path_factory.mktemp("collections")
    copy = root / "ansible_collections/promfleet/monitoring"
    for name in ("meta", "playbooks", "plugins", "roles"):
        shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("galaxy.yml", "README.md"):
        shutil.copy(CHECKOUT / name, copy)
    capabilities = copy / "plugins/module_utils/_capabilities"
    (capabilities / "toy").mkdir()
    shutil.copy(CHECKOUT / "tests/integration/support/toy.py", capabilities / "toy/capability.py")
    registry = capabilities / "registry.py"
    line = f"from {PACKAGE}._capabilities.toy.capability import TOY\n"
    text = registry.read_text().replace("\nCAPABILITIES", f"{line}\nCAPABILITIES")
    with_toy, count = re.subn(r"(\nCAPABILITIES\b[^\n]*\(\n(?:    \w+,\n)+)\)", r"\1    TOY,\n)", text)
    assert count == 1
    registry.write_text(with_toy)
    assert stamp([TOY], root=copy)
    return root


def test_what_is_stamped_for_it_works_as_it_is(
    collections: Path, playbook: Callable[..., Run], plane: ControlPlane, api: Cluster
) -> None:
    inventory = single(name="test-plane", kubeconfig=plane.kubeconfig)
    shipped = str(Path(sys.prefix) / "collections")

    def run(name: str, *arguments: str, **variables: t.Any) -> Run:
        inventory["all"]["vars"] |= variables
        env = {"ANSIBLE_COLLECTIONS_PATH": f"{collections}:{shipped}"}
        return playbook(name, inventory=inventory, env=env, arguments=arguments)

    wrong = {"toy_box_namespace": PLACE, "toy_box_names": ["bear", "Car"], "toy_box_nmes": []}
    (message,) = {failure.message for failure in run("toy_box", **wrong).require_failure().failures}
    assert "toy_box_nmes: unknown variable of the role toy_box; did you mean 'toy_box_names'?" in message
    assert "toy_box_names[1]: 'Car' must consist of" in message
    del inventory["all"]["vars"]["toy_box_nmes"]
    done = run("toy_box", toy_box_names=["bear", "car"]).require_success()
    assert len(done.objects()) == 5
    assert done.results[-1].data["msg"] == ["test-plane: ok, 5 objects changed"]
    assert run("toy_box", toy_box_names=["car"]).require_success().objects() == [f"deleted ConfigMap {PLACE}/bear"]
    assert len(run("uninstall", "--tags", "toy_box").require_success().objects()) == 4
    api.wait_until(lambda: api.find("v1", "Namespace", PLACE) is None, "the namespace is gone")
