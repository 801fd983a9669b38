// The order is that of registries: blobs, children of an index, the manifest, what refers to it,
// and the tags at the very end, so that whoever follows a tag finds the signatures, too.
#include "oci/copy.h"

#include "base/memory.h"
#include "oci/repository_internal.h"
#include "oci/sign/attach.h"

#include <stdlib.h>
#include <string.h>

static const size_t default_blob_bytes = (size_t)1 << 30;

struct copy {
    struct oci_repository *from;
    struct oci_repository *to;
    const struct oci_copy_options *options;
    struct oci_copy_count *count;
    struct vec seen;      // struct digest, of manifests
    struct vec referrers; // struct referrer, that were read
    size_t claims;        // entries of lists of referrers, so far
    bool mounts;          // both are in one registry, which has taken all mounts so far
};

static void tell(const struct copy *copy, const char *what, const struct oci_descriptor *descriptor)
{
    if (copy->options->on_sent != NULL)
        copy->options->on_sent(copy->options->arg, what, descriptor);
}

static bool was_seen(const struct vec *seen, const char *digest)
{
    vec_foreach (const struct digest, known, seen)
        if (strcmp(known->text, digest) == 0)
            return true;
    return false;
}

// --- Blobs

static int mount_blob(struct copy *copy, const struct oci_descriptor *blob, bool *ret_mounted,
                      struct error *err)
{
    *ret_mounted = false;
    if (!copy->mounts)
        return 0;
    if (oci_mount_blob(copy->to, blob->digest.text, copy->from->reference.repository, ret_mounted,
                       err) < 0)
        return -1;
    copy->mounts = *ret_mounted;
    copy->count->mounted += *ret_mounted;
    return 0;
}

static int copy_blob(struct copy *copy, const struct oci_descriptor *blob, struct error *err)
{
    size_t max = copy->options->max_blob_bytes;
    cleanup_free char *data = NULL;
    size_t size = 0;
    bool done = false;
    if (oci_has_blob(copy->to, blob->digest.text, &done, err) < 0)
        return -1;
    if (done) {
        copy->count->there++;
        return 0;
    }
    if (mount_blob(copy, blob, &done, err) < 0)
        return -1;
    if (done)
        return 0;
    if (oci_get_blob(copy->from, blob, max > 0 ? max : default_blob_bytes, &data, &size, err) < 0 ||
        oci_put_blob(copy->to, blob->media_type, data, size, NULL, err) < 0)
        return -1;
    copy->count->sent++;
    copy->count->sent_bytes += size;
    tell(copy, "blob", blob);
    return 0;
}

// --- Manifests

static int copy_manifest(struct copy *copy, const char *digest, unsigned depth, struct error *err);

static bool is_manifest_type(const char *media_type)
{
    static const char *const types[] = {OCI_MEDIA_MANIFEST, OCI_MEDIA_INDEX,
                                        OCI_MEDIA_DOCKER_MANIFEST, OCI_MEDIA_DOCKER_LIST};
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (strcmp(types[i], media_type) == 0)
            return true;
    return false;
}

