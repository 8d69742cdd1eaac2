"""`make prove PART=...`: runs the long proofs of a part that have not passed with the present inputs; `make ledger`.

A proof that ended is written into the ledger at once, so a part that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from tests.prove import ledger
from tests.prove.proofs import (
    FIGURES,
    PART_MINUTES,
    Proof,
    all_proofs,
    digest_of,
    here,
    inputs_of,
    of_part,
    project_files,
)
from tests.suite import stages
from tests.suite.lanes import clusters_to_oneself

FOLDER = here("build/prove")


def say(text: str) -> None:
    """One line of progress."""
    print(f"prove: {text}", flush=True)


def digests_now() -> dict[str, str]:
    """The digest of each proof's inputs, as they are here."""
    files = project_files()
    return {proof.name: digest_of(proof, files) for proof in all_proofs()}


def write_page() -> list[str]:
    """Writes the table in docs/proofs.md anew; returns the proofs that are stale."""
    rows, digests = ledger.load(), digests_now()
    page = ledger.PAGE.read_text(encoding="utf-8")
    wanted = ledger.with_table(page, ledger.table(all_proofs(), rows, digests))
    if wanted != page:
        ledger.PAGE.write_text(wanted, encoding="utf-8")
        say("docs/proofs.md is written anew: commit it")
    return [name for name, row in rows.items() if name in digests and row.is_stale(digests[name])]


def commit_for(proof: Proof, files: Mapping[str, bytes]) -> str:
    """What is checked out; `-dirty` says that an input of *proof* differs from it."""
    inputs = set(inputs_of(proof, files))
    changed = {line[3:] for line in _git("status", "--porcelain", "--no-renames", "--untracked-files=all")}
    (short,) = _git("rev-parse", "--short=10", "HEAD")
    return f"{short}-dirty" if changed & inputs else short


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=stages.CHECKOUT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def succeeds(proof: Proof) -> bool:
    """Runs the commands of *proof* with their output on the terminal; False where one fails or takes too long."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures = str(FOLDER / f"{proof.name.replace(' ', '-')}.json")
    with contextlib.ExitStack() as stack:
        if proof.on_lab:
            stack.enter_context(clusters_to_oneself(purpose=f"proof {proof.name}", say=say))
        deadline = time.monotonic() + PART_MINUTES * 60
        for command in proof.commands:
            words = [word.replace(FIGURES, figures) for word in command]
            try:
                status = execute(words, seconds=deadline - time.monotonic())
            except subprocess.TimeoutExpired:
                say(f"{proof.name}: not done after {PART_MINUTES} minutes")
                return False
            if status:
                say(f"{proof.name}: exit {status}: {' '.join(words)}")
                return False
    return True


def execute(words: Sequence[str], *, seconds: float) -> int:
    """Runs a command and returns its exit status; ends all its processes where it takes too long or we are stopped."""
    env = stages.environment(stages.MAIN)
    with subprocess.Popen(words, cwd=stages.CHECKOUT, env=env, stdin=subprocess.DEVNULL, process_group=0) as process:
        try:
            return process.wait(timeout=max(seconds, 0))
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise


def run(proof: Proof, digest: str) -> ledger.Row | None:
    """Runs *proof*; None where its inputs changed meanwhile, because then nobody knows what was proven."""
    say(f"{proof.name}: {proof.shows} (about {proof.minutes} min)")
    checked_out, started = commit_for(proof, project_files()), time.monotonic()
    result = "passed" if succeeds(proof) else "failed"
    seconds = round(time.monotonic() - started)
    if digest_of(proof, project_files()) != digest:
        say(f"{proof.name}: {result} after {seconds} s, but its inputs changed meanwhile: nothing is written down")
        return None
    say(f"{proof.name}: {result} after {seconds} s")
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return ledger.Row(proof=proof.name, result=result, commit=checked_out, digest=digest, date=today, seconds=seconds)


def prove(proofs: Sequence[Proof], *, again: bool) -> int:
    """Runs what is not proven yet; 1 where one of the proofs has not passed in the end."""
    digests = digests_now()
    passed = True
    for proof in proofs:
        digest = digests[proof.name]
        if not again and ledger.state_of(ledger.load().get(proof.name), digest=digest) == "passed":
            say(f"{proof.name}: passed with these inputs already")
            continue
        row = run(proof, digest)
        if row:
            # Read again: another part may have ended meanwhile.
            ledger.save((ledger.load() | {proof.name: row}).values())
            write_page()
        passed = passed and row is not None and row.result == "passed"
    return 0 if passed else 1


def show(digests: Mapping[str, str]) -> None:
    """All parts, and what is known of each proof."""
    rows = ledger.load()
    for proof in all_proofs():
        told = ledger.state_of(rows.get(proof.name), digest=digests[proof.name])
        print(f"{proof.part:16} {proof.minutes:3} min  {proof.name:16} {told}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 2 for a part that there is not."""
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("part", nargs="?", help="a part, or all; without one they are listed")
    parser.add_argument("--again", action="store_true", help="also what has passed with the present inputs")
    parser.add_argument("--write-page", action="store_true", help="only write docs/proofs.md anew")
    options = parser.parse_args(arguments)
    if options.write_page:
        if stale := write_page():
            say(f"stale, because their inputs changed: {', '.join(stale)}")
        return 0
    if not options.part:
        show(digests_now())
        return 0
    try:
        proofs = of_part(options.part)
    except ValueError as error:
        parser.error(str(error))
    return prove(proofs, again=options.again)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("stopped; what ended before is written down, the rest runs with the same command")
        sys.exit(130)
