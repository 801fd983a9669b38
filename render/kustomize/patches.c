// The patches of a kustomization: strategic merges and JSON patches, by path or inline, for objects
// that the patch names or that a target selects (kustomize's PatchTransformer,
// PatchStrategicMergeTransformer and PatchJson6902Transformer).
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/json_patch.h"
#include "render/kustomize/selector.h"
#include "render/kustomize/steps.h"
#include "render/kustomize/strategic_merge.h"

struct patch_options {
    bool allow_name_change;
    bool allow_kind_change;
};

// Where a patch's text is from, for messages.
struct patch_text {
    char *text; // owned
    size_t size;
    char *name; // owned
};

static void patch_text_release(struct patch_text *text)
{
    free(text->text);
    free(text->name);
}
#define cleanup_patch_text __attribute__((cleanup(patch_text_release)))

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && strchr(" \t\r\n\v\f", **text) != NULL) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && strchr(" \t\r\n\v\f", (*text)[*size - 1]) != NULL)
        (*size)--;
}

static int load_text(struct frame *frame, const char *path, const char *inline_text,
                     const char *inline_name, struct patch_text *ret_text, struct error *err)
{
    size_t size = strlen(inline_text);
    trim(&inline_text, &size);
    if (*path == '\0' && size == 0)
        return error_set(err, ERROR_INVALID, "neither path nor %s is set; set one of them",
                         inline_name);
    if (*path != '\0' && size > 0)
        return error_set(err, ERROR_INVALID, "path and %s are both set; keep one of them",
                         inline_name);
    if (*path != '\0')
        return frame_read(frame, path, &ret_text->text, &ret_text->size, &ret_text->name, err);
    ret_text->text = xstrndup(inline_text, size);
    ret_text->size = size;
    ret_text->name = xstrdup(inline_name);
    return 0;
}

static char *id_text(const struct resource *resource)
{
    struct resource_id id = resource_current_id(resource);
    return xasprintf("%s\n%s\n%s\n%s", id.api_version, id.kind, id.ns, id.name);
}

static bool id_changed(const struct resource *resource, const char *before)
{
    cleanup_free char *now = id_text(resource);
    return strcmp(now, before) != 0;
}

static void put_untyped(struct value *metadata, const char *field)
{
    struct value *old = value_object_get(metadata, field);
    if (!value_is_string(old))
        return;
    cleanup_free char *text = xstrdup(value_string_value(old));
    value_object_set_new(metadata, field, yamlvalue_written_put(old, text, YAMLVALUE_TAG_NONE));
}

// The patch as one object takes it; owned.
static struct value *patch_for(const struct resource *patch, const struct resource *target)
{
    struct value *copy = value_deep_copy(patch->value);
    struct value *metadata = value_object_get(copy, "metadata");
    // So that a null there is the text "null" and removes nothing.
    resource_make_texts(metadata, "labels");
    resource_make_texts(metadata, "annotations");
    // kustomize writes both anew: the type is what the text looks like.
    put_untyped(metadata, "name");
    put_untyped(metadata, "namespace");
    if (*resource_namespace(patch) == '\0')
        value_object_del(metadata, "namespace");
    struct resource_id id = resource_current_id(target);
    // Of an object without one: no text, and so null.
    value_object_set_new(copy, "apiVersion",
                         *id.api_version != '\0'
                             ? value_string(id.api_version)
                             : yamlvalue_written_new("", 0, YAMLVALUE_TAG_NONE, false));
    return copy;
}

