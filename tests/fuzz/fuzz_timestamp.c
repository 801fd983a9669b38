// An RFC 3161 response.
#include "oci/sign/timestamp.h"

#include "oci/sign/public_good_root.h"
#include "oci/sign/trusted_root.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trusted_root *root;
    if (root == NULL &&
        trusted_root_parse(public_good_root, public_good_root_size, "the root", &root, NULL) < 0)
        abort();
    cleanup_error struct error err = {0};
    int64_t wall_ms = 0;
    if (timestamp_verify(data, size, "signature", 9, &root->tsas, &wall_ms, &err) == 0 &&
        wall_ms < 0)
        abort();
    return 0;
}
