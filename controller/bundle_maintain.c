// What is out already: tags that somebody moved are put back, statements and signatures that end
// are renewed while they still count.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/attach.h"

#include <stdlib.h>
#include <string.h>

static const int64_t default_renew_ms = 168LL * 60 * 60 * 1000;
static const int64_t min_renewal_ms = 1000;

static bool has_all_channels(const struct bundle_flow *flow)
{
    const json_t *stated = jval_array(flow->status, "artifact.tags");
    return stated != NULL && json_equal(stated, object_spec(flow->object, "artifact.tags"));
}

// The other half of the expiry is for trying again.
static int64_t renew_after_ms(const struct bundle_flow *flow)
{
    int64_t renew_ms = object_spec_duration_ms(flow->object, "artifact.renew", default_renew_ms);
    int64_t expiry_ms = object_spec_duration_ms(flow->object, "sign.expiry", 0);
    return expiry_ms > 0 && expiry_ms / 2 < renew_ms ? expiry_ms / 2 : renew_ms;
}

static bool renewal_is_due(const struct bundle_flow *flow)
{
    int64_t renewed_ms = 0;
    const char *renewed = jval_string(flow->status, "artifact.renewedAt");
    if (renewed == NULL || time_parse(renewed, &renewed_ms, NULL) < 0 || !has_all_channels(flow))
        return true;
    return clock_wall_ms(flow->role->clock) - renewed_ms >= renew_after_ms(flow);
}

// Until `after_ms` have gone by since the time at `path` of the status; INT64_MAX: there is none.
static int64_t left_ms(const struct bundle_flow *flow, const char *path, int64_t after_ms)
{
    int64_t since_ms = 0;
    const char *since = jval_string(flow->status, path);
    if (since == NULL || time_parse(since, &since_ms, NULL) < 0)
        return INT64_MAX;
    int64_t left = since_ms + after_ms - clock_wall_ms(flow->role->clock);
    // Overdue: the flow that should have renewed it failed, and is tried again like any other.
    if (left <= 0)
        return INT64_MAX;
    return left > min_renewal_ms ? left : min_renewal_ms;
}

int64_t bundle_renewal_in_ms(const struct bundle_flow *flow)
{
    int64_t notation_ms = object_spec_duration_ms(flow->object, "sign.notation.expiry", 0);
    int64_t release = object_spec(flow->object, "sign.expiry") != NULL
                          ? left_ms(flow, "artifact.renewedAt", renew_after_ms(flow))
                          : INT64_MAX;
    int64_t notation =
        notation_ms > 0 ? left_ms(flow, "artifact.notation.signedAt", notation_ms / 2) : INT64_MAX;
    return release < notation ? release : notation;
}

static int renew(struct bundle_flow *flow, const struct oci_descriptor *artifact, struct error *err)
{
    cleanup_vec struct vec releases = VEC_OF(struct release, NULL);
    int64_t sequence = 0;
    char now[TIME_TEXT_SIZE];
    flow->reason = "StatusFailed";
    if (bundle_reserve_sequence(flow, 0, &sequence, err) < 0)
        return -1;
    cleanup_free char *version =
        bundle_is_rolled_back(flow)
            ? xstrdup_or_null(jval_string(flow->status, "artifact.rolledBack.version"))
            : bundle_version(flow);
    bundle_fill_releases(flow, jval_string(flow->status, "artifact.commit"), sequence, version,
                         &releases);
    flow->reason = "SignFailed";
    if (release_renew(flow->repository, artifact, flow->key, releases.data, releases.len,
                      clock_wall_ms(flow->role->clock), err) < 0)
        return -1;
    time_format(clock_wall_ms(flow->role->clock), now);
    jval_set_int(flow->status, "artifact.sequence", sequence);
    jval_set_string(flow->status, "artifact.renewedAt", now);
    jval_set(flow->status, "artifact.tags",
             json_incref((json_t *)(uintptr_t)object_spec(flow->object, "artifact.tags")));
    return 0;
}

// Puts the tag back, unless it was moved by a rollback that counts (*ret_taken).
static int put_tag_back(struct bundle_flow *flow, const char *name, const char *digest,
                        bool *ret_taken, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    if (oci_resolve(flow->repository, name, &found, &cause) < 0 && cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    if (cause.code == ERROR_NONE && strcmp(found.digest.text, digest) == 0)
        return 0;
    if (cause.code == ERROR_NONE &&
        bundle_rollback_take(flow, name, found.digest.text, ret_taken, err) < 0)
        return -1;
    if (*ret_taken)
        return 0;
    if (oci_tag(flow->repository, digest, name, err) < 0)
        return -1;
    cleanup_free char *note =
        xasprintf("tag %s did not point to %s; it was put back", name, digest);
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "TagMoved", note);
    return 0;
}

// Every tag that does not point to the artifact is put back. An artifact that is gone from the
// registry is forgotten, so that the next try makes it again.
static int put_tags_back(struct bundle_flow *flow, const char *digest, bool *ret_taken,
                         struct error *err)
{
    size_t index;
    json_t *tag;
    json_array_foreach (object_spec(flow->object, "artifact.tags"), index, tag) {
        if (put_tag_back(flow, json_string_value(tag), digest, ret_taken, err) < 0)
            return -1;
        if (*ret_taken)
            return 0;
    }
    return 0;
}

int bundle_maintain(struct bundle_flow *flow, struct error *err)
{
    if (bundle_open_repository(flow, err) < 0)
        return -1;
    cleanup_free char *digest = xstrdup(jval_string_or(flow->status, "artifact.digest", ""));
    cleanup_oci_descriptor struct oci_descriptor artifact = {0};
    cleanup_error struct error cause = {0};
    flow->reason = "PushFailed";
    if (oci_resolve(flow->repository, digest, &artifact, &cause) < 0) {
        if (cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        json_object_del(flow->status, "artifact");
        return error_set(err, ERROR_UNAVAILABLE,
                         "%s@%s is gone from the registry; it is being made again",
                         oci_repository_identity(flow->repository), digest);
    }
    if ((renewal_is_due(flow) && renew(flow, &artifact, err) < 0) ||
        bundle_notation_maintain(flow, &artifact, err) < 0)
        return -1;
    flow->reason = "PushFailed";
    bool taken = false;
    if (put_tags_back(flow, digest, &taken, err) < 0)
        return -1;
    // All tags go back together.
    return taken ? bundle_maintain(flow, err) : 0;
}
