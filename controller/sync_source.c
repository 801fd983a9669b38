// What a Sync follows: a Bundle's digest, a tag, the highest version in a range, or a pin. Resolved
// once; from then on only the digest counts.
#include "controller/sync_internal.h"

#include "api/condition.h"
#include "api/identity.h"
#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/regexp.h"
#include "base/semver.h"
#include "controller/local.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

void sync_source_release(struct sync_source *source)
{
    free(source->reference);
    free(source->identity);
    free(source->channel);
    free(source->version);
    free(source->revision);
    *source = (struct sync_source){0};
}

void sync_source_copy(struct sync_source *to, const struct sync_source *from)
{
    const struct sync_source copy = {
        .reference = xstrdup_or_null(from->reference),
        .identity = xstrdup_or_null(from->identity),
        .channel = xstrdup_or_null(from->channel),
        .version = xstrdup_or_null(from->version),
        .revision = xstrdup_or_null(from->revision),
        .digest = from->digest,
        .per_sync_floor = from->per_sync_floor,
        .sequence = from->sequence,
    };
    sync_source_release(to);
    *to = copy;
}

static void set_digest(struct sync_source *source, const char *digest)
{
    if (digest_is_valid(digest))
        memcpy(source->digest.text, digest, strlen(digest) + 1);
}

static bool exports_to(const json_t *bundle, const char *namespace)
{
    if (strcmp(object_namespace(bundle), namespace) == 0)
        return true;
    size_t index;
    json_t *name;
    json_array_foreach (object_spec(bundle, "exportTo"), index, name) {
        // An invalid Bundle may list anything.
        if (json_is_string(name) && strcmp(json_string_value(name), namespace) == 0)
            return true;
    }
    return false;
}

static int take_bundle(struct sync_flow *flow, const json_t *bundle, struct error *err)
{
    struct sync_source *source = &flow->source;
    const char *repository = object_spec_string(bundle, "artifact.repository");
    const char *digest = object_status_string(bundle, "artifact.digest");
    cleanup_free char *name = object_text(bundle);
    if (!exports_to(bundle, object_namespace(flow->object))) {
        flow->reason = "NotExported";
        return error_set(
            err, ERROR_DENIED,
            "%s does not list namespace %s in spec.exportTo, so this Sync may not follow it; if it "
            "is to follow it, add %s to spec.exportTo of %s",
            name, object_namespace(flow->object), object_namespace(flow->object), name);
    }
    flow->reason = "BundleNotReady";
    if (repository == NULL)
        return error_set(err, ERROR_UNAVAILABLE, "%s names no repository", name);
    const json_t *tags = object_spec(bundle, "artifact.tags");
    const char *identity = object_spec_string(bundle, "artifact.identity");
    source->reference = xstrdup(repository);
    source->channel = xstrdup_or_null(json_string_value(json_array_get(tags, 0)));
    source->sequence = jval_int(object_status(bundle, "artifact"), "sequence", 0);
    if (identity_oci(identity != NULL ? identity : repository, &source->identity, err) < 0)
        return -1;
    // What it released may be in another repository than its spec names since.
    const char *released_to = object_status_string(bundle, "artifact.repository");
    flow->waits = digest == NULL && condition_state(bundle, "Ready") == CONDITION_UNKNOWN;
    if (flow->waits)
        return error_set(err, ERROR_UNAVAILABLE, "%s is not built yet", name);
    if (digest == NULL || !digest_is_valid(digest) ||
        (released_to != NULL && strcmp(released_to, source->identity) != 0))
        return error_set(
            err, ERROR_UNAVAILABLE,
            "%s has released no artifact to %s yet; sealift get bundle %s -n %s says why", name,
            source->identity, object_name(bundle), object_namespace(bundle));
    set_digest(source, digest);
    return 0;
}

static int follow_bundle(struct sync_flow *flow, const char *name, struct error *err)
{
    const char *namespace = object_bundle_namespace(flow->object);
    cleanup_json json_t *bundle = NULL;
    flow->reason = "BundleNotFound";
    if (store_get(flow->role->store, "Bundle", namespace, name, &bundle, err) < 0)
        return sync_refuse_bundle(flow, namespace, name, err);
    return take_bundle(flow, bundle, err);
}

int sync_source_open(struct sync_flow *flow, struct error *err)
{
    if (flow->repository != NULL)
        return 0;
    struct registry_wish wish = registry_wish_of(flow->object);
    wish.client = flow->client;
    wish.cancel = flow->cancel;
    wish.deadline_mono_ms = flow->deadline_mono_ms;
    flow->reason = "LocalPathRefused";
    if (local_check_url(flow->role, flow->source.reference, err) < 0)
        return error_wrap(err, "spec.artifact.repository");
    flow->reason = "SecretNotUsable";
    if (registry_access_init(&flow->access, flow->role, &wish, err) < 0)
        return -1;
    flow->reason = "PullFailed";
    return registry_access_open(&flow->access, flow->source.reference, &flow->repository, err);
}

static int resolve_tag(struct sync_flow *flow, const char *tag, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    flow->reason = "PullFailed";
    if (oci_resolve(flow->repository, tag, &descriptor, err) < 0)
        return sync_refuse_tag(flow, tag, err);
    flow->source.digest = descriptor.digest;
    return 0;
}

// Which tags a Sync chooses from.
struct choice {
    const char *range_text;
    const char *filter_text; // NULL: every tag
    struct semver_range *range;
    struct regexp *filter;
};

