#include "render/kustomize/explain.h"

#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"

enum { MAX_PATH_BYTES = 4096 };

// One comparison of an object with what was known of it.
struct explain {
    const struct value *before; // path -> {value, source, place}
    struct value *after;
    const char *source;
    struct strbuf path;
    struct strbuf place; // the same path with indexes alone
};

static void note(struct explain *explain, struct value *value)
{
    // How it is written changes without anyone setting it.
    cleanup_value struct value *settled = yamlvalue_settled(value);
    if (settled != NULL)
        value = settled;
    struct value *known = value_object_get(explain->before, explain->path.data);
    if (known != NULL && value_equal(value_object_get(known, "value"), value))
        value_object_set(explain->after, explain->path.data, known);
    else
        value_object_set_new(explain->after, explain->path.data,
                             value_object_of("value", value_incref(value), "source",
                                             value_string(explain->source), "place",
                                             value_string(explain->place.data), NULL));
}

// What stood at this place under a path that is gone, where an element's name is another one now.
static struct value *before_its_name(const struct explain *explain, const struct value *entry)
{
    const char *place = value_text_or(entry, "place", "");
    const char *path = NULL;
    struct value *known = NULL;
    value_foreach (explain->before, path, known)
        if (strcmp(value_text_or(known, "place", ""), place) == 0 &&
            value_object_get(explain->after, path) == NULL &&
            value_equal(value_object_get(known, "value"), value_object_get(entry, "value")))
            return known;
    return NULL;
}

static void follow_names(const struct explain *explain)
{
    const char *path = NULL;
    struct value *entry = NULL;
    value_foreach (explain->after, path, entry) {
        if (strchr(path, '[') == NULL || value_object_get(explain->before, path) != NULL)
            continue;
        struct value *known = before_its_name(explain, entry);
        if (known != NULL)
            value_object_set(entry, "source", value_object_get(known, "source"));
    }
}

static void visit(struct explain *explain, struct value *value);

static void visit_list(struct explain *explain, struct value *list)
{
    size_t length = explain->path.len;
    size_t place = explain->place.len;
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct value *element = value_array_get(list, i);
        const char *name = value_text(element, "name");
        // By name where there is one, so that what is put in front moves nothing.
        if (name != NULL)
            strbuf_addf(&explain->path, "[%s]", name);
        else
            strbuf_addf(&explain->path, "[%zu]", i);
        strbuf_addf(&explain->place, "[%zu]", i);
        visit(explain, element);
        strbuf_truncate(&explain->path, length);
        strbuf_truncate(&explain->place, place);
    }
}

static void visit(struct explain *explain, struct value *value)
{
    const char *key = NULL;
    struct value *member = NULL;
    size_t length = explain->path.len;
    size_t place = explain->place.len;
    bool empty = value_object_size(value) == 0 && value_array_size(value) == 0;
    if (empty) {
        note(explain, value);
        return;
    }
    if (value_is_array(value)) {
        visit_list(explain, value);
        return;
    }
    value_foreach (value, key, member) {
        strbuf_addf(&explain->path, "%s%s", length > 0 ? "." : "", key);
        strbuf_addf(&explain->place, "%s%s", place > 0 ? "." : "", key);
        visit(explain, member);
        strbuf_truncate(&explain->path, length);
        strbuf_truncate(&explain->place, place);
    }
}

void explain_resource(const struct frame *frame, struct resource *resource, const char *source)
{
    if (!frame->build->options->explain)
        return;
    struct explain explain = {resource->explained, value_object(), source, {0}, {0}};
    strbuf_init(&explain.path, MAX_PATH_BYTES);
    strbuf_init(&explain.place, MAX_PATH_BYTES);
    visit(&explain, resource->value);
    if (resource->explained != NULL)
        follow_names(&explain);
    strbuf_release(&explain.path);
    strbuf_release(&explain.place);
    value_decref(resource->explained);
    resource->explained = explain.after;
}

void explain_all(const struct frame *frame, struct resmap *map, const char *source)
{
    if (!frame->build->options->explain)
        return;
    resmap_foreach (resource, map)
        explain_resource(frame, resource, source);
}

void explain_field(const struct frame *frame, struct resmap *map, const char *field_format, ...)
{
    if (!frame->build->options->explain)
        return;
    va_list args;
    va_start(args, field_format);
    cleanup_free char *field = xvasprintf(field_format, args);
    va_end(args);
    cleanup_free char *source = kustomization_place(&frame->kustomization, field);
    explain_all(frame, map, source);
}
