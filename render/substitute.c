// Reads the variables once, then rewrites object after object by way of its YAML text.
#include "render/substitute.h"

#include <stdlib.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/envsubst.h"

enum {
    MAX_FILE_BYTES = 4 << 20,
    MAX_OBJECT_BYTES = 4 << 20,
    MAX_VARIABLES = 10000,
};

struct substitute {
    struct tree *tree;    // borrowed
    struct value *values; // owned; NAME -> text
    bool strict;
};

void substitute_free(struct substitute *substitute)
{
    if (substitute == NULL)
        return;
    value_decref(substitute->values);
    free(substitute);
}

void cleanup_substitute_pointer(struct substitute **substitute)
{
    substitute_free(*substitute);
}

static int add_variable(struct substitute *substitute, const char *name, const char *value,
                        size_t size, struct error *err)
{
    if (!envsubst_is_name(name))
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is no name of a variable: letters, digits and '_', no digit first",
                         name);
    if (value_object_size(substitute->values) >= MAX_VARIABLES)
        return error_set(err, ERROR_LIMIT, "more than %d variables", MAX_VARIABLES);
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, size + 1);
    for (size_t i = 0; i < size; i++)
        if (value[i] != '\n')
            strbuf_addch(&text, value[i]);
    struct value *stored = value_stringn(text.data, text.len);
    if (stored == NULL || memchr(text.data, '\0', text.len) != NULL) {
        value_decref(stored);
        return error_set(err, ERROR_INVALID, "%s is no text", name);
    }
    value_object_set_new(substitute->values, name, stored);
    return 0;
}

static int add_entry(struct substitute *substitute, const char *name, const struct value *value,
                     bool encoded, struct error *err)
{
    const char *text = value_string_value(value);
    if (text == NULL)
        return error_set(err, ERROR_INVALID, "%s is no text; write it in quotes", name);
    if (!encoded)
        return add_variable(substitute, name, text, value_string_length(value), err);
    cleanup_free unsigned char *data = NULL;
    size_t size = 0;
    if (base64_decode(text, strlen(text), &data, &size, err) < 0)
        return error_wrap(err, "%s", name);
    return add_variable(substitute, name, (const char *)data, size, err);
}

static int add_entries(struct substitute *substitute, const struct value *entries, bool encoded,
                       struct error *err)
{
    const char *name = NULL;
    struct value *value = NULL;
    value_foreach (entries, name, value)
        if (add_entry(substitute, name, value, encoded, err) < 0)
            return -1;
    return 0;
}

// A ConfigMap or a Secret of the core group.
static int add_object(struct substitute *substitute, const struct value *object, struct error *err)
{
    const char *kind = value_text_or(object, "kind", "");
    bool core = strcmp(value_text_or(object, "apiVersion", ""), "v1") == 0;
    bool secret = strcmp(kind, "Secret") == 0;
    if (!core || (!secret && strcmp(kind, "ConfigMap") != 0))
        return error_set(err, ERROR_INVALID,
                         "variables come from ConfigMaps and Secrets of v1, "
                         "not from this %s",
                         *kind != '\0' ? kind : "object without kind");
    if (value_object_get(object, "sops") != NULL)
        return error_set(err, ERROR_DENIED, "it is encrypted by SOPS, which nothing here decrypts");
    if (add_entries(substitute, value_object_get(object, "data"), secret, err) < 0)
        return -1;
    return add_entries(substitute, value_object_get(object, "stringData"), false, err);
}

static int add_file(struct substitute *substitute, const char *path, struct error *err)
{
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    if (tree_read(substitute->tree, path, MAX_FILE_BYTES, &text, &size, err) < 0)
        return tree_say_missing(substitute->tree, path, err);
    if (yamlvalue_parse_all(text, size, path, NULL, &documents, err) < 0)
        return -1;
    vec_foreach (struct yamlvalue_document, document, &documents)
        if (!value_is_null(document->value) && add_object(substitute, document->value, err) < 0)
            return error_wrap(err, "%s:%zu", path, document->line);
    return 0;
}

