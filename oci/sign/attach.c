#include "oci/sign/attach.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/repository.h"
#include "oci/sign/attach_internal.h"
#include "oci/sign/collect.h"
#include "oci/sign/key.h"
#include "oci/sign/keyless.h"
#include "oci/sign/sigstore_bundle.h"

#include <stdlib.h>
#include <string.h>

// One signing of one artifact.
struct signing {
    struct oci_repository *repository;
    const struct oci_descriptor *artifact;
    const struct sign_key *key; // or
    struct keyless *keyless;
    int64_t now_ms;
    struct evidence_set known; // by this key; a keyless signer's is new every time
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static json_t *bundle_annotations(const struct signing *signing, const char *predicate_type)
{
    char created[TIME_TEXT_SIZE];
    time_format(signing->now_ms, created);
    json_t *annotations = json_pack("{s:s, s:s, s:s}", "org.opencontainers.image.created", created,
                                    "dev.sigstore.bundle.content", "dsse-envelope",
                                    "dev.sigstore.bundle.predicateType", predicate_type);
    if (annotations == NULL)
        abort();
    return annotations;
}

static int put_referrer(struct signing *signing, const char *bundle, size_t size,
                        const char *predicate_type, struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    if (oci_put_blob(signing->repository, SIGSTORE_BUNDLE_TYPE, bundle, size, &layer, err) < 0)
        return -1;
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.config = oci_descriptor_of(OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, strlen(OCI_EMPTY_JSON));
    if (oci_put_blob(signing->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, strlen(OCI_EMPTY_JSON),
                     NULL, err) < 0)
        return -1;
    manifest.artifact_type = xstrdup(SIGSTORE_BUNDLE_TYPE);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    // A subject is media type, digest and size alone.
    manifest.subject->media_type = xstrdup(signing->artifact->media_type);
    manifest.subject->digest = signing->artifact->digest;
    manifest.subject->size = signing->artifact->size;
    manifest.annotations = bundle_annotations(signing, predicate_type);
    size_t manifest_size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &manifest_size);
    return oci_put_manifest(signing->repository, data, manifest_size, NULL, NULL, err);
}

static int make_bundle(const struct signing *signing, const char *statement, char **ret_bundle,
                       size_t *ret_size, struct error *err)
{
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    if (signing->keyless != NULL)
        return keyless_sign_statement(signing->keyless, statement, strlen(statement), ret_bundle,
                                      ret_size, err);
    if (dsse_sign(signing->key, DSSE_IN_TOTO, statement, strlen(statement), &envelope, err) < 0)
        return -1;
    *ret_bundle =
        sigstore_bundle_build(&envelope, verify_key_hint(sign_key_public(signing->key)), ret_size);
    return 0;
}

// Consumes statement.
static int attach_statement(struct signing *signing, char *statement, const char *predicate_type,
                            struct error *err)
{
    cleanup_free char *owned = statement;
    cleanup_free char *bundle = NULL;
    size_t size = 0;
    if (make_bundle(signing, owned, &bundle, &size, err) < 0)
        return -1;
    return put_referrer(signing, bundle, size, predicate_type, err);
}

static bool has_signature(const struct signing *signing, enum evidence_form form)
{
    const char *identity = oci_repository_identity(signing->repository);
    vec_foreach (struct evidence, item, &signing->known.items) {
        if (item->kind == STATEMENT_SIGN && item->form == form &&
            same_text(item->repository, identity))
            return true;
    }
    return false;
}

static bool has_provenance(const struct signing *signing, const struct provenance *wanted)
{
    vec_foreach (struct evidence, item, &signing->known.items) {
        const struct provenance *has = &item->statement.provenance;
        if (item->kind == STATEMENT_PROVENANCE && same_text(has->repository, wanted->repository) &&
            same_text(has->ref, wanted->ref) && same_text(has->commit, wanted->commit) &&
            same_text(has->path, wanted->path) && same_text(has->renderer, wanted->renderer) &&
            same_text(has->renderer_version, wanted->renderer_version) &&
            same_text(has->values_digest, wanted->values_digest))
            return true;
    }
    return false;
}

static bool has_release(const struct signing *signing, const struct release *wanted)
{
    const struct release *newest =
        evidence_newest_release(&signing->known, wanted->repository, wanted->channel);
    return newest != NULL && newest->sequence == wanted->sequence;
}

