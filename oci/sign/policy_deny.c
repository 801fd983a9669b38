// Deny-lists: what counts nowhere, whoever lists it. They are looked at across all policies that
// are judged together, so that a key that one of them denies is no signer of another's, nor of a
// Sync's own.
#include "oci/sign/policy_internal.h"

#include "base/glob.h"
#include "base/memory.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

static void release_key(void *element)
{
    struct trust_denied_key *key = element;
    free(key->name);
    free(key->fingerprint);
    free(key->reason);
}

static void release_certificate(void *element)
{
    struct trust_denied_certificate *certificate = element;
    free(certificate->serial);
    free(certificate->issuer);
    free(certificate->reason);
}

static void release_identity(void *element)
{
    struct trust_denied_identity *denied = element;
    free(denied->identity.issuer);
    free(denied->identity.subject);
    free(denied->reason);
}

static void release_digest(void *element)
{
    struct trust_denied_digest *denied = element;
    free(denied->digest);
    free(denied->reason);
}

void trust_deny_init(struct trust_deny *deny)
{
    *deny = (struct trust_deny){
        .keys = VEC_OF(struct trust_denied_key, release_key),
        .certificates = VEC_OF(struct trust_denied_certificate, release_certificate),
        .identities = VEC_OF(struct trust_denied_identity, release_identity),
        .digests = VEC_OF(struct trust_denied_digest, release_digest),
    };
}

void trust_deny_release(struct trust_deny *deny)
{
    vec_free(&deny->keys);
    vec_free(&deny->certificates);
    vec_free(&deny->identities);
    vec_free(&deny->digests);
}

int trust_deny_key(struct trust_policy *policy, const char *name, const char *fingerprint,
                   const char *reason, struct error *err)
{
    if (name == NULL && fingerprint == NULL)
        return error_set(err, ERROR_INVALID, "a denied key has neither name nor fingerprint");
    if (fingerprint != NULL && !digest_is_valid(fingerprint))
        return error_set(err, ERROR_INVALID,
                         "the fingerprint of a denied key, \"%.80s\", is not sha256: and 64 "
                         "lower-case hex digits",
                         fingerprint);
    struct trust_denied_key *key = vec_push(&policy->deny.keys);
    key->name = xstrdup_or_null(name);
    key->fingerprint = xstrdup_or_null(fingerprint);
    key->reason = xstrdup(reason != NULL ? reason : "");
    return 0;
}

int trust_deny_certificate(struct trust_policy *policy, const char *serial, const char *issuer,
                           const char *reason, struct error *err)
{
    char *plain = certificate_serial_text(serial);
    if (plain == NULL)
        return error_set(err, ERROR_INVALID,
                         "the serial number of a denied certificate, \"%.80s\", is not made of hex "
                         "digits",
                         serial);
    struct trust_denied_certificate *certificate = vec_push(&policy->deny.certificates);
    certificate->serial = plain;
    certificate->issuer = issuer != NULL ? certificate_name_text(issuer) : NULL;
    certificate->reason = xstrdup(reason != NULL ? reason : "");
    return 0;
}

void trust_deny_identity(struct trust_policy *policy, const char *issuer, const char *subject,
                         const char *reason)
{
    struct trust_denied_identity *denied = vec_push(&policy->deny.identities);
    denied->identity.issuer = xstrdup(issuer);
    denied->identity.subject = xstrdup(subject);
    denied->reason = xstrdup(reason != NULL ? reason : "");
}

int trust_deny_digest(struct trust_policy *policy, const char *digest, const char *reason,
                      struct error *err)
{
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID,
                         "a denied digest, \"%.80s\", is not sha256: and 64 lower-case hex digits",
                         digest);
    struct trust_denied_digest *denied = vec_push(&policy->deny.digests);
    denied->digest = xstrdup(digest);
    denied->reason = xstrdup(reason != NULL ? reason : "");
    return 0;
}

static bool lists_as(const struct trust_entry *entry, const char *name, const struct digest *signer)
{
    vec_foreach (const struct trust_key, key, &entry->keys) {
        if (strcmp(key->name, name) == 0 &&
            strcmp(verify_key_fingerprint(key->key)->text, signer->text) == 0)
            return true;
    }
    return false;
}

// Whether any policy lists the signer under that name.
static bool is_known_as(const struct trust_policy *policies, size_t n, const char *name,
                        const struct digest *signer)
{
    for (size_t i = 0; i < n; i++) {
        vec_foreach (const struct trust_entry, entry, &policies[i].entries) {
            if (lists_as(entry, name, signer))
                return true;
        }
        vec_foreach (const struct trust_attestation, wanted, &policies[i].attestations) {
            if (lists_as(&wanted->signers, name, signer))
                return true;
        }
    }
    return false;
}

static const char *denied_key(const struct trust_policy *policies, size_t n,
                              const struct trust_deny *deny, const struct evidence *item)
{
    vec_foreach (const struct trust_denied_key, key, &deny->keys) {
        if (key->fingerprint != NULL && strcmp(key->fingerprint, item->signer.text) == 0)
            return key->reason;
        if (key->name != NULL && is_known_as(policies, n, key->name, &item->signer))
            return key->reason;
    }
    return NULL;
}

// An authority that is not known may be the one that is meant.
static const char *denied_certificate(const struct trust_deny *deny, const struct evidence *item)
{
    if (item->certificate_serial == NULL)
        return NULL;
    vec_foreach (const struct trust_denied_certificate, certificate, &deny->certificates) {
        if (strcmp(certificate->serial, item->certificate_serial) == 0 &&
            (certificate->issuer == NULL || item->certificate_issuer == NULL ||
             strcmp(certificate->issuer, item->certificate_issuer) == 0))
            return certificate->reason;
    }
    return NULL;
}

static const char *denied_identity(const struct trust_deny *deny, const struct evidence *item)
{
    if (item->subject == NULL || item->issuer == NULL)
        return NULL;
    vec_foreach (const struct trust_denied_identity, denied, &deny->identities) {
        if (strcmp(denied->identity.issuer, item->issuer) == 0 &&
            glob_match(denied->identity.subject, item->subject))
            return denied->reason;
    }
    return NULL;
}

const char *trust_denied_signer(const struct trust_policy *policies, size_t n,
                                const struct evidence *item)
{
    for (size_t i = 0; i < n; i++) {
        const struct trust_deny *deny = &policies[i].deny;
        const char *reason = denied_key(policies, n, deny, item);
        if (reason == NULL)
            reason = denied_certificate(deny, item);
        if (reason == NULL)
            reason = denied_identity(deny, item);
        if (reason != NULL)
            return reason;
    }
    return NULL;
}

const char *trust_denied_digest(const struct trust_policy *policies, size_t n, const char *digest)
{
    for (size_t i = 0; i < n; i++) {
        vec_foreach (const struct trust_denied_digest, denied, &policies[i].deny.digests) {
            if (strcmp(denied->digest, digest) == 0)
                return denied->reason;
        }
    }
    return NULL;
}

void trial_judge_denied(struct trial *trial)
{
    if (trial->policy->deny.digests.len == 0)
        return;
    const char *digest = trial->subject->digest;
    const char *reason = trust_denied_digest(trial->policy, 1, digest);
    bool why = reason != NULL && *reason != '\0';
    trial_report(trial, TRUST_DENIED, xstrdup("a digest that is not denied"),
                 xasprintf("%s%s%s", digest, why ? ", denied: " : "", why ? reason : ""),
                 reason != NULL ? xstrdup("another artifact") : NULL,
                 xstrdup("release a corrected one; no signature lets in what deny.digests lists"));
}
