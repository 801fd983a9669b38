// Going back by a signed word: `sealift rollback` attaches a release statement with a new sequence
// to an older artifact, which names what it supersedes, and moves the tag there. The Bundle then
// keeps and renews that artifact, until it renders something else than what somebody went back
// from: a commit that changes nothing here, a restart and a new version of this program are no
// reason to go forward again.
//
// Believed is our own key, and those of spec.rollback. A statement that names something else than
// what is released now, or has no higher sequence, is an old one that was kept, and moves nothing.
#include "controller/bundle_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "oci/sign/collect.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

static const int64_t max_ahead_ms = 24 * 60 * 60 * 1000;

static void release_key(void *element)
{
    verify_key_unref(*(struct verify_key **)element);
}

static bool is_valid_now(const struct bundle_flow *flow, const json_t *key)
{
    int64_t now_ms = clock_wall_ms(flow->role->clock);
    int64_t limit_ms = 0;
    const char *from = jval_string(key, "notBefore");
    const char *until = jval_string(key, "notAfter");
    if (from != NULL && (time_parse(from, &limit_ms, NULL) < 0 || now_ms < limit_ms))
        return false;
    return until == NULL || (time_parse(until, &limit_ms, NULL) == 0 && now_ms <= limit_ms);
}

static int load_key(struct bundle_flow *flow, const json_t *key, struct error *err)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    const char *name = jval_string_or(key, "name", "");
    const char *pem = jval_string(key, "pem");
    const char *secret_name = jval_string(key, "secretRef.name");
    struct verify_key *loaded = NULL;
    if (pem == NULL && secret_name != NULL) {
        const struct secret_use use = {flow->object, "spec.rollback.keys[].secretRef",
                                       SECRET_PUBLIC_KEY};
        if (store_secret_for(flow->role->store, &use, object_namespace(flow->object), secret_name,
                             &secret, err) < 0)
            return error_wrap(err, "key %s", name);
        pem = secret_data_text(secret, "cosign.pub");
        if (pem == NULL) {
            secret_use_refuse(&use, object_namespace(flow->object), secret_name, NULL, err);
            return error_wrap(err, "key %s", name);
        }
    }
    if (pem == NULL)
        return error_set(err, ERROR_INVALID, "spec.rollback: key %s has neither pem nor secretRef",
                         name);
    if (verify_key_load(pem, strlen(pem), name, &loaded, err) < 0)
        return error_wrap(err, "spec.rollback");
    *(struct verify_key **)vec_push(&flow->rollback_keys) = loaded;
    return 0;
}

int bundle_rollback_keys(struct bundle_flow *flow, struct vec *keys, struct error *err)
{
    size_t index;
    json_t *key;
    if (flow->rollback_keys.element_size == 0) {
        flow->rollback_keys = VEC_OF(struct verify_key *, release_key);
        const char *reason = flow->reason;
        flow->reason = "SecretNotUsable";
        json_array_foreach (object_spec(flow->object, "rollback.keys"), index, key) {
            if (is_valid_now(flow, key) && load_key(flow, key, err) < 0)
                return -1;
        }
        flow->reason = reason;
    }
    vec_foreach (struct verify_key *, loaded, &flow->rollback_keys)
        key_list_add(keys, *loaded);
    return 0;
}

bool bundle_is_rolled_back(const struct bundle_flow *flow)
{
    return jval_string(flow->status, "artifact.rolledBack.from") != NULL;
}

bool bundle_rollback_holds(const struct bundle_flow *flow, const char *layer)
{
    return bundle_is_rolled_back(flow) &&
           strcmp(jval_string_or(flow->status, "artifact.rolledBack.layer", ""), layer) == 0;
}

// *ret_layer is borrowed from the manifest.
static int read_artifact(struct bundle_flow *flow, const char *digest,
                         struct oci_manifest *ret_manifest, const struct oci_descriptor **ret_layer,
                         struct error *err)
{
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_get_manifest(flow->repository, digest, &bytes, &size, ret_manifest, err) < 0)
        return -1;
    return oci_artifact_layer(ret_manifest, ret_layer, err);
}

// The layer of what was gone back from, by which it is known when it is built again. It may be gone
// from the registry: then the next build counts as a change.
static char *layer_of(struct bundle_flow *flow, const char *digest)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    const struct oci_descriptor *layer = NULL;
    if (read_artifact(flow, digest, &manifest, &layer, NULL) < 0)
        return NULL;
    return xstrdup(layer->digest.text);
}

