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

// Of the attested releases of this digest to the channel, the one that counts: the highest
// sequence. NULL when there is none.
static const struct release *find_release(const struct trial *trial)
{
    const struct release *found = NULL;
    vec_foreach (struct evidence, item, &trial->evidence->items) {
        const struct release *release = &item->statement.release;
        if (is_attested(trial, item, STATEMENT_RELEASE) && is_for_subject(trial, release) &&
            (found == NULL || release->sequence > found->sequence))
            found = release;
    }
    return found;
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
    int64_t max_age = trial->policy->max_age_ms;
    int64_t end = release->not_after_ms;
    if (max_age > 0 && (end == 0 || release->issued_at_ms + max_age < end))
        end = release->issued_at_ms + max_age;
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
    const struct release *release = find_release(trial);
    cleanup_free char *wanted = subject->version != NULL
                                    ? xasprintf("version %s", subject->version)
                                    : xasprintf("channel %s", subject->channel);
    trial_report(trial, TRUST_NOT_ATTESTED,
                 xasprintf("a release to %s, stated by %s", wanted, trial->attesting->name),
                 release != NULL ? xasprintf("sequence %lld", (long long)release->sequence)
                                 : other_releases(trial),
                 release != NULL ? NULL : xasprintf("a release statement for %s", wanted),
                 xasprintf("release this digest to %s with its packager, or follow what it was "
                           "released to",
                           wanted));
    if (release == NULL)
        return;
    if (subject->channel == NULL)
        judge_channel_list(trial, release->channel);
    adopt(trial, release);
    judge_clock(trial, release);
    judge_age(trial, release);
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

static void judge_source(struct trial *trial)
{
    const struct trust_policy *policy = trial->policy;
    if (policy->source_repository == NULL && policy->refs.len == 0 && policy->paths.len == 0)
        return;
    const struct provenance *allowed = NULL;
    const struct provenance *other = NULL;
    vec_foreach (struct evidence, item, &trial->evidence->items) {
        if (!is_attested(trial, item, STATEMENT_PROVENANCE))
            continue;
        if (source_allowed(policy, &item->statement.provenance))
            allowed = &item->statement.provenance;
        else
            other = &item->statement.provenance;
    }
    cleanup_free char *wanted = describe_wanted(policy);
    char *found = allowed != NULL ? describe_source(allowed)
                  : other != NULL ? describe_source(other)
                                  : xasprintf("no provenance by %s", trial->attesting->name);
    trial_report(trial, TRUST_SOURCE_NOT_ALLOWED, xasprintf("rendered from %s", wanted), found,
                 allowed != NULL ? NULL : xstrdup("provenance of an allowed source"),
                 xstrdup("push through a Bundle of that source, or widen the policy's source"));
}

void trial_judge_attestations(struct trial *trial)
{
    judge_release(trial);
    judge_source(trial);
}
