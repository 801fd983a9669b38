"""The kinds in a real API server: the definitions are taken, and the same objects are refused in files and in a
cluster, with the same sentence."""

from __future__ import annotations

import copy
import re
from typing import Any, Iterator

import pytest
import yaml

from parts.control_plane import ControlPlane
from parts.objects import Config
from parts.sealift import Sealift
from parts.wait import wait_for

GROUP = "/apis/sealift.dev/v1alpha1"
PLURALS = {"Bundle": "bundles", "Sync": "syncs", "Hook": "hooks", "TrustPolicy": "trustpolicies"}

BUNDLE: dict[str, Any] = {
    "source": {"git": {"url": "https://git.example.com/acme/config.git"}},
    "artifact": {"repository": "oci://r.example.com/acme/shop", "tags": ["prod"]},
    "sign": {"secretRef": {"name": "packager-key"}},
}
SYNC: dict[str, Any] = {"bundleRef": {"name": "shop"}, "target": {"directory": {"path": "/srv/shop"}}}
FROM_TAG: dict[str, Any] = {
    "artifact": {"repository": "oci://r.example.com/acme/shop", "tag": "prod"},
    "target": {"directory": {"path": "/srv/shop"}},
}
HOOK: dict[str, Any] = {
    "provider": "github",
    "secretRef": {"name": "hook"},
    "resources": [{"kind": "Bundle", "name": "shop"}],
}
KEY = {"name": "packager", "secretRef": {"name": "packager-pub"}}
POLICY: dict[str, Any] = {"require": [{"name": "packager", "attests": True, "keys": [KEY]}]}
NOTATION: dict[str, Any] = {
    "trustStores": [{"name": "ca:acme", "secretRef": {"name": "acme-ca"}}],
    "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
}
BASES = {"Bundle": BUNDLE, "Sync": SYNC, "Hook": HOOK, "TrustPolicy": POLICY}
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"

GONE = object()
Case = tuple[str, dict[str, Any]]


