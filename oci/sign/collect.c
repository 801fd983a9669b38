#include "oci/sign/collect.h"

#include "base/memory.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/collect_internal.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"
#include "oci/sign/predicate.h"

#include <stdlib.h>
#include <string.h>

void key_list_add(struct vec *keys, const struct verify_key *key)
{
    for (size_t i = 0; i < keys->len; i++) {
        const struct verify_key *known = *(const struct verify_key **)vec_at(keys, i);
        if (strcmp(verify_key_fingerprint(known)->text, verify_key_fingerprint(key)->text) == 0)
            return;
    }
    *(const struct verify_key **)vec_push(keys) = key;
}

void key_list_add_policy(struct vec *keys, const struct trust_policy *policy)
{
    vec_foreach (struct trust_entry, entry, &policy->entries) {
        vec_foreach (struct trust_key, key, &entry->keys)
            key_list_add(keys, key->key);
    }
    vec_foreach (struct trust_attestation, wanted, &policy->attestations) {
        vec_foreach (struct trust_key, key, &wanted->signers.keys)
            key_list_add(keys, key->key);
    }
}

bool collect_tolerates(const struct error *err)
{
    return err->code == ERROR_INVALID || err->code == ERROR_NOT_FOUND ||
           err->code == ERROR_UNVERIFIED || err->code == ERROR_LIMIT;
}

const struct verify_key *collect_key(const struct collection *collection, const char *fingerprint)
{
    for (size_t i = 0; i < collection->keys->len; i++) {
        const struct verify_key *key = *(const struct verify_key **)vec_at(collection->keys, i);
        if (strcmp(verify_key_fingerprint(key)->text, fingerprint) == 0)
            return key;
    }
    return NULL;
}

char *collect_identity(const char *named)
{
    cleanup_oci_reference struct oci_reference reference = {0};
    if (named == NULL)
        return NULL;
    if (oci_reference_parse(named, &reference, NULL) == 0)
        return oci_reference_identity(&reference);
    return xstrdup(named);
}

static int walk(struct collection *collection, struct error *err)
{
    struct oci_repository *repository = collection->repository;
    const char *digest = collection->digest;
    cleanup_free char *signatures = oci_derived_tag(digest, ".sig");
    cleanup_free char *attestations = oci_derived_tag(digest, ".att");
    oci_read_ahead(
        repository,
        &(struct oci_ahead){
            .tags = {signatures, collect_wants_attestations(collection) ? attestations : NULL},
            .referrers = digest});
    int result = collect_simple(collection, signatures, err);
    if (result == 0 && !collection->ended)
        result = collect_bundles(collection, err);
    if (result == 0 && !collection->ended && collect_wants_attestations(collection))
        result = collect_attestations(collection, attestations, err);
    // What was asked for and not needed must not answer a later question.
    oci_read_ahead(repository, &(struct oci_ahead){0});
    oci_descriptor_release(&collection->artifact);
    if (result < 0)
        return error_wrap(err, "read the signatures of %s", digest);
    return 0;
}

