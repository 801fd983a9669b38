// One kind of sender: how it signs, and what its payload says. Pure functions over the request; the
// order is always the same: signature over the raw body, then JSON, then what it is about.
#ifndef RECEIVER_SENDER_H
#define RECEIVER_SENDER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "receiver/delivery.h"

// All borrowed.
struct sender_request {
    const char *(*header)(const void *arg, const char *name); // NULL when absent
    const void *header_arg;
    const void *body;
    size_t body_size;
    const void *token;
    size_t token_size;
    const json_t *events; // spec.events; NULL = push
    int64_t now_ms;       // wall time
};

enum sender_verdict {
    SENDER_DELIVERY, // authenticated and wanted
    SENDER_IGNORED,  // authenticated; changes nothing
    SENDER_REFUSED,  // nothing of it is to be trusted, or it cannot be read
};

struct sender_answer {
    enum sender_verdict verdict;
    int status;                    // of the HTTP answer, unless SENDER_DELIVERY
    const char *result;            // for metrics: ignored, unauthorized, invalid; static
    char text[240];                // one sentence
    struct hook_delivery delivery; // owned; its id is set also when ignored
};
void sender_answer_release(struct sender_answer *answer);
#define cleanup_sender_answer __attribute__((cleanup(sender_answer_release)))

struct sender {
    const char *provider; // spec.provider
    void (*read)(const struct sender_request *request, struct sender_answer *ret_answer);
};

// NULL for a provider that is not built.
const struct sender *sender_find(const char *provider);

// For the senders' own use.

// "sha256=" and 64 hex digits that are the HMAC-SHA256 of the body; in constant time.
_Bool sender_signature_ok(const struct sender_request *request, const char *header_name);
void sender_refuse(struct sender_answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sender_ignore(struct sender_answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// An id from outside: up to 100 printable characters without quotes. Owned; a new random one where
// it is absent or anything else.
char *sender_id(const char *given);

#endif
