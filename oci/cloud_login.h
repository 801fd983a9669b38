// Logins that a cloud gives to the machine or Pod it runs, for its own registries: Amazon ECR,
// Google Artifact Registry (and gcr.io), Azure Container Registry. What proves who we are comes
// from the environment that those clouds set, or from their metadata service.
//
// The login of the process goes to hosts of that cloud alone: the name of the host decides, and
// only names that nobody but the cloud can answer for are known.
#ifndef OCI_CLOUD_LOGIN_H
#define OCI_CLOUD_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/http_client.h"
#include "oci/credentials.h"

struct oci_token_cache;

// Whether host (canonical, without a port) is a registry of one of these clouds.
bool cloud_login_covers(const char *host);

struct cloud_way {
    const char *base_url; // of the registry: "https://acme.azurecr.io"
    struct http_client *client;
    const char *proxy; // as in struct http_request; metadata services are asked without one
    struct oci_token_cache *answers; // logins are kept here for minutes
    struct cancel *cancel;
};
// ERROR_DENIED where the cloud gives no login; sentences name the step that failed.
int cloud_login(const char *host, const struct cloud_way *way,
                struct oci_credentials *ret_credentials, struct error *err)
    __attribute__((warn_unused_result));

#endif
