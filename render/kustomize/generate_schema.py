#!/usr/bin/env python3
"""Writes schema_table.c: which lists of the built-in kinds a strategic merge joins, and by which keys.

The source is the OpenAPI document (v1.21.2) inside kustomize's own kyaml module, because that is what
kustomize 5.8.1 decides by, newer documents notwithstanding:

    render/kustomize/generate_schema.py | clang-format --assume-filename=x.c > render/kustomize/schema_table.c

It is fetched with `go mod download`; or give the folder of the unpacked module as the argument.
The document is a protobuf (gnostic's openapiv2.Document); only the few fields below are read.
"""
import json
import pathlib
import subprocess
import sys

MODULE = "sigs.k8s.io/kustomize/kyaml@v0.21.1"
PATH = "openapi/kubernetesapi/v1_21_2/swagger.pb"
EXTRA = "openapi/kustomizationapi/swagger.json"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def message(data):
    """Field number -> list of payloads (bytes for length-delimited, integers for the rest)."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            raise ValueError(f"wire type {kind}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def text(fields, number):
    return fields[number][0].decode() if number in fields else ""


def extension_value(yaml):
    """An extension's YAML, which is a string, a list of strings, or a list of flat maps."""
    lines = [line for line in yaml.split("\n") if line.strip()]
    if not lines[0].startswith("-") and ":" not in lines[0]:
        return lines[0].strip('"')
    items = []
    for line in lines:
        body = line[2:]
        if line.startswith("- ") and ": " not in body and not body.endswith(":"):
            items.append(body.strip('"'))
            continue
        if line.startswith("- "):
            items.append({})
        key, _, value = body.partition(":")
        items[-1][key.strip()] = value.strip().strip('"')
    return items


def schema_from_proto(data):
    fields = message(data)
    schema = {}
    if text(fields, 1):
        schema["$ref"] = text(fields, 1)
    if 22 in fields:
        types = [value.decode() for value in message(fields[22][0]).get(1, [])]
        schema["type"] = types[0] if len(types) == 1 else types
    if 23 in fields:
        items = message(fields[23][0]).get(1, [])
        if items:
            schema["items"] = schema_from_proto(items[0])
    if 25 in fields:
        schema["properties"] = named(fields[25][0])
    if 21 in fields and 1 in message(fields[21][0]):
        schema["additionalProperties"] = schema_from_proto(message(fields[21][0])[1][0])
    for extension in fields.get(31, []):
        pair = message(extension)
        schema[text(pair, 1)] = extension_value(text(message(pair[2][0]), 2))
    return schema


def named(data):
    result = {}
    for entry in message(data).get(1, []):
        pair = message(entry)
        result[text(pair, 1)] = schema_from_proto(pair[2][0])
    return result


class Table:
    def __init__(self, definitions):
        self.definitions = definitions
        self.nodes = {}  # definition name -> {field: (keys or None, definition name or None)}
        for name, schema in definitions.items():
            self.nodes[name] = self.fields_of(schema)
        self.minimise()

    def resolve(self, schema):
        """The definition's name that a schema leads to, through items where it is a list."""
        while True:
            if "$ref" in schema:
                return schema["$ref"].removeprefix("#/definitions/")
            if schema.get("type") == "array" and "items" in schema:
                schema = schema["items"]
                continue
            if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
                if "$ref" in schema["additionalProperties"]:
                    inner = schema["additionalProperties"]["$ref"]
                    raise_if_strategic(self.definitions, inner)
            if "properties" in schema:
                raise ValueError("an inline object: give it a name of its own here")
            return None

    def fields_of(self, schema):
        fields = {}
        for field, value in schema.get("properties", {}).items():
            strategy = value.get("x-kubernetes-patch-strategy", "")
            keys = None
            if "merge" in strategy.split(",") and value.get("type") == "array":
                keys = value.get("x-kubernetes-list-map-keys")
                if keys is None:
                    one = value.get("x-kubernetes-patch-merge-key")
                    keys = [one] if one else []
            fields[field] = (tuple(keys) if keys is not None else None, self.resolve(value))
        return fields

    def minimise(self):
        """Gives one class to definitions that nothing tells apart; class 0 knows no keyed list."""
        classes = {name: 0 for name in self.nodes}
        while True:
            shapes = {}
            for name, fields in self.nodes.items():
                shape = []
                for field, (keys, inner) in sorted(fields.items()):
                    inner_class = classes.get(inner, 0) if inner else 0
                    if keys is not None or inner_class:
                        shape.append((field, keys, inner_class))
                shapes[name] = (classes[name], tuple(shape))
            order = {(0, ()): 0}
            for name in sorted(shapes):
                shape = shapes[name]
                if not shape[1]:
                    shape = (0, ())
                order.setdefault(shape, len(order))
                shapes[name] = shape
            refined = {name: order[shapes[name]] for name in shapes}
            if len(set(refined.values())) == len(set(classes.values())):
                break
            classes = refined
        self.classes = refined
        self.rows = {}
        for name, number in refined.items():
            self.rows[number] = [
                (field, keys, refined.get(inner, 0) if inner else 0)
                for field, (keys, inner) in sorted(self.nodes[name].items())
                if keys is not None or (inner and refined.get(inner, 0))
            ]


