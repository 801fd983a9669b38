// What time alone will do to a policy: keys that run out, and entries that nobody can meet then.
#include "oci/sign/policy_internal.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 16 << 10 };

static bool is_valid(const struct trust_key *key, int64_t at_ms)
{
    return (key->not_before_ms == 0 || at_ms >= key->not_before_ms) &&
           (key->not_after_ms == 0 || at_ms <= key->not_after_ms);
}

static bool same_key(const struct trust_key *a, const struct trust_key *b)
{
    return strcmp(verify_key_fingerprint(a->key)->text, verify_key_fingerprint(b->key)->text) == 0;
}

// How many signers the entry has then; a pattern of identities is any number.
static size_t signers_at(const struct trust_entry *entry, int64_t at_ms)
{
    size_t count = entry->identities.len;
    vec_foreach (const struct trust_identity, identity, &entry->identities) {
        if (strchr(identity->subject, '*') != NULL)
            return SIZE_MAX;
    }
    for (size_t i = 0; i < entry->keys.len; i++) {
        const struct trust_key *key = vec_at(&entry->keys, i);
        bool first = is_valid(key, at_ms);
        for (size_t j = 0; j < i && first; j++) {
            const struct trust_key *other = vec_at(&entry->keys, j);
            first = !(is_valid(other, at_ms) && same_key(other, key));
        }
        count += first;
    }
    return count;
}

struct outlook {
    int64_t now_ms;
    int64_t horizon_ms;
    struct trust_outlook *result;
    struct strbuf text;
};

static void look_again(struct outlook *outlook, int64_t at_ms)
{
    int64_t *next = &outlook->result->look_again_ms;
    if (at_ms > outlook->now_ms && (*next == 0 || at_ms < *next))
        *next = at_ms;
}

static void say(struct outlook *outlook, const char *text)
{
    strbuf_addf(&outlook->text, "%s%s", outlook->text.len > 0 ? "; " : "", text);
}

// A key that stands there twice, with two windows, runs out with the later one.
static bool goes_on(const struct trust_entry *entry, const struct trust_key *key)
{
    vec_foreach (const struct trust_key, other, &entry->keys) {
        if (same_key(other, key) && is_valid(other, key->not_after_ms + 1))
            return true;
    }
    return false;
}

static void look_at_key(struct outlook *outlook, const struct trust_entry *entry,
                        const struct trust_key *key)
{
    int64_t end_ms = key->not_after_ms;
    if (key->not_before_ms > 0)
        look_again(outlook, key->not_before_ms);
    if (end_ms == 0)
        return;
    look_again(outlook, end_ms + 1);
    look_again(outlook, end_ms - outlook->horizon_ms);
    if (!is_valid(key, outlook->now_ms) || end_ms - outlook->now_ms > outlook->horizon_ms ||
        goes_on(entry, key))
        return;
    char end[TIME_TEXT_SIZE];
    time_format(end_ms, end);
    size_t left = signers_at(entry, end_ms + 1);
    cleanup_free char *then =
        left >= entry->threshold
            ? xstrdup("enough others stay")
            : xasprintf("then %zu of the %u signers that it asks for %s left; add the key that "
                        "follows it now, and let it sign before",
                        left, entry->threshold, left == 1 ? "is" : "are");
    cleanup_free char *text =
        xasprintf("key %s of %s runs out on %s: %s", key->name, entry->name, end, then);
    say(outlook, text);
}

static void look_at_entry(struct outlook *outlook, const struct trust_entry *entry)
{
    size_t now = signers_at(entry, outlook->now_ms);
    if (now < entry->threshold) {
        cleanup_free char *text =
            xasprintf("%s asks for %u signers, and %zu of its keys %s valid now; add a key, or "
                      "correct notBefore and notAfter",
                      entry->name, entry->threshold, now, now == 1 ? "is" : "are");
        outlook->result->reachable = false;
        say(outlook, text);
    }
    vec_foreach (const struct trust_key, key, &entry->keys)
        look_at_key(outlook, entry, key);
}

void trust_policy_outlook(const struct trust_policy *policy, int64_t now_ms, int64_t horizon_ms,
                          struct trust_outlook *ret_outlook)
{
    struct outlook outlook = {.now_ms = now_ms, .horizon_ms = horizon_ms, .result = ret_outlook};
    *ret_outlook = (struct trust_outlook){.reachable = true};
    strbuf_init(&outlook.text, MAX_TEXT);
    vec_foreach (const struct trust_entry, entry, &policy->entries)
        look_at_entry(&outlook, entry);
    vec_foreach (const struct trust_attestation, wanted, &policy->attestations)
        look_at_entry(&outlook, &wanted->signers);
    if (outlook.text.len > 0)
        ret_outlook->message = strbuf_steal(&outlook.text);
    strbuf_release(&outlook.text);
}