int evidence_walk(struct oci_repository *repository, const char *digest, const struct vec *keys,
                  struct evidence_set *notes, evidence_keep *keep, void *arg, struct error *err)
{
    struct collection collection = {.repository = repository,
                                    .digest = digest,
                                    .keys = keys,
                                    .notes = notes,
                                    .keep = keep,
                                    .arg = arg};
    return walk(&collection, err);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_signer(const struct evidence *a, const struct evidence *b)
{
    bool keyless = a->subject != NULL || b->subject != NULL;
    return keyless ? same_text(a->subject, b->subject) && same_text(a->issuer, b->issuer) &&
                         same_text(a->source_repository, b->source_repository) &&
                         same_text(a->source_ref, b->source_ref) &&
                         strcmp(a->root.text, b->root.text) == 0
                   : strcmp(a->signer.text, b->signer.text) == 0;
}

static bool same_release_line(const struct evidence *a, const struct evidence *b)
{
    const struct release *one = &a->statement.release;
    const struct release *other = &b->statement.release;
    return same_signer(a, b) && strcmp(one->repository, other->repository) == 0 &&
           strcmp(one->channel, other->channel) == 0 && same_text(one->version, other->version);
}

// Whether one of the two says nothing that the other does not.
static bool says_the_same(const struct evidence *a, const struct evidence *b)
{
    if (a->kind != b->kind || a->form != b->form || !same_signer(a, b) ||
        !same_text(a->repository, b->repository))
        return false;
    // Of two Notation signatures one may count for longer.
    if (a->from_ms != b->from_ms || a->until_ms != b->until_ms)
        return false;
    // Each certificate is a key of its own, which tells signers apart, and may be denied alone.
    if (strcmp(a->signer.text, b->signer.text) != 0 ||
        !same_text(a->certificate_serial, b->certificate_serial) ||
        !same_text(a->certificate_issuer, b->certificate_issuer))
        return false;
    return a->kind == STATEMENT_SIGN ||
           (a->kind == STATEMENT_APPROVAL &&
            strcmp(a->statement.approval.channel, b->statement.approval.channel) == 0);
}

static void append(struct evidence_set *set, struct evidence *item, bool fits)
{
    if (fits) {
        *(struct evidence *)vec_push(&set->items) = *item;
        return;
    }
    set->cut = true;
    evidence_release(item);
}

// What is kept, and for whom.
struct keeping {
    struct evidence_set *set;
    const struct trust_policy *policies;
    size_t n_policies;
};

// Whether some requirement is for statements of this type. *ret_time_path: where all such agree
// that these say when they were made; NULL.
static bool is_wanted(const struct keeping *keeping, const struct evidence *item,
                      const char **ret_time_path)
{
    bool found = false;
    *ret_time_path = NULL;
    for (size_t i = 0; i < keeping->n_policies; i++) {
        vec_foreach (const struct trust_attestation, wanted, &keeping->policies[i].attestations) {
            if (strcmp(wanted->type, item->statement.predicate_type) != 0)
                continue;
            bool agrees = !found || same_text(*ret_time_path, wanted->time_path);
            *ret_time_path = agrees ? wanted->time_path : NULL;
            found = true;
        }
    }
    return found;
}

// Of one signer's statements of a type the newest is enough, where they say how old they are.
static bool is_newer(const char *time_path, const struct evidence *known,
                     const struct evidence *item, bool *ret_newer)
{
    int64_t before = 0;
    int64_t after = 0;
    if (time_path == NULL || known->kind != STATEMENT_OTHER || item->kind != STATEMENT_OTHER ||
        strcmp(known->statement.predicate_type, item->statement.predicate_type) != 0 ||
        strcmp(known->signer.text, item->signer.text) != 0 || !same_signer(known, item) ||
        predicate_time(json_object_get(known->statement.root, "predicate"), time_path, &before) <
            0 ||
        predicate_time(json_object_get(item->statement.root, "predicate"), time_path, &after) < 0)
        return false;
    *ret_newer = after > before;
    return true;
}

static void swap(struct evidence *a, struct evidence *b)
{
    struct evidence other = *a;
    *a = *b;
    *b = other;
}

// Whether a known item says all that this one does; then it is the better of the two.
static bool is_covered(const char *time_path, struct evidence *known, struct evidence *item)
{
    bool newer = false;
    if (says_the_same(known, item))
        return true;
    if (known->kind == STATEMENT_RELEASE && item->kind == STATEMENT_RELEASE &&
        same_release_line(known, item)) {
        if (known->statement.release.sequence < item->statement.release.sequence)
            swap(known, item);
        return true;
    }
    if (!is_newer(time_path, known, item, &newer))
        return false;
    if (newer)
        swap(known, item);
    return true;
}

// What shares a limit: releases, what is attested for others' requirements, and the rest.
static bool same_share(const struct evidence *a, const struct evidence *b)
{
    bool release = a->kind == STATEMENT_RELEASE;
    bool other = a->kind == STATEMENT_OTHER;
    return release == (b->kind == STATEMENT_RELEASE) && other == (b->kind == STATEMENT_OTHER);
}

// What a policy denies must not stand in the place of what counts. A signature is kept, so that it
// can be told why it does not count.
static bool is_denied(const struct keeping *keeping, const struct evidence *item)
{
    return item->kind != STATEMENT_SIGN && item->kind != STATEMENT_APPROVAL &&
           trust_denied_signer(keeping->policies, keeping->n_policies, item) != NULL;
}

static bool keep_best(struct evidence *item, void *arg)
{
    struct keeping *keeping = arg;
    struct evidence_set *set = keeping->set;
    size_t used = 0;
    bool other = item->kind == STATEMENT_OTHER;
    const char *time_path = NULL;
    bool wanted = other && is_wanted(keeping, item, &time_path);
    if (is_denied(keeping, item)) {
        evidence_note(set, "a statement of type %.100s by %s, whom a policy denies",
                      item->statement.predicate_type,
                      item->subject != NULL ? item->subject : item->signer.text);
        evidence_release(item);
        return true;
    }
    // Nobody asks for it.
    if (other && keeping->policies != NULL && !wanted) {
        evidence_release(item);
        return true;
    }
    vec_foreach (struct evidence, known, &set->items) {
        if (is_covered(time_path, known, item)) {
            evidence_release(item);
            return true;
        }
        used += same_share(known, item);
    }
    append(set, item, used < EVIDENCE_MAX_KEPT);
    return true;
}

int evidence_collect(struct oci_repository *repository, const char *digest, const struct vec *keys,
                     struct evidence_set *set, struct error *err)
{
    struct keeping keeping = {.set = set};
    return evidence_walk(repository, digest, keys, set, keep_best, &keeping, err);
}

int evidence_collect_for(struct oci_repository *repository, const char *digest,
                         const struct trust_policy *policies, size_t count,
                         struct evidence_set *set, struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    for (size_t i = 0; i < count; i++)
        key_list_add_policy(&keys, &policies[i]);
    struct keeping keeping = {.set = set, .policies = policies, .n_policies = count};
    struct collection collection = {.repository = repository,
                                    .digest = digest,
                                    .keys = &keys,
                                    .policies = policies,
                                    .n_policies = count,
                                    .notes = set,
                                    .keep = keep_best,
                                    .arg = &keeping};
    return walk(&collection, err);
}

const struct release *evidence_newest_release(const struct evidence_set *set,
                                              const char *repository, const char *channel)
{
    const struct release *newest = NULL;
    vec_foreach (struct evidence, item, &set->items) {
        const struct release *release = &item->statement.release;
        if (item->kind == STATEMENT_RELEASE && strcmp(release->repository, repository) == 0 &&
            strcmp(release->channel, channel) == 0 &&
            (newest == NULL || release->sequence > newest->sequence))
            newest = release;
    }
    return newest;
}
