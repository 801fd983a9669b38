// A kubeconfig that a tenant wrote: whatever it holds, nothing of this machine is named by it.
#include "base/kube/kube_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error err = {0};
    if (kube_config_from_secret((const char *)data, size, "Secret a/b", &config, &err) < 0)
        return 0;
    if (config.exec != NULL || config.token_file != NULL || config.ca_file != NULL ||
        config.client_cert_file != NULL || config.client_key_file != NULL ||
        config.insecure_skip_tls_verify || config.proxy_url == NULL ||
        strncasecmp(config.server, "https://", 8) != 0)
        abort();
    return 0;
}
