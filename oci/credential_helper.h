// Credential helpers: programs that keep logins, named by a docker config.
// Format: docker-credential-helpers, "Development": `docker-credential-<suffix> get`, the server on
// standard input, {"ServerURL","Username","Secret"} on standard output.
#ifndef OCI_CREDENTIAL_HELPER_H
#define OCI_CREDENTIAL_HELPER_H

#include <stddef.h>

#include "base/error.h"
#include "oci/credentials.h"

// Runs the helper, or takes what it said within the last minutes from helpers->answers. All NULL
// when it knows nothing of the server. ERROR_NOT_FOUND where there is no such program, INVALID for
// a suffix that is no file name; sentences never hold what it printed as a login.
int credential_helper_get(const char *suffix, const char *server, const struct oci_helpers *helpers,
                          struct oci_credentials *ret_credentials, struct error *err)
    __attribute__((warn_unused_result));

// What it prints on success. ERROR_INVALID.
int credential_helper_parse(const char *text, size_t size, struct oci_credentials *ret_credentials,
                            struct error *err) __attribute__((warn_unused_result));

#endif
