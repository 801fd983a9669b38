// Text with references to variables.
#include <stddef.h>
#include <stdint.h>

#include "base/jval.h"
#include "base/strbuf.h"
#include "render/envsubst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *values = json_pack("{s:s, s:s}", "a", "value/of.a", "b", "");
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 16);
    cleanup_error struct error err = {0};
    if (envsubst_expand((const char *)data, size, values, true, &out, NULL, &err) < 0)
        strbuf_reset(&out);
    if (envsubst_expand((const char *)data, size, values, false, &out, NULL, NULL) < 0)
        return 0;
    return 0;
}
