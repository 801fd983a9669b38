// Credentials for a registry from a docker config: config.json of docker and podman, or the
// .dockerconfigjson of a Kubernetes Secret.
// Format: docker CLI's config file; the keys' paths as containers-auth.json(5) and Kubernetes have
// them.
#ifndef OCI_CREDENTIALS_H
#define OCI_CREDENTIALS_H

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

// Those of the key with the longest path that covers host/repository; host is canonical
// ("index.docker.io"). None is no error. Credential helpers are programs, which no Secret may name:
// where only one could know, ERROR_DENIED says so. ERROR_INVALID names the key, never its value.
int oci_credentials_find(const char *docker_config, const char *host, const char *repository,
                         struct oci_credentials *ret_credentials, struct error *err)
    __attribute__((warn_unused_result));

#endif
