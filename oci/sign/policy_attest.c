// What the attesting entry's statements say: which channel the digest was released to, when, and
// from which source it was rendered.
#include "oci/sign/policy_internal.h"

#include "base/clock.h"
#include "base/git_identity.h"
#include "base/glob.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static bool matches_any(const struct vec *patterns, const char *text)
{
    for (size_t i = 0; i < patterns->len; i++)
        if (glob_match(*(char **)vec_at(patterns, i), text))
            return true;
    return false;
}

static bool is_attested(const struct trial *trial, const struct evidence *item,
                        enum statement_kind kind)
{
    return item->kind == kind && trial_name(trial, trial->attesting, item) != NULL;
}

static bool is_for_repository(const struct trial *trial, const struct release *release)
{
    return trial_is_repository(trial, release->repository);
}

static bool is_for_subject(const struct trial *trial, const struct release *release)
{
    const struct trust_subject *subject = trial->subject;
    if (!is_for_repository(trial, release))
        return false;
    if (subject->channel != NULL && strcmp(release->channel, subject->channel) != 0)
        return false;
    return subject->version == NULL ||
           (release->version != NULL && strcmp(release->version, subject->version) == 0);
}

// Which signer each piece of evidence is by, as far as that matters: where one is enough, each may
// be another. Owned.
static size_t *tell_signers(const struct trial *trial)
{
    size_t count = trial->evidence->items.len;
    size_t *signers = xcalloc(count + 1, sizeof *signers);
    for (size_t i = 0; i < count; i++)
        signers[i] = i;
    if (trial->attesting->threshold > 1)
        trial_tell_signers(trial, signers);
    return signers;
}

// When nobody may adopt it any more; 0: never.
static int64_t end_of(const struct trust_policy *policy, const struct release *release)
{
    int64_t end = release->not_after_ms;
    int64_t max_age = policy->max_age_ms;
    return max_age > 0 && (end == 0 || release->issued_at_ms + max_age < end)
               ? release->issued_at_ms + max_age
               : end;
}

// The releases of this digest to the channel that count.
struct stated {
    size_t signers;                 // who stated one
    const struct release *release;  // what as many as are asked for agree to; NULL: too few did
    const struct release *earliest; // of what they stated, what ends first
};

// Where a version is followed, each of several signers may name another channel: only what is to
// one that the policy lists counts, or one of them alone would choose it.
static bool counts_with_others(const struct trial *trial, const struct release *release)
{
    return trial->attesting->threshold == 1 || trial->subject->channel != NULL ||
           trial->policy->channels.len == 0 ||
           matches_any(&trial->policy->channels, release->channel);
}

// Of each signer the highest sequence; best has room for one of each piece of evidence, and is all
// NULL. How many signers stated one.
static size_t find_best(const struct trial *trial, const struct release **best)
{
    size_t found = 0;
    const struct vec *items = &trial->evidence->items;
    cleanup_free size_t *signers = tell_signers(trial);
    for (size_t i = 0; i < items->len; i++) {
        const struct evidence *item = vec_at(items, i);
        const struct release *release = &item->statement.release;
        if (!is_attested(trial, item, STATEMENT_RELEASE) || !is_for_subject(trial, release) ||
            !counts_with_others(trial, release))
            continue;
        const struct release **known = &best[signers[i]];
        found += *known == NULL;
        if (*known == NULL || release->sequence > (*known)->sequence)
            *known = release;
    }
    return found;
}

// Whose statement has ended stands in nobody's way where as many as are asked for have one that has
// not: one of three ends nothing alone.
static void leave_out_ended(const struct trial *trial, const struct release **best, size_t count)
{
    cleanup_free bool *ended = xcalloc(count + 1, sizeof *ended);
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t end = best[i] != NULL ? end_of(trial->policy, best[i]) : 0;
        ended[i] = end != 0 && trial->subject->now_ms > end + TRUST_AGE_SKEW_MS;
        fresh += best[i] != NULL && !ended[i];
    }
    for (size_t i = 0; i < count; i++)
        if (ended[i] && fresh >= trial->attesting->threshold)
            best[i] = NULL;
}

