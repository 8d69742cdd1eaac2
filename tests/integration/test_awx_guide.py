"""The guide to AWX, as a user follows it: its inventory, and its commands in their order."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests.integration.support.awx import TOKEN, FakeAwx
from tests.integration.support.playbook import CHECKOUT, environment

GUIDE = CHECKOUT / "docs/awx.md"
BLOCK = re.compile(r"```(yaml|shell|text)\n(.*?)```", re.DOTALL)


def test_a_user_keeps_templates_in_awx(tmp_path: Path) -> None:
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    inventory, image = [text for language, text in blocks if language == "yaml"]
    home, folder = tmp_path / "home", tmp_path / "repository"
    (home / ".kube").mkdir(parents=True)
    folder.mkdir()
    for name, text in ((".kube/config", "kind: Config"), (".awx-token", TOKEN), (".slack-token", "slack")):
        (home / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    (folder / "execution-environment.yml").write_text(image)
    env = environment(Path(sys.prefix), HOME=str(home))
    told: list[tuple[str, str]] = []
    with FakeAwx().started() as fake:
        assert "https://awx.example.com" in inventory
        (folder / "inventory.yml").write_text(inventory.replace("https://awx.example.com", fake.url))
        for line in [line for language, text in blocks if language == "shell" for line in text.splitlines()]:
            if len(told) == 4:
                fake.named("job_templates", "Monitoring: site")["forks"] = 50
            done = subprocess.run(
                ["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            told.append((line, done.stdout))
            if line.endswith("--check --diff"):
                assert fake.objects["job_templates"] == {}
        assert fake.objects["job_templates"] == {}
        assert fake.objects["credentials"] == {}
    looked, first, _commit, second, brought_back, *_rest = [output for _line, output in told]
    shown = [text for language, text in blocks if language == "text"]
    for line in shown[0].splitlines():
        assert f'"{line}"' in first
    for line in shown[1].splitlines():
        assert f'"{line}"' in brought_back
    assert "(check mode)" in looked
    assert "0 created, 0 updated, 0 deleted," in second
    (removed,) = [output for line, output in told[-1:]]
    assert "deleted project Monitoring" in removed
    assert not any("token" in output.replace("token_file", "") and TOKEN in output for _line, output in told)
    # What AWX gets from the repository.
    needed = yaml.safe_load((folder / "collections/requirements.yml").read_text())
    assert needed == {"collections": [{"name": "promfleet.monitoring"}]}
    for playbook in (folder / "playbooks").iterdir():
        (play,) = yaml.safe_load(playbook.read_text())
        assert play["import_playbook"] == f"promfleet.monitoring.{playbook.stem}"
    built = folder / "context/_build"
    assert yaml.safe_load((built / "requirements.yml").read_text())["collections"] == ["promfleet.monitoring"]
    container = (folder / "context/Containerfile").read_text()
    assert "ansible-core>=2.19" in container
    # Without these a job with a read-only home cannot run a module: support/awx_job.py sets the same.
    assert "ENV ANSIBLE_HOME=/tmp/.ansible ANSIBLE_REMOTE_TMP=/tmp/.ansible/tmp" in container
