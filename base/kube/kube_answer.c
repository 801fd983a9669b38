// What the API server's answers mean. Format: metav1.Status
// (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
#include "base/jval.h"
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX_BYTES = 2048,
    WARNINGS_MAX = 32,
    EXCERPT_BYTES = 120,
};

void kube_result_release(struct kube_result *result)
{
    json_decref(result->object);
    json_decref(result->status);
    if (result->warnings.element_size > 0)
        vec_free(&result->warnings);
    free(result->etag);
    free(result->content_type);
    error_release(&result->error);
    *result = (struct kube_result){0};
}

const char *kube_result_reason(const struct kube_result *result)
{
    return jval_string_or(result->status, "reason", "");
}

const json_t *kube_result_causes(const struct kube_result *result)
{
    return jval_array(result->status, "details.causes");
}

static bool has_cause(const json_t *status, const char *reason)
{
    const json_t *causes = jval_array(status, "details.causes");
    for (size_t i = 0; i < json_array_size(causes); i++) {
        if (strcmp(jval_string_or(json_array_get(causes, i), "reason", ""), reason) == 0)
            return true;
    }
    return false;
}

bool kube_result_has_cause(const struct kube_result *result, const char *reason)
{
    return has_cause(result->status, reason);
}

bool kube_result_is_field_conflict(const struct kube_result *result)
{
    return result->http_status == 409 && kube_result_has_cause(result, "FieldManagerConflict");
}

static enum error_code code_of(int http_status)
{
    switch (http_status) {
    case 401:
    case 403:
        return ERROR_DENIED;
    case 404:
        return ERROR_NOT_FOUND;
    case 409:
    case 410:
    case 412:
        return ERROR_CONFLICT;
    case 408:
    case 504:
        return ERROR_TIMEOUT;
    case 413:
        return ERROR_LIMIT;
    case 429:
        return ERROR_UNAVAILABLE;
    default:
        return http_status >= 500 ? ERROR_UNAVAILABLE : ERROR_INVALID;
    }
}

// Errors of the schema come as 500 without a reason, though the same object fails for ever
// (apimachinery, typed patch objects of structured-merge-diff).
static bool is_bad_object(const char *message)
{
    return strstr(message, "failed to create typed patch object") != NULL ||
           strstr(message, "failed to create typed live object") != NULL ||
           strstr(message, "field not declared in schema") != NULL;
}

int kube_status_error(const json_t *status, struct error *err)
{
    int http_status = (int)jval_int(status, "code", 500);
    const char *message = jval_string_or(status, "message", "");
    const char *reason = jval_string_or(status, "reason", "");
    enum error_code code = code_of(http_status);
    if (http_status == 403 && has_cause(status, "NamespaceTerminating"))
        code = ERROR_UNAVAILABLE;
    else if (http_status == 500 && is_bad_object(message))
        code = ERROR_INVALID;
    if (*message == '\0')
        error_set(err, code, "the API server refuses: HTTP %d %s", http_status, reason);
    else
        error_set(err, code, "%.*s", MESSAGE_MAX_BYTES, message);
    int64_t seconds = jval_int(status, "details.retryAfterSeconds", 0);
    if (err != NULL && seconds > 0 && seconds < 3600)
        err->retry_after_ms = seconds * 1000;
    return -1;
}

// ".data.pin: expected string, got &{4711}", and causes whose messages repeat a value beside their
// field.
void kube_result_hide_values(struct kube_result *result)
{
    const char *message = error_message(&result->error);
    const char *value = is_bad_object(message) ? strstr(message, ", got ") : NULL;
    const json_t *causes = kube_result_causes(result);
    cleanup_strbuf struct strbuf fields;
    strbuf_init(&fields, MESSAGE_MAX_BYTES);
    if (result->error.code != ERROR_INVALID)
        return;
    if (value != NULL)
        strbuf_add(&fields, message, (size_t)(value - message));
    for (size_t i = 0; i < json_array_size(causes); i++)
        strbuf_addf(&fields, "%s%s", fields.len > 0 ? ", " : "",
                    jval_string_or(json_array_get(causes, i), "field", "?"));
    error_set(&result->error, ERROR_INVALID,
              "the API server refuses it%s%s (the rest of what it says may hold values of the "
              "Secret, and is not repeated here)",
              fields.len > 0 ? ": " : "", fields.data);
}

int kube_unauthorized_error(const struct kube_client *client, struct error *err)
{
    cleanup_free char *what = kube_credential_describe(&client->config);
    return error_set(err, ERROR_DENIED,
                     "the API server %s does not accept %s (HTTP 401 Unauthorized); renew it, or "
                     "choose another user",
                     client->config.server, what);
}

// The text of `299 - "text"`; -1 when it is not written so. RFC 7234, section 5.5.
static int warning_text(const char *value, struct strbuf *out)
{
    const char *at = strchr(value, '"');
    if (strncmp(value, "299 ", 4) != 0 || at == NULL)
        return -1;
    for (at++; *at != '\0' && *at != '"'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        strbuf_addch(out, *at);
    }
    return 0;
}

