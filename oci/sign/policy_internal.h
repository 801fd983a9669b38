// What the files that judge a policy share.
#ifndef OCI_SIGN_POLICY_INTERNAL_H
#define OCI_SIGN_POLICY_INTERNAL_H

#include "oci/sign/policy.h"

// The judgement of one policy. All but the verdict is borrowed.
struct trial {
    const struct trust_policy *policy;
    const struct trust_policy *policies; // all that are judged together: what one denies, all do
    size_t n_policies;
    const struct trust_subject *subject;
    const struct evidence_set *evidence;
    const struct trust_entry *attesting; // NULL: none
    struct trust_verdict *verdict;
};

// The listed key with this fingerprint that is valid now; NULL when there is none.
const struct trust_key *trial_key(const struct trial *trial, const struct trust_entry *entry,
                                  const struct digest *signer);

// The listed identity that the certificate behind the evidence matches; NULL when there is none.
const struct trust_identity *trial_identity(const struct trial *trial,
                                            const struct trust_entry *entry,
                                            const struct evidence *item);
// Whether a Notation signature was accepted by the entry's trust; whether that holds now.
bool trial_trusts_notation(const struct trust_entry *entry, const struct evidence *item);
bool trial_is_within(const struct trial *trial, const struct evidence *item);
// Whether a keyless signer's certificate says nothing against the policy's source.
bool trial_claims_agree(const struct trial *trial, const struct evidence *item);
// Whether what names this repository was said of the artifact: of its own, or of the one that it is
// a mirror of.
bool trial_is_repository(const struct trial *trial, const char *named);
// As whom the entry lists the signer: a key's name or a subject, borrowed. NULL when it does not
// count for the entry.
const char *trial_name(const struct trial *trial, const struct trust_entry *entry,
                       const struct evidence *item);

// Adds a finding; the texts are consumed. missing NULL means that it is met.
void trial_report(struct trial *trial, enum trust_reason reason, char *requirement, char *found,
                  char *missing, char *action);
// Time alone may change the verdict then.
void trial_judge_again(struct trial *trial, int64_t wall_ms);

// Signatures of all entries (policy_signers.c).
void trial_judge_signers(struct trial *trial);
// Which of all signers each piece of evidence is by: for the index of the evidence a number below
// their count, where the policy's root or a listed key vouches for it. ret_signers has room for
// all.
void trial_tell_signers(const struct trial *trial, size_t *ret_signers);
// Channel, age and source of the attesting entry (policy_attest.c).
void trial_judge_attestations(struct trial *trial);

// What others attest (policy_others.c).
void trial_judge_others(struct trial *trial);
// Digests that no policy lets in (policy_deny.c).
void trial_judge_denied(struct trial *trial);

void trust_entry_init(struct trust_entry *entry, const char *name, unsigned threshold);
void trust_entry_release(void *entry);
void trust_attestation_release(void *attestation);
void trust_deny_init(struct trust_deny *deny);
void trust_deny_release(struct trust_deny *deny);
// Whether enough signers are listed for its threshold. ERROR_INVALID.
int trust_entry_check(const struct trust_entry *entry, struct error *err)
    __attribute__((warn_unused_result));

// A verdict without findings.
struct trust_verdict trust_verdict_empty(void);
// What all findings come to: met, reason and message.
void trust_verdict_conclude(struct trust_verdict *verdict);

// "a, b, c" of char *, or `none` when empty. Owned.
char *trial_join(const struct vec *names, const char *none);

#endif