int substitute_new(struct tree *tree, const struct value *config,
                   struct substitute **ret_substitute, struct error *err)
{
    cleanup_substitute struct substitute *substitute = xcalloc(1, sizeof *substitute);
    *substitute = (struct substitute){
        .tree = tree,
        .values = value_object(),
        .strict = value_bool_at(config, "strict", true),
    };
    const struct value *from = value_array_at(config, "from");
    for (size_t i = 0; i < value_array_size(from); i++) {
        const char *path = value_string_value(value_array_get(from, i));
        if (add_file(substitute, path != NULL ? path : "", err) < 0)
            return error_wrap(err, "substitute.from[%zu]", i);
    }
    if (add_entries(substitute, value_object_get(config, "vars"), false, err) < 0)
        return error_wrap(err, "substitute.vars");
    *ret_substitute = STEAL(substitute);
    return 0;
}

static bool is_exempt(const struct value *value)
{
    static const char *const maps[] = {"annotations", "labels"};
    static const char *const names[] = {"sealift.dev/substitute",
                                        "kustomize.toolkit.fluxcd.io/substitute"};
    const struct value *metadata = value_object_get(value, "metadata");
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(names); j++) {
            const struct value *map = value_object_get(metadata, maps[i]);
            const char *word = value_string_value(value_object_get(map, names[j]));
            if (word != NULL && strcmp(word, "disabled") == 0)
                return true;
        }
    }
    return false;
}

// The line of the file, from `line` on, that refers to the variable; `line` when none does.
static size_t line_of(const struct substitute *substitute, const char *file, size_t line,
                      const char *name)
{
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (name == NULL || file == NULL ||
        tree_read(substitute->tree, file, MAX_FILE_BYTES, &text, &size, NULL) < 0)
        return line;
    cleanup_free char *plain = xasprintf("${%s", name);
    cleanup_free char *length = xasprintf("${#%s", name);
    size_t at = 1;
    for (char *start = text; start != NULL; at++) {
        char *end = strchr(start, '\n');
        if (end != NULL)
            *end = '\0';
        if (at >= line && (strstr(start, plain) != NULL || strstr(start, length) != NULL))
            return at;
        start = end != NULL ? end + 1 : NULL;
    }
    return line;
}

static int fail(const struct substitute *substitute, const struct value *value, const char *file,
                size_t line, const char *name, struct error *err)
{
    error_wrap(err, "%s %s", value_text_or(value, "kind", "object"),
               value_text_or(value, "metadata.name", ""));
    size_t at = line_of(substitute, file, line, name);
    return at > 0 ? error_wrap(err, "%s:%zu", file, at) : error_wrap(err, "%s", file);
}

int substitute_apply(const struct substitute *substitute, const struct value *value,
                     const char *file, size_t line, struct value **ret_value, struct error *err)
{
    if (substitute == NULL || !value_is_object(value) || value_object_get(value, "sops") != NULL ||
        is_exempt(value))
        return 0;
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, MAX_OBJECT_BYTES);
    if (yamlvalue_write(value, &text, err) < 0)
        return fail(substitute, value, file, line, NULL, err);
    if (strstr(text.data, "${") == NULL && strstr(text.data, "$$") == NULL)
        return 0;
    cleanup_strbuf struct strbuf expanded;
    cleanup_free char *name = NULL;
    strbuf_init(&expanded, MAX_OBJECT_BYTES);
    if (envsubst_expand(text.data, text.len, substitute->values, substitute->strict, &expanded,
                        &name, err) < 0)
        return fail(substitute, value, file, line, name, err);
    if (yamlvalue_parse(expanded.data, expanded.len, "with its variables", ret_value, err) < 0)
        return fail(substitute, value, file, line, NULL, err);
    return 0;
}
