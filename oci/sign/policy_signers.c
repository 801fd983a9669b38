// Which signers count for which entry. An entry that asks for n signers offers n seats; a signer
// may sit in any entry that lists its key or identity, but only once. A largest assignment is found
// by augmenting paths (Kuhn): a seat takes a free signer, or one whose present seat can take
// another.
#include "oci/sign/policy_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_trust.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

struct signer {
    struct vec items; // const struct evidence *: all signatures by the same key or identity
    size_t seat;      // NO_SEAT while free
    bool called;      // while an entry is reported: it was named
};

struct seat {
    const struct trust_entry *entry;
};

struct seating {
    const struct trial *trial;
    struct vec signers; // struct signer
    struct vec seats;   // struct seat
    bool *tried;        // per signer, in one search
};

static const size_t NO_SEAT = SIZE_MAX;

static void release_signer(void *element)
{
    vec_free(&((struct signer *)element)->items);
}

static bool names_repository(const struct trial *trial, const struct trust_entry *entry,
                             const struct evidence *item)
{
    if (item->repository == NULL)
        return entry->any_repository || trial->attesting != NULL;
    return trial_is_repository(trial, item->repository);
}

static bool is_signature(const struct evidence *item)
{
    return item->kind == STATEMENT_SIGN || item->kind == STATEMENT_APPROVAL;
}

// A signature that names no channel is for all.
static bool names_channel(const struct trial *trial, const struct trust_entry *entry,
                          const struct evidence *item)
{
    if (item->kind != STATEMENT_APPROVAL)
        return !entry->approves;
    return trial->subject->channel != NULL &&
           strcmp(item->statement.approval.channel, trial->subject->channel) == 0;
}

static bool is_for_subject(const struct trial *trial, const struct trust_entry *entry,
                           const struct evidence *item)
{
    return names_repository(trial, entry, item) && names_channel(trial, entry, item);
}

// Whether its signers agree to what another entry's signers made. A Notation signature is none that
// approve makes.
static bool is_approving(const struct trial *trial, const struct trust_entry *entry)
{
    bool people = entry->keys.len + entry->identities.len > 0;
    return entry->approves || (trial->attesting != NULL && !entry->attests && people);
}

// The signature by which the signer counts for the entry; NULL when none does.
static const struct evidence *counting(const struct trial *trial, const struct trust_entry *entry,
                                       const struct signer *signer)
{
    for (size_t i = 0; i < signer->items.len; i++) {
        const struct evidence *item = *(const struct evidence **)vec_at(&signer->items, i);
        if (trial_name(trial, entry, item) != NULL && is_for_subject(trial, entry, item))
            return item;
    }
    return NULL;
}

static bool same_signer(const struct evidence *a, const struct evidence *b)
{
    if (strcmp(a->signer.text, b->signer.text) == 0)
        return true;
    return a->subject != NULL && b->subject != NULL && a->issuer != NULL && b->issuer != NULL &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->issuer, b->issuer) == 0;
}

static bool is_of(const struct signer *signer, const struct evidence *item)
{
    for (size_t i = 0; i < signer->items.len; i++)
        if (same_signer(*(const struct evidence **)vec_at(&signer->items, i), item))
            return true;
    return false;
}

static void move_items(struct signer *to, struct signer *from)
{
    for (size_t i = 0; i < from->items.len; i++)
        *(const struct evidence **)vec_push(&to->items) =
            *(const struct evidence **)vec_at(&from->items, i);
}

// A signature may show that two that were taken for different signers are one: a key, and an
// identity whose certificate is for that key.
static void add_item(struct seating *seating, const struct evidence *item)
{
    struct signer *owner = NULL;
    for (size_t i = 0; i < seating->signers.len;) {
        struct signer *signer = vec_at(&seating->signers, i);
        if (!is_of(signer, item)) {
            i++;
        } else if (owner == NULL) {
            owner = signer;
            i++;
        } else {
            move_items(owner, signer);
            vec_remove(&seating->signers, i);
        }
    }
    if (owner == NULL) {
        owner = vec_push(&seating->signers);
        owner->items = VEC_OF(const struct evidence *, NULL);
        owner->seat = NO_SEAT;
    }
    *(const struct evidence **)vec_push(&owner->items) = item;
}

