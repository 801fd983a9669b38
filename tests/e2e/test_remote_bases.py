"""Kustomizations whose bases and files are elsewhere: in other repositories, on web servers."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any, Callable, Mapping

import pytest

from parts.git_http import GitFault, GitHttpServer
from parts.git_repo import GitRepo, git_environment
from parts.journey import Journey, config_map, push, released
from parts.need import need_part
from parts.objects import Config
from parts.sealift import Daemon, Sealift
from parts.sshd import SshServer

Serve = Callable[..., Daemon]
Files = Mapping[str, str]

BASE = {
    "deploy/kustomization.yaml": "namePrefix: base-\nresources: [web.yaml, ../more]\n",
    "deploy/web.yaml": config_map("web", color="red"),
    "more/kustomization.yaml": "resources: [more.yaml]\n",
    "more/more.yaml": config_map("more"),
}


@pytest.fixture
def journey(sealift: Sealift, config: Config, tmp_path: Path) -> Journey:
    return Journey(sealift, config, tmp_path)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    return f"oci-layout://{tmp_path}/layout"


@pytest.fixture
def base(tmp_path: Path, git_server: GitHttpServer) -> GitRepo:
    """The repository `base` on git_server, with one commit, tagged v1 and pushed."""
    return other(tmp_path, git_server, "base", BASE)


def other(tmp_path: Path, server: GitHttpServer, name: str, files: Files) -> GitRepo:
    server.create(name)
    repo = GitRepo(tmp_path / name, origin=str(server.path(name)))
    repo.commit(files)
    repo.tag("v1")
    repo.push("main", "v1")
    return repo


def write(folder: Path, files: Files) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def serve_file(server: GitHttpServer, path: str, text: str) -> str:
    server.fail(GitFault(status=200, body=text.encode(), match=path))
    return f"{server.url}{path}"


def kustomize(folder: Path) -> str:
    program = need_part("kustomize")
    done = subprocess.run([program, "build", folder], env=git_environment(), text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def resources(*urls: str, **fields: Any) -> str:
    return json.dumps({"resources": list(urls), **fields})


def provenance(layout: str) -> list[dict[str, Any]]:
    """The resolved dependencies of every provenance statement in a layout."""
    found = []
    for blob in (Path(layout.removeprefix("oci-layout://")) / "blobs/sha256").iterdir():
        try:
            payload = json.loads(blob.read_text())["dsseEnvelope"]["payload"]
        except (ValueError, KeyError, TypeError):
            continue
        statement = json.loads(base64.b64decode(payload))
        if statement["predicateType"] == "https://slsa.dev/provenance/v1":
            definition = statement["predicate"]["buildDefinition"]
            assert definition["internalParameters"]["renderer"] == "kustomize"
            found.append(definition["resolvedDependencies"])
    return found


# What is rendered


@pytest.mark.parametrize("ref", ["?ref=v1", "?ref=main", "", "?version=refs/heads/main", "COMMIT"])
def test_output_is_that_of_kustomize(
    sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path, ref: str
) -> None:
    ref = ref.replace("COMMIT", f"?ref={base.head}&timeout=30")
    url = f"{git_server.url}/base.git//deploy{ref}"
    tree = write(tmp_path / "tree", {"kustomization.yaml": resources(url, namespace="shop")})
    answer = sealift("render", tree)
    assert answer.out == kustomize(tree)
    follows = "" if "v1" in ref or base.head in ref else f"pin it to what it is now: ?ref={base.head}"
    assert follows in answer.err and ("pin it" in answer.err) == bool(follows)


def test_bases_of_bases_components_and_files(
    sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path
) -> None:
    """Two deep, a component, files in each place that may name one, and where everything came from."""
    patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {color: blue}\n"
    files = {name: serve_file(git_server, f"/files/{name}", text) for name, text in {
        "extra.yaml": config_map("extra"),
        "patch.yaml": patch,
        "values.env": "A=1\nB=two\n",
        "plain.txt": "text\n",
        "prefix.yaml": "apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: x-\n"
                       "fieldSpecs: [{path: metadata/name}]\n",
    }.items()}  # fmt: skip
    middle = {
        "kustomization.yaml": resources(
            f"{git_server.url}/base.git//deploy?ref=v1", "own.yaml", patches=[{"path": files["patch.yaml"]}]
        ),
        "own.yaml": config_map("own"),
        "part/kustomization.yaml": json.dumps(
            {
                "apiVersion": "kustomize.config.k8s.io/v1alpha1",
                "kind": "Component",
                "commonAnnotations": {"part": "yes"},
            }
        ),
    }
    other(tmp_path, git_server, "middle", middle)
    top = resources(
        f"{git_server.url}/middle.git?ref=v1",
        files["extra.yaml"],
        components=[f"{git_server.url}/middle.git//part?ref=v1"],
        configMapGenerator=[{"name": "made", "envs": [files["values.env"]], "files": [files["plain.txt"]]}],
        transformers=[files["prefix.yaml"]],
        buildMetadata=["originAnnotations", "transformerAnnotations"],
    )
    tree = write(tmp_path / "tree", {"kustomization.yaml": top})
    assert sealift("render", tree).out == kustomize(tree)


def test_repository_of_this_host(sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path) -> None:
    url = f"file://{base.path}//deploy?ref=v1"
    tree = write(tmp_path / "tree", {"kustomization.yaml": resources(url, buildMetadata=["originAnnotations"])})
    assert sealift("render", tree).out == kustomize(tree)
    source = sealift("render", tree, "--explain", "configmap/base-web").out
    assert f"file://{base.path}//deploy/web.yaml:1" in source


def test_url_without_marker_is_tried_as_a_file_first(
    sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path
) -> None:
    """As kustomize does; a page that is no manifest means a repository."""
    tree = write(tmp_path / "tree", {"kustomization.yaml": resources(f"{git_server.url}/a/base/deploy?ref=v1")})
    (git_server.root / "a").mkdir()
    git_server.path("base").rename(git_server.root / "a/base")
    assert sealift("render", tree).out == kustomize(tree)
    git_server.fail(GitFault(status=200, body=b"<html><body>a page</body></html>\n", match="/a/base/deploy"))
    assert sealift("render", tree).out == kustomize(tree)


# What is not


@pytest.mark.parametrize(
    "path, said",
    [
        ("base.git//deploy?ref=v9", 'base.git: there is no branch or tag "v9"'),
        (f"base.git//deploy?ref={'1' * 40}", "base.git"),
        ("base.git//gone?ref=v1", "gone"),
        ("base.git//deploy/web.yaml?ref=v1", "is a file; a base is named by its folder"),
        ("none.git?ref=v1", "none.git"),
        ("x.yaml", "x.yaml"),
    ],
)
def test_error_names_file_field_and_url(
    sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path, path: str, said: str
) -> None:
    tree = {
        "prod/kustomization.yaml": "resources:\n- ../base\n",
        "base/kustomization.yaml": f"resources:\n- '{git_server.url}/{path}'\n",
    }
    answer = sealift.fails("render", write(tmp_path / "tree", tree), "--path", "prod")
    assert f"prod/kustomization.yaml:2: resources[0]: base/kustomization.yaml:2: resources[0]: " in answer.err
    assert said in answer.err


def test_base_reaches_nothing_outside_its_repository(
    sealift: Sealift, git_server: GitHttpServer, tmp_path: Path
) -> None:
    files = {
        "up/kustomization.yaml": "resources: [../../../x]\n",
        "file/kustomization.yaml": "resources: [../own.yaml]\n",
        "here/kustomization.yaml": f"resources: ['file://{tmp_path}/tree']\n",
        "own.yaml": config_map("own"),
    }
    other(tmp_path, git_server, "bad", files)
    for path, said in (("up", "leads out of the tree"), ("file", "reads files of its own folder"), ("here", "a place of the host")):
        tree = write(tmp_path / "tree", {"kustomization.yaml": resources(f"{git_server.url}/bad.git//{path}?ref=v1")})
        answer = sealift.fails("render", tree)
        assert said in answer.err
        assert f"kustomization.yaml:1: resources[0]: {git_server.url}/bad.git//{path}/kustomization.yaml:1: " in answer.err


def test_circle(sealift: Sealift, git_server: GitHttpServer, tmp_path: Path) -> None:
    one, two = (f"{git_server.url}/{name}.git?ref=v1" for name in ("one", "two"))
    other(tmp_path, git_server, "one", {"kustomization.yaml": resources(two)})
    other(tmp_path, git_server, "two", {"kustomization.yaml": resources(one)})
    answer = sealift.fails("render", write(tmp_path / "tree", {"kustomization.yaml": resources(one)}))
    assert "the remote bases form a circle" in answer.err
    assert "two.git//kustomization.yaml:1: resources[0]" in answer.err


def test_unreachable_server(sealift: Sealift, tmp_path: Path) -> None:
    url = "http://ada:hunter22hunter@127.0.0.1:1/a/base.git?ref=v1"
    answer = sealift.fails("render", write(tmp_path / "tree", {"kustomization.yaml": resources(url)}))
    assert "kustomization.yaml:1: resources[0]: http://127.0.0.1:1/a/base.git: " in answer.err
    assert "hunter22" not in answer.err


def test_offline(sealift: Sealift, git_server: GitHttpServer, base: GitRepo, tmp_path: Path) -> None:
    """What was fetched once can be rendered without a network; what was not says so."""
    url = f"{git_server.url}/base.git//deploy?ref=main"
    file = serve_file(git_server, "/files/extra.yaml", config_map("extra"))
    tree = write(tmp_path / "tree", {"kustomization.yaml": resources(url, file)})
    answer = sealift.fails("render", tree, "--offline")
    assert "is not in the cache" in answer.err
    online = sealift("render", tree).out
    git_server.forget_requests()
    git_server.stop()
    assert sealift("render", tree, "--offline").out == online
    sealift.fails("render", tree)


def test_logins_of_a_person(
    sealift: Sealift, git_server: GitHttpServer, ssh_server: SshServer, tmp_path: Path, stack: Any
) -> None:
    """Each for its own host; and what they do not cover is said without them."""
    private = stack.enter_context(GitHttpServer(tmp_path / "private", user="ada", password="hunter22hunter"))
    other(tmp_path, private, "near", BASE)
    other(tmp_path, git_server, "thief", {"kustomization.yaml": resources(f"{private.url}/near.git//deploy?ref=v1")})
    logins = tmp_path / "logins"
    logins.write_text(private.url.replace("//", "//ada:hunter22hunter@") + "\n")
    tree = write(tmp_path / "tree", {"kustomization.yaml": resources(f"{private.url}/near.git//deploy?ref=v1")})
    assert "wants credentials" in sealift.fails("render", tree).err
    assert "name: base-web" in sealift("render", tree, "--git-credentials", logins).out
    assert sealift("render", tree, "--offline").out
    write(tree, {"kustomization.yaml": resources(f"{git_server.url}/thief.git?ref=v1")})
    (sealift.home / ".cache").rename(tmp_path / "another-cache")
    assert "wants credentials" in sealift.fails("render", tree, "--git-credentials", logins).err
    logins.write_text("https://host\n")
    said = sealift.fails("render", tree, "--git-credentials", logins).err
    assert f"--git-credentials: {logins}:1: write https://USER:PASSWORD@HOST" in said
    ssh_server.create("base")
    base = GitRepo(tmp_path / "base", origin=str(ssh_server.path("base")))
    base.commit(BASE)
    base.push()
    write(tree, {"kustomization.yaml": resources(f"{ssh_server.url('base')}//deploy?ref={base.head}")})
    assert "--ssh-identity" in sealift.fails("render", tree).err
    write(sealift.home / ".ssh", {"known_hosts": ssh_server.known_hosts})
    assert "name: base-web" in sealift("render", tree, "--ssh-identity", ssh_server.identity).out


# The packager


def test_bundle_names_what_went_in(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, base: GitRepo, layout: str
) -> None:
    """And makes a new artifact when a base moves and changes what is rendered, and only then."""
    url = f"{git_server.url}/base.git"
    file = serve_file(git_server, "/files/extra.yaml", config_map("extra"))
    repo.commit({"prod/kustomization.yaml": resources(f"{url}//deploy", file)})
    repo.push()
    journey.bundle(f"{git_server.url}/config.git", layout, path="./prod")
    daemon = serve()
    first = released(daemon, repo.head)
    inputs = daemon.status("Bundle", "shop")["source"]["inputs"]
    assert [entry["uri"] for entry in inputs] == [f"git+{url}@HEAD", file]
    assert inputs[0]["digest"] == {"gitCommit": base.head} and len(inputs[1]["digest"]["sha256"]) == 64
    assert [entry for entry in provenance(layout)[0][1:]] == inputs
    assert "pin it" in daemon.wait_line(msg="bundle renders with a warning")["error"]
    daemon.wait_line(msg="remote input", uri=file)
    look(journey, daemon, base.commit({"README": "nothing that is rendered"}), base)
    assert daemon.status("Bundle", "shop")["artifact"]["digest"] == first["digest"]
    look(journey, daemon, base.commit({"deploy/web.yaml": config_map("web", color="blue")}), base)
    second = daemon.status("Bundle", "shop")["artifact"]
    assert second["digest"] != first["digest"] and second["revision"] == first["revision"]
    assert second["sequence"] > first["sequence"]
    git_server.stop()
    journey.run("reconcile", "bundle", "shop", "--no-wait")
    daemon.wait_condition("Bundle", "shop", "Ready", "False")
    assert daemon.status("Bundle", "shop")["artifact"]["digest"] == second["digest"]
    git_server.start()
    daemon.wait_condition("Bundle", "shop", "Ready", "True")


def test_push_to_a_base_wakes_the_bundle(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, base: GitRepo, layout: str
) -> None:
    """Where the base's repository sends its deliveries to the Bundle's Hook, too."""
    url = f"{git_server.url}/base.git"
    repo.commit({"kustomization.yaml": resources(f"{url}//deploy?ref=main")})
    repo.push()
    journey.bundle(f"{git_server.url}/config.git", layout)
    journey.hook()
    daemon = serve()
    first = released(daemon, repo.head)
    push(daemon, base, url, {"deploy/web.yaml": config_map("web", color="blue")})
    daemon.wait_status("Bundle", "shop", lambda status: status["artifact"]["digest"] != first["digest"])


def look(journey: Journey, daemon: Daemon, commit: str, base: GitRepo) -> None:
    """Pushes the base, and waits until the Bundle has seen it."""
    base.push()
    journey.run("reconcile", "bundle", "shop")
    daemon.wait_status("Bundle", "shop", lambda status: status["source"]["inputs"][0]["digest"]["gitCommit"] == commit)


def test_missing_base_is_no_release(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, base: GitRepo, layout: str
) -> None:
    repo.commit({"kustomization.yaml": resources(f"{git_server.url}/base.git//deploy?ref=v2")})
    repo.push()
    journey.bundle(f"{git_server.url}/config.git", layout)
    daemon = serve()
    daemon.wait_condition("Bundle", "shop", "Ready", "False", reason="InputsFailed")
    assert 'no branch or tag "v2"' in daemon.condition("Bundle", "shop")["message"]
    base.tag("v2")
    base.push("v2")
    assert released(daemon, repo.head)


def test_places_of_the_host_are_not_for_trees_from_elsewhere(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, base: GitRepo, layout: str
) -> None:
    repo.commit({"kustomization.yaml": resources(f"file://{base.path}//deploy?ref=v1")})
    repo.push()
    journey.bundle(f"{git_server.url}/config.git", layout)
    daemon = serve()
    daemon.wait_condition("Bundle", "shop", "Ready", "False", reason="InputsFailed")
    assert "a tree from elsewhere may not name" in daemon.condition("Bundle", "shop")["message"]
    journey.bundle(f"file://{repo.path}", layout)
    assert released(daemon, repo.head)


def test_credentials_stay_with_the_host_of_the_source(
    journey: Journey, config: Config, serve: Serve, git_server: GitHttpServer, tmp_path: Path, layout: str, stack: Any
) -> None:
    """A base on the same host is read with them; another host, and its bases, never see or use them."""
    private = stack.enter_context(GitHttpServer(tmp_path / "private", user="ada", password="hunter22hunter"))
    for name in ("config", "near", "vault"):
        private.create(name)
    near = GitRepo(tmp_path / "near", origin=str(private.path("near")))
    near.commit({"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config_map("near")})
    near.push("main", "main:vault")
    source = GitRepo(tmp_path / "source", origin=str(private.path("config")))
    other(tmp_path, git_server, "far", {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config_map("far")})
    other(tmp_path, git_server, "thief", {"kustomization.yaml": resources(f"{private.url}/near.git?ref=vault")})
    source.commit(
        {
            "good/kustomization.yaml": resources(
                f"{private.url}/near.git?ref=main", f"{git_server.url}/far.git?ref=v1"
            ),
            "bad/kustomization.yaml": resources(f"{git_server.url}/thief.git?ref=v1"),
        }
    )
    source.push()
    config.secret("git", username="ada", password="hunter22hunter")
    with_secret = {"git": {"secretRef": {"name": "git"}}}
    journey.bundle(f"{private.url}/config.git", layout, path="./good", source=with_secret)
    daemon = serve()
    assert released(daemon, source.head)
    assert git_server.requests and not any("authorization" in request.headers for request in git_server.requests)
    journey.bundle(f"{private.url}/config.git", layout, path="./bad", source=with_secret)
    daemon.wait_condition("Bundle", "shop", "Ready", "False", reason="InputsFailed")
    message = daemon.condition("Bundle", "shop")["message"]
    assert f"{git_server.url}/thief.git//kustomization.yaml:1: resources[0]" in message
    assert "the credentials of the source go to its own host" in message
    refused = [request for request in private.requests if "authorization" not in request.headers]
    assert refused and all(request.status == 401 for request in refused)


def test_credentials_in_a_url_are_shown_nowhere(
    journey: Journey, serve: Serve, repo: GitRepo, git_server: GitHttpServer, tmp_path: Path, layout: str, stack: Any
) -> None:
    private = stack.enter_context(GitHttpServer(tmp_path / "private", user="ada", password="hunter22hunter"))
    other(tmp_path, private, "base", BASE)
    url = private.url.replace("//", "//ada:hunter22hunter@")
    repo.commit({"kustomization.yaml": resources(f"{url}/base.git//deploy", buildMetadata=["originAnnotations"])})
    repo.push()
    journey.bundle(f"{git_server.url}/config.git", layout)
    daemon = serve()
    assert released(daemon, repo.head)
    assert f"{private.url}/base.git" in json.dumps(daemon.status("Bundle", "shop"))
    shown = [daemon.output, json.dumps(daemon.status("Bundle", "shop")), json.dumps(provenance(layout))]
    shown += [journey.run("render", repo.path).out, (tmp_path / "state/events.jsonl").read_text()]
    assert not any("hunter22" in text for text in shown)


def test_base_over_ssh(
    journey: Journey, config: Config, serve: Serve, ssh_server: SshServer, tmp_path: Path, layout: str
) -> None:
    """With the identity of the source, on its host."""
    ssh_server.create("config")
    ssh_server.create("base")
    base = GitRepo(tmp_path / "base", origin=str(ssh_server.path("base")))
    base.commit(BASE)
    base.push()
    source = GitRepo(tmp_path / "source", origin=str(ssh_server.path("config")))
    source.commit({"kustomization.yaml": resources(f"{ssh_server.url('base')}//deploy?ref={base.head}")})
    source.push()
    config.secret("git", identity=ssh_server.identity, known_hosts=ssh_server.known_hosts)
    journey.bundle(ssh_server.url("config"), layout, source={"git": {"secretRef": {"name": "git"}}})
    daemon = serve()
    assert released(daemon, source.head)
    assert daemon.status("Bundle", "shop")["source"]["inputs"][0]["digest"] == {"gitCommit": base.head}
