#include "render/kustomize/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/remote_spec.h"

enum { MAX_TEXT_BYTES = 1 << 20 };

// "a/b" from "a" and "b", with "." and ".." taken out as far as they can be. Owned.
static char *join(const char *dir, const char *path)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    cleanup_free char *joined = xasprintf("%s/%s", dir, path);
    for (const char *at = joined; *at != '\0';) {
        size_t length = strcspn(at, "/");
        char *last = names.len > 0 ? *(char **)vec_at(&names, names.len - 1) : NULL;
        if (length == 2 && at[0] == '.' && at[1] == '.' && last != NULL && strcmp(last, "..") != 0)
            vec_remove(&names, names.len - 1);
        else if (length > 0 && !(length == 1 && *at == '.'))
            *(char **)vec_push(&names) = xstrndup(at, length);
        at += length + (at[length] == '/');
    }
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, strlen(joined) + 1);
    vec_foreach (char *, name, &names)
        strbuf_addf(&text, "%s%s", text.len > 0 ? "/" : "", *name);
    return strbuf_steal(&text);
}

// Members that are absent or empty are left out.
static void set_text(struct value *origin, const char *name, const char *text)
{
    if (text != NULL && *text != '\0')
        value_object_set_new(origin, name, value_string(text));
}

// As written, but for a password, which kustomize would print. Owned.
static char *public_url(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme != NULL ? scheme + 3 : "";
    const char *at = memchr(authority, '@', strcspn(authority, "/"));
    bool has_password = at != NULL && memchr(authority, ':', (size_t)(at - authority)) != NULL;
    return has_password ? remote_name(url) : xstrdup(url);
}

// What kustomize calls the root of a repository that is not cloned yet.
static const char unnamed_root[] = "notCloned";

void origin_enter(const struct frame *frame, const char *path, struct frame *child)
{
    cleanup_remote_spec struct remote_spec spec = {0};
    if (frame->origin == NULL)
        return;
    if (remote_spec_parse(path, &spec, NULL) < 0) {
        child->origin = join(frame->origin, path);
        child->origin_repository = xstrdup_or_null(frame->origin_repository);
        child->origin_ref = xstrdup_or_null(frame->origin_ref);
        return;
    }
    child->origin = join("", spec.path);
    if (*child->origin == '\0') {
        free(child->origin);
        child->origin = xstrdup(unnamed_root);
    }
    child->origin_repository = public_url(spec.url);
    child->origin_ref = STEAL(spec.ref);
}

struct value *origin_of_file(const struct frame *frame, const char *path)
{
    cleanup_frame struct frame file = {0};
    if (frame->origin == NULL)
        return NULL;
    origin_enter(frame, path, &file);
    struct value *origin = value_object();
    set_text(origin, "path", file.origin);
    set_text(origin, "repo", file.origin_repository);
    set_text(origin, "ref", file.origin_ref);
    return origin;
}

struct value *origin_of_builtin(const struct frame *frame, const char *plugin_kind)
{
    if (frame->origin == NULL)
        return NULL;
    const char *slash = strrchr(frame->kustomization.file, '/');
    cleanup_free char *file =
        join(frame->origin, slash != NULL ? slash + 1 : frame->kustomization.file);
    struct value *by = value_object_of("apiVersion", value_string("builtin"), "kind",
                                       value_string(plugin_kind), NULL);
    struct value *origin =
        value_object_of("configuredIn", value_string(file), "configuredBy", by, NULL);
    set_text(origin, "repo", frame->origin_repository);
    set_text(origin, "ref", frame->origin_ref);
    return origin;
}

struct value *origin_of_plugin(const struct resource *config)
{
    const char *path = value_text(config->origin, "path");
    if (path == NULL)
        return NULL;
    struct resource_id id = resource_current_id(config);
    struct value *by = value_object_of("apiVersion", value_string(id.api_version), "kind",
                                       value_string(id.kind), "name", value_string(id.name), NULL);
    if (*id.ns != '\0')
        value_object_set_new(by, "namespace", value_string(id.ns));
    return value_object_of("configuredIn", value_string(path), "repo",
                           value_ref(value_object_get(config->origin, "repo")), "ref",
                           value_ref(value_object_get(config->origin, "ref")), "configuredBy", by,
                           NULL);
}

void origin_mark_generated(struct resmap *map, struct value *origin)
{
    resmap_foreach (resource, map)
        if (origin != NULL && resource->origin == NULL)
            resource->origin = value_incref(origin);
}

void origin_mark_transformed(struct resmap *map, struct value *origin)
{
    resmap_foreach (resource, map) {
        if (origin == NULL)
            return;
        if (resource->origin == NULL) {
            resource->origin = value_incref(origin);
            continue;
        }
        if (resource->transformations == NULL)
            resource->transformations = value_array();
        // kustomize writes its note by making all annotations anew.
        if (resource_annotations(resource) != NULL)
            alias_forget(resource, resource_annotations(resource));
        value_array_append(resource->transformations, origin);
    }
}

// ---- annotations ----

// Text as YAML needs it, by the writer that every value goes through.
static void add_scalar(struct strbuf *out, const char *text)
{
    cleanup_value struct value *value = value_string(text);
    cleanup_strbuf struct strbuf scalar;
    strbuf_init(&scalar, MAX_TEXT_BYTES);
    if (yamlvalue_write(value, &scalar, NULL) == 0)
        strbuf_addstr(out, scalar.data);
}

// Members in the order of Go's struct, the first behind `first`, the others behind `rest`.
static void add_members(struct strbuf *out, const struct value *origin, const char *first,
                        const char *rest)
{
    static const char *const members[] = {
        "path",       "repo", "ref",  "configuredIn", "configuredBy",
        "apiVersion", "kind", "name", "namespace",
    };
    const char *indent = first;
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const struct value *value = value_object_get(origin, members[i]);
        if (value == NULL)
            continue;
        strbuf_addf(out, "%s%s:", indent, members[i]);
        indent = rest;
        if (value_is_object(value)) {
            cleanup_free char *deeper = xasprintf("%s  ", rest);
            strbuf_addch(out, '\n');
            add_members(out, value, deeper, deeper);
        } else {
            strbuf_addch(out, ' ');
            add_scalar(out, value_string_value(value));
        }
    }
}

static bool asks(const struct value *build_metadata, const char *option)
{
    for (size_t i = 0; i < value_array_size(build_metadata); i++)
        if (strcmp(value_string_value(value_array_get(build_metadata, i)), option) == 0)
            return true;
    return false;
}

static void annotate(struct resource *resource, const char *key, const struct strbuf *text)
{
    struct value *annotations = resource_make_annotations(resource);
    if (annotations != NULL && text->len > 0)
        value_object_set_new(annotations, key, value_stringn(text->data, text->len));
}

void origin_annotate(struct resmap *map, const struct value *build_metadata)
{
    bool origins = asks(build_metadata, "originAnnotations");
    bool transformations = asks(build_metadata, "transformerAnnotations");
    resmap_foreach (resource, map) {
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, MAX_TEXT_BYTES);
        if (origins) {
            add_members(&text, resource->origin, "", "");
            annotate(resource, "config.kubernetes.io/origin", &text);
        }
        if (!transformations)
            continue;
        strbuf_reset(&text);
        for (size_t i = 0; i < value_array_size(resource->transformations); i++)
            add_members(&text, value_array_get(resource->transformations, i), "- ", "  ");
        annotate(resource, "alpha.config.kubernetes.io/transformations", &text);
    }
}
