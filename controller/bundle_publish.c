// From built bytes to a released artifact. The order makes every crash harmless: blobs and manifest
// by digest, then signatures and statements, then the tags that consumers follow. What is cut off
// in between is an artifact that nobody points to. All of it is one batch, so that it costs as few
// rounds to the registry as that order allows.
#include "controller/bundle_internal.h"

#include "api/identity.h"
#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/semver.h"
#include "controller/local.h"
#include "controller/status.h"
#include "oci/sign/attach.h"
#include "oci/sign/collect.h"
#include "oci/sign/key.h"
#include "render/git/gitsnapshot.h"

#include <stdlib.h>
#include <string.h>

static const int64_t max_ahead_ms = 24 * 60 * 60 * 1000;

int bundle_open_repository(struct bundle_flow *flow, struct error *err)
{
    if (flow->repository != NULL)
        return 0;
    const json_t *artifact = object_spec(flow->object, "artifact");
    struct registry_wish wish = registry_wish_of(flow->object);
    wish.push = true;
    wish.client = flow->client;
    wish.cancel = flow->cancel;
    wish.deadline_mono_ms = flow->deadline_mono_ms;
    flow->reason = "SecretNotUsable";
    if (registry_access_init(&flow->access, flow->role, &wish, err) < 0)
        return -1;
    flow->access.access.identity = jval_string(artifact, "identity");
    if (bundle_signer_open(flow, err) < 0 || bundle_notation_open(flow, err) < 0)
        return -1;
    flow->reason = "LocalPathRefused";
    if (local_check_url(flow->role, jval_string_or(artifact, "repository", ""), err) < 0)
        return error_wrap(err, "spec.artifact.repository");
    flow->reason = "PushFailed";
    return registry_access_open(&flow->access, jval_string_or(artifact, "repository", ""),
                                &flow->repository, err);
}

const char *bundle_signer(const struct bundle_flow *flow)
{
    return verify_key_fingerprint(sign_key_public(flow->key))->text;
}

// Whether the key in the Secret is the one that signed what is released.
static bool has_same_signer(const struct bundle_flow *flow)
{
    return strcmp(jval_string_or(flow->status, "artifact.signer", ""), bundle_signer(flow)) == 0;
}

int bundle_is_signed(struct bundle_flow *flow, bool *ret_signed, struct error *err)
{
    if (bundle_open_repository(flow, err) < 0)
        return -1;
    *ret_signed = has_same_signer(flow);
    return 0;
}

void bundle_publish_release(struct bundle_flow *flow)
{
    oci_repository_close(flow->repository);
    registry_access_release(&flow->access);
    vec_free(&flow->rollback_keys);
    bundle_notation_close(flow);
    bundle_signer_close(flow);
    flow->repository = NULL;
}

static char *record_name(const struct bundle_flow *flow)
{
    const char *identity = oci_repository_identity(flow->repository);
    struct digest digest = digest_of(identity, strlen(identity));
    return xasprintf("sequences/%s", digest_hex(digest.text));
}

// The highest sequence used before, as far as status and our own state know.
static int64_t known_sequence(struct bundle_flow *flow, char **ret_version)
{
    cleanup_free char *name = record_name(flow);
    cleanup_json json_t *record = NULL;
    int64_t sequence = jval_int(flow->status, "artifact.sequence", 0);
    if (store_record_get(flow->role->store, name, &record, ret_version, NULL) == 0) {
        int64_t recorded = jval_int(record, "sequence", 0);
        if (recorded > sequence)
            sequence = recorded;
    }
    return sequence;
}

