// Trust policies: what must be shown about an artifact before a byte of it is used. A plain struct,
// so that the rooms above fill it from wherever policies are kept. Pure functions; the time is
// given.
//
// Every policy must be met, and of a policy every entry: `threshold` distinct signers signed the
// digest, and a signer counts for one entry only. One signer is whoever uses one key or one keyless
// identity: a key listed twice is one, and so are a key and an identity that ever signed with it. A
// Notation signer is the subject of a certificate, and the same as the key of that certificate.
// A signature that names another repository does not count; one that names none counts where some
// entry attests or the entry says any_repository. An approval is a signature that names a channel,
// too, and counts only there.
//
// At most one entry attests: of the statements that its signers made, the release with the highest
// sequence for the channel that `threshold` of them have reached decides about channel, freshness
// and floor, and the provenance of as many about the source; what the certificate of a keyless
// signer of that entry says about the source must agree. An attestation is never a signature. What
// others attest (scans, tests, provenance) is required by its type, its signer, its age and its
// values.
//
// What a policy denies counts for none of the policies that are judged together: a key, an identity
// or a certificate, whoever lists it, and a digest, whoever signed it.
#ifndef OCI_SIGN_POLICY_H
#define OCI_SIGN_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/evidence.h"

struct notation_trust;
struct semver;
struct trusted_root;
struct verify_key;

enum {
    TRUST_MAX_KEYS = 64,    // of one entry, and as many identities
    TRUST_MAX_ENTRIES = 16, // of one policy, and as many attestations of others
    TRUST_AGE_SKEW_MS = 5 * 60 * 1000,
    TRUST_CLOCK_SKEW_MS = 24 * 60 * 60 * 1000,
    TRUST_NEWS_MS = 10 * 60 * 1000, // how often a newer attestation of others is looked for
};

struct trust_key {
    char *name; // owned
    struct verify_key *key;
    int64_t not_before_ms; // 0 = none; judged at the time of evaluation, because a keyed signature
    int64_t not_after_ms;  // proves no time of its own
};

// Who signs without a key of their own: a subject that an issuer vouches for. `*` in the subject
// matches within a segment, `**` across; the whole must match. The issuer is written out.
struct trust_identity {
    char *issuer;
    char *subject;
};

struct trust_entry {
    char *name; // owned
    bool attests;
    bool any_repository;
    bool approves; // only approvals count, no signatures that name no channel
    unsigned threshold;
    struct vec keys;       // struct trust_key
    struct vec identities; // struct trust_identity
    // Who signs by Notation, sealed; NULL: nobody. Owned. Such a signature names neither repository
    // nor channel and states nothing, so it counts where some entry attests or with any_repository,
    // and is never an approval.
    struct notation_trust *notation;
};

// A statement of a type that somebody else must have signed about the artifact.
struct trust_attestation {
    struct trust_entry signers; // its name is the requirement's; one of them is enough
    char *type;                 // predicate type, written out; owned
    char *time_path;       // where it says when it was made (oci/sign/predicate.h); NULL; owned
    int64_t max_age_ms;    // 0 = none
    struct vec conditions; // json_t *: all must hold
};

// All may be NULL but one, and the reason, which is for people; owned.
struct trust_denied_key {
    char *name;        // of keys that any of the policies lists, and so of what they are
    char *fingerprint; // "sha256:<hex>" of its SubjectPublicKeyInfo
    char *reason;
};
struct trust_denied_certificate {
    char *serial; // certificate_serial_text
    char *issuer; // certificate_name_text; NULL: whoever issued it
    char *reason;
};
struct trust_denied_identity {
    struct trust_identity identity;
    char *reason;
};
struct trust_denied_digest {
    char *digest;
    char *reason;
};
struct trust_deny {
    struct vec keys;         // struct trust_denied_key
    struct vec certificates; // struct trust_denied_certificate
    struct vec identities;   // struct trust_denied_identity
    struct vec digests;      // struct trust_denied_digest
};

// A repository, or all below it, whose content is that of another.
struct trust_mirror {
    char *repository; // identity; owned
    char *original;   // identity that signatures name; owned
};

