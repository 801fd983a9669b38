// Text with references to variables.
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/value.h"
#include "render/envsubst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_value struct value *values =
        value_object_of("a", value_string("value/of.a"), "b", value_string(""), NULL);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 16);
    cleanup_error struct error err = {0};
    if (envsubst_expand((const char *)data, size, values, true, &out, NULL, &err) < 0)
        strbuf_reset(&out);
    if (envsubst_expand((const char *)data, size, values, false, &out, NULL, NULL) < 0)
        return 0;
    return 0;
}
