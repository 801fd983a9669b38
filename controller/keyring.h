// Signing keys, decrypted once: scrypt takes a tenth of a second and 64 MiB, which no push should
// pay twice. Kept until the Secret changes; cleansed when freed. Any thread.
#ifndef CONTROLLER_KEYRING_H
#define CONTROLLER_KEYRING_H

#include "api/store.h"
#include "base/error.h"

struct keyring;
struct sign_key;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *keyring); // NULL is fine; no key may be held

// The key in the Secret `name` of the namespace of use->object (cosign.key, cosign.password). Held
// until keyring_give. ERROR_NOT_FOUND, ERROR_INVALID and ERROR_DENIED (wrong password) name the
// Secret and what to do.
int keyring_take(struct keyring *keyring, struct store *store, const struct secret_use *use,
                 const char *name, const struct sign_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));
void keyring_give(struct keyring *keyring, const struct sign_key *key);

#endif