def raise_if_strategic(definitions, reference):
    seen, todo = set(), [reference.removeprefix("#/definitions/")]
    while todo:
        name = todo.pop()
        if name in seen or name not in definitions:
            continue
        seen.add(name)
        body = json.dumps(definitions[name])
        if '"x-kubernetes-patch-strategy": "merge' in body:
            raise ValueError(f"a map of {name}, which has keyed lists: teach the table about maps")
        for part in body.split('"#/definitions/')[1:]:
            todo.append(part.split('"')[0])


def roots_of(definitions, classes):
    roots = {}
    for name in sorted(definitions):
        kinds = definitions[name].get("x-kubernetes-group-version-kind", [])
        for kind in kinds:
            group = kind.get("group", "")
            api_version = (group + "/" if group else "") + kind["version"]
            roots[(api_version, kind["kind"])] = classes[name]
    return sorted((key, number) for key, number in roots.items() if number)


def write(table):
    roots = roots_of(table.definitions, table.classes)
    used, todo = set(), [number for _, number in roots]
    while todo:
        number = todo.pop()
        if number and number not in used:
            used.add(number)
            todo.extend(inner for _, _, inner in table.rows[number])
    renumber = {0: 0} | {number: at + 1 for at, number in enumerate(sorted(used))}
    key_sets = sorted({keys for number in used for _, keys, _ in table.rows[number] if keys})

    out = ["// Written by generate_schema.py from " + MODULE + ", " + PATH + "."]
    out += ["// Change the script, not this file.", '#include "render/kustomize/schema_internal.h"', ""]
    out += ["#include <stddef.h>", ""]
    for at, keys in enumerate(key_sets):
        names = ", ".join(f'"{key}"' for key in keys)
        out.append(f"static const char *const keys_{at}[] = {{{names}, NULL}};")
    out += ["static const char *const keys_scalar[] = {NULL};", ""]
    out += ["const struct schema_row schema_rows[] = {"]
    ranges, at = [(0, 0)], 0
    for number in sorted(used):
        rows = sorted(table.rows[number], key=lambda row: row[0].encode())
        ranges.append((at, len(rows)))
        at += len(rows)
        for field, keys, inner in rows:
            name = "NULL" if keys is None else f"keys_{key_sets.index(keys)}" if keys else "keys_scalar"
            out.append(f'    {{"{field}", {name}, {renumber[inner]}}},')
    out += ["};", "", "const struct schema_node schema_nodes[] = {"]
    out += [f"    {{{first}, {count}}}," for first, count in ranges]
    out += ["};", "", "const struct schema_root schema_roots[] = {"]
    for (api_version, kind), number in sorted(roots, key=lambda root: (root[0][0].encode(), root[0][1].encode())):
        out.append(f'    {{"{api_version}", "{kind}", {renumber[number]}}},')
    out += ["};", f"const size_t schema_root_count = {len(roots)};", ""]
    sys.stdout.write("\n".join(out))


def main():
    if len(sys.argv) > 1:
        folder = pathlib.Path(sys.argv[1])
    else:
        answer = subprocess.run(["go", "mod", "download", "-json", MODULE], check=True, capture_output=True)
        folder = pathlib.Path(json.loads(answer.stdout)["Dir"])
    document = message((folder / PATH).read_bytes())
    definitions = named(document[9][0])
    definitions.update(json.loads((folder / EXTRA).read_text())["definitions"])
    write(Table(definitions))


if __name__ == "__main__":
    main()
