// Manifests and references from a registry. The first byte says how the registry called it.
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    cleanup_error struct error err = {0};
    if (data[0] == 'r') {
        cleanup_free char *text = xstrndup((const char *)data + 1, size - 1);
        cleanup_oci_reference struct oci_reference reference = {0};
        if (oci_reference_parse(text, &reference, &err) == 0) {
            // What was accepted must read back.
            cleanup_free char *again = oci_reference_format(&reference);
            cleanup_oci_reference struct oci_reference second = {0};
            if (oci_reference_parse(again, &second, &err) < 0)
                abort();
        }
        return 0;
    }
    const char *type = data[0] == 'm'   ? OCI_MEDIA_MANIFEST
                       : data[0] == 'i' ? OCI_MEDIA_INDEX
                                        : NULL;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_manifest_parse(data + 1, size - 1, type, &manifest, &err) < 0)
        return 0;
    const struct oci_descriptor *layer = NULL;
    if (oci_artifact_layer(&manifest, &layer, &err) == 0 &&
        oci_artifact_unpacked_size(&manifest, NULL) > oci_default_limits.max_unpacked)
        abort();
    size_t built_size = 0;
    cleanup_free char *built = oci_manifest_build(&manifest, &built_size);
    cleanup_oci_manifest struct oci_manifest again = {0};
    if (built_size <= OCI_MAX_MANIFEST_BYTES &&
        oci_manifest_parse(built, built_size, type, &again, &err) < 0)
        abort();
    return 0;
}
