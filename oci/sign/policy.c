#include "oci/sign/policy.h"

#include "base/glob.h"
#include "base/memory.h"
#include "base/semver.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_trust.h"
#include "oci/sign/policy_internal.h"
#include "oci/sign/public_good_root.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

static void release_key(void *element)
{
    struct trust_key *key = element;
    free(key->name);
    verify_key_unref(key->key);
}

void trust_entry_release(void *element)
{
    struct trust_entry *entry = element;
    free(entry->name);
    vec_free(&entry->keys);
    vec_free(&entry->identities);
    notation_trust_free(entry->notation);
}

static void release_mirror(void *element)
{
    struct trust_mirror *mirror = element;
    free(mirror->repository);
    free(mirror->original);
}

static void release_identity(void *element)
{
    struct trust_identity *identity = element;
    free(identity->issuer);
    free(identity->subject);
}

void trust_policy_init(struct trust_policy *policy, const char *name)
{
    *policy = (struct trust_policy){
        .name = xstrdup(name),
        .entries = VEC_OF(struct trust_entry, trust_entry_release),
        .attestations = VEC_OF(struct trust_attestation, trust_attestation_release),
        .mirrors = VEC_OF(struct trust_mirror, release_mirror),
        .refs = VEC_OF(char *, vec_release_string),
        .paths = VEC_OF(char *, vec_release_string),
        .channels = VEC_OF(char *, vec_release_string),
    };
    trust_deny_init(&policy->deny);
}

void trust_policy_release(void *element)
{
    struct trust_policy *policy = element;
    free(STEAL(policy->name));
    free(STEAL(policy->source_repository));
    vec_free(&policy->entries);
    vec_free(&policy->refs);
    vec_free(&policy->paths);
    vec_free(&policy->channels);
    vec_free(&policy->attestations);
    vec_free(&policy->mirrors);
    trust_deny_release(&policy->deny);
    trusted_root_free(STEAL(policy->root));
}

void trust_entry_init(struct trust_entry *entry, const char *name, unsigned threshold)
{
    *entry = (struct trust_entry){
        .name = xstrdup(name),
        .threshold = threshold,
        .keys = VEC_OF(struct trust_key, release_key),
        .identities = VEC_OF(struct trust_identity, release_identity),
    };
}

struct trust_entry *trust_policy_add_entry(struct trust_policy *policy, const char *name,
                                           unsigned threshold)
{
    struct trust_entry *entry = vec_push(&policy->entries);
    trust_entry_init(entry, name, threshold);
    return entry;
}

void trust_entry_copy_signers(struct trust_entry *to, const struct trust_entry *from)
{
    vec_foreach (const struct trust_key, key, &from->keys) {
        struct trust_key *copy = vec_push(&to->keys);
        *copy = *key;
        copy->name = xstrdup(key->name);
        copy->key = verify_key_ref(key->key);
    }
    vec_foreach (const struct trust_identity, identity, &from->identities) {
        struct trust_identity *copy = vec_push(&to->identities);
        copy->issuer = xstrdup(identity->issuer);
        copy->subject = xstrdup(identity->subject);
    }
}

void trust_policy_add_mirror(struct trust_policy *policy, const char *repository,
                             const char *original)
{
    struct trust_mirror *mirror = vec_push(&policy->mirrors);
    mirror->repository = xstrdup(repository);
    mirror->original = xstrdup(original);
}

int trust_entry_add_identity(struct trust_entry *entry, const char *issuer, const char *subject,
                             struct error *err)
{
    if (*issuer == '\0' || strchr(issuer, '*') != NULL)
        return error_set(err, ERROR_INVALID,
                         "keyless of entry %s: the issuer is empty or holds a wildcard; write out "
                         "its URL",
                         entry->name);
    if (subject[strspn(subject, "*/")] == '\0')
        return error_set(err, ERROR_INVALID,
                         "keyless of entry %s: the subject \"%s\" is everybody whom %s knows; name "
                         "somebody",
                         entry->name, subject, issuer);
    struct trust_identity *identity = vec_push(&entry->identities);
    identity->issuer = xstrdup(issuer);
    identity->subject = xstrdup(subject);
    return 0;
}

int trust_policy_set_root(struct trust_policy *policy, const char *data, size_t size,
                          const char *what, struct error *err)
{
    struct trusted_root *root = NULL;
    int result = data != NULL ? trusted_root_parse(data, size, what, &root, err)
                              : trusted_root_parse(public_good_root, public_good_root_size,
                                                   "the built-in trusted root", &root, err);
    if (result < 0)
        return -1;
    trusted_root_free(policy->root);
    policy->root = root;
    return 0;
}

