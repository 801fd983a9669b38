// What a Bundle's `notify` sends to another cluster: "there is something new under this tag". A
// hint only; the artifact is fetched and verified as ever.
//
//     POST <path of the Hook>
//     Content-Type: application/json
//     X-Sealift-Signature-256: sha256=<hex HMAC-SHA256 of the raw body, key = the Hook's token>
//
//     {"repository": "oci://registry.example.com/acme/shop",   with or without oci://
//      "tag": "prod",                                          may be absent
//      "digest": "sha256:<64 hex>",
//      "requestId": "<up to 100 printable characters>",        what this change is called
//      everywhere "issuedAt": "2026-01-31T12:00:00Z"}                     within 5 minutes of the
//      receiver's time
//
// Unknown members are ignored. The same requestId again is answered 200 and changes nothing.
#ifndef RECEIVER_SEALIFT_H
#define RECEIVER_SEALIFT_H

#include "base/error.h"
#include "receiver/sender.h"

extern const struct sender sealift_sender;

// What a body says. now_ms is wall time. ERROR_INVALID, with a sentence.
int sealift_notice_parse(const void *body, size_t size, int64_t now_ms,
                         struct hook_delivery *ret_delivery, struct error *err)
    __attribute__((warn_unused_result));

#endif
