// A DSSE envelope: what parses is written and parsed again to the same bytes.
#include "oci/sign/dsse.h"

#include "base/jval.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *value = NULL;
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    cleanup_dsse_envelope struct dsse_envelope again = {0};
    cleanup_error struct error err = {0};
    if (jval_parse((const char *)data, size, "input", &value, &err) < 0 ||
        dsse_parse(value, &envelope, &err) < 0)
        return 0;
    cleanup_json json_t *written = dsse_json(&envelope);
    if (dsse_parse(written, &again, NULL) < 0 || again.payload_size != envelope.payload_size ||
        memcmp(again.payload, envelope.payload, again.payload_size) != 0 ||
        strcmp(again.payload_type, envelope.payload_type) != 0)
        abort();
    return 0;
}