struct trust_policy {
    char *name;         // as messages name it: "TrustPolicy prod", "spec.verify"; owned
    struct vec entries; // struct trust_entry
    // What an attesting entry's statements are held to; empty = not judged.
    char *source_repository; // canonical, see git_identity
    struct vec refs;         // char *: "main" is refs/heads/main; "refs/tags/v1.*"; `*` and `**`
    struct vec paths;        // char *: a folder, and all below it
    struct vec channels;     // char *; `*` and `**`
    int64_t max_age_ms;      // 0 = none
    bool rollback_allowed;
    bool goes_back; // should it refuse what it accepted before: the last good one is to run instead
    struct trusted_root *root; // who vouches for identities; NULL where no entry lists any; owned
    struct vec attestations;   // struct trust_attestation
    struct trust_deny deny;
    struct vec mirrors; // struct trust_mirror
    bool only_denies;   // it governs, and its requirements are for other repositories
};
void trust_policy_init(struct trust_policy *policy, const char *name);
void trust_policy_release(void *policy); // may be called twice
#define cleanup_trust_policy __attribute__((cleanup(trust_policy_release)))
// Borrowed until the next entry. threshold 0 is refused when the policy is evaluated.
struct trust_entry *trust_policy_add_entry(struct trust_policy *policy, const char *name,
                                           unsigned threshold);
