"""Each workaround only where the machine makes it necessary."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from promlab.disk import Need, shortages
from promlab.errors import LabError
from promlab.kindconfig import kind_config
from promlab.machine import CAP_SYS_RESOURCE, Machine, containers_conf, has_capability, is_debian
from promlab.progress import Progress
from promlab.settings import Lab
from promlab.system import Requirement, engine_requirements, ensure, missing, missing_message
from tests.unit.lab.machines import CONTAINER, LAPTOP


def conf(machine: Machine) -> dict[str, dict[str, object]]:
    text = containers_conf(machine)
    assert text is not None
    return tomllib.loads(text)


def test_a_usual_machine_keeps_its_own_podman_configuration() -> None:
    assert containers_conf(LAPTOP) is None


@pytest.mark.parametrize(
    ("change", "section", "key", "value"),
    [
        (
            {"cap_sys_resource": False},
            "containers",
            "default_ulimits",
            ["nofile=1048576:1048576", "nproc=4194304:4194304"],
        ),
        ({"cgroup_v2": False}, "engine", "runtime", "runc"),
        ({"systemd": False}, "engine", "cgroup_manager", "cgroupfs"),
        ({"systemd": False}, "engine", "events_logger", "file"),
    ],
    ids=["ulimits", "runtime", "cgroups", "events"],
)
def test_one_lack_brings_its_own_setting_only(change: dict[str, bool], section: str, key: str, value: object) -> None:
    found = conf(replace(LAPTOP, **change))
    assert found[section][key] == value
    everything = {"default_ulimits", "runtime", "cgroup_manager", "events_logger", "log_driver"}
    present = everything & {name for part in found.values() for name in part}
    assert present <= (
        {key} if key in ("default_ulimits", "runtime") else {"cgroup_manager", "events_logger", "log_driver"}
    )


def test_limits_stay_below_the_hard_ones() -> None:
    assert conf(CONTAINER)["containers"]["default_ulimits"] == ["nofile=20000:20000", "nproc=32768:32768"]
    unlimited = replace(CONTAINER, nofile=-1, nproc=100)
    assert conf(unlimited)["containers"]["default_ulimits"] == ["nproc=100:100"]


def test_runc_is_needed_on_cgroup_v1_only() -> None:
    assert Requirement(program="runc") in engine_requirements(CONTAINER)
    assert Requirement(program="runc") not in engine_requirements(LAPTOP)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("CapBnd:\t000001ffffffffff\n", True),
        ("Name:\tx\nCapBnd:\t000001fffeffffff\n", False),
        ("Name:\tx\n", False),
    ],
)
def test_capability_from_the_text_of_proc(status: str, *, expected: bool) -> None:
    assert has_capability(status, CAP_SYS_RESOURCE) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID=debian\n", True),
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', True),
        ('ID="fedora"\n', False),
        ("VERSION_ID=debian\n", False),
    ],
)
def test_debian_from_the_text_of_os_release(text: str, *, expected: bool) -> None:
    assert is_debian(text) is expected


@pytest.mark.parametrize("cgroup_v2", [True, False])
@pytest.mark.parametrize("image", ["localhost/node:1", None])
def test_kind_configuration(image: str | None, *, cgroup_v2: bool) -> None:
    found = json.loads(kind_config(node_image=image, cgroup_v2=cgroup_v2))
    assert found["networking"]["apiServerAddress"] == "127.0.0.1"
    (kubelet,) = map(json.loads, found["kubeadmConfigPatches"])
    assert ("failCgroupV1" in kubelet) is not cgroup_v2
    assert found["nodes"] == [{"role": "control-plane", **({"image": image} if image else {})}]
    assert found["networking"].get("disableDefaultCNI", False) is bool(image)
    assert found["networking"].get("kubeProxyMode") == ("nftables" if image else None)


def no_programs(_name: str) -> None:
    return None


def test_each_missing_program_is_named_with_the_line_that_mends_it() -> None:
    wanted = [Requirement(program="debootstrap"), Requirement(program="umount", package="mount")]
    text = missing_message(missing(wanted, no_programs))
    assert "debootstrap: sudo apt-get install debootstrap" in text
    assert "umount: sudo apt-get install mount" in text


def test_without_root_nothing_is_installed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-program: sudo apt-get install no-such-program"):
        ensure(
            [Requirement(program="no-such-program")],
            machine=LAPTOP,
            lab=Lab(root=tmp_path),
            progress=Progress(),
        )


def one_disk(free: int) -> dict[str, Callable[[Path], int]]:
    return {"device": lambda _path: 1, "free": lambda _path: free}


def test_room_on_one_disk_is_added_up() -> None:
    needs = [Need(what="caches", path=Path("/a"), mib=2048), Need(what="image", path=Path("/b"), mib=1024)]
    assert shortages(needs, **one_disk(4096)) == []
    [line] = shortages(needs, **one_disk(4096 - 512))
    assert line.startswith("0.5 GiB are missing: 4.0 GiB are needed")
    assert "caches 2.0 GiB in /a" in line
    assert "image 1.0 GiB in /b" in line
    assert line.endswith("3.5 GiB are free")


def test_many_needs_of_one_place_are_one_part_of_the_message() -> None:
    needs = [Need(what="programs", path=Path("/a"), mib=1024)] * 3
    [line] = shortages(needs, **one_disk(0))
    assert "(programs 3.0 GiB in /a, 1 GiB to spare)" in line


def test_room_on_two_disks_is_told_apart() -> None:
    needs = [Need(what="caches", path=Path("/a"), mib=2048), Need(what="image", path=Path("/b"), mib=1024)]
    lines = shortages(
        needs, device=lambda path: len(str(path.parent / path.name)) + ord(path.name), free=lambda _p: 2100
    )
    assert len(lines) == 1
    assert "caches" in lines[0]
    assert shortages([Need(what="nothing", path=Path("/a"), mib=0)], **one_disk(0)) == []