int trust_entry_add_key(struct trust_entry *entry, const char *name, const char *pem, size_t size,
                        int64_t not_before_ms, int64_t not_after_ms, struct error *err)
{
    cleanup_free char *what = xasprintf("key %s of entry %s", name, entry->name);
    struct verify_key *key = NULL;
    if (verify_key_load(pem, size, what, &key, err) < 0)
        return -1;
    struct trust_key *added = vec_push(&entry->keys);
    added->name = xstrdup(name);
    added->key = key;
    added->not_before_ms = not_before_ms;
    added->not_after_ms = not_after_ms;
    return 0;
}

static bool identity_equal(const struct trust_identity *a, const struct trust_identity *b)
{
    return strcmp(a->issuer, b->issuer) == 0 && strcmp(a->subject, b->subject) == 0;
}

static size_t distinct_keys(const struct trust_entry *entry)
{
    size_t count = 0;
    for (size_t i = 0; i < entry->keys.len; i++) {
        const struct trust_key *key = vec_at(&entry->keys, i);
        size_t first = 0;
        while (strcmp(verify_key_fingerprint(((struct trust_key *)vec_at(&entry->keys, first))->key)
                          ->text,
                      verify_key_fingerprint(key->key)->text) != 0)
            first++;
        count += first == i;
    }
    return count;
}

// How many distinct signers can meet the entry; SIZE_MAX where a pattern matches any number.
static size_t possible_signers(const struct trust_entry *entry)
{
    size_t count = distinct_keys(entry);
    // Any number of certificates may have the names that are trusted.
    if (entry->notation != NULL)
        return SIZE_MAX;
    for (size_t i = 0; i < entry->identities.len; i++) {
        const struct trust_identity *identity = vec_at(&entry->identities, i);
        if (strchr(identity->subject, '*') != NULL)
            return SIZE_MAX;
        size_t first = 0;
        while (!identity_equal(vec_at(&entry->identities, first), identity))
            first++;
        count += first == i;
    }
    return count;
}

int trust_entry_check(const struct trust_entry *entry, struct error *err)
{
    size_t listed = entry->keys.len + entry->identities.len;
    if (listed == 0 && entry->notation == NULL)
        return error_set(err, ERROR_INVALID, "entry %s lists no keys", entry->name);
    if (listed == 0 && (entry->attests || entry->approves))
        return error_set(err, ERROR_INVALID,
                         "entry %s %s, and lists Notation signers only; a Notation signature is "
                         "about the artifact alone and states nothing, so list a key or a keyless "
                         "identity whose statements count",
                         entry->name, entry->attests ? "attests" : "approves");
    if (entry->keys.len > TRUST_MAX_KEYS || entry->identities.len > TRUST_MAX_KEYS)
        return error_set(err, ERROR_INVALID,
                         "entry %s lists %zu keys and identities; at most %d of each are read",
                         entry->name, listed, TRUST_MAX_KEYS);
    if (entry->threshold == 0)
        return error_set(err, ERROR_INVALID, "entry %s has threshold 0; write 1 or more",
                         entry->name);
    if (entry->threshold > possible_signers(entry))
        return error_set(err, ERROR_INVALID,
                         "entry %s asks for %u signers and lists %zu distinct keys", entry->name,
                         entry->threshold, possible_signers(entry));
    return 0;
}

static int check_root(const struct trust_policy *policy, const struct trust_entry *entry,
                      struct error *err)
{
    if (entry->identities.len == 0 || policy->root != NULL)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "entry %s lists keyless identities, and there is no trusted root to judge them "
        "by",
        entry->name);
}

static int check_attestations(const struct trust_policy *policy, struct error *err)
{
    if (policy->attestations.len > TRUST_MAX_ENTRIES)
        return error_set(err, ERROR_INVALID, "it requires %zu attestations; at most %d are read",
                         policy->attestations.len, TRUST_MAX_ENTRIES);
    vec_foreach (const struct trust_attestation, wanted, &policy->attestations) {
        if (trust_entry_check(&wanted->signers, err) < 0 ||
            check_root(policy, &wanted->signers, err) < 0)
            return error_wrap(err, "attestations");
        if (wanted->max_age_ms > 0 && wanted->time_path == NULL)
            return error_set(err, ERROR_INVALID,
                             "attestation %s has a maxAge, and where a %s says when it was made is "
                             "not known; name the place in time, like /metadata/finishedAt",
                             wanted->signers.name, wanted->type);
    }
    return 0;
}

