// A JSON patch from its text. What the library compares byte by byte, the values of `test`, keep
// their spelling.
#include <stdlib.h>
#include <string.h>

#include "base/gojson.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/json_patch.h"
#include "render/kustomize/json_patch_internal.h"

void json_patch_free(struct json_patch *patch)
{
    if (patch == NULL)
        return;
    value_decref(patch->operations);
    free(patch);
}

void cleanup_json_patch_pointer(struct json_patch **patch)
{
    json_patch_free(*patch);
    *patch = NULL;
}

size_t json_patch_count(const struct json_patch *patch)
{
    return value_array_size(patch->operations);
}

bool json_patch_copies(const struct json_patch *patch)
{
    for (size_t i = 0; i < value_array_size(patch->operations); i++) {
        const char *name = value_text_or(value_array_get(patch->operations, i), "op", "");
        if (strcmp(name, "copy") == 0 || strcmp(name, "move") == 0)
            return true;
    }
    return false;
}

// A number that Go would write in another way is equal to none: bytes are compared.
static void keep_spelling(struct value *value, const struct value *spelt)
{
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (value, key, member) {
        const struct value *other = value_object_get(spelt, key);
        // So is text with what Go escapes in JSON, unless the patch escapes it, too.
        if (value_is_string(member) && strpbrk(value_string_value(member), "<>&") != NULL) {
            struct value *other_text =
                value_stringn(value_string_value(member), value_string_length(member) + 1);
            value_object_set_new(value, key, other_text);
            continue;
        }
        if (!value_is_number(member)) {
            keep_spelling(member, other);
            continue;
        }
        struct yamlvalue_written written;
        yamlvalue_written_of(other, &written);
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 512);
        cleanup_json json_t *json = value_to_json(member);
        gojson_write(json, 0, &text);
        if (other != NULL && strcmp(text.data, written.text) != 0)
            value_object_set_new(value, key, value_stringn(written.text, written.length + 1));
    }
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct value *holder = value_object_of("", value_ref(value_array_get(value, i)), NULL);
        cleanup_value struct value *other =
            value_object_of("", value_ref(value_array_get(spelt, i)), NULL);
        keep_spelling(holder, other);
        value_array_set(value, i, value_object_get(holder, ""));
        value_decref(holder);
    }
}

static void keep_spellings(const char *text, size_t size, struct value *operations)
{
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.last_wins = true, .written = true};
    if (strstr(text, "test") == NULL || strstr(text, "\\u00") != NULL ||
        yamlvalue_parse_all(text, size, "patch", &limits, &documents, NULL) < 0 ||
        documents.len == 0)
        return;
    const struct value *spelt = ((struct yamlvalue_document *)documents.data)->value;
    for (size_t i = 0; i < value_array_size(operations); i++) {
        struct value *operation = value_array_get(operations, i);
        if (strcmp(value_text_or(operation, "op", ""), "test") == 0)
            keep_spelling(operation, value_array_get(spelt, i));
    }
}

// Text that starts with a bracket is JSON and nothing else; of YAML the first document counts.
static int parse_operations(const char *text, size_t size, const char *name,
                            struct value **ret_value, struct error *err)
{
    if (size > 0 && text[0] == '[') {
        cleanup_json json_t *json = json_loadb(text, size, 0, NULL);
        bool exact = json != NULL;
        if (!exact) // integers beyond 64 bits are floats for Go
            json = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, NULL);
        if (json == NULL && jval_parse(text, size, name, &json, err) < 0)
            return -1;
        cleanup_value struct value *value = value_from_json(json);
        *ret_value = exact ? STEAL(value) : json_patch_settle(value);
        keep_spellings(text, size, *ret_value);
        return 0;
    }
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.last_wins = true, .yaml11 = true, .first_only = true};
    if (yamlvalue_parse_all(text, size, name, &limits, &documents, err) < 0)
        return -1;
    if (documents.len > 0) {
        struct yamlvalue_document *first = vec_at(&documents, 0);
        *ret_value = STEAL(first->value);
    }
    return 0;
}

int json_patch_parse(const char *text, size_t size, const char *name, struct json_patch **ret_patch,
                     struct error *err)
{
    cleanup_value struct value *operations = NULL;
    if (parse_operations(text, size, name, &operations, err) < 0)
        return -1;
    if (!value_is_array(operations))
        return error_set(err, ERROR_INVALID,
                         "%s: a JSON patch is a list of operations ({op, path, value})", name);
    for (size_t i = 0; i < value_array_size(operations); i++)
        if (!value_is_object(value_array_get(operations, i)))
            return error_set(err, ERROR_INVALID,
                             "%s: operation %zu is no object with op, path and value", name, i);
    struct json_patch *patch = xcalloc(1, sizeof *patch);
    patch->operations = STEAL(operations);
    *ret_patch = patch;
    return 0;
}
