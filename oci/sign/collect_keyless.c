// Signatures made with a certificate: by a listed key that has one, or by an identity that a policy
// lists and its trusted root vouches for.
#include "oci/sign/collect_internal.h"

#include "base/glob.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <string.h>

static bool entry_lists(const struct trust_entry *entry, const struct certificate *certificate)
{
    vec_foreach (const struct trust_identity, identity, &entry->identities) {
        if (strcmp(identity->issuer, certificate->issuer) == 0 &&
            glob_match(identity->subject, certificate->subject))
            return true;
    }
    return false;
}

static bool lists(const struct trust_policy *policy, const struct certificate *certificate)
{
    if (policy->root == NULL || certificate->issuer == NULL)
        return false;
    vec_foreach (const struct trust_entry, entry, &policy->entries) {
        if (entry_lists(entry, certificate))
            return true;
    }
    vec_foreach (const struct trust_attestation, wanted, &policy->attestations) {
        if (entry_lists(&wanted->signers, certificate))
            return true;
    }
    return false;
}

// root NULL: it is a listed key's.
static void emit(struct collection *collection, const struct evidence *like,
                 const struct certificate *certificate, const struct trusted_root *root)
{
    struct evidence item = *like;
    item.signer = *verify_key_fingerprint(certificate->key);
    item.statement.root = like->statement.root != NULL ? jval_ref(like->statement.root) : NULL;
    item.repository = xstrdup_or_null(like->repository);
    item.certificate_serial = xstrdup(certificate->serial);
    item.certificate_issuer = xstrdup(certificate->issuer_name);
    if (root != NULL) {
        const char *const *claims = (const char *const *)certificate->claims;
        const char *repository = claims[CLAIM_SOURCE_REPOSITORY_URI];
        const char *ref = claims[CLAIM_SOURCE_REPOSITORY_REF];
        item.subject = xstrdup(certificate->subject);
        item.issuer = xstrdup(certificate->issuer);
        item.source_repository = xstrdup_or_null(repository);
        item.source_ref = xstrdup_or_null(ref != NULL ? ref : claims[CLAIM_REF_OLD]);
        item.root = root->digest;
    }
    collection->ended = !collection->keep(&item, collection->arg);
}

static int check_listed_key(const struct collection *collection,
                            const struct sigstore_bundle *bundle, const struct signed_data *data,
                            const struct certificate *certificate, struct error *err)
{
    const struct verify_key *key =
        collect_key(collection, verify_key_fingerprint(certificate->key)->text);
    if (key == NULL)
        return error_set(err, ERROR_UNVERIFIED, "by %s (%s), which is not listed",
                         certificate->subject,
                         certificate->issuer != NULL ? certificate->issuer : "no issuer");
    if (bundle->content == SIGSTORE_DSSE)
        return dsse_verify(&bundle->dsse, key, err);
    return verify_key_check(key, data->data, data->size, bundle->signature.data,
                            bundle->signature.size, err);
}

// Several policies may have the same root.
static bool is_first_with_root(const struct collection *collection, size_t index)
{
    const struct trust_policy *policies = collection->policies;
    for (size_t i = 0; i < index; i++)
        if (policies[i].root != NULL &&
            strcmp(policies[i].root->digest.text, policies[index].root->digest.text) == 0)
            return false;
    return true;
}

// Whether any policy with the root of the one at `index` lists the signer.
static bool is_listed_under(const struct collection *collection, size_t index,
                            const struct certificate *certificate)
{
    const struct trust_policy *policies = collection->policies;
    for (size_t i = index; i < collection->n_policies; i++)
        if (policies[i].root != NULL &&
            strcmp(policies[i].root->digest.text, policies[index].root->digest.text) == 0 &&
            lists(&policies[i], certificate))
            return true;
    return false;
}

int collect_certificate(struct collection *collection, const struct sigstore_bundle *bundle,
                        const struct signed_data *data, const struct evidence *like,
                        struct error *err)
{
    cleanup_certificate struct certificate *certificate = NULL;
    bool found = false;
    if (certificate_parse(bundle->certificate.data, bundle->certificate.size, &certificate, err) <
        0)
        return -1;
    if (check_listed_key(collection, bundle, data, certificate, err) == 0) {
        emit(collection, like, certificate, NULL);
        found = true;
    }
    for (size_t i = 0; i < collection->n_policies && !collection->ended; i++) {
        const struct trusted_root *root = collection->policies[i].root;
        cleanup_certificate struct certificate *signer = NULL;
        if (root == NULL || !is_first_with_root(collection, i) ||
            !is_listed_under(collection, i, certificate))
            continue;
        if (sigstore_verify_keyless(bundle, root, data, &signer, err) < 0) {
            error_wrap(err, "by %s", certificate->subject);
            continue;
        }
        emit(collection, like, signer, root);
        found = true;
    }
    return found ? 0 : -1;
}
