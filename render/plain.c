// Walks the folder, reads each manifest, takes Lists apart, and gives every object its identity,
// its place and its canonical bytes.
#include "render/plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/collect.h"
#include "render/object.h"

enum {
    MAX_FOLDERS_DEEP = 32,
    MAX_LISTS_DEEP = 4,
    MAX_ENTRIES = 500000, // looked at; folders shared or linked many times cost no bytes
    MAX_FILE_BYTES = 4 << 20,
};

struct plain {
    struct tree *tree;
    const struct substitute *substitute; // NULL = no variables
    struct collect collect;
    size_t files;
    size_t entries;
    size_t read_bytes;
};

// A manifest being taken apart.
struct manifest {
    const char *file;
    const char *text;
    size_t size;
    size_t start;       // of the document
    size_t line;        // of the object's List item or document
    const char *prefix; // the path of the List item in the document ("items[3]."), or ""
};

int plain_refuse_unrendered(const char *file, struct error *err)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    if (strcmp(name, "Chart.yaml") == 0)
        return error_set(err, ERROR_INVALID,
                         "%s: this is a Helm chart, which this version does not render: point "
                         "spec.path at rendered manifests (the output of helm template)",
                         file);
    return error_set(err, ERROR_INVALID,
                     "%s: this is a Kustomize tree among plain manifests: point spec.path at its "
                     "folder, or add a kustomization.yaml that names it and the manifests",
                     file);
}

static int fail_at_line(const struct manifest *manifest, const char *field, struct error *err)
{
    cleanup_free char *path = xasprintf("%s%s", manifest->prefix, field != NULL ? field : "");
    size_t line = field != NULL
                      ? yamlvalue_line_of(manifest->text, manifest->size, manifest->start, path)
                      : 0;
    return error_wrap(err, "%s:%zu", manifest->file, line > 0 ? line : manifest->line);
}

static int add_object(struct plain *plain, const struct manifest *manifest, struct value *value,
                      struct error *err)
{
    cleanup_object_identity struct object_identity identity = {0};
    const char *field = NULL;
    if (value_is_object(value) && value_object_get(value, "kind") == NULL &&
        object_path_needs_rendering(manifest->file))
        return plain_refuse_unrendered(manifest->file, err);
    cleanup_value struct value *substituted = NULL;
    if (substitute_apply(plain->substitute, value, manifest->file, manifest->line, &substituted,
                         err) < 0)
        return -1;
    if (substituted != NULL)
        value = substituted;
    if (object_identity_read(value, &identity, &field, err) < 0) {
        // A Kustomization has no name, and an encrypted file may hide anything.
        if (strncmp(value_text_or(value, "apiVersion", ""), "kustomize.config.k8s.io/", 24) == 0)
            return plain_refuse_unrendered(manifest->file, err);
        if (value_object_get(value, "sops") != NULL)
            return collect_check_secret(&plain->collect, &identity, value, manifest->file,
                                        manifest->line, err);
        return fail_at_line(manifest, field, err);
    }
    return collect_add(&plain->collect, value, &identity, manifest->file, manifest->line, err);
}

// List of v1 and the lists that API servers print (ConfigMapList): their items are the objects.
static const struct value *list_items(const struct value *value)
{
    const char *kind = value_text_or(value, "kind", "");
    size_t length = strlen(kind);
    if (length < 4 || strcmp(kind + length - 4, "List") != 0)
        return NULL;
    return value_array_at(value, "items");
}

// The items of a typed list need not repeat what the list says of them.
static void inherit_type(const struct value *list, struct value *item)
{
    const char *kind = value_text_or(list, "kind", "");
    if (!value_is_object(item) || strcmp(kind, "List") == 0)
        return;
    if (value_object_get(item, "kind") == NULL)
        value_object_set_new(item, "kind", value_stringn(kind, strlen(kind) - 4));
    if (value_object_get(item, "apiVersion") == NULL)
        value_object_set(item, "apiVersion", value_object_get(list, "apiVersion"));
}

