#include "oci/sign/notation_verify.h"

#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_name.h"
#include "oci/sign/notation_trust.h"

#include <openssl/x509.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct judging {
    const struct notation_envelope *envelope;
    const struct notation_trust *trust;
    struct notation_outcome *outcome;
};

void notation_outcome_release(struct notation_outcome *outcome)
{
    free(STEAL(outcome->subject));
    verify_key_unref(STEAL(outcome->key));
    vec_free(&outcome->warnings);
}

int notation_verify_integrity(const struct notation_envelope *envelope, struct error *err)
{
    if (notation_envelope_verify(envelope, err) < 0)
        return -1;
    return notation_chain_check(&envelope->chain, NOTATION_FOR_CODE, err);
}

int notation_verify_target(const struct notation_envelope *envelope,
                           const struct notation_target *artifact, struct error *err)
{
    const struct notation_target *target = &envelope->target;
    if (strcmp(target->digest.text, artifact->digest.text) != 0)
        return error_set(err, ERROR_UNVERIFIED, "a signature for another artifact, %s",
                         target->digest.text);
    if (target->size != artifact->size || strcmp(target->media_type, artifact->media_type) != 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "a signature for %s as a %.100s of %lld bytes; it is a %.100s of %lld",
                         target->digest.text, target->media_type, (long long)target->size,
                         artifact->media_type, (long long)artifact->size);
    return 0;
}

// Whether a certificate of the chain is in a store of the type that goes with the scheme.
static int check_anchor(const struct judging *judging, struct error *err)
{
    const struct vec *chain = &judging->envelope->chain;
    enum notation_store_type type =
        judging->envelope->scheme == NOTATION_X509 ? NOTATION_CA : NOTATION_AUTHORITY;
    bool any = false;
    vec_foreach (const struct notation_store, store, &judging->trust->stores) {
        if (store->type != type)
            continue;
        any = true;
        for (size_t i = 0; i < chain->len * store->certificates.len; i++)
            if (X509_cmp(notation_certificate(chain, i % chain->len),
                         notation_certificate(&store->certificates, i / chain->len)) == 0)
                return 0;
    }
    if (!any)
        return error_set(err, ERROR_UNVERIFIED,
                         "the policy names no trust store of type %s, which this signature needs",
                         notation_store_type_name(type));
    return error_set(err, ERROR_UNVERIFIED,
                     "\"%.300s\" is certified by nobody in the policy's trust stores of type %s",
                     judging->outcome->subject, notation_store_type_name(type));
}

static int check_authenticity(const struct judging *judging, struct error *err)
{
    const struct notation_trust *trust = judging->trust;
    if (check_anchor(judging, err) < 0)
        return -1;
    if (trust->anybody)
        return 0;
    vec_foreach (const struct notation_name, name, &trust->identities)
        if (notation_name_matches(name, notation_certificate(&judging->envelope->chain, 0)))
            return 0;
    return error_set(err, ERROR_UNVERIFIED, "\"%.300s\" is none of the policy's trusted identities",
                     judging->outcome->subject);
}

static int check_expiry(const struct judging *judging, struct error *err)
{
    char until[TIME_TEXT_SIZE];
    if (judging->envelope->expires_ms == 0)
        return 0;
    if (judging->trust->actions[NOTATION_EXPIRY] == NOTATION_ENFORCE) {
        notation_window_narrow(&judging->outcome->window, 0, judging->envelope->expires_ms - 1,
                               "its expiry");
        return 0;
    }
    time_format(judging->envelope->expires_ms, until);
    return error_set(err, ERROR_UNVERIFIED, "it may be used until %s, which is not enforced",
                     until);
}

static struct vec tsa_roots(const struct notation_trust *trust)
{
    struct vec roots = VEC_OF(X509 *, NULL);
    vec_foreach (const struct notation_store, store, &trust->stores)
        for (size_t i = 0; i < store->certificates.len && store->type == NOTATION_TSA; i++)
            *(X509 **)vec_push(&roots) = notation_certificate(&store->certificates, i);
    return roots;
}

