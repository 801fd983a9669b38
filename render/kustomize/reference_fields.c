#include "render/kustomize/reference_fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/fieldspec.h"
#include "render/kustomize/resource.h"

struct kind_fields {
    char *api_version;
    char *kind;
    struct reference_step root;
};

static void release_step(void *element)
{
    struct reference_step *step = element;
    free(step->name);
    vec_free(&step->fields);
    vec_free(&step->further);
}

static struct reference_step new_step(const char *name, size_t length)
{
    return (struct reference_step){
        .name = name != NULL ? xstrdup(name) : NULL,
        .length = length,
        .fields = VEC_OF(struct reference_field, NULL),
        .further = VEC_OF(struct reference_step, release_step),
    };
}

static void release_kind(void *element)
{
    struct kind_fields *kind = element;
    free(kind->api_version);
    free(kind->kind);
    release_step(&kind->root);
}

void reference_fields_init(struct reference_fields *fields, const struct vec *references)
{
    *fields = (struct reference_fields){
        .references = references,
        .by_kind = value_object(),
        .kinds = VEC_OF(struct kind_fields, release_kind),
    };
}

void reference_fields_release(struct reference_fields *fields)
{
    value_decref(STEAL(fields->by_kind));
    vec_free(&fields->kinds);
}

static struct reference_step *step_to(struct reference_step *from, const char *name)
{
    vec_foreach (struct reference_step, step, &from->further)
        if (strcmp(step->name, name) == 0)
            return step;
    size_t length = strlen(name);
    if (length >= 2 && strcmp(name + length - 2, "[]") == 0)
        length -= 2;
    struct reference_step *made = vec_push(&from->further);
    *made = new_step(name, length);
    return made;
}

static void gather(const struct vec *references, struct kind_fields *kind)
{
    vec_foreach (const struct config_reference, target, references) {
        vec_foreach (const struct fieldspec, spec, &target->fields) {
            if (!gvk_matches(kind->api_version, kind->kind, spec->group, spec->version, spec->kind))
                continue;
            cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
            fieldspec_split(spec->path, '/', &names);
            struct reference_step *step = &kind->root;
            vec_foreach (char *, name, &names)
                step = step_to(step, *name);
            *(struct reference_field *)vec_push(&step->fields) =
                (struct reference_field){target, spec->path};
        }
    }
}

static void fit(struct reference_step *step)
{
    vec_fit(&step->fields);
    vec_fit(&step->further);
    vec_foreach (struct reference_step, further, &step->further)
        fit(further);
}

static struct value *places_of(struct reference_fields *fields, const char *kind)
{
    struct value *places = value_object_get(fields->by_kind, kind);
    if (places != NULL)
        return places;
    places = value_array();
    value_object_set_new(fields->by_kind, kind, places);
    return places;
}

const struct reference_step *reference_fields_of(struct reference_fields *fields,
                                                 const char *api_version, const char *kind)
{
    struct value *places = places_of(fields, kind);
    for (size_t i = 0; i < value_array_size(places); i++) {
        const struct kind_fields *known =
            vec_at(&fields->kinds, (size_t)value_integer_value(value_array_get(places, i)));
        if (strcmp(known->api_version, api_version) == 0)
            return &known->root;
    }
    value_array_append_new(places, value_integer((int64_t)fields->kinds.len));
    struct kind_fields *made = vec_push(&fields->kinds);
    *made = (struct kind_fields){
        .api_version = xstrdup(api_version),
        .kind = xstrdup(kind),
        .root = new_step(NULL, 0),
    };
    gather(fields->references, made);
    fit(&made->root);
    return &made->root;
}

const struct reference_field *reference_step_first(const struct reference_step *step)
{
    while (step->fields.len == 0)
        step = vec_at(&step->further, 0);
    return vec_at(&step->fields, 0);
}
