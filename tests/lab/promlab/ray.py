"""The image of Ray for proofs: a small Debian with the wheels of PyPI, for the same user as Ray's own image."""

from __future__ import annotations

import sys
from pathlib import Path

from promlab import pins
from promlab.archive import ImageConfig, write_archive
from promlab.cache import complete, digest, remove_tree
from promlab.rootfs import debootstrap
from promlab.settings import Lab
from promlab.shell import logged

RAY_REFERENCE = f"docker.io/rayproject/ray:{pins.RAY}"
REQUIREMENTS = pins.LAB_DIR / "ray" / "requirements.txt"
# Debian's Python, and what KubeRay's commands and probes call.
PACKAGES = ("python3", "python3-venv", "procps", "wget", "ca-certificates")
# What Debian's Python and its C library can load; tags of wheels name the oldest library that they need.
PYTHON = "3.11"
LIBRARIES = ("2014", "_2_17", "_2_28", "_2_34")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
USER, HOME = "1000", "/home/ray"
VENV = f"{HOME}/venv"


def ray_path(lab: Lab, architecture: str) -> Path:
    """Where the archive of the current pins lies, built or not."""
    key = digest(Path(__file__).read_bytes(), REQUIREMENTS.read_bytes(), pins.DEBIAN, architecture)
    return lab.store / "images" / "ray" / f"{key}.tar"


def _platforms(architecture: str) -> list[str]:
    return [f"--platform=manylinux{library}_{MACHINES[architecture]}" for library in LIBRARIES]


def build_ray(lab: Lab, architecture: str) -> Path:
    """Make the image, and return the path of its archive."""
    target, log = ray_path(lab, architecture), lab.logs / "ray.log"
    root, layer = lab.work / "ray", lab.work / "ray.layer"
    remove_tree(root)
    debootstrap(root, PACKAGES, log=lab.logs / "ray-debootstrap.log")
    wheels = root / "wheels"
    # Downloaded out here, where the proxy and the certificates of this machine are known.
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    chosen = [f"--python-version={PYTHON}", "--implementation=cp", *_platforms(architecture)]
    logged([*download, *chosen, f"--dest={wheels}", f"--requirement={REQUIREMENTS}"], log=log)
    (root / "wheels.txt").write_text(REQUIREMENTS.read_text())
    install = f"{VENV}/bin/pip install --quiet --no-index --no-deps --no-compile --find-links=/wheels -r /wheels.txt"
    steps = [
        f"useradd --uid {USER} --create-home --home-dir {HOME} --shell /bin/bash ray",
        f"su ray -c 'python3 -m venv {VENV} && {install}'",
        # A login shell forgets the PATH of the image.
        f"echo 'export PATH={VENV}/bin:$PATH' > /etc/profile.d/ray.sh",
        "rm -rf /wheels /wheels.txt /var/cache/apt /var/lib/apt/lists /usr/share/doc /usr/share/man",
    ]
    for step in steps:
        logged(["chroot", root, "/bin/bash", "-ec", step], log=log)
    # The files are their user's: Ray installs what a job needs beside itself.
    pack = ["tar", "--numeric-owner", "--sort=name", "--mtime=@0", "--one-file-system", "--create"]
    config = ImageConfig(user=USER, workdir=HOME, env=(f"PATH={VENV}/bin:/usr/local/bin:/usr/bin:/bin", f"HOME={HOME}"))
    try:
        logged([*pack, f"--file={layer}", f"--directory={root}", "."], log=log)
        with complete(target) as partial:
            write_archive(partial, layer, reference=RAY_REFERENCE, image=config, architecture=architecture)
    finally:
        layer.unlink(missing_ok=True)
        remove_tree(root)
    return target
