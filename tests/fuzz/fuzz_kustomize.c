// A whole tree with a kustomization at its top (tests/unit/text_tree.h says how it is written): no
// crash, bounded work, and what is built can be printed and read again.
#include <stdint.h>
#include <stdlib.h>

#include "base/yamlvalue.h"
#include "render/kustomize/kustomize.h"
#include "tests/unit/text_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    // A generator takes a NUL from a file, and nothing that reads manifests would take it back.
    if (memchr(data, '\0', size) != NULL)
        return 0;
    cleanup_tree struct tree *tree = text_tree_new((const char *)data, size);
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    const struct kustomize_options options = {.order = KUSTOMIZE_ORDER_LEGACY};
    if (kustomize_build(tree, "", &options, &objects, &warnings, &err) < 0) {
        if (err.message == NULL || *err.message == '\0')
            abort();
        return 0;
    }
    cleanup_strbuf struct strbuf out;
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    strbuf_init(&out, 64 << 20);
    if (kustomize_print(&objects, &out, &err) < 0)
        return 0;
    if (yamlvalue_parse_all(out.data, out.len, "out", NULL, &documents, &err) < 0)
        abort();
    return 0;
}