int trust_policy_check(const struct trust_policy *policy, struct error *err)
{
    if (policy->entries.len == 0)
        return error_set(err, ERROR_INVALID, "it requires nothing; add an entry with keys");
    if (policy->entries.len > TRUST_MAX_ENTRIES)
        return error_set(err, ERROR_INVALID, "it has %zu entries; at most %d are read",
                         policy->entries.len, TRUST_MAX_ENTRIES);
    if (check_attestations(policy, err) < 0)
        return -1;
    size_t attesting = 0;
    vec_foreach (struct trust_entry, entry, &policy->entries) {
        if (trust_entry_check(entry, err) < 0)
            return -1;
        if (check_root(policy, entry, err) < 0)
            return -1;
        attesting += entry->attests;
    }
    vec_foreach (const struct trust_entry, entry, &policy->entries)
        if (entry->notation != NULL && attesting == 0 && !entry->any_repository)
            return error_set(
                err, ERROR_INVALID,
                "entry %s lists Notation signers, whose signatures name no repository; "
                "set anyRepository: true on it, or attests: true on the entry whose "
                "release statements name it",
                entry->name);
    if (attesting > 1)
        return error_set(err, ERROR_INVALID, "more than one entry attests; whose word counts?");
    bool judged = policy->source_repository != NULL || policy->refs.len > 0 ||
                  policy->paths.len > 0 || policy->channels.len > 0 || policy->max_age_ms > 0;
    if (judged && attesting == 0)
        return error_set(err, ERROR_INVALID,
                         "source and freshness are judged on statements; set attests: true on the "
                         "entry whose statements count");
    return 0;
}

const struct trust_key *trial_key(const struct trial *trial, const struct trust_entry *entry,
                                  const struct digest *signer)
{
    int64_t now = trial->subject->now_ms;
    vec_foreach (struct trust_key, key, &entry->keys) {
        bool valid = (key->not_before_ms == 0 || now >= key->not_before_ms) &&
                     (key->not_after_ms == 0 || now <= key->not_after_ms);
        if (valid && strcmp(verify_key_fingerprint(key->key)->text, signer->text) == 0)
            return key;
    }
    return NULL;
}

const struct trust_identity *trial_identity(const struct trial *trial,
                                            const struct trust_entry *entry,
                                            const struct evidence *item)
{
    const struct trusted_root *root = trial->policy->root;
    if (item->subject == NULL || item->issuer == NULL || root == NULL ||
        strcmp(item->root.text, root->digest.text) != 0)
        return NULL;
    vec_foreach (const struct trust_identity, identity, &entry->identities) {
        if (strcmp(identity->issuer, item->issuer) == 0 &&
            glob_match(identity->subject, item->subject))
            return identity;
    }
    return NULL;
}

bool trial_trusts_notation(const struct trust_entry *entry, const struct evidence *item)
{
    return item->form == EVIDENCE_NOTATION && entry->notation != NULL &&
           strcmp(entry->notation->digest.text, item->root.text) == 0;
}

bool trial_is_within(const struct trial *trial, const struct evidence *item)
{
    int64_t now = trial->subject->now_ms;
    return now >= item->from_ms && (item->until_ms == 0 || now <= item->until_ms);
}

// The words of a certificate count as far as it has been verified: for an entry that trusts its
// subject, not for one that trusts its key.
const char *trial_name(const struct trial *trial, const struct trust_entry *entry,
                       const struct evidence *item)
{
    if (trust_denied_signer(trial->policies, trial->n_policies, item) != NULL)
        return NULL;
    if (item->form == EVIDENCE_NOTATION)
        return trial_trusts_notation(entry, item) && trial_is_within(trial, item) ? item->subject
                                                                                  : NULL;
    const struct trust_key *key = trial_key(trial, entry, &item->signer);
    if (key != NULL)
        return key->name;
    if (trial_identity(trial, entry, item) == NULL)
        return NULL;
    return entry != trial->attesting || trial_claims_agree(trial, item) ? item->subject : NULL;
}

// The repository by its original's name; NULL when it is no mirror's. Owned.
static char *original_of(const struct trust_mirror *mirror, const char *repository)
{
    size_t size = strlen(mirror->repository);
    if (strncmp(repository, mirror->repository, size) != 0 ||
        (repository[size] != '\0' && repository[size] != '/'))
        return NULL;
    return xasprintf("%s%s", mirror->original, repository + size);
}

