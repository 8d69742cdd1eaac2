"""What the machine can do, and what Podman has to be told where it cannot do everything."""

from __future__ import annotations

import os
import re
import resource
from dataclasses import dataclass
from pathlib import Path

CAP_SYS_RESOURCE = 24
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
# Each node runs a systemd, a containerd and a kubelet: the kernel's default of 128 ends with the second cluster.
INOTIFY_WANTED = 1024


def has_capability(status: str, bit: int) -> bool:
    """Whether the bounding set in the text of /proc/self/status holds a capability."""
    found = re.search(r"^CapBnd:\s*([0-9a-f]+)", status, re.MULTILINE)
    return bool(found) and bool(int(found[1], 16) >> bit & 1) if found else False


def is_debian(os_release: str) -> bool:
    """Whether the text of /etc/os-release names Debian or a distribution made from it."""
    words = re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)"?', os_release, re.MULTILINE)
    return "debian" in " ".join(words).split()


def inspect_machine() -> Machine:
    """Look at this machine."""
    os_release = Path("/etc/os-release")
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    nproc = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    return Machine(
        root=os.geteuid() == 0,
        debian=is_debian(os_release.read_text()) if os_release.exists() else False,
        cap_sys_resource=has_capability(Path("/proc/self/status").read_text(), CAP_SYS_RESOURCE),
        cgroup_v2=Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        systemd=Path("/run/systemd/system").exists(),
        nofile=nofile,
        nproc=nproc,
        pid_max=int(Path("/proc/sys/kernel/pid_max").read_text()),
    )


def containers_conf(machine: Machine) -> str | None:
    """A containers.conf for Podman with what this machine makes necessary; None where its own will do."""
    containers: list[str] = []
    engine: list[str] = []
    if not machine.cap_sys_resource:
        # Podman asks for higher limits than the hard ones, which takes CAP_SYS_RESOURCE:
        # "setrlimit RLIMIT_NOFILE: Operation not permitted".
        nproc = machine.pid_max if machine.nproc < 0 else min(machine.nproc, machine.pid_max)
        limits = [f'"nproc={nproc}:{nproc}"']
        if machine.nofile >= 0:
            limits.insert(0, f'"nofile={machine.nofile}:{machine.nofile}"')
        containers.append(f"default_ulimits = [{', '.join(limits)}]")
    if not machine.cgroup_v2:
        # crun, the default: "cgroups in hybrid mode not supported".
        engine.append('runtime = "runc"')
    if not machine.systemd:
        # The defaults talk to systemd and journald.
        engine += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
        containers.append('log_driver = "k8s-file"')
    if not (containers or engine):
        return None
    # This file takes the place of the system's: say what a node needs beside the above. A node holds many
    # processes, it does not react to SIGTERM (deleting it took 11 s instead of 1.6), and names need netavark.
    containers.append("pids_limit = 0")
    engine.append("stop_timeout = 1")
    lines = ["[containers]", *containers, "", "[engine]", *engine, "", "[network]", 'network_backend = "netavark"', ""]
    return "\n".join(lines)


def tune(machine: Machine) -> list[str]:
    """Give the nodes what they need from the kernel; returns a line for each thing that only root can do."""
    advice = []
    modules = Path("/lib/modules")
    if not modules.exists():  # kind mounts it: "statfs /lib/modules: no such file or directory"
        if machine.root:
            modules.mkdir(parents=True)
        else:
            advice.append(f"sudo mkdir {modules}")
    if int(INOTIFY_INSTANCES.read_text()) < INOTIFY_WANTED:
        if machine.root and os.access(INOTIFY_INSTANCES, os.W_OK):
            INOTIFY_INSTANCES.write_text(f"{INOTIFY_WANTED}\n")
        else:
            advice.append(f"sudo sysctl fs.inotify.max_user_instances={INOTIFY_WANTED}")
    return advice


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The facts that decide which workarounds are needed."""

    root: bool
    debian: bool
    cap_sys_resource: bool
    cgroup_v2: bool
    systemd: bool
    # Hard limits; -1 is unlimited.
    nofile: int
    nproc: int
    pid_max: int