// Of what each signer stated last, what as many as the entry asks for have reached: no smaller
// number of keys brings a digest to a channel, or back to it.
static struct stated find_release(const struct trial *trial)
{
    struct stated stated = {0};
    size_t count = trial->evidence->items.len;
    cleanup_free const struct release **best = xcalloc(count + 1, sizeof *best);
    stated.signers = find_best(trial, best);
    if (stated.signers < trial->attesting->threshold)
        return stated;
    if (trial->attesting->threshold > 1)
        leave_out_ended(trial, best, count);
    for (unsigned i = 0; i < trial->attesting->threshold; i++) {
        const struct release **highest = best;
        for (size_t j = 0; j < count; j++)
            if (best[j] != NULL && (*highest == NULL || best[j]->sequence > (*highest)->sequence))
                highest = &best[j];
        stated.release = *highest;
        int64_t end = end_of(trial->policy, stated.release);
        if (stated.earliest == NULL || (end != 0 && (end_of(trial->policy, stated.earliest) == 0 ||
                                                     end < end_of(trial->policy, stated.earliest))))
            stated.earliest = stated.release;
        *highest = NULL;
    }
    return stated;
}

// "staging, registry.example.com/other:prod": what the digest was released to instead. Owned.
static char *other_releases(const struct trial *trial)
{
    struct vec names = VEC_OF(char *, vec_release_string);
    vec_foreach (struct evidence, item, &trial->evidence->items) {
        const struct release *release = &item->statement.release;
        if (item->kind != STATEMENT_RELEASE)
            continue;
        char *name;
        if (!is_attested(trial, item, STATEMENT_RELEASE))
            name = xasprintf("%s (signed by a %s that %s does not list now)", release->channel,
                             item->subject != NULL ? "signer" : "key", trial->attesting->name);
        else if (!is_for_repository(trial, release))
            name = xasprintf("%s of %s", release->channel, release->repository);
        else if (trial->subject->version != NULL)
            name = xasprintf("%s as version %s", release->channel,
                             release->version != NULL ? release->version : "(none)");
        else
            name = xstrdup(release->channel);
        bool known = false;
        for (size_t i = 0; i < names.len && !known; i++)
            known = strcmp(*(char **)vec_at(&names, i), name) == 0;
        if (known)
            free(name);
        else
            *(char **)vec_push(&names) = name;
    }
    cleanup_free char *list = trial_join(&names, "no release statement");
    char *text = names.len > 0 ? xasprintf("a release to %s", list) : xstrdup(list);
    vec_free(&names);
    return text;
}

static void judge_channel_list(struct trial *trial, const char *channel)
{
    const struct vec *channels = &trial->policy->channels;
    if (channels->len == 0)
        return;
    cleanup_free char *list = trial_join(channels, "");
    bool allowed = matches_any(channels, channel);
    trial_report(trial, TRUST_CHANNEL_NOT_ALLOWED, xasprintf("a channel out of %s", list),
                 xstrdup(channel), allowed ? NULL : xasprintf("an allowed channel"),
                 xstrdup("follow another channel, or add this one to source.channels"));
}

static void judge_clock(struct trial *trial, const struct release *release)
{
    int64_t latest = trial->subject->now_ms + TRUST_CLOCK_SKEW_MS;
    int64_t ahead =
        release->sequence > release->issued_at_ms ? release->sequence : release->issued_at_ms;
    char now[TIME_TEXT_SIZE];
    time_format(trial->subject->now_ms, now);
    if (ahead > latest)
        trial_report(
            trial, TRUST_CLOCK_SKEW, xstrdup("a statement from no later than tomorrow"),
            xasprintf("sequence %lld, while it is %s here", (long long)release->sequence, now),
            xstrdup("clocks that agree within a day"),
            xstrdup("correct the clock of the signer or of this host, then release again"));
}