static bool is_vouched_for(const struct trial *trial, const struct evidence *item)
{
    const struct trusted_root *root = trial->policy->root;
    if (item->form == EVIDENCE_NOTATION) {
        vec_foreach (const struct trust_entry, entry, &trial->policy->entries)
            if (trial_trusts_notation(entry, item))
                return true;
        return false;
    }
    return item->subject == NULL || *item->root.text == '\0' ||
           (root != NULL && strcmp(item->root.text, root->digest.text) == 0);
}

static void collect_signers(struct seating *seating)
{
    vec_foreach (const struct evidence, item, &seating->trial->evidence->items) {
        if (is_signature(item) && is_vouched_for(seating->trial, item))
            add_item(seating, item);
    }
}

void trial_tell_signers(const struct trial *trial, size_t *ret_signers)
{
    struct seating seating = {.trial = trial, .signers = VEC_OF(struct signer, release_signer)};
    const struct vec *items = &trial->evidence->items;
    vec_foreach (const struct evidence, item, items) {
        if (is_vouched_for(trial, item))
            add_item(&seating, item);
    }
    for (size_t i = 0; i < seating.signers.len; i++) {
        const struct signer *signer = vec_at(&seating.signers, i);
        for (size_t j = 0; j < signer->items.len; j++) {
            const struct evidence *item = *(const struct evidence **)vec_at(&signer->items, j);
            ret_signers[item - (const struct evidence *)items->data] = i;
        }
    }
    vec_free(&seating.signers);
}

static bool fill_seat(struct seating *seating, size_t seat)
{
    const struct trust_entry *entry = ((struct seat *)vec_at(&seating->seats, seat))->entry;
    for (size_t i = 0; i < seating->signers.len; i++) {
        struct signer *signer = vec_at(&seating->signers, i);
        if (seating->tried[i] || counting(seating->trial, entry, signer) == NULL)
            continue;
        seating->tried[i] = true;
        if (signer->seat == NO_SEAT || fill_seat(seating, signer->seat)) {
            signer->seat = seat;
            return true;
        }
    }
    return false;
}

static void assign(struct seating *seating)
{
    vec_foreach (struct trust_entry, entry, &seating->trial->policy->entries) {
        for (unsigned i = 0; i < entry->threshold; i++)
            ((struct seat *)vec_push(&seating->seats))->entry = entry;
    }
    for (size_t seat = 0; seat < seating->seats.len; seat++) {
        memset(seating->tried, 0, seating->signers.len * sizeof *seating->tried);
        fill_seat(seating, seat);
    }
}

// The names of an entry's signers: those that sit, those that signed in vain, those that are
// missing.
struct roll {
    struct vec seated;
    struct vec vain;
    struct vec absent;
    struct vec all;
};

// The key or the identity that is called, or all Notation signers of the entry; the others are
// NULL.
struct call {
    const struct trust_key *key;
    const struct trust_identity *identity;
    const struct notation_trust *notation;
};

// "CN=… (since 2026-11-21T10:00:00Z, by its expiry)": when a Notation signature counts.
static char *why_not_now(const struct trial *trial, const struct evidence *item)
{
    char time[TIME_TEXT_SIZE];
    bool early = trial->subject->now_ms < item->from_ms;
    time_format(early ? item->from_ms : item->until_ms, time);
    if (early)
        return xasprintf("%s (its signature counts from %s on)", item->subject, time);
    return xasprintf("%s (its signature counted until %s: %s)", item->subject, time, item->limit);
}

