// What a Secret lets a flow reach: registry credentials and TLS material, held for as long as the
// flow runs.
#ifndef CONTROLLER_ACCESS_H
#define CONTROLLER_ACCESS_H

#include "base/cancel.h"
#include "base/error.h"
#include "controller/role.h"
#include "oci/repository.h"

struct secret_data;

struct registry_access {
    struct oci_access access; // borrows from the Secrets below
    struct secret_data *credentials;
    struct secret_data *certificates;
    char *proxy; // owned, secret
};

struct registry_wish {
    const json_t *object; // whose spec.artifact names the Secrets
    const char *namespace;
    const char *secret; // .dockerconfigjson, or username and password; NULL = the host's own login
    const char *cert_secret;  // ca.crt, tls.crt, tls.key; NULL = none
    const char *proxy_secret; // address, username, password; NULL = the process' own proxy
    bool insecure;
    bool push;
    struct http_client *client;
    struct cancel *cancel;
    int64_t deadline_mono_ms;
};

// What spec.artifact of a Bundle or a Sync says of it; borrowed from the object.
struct registry_wish registry_wish_of(const json_t *object);
// ERROR_NOT_FOUND when a Secret is missing, ERROR_INVALID when it has none of the keys: both
// sentences say what to create.
int registry_access_init(struct registry_access *access, const struct role *role,
                         const struct registry_wish *wish, struct error *err)
    __attribute__((warn_unused_result));
void registry_access_release(struct registry_access *access); // may be called twice
#define cleanup_registry_access __attribute__((cleanup(registry_access_release)))

// Opens the repository that `reference` names ("oci://…", "oci-layout:///…").
int registry_access_open(const struct registry_access *access, const char *reference,
                         struct oci_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));

#endif
