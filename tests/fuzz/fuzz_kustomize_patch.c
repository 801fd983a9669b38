// An object and a patch for it, both from a repository: the second document of the input is merged
// strategically into the first, and applied as a JSON patch where it is one.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/json_patch.h"
#include "render/kustomize/strategic_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What comes out can be printed, or is too large.
static void check_prints(const struct value *value)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 64 << 20);
    cleanup_error struct error err = {0};
    if (value != NULL && yamlvalue_write(value, &text, &err) < 0 && err.code != ERROR_LIMIT &&
        err.code != ERROR_INVALID)
        abort();
}

static void merge(const struct value *target, const struct value *patch)
{
    cleanup_schema struct schema *schema = schema_new();
    cleanup_value struct value *copy = value_deep_copy(target);
    cleanup_value struct value *before = value_deep_copy(patch);
    cleanup_value struct value *merged = NULL;
    if (strategic_merge(schema, copy, patch, &merged, NULL) == 0)
        check_prints(merged);
    cleanup_free char *was = value_canonical(before);
    cleanup_free char *is = value_canonical(patch);
    if (strcmp(was, is) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.max_nodes = 20000, .max_documents = 2, .kustomize = true};
    if (yamlvalue_parse_all((const char *)data, size, "in", &limits, &documents, NULL) < 0 ||
        documents.len != 2)
        return 0;
    const struct yamlvalue_document *target = vec_at(&documents, 0);
    const struct yamlvalue_document *patch = vec_at(&documents, 1);
    if (!value_is_object(target->value))
        return 0;
    if (value_is_object(patch->value))
        merge(target->value, patch->value);
    cleanup_json_patch struct json_patch *operations = NULL;
    if (json_patch_parse((const char *)data + patch->start, patch->end - patch->start, "in",
                         &operations, NULL) < 0)
        return 0;
    cleanup_value struct value *copy = value_deep_copy(target->value);
    cleanup_value struct value *patched = NULL;
    if (json_patch_apply(operations, copy, &patched, NULL) == 0)
        check_prints(patched);
    return 0;
}