// What a signature of the one called lacks to count, in words; NULL when it is nothing.
static char *why_not(const struct trial *trial, const struct trust_entry *entry,
                     const struct call *call, const struct evidence *item)
{
    const char *name = call->key != NULL ? call->key->name : item->subject;
    const char *denied = trust_denied_signer(trial->policies, trial->n_policies, item);
    if (denied != NULL)
        return xasprintf("%s (denied%s%s)", name, *denied != '\0' ? ": " : "", denied);
    if (call->notation != NULL && !trial_is_within(trial, item))
        return why_not_now(trial, item);
    if (trial_name(trial, entry, item) == NULL && call->key != NULL)
        return xasprintf("%s (the key is not valid now)", name);
    if (trial_name(trial, entry, item) == NULL)
        return xasprintf("%s (its certificate is for %s at %s)", name,
                         item->source_repository != NULL ? item->source_repository
                                                         : "an unnamed repository",
                         item->source_ref != NULL ? item->source_ref : "an unnamed ref");
    if (item->repository == NULL && !names_repository(trial, entry, item))
        return xasprintf("%s (the signature names no repository)", name);
    if (!names_repository(trial, entry, item))
        return xasprintf("%s (for the repository %s)", name, item->repository);
    if (names_channel(trial, entry, item))
        return NULL;
    if (item->kind != STATEMENT_APPROVAL)
        return xasprintf("%s (a signature that names no channel is no approval)", name);
    if (trial->subject->channel == NULL)
        return xasprintf("%s (approved for %s, and no channel is known here)", name,
                         item->statement.approval.channel);
    return xasprintf("%s (approved for %s)", name, item->statement.approval.channel);
}

static bool is_called(const struct trial *trial, const struct trust_entry *entry,
                      const struct call *call, const struct evidence *item)
{
    if (call->notation != NULL)
        return trial_trusts_notation(entry, item);
    if (call->key != NULL)
        return item->form != EVIDENCE_NOTATION &&
               strcmp(item->signer.text, verify_key_fingerprint(call->key->key)->text) == 0;
    return trial_identity(trial, entry, item) == call->identity;
}

static bool counts_as(const struct trial *trial, const struct trust_entry *entry,
                      const struct call *call, const struct evidence *item)
{
    return is_called(trial, entry, call, item) && trial_name(trial, entry, item) != NULL;
}

static void name_signer(const struct seating *seating, const struct trust_entry *entry,
                        struct signer *signer, struct roll *roll)
{
    const char *name = trial_name(seating->trial, entry, counting(seating->trial, entry, signer));
    signer->called = true;
    if (signer->seat == NO_SEAT)
        *(char **)vec_push(&roll->vain) = xasprintf("%s (not needed)", name);
    else if (((struct seat *)vec_at(&seating->seats, signer->seat))->entry != entry)
        *(char **)vec_push(&roll->vain) = xasprintf("%s (counts for another entry)", name);
    else
        vec_push_string(&roll->seated, name);
}

// Whether some signer of the entry answers the call. A signer that answered before does not answer
// again, but is not missing either.
static bool call_signers(const struct seating *seating, const struct trust_entry *entry,
                         const struct call *call, struct roll *roll)
{
    bool answered = false;
    vec_foreach (struct signer, signer, &seating->signers) {
        bool answers = false;
        for (size_t i = 0; i < signer->items.len && !answers; i++) {
            const struct evidence *item = *(const struct evidence **)vec_at(&signer->items, i);
            answers = counts_as(seating->trial, entry, call, item) &&
                      is_for_subject(seating->trial, entry, item);
        }
        if (answers && !signer->called)
            name_signer(seating, entry, signer, roll);
        answered = answered || answers;
    }
    return answered;
}

