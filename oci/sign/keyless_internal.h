// What the parts of keyless signing share: one file for each kind of server.
#ifndef OCI_SIGN_KEYLESS_INTERNAL_H
#define OCI_SIGN_KEYLESS_INTERNAL_H

#include "base/digest.h"
#include "base/http_client.h"
#include "oci/sign/json_proto.h"
#include "oci/sign/keyless.h"
#include "oci/sign/rekor.h"
#include "oci/sign/signing_config.h"

struct sign_key;

struct keyless {
    const struct trusted_root *root;
    struct http_client *http;
    int64_t timeout_ms;
    int64_t deadline_mono_ms; // of what is being done
    struct cancel *cancel;
    const struct signing_service *authority;
    struct vec logs; // const struct signing_service *
    struct vec tsas;
    struct sign_key *key;
    struct certificate *certificate;
};

// One question to a server.
struct keyless_question {
    const char *service; // "Fulcio", for messages
    const char *url;
    const char *type; // Content-Type
    const char *accept;
    const char *authorization;
    const void *body;
    size_t body_size;
    size_t max_bytes; // of the answer
};
// 0 whenever it answered, whatever the status. Errors name the service.
int keyless_ask(const struct keyless *keyless, const struct keyless_question *question,
                struct http_response *ret_response, struct error *err)
    __attribute__((warn_unused_result));

// As http_status_error, with the service's name.
int keyless_check_status(const struct keyless_question *question,
                         const struct http_response *response, struct error *err)
    __attribute__((warn_unused_result));

// Trades the token for keyless->certificate.
int keyless_get_certificate(struct keyless *keyless, const struct identity_token *token,
                            struct error *err) __attribute__((warn_unused_result));
// DER of the first certificate in Fulcio's answer.
int keyless_read_certificate(const char *text, size_t size, struct bytes *ret_der,
                             struct error *err) __attribute__((warn_unused_result));

// A timestamp over `signature`, checked against the root.
int keyless_get_timestamp(const struct keyless *keyless, const struct signing_service *tsa,
                          const struct bytes *signature, struct bytes *ret_response,
                          struct error *err) __attribute__((warn_unused_result));

// Has a log take the claim in; the entry was verified.
int keyless_log(const struct keyless *keyless, const struct signing_service *log,
                const struct rekor_claim *claim, struct rekor_entry *ret_entry, struct error *err)
    __attribute__((warn_unused_result));
// What Rekor v1 answers, {"<uuid>": {body, integratedTime, logID, logIndex, verification}}.
int keyless_read_v1_entry(const char *text, size_t size, struct rekor_entry *ret_entry,
                          struct error *err) __attribute__((warn_unused_result));

#endif
