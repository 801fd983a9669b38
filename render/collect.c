#include "render/collect.h"

#include <string.h>

#include "base/memory.h"
#include "base/object_path.h"
#include "base/yamlvalue.h"

enum {
    DEFAULT_OBJECTS = 20000, // what an artifact may hold
    DEFAULT_BYTES = 128 << 20,
};

void collect_init(struct collect *collect, const struct render_options *options,
                  struct vec *objects)
{
    *collect = (struct collect){
        .options = options,
        .objects = objects,
        .places = value_object(),
        .max_objects = options->max_objects > 0 ? options->max_objects : DEFAULT_OBJECTS,
        .max_bytes = options->max_bytes > 0 ? options->max_bytes : DEFAULT_BYTES,
    };
    strbuf_init(&collect->text, collect->max_bytes);
}

void collect_release(struct collect *collect)
{
    value_decref(STEAL(collect->places));
    strbuf_release(&collect->text);
}

static int refuse_secret(const char *file, size_t line, const char *what, const char *hint,
                         struct error *err)
{
    return error_set(err, ERROR_DENIED,
                     "%s:%zu: %s; a signed artifact is no place for secrets: commit an "
                     "ExternalSecret (External Secrets) or a SealedSecret (Sealed Secrets) "
                     "instead%s",
                     file, line, what, hint);
}

int collect_check_secret(const struct collect *collect, const struct object_identity *identity,
                         const struct value *value, const char *file, size_t line,
                         struct error *err)
{
    if (value_object_get(value, "sops") != NULL)
        return refuse_secret(file, line, "a file encrypted by SOPS, which nothing here decrypts",
                             "", err);
    if (collect->options->allow_secrets || identity->kind == NULL ||
        !object_is_secret_with_data(identity, value))
        return 0;
    cleanup_free char *described = object_identity_describe(identity);
    cleanup_free char *what = xasprintf("%s carries its values", described);
    return refuse_secret(file, line, what, ", or allow it with spec.artifact.allowSecrets", err);
}

static int check_unique(struct collect *collect, const struct object_identity *identity,
                        const char *path, const char *file, size_t line, struct error *err)
{
    const struct value *place = value_object_get(collect->places, path);
    if (place == NULL) {
        value_object_set_new(collect->places, path, value_integer((int64_t)collect->objects->len));
        return 0;
    }
    const struct render_object *first =
        vec_at(collect->objects, (size_t)value_integer_value(place));
    cleanup_free char *described = object_identity_describe(identity);
    return error_set(err, ERROR_INVALID,
                     "%s:%zu: %s is already defined at %s:%zu; keep one of the two", file, line,
                     described, first->source, first->line);
}

static int write_object(struct collect *collect, const struct value *value,
                        struct render_object *object, struct error *err)
{
    struct strbuf *yaml = &collect->text;
    strbuf_reset(yaml);
    yaml->max = collect->max_bytes - collect->written_bytes;
    if (yamlvalue_write(value, yaml, err) < 0)
        return -1;
    collect->written_bytes += yaml->len;
    object->yaml_size = yaml->len;
    object->yaml = xmemdup(yaml->data, yaml->len + 1);
    return 0;
}

int collect_add(struct collect *collect, const struct value *value,
                struct object_identity *identity, const char *file, size_t line, struct error *err)
{
    if (collect_check_secret(collect, identity, value, file, line, err) < 0)
        return -1;
    cleanup_free char *path =
        object_path(identity->group, identity->kind, identity->ns, identity->name);
    if (check_unique(collect, identity, path, file, line, err) < 0)
        return -1;
    if (collect->objects->len >= collect->max_objects)
        return error_set(err, ERROR_LIMIT, "%s:%zu: more than %zu objects; split the path in two",
                         file, line, collect->max_objects);
    struct render_object *object = vec_push(collect->objects);
    *object = (struct render_object){
        .path = STEAL(path),
        .api_version = STEAL(identity->api_version),
        .group = STEAL(identity->group),
        .kind = STEAL(identity->kind),
        .ns = STEAL(identity->ns),
        .name = STEAL(identity->name),
        .source = xstrdup(file),
        .line = line,
    };
    if (write_object(collect, value, object, err) < 0)
        return error_wrap(err, "%s:%zu", file, line);
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct render_object *)a)->path, ((const struct render_object *)b)->path);
}

void collect_sort(struct vec *objects)
{
    vec_sort(objects, compare_paths);
}
