#include "oci/sign/collect.h"

#include "base/memory.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/collect_internal.h"
#include "oci/sign/key.h"
#include "oci/sign/policy.h"

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
}

bool collect_tolerates(const struct error *err)
{
    switch (err->code) {
    case ERROR_INVALID:
    case ERROR_NOT_FOUND:
    case ERROR_UNVERIFIED:
    case ERROR_LIMIT:
        return true;
    case ERROR_NONE:
    case ERROR_CONFLICT:
    case ERROR_DENIED:
    case ERROR_UNAVAILABLE:
    case ERROR_TIMEOUT:
    case ERROR_CANCELED:
    case ERROR_INTERNAL:
        break;
    }
    return false;
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
    cleanup_free char *tag = oci_derived_tag(digest, ".sig");
    oci_read_ahead(repository, &(struct oci_ahead){.tag = tag, .referrers = digest});
    int result = collect_simple(collection, err);
    if (result == 0 && !collection->ended)
        result = collect_bundles(collection, err);
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
    // Of two Notation signatures one may expire later.
    if (a->from_ms != b->from_ms || a->until_ms != b->until_ms)
        return false;
    // Each certificate is a key of its own, which tells signers apart.
    if (strcmp(a->signer.text, b->signer.text) != 0)
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

static bool keep_best(struct evidence *item, void *arg)
{
    struct evidence_set *set = arg;
    size_t releases = 0;
    vec_foreach (struct evidence, known, &set->items) {
        if (says_the_same(known, item)) {
            evidence_release(item);
            return true;
        }
        if (known->kind != STATEMENT_RELEASE)
            continue;
        releases++;
        if (item->kind != STATEMENT_RELEASE || !same_release_line(known, item))
            continue;
        if (known->statement.release.sequence < item->statement.release.sequence) {
            struct evidence older = *known;
            *known = *item;
            *item = older;
        }
        evidence_release(item);
        return true;
    }
    if (item->kind == STATEMENT_RELEASE)
        append(set, item, releases < EVIDENCE_MAX_RELEASES);
    else
        append(set, item, set->items.len - releases < EVIDENCE_MAX_KEPT);
    return true;
}

int evidence_collect(struct oci_repository *repository, const char *digest, const struct vec *keys,
                     struct evidence_set *set, struct error *err)
{
    return evidence_walk(repository, digest, keys, set, keep_best, set, err);
}

int evidence_collect_for(struct oci_repository *repository, const char *digest,
                         const struct trust_policy *policies, size_t count,
                         struct evidence_set *set, struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    for (size_t i = 0; i < count; i++)
        key_list_add_policy(&keys, &policies[i]);
    struct collection collection = {.repository = repository,
                                    .digest = digest,
                                    .keys = &keys,
                                    .policies = policies,
                                    .n_policies = count,
                                    .notes = set,
                                    .keep = keep_best,
                                    .arg = set};
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