// Whether the signature existed while all its certificates were valid.
static int check_stamp(const struct judging *judging, const struct vec *roots, int64_t from_ms,
                       int64_t until_ms, struct error *err)
{
    const struct notation_envelope *envelope = judging->envelope;
    cleanup_vec struct vec chain = NOTATION_CHAIN;
    struct notation_window lists = {0};
    int64_t earliest_ms;
    int64_t latest_ms;
    if (envelope->timestamp.size == 0)
        return error_set(err, ERROR_UNVERIFIED, "it has no timestamp, which the policy asks for");
    if (notation_stamp_verify(&envelope->timestamp, &envelope->signature, roots, &earliest_ms,
                              &latest_ms, &chain, err) < 0)
        return -1;
    if (earliest_ms < from_ms || latest_ms > until_ms)
        return error_set(err, ERROR_UNVERIFIED,
                         "its timestamp is from a time when its certificates were not valid");
    if (judging->trust->actions[NOTATION_REVOCATION] != NOTATION_ENFORCE)
        return 0;
    if (notation_revocation_check(&chain, &judging->trust->crls, 0, &lists, err) < 0)
        return error_wrap(err, "the timestamp's authority");
    notation_window_narrow(&judging->outcome->window, lists.from_ms, lists.until_ms, lists.limit);
    return 0;
}

static int check_timestamp(const struct judging *judging, struct error *err)
{
    const struct notation_envelope *envelope = judging->envelope;
    int64_t from_ms;
    int64_t until_ms;
    if (notation_chain_window(&envelope->chain, &from_ms, &until_ms, err) < 0)
        return -1;
    if (envelope->scheme == NOTATION_SIGNING_AUTHORITY) {
        if (envelope->signed_ms >= from_ms && envelope->signed_ms <= until_ms)
            return 0;
        return error_set(err, ERROR_UNVERIFIED,
                         "its certificates were not valid when the authority says it was signed");
    }
    cleanup_vec struct vec roots = tsa_roots(judging->trust);
    // What has a good timestamp outlives its certificates. Whether they have expired need not be
    // known for that.
    if (roots.len > 0) {
        int result = check_stamp(judging, &roots, from_ms, until_ms, err);
        if (result == 0 || !judging->trust->stamp_after_expiry)
            return result;
        error_release(err);
    }
    if (judging->trust->actions[NOTATION_TIMESTAMP] == NOTATION_ENFORCE)
        notation_window_narrow(&judging->outcome->window, from_ms, until_ms,
                               "the validity of its certificates");
    return 0;
}

static int check_revocation(const struct judging *judging, struct error *err)
{
    const struct notation_envelope *envelope = judging->envelope;
    struct notation_window lists = {0};
    bool authority = envelope->scheme == NOTATION_SIGNING_AUTHORITY;
    if (notation_revocation_check(&envelope->chain, &judging->trust->crls,
                                  authority ? envelope->signed_ms : 0, &lists, err) < 0)
        return -1;
    if (judging->trust->actions[NOTATION_REVOCATION] == NOTATION_ENFORCE)
        notation_window_narrow(&judging->outcome->window, lists.from_ms, lists.until_ms,
                               lists.limit);
    return 0;
}

static int check(const struct judging *judging, enum notation_check which, struct error *err)
{
    switch (which) {
    case NOTATION_AUTHENTICITY:
        return check_authenticity(judging, err);
    case NOTATION_TIMESTAMP:
        return check_timestamp(judging, err);
    case NOTATION_EXPIRY:
        return check_expiry(judging, err);
    case NOTATION_REVOCATION:
    case NOTATION_CHECKS:
        break;
    }
    return check_revocation(judging, err);
}

static int judge(const struct judging *judging, struct error *err)
{
    for (unsigned i = 0; i < NOTATION_CHECKS; i++) {
        enum notation_check which = (enum notation_check)i;
        enum notation_action action = judging->trust->actions[which];
        cleanup_error struct error cause = {0};
        if (action == NOTATION_SKIP || check(judging, which, &cause) == 0)
            continue;
        error_wrap(&cause, "%s", notation_check_name(which));
        if (action == NOTATION_ENFORCE)
            return error_move(err, &cause);
        vec_push_string(&judging->outcome->warnings, error_message(&cause));
    }
    return 0;
}

int notation_verify(const struct notation_envelope *envelope, const struct notation_trust *trust,
                    struct notation_outcome *ret_outcome, struct error *err)
{
    cleanup_notation_outcome struct notation_outcome outcome = {
        .subject = notation_subject(notation_certificate(&envelope->chain, 0)),
        .warnings = VEC_OF(char *, vec_release_string),
    };
    const struct judging judging = {.envelope = envelope, .trust = trust, .outcome = &outcome};
    if (verify_key_of_certificate(notation_certificate(&envelope->chain, 0),
                                  "the key of its certificate", &outcome.key, err) < 0 ||
        judge(&judging, err) < 0)
        return -1;
    *ret_outcome = outcome;
    outcome = (struct notation_outcome){0};
    return 0;
}
