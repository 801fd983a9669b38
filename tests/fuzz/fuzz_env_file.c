// Files of NAME=value lines, and what else generators take apart.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/kustomize/key_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_vec struct vec pairs = KEY_VALUES;
    cleanup_error struct error err = {0};
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_free char *key = NULL;
    cleanup_free char *path = NULL;
    if (key_values_parse_env(&pairs, (const char *)data, size, &err) < 0)
        vec_clear(&pairs);
    if (key_values_add_literal(&pairs, text, &err) < 0 ||
        key_values_split_file(text, &key, &path, &err) < 0)
        vec_clear(&pairs);
    return 0;
}