static int look(struct signing *signing, struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    key_list_add(&keys, sign_key_public(signing->key));
    return evidence_collect(signing->repository, signing->artifact->digest.text, &keys,
                            &signing->known, err);
}

static int attach_signatures(struct signing *signing, struct error *err)
{
    const char *identity = oci_repository_identity(signing->repository);
    if (signing->key != NULL && !has_signature(signing, EVIDENCE_SIMPLE) &&
        attach_simple(signing->repository, signing->artifact, signing->key, err) < 0)
        return -1;
    if (has_signature(signing, EVIDENCE_BUNDLE))
        return 0;
    return attach_statement(signing, statement_build_sign(identity, signing->artifact->digest.text),
                            STATEMENT_SIGN_TYPE, err);
}

static int attach_releases(struct signing *signing, const struct release *releases, size_t count,
                           struct error *err)
{
    const char *identity = oci_repository_identity(signing->repository);
    for (size_t i = 0; i < count; i++) {
        struct release release = releases[i];
        if (release.repository == NULL)
            release.repository = identity;
        if (has_release(signing, &release))
            continue;
        char *statement =
            statement_build_release(identity, signing->artifact->digest.text, &release);
        if (attach_statement(signing, statement, STATEMENT_RELEASE_TYPE, err) < 0)
            return -1;
    }
    return 0;
}

static int sign_all(struct signing *signing, const struct sign_request *request, struct error *err)
{
    if (!request->fresh && signing->key != NULL && look(signing, err) < 0)
        return -1;
    if (attach_signatures(signing, err) < 0)
        return -1;
    if (request->provenance != NULL && !has_provenance(signing, request->provenance) &&
        attach_statement(signing,
                         statement_build_provenance(oci_repository_identity(signing->repository),
                                                    signing->artifact->digest.text,
                                                    request->provenance),
                         STATEMENT_PROVENANCE_TYPE, err) < 0)
        return -1;
    return attach_releases(signing, request->releases, request->n_releases, err);
}

// Ends a batch that was begun here.
static int end_batch(struct signing *signing, bool own, int result, struct error *err)
{
    if (!own)
        return result;
    if (result == 0)
        return oci_batch_commit(signing->repository, err);
    oci_batch_abort(signing->repository);
    return result;
}

static bool begin_batch(struct signing *signing)
{
    if (oci_batch_is_open(signing->repository))
        return false;
    oci_batch_begin(signing->repository);
    return true;
}

static int sign_in_batch(struct signing *signing, const struct sign_request *request,
                         struct error *err)
{
    signing->now_ms = request->now_ms;
    evidence_set_init(&signing->known);
    bool own = begin_batch(signing);
    int result = end_batch(signing, own, sign_all(signing, request, err), err);
    evidence_set_release(&signing->known);
    if (result < 0)
        return error_wrap(err, "sign %s in %s", signing->artifact->digest.text,
                          oci_repository_identity(signing->repository));
    return 0;
}

int sign_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, const struct sign_request *request, struct error *err)
{
    struct signing signing = {.repository = repository, .artifact = artifact, .key = key};
    return sign_in_batch(&signing, request, err);
}

int sign_artifact_keyless(struct oci_repository *repository, const struct oci_descriptor *artifact,
                          struct keyless *keyless, const struct sign_request *request,
                          struct error *err)
{
    struct signing signing = {.repository = repository, .artifact = artifact, .keyless = keyless};
    return sign_in_batch(&signing, request, err);
}

static bool has_approval(const struct signing *signing, const struct approval *wanted)
{
    vec_foreach (struct evidence, item, &signing->known.items) {
        const struct approval *has = &item->statement.approval;
        if (item->kind == STATEMENT_APPROVAL && same_text(has->repository, wanted->repository) &&
            same_text(has->channel, wanted->channel))
            return true;
    }
    return false;
}

static int approve(struct signing *signing, const struct approval *wanted, bool *ret_new,
                   struct error *err)
{
    const char *identity = oci_repository_identity(signing->repository);
    struct approval approval = *wanted;
    if (approval.repository == NULL)
        approval.repository = identity;
    if (signing->key != NULL && look(signing, err) < 0)
        return -1;
    *ret_new = !has_approval(signing, &approval);
    if (!*ret_new)
        return 0;
    char *statement = statement_build_approval(identity, signing->artifact->digest.text, &approval);
    return attach_statement(signing, statement, STATEMENT_APPROVAL_TYPE, err);
}

