// ConfigMaps and Secrets from literals and files.
#include "render/kustomize/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "render/kustomize/key_values.h"
#include "render/kustomize/steps.h"

enum { BASE64_LINE = 70 };

static void merge_map(struct value *options, const struct value *global, const char *name)
{
    const struct value *from = value_object_get(global, name);
    if (!value_is_object(from))
        return;
    if (!value_is_object(value_object_get(options, name)))
        value_object_set_new(options, name, value_object());
    value_object_update_missing(value_object_get(options, name), value_unconst(from));
}

void generator_merge_options(struct value *generator, const struct value *global)
{
    if (!value_is_object(global))
        return;
    struct value *options = value_object_get(generator, "options");
    if (!value_is_object(options)) {
        options = value_object();
        value_object_set_new(generator, "options", options);
    }
    merge_map(options, global, "labels");
    merge_map(options, global, "annotations");
    static const char *const flags[] = {"disableNameSuffixHash", "immutable"};
    for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
        if (value_is_true(value_object_get(global, flags[i])))
            value_object_set_new(options, flags[i], value_true());
}

static int read_envs(struct frame *frame, const struct value *config, struct vec *pairs,
                     struct error *err)
{
    const struct value *envs = value_array_at(config, "envs");
    for (size_t i = 0; i < value_array_size(envs); i++) {
        cleanup_free char *text = NULL;
        cleanup_free char *path = NULL;
        size_t size = 0;
        const char *named = value_string_value(value_array_get(envs, i));
        if (frame_read(frame, named != NULL ? named : "", &text, &size, &path, err) < 0)
            return error_wrap(err, "envs[%zu]", i);
        if (key_values_parse_env(pairs, text, size, err) < 0)
            return error_wrap(err, "envs[%zu]: %s", i, path);
    }
    return 0;
}

static int read_literals(const struct value *config, struct vec *pairs, struct error *err)
{
    const struct value *literals = value_array_at(config, "literals");
    for (size_t i = 0; i < value_array_size(literals); i++) {
        const char *literal = value_string_value(value_array_get(literals, i));
        if (key_values_add_literal(pairs, literal != NULL ? literal : "", err) < 0)
            return error_wrap(err, "literals[%zu]", i);
    }
    return 0;
}

static int read_file(struct frame *frame, const char *source, struct vec *pairs, struct error *err)
{
    cleanup_free char *key = NULL;
    cleanup_free char *path = NULL;
    if (key_values_split_file(source, &key, &path, err) < 0)
        return -1;
    char *data = NULL;
    size_t size = 0;
    if (frame_read(frame, path, &data, &size, NULL, err) < 0)
        return -1;
    *(struct key_value *)vec_push(pairs) =
        (struct key_value){.key = STEAL(key), .value = data, .size = size};
    return 0;
}

static int read_files(struct frame *frame, const struct value *config, struct vec *pairs,
                      struct error *err)
{
    const struct value *files = value_array_at(config, "files");
    for (size_t i = 0; i < value_array_size(files); i++) {
        const char *source = value_string_value(value_array_get(files, i));
        if (read_file(frame, source != NULL ? source : "", pairs, err) < 0)
            return error_wrap(err, "files[%zu]", i);
    }
    return 0;
}

// In lines of 70 characters where it needs more than one, each then with its line end.
static struct value *base64_lines(const char *data, size_t size)
{
    cleanup_free char *encoded = base64_encode(data, size);
    size_t length = strlen(encoded);
    if (length < BASE64_LINE)
        return value_stringn(encoded, length);
    cleanup_strbuf struct strbuf lines;
    strbuf_init(&lines, length + length / BASE64_LINE + 2);
    for (size_t i = 0; i < length; i += BASE64_LINE) {
        strbuf_add(&lines, encoded + i, length - i < BASE64_LINE ? length - i : BASE64_LINE);
        strbuf_addch(&lines, '\n');
    }
    return value_stringn(lines.data, lines.len);
}

static struct value *member_object(struct value *value, const char *name)
{
    if (!value_is_object(value_object_get(value, name)))
        value_object_set_new(value, name, value_object());
    return value_object_get(value, name);
}