int bundle_rollback_note(struct bundle_flow *flow, const struct release *release, struct error *err)
{
    char at[TIME_TEXT_SIZE];
    if (!digest_is_valid(release->supersedes))
        return error_set(err, ERROR_INVALID, "the rollback names \"%.80s\", which is no digest",
                         release->supersedes);
    cleanup_free char *layer = layer_of(flow, release->supersedes);
    time_format(release->issued_at_ms, at);
    jval_set_string(flow->status, "artifact.rolledBack.from", release->supersedes);
    jval_set_string(flow->status, "artifact.rolledBack.layer", layer);
    jval_set_string(flow->status, "artifact.rolledBack.at", at);
    jval_set_string(flow->status, "artifact.rolledBack.reason", release->reason);
    jval_set_string(flow->status, "artifact.rolledBack.version", release->version);
    return 0;
}

// Whether it is about what is released now, and newer.
static bool supersedes(const struct bundle_flow *flow, const struct release *release)
{
    return release != NULL && release->supersedes != NULL &&
           strcmp(release->supersedes, jval_string_or(flow->status, "artifact.digest", "")) == 0 &&
           release->sequence > jval_int(flow->status, "artifact.sequence", 0);
}

static bool is_ahead(struct bundle_flow *flow, const struct release *release)
{
    if (release->sequence <= clock_wall_ms(flow->role->clock) + max_ahead_ms)
        return false;
    cleanup_free char *note = xasprintf("a rollback of %s is more than a day ahead of this clock "
                                        "(sequence %lld); it is ignored",
                                        release->channel, (long long)release->sequence);
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "ClockSkew", note);
    return true;
}

static bool is_our_own(const struct bundle_flow *flow, const struct evidence_set *evidence,
                       const struct release *release)
{
    vec_foreach (const struct evidence, item, &evidence->items) {
        if (&item->statement.release == release)
            return strcmp(item->signer.text, bundle_signer(flow)) == 0;
    }
    return false;
}

// Only the tag that the statement is for has one; the others are due, and so is our own word where
// the statement is somebody else's.
static void note_tag(struct bundle_flow *flow, const char *tag, bool stated)
{
    char now[TIME_TEXT_SIZE];
    json_t *tags = json_array();
    if (stated)
        json_array_append_new(tags, json_string(tag));
    time_format(clock_wall_ms(flow->role->clock), now);
    jval_set(flow->status, "artifact.tags", tags);
    jval_set_string(flow->status, "artifact.releasedAt", now);
    jval_set_string(flow->status, "artifact.renewedAt", now);
    jval_set_string(flow->status, "artifact.requestId", flow->request_id);
}

int bundle_find_release(struct bundle_flow *flow, const char *tag, const char *digest,
                        struct evidence_set *evidence, const struct release **ret_release,
                        struct error *err)
{
    cleanup_vec struct vec keys = KEY_LIST;
    key_list_add(&keys, sign_key_public(flow->key));
    if (bundle_rollback_keys(flow, &keys, err) < 0 ||
        evidence_collect(flow->repository, digest, &keys, evidence, err) < 0)
        return -1;
    *ret_release =
        evidence_newest_release(evidence, oci_repository_identity(flow->repository), tag);
    return 0;
}

int bundle_adopt(struct bundle_flow *flow, const char *digest, const struct release *release,
                 struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    const struct oci_descriptor *layer = NULL;
    if (read_artifact(flow, digest, &manifest, &layer, err) < 0)
        return -1;
    jval_set_string(flow->status, "artifact.repository", oci_repository_identity(flow->repository));
    jval_set_string(flow->status, "artifact.digest", digest);
    jval_set_string(flow->status, "artifact.layer", layer->digest.text);
    jval_set_string(flow->status, "artifact.format", oci_format_name(oci_layer_format(layer)));
    jval_set_string(flow->status, "artifact.signer", bundle_signer(flow));
    jval_set_string(flow->status, "artifact.revision",
                    oci_manifest_annotation(&manifest, OCI_ANNOTATION_REVISION));
    jval_set_string(flow->status, "artifact.commit", release->commit);
    jval_set_int(flow->status, "artifact.size", layer->size);
    jval_set_int(flow->status, "artifact.sequence", release->sequence);
    return release->supersedes != NULL ? bundle_rollback_note(flow, release, err) : 0;
}

int bundle_rollback_take(struct bundle_flow *flow, const char *tag, const char *digest,
                         bool *ret_taken, struct error *err)
{
    cleanup_evidence_set struct evidence_set evidence;
    const struct release *release = NULL;
    evidence_set_init(&evidence);
    *ret_taken = false;
    if (bundle_find_release(flow, tag, digest, &evidence, &release, err) < 0)
        return -1;
    if (!supersedes(flow, release) || is_ahead(flow, release))
        return 0;
    if (bundle_adopt(flow, digest, release, err) < 0)
        return -1;
    note_tag(flow, tag, is_our_own(flow, &evidence, release));
    bundle_add_history(flow);
    flow->published = true;
    flow->went_back = true;
    *ret_taken = true;
    return 0;
}