// Looks at what the tags point to and finds the next sequence: above everything that was used
// before. A statement from the far future is somebody's broken clock, and is not followed there.
static int survey_tags(struct bundle_flow *flow, int64_t *ret_previous, struct error *err)
{
    int64_t now_ms = clock_wall_ms(flow->role->clock);
    size_t index;
    json_t *tag;
    json_array_foreach (object_spec(flow->object, "artifact.tags"), index, tag) {
        const char *name = json_string_value(tag);
        cleanup_oci_descriptor struct oci_descriptor found = {0};
        cleanup_error struct error cause = {0};
        cleanup_evidence_set struct evidence_set evidence;
        const struct release *release = NULL;
        evidence_set_init(&evidence);
        if (oci_resolve(flow->repository, name, &found, &cause) < 0) {
            if (cause.code != ERROR_NOT_FOUND)
                return error_move(err, &cause);
            continue;
        }
        if (strcmp(found.digest.text, jval_string_or(flow->status, "artifact.digest", "")) == 0)
            continue;
        // An earlier release of ours that status no longer knows, or somebody else's. Only a
        // statement by a key that counts is believed.
        if (bundle_find_release(flow, name, found.digest.text, &evidence, &release, err) < 0)
            return -1;
        int64_t sequence = release != NULL ? release->sequence : 0;
        if (sequence > now_ms + max_ahead_ms) {
            cleanup_free char *note =
                xasprintf("the statement under tag %s is more than a day ahead of this clock "
                          "(sequence %lld); it is ignored",
                          name, (long long)sequence);
            store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "ClockSkew", note);
            continue;
        }
        if (sequence > *ret_previous)
            *ret_previous = sequence;
        if (sequence > 0 && jval_string(flow->status, "artifact.digest") == NULL &&
            bundle_adopt(flow, found.digest.text, release, err) < 0)
            return -1;
    }
    return 0;
}

// On disk before it is used, so that no crash and no clock that goes back uses a number twice.
int bundle_reserve_sequence(struct bundle_flow *flow, int64_t previous, int64_t *ret_sequence,
                            struct error *err)
{
    cleanup_free char *version = NULL;
    cleanup_free char *name = record_name(flow);
    int64_t known = known_sequence(flow, &version);
    int64_t now_ms = clock_wall_ms(flow->role->clock);
    if (known > previous)
        previous = known;
    int64_t sequence = previous + 1 > now_ms ? previous + 1 : now_ms;
    cleanup_json json_t *record = json_object();
    jval_set_string(record, "repository", oci_repository_identity(flow->repository));
    jval_set_int(record, "sequence", sequence);
    cleanup_error struct error cause = {0};
    // The packager of a cluster may write no ConfigMap, for it could write floors: there status and
    // the signed statement in the registry are all that it remembers.
    if (store_record_put(flow->role->store, name, record, version, NULL, &cause) < 0 &&
        cause.code != ERROR_DENIED) {
        error_wrap(&cause, "reserve a sequence for %s", oci_repository_identity(flow->repository));
        return error_move(err, &cause);
    }
    *ret_sequence = sequence;
    return 0;
}

static const char *path_of(const struct bundle_flow *flow)
{
    const char *path = object_spec_string(flow->object, "path");
    while (path != NULL && strncmp(path, "./", 2) == 0)
        path += 2;
    return path != NULL && strcmp(path, ".") != 0 ? path : "";
}

char *bundle_version(const struct bundle_flow *flow)
{
    cleanup_semver struct semver version = {0};
    if (flow->revision.ref == NULL || strncmp(flow->revision.ref, "refs/tags/", 10) != 0 ||
        semver_parse(flow->revision.ref + 10, &version, NULL) < 0)
        return NULL;
    return semver_format(&version);
}

void bundle_fill_releases(struct bundle_flow *flow, const char *commit, int64_t sequence,
                          const char *version, struct vec *releases)
{
    int64_t now_ms = clock_wall_ms(flow->role->clock);
    int64_t expiry_ms = object_spec_duration_ms(flow->object, "sign.expiry", 0);
    size_t index;
    json_t *tag;
    json_array_foreach (object_spec(flow->object, "artifact.tags"), index, tag) {
        *(struct release *)vec_push(releases) = (struct release){
            .channel = json_string_value(tag),
            .sequence = sequence,
            .issued_at_ms = now_ms,
            .not_after_ms = expiry_ms > 0 ? now_ms + expiry_ms : 0,
            .version = version,
            .commit = commit,
            .path = path_of(flow),
            .request_id = flow->request_id,
            .supersedes = jval_string(flow->status, "artifact.rolledBack.from"),
            .reason = jval_string(flow->status, "artifact.rolledBack.reason"),
        };
    }
}

