// A signing configuration from a file.
#include "oci/sign/signing_config.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_signing_config struct signing_config *config = NULL;
    cleanup_error struct error err = {0};
    cleanup_vec struct vec selected = SIGNING_SERVICES;
    if (signing_config_parse((const char *)data, size, "the configuration", &config, &err) < 0)
        return 0;
    if (signing_services_select(&config->logs, &config->log_choice, 2, INT64_C(1795255200000),
                                "log", &selected, &err) == 0)
        return 0;
    return 0;
}
