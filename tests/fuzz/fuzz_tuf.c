// TUF metadata of a mirror: the first byte is the role. A root is also asked about itself, as the
// newest one of a chain is.
#include "base/memory.h"
#include "oci/sign/tuf_metadata.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || data[0] < '0' || data[0] > '3')
        return 0;
    cleanup_tuf_metadata struct tuf_metadata metadata = {0};
    enum tuf_role role = (enum tuf_role)(data[0] - '0');
    struct tuf_file file = {0};
    if (tuf_metadata_parse((const char *)data + 1, size - 1, role, &metadata, NULL) < 0)
        return 0;
    if (metadata.version < 1)
        abort();
    if (role == TUF_ROOT) {
        // Whether it verifies depends on keys that no fuzzer finds; that it is safe to ask does
        // not.
        bool holds = tuf_metadata_verify(&metadata, &metadata, NULL) == 0;
        if (holds && json_array_size(json_object_get(metadata.value, "signatures")) == 0)
            abort();
        return 0;
    }
    if (tuf_metadata_is_newer(&metadata, &metadata, NULL) < 0)
        abort();
    if (tuf_metadata_file(&metadata, "snapshot.json", &file, NULL) == 0 &&
        tuf_file_check(&file, "", 0, "it", NULL) == 0 && file.length > 0)
        abort();
    return 0;
}