bool trial_is_repository(const struct trial *trial, const char *named)
{
    const char *repository = trial->subject->repository;
    if (strcmp(named, repository) == 0)
        return true;
    vec_foreach (const struct trust_mirror, mirror, &trial->policy->mirrors) {
        cleanup_free char *original = original_of(mirror, repository);
        if (original != NULL && strcmp(named, original) == 0)
            return true;
    }
    return false;
}

static void judge_windows_again(struct trial *trial, const struct trust_entry *entry)
{
    vec_foreach (struct trust_key, key, &entry->keys) {
        if (key->not_before_ms > 0)
            trial_judge_again(trial, key->not_before_ms);
        if (key->not_after_ms > 0)
            trial_judge_again(trial, key->not_after_ms + 1);
    }
}

static void judge_signatures_again(struct trial *trial)
{
    vec_foreach (const struct evidence, item, &trial->evidence->items) {
        if (item->from_ms > 0)
            trial_judge_again(trial, item->from_ms);
        if (item->until_ms > 0)
            trial_judge_again(trial, item->until_ms + 1);
    }
}

static void judge_policy(struct trial *trial)
{
    cleanup_error struct error err = {0};
    trial_judge_denied(trial);
    if (trial->policy->only_denies)
        return;
    if (trust_policy_check(trial->policy, &err) < 0) {
        trial_report(trial, TRUST_POLICY_INVALID, xstrdup("a policy that can be judged"),
                     xstrdup(error_message(&err)), xstrdup("a policy that can be met"),
                     xasprintf("correct %s; until then it refuses everything it governs",
                               trial->policy->name));
        return;
    }
    vec_foreach (struct trust_entry, entry, &trial->policy->entries) {
        if (entry->attests)
            trial->attesting = entry;
        judge_windows_again(trial, entry);
    }
    judge_signatures_again(trial);
    vec_foreach (struct trust_attestation, wanted, &trial->policy->attestations)
        judge_windows_again(trial, &wanted->signers);
    trial_judge_signers(trial);
    if (trial->attesting != NULL)
        trial_judge_attestations(trial);
    trial_judge_others(trial);
}

void trust_evaluate(const struct trust_policy *policies, size_t count,
                    const struct trust_subject *subject, const struct evidence_set *evidence,
                    struct trust_verdict *ret_verdict)
{
    *ret_verdict = trust_verdict_empty();
    ret_verdict->rollback_allowed = count > 0;
    struct trial trial = {.policies = policies,
                          .n_policies = count,
                          .subject = subject,
                          .evidence = evidence,
                          .verdict = ret_verdict};
    if (count == 0) {
        static const struct trust_policy none = {.name = NULL};
        trial.policy = &none;
        trial_report(&trial, TRUST_UNGOVERNED, xstrdup("a policy or spec.verify with keys"),
                     xstrdup("neither"), xstrdup("keys to trust"),
                     xstrdup("write a TrustPolicy, or name keys in spec.verify"));
    }
    for (size_t i = 0; i < count; i++) {
        trial.policy = &policies[i];
        trial.attesting = NULL;
        ret_verdict->rollback_allowed = ret_verdict->rollback_allowed &&
                                        (policies[i].rollback_allowed || policies[i].only_denies);
        judge_policy(&trial);
    }
    trust_verdict_conclude(ret_verdict);
}

// order: how what is offered compares with the floor.
static enum trust_floor_result check_order(int order, const char *floor_digest,
                                           const char *adopted_digest, const char *digest)
{
    if (order > 0)
        return TRUST_FLOOR_RAISE;
    if (strcmp(floor_digest, digest) == 0 ||
        (adopted_digest != NULL && strcmp(adopted_digest, digest) == 0))
        return TRUST_FLOOR_KEEP;
    return TRUST_FLOOR_REFUSE;
}

enum trust_floor_result trust_floor_check(const struct trust_floor *floor,
                                          const char *adopted_digest, int64_t sequence,
                                          const char *digest)
{
    return check_order(sequence > floor->sequence, floor->digest.text, adopted_digest, digest);
}

enum trust_floor_result trust_floor_check_version(const struct semver *floor,
                                                  const char *floor_digest,
                                                  const char *adopted_digest,
                                                  const struct semver *version, const char *digest)
{
    if (floor == NULL)
        return TRUST_FLOOR_RAISE;
    return check_order(semver_compare(version, floor), floor_digest, adopted_digest, digest);
}
