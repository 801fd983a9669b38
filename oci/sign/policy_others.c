// What others must have attested: a scan, a test result, the provenance of another builder. Only
// statements of the required type that one of the requirement's own signers signed are looked at.
// Where they say when they were made, the newest one decides, so that an older, better one does not
// stand against it; where they do not, all of them must be as required.
#include "oci/sign/policy_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/predicate.h"

#include <stdlib.h>
#include <string.h>

void trust_attestation_release(void *element)
{
    struct trust_attestation *attestation = element;
    trust_entry_release(&attestation->signers);
    free(attestation->type);
    free(attestation->time_path);
    vec_free(&attestation->conditions);
}

static void release_condition(void *element)
{
    json_decref(*(json_t **)element);
}

int trust_policy_add_attestation(struct trust_policy *policy, const char *name, const char *type,
                                 struct trust_attestation **ret_attestation, struct error *err)
{
    static const char *const own[] = {STATEMENT_SIGN_TYPE, STATEMENT_RELEASE_TYPE,
                                      STATEMENT_APPROVAL_TYPE};
    const char *full = predicate_type(type);
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
        if (strcmp(full, own[i]) == 0)
            return error_set(err, ERROR_INVALID,
                             "attestation %s: a %s is judged by entries of require, not as an "
                             "attestation",
                             name, full);
    const char *time_path = predicate_time_path(full);
    struct trust_attestation *attestation = vec_push(&policy->attestations);
    trust_entry_init(&attestation->signers, name, 1);
    attestation->type = xstrdup(full);
    attestation->time_path = xstrdup_or_null(time_path);
    attestation->conditions = VEC_OF(json_t *, release_condition);
    *ret_attestation = attestation;
    return 0;
}

int trust_attestation_add_condition(struct trust_attestation *attestation, const json_t *condition,
                                    struct error *err)
{
    if (predicate_condition_check(condition, err) < 0)
        return error_wrap(err, "attestation %s", attestation->signers.name);
    json_t *copy = json_deep_copy(condition);
    if (copy == NULL)
        abort();
    *(json_t **)vec_push(&attestation->conditions) = copy;
    return 0;
}

// The statements that are looked at.
struct offer {
    const struct trust_attestation *wanted;
    struct vec items;                // const struct evidence *
    const struct evidence *stranger; // of the type, and by nobody that is listed
    bool dated;                      // the one item is the newest of those that say when
    int64_t made_ms;
};

static const json_t *predicate_of(const struct evidence *item)
{
    return json_object_get(item->statement.root, "predicate");
}

static void collect_offer(const struct trial *trial, struct offer *offer)
{
    vec_foreach (const struct evidence, item, &trial->evidence->items) {
        bool is_other = item->kind == STATEMENT_OTHER || item->kind == STATEMENT_PROVENANCE;
        if (!is_other || item->statement.predicate_type == NULL ||
            strcmp(item->statement.predicate_type, offer->wanted->type) != 0)
            continue;
        if (trial_name(trial, &offer->wanted->signers, item) != NULL)
            *(const struct evidence **)vec_push(&offer->items) = item;
        else
            offer->stranger = item;
    }
}

// Leaves the newest alone. Where an age is asked for, what tells none does not count.
static void keep_newest(struct offer *offer)
{
    const struct evidence *newest = NULL;
    if (offer->wanted->time_path == NULL)
        return;
    for (size_t i = 0; i < offer->items.len; i++) {
        const struct evidence *item = *(const struct evidence **)vec_at(&offer->items, i);
        int64_t made_ms = 0;
        if (predicate_time(predicate_of(item), offer->wanted->time_path, &made_ms) < 0 ||
            (newest != NULL && made_ms <= offer->made_ms))
            continue;
        newest = item;
        offer->made_ms = made_ms;
    }
    offer->dated = newest != NULL;
    if (!offer->dated && offer->wanted->max_age_ms == 0)
        return;
    vec_clear(&offer->items);
    if (newest != NULL)
        *(const struct evidence **)vec_push(&offer->items) = newest;
}

// "vuln-scan (https://…): /critical atMost 0"; owned.
static char *describe_wanted(const struct trust_attestation *wanted)
{
    struct vec texts = VEC_OF(char *, vec_release_string);
    vec_foreach (json_t *, condition, &wanted->conditions)
        *(char **)vec_push(&texts) = predicate_condition_text(*condition);
    cleanup_free char *conditions = trial_join(&texts, "");
    char *text = xasprintf("attestation %s (%s)%s%s", wanted->signers.name, wanted->type,
                           texts.len > 0 ? " with " : "", conditions);
    vec_free(&texts);
    return text;
}

// "ada, scanner"; owned.
static char *list_signers(const struct trust_entry *signers)
{
    struct vec names = VEC_OF(char *, vec_release_string);
    vec_foreach (const struct trust_key, key, &signers->keys)
        vec_push_string(&names, key->name);
    vec_foreach (const struct trust_identity, identity, &signers->identities)
        vec_push_string(&names, identity->subject);
    char *text = trial_join(&names, "nobody");
    vec_free(&names);
    return text;
}

