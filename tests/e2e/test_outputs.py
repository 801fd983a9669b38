"""The house rule of outputs: every command that prints something for programs takes `-o json|yaml|name` (and `wide`
where there is a table), and -n and -A mean the same everywhere; on files, and as kubectl's plugin in a cluster."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import yaml

from parts.cluster import install_kinds
from parts.control_plane import ControlPlane
from parts.journey import KEY_PASSWORD, config_map, make_key
from parts.sealift import Result, Sealift, default_program
from parts.webhook import HookListener

# What prints text for people, shells or the web, or writes files, where -o says.
NO_DATA = {"serve", "completion", "reference", "pull", "trusted-root update", "pkcs11-signer"}
PARTS = 4
NAME = re.compile(r"[a-z0-9.]+/[A-Za-z0-9_.-]+|oci-layout:///\S+@sha256:[0-9a-f]{64}|\S+\.(key|pub|json|yaml)|\S+:prod|[0-9.]+|\S+/a\.yaml")


@dataclass
class Place:
    """A program, objects that it can find, and files for the commands that need none."""

    sealift: Sealift
    where: list[Any]  # the options that name the objects
    folder: Path
    receiver: str
    floor: Callable[[], None]  # makes one, in namespace shop
    private: Path = field(init=False)
    public: Path = field(init=False)
    older: str = field(init=False)  # a digest that something was released after
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.private, self.public = make_key(self.sealift, self.folder / "key")
        for name, color in (("a", "red"), ("b", "blue")):
            (self.folder / name).mkdir()
            (self.folder / name / "a.yaml").write_text(config_map("a", color=color))
        self("push", self.folder / "a", self.layout, "--key", self.private)
        push = ["push", self.folder / "a", f"{self.repository}-2:prod", "--key", self.private]
        self.older = self(*push).out.strip()
        self(*push[:1], self.folder / "b", *push[2:])
        self("sign-bundle", "--key", self.private, "--bundle", self.folder / "a.json", self.folder / "a/a.yaml")
        self("create", "secret", "token", "--from-literal", f"token={'t' * 32}", *self.shop)
        for words in (self.bundle, self.sync, self.policy):
            self(*words)
        self("create", "hook", "github", "--secret", "token", "--resource", "bundle/shop", *self.shop)
        (self.folder / "shop.yaml").write_text(self(*self.sync, "--export").out)

    def run(self, *words: Any) -> Result:
        env = {"COSIGN_PASSWORD": KEY_PASSWORD}
        return self.sealift.run(*words, *self.where, env=env)

    def __call__(self, *words: Any) -> Result:
        done = self.run(*words)
        assert done.code == 0, f"{words}: {done.err}"
        return done

    def new(self, suffix: str = "") -> Path:
        return self.folder / f"new-{next(self._numbers)}{suffix}"

    @property
    def layout(self) -> str:
        return f"oci-layout://{self.folder}/layout:prod"

    @property
    def repository(self) -> str:
        return f"oci-layout://{self.folder}/layout"

    @property
    def shop(self) -> list[str]:
        return ["-n", "shop"]

    @property
    def bundle(self) -> list[Any]:
        words = ["create", "bundle", "shop", "--url", "https://git.example.com/c.git", "--tag", "prod", *self.shop]
        return [*words, "--repository", "oci://r.example.com/shop", "--key-secret", "packager-key"]

    @property
    def sync(self) -> list[Any]:
        return ["create", "sync", "shop", "--bundle", "shop", *self.shop]

    @property
    def policy(self) -> list[Any]:
        return ["create", "policy", "all", "--key", self.public]

    def samples(self) -> dict[str, list[Any]]:
        """A call of each command that can be made again and again; made anew for each call."""
        keys = ["--key", self.private]
        bundle = ["--bundle", self.folder / "a.json"]
        directory = ["--directory", self.new("-target")]
        return {
            "install": ["--export"],
            "uninstall": ["--dry-run", "--crds"],
            "render": [self.folder / "a"],
            "push": [self.folder / "a", self.layout, *keys],
            "copy": [self.layout, f"oci-layout://{self.new()}:prod"],
            "gc": [self.repository, "--keep", "1"],
            "sign": [self.layout, *keys],
            "rollback": [f"{self.repository}-2:prod", "--to", self.older, *keys, "--dry-run"],
            "approve": [self.layout, *keys, "--yes"],
            "verify": [self.layout, "--key", self.public],
            "sign-bundle": [*keys, "--bundle", self.new(".json"), self.folder / "a/a.yaml"],
            "verify-bundle": [*bundle, "--key", self.public, self.folder / "a/a.yaml"],
            "keygen": ["--output-prefix", self.new()],
            "inspect": [self.layout],
            "diff": [self.folder / "a", self.folder / "b"],
            "apply": [self.layout, "--key", self.public, *directory],
            "get": ["bundles", *self.shop],
            "events": self.shop,
            "reconcile": ["sync", "shop", "--no-wait", *self.shop],
            "suspend": ["bundle", "shop", *self.shop],
            "resume": ["bundle", "shop", *self.shop],
            "trigger": ["github", "--to", self.receiver, *self.shop],
            "delete": ["secret", "token-2", *self.shop],
            "create bundle": self.bundle[2:],
            "create sync": self.sync[2:],
            "create hook": ["github", "--secret", "token", "--resource", "bundle/shop", *self.shop],
            "create policy": self.policy[2:],
            "create secret": ["token-2", "--from-literal", "token=x", *self.shop],
            "check": self.shop,
            "export": ["syncs", "--all", *self.shop],
            "floor reset": ["r.example.com/shop", "prod", "--yes", *self.shop],
            "version": [],
        }

    def prepare(self, command: str) -> None:
        if command == "delete":
            self("create", "secret", "token-2", "--from-literal", "token=x", *self.shop)
        elif command == "floor reset":
            self.floor()


def commands(sealift: Sealift) -> list[str]:
    """As `help` lists them."""
    listed = sealift("help").out.split("Commands:\n")[1].split("\n\n")[0]
    return [re.split(r"\s{2,}", line.strip())[0] for line in listed.splitlines()]


def formats(sealift: Sealift, command: str) -> list[str]:
    found = re.search(r"^  -o, --output FORMAT .*: (\S+)$", sealift(*command.split(), "--help").out, re.M)
    assert found, f"{command} documents no -o"
    return found[1].split("|")


def check_output(command: str, form: str, text: str) -> None:
    said = f"{command} -o {form}: {text}"
    if form == "json":
        json.loads(text)
    elif form == "yaml":
        assert list(yaml.safe_load_all(text)), said
    elif form == "name":
        assert all(NAME.fullmatch(line) for line in text.splitlines()), said
        assert text or command in ("events", "gc"), said
    else:
        assert text or command == "check", said


def check_all(place: Place, part: int, without: frozenset[str] = frozenset()) -> None:
    """Every PARTS-th command, from `part` on."""
    for command in commands(place.sealift)[part::PARTS]:
        if command in NO_DATA | without:
            continue
        for form in formats(place.sealift, command):
            place.prepare(command)
            samples = place.samples()
            assert command in samples, f"add a sample of {command}"
            done = place.run(*command.split(), *samples[command], "-o", form)
            assert done.code == (1 if command in ("diff", "check") else 0), f"{command} -o {form}: {done.err}"
            check_output(command, form, done.out)


def check_choices(sealift: Sealift) -> None:
    for command in commands(sealift):
        if command not in NO_DATA:
            assert set(formats(sealift, command)) in ({"json", "yaml", "name"}, {"json", "yaml", "name", "wide"}), command


@pytest.fixture
def on_files(sealift: Sealift, tmp_path: Path, listener: HookListener) -> Place:
    state = tmp_path / "state"
    record = {"namespace": "shop", "repository": "r.example.com/shop", "channel": "prod", "sequence": 1}

    def floor() -> None:
        (state / "floors").mkdir(parents=True, exist_ok=True)
        (state / "floors" / f"{'0' * 64}.json").write_text(json.dumps(record))

    listener.status = 202
    (tmp_path / "config").mkdir()
    where = ["--config", tmp_path / "config", "--state", state]
    return Place(sealift, where, tmp_path, listener.url, floor)


@pytest.mark.quick
def test_every_command_documents_the_same_choices(sealift: Sealift) -> None:
    check_choices(sealift)


@pytest.mark.quick
@pytest.mark.parametrize("part", range(PARTS))
def test_every_documented_output_on_files(on_files: Place, part: int) -> None:
    # Install and uninstall are about clusters.
    check_all(on_files, part, without=frozenset({"install", "uninstall"}))


@pytest.mark.quick
def test_every_documented_output_of_install_without_a_cluster(on_files: Place) -> None:
    for form in ("json", "yaml", "name"):
        check_output("install", form, on_files.sealift("install", "--export", "-o", form).out)


@pytest.mark.quick
def test_export_of_create_is_as_asked(on_files: Place) -> None:
    made = on_files.sealift(*on_files.sync, "--export", "-o", "json").json()
    assert made == yaml.safe_load(on_files.sealift(*on_files.sync, "--export", "-o", "yaml").out)
    assert on_files.sealift(*on_files.sync, "--export", "-o", "name").out == "sync.sealift.dev/shop\n"
    things = on_files.sealift("create", "hook", "two", "--resource", "sync/shop", "--export", "-o", "json").json()
    assert [item["kind"] for item in things["items"]] == ["Secret", "Hook"]


@pytest.mark.quick
def test_a_name_and_all_namespaces_do_not_go_together(on_files: Place) -> None:
    for command in ("get", "events", "export"):
        said = on_files.run(command, "sync", "shop", "-A")
        assert said.code == 1 and f"sealift {command} syncs shop -n NAMESPACE" in said.err, said.err
        assert on_files.run(command, "sync", *(["--all"] if command == "export" else []), "-A").code == 0 or command == "events"
    said = on_files.run("get", "policy", "all", "-A").err
    assert "sealift get trustpolicies all is one object" in said
    assert "name it with -n NAMESPACE instead of -A" in on_files.run("suspend", "sync", "shop", "-A").err
    # All wins over one, as with kubectl.
    assert "sync.sealift.dev/shop" in on_files("get", "syncs", "-n", "elsewhere", "-A", "-o", "name").out


@pytest.mark.quick
def test_flags_can_be_taken_back(on_files: Place) -> None:
    def spec(*words: str) -> Any:
        return on_files(*on_files.sync, *words, "-o", "json").json()["spec"]

    assert spec("--wait-healthy")["wait"] is True and spec("--wait-healthy=false")["wait"] is False
    assert spec("--wait-healthy=true")["wait"] is True and not spec().get("wait", False)
    assert spec("--prune=false")["prune"] is False and spec()["prune"] is True
    assert spec("--no-prune")["prune"] is False and spec("--no-prune=false")["prune"] is True

    def attests(*words: str) -> Any:
        return on_files(*on_files.policy, *words, "-o", "json").json()["spec"]["require"][0].get("attests")

    assert attests() is True and attests("--attest=false") is False and attests("--no-attest") is False
    assert attests("--attest") is True
    said = on_files.run(*on_files.sync, "--wait")
    assert said.code == 2 and "did you mean --wait-healthy?" in said.err
    assert "is true or false" in on_files.run(*on_files.sync, "--prune=no").err


@pytest.mark.quick
def test_slips_are_answered_with_the_next_step(on_files: Place) -> None:
    for words, hint in (
        (["gett"], "did you mean get?"),
        (["get", "synks"], "did you mean syncs?"),
        (["get", "--nmaespace", "shop"], "did you mean --namespace?"),
        (["get", "sync", "shop", "-n", "elsewhere"], "but one of that name elsewhere: say -n "),
        (["trigger", "github", "-n", "elsewhere"], "but one of that name elsewhere: say -n "),
        (["get", "sync", "shp", "-n", "shop"], "there is shop"),
        (["suspend", "sync"], "like sealift suspend syncs NAME"),
        (["create", "secret", "s"], "--from-file KEY=FILE"),
        (["reconcile", "sync", "shop", "-n", "shop", "--confirm-prune", "sha256:00"], "sha256: and 64 hex digits"),
        (["reconcile", "bundle", "shop", "-n", "shop", "--accept-history", "abc"], "40 or 64 hex digits"),
        (["reconcile", "bundle", "shop", "-n", "shop", "--accept-history", "A" * 40], "in lower case"),
        (["get", "hooks", "--config="], "--config is empty"),
        (["floor", "reset", "--yes", "r.example.com/other", "prod", "-n", "shop"], "(-n)"),
    ):
        assert hint in on_files.run(*words).err, words


# In a cluster


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    install_kinds(control_plane, Sealift(tmp_path_factory.mktemp("home")))
    for name in ("shop", "sealift-system"):
        control_plane.namespace(name)
    return control_plane


@pytest.fixture
def as_plugin(plane: ControlPlane, tmp_path: Path, listener: HookListener) -> Iterator[Place]:
    """kubectl-sealift, which speaks of the cluster whatever else is set."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/kubectl-sealift"
    program.symlink_to(default_program())
    record = {"namespace": "shop", "repository": "r.example.com/shop", "channel": "prod", "sequence": 1}

    def floor() -> None:
        name = f"sealift-floors-{hashlib.sha256(b'floors/outputs').hexdigest()[:40]}"
        meta = {"name": name, "namespace": "sealift-system"}
        meta["annotations"] = {"sealift.dev/record": "floors/outputs"}
        meta["labels"] = {"sealift.dev/record": "floors"}
        plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"record": json.dumps(record)}})

    listener.status = 202
    sealift = Sealift(tmp_path / "home", program)
    place = Place(sealift, ["--kubeconfig", plane.kubeconfig], tmp_path, listener.url, floor)
    yield place
    for words in (("sync", "shop"), ("bundle", "shop"), ("hook", "github")):
        place("delete", "--yes", *words, *place.shop)
    place("delete", "policy", "all")