static void take_warnings(const struct vec *headers, struct vec *warnings)
{
    *warnings = VEC_OF(char *, vec_release_string);
    vec_foreach (struct http_header, header, headers) {
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 1024);
        if (strcasecmp(header->name, "Warning") != 0 || warnings->len >= WARNINGS_MAX ||
            warning_text(header->value, &text) < 0)
            continue;
        bool known = false;
        vec_foreach (char *, warning, warnings)
            known = known || strcmp(*warning, text.data) == 0;
        if (!known)
            vec_push_string(warnings, text.data);
    }
}

static bool is_status(const json_t *value)
{
    return strcmp(jval_string_or(value, "kind", ""), "Status") == 0 &&
           strcmp(jval_string_or(value, "apiVersion", ""), "v1") == 0;
}

// The first printable bytes of an answer that is not what it should be.
static char *excerpt(const struct strbuf *body)
{
    size_t length = body->len < EXCERPT_BYTES ? body->len : EXCERPT_BYTES;
    char *text = xstrndup(body->data, length);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    }
    return text;
}

// Every API server gives its answers a number for the audit log, and says which flow they are of.
static bool has_its_headers(const struct vec *headers)
{
    return http_headers_get(headers, "Audit-Id") != NULL ||
           http_headers_get(headers, "X-Kubernetes-Pf-Flowschema-Uid") != NULL;
}

int kube_foreign_error(const struct kube_client *client, const struct kube_request *request,
                       int http_status, const struct strbuf *body, struct error *err)
{
    cleanup_free char *name = kube_request_name(request);
    cleanup_free char *said = excerpt(body);
    // Gone, or changed meanwhile, is what only an API server can say.
    enum error_code code = code_of(http_status);
    if (code == ERROR_NOT_FOUND || code == ERROR_CONFLICT || http_status < 400)
        code = ERROR_UNAVAILABLE;
    // What stands in front of an API server that is away, or the server itself on its way down.
    if (http_status >= 500)
        return error_set(err, code, "%s answered HTTP %d for %s: %s", client->config.server,
                         http_status, name, *said != '\0' ? said : "(without a word of its own)");
    return error_set(err, code,
                     "%s does not answer as a Kubernetes API server does: HTTP %d for %s, with "
                     "%s%s%s; is this the address of an API server?",
                     client->config.server, http_status, name, *said != '\0' ? "\"" : "nothing",
                     said, *said != '\0' ? "\"" : "");
}

static void refused(const struct kube_client *client, const struct kube_request *request,
                    const struct http_response *response, json_t *value, struct kube_result *result)
{
    int status = response->status;
    if (is_status(value))
        result->status = json_incref(value);
    if (status == 401) {
        kube_unauthorized_error(client, &result->error);
    } else if (result->status != NULL) {
        // Its code may be absent, or not the answer's.
        json_object_set_new(result->status, "code", json_integer(status));
        kube_status_error(result->status, &result->error);
    } else if (status == 429) {
        cleanup_free char *name = kube_request_name(request);
        error_set(&result->error, ERROR_UNAVAILABLE,
                  "the API server %s has too much to do (HTTP 429 for %s); it is asked again later",
                  client->config.server, name);
    } else if (status == 404 && has_its_headers(&response->headers)) {
        // Its plain text about a group that it does not serve; client-go has this sentence.
        error_set(&result->error, ERROR_NOT_FOUND,
                  "the server could not find the requested resource");
    } else {
        kube_foreign_error(client, request, status, &response->body, &result->error);
        if (code_of(status) == ERROR_NOT_FOUND || code_of(status) == ERROR_CONFLICT)
            result->http_status = 0;
    }
    if (response->retry_after_ms > 0)
        result->error.retry_after_ms = response->retry_after_ms;
}

// An object, a list or a Status; what has a path of its own may be anything.
static bool is_what_was_asked(const struct kube_request *request, const json_t *value)
{
    return request->path != NULL || *jval_string_or(value, "kind", "") != '\0';
}

void kube_answer(const struct kube_client *client, const struct kube_request *request,
                 struct http_response *response, struct kube_result *ret_result)
{
    struct kube_result result = {.http_status = response->status};
    take_warnings(&response->headers, &result.warnings);
    result.etag = xstrdup_or_null(http_headers_get(&response->headers, "ETag"));
    result.content_type = xstrdup_or_null(http_headers_get(&response->headers, "Content-Type"));
    cleanup_json json_t *value = NULL;
    int parsed = -1;
    if (response->body.len > 0)
        parsed = jval_parse_object(response->body.data, response->body.len, "answer", &value, NULL);
    bool fine = response->status >= 200 && response->status < 300;
    if (!fine && response->status != 304) {
        refused(client, request, response, value, &result);
    } else if (parsed == 0 && is_what_was_asked(request, value)) {
        result.object = STEAL(value);
    } else if (response->status != 304 && (response->body.len > 0 || request->path == NULL)) {
        kube_foreign_error(client, request, response->status, &response->body, &result.error);
    }
    http_response_release(response);
    *ret_result = result;
}