static void choice_release(struct choice *choice)
{
    cleanup_semver_range_pointer(&choice->range);
    cleanup_regexp_pointer(&choice->filter);
}

static int choice_parse(const json_t *artifact, struct choice *choice, struct error *err)
{
    choice->range_text = jval_string_or(artifact, "semver", "*");
    choice->filter_text = jval_string(artifact, "semverFilter");
    if (semver_range_parse(choice->range_text, &choice->range, err) < 0)
        return error_wrap(err, "spec.artifact.semver");
    if (choice->filter_text != NULL &&
        regexp_compile(choice->filter_text, REGEXP_ANYWHERE, &choice->filter, err) < 0)
        return error_wrap(err, "spec.artifact.semverFilter");
    return 0;
}

// *ret_version is owned where the tag is one to choose from. Registries write the '+' of a version
// as '_'.
static int choice_judge(const struct choice *choice, const char *tag, bool *ret_chosen,
                        struct semver *ret_version, struct error *err)
{
    cleanup_free char *plain = xstrdup(tag);
    cleanup_semver struct semver version = {0};
    bool matches = true;
    char *underscore = strchr(plain, '_');
    if (underscore != NULL)
        *underscore = '+';
    if (choice->filter != NULL && regexp_match(choice->filter, tag, &matches, err) < 0)
        return error_wrap(err, "spec.artifact.semverFilter");
    *ret_chosen = matches && semver_parse(plain, &version, NULL) == 0 &&
                  semver_range_allows(choice->range, &version);
    if (*ret_chosen) {
        *ret_version = version;
        version = (struct semver){0};
    }
    return 0;
}

static int refuse_tags(const struct sync_flow *flow, const struct choice *choice,
                       const struct vec *tags, struct error *err)
{
    cleanup_free char *told = sync_tell_tags(flow, tags, NULL);
    return error_set(err, ERROR_NOT_FOUND, "%s has no tag in the range %s%s%s%s",
                     flow->source.identity, choice->range_text,
                     choice->filter_text != NULL ? " that semverFilter matches: " : "",
                     choice->filter_text != NULL ? choice->filter_text : "", told);
}

// The highest version among the tags.
static int choose_tag(struct sync_flow *flow, const struct choice *choice, char **ret_tag,
                      struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    cleanup_semver struct semver best = {0};
    const char *chosen = NULL;
    flow->reason = "PullFailed";
    if (oci_list_tags(flow->repository, &tags, err) < 0)
        return -1;
    flow->reason = "VersionNotFound";
    vec_foreach (char *, tag, &tags) {
        struct semver version = {0};
        bool counts = false;
        if (choice_judge(choice, *tag, &counts, &version, err) < 0)
            return -1;
        if (counts && (chosen == NULL || semver_compare(&version, &best) > 0)) {
            semver_release(&best);
            best = version;
            chosen = *tag;
            continue;
        }
        semver_release(&version);
    }
    if (chosen == NULL)
        return refuse_tags(flow, choice, &tags, err);
    flow->source.version = semver_format(&best);
    *ret_tag = xstrdup(chosen);
    return 0;
}

static int pick_version(struct sync_flow *flow, const json_t *artifact, char **ret_tag,
                        struct error *err)
{
    struct choice choice = {0};
    flow->reason = "VersionNotFound";
    int result = choice_parse(artifact, &choice, err);
    if (result == 0)
        result = choose_tag(flow, &choice, ret_tag, err);
    choice_release(&choice);
    return result;
}

static int follow_repository(struct sync_flow *flow, struct error *err)
{
    struct sync_source *source = &flow->source;
    const json_t *artifact = object_spec(flow->object, "artifact");
    const char *tag = jval_string(artifact, "tag");
    const char *digest = jval_string(artifact, "digest");
    const char *channel = jval_string(artifact, "channel");
    flow->reason = "PullFailed";
    source->reference = xstrdup(jval_string_or(artifact, "repository", ""));
    if (identity_oci(source->reference, &source->identity, err) < 0 ||
        sync_source_open(flow, err) < 0)
        return -1;
    if (digest != NULL) {
        set_digest(source, digest);
        source->channel = xstrdup_or_null(channel);
        return 0;
    }
    if (tag != NULL) {
        // A git- tag names one commit: it is a pin, and no channel.
        bool pin = strncmp(tag, "git-", 4) == 0;
        source->channel = xstrdup_or_null(channel != NULL ? channel : pin ? NULL : tag);
        return resolve_tag(flow, tag, err);
    }
    cleanup_free char *chosen = NULL;
    source->per_sync_floor = true;
    if (pick_version(flow, artifact, &chosen, err) < 0)
        return -1;
    source->channel = xstrdup(channel != NULL ? channel : chosen);
    return resolve_tag(flow, chosen, err);
}

int sync_source_resolve(struct sync_flow *flow, struct error *err)
{
    const char *bundle = object_spec_string(flow->object, "bundleRef.name");
    if ((bundle != NULL ? follow_bundle(flow, bundle, err) : follow_repository(flow, err)) < 0)
        return -1;
    flow->source.revision = xasprintf("%s@%s",
                                      flow->source.version != NULL   ? flow->source.version
                                      : flow->source.channel != NULL ? flow->source.channel
                                                                     : "pinned",
                                      flow->source.digest.text);
    return 0;
}