static int add_value(struct plain *plain, const struct manifest *manifest, struct value *value,
                     unsigned depth, struct error *err)
{
    const struct value *items = list_items(value);
    if (items == NULL)
        return add_object(plain, manifest, value, err);
    if (depth >= MAX_LISTS_DEEP)
        return error_set(err, ERROR_LIMIT, "%s:%zu: more than %d Lists in one another",
                         manifest->file, manifest->line, MAX_LISTS_DEEP);
    // Lists in Lists are rare: their items are said to stand where the inner List begins.
    cleanup_vec struct vec lines = VEC_OF(size_t, NULL);
    if (depth == 0)
        yamlvalue_lines_of_items(manifest->text, manifest->size, manifest->start, "items", &lines);
    for (size_t i = 0; i < value_array_size(items); i++) {
        cleanup_free char *prefix = xasprintf("%sitems[%zu].", manifest->prefix, i);
        struct manifest item = *manifest;
        item.prefix = prefix;
        if (i < lines.len)
            item.line = *(size_t *)vec_at(&lines, i);
        struct value *object = value_array_get(items, i);
        inherit_type(value, object);
        if (add_value(plain, &item, object, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

static bool is_manifest_name(const char *name)
{
    return ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".json");
}

static int parse_json(struct manifest *manifest, struct vec *documents, struct error *err)
{
    cleanup_json json_t *json = NULL;
    size_t bom = manifest->size >= 3 && memcmp(manifest->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (jval_parse(manifest->text + bom, manifest->size - bom, manifest->file, &json, err) < 0)
        return -1;
    struct yamlvalue_document *document = vec_push(documents);
    document->value = value_from_json(json);
    document->line = 1;
    document->start = bom;
    return 0;
}

static int read_manifest(struct plain *plain, const char *file, struct error *err)
{
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (++plain->files > plain->collect.max_objects)
        return error_set(err, ERROR_LIMIT, "%s: more than %zu manifests; split the path in two",
                         file, plain->collect.max_objects);
    if (tree_read(plain->tree, file, MAX_FILE_BYTES, &text, &size, err) < 0)
        return -1;
    plain->read_bytes += size;
    if (plain->read_bytes > plain->collect.max_bytes)
        return error_set(err, ERROR_LIMIT,
                         "%s: more than %zu bytes of manifests; split the path in two", file,
                         plain->collect.max_bytes);
    struct manifest manifest = {.file = file, .text = text, .size = size, .prefix = ""};
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    int parsed = ends_with(file, ".json")
                     ? parse_json(&manifest, &documents, err)
                     : yamlvalue_parse_all(text, size, file, NULL, &documents, err);
    if (parsed < 0)
        return -1;
    vec_foreach (struct yamlvalue_document, document, &documents) {
        manifest.start = document->start;
        manifest.line = document->line;
        if (!value_is_null(document->value) &&
            add_value(plain, &manifest, document->value, 0, err) < 0)
            return -1;
        // The objects hold what they need; the rest of a large file goes at once.
        value_decref(STEAL(document->value));
    }
    return 0;
}

static int walk(struct plain *plain, const char *folder, unsigned depth, struct error *err);

static int walk_entry(struct plain *plain, const char *folder, const struct tree_entry *entry,
                      unsigned depth, struct error *err)
{
    if (++plain->entries > MAX_ENTRIES)
        return error_set(err, ERROR_LIMIT,
                         "%s: more than %d files and folders below the path; narrow the path",
                         folder, MAX_ENTRIES);
    if (entry->name[0] == '.')
        return 0;
    cleanup_free char *path = tree_join(folder, entry->name);
    enum tree_kind kind = entry->kind;
    if (kind == TREE_SYMLINK) {
        struct error failure = {0};
        if (tree_lookup(plain->tree, path, &kind, NULL, &failure) < 0) {
            // One that leads nowhere and looks like no manifest hides nothing.
            bool harmless = failure.code == ERROR_NOT_FOUND && !is_manifest_name(entry->name);
            if (harmless || err == NULL)
                error_release(&failure);
            return harmless ? 0 : err == NULL ? -1 : error_move(err, &failure);
        }
    }
    if (kind == TREE_DIRECTORY)
        return walk(plain, path, depth + 1, err);
    if (!is_manifest_name(entry->name))
        return 0;
    return read_manifest(plain, path, err);
}

static int walk(struct plain *plain, const char *folder, unsigned depth, struct error *err)
{
    cleanup_vec struct vec entries = TREE_ENTRIES;
    if (depth > MAX_FOLDERS_DEEP)
        return error_set(err, ERROR_LIMIT,
                         "%s: more than %d folders in one another (is a symbolic link leading in a "
                         "circle?)",
                         folder, MAX_FOLDERS_DEEP);
    if (tree_list(plain->tree, folder, &entries, err) < 0)
        return -1;
    vec_foreach (struct tree_entry, entry, &entries) {
        if (walk_entry(plain, folder, entry, depth, err) < 0)
            return -1;
    }
    return 0;
}

int plain_render(struct tree *tree, const char *path, const struct render_options *options,
                 const struct substitute *substitute, struct vec *objects, struct error *err)
{
    enum tree_kind kind;
    if (tree_lookup(tree, path, &kind, NULL, err) < 0)
        return tree_say_missing(tree, path, err);
    struct plain plain = {.tree = tree, .substitute = substitute};
    collect_init(&plain.collect, options, objects);
    int done =
        kind == TREE_DIRECTORY ? walk(&plain, path, 0, err) : read_manifest(&plain, path, err);
    collect_release(&plain.collect);
    return done;
}
