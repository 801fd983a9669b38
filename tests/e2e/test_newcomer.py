"""What a newcomer gets wrong in a cluster: each sentence names the object, the cause and the next step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.installed import Cluster
from parts.journey import make_key
from parts.sealift import Sealift
from parts.wait import wait_for

BUNDLE = ["--url", "https://git.example.com/a.git", "--repository", "oci://r.example.com/a", "--tag", "prod", "--key-secret", "key"]


@pytest.fixture(scope="module")
def plane(installed: ControlPlane) -> ControlPlane:
    return installed


class Shop(Cluster):
    """Commands in a namespace of the test's own."""

    namespace: str

    def here(self, *words: Any) -> list[str]:
        return self.said(*words, "-n", self.namespace)

    def warned(self, *words: Any) -> list[str]:
        err = self(*words, "-n", self.namespace).err
        return [line[2:] for line in err.splitlines() if line.startswith("⚠")]

    def as_group(self, role: str) -> list[str]:
        """Options that make somebody of whoever has this ClusterRole here."""
        who = f"{role}-of-{self.namespace}"
        if not self.has("rolebinding", who, "-n", self.namespace):
            self.plane.kubectl("create", "rolebinding", who, "-n", self.namespace, f"--clusterrole={role}", f"--user={who}")
        return ["--as", who]


@pytest.fixture
def shop(sealift: Sealift, plane: ControlPlane, request: pytest.FixtureRequest) -> Shop:
    made = Shop(sealift, plane)
    made.namespace = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    plane.namespace(made.namespace)
    made.here("create", "secret", "key", "--from-literal", "cosign.key=x", "--from-literal", "cosign.password=x")
    return made


def test_policy_of_namespaces(shop: Shop, tmp_path: Path) -> None:
    _, public = make_key(shop.sealift, tmp_path / "key")
    shop("create", "policy", "teams", "--key", public, "--match-namespace", "shop", "--match-namespace", "blog",
         "--match-namespace-label", "env=prod", "--match-namespace-label", "example.com/team=a")  # fmt: skip
    match = shop.plane.get("trustpolicy", "teams")["spec"]["match"]["namespaces"]
    names = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "blog"]}
    assert match == {"matchExpressions": [names], "matchLabels": {"env": "prod", "example.com/team": "a"}}
    for option, value in (("--match-namespace", "env=prod"), ("--match-namespace", "team-*"), ("--match-namespace-label", "prod")):
        assert f'not "{value}"' in shop.fails("create", "policy", "teams", "--key", public, option, value)


def test_names_that_nothing_has(shop: Shop) -> None:
    name = shop.namespace
    shop.here("create", "bundle", "webshop", *BUNDLE)
    shop.here("create", "secret", "registry", "--from-literal", "username=x", "--from-literal", "password=x")
    sync = ["create", "sync", "web", "--bundle", "webshp", "--registry-secret", "registri"]
    assert shop.warned(*sync, "--create-service-account", "--role", "edti") == [
        f"there is no Bundle {name}/webshp yet (did you mean webshop?): the Sync waits for it",
        f"there is no Secret {name}/registri yet (did you mean registry?): the Sync waits for it",
        "there is no ClusterRole edti yet (did you mean edit?): the Sync's account may do nothing until there is",
    ]
    sync = ["create", "sync", "web", "--bundle", "webshop", "--registry-secret", "registry"]
    assert shop.warned(*sync, "--create-service-account", "--role", "edit") == []
    assert shop.warned(*sync, "--service-account", "seelift") == [
        f"there is no ServiceAccount {name}/seelift yet (did you mean sealift?): the Sync applies nothing until there is; "
        "--create-service-account makes it"
    ]
    hook = ["create", "hook", "github", "--resource", "bundle/webshop", "--resource", "sync/wbe"]
    assert shop.warned(*hook) == [
        f"there is no Sync {name}/wbe yet (did you mean web?): deliveries wake nothing until there is"
    ]
    secrets = ["--git-secret", "registr", "--key-secret", "nothing-like-it"]
    assert shop.warned("create", "bundle", "webshop", *BUNDLE, *secrets) == [
        f"there is no Secret {name}/registr yet (did you mean registry?): the Bundle waits for it",
        f"there is no Secret {name}/nothing-like-it yet: the Bundle waits for it",
    ]
    # Who may see no ClusterRoles is told nothing about them, nor is whoever only prints.
    assert shop.sealift("create", "sync", "b", "--bundle", "a", "-n", name, "--export", "--kubeconfig", shop.plane.kubeconfig).err == ""


