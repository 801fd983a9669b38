// A field path (the first line) and the object it is for, looked up in every way there is, with
// what it finds written over; and the same inside a string that holds the object.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/field_path.h"
#include "render/kustomize/structured_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct value *object, const struct vec *parts, enum field_create create)
{
    cleanup_field_matches struct field_matches matches = {0};
    if (field_path_match(object, parts, create, &matches, NULL) < 0)
        return;
    vec_foreach (struct field_match, match, &matches.found) {
        if (slot_get(&match->slot) == NULL)
            abort();
        slot_set(&match->slot, value_string("written"));
        // A later match may lie below what was just replaced.
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (line_end == NULL)
        return 0;
    cleanup_free char *path = xstrndup((const char *)data, (size_t)(line_end - data));
    size_t rest = size - (size_t)(line_end - data) - 1;
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.max_nodes = 20000, .max_documents = 1, .kustomize = true};
    if (field_path_split(path, &parts, NULL) < 0 ||
        yamlvalue_parse_all((const char *)line_end + 1, rest, "in", &limits, &documents, NULL) <
            0 ||
        documents.len == 0)
        return 0;
    struct value *object = ((struct yamlvalue_document *)documents.data)->value;
    cleanup_value struct value *before = value_deep_copy(object);
    struct value *found = NULL;
    if (field_path_get(object, &parts, &found, NULL) < 0)
        found = NULL;
    write_all(object, &parts, FIELD_FIND);
    write_all(object, &parts, FIELD_CREATE_SCALAR);
    write_all(object, &parts, FIELD_CREATE_OBJECT);
    cleanup_free char *text = xstrndup((const char *)line_end + 1, rest);
    cleanup_free char *updated = NULL;
    if (structured_text_update(text, before, object, NULL, &updated, NULL) < 0)
        return 0;
    return 0;
}
