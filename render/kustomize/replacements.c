// Replacements: a value of one object, or one given, is written into fields of others (kustomize's
// filters/replacement). Scalars keep the type of the place they go to: "8080" becomes a number
// where a number was.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/explain.h"
#include "render/kustomize/replacement_internal.h"
#include "render/kustomize/selector.h"
#include "render/kustomize/steps.h"

static char *id_text(const struct resource *resource)
{
    struct resource_id id = resource_current_id(resource);
    return xasprintf("%s\n%s\n%s\n%s", id.api_version, id.kind, id.ns, id.name);
}

static int write_object(struct resmap *map, struct resource *resource, const struct value *target,
                        struct source_value *source, struct error *err)
{
    const struct value *paths = value_array_at(target, "fieldPaths");
    const struct value *options = value_object_get(target, "options");
    size_t count = value_array_size(paths);
    cleanup_free char *before = id_text(resource);
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        const char *path =
            count > 0 ? value_string_value(value_array_get(paths, i)) : REPLACEMENT_DEFAULT_PATH;
        if (source_value_write(resource->value, path, options, source, err) < 0) {
            cleanup_free char *name = resource_id_describe(resource_current_id(resource));
            return error_wrap(err, "%s: field %s", name, path);
        }
    }
    cleanup_free char *after = id_text(resource);
    if (strcmp(before, after) != 0)
        resmap_renamed(map);
    return 0;
}

// ---- which objects ----

struct target {
    struct selector *select;
    struct vec reject;     // struct selector *
    struct vec reject_ids; // bool: whether the one of the same place says anything about names
};

static void release_selector(void *element)
{
    selector_free(*(struct selector **)element);
}

static void target_release(struct target *target)
{
    selector_free(target->select);
    vec_free(&target->reject);
    vec_free(&target->reject_ids);
}
#define cleanup_target __attribute__((cleanup(target_release)))

static bool says_names(const struct value *config)
{
    static const char *const fields[] = {"group", "version", "kind", "name", "namespace"};
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
        if (*value_text_or(config, fields[i], "") != '\0')
            return true;
    return false;
}

static int read_target(const struct value *config, struct target *target, struct error *err)
{
    const struct value *select = value_object_at(config, "select");
    const struct value *reject = value_array_at(config, "reject");
    if (select == NULL)
        return error_set(err, ERROR_INVALID, "select is not set; say which objects are meant");
    if (selector_new(select, &target->select, err) < 0 ||
        selector_read_labels(target->select, err) < 0)
        return error_wrap(err, "select");
    for (size_t i = 0; i < value_array_size(reject); i++) {
        const struct value *entry = value_array_get(reject, i);
        struct selector **reject_entry = vec_push(&target->reject);
        if (selector_new(entry, reject_entry, err) < 0 ||
            selector_read_labels(*reject_entry, err) < 0)
            return error_wrap(err, "reject[%zu]", i);
        *(bool *)vec_push(&target->reject_ids) = says_names(entry);
    }
    return 0;
}

// Whether any name the object has or had is meant.
static int matches_any_id(const struct selector *selector, const struct resource *resource,
                          bool *ret_matches, struct error *err)
{
    if (selector_matches_id(selector, resource_current_id(resource), ret_matches, err) < 0)
        return -1;
    for (size_t i = 0; i < resource_past_count(resource) && !*ret_matches; i++)
        if (selector_matches_id(selector, resource_past_id(resource, i), ret_matches, err) < 0)
            return -1;
    return 0;
}

static int is_target(const struct target *target, const struct resource *resource,
                     bool *ret_matches, struct error *err)
{
    if (matches_any_id(target->select, resource, ret_matches, err) < 0)
        return -1;
    *ret_matches = *ret_matches && selector_matches_labels(target->select, resource);
    for (size_t i = 0; i < target->reject.len && *ret_matches; i++) {
        const struct selector *reject = *(struct selector **)vec_at(&target->reject, i);
        // A rejection by labels counts whatever else it says.
        bool rejected = selector_has_labels(reject) && selector_matches_labels(reject, resource);
        if (!rejected && *(bool *)vec_at(&target->reject_ids, i) &&
            matches_any_id(reject, resource, &rejected, err) < 0)
            return -1;
        *ret_matches = !rejected;
    }
    return 0;
}

static int write_target(struct resmap *map, const struct value *config, struct source_value *source,
                        struct error *err)
{
    cleanup_target struct target target = {
        .reject = VEC_OF(struct selector *, release_selector),
        .reject_ids = VEC_OF(bool, NULL),
    };
    if (read_target(config, &target, err) < 0)
        return -1;
    resmap_foreach (resource, map) {
        bool matches = false;
        if (is_target(&target, resource, &matches, err) < 0)
            return -1;
        if (matches && write_object(map, resource, config, source, err) < 0)
            return -1;
    }
    return 0;
}

