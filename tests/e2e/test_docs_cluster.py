"""The documents about clusters: their commands are run word for word, their tables are compared with the manifests."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml

from parts.cluster import ClusterDaemon
from parts.control_plane import ControlPlane
from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import config_map
from parts.need import CHECKOUT, need_part
from parts.net import free_port
from parts.oci_registry import DockerRegistry
from parts.sealift import Sealift, default_program
from parts.wait import wait_for

GUIDE = CHECKOUT / "docs/getting-started-cluster.md"
SYSTEM = "sealift-system"
ROLES = ("receiver", "packager", "controller")


def words_of(cell: str) -> tuple[str, ...]:
    return tuple(re.findall("`([^`]+)`", cell)) or (cell.strip(),)


def documented_rights() -> set[tuple[Any, ...]]:
    """(account, where, group, resources, name, verbs) of each row of the table."""
    section = (CHECKOUT / "docs/cluster.md").read_text().split("\n## Rights\n")[1].split("\n## ")[0]
    rows = set()
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 5 or cells[0] in ("account", "---"):
            continue
        resources, _, name = cells[3].partition(" named ")
        where = words_of(cells[1])[0]
        account, group = words_of(cells[0])[0], words_of(cells[2])[0]
        rows.add((account, where, group, words_of(resources), name.strip("`"), words_of(cells[4])))
    return rows


def granted_rights() -> set[tuple[Any, ...]]:
    """The same of deploy/base."""
    objects = [
        thing
        for role in ROLES
        for thing in yaml.safe_load_all((CHECKOUT / f"deploy/base/{role}.yaml").read_text())
        if thing
    ]
    bindings = {
        (thing["roleRef"]["kind"], thing["roleRef"]["name"]): thing["subjects"]
        for thing in objects
        if thing["kind"] in ("ClusterRoleBinding", "RoleBinding")
    }
    rows = set()
    for thing in objects:
        if thing["kind"] not in ("ClusterRole", "Role"):
            continue
        name = thing["metadata"]["name"]
        subjects = bindings.get((thing["kind"], name))
        where = "everywhere" if thing["kind"] == "ClusterRole" else thing["metadata"]["namespace"]
        role = thing["metadata"]["labels"]["app.kubernetes.io/component"]
        account = subjects[0]["name"] if subjects else f"sealift-{role}"
        assert not subjects or [subject["kind"] for subject in subjects] == ["ServiceAccount"]
        for rule in thing["rules"]:
            group, named = rule["apiGroups"][0] or "core", (rule.get("resourceNames") or [""])[0]
            place = where if subjects else name
            rows.add((account, place, group, tuple(rule["resources"]), named, tuple(rule["verbs"])))
            assert len(rule["apiGroups"]) == 1 and len(rule.get("resourceNames") or [""]) == 1
    return rows


def test_the_table_of_rights_is_that_of_the_manifests() -> None:
    assert documented_rights() == granted_rights()


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def section(title: str) -> list[str]:
    parts = re.split(r"^## (?:\d+\. )?", GUIDE.read_text(), flags=re.M)
    found = [part for part in parts if part.startswith(title + "\n")]
    assert len(found) == 1, title
    return blocks(found[0])


def test_no_secret_is_an_argument_of_a_program() -> None:
    """printf is the shell's own; the arguments of others are for everybody to see."""
    commands = [command for block in blocks(GUIDE.read_text()) for command in re.split(r"[|\n]|&&|;", block)]
    assert [command for command in commands if "$token" in command] == [' printf %s "$token" > keys/git-token', ' printf %s "$token" > keys/registry-token']


class Reader:
    """Follows the guide in one shell, with local servers in the place of GitHub and its registry."""

    def __init__(self, plane: ControlPlane, folder: Path, replacements: dict[str, str]) -> None:
        self.plane, self.folder, self.replacements = plane, folder, replacements
        folder.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin/sealift").symlink_to(default_program())
        (folder / "bin/kubectl").symlink_to(need_part("kubernetes", "kubectl"))
        self.env = {**plane.kubectl_env(), "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        for name in ("SEALIFT_CONFIG", "SEALIFT_STATE"):
            self.env.pop(name, None)

    def does(self, *scripts: str) -> str:
        script = "\n".join(scripts)
        for old, new in self.replacements.items():
            script = script.replace(old, new)
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path / "plane") as own:
        own.controllers()
        yield own


