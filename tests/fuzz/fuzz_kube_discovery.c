// Discovery in both of its forms.
#include "base/jval.h"
#include "base/kube/kube_discovery_internal.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse_object((const char *)data, size, "list", &value, NULL) < 0)
        return 0;
    cleanup_kube_discovery struct kube_discovery *before = kube_discovery_new();
    cleanup_kube_discovery struct kube_discovery *after = kube_discovery_new();
    (void)!kube_discovery_add_resources(before, "apps", "v1", value, NULL);
    (void)!kube_discovery_add_groups(before, NULL, value, NULL);
    (void)!kube_discovery_add_groups(after, before, value, NULL);
    for (size_t i = 0; i < kube_discovery_count(before); i++) {
        const struct kube_kind *kind = kube_discovery_at(before, i);
        if (kube_discovery_find(before, kind->group, kind->version, kind->kind) == NULL)
            abort();
        kube_discovery_find_name(before, kind->plural);
    }
    return 0;
}
