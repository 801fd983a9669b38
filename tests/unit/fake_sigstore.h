// A Sigstore of a test's own: authorities, logs and a clock, that sign whatever they are told to,
// right or wrong. Nothing here shares code with what it tests.
#ifndef TESTS_FAKE_SIGSTORE_H
#define TESTS_FAKE_SIGSTORE_H

#include <jansson.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_SUBJECT "https://git.example.com/acme/config/.ci/release.yml@refs/heads/main"
#define FAKE_ISSUER "https://token.example.com"
#define FAKE_REPOSITORY "https://git.example.com/acme/config"
#define FAKE_TIME INT64_C(1795255200) // 2026-11-21T10:00:00Z, when things are signed

enum { FAKE_KEY_P256, FAKE_KEY_P384, FAKE_KEY_ED25519, FAKE_KEY_RSA };

struct fake_sigstore {
    EVP_PKEY *root_key;
    EVP_PKEY *middle_key;
    EVP_PKEY *ct_key;
    EVP_PKEY *log_key;  // Rekor v1, ECDSA
    EVP_PKEY *log2_key; // Rekor v2, Ed25519
    EVP_PKEY *tsa_root_key;
    EVP_PKEY *tsa_key;
    X509 *root;
    X509 *middle;
    X509 *tsa_root;
    X509 *tsa;
};
void fake_sigstore_init(struct fake_sigstore *fake);
void fake_sigstore_release(struct fake_sigstore *fake);
EVP_PKEY *fake_key(int kind);
// What `sealift` gets as its trusted root. A new reference.
json_t *fake_sigstore_root(const struct fake_sigstore *fake);

// How a signer's certificate is written; zero means as Fulcio would.
struct fake_certificate {
    const char *subject; // "" leaves the name out; "mail:…", "other:…" and "dns:…" are other kinds
    const char *second_subject;
    const char *issuer;     // OID .8; "" leaves it out
    const char *old_issuer; // OID .1; NULL leaves it out
    const char *repository; // OID .12
    const char *ref;        // OID .14
    const char *key_usage;
    const char *extended_usage; // "" leaves it out
    const char *basic;          // basicConstraints
    const char *extra_oid;      // another extension, with extra_value as its raw bytes
    const char *extra_value;
    bool extra_twice;
    int64_t lifetime_s;
    int64_t sct_ms; // 0: FAKE_TIME
    bool no_sct;
    bool wrong_sct;   // signed by another key under the log's name
    bool two_scts;    // the first by a log nobody knows
    bool old_version; // X.509 version 1
    bool self_issued; // by a key that nobody trusts
    EVP_PKEY *key;    // required
};
X509 *fake_certificate_mint(const struct fake_sigstore *fake, const struct fake_certificate *wish);

// A log entry around a canonicalized body.
struct fake_entry {
    const char *kind;
    const char *version;
    const char *body; // JSON
    bool v2;          // of the Rekor v2 log: no promise, origin is the host
    bool no_promise;
    bool no_proof;
    int64_t time_s; // 0: FAKE_TIME
    int64_t index;  // of the leaf; among `size` leaves, default 5 of 11
    int64_t size;
    const char *extra_signature; // a whole line before the log's
    const char *origin;          // NULL: as the log's kind has it
    bool corrupt_note;           // the log's line does not verify
};
json_t *fake_entry_mint(const struct fake_sigstore *fake, const struct fake_entry *wish);

// DER of a response that stamps `data` at time_s; owned. embed: with the TSA's certificate.
unsigned char *fake_timestamp_mint(const struct fake_sigstore *fake, const void *data, size_t size,
                                   int64_t time_s, bool embed, const EVP_MD *imprint,
                                   size_t *ret_size);

// The same to a request (DER) that somebody made.
unsigned char *fake_timestamp_answer(const struct fake_sigstore *fake, const void *query,
                                     size_t size, int64_t time_s, size_t *ret_size);

// A whole bundle: `wish` empty gives one that verifies.
struct fake_bundle {
    const void *data; // the artifact; or the statement with dsse
    size_t size;
    bool dsse;
    const char *payload_type; // NULL: in-toto
    const char *kind;         // NULL: hashedrekord, or dsse for an envelope; of Rekor v1
    const char *version;      // NULL: 0.0.1
    bool v2;                  // Rekor v2 with a timestamp
    bool keyed;               // public key instead of a certificate
    bool stamped;             // add a timestamp
    int64_t time_s;           // of entry and timestamp; 0: FAKE_TIME
    const char *media_type;
    bool chain; // x509CertificateChain instead of certificate
    struct fake_certificate certificate;
    struct fake_entry entry;
    EVP_PKEY *key; // of the signer; NULL: a new one
    // What the entry is about instead, to make it be about something else.
    const void *entry_data;
    size_t entry_size;
    EVP_PKEY *entry_key;
    bool entry_signature; // another signature by the same key
};
json_t *fake_bundle_mint(const struct fake_sigstore *fake, const struct fake_bundle *wish);

// PEM of a key's public half; owned.
char *fake_public_pem(EVP_PKEY *key);

#endif
