// Name references (filters/nameref, internal/accumulator/namereferencetransformer.go): where a
// field holds the earlier name of an object, it gets the present one.
//
// kustomize asks every object for every field and compares every name with every object. Here the
// fields that can be in objects of one kind are gathered once (reference_fields.h), and objects are
// found by an earlier name through an index, so that the cost is one of fields that are there.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/reference_fields.h"
#include "render/kustomize/transform.h"

struct references {
    struct resmap *map;
    struct reference_fields fields;
    struct name_index places; // in the map's list, by earlier names
    // First namespace -> object of present ones, of all that are namespaced.
    struct value *namespaces;
};

static void references_release(struct references *all)
{
    name_index_release(&all->places);
    value_decref(all->namespaces);
    reference_fields_release(&all->fields);
}

// One field of one object while it is looked at.
struct referrer {
    struct references *all;
    struct resource *resource;
    const struct reference_field *field;
};

static struct resource *at(const struct resmap *map, size_t place)
{
    return *(struct resource **)vec_at(&map->list, place);
}

static struct name_parts called(const char *name)
{
    return (struct name_parts){"", "", name};
}

static void index_names(struct references *all)
{
    for (size_t place = 0; place < all->map->list.len; place++) {
        const struct resource *resource = at(all->map, place);
        for (size_t i = 0; i < resource_past_count(resource); i++)
            name_index_add(&all->places, called(resource_past_id(resource, i).name), place);
        struct resource_id original = resource_original_id(resource);
        if (resource_id_is_cluster_scoped(original))
            continue;
        const char *first = resource_id_effective_namespace(original);
        struct value *present = value_object_get(all->namespaces, first);
        if (present == NULL) {
            present = value_object();
            value_object_set_new(all->namespaces, first, present);
        }
        const char *now = resource_id_effective_namespace(resource_current_id(resource));
        value_object_set_new(present, now, value_true());
    }
}

// ---- which objects may be meant ----

static bool any_past_is(const struct resource *resource, const char *group, const char *version,
                        const char *kind)
{
    for (size_t i = 0; i < resource_past_count(resource); i++) {
        struct resource_id id = resource_past_id(resource, i);
        if (gvk_matches(id.api_version, id.kind, group, version, kind))
            return true;
    }
    return false;
}

static bool was_called(const struct resource *resource, const char *name)
{
    for (size_t i = 0; i < resource_past_count(resource); i++)
        if (strcmp(resource_past_id(resource, i).name, name) == 0)
            return true;
    return false;
}

// A RoleBinding may name the ServiceAccounts of other namespaces.
static bool binds_namespace(const struct resource *referrer, const char *ns)
{
    if (strcmp(resource_kind(referrer), "RoleBinding") != 0)
        return false;
    const struct value *subjects = value_object_get(referrer->value, "subjects");
    for (size_t i = 0; i < value_array_size(subjects); i++) {
        const struct value *subject = value_array_get(subjects, i);
        const char *bound = value_text(subject, "namespace");
        if (bound != NULL && strcmp(bound, ns) == 0 &&
            strcmp(value_text_or(subject, "kind", ""), "ServiceAccount") == 0)
            return true;
    }
    return false;
}

static bool can_reach(const struct referrer *referrer, const struct resource *candidate)
{
    struct resource_id from = resource_current_id(referrer->resource);
    struct resource_id to = resource_current_id(candidate);
    if (resource_id_is_cluster_scoped(from) || resource_id_is_cluster_scoped(to))
        return true;
    if (strcmp(resource_id_effective_namespace(from), resource_id_effective_namespace(to)) == 0)
        return true;
    return strcmp(to.kind, "ServiceAccount") == 0 && binds_namespace(referrer->resource, to.ns);
}

static bool fits_role_ref(const struct referrer *referrer, const struct resource *candidate)
{
    size_t length = strlen(referrer->field->path);
    if (length < 12 || strcmp(referrer->field->path + length - 12, "roleRef/name") != 0)
        return true;
    const struct value *role = value_object_get(referrer->resource->value, "roleRef");
    const char *group = value_text(role, "apiGroup");
    const char *kind = value_text(role, "kind");
    return group == NULL || kind == NULL || any_past_is(candidate, group, "", kind);
}

static bool same_ending(const struct value *a, const struct value *b)
{
    size_t a_size = value_array_size(a);
    size_t b_size = value_array_size(b);
    if (a_size == 0 || b_size == 0)
        return a_size == b_size;
    for (size_t i = 1; i <= a_size && i <= b_size; i++)
        if (!value_equal(value_array_get(a, a_size - i), value_array_get(b, b_size - i)))
            return false;
    return true;
}

static bool same_affixes(const struct value *a, const struct value *b, bool allow_empty)
{
    return (allow_empty && (a == NULL || b == NULL)) || same_ending(a, b);
}

