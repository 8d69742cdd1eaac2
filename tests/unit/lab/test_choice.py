"""Which engine, which images: a table of machines."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from promlab import choice as choice_module
from promlab.choice import Choice, EngineName, Images, choose, parse_choice, remembered_or_found, wishes
from promlab.errors import LabError


@pytest.mark.parametrize(
    ("docker", "podman", "cap", "pulling", "engine", "images"),
    [
        pytest.param(True, True, True, {"docker", "podman"}, "docker", "stock", id="laptop with both"),
        pytest.param(False, True, True, {"podman"}, "podman", "stock", id="laptop with podman"),
        pytest.param(True, True, True, {"podman"}, "podman", "stock", id="only podman pulls"),
        pytest.param(True, False, True, set(), "docker", "built", id="docker offline"),
        pytest.param(True, False, False, set(), "podman", "built", id="docker without its capability"),
        pytest.param(False, True, False, set(), "podman", "built", id="podman offline"),
        pytest.param(False, False, True, set(), "podman", "built", id="nothing yet"),
    ],
)
def test_choice_without_wishes(
    *, docker: bool, podman: bool, cap: bool, pulling: set[str], engine: str, images: str
) -> None:
    found = choose(docker=docker, podman=podman, cap_sys_resource=cap, pulls=lambda name: name in pulling)
    assert (found.engine, found.images) == (engine, images)


def never(name: EngineName) -> bool:
    raise AssertionError(f"{name} was asked to pull")


@pytest.mark.parametrize(
    ("wanted_engine", "wanted_images", "expected"),
    [
        (None, "built", ("docker", "built")),
        ("podman", "built", ("podman", "built")),
        (None, "stock", ("docker", "stock")),
        ("podman", "stock", ("podman", "stock")),
    ],
)
def test_wishes_are_obeyed_without_asking(
    wanted_engine: EngineName | None, wanted_images: Images, expected: tuple[str, str]
) -> None:
    found = choose(
        docker=True,
        podman=True,
        cap_sys_resource=True,
        pulls=never,
        wanted_engine=wanted_engine,
        wanted_images=wanted_images,
    )
    assert (found.engine, found.images, found.reason) == (*expected, "asked for")


def test_stock_without_an_engine_is_refused() -> None:
    with pytest.raises(LabError, match="neither"):
        choose(docker=False, podman=False, cap_sys_resource=True, pulls=never, wanted_images="stock")


@pytest.mark.parametrize("name", ["PROMFLEET_LAB_ENGINE", "PROMFLEET_LAB_IMAGES"])
def test_a_misspelt_wish_names_its_variable(name: str) -> None:
    with pytest.raises(LabError, match=f"{name} is 'nerdctl'"):
        wishes({name: "nerdctl"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"engine": "x", "images": "built", "reason": ""}'])
def test_an_unreadable_memory_counts_as_none(text: str) -> None:
    assert parse_choice(text) is None


def test_found_once_then_remembered_and_a_wish_changes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def cannot(engine: str) -> bool:
        asked.append(engine)
        return False

    monkeypatch.setattr(choice_module, "docker_answers", lambda: False)
    monkeypatch.setattr(choice_module, "find_program", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(choice_module, "can_pull", cannot)
    memory = tmp_path / "choice.json"

    def find(**environment: str) -> Choice:
        return remembered_or_found(memory, environment=environment, cap_sys_resource=False)

    first = find()
    assert (first.engine, first.images) == ("podman", "built")
    assert find(PROMFLEET_LAB_IMAGES="stock").images == "stock"
    assert asdict(find()) == asdict(first)
    assert asked == ["podman"]
