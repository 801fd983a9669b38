// Evidence as the controller reads it back. What was read is written in the same words again.
#include "oci/sign/evidence_json.h"

#include "base/jval.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char digest[] =
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *array = NULL;
    cleanup_evidence_set struct evidence_set set;
    cleanup_evidence_set struct evidence_set again;
    bool whole = false;
    evidence_set_init(&set);
    evidence_set_init(&again);
    if (jval_parse((const char *)data, size, "it", &array, NULL) < 0 ||
        evidence_from_json(array, digest, &set, NULL) < 0)
        return 0;
    cleanup_json json_t *written = evidence_to_json(&set, SIZE_MAX, &whole);
    if (!whole || evidence_from_json(written, digest, &again, NULL) < 0 ||
        again.items.len != set.items.len)
        abort();
    cleanup_json json_t *twice = evidence_to_json(&again, SIZE_MAX, &whole);
    if (!json_equal(written, twice))
        abort();
    return 0;
}