static int approve_in_batch(struct signing *signing, const struct approval *approval, bool *ret_new,
                            struct error *err)
{
    signing->now_ms = approval->approved_at_ms;
    evidence_set_init(&signing->known);
    bool own = begin_batch(signing);
    int result = end_batch(signing, own, approve(signing, approval, ret_new, err), err);
    evidence_set_release(&signing->known);
    if (result < 0)
        return error_wrap(err, "approve %s in %s", signing->artifact->digest.text,
                          oci_repository_identity(signing->repository));
    return 0;
}

int approve_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                     const struct sign_key *key, const struct approval *approval, bool *ret_new,
                     struct error *err)
{
    struct signing signing = {.repository = repository, .artifact = artifact, .key = key};
    return approve_in_batch(&signing, approval, ret_new, err);
}

int approve_artifact_keyless(struct oci_repository *repository,
                             const struct oci_descriptor *artifact, struct keyless *keyless,
                             const struct approval *approval, struct error *err)
{
    struct signing signing = {.repository = repository, .artifact = artifact, .keyless = keyless};
    bool new = false;
    return approve_in_batch(&signing, approval, &new, err);
}

// Finds the manifests of releases that newer ones replace.
struct outdated {
    const char *identity;
    const struct release *releases;
    size_t n_releases;
    struct vec digests; // struct digest
};

static bool keep_outdated(struct evidence *item, void *arg)
{
    struct outdated *outdated = arg;
    const struct release *old = &item->statement.release;
    for (size_t i = 0; i < outdated->n_releases && item->kind == STATEMENT_RELEASE; i++) {
        const struct release *newer = &outdated->releases[i];
        const char *repository = newer->repository != NULL ? newer->repository : outdated->identity;
        if (strcmp(old->repository, repository) == 0 && strcmp(old->channel, newer->channel) == 0 &&
            old->sequence < newer->sequence)
            *(struct digest *)vec_push(&outdated->digests) = item->manifest;
    }
    evidence_release(item);
    return true;
}

static int delete_outdated(struct signing *signing, const struct release *releases, size_t count,
                           struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    struct evidence_set notes;
    struct outdated outdated = {.identity = oci_repository_identity(signing->repository),
                                .releases = releases,
                                .n_releases = count,
                                .digests = VEC_OF(struct digest, NULL)};
    evidence_set_init(&notes);
    key_list_add(&keys, sign_key_public(signing->key));
    int result = evidence_walk(signing->repository, signing->artifact->digest.text, &keys, &notes,
                               keep_outdated, &outdated, err);
    vec_foreach (struct digest, digest, &outdated.digests) {
        cleanup_error struct error cause = {0};
        if (result == 0 && oci_delete_manifest(signing->repository, digest->text, &cause) < 0 &&
            cause.code == ERROR_CANCELED)
            result = error_move(err, &cause);
    }
    vec_free(&outdated.digests);
    evidence_set_release(&notes);
    return result;
}

static int renew(struct signing *signing, const struct release *releases, size_t count,
                 struct error *err)
{
    evidence_set_init(&signing->known);
    bool own = begin_batch(signing);
    int result = end_batch(signing, own, attach_releases(signing, releases, count, err), err);
    evidence_set_release(&signing->known);
    if (result == 0 && signing->key != NULL)
        result = delete_outdated(signing, releases, count, err);
    if (result < 0)
        return error_wrap(err, "renew the release of %s in %s", signing->artifact->digest.text,
                          oci_repository_identity(signing->repository));
    return 0;
}

int release_renew(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, const struct release *releases, size_t n_releases,
                  int64_t now_ms, struct error *err)
{
    struct signing signing = {
        .repository = repository, .artifact = artifact, .key = key, .now_ms = now_ms};
    return renew(&signing, releases, n_releases, err);
}

int release_attach_keyless(struct oci_repository *repository, const struct oci_descriptor *artifact,
                           struct keyless *keyless, const struct release *releases,
                           size_t n_releases, int64_t now_ms, struct error *err)
{
    struct signing signing = {
        .repository = repository, .artifact = artifact, .keyless = keyless, .now_ms = now_ms};
    return renew(&signing, releases, n_releases, err);
}
