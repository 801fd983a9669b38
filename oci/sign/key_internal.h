// What the files of keys share.
#ifndef OCI_SIGN_KEY_INTERNAL_H
#define OCI_SIGN_KEY_INTERNAL_H

#include "oci/sign/key.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>

struct verify_key {
    atomic_uint refs;
    EVP_PKEY *pkey;
    enum key_algorithm algorithm;
    unsigned char *der; // SubjectPublicKeyInfo
    size_t der_size;
    struct digest fingerprint;
    char *hint;
};

struct signer_link;

struct sign_key {
    EVP_PKEY *pkey;           // NULL: another program keeps it
    struct signer_link *link; // then this leads there (signer.c)
    struct verify_key *public_half;
};

// How to sign, where it is not as cosign does.
struct sign_manner {
    const EVP_MD *hash; // NULL: as cosign does
    bool pss;           // of RSA keys: with a salt as long as the hash
};

void signer_link_free(struct signer_link *link); // NULL is fine
// As sign_key_sign.
int signer_link_sign(const struct signer_link *link, const struct verify_key *public_half,
                     const struct sign_manner *manner, const void *data, size_t size,
                     unsigned char **ret_signature, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));

// Whether the signature was made in just this manner, which names a hash.
bool key_check_manner(const struct verify_key *key, const struct sign_manner *manner,
                      const void *data, size_t size, const void *signature, size_t signature_size);

// Takes the public half out of pkey (any key, borrowed), checks that it is of a kind that is
// trusted here and written in the one form. `what` names it in messages.
int key_public_of(EVP_PKEY *pkey, const char *what, struct verify_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));

#endif
