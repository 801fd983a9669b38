// Finds what was signed and stated about an artifact, in both forms that cosign writes: layers
// under the tag "sha256-<hex>.sig" and Sigstore bundles that are referrers; and, where a policy
// lists Notation signers, in the form that Notation writes. Only what verifies with
// one of the keys given, and is about this very digest, becomes evidence; the rest becomes notes.
//
// Limits: OCI_MAX_REFERRERS layers and as many referrers are looked at, whoever signed them;
// EVIDENCE_MAX_KEPT signatures, approvals and provenances by listed keys are kept. Neither releases
// nor attestations that policies ask for use up that limit: of the former the highest sequence per
// signer, repository, channel and version is kept, of the latter the newest per signer and type,
// where they say how old they are, each up to the same limit. Attestations that no policy asks for
// are not kept.
#ifndef OCI_SIGN_COLLECT_H
#define OCI_SIGN_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/evidence.h"

struct oci_repository;
struct trust_policy;
struct verify_key;

enum { EVIDENCE_MAX_KEPT = 64 };

// A set of distinct keys, borrowed: vec of const struct verify_key *.
#define KEY_LIST VEC_OF(const struct verify_key *, NULL)
// Adds key unless one with its fingerprint is there.
void key_list_add(struct vec *keys, const struct verify_key *key);
// All keys of the policies, whatever their windows.
void key_list_add_policy(struct vec *keys, const struct trust_policy *policy);

// What a judgement of these policies needs: signatures and statements by their keys, under their
// trusted roots by any keyless identity that one of them lists, and Notation signatures that one of
// them trusts.
int evidence_collect_for(struct oci_repository *repository, const char *digest,
                         const struct trust_policy *policies, size_t count,
                         struct evidence_set *set, struct error *err)
    __attribute__((warn_unused_result));

// `digest` is the artifact's manifest or index. Appends to `set`. That nothing is there is no
// error, and one malformed or vanished signature is a note; a registry that cannot be asked is an
// error (UNAVAILABLE, TIMEOUT, DENIED, CANCELED), since "no signature" would be a guess.
int evidence_collect(struct oci_repository *repository, const char *digest, const struct vec *keys,
                     struct evidence_set *set, struct error *err)
    __attribute__((warn_unused_result));

// Notation signatures that were kept with what was found about `digest` count by no trust yet, or
// by one that has changed since: they are judged again by those of the policies, and the rest goes.
void evidence_renew_notation(struct evidence_set *set, const char *digest,
                             const struct trust_policy *policies, size_t count);

// As evidence_collect, but hands each verified piece to `keep`, which owns it from then on
// (evidence_release), before any limit on what is kept. false ends the walk.
typedef bool evidence_keep(struct evidence *item, void *arg);
int evidence_walk(struct oci_repository *repository, const char *digest, const struct vec *keys,
                  struct evidence_set *notes, evidence_keep *keep, void *arg, struct error *err)
    __attribute__((warn_unused_result));

// The release with the highest sequence for this repository and channel among the evidence; NULL
// when there is none. Borrowed from set.
const struct release *evidence_newest_release(const struct evidence_set *set,
                                              const char *repository, const char *channel);

#endif