static void call_one(const struct seating *seating, const struct trust_entry *entry,
                     const struct call *call, const char *name, struct roll *roll)
{
    const struct trial *trial = seating->trial;
    vec_push_string(&roll->all, name);
    bool answered = call_signers(seating, entry, call, roll);
    bool many = call->notation != NULL ||
                (call->identity != NULL && strchr(call->identity->subject, '*') != NULL);
    if (!answered || many)
        vec_push_string(&roll->absent, name);
    if (answered)
        return;
    char *why = NULL;
    vec_foreach (const struct evidence, item, &trial->evidence->items) {
        if (is_signature(item) && why == NULL && is_called(trial, entry, call, item))
            why = why_not(trial, entry, call, item);
    }
    if (why != NULL)
        *(char **)vec_push(&roll->vain) = why;
}

static void call_entry(const struct seating *seating, const struct trust_entry *entry,
                       struct roll *roll)
{
    vec_foreach (struct signer, signer, &seating->signers)
        signer->called = false;
    vec_foreach (const struct trust_key, key, &entry->keys)
        call_one(seating, entry, &(struct call){.key = key}, key->name, roll);
    vec_foreach (const struct trust_identity, identity, &entry->identities)
        call_one(seating, entry, &(struct call){.identity = identity}, identity->subject, roll);
    if (entry->notation == NULL)
        return;
    cleanup_free char *names = notation_trust_describe(entry->notation);
    call_one(seating, entry, &(struct call){.notation = entry->notation}, names, roll);
}

// An artifact that nobody signed may be anybody's: what follows every word of how to sign one.
#define OR_ELSE "; if you do not know who built it, sign nothing, and put back what was released"

// "spec.require[0].keys of TrustPolicy prod": where the keys of the entry are listed. Owned.
static char *keys_field(const struct trial *trial, const struct trust_entry *entry)
{
    static const char object[] = "TrustPolicy ";
    size_t index = 0;
    if (strncmp(trial->policy->name, object, sizeof object - 1) != 0)
        return xstrdup(entry->name);
    vec_foreach (const struct trust_entry, each, &trial->policy->entries) {
        if (each == entry)
            break;
        index++;
    }
    return xasprintf("spec.require[%zu].keys of %s", index, trial->policy->name);
}

// Signed by a key that nobody lists: that it signs again mends nothing. Owned, "" without one.
static char *how_to_list(const struct trial *trial, const struct trust_entry *entry)
{
    const struct vec *strangers = &trial->evidence->strangers;
    if (strangers->len == 0)
        return xstrdup("");
    cleanup_free char *names = trial_join(strangers, "");
    cleanup_free char *field = keys_field(trial, entry);
    return xasprintf("if %s is the key of a packager of yours, add its public key to %s; else ",
                     names, field);
}

// What stands before a digest in a command that works when it is pasted: a layout's identity is no
// reference yet.
static char *how_to_sign(const struct trial *trial, const struct trust_entry *entry)
{
    static const char layout[] = "oci-layout:";
    const struct trust_subject *subject = trial->subject;
    bool on_disk = strncmp(subject->repository, layout, sizeof layout - 1) == 0;
    const char *scheme = on_disk ? "oci-layout://" : "";
    const char *place = subject->repository + (on_disk ? sizeof layout - 1 : 0);
    bool approving = is_approving(trial, entry);
    const char *channel = subject->channel != NULL ? subject->channel : "CHANNEL";
    if (entry->notation != NULL && entry->keys.len + entry->identities.len == 0)
        return xasprintf("have it signed by such a signer: notation sign %s@%s, or sealift sign "
                         "%s%s@%s --notation --key FILE --certificate-chain FILE" OR_ELSE,
                         subject->repository, subject->digest, scheme, place, subject->digest);
    if (entry->keys.len == 0 && entry->approves)
        return xasprintf("have it approved by such an identity: cosign attest --type "
                         "https://sealift.dev/approval/v1 --predicate FILE %s@%s, where FILE names "
                         "repository, channel (%s) and approvedAt",
                         subject->repository, subject->digest, channel);
    if (entry->keys.len == 0)
        return xasprintf("have it %s by such an identity: cosign sign %s@%s%s",
                         approving ? "approved" : "signed", subject->repository, subject->digest,
                         approving ? "" : OR_ELSE);
    if (approving)
        return xasprintf("run: sealift approve %s%s@%s --channel %s --key FILE", scheme, place,
                         subject->digest, channel);
    cleanup_free char *listing = how_to_list(trial, entry);
    return xasprintf(
        "%swhoever built it signs it with such a key: sealift sign %s%s@%s --key FILE" OR_ELSE,
        listing, scheme, place, subject->digest);
}

