// Credentials for a registry from a docker config: config.json of docker and podman, or the
// .dockerconfigjson of a Kubernetes Secret.
// Format: docker CLI's config file; the keys' paths as containers-auth.json(5) and Kubernetes have
// them.
#ifndef OCI_CREDENTIALS_H
#define OCI_CREDENTIALS_H

#include <stdbool.h>

#include "base/cancel.h"
#include "base/error.h"

// All NULL: anonymous. Owned, overwritten when released.
struct oci_credentials {
    char *username;
    char *password;
    char *identity_token; // an OAuth2 refresh token, for the token server
    char *registry_token; // a Bearer token for the registry itself
};
void oci_credentials_release(struct oci_credentials *credentials); // may be called twice
#define cleanup_oci_credentials __attribute__((cleanup(oci_credentials_release)))

bool oci_credentials_are_empty(const struct oci_credentials *credentials);
// ERROR_INVALID where one of them holds a control character.
int oci_credentials_check(const struct oci_credentials *credentials, struct error *err)
    __attribute__((warn_unused_result));

// Leave to run the credential helpers that the config names: programs of whoever wrote it. For a
// person's own config and for that of the process, never for a Secret.
struct oci_token_cache;
struct oci_helpers {
    struct oci_token_cache *answers; // what helpers said is kept here for minutes; NULL: nowhere
    struct cancel *cancel;           // NULL: none
};

// Those of the key with the longest path that covers host/repository; host is canonical
// ("index.docker.io"). Looked for in this order: credHelpers, credsStore, auths. None is no error,
// nor is a credsStore whose program is not installed. helpers NULL: where only a helper could know,
// ERROR_DENIED says so. ERROR_INVALID names the key, never its value.
int oci_credentials_find(const char *docker_config, const char *host, const char *repository,
                         const struct oci_helpers *helpers, struct oci_credentials *ret_credentials,
                         struct error *err) __attribute__((warn_unused_result));

#endif
