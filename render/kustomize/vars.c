// As api/internal/accumulator and api/filters/refvar of kustomize: record, look up, expand.
#include "render/kustomize/vars.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/fieldspec.h"
#include "render/kustomize/steps.h"

// What `objref` names. No group, version or kind is a wildcard here.
struct var_target {
    const char *group;
    size_t group_length;
    const char *version;
    const char *kind;
    const char *name;
    const char *ns; // "" = any
};

// apiVersion wins over group and version, as far as it says something.
static struct var_target target_of(const struct value *var)
{
    const struct value *ref = value_object_get(var, "objref");
    const char *group = value_text_or(ref, "group", "");
    struct var_target target = {
        .group = group,
        .group_length = strlen(group),
        .version = value_text_or(ref, "version", ""),
        .kind = value_text_or(ref, "kind", ""),
        .name = value_text_or(ref, "name", ""),
        .ns = value_text_or(ref, "namespace", ""),
    };
    const char *api_version = value_text_or(ref, "apiVersion", "");
    const char *slash = strchr(api_version, '/');
    if (slash != NULL && strchr(slash + 1, '/') == NULL) {
        target.group = api_version;
        target.group_length = (size_t)(slash - api_version);
        target.version = slash + 1;
    } else if (slash == NULL && *api_version != '\0') {
        target.version = api_version;
    }
    return target;
}

static bool is_target(const struct var_target *target, struct resource_id id)
{
    size_t group_length = api_version_group_length(id.api_version);
    return group_length == target->group_length &&
           strncmp(id.api_version, target->group, group_length) == 0 &&
           strcmp(api_version_version(id.api_version), target->version) == 0 &&
           strcmp(id.kind, target->kind) == 0 && strcmp(id.name, target->name) == 0 &&
           (*target->ns == '\0' || strcmp(resource_id_effective_namespace(id), target->ns) == 0);
}

static bool has_target(const struct var_target *target, const struct resource *resource)
{
    if (is_target(target, resource_current_id(resource)))
        return true;
    for (size_t i = 0; i < resource_past_count(resource); i++)
        if (is_target(target, resource_past_id(resource, i)))
            return true;
    return false;
}

static const struct value *find_var(const struct value *vars, const char *name)
{
    for (size_t i = 0; i < value_array_size(vars); i++) {
        const struct value *var = value_array_get(vars, i);
        if (strcmp(value_text_or(var, "name", ""), name) == 0)
            return var;
    }
    return NULL;
}

int vars_merge(struct value *all, const struct value *others, struct error *err)
{
    for (size_t i = 0; i < value_array_size(others); i++) {
        struct value *var = value_array_get(others, i);
        const char *name = value_text_or(var, "name", "");
        if (find_var(all, name) != NULL)
            return error_set(err, ERROR_INVALID,
                             "the var %s is already declared; give one of them another name", name);
        value_array_append(all, var);
    }
    return 0;
}

int vars_record(struct value *all, const struct value *vars, struct resmap *map, struct error *err)
{
    for (size_t i = 0; i < value_array_size(vars); i++) {
        const struct value *var = value_array_get(vars, i);
        const char *name = value_text_or(var, "name", "");
        struct var_target target = target_of(var);
        struct resource *found = NULL;
        size_t n = 0;
        resmap_foreach (resource, map) {
            if (has_target(&target, resource)) {
                found = resource;
                n++;
            }
        }
        if (n > 1)
            return error_set(err, ERROR_INVALID,
                             "vars[%zu]: the objref of %s fits %zu objects; name their namespace",
                             i, name, n);
        if (found != NULL) {
            resource_note(&found->ref_vars, value_string(name));
            found->has_history = true;
        }
    }
    return vars_merge(all, vars, err);
}

struct expansion {
    const struct value *values;
    struct value *used;
};

static int expand(const struct expansion *expansion, const struct slot *slot, struct error *err)
{
    const struct value *text = slot_get(slot);
    const char *plain = value_string_value(text);
    struct value *expanded = vars_expand(plain, strlen(plain), expansion->values, expansion->used);
    if (expanded == NULL)
        return error_set(err, ERROR_LIMIT, "vars make a text longer by more than 1 MiB");
    if (value_is_string(expanded)) {
        struct value *bare = yamlvalue_written_new(
            value_string_value(expanded), value_string_length(expanded), YAMLVALUE_TAG_STR, false);
        value_decref(expanded);
        expanded = bare;
    }
    slot_set(slot, expanded);
    return 0;
}

// "<<" without quotes, which go-yaml takes for a merge: also what a JSON patch left of one in
// quotes.
static bool is_merge(const struct value *value)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    return !written.quoted && written.quote == 0 && strcmp(written.text, "<<") == 0;
}