@pytest.mark.timeout(300)
def test_the_guide_word_for_word(
    plane: ControlPlane,
    sealift: Sealift,
    tmp_path: Path,
    stack: contextlib.ExitStack,
    git_server: GitHttpServer,
    repo: GitRepo,
    docker_registry: DockerRegistry,
) -> None:
    registry = docker_registry.oci("").removeprefix("oci://").rstrip("/")
    replacements = {
        "https://github.com/acme/config.git": f"{git_server.url}/config.git",
        "ghcr.io/acme/sealift": "registry.example.com/acme/sealift",
        "ghcr.io": registry,
        "read -rs token": "token=a-token",
    }
    reader = Reader(plane, tmp_path / "reader", replacements)
    repo.commit({"apps/shop/prod/web.yaml": config_map("web", color="red"), "apps/shop/prod/b.yaml": config_map("b")})
    repo.push()

    reader.does(*section("Install"))
    daemons = {}
    for role in ROLES:
        kubeconfig = plane.kubeconfig_of(SYSTEM, f"sealift-{role}")
        daemons[role] = ClusterDaemon(sealift, plane, kubeconfig, SYSTEM, "--allow-loopback", roles=role)
        stack.callback(daemons[role].kill)
    receiver, controller = daemons["receiver"], daemons["controller"]
    wait_for("the role edit", lambda: plane.get("clusterrole", "edit")["rules"])
    shown = reader.does(*section("A namespace and a signing key"), *section("Logins"), *section("The objects"))
    assert "True" in shown

    def color() -> Any:
        return plane.get("configmap", "web", "-n", "shop")["data"]["color"]

    assert color() == "red"
    receiver.wait_condition("Hook", "github", "shop", "True", "Listening")
    commit = repo.commit({"apps/shop/prod/web.yaml": config_map("web", color="blue")})
    repo.push()
    replacements["https://hooks.example.com"] = receiver.hook_url
    answer = reader.does(*section("The webhook"))
    assert re.search("^HTTP/1.1 202", answer, re.M), answer
    wait_for("blue", lambda: color() == "blue")
    controller.wait_status("Sync", "shop", "shop", lambda status: status["artifact"]["revision"].endswith(commit))

    events, logs = section("The first push")
    assert "Applied" in reader.does(events)
    # Nobody runs in the pods here, so their logs are looked for where they are.
    delivery = plane.get("hook", "github", "-n", "shop")["status"]["lastDelivery"]["id"]
    assert "{.status.lastDelivery.id}" in logs and all(delivery in daemon.output for daemon in daemons.values())
    # That team's key comes from the team.
    reader.does(*section("Look around"), "cp keys/packager.pub keys/blog.pub", *section("More than one team"))
    plane.kubectl("patch", "configmap", "web", "-n", "shop", "--type=merge", "-p", '{"data":{"color":"green"}}')
    wait_for("blue again", lambda: color() == "blue")

    reader.does(*section("Remove it"))
    for words in (["get", "namespace", "shop"], ["get", "namespace", SYSTEM], ["get", "crd", "syncs.sealift.dev"]):
        assert plane.try_kubectl(*words).returncode != 0


@pytest.mark.timeout(300)
def test_the_rehearsal_word_for_word(tmp_path: Path) -> None:
    """On a control plane, with a registry and roles that the reader starts and ends."""
    for part, program in (("etcd", "etcd"), ("kubernetes", "kube-controller-manager"), ("kwok", "kwok")):
        need_part(part, program)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sealift").symlink_to(default_program())
    home = Path.home()
    env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}"}
    env.setdefault("SEALIFT_PARTS", str(Path(env.get("XDG_CACHE_HOME", home / ".cache")) / "sealift/parts"))
    for name in ("SEALIFT_CONFIG", "SEALIFT_STATE", "KUBECONFIG"):
        env.pop(name, None)
    script = "\n".join(section("Rehearse it on your own machine")).replace("sudo apt-get install docker-registry", "")
    for port in ("5050", "8080", "8081", "8082", "8083"):
        script = script.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
        script = re.sub(rf"^(role \w+) {port}$", lambda found: f"{found[1]} {free_port()}", script, flags=re.M)
    # However it ends, nothing of it runs on.
    end = 'trap \'kill $(jobs -p) 2>/dev/null || :; [ ! -d "$rehearsal" ] || deploy/control-plane down "$rehearsal/plane"\' EXIT\n'
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", end + script],
        cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "\nred\n" in done.stdout and "configmap/web condition met" in done.stdout
    assert not (tmp_path / "sealift-rehearsal").exists()


# The image


def installed_packages() -> set[str]:
    recipe = (CHECKOUT / "deploy/Dockerfile").read_text()
    return set(re.findall(r"^    ([a-z][a-z0-9.+-]+) \\$", recipe.split("\nFROM ")[-1].split("&&")[1], re.M))


def runtime_packages() -> set[str]:
    script = (CHECKOUT / "deploy/install-deps").read_text()
    found = re.search(r"^runtime_packages=\((.*?)\)", script, re.M | re.S)
    assert found
    return set(found.group(1).split())


def test_the_image_has_the_runtime_packages() -> None:
    assert installed_packages() == runtime_packages()
    guide = (CHECKOUT / "docs/getting-started.md").read_text()
    shown = next(block for block in blocks(guide) if "apt-get install ca-certificates" in block)
    listed = set(shown.replace("\\\n", " ").split()) - {"sudo", "apt-get", "install"}
    assert listed <= runtime_packages() and runtime_packages() - listed <= {"libevent-pthreads-2.1-7"}


def test_the_image_fits_the_deployments() -> None:
    recipe = (CHECKOUT / "deploy/Dockerfile").read_text()
    last = recipe.split("\nFROM ")[-1]
    assert "COPY --from=build /out/sealift /usr/bin/sealift\n" in last
    assert 'ENTRYPOINT ["/usr/bin/sealift"]' in last and "USER 65534:65534" in last
    # What a later stage does as root is not in the image of the first; nothing is added after the user is set.
    assert not re.search(r"^(RUN|COPY|ADD)", last.split("\nUSER ")[1], re.M)
    for role in ROLES:
        for thing in yaml.safe_load_all((CHECKOUT / f"deploy/base/{role}.yaml").read_text()):
            if thing and thing["kind"] == "Deployment":
                container = thing["spec"]["template"]["spec"]["containers"][0]
                assert "command" not in container and container["args"][0] == "serve"
                mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
                assert {"/tmp", "/var/cache/sealift"} <= mounts
