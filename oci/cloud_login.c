#include "oci/cloud_internal.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/credential_helper.h"
#include "oci/registry_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ANSWER = 256 * 1024,
    ASK_MS = 20 * 1000,
    METADATA_MS = 5 * 1000,
    METADATA_CONNECT_MS = 1500,     // where there is none, packets often vanish
    KEEP_MS = 15 * 60 * 1000,       // all three give logins for an hour or more
    KEEP_GOOGLE_MS = 4 * 60 * 1000, // its tokens are handed out with as little as 5 minutes left
};

const char *cloud_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

void cloud_request_release(struct cloud_request *request)
{
    vec_free(&request->headers);
}

int cloud_ask_text(const struct cloud_way *way, struct cloud_request *request, const char *what,
                   char **ret_text, struct error *err)
{
    const char *usual = request->body != NULL ? "POST" : "GET";
    const struct http_request asked = {
        .method = request->method != NULL ? request->method : usual,
        .url = request->url,
        .headers = &request->headers,
        .body = request->body,
        .body_size = request->body != NULL ? strlen(request->body) : 0,
        .proxy = request->metadata ? "" : way->proxy,
        .deadline_ms = request->metadata ? METADATA_MS : ASK_MS,
        .connect_timeout_ms = request->metadata ? METADATA_CONNECT_MS : 0,
        .max_body_bytes = MAX_ANSWER,
        .max_retries = 1,
        .cancel = way->cancel,
    };
    cleanup_http_response struct http_response response = {0};
    if (http_do(way->client, &asked, &response, err) < 0)
        return error_wrap(err, "ask %s", what);
    if (response.status < 200 || response.status > 299)
        return error_set(err, response.status >= 500 ? ERROR_UNAVAILABLE : ERROR_DENIED,
                         "%s answered %d", what, response.status);
    *ret_text = strbuf_steal(&response.body);
    return 0;
}

int cloud_ask(const struct cloud_way *way, struct cloud_request *request, const char *what,
              json_t **ret_answer, struct error *err)
{
    cleanup_secret char *text = NULL;
    if (cloud_ask_text(way, request, what, &text, err) < 0)
        return -1;
    if (jval_parse_object(text, strlen(text), what, ret_answer, NULL) < 0)
        return error_set(err, ERROR_INVALID, "%s answered no JSON object", what);
    return 0;
}

int cloud_member(const json_t *answer, const char *path, const char *what, const char **ret_text,
                 struct error *err)
{
    const char *text = jval_string(answer, path);
    if (text == NULL || *text == '\0')
        return error_set(err, ERROR_INVALID, "the answer of %s has no %s", what, path);
    *ret_text = text;
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_google(const char *host)
{
    return strcmp(host, "gcr.io") == 0 || ends_with(host, ".gcr.io") ||
           ends_with(host, "-docker.pkg.dev");
}

// The account of the machine, or of the Pod's workload identity.
static int google_login(const struct cloud_way *way, struct oci_credentials *ret, struct error *err)
{
    static const char what[] = "the metadata service of Google Cloud";
    const char *host = cloud_env("GCE_METADATA_HOST");
    cleanup_free char *url =
        xasprintf("http://%s/computeMetadata/v1/instance/service-accounts/default/token",
                  host != NULL ? host : "metadata.google.internal");
    cleanup_cloud_request struct cloud_request request =
        CLOUD_REQUEST(.url = url, .metadata = true);
    http_headers_add(&request.headers, "Metadata-Flavor", "Google");
    cleanup_json json_t *answer = NULL;
    const char *token = NULL;
    if (cloud_ask(way, &request, what, &answer, err) < 0 ||
        cloud_member(answer, "access_token", what, &token, err) < 0)
        return -1;
    ret->username = xstrdup("oauth2accesstoken");
    ret->password = xstrdup(token);
    return 0;
}

bool cloud_login_covers(const char *host)
{
    return is_google(host) || cloud_is_ecr(host, NULL) || cloud_is_acr(host);
}

static int fresh_login(const char *host, const struct cloud_way *way, struct oci_credentials *ret,
                       struct error *err)
{
    int result;
    if (is_google(host))
        result = google_login(way, ret, err);
    else if (cloud_is_ecr(host, NULL))
        result = cloud_ecr_login(host, way, ret, err);
    else
        result = cloud_acr_login(host, way, ret, err);
    if (result == 0)
        result = oci_credentials_check(ret, err);
    return result;
}

int cloud_login(const char *host, const struct cloud_way *way,
                struct oci_credentials *ret_credentials, struct error *err)
{
    cleanup_free char *key = xasprintf("cloud %s", host);
    cleanup_secret char *known = token_cache_get(way->answers, key);
    if (known != NULL)
        return credential_helper_parse(known, strlen(known), ret_credentials, err);
    cleanup_oci_credentials struct oci_credentials found = {0};
    if (fresh_login(host, way, &found, err) < 0)
        return error_wrap(err, "the login that the cloud gives for %s", host);
    cleanup_json json_t *kept = json_object();
    jval_set_string(kept, "Username", found.username);
    jval_set_string(kept, "Secret", found.password);
    cleanup_secret char *text = jval_compact(kept);
    token_cache_put(way->answers, key, text, is_google(host) ? KEEP_GOOGLE_MS : KEEP_MS);
    *ret_credentials = found;
    found = (struct oci_credentials){0};
    return 0;
}
