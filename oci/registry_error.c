#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/registry_internal.h"

#include <ctype.h>
#include <string.h>

enum { MAX_TEXT = 300 };

// Other people's text on its way into a message of ours: one line, printable, short.
static void add_clean(struct strbuf *out, const char *text)
{
    for (; *text != '\0' && out->len < MAX_TEXT; text++)
        strbuf_addch(out, isprint((unsigned char)*text) ? *text : ' ');
}

// "DENIED: requested access is denied" from {"errors":[{"code","message"}]}; whatever else the body
// is says nothing a user could act on.
static void add_errors(struct strbuf *out, const struct http_response *response)
{
    cleanup_json json_t *body = NULL;
    if (response->body.len > REGISTRY_MAX_ERROR ||
        jval_parse(response->body.data, response->body.len, "errors", &body, NULL) < 0)
        return;
    const json_t *first = json_array_get(jval_array(body, "errors"), 0);
    const char *code = jval_string_or(first, "code", "");
    const char *message = jval_string_or(first, "message", "");
    if (*code == '\0' && *message == '\0')
        return;
    strbuf_addstr(out, ": ");
    add_clean(out, code);
    if (*code != '\0' && *message != '\0')
        strbuf_addstr(out, " ");
    add_clean(out, message);
}

char *registry_object(const struct registry *registry, const char *tag_or_digest)
{
    const char *name = registry->repository.reference.repository;
    if (tag_or_digest == NULL)
        return xstrdup(name);
    return xasprintf("%s%s%s", name, strchr(tag_or_digest, ':') != NULL ? "@" : ":", tag_or_digest);
}

static const char *denied_hint(const struct registry *registry)
{
    const struct oci_credentials *credentials = &registry->credentials;
    bool anonymous = credentials->username == NULL && credentials->identity_token == NULL &&
                     credentials->registry_token == NULL;
    return anonymous ? "no credentials were given for it; name a registry Secret"
                     : "check the registry Secret and what its account may do";
}

// What servers that speak TLS answer to plain HTTP.
static const char *plain_hint(const struct registry *registry, const struct http_response *response)
{
    return response->status == 400 && strcmp(registry->base.scheme, "http") == 0
               ? "; it was asked over plain HTTP, as is usual on localhost: if it speaks TLS, name "
                 "its authority (certSecretRef, or --ca-file)"
               : "";
}

int registry_status_error(const struct registry *registry, const struct http_response *response,
                          const char *verb, const char *object, struct error *err)
{
    const char *host = registry->repository.reference.host;
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 2 * MAX_TEXT);
    add_errors(&text, response);
    cleanup_error struct error cause = {0};
    // A redirect that was not followed is no 2xx either, and is INVALID there.
    if (http_status_error(response, "registry", &cause) == 0)
        return error_set(err, ERROR_INVALID, "registry %s answered %d to: %s %s", host,
                         response->status, verb, object);
    if (response->status == 407)
        error_set(err, ERROR_DENIED,
                  "the proxy to registry %s wants another login (407); check the Secret of "
                  "proxySecretRef, or the proxy's variable",
                  host);
    else if (cause.code == ERROR_DENIED)
        error_set(err, ERROR_DENIED, "registry %s refused to %s %s (%d%s); %s", host, verb, object,
                  response->status, text.data, denied_hint(registry));
    else if (cause.code == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, "registry %s has no %s (404%s)", host, object, text.data);
    else if (cause.code == ERROR_UNAVAILABLE)
        error_set(err, ERROR_UNAVAILABLE, "registry %s cannot %s %s now (%d%s); try again later",
                  host, verb, object, response->status, text.data);
    else
        error_set(err, cause.code, "registry %s does not %s %s (%d%s)%s", host, verb, object,
                  response->status, text.data, plain_hint(registry, response));
    if (err != NULL)
        err->retry_after_ms = cause.retry_after_ms;
    return -1;
}