// Text goes into data as it is, what is no UTF-8 into binaryData; of a Secret all into data.
static int add_data(struct value *value, const struct vec *pairs, bool secret, struct error *err)
{
    if (secret)
        member_object(value, "data");
    cleanup_value struct value *keys = value_object();
    vec_foreach (struct key_value, pair, pairs) {
        if (value_object_get(keys, pair->key) != NULL)
            return error_set(err, ERROR_INVALID, "the key \"%s\" is given twice; drop one",
                             pair->key);
        value_object_set_new(keys, pair->key, value_true());
        struct value *text = secret ? NULL : value_stringn(pair->value, pair->size);
        if (text != NULL && memchr(pair->value, '\0', pair->size) != NULL) {
            value_decref(text);
            return error_set(err, ERROR_INVALID,
                             "the value of \"%s\" is text with a NUL byte in it, which a manifest "
                             "cannot hold; make it a Secret, or encode the file",
                             pair->key);
        }
        if (text != NULL)
            value_object_set_new(member_object(value, "data"), pair->key, text);
        else
            value_object_set_new(member_object(value, secret ? "data" : "binaryData"), pair->key,
                                 base64_lines(pair->value, pair->size));
    }
    return 0;
}

static void add_options(struct value *value, const struct value *options)
{
    struct value *metadata = value_object_get(value, "metadata");
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const struct value *map = value_object_get(options, maps[i]);
        if (value_object_size(map) > 0)
            value_object_set_new(metadata, maps[i], value_deep_copy(map));
    }
    if (value_is_true(value_object_get(options, "immutable")))
        value_object_set_new(value, "immutable", value_true());
}

static enum resource_behavior behavior_of(const struct value *config)
{
    const char *name = value_text_or(config, "behavior", "");
    if (strcmp(name, "create") == 0)
        return BEHAVIOR_CREATE;
    if (strcmp(name, "replace") == 0)
        return BEHAVIOR_REPLACE;
    return strcmp(name, "merge") == 0 ? BEHAVIOR_MERGE : BEHAVIOR_UNSPECIFIED;
}

// A name of the generator's own, else of the plugin's configuration.
static const char *name_of(const struct value *config, const char *field)
{
    const char *own = value_text_or(config, field, "");
    return *own != '\0' ? own : value_text_or(value_object_get(config, "metadata"), field, "");
}

static struct value *new_object(const struct value *config, const char *kind)
{
    struct value *metadata = value_object_of("name", value_string(name_of(config, "name")), NULL);
    struct value *value = value_object_of("apiVersion", value_string("v1"), "kind",
                                          value_string(kind), "metadata", metadata, NULL);
    const char *ns = name_of(config, "namespace");
    if (*ns != '\0')
        value_set_text(value, "metadata.namespace", ns);
    return value;
}

static int generate(struct frame *frame, const struct value *config, const char *kind,
                    struct resmap *map, struct error *err)
{
    bool secret = strcmp(kind, "Secret") == 0;
    if (*name_of(config, "name") == '\0')
        return error_set(err, ERROR_INVALID, "a generated %s needs a name", kind);
    cleanup_vec struct vec pairs = KEY_VALUES;
    if (read_envs(frame, config, &pairs, err) < 0 || read_literals(config, &pairs, err) < 0 ||
        read_files(frame, config, &pairs, err) < 0)
        return -1;
    cleanup_value struct value *value = new_object(config, kind);
    if (secret) {
        const char *type = value_text_or(config, "type", "");
        value_set_text(value, "type", *type != '\0' ? type : "Opaque");
    }
    if (add_data(value, &pairs, secret, err) < 0)
        return error_wrap(err, "%s %s", kind, name_of(config, "name"));
    const struct value *options = value_object_get(config, "options");
    add_options(value, options);
    struct resource *resource = resource_new(STEAL(value), frame->kustomization.file, 0);
    resource->needs_hash = !value_is_true(value_object_get(options, "disableNameSuffixHash"));
    resource->behavior = behavior_of(config);
    resource->has_history = true;
    return resmap_append(map, resource, err);
}

int configmap_generate(struct frame *frame, const struct value *config, struct resmap *map,
                       struct error *err)
{
    return generate(frame, config, "ConfigMap", map, err);
}

int secret_generate(struct frame *frame, const struct value *config, struct resmap *map,
                    struct error *err)
{
    return generate(frame, config, "Secret", map, err);
}