static int expand_list(const struct expansion *expansion, struct value *list, struct error *err)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct slot slot = {.parent = list, .index = i};
        if (!yamlvalue_written_is_text(slot_get(&slot)) || is_merge(slot_get(&slot)))
            return error_set(err, ERROR_INVALID,
                             "item %zu is no text, which a list that may hold vars must have", i);
        if (expand(expansion, &slot, err) < 0)
            return -1;
    }
    return 0;
}

static int expand_members(const struct expansion *expansion, struct value *object,
                          struct error *err)
{
    const char *name = NULL;
    struct value *member = NULL;
    value_foreach (object, name, member) {
        struct slot slot = {.parent = object, .key = name};
        if (yamlvalue_written_is_text(member) && expand(expansion, &slot, err) < 0)
            return -1;
    }
    return 0;
}

static int expand_field(void *arg, struct resource *resource, const struct slot *slot,
                        struct error *err)
{
    (void)resource;
    const struct expansion *expansion = arg;
    struct value *value = slot_get(slot);
    if (yamlvalue_written_is_text(value))
        return expand(expansion, slot, err);
    if (value_is_object(value))
        return expand_members(expansion, value, err);
    return value_is_array(value) ? expand_list(expansion, value, err) : 0;
}

// What Go makes of a scalar by its tag: Atoi for integers, so that 0644 is 644. Owned; NULL where
// it fails.
static struct value *read_value(const struct value *value)
{
    if (value_is_object(value) || value_is_array(value))
        return value_ref(value);
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    char *end = NULL;
    errno = 0;
    if (written.tag == YAMLVALUE_TAG_INT) {
        long long number = strtoll(written.text, &end, 10);
        return *end == '\0' && errno == 0 ? value_integer(number) : NULL;
    }
    if (written.tag == YAMLVALUE_TAG_FLOAT) {
        double number = strtod(written.text, &end);
        return *end == '\0' && errno == 0 ? value_real(number) : NULL;
    }
    if (written.tag == YAMLVALUE_TAG_BOOL)
        return value_boolean((*written.text | 0x20) == 't');
    return value_string(written.text);
}

static int find_value(const struct value *var, struct resmap *map, struct value *values,
                      struct error *err)
{
    const char *name = value_text_or(var, "name", "");
    const char *path = value_text_or(var, "fieldref.fieldPath", "");
    if (*path == '\0')
        path = "metadata.name";
    resmap_foreach (resource, map) {
        for (size_t i = 0; i < value_array_size(resource->ref_vars); i++) {
            if (strcmp(value_string_value(value_array_get(resource->ref_vars, i)), name) != 0)
                continue;
            const struct value *value = vars_field(resource->value, path);
            if (value == NULL)
                return error_set(err, ERROR_INVALID, "the var %s reads %s of %s %s, which has none",
                                 name, path, resource_kind(resource), resource_name(resource));
            struct value *read = read_value(value);
            value_object_set_new(values, name, read);
            return read != NULL ? 0
                                : error_set(err, ERROR_INVALID,
                                            "the var %s reads a number that Go does not take "
                                            "(underscores, octals); write it in decimal digits",
                                            name);
        }
    }
    return error_set(err, ERROR_INVALID,
                     "the var %s names %s %s, which no kustomization holds; its objref must give "
                     "apiVersion, kind and name",
                     name, value_text_or(var, "objref.kind", "an object without kind"),
                     value_text_or(var, "objref.name", ""));
}

static void warn_of_unused(struct frame *frame, const struct value *values,
                           const struct value *used)
{
    const char *name = NULL;
    struct value *value = NULL;
    value_foreach (values, name, value)
        if (value_object_get(used, name) == NULL)
            frame_warn(frame, "the var %s is declared and never used", name);
}

int vars_resolve(struct frame *frame, const struct value *vars, const struct vec *specs,
                 struct resmap *map, struct error *err)
{
    if (value_array_size(vars) == 0)
        return 0;
    cleanup_value struct value *values = value_object();
    for (size_t i = 0; i < value_array_size(vars); i++)
        if (find_value(value_array_get(vars, i), map, values, err) < 0)
            return -1;
    cleanup_value struct value *used = value_object();
    struct expansion expansion = {.values = values, .used = used};
    resmap_foreach (resource, map)
        if (fieldspec_walk_all(specs, resource, CREATE_NOTHING, expand_field, &expansion, err) < 0)
            return error_wrap(err, "vars");
    resmap_renamed(map);
    warn_of_unused(frame, values, used);
    return 0;
}
