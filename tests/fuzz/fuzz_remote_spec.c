// The URL of a remote base from anywhere: what is taken for one can be cloned from a place that has
// no options in it, and its path stays in the repository.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/remote_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_free char *name = remote_name(text);
    cleanup_remote_spec struct remote_spec spec = {0};
    if (strchr(name, '\n') != NULL)
        abort();
    if (remote_spec_parse(text, &spec, NULL) < 0)
        return 0;
    cleanup_free char *url = xasprintf("%s%s", spec.host, spec.repository);
    if (*spec.host == '\0' || *spec.repository == '\0' || strcmp(spec.url, url) != 0 ||
        strncmp(spec.path, "../", 3) == 0 || strcmp(spec.path, "..") == 0 || *spec.url == '-' ||
        strchr(spec.url, '?') != NULL || spec.timeout_ms < 0)
        abort();
    return 0;
}
