#include "cli/rolling.h"

#include "api/object.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/workspace.h"
#include "oci/sign/certificate.h"
#include "oci/sign/collect.h"
#include "oci/sign/trusted_root.h"
#include "oci/tag_words.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_BYTES = 64 << 10 };
static const int64_t max_ahead_ms = 24 * 60 * 60 * 1000;

static void release_candidate(struct candidate *candidate)
{
    oci_descriptor_release(&candidate->artifact);
    oci_manifest_release(&candidate->manifest);
    evidence_set_release(&candidate->evidence);
}

void rolling_release(struct rolling *rolling)
{
    release_candidate(&rolling->from);
    release_candidate(&rolling->to);
    registry_release(&rolling->registry);
    trust_policy_release(&rolling->known);
    hand_release(&rolling->hand);
    json_decref(rolling->object);
    json_decref(rolling->bundle);
    cleanup_store_pointer(&rolling->store);
    free(rolling->reference);
    free(rolling->channel);
}

static int place_of_bundle(struct rolling *rolling, const json_t *bundle, struct error *err)
{
    const char *repository = object_spec_string(bundle, "artifact.repository");
    const char *tag = json_string_value(json_array_get(object_spec(bundle, "artifact.tags"), 0));
    if (repository == NULL || tag == NULL)
        return error_set(err, ERROR_INVALID, "Bundle %s names no repository and tag",
                         object_name(bundle));
    rolling->channel = xstrdup(tag);
    rolling->reference = xasprintf("%s:%s", repository, tag);
    return 0;
}

static int place_of_sync(struct rolling *rolling, struct error *err)
{
    const json_t *sync = rolling->object;
    const char *bundle = object_spec_string(sync, "bundleRef.name");
    const char *tag = object_spec_string(sync, "artifact.tag");
    if (bundle != NULL) {
        if (store_get(rolling->store, "Bundle", object_bundle_namespace(sync), bundle,
                      &rolling->bundle, err) < 0)
            return error_wrap(err, "spec.bundleRef of Sync %s", object_name(sync));
        return place_of_bundle(rolling, rolling->bundle, err);
    }
    if (tag == NULL || strncmp(tag, "git-", 4) == 0)
        return error_set(err, ERROR_INVALID,
                         "Sync %s follows no moving tag, but a digest, a fixed tag or a range of "
                         "versions: change spec.artifact instead",
                         object_name(sync));
    rolling->channel = xstrdup(tag);
    rolling->reference = xasprintf("%s:%s", object_spec_string(sync, "artifact.repository"), tag);
    return 0;
}

// "oci://…:TAG", or what an object says of where its artifacts are.
static int find_place(struct rolling *rolling, struct error *err)
{
    const struct cli *cli = rolling->cli;
    const char *what = cli_argument(cli, 0);
    if (strstr(what, "://") != NULL) {
        if (cli_argument(cli, 1) != NULL)
            return error_set(err, ERROR_INVALID, "one reference is enough: what is %s?",
                             cli_argument(cli, 1));
        rolling->reference = xstrdup(what);
        return 0;
    }
    if (workspace_open(cli, WORKSPACE_WRITE, &rolling->store, err) < 0 ||
        workspace_find(cli, rolling->store, 0, &rolling->object, err) < 0)
        return -1;
    if (strcmp(object_kind(rolling->object), "Sync") == 0)
        return place_of_sync(rolling, err);
    if (strcmp(object_kind(rolling->object), "Bundle") != 0)
        return error_set(err, ERROR_INVALID,
                         "a %s has no artifacts: name a Sync, a Bundle or a reference",
                         object_kind(rolling->object));
    rolling->bundle = json_incref(rolling->object);
    return place_of_bundle(rolling, rolling->object, err);
}

static int add_keys(const struct rolling *rolling, struct trust_entry *entry, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(rolling->cli, "verify-key", &files);
    vec_foreach (const char *, file, &files) {
        cleanup_free char *pem = NULL;
        size_t size = 0;
        if (file_read(*file, MAX_KEY_BYTES, &pem, &size, err) < 0 ||
            trust_entry_add_key(entry, *file, pem, size, 0, 0, err) < 0)
            return error_wrap(err, "--verify-key");
    }
    if (rolling->hand.key == NULL)
        return 0;
    cleanup_free char *own = verify_key_pem(sign_key_public(rolling->hand.key));
    return trust_entry_add_key(entry, "--key", own, strlen(own), 0, 0, err);
}

static int add_identities(const struct rolling *rolling, struct trust_entry *entry,
                          struct error *err)
{
    const struct certificate *own = hand_certificate(&rolling->hand);
    const char *subject = cli_string(rolling->cli, "certificate-identity");
    const char *issuer = cli_string(rolling->cli, "certificate-oidc-issuer");
    if ((subject == NULL) != (issuer == NULL))
        return error_set(err, ERROR_INVALID,
                         "--certificate-identity and --certificate-oidc-issuer go together: an "
                         "identity is what an issuer vouches for");
    if (subject != NULL && trust_entry_add_identity(entry, issuer, subject, err) < 0)
        return -1;
    return own != NULL && own->issuer != NULL
               ? trust_entry_add_identity(entry, own->issuer, own->subject, err)
               : 0;
}

// Whose releases are known: one's own, and those of whom the flags name.
static int find_known(struct rolling *rolling, struct error *err)
{
    struct trust_entry *entry = trust_policy_add_entry(&rolling->known, "known", 1);
    entry->attests = true;
    if (hand_open(rolling->cli, &rolling->hand, err) < 0 || add_keys(rolling, entry, err) < 0 ||
        add_identities(rolling, entry, err) < 0)
        return -1;
    return entry->identities.len > 0 ? keyless_load_root(rolling->cli, &rolling->known.root, err)
                                     : 0;
}

