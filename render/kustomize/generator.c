// ConfigMaps and Secrets from literals and files.
#include "render/kustomize/generator.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/key_values.h"
#include "render/kustomize/steps.h"

enum { BASE64_LINE = 70 };

static void merge_map(json_t *options, const json_t *global, const char *name)
{
    const json_t *from = json_object_get(global, name);
    if (!json_is_object(from))
        return;
    if (!json_is_object(json_object_get(options, name)))
        json_object_set_new(options, name, json_object());
    json_object_update_missing(json_object_get(options, name), jval_unconst(from));
}

void generator_merge_options(json_t *generator, const json_t *global)
{
    if (!json_is_object(global))
        return;
    json_t *options = json_object_get(generator, "options");
    if (!json_is_object(options)) {
        options = json_object();
        json_object_set_new(generator, "options", options);
    }
    merge_map(options, global, "labels");
    merge_map(options, global, "annotations");
    static const char *const flags[] = {"disableNameSuffixHash", "immutable"};
    for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
        if (json_is_true(json_object_get(global, flags[i])))
            json_object_set_new(options, flags[i], json_true());
}

static int read_envs(struct frame *frame, const json_t *config, struct vec *pairs,
                     struct error *err)
{
    const json_t *envs = jval_array(config, "envs");
    for (size_t i = 0; i < json_array_size(envs); i++) {
        cleanup_free char *text = NULL;
        cleanup_free char *path = NULL;
        size_t size = 0;
        const char *named = json_string_value(json_array_get(envs, i));
        if (frame_read(frame, named != NULL ? named : "", &text, &size, &path, err) < 0)
            return error_wrap(err, "envs[%zu]", i);
        if (key_values_parse_env(pairs, text, size, err) < 0)
            return error_wrap(err, "envs[%zu]: %s", i, path);
    }
    return 0;
}

static int read_literals(const json_t *config, struct vec *pairs, struct error *err)
{
    const json_t *literals = jval_array(config, "literals");
    for (size_t i = 0; i < json_array_size(literals); i++) {
        const char *literal = json_string_value(json_array_get(literals, i));
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

static int read_files(struct frame *frame, const json_t *config, struct vec *pairs,
                      struct error *err)
{
    const json_t *files = jval_array(config, "files");
    for (size_t i = 0; i < json_array_size(files); i++) {
        const char *source = json_string_value(json_array_get(files, i));
        if (read_file(frame, source != NULL ? source : "", pairs, err) < 0)
            return error_wrap(err, "files[%zu]", i);
    }
    return 0;
}

// In lines of 70 characters where it needs more than one, each then with its line end.
static json_t *base64_lines(const char *data, size_t size)
{
    cleanup_free char *encoded = base64_encode(data, size);
    size_t length = strlen(encoded);
    if (length < BASE64_LINE)
        return json_stringn(encoded, length);
    cleanup_strbuf struct strbuf lines;
    strbuf_init(&lines, length + length / BASE64_LINE + 2);
    for (size_t i = 0; i < length; i += BASE64_LINE) {
        strbuf_add(&lines, encoded + i, length - i < BASE64_LINE ? length - i : BASE64_LINE);
        strbuf_addch(&lines, '\n');
    }
    return json_stringn(lines.data, lines.len);
}

static json_t *member_object(json_t *value, const char *name)
{
    if (!json_is_object(json_object_get(value, name)))
        json_object_set_new(value, name, json_object());
    return json_object_get(value, name);
}

// Text goes into data as it is, what is no UTF-8 into binaryData; of a Secret all into data.
static int add_data(json_t *value, const struct vec *pairs, bool secret, struct error *err)
{
    if (secret)
        member_object(value, "data");
    cleanup_json json_t *keys = json_object();
    vec_foreach (struct key_value, pair, pairs) {
        if (json_object_get(keys, pair->key) != NULL)
            return error_set(err, ERROR_INVALID, "the key \"%s\" is given twice; drop one",
                             pair->key);
        json_object_set_new(keys, pair->key, json_true());
        json_t *text = secret ? NULL : json_stringn(pair->value, pair->size);
        if (text != NULL)
            json_object_set_new(member_object(value, "data"), pair->key, text);
        else
            json_object_set_new(member_object(value, secret ? "data" : "binaryData"), pair->key,
                                base64_lines(pair->value, pair->size));
    }
    return 0;
}

static void add_options(json_t *value, const json_t *options)
{
    json_t *metadata = json_object_get(value, "metadata");
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const json_t *map = json_object_get(options, maps[i]);
        if (json_object_size(map) > 0)
            json_object_set_new(metadata, maps[i], json_deep_copy(map));
    }
    if (json_is_true(json_object_get(options, "immutable")))
        json_object_set_new(value, "immutable", json_true());
}

static enum resource_behavior behavior_of(const json_t *config)
{
    const char *name = jval_string_or(config, "behavior", "");
    if (strcmp(name, "create") == 0)
        return BEHAVIOR_CREATE;
    if (strcmp(name, "replace") == 0)
        return BEHAVIOR_REPLACE;
    return strcmp(name, "merge") == 0 ? BEHAVIOR_MERGE : BEHAVIOR_UNSPECIFIED;
}

// A name of the generator's own, else of the plugin's configuration.
static const char *name_of(const json_t *config, const char *field)
{
    const char *own = jval_string_or(config, field, "");
    return *own != '\0' ? own : jval_string_or(json_object_get(config, "metadata"), field, "");
}

static json_t *new_object(const json_t *config, const char *kind)
{
    json_t *value = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "v1", "kind", kind, "metadata",
                              "name", name_of(config, "name"));
    const char *ns = name_of(config, "namespace");
    if (*ns != '\0')
        jval_set_string(value, "metadata.namespace", ns);
    return value;
}

static int generate(struct frame *frame, const json_t *config, const char *kind, struct resmap *map,
                    struct error *err)
{
    bool secret = strcmp(kind, "Secret") == 0;
    if (*name_of(config, "name") == '\0')
        return error_set(err, ERROR_INVALID, "a generated %s needs a name", kind);
    cleanup_vec struct vec pairs = KEY_VALUES;
    if (read_envs(frame, config, &pairs, err) < 0 || read_literals(config, &pairs, err) < 0 ||
        read_files(frame, config, &pairs, err) < 0)
        return -1;
    cleanup_json json_t *value = new_object(config, kind);
    if (secret) {
        const char *type = jval_string_or(config, "type", "");
        jval_set_string(value, "type", *type != '\0' ? type : "Opaque");
    }
    if (add_data(value, &pairs, secret, err) < 0)
        return error_wrap(err, "%s %s", kind, name_of(config, "name"));
    const json_t *options = json_object_get(config, "options");
    add_options(value, options);
    struct resource *resource = resource_new(STEAL(value), frame->kustomization.file, 0);
    resource->needs_hash = !json_is_true(json_object_get(options, "disableNameSuffixHash"));
    resource->behavior = behavior_of(config);
    resource->has_history = true;
    return resmap_append(map, resource, err);
}

int configmap_generate(struct frame *frame, const json_t *config, struct resmap *map,
                       struct error *err)
{
    return generate(frame, config, "ConfigMap", map, err);
}

int secret_generate(struct frame *frame, const json_t *config, struct resmap *map,
                    struct error *err)
{
    return generate(frame, config, "Secret", map, err);
}
