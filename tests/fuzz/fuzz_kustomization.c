// A kustomization file from anywhere: it is in its shape, or refused with a sentence that names it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "render/kustomize/kustomization.h"
#include "render/kustomize/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_kustomization struct kustomization parsed = {0};
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    cleanup_error struct error err = {0};
    if (kustomization_parse("k.yaml", (const char *)data, size, &parsed, &warnings, &err) < 0) {
        if (err.message == NULL || strncmp(err.message, "k.yaml", 6) != 0)
            abort();
        return 0;
    }
    // What is in its shape stays so.
    if (shape_check(parsed.value, shape_find("kustomization"), NULL, &err) < 0)
        abort();
    return 0;
}
