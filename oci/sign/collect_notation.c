// Notation signatures: judged once by each trust that the policies have.
#include "oci/sign/collect_internal.h"

#include "base/memory.h"
#include "oci/repository.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_trust.h"
#include "oci/sign/notation_verify.h"
#include "oci/sign/policy.h"

#include <stdlib.h>
#include <string.h>

bool collect_wants_notation(const struct collection *collection)
{
    for (size_t i = 0; i < collection->n_policies; i++)
        vec_foreach (const struct trust_entry, entry, &collection->policies[i].entries)
            if (entry->notation != NULL)
                return true;
    return false;
}

// The distinct trusts of all policies: vec of const struct notation_trust *.
static void list_trusts(const struct collection *collection, struct vec *trusts)
{
    for (size_t i = 0; i < collection->n_policies; i++)
        vec_foreach (const struct trust_entry, entry, &collection->policies[i].entries) {
            bool known = entry->notation == NULL;
            for (size_t j = 0; j < trusts->len && !known; j++)
                known = strcmp((*(const struct notation_trust **)vec_at(trusts, j))->digest.text,
                               entry->notation->digest.text) == 0;
            if (!known)
                *(const struct notation_trust **)vec_push(trusts) = entry->notation;
        }
}

// The signature is over media type and size, too; what a referrer says of its subject is nobody's
// word.
static int describe_artifact(struct collection *collection, struct notation_target *ret_target,
                             struct error *err)
{
    struct oci_descriptor *artifact = &collection->artifact;
    if (artifact->media_type == NULL) {
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        cleanup_free char *data = NULL;
        size_t size = 0;
        if (oci_get_manifest(collection->repository, collection->digest, &data, &size, &manifest,
                             err) < 0)
            return -1;
        *artifact = oci_descriptor_of(manifest.media_type, data, size);
    }
    *ret_target = (struct notation_target){
        .media_type = artifact->media_type, .digest = artifact->digest, .size = artifact->size};
    return 0;
}

// Consumes the outcome's parts.
static void emit(struct collection *collection, const struct digest *manifest,
                 const struct notation_trust *trust, X509 *certificate,
                 struct notation_outcome *outcome)
{
    struct evidence item = {
        .form = EVIDENCE_NOTATION,
        .signer = *verify_key_fingerprint(outcome->key),
        .issuer = xstrdup(NOTATION_ISSUER),
        .certificate_issuer = certificate_issuer_of(certificate),
        .certificate_serial = certificate_serial_of(certificate),
        .root = trust->digest,
        .from_ms = outcome->window.from_ms,
        .until_ms = outcome->window.until_ms,
        .limit = outcome->window.limit,
        .kind = STATEMENT_SIGN,
        .manifest = *manifest,
    };
    vec_foreach (char *, warning, &outcome->warnings)
        evidence_note(collection->notes, "Notation signature by \"%s\" counts, but %s",
                      outcome->subject, *warning);
    item.subject = STEAL(outcome->subject);
    collection->ended = !collection->keep(&item, collection->arg);
}

static int judge(struct collection *collection, const struct digest *manifest,
                 const struct notation_envelope *envelope, struct error *err)
{
    cleanup_vec struct vec trusts = VEC_OF(const struct notation_trust *, NULL);
    bool found = false;
    list_trusts(collection, &trusts);
    for (size_t i = 0; i < trusts.len && !collection->ended; i++) {
        const struct notation_trust *trust = *(const struct notation_trust **)vec_at(&trusts, i);
        cleanup_notation_outcome struct notation_outcome outcome = {0};
        if (notation_verify(envelope, trust, &outcome, err) < 0)
            continue;
        emit(collection, manifest, trust, notation_certificate(&envelope->chain, 0), &outcome);
        found = true;
    }
    if (found)
        error_release(err);
    return found ? 0 : -1;
}

int collect_notation(struct collection *collection, const struct digest *manifest,
                     const char *media_type, const char *data, size_t size, struct error *err)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    struct notation_target artifact;
    if (notation_envelope_parse(media_type, data, size, &envelope, err) < 0)
        return error_wrap(err, "Notation signature");
    cleanup_free char *subject = notation_subject(notation_certificate(&envelope.chain, 0));
    if (notation_verify_integrity(&envelope, err) < 0 ||
        describe_artifact(collection, &artifact, err) < 0 ||
        notation_verify_target(&envelope, &artifact, err) < 0 ||
        judge(collection, manifest, &envelope, err) < 0)
        return error_wrap(err, "Notation signature that names \"%.300s\"", subject);
    return 0;
}
