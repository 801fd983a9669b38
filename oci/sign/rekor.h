// Entries of transparency logs, checked without asking the log: what the log promised (v1: the
// signed entry timestamp), what its tree proves, and that the entry is about this signature, by
// this key, over these bytes.
// Formats: sigstore/protobuf-specs sigstore_rekor.proto; sigstore/rekor pkg/types (hashedrekord
// 0.0.1, dsse 0.0.1, intoto 0.0.1 and 0.0.2); sigstore/rekor-tiles (hashedrekord and dsse 0.0.2);
// RFC 6962 section 2.1.
#ifndef OCI_SIGN_REKOR_H
#define OCI_SIGN_REKOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "oci/sign/json_proto.h"

struct dsse_envelope;
struct trusted_log;

enum { REKOR_MAX_PROOF = 64 };

struct rekor_entry {
    int64_t index; // in the whole log
    struct bytes log_id;
    char *kind; // "hashedrekord"; owned
    char *version;
    int64_t integrated_s; // 0 = absent; nobody's word without a promise that verifies
    struct bytes promise; // signed entry timestamp; empty when absent
    bool has_proof;
    int64_t proof_index; // in the shard that the proof is about
    int64_t tree_size;
    unsigned char root[SHA256_SIZE];
    unsigned char (*hashes)[SHA256_SIZE]; // owned
    size_t hash_count;
    char *checkpoint; // owned
    struct bytes body;
};
void rekor_entry_release(void *entry);

// ERROR_INVALID, ERROR_LIMIT.
int rekor_entry_parse(const json_t *value, struct rekor_entry *ret_entry, struct error *err)
    __attribute__((warn_unused_result));

// As a bundle has it. A new reference.
json_t *rekor_entry_json(const struct rekor_entry *entry);

// The bytes that were signed. `data` NULL: only their SHA-256 is known.
struct signed_data {
    const void *data;
    size_t size;
    unsigned char sha256[SHA256_SIZE];
};

// What the entry must be about; all borrowed.
struct rekor_claim {
    const void *signature;
    size_t signature_size;
    const void *signer; // DER: of the certificate, or of the key's SubjectPublicKeyInfo
    size_t signer_size;
    bool signer_is_certificate;
    const struct signed_data *data;   // the artifact, or the envelope's encoding (dsse_pae)
    const struct dsse_envelope *dsse; // NULL for a bare signature
};

// *ret_time_s is when the log took it in, or 0 where nothing proves that. ERROR_UNVERIFIED,
// ERROR_INVALID.
int rekor_entry_verify(const struct rekor_entry *entry, const struct trusted_log *log,
                       const struct rekor_claim *claim, int64_t *ret_time_s, struct error *err)
    __attribute__((warn_unused_result));

// Whether the entry's body is about the claim. Part of rekor_entry_verify.
int rekor_body_check(const struct rekor_entry *entry, const struct rekor_claim *claim,
                     struct error *err) __attribute__((warn_unused_result));

// Whether `hashes` prove that `leaf` stands at `index` of the tree with this size and root.
bool rekor_proof_holds(const unsigned char leaf[SHA256_SIZE], int64_t index, int64_t tree_size,
                       const unsigned char (*hashes)[SHA256_SIZE], size_t hash_count,
                       const unsigned char root[SHA256_SIZE]);

#endif
