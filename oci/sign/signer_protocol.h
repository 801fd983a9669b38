// What sealift and a program that keeps a signing key (a "signer") say to each other: one JSON
// object on the program's standard input, one on its standard output, one request a process.
// docs/signers.md is the specification.
//
//     {"version":1,"operation":"publicKey","key":"projects/acme/…"}
//     {"publicKey":"-----BEGIN PUBLIC KEY-----\n…"}
//
//     {"version":1,"operation":"sign","key":"…","algorithm":"ECDSA P-256","hash":"SHA256",
//      "digest":"<base64>"}             for Notation by an RSA key also "padding":"PSS"
//     {"signature":"<base64>"}
//
//     {"error":"a sentence"}
#ifndef OCI_SIGN_SIGNER_PROTOCOL_H
#define OCI_SIGN_SIGNER_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oci/sign/key.h"

enum signer_operation { SIGNER_PUBLIC_KEY, SIGNER_SIGN };
enum signer_hash { SIGNER_SHA256, SIGNER_SHA384, SIGNER_SHA512 };
enum { SIGNER_MAX_HASH = 64, SIGNER_MAX_ANSWER = 64 * 1024, SIGNER_MAX_MESSAGE = 700 * 1024 };

size_t signer_hash_size(enum signer_hash hash);

// All borrowed by who builds, owned where it was parsed.
struct signer_request {
    enum signer_operation operation;
    char *key;       // what the key is called there
    char *namespace; // of the Bundle that asks; NULL: a person does
    char *module;    // PKCS#11 only, and between ourselves: the token's library, or NULL
    char *pin;       // likewise; secret
    enum key_algorithm algorithm; // SIGNER_SIGN: this and what follows
    enum signer_hash hash;
    bool pss; // RSA alone: by PSS with a salt as long as the hash, and by nothing else
    unsigned char digest[SIGNER_MAX_HASH];
    unsigned char *message; // instead of a digest, where the algorithm takes the whole (Ed25519)
    size_t message_size;
};
void signer_request_release(struct signer_request *request); // only of parsed ones
#define cleanup_signer_request __attribute__((cleanup(signer_request_release)))

// *ret_text may hold a PIN: release it with secret_free. ERROR_LIMIT for a message too long.
int signer_request_build(const struct signer_request *request, char **ret_text, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_INVALID; the sentence quotes nothing of the text.
int signer_request_parse(const char *text, size_t size, struct signer_request *ret_request,
                         struct error *err) __attribute__((warn_unused_result));

struct signer_answer {
    char *public_key;         // PEM, or NULL
    enum signer_hash hash;    // what the key wants to sign; SIGNER_SHA256 where it does not say
    unsigned char *signature; // or NULL
    size_t signature_size;
};
void signer_answer_release(struct signer_answer *answer);
#define cleanup_signer_answer __attribute__((cleanup(signer_answer_release)))

// Of a request for `operation`. An "error" becomes ERROR_DENIED with its sentence (cut, see
// signer_words.h); else ERROR_INVALID.
int signer_answer_parse(const char *text, size_t size, enum signer_operation operation,
                        struct signer_answer *ret_answer, struct error *err)
    __attribute__((warn_unused_result));
// Owned.
char *signer_answer_build(const struct signer_answer *answer);
char *signer_answer_build_error(const char *sentence);

#endif
