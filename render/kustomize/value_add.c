// The builtin ValueAddTransformer: one value, put into fields of many objects.
#include "render/kustomize/value_add.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/fieldspec.h"
#include "render/kustomize/kustomization.h"
#include "render/kustomize/selector.h"
#include "render/kustomize/steps.h"

char *value_add_insert(const char *path, size_t position, const char *part)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, strlen(path) + strlen(part) + 3);
    if (*path == '/') {
        strbuf_addch(&out, '/');
        path++;
    }
    size_t index = 0;
    for (; *path != '\0' && index < position; index++) {
        size_t length = strcspn(path, "/");
        strbuf_add(&out, path, length);
        strbuf_addch(&out, '/');
        path += length;
        path += *path == '/';
    }
    strbuf_addstr(&out, part);
    if (*path != '\0') {
        strbuf_addch(&out, '/');
        strbuf_addstr(&out, path);
    }
    return strbuf_steal(&out);
}

// The text has the type that it looks like, unless quotes stood there.
static struct value *new_scalar(const struct value *old, const char *text)
{
    return old == NULL ? yamlvalue_written_new(text, strlen(text), YAMLVALUE_TAG_NONE, false)
                       : yamlvalue_written_put(old, text, YAMLVALUE_TAG_NONE);
}

static int set_field(struct value *parent, const char *name, const char *text, size_t position,
                     struct error *err)
{
    struct value *old = value_object_get(parent, name);
    if (value_is_object(old) || value_is_array(old))
        return error_set(err, ERROR_INVALID, "the field %s is no text", name);
    if (position == 0) {
        value_object_set_new(parent, name, new_scalar(old, text));
        return 0;
    }
    struct yamlvalue_written written;
    yamlvalue_written_of(old, &written);
    cleanup_free char *inserted = value_add_insert(written.text, position - 1, text);
    value_object_set_new(parent, name, new_scalar(old, inserted));
    return 0;
}

// Makes mappings on the way.
static int add_value(struct resource *resource, const char *path, const char *text, size_t position,
                     struct error *err)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    fieldspec_split(path, '/', &names);
    struct value *parent = resource->value;
    for (size_t i = 0; i + 1 < names.len; i++) {
        const char *name = *(char **)vec_at(&names, i);
        struct value *member = value_object_get(parent, name);
        if (member == NULL || value_is_null(member)) {
            value_object_set_new(parent, name, value_object());
            member = value_object_get(parent, name);
        }
        if (!value_is_object(member))
            return error_set(err, ERROR_INVALID, "%s %s: %s of %s is no mapping",
                             resource_kind(resource), resource_name(resource), name, path);
        parent = member;
    }
    return set_field(parent, *(char **)vec_at(&names, names.len - 1), text, position, err);
}

static int select_all(const struct value *target, struct resmap *map, struct vec *found,
                      struct error *err)
{
    const struct value *config = value_object_get(target, "selector");
    if (config == NULL) {
        resmap_foreach (resource, map)
            *(struct resource **)vec_push(found) = resource;
        return 0;
    }
    cleanup_selector struct selector *selector = NULL;
    if (selector_new(config, &selector, err) < 0)
        return -1;
    return selector_select(selector, map, found, err);
}

static int add_to_target(const struct value *target, const char *text, struct resmap *map,
                         struct error *err)
{
    const char *path = value_text_or(target, "fieldPath", "");
    int64_t position = value_int_at(target, "filePathPosition", 0);
    if (*path == '\0')
        return error_set(err, ERROR_INVALID, "fieldPath is missing");
    if (position < 0)
        return error_set(err, ERROR_INVALID, "filePathPosition is below zero");
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    if (select_all(target, map, &found, err) < 0)
        return -1;
    bool is_namespace = strcmp(path, "metadata/namespace") == 0;
    vec_foreach (struct resource *, resource, &found) {
        if (!is_namespace) {
            if (add_value(*resource, path, text, (size_t)position, err) < 0)
                return -1;
        } else if (!resource_id_is_cluster_scoped(resource_current_id(*resource))) {
            resource_set_namespace(*resource, text);
        }
    }
    return 0;
}

static int add_to_targets(const struct value *targets, const char *text, struct resmap *map,
                          struct error *err)
{
    for (size_t i = 0; i < value_array_size(targets); i++)
        if (add_to_target(value_array_get(targets, i), text, map, err) < 0)
            return error_wrap(err, "targets[%zu]", i);
    return 0;
}

// The file that targetFilePath names: more targets.
static int read_targets(struct frame *frame, const char *named, struct value **ret_file,
                        struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_free char *path = NULL;
    size_t size = 0;
    cleanup_value struct value *file = NULL;
    if (frame_read(frame, named, &text, &size, &path, err) < 0 ||
        yamlvalue_parse_first(text, size, path, &file, err) < 0)
        return error_wrap(err, "targetFilePath");
    if (!value_is_object(file))
        return error_set(err, ERROR_INVALID, "targetFilePath: %s holds no mapping with targets",
                         path);
    if (kustomization_check(file, "ValueAddTransformer", err) < 0)
        return error_wrap(err, "targetFilePath: %s", path);
    *ret_file = STEAL(file);
    return 0;
}

// The value of the configuration without white space around it; the folder's name without one.
static char *value_of(const struct frame *frame, const struct value *config)
{
    static const char spaces[] = " \t\n\v\f\r";
    const char *value = value_text_or(config, "value", "");
    value += strspn(value, spaces);
    size_t length = strlen(value);
    while (length > 0 && strchr(spaces, value[length - 1]) != NULL)
        length--;
    if (length > 0)
        return xstrndup(value, length);
    const char *slash = strrchr(frame->dir, '/');
    return xstrdup(slash != NULL ? slash + 1 : frame->dir);
}

int value_add_transform(struct frame *frame, const struct value *config, struct resmap *map,
                        struct error *err)
{
    cleanup_free char *text = value_of(frame, config);
    cleanup_value struct value *file = NULL;
    const char *path = value_text_or(config, "targetFilePath", "");
    if (*path != '\0' && read_targets(frame, path, &file, err) < 0)
        return -1;
    const struct value *own = value_array_at(config, "targets");
    const struct value *more = value_array_at(file, "targets");
    if (value_array_size(own) + value_array_size(more) == 0)
        return error_set(err, ERROR_INVALID, "there is no target");
    if (add_to_targets(own, text, map, err) < 0 || add_to_targets(more, text, map, err) < 0)
        return -1;
    resmap_renamed(map);
    return 0;
}
