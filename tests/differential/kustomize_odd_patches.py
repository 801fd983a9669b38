"""Patches of every directive and operation."""

from __future__ import annotations

from typing import Any

from kustomize_objects import NAMES
from kustomize_odd import ODD_KEYS, OddMaker
from kustomize_text import Documents, to_yaml

Json = Any


class OddPatchMaker(OddMaker):
    def pod_patch(self) -> Json:
        return self.pick([
            {"hostAliases": [{"ip": "1.1.1.1", "hostnames": ["patched"]},
                             {"ip": "3.3.3.3", "hostnames": []}]},
            {"topologySpreadConstraints": [{"topologyKey": "zone",
                                            "whenUnsatisfiable": "DoNotSchedule", "maxSkew": 9}]},
            {"topologySpreadConstraints": [{"topologyKey": "zone", "maxSkew": 9}]},
            {"imagePullSecrets": [{"name": self.pick(NAMES)},
                                  {"name": self.pick(NAMES), "$patch": "delete"}]},
            {"volumes": [{"name": "data", "$patch": self.pick(["delete", "replace", "merge"])}]},
            {"volumes": [{"name": "data", "emptyDir": None, "secret": {"secretName": "web"}}]},
            {"volumes": [{"$patch": "replace"}, {"name": "only", "emptyDir": {}}]},
            {"volumes": None}, {"containers": None}, {"containers": []},
            {"nodeSelector": {"$patch": "replace", "x": "y"}}, {"nodeSelector": {"app": None}},
            {"nodeSelector": {"$patch": "delete"}},
            {"$patch": "replace", "containers": [{"name": "main", "image": "only"}]},
            {"$patch": "delete"},
            {"initContainers": [self.container("init"), self.container("more")]},
            {"containers": [{"name": "main", "ports": [{"containerPort": 80, "name": "patched"}]}]},
            {"containers": [{"name": "main",
                             "ports": [{"containerPort": 80, "protocol": "UDP",
                                        "$patch": "delete"}]}]},
            {"containers": [{"name": "main",
                             "ports": [{"containerPort": 80, "protocol": self.pick(["TCP", "UDP"]),
                                        "hostPort": 1}, {"containerPort": 81}]}]},
            {"containers": [{"name": "main",
                             "env": [{"name": "A", "value": self.scalar()},
                                     {"name": "B", "$patch": "delete"}]}]},
            {"containers": [{"name": "main",
                             "env": [{"$patch": "replace"}, {"name": "Z", "value": "z"}]}]},
            {"containers": [{"name": "main",
                             "env": [{"name": "A", "value": None,
                                      "valueFrom": {"fieldRef": {
                                          "fieldPath": "metadata.name"}}}]}]},
            {"containers": [{"name": "main", "env": None, "args": ["patched"],
                             "$setElementOrder/env": [{"name": "A"}]}]},
            {"containers": [{"name": "main",
                             "volumeMounts": [{"mountPath": "/a", "name": "other"},
                                              {"mountPath": "/z", "name": "data"}]}]},
            {"containers": [{"name": "main", "$patch": "replace", "image": "replaced"},
                            {"name": "side", "$patch": "merge", "image": "merged"}]},
            {"containers": [{"image": "no-name"}]},
            {"containers": [{"name": "main"}, {"name": "main", "image": "twice"}]},
            {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}],
             "containers": [{"name": "side", "image": "x"}]},
            {"tolerations": [{"key": "x"}], "$retainKeys": ["tolerations"]},
            {"securityContext": {}}, {"affinity": {"podAffinity": None}},
            {"ephemeralContainers": [{"name": "debug", "image": "y"}]}])

    def patch_kind(self, patch: Json, kind: str) -> None:
        if kind == "Service":
            patch["spec"] = self.pick([
                {"ports": [{"port": 80, "protocol": "UDP"}]},
                {"ports": [{"port": 80, "$patch": "delete"}]},
                {"ports": [{"$patch": "replace"}, {"port": 1}]},
                {"ports": None, "clusterIP": "None"}, {"selector": {"app": None, "x": "y"}},
                {"selector": {"$patch": "replace", "x": "y"}}, {"$patch": "replace", "x": 1}])
        elif kind == "ServiceAccount":
            patch.update(self.pick([
                {"secrets": [{"name": self.pick(NAMES)}]},
                {"imagePullSecrets": [{"name": "web", "$patch": "delete"}]},
                {"secrets": [{"name": "x", "$patch": "replace"}]}]))
        elif kind in ("ConfigMap", "Secret"):
            data: Json = [
                {"$patch": "replace", "only": "x"}, {"$patch": "delete"}, None, {},
                {"k": self.scalar()}, {"new\nkey": "x"}, {"k": None}]
            content = self.pick(data)
            patch[self.pick(["data", "stringData"])] = content
        elif kind in ("Role", "ClusterRole"):
            patch["rules"] = self.pick([
                self.rules(), [], [{"$patch": "replace"}, *self.rules()],
                [{"$patch": "delete", "apiGroups": [""]}]])
        elif kind in ("Thing", "Gadget"):
            patch["spec"] = self.pick([
                {"$patch": "replace", "a": 1}, {"$patch": "delete"}, {"$patch": "merge", "a": 1},
                {"deep": {"$patch": "delete"}}, {"deep": {"er": None, "x": self.scalar()}},
                {"items": [{"name": "one", "value": 1}]},
                {"items": [{"name": "one", "$patch": "delete"}]},
                {"list": [{"$patch": "replace"}, 1]}, {"list": None}, {"list": {}},
                {"a": {"x": 1}}, {"deep": self.scalar()}, {"list": [None, 1]},
                {self.pick(ODD_KEYS): self.scalar()},
                {"template": {"spec": {"containers": [{"name": "main", "image": "z"}]}}}])

    def strategic_patch(self, chosen: Json) -> Json:
        patch = super().strategic_patch(chosen)
        if patch.get("$patch") or not self.chance(0.4):
            return patch
        pod = self.pod_patch()
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet",
                              "ReplicationController"):
            patch["spec"] = {"template": {"spec": pod}}
            if self.chance(0.1):
                patch["spec"]["strategy"] = self.pick([
                    {"type": "Recreate", "rollingUpdate": None},
                    {"$retainKeys": ["type"], "type": "Recreate"}, None])
        elif chosen["kind"] == "Pod":
            patch["spec"] = pod
        else:
            self.patch_kind(patch, chosen["kind"])
        if self.chance(0.1):
            patch["metadata"].update(self.pick([
                {"labels": None}, {"annotations": None},
                {"labels": {"$patch": "replace", "l": "x"}}, {"annotations": {"$patch": "delete"}},
                {"finalizers": ["a/b", "x/y"]}, {"finalizers": None},
                {"ownerReferences": [{"uid": "u1", "$patch": "delete"}]},
                {"labels": {"app": self.scalar()}}]))
        return patch

    def patches(self, folder: str, objects: list[Json]) -> list[Json]:
        patches = super().patches(folder, objects)
        if self.chance(0.1):
            pair = Documents([self.strategic_patch(self.pick(objects)) for _ in range(2)])
            patches.append(self.pick([{"path": self.file(folder, "several", pair)},
                                      {"patch": to_yaml(pair)}]))
        if self.chance(0.05):
            patches.append({"target": self.target(objects),
                            "patch": self.pick([
                                "- op: add\n  path: /metadata/labels/j\n  value: 1\n", "[]",
                                "- {op: remove, path: /spec}\n", "# nothing\n"])})
        return patches

    def json_patch(self, chosen: Json) -> list[Json]:
        operations = super().json_patch(chosen)
        more: list[Json] = [
            {"op": "move", "from": "/metadata/labels", "path": "/metadata/annotations"},
            {"op": "copy", "from": "/metadata/name", "path": "/metadata/labels/name"},
            {"op": "test", "path": "/metadata/name", "value": chosen["metadata"]["name"]},
            {"op": "test", "path": "/metadata/none", "value": None},
            {"op": "remove", "path": "/metadata/labels"},
            {"op": "add", "path": "/metadata/labels/a~1b~0c", "value": self.text()},
            {"op": "replace", "path": "/spec",
             "value": {"x": self.scalar(), "list": [1.0, 10000000, None, True, "y"]}},
            {"op": "add", "path": "/spec/new", "value": {"a": {"b": [{"c": self.scalar()}]}}},
            {"op": "remove", "path": "/status"},
            {"op": "add", "path": "/data/j", "value": self.text()},
            {"op": "add", "path": "spec/x", "value": 1},
            {"op": "replace", "path": "/spec/absent", "value": 2},
            {"op": "add", "path": "/metadata/namespace", "value": "patched"},
            {"op": "test", "path": "/spec", "value": chosen.get("spec", {})}]
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            at = "/spec/template/spec/containers"
            more += [{"op": "add", "path": f"{at}/0", "value": {"name": "zero", "image": "x"}},
                     {"op": "remove", "path": f"{at}/-1"},
                     {"op": "copy", "from": f"{at}/0", "path": f"{at}/-"},
                     {"op": "move", "from": f"{at}/0", "path": f"{at}/1"},
                     {"op": "add", "path": f"{at}/0/env", "value": [{"name": "A", "value": "1"}]},
                     {"op": "replace", "path": f"{at}/0/name", "value": "renamed"},
                     {"op": "add", "path": f"{at}/0/env/-",
                      "value": {"name": "J", "value": self.text()}},
                     {"op": "test", "path": f"{at}/0/name", "value": "main"},
                     {"op": "add", "path": f"{at}/9", "value": {}},
                     {"op": "remove", "path": "/spec/template/metadata"}] * 2
        if chosen["kind"] == "Thing":
            more += [{"op": "add", "path": "/spec/list/-", "value": self.scalar()},
                     {"op": "remove", "path": "/spec/list/0"},
                     {"op": "replace", "path": "/spec/list/-1", "value": self.scalar()},
                     {"op": "move", "from": "/spec/deep/er", "path": "/spec/shallow"},
                     {"op": "copy", "from": "/spec/list", "path": "/spec/deep/list"},
                     {"op": "test", "path": "/spec/list", "value": chosen["spec"].get("list")},
                     {"op": "add", "path": "/spec/list/1", "value": [1, [self.scalar()]]},
                     {"op": "copy", "from": "/spec/ref", "path": "/metadata/annotations"}] * 2
        return operations + self.some(more, 1, 2) if self.chance(0.2) else operations