static void keep_same_affixes(const struct referrer *referrer, struct vec *candidates,
                              bool allow_empty)
{
    for (size_t i = 0; i < candidates->len;) {
        const struct resource *candidate = *(struct resource **)vec_at(candidates, i);
        if (same_affixes(candidate->prefixes, referrer->resource->prefixes, allow_empty) &&
            same_affixes(candidate->suffixes, referrer->resource->suffixes, allow_empty))
            i++;
        else
            vec_remove(candidates, i);
    }
}

static bool all_alike(const struct vec *candidates, bool with_namespace)
{
    const struct resource *first = *(struct resource **)vec_at(candidates, 0);
    vec_foreach (struct resource *, other, candidates)
        if (strcmp(resource_name(*other), resource_name(first)) != 0 ||
            (with_namespace && strcmp(resource_namespace(*other), resource_namespace(first)) != 0))
            return false;
    return true;
}

static int refuse_many(const struct vec *candidates, const char *name, struct error *err)
{
    cleanup_strbuf struct strbuf list;
    strbuf_init(&list, 4096);
    vec_foreach (struct resource *, candidate, candidates) {
        cleanup_free char *one = resource_id_describe(resource_current_id(*candidate));
        strbuf_addf(&list, "%s%s", list.len > 0 ? ", " : "", one);
    }
    return error_set(err, ERROR_INVALID, "\"%s\" may mean any of %s; give them different names",
                     name, list.data);
}

// Whether objects that were first in this namespace are within the referrer's reach at all; then
// its first namespace is what `namespace` beside a name means, else the present one.
static bool counts_as_first(const struct referrer *referrer, const char *ns)
{
    const struct value *present = value_object_get(referrer->all->namespaces, ns);
    struct resource_id id = resource_current_id(referrer->resource);
    const char *now = NULL;
    const struct value *marker = NULL;
    if (present == NULL || resource_id_is_cluster_scoped(id))
        return present != NULL;
    value_foreach (present, now, marker)
        if (strcmp(now, resource_id_effective_namespace(id)) == 0 ||
            binds_namespace(referrer->resource, now))
            return true;
    return false;
}

static bool is_in_namespace(const struct resource *candidate, const char *ns, bool first)
{
    struct resource_id id =
        first ? resource_original_id(candidate) : resource_current_id(candidate);
    return !resource_id_is_cluster_scoped(id) &&
           strcmp(resource_id_effective_namespace(id), ns) == 0;
}

// *ret_resource is NULL when no object is meant. ns may be NULL.
static int select_object(const struct referrer *referrer, const char *name, const char *ns,
                         bool with_namespace, struct resource **ret_resource, struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    const struct config_reference *target = referrer->field->target;
    struct name_cursor cursor = {0};
    size_t place = 0;
    bool first = ns != NULL && counts_as_first(referrer, ns);
    *ret_resource = NULL;
    while (name_index_next(&referrer->all->places, called(name), &cursor, &place)) {
        struct resource *candidate = at(referrer->all->map, place);
        if (was_called(candidate, name) &&
            any_past_is(candidate, target->group, target->version, target->kind) &&
            (ns == NULL || is_in_namespace(candidate, ns, first)) &&
            fits_role_ref(referrer, candidate) && can_reach(referrer, candidate))
            *(struct resource **)vec_push(&found) = candidate;
    }
    if (found.len > 1)
        keep_same_affixes(referrer, &found, true);
    if (found.len > 1)
        keep_same_affixes(referrer, &found, false);
    if (found.len > 1 && !all_alike(&found, with_namespace))
        return refuse_many(&found, name, err);
    if (found.len > 0)
        *ret_resource = *(struct resource **)vec_at(&found, 0);
    return 0;
}

// ---- writing ----

static int put_name(const struct referrer *referrer, const struct slot *slot, struct error *err)
{
    struct resource *meant = NULL;
    const char *name = value_string_value(slot_get(slot));
    if (name == NULL)
        return 0;
    if (select_object(referrer, name, NULL, false, &meant, err) < 0)
        return -1;
    if (meant != NULL && strcmp(resource_name(meant), name) != 0)
        slot_set(slot,
                 yamlvalue_written_put(slot_get(slot), resource_name(meant), YAMLVALUE_TAG_NONE));
    return 0;
}

