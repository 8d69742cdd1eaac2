"""Where images are copied to, what the lock file says of them, and the lists for the programs that copy them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.formats import FORMATS
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.lock import lock_text, parse_lock, updated
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.mapping import (
    copies_of,
    mirrored,
    targets_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import read_credentials
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import DEFINITION, work
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.images.test_image_reference import DIGESTS, HOSTS, TAGS, WORDS

JsonObject = dict[str, t.Any]
ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PROMETHEUS, ALERTMANAGER = "quay.io/prometheus/prometheus:v3.13.5", "quay.io/prometheus/alertmanager:v0.33.1"
PLACED = "mirror.example.com/quay.io/prometheus/prometheus:v3.13.5"
MIRRORS = {"quay.io": "mirror.example.com/quay.io"}


def run(*images: str, check: bool = False, **options: t.Any) -> JsonObject:
    """What the module does for a fleet of one cluster."""
    raw = {"inventories": [{"cluster": "hub", "images": list(images)}], **options}
    validated = ArgumentSpecValidator(DEFINITION.options).validate(raw)
    assert not validated.error_messages, validated.error_messages
    return work(Run(params=validated.validated_parameters, check=check))


# -- mapping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mirrors", "target"),
    [
        ({}, PROMETHEUS),
        (MIRRORS, PLACED),
        ({"quay.io": "registry"}, "registry/prometheus/prometheus:v3.13.5"),
        ({"quay.io": "m.io/a", "quay.io/prometheus": "m.io/b"}, "m.io/b/prometheus:v3.13.5"),
        # A prefix ends where a part of the name does.
        ({"quay.io/prom": "m.io"}, PROMETHEUS),
        ({"quay.io/prometheus/prometheus": "m.io/p"}, "m.io/p:v3.13.5"),
    ],
)
def test_the_longest_prefix_counts(mirrors: dict[str, str], target: str) -> None:
    assert str(mirrored(parse_reference(PROMETHEUS), mirrors)) == target


@given(HOSTS, st.lists(WORDS, min_size=1, max_size=3), TAGS, HOSTS)
def test_mirroring_keeps_all_behind_the_prefix(host: str, words: list[str], tag: str, mirror: str) -> None:
    image = f"{host}/{'/'.join(words)}:{tag}"
    assert str(mirrored(parse_reference(image), {host: mirror})) == image.replace(host, mirror, 1)


def test_a_registry_of_the_inventory_is_the_target() -> None:
    (copy,) = copies_of({"hub": [PLACED], "edge": [PLACED]}, {"quay.io": "other.example.com"})
    assert (copy.source, copy.target, copy.clusters) == (PROMETHEUS, PLACED, ("edge", "hub"))


def test_clusters_may_have_mirrors_of_their_own() -> None:
    found = copies_of({"hub": [PLACED], "edge": ["edge.example.com/prometheus/prometheus:v3.13.5"]}, {})
    assert [copy.target for copy in found] == ["edge.example.com/prometheus/prometheus:v3.13.5", PLACED]
    assert {copy.source for copy in found} == {PROMETHEUS}


def test_two_sources_with_one_target_are_refused_by_their_names() -> None:
    with pytest.raises(
        InputError, match=r"^mirrors: ghcr\.io/a/b:1 and quay\.io/a/b:1 would both be copied to m\.io/a"
    ):
        copies_of({"hub": ["quay.io/a/b:1", "ghcr.io/a/b:1"]}, {"quay.io": "m.io", "ghcr.io": "m.io"})


def test_old_images_are_where_the_others_are() -> None:
    copies = copies_of({"hub": [PLACED]}, {})
    assert targets_of("quay.io/thanos/thanos:v0.1.0", copies, {}) == ["mirror.example.com/quay.io/thanos/thanos:v0.1.0"]
    assert targets_of("ghcr.io/a/b:1", copies, {}) == []
    assert targets_of("ghcr.io/a/b:1", copies, {"ghcr.io": "m.io"}) == ["m.io/a/b:1"]


# -- lock file ----------------------------------------------------------------------------------------------------


@st.composite
def locks(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.tuples(HOSTS, WORDS, TAGS), max_size=5))
    return {f"{host}/{word}:{tag}": draw(st.one_of(DIGESTS, st.just(""))) for host, word, tag in names}


@given(locks())
def test_a_lock_file_is_read_as_it_was_written(digests: dict[str, str]) -> None:
    text = lock_text(digests)
    assert parse_lock(text.encode(), path="lock") == digests
    assert yaml.safe_load(text)["images"] == digests
    assert text == lock_text(dict(reversed(digests.items())))


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "a: [": "lock: cannot be read: ",
        "- a": "lock: must be one mapping with format and images",
        "": "lock: must be one mapping with format and images",
        "format: 2\nimages: {}": "lock: format: must be 1, found 2",
        "images: {}": "lock: format: must be 1, found None",
        "format: 1\nimages: []": "lock: images: must be a mapping of images to digests",
        "format: 1\nimages: {}\nimage: {}": "lock: image: unknown key; did you mean 'images'?",
        "format: 1\nimages: {'quay.io/A:1': ''}": "lock: images[quay.io/A:1]: 'quay.io/A:1': 'A' is not the path",
        "format: 1\nimages: {prometheus: ''}": "must be written as docker.io/library/prometheus:latest",
        "format: 1\nimages: {'quay.io/a:1': 'sha256:1'}": "lock: images[quay.io/a:1]: 'sha256:1' is not a digest",
        "format: 1\nimages: {'quay.io/a:1': 1}": "lock: images[quay.io/a:1]: must be a digest, found 1",
        f"format: 1\nimages: {{'quay.io/a@{ONE}': '{OTHER}'}}": "and the image itself names",
    }.items(),
)
def test_a_malformed_lock_file_has_the_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_lock(text.encode(), path="lock")
    assert message in str(caught.value)


def test_an_update_keeps_digests_and_learns_others() -> None:
    known = {"a.io/b:1": ONE, "a.io/c:1": OTHER}
    lock = {"a.io/b:1": OTHER, "a.io/old:1": ONE}
    assert updated(["a.io/b:1", "a.io/c:1", f"a.io/d@{ONE}", "a.io/e:1"], lock, known, whole=True) == {
        "a.io/b:1": OTHER, "a.io/c:1": OTHER, f"a.io/d@{ONE}": ONE, "a.io/e:1": "",
    }  # fmt: skip
    assert "a.io/old:1" in updated(["a.io/b:1"], lock, known, whole=False)


def test_missing_and_unused_images_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "images.lock.yml"
    lock.write_text(lock_text({ALERTMANAGER: ONE}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run(PROMETHEUS, lock=str(lock))
    assert f"has not these images, which the fleet uses: {PROMETHEUS}" in str(caught.value)
    assert f"has these images, which no cluster uses: {ALERTMANAGER}" in str(caught.value)
    with pytest.raises(InputError) as caught:
        run(PROMETHEUS, lock=str(lock), whole_fleet=False)
    assert ALERTMANAGER not in str(caught.value)


def test_an_update_is_predicted_done_and_done_once(tmp_path: Path) -> None:
    lock = tmp_path / "repository/images.lock.yml"
    assert run(PROMETHEUS, lock=str(lock), update_lock=True, check=True)["changed"]
    assert not lock.exists()
    assert run(PROMETHEUS, lock=str(lock), update_lock=True)["files"] == [{"path": str(lock), "action": "created"}]
    assert not run(PROMETHEUS, lock=str(lock), update_lock=True)["changed"]
    assert not run(PROMETHEUS, lock=str(lock))["changed"]
    assert run(PROMETHEUS, ALERTMANAGER, lock=str(lock), update_lock=True)["files"][0]["action"] == "updated"


def test_the_users_digests_are_what_is_copied(tmp_path: Path) -> None:
    lock = tmp_path / "lock.yml"
    lock.write_text(lock_text({PROMETHEUS: ONE}), encoding="utf-8")
    result = run(PROMETHEUS, lock=str(lock), require_digests=True, mirrors=MIRRORS, formats=["plain", "crane"],
                 folder=str(tmp_path / "mirror"))  # fmt: skip
    assert result["images"] == [{"source": PROMETHEUS, "target": PLACED, "digest": ONE, "clusters": ["hub"]}]
    by_digest = f"quay.io/prometheus/prometheus@{ONE}"
    assert (tmp_path / "mirror/images.txt").read_text().splitlines()[-1] == f"{by_digest}={PLACED}"
    assert (tmp_path / "mirror/crane.sh").read_text().splitlines()[-1] == f"crane copy {by_digest} {PLACED}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lock": "/nowhere/lock.yml"}, "lock: /nowhere/lock.yml does not exist; update_lock makes it"),
        ({"former_lock": "/nowhere/lock.yml"}, "former_lock: /nowhere/lock.yml does not exist"),
        ({"lock": "/"}, "lock: / cannot be read: "),
        ({"require_digests": True}, f"require_digests: no digest is known of {PROMETHEUS}; give lock"),
        ({"mirrors": {"https://quay.io": "m.io"}}, "mirrors.https://quay.io: 'https://quay.io' is not a registry"),
        ({"mirrors": {"quay.io": "m.io/"}}, "mirrors.quay.io: 'm.io/' is not a registry"),
        ({"formats": ["plain"]}, "folder: is required with formats"),
        ({"update_lock": True}, "lock: is required with update_lock"),
        ({"formats": ["plain"], "folder": "/nowhere"}, "give mirrors, or an image registry, for: quay.io/prometheus/"),
        ({"formats": ["skopeo"], "folder": "/nowhere", "mirrors": {"quay.io": "m.io"}},
         "formats: skopeo sync cannot copy"),
        ({"inventories": [{"cluster": "a", "images": ["quay.io/A:1"]}]}, "inventories[0].images[0]: 'quay.io/A:1'"),
        ({"inventories": [{"cluster": "a", "images": []}] * 2}, "inventories[1].cluster: 'a' is in the list already"),
        ({"credentials_file": "/nowhere", "ask": "source"}, "credentials_file: /nowhere cannot be read: "),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_its_option(options: JsonObject, message: str) -> None:
    with pytest.raises(InputError) as caught:
        run(PROMETHEUS, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("options", [{"formats": ["plian"]}, {"ask": "maybe"}])
def test_what_the_options_themselves_refuse(options: JsonObject) -> None:
    raw = {"inventories": [], "folder": "/x", **options}
    assert ArgumentSpecValidator(DEFINITION.options).validate(raw).error_messages


# -- lists for programs -------------------------------------------------------------------------------------------


@pytest.fixture
def texts() -> dict[str, str]:
    copies = copies_of({"hub": [PROMETHEUS, ALERTMANAGER]}, MIRRORS)
    digests = {PROMETHEUS: ONE, ALERTMANAGER: ""}
    return {name: text for made in FORMATS.values() for name, text in made(copies, digests).items()}


def test_skopeo_copies_by_tag_below_one_place(texts: dict[str, str]) -> None:
    text = texts["skopeo.yml"]
    assert yaml.safe_load(text) == {
        "quay.io": {"images": {"prometheus/prometheus": ["v3.13.5"], "prometheus/alertmanager": ["v0.33.1"]}}
    }
    (command,) = [line for line in text.splitlines() if "skopeo sync" in line]
    assert command.endswith(" skopeo.yml mirror.example.com")


def test_oc_mirror_has_its_configuration(texts: dict[str, str]) -> None:
    assert yaml.safe_load(texts["imageset-config.yml"]) == {
        "apiVersion": "mirror.openshift.io/v2alpha1", "kind": "ImageSetConfiguration",
        "mirror": {"additionalImages": [{"name": ALERTMANAGER}, {"name": f"quay.io/prometheus/prometheus@{ONE}"}]},
    }  # fmt: skip


def test_oras_and_crane_have_scripts(texts: dict[str, str]) -> None:
    for name, command in (("oras.sh", "oras cp"), ("crane.sh", "crane copy")):
        assert texts[name].startswith("#!/bin/sh\n")
        assert texts[name].splitlines()[-1] == f"{command} quay.io/prometheus/prometheus@{ONE} {PLACED}"


def test_what_may_be_deleted_follows_from_the_former_lock(tmp_path: Path) -> None:
    former, lock = tmp_path / "former.yml", tmp_path / "lock.yml"
    former.write_text(lock_text({PROMETHEUS: "", "quay.io/prometheus/prometheus:v3.12.0": ONE}), encoding="utf-8")
    lock.write_text(lock_text({PROMETHEUS: ""}), encoding="utf-8")
    gone = "mirror.example.com/quay.io/prometheus/prometheus:v3.12.0"
    options: JsonObject = {"lock": str(lock), "former_lock": str(former), "mirrors": MIRRORS, "formats": ["oc_mirror"],
               "folder": str(tmp_path / "mirror")}  # fmt: skip
    assert run(PROMETHEUS, **options)["delete"] == [gone]
    assert (tmp_path / "mirror/delete.txt").read_text().splitlines()[-1] == gone
    deleting = yaml.safe_load((tmp_path / "mirror/delete-imageset-config.yml").read_text())
    assert deleting["delete"]["additionalImages"] == [{"name": "quay.io/prometheus/prometheus:v3.12.0"}]
    assert run(PROMETHEUS, **{**options, "whole_fleet": False})["delete"] == []


def test_a_file_of_others_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "images.txt").write_text("mine\n")
    with pytest.raises(InputError, match=r"images\.txt was not made by this module"):
        run(PROMETHEUS, mirrors=MIRRORS, formats=["plain", "crane"], folder=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["images.txt"]


# -- credentials --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["r.example", "https://r.example/v2/", "r.example/path"])
def test_credentials_files_name_registries_in_several_ways(tmp_path: Path, key: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(f'{{"auths": {{"{key}": {{"auth": "dTpw"}}}}}}')
    assert read_credentials(path) == {"r.example": "Basic dTpw"}
    path.write_text(f'{{"auths": {{"{key}": {{"username": "u", "password": "p"}}}}}}')
    assert read_credentials(path) == {"r.example": "Basic dTpw"}


def test_docker_hub_is_called_by_its_index(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auths": {"https://index.docker.io/v1/": {"auth": "dTpw"}}}')
    assert read_credentials(path)["docker.io"] == "Basic dTpw"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"auths": []}', '{"auths": {"r": {}}}', '{"auths": {"r": {"auth": "geheim!"}}}']
)
def test_a_wrong_credentials_file_shows_no_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_credentials(path)
    assert str(path) in str(caught.value)
    assert "geheim" not in str(caught.value)
