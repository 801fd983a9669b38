// As api/internal/accumulator and api/filters/refvar of kustomize: record, look up, expand.
#include "render/kustomize/vars.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson_written.h"
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
static struct var_target target_of(const json_t *var)
{
    const json_t *ref = json_object_get(var, "objref");
    const char *group = jval_string_or(ref, "group", "");
    struct var_target target = {
        .group = group,
        .group_length = strlen(group),
        .version = jval_string_or(ref, "version", ""),
        .kind = jval_string_or(ref, "kind", ""),
        .name = jval_string_or(ref, "name", ""),
        .ns = jval_string_or(ref, "namespace", ""),
    };
    const char *api_version = jval_string_or(ref, "apiVersion", "");
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
    for (size_t i = 0; i < resource->past.len; i++)
        if (is_target(target, resource_past_id(resource, i)))
            return true;
    return false;
}

static const json_t *find_var(const json_t *vars, const char *name)
{
    for (size_t i = 0; i < json_array_size(vars); i++) {
        const json_t *var = json_array_get(vars, i);
        if (strcmp(jval_string_or(var, "name", ""), name) == 0)
            return var;
    }
    return NULL;
}

int vars_merge(json_t *all, const json_t *others, struct error *err)
{
    for (size_t i = 0; i < json_array_size(others); i++) {
        json_t *var = json_array_get(others, i);
        const char *name = jval_string_or(var, "name", "");
        if (find_var(all, name) != NULL)
            return error_set(err, ERROR_INVALID,
                             "the var %s is already declared; give one of them another name", name);
        json_array_append(all, var);
    }
    return 0;
}

int vars_record(json_t *all, const json_t *vars, struct resmap *map, struct error *err)
{
    for (size_t i = 0; i < json_array_size(vars); i++) {
        const json_t *var = json_array_get(vars, i);
        const char *name = jval_string_or(var, "name", "");
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
            vec_push_string(&found->ref_vars, name);
            found->has_history = true;
        }
    }
    return vars_merge(all, vars, err);
}

struct expansion {
    const json_t *values;
    json_t *used;
};

static int expand(const struct expansion *expansion, const struct slot *slot, struct error *err)
{
    const json_t *text = slot_get(slot);
    const char *plain = json_string_value(text);
    json_t *expanded = vars_expand(plain, strlen(plain), expansion->values, expansion->used);
    if (expanded == NULL)
        return error_set(err, ERROR_LIMIT, "vars make a text longer by more than 1 MiB");
    if (json_is_string(expanded)) {
        json_t *bare = yamljson_written_new(json_string_value(expanded),
                                            json_string_length(expanded), YAMLJSON_TAG_STR, false);
        json_decref(expanded);
        expanded = bare;
    }
    slot_set(slot, expanded);
    return 0;
}

static int expand_list(const struct expansion *expansion, json_t *list, struct error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct slot slot = {.parent = list, .index = i};
        if (!yamljson_written_is_text(slot_get(&slot)))
            return error_set(err, ERROR_INVALID,
                             "item %zu is no text, which a list that may hold vars must have", i);
        if (expand(expansion, &slot, err) < 0)
            return -1;
    }
    return 0;
}

static int expand_members(const struct expansion *expansion, json_t *object, struct error *err)
{
    const char *name = NULL;
    json_t *member = NULL;
    json_object_foreach (object, name, member) {
        struct slot slot = {.parent = object, .key = name};
        if (yamljson_written_is_text(member) && expand(expansion, &slot, err) < 0)
            return -1;
    }
    return 0;
}

static int expand_field(void *arg, struct resource *resource, const struct slot *slot,
                        struct error *err)
{
    (void)resource;
    const struct expansion *expansion = arg;
    json_t *value = slot_get(slot);
    if (yamljson_written_is_text(value))
        return expand(expansion, slot, err);
    if (json_is_object(value))
        return expand_members(expansion, value, err);
    return json_is_array(value) ? expand_list(expansion, value, err) : 0;
}

// What Go makes of a scalar by its tag: Atoi for integers, so that 0644 is 644. Owned; NULL where
// it fails.
static json_t *read_value(const json_t *value)
{
    if (json_is_object(value) || json_is_array(value))
        return jval_ref(value);
    struct yamljson_written written;
    yamljson_written_of(value, &written);
    char *end = NULL;
    errno = 0;
    if (written.tag == YAMLJSON_TAG_INT) {
        long long number = strtoll(written.text, &end, 10);
        return *end == '\0' && errno == 0 ? json_integer(number) : NULL;
    }
    if (written.tag == YAMLJSON_TAG_FLOAT) {
        double number = strtod(written.text, &end);
        return *end == '\0' && errno == 0 ? json_real(number) : NULL;
    }
    if (written.tag == YAMLJSON_TAG_BOOL)
        return json_boolean((*written.text | 0x20) == 't');
    return json_string(written.text);
}

static int find_value(const json_t *var, struct resmap *map, json_t *values, struct error *err)
{
    const char *name = jval_string_or(var, "name", "");
    const char *path = jval_string_or(var, "fieldref.fieldPath", "");
    if (*path == '\0')
        path = "metadata.name";
    resmap_foreach (resource, map) {
        vec_foreach (char *, read_by, &resource->ref_vars) {
            if (strcmp(*read_by, name) != 0)
                continue;
            const json_t *value = vars_field(resource->value, path);
            if (value == NULL)
                return error_set(err, ERROR_INVALID, "the var %s reads %s of %s %s, which has none",
                                 name, path, resource_kind(resource), resource_name(resource));
            json_t *read = read_value(value);
            json_object_set_new(values, name, read);
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
                     name, jval_string_or(var, "objref.kind", "an object without kind"),
                     jval_string_or(var, "objref.name", ""));
}

static void warn_of_unused(struct frame *frame, const json_t *values, const json_t *used)
{
    const char *name = NULL;
    json_t *value = NULL;
    jval_foreach (values, name, value)
        if (json_object_get(used, name) == NULL)
            frame_warn(frame, "the var %s is declared and never used", name);
}

int vars_resolve(struct frame *frame, const json_t *vars, const struct vec *specs,
                 struct resmap *map, struct error *err)
{
    if (json_array_size(vars) == 0)
        return 0;
    cleanup_json json_t *values = json_object();
    for (size_t i = 0; i < json_array_size(vars); i++)
        if (find_value(json_array_get(vars, i), map, values, err) < 0)
            return -1;
    cleanup_json json_t *used = json_object();
    struct expansion expansion = {.values = values, .used = used};
    resmap_foreach (resource, map)
        if (fieldspec_walk_all(specs, resource, CREATE_NOTHING, expand_field, &expansion, err) < 0)
            return error_wrap(err, "vars");
    resmap_renamed(map);
    warn_of_unused(frame, values, used);
    return 0;
}