// Adds to *written what it writes.
static int replace_one(struct resmap *map, const struct value *replacement, size_t *written,
                       struct error *err)
{
    const struct value *targets = value_array_at(replacement, "targets");
    if (value_array_size(targets) == 0 || (value_object_at(replacement, "source") == NULL &&
                                           value_text(replacement, "sourceValue") == NULL))
        return error_set(err, ERROR_INVALID,
                         "a replacement has a source (or a sourceValue) and at least one target");
    cleanup_source_value struct source_value source = {0};
    if (source_value_read(map, replacement, &source, err) < 0)
        return -1;
    source.size = value_size(source.value) + strlen(source.text);
    source.written = written;
    for (size_t i = 0; i < value_array_size(targets); i++)
        if (write_target(map, value_array_get(targets, i), &source, err) < 0)
            return error_wrap(err, "targets[%zu]", i);
    return 0;
}

// ---- the list of them ----

// A file holds one replacement or a list of them. Appends to `list`.
static int load_file(struct frame *frame, const char *path, struct value *list, struct error *err)
{
    cleanup_free char *data = NULL;
    cleanup_free char *name = NULL;
    size_t size = 0;
    if (frame_read(frame, path, &data, &size, &name, err) < 0)
        return -1;
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.last_wins = true, .yaml11 = true};
    if (yamlvalue_parse_all(data, size, name, &limits, &documents, err) < 0)
        return -1;
    struct value *value =
        documents.len > 0 ? ((struct yamlvalue_document *)documents.data)->value : NULL;
    if (!value_is_object(value) && !value_is_array(value))
        return error_set(err, ERROR_INVALID, "%s holds neither a replacement nor a list of them",
                         name);
    cleanup_value struct value *wrapped = value_object();
    if (value_is_array(value)) {
        value_object_set(wrapped, "replacements", value);
    } else {
        struct value *one = value_array();
        value_array_append(one, value);
        value_object_set_new(wrapped, "replacements", one);
    }
    if (kustomization_check(wrapped, "ReplacementTransformer", err) < 0)
        return error_wrap(err, "%s", name);
    value_array_extend(list, value_object_get(wrapped, "replacements"));
    return 0;
}

static int collect(struct frame *frame, const struct value *entry, struct value *list,
                   struct error *err)
{
    const char *path = value_text_or(entry, "path", "");
    if (*path == '\0') {
        value_array_append(list, value_unconst(entry));
        return 0;
    }
    if (value_object_get(entry, "source") != NULL ||
        value_array_size(value_object_get(entry, "targets")) > 0)
        return error_set(err, ERROR_INVALID,
                         "path and an inline replacement are both set; keep one of them");
    return load_file(frame, path, list, err);
}

// All are read before the first replaces anything. Where one of a file fails, the file is named.
static int replace_all(struct frame *frame, const struct value *config, struct resmap *map,
                       void (*done)(struct frame *, struct resmap *, size_t), size_t *ret_index,
                       struct error *err)
{
    const struct value *entries = value_array_at(config, "replacements");
    cleanup_value struct value *list = value_array();
    cleanup_vec struct vec owners = VEC_OF(size_t, NULL); // the entry that each of the list is from
    size_t written = 0;
    for (size_t i = 0; i < value_array_size(entries); i++) {
        *ret_index = i;
        if (collect(frame, value_array_get(entries, i), list, err) < 0)
            return -1;
        while (owners.len < value_array_size(list))
            *(size_t *)vec_push(&owners) = i;
    }
    for (size_t i = 0; i < value_array_size(list); i++) {
        *ret_index = *(size_t *)vec_at(&owners, i);
        const struct value *targets = value_array_at(value_array_get(list, i), "targets");
        if (frame_count(frame, value_array_size(targets) * map->list.len, 0, err) < 0)
            return -1;
        const char *path = value_text(value_array_get(entries, *ret_index), "path");
        if (replace_one(map, value_array_get(list, i), &written, err) < 0)
            return path != NULL ? error_wrap(err, "%s", path) : -1;
        done(frame, map, *ret_index);
    }
    return 0;
}

static void explain_entry(struct frame *frame, struct resmap *map, size_t index)
{
    explain_field(frame, map, "replacements[%zu]", index);
}

static void explain_nothing(struct frame *frame, struct resmap *map, size_t index)
{
    (void)frame;
    (void)map;
    (void)index;
}

int replacement_entries(struct frame *frame, const struct value *config, struct resmap *map,
                        size_t *ret_index, struct error *err)
{
    return replace_all(frame, config, map, explain_entry, ret_index, err);
}

int replacement_transform(struct frame *frame, const struct value *config, struct resmap *map,
                          struct error *err)
{
    size_t index = 0;
    if (replace_all(frame, config, map, explain_nothing, &index, err) < 0)
        return error_wrap(err, "replacements[%zu]", index);
    return 0;
}