// A mapping such as a subject of a RoleBinding: name and namespace.
static int put_name_and_namespace(const struct referrer *referrer, struct value *map,
                                  struct error *err)
{
    struct resource *meant = NULL;
    const char *name = value_string_value(value_object_get(map, "name"));
    if (value_object_get(map, "name") == NULL)
        return error_set(err, ERROR_INVALID,
                         "the mapping there has no name; the path of this nameReference must lead "
                         "to a name, or to a mapping that holds one");
    const struct value *ns = value_object_get(map, "namespace");
    const char *ns_text = ns == NULL ? NULL : value_is_string(ns) ? value_string_value(ns) : "";
    if (name == NULL)
        return 0;
    if (select_object(referrer, name, ns_text, true, &meant, err) < 0)
        return -1;
    if (meant == NULL)
        return 0;
    struct value *new_name = yamlvalue_written_put(value_object_get(map, "name"),
                                                   resource_name(meant), YAMLVALUE_TAG_NONE);
    value_object_set_new(map, "name", new_name);
    if (*resource_namespace(meant) != '\0')
        value_object_set_new(
            map, "namespace",
            yamlvalue_written_put(ns, resource_namespace(meant), YAMLVALUE_TAG_NONE));
    return 0;
}

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const struct referrer *referrer = arg;
    struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value))
        return put_name_and_namespace(referrer, value, err);
    if (!value_is_array(value))
        return put_name(referrer, slot, err);
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct slot item = {.parent = value, .index = i};
        struct value *element = value_array_get(value, i);
        if (value_is_array(element))
            return error_set(err, ERROR_INVALID, "a list of lists where names are expected");
        if ((value_is_object(element) ? put_name_and_namespace(referrer, element, err)
                                      : put_name(referrer, &item, err)) < 0)
            return -1;
    }
    return 0;
}

static int fail_in(const struct referrer *referrer, const struct reference_field *field,
                   struct error *err)
{
    cleanup_free char *name = resource_id_describe(resource_current_id(referrer->resource));
    return error_wrap(err, "field %s of %s", field->path, name);
}

static int follow(struct referrer *referrer, const struct reference_step *from, struct value *value,
                  struct error *err);

static int follow_step(struct referrer *referrer, const struct reference_step *step,
                       struct value *object, struct error *err)
{
    if (step->length == 0) {
        error_set(err, ERROR_INVALID, "the path has an empty name");
        return fail_in(referrer, reference_step_first(step), err);
    }
    struct value *value = value_object_getn(object, step->name, step->length);
    if (value == NULL)
        return 0;
    cleanup_free char *key = xstrndup(step->name, step->length);
    struct slot slot = {.parent = object, .key = key};
    // What a list is expected at and nothing is becomes one.
    if (value_is_null(value) && step->name[step->length] != '\0')
        slot_set(&slot, value_array());
    vec_foreach (const struct reference_field, field, &step->fields) {
        referrer->field = field;
        if (put(referrer, referrer->resource, &slot, err) < 0)
            return fail_in(referrer, field, err);
    }
    return step->further.len > 0 ? follow(referrer, step, slot_get(&slot), err) : 0;
}

// The steps behind `from`, in what it led to; in each element of a list.
static int follow(struct referrer *referrer, const struct reference_step *from, struct value *value,
                  struct error *err)
{
    if (value_is_null(value))
        return 0;
    for (size_t i = 0; i < value_array_size(value); i++)
        if (follow(referrer, from, value_array_get(value, i), err) < 0)
            return -1;
    if (value_is_array(value))
        return 0;
    if (!value_is_object(value)) {
        error_set(err, ERROR_INVALID, "%s is neither a mapping nor a list",
                  from->name != NULL ? from->name : "the object");
        return fail_in(referrer, reference_step_first(from), err);
    }
    vec_foreach (const struct reference_step, step, &from->further)
        if (follow_step(referrer, step, value, err) < 0)
            return -1;
    return 0;
}

static int update(struct references *all, struct resource *resource, struct error *err)
{
    struct referrer referrer = {.all = all, .resource = resource};
    struct resource_id id = resource_original_id(resource);
    const struct reference_step *root = reference_fields_of(&all->fields, id.api_version, id.kind);
    return follow(&referrer, root, resource->value, err);
}

// A ServiceAccount's namespace that is there and says nothing is a mistake kustomize refuses, too.
static int check_subjects(const struct resource *resource, struct error *err)
{
    if (strcmp(resource_kind(resource), "RoleBinding") != 0)
        return 0;
    const struct value *subjects = value_object_get(resource->value, "subjects");
    for (size_t i = 0; i < value_array_size(subjects); i++) {
        const struct value *subject = value_array_get(subjects, i);
        const struct value *ns = value_object_get(subject, "namespace");
        if (ns == NULL || value_is_string(ns) ||
            strcmp(value_text_or(subject, "kind", ""), "ServiceAccount") != 0)
            continue;
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_set(err, ERROR_INVALID,
                         "%s: subjects[%zu].namespace is no text; name the namespace, or leave the "
                         "field out",
                         name, i);
    }
    return 0;
}

int transform_references(const struct vec *references, struct resmap *map, struct error *err)
{
    __attribute__((cleanup(references_release))) struct references all = {
        .map = map,
        .namespaces = value_object(),
    };
    reference_fields_init(&all.fields, references);
    resmap_foreach (resource, map)
        if (check_subjects(resource, err) < 0)
            return -1;
    index_names(&all);
    if (all.places.entries.len == 0)
        return 0;
    resmap_foreach (resource, map)
        if (update(&all, resource, err) < 0)
            return -1;
    return 0;
}
