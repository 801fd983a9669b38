// Notation signatures: judged once by each trust that the policies have.
#include "oci/sign/collect_internal.h"

#include "base/encoding.h"
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

// What is judged.
struct signature {
    const struct notation_envelope *envelope;
    const struct digest *manifest;
    const char *media_type; // static
    const char *text;       // base64
};

// Consumes the outcome's parts.
static void emit(struct collection *collection, const struct signature *signature,
                 const struct notation_trust *trust, struct notation_outcome *outcome)
{
    X509 *certificate = notation_certificate(&signature->envelope->chain, 0);
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
        .manifest = *signature->manifest,
        .media_type = signature->media_type,
        .envelope = xstrdup(signature->text),
    };
    vec_foreach (char *, warning, &outcome->warnings)
        evidence_note(collection->notes, "Notation signature by \"%s\" counts, but %s",
                      outcome->subject, *warning);
    item.subject = STEAL(outcome->subject);
    collection->ended = !collection->keep(&item, collection->arg);
}

static int judge(struct collection *collection, const struct signature *signature,
                 struct error *err)
{
    cleanup_vec struct vec trusts = VEC_OF(const struct notation_trust *, NULL);
    bool found = false;
    list_trusts(collection, &trusts);
    for (size_t i = 0; i < trusts.len && !collection->ended; i++) {
        const struct notation_trust *trust = *(const struct notation_trust **)vec_at(&trusts, i);
        cleanup_notation_outcome struct notation_outcome outcome = {0};
        if (notation_verify(signature->envelope, trust, &outcome, err) < 0)
            continue;
        emit(collection, signature, trust, &outcome);
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
    cleanup_free char *text = base64_encode(data, size);
    bool cose = strcmp(media_type, NOTATION_COSE_MEDIA) == 0;
    const struct signature signature = {.envelope = &envelope,
                                        .manifest = manifest,
                                        .media_type =
                                            cose ? NOTATION_COSE_MEDIA : NOTATION_JWS_MEDIA,
                                        .text = text};
    if (notation_verify_integrity(&envelope, err) < 0 ||
        describe_artifact(collection, &artifact, err) < 0 ||
        notation_verify_target(&envelope, &artifact, err) < 0 ||
        judge(collection, &signature, err) < 0)
        return error_wrap(err, "Notation signature that names \"%.300s\"", subject);
    return 0;
}

// One that was whole when it was kept; that it is of this size and media type was seen then.
static void renew_one(struct collection *collection, const struct evidence *kept)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    cleanup_bytes struct bytes data = {0};
    const struct signature signature = {.envelope = &envelope,
                                        .manifest = &kept->manifest,
                                        .media_type = kept->media_type,
                                        .text = kept->envelope};
    cleanup_error struct error err = {0};
    if (base64_decode(kept->envelope, strlen(kept->envelope), &data.data, &data.size, &err) < 0 ||
        notation_envelope_parse(kept->media_type, data.data, data.size, &envelope, &err) < 0 ||
        notation_verify_integrity(&envelope, &err) < 0 ||
        strcmp(envelope.target.digest.text, collection->digest) != 0 ||
        judge(collection, &signature, &err) < 0)
        evidence_note(collection->notes, "Notation signature that was kept: %s",
                      err.code != ERROR_NONE ? error_message(&err) : "it is for another artifact");
}

static bool came_before(const struct vec *items, size_t index)
{
    const struct evidence *item = vec_at(items, index);
    for (size_t i = 0; i < index; i++) {
        const struct evidence *other = vec_at(items, i);
        if (other->form == EVIDENCE_NOTATION && strcmp(other->envelope, item->envelope) == 0)
            return true;
    }
    return false;
}

static bool keep(struct evidence *item, void *arg)
{
    *(struct evidence *)vec_push(arg) = *item;
    return true;
}

void evidence_renew_notation(struct evidence_set *set, const char *digest,
                             const struct trust_policy *policies, size_t count)
{
    cleanup_vec struct vec renewed = VEC_OF(struct evidence, evidence_release);
    struct collection collection = {.digest = digest,
                                    .policies = policies,
                                    .n_policies = count,
                                    .notes = set,
                                    .keep = keep,
                                    .arg = &renewed};
    for (size_t i = 0; i < set->items.len; i++) {
        const struct evidence *item = vec_at(&set->items, i);
        if (item->form == EVIDENCE_NOTATION && !came_before(&set->items, i))
            renew_one(&collection, item);
    }
    for (size_t i = set->items.len; i > 0; i--)
        if (((const struct evidence *)vec_at(&set->items, i - 1))->form == EVIDENCE_NOTATION)
            vec_remove(&set->items, i - 1);
    vec_foreach (struct evidence, item, &renewed)
        *(struct evidence *)vec_push(&set->items) = *item;
    // Its elements have moved.
    renewed.len = 0;
}
