#include "receiver/sealift.h"

#include "api/identity.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const int64_t SKEW_MS = 5 * 60 * 1000;

// A tag as the distribution specification allows it.
static bool is_tag(const char *text)
{
    static const char later[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t length = strspn(text, later);
    return text[length] == '\0' && length >= 1 && length <= 128 && *text != '.' && *text != '-';
}

static int check_time(const json_t *notice, int64_t now_ms, struct error *err)
{
    const char *issued = jval_string(notice, "issuedAt");
    int64_t issued_ms;
    if (issued == NULL)
        return error_set(err, ERROR_INVALID, "issuedAt is missing");
    if (time_parse(issued, &issued_ms, err) < 0)
        return error_wrap(err, "issuedAt");
    if (issued_ms < now_ms - SKEW_MS || issued_ms > now_ms + SKEW_MS)
        return error_set(
            err, ERROR_INVALID,
            "issuedAt is more than 5 minutes from the time here; send a new notice, or "
            "set the clocks right");
    return 0;
}

int sealift_notice_parse(const void *body, size_t size, int64_t now_ms,
                         struct hook_delivery *ret_delivery, struct error *err)
{
    cleanup_json json_t *notice = NULL;
    if (jval_parse_object(body, size, "the notice", &notice, err) < 0 ||
        check_time(notice, now_ms, err) < 0)
        return -1;
    const char *repository = jval_string(notice, "repository");
    const char *digest = jval_string(notice, "digest");
    const json_t *tag = jval_get(notice, "tag");
    if (digest == NULL || !digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "digest must be sha256: and 64 hex digits");
    if (tag != NULL && (!json_is_string(tag) || !is_tag(json_string_value(tag))))
        return error_set(err, ERROR_INVALID, "tag must be a tag, or be left out");
    if (repository == NULL)
        return error_set(err, ERROR_INVALID, "repository is missing");
    cleanup_hook_delivery struct hook_delivery delivery = {.received_ms = now_ms};
    if (identity_oci(repository, &delivery.repository, err) < 0)
        return error_wrap(err, "repository");
    delivery.digest = xstrdup(digest);
    delivery.tag = xstrdup_or_null(json_string_value(tag));
    delivery.id = sender_id(jval_string(notice, "requestId"));
    *ret_delivery = delivery;
    delivery = (struct hook_delivery){0};
    return 0;
}

static void read_request(const struct sender_request *request, struct sender_answer *ret_answer)
{
    *ret_answer = (struct sender_answer){0};
    if (!sender_signature_ok(request, "X-Sealift-Signature-256")) {
        sender_refuse(ret_answer, 401,
                      "X-Sealift-Signature-256 does not fit the body; both sides must hold the "
                      "same token");
        return;
    }
    cleanup_error struct error err = {0};
    if (sealift_notice_parse(request->body, request->body_size, request->now_ms,
                             &ret_answer->delivery, &err) < 0) {
        sender_refuse(ret_answer, 400, "%s", error_message(&err));
        return;
    }
    ret_answer->verdict = SENDER_DELIVERY;
}

const struct sender sealift_sender = {.provider = "sealift", .read = read_request};