// Merges one patch into one object; the object is freed where nothing of it is left.
static int merge(struct frame *frame, struct resmap *map, struct resource *target,
                 const struct value *patch, struct patch_options options, struct error *err)
{
    cleanup_free char *before = id_text(target);
    cleanup_free char *kind = xstrdup(resource_kind(target));
    cleanup_free char *name = xstrdup(resource_name(target));
    cleanup_free char *ns = xstrdup(resource_namespace(target));
    if (options.allow_name_change || options.allow_kind_change)
        resource_remember_id(target);
    alias_quote(target);
    resource_lend_history(target);
    struct value *merged = NULL;
    if (strategic_merge(frame->build->schema, target->value, patch, &merged, err) < 0) {
        cleanup_free char *what = resource_id_describe(resource_current_id(target));
        return error_wrap(err, "%s", what);
    }
    if (merged == NULL || value_object_size(merged) == 0) {
        value_decref(merged);
        resmap_remove(map, target);
        return 0;
    }
    // A patch that says `$patch: replace` of the whole object gives another one, which kustomize
    // then forgets: the target stays as it was.
    value_decref(merged);
    alias_settle(target);
    bool forgotten = resource_take_history(target);
    if (forgotten)
        resource_forget_history(target);
    if (!options.allow_kind_change)
        resource_set_kind(target, kind);
    if (!options.allow_name_change)
        resource_set_name(target, name);
    resource_set_namespace(target, ns);
    if (forgotten || id_changed(target, before))
        resmap_renamed(map);
    return 0;
}

static int check_single(struct resmap *map, const struct resource *target, struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    resmap_find_current(map, resource_current_id(target), &found);
    if (found.len < 2)
        return 0;
    cleanup_free char *name = resource_id_describe(resource_current_id(target));
    return error_set(err, ERROR_INVALID,
                     "it leaves two objects called %s; select fewer, or change the name to another",
                     name);
}

static bool is_in(const struct resmap *map, const struct resource *wanted)
{
    resmap_foreach (resource, map)
        if (resource == wanted)
            return true;
    return false;
}

static int merge_into_all(struct frame *frame, struct resmap *map, const struct vec *targets,
                          const struct resource *patch, struct patch_options options,
                          struct error *err)
{
    bool may_collide = options.allow_name_change || options.allow_kind_change;
    vec_foreach (struct resource *, target, targets) {
        cleanup_value struct value *copy = patch_for(patch, *target);
        if (merge(frame, map, *target, copy, options, err) < 0)
            return -1;
        if (may_collide && is_in(map, *target) && check_single(map, *target, err) < 0)
            return -1;
    }
    return 0;
}

static int select_targets(const struct value *config, const struct resmap *map, struct vec *found,
                          struct error *err)
{
    cleanup_selector struct selector *selector = NULL;
    if (selector_new(config, &selector, err) < 0 || selector_select(selector, map, found, err) < 0)
        return error_wrap(err, "target");
    return 0;
}

static int merge_strategic(struct frame *frame, const struct value *target,
                           const struct vec *patches, const struct patch_text *text,
                           struct patch_options options, struct resmap *map, struct error *err)
{
    if (target != NULL) {
        if (patches->len > 1)
            return error_set(err, ERROR_INVALID,
                             "%s holds %zu strategic merge patches, and a target takes one; make "
                             "an entry of each",
                             text->name, patches->len);
        cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
        if (select_targets(target, map, &found, err) < 0 ||
            frame_count(frame, 0, text->size * found.len, err) < 0)
            return -1;
        return merge_into_all(frame, map, &found, *(struct resource **)vec_at(patches, 0), options,
                              err);
    }
    vec_foreach (struct resource *, patch, patches) {
        struct resource *object = NULL;
        if (resmap_get(map, resource_current_id(*patch), &object, err) < 0)
            return error_wrap(err, "the strategic merge patch %s:%zu", text->name, (*patch)->line);
        // To allow a change, kustomize writes into the patch's annotations, which makes them text.
        cleanup_value struct value *copy = value_deep_copy((*patch)->value);
        if (options.allow_name_change || options.allow_kind_change)
            resource_make_texts(value_object_get(copy, "metadata"), "annotations");
        if (merge(frame, map, object, copy, options, err) < 0)
            return -1;
    }
    return 0;
}