static void judge_age(struct trial *trial, const struct release *release)
{
    int64_t now = trial->subject->now_ms;
    int64_t end = end_of(trial->policy, release);
    if (end == 0)
        return;
    end += TRUST_AGE_SKEW_MS;
    char issued[TIME_TEXT_SIZE];
    char until[TIME_TEXT_SIZE];
    time_format(release->issued_at_ms, issued);
    time_format(end, until);
    trial_judge_again(trial, end + 1);
    trial_report(trial, TRUST_STALE, xasprintf("a release that is fresh until %s", until),
                 xasprintf("issued %s", issued),
                 now <= end ? NULL : xstrdup("a newer release statement"),
                 xstrdup("let the packager renew it (artifact.renew), or push again"));
}

static void adopt(struct trial *trial, const struct release *release)
{
    struct trust_verdict *verdict = trial->verdict;
    if (verdict->attested && release->sequence >= verdict->sequence)
        return;
    verdict->attested = true;
    verdict->sequence = release->sequence;
    verdict->issued_at_ms = release->issued_at_ms;
}

static void judge_release(struct trial *trial)
{
    const struct trust_subject *subject = trial->subject;
    if (subject->channel == NULL && subject->version == NULL) {
        trial_report(trial, TRUST_CHANNEL_REQUIRED, xstrdup("a channel to judge releases by"),
                     xstrdup("a digest or an immutable tag alone"), xstrdup("the channel's name"),
                     xstrdup("set spec.artifact.channel, or follow a tag"));
        return;
    }
    if (subject->channel != NULL)
        judge_channel_list(trial, subject->channel);
    unsigned threshold = trial->attesting->threshold;
    const struct stated stated = find_release(trial);
    const struct release *release = stated.release;
    cleanup_free char *by = threshold > 1 ? xasprintf("%u of ", threshold) : xstrdup("");
    cleanup_free char *wanted = subject->version != NULL
                                    ? xasprintf("version %s", subject->version)
                                    : xasprintf("channel %s", subject->channel);
    trial_report(trial, TRUST_NOT_ATTESTED,
                 xasprintf("a release to %s, stated by %s%s", wanted, by, trial->attesting->name),
                 release != NULL      ? xasprintf("sequence %lld", (long long)release->sequence)
                 : stated.signers > 0 ? xasprintf("%zu of %u", stated.signers, threshold)
                                      : other_releases(trial),
                 release != NULL ? NULL
                 : stated.signers > 0
                     ? xasprintf("the statements of %zu more", threshold - stated.signers)
                     : xasprintf("a release statement for %s", wanted),
                 xasprintf("release this digest to %s with its packager, or follow what it was "
                           "released to",
                           wanted));
    if (release == NULL)
        return;
    if (subject->channel == NULL)
        judge_channel_list(trial, release->channel);
    adopt(trial, release);
    judge_clock(trial, release);
    judge_age(trial, stated.earliest);
}

// "main" means the branch: a tag of the same name may be anybody's.
static bool ref_allowed(const struct trust_policy *policy, const char *ref)
{
    static const char heads[] = "refs/heads/";
    if (policy->refs.len == 0 || matches_any(&policy->refs, ref))
        return true;
    return strncmp(ref, heads, sizeof heads - 1) == 0 &&
           matches_any(&policy->refs, ref + sizeof heads - 1);
}

// The path without "./" in front and "/" at its end; *ret_size is its length.
static const char *plain_path(const char *path, size_t *ret_size)
{
    while (strncmp(path, "./", 2) == 0 || *path == '/')
        path += *path == '/' ? 1 : 2;
    if (strcmp(path, ".") == 0)
        path++;
    size_t size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    *ret_size = size;
    return path;
}

// Whether the pattern names the path, or a folder that it is in.
static bool holds_path(const char *pattern, const char *path)
{
    size_t size;
    const char *plain = plain_path(pattern, &size);
    cleanup_free char *folder = xstrndup(plain, size);
    cleanup_free char *at = xstrdup(path);
    if (size == 0)
        return true;
    for (;;) {
        if (glob_match(folder, at))
            return true;
        char *end = strrchr(at, '/');
        if (end == NULL)
            return false;
        *end = '\0';
    }
}