static char *render_digest(const struct bundle_flow *flow)
{
    cleanup_free char *render = jval_canonical(object_spec(flow->object, "render"));
    struct digest digest = digest_of(render, strlen(render));
    return xstrdup(digest.text);
}

static int sign(struct bundle_flow *flow, int64_t sequence, struct error *err)
{
    cleanup_vec struct vec releases = VEC_OF(struct release, NULL);
    cleanup_vec struct vec inputs = VEC_OF(struct provenance_input, NULL);
    cleanup_free char *values = render_digest(flow);
    vec_foreach (const struct bundle_input, input, bundle_inputs_list(flow->inputs))
        *(struct provenance_input *)vec_push(&inputs) = (struct provenance_input){
            .uri = input->uri, .algorithm = input->algorithm, .digest = input->digest};
    int64_t now_ms = clock_wall_ms(flow->role->clock);
    // Statements name repositories in one spelling, the one that policies compare with.
    cleanup_free char *repository = NULL;
    const char *url = object_spec_string(flow->object, "source.git.url");
    if (identity_git(url, &repository, err) < 0)
        return -1;
    const struct provenance provenance = {
        .repository = repository,
        .url = url,
        .ref = flow->revision.ref,
        .commit = flow->revision.commit,
        .path = path_of(flow),
        .renderer = render_type_name(flow->renderer),
        .renderer_version = SEALIFT_VERSION,
        .values_digest = values,
        .request_id = flow->request_id,
        .started_ms = now_ms,
        .finished_ms = now_ms,
        .inputs = inputs.data,
        .n_inputs = inputs.len,
    };
    cleanup_free char *version = bundle_version(flow);
    bundle_fill_releases(flow, flow->revision.commit, sequence, version, &releases);
    // The same artifact again, under a new key or after a crash, may have signatures already.
    bool is_new = strcmp(jval_string_or(flow->status, "artifact.digest", ""),
                         flow->artifact.manifest_descriptor.digest.text) != 0;
    const struct sign_request request = {.provenance = &provenance,
                                         .releases = releases.data,
                                         .n_releases = releases.len,
                                         .now_ms = now_ms,
                                         .fresh = is_new};
    flow->reason = "SignFailed";
    return sign_artifact(flow->repository, &flow->artifact.manifest_descriptor, flow->key, &request,
                         err);
}

// "git-<commit>-<8 hex>": the hash tells apart what different Bundles make of one commit, and what
// one makes of it while a remote base moves.
static char *fixed_tag(const struct bundle_flow *flow)
{
    cleanup_free char *render = jval_canonical(object_spec(flow->object, "render"));
    cleanup_free char *inputs = bundle_inputs_digest(flow->inputs);
    cleanup_free char *text = xasprintf("%s\n%s\n%s%s%s%s", path_of(flow), render, SEALIFT_VERSION,
                                        *inputs != '\0' ? "\n" : "", inputs,
                                        bundle_format(flow) != OCI_FORMAT_FLUX ? "\nArgo" : "");
    struct digest digest = digest_of(text, strlen(text));
    return xasprintf("git-%s-%.8s", flow->revision.commit, digest_hex(digest.text));
}

static int write_tags(struct bundle_flow *flow, struct error *err)
{
    const char *digest = flow->artifact.manifest_descriptor.digest.text;
    cleanup_free char *fixed = fixed_tag(flow);
    size_t index;
    json_t *tag;
    flow->reason = "PushFailed";
    if (oci_tag_once(flow->repository, digest, fixed, err) < 0)
        return -1;
    json_array_foreach (object_spec(flow->object, "artifact.tags"), index, tag) {
        if (oci_tag(flow->repository, digest, json_string_value(tag), err) < 0)
            return -1;
    }
    return 0;
}

static int push_signed(struct bundle_flow *flow, int64_t sequence, json_t **ret_notation,
                       struct error *err)
{
    cleanup_json json_t *notation = NULL;
    flow->reason = "PushFailed";
    oci_batch_begin(flow->repository);
    stages_begin(&flow->stages, "sign");
    if (oci_push(flow->repository, &flow->artifact, NULL, 0, err) < 0 ||
        sign(flow, sequence, err) < 0 ||
        bundle_notation_sign(flow, &flow->artifact.manifest_descriptor, &notation, err) < 0 ||
        write_tags(flow, err) < 0) {
        oci_batch_abort(flow->repository);
        return -1;
    }
    stages_begin(&flow->stages, "push");
    if (oci_batch_commit(flow->repository, err) < 0)
        return -1;
    *ret_notation = STEAL(notation);
    return 0;
}

