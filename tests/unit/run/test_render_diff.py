"""Two folders of rendered objects: what differs, by cluster, team, object and field, and nothing secret."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import (
    render,
    with_kustomizations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import render_diff
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import carry_out, make_plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.render_diff import compare, files_of, work
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.difference_views import MARKDOWN, as_markdown

JsonObject = dict[str, t.Any]
TEAM = {"promfleet.monitoring/team": "pay"}


def prometheus(name: str = "pay", **spec: t.Any) -> JsonObject:
    metadata = {"name": name, "namespace": "monitoring-pay", "labels": dict(TEAM)}
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus"}
    return {**head, "metadata": metadata, "spec": {"replicas": 1, **spec}}


NAMESPACE: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pay", "labels": dict(TEAM)}}


def write(root: Path, objects: t.Sequence[JsonObject], *, cluster: str = "hub", capability: str = "teams") -> Path:
    files = render(objects, number=1, by_team=True)
    wanted = with_kustomizations({f"{capability}/{path}": text for path, text in files.items()})
    about = {"fleet": "default", "cluster": cluster}
    plan = make_plan(root / cluster, {path: text.encode() for path, text in wanted.items()}, about=about,
                     overwrite_edited=False)  # fmt: skip
    carry_out(plan)
    return root


def differences(tmp_path: Path, before: t.Sequence[JsonObject], after: t.Sequence[JsonObject]) -> list[JsonObject]:
    found = compare(write(tmp_path / "before", before), write(tmp_path / "after", after))
    return [change.result() for change in found.changes]


def fields(tmp_path: Path, before: JsonObject, after: JsonObject) -> list[tuple[str, t.Any, t.Any]]:
    (change,) = differences(tmp_path, [before], [after])
    assert change["action"] == "updated"
    return [(one["field"], one.get("before", "-"), one.get("after", "-")) for one in change["fields"]]


def test_equal_folders_have_no_differences(tmp_path: Path) -> None:
    found = compare(write(tmp_path / "a", [prometheus(), NAMESPACE]), write(tmp_path / "b", [NAMESPACE, prometheus()]))
    assert found.changes == ()
    assert found.headline == "0 created, 0 updated, 0 deleted, 2 unchanged"


def test_objects_are_created_updated_and_deleted(tmp_path: Path) -> None:
    before = [NAMESPACE, prometheus("a"), prometheus("b"), prometheus("c")]
    after = [NAMESPACE, prometheus("b"), prometheus("c", replicas=2), prometheus("d")]
    found = compare(write(tmp_path / "before", before), write(tmp_path / "after", after))
    assert [(change.action, change.key.name) for change in found.changes] == [
        ("deleted", "a"), ("updated", "c"), ("created", "d"),
    ]  # fmt: skip
    assert found.summary() == {"created": 1, "updated": 1, "deleted": 1, "unchanged": 2}
    assert {change.place for change in found.changes} == {("hub", "teams", "pay")}


CASES: tuple[tuple[JsonObject, JsonObject, list[tuple[str, t.Any, t.Any]]], ...] = (
    ({"retention": "24h"}, {"retention": "48h"}, [("spec.retention", "24h", "48h")]),
    ({"retention": "24h"}, {}, [("spec.retention", "24h", "-")]),
    ({}, {"paused": None}, [("spec.paused", "-", None)]),
    ({"replicas": 1}, {"replicas": True}, [("spec.replicas", 1, True)]),
    ({"a": {"x.y/z": 1}}, {"a": {"x.y/z": 2}}, [("spec.a['x.y/z']", 1, 2)]),
    ({"args": ["a", "b"]}, {"args": ["a", "c"]}, [("spec.args[1]", "b", "c")]),
    ({"args": ["a"]}, {"args": ["a", "b"]}, [("spec.args", ["a"], ["a", "b"])]),
    (
        {"groups": [{"name": "a", "n": 1}, {"name": "b", "n": 1}]},
        {"groups": [{"name": "b", "n": 2}, {"name": "c", "n": 1}]},
        [
            ("spec.groups[name=a]", {"name": "a", "n": 1}, "-"),
            ("spec.groups[name=b].n", 1, 2),
            ("spec.groups[name=c]", "-", {"name": "c", "n": 1}),
        ],
    ),
    (
        {"groups": [{"name": "a"}, {"name": "b"}]},
        {"groups": [{"name": "b"}, {"name": "a"}]},
        [("spec.groups (order)", ["a", "b"], ["b", "a"])],
    ),
    (
        {"url": "https://user:hunter2@a.example.com", "token": "hunter2"},
        {"url": "https://user:hunter3@a.example.com", "token": "hunter3"},
        [
            ("spec.token", "VALUE HIDDEN", "VALUE HIDDEN, CHANGED"),
            ("spec.url", "https://VALUE HIDDEN@a.example.com", "https://VALUE HIDDEN, CHANGED@a.example.com"),
        ],
    ),
)


@pytest.mark.parametrize(("before", "after", "expected"), CASES)
def test_fields(tmp_path: Path, before: JsonObject, after: JsonObject, expected: t.Any) -> None:
    found = fields(tmp_path, prometheus(**before), prometheus(**after))
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_an_object_that_moves_to_another_file_is_one_object(tmp_path: Path) -> None:
    moved = copy.deepcopy(prometheus())
    moved["metadata"]["labels"]["promfleet.monitoring/team"] = "shop"
    assert [path for path, _before, _after in fields(tmp_path, prometheus(), moved)] == [
        "metadata.labels['promfleet.monitoring/team']"
    ]


def test_clusters_are_compared_by_their_names(tmp_path: Path) -> None:
    write(tmp_path / "before", [NAMESPACE], cluster="edge")
    write(tmp_path / "before", [NAMESPACE], cluster="hub")
    write(tmp_path / "after", [prometheus()], cluster="hub")
    write(tmp_path / "after", [NAMESPACE], cluster="west")
    found = compare(tmp_path / "before", tmp_path / "after")
    assert [(change.cluster, change.action, change.key.kind) for change in found.changes] == [
        ("edge", "deleted", "Namespace"),
        ("hub", "deleted", "Namespace"),
        ("hub", "created", "Prometheus"),
        ("west", "created", "Namespace"),
    ]
    one = compare(tmp_path / "before" / "hub", tmp_path / "after" / "hub")
    assert {change.cluster for change in one.changes} == {"hub"}
    (tmp_path / "nothing").mkdir()
    assert compare(tmp_path / "nothing", tmp_path / "after").summary()["created"] == 2


def test_files_that_were_edited_by_hand_are_read_as_they_are(tmp_path: Path) -> None:
    for name in ("before", "after"):
        write(tmp_path / name, [prometheus(retention="24h")])
    (path,) = (tmp_path / "after/hub").rglob("namespace-monitoring-pay.yaml")
    path.write_text(f"# why\n{path.read_text().replace('24h', 'on').replace('spec:', 'spec: # here')}")
    (change,) = compare(tmp_path / "before", tmp_path / "after").changes
    assert [one.result() for one in change.fields] == [{"field": "spec.retention", "before": "24h", "after": True}]
    # Comments alone are no difference.
    path.write_text(path.read_text().replace("on # here", "24h").replace(": on", ": 24h"))
    assert compare(tmp_path / "before", tmp_path / "after").headline == "0 created, 0 updated, 0 deleted, 1 unchanged"


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.yaml").write_text("a: 1")
    good = write(tmp_path / "good", [prometheus(), NAMESPACE])
    with pytest.raises(InputError) as caught:
        compare(tmp_path / "missing", tmp_path / "other")
    assert [str(error).partition(": ")[0] for error in caught.value.errors] == ["before", "after"]
    paths = sorted((good / "hub").rglob("*-*.yaml")) + sorted((good / "hub").rglob("cluster.yaml"))
    paths[0].write_text("a: [")
    paths[1].unlink()
    with pytest.raises(InputError) as caught:
        compare(write(tmp_path / "before", [NAMESPACE]), good)
    found = "".join(map(str, caught.value.errors))
    assert str(paths[0]) in found
    assert f"{paths[1]}: cannot be read" in found


# -- what is shown ------------------------------------------------------------------------------------------------


def both(tmp_path: Path) -> tuple[Path, Path]:
    before = [NAMESPACE, prometheus("a", retention="24h"), prometheus("b")]
    after = [NAMESPACE, prometheus("a", retention="48h", note="x`|<b>"), prometheus("c")]
    return write(tmp_path / "before", before), write(tmp_path / "after", after)


def test_the_text_and_the_markdown(tmp_path: Path) -> None:
    files = files_of(compare(*both(tmp_path)))
    assert files["differences.txt"] == (
        "1 created, 1 updated, 1 deleted, 1 unchanged\n"
        "hub: 1 created, 1 updated, 1 deleted, 1 unchanged\n"
        "  teams, team pay\n"
        "    ~ Prometheus monitoring-pay/a\n"
        '        spec.note: added "x`|<b>"\n'
        '        spec.retention: "24h" -> "48h"\n'
        "    - Prometheus monitoring-pay/b\n"
        "    + Prometheus monitoring-pay/c\n"
    )
    assert files["differences.md"] == (
        "**Objects: 1 created, 1 updated, 1 deleted, 1 unchanged**\n"
        "\n"
        "| cluster | created | updated | deleted | unchanged |\n"
        "|---|---|---|---|---|\n"
        "| hub | 1 | 1 | 1 | 1 |\n"
        "\n"
        "<details><summary>hub: teams, team pay: 3 objects</summary>\n"
        "\n"
        "- updated `Prometheus monitoring-pay/a`\n"
        '  - `spec.note`: `` added "x`|<b>" ``\n'
        '  - `spec.retention`: `"24h" -> "48h"`\n'
        "- deleted `Prometheus monitoring-pay/b`\n"
        "- created `Prometheus monitoring-pay/c`\n"
        "\n"
        "</details>\n"
    )
    whole = json.loads(files["differences.json"])
    assert whole["version"] == 1
    assert whole["clusters"] == {"hub": whole["summary"]}
    assert len(whole["differences"]) == 3


def test_a_comment_of_a_merge_request_has_room_for_it(tmp_path: Path) -> None:
    many = [prometheus(f"p{number}", note="x" * 100) for number in range(2000)]
    for one in many[:1000]:
        one["metadata"]["labels"]["promfleet.monitoring/team"] = "shop"
    after = [{**one, "spec": {"note": "y" * 200}} for one in many[500:]]
    found = compare(write(tmp_path / "before", many), write(tmp_path / "after", after))
    text = as_markdown(found)
    assert len(text) <= MARKDOWN + 100
    assert "more objects differ; the text and the JSON have them." in text


Fails = Callable[[JsonObject], bool]


@pytest.mark.parametrize(
    ("fail_on", "equal", "deleted", "created"),
    [("never", False, False, False), ("deleted", False, True, False), ("any", False, True, True)],
)
def test_the_threshold(tmp_path: Path, fail_on: str, *, equal: bool, deleted: bool, created: bool) -> None:
    small, large = write(tmp_path / "small", [NAMESPACE]), write(tmp_path / "large", [NAMESPACE, prometheus()])

    def fails(before: Path, after: Path) -> bool:
        params = {"before": str(before), "after": str(after), "fail_on": fail_on, "result_folder": None}
        return work(Run(params=params, check=False))["failure"] is not None

    assert (fails(small, small), fails(large, small), fails(small, large)) == (equal, deleted, created)


def test_results_are_written_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_diff, "RESULT_BYTES", 500)
    monkeypatch.setattr(render_diff, "TEXT_BYTES", 20)
    before, after = both(tmp_path)
    params = {"before": str(before), "after": str(after), "fail_on": "never", "result_folder": str(tmp_path / "out")}
    result = work(Run(params=params, check=False))
    assert result["truncated"] + len(result["differences"]) == 3
    assert "cut" in result["text"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "differences.json", "differences.md", "differences.txt",
    ]  # fmt: skip
    params["result_folder"] = str(tmp_path / "out" / "differences.md")
    with pytest.raises(InputError, match="result_folder: the differences could not be written"):
        work(Run(params=params, check=False))


def test_two_processes_give_the_same_bytes(tmp_path: Path) -> None:
    """No order may come from hashes of text, which differ from process to process."""
    before, after = both(tmp_path)
    program = (
        "import sys, pathlib\n"
        f"from {render_diff.__name__} import compare, files_of\n"
        "print(files_of(compare(*map(pathlib.Path, sys.argv[1:]))))\n"
    )
    command = [sys.executable, "-c", program, str(before), str(after)]
    found = {
        subprocess.run(
            command,
            env={"PYTHONPATH": f"{sys.prefix}/collections", "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(found) == 1
