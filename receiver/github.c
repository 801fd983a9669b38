#include "receiver/github.h"

#include "api/identity.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_commit(const char *text)
{
    size_t length = strspn(text, "0123456789abcdef");
    return text[length] == '\0' && (length == 40 || length == 64);
}

// The id of nothing: the other side of a creation or a deletion.
static bool is_zero(const char *commit)
{
    return *commit != '\0' && commit[strspn(commit, "0")] == '\0';
}

// The repository's identity by one of its URLs; NULL when that is absent or no URL.
static char *identity_at(const json_t *payload, const char *path)
{
    const char *url = jval_string(payload, path);
    char *identity = NULL;
    if (url == NULL || identity_git(url, &identity, NULL) < 0)
        return NULL;
    return identity;
}

static void read_repository(const json_t *payload, struct hook_delivery *delivery)
{
    static const char *const paths[] = {"repository.clone_url", "repository.html_url",
                                        "repository.ssh_url"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths) && delivery->repository == NULL; i++)
        delivery->repository = identity_at(payload, paths[i]);
    // A forge may serve ssh on a port of its own, which makes another identity.
    cleanup_free char *ssh = identity_at(payload, "repository.ssh_url");
    if (ssh != NULL && strcmp(ssh, delivery->repository) != 0)
        delivery->other_repository = STEAL(ssh);
}

void github_push_read(const json_t *payload, struct hook_delivery *ret_delivery,
                      const char **ret_ignored)
{
    cleanup_hook_delivery struct hook_delivery delivery = {0};
    const char *ref = jval_string(payload, "ref");
    const char *commit = jval_string(payload, "after");
    *ret_ignored = NULL;
    if (jval_bool(payload, "deleted", false) || (commit != NULL && is_zero(commit)))
        *ret_ignored = "the ref was deleted; nothing is deployed from it";
    else if (ref != NULL && strncmp(ref, "refs/heads/", 11) != 0 &&
             strncmp(ref, "refs/tags/", 10) != 0)
        *ret_ignored = "the ref is neither a branch nor a tag";
    delivery.ref = xstrdup_or_null(ref);
    if (commit != NULL && is_commit(commit) && !is_zero(commit))
        delivery.commit = xstrdup(commit);
    read_repository(payload, &delivery);
    *ret_delivery = delivery;
    delivery = (struct hook_delivery){0};
}

// The value of `payload` in a form; other members are not looked at. Borrowed.
static const char *find_payload(const char *form, size_t size, size_t *ret_size)
{
    static const char name[] = "payload=";
    for (const char *end = form + size; form < end;) {
        const char *next = memchr(form, '&', (size_t)(end - form));
        size_t length = (size_t)((next != NULL ? next : end) - form);
        if (length >= sizeof name - 1 && memcmp(form, name, sizeof name - 1) == 0) {
            *ret_size = length - (sizeof name - 1);
            return form + sizeof name - 1;
        }
        form += length + (next != NULL);
    }
    return NULL;
}

int github_payload(const void *body, size_t size, enum github_body form, json_t **ret_payload,
                   struct error *err)
{
    if (form == GITHUB_JSON)
        return jval_parse_object(body, size, "the payload", ret_payload, err);
    size_t encoded_size, text_size;
    const char *encoded = find_payload(body, size, &encoded_size);
    if (encoded == NULL)
        return error_set(err, ERROR_INVALID, "the form has no \"payload\"");
    cleanup_free char *text = NULL;
    if (url_form_decode(encoded, encoded_size, &text, &text_size, err) < 0)
        return error_wrap(err, "the form's payload");
    return jval_parse_object(text, text_size, "the payload", ret_payload, err);
}

int github_push_parse(const void *body, size_t size, enum github_body form,
                      struct hook_delivery *ret_delivery, const char **ret_ignored,
                      struct error *err)
{
    cleanup_json json_t *payload = NULL;
    if (github_payload(body, size, form, &payload, err) < 0)
        return -1;
    github_push_read(payload, ret_delivery, ret_ignored);
    return 0;
}

static bool has_media_type(const char *content_type, const char *wanted)
{
    size_t length = strlen(wanted);
    return strncasecmp(content_type, wanted, length) == 0 &&
           (content_type[length] == '\0' || strchr("; \t", content_type[length]) != NULL);
}

static int body_form(const struct sender_request *request, enum github_body *ret_form)
{
    const char *type = request->header(request->header_arg, "Content-Type");
    if (type == NULL || has_media_type(type, "application/json"))
        *ret_form = GITHUB_JSON;
    else if (has_media_type(type, "application/x-www-form-urlencoded"))
        *ret_form = GITHUB_FORM;
    else
        return -1;
    return 0;
}

static bool wants(const struct sender_request *request, const char *event)
{
    if (request->events == NULL)
        return strcmp(event, "push") == 0;
    for (size_t i = 0; i < json_array_size(request->events); i++) {
        const char *wanted = json_string_value(json_array_get(request->events, i));
        if (wanted != NULL && strcmp(wanted, event) == 0)
            return true;
    }
    return false;
}

static void read_event(const char *event, const struct sender_request *request,
                       const json_t *payload, struct sender_answer *answer)
{
    if (strcmp(event, "ping") == 0) {
        sender_ignore(answer, "pong: the address and the secret are right");
        return;
    }
    if (!wants(request, event) || strcmp(event, "push") != 0) {
        sender_ignore(answer, "the event \"%.40s\" is not one this Hook acts on", event);
        return;
    }
    char *id = STEAL(answer->delivery.id);
    const char *ignored;
    github_push_read(payload, &answer->delivery, &ignored);
    answer->delivery.id = id;
    answer->delivery.received_ms = request->now_ms;
    if (ignored != NULL)
        sender_ignore(answer, "%s", ignored);
    else
        answer->verdict = SENDER_DELIVERY;
}

static void read_request(const struct sender_request *request, struct sender_answer *ret_answer)
{
    *ret_answer = (struct sender_answer){0};
    ret_answer->delivery.id = sender_id(request->header(request->header_arg, "X-GitHub-Delivery"));
    if (!sender_signature_ok(request, "X-Hub-Signature-256")) {
        sender_refuse(ret_answer, 401,
                      "X-Hub-Signature-256 does not fit the body; set the sender's secret to the "
                      "token in the Hook's Secret");
        return;
    }
    const char *event = request->header(request->header_arg, "X-GitHub-Event");
    enum github_body form;
    if (event == NULL || *event == '\0') {
        sender_refuse(ret_answer, 400, "the header X-GitHub-Event is missing");
        return;
    }
    if (body_form(request, &form) < 0) {
        sender_refuse(ret_answer, 415,
                      "the content type must be application/json or "
                      "application/x-www-form-urlencoded");
        return;
    }
    cleanup_json json_t *payload = NULL;
    cleanup_error struct error err = {0};
    if (github_payload(request->body, request->body_size, form, &payload, &err) < 0) {
        sender_refuse(ret_answer, 400, "%s", error_message(&err));
        return;
    }
    read_event(event, request, payload, ret_answer);
}

const struct sender github_sender = {.provider = "github", .read = read_request};