@pytest.mark.parametrize("part", range(PARTS))
def test_every_documented_output_in_a_cluster(as_plugin: Place, part: int) -> None:
    check_all(as_plugin, part)


def test_the_plugin_documents_the_same_choices(as_plugin: Place) -> None:
    check_choices(as_plugin.sealift)


def test_whoever_asks_wants_a_yes(on_files: Place) -> None:
    """One rule for all that speak for a person or take away more than they name: the list is what --help says."""
    samples = {name: [word for word in words if word not in ("--yes", "--dry-run")] for name, words in on_files.samples().items()}
    samples["delete"] = ["sync", "shop", *on_files.shop]
    samples["gc"] = [f"{on_files.repository}-2", "--keep", "1", "--younger-than", "1ms", "--tags", "*", "--delete"]
    asking = [name for name in commands(on_files.sealift) if "--yes" in on_files.sealift(*name.split(), "--help").out]
    assert sorted(asking) == ["approve", "delete", "floor reset", "gc", "rollback", "uninstall"]
    on_files.prepare("floor reset")
    for name in asking:
        if name == "uninstall":  # needs a cluster; test_install.py asks it
            continue
        refused = on_files.run(*name.split(), *samples[name])
        assert refused.code == 1 and "there is nobody to ask; say --yes" in refused.err, (name, refused.err)
        assert re.search("(nothing was|no floor was) ", refused.err), refused.err
    on_files("floor", "reset", *samples["floor reset"], "-y")