static int look_at(struct rolling *rolling, const char *wanted, struct candidate *candidate,
                   struct error *err)
{
    struct oci_repository *repository = rolling->registry.repository;
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_resolve_named(repository, wanted, &candidate->artifact, err) < 0 ||
        oci_get_manifest(repository, candidate->artifact.digest.text, &bytes, &size,
                         &candidate->manifest, err) < 0 ||
        evidence_collect_for(repository, candidate->artifact.digest.text, &rolling->known, 1,
                             &candidate->evidence, err) < 0)
        return -1;
    candidate->release = evidence_newest_release(
        &candidate->evidence, oci_repository_identity(repository), rolling->channel);
    return 0;
}

static bool is_in_history(const struct rolling *rolling, const char *digest)
{
    size_t index;
    json_t *entry;
    json_array_foreach (object_status(rolling->object, "history"), index, entry) {
        if (strcmp(jval_string_or(entry, "digest", ""), digest) == 0)
            return true;
    }
    return false;
}

// The digest before the one under the tag: what the object had, or what a rollback went back from.
static int find_previous(const struct rolling *rolling, const char **ret_digest, struct error *err)
{
    const char *now = rolling->from.artifact.digest.text;
    const struct release *release = rolling->from.release;
    bool reached = !is_in_history(rolling, now);
    size_t index;
    json_t *entry;
    json_array_foreach (object_status(rolling->object, "history"), index, entry) {
        const char *digest = jval_string_or(entry, "digest", "");
        bool same = strcmp(digest, now) == 0;
        if (reached && !same) {
            *ret_digest = digest;
            return 0;
        }
        reached = reached || same;
    }
    if (rolling->object == NULL && release != NULL && release->supersedes != NULL) {
        *ret_digest = release->supersedes;
        return 0;
    }
    return rolling->object != NULL
               ? error_set(err, ERROR_NOT_FOUND,
                           "%s %s knows of nothing before %s; name a digest or tag with --to",
                           object_kind(rolling->object), object_name(rolling->object), now)
               : error_set(err, ERROR_INVALID,
                           "a registry keeps no order: name a digest or tag with --to, or a Sync "
                           "or Bundle, which remembers");
}

static int find_artifacts(struct rolling *rolling, struct error *err)
{
    const char *to = cli_string_or(rolling->cli, "to", "previous");
    if (look_at(rolling, rolling->channel, &rolling->from, err) < 0)
        return error_wrap(err, "what %s points to now", rolling->channel);
    if (strcmp(to, "previous") == 0 && find_previous(rolling, &to, err) < 0)
        return -1;
    if (look_at(rolling, to, &rolling->to, err) < 0)
        return error_wrap(err, "--to %s", to);
    const char *digest = rolling->to.artifact.digest.text;
    if (strcmp(digest, rolling->from.artifact.digest.text) == 0)
        return error_set(err, ERROR_INVALID, "%s points to %s already", rolling->channel, digest);
    // An artifact of another channel does not come in by this door.
    if (rolling->to.release == NULL && !is_in_history(rolling, digest))
        return error_set(err, ERROR_DENIED,
                         "nobody who is known here ever released %s to %s; name the packager's "
                         "public key with --verify-key or its identity with "
                         "--certificate-identity, or release it: sealift sign %s@%s --channel %s "
                         "--key FILE",
                         digest, rolling->channel,
                         oci_repository_identity(rolling->registry.repository), digest,
                         rolling->channel);
    return 0;
}

static int64_t above(int64_t sequence, int64_t other)
{
    return other >= sequence ? other + 1 : sequence;
}

static int choose_sequence(struct rolling *rolling, struct error *err)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    int64_t sequence = now_ms;
    if (rolling->from.release != NULL)
        sequence = above(sequence, rolling->from.release->sequence);
    if (rolling->to.release != NULL)
        sequence = above(sequence, rolling->to.release->sequence);
    sequence = above(sequence, jval_int(object_status(rolling->object, "artifact"), "sequence", 0));
    sequence = above(sequence, jval_int(object_status(rolling->bundle, "artifact"), "sequence", 0));
    if (sequence > now_ms + max_ahead_ms)
        return error_set(err, ERROR_INVALID,
                         "the newest release of %s has sequence %lld, more than a day ahead of "
                         "this clock, and nobody would take one that is above it; correct the "
                         "clock that is wrong",
                         rolling->channel, (long long)sequence - 1);
    rolling->sequence = sequence;
    return 0;
}

static int open_place(struct rolling *rolling, struct error *err)
{
    const struct cli *cli = rolling->cli;
    if (find_place(rolling, err) < 0 || find_known(rolling, err) < 0 ||
        registry_open(cli, rolling->reference,
                      cli_flag(cli, "dry-run") ? REGISTRY_PULL : REGISTRY_PUSH, &rolling->registry,
                      err) < 0)
        return -1;
    if (rolling->channel == NULL)
        rolling->channel = xstrdup_or_null(rolling->registry.reference.tag);
    if (rolling->channel == NULL)
        return error_set(err, ERROR_INVALID,
                         "which channel is meant? put its tag behind the repository: %s:TAG",
                         oci_repository_identity(rolling->registry.repository));
    return 0;
}

int rolling_begin(struct cli *cli, struct rolling *rolling, struct error *err)
{
    *rolling = (struct rolling){.cli = cli};
    trust_policy_init(&rolling->known, "the command line");
    evidence_set_init(&rolling->from.evidence);
    evidence_set_init(&rolling->to.evidence);
    if (open_place(rolling, err) < 0 || find_artifacts(rolling, err) < 0)
        return -1;
    return choose_sequence(rolling, err);
}
