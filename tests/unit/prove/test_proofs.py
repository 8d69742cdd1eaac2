"""The ledger claims what was proven with what is here, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest

from tests.prove import ledger, main
from tests.prove.ledger import Row
from tests.prove.proofs import PART_MINUTES, Proof, all_proofs, digest_of, imported_from, inputs_of, project_files
from tests.suite import scenarios

PROOF = Proof(
    name="one",
    part="some",
    shows="That it holds",
    minutes=1,
    commands=((sys.executable, "-c", "pass"),),
    inputs=("tests/bench/one.py", "roles/*"),
)
FILES = {
    "tests/bench/one.py": b"from tests.bench import two\nimport promlab.pins\nimport json",
    "tests/bench/two.py": b"from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import plan",
    "tests/bench/three.py": b"",
    "tests/lab/promlab/pins.py": b"",
    "plugins/module_utils/_sets/plan.py": b"from tests.bench.one import A",
    "roles/a/tasks/main.yml": b"---",
}
ROW = Row(proof="one", result="passed", commit="abc", digest="d1", date="2026-01-02", seconds=700)


# -- what is declared -----------------------------------------------------------------------------------------------


def test_every_proof_has_a_name_of_its_own_and_inputs_that_exist() -> None:
    proofs = all_proofs()
    assert max(Counter(proof.name for proof in proofs).values()) == 1
    files = project_files()
    for proof in proofs:
        assert inputs_of(proof, files)
        assert len(digest_of(proof, files)) == 16


def test_no_part_takes_longer_than_allowed() -> None:
    minutes: Counter[str] = Counter()
    for proof in all_proofs():
        minutes[proof.part] += proof.minutes
    assert {part: sum_ for part, sum_ in minutes.items() if sum_ > PART_MINUTES} == {}


def test_every_scenario_that_declares_prove_is_a_proof() -> None:
    assert {proof.name for proof in all_proofs()} >= {f"molecule {name}" for name in scenarios.names("prove")}


def test_every_topic_of_the_bench_is_a_proof() -> None:
    topics = {path.stem for path in Path("tests/bench").resolve().glob("*.py") if "def measure(" in path.read_text()}
    assert topics - {proof.name for proof in all_proofs()} == set()


def test_every_row_is_of_a_proof() -> None:
    assert set(ledger.load()) - {proof.name for proof in all_proofs()} == set()


def test_the_page_shows_the_ledger_as_it_is() -> None:
    page = ledger.PAGE.read_text(encoding="utf-8")
    wanted = ledger.with_table(page, ledger.table(all_proofs(), ledger.load(), main.digests_now()))
    assert page == wanted, "docs/proofs.md does not show what is true now: run `make ledger` and commit the page"


# -- inputs ---------------------------------------------------------------------------------------------------------


def test_a_python_file_brings_what_it_imports() -> None:
    wanted = set(FILES) - {"tests/bench/three.py", "roles/a/tasks/main.yml"}
    assert imported_from("tests/bench/one.py", FILES) == wanted


@pytest.mark.parametrize("path", sorted(set(FILES) - {"tests/bench/three.py"}))
def test_a_changed_input_makes_another_digest(path: str) -> None:
    assert digest_of(PROOF, FILES | {path: FILES[path] + b"\n"}) != digest_of(PROOF, FILES)


def test_other_commands_make_another_digest() -> None:
    other = dataclasses.replace(PROOF, commands=(("true",),))
    assert digest_of(other, FILES) != digest_of(PROOF, FILES)


def test_what_is_no_input_changes_nothing() -> None:
    assert digest_of(PROOF, FILES | {"tests/bench/three.py": b"3", "docs/x.md": b""}) == digest_of(PROOF, FILES)


def test_an_input_that_no_file_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"one: no file fits the input 'role/\*'"):
        digest_of(dataclasses.replace(PROOF, inputs=("role/*",)), FILES)


# -- the ledger -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "digest", "state"),
    [
        (None, "d1", "never run"),
        (ROW, "d1", "passed"),
        (ROW, "d2", "passed, stale"),
        (dataclasses.replace(ROW, result="failed"), "d1", "failed"),
        (dataclasses.replace(ROW, result="failed"), "d2", "failed, stale"),
    ],
)
def test_only_what_was_run_with_these_inputs_is_claimed(row: Row | None, digest: str, state: str) -> None:
    assert ledger.state_of(row, digest=digest) == state
    rows = {row.proof: row} if row else {}
    line = ledger.table([PROOF], rows, {"one": digest}).splitlines()[-1]
    assert line.startswith(f"| `one` | some | That it holds | {state} |")
    assert line.endswith(" | `abc` | `d1` | 2026-01-02 | 12 min |" if row else f" {state} | | | | |")


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    for rows in ([], [ROW], [dataclasses.replace(ROW, proof="two"), ROW]):
        ledger.save(rows, path)
        assert ledger.load(path) == {row.proof: row for row in rows}


def test_a_page_without_the_marks_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the marks .* must surround the table"):
        ledger.with_table("# Proofs\n", "| |")


# -- a run ----------------------------------------------------------------------------------------------------------


def counting(runs: Path, *more: tuple[str, ...]) -> Proof:
    """A proof of which every run adds a word to the file *runs*, and then executes the commands *more*."""
    code = f"import pathlib; p = pathlib.Path({str(runs)!r}); p.write_text(p.read_text() + 'run')"
    return dataclasses.replace(PROOF, commands=((sys.executable, "-c", code), *more), inputs=("README.md",))


def make_only(proof: Proof, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes *proof* the only one that there is."""
    monkeypatch.setattr(main, "all_proofs", lambda: (proof,))
    monkeypatch.setattr(main, "of_part", lambda _part: (proof,))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger and a page of its own, and one proof that counts its runs in the returned file."""
    runs = tmp_path / "runs"
    runs.touch()
    make_only(counting(runs), monkeypatch)
    monkeypatch.setattr(ledger, "PATH", tmp_path / "ledger.json")
    monkeypatch.setattr(ledger, "PAGE", tmp_path / "proofs.md")
    monkeypatch.setattr(main, "FOLDER", tmp_path / "figures")
    ledger.save([])
    ledger.PAGE.write_text(f"{ledger.BEGIN}{ledger.END}")
    return runs


def test_what_has_passed_is_not_run_again(own: Path) -> None:
    assert main.main(["some"]) == 0
    assert main.main(["some"]) == 0
    assert own.read_text() == "run"
    (row,) = ledger.load().values()
    assert row.result == "passed"
    assert dt.date.fromisoformat(row.date).isoformat() == row.date
    assert "| passed |" in ledger.PAGE.read_text()
    assert main.main(["some", "--again"]) == 0
    assert own.read_text() == "runrun"


def test_what_failed_is_written_down_and_run_again(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_only(counting(own, (sys.executable, "-c", "raise SystemExit(3)")), monkeypatch)
    assert main.main(["some"]) == 1
    assert "| failed |" in ledger.PAGE.read_text()
    assert main.main(["some"]) == 1
    assert own.read_text() == "runrun"


def test_what_takes_too_long_is_ended_with_all_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    readers = []
    wait = subprocess.Popen.wait

    def too_long(process: subprocess.Popen[str], timeout: float | None = None) -> int:
        """Time is over as soon as the grandchild holds the pipe."""
        if timeout is None:
            return wait(process)
        readers.append(held.open("rb"))
        raise subprocess.TimeoutExpired("sh", timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", too_long)
    with pytest.raises(subprocess.TimeoutExpired):
        main.execute(["sh", "-c", f"sleep 600 >{held} & wait"], seconds=60)
    # The end of the pipe comes when nobody holds it any more.
    with readers[0] as reader:
        assert reader.read() == b""


def test_a_proof_that_takes_too_long_has_failed(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "execute", mock.Mock(side_effect=subprocess.TimeoutExpired("x", 1.0)))
    assert main.main(["some"]) == 1
    assert own.read_text() == ""
    (row,) = ledger.load().values()
    assert row.result == "failed"


def test_a_run_that_was_stopped_goes_on_where_it_was(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = counting(own)
    stopped = dataclasses.replace(done, name="two")
    monkeypatch.setattr(main, "all_proofs", lambda: (done, stopped))
    monkeypatch.setattr(main, "of_part", lambda _part: (done, stopped))
    execute = main.execute
    monkeypatch.setattr(main, "execute", mock.Mock(side_effect=[0, KeyboardInterrupt]))
    with pytest.raises(KeyboardInterrupt):
        main.main(["some"])
    assert set(ledger.load()) == {"one"}
    monkeypatch.setattr(main, "execute", execute)
    assert main.main(["some"]) == 0
    assert own.read_text() == "run", "only the one that was stopped"
    assert set(ledger.load()) == {"one", "two"}


def test_nothing_is_written_down_where_the_inputs_changed_meanwhile(
    own: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    digests = iter(["before", "after"])
    monkeypatch.setattr(main, "digest_of", lambda _proof, _files: next(digests))
    assert main.main(["some"]) == 1
    assert own.read_text() == "run"
    assert ledger.load() == {}
    assert "its inputs changed meanwhile: nothing is written down" in capfd.readouterr().out


def test_a_part_that_there_is_not_is_told_with_those_that_there_are(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["trut"])
    assert ended.value.code == 2
    assert "no part 'trut'; expected one of truth, interrupt" in capfd.readouterr().err
