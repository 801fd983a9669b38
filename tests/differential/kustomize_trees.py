"""Kustomize trees made at random: bases, overlays three deep, components, and what kustomizations change."""

from __future__ import annotations

import json
from typing import Any, Optional

from kustomize_objects import FIELDS, KEYS, NAMES, NAMESPACES, TEXTS, ObjectMaker
from kustomize_text import Documents, to_yaml

Json = Any


class Maker(ObjectMaker):
    """One tree; the same seed makes the same one."""

    def target(self, objects: list[Json]) -> Json:
        chosen = self.pick(objects)
        target: Json = {}
        if self.chance(0.8):
            target["kind"] = chosen["kind"]
        if self.chance(0.5):
            target["name"] = self.pick([chosen["metadata"]["name"], ".*", "w.*", "(web|api)"])
        if self.chance(0.1):
            target["version"] = chosen["apiVersion"].split("/")[-1]
        if self.chance(0.1):
            target["labelSelector"] = self.pick(["app=a", "app", "tier!=x", "app in (a,b)", "!tier"])
        if self.chance(0.06):
            target["annotationSelector"] = self.pick(["app=a", "x9", "tier!=x"])
        if self.chance(0.06):
            target["namespace"] = self.pick([*NAMESPACES, "s.*", "de[f]ault"])
        if self.chance(0.05):
            target["group"] = self.pick(["apps", "a.*", chosen["apiVersion"].split("/")[0]])
        return target or {"kind": chosen["kind"]}

    def strategic_patch(self, chosen: Json) -> Json:
        patch: Json = {"apiVersion": chosen["apiVersion"], "kind": chosen["kind"],
                       "metadata": {"name": chosen["metadata"]["name"]}}
        if "namespace" in chosen["metadata"]:
            patch["metadata"]["namespace"] = chosen["metadata"]["namespace"]
        if self.chance(0.4):
            patch["metadata"]["annotations"] = {**self.pairs(), **({self.pick(KEYS): None} if self.chance(0.4) else {})}
        if self.chance(0.08):
            patch["$patch"] = "delete"
            return patch
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            container = self.container(self.pick(["main", "side", "new"]))
            if self.chance(0.15):
                container = {"name": container["name"], "$patch": "delete"}
            elif self.chance(0.4):
                del container["image"]
            spec: Json = {"containers": [container]}
            if self.chance(0.2):
                spec["containers"].append({"$patch": "replace"})
            if self.chance(0.3):
                spec["volumes"] = [{"name": self.pick(["data", "more"]), "emptyDir": {}}]
            patch["spec"] = {"template": {"spec": spec}}
            if self.chance(0.3):
                patch["spec"]["replicas"] = self.random.randint(0, 9)
            if self.chance(0.1):
                patch["spec"]["template"]["metadata"] = {"labels": {"$patch": "replace", "only": "this"}}
        elif self.chance(0.05):
            patch[self.pick(["spec", "data", "rules"])] = self.pick([None, "text", 5, [1], {"x": 1}])
        elif chosen["kind"] == "Service":
            patch["spec"] = {"ports": [{"port": self.pick([80, 443]), "name": "n", **({"protocol": "TCP"} if self.chance(0.5) else {})}]}
        elif chosen["kind"] == "ConfigMap":
            patch["data"] = {"k": self.pick([None, self.text()]), "new": self.text()}
        elif chosen["kind"] == "Thing":
            patch["spec"] = self.pick([{"list": [1, self.scalar()]}, {"deep": {"er": {"y": self.scalar()}}}, {"a": None}, {"deep": None}]
                                      + [{field: self.scalar() for field in self.some(FIELDS, 1, 4)}] * 4)
        return patch

    def json_patch(self, chosen: Json) -> list[Json]:
        operations = [
            {"op": "add", "path": "/metadata/annotations", "value": self.pairs()},
            {"op": "replace", "path": "/metadata/name", "value": chosen["metadata"]["name"]},
            {"op": "add", "path": "/metadata/labels", "value": self.plain_pairs()},
            {"op": "add", "path": "/metadata/x~1y", "value": self.scalar()},
            {"op": "add", "path": "/metadata/annotations/added", "value": self.text()},
        ]
        if chosen["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            operations += [
                {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "patched:1"},
                {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "added", "image": "x"}},
                {"op": "remove", "path": "/spec/template/spec/containers/0/image"},
                {"op": "add", "path": "/spec/replicas", "value": self.random.randint(1, 9)},
                {"op": "copy", "from": "/metadata/name", "path": "/spec/copied"},
                {"op": "test", "path": "/kind", "value": chosen["kind"]},
                {"op": "move", "from": "/spec/selector", "path": "/spec/moved"},
            ]
        if chosen["kind"] == "Thing":
            operations += [{"op": "add", "path": "/spec/list/0", "value": self.scalar()},
                           {"op": "add", "path": "/spec/a", "value": self.scalar()},
                           {"op": "copy", "from": "/spec/a", "path": "/spec/b"},
                           {"op": "add", "path": f"/spec/{self.pick(FIELDS)}", "value": self.scalar()},
                           {"op": "test", "path": "/spec/deep/er/x", "value": chosen["spec"]["deep"]["er"]["x"]}]
        return self.some(operations, 1, 3)

    def patches(self, folder: str, objects: list[Json]) -> list[Json]:
        patches = []
        for _ in range(self.random.randint(1, 3)):
            chosen = self.pick(objects)
            by_json = self.chance(0.4)
            body = self.json_patch(chosen) if by_json else self.strategic_patch(chosen)
            patch: Json = {}
            if by_json or self.chance(0.4):
                patch["target"] = {"kind": chosen["kind"], "name": chosen["metadata"]["name"]} if by_json else self.target(objects)
            if self.chance(0.5):
                patch["patch"] = to_yaml(body)
            else:
                patch["path"] = self.file(folder, "patch", body)
            if self.chance(0.1):
                patch["options"] = self.pick([{"allowNameChange": True}, {"allowKindChange": True}])
                if "target" in patch:  # of another kind, a generated object cannot get its hash: documented
                    patch["options"] = {"allowNameChange": True}
            patches.append(patch)
        return patches

    def file(self, folder: str, stem: str, value: Json) -> str:
        self.count += 1
        name = f"{stem}{self.count}.yaml"
        self.write(f"{folder}/{name}", value)
        return name

    def generator(self, folder: str, behavior: Optional[str] = None) -> Json:
        self.count += 1
        generator: Json = {"name": f"gen{self.count}" if self.chance(0.7) else self.pick(NAMES)}
        if behavior is not None:
            generator.update(name=self.pick(self.generated or NAMES), behavior=behavior)
        else:
            self.generated.append(generator["name"])
        if self.chance(0.7):
            generator["literals"] = [f"{key}={self.pick(TEXTS[:12])}" for key in self.some(["k", "L1", "L2", "l.x"], 1)]
        if self.chance(0.3):
            self.count += 1
            self.write(f"{folder}/f{self.count}.txt", self.pick([b"text\n", b"\xff\xfe binary" * 20, b"a\tb\n", b"", b"x: y\nz\n"]))
            generator["files"] = [self.pick([f"f{self.count}.txt", f"key.x=f{self.count}.txt"])]
        if self.chance(0.2):
            self.count += 1
            self.write(f"{folder}/e{self.count}.env", b"# c\nE1=one\nE2\n E3= three \n\nE4=a=b\n")
            generator["envs"] = [f"e{self.count}.env"]
        if self.chance(0.3):
            generator["options"] = self.pick([{"disableNameSuffixHash": True}, {"immutable": True}, {"labels": self.pairs()},
                                              {"annotations": self.pairs()}])
        if self.chance(0.1):
            generator["namespace"] = self.pick(NAMESPACES)
        return generator

    def replacement(self, objects: list[Json]) -> Json:
        things = [o for o in objects if o["kind"] == "Thing"]
        source = self.pick(things if things and self.chance(0.5) else objects)
        target = self.pick(things if things and self.chance(0.6) else objects)
        paths = ["metadata.annotations.from", "metadata.labels.[a.b/c]", "spec.new.field", "metadata.name"]
        if target["kind"] in ("Deployment", "StatefulSet", "DaemonSet"):
            paths += ["spec.template.spec.containers.[name=main].image", "spec.template.spec.containers.*.image"] * 2
        if target["kind"] == "Thing":
            paths += [f"spec.{field}" for field in FIELDS] * 3 + ["spec.list.0", "spec.list.*", "spec.deep.er", "spec.items.[name=one].value"]
        if target["kind"] == "ConfigMap" and self.chance(0.7):
            paths = ["data.k", "data.doc", "data.doc.a", "data.doc.b.c", "data.doc.list.0", "data.json.a", "data.json.b.c",
                     "data.doc.[x=y].z", "data.doc.made", "data.doc.b.d.0", "data.doc.b"]
        field = self.pick(["metadata.name", "kind", "apiVersion"])
        if source["kind"] == "Thing" and self.chance(0.8):
            field = self.pick(["spec." + self.pick(FIELDS), "spec.deep", "spec.list", "spec.list.0", "spec.deep.er.x"])
        if field in ("spec.deep", "spec.list"):
            # In the place of a scalar it is an empty text between brackets and null elsewhere, which is documented.
            paths = [path for path in paths if path in ("metadata.annotations.from", "data.doc.b")]
            field = field if paths else "metadata.name"
            paths = paths or ["metadata.annotations.from"]
        options: Json = {"create": True} if self.chance(0.8) else {}
        if self.chance(0.2):
            options.update(delimiter=self.pick(["-", ".", "e"]), index=self.pick([0, 1, -1, 5]))
        select = {"kind": target["kind"], **({"name": target["metadata"]["name"]} if self.chance(0.5) else {})}
        made: Json = {"targets": [{"select": select, "fieldPaths": self.some(paths, 1, 2), **({"options": options} if options else {})}]}
        if self.chance(0.15):
            made["sourceValue"] = self.pick(["5", "x", "1.10", "true", "a: b", "v1"])
        else:
            made["source"] = {"kind": source["kind"], "name": source["metadata"]["name"],
                              **({"fieldPath": field} if self.chance(0.8) else {}),
                              **({"options": {"delimiter": self.pick(["/", "0", "1"]), "index": self.pick([0, 0, 1])}}
                                 if self.chance(0.2) else {})}
        if self.chance(0.15):
            made["targets"][0]["reject"] = [{"name": self.pick(NAMES)}]
        return made

    def images(self) -> list[Json]:
        return [{"name": self.pick(["nginx", "redis", "ghcr.io/a/b", "registry.example.com:5000/shop/web"]),
                 **self.pick([{"newTag": "9"}, {"newName": "5"}, {"newName": "true"}, {"newName": "1", "newTag": "30"}, {"newName": "new/name"}, {"digest": "sha256:" + "1" * 64},
                              {"newName": "n:5000/x", "newTag": "v9"}, {"tagSuffix": "-fips"}])}
                for _ in range(self.random.randint(1, 2))]

    def labels(self) -> list[Json]:
        return [{"pairs": self.plain_pairs(), **self.pick([
            {}, {}, {"includeSelectors": True}, {"includeTemplates": True},
            {"fields": [{"path": "spec/made", "create": True}]},
            {"fields": [{"path": "spec/template/metadata/annotations", "kind": "Deployment", "create": True}]}])}
            for _ in range(self.random.randint(1, 2))]

    def plugin(self) -> str:
        specs = [{"path": self.pick(["metadata/name", "metadata/annotations/x", "spec/a"]), **({"create": True} if self.chance(0.3) else {})}]
        config = self.pick([
            {"kind": "PrefixTransformer", "prefix": "pl-", "fieldSpecs": [{"path": "metadata/name"}]},
            {"kind": "SuffixTransformer", "suffix": "-pl", "fieldSpecs": [{"path": "metadata/name", "kind": "Deployment"}]},
            {"kind": "LabelTransformer", "labels": {"pl": 1}, "fieldSpecs": [{"path": "metadata/labels", "create": True}]},
            {"kind": "AnnotationsTransformer", "annotations": {"pl": "x"}, "fieldSpecs": [{"path": "metadata/annotations", "create": True}]},
            {"kind": "NamespaceTransformer", "ns": True, "unsetOnly": self.chance(0.5), "fieldSpecs": [{"path": "metadata/name", "kind": "Namespace"}]},
            {"kind": "ValueAddTransformer", "value": self.pick(["va", "5", "true"]),
             "targets": [{"fieldPath": self.pick(["spec/added", "spec/a", "spec/b"]), "selector": {"kind": "Thing"},
                          **({"filePathPosition": self.pick([1, 2])} if self.chance(0.3) else {})}]},
            {"kind": "NamespaceTransformer", "ns": True, "setRoleBindingSubjects": self.pick(["none", "allServiceAccounts", "defaultOnly"]),
             "fieldSpecs": [{"path": "metadata/namespace", "create": True}, {"path": "subjects", "kind": "RoleBinding"}]},
            {"kind": "ReplacementTransformer", "replacements": [{"sourceValue": "5", "targets": [{"select": {"kind": "Thing"}, "fieldPaths": ["spec.a"], "options": {"create": True}}]}]},
            {"kind": "HashTransformer"},
            {"kind": "PatchJson6902Transformer", "target": {"group": "example.com", "version": "v1", "kind": "Thing", "name": "web"}, "jsonOp": '[{"op": "add", "path": "/spec/a", "value": 1.0}]'},
            {"kind": "PatchStrategicMergeTransformer", "patches": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: web}\nspec: {a: 0x10}"},
            {"kind": "ReplicaCountTransformer", "replica": {"name": "web", "count": 4}, "fieldSpecs": [{"path": "spec/replicas", "create": True, "kind": "Deployment"}]},
            {"kind": "PatchTransformer", "patch": "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\nspec: {a: 7}", "target": {"kind": "Thing"}},
            {"kind": "PatchTransformer", "patch": '[{"op": "add", "path": "/spec/pl", "value": 1}]', "target": {"kind": "Thing"}},
            {"kind": "ImageTagTransformer", "imageTag": {"name": "nginx", "newTag": "pl"}, "fieldSpecs": specs},
        ])
        metadata = {"name": "plugin", **({"namespace": "plug"} if config.pop("ns", None) else {})}
        return to_yaml({"apiVersion": "builtin", "metadata": metadata, **config})

    def configuration(self) -> Json:
        config: Json = {
            "nameReference": [{"kind": "ConfigMap", "version": "v1", "fieldSpecs": [
                {"path": self.pick(["spec/ref/name", "spec/list", "spec/ref"]), "kind": "Thing"}]}],
            "commonAnnotations": [{"path": "spec/annotated", "create": True, "kind": "Thing"}],
            "namePrefix": [{"path": "spec/ref/name", "kind": "Thing"}, {"path": "metadata/name"}],
            "images": [{"path": "spec/a", "kind": "Thing"}, {"path": "spec/list[]/image", "kind": "Thing"}],
            "replicas": [{"path": "spec/b", "create": self.chance(0.5), "kind": "Thing"}],
            "commonLabels": [{"path": "spec/made/labels", "create": True, "group": "example.com"}],
            "namespace": [{"path": "spec/ref/namespace", "create": True, "kind": "Thing"}],
            "varReference": [{"path": self.pick(["spec/a", "spec/list", "spec/deep", "spec"]), "kind": "Thing"}],
        }
        return {key: config[key] for key in self.some(sorted(config), 1, 4)}

    def definitions(self) -> Json:
        """What `crds` take: types with annotations of kustomize."""
        return {"example.com.v1.Thing": {"Schema": {
            "description": "x", "type": "object", "properties": {
                "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
                "spec": {"type": "object", "properties": {
                    "ref": {"type": "object", "x-kubernetes-object-ref-api-version": "v1",
                            "x-kubernetes-object-ref-kind": "ConfigMap", "x-kubernetes-object-ref-name-key": "name"}}}}}}}

    def openapi(self) -> Json:
        thing: Json = {"type": "object", "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"},
            "metadata": {"$ref": "#/definitions/meta"},
            "spec": {"type": "object", "properties": {
                "items": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name",
                          "x-kubernetes-patch-strategy": "merge"},
                "list": {"type": "array", "items": {"type": "string"}}}}},
            "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Thing", "version": "v1"}]}
        document: Json = {"definitions": {"com.example.v1.Thing": thing, "meta": {"type": "object"}}}
        if self.chance(0.4):
            scope = self.pick(["things", "namespaces/{namespace}/things"])
            document["paths"] = {f"/apis/example.com/v1/{scope}/{{name}}": {"get": {"x-kubernetes-group-version-kind": {
                "group": "example.com", "kind": "Thing", "version": "v1"}, "x-kubernetes-action": "get"}}}
        return document

    def generator_plugin(self) -> str:
        self.count += 1
        return to_yaml({"apiVersion": "builtin", "kind": self.pick(["ConfigMapGenerator", "SecretGenerator"]),
                        "metadata": {"name": f"gp{self.count}"}, "literals": ["a=1", f"b={self.pick(TEXTS[:12])}"]})

    def change(self, folder: str, k: Json, objects: list[Json], layer: int) -> None:
        """Everything that a layer may do to what is below it."""
        if self.chance(0.4):
            k["namePrefix"] = self.pick(["p-", "prod-", "1", "0"])
        if self.chance(0.25):
            k["nameSuffix"] = self.pick(["-s", "-v2", "5", "e3"])
        if self.chance(0.35):
            k["namespace"] = self.pick(NAMESPACES)
        if self.chance(0.25):
            k["labels"] = self.labels()
        if self.chance(0.2):
            k["commonLabels"] = self.plain_pairs()
        if self.chance(0.25):
            k["commonAnnotations"] = self.pairs()
        if self.chance(0.3):
            k["images"] = self.images()
        scalable = [o for o in objects if o["kind"] in ("Deployment", "StatefulSet")]
        if scalable and self.chance(0.2):
            k["replicas"] = [{"name": self.pick(scalable)["metadata"]["name"], "count": self.random.randint(0, 9)}]
        if objects and self.chance(0.5):
            k["patches"] = self.patches(folder, objects)
        if objects and self.chance(0.12):
            k["patchesStrategicMerge"] = [self.pick([self.file(folder, "smp", patch), to_yaml(patch)])
                                          for patch in [self.strategic_patch(self.pick(objects))]]
        if objects and self.chance(0.1):
            chosen = self.pick(objects)
            version = chosen["apiVersion"].split("/")
            k["patchesJson6902"] = [{"target": {"group": version[0] if len(version) > 1 else "", "version": version[-1],
                                                "kind": chosen["kind"], "name": chosen["metadata"]["name"]},
                                     "patch": json.dumps(self.json_patch(chosen))}]
        if objects and self.chance(0.15):
            k["replacements"] = [self.replacement(objects) for _ in range(self.random.randint(1, 2))]
        if self.chance(0.3):
            k["configMapGenerator"] = [self.generator(folder, "merge" if self.generated and self.chance(0.3) else None)]
        if self.chance(0.2):
            k["secretGenerator"] = [self.generator(folder, "replace" if self.chance(0.03) else None)]
        if self.chance(0.1):
            k["generatorOptions"] = self.pick([{"disableNameSuffixHash": True}, {"labels": {"gen": "1"}}, {"annotations": {"gen": "x"}}])
        if self.chance(0.12):
            k["transformers"] = [self.plugin()]
        if objects and self.chance(0.06):
            chosen = self.pick(objects)
            self.count += 1
            k["vars"] = [{"name": self.pick(["VAR", f"V{self.count}"]), "objref": {"apiVersion": chosen["apiVersion"], "kind": chosen["kind"], "name": chosen["metadata"]["name"]}}]
        if self.chance(0.1):
            k["configurations"] = [self.file(folder, "config", self.configuration())]
        if self.chance(0.05):
            k["crds"] = [self.file(folder, "crd", self.definitions())]
        if self.chance(0.05):
            k["openapi"] = {"path": self.file(folder, "openapi", self.openapi())}
        if self.chance(0.05):
            k["generators"] = [self.generator_plugin()]
        if self.chance(0.1):
            k["buildMetadata"] = self.some(["originAnnotations", "transformerAnnotations", "managedByLabel"], 1)
        if self.chance(0.1):
            k["sortOptions"] = self.pick([{"order": "fifo"}, {"order": "legacy"}, {
                "order": "legacy", "legacySortOptions": {"orderFirst": ["Deployment", "Service"], "orderLast": ["ConfigMap"]}}])

    def base(self, folder: str) -> list[Json]:
        objects = self.objects()
        k: Json = {"resources": []}
        rest = list(objects)
        while rest:
            n = self.random.randint(1, len(rest))
            made: Json = Documents(rest[:n])
            if self.chance(0.08):
                made = {"apiVersion": "v1", "kind": "List", "items": list(made)}
            k["resources"].append(self.file(folder, "r", made))
            rest = rest[n:]
        if self.chance(0.6):
            self.change(folder, k, objects, 0)
        self.finish(folder, k)
        return objects

    def finish(self, folder: str, k: Json, kind: str = "Kustomization") -> None:
        if kind == "Component":
            k = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", **k}
        elif self.chance(0.7):
            k = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": kind, **k}
        self.write(f"{folder}/{self.pick(['kustomization.yaml', 'kustomization.yaml', 'kustomization.yml', 'Kustomization'])}", k)

    def tree(self) -> str:
        """Writes the tree; returns the folder to build."""
        bases = [f"base{i}" for i in range(self.random.randint(1, 2))]
        objects = [o for base in bases for o in self.base(base)]
        top = bases[0]
        layers = self.random.randint(0, 3)
        for layer in range(1, layers + 1):
            folder = f"overlay{layer}"
            below = bases if layer == 1 else [top]
            k: Json = {"resources": [f"../{name}" for name in below]}
            if self.chance(0.3):
                own = self.objects()
                k["resources"].append(self.file(folder, "own", Documents(own)))
                objects = objects + own
            if self.chance(0.25):
                component: Json = {}
                self.change(f"component{layer}", component, objects, layer)
                self.finish(f"component{layer}", component, "Component")
                k["components"] = [f"../component{layer}"]
            self.change(folder, k, objects, layer)
            self.finish(folder, k)
            top = folder
        return top

