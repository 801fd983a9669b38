// The Warning header of registries.
#include "base/memory.h"
#include "oci/warnings.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *value = xstrndup((const char *)data, size);
    cleanup_vec struct vec texts = VEC_OF(char *, vec_release_string);
    oci_warning_texts(value, &texts);
    vec_foreach (char *, text, &texts) {
        size_t length = strlen(*text);
        if (length == 0 || length > OCI_WARNING_MAX)
            abort();
        for (size_t i = 0; i < length; i++)
            if ((*text)[i] < 0x20 || (*text)[i] > 0x7e)
                abort();
    }
    return 0;
}
