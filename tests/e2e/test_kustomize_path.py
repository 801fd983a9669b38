"""Kustomize trees on the path of a change, and in `sealift render`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest

from parts.git_http import GitHttpServer
from parts.git_repo import GitRepo
from parts.journey import Journey, applied, config_map, object_file, push, released, seen, tree
from parts.objects import Config
from parts.sealift import Daemon, Sealift

Serve = Callable[..., Daemon]

TREE = {
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "base/web.yaml": config_map("web", color="red"),
    "prod/kustomization.yaml": "namePrefix: prod-\nnamespace: shop\nbases: [../base]\n",
    "test/kustomization.yaml": "namePrefix: test-\nresources: [../base]\n",
}


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def url(git_server: GitHttpServer, repo: GitRepo) -> str:
    """Of `repo`, which has one commit."""
    repo.commit(TREE)
    repo.push()
    return f"{git_server.url}/config.git"


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return f"oci-layout://{tmp_path}/layout"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.quick
def test_overlay_is_packaged(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    """A base outside of the path counts, another overlay does not."""
    journey.bundle(url, layout, path="./prod")
    journey.hook()
    journey.sync()
    daemon = serve()
    first = released(daemon, repo.head)
    applied(daemon, first["digest"])
    daemon.wait_line(msg="bundle renders with a warning", error="prod/kustomization.yaml: bases is deprecated; use resources")
    assert set(tree(journey.target)) == {object_file("prod-web", "shop")}
    commit = push(daemon, repo, url, {"base/web.yaml": config_map("web", color="blue")})
    second = released(daemon, commit)
    applied(daemon, second["digest"])
    assert "blue" in (journey.target / object_file("prod-web", "shop")).read_text()
    commit = push(daemon, repo, url, {"test/kustomization.yaml": "namePrefix: x-\nresources: [../base]\n"})
    assert seen(daemon, commit)["digest"] == second["digest"]


def test_mistake_names_the_chain(journey: Journey, serve: Serve, repo: GitRepo, url: str, layout: str) -> None:
    journey.bundle(url, layout, path="./prod")
    journey.hook()
    daemon = serve()
    released(daemon, repo.head)
    push(daemon, repo, url, {"base/kustomization.yaml": "resources: [web.yaml, gone.yaml]\n"})
    daemon.wait_condition("Bundle", "shop", "Ready", "False", reason="RenderFailed")
    message = daemon.condition("Bundle", "shop")["message"]
    assert "prod/kustomization.yaml:3: bases[0]: base/kustomization.yaml:1: resources[1]: " in message
    assert "gone.yaml" in message


def test_render_prints_as_kustomize(sealift: Sealift, tmp_path: Path) -> None:
    folder = write(tmp_path / "tree", TREE)
    answer = sealift("render", str(folder), "--path", "prod")
    assert answer.out == (
        "apiVersion: v1\ndata:\n  color: red\nkind: ConfigMap\nmetadata:\n  name: prod-web\n  namespace: shop\n"
    )
    assert "prod/kustomization.yaml: bases is deprecated; use resources" in answer.err


def test_render_takes_an_overlay_of_a_checkout(sealift: Sealift, tmp_path: Path) -> None:
    folder = write(tmp_path / "tree", TREE)
    assert "leads out of the tree; name a folder that holds both, and --path" in sealift.fails("render", folder / "prod").err
    (folder / ".git").mkdir()
    assert sealift("render", folder / "prod").out == sealift("render", folder, "--path", "prod").out
    pushed = [
        sealift("push", *words, f"oci-layout://{tmp_path}/layout:{tag}", "--identity", "r.example/a", "--unsigned",
                "--created", "2026-01-02T03:04:05Z").out
        for tag, words in (("a", [folder / "prod"]), ("b", [folder, "--path", "prod"]))
    ]  # fmt: skip
    assert pushed[0] == pushed[1]


def test_render_puts_in_variables(sealift: Sealift, journey: Journey, layout: str, tmp_path: Path) -> None:
    """As a Bundle has them, from flags or from the Bundle itself."""
    values = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\ndata: {REGION: us, COPIES: '3'}\n"
    base = config_map("web", region="${REGION}", copies="no ${COPIES:=1}")
    folder = write(tmp_path / "tree", {**TREE, "base/web.yaml": base, "envs/us.yaml": values})
    words = ("render", folder, "--path", "prod")
    assert "region: ${REGION}\n" in sealift(*words).out
    flags = ("--substitute-from", "envs/us.yaml", "--substitute", "REGION=eu=1")
    assert "data:\n  copies: no 3\n  region: eu=1\n" in sealift(*words, *flags).out
    unset = sealift.fails(*words, "--substitute", "COPIES=2").err
    assert "base/web.yaml:6: ConfigMap prod-web: the variable REGION is not set; give it a value in substitute.vars" in unset
    assert "region: null\n" in sealift(*words, "--substitute-unset").out
    assert '--substitute "A-B=1": write NAME=VALUE' in sealift.fails(*words, "--substitute", "A-B=1").err
    assert "there is no envs/eu.yaml" in sealift.fails(*words, "--substitute-from", "envs/eu.yaml").err
    journey.bundle(f"file://{folder}", layout, path="./prod", render={"substitute": {"from": ["envs/us.yaml"]}})
    objects = ("--config", journey.config.folder, "--state", tmp_path / "state")
    named = ("render", folder, "--bundle", "shop", *objects)
    assert sealift(*named).out == sealift(*words, "--substitute-from", "envs/us.yaml").out
    assert "region: eu\n" in sealift(*named, "--substitute", "REGION=eu").out
    assert "there is no Bundle default/shops; there is shop" in sealift.fails("render", folder, "--bundle", "shops", *objects).err


def test_render_explains(sealift: Sealift, tmp_path: Path) -> None:
    folder = write(tmp_path / "tree", TREE)
    words = ("render", str(folder), "--path", "prod", "--explain")
    lines = [line.split(maxsplit=1) for line in sealift(*words, "configmap/prod-web").out.splitlines()]
    assert lines[0] == ["configmap/prod-web"]
    assert ["data.color", "base/web.yaml:1"] in lines
    assert ["metadata.name", "prod/kustomization.yaml:1: namePrefix"] in lines
    assert ["metadata.namespace", "prod/kustomization.yaml:2: namespace"] in lines
    assert "no rendered object is pod/x" in sealift.fails(*words, "pod/x").err
    meant = sealift.fails(*words, "configmap/prodweb").err
    assert "no rendered object is configmap/prodweb (did you mean configmap/prod-web?)" in meant
    explained = json.loads(sealift(*words, "configmap/prod-web", "-o", "json").out)
    assert [one["object"] for one in explained] == ["configmap/prod-web"]
    assert explained[0]["file"] == "base/web.yaml:1"
    assert explained[0]["fields"]["metadata.namespace"] == "prod/kustomization.yaml:2: namespace"


DEEP = {
    "base/web.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        "spec: {replicas: 1, template: {spec: {containers: [{name: main, image: nginx}]}}}\n"
    ),
    "base/kustomization.yaml": (
        "resources: [web.yaml]\nlabels:\n- {pairs: {app: web}, includeSelectors: true}\n"
        "configMapGenerator: [{name: conf, literals: [color=red]}]\n"
    ),
    "middle/conf.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        "spec: {template: {spec: {containers: [{name: main, workingDir: /srv, envFrom: [{configMapRef: {name: conf}}]}]}}}\n"
    ),
    "middle/kustomization.yaml": (
        "resources: [../base]\nnamePrefix: m-\nimages: [{name: nginx, newTag: '1.2'}]\npatches:\n- path: conf.yaml\n"
    ),
    "prod/kustomization.yaml": (
        "resources: [../middle]\nnamespace: shop\nnameSuffix: -eu\nreplicas: [{name: web, count: 5}]\nreplacements:\n"
        "- source: {kind: ConfigMap, name: conf, fieldPath: data.color}\n"
        "  targets: [{select: {kind: Deployment}, fieldPaths: [metadata.annotations.color], options: {create: true}}]\n"
    ),
}


def test_render_explains_an_overlay_three_deep(sealift: Sealift, tmp_path: Path) -> None:
    folder = write(tmp_path / "tree", DEEP)
    words = ("render", str(folder), "--path", "prod", "-o", "json", "--explain")
    fields = json.loads(sealift(*words, "deployment/m-web-eu").out)[0]["fields"]
    container = "spec.template.spec.containers[main]"
    assert fields == {
        "apiVersion": "base/web.yaml:1",
        "kind": "base/web.yaml:1",
        "metadata.annotations.color": "prod/kustomization.yaml:6: replacements[0]",
        "metadata.labels.app": "base/kustomization.yaml:3: labels[0]",
        "metadata.name": "prod/kustomization.yaml:3: nameSuffix",
        "metadata.namespace": "prod/kustomization.yaml:2: namespace",
        "spec.replicas": "prod/kustomization.yaml:4: replicas[0]",
        "spec.selector.matchLabels.app": "base/kustomization.yaml:3: labels[0]",
        "spec.template.metadata.labels.app": "base/kustomization.yaml:3: labels[0]",
        f"{container}.envFrom[0].configMapRef.name": "prod/kustomization.yaml: the new name of the object that it refers to",
        f"{container}.image": "middle/kustomization.yaml:3: images[0]",
        f"{container}.name": "base/web.yaml:1",
        f"{container}.workingDir": "middle/kustomization.yaml:5: patches[0]",
    }
    names = sealift("render", str(folder), "--path", "prod", "-o", "name").out.split()
    config = next(name for name in names if name.startswith("configmap/m-conf-eu-"))
    fields = json.loads(sealift(*words, config).out)[0]["fields"]
    assert fields["data.color"] == "base/kustomization.yaml:4: configMapGenerator[0]"
    assert fields["metadata.name"] == "prod/kustomization.yaml: the hash of its content"
