// What the readers of both envelopes share.
#ifndef OCI_SIGN_NOTATION_ENVELOPE_INTERNAL_H
#define OCI_SIGN_NOTATION_ENVELOPE_INTERNAL_H

#include "oci/sign/notation_envelope.h"

// The signed headers, as bits.
enum notation_header {
    NOTATION_HEADER_SCHEME = 1,
    NOTATION_HEADER_SIGNING_TIME = 2,
    NOTATION_HEADER_AUTHENTIC_TIME = 4,
    NOTATION_HEADER_EXPIRY = 8,
};

struct notation_headers {
    unsigned present;
    unsigned critical;
    char scheme[64];
    char content_type[128];
    int64_t signing_ms;
    int64_t authentic_ms;
    int64_t expiry_ms;
};

// The header with this name; 0 when it is none that is understood here.
unsigned notation_header_of(const char *name, size_t size);
// Where the time of such a header goes; NULL for the scheme.
int64_t *notation_header_time(struct notation_headers *headers, unsigned header);
// Any name of a protected header that is not understood: one of a plugin is an error, because it
// asks for a check that nobody here does.
int notation_header_unknown(const char *name, size_t size, struct error *err)
    __attribute__((warn_unused_result));
// A name out of the list of critical headers.
int notation_header_critical(struct notation_headers *headers, const char *name, size_t size,
                             struct error *err) __attribute__((warn_unused_result));
// Keeps text that was signed, when it fits. ERROR_INVALID.
int notation_header_text(char *ret_text, size_t room, const char *what, const char *text,
                         size_t size, struct error *err) __attribute__((warn_unused_result));

// Appends to the chain; DER and nothing behind it.
int notation_add_certificate(struct notation_envelope *envelope, const void *der, size_t size,
                             struct error *err) __attribute__((warn_unused_result));

// Holds headers and payload to the rules, and the algorithm to the leaf's key, once all else of the
// envelope is filled in.
int notation_envelope_finish(struct notation_envelope *envelope,
                             const struct notation_headers *headers, const void *payload,
                             size_t payload_size, struct error *err)
    __attribute__((warn_unused_result));

// Into the envelope's zeroed storage, whose chain is ready (jws.c, cose.c).
int jws_parse(const char *data, size_t size, struct notation_envelope *envelope, struct error *err)
    __attribute__((warn_unused_result));
int cose_parse(const void *data, size_t size, struct notation_envelope *envelope, struct error *err)
    __attribute__((warn_unused_result));

#endif