void bundle_add_history(struct bundle_flow *flow)
{
    json_t *entry = json_object();
    jval_set_string(entry, "digest", jval_string(flow->status, "artifact.digest"));
    jval_set_string(entry, "revision", jval_string(flow->status, "artifact.revision"));
    jval_set_int(entry, "sequence", jval_int(flow->status, "artifact.sequence", 0));
    jval_set_string(entry, "releasedAt", jval_string(flow->status, "artifact.releasedAt"));
    status_add_history(flow->status, entry);
}

static void note_artifact(struct bundle_flow *flow, int64_t sequence)
{
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(flow->role->clock), now);
    json_t *artifact = json_object();
    jval_set_string(artifact, "repository", oci_repository_identity(flow->repository));
    jval_set_string(artifact, "digest", flow->artifact.manifest_descriptor.digest.text);
    jval_set_string(artifact, "layer", flow->artifact.layer_descriptor.digest.text);
    jval_set_string(artifact, "format", oci_format_name(bundle_format(flow)));
    jval_set_string(artifact, "signer", bundle_signer(flow));
    jval_set_string(artifact, "revision", flow->git_revision);
    jval_set_string(artifact, "commit", flow->revision.commit);
    json_object_set(artifact, "tags",
                    (json_t *)(uintptr_t)object_spec(flow->object, "artifact.tags"));
    jval_set_int(artifact, "size", flow->artifact.layer_descriptor.size);
    jval_set_int(artifact, "sequence", sequence);
    jval_set_string(artifact, "releasedAt", now);
    jval_set_string(artifact, "renewedAt", now);
    jval_set_string(artifact, "requestId", flow->request_id);
    json_object_set_new(flow->status, "artifact", artifact);
    bundle_add_history(flow);
}

static int release_new(struct bundle_flow *flow, int64_t previous, struct error *err)
{
    int64_t sequence = 0;
    json_t *notation = NULL;
    flow->reason = "StatusFailed";
    if (bundle_reserve_sequence(flow, previous, &sequence, err) < 0)
        return -1;
    if (push_signed(flow, sequence, &notation, err) < 0)
        return -1;
    note_artifact(flow, sequence);
    if (notation != NULL)
        jval_set(flow->status, "artifact.notation", notation);
    flow->published = true;
    return 0;
}

// The repository or the tags of the spec are not those of the artifact that status knows.
static bool has_moved(const struct bundle_flow *flow)
{
    const char *repository = jval_string(flow->status, "artifact.repository");
    return repository != NULL && strcmp(repository, oci_repository_identity(flow->repository)) != 0;
}

// The same layer under another media type is another artifact.
static bool has_same_format(const struct bundle_flow *flow)
{
    const char *known = jval_string_or(flow->status, "artifact.format", "Flux");
    return oci_format_parse(known) == bundle_format(flow);
}

int bundle_publish(struct bundle_flow *flow, struct error *err)
{
    int64_t previous = 0;
    stages_begin(&flow->stages, "compare");
    if (bundle_open_repository(flow, err) < 0)
        return -1;
    if (has_moved(flow))
        json_object_del(flow->status, "artifact");
    if (survey_tags(flow, &previous, err) < 0)
        return -1;
    const char *built = flow->artifact.layer_descriptor.digest.text;
    const char *layer = jval_string(flow->status, "artifact.layer");
    bool unchanged = layer != NULL && has_same_signer(flow) && has_same_format(flow) &&
                     strcmp(layer, built) == 0;
    // Git says the same by now: nobody has to hold on to it any more.
    if (unchanged)
        jval_remove(flow->status, "artifact.rolledBack");
    if (has_same_signer(flow) && bundle_rollback_holds(flow, built))
        unchanged = true;
    return unchanged ? bundle_maintain(flow, err) : release_new(flow, previous, err);
}