static int apply_json(struct resmap *map, struct resource *resource, struct json_patch *patch,
                      struct error *err)
{
    cleanup_free char *before = id_text(resource);
    // With the note of an earlier transformer kustomize wrote all annotations anew, as text.
    if (resource->transformations != NULL)
        resource_make_texts(value_object_get(resource->value, "metadata"), "annotations");
    resource_lend_history(resource);
    struct value *patched = NULL;
    if (yamlvalue_settle(resource->value, err) < 0 ||
        json_patch_apply(patch, resource->value, &patched, err) < 0) {
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_wrap(err, "%s", name);
    }
    value_decref(resource->value);
    resource->value = patched;
    yamlvalue_written_from_json(patched);
    resource_keep_readable(value_object_get(patched, "metadata"), "name");
    resource_keep_readable(value_object_get(patched, "metadata"), "namespace");
    alias_forget(resource, NULL);
    // Names are put back behind a JSON patch, where objects come from is not.
    if (resource_take_history(resource))
        resource_forget_origin(resource);
    if (json_patch_copies(patch))
        resource_drop_marks(patched);
    resource_make_texts(value_object_get(patched, "metadata"), "annotations");
    if (id_changed(resource, before))
        resmap_renamed(map);
    return 0;
}

static int apply_json_to_all(struct frame *frame, const struct value *target,
                             struct json_patch *patch, const struct patch_text *text, bool remember,
                             struct resmap *map, struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    if (select_targets(target, map, &found, err) < 0 ||
        frame_count(frame, 0, text->size * found.len, err) < 0)
        return -1;
    vec_foreach (struct resource *, resource, &found) {
        if (remember)
            resource_remember_id(*resource);
        if (apply_json(map, *resource, patch, err) < 0)
            return -1;
    }
    return 0;
}

// Text that is neither: the sentence of the reading that the text looks like.
static int refuse_text(const struct patch_text *text, struct error *as_merge, struct error *as_json,
                       struct error *err)
{
    const char *start = text->text;
    size_t size = text->size;
    trim(&start, &size);
    bool list = size > 0 && (*start == '[' || *start == '-');
    error_move(err, list ? as_json : as_merge);
    return error_wrap(err, "%s is neither a strategic merge patch nor a JSON patch", text->name);
}

int patch_transform(struct frame *frame, const struct value *config, struct resmap *map,
                    struct error *err)
{
    cleanup_patch_text struct patch_text text = {0};
    if (load_text(frame, value_text_or(config, "path", ""), value_text_or(config, "patch", ""),
                  "patch", &text, err) < 0)
        return -1;
    const struct value *target = value_object_at(config, "target");
    struct patch_options options = {
        .allow_name_change = value_bool_at(config, "options.allowNameChange", false),
        .allow_kind_change = value_bool_at(config, "options.allowKindChange", false),
    };
    cleanup_vec struct vec merges = RESOURCES;
    cleanup_json_patch struct json_patch *operations = NULL;
    cleanup_error struct error as_merge = {0};
    cleanup_error struct error as_json = {0};
    bool merge_fits = resource_parse(text.text, text.size, text.name, frame->build->schema, &merges,
                                     &as_merge) == 0;
    bool json_fits = json_patch_parse(text.text, text.size, text.name, &operations, &as_json) == 0;
    if (!merge_fits && !json_fits)
        return refuse_text(&text, &as_merge, &as_json, err);
    if (merge_fits)
        return merges.len == 0 ? 0
                               : merge_strategic(frame, target, &merges, &text, options, map, err);
    if (target == NULL)
        return error_set(err, ERROR_INVALID,
                         "%s is a JSON patch, which names no object; add a target", text.name);
    if (apply_json_to_all(frame, target, operations, &text, true, map, err) < 0)
        return error_wrap(err, "%s", text.name);
    return 0;
}