def test_what_is_being_deleted_is_not_offered(shop: Shop) -> None:
    plane, name = shop.plane, shop.namespace
    for bundle in ("webshop", "wiki"):
        shop.here("create", "bundle", bundle, *BUNDLE)
    patch = '{"metadata":{"finalizers":["example.com/hold"]}}'
    plane.kubectl("patch", "bundle", "webshop", "-n", name, "--type=merge", "-p", patch)
    plane.kubectl("delete", "bundle", "webshop", "-n", name, "--wait=false")
    assert f"there is no Bundle {name}/webshp; there is wiki\n" in shop.fails("get", "bundle", "webshp", "-n", name)
    assert shop.warned("create", "sync", "web", "--bundle", "webshp", "--create-service-account") == [
        f"there is no Bundle {name}/webshp yet: the Sync waits for it"
    ]
    plane.kubectl("patch", "bundle", "webshop", "-n", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def test_bundle_that_syncs_follow(shop: Shop) -> None:
    plane, name = shop.plane, shop.namespace
    plane.namespace(f"{name}-b")
    shop.here("create", "bundle", "web", *BUNDLE, "--export-to", f"{name}-b")
    shop.here("create", "sync", "one", "--bundle", "web", "--create-service-account")
    shop.here("create", "sync", "other", "--bundle", "wiki", "--create-service-account")
    shop("create", "sync", "two", "-n", f"{name}-b", "--bundle", "web", "--bundle-namespace", name, "--create-service-account")
    # Who may not look elsewhere hears of the own ones.
    said = shop.warned("delete", "bundle", "web", *shop.as_group("edit"))
    stays = "what it applied stays, and nothing new is applied until there is such a Bundle again; to delete it"
    own = f"Sync {name}/one follows it: {stays}: sealift delete sync one -n {name}"
    assert said == [own]
    shop.here("create", "bundle", "web", *BUNDLE)
    other = f"Sync {name}-b/two follows it: {stays}: sealift delete sync two -n {name}-b"
    assert shop.warned("delete", "bundle", "web") == [own, other]
    shop.here("create", "bundle", "lonely", *BUNDLE)
    assert shop.warned("delete", "bundle", "lonely") == []


def test_secrets_that_may_not_be_read(shop: Shop) -> None:
    """Not to know is no problem of the objects."""
    name = shop.namespace
    shop.here("create", "bundle", "web", *BUNDLE)
    shop.here("create", "hook", "github", "--resource", "bundle/web")
    said = shop.here("check", *shop.as_group("view"))
    unseen = f"Secrets {name}/key, {name}/github-token"
    again = "somebody who may read Secrets there can run this again"
    assert f"not checked, because you may not read them: {unseen}; {again}" in said, said
    assert any(f"2 objects in namespace {name}, no problem" in line for line in said), said
    shop.plane.kubectl("delete", "secret", "github-token", "-n", name)
    failed = shop.run("check", "-n", name)
    assert failed.code == 1 and f"{name}/github-token" in failed.out and "1 problem in " in failed.err


def test_nothing_half_done(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    bundle = ["create", "bundle", "web", *BUNDLE[:-2], "--generate-key"]
    # What is wrong with it is seen before anything is granted.
    assert "spec.sign: is missing" in shop.fails("create", "bundle", "web", *BUNDLE[:-2], "-n", shop.namespace)
    assert not shop.has("rolebinding", "sealift-packager-secrets", "-n", shop.namespace)
    assert "there is no namespace shpo; run: kubectl create namespace shpo" in shop.fails(*bundle, file, "-n", "shpo")
    assert not file.exists()
    assert "no/such" in shop.fails(*bundle, tmp_path / "no/such/key.pub", "-n", shop.namespace)
    assert not shop.has("secret", "web-key", "-n", shop.namespace)
    shop.here(*bundle, file)
    assert "PUBLIC KEY" in file.read_text() and shop.has("secret", "web-key", "-n", shop.namespace)


def test_role_of_a_tenant(shop: Shop) -> None:
    bound = {}
    for thing in yaml.safe_load_all(shop("export", "tenant", "-n", shop.namespace, "--role", "edit").out):
        if thing["kind"] == "RoleBinding":
            bound[thing["metadata"]["name"]] = thing["roleRef"]["name"]
    assert bound == {"sealift": "edit", "sealift-packager-secrets": "sealift-packager-secrets"}
    assert "--role is of sealift export tenant" in shop.fails("export", "install", "--role", "edit")


def test_token_that_nobody_sees(shop: Shop, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    account = f"system:serviceaccount:{shop.namespace}:sealift"
    shop.here("create", "sync", "web", "--bundle", "web", "--create-service-account", "--role", "view")
    made = shop.plane.kubectl("create", "token", "sealift", "-n", shop.namespace)
    token.write_text(made)
    assert "web" in shop("get", "syncs", "-n", shop.namespace, "--token-file", token).out
    assert account in shop.fails("suspend", "sync", "web", "-n", shop.namespace, "--token-file", token)
    assert f"the token in {token}-b is empty or cannot be read" in shop.fails("get", "syncs", "--token-file", f"{token}-b")
    assert "leave one out" in shop.fails("get", "syncs", "--token-file", token, "--token", "x")


def test_the_next_step_is_one(shop: Shop) -> None:
    """Each mistake, and the end of what is said about it."""
    plane, name = shop.plane, shop.namespace
    shop.here("create", "bundle", "web", *BUNDLE)
    shop.here("create", "sync", "web", "--bundle", "web", "--create-service-account")
    shop.here("create", "hook", "github", "--resource", "bundle/web")
    plane.kubectl("delete", "secret", "github-token", "-n", name)
    typo, here = f"{name}s", ["-n", name]
    edit, view = shop.as_group("edit"), shop.as_group("view")
    person = view[1]
    bind = f"kubectl create rolebinding 'sealift-edit:{person}' -n {name} --clusterrole=edit '--user={person}'; or be somebody else"
    sync = ["create", "sync", "b", "--bundle", "web", "--create-service-account", "--service-account", "robot"]
    for words, said in (
        (["create", "bundle", "b", *BUNDLE, "-n", typo], f"or name another with -n (did you mean {name}?)"),
        ([*sync, "--target-namespace", typo, *here], f"or name another with --target-namespace (did you mean {name}?)"),
        (["create", "bundle", "b", *BUNDLE[:4], *here], "(say --tag NAME; --key-secret NAME, or --generate-key FILE"),
        (["create", "sync", "b", *here], "(say --bundle NAME or --repository oci://…)"),
        (["create", "hook", "b", *here], "(say --resource KIND/NAME, like bundle/shop)"),
        (["create", "policy", "b"], "(say --key FILE)"),
        (["create", "secret", "b", "--from-literal", "a=b", *view, *here], bind),
        (["create", "hook", "b", "--resource", "bundle/web", *view, *here], bind),
        (["create", "sync", "b", "--bundle", "web", *view, *here], bind),
        (["get", "syncs", "--token", "abc", *here], "does not accept the token of --token (HTTP 401"),
        (["get", "syncs", "--user", "none", *here], 'has no user "none"; it has '),
        (["diff", "sync/wbe", *here], f"there is no Sync {name}/wbe; there is web"),
        (["verify", "oci://r.example.com/a:prod", "--sync", "wbe", *here], f"there is no Sync {name}/wbe; there is web"),
        (["get", "hook", "github", "--show-path", *here], f"sealift create hook github -n {name}"),
    ):
        assert said in shop.fails(*words), (words, said)
    assert not shop.has("serviceaccount", "robot", *here) and not shop.has("secret", "b-token", *here)
    # Each person has a binding of their own: the second one finds its name free.
    for user in (person, edit[1]):
        said = shop.fails("get", "syncs", "-n", "default", "--as", user)
        command = said.partition("allow it: ")[2].partition("; or be")[0]
        plane.kubectl(*[word.strip("'") for word in command.split()[1:]])
    plane.kubectl("delete", "rolebinding", "-n", "default", *(f"sealift-view:{user}" for user in (person, edit[1])))


def test_definitions_that_are_older_or_missing(shop: Shop) -> None:
    """Nothing is granted for an object that the cluster cannot hold."""
    plane, name = shop.plane, shop.namespace
    definition = plane.get("crd", "bundles.sealift.dev")
    for version in definition["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["exportTo"]
    plane.kubectl("replace", "-f", "-", stdin=yaml.safe_dump(definition))
    try:
        old = ["create", "bundle", "web", *BUNDLE, "--export-to", "blog", "-n", name]
        wait_for("the older definition", lambda: ".spec.exportTo: field not declared" in shop.run(*old).err)
        assert "the definitions in the cluster are older than this program" in shop.fails(*old)
        plane.kubectl("delete", "crd", "hooks.sealift.dev")
        said = shop.fails("create", "hook", "github", "--resource", "bundle/web", "-n", name)
        assert "sealift, or a part of it, is not installed there; run: sealift install" in said
        assert not shop.has("secret", "github-token", "-n", name) and not shop.has("role", "sealift-hook-github", "-n", name)
        assert "does not know the kind Hook" in shop.fails("delete", "hook", "github", "-n", name)
    finally:
        shop.install("--no-wait")