def test_slips_in_a_cluster_are_answered_with_the_next_step(as_plugin: Place) -> None:
    secret = ["create", "secret", "s"]
    for words, hint in (
        (["get", "bundles", "-n", "shpo"], "there is no namespace shpo (did you mean shop?)"),
        (["events", "-n", "shpo"], "there is no namespace shpo"),
        (["check", "-n", "shpo"], "there is no namespace shpo"),
        (["get", "sync", "ship", "-n", "shpo"], "there is no namespace shpo"),
        (["get", "sync", "shop"], "but one of that name elsewhere: say -n "),
        (["diff", "bundle/shop", "sync/shop", "-n", "shop"], "sealift get bundle shop -n shop` says why"),
        ([*as_plugin.sync[:-2], "-n", "shpo"], "kubectl create namespace shpo"),
        ([*as_plugin.sync[:-2], "-n", "shpo", "--create-service-account"], "kubectl create namespace shpo, or name another"),
        (["trigger", "github", "-n", "shop", "--to", "http://127.0.0.1:1"], "the receiver that --to names"),
        (["get", "sync", "shop", "-n", "shop", "--show-path"], "--show-path is for Hooks"),
        (["uninstall", "-n", "shop", "--dry-run"], "nothing of sealift in shop"),
        ([*secret], "--from-file KEY=FILE or --from-literal KEY=VALUE"),
        ([*secret, "--from-file", "x=/none"], "--from-file x: open /none"),
    ):
        assert hint in as_plugin.run(*words).err, words
    said = as_plugin.run("trigger", "github", "-n", "shop", "--to", "http://127.0.0.1:1").err
    assert "API server" not in said
    # The receiver's address is no API server's.
    said = as_plugin.run("trigger", "github", "-n", "shop", "--server", as_plugin.receiver).err
    assert "does not answer as a Kubernetes API server does" in said and "address is --to URL" in said
    assert "namespace shop" not in said, said
    assert "is this the address of an API server?" in as_plugin.run("get", "syncs", "--server", as_plugin.receiver).err
    said = as_plugin("create", "sync", "early", "--bundle", "later", "-n", "shop").err
    assert "there is no Bundle shop/later yet" in said
    as_plugin("delete", "--yes", "sync", "early", "-n", "shop")


