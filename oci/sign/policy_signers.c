// Which signers count for which entry. An entry that asks for n signers offers n seats; a signer
// may sit in any entry that lists its key, but only once. A largest assignment is found by
// augmenting paths (Kuhn): a seat takes a free signer, or one whose present seat can take another.
#include "oci/sign/policy_internal.h"

#include "base/memory.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

struct signer {
    const struct digest *fingerprint;
    size_t seat; // NO_SEAT while free
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

static bool names_repository(const struct trial *trial, const struct trust_entry *entry,
                             const struct evidence *item)
{
    if (entry->any_repository)
        return true;
    if (item->repository == NULL)
        return trial->attesting != NULL;
    return strcmp(item->repository, trial->subject->repository) == 0;
}

// Whether some signature by this signer counts for the entry.
static bool eligible(const struct trial *trial, const struct trust_entry *entry,
                     const struct digest *signer)
{
    if (trial_key(trial, entry, signer) == NULL)
        return false;
    vec_foreach (struct evidence, item, &trial->evidence->items) {
        if (item->kind == STATEMENT_SIGN && strcmp(item->signer.text, signer->text) == 0 &&
            names_repository(trial, entry, item))
            return true;
    }
    return false;
}

static void collect_signers(struct seating *seating)
{
    vec_foreach (struct evidence, item, &seating->trial->evidence->items) {
        bool known = item->kind != STATEMENT_SIGN;
        for (size_t i = 0; i < seating->signers.len && !known; i++)
            known = strcmp(((struct signer *)vec_at(&seating->signers, i))->fingerprint->text,
                           item->signer.text) == 0;
        if (known)
            continue;
        struct signer *signer = vec_push(&seating->signers);
        signer->fingerprint = &item->signer;
        signer->seat = NO_SEAT;
    }
}

static bool fill_seat(struct seating *seating, size_t seat)
{
    const struct trust_entry *entry = ((struct seat *)vec_at(&seating->seats, seat))->entry;
    for (size_t i = 0; i < seating->signers.len; i++) {
        struct signer *signer = vec_at(&seating->signers, i);
        if (seating->tried[i] || !eligible(seating->trial, entry, signer->fingerprint))
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

// What the signature of a listed key lacks, in words; NULL when the key did not sign at all.
static char *why_not(const struct trial *trial, const struct trust_entry *entry,
                     const struct trust_key *key)
{
    const struct digest *fingerprint = verify_key_fingerprint(key->key);
    char *why = NULL;
    vec_foreach (struct evidence, item, &trial->evidence->items) {
        if (item->kind != STATEMENT_SIGN || strcmp(item->signer.text, fingerprint->text) != 0 ||
            why != NULL)
            continue;
        if (trial_key(trial, entry, fingerprint) == NULL)
            why = xasprintf("%s (the key is not valid now)", key->name);
        else if (item->repository == NULL)
            why = xasprintf("%s (the signature names no repository)", key->name);
        else if (strcmp(item->repository, trial->subject->repository) != 0)
            why = xasprintf("%s (for the repository %s)", key->name, item->repository);
    }
    return why;
}

// The names of an entry's keys: those that sit, those that signed in vain, those that are missing.
struct roll {
    struct vec seated;
    struct vec vain;
    struct vec absent;
    struct vec all;
};

static void call_key(const struct seating *seating, const struct trust_entry *entry,
                     const struct trust_key *key, struct roll *roll)
{
    const char *fingerprint = verify_key_fingerprint(key->key)->text;
    vec_push_string(&roll->all, key->name);
    vec_foreach (struct signer, signer, &seating->signers) {
        if (strcmp(signer->fingerprint->text, fingerprint) != 0 ||
            trial_key(seating->trial, entry, signer->fingerprint) != key ||
            !eligible(seating->trial, entry, signer->fingerprint))
            continue;
        bool here = signer->seat != NO_SEAT &&
                    ((struct seat *)vec_at(&seating->seats, signer->seat))->entry == entry;
        if (here)
            vec_push_string(&roll->seated, key->name);
        else
            *(char **)vec_push(&roll->vain) = xasprintf(
                signer->seat == NO_SEAT ? "%s (not needed)" : "%s (counts for another entry)",
                key->name);
        return;
    }
    char *why = why_not(seating->trial, entry, key);
    if (why != NULL)
        *(char **)vec_push(&roll->vain) = why;
    vec_push_string(&roll->absent, key->name);
}

// A command that works when it is pasted: a layout's identity is no reference yet.
static char *how_to_sign(const struct trust_subject *subject)
{
    static const char layout[] = "oci-layout:";
    bool on_disk = strncmp(subject->repository, layout, sizeof layout - 1) == 0;
    return xasprintf("sign it with such a key: sealift sign %s%s@%s --key FILE",
                     on_disk ? "oci-layout://" : "",
                     subject->repository + (on_disk ? sizeof layout - 1 : 0), subject->digest);
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
    vec_foreach (struct trust_key, key, &entry->keys)
        call_key(seating, entry, key, &roll);
    cleanup_free char *all = trial_join(&roll.all, "none");
    cleanup_free char *absent = trial_join(&roll.absent, "a signer that counts for no other entry");
    size_t seated = roll.seated.len;
    for (size_t i = 0; i < seated; i++)
        *(char **)vec_push(&trial->verdict->verified_by) =
            xasprintf("%s: %s", entry->name, *(char **)vec_at(&roll.seated, i));
    for (size_t i = 0; i < roll.vain.len; i++)
        vec_push_string(&roll.seated, *(char **)vec_at(&roll.vain, i));
    bool met = seated >= entry->threshold;
    trial_report(trial, TRUST_UNVERIFIED,
                 xasprintf("%u signature%s of %s (%s)", entry->threshold,
                           entry->threshold == 1 ? "" : "s", entry->name, all),
                 trial_join(&roll.seated, "no signature by a key of this entry"),
                 met ? NULL : xasprintf("%zu more of %s", entry->threshold - seated, absent),
                 how_to_sign(trial->subject));
    vec_free(&roll.seated);
    vec_free(&roll.vain);
    vec_free(&roll.absent);
    vec_free(&roll.all);
}

void trial_judge_signers(struct trial *trial)
{
    struct seating seating = {
        .trial = trial,
        .signers = VEC_OF(struct signer, NULL),
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