static int copy_parts(struct copy *copy, const struct oci_manifest *manifest, unsigned depth,
                      struct error *err)
{
    if (!manifest->is_index && copy_blob(copy, &manifest->config, err) < 0)
        return -1;
    vec_foreach (const struct oci_descriptor, part, &manifest->layers) {
        bool is_child = manifest->is_index && is_manifest_type(part->media_type);
        int result = is_child ? copy_manifest(copy, part->digest.text, depth + 1, err)
                              : copy_blob(copy, part, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

// What a manifest that was listed as a referrer says that it is about.
struct referrer {
    struct digest digest;
    struct digest subject; // empty: nothing
};

static int read_referrer(struct copy *copy, const char *digest, struct referrer **ret_referrer,
                         struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_error struct error cause = {0};
    struct referrer referrer = {0};
    memcpy(referrer.digest.text, digest, strlen(digest) + 1);
    if (oci_get_manifest(copy->from, digest, &data, &size, &manifest, &cause) == 0) {
        if (manifest.subject != NULL)
            referrer.subject = manifest.subject->digest;
    } else if (cause.code != ERROR_NOT_FOUND && cause.code != ERROR_INVALID) {
        // Else it is listed and gone, or no manifest: nobody could have verified with it.
        return error_move(err, &cause);
    }
    *ret_referrer = vec_push(&copy->referrers);
    **ret_referrer = referrer;
    return 0;
}

// A list of referrers is a claim; the manifest says whom it is about. It is read once, whoever
// lists it.
static int copy_referrer(struct copy *copy, const char *digest, const char *subject, unsigned depth,
                         struct error *err)
{
    struct referrer *referrer = NULL;
    if (++copy->claims > OCI_COPY_MAX_CLAIMS)
        return error_set(err, ERROR_LIMIT,
                         "the lists of what is attached have more than %d entries",
                         OCI_COPY_MAX_CLAIMS);
    vec_foreach (struct referrer, known, &copy->referrers)
        if (strcmp(known->digest.text, digest) == 0)
            referrer = known;
    if (referrer == NULL && read_referrer(copy, digest, &referrer, err) < 0)
        return -1;
    if (strcmp(referrer->subject.text, subject) != 0)
        return 0;
    copy->count->attached += !was_seen(&copy->seen, digest);
    return copy_manifest(copy, digest, depth + 1, err);
}

static int copy_referrers(struct copy *copy, const char *digest, unsigned depth, struct error *err)
{
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (oci_referrers(copy->from, digest, &referrers, err) < 0)
        return -1;
    vec_foreach (const struct oci_descriptor, referrer, &referrers)
        if (copy_referrer(copy, referrer->digest.text, digest, depth, err) < 0)
            return -1;
    return 0;
}

// *ret_digest.text is empty when there is no such tag.
static int look_up(struct oci_repository *repository, const char *tag, struct digest *ret_digest,
                   struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    *ret_digest = (struct digest){0};
    if (oci_resolve(repository, tag, &found, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    *ret_digest = found.digest;
    return 0;
}

// Signatures of the older form: those that are there stay.
static int merge_signatures(struct copy *copy, const char *tag, const char *digest, unsigned depth,
                            struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(copy->from, digest, &data, &size, &manifest, err) < 0 ||
        copy_parts(copy, &manifest, depth, err) < 0)
        return -1;
    return signatures_add(copy->to, tag, &manifest.layers, err);
}

static int copy_derived(struct copy *copy, const char *digest, const char *suffix, unsigned depth,
                        struct error *err)
{
    cleanup_free char *tag = oci_derived_tag(digest, suffix);
    struct digest ours, theirs;
    if (look_up(copy->from, tag, &ours, err) < 0)
        return -1;
    if (*ours.text == '\0')
        return 0;
    if (look_up(copy->to, tag, &theirs, err) < 0)
        return -1;
    if (strcmp(ours.text, theirs.text) == 0)
        return 0;
    copy->count->attached++;
    if (strcmp(suffix, ".sig") == 0 && *theirs.text != '\0')
        return merge_signatures(copy, tag, ours.text, depth + 1, err);
    if (copy_manifest(copy, ours.text, depth + 1, err) < 0)
        return -1;
    return oci_tag(copy->to, ours.text, tag, err);
}

static int copy_attached(struct copy *copy, const char *digest, unsigned depth, struct error *err)
{
    static const char *const suffixes[] = {".sig", ".att", ".sbom"};
    if (copy->options->bare)
        return 0;
    if (copy_referrers(copy, digest, depth, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
        if (copy_derived(copy, digest, suffixes[i], depth, err) < 0)
            return -1;
    return 0;
}

static int check_limits(const struct copy *copy, const char *digest, unsigned depth,
                        struct error *err)
{
    if (depth > OCI_COPY_MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "%s is deeper than %d levels below what is copied",
                         digest, OCI_COPY_MAX_DEPTH);
    if (copy->seen.len >= OCI_COPY_MAX_MANIFESTS)
        return error_set(err, ERROR_LIMIT, "more than %d manifests belong to what is copied",
                         OCI_COPY_MAX_MANIFESTS);
    return cancel_check(copy->from->access.cancel, err);
}

// Depth is bounded, so recursion is.
static int copy_manifest(struct copy *copy, const char *digest, unsigned depth, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    if (was_seen(&copy->seen, digest))
        return 0;
    if (check_limits(copy, digest, depth, err) < 0 ||
        oci_get_manifest(copy->from, digest, &data, &size, &manifest, err) < 0)
        return -1;
    memcpy(((struct digest *)vec_push(&copy->seen))->text, digest, strlen(digest) + 1);
    if (copy_parts(copy, &manifest, depth, err) < 0 ||
        oci_put_manifest(copy->to, data, size, NULL, &descriptor, err) < 0)
        return -1;
    copy->count->manifests++;
    tell(copy, "manifest", &descriptor);
    return copy_attached(copy, digest, depth, err);
}

int oci_copy(struct oci_repository *from, struct oci_repository *to, const char *digest,
             const struct vec *tags, const struct oci_copy_options *options,
             struct oci_copy_count *count, struct error *err)
{
    struct copy copy = {.from = from,
                        .to = to,
                        .options = options,
                        .count = count,
                        .seen = VEC_OF(struct digest, NULL),
                        .referrers = VEC_OF(struct referrer, NULL),
                        .mounts = from->reference.kind == OCI_REGISTRY &&
                                  to->reference.kind == OCI_REGISTRY &&
                                  strcmp(from->reference.host, to->reference.host) == 0};
    int result = copy_manifest(&copy, digest, 0, err);
    vec_free(&copy.seen);
    vec_free(&copy.referrers);
    for (size_t i = 0; i < tags->len && result == 0; i++)
        result = oci_tag(to, digest, *(char **)vec_at(tags, i), err);
    return result;
}