// An entry is a patch itself, or else the path of a file.
static int load_merges(struct frame *frame, const char *entry, struct vec *patches,
                       struct error *err)
{
    if (resource_parse(entry, strlen(entry), "patch", frame->build->schema, patches, NULL) == 0)
        return 0;
    cleanup_free char *data = NULL;
    cleanup_free char *name = NULL;
    size_t size = 0;
    if (strchr(entry, '\n') != NULL)
        return resource_parse(entry, strlen(entry), "patch", frame->build->schema, patches, err);
    if (frame_read(frame, entry, &data, &size, &name, err) < 0)
        return -1;
    return resource_parse(data, size, name, frame->build->schema, patches, err);
}

static int merge_unique(struct frame *frame, struct resmap *map, struct resource *patch,
                        struct error *err)
{
    struct patch_options options = {0};
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    if (resmap_get(map, resource_current_id(patch), vec_push(&found), err) < 0)
        return error_wrap(err, "the strategic merge patch %s:%zu", resource_file(patch),
                          patch->line);
    return merge_into_all(frame, map, &found, patch, options, err);
}

// All are read before the first is merged.
int patch_strategic_entries(struct frame *frame, const struct value *config, struct resmap *map,
                            size_t *ret_index, struct error *err)
{
    cleanup_vec struct vec patches = RESOURCES;
    cleanup_vec struct vec entries = VEC_OF(size_t, NULL); // whose each patch is
    const struct value *paths = value_object_get(config, "paths");
    const char *text = value_text_or(config, "patches", "");
    *ret_index = SIZE_MAX;
    if (value_array_size(paths) == 0 && *text == '\0')
        return error_set(err, ERROR_INVALID, "neither paths nor patches is set; set one of them");
    for (size_t i = 0; i < value_array_size(paths); i++) {
        *ret_index = i;
        if (load_merges(frame, value_string_value(value_array_get(paths, i)), &patches, err) < 0)
            return -1;
        while (entries.len < patches.len)
            *(size_t *)vec_push(&entries) = i;
    }
    *ret_index = SIZE_MAX;
    if (*text != '\0' &&
        resource_parse(text, strlen(text), "patches", frame->build->schema, &patches, err) < 0)
        return -1;
    if (patches.len == 0)
        return error_set(err, ERROR_INVALID, "the patches hold no object");
    for (size_t i = 0; i < patches.len; i++) {
        *ret_index = i < entries.len ? *(size_t *)vec_at(&entries, i) : SIZE_MAX;
        if (merge_unique(frame, map, *(struct resource **)vec_at(&patches, i), err) < 0)
            return -1;
    }
    return 0;
}

int patch_strategic_transform(struct frame *frame, const struct value *config, struct resmap *map,
                              struct error *err)
{
    size_t index = SIZE_MAX;
    if (patch_strategic_entries(frame, config, map, &index, err) == 0)
        return 0;
    return index < SIZE_MAX ? error_wrap(err, "paths[%zu]", index) : -1;
}

int patch_json6902_transform(struct frame *frame, const struct value *config, struct resmap *map,
                             struct error *err)
{
    const struct value *target = value_object_at(config, "target");
    if (*value_text_or(target, "name", "") == '\0')
        return error_set(err, ERROR_INVALID, "target.name is not set; name the object to patch");
    // The kustomization's own field calls the text "patch".
    const char *text_field = value_object_get(config, "patch") != NULL ? "patch" : "jsonOp";
    cleanup_patch_text struct patch_text text = {0};
    if (load_text(frame, value_text_or(config, "path", ""), value_text_or(config, text_field, ""),
                  text_field, &text, err) < 0)
        return -1;
    cleanup_json_patch struct json_patch *operations = NULL;
    if (json_patch_parse(text.text, text.size, text.name, &operations, err) < 0)
        return -1;
    if (json_patch_count(operations) == 0)
        return error_set(err, ERROR_INVALID, "%s holds no operation", text.name);
    if (apply_json_to_all(frame, target, operations, &text, false, map, err) < 0)
        return error_wrap(err, "%s", text.name);
    return 0;
}