def put(spec: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of spec with values at dotted paths ("source.git.url", "require.0.name")."""
    spec = copy.deepcopy(spec)
    for path, value in changes.items():
        at: Any = spec
        *parents, last = path.split(".")
        for name in parents:
            at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
        key: Any = int(last) if isinstance(at, list) else last
        if value is GONE:
            del at[key]
        else:
            at[key] = value
    return spec


def values(kind: str, path: str, *texts: Any) -> Iterator[Case]:
    for text in texts:
        yield kind, put(BASES[kind], {path: text})


def good() -> Iterator[Case]:
    for kind, spec in BASES.items():
        yield kind, spec
    yield "Sync", FROM_TAG
    yield from values("Bundle", "interval", "30s", "1h30m", "1.5h", "90000ms", "2m.5s", "876000h", "3153600000s", "000001h59m1000000s")
    yield from values(
        "Bundle",
        "source.git.url",
        *("http://h.example/a", "ssh://git@h.example/a/b.git", "ssh://git@h.example:2222/a", "file:///srv/config.git"),
        *("https://[2001:db8::1]:8443/a/b/", "https://h.example:/a", "https://h.example/a%20b", "https://h.example/a..b"),
        "https://h.example/~ada/été.git",
    )
    yield from values("Bundle", "source.git.ref", {"tag": "v1.2"}, {"semver": ">=1.2 <2 || 3.x"}, {"commit": "a" * 64})
    yield from values("Bundle", "source.git.ref.branch", "release/1.2", "a.b", "feature/x-y_z", "@", "ünder")
    yield from values("Bundle", "path", ".", "./a/..b/c", "a/b..", "...", "apps/shop prod")
    yield from values(
        "Bundle",
        "artifact.repository",
        *("oci://localhost:5000/a", "oci://localhost/a/b", "oci://library/nginx", "oci://[::1]:5000/a"),
        *("oci-layout:///srv/layout", "oci-layout:///srv/a:b/layout", "oci://r.example/a.b/c_d/e-f"),
    )
    yield "Bundle", put(BUNDLE, {"artifact.repository": "oci-layout:///srv/l", "artifact.identity": "r.example/a"})
    yield "Bundle", put(BUNDLE, {"artifact.tags": ["prod", "v1.2.3", "_x", "A" * 128], "exportTo": ["a", "b-c", "0"]})
    yield "Bundle", put(BUNDLE, {"notify": [{"url": "https://h.example/hook/1?a=b", "secretRef": {"name": "h.i"}}]})
    token, program = "pkcs11:token=a%20b;id=%01;type=private", {"program": "/usr/libexec/kms", "key": "a b/c:1"}
    for sign in ({"pkcs11": token}, {"pkcs11": token, "secretRef": {"name": "pin"}}, {"command": program}):
        yield "Bundle", put(BUNDLE, {"sign": sign})
    yield "Sync", put(SYNC, {"artifact": {"secretRef": {"name": "pull"}, "certSecretRef": {"name": "ca"}}})
    yield "Sync", put(SYNC, {"prune": False, "drift": "Report", "allowNamespaces": ["x"], "path": "./y"})
    yield "Sync", put(FROM_TAG, {"artifact.tag": GONE, "artifact.digest": "sha256:" + "0a" * 32})
    yield "Sync", put(FROM_TAG, {"artifact.tag": GONE, "artifact.semver": ">=1.2", "artifact.semverFilter": "-prod$"})
    yield from values("Bundle", "artifact.format", "Flux", "Argo")
    times = {"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2028-02-29T23:59:59.5+05:30"}
    yield "Sync", put(SYNC, {"verify": {"keys": [{**KEY, **times}, {"name": "b", "pem": PEM}], "attests": False}})
    far = {"notBefore": "2000-02-29T00:00:00Z", "notAfter": "9999-12-31T23:59:59-14:00"}
    yield "Sync", put(SYNC, {"verify": {"keys": [{**KEY, **far}]}})
    yield from values("Sync", "target.directory.path", "/srv/a b", "/srv/..a")
    yield "Hook", put(HOOK, {"resources": GONE, "selector": {"matchLabels": {"team": "shop"}}})
    expression = {"key": "env", "operator": "In", "values": ["prod"]}
    yield "Hook", put(HOOK, {"resources": [], "selector": {"matchExpressions": [expression]}})
    yield "TrustPolicy", put(POLICY, {"match": {"namespaces": {"matchExpressions": [expression]}}})
    patterns = ["r.example/acme/*", "**", "oci-layout:/srv/Upper/*"]
    yield "TrustPolicy", put(POLICY, {"match.repositories": patterns, "freshness": {"maxAge": "720h"}})
    yield from values(
        "TrustPolicy",
        "source",
        {"repository": "git@h.example:acme/config.git", "refs": ["main", "release/*", "refs/tags/v*"]},
        {"repository": "h.example/acme/config", "paths": ["apps/*", "**"], "channels": ["prod"]},
        *({"repository": text} for text in ("git+https://h.example/a", "GIT://h.example/a", "/srv/a.git", "localhost/a")),
    )
    two = [{"name": "a", "threshold": 2, "keys": [KEY, {**KEY, "name": "b"}]}, {"name": "b", "keys": [KEY]}]
    yield "TrustPolicy", {"require": two}
    yield "TrustPolicy", {"require": [{"name": "a", "threshold": 2, "anyRepository": True, "notation": NOTATION}]}
    yield "TrustPolicy", {"require": [POLICY["require"][0], {"name": "b", "notation": NOTATION}]}
    compared = [{"path": "/a/*/b~1c", "equals": value} for value in ("x", 1, 2.5, True)]
    ranges = [{"path": "/a", "atMost": 7, "greaterThan": -1, "in": ["x", 1, False], "exists": True}]
    scan = {"name": "scan", "type": "vuln", "keys": [KEY], "maxAge": "72h", "time": "/x", "values": compared + ranges}
    tests = {"name": "tests", "type": "https://ci.example/tests/v1", "from": "packager"}
    yield "TrustPolicy", put(POLICY, {"attestations": [scan, tests]})
    yield "TrustPolicy", put(POLICY, {"mirrors": [{"repository": "m.example/acme", "of": "r.example/acme"}]})
    identity = {"issuer": "https://a.example", "subject": "*@b.example", "reason": "has left"}
    serials = [{"serial": text, "issuer": "CN=x"} for text in ("0a:1B", "0x1f", "7")]
    keys = [{"name": "old"}, {"fingerprint": "sha256:" + "0a" * 32, "reason": "stolen"}]
    digests = [{"digest": "sha256:" + "0b" * 32}]
    deny = {"keys": keys, "keyless": [identity], "certificates": serials, "digests": digests}
    yield "TrustPolicy", put(POLICY, {"deny": deny})


def bad() -> Iterator[Case]:
    for kind, path in (
        *(("Bundle", "source"), ("Bundle", "sign.secretRef.name"), ("Bundle", "artifact.tags")),
        *(("Sync", "target.directory"), ("Sync", "bundleRef.name"), ("Sync", "bundleRef"), ("Hook", "provider")),
        *(("Hook", "secretRef"), ("Hook", "resources"), ("TrustPolicy", "require")),
    ):
        yield kind, put(BASES[kind], {path: GONE})
    yield from values("Bundle", "interval", "5", "", "1ms", "ten", "-5m", "5 m", "5d", "10000000h", "1m" + "x" * 50)
    # Far too much, in one part or in several.
    yield from values("Bundle", "interval", "9999999999s", "99999999m99999999m", "999999h999999h999999h", "876001h", "9" * 60 + "ns")
    yield from values("Bundle", "timeout", "9h", "10ms")
    yield from values(
        "Bundle",
        "source.git.url",
        *("", "h.example/a", "https://u:hunter2@h.example/a", "https://u@h.example/a", "ssh://u:p@h.example/a"),
        *("git@h.example:a/b.git", "git@h.example:/a", "ftp://h.example/a", "https://h.example", "https:///a"),
        *("https://h.example/a//b", "https://h.example/a/../b", "https://h.example/a?b", "https://h.example/a b"),
        *("file://h.example/a", "https://h.example:99999x/a", "HTTPS://h.example/a", "https://h example/a", "/srv/a:b"),
    )
    yield from values("Bundle", "source.git.ref", {}, {"branch": "main", "tag": "v1"}, {"commit": "abc123"})
    yield from values(
        "Bundle", "source.git.ref.branch", "", "refs/heads/main", "a..b", "-x", "a b", "x/", ".a", "a/.b", "a@{b", "a\\b"
    )
    yield from values("Bundle", "source.git.ref", {"semver": "latest"}, {"semver": "1.2;rm"}, {"tag": "v*"})
    yield from values("Bundle", "source.git.history", "Never", "any")
    yield from values("Bundle", "source.git", {**BUNDLE["source"]["git"], "verify": {"keys": []}})
    yield from values("Bundle", "path", "/abs", "../x", "a/../b", "..", "a\x07b")
    yield from values("Bundle", "render.type", "plain", "Helm", "Jsonnet", "")
    yield from values("Bundle", "render", {"helm": {"releaseName": "a"}}, {"substitute": {"from": ["../x.env"]}})
    yield from values(
        "Bundle",
        "artifact.repository",
        *("r.example/a", "oci://r.example/a:v1", "oci://r.example/a@sha256:0", "oci://r.example/A", "docker://r.example/a"),
        *("oci://u:p@r.example/a", "oci://r.example/", "oci://", "", "oci-layout:///", "oci-layout:///a/../b"),
        *("oci-layout:///a:b", "oci-layout://a/b", "oci-layout:/srv/a", "oci://r.example//a", "oci://r.example:x/a"),
    )
    yield from values("Bundle", "artifact.identity", "r.example/a", "r.example/a:b")
    yield "Sync", put(SYNC, {"target": {"kubeConfig": {}}})
    yield "Sync", put(FROM_TAG, {"artifact.semverFilter": "-prod$"})
    yield "Sync", put(SYNC, {"artifact": {"semverFilter": "-prod$"}})
    yield from values("Bundle", "artifact.format", "argo", "")
    yield from values("Bundle", "artifact.tags", [], ["a", "a"], ["-a"], ["a b"], [""], ["x" * 129])
    yield "Bundle", put(BUNDLE, {"artifact.repository": "oci-layout:///srv/l", "artifact.insecure": True})
    yield from values("Bundle", "sign.secretRef.name", "Key", "-a", "a_b", "a..b", "")
    token, program = "pkcs11:object=a", {"program": "/usr/libexec/kms", "key": "a"}
    for text in (token + "?pin-value=hunter2", "pkcs11:token=a", "file:/object=a", token + " b", token + "#b", ""):
        yield "Bundle", put(BUNDLE, {"sign": {"pkcs11": text}})
    for path in ("kms", "./kms", "/usr/a=b", ""):
        yield "Bundle", put(BUNDLE, {"sign": {"command": {**program, "program": path}}})
    for sign in ({}, {"command": {"key": "a"}}, {"command": {"program": "/a"}}, {"command": program, "pkcs11": token},
                 {"command": program, "secretRef": {"name": "a"}}):  # fmt: skip
        yield "Bundle", put(BUNDLE, {"sign": sign})
    yield from values("Bundle", "exportTo", ["shop", "shop"], ["a.b"], ["x" * 64], ["Shop"])
    yield from values(
        "Bundle",
        "notify",
        *([{"url": url, "secretRef": {"name": "a"}}] for url in ("h.example", "https://", "https://u:p@h/a", "http://u@h/")),
        [{"url": "https://h.example/hook"}],
        [{"secretRef": {"name": "a"}}],
    )
    yield from values("Sync", "wait", True)
    yield from values("Sync", "targetNamespace", "shop")
    yield from values("Sync", "dependsOn", [{"name": "a"}])
    yield from values("Sync", "artifact", {"tag": "prod"}, FROM_TAG["artifact"])
    yield "Sync", put(FROM_TAG, {"artifact.digest": "sha256:" + "0" * 64})
    yield "Sync", put(FROM_TAG, {"artifact.tag": GONE})
    yield "Sync", put(FROM_TAG, {"artifact.tag": GONE, "artifact.digest": "sha256:ABC"})
    yield from values("Sync", "target.directory.path", "srv", "/", "//", "/a/../b", "/a\x1b")
    yield from values("Sync", "target.directory.layout", "tree", "Zip")
    yield from values("Sync", "target.kubeConfig", {"secretRef": {"name": "a"}})
    yield from values("Sync", "drift", "heal", "Ignore")
    for key in (
        *({"name": "k"}, {**KEY, "pem": PEM}, {"secretRef": {"name": "a"}}, {"name": "k", "pem": "hello"}),
        *({"name": "k", "pem": "-----BEGIN PRIVATE KEY-----"}, {**KEY, "notBefore": "yesterday"}),
        *({**KEY, "notAfter": "2026-02-30T00:00:00Z"}, {**KEY, "notAfter": "2027-02-29T00:00:00Z"}),
        {**KEY, "notBefore": "2027-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"},
    ):
        yield from values("Sync", "verify", {"keys": [key]})
    for before, after in (
        *(("2026-01-01T00:00:00Z", text) for text in ("2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2027-02-29T00:00:00Z")),
        *(("2026-01-01T00:00:00Z", text) for text in ("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "")),
        *(("2026-01-01T24:00:00Z", "2027-01-01T00:00:00Z"), ("2028-03-01T00:00:00Z", "2028-02-29T23:59:59Z")),
        ("2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00Z"),
    ):
        yield from values("Sync", "verify", {"keys": [{**KEY, "notBefore": before, "notAfter": after}]})
    yield from values("Sync", "verify", {"keys": []}, {}, {"keys": [KEY, KEY]})
    yield from values("Hook", "provider", "gitlab", "GitHub", "svn")
    yield from values("Hook", "events", [], ["ping"], ["pushes"], ["push", "push"])
    yield from values("Hook", "resources", [{"kind": "Pod", "name": "a"}], [{"kind": "Sync"}], [])
    yield from values("Hook", "suspend", True)
    yield "Hook", put(HOOK, {"resources": [], "selector": {}})
    yield from values("TrustPolicy", "require.0.threshold", 0, 2, 1000)
    yield from values("TrustPolicy", "require.0.keys", [], [KEY, KEY])
    yield from values("TrustPolicy", "require.0.keyless", [{"issuer": "a", "subject": "b"}])
    yield "TrustPolicy", {"require": [{"name": "a", "notation": NOTATION}]}
    yield "TrustPolicy", {"require": [{"name": "a", "attests": True, "notation": NOTATION}]}
    for path, value in (
        ("trustStores.0.name", "acme"),
        ("trustStores.0.pem", PEM),
        ("trustStores.0.secretRef", GONE),
        ("trustStores", []),
        ("trustedIdentities", ["acme"]),
        ("trustedIdentities", GONE),
        ("revocation", "never"),
        ("verifyTimestamp", "Never"),
        ("crls", {}),
    ):
        yield "TrustPolicy", {"require": [{"name": "a", "anyRepository": True, "notation": put(NOTATION, {path: value})}]}
    yield from values("TrustPolicy", "require", [], [POLICY["require"][0]] * 2)
    yield "TrustPolicy", {"require": [POLICY["require"][0], {"name": "b", "attests": True, "keys": [KEY]}]}
    yield "TrustPolicy", {"require": [{"name": "a", "attests": True, "approves": True, "keys": [KEY]}]}
    scan = {"name": "scan", "type": "vuln", "keys": [KEY]}
    for change in (
        *({"from": "packager"}, {"keys": GONE}, {"keys": GONE, "from": "nobody"}, {"type": "no type"}),
        *({"time": "finishedAt"}, {"values": [{"path": "/a~2", "equals": 1}]}, {"maxAge": "soon"}),
    ):
        yield "TrustPolicy", put(POLICY, {"attestations": [put(scan, change)]})
    for deny in (
        *({"keys": [{"reason": "x"}]}, {"keys": [{"fingerprint": "abc"}]}, {"certificates": [{"serial": "xyz"}]}),
        *({"digests": [{"digest": "latest"}]}, {"certificates": [{"issuer": "CN=x"}]}),
    ):
        yield "TrustPolicy", put(POLICY, {"deny": deny})
    yield "TrustPolicy", put(POLICY, {"mirrors": [{"repository": "m.example/a:tag", "of": "r.example/acme"}]})
    for more in ({"source": {"channels": ["prod"]}}, {"freshness": {"maxAge": "1h"}}):
        yield "TrustPolicy", {"require": [{"name": "a", "keys": [KEY]}], **more}
    yield from values("TrustPolicy", "match", {"repositories": ["R.example/*"]}, {"repositories": ["a b"]})
    yield from values("TrustPolicy", "match.namespaces", {"matchExpressions": [{"key": "a", "operator": "in"}]})
    yield from values("TrustPolicy", "source.repository", "nothing", "https://u:p@h/a", "svn://h/a")
    yield from values("TrustPolicy", "source.refs", ["a..b"], ["-x"])
    yield from values("TrustPolicy", "source.paths", ["/a"], ["../a"])
    yield from values("TrustPolicy", "freshness", {"maxAge": "1"}, {"rollback": "Maybe"})


def otherwise_said() -> Iterator[Case]:
    """Refused by both, but by the API server in its own words."""
    yield from values("Bundle", "interval", 5)
    yield from values("Bundle", "artefact", {})
    yield from values("Bundle", "suspend", "yes")
    yield from values("Bundle", "exportTo", "shop", [f"n{number}" for number in range(257)])
    yield from values("Bundle", "path", "x" * 5000)
    yield from values("Hook", "selector", {"matchLabels": {f"l{number}": "x" for number in range(65)}})
    yield from values("TrustPolicy", "require", [{"name": f"e{number}", "keys": [KEY]} for number in range(9)])
    yield from values("Sync", "target", {"directory": []})
    # No expression sees a member that may be of several types.
    scan = {"name": "scan", "type": "vuln", "keys": [KEY], "values": [{"path": "/a"}]}
    yield "TrustPolicy", put(POLICY, {"attestations": [scan]})


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield f"{prefix}{name}"
        yield from paths(member, f"{prefix}{name}.")


def mistaken() -> Iterator[tuple[str, Any, Case]]:
    """Each member of what is taken in turn left out, empty, null, or of another type: its path, what it is, and all."""
    seen = set()
    for kind, spec in good():
        for path in paths(spec):
            at: Any = spec
            for name in path.split("."):
                at = at[int(name)] if isinstance(at, list) else at[name]
            for value in (GONE, None, type(at)(), [] if isinstance(at, dict) else {}):
                place = (kind, re.sub(r"\b\d+\b", "*", path), repr(value))
                if place not in seen:
                    yield path, value, (kind, put(spec, {path: value}))
                seen.add(place)


def objects(cases: Iterator[Case], namespace: str) -> list[dict[str, Any]]:
    made = []
    for number, (kind, spec) in enumerate(cases):
        metadata = {"name": f"case-{number}"}
        if kind != "TrustPolicy":
            metadata["namespace"] = namespace
        made.append({"apiVersion": "sealift.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
    return made


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """With our kinds, from the program itself."""
    exported = Sealift(tmp_path_factory.mktemp("home"))("export", "crds").out
    control_plane.apply(exported)
    for plural in PLURALS.values():
        definition = ["wait", "--for=condition=Established", f"crd/{plural}.sealift.dev", "--timeout=20s"]
        control_plane.kubectl(*definition)
        path = f"{GROUP}/{plural}"
        wait_for(path, lambda: control_plane.api("GET", path).status == 200)  # pylint: disable=cell-var-from-loop
    return control_plane


def create(plane: ControlPlane, thing: dict[str, Any]) -> Any:
    """A dry run; (status, messages by field)."""
    namespace = thing["metadata"].get("namespace")
    path = f"{GROUP}/namespaces/{namespace}" if namespace else GROUP
    query = "dryRun=All&fieldValidation=Strict"
    return plane.api("POST", f"{path}/{PLURALS[thing['kind']]}?{query}", thing)


def checked(sealift: Sealift, config: Config, things: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What `sealift check` says about each, by the object's name, without the object's name."""
    config.folder.mkdir(exist_ok=True)
    for thing in things:
        (config.folder / f"{thing['metadata']['name']}.yaml").write_text(yaml.safe_dump(thing))
    said: dict[str, list[str]] = {}
    result = sealift.run("check", "--config", config.folder, "--state", sealift.home / "state")
    for line in result.out.splitlines():
        found = re.search(r"\b(?:Bundle|Sync|Hook|TrustPolicy) (?:[\w-]+/)?(case-\d+): (.*)", line)
        if found:
            sentences = re.split(rf"; \w+ (?:[\w-]+/)?{found[1]}: ", found[2])
            said.setdefault(found[1], []).extend(sentences)
    return said


def about_spec(sentences: list[str]) -> list[str]:
    return [sentence for sentence in sentences if sentence.startswith("spec") and "there is no" not in sentence]


def test_definitions_are_structural(plane: ControlPlane) -> None:
    for plural in PLURALS.values():
        definition = plane.get("crd", f"{plural}.sealift.dev")
        conditions = {item["type"]: item["status"] for item in definition["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions["NamesAccepted"] == "True"
        assert conditions.get("NonStructuralSchema", "False") == "False"
    assert plane.get("crd", "trustpolicies.sealift.dev")["spec"]["scope"] == "Cluster"


def test_what_files_take_a_cluster_takes(
    plane: ControlPlane, sealift: Sealift, config: Config, namespace: str
) -> None:
    things = objects(good(), namespace)
    said = checked(sealift, config, things)
    for thing in things:
        assert about_spec(said.get(thing["metadata"]["name"], [])) == [], thing
        answer = create(plane, thing)
        assert answer.status == 201, f"{thing}: {answer.text}"


def test_what_files_refuse_a_cluster_refuses_with_the_same_sentence(
    plane: ControlPlane, sealift: Sealift, config: Config, namespace: str
) -> None:
    things = objects(bad(), namespace)
    said = checked(sealift, config, things)
    wrong = []
    for thing in things:
        sentences = about_spec(said.get(thing["metadata"]["name"], []))
        answer = create(plane, thing)
        if answer.status != 422 or not sentences:
            wrong.append(f"{thing}\n  files: {sentences}\n  cluster: {answer.status} {answer.text}")
            continue
        causes = {(cause.get("field", ""), cause["message"]) for cause in answer.json()["details"]["causes"]}
        if any("evaluating rule" in message for _, message in causes):
            wrong.append(f"{thing}\n  cluster: {sorted(causes)}")
        for sentence in sentences:
            if not any(is_said(sentence, field, message) for field, message in causes):
                wrong.append(f"{thing}\n  files: {sentence}\n  cluster: {sorted(causes)}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(things)}:", *wrong])


def test_rules_are_true_or_false_whatever_they_are_given(
    plane: ControlPlane, sealift: Sealift, config: Config, namespace: str
) -> None:
    """An error in an expression is no sentence, and nobody could act on it."""
    cases = list(mistaken())
    things = objects((case for _, _, case in cases), namespace)
    said = checked(sealift, config, things)
    wrong = []
    for (path, value, _), thing in zip(cases, things):
        answer = create(plane, thing)
        refused = bool(about_spec(said.get(thing["metadata"]["name"], [])))
        # What is null the API server leaves out, and what may be of several types no expression sees.
        same = (answer.status == 422) == refused or value is None or re.search(r"\.(equals|in\.\d+)$", path)
        if answer.status not in (201, 422) or "evaluating rule" in answer.text or not same:
            wrong.append(f"{path} = {value!r}: {refused} {answer.status} {answer.text}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(things)}:", *wrong])


def is_said(sentence: str, field: str, message: str) -> bool:
    """Whether the cause is the sentence of the file check, less a proposal that it alone can make."""
    path, _, rest = re.match(r"([^: ]+)(: | )(.*)", sentence, re.S).groups()  # type: ignore[union-attr]
    rest = re.sub(r"; did you mean .*", "", rest)
    shown = re.sub(r"[\x00-\x08\x0b-\x1f]", lambda found: f"\\x{ord(found[0]):02X}", message)
    return path == field and rest in shown


def test_what_both_refuse_in_their_own_words(
    plane: ControlPlane, sealift: Sealift, config: Config, namespace: str
) -> None:
    things = objects(otherwise_said(), namespace)
    said = checked(sealift, config, things)
    for thing in things:
        assert about_spec(said.get(thing["metadata"]["name"], [])), thing
        assert create(plane, thing).status in (400, 422), thing


def test_secrets_are_not_repeated(plane: ControlPlane, namespace: str) -> None:
    url = "https://u:hunter2@h.example/a"
    key = {"name": "k", "pem": "-----BEGIN PRIVATE KEY-----\nhunter2\n"}
    cases = [
        ("Bundle", put(BUNDLE, {"source.git.url": url})),
        ("Bundle", put(BUNDLE, {"artifact.repository": "oci://u:hunter2@h.example/a"})),
        ("Bundle", put(BUNDLE, {"artifact.identity": "u:hunter2@h.example/a"})),
        ("Bundle", put(BUNDLE, {"notify": [{"url": url, "secretRef": {"name": "a"}}]})),
        ("Sync", put(SYNC, {"verify": {"keys": [key]}})),
        ("TrustPolicy", put(POLICY, {"source.repository": url})),
    ]
    for thing in objects(iter(cases), namespace):
        answer = create(plane, thing)
        assert answer.status == 422 and "hunter2" not in answer.text, answer.text


def test_defaults_are_those_of_files(plane: ControlPlane, namespace: str) -> None:
    made = {thing["kind"]: create(plane, thing).json()["spec"] for thing in objects(iter(BASES.items()), namespace)}
    assert made["Bundle"]["source"]["git"]["ref"] == {"branch": "main"}
    assert made["Bundle"]["render"] == {"type": "Auto"}
    assert (made["Bundle"]["interval"], made["Bundle"]["artifact"]["renew"]) == ("10m", "168h")
    assert (made["Sync"]["prune"], made["Sync"]["drift"], made["Sync"]["path"]) == (True, "Heal", "./")
    assert made["Hook"]["events"] == ["push"]
    assert made["TrustPolicy"]["match"] == {}
    assert made["TrustPolicy"]["require"][0]["threshold"] == 1


def test_kubectl_shows_what_matters(plane: ControlPlane, namespace: str) -> None:
    thing = objects(iter([("Bundle", BUNDLE)]), namespace)[0]
    plane.apply(thing)
    base = f"{GROUP}/namespaces/{namespace}/bundles/{thing['metadata']['name']}"
    ready = {"type": "Ready", "status": "True", "reason": "Released", "message": "released", "observedGeneration": 1}
    ready["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"observedGeneration": 1, "conditions": [ready], "artifact": {"revision": "main@sha1:abc", "size": 7}}
    patch = {"Content-Type": "application/apply-patch+yaml"}
    body = {**thing, "status": {**status, "history": [{"digest": "sha256:1"}], "extra": {"kept": True}}}
    answer = plane.api("PATCH", f"{base}/status?fieldManager=sealift&force=true", body, headers=patch)
    assert answer.status == 200, answer.text
    assert answer.json()["status"]["extra"] == {"kept": True}

    lines = [line.split() for line in plane.kubectl("get", "slb", "-n", namespace).splitlines()]
    assert lines[0] == ["NAME", "READY", "SUSPENDED", "STATUS", "REVISION", "AGE"]
    assert lines[1][:5] == ["case-0", "True", "false", "released", "main@sha1:abc"]
    assert "case-0" in plane.kubectl("get", "sealift", "-n", namespace)
    plane.kubectl("wait", "--for=condition=Ready", "bundle/case-0", "-n", namespace, "--timeout=5s")

    # The main resource does not take status, and what is applied there does not count as a change of spec.
    plane.apply({**thing, "status": {"observedGeneration": 99}})
    assert plane.get("bundle", "case-0", "-n", namespace)["status"]["observedGeneration"] == 1
    assert "Required." in plane.kubectl("explain", "bundle.spec.source.git.url")
