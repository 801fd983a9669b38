// Names of keys in PKCS#11 tokens: "pkcs11:token=release;object=packager?pin-source=file:/run/pin".
// Format: RFC 7512, of which the attributes are taken that OpenSSL's engine looks keys up by.
#ifndef OCI_SIGN_PKCS11_URI_H
#define OCI_SIGN_PKCS11_URI_H

#include <stdbool.h>

#include "base/error.h"

struct pkcs11_uri {
    char *name; // owned: the path alone, without what may be secret; "pkcs11:token=…;object=…"
    char *module_path; // owned: the token's library, absolute; or NULL
    char *pin_source;  // owned: an absolute path; or NULL
    char *pin_value;   // owned, secret; or NULL
};
void pkcs11_uri_release(struct pkcs11_uri *uri); // may be called twice
#define cleanup_pkcs11_uri __attribute__((cleanup(pkcs11_uri_release)))

// Whether text is meant as one.
bool pkcs11_uri_is(const char *text);

// ERROR_INVALID; the sentence repeats no value of the text.
int pkcs11_uri_parse(const char *text, struct pkcs11_uri *ret_uri, struct error *err)
    __attribute__((warn_unused_result));

#endif
