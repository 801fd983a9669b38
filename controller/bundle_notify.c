// Tells the Hooks of other installations that a new artifact is out: a hint, signed so that only
// who may give it can. What it names is verified there as if nobody had told.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/url.h"

#include <stdlib.h>
#include <string.h>

static char *notification(const struct bundle_flow *flow, const char *tag)
{
    char issued_at[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(flow->role->clock), issued_at);
    cleanup_json json_t *body = json_object();
    jval_set_string(body, "repository", jval_string(flow->status, "artifact.repository"));
    jval_set_string(body, "tag", tag);
    jval_set_string(body, "digest", jval_string(flow->status, "artifact.digest"));
    jval_set_string(body, "requestId", jval_string_or(flow->status, "artifact.requestId", ""));
    jval_set_string(body, "issuedAt", issued_at);
    return jval_compact(body);
}

static int send_one(const struct bundle_flow *flow, const json_t *target, const char *tag,
                    struct error *err)
{
    const char *secret_name = jval_string_or(target, "secretRef.name", "");
    cleanup_secret_data struct secret_data *secret = NULL;
    const struct secret_use use = {flow->object, "spec.notify[].secretRef", SECRET_NOTIFY_TOKEN};
    if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), secret_name,
                         &secret, err) < 0)
        return -1;
    size_t token_size = 0;
    const void *token = secret_data_get(secret, "token", &token_size);
    if (token == NULL)
        return secret_use_refuse(&use, object_namespace(flow->object), secret_name, NULL, err);
    cleanup_free char *body = notification(flow, tag);
    unsigned char mac[SHA256_SIZE];
    hmac_sha256(token, token_size, body, strlen(body), mac);
    cleanup_free char *mac_hex = hex_encode(mac, sizeof mac);
    cleanup_free char *signature = xasprintf("sha256=%s", mac_hex);
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", "application/json");
    http_headers_add(&headers, "X-Sealift-Signature-256", signature);
    const struct http_request request = {
        .method = "POST",
        .url = jval_string_or(target, "url", ""),
        .headers = &headers,
        .body = body,
        .body_size = strlen(body),
        .reach = flow->role->reach,
        .deadline_ms = 10 * 1000,
        .max_body_bytes = 64 * 1024,
        .max_retries = 2,
        .cancel = flow->cancel,
    };
    cleanup_http_response struct http_response response = {0};
    if (http_do(flow->client, &request, &response, err) < 0)
        return -1;
    return http_status_error(&response, "the Hook there", err);
}

void bundle_notify(struct bundle_flow *flow)
{
    size_t index, tag_index;
    json_t *target, *tag;
    json_array_foreach (object_spec(flow->object, "notify"), index, target) {
        json_array_foreach (jval_array(flow->status, "artifact.tags"), tag_index, tag) {
            cleanup_error struct error err = {0};
            if (send_one(flow, target, json_string_value(tag), &err) == 0)
                continue;
            // The path of a Hook is half a secret: only scheme and host are told.
            cleanup_url struct url url = {0};
            const char *host =
                url_parse(jval_string_or(target, "url", ""), &url, NULL) == 0 ? url.host : "?";
            cleanup_free char *note =
                xasprintf("could not notify %s: %s", host, error_message(&err));
            store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "NotifyFailed", note);
        }
    }
}
