#include "controller/access.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"
#include "oci/reference.h"

#include <string.h>

static const char proxy_field[] = "spec.artifact.proxySecretRef";

static struct secret_use use_of(const struct registry_wish *wish, const char *field,
                                enum secret_content content)
{
    return (struct secret_use){.object = wish->object, .field = field, .content = content};
}

static int read_credentials(struct registry_access *access, const struct role *role,
                            const struct registry_wish *wish, struct error *err)
{
    const struct secret_use use = use_of(wish, "spec.artifact.secretRef", SECRET_REGISTRY_LOGIN);
    if (wish->secret == NULL)
        return 0;
    if (store_secret_for(role->store, &use, wish->namespace, wish->secret, &access->credentials,
                         err) < 0)
        return -1;
    const struct secret_data *secret = access->credentials;
    access->access.docker_config = secret_data_text(secret, ".dockerconfigjson");
    access->access.username = secret_data_text(secret, "username");
    access->access.password = secret_data_text(secret, "password");
    if (access->access.docker_config != NULL ||
        (access->access.username != NULL && access->access.password != NULL))
        return 0;
    return secret_use_refuse(&use, wish->namespace, wish->secret, NULL, err);
}

static int read_certificates(struct registry_access *access, const struct role *role,
                             const struct registry_wish *wish, struct error *err)
{
    const struct secret_use use = use_of(wish, "spec.artifact.certSecretRef", SECRET_CERTIFICATES);
    struct http_tls *tls = &access->access.tls;
    if (wish->cert_secret == NULL)
        return 0;
    if (store_secret_for(role->store, &use, wish->namespace, wish->cert_secret,
                         &access->certificates, err) < 0)
        return -1;
    tls->ca_pem = secret_data_text(access->certificates, "ca.crt");
    tls->cert_pem = secret_data_text(access->certificates, "tls.crt");
    tls->key_pem = secret_data_text(access->certificates, "tls.key");
    if ((tls->cert_pem == NULL) != (tls->key_pem == NULL))
        return error_set(err, ERROR_INVALID,
                         "%s: Secret %s/%s has only one of tls.crt and tls.key; a client "
                         "certificate needs both: sealift create secret %s -n %s --from-file "
                         "tls.crt=tls.crt --from-file tls.key=tls.key",
                         use.field, wish->namespace, wish->cert_secret, wish->cert_secret,
                         wish->namespace);
    if (tls->ca_pem == NULL && tls->cert_pem == NULL)
        return secret_use_refuse(&use, wish->namespace, wish->cert_secret, NULL, err);
    return 0;
}

// Whoever chooses the proxy brings the login, too: over plain HTTP it would see ours, and the
// tokens that others share.
static int read_proxy(struct registry_access *access, const struct registry_wish *wish,
                      const struct secret_data *secret, struct error *err)
{
    const char *address = secret_data_text(secret, "address");
    const char *user = secret_data_text(secret, "username");
    const char *password = secret_data_text(secret, "password");
    cleanup_url struct url url = {0};
    if (address == NULL || url_parse(address, &url, NULL) < 0 || url.user != NULL ||
        strncmp(url.scheme, "http", 4) != 0 || (user == NULL) != (password == NULL))
        return error_set(err, ERROR_INVALID,
                         "%s: Secret %s/%s names no proxy: it needs address, like "
                         "http://proxy.example.com:3128, and username with password where the "
                         "proxy wants them: sealift create secret %s -n %s --from-literal "
                         "address=http://proxy.example.com:3128",
                         proxy_field, wish->namespace, wish->proxy_secret, wish->proxy_secret,
                         wish->namespace);
    cleanup_free char *escaped_user = url_escape(user != NULL ? user : "");
    cleanup_secret char *escaped_password = url_escape(password != NULL ? password : "");
    access->proxy = user != NULL ? xasprintf("%s://%s:%s@%s:%d", url.scheme, escaped_user,
                                             escaped_password, url.host, url.port)
                                 : xasprintf("%s://%s:%d", url.scheme, url.host, url.port);
    access->access.proxy = access->proxy;
    access->access.tokens = NULL;
    access->access.run_helpers = false;
    access->access.cloud_login = false;
    if (wish->secret == NULL)
        access->access.docker_config = NULL;
    return 0;
}

static int find_proxy(struct registry_access *access, const struct role *role,
                      const struct registry_wish *wish, struct error *err)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    const struct secret_use use = use_of(wish, proxy_field, SECRET_PROXY);
    if (wish->proxy_secret == NULL)
        return 0;
    if (store_secret_for(role->store, &use, wish->namespace, wish->proxy_secret, &secret, err) < 0)
        return -1;
    return read_proxy(access, wish, secret, err);
}

struct registry_wish registry_wish_of(const json_t *object)
{
    return (struct registry_wish){
        .object = object,
        .namespace = object_namespace(object),
        .secret = object_spec_string(object, "artifact.secretRef.name"),
        .cert_secret = object_spec_string(object, "artifact.certSecretRef.name"),
        .proxy_secret = object_spec_string(object, "artifact.proxySecretRef.name"),
        .insecure = jval_bool(object_spec(object, "artifact"), "insecure", false),
    };
}

int registry_access_init(struct registry_access *access, const struct role *role,
                         const struct registry_wish *wish, struct error *err)
{
    *access = (struct registry_access){.access = {
                                           .docker_config = role->docker_config,
                                           // A Secret is its tenant's, and starts no program.
                                           .run_helpers = wish->secret == NULL && role->run_helpers,
                                           .cloud_login = wish->secret == NULL && role->cloud_login,
                                           .insecure = wish->insecure,
                                           .mirrors = role->mirrors,
                                           .push = wish->push,
                                           .reach = role->reach,
                                           .client = wish->client,
                                           .tokens = role->tokens,
                                           .warnings = role->warnings,
                                           .cache = role->cache,
                                           .cancel = wish->cancel,
                                           .deadline_mono_ms = wish->deadline_mono_ms,
                                       }};
    if (read_credentials(access, role, wish, err) < 0 ||
        read_certificates(access, role, wish, err) < 0 || find_proxy(access, role, wish, err) < 0) {
        registry_access_release(access);
        return -1;
    }
    return 0;
}

void registry_access_release(struct registry_access *access)
{
    secret_data_free(access->credentials);
    secret_data_free(access->certificates);
    secret_free(access->proxy);
    *access = (struct registry_access){0};
}

int registry_access_open(const struct registry_access *access, const char *reference,
                         struct oci_repository **ret_repository, struct error *err)
{
    cleanup_oci_reference struct oci_reference parsed = {0};
    if (oci_reference_parse(reference, &parsed, err) < 0)
        return -1;
    return oci_repository_open(&parsed, &access->access, ret_repository, err);
}