def test_namespaces_mean_the_same_everywhere(as_plugin: Place, plane: ControlPlane, tmp_path: Path) -> None:
    config = yaml.safe_load(plane.kubeconfig.read_text())
    config["contexts"][0]["context"]["namespace"] = "shop"
    file = tmp_path / "in-shop"
    file.write_text(yaml.safe_dump(config))
    as_plugin("create", "sync", "orphan", "--bundle", "nobody", "-n", "default")
    try:
        for words, mine in ((["get", "syncs"], "sync.sealift.dev/shop"), (["export", "syncs", "--all"], "sync.sealift.dev/shop"),
                            (["check"], "bundle.sealift.dev/shop")):  # fmt: skip
            other = "sync.sealift.dev/orphan"

            def names(*more: Any) -> list[str]:
                return as_plugin.run(*words, "-o", "name", *more).out.split()  # pylint: disable=cell-var-from-loop

            assert mine not in names() and other in names(), words  # the context's namespace is default
            assert mine in names("-n", "shop") and other not in names("-n", "shop"), words
            assert {mine, other} <= set(names("-A")), words
            here = as_plugin.sealift.run(*words, "-o", "name", "--kubeconfig", file).out.split()
            assert mine in here and other not in here, words
    finally:
        as_plugin("delete", "--yes", "sync", "orphan", "-n", "default")