static void report_none(struct trial *trial, const struct offer *offer, bool undated)
{
    const struct trust_attestation *wanted = offer->wanted;
    const struct evidence *stranger = offer->stranger;
    cleanup_free char *signers = list_signers(&wanted->signers);
    const char *denied =
        stranger != NULL ? trust_denied_signer(trial->policies, trial->n_policies, stranger) : NULL;
    char *found =
        undated            ? xasprintf("one without a time at %s", wanted->time_path)
        : stranger == NULL ? xstrdup("none")
        : denied != NULL
            ? xasprintf("one by a signer that is denied%s%s", *denied != '\0' ? ": " : "", denied)
            : xasprintf("one by %s, who is not a signer of it (or not now)",
                        stranger->subject != NULL ? stranger->subject : stranger->signer.text);
    trial_report(trial, TRUST_ATTESTATION_REQUIRED, describe_wanted(wanted), found,
                 xasprintf("one signed by %s", signers),
                 xasprintf("run: cosign attest --type %s --predicate FILE --key FILE %s@%s",
                           wanted->type, trial->subject->repository, trial->subject->digest));
}

// The first condition that does not hold, of any of the statements; NULL when all hold. *ret_found
// is owned.
static const json_t *first_unmet(const struct offer *offer, char **ret_found)
{
    for (size_t i = 0; i < offer->items.len; i++) {
        const struct evidence *item = *(const struct evidence **)vec_at(&offer->items, i);
        vec_foreach (json_t *, condition, &offer->wanted->conditions) {
            if (!predicate_condition_holds(*condition, predicate_of(item), ret_found))
                return *condition;
        }
    }
    return NULL;
}

static void judge_values(struct trial *trial, const struct offer *offer)
{
    const struct evidence *item = *(const struct evidence **)vec_at(&offer->items, 0);
    const char *name = trial_name(trial, &offer->wanted->signers, item);
    char *found = NULL;
    const json_t *unmet = first_unmet(offer, &found);
    if (unmet == NULL) {
        trial_report(trial, TRUST_ATTESTATION_REFUSED, describe_wanted(offer->wanted),
                     xasprintf("as required, by %s", name), NULL, NULL);
        *(char **)vec_push(&trial->verdict->verified_by) =
            xasprintf("%s: %s", offer->wanted->signers.name, name);
        return;
    }
    trial_report(trial, TRUST_ATTESTATION_REFUSED, describe_wanted(offer->wanted), found,
                 predicate_condition_text(unmet),
                 xasprintf("correct what %s found, and attest the new result", name));
}

static void judge_age(struct trial *trial, const struct offer *offer)
{
    const struct trust_attestation *wanted = offer->wanted;
    int64_t now = trial->subject->now_ms;
    char made[TIME_TEXT_SIZE];
    if (!offer->dated)
        return;
    time_format(offer->made_ms, made);
    if (offer->made_ms > now + TRUST_AGE_SKEW_MS) {
        trial_report(trial, TRUST_CLOCK_SKEW,
                     xasprintf("attestation %s from no later than now", wanted->signers.name),
                     xasprintf("made %s", made), xstrdup("clocks that agree within 5 minutes"),
                     xstrdup("correct the clock of its signer or of this host, then attest again"));
        trial_judge_again(trial, offer->made_ms - TRUST_AGE_SKEW_MS);
        return;
    }
    if (wanted->max_age_ms == 0)
        return;
    int64_t end = offer->made_ms + wanted->max_age_ms + TRUST_AGE_SKEW_MS;
    char until[TIME_TEXT_SIZE];
    time_format(end, until);
    trial_judge_again(trial, end + 1);
    trial_report(trial, TRUST_STALE,
                 xasprintf("attestation %s that is fresh until %s", wanted->signers.name, until),
                 xasprintf("made %s", made),
                 now <= end ? NULL : xasprintf("a newer %s", wanted->type),
                 xstrdup("run it again, and attest the new result"));
}

static void judge_attestation(struct trial *trial, const struct trust_attestation *wanted)
{
    struct offer offer = {.wanted = wanted, .items = VEC_OF(const struct evidence *, NULL)};
    collect_offer(trial, &offer);
    bool some = offer.items.len > 0;
    keep_newest(&offer);
    if (offer.items.len == 0) {
        report_none(trial, &offer, some);
    } else {
        judge_values(trial, &offer);
        judge_age(trial, &offer);
    }
    vec_free(&offer.items);
}

void trial_judge_others(struct trial *trial)
{
    vec_foreach (const struct trust_attestation, wanted, &trial->policy->attestations)
        judge_attestation(trial, wanted);
    // A newer one may say something else.
    if (trial->policy->attestations.len > 0)
        trial_judge_again(trial, trial->subject->now_ms + TRUST_NEWS_MS);
}