// Parses PEM "PUBLIC KEY". `what` of the message is "key NAME of entry ENTRY". ERROR_INVALID.
int trust_entry_add_key(struct trust_entry *entry, const char *name, const char *pem, size_t size,
                        int64_t not_before_ms, int64_t not_after_ms, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_INVALID when anybody whom the issuer knows would match, or the issuer holds a wildcard.
int trust_entry_add_identity(struct trust_entry *entry, const char *issuer, const char *subject,
                             struct error *err) __attribute__((warn_unused_result));
// Those of one entry as those of another.
void trust_entry_copy_signers(struct trust_entry *to, const struct trust_entry *from);

// Borrowed until the next one. `type` may be a short name of oci/sign/predicate.h. ERROR_INVALID
// for types that are this program's own.
int trust_policy_add_attestation(struct trust_policy *policy, const char *name, const char *type,
                                 struct trust_attestation **ret_attestation, struct error *err)
    __attribute__((warn_unused_result));
// `condition` as in oci/sign/predicate.h; it is copied. ERROR_INVALID.
int trust_attestation_add_condition(struct trust_attestation *attestation, const json_t *condition,
                                    struct error *err) __attribute__((warn_unused_result));

// NULL stands for what is not said; reason is for people. ERROR_INVALID where nothing is denied by
// it, or it is not written as such things are.
int trust_deny_key(struct trust_policy *policy, const char *name, const char *fingerprint,
                   const char *reason, struct error *err) __attribute__((warn_unused_result));
int trust_deny_certificate(struct trust_policy *policy, const char *serial, const char *issuer,
                           const char *reason, struct error *err)
    __attribute__((warn_unused_result));
void trust_deny_identity(struct trust_policy *policy, const char *issuer, const char *subject,
                         const char *reason);
int trust_deny_digest(struct trust_policy *policy, const char *digest, const char *reason,
                      struct error *err) __attribute__((warn_unused_result));
// Why the signer of the evidence counts nowhere, or nothing lets the digest in: the words of a
// deny-list, "" where it gives none; NULL when none of the n policies denies it. Borrowed.
const char *trust_denied_signer(const struct trust_policy *policies, size_t n,
                                const struct evidence *item);
const char *trust_denied_digest(const struct trust_policy *policies, size_t n, const char *digest);

// Both are identities, without a wildcard.
void trust_policy_add_mirror(struct trust_policy *policy, const char *repository,
                             const char *original);

// A trusted root as JSON; NULL stands for Sigstore's public instance, as it is built in.
int trust_policy_set_root(struct trust_policy *policy, const char *data, size_t size,
                          const char *what, struct error *err) __attribute__((warn_unused_result));
// Whether a policy can be judged at all: entries with keys, thresholds that can be reached, source
// and freshness only where an entry attests. ERROR_INVALID.
int trust_policy_check(const struct trust_policy *policy, struct error *err)
    __attribute__((warn_unused_result));

// All borrowed.
struct trust_subject {
    const char *repository; // identity that signatures are to name
    const char *digest;
    const char *channel; // NULL: unknown
    const char *version; // of a Sync that follows a range: the statement must name it, written as
                         // semver_format does; NULL otherwise
    int64_t now_ms;      // wall clock
};

enum trust_reason {
    TRUST_MET = 0,
    TRUST_UNGOVERNED,          // no policy at all
    TRUST_DENIED,              // the digest is on a deny-list
    TRUST_POLICY_INVALID,      // trust_policy_check says no
    TRUST_UNVERIFIED,          // signatures are missing
    TRUST_CHANNEL_REQUIRED,    // an entry attests and no channel is known
    TRUST_CHANNEL_NOT_ALLOWED, // source.channels does not list it
    TRUST_NOT_ATTESTED,        // no release statement for the channel
    TRUST_SOURCE_NOT_ALLOWED,
    TRUST_ATTESTATION_REQUIRED, // of others: there is none of the type and signer
    TRUST_ATTESTATION_REFUSED,  // of others: its values are not as required
    TRUST_CLOCK_SKEW,           // the statement is more than a day ahead of this clock
    TRUST_APPROVAL_REQUIRED,    // all but signatures of entries that do not attest, beside one that
                                // does
    TRUST_STALE,
    TRUST_ROLLBACK_REFUSED, // of trust_floor_check
};
// As in conditions and events: "Unverified", "NotAttested", …; static.
const char *trust_reason_name(enum trust_reason reason);

// One row of the explanation.
struct trust_finding {
    char *policy;
    char *requirement; // "2 signatures of approvers (alice, bob, carol)"
    bool met;
    enum trust_reason reason; // TRUST_MET when met
    char *found;              // "alice"
    char *missing;            // "1 more of bob, carol"; "" when met
    char *action;             // what to do; "" when met
};

struct trust_verdict {
    bool met;
    bool stale_only; // everything but age is met: what runs goes on, nothing new is adopted
    enum trust_reason reason;
    char *message;          // for status: which requirement, what was found, what to do
    struct vec verified_by; // char *: "packager: ci-2026", the signers that counted
    struct vec findings;    // struct trust_finding
    bool attested;          // some policy has an attesting entry, and its statement was found
    int64_t sequence;       // the lowest that such policies adopted
    int64_t issued_at_ms;   // of that statement
    bool rollback_allowed;  // by every policy: no floor is held
    int64_t judge_again_ms; // when time alone may change the verdict (age, key windows); 0 = never
};
void trust_verdict_release(struct trust_verdict *verdict); // may be called twice
#define cleanup_trust_verdict __attribute__((cleanup(trust_verdict_release)))

// What will happen to the policy by time alone.
struct trust_outlook {
    bool reachable;        // as many signers as each entry asks for have keys that are valid now
    char *message;         // what runs out within the horizon, or is out of reach; NULL; owned
    int64_t look_again_ms; // wall time at which this changes; 0 = never
};
void trust_policy_outlook(const struct trust_policy *policy, int64_t now_ms, int64_t horizon_ms,
                          struct trust_outlook *ret_outlook);

// Judges; never fails. *ret_verdict is owned.
void trust_evaluate(const struct trust_policy *policies, size_t count,
                    const struct trust_subject *subject, const struct evidence_set *evidence,
                    struct trust_verdict *ret_verdict);
// For people: the findings as a table and below it what did not count. Where the table wraps at
// `width` (see columns_write), what to do stands below it, unwrapped. Why it is not met as a whole
// stands in the message. Owned.
char *trust_explain(const struct trust_verdict *verdict, const struct evidence_set *evidence,
                    size_t width);

// The highest sequence that was adopted, and its digest. sequence 0: none yet.
struct trust_floor {
    int64_t sequence;
    struct digest digest;
};
enum trust_floor_result {
    TRUST_FLOOR_RAISE,  // above the floor: store {sequence, digest} before the first apply
    TRUST_FLOOR_KEEP,   // the floor's own digest, or the one that this Sync adopted last
    TRUST_FLOOR_REFUSE, // TRUST_ROLLBACK_REFUSED; also another digest under the floor's sequence
};
// adopted_digest: what this Sync adopted last; NULL when there is none.
enum trust_floor_result trust_floor_check(const struct trust_floor *floor,
                                          const char *adopted_digest, int64_t sequence,
                                          const char *digest);
// The same in SemVer order, for a Sync that follows a range of versions. floor NULL: none yet.
enum trust_floor_result trust_floor_check_version(const struct semver *floor,
                                                  const char *floor_digest,
                                                  const char *adopted_digest,
                                                  const struct semver *version, const char *digest);

#endif