static void release_roll(struct roll *roll)
{
    vec_free(&roll->seated);
    vec_free(&roll->vain);
    vec_free(&roll->absent);
    vec_free(&roll->all);
}

// "1 of 2: ada, grace (for the repository …)"; owned.
static char *describe_found(const struct trial *trial, const struct trust_entry *entry,
                            const struct roll *roll)
{
    static const char nothing[] = "no signature by a key of this entry";
    const struct vec *strangers = &trial->evidence->strangers;
    cleanup_free char *others = trial_join(strangers, "");
    cleanup_free char *none =
        strangers->len == 0
            ? xstrdup(nothing)
            : xasprintf("%s, only what says that it is signed by %s, which is not listed", nothing,
                        others);
    struct vec names = VEC_OF(char *, vec_release_string);
    for (size_t i = 0; i < roll->seated.len; i++)
        vec_push_string(&names, *(char **)vec_at(&roll->seated, i));
    for (size_t i = 0; i < roll->vain.len; i++)
        vec_push_string(&names, *(char **)vec_at(&roll->vain, i));
    cleanup_free char *list = trial_join(&names, none);
    char *found = entry->threshold == 1
                      ? xstrdup(list)
                      : xasprintf("%zu of %u: %s", roll->seated.len, entry->threshold, list);
    vec_free(&names);
    return found;
}

static void report_entry(const struct seating *seating, struct trial *trial,
                         const struct trust_entry *entry)
{
    struct roll roll = {
        .seated = VEC_OF(char *, vec_release_string),
        .vain = VEC_OF(char *, vec_release_string),
        .absent = VEC_OF(char *, vec_release_string),
        .all = VEC_OF(char *, vec_release_string),
    };
    call_entry(seating, entry, &roll);
    cleanup_free char *all = trial_join(&roll.all, "none");
    cleanup_free char *absent = trial_join(&roll.absent, "a signer that counts for no other entry");
    size_t seated = roll.seated.len;
    for (size_t i = 0; i < seated; i++)
        *(char **)vec_push(&trial->verdict->verified_by) =
            xasprintf("%s: %s", entry->name, *(char **)vec_at(&roll.seated, i));
    bool met = seated >= entry->threshold;
    bool approving = is_approving(trial, entry);
    trial_report(trial, approving ? TRUST_APPROVAL_REQUIRED : TRUST_UNVERIFIED,
                 xasprintf("%u %s%s of %s (%s)", entry->threshold,
                           approving ? "approval" : "signature", entry->threshold == 1 ? "" : "s",
                           entry->name, all),
                 describe_found(trial, entry, &roll),
                 met ? NULL : xasprintf("%zu more of %s", entry->threshold - seated, absent),
                 how_to_sign(trial, entry));
    release_roll(&roll);
}

void trial_judge_signers(struct trial *trial)
{
    struct seating seating = {
        .trial = trial,
        .signers = VEC_OF(struct signer, release_signer),
        .seats = VEC_OF(struct seat, NULL),
    };
    collect_signers(&seating);
    seating.tried = xcalloc(seating.signers.len + 1, sizeof *seating.tried);
    assign(&seating);
    vec_foreach (struct trust_entry, entry, &trial->policy->entries)
        report_entry(&seating, trial, entry);
    free(seating.tried);
    vec_free(&seating.signers);
    vec_free(&seating.seats);
}
