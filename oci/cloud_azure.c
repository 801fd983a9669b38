// Azure Container Registry: a token of Entra ID, from workload identity or the machine's managed
// identity, becomes a refresh token at the registry. Format: "Azure Container Registry -
// authentication with Microsoft Entra", POST /oauth2/exchange.
//
// The token is asked for registries only (containerregistry.azure.net): whoever runs one cannot use
// it elsewhere.
#include "oci/cloud_internal.h"

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/url.h"

#include <ctype.h>
#include <string.h>

#define AUDIENCE "https%%3A%%2F%%2Fcontainerregistry.azure.net%%2F" // for printf
#define TOKEN_USER "00000000-0000-0000-0000-000000000000"

enum { MAX_ASSERTION = 64 * 1024 };

// One name below a domain of Azure's registries.
bool cloud_is_acr(const char *host)
{
    static const char *const domains[] = {".azurecr.io", ".azurecr.cn", ".azurecr.us"};
    size_t name = 0;
    while (isalnum((unsigned char)host[name]) || host[name] == '-')
        name++;
    for (size_t i = 0; name > 0 && i < ARRAY_LENGTH(domains); i++)
        if (strcmp(host + name, domains[i]) == 0)
            return true;
    return false;
}

static int federated_token(const struct cloud_way *way, const char *file, json_t **ret_answer,
                           struct error *err)
{
    const char *client = cloud_env("AZURE_CLIENT_ID");
    const char *tenant = cloud_env("AZURE_TENANT_ID");
    const char *authority = cloud_env("AZURE_AUTHORITY_HOST");
    if (client == NULL || tenant == NULL)
        return error_set(err, ERROR_INVALID,
                         "AZURE_FEDERATED_TOKEN_FILE is set, but not AZURE_CLIENT_ID and "
                         "AZURE_TENANT_ID");
    cleanup_secret char *assertion = NULL;
    if (file_read(file, MAX_ASSERTION, &assertion, NULL, err) < 0)
        return error_wrap(err, "AZURE_FEDERATED_TOKEN_FILE");
    assertion[strcspn(assertion, "\r\n")] = '\0';
    if (authority == NULL)
        authority = "https://login.microsoftonline.com/";
    size_t length = strlen(authority);
    cleanup_free char *url = xasprintf("%s%s%s/oauth2/v2.0/token", authority,
                                       authority[length - 1] == '/' ? "" : "/", tenant);
    cleanup_free char *client_text = url_escape(client);
    cleanup_secret char *assertion_text = url_escape(assertion);
    cleanup_secret char *form = xasprintf(
        "grant_type=client_credentials&client_id=%s&scope=" AUDIENCE ".default"
        "&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3A"
        "jwt-bearer&client_assertion=%s",
        client_text, assertion_text);
    cleanup_cloud_request struct cloud_request request = CLOUD_REQUEST(.url = url, .body = form);
    http_headers_add(&request.headers, "Content-Type", "application/x-www-form-urlencoded");
    return cloud_ask(way, &request, "Entra ID", ret_answer, err);
}

static int machine_token(const struct cloud_way *way, json_t **ret_answer, struct error *err)
{
    const char *host = cloud_env("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    const char *client = cloud_env("AZURE_CLIENT_ID");
    cleanup_free char *client_text = client != NULL ? url_escape(client) : NULL;
    cleanup_free char *url = xasprintf(
        "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" AUDIENCE "%s%s",
        host != NULL ? host : "http://169.254.169.254", client != NULL ? "&client_id=" : "",
        client != NULL ? client_text : "");
    cleanup_cloud_request struct cloud_request request =
        CLOUD_REQUEST(.url = url, .metadata = true);
    http_headers_add(&request.headers, "Metadata", "true");
    return cloud_ask(way, &request, "the metadata service of Azure", ret_answer, err);
}

static int exchange(const char *host, const struct cloud_way *way, const char *token,
                    json_t **ret_answer, struct error *err)
{
    cleanup_free char *url = xasprintf("%s/oauth2/exchange", way->base_url);
    cleanup_secret char *token_text = url_escape(token);
    cleanup_secret char *form =
        xasprintf("grant_type=access_token&service=%s&access_token=%s", host, token_text);
    cleanup_cloud_request struct cloud_request request = CLOUD_REQUEST(.url = url, .body = form);
    http_headers_add(&request.headers, "Content-Type", "application/x-www-form-urlencoded");
    return cloud_ask(way, &request, host, ret_answer, err);
}

int cloud_acr_login(const char *host, const struct cloud_way *way, struct oci_credentials *ret,
                    struct error *err)
{
    cleanup_json json_t *entra = NULL;
    cleanup_json json_t *answer = NULL;
    const char *file = cloud_env("AZURE_FEDERATED_TOKEN_FILE");
    const char *token = NULL, *refresh = NULL;
    int result =
        file != NULL ? federated_token(way, file, &entra, err) : machine_token(way, &entra, err);
    if (result < 0 || cloud_member(entra, "access_token", "Azure", &token, err) < 0 ||
        exchange(host, way, token, &answer, err) < 0 ||
        cloud_member(answer, "refresh_token", host, &refresh, err) < 0)
        return -1;
    ret->username = xstrdup(TOKEN_USER);
    ret->password = xstrdup(refresh);
    return 0;
}
