// Identity tokens: what an OpenID issuer says about who runs here, to be shown to a certificate
// authority. Nobody here can tell whether one is good; it is taken apart only for the words that
// the authority wants signed. Format: RFC 7515 (compact), RFC 7519; OpenID Connect Core 1.0.
#ifndef OCI_SIGN_IDENTITY_TOKEN_H
#define OCI_SIGN_IDENTITY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { IDENTITY_TOKEN_MAX_BYTES = 16 << 10 };

struct identity_token {
    char *text;    // a secret
    char *subject; // the e-mail address, where the issuer checked one, else "sub"
};
void identity_token_release(struct identity_token *token); // may be called twice
#define cleanup_identity_token __attribute__((cleanup(identity_token_release)))

// White space around it is passed over. No message holds any part of it. ERROR_INVALID,
// ERROR_LIMIT.
int identity_token_parse(const char *text, size_t size, struct identity_token *ret_token,
                         struct error *err) __attribute__((warn_unused_result));

// Whether `text` holds a piece of the token that is too long for chance, as the answer of a server
// does that shows what it was asked.
bool identity_token_shows(const struct identity_token *token, const char *text, size_t size);

#endif
