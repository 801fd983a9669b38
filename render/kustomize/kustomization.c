// Reads a kustomization: YAML, then the shape, then deprecated fields go where their successors are
// (FixKustomization of api/types/kustomization.go).
#include "render/kustomize/kustomization.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/shape.h"

enum { MAX_PATH_BYTES = 1024 };

void kustomization_release(struct kustomization *kustomization)
{
    free(STEAL(kustomization->file));
    free(STEAL(kustomization->text));
    value_decref(STEAL(kustomization->value));
}

char *kustomization_place(const struct kustomization *kustomization, const char *field)
{
    size_t line =
        yamlvalue_line_of(kustomization->text, kustomization->size, kustomization->start, field);
    if (line == 0)
        return xasprintf("%s: %s", kustomization->file, field);
    return xasprintf("%s:%zu: %s", kustomization->file, line, field);
}

int kustomization_wrap(const struct kustomization *kustomization, struct error *err,
                       const char *field_format, ...)
{
    va_list args;
    va_start(args, field_format);
    cleanup_free char *field = xvasprintf(field_format, args);
    va_end(args);
    cleanup_free char *place = kustomization_place(kustomization, field);
    return error_wrap(err, "%s", place);
}

char *kustomization_place_item(const struct kustomization *kustomization, const char *field,
                               size_t index)
{
    size_t own = SIZE_MAX;
    const char *old_field = field;
    if (strcmp(field, "resources") == 0) {
        own = kustomization->own_resources;
        old_field = "bases";
    } else if (strcmp(field, "images") == 0) {
        own = kustomization->own_images;
        old_field = "imageTags";
    }
    bool is_old = index >= own;
    cleanup_free char *entry =
        xasprintf("%s[%zu]", is_old ? old_field : field, is_old ? index - own : index);
    return kustomization_place(kustomization, entry);
}

int kustomization_wrap_item(const struct kustomization *kustomization, struct error *err,
                            const char *field, size_t index)
{
    cleanup_free char *place = kustomization_place_item(kustomization, field, index);
    return error_wrap(err, "%s", place);
}

int kustomization_check(struct value *value, const char *shape, struct error *err)
{
    const struct shape *found = shape_find(shape);
    assert(found != NULL);
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, MAX_PATH_BYTES);
    if (shape_check(value, found, &path, err) == 0)
        return 0;
    return path.len > 0 ? error_wrap(err, "%s", path.data) : -1;
}

static const struct {
    const char *field;
    const char *instead;
} deprecated[] = {
    {"bases", "resources"},
    {"commonLabels", "labels"},
    {"imageTags", "images"},
    {"patchesJson6902", "patches"},
    {"patchesStrategicMerge", "patches"},
    {"vars", "replacements"},
    {"helmChartInflationGenerator", "helmCharts"},
};

static void warn_deprecated(const struct kustomization *kustomization, struct vec *warnings)
{
    for (size_t i = 0; i < ARRAY_LENGTH(deprecated); i++) {
        if (value_object_get(kustomization->value, deprecated[i].field) == NULL)
            continue;
        *(char **)vec_push(warnings) =
            xasprintf("%s: %s is deprecated; use %s", kustomization->file, deprecated[i].field,
                      deprecated[i].instead);
    }
}

static void append_list(struct value *object, const char *to, const char *from)
{
    struct value *list = value_object_get(object, from);
    if (list == NULL)
        return;
    if (value_object_get(object, to) == NULL)
        value_object_set(object, to, list);
    else
        value_array_extend(value_object_get(object, to), list);
    value_object_del(object, from);
}

static void fold_env(struct value *generators)
{
    for (size_t i = 0; i < value_array_size(generators); i++) {
        struct value *generator = value_array_get(generators, i);
        const char *env = value_text_or(generator, "env", "");
        if (*env != '\0') {
            if (value_object_get(generator, "envs") == NULL)
                value_object_set_new(generator, "envs", value_array());
            value_array_append_new(value_object_get(generator, "envs"), value_string(env));
        }
        value_object_del(generator, "env");
    }
}

static bool is_empty(const struct value *value)
{
    const char *key = NULL;
    const struct value *member = NULL;
    value_foreach (value, key, member) {
        if (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0)
            continue;
        bool says_nothing = (value_is_array(member) && value_array_size(member) == 0) ||
                            (value_is_string(member) && value_string_length(member) == 0);
        // Go tells an empty list from an absent one, but not empty text.
        if (!says_nothing || value_is_array(member))
            return false;
    }
    return true;
}

static int check_type(struct kustomization *kustomization, struct error *err)
{
    const struct value *value = kustomization->value;
    const char *kind = value_text_or(value, "kind", "");
    const char *api_version = value_text_or(value, "apiVersion", "");
    kustomization->component = strcmp(kind, "Component") == 0;
    if (*kind != '\0' && !kustomization->component && strcmp(kind, "Kustomization") != 0) {
        error_set(err, ERROR_INVALID, "kind is \"%.100s\"; write Kustomization or Component", kind);
        return kustomization_wrap(kustomization, err, "kind");
    }
    const char *wanted = kustomization->component ? "kustomize.config.k8s.io/v1alpha1"
                                                  : "kustomize.config.k8s.io/v1beta1";
    if (*api_version != '\0' && strcmp(api_version, wanted) != 0) {
        error_set(err, ERROR_INVALID, "apiVersion is \"%.100s\"; a %s has %s", api_version,
                  kustomization->component ? "Component" : "Kustomization", wanted);
        return kustomization_wrap(kustomization, err, "apiVersion");
    }
    return 0;
}

static int check_and_fold(struct kustomization *kustomization, struct vec *warnings,
                          struct error *err)
{
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, MAX_PATH_BYTES);
    struct value *value = kustomization->value;
    if (!value_is_object(value) && !value_is_null(value))
        return error_set(err, ERROR_INVALID, "%s: a kustomization is a mapping",
                         kustomization->file);
    if (value_is_object(value) && shape_check(value, shape_find("kustomization"), &path, err) < 0)
        return kustomization_wrap(kustomization, err, "%s", path.data);
    warn_deprecated(kustomization, warnings);
    kustomization->own_resources = value_array_size(value_object_get(value, "resources"));
    kustomization->own_images = value_array_size(value_object_get(value, "images"));
    append_list(value, "resources", "bases");
    append_list(value, "images", "imageTags");
    fold_env(value_object_get(value, "configMapGenerator"));
    fold_env(value_object_get(value, "secretGenerator"));
    if (is_empty(value))
        return error_set(err, ERROR_INVALID, "%s is empty; name what it is made of under resources",
                         kustomization->file);
    return check_type(kustomization, err);
}

int kustomization_parse(const char *file, const char *text, size_t size,
                        struct kustomization *ret_kustomization, struct vec *warnings,
                        struct error *err)
{
    static const struct yamlvalue_limits limits = {
        .last_wins = true, .first_only = true, .yaml11 = true};
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (yamlvalue_parse_all(text, size, file, &limits, &documents, err) < 0)
        return -1;
    cleanup_kustomization struct kustomization kustomization = {
        .file = xstrdup(file),
        .text = xstrndup(text, size),
        .size = size,
    };
    // As kustomize: what stands behind the first document is not looked at.
    if (documents.len > 0) {
        struct yamlvalue_document *first = vec_at(&documents, 0);
        kustomization.start = first->start;
        kustomization.value = STEAL(first->value);
    } else {
        kustomization.value = value_null();
    }
    if (check_and_fold(&kustomization, warnings, err) < 0)
        return -1;
    *ret_kustomization = kustomization;
    kustomization = (struct kustomization){0};
    return 0;
}