static bool path_allowed(const struct trust_policy *policy, const char *path)
{
    size_t size;
    const char *plain = plain_path(path, &size);
    cleanup_free char *wanted = xstrndup(plain, size);
    if (policy->paths.len == 0)
        return true;
    for (size_t i = 0; i < policy->paths.len; i++)
        if (holds_path(*(char **)vec_at(&policy->paths, i), wanted))
            return true;
    return false;
}

static bool has_dot_segments(const char *path)
{
    return strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0 ||
           strstr(path, "/../") != NULL ||
           (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0);
}

static bool source_allowed(const struct trust_policy *policy, const struct provenance *from)
{
    if (policy->source_repository != NULL) {
        cleanup_free char *identity = NULL;
        if (git_identity(from->repository, &identity, NULL) < 0 ||
            strcmp(identity, policy->source_repository) != 0)
            return false;
    }
    return ref_allowed(policy, from->ref) && !has_dot_segments(from->path) &&
           path_allowed(policy, from->path);
}

bool trial_claims_agree(const struct trial *trial, const struct evidence *item)
{
    const struct trust_policy *policy = trial->policy;
    if (policy->source_repository != NULL && item->source_repository != NULL) {
        cleanup_free char *identity = NULL;
        if (git_identity(item->source_repository, &identity, NULL) < 0 ||
            strcmp(identity, policy->source_repository) != 0)
            return false;
    }
    return item->source_ref == NULL || ref_allowed(policy, item->source_ref);
}

static char *describe_source(const struct provenance *from)
{
    return xasprintf("%s at %s, path %s", from->repository, from->ref,
                     *from->path != '\0' ? from->path : ".");
}

static char *describe_wanted(const struct trust_policy *policy)
{
    cleanup_free char *refs = trial_join(&policy->refs, "any ref");
    cleanup_free char *paths = trial_join(&policy->paths, "any path");
    return xasprintf("%s at %s, path %s",
                     policy->source_repository != NULL ? policy->source_repository
                                                       : "any repository",
                     refs, paths);
}

// What the attesting entry's provenance says.
struct origin {
    size_t agreed;                    // how many signers name a source that is allowed
    const struct provenance *allowed; // one of theirs; NULL
    const struct provenance *other;   // NULL
};

static struct origin find_origin(const struct trial *trial)
{
    struct origin origin = {0};
    const struct vec *items = &trial->evidence->items;
    cleanup_free size_t *signers = tell_signers(trial);
    cleanup_free bool *heard = xcalloc(items->len + 1, sizeof *heard);
    for (size_t i = 0; i < items->len; i++) {
        const struct evidence *item = vec_at(items, i);
        if (!is_attested(trial, item, STATEMENT_PROVENANCE))
            continue;
        if (!source_allowed(trial->policy, &item->statement.provenance)) {
            origin.other = &item->statement.provenance;
            continue;
        }
        origin.allowed = &item->statement.provenance;
        origin.agreed += !heard[signers[i]];
        heard[signers[i]] = true;
    }
    return origin;
}

static void judge_source(struct trial *trial)
{
    const struct trust_policy *policy = trial->policy;
    if (policy->source_repository == NULL && policy->refs.len == 0 && policy->paths.len == 0)
        return;
    unsigned threshold = trial->attesting->threshold;
    const struct origin origin = find_origin(trial);
    const struct provenance *named = origin.allowed != NULL ? origin.allowed : origin.other;
    cleanup_free char *wanted = describe_wanted(policy);
    cleanup_free char *source = named != NULL
                                    ? describe_source(named)
                                    : xasprintf("no provenance by %s", trial->attesting->name);
    bool some = threshold > 1 && origin.agreed > 0;
    trial_report(trial, TRUST_SOURCE_NOT_ALLOWED, xasprintf("rendered from %s", wanted),
                 some ? xasprintf("%s, by %zu of %u", source, origin.agreed, threshold)
                      : xstrdup(source),
                 origin.agreed >= threshold ? NULL : xstrdup("provenance of an allowed source"),
                 xstrdup("push through a Bundle of that source, or widen the policy's source"));
}

void trial_judge_attestations(struct trial *trial)
{
    judge_release(trial);
    judge_source(trial);
}
