// Reads a kustomization: YAML, then the shape, then deprecated fields go where their successors are
// (FixKustomization of api/types/kustomization.go).
#include "render/kustomize/kustomization.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"
#include "render/kustomize/shape.h"

enum { MAX_PATH_BYTES = 1024 };

void kustomization_release(struct kustomization *kustomization)
{
    free(STEAL(kustomization->file));
    free(STEAL(kustomization->text));
    json_decref(STEAL(kustomization->value));
}

char *kustomization_place(const struct kustomization *kustomization, const char *field)
{
    size_t line =
        yamljson_line_of(kustomization->text, kustomization->size, kustomization->start, field);
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

int kustomization_check(json_t *value, const char *shape, struct error *err)
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
        if (json_object_get(kustomization->value, deprecated[i].field) == NULL)
            continue;
        *(char **)vec_push(warnings) =
            xasprintf("%s: %s is deprecated; use %s", kustomization->file, deprecated[i].field,
                      deprecated[i].instead);
    }
}

static void append_list(json_t *object, const char *to, const char *from)
{
    json_t *list = json_object_get(object, from);
    if (list == NULL)
        return;
    if (json_object_get(object, to) == NULL)
        json_object_set(object, to, list);
    else
        json_array_extend(json_object_get(object, to), list);
    json_object_del(object, from);
}

static void fold_env(json_t *generators)
{
    for (size_t i = 0; i < json_array_size(generators); i++) {
        json_t *generator = json_array_get(generators, i);
        const char *env = jval_string_or(generator, "env", "");
        if (*env != '\0') {
            if (json_object_get(generator, "envs") == NULL)
                json_object_set_new(generator, "envs", json_array());
            json_array_append_new(json_object_get(generator, "envs"), json_string(env));
        }
        json_object_del(generator, "env");
    }
}

static bool is_empty(const json_t *value)
{
    const char *key = NULL;
    const json_t *member = NULL;
    jval_foreach (value, key, member) {
        if (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0)
            continue;
        bool says_nothing = (json_is_array(member) && json_array_size(member) == 0) ||
                            (json_is_string(member) && json_string_length(member) == 0);
        // Go tells an empty list from an absent one, but not empty text.
        if (!says_nothing || json_is_array(member))
            return false;
    }
    return true;
}

static int check_type(struct kustomization *kustomization, struct error *err)
{
    const json_t *value = kustomization->value;
    const char *kind = jval_string_or(value, "kind", "");
    const char *api_version = jval_string_or(value, "apiVersion", "");
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
    json_t *value = kustomization->value;
    if (!json_is_object(value) && !json_is_null(value))
        return error_set(err, ERROR_INVALID, "%s: a kustomization is a mapping",
                         kustomization->file);
    if (json_is_object(value) && shape_check(value, shape_find("kustomization"), &path, err) < 0)
        return kustomization_wrap(kustomization, err, "%s", path.data);
    warn_deprecated(kustomization, warnings);
    kustomization->own_resources = json_array_size(json_object_get(value, "resources"));
    kustomization->own_images = json_array_size(json_object_get(value, "images"));
    append_list(value, "resources", "bases");
    append_list(value, "images", "imageTags");
    fold_env(json_object_get(value, "configMapGenerator"));
    fold_env(json_object_get(value, "secretGenerator"));
    if (is_empty(value))
        return error_set(err, ERROR_INVALID, "%s is empty; name what it is made of under resources",
                         kustomization->file);
    return check_type(kustomization, err);
}

int kustomization_parse(const char *file, const char *text, size_t size,
                        struct kustomization *ret_kustomization, struct vec *warnings,
                        struct error *err)
{
    static const struct yamljson_limits limits = {.last_wins = true};
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    if (yamljson_parse_all(text, size, file, &limits, &documents, err) < 0)
        return -1;
    cleanup_kustomization struct kustomization kustomization = {
        .file = xstrdup(file),
        .text = xstrndup(text, size),
        .size = size,
    };
    // As kustomize: what stands behind the first document is not looked at.
    if (documents.len > 0) {
        struct yamljson_document *first = vec_at(&documents, 0);
        kustomization.start = first->start;
        kustomization.value = STEAL(first->value);
    } else {
        kustomization.value = json_null();
    }
    if (check_and_fold(&kustomization, warnings, err) < 0)
        return -1;
    *ret_kustomization = kustomization;
    kustomization = (struct kustomization){0};
    return 0;
}
