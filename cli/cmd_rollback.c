// Goes back to an older artifact: signs a release statement for it with a new sequence, which names
// what it supersedes, and moves the tag. The statement comes first, so that a tag that moved always
// points to something that was released.
#include "api/condition.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/changes.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/signer.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "oci/artifact.h"
#include "oci/sign/attach.h"
#include "oci/sign/collect.h"
#include "oci/sign/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_CHANGES = 20, MAX_SHOWN_BYTES = 64 << 10, MAX_KEY_BYTES = 64 << 10 };
static const int64_t max_ahead_ms = 24 * 60 * 60 * 1000;

// An artifact of the channel, and what is known of its release there.
struct candidate {
    struct oci_descriptor artifact;
    struct oci_manifest manifest;
    struct evidence_set evidence;
    const struct release *release; // borrowed from evidence; NULL: none by a key that is known
};

struct rolling {
    struct cli *cli;
    struct store *store; // where objects are, if the argument names one
    json_t *object;      // a Sync or a Bundle; NULL for a reference
    json_t *bundle;      // the Bundle that makes it, where that is known
    char *reference;     // "oci://host/path:channel"
    char *channel;
    struct registry registry;
    struct sign_key *key;
    struct vec keys;   // const struct verify_key *: whose releases are known
    struct vec loaded; // struct verify_key *: of --verify-key; owned
    struct candidate from;
    struct candidate to;
    int64_t sequence;
    json_t *told; // what is done, as -o prints it
};

static void release_key(void *element)
{
    verify_key_unref(*(struct verify_key **)element);
}

static void release_candidate(struct candidate *candidate)
{
    oci_descriptor_release(&candidate->artifact);
    oci_manifest_release(&candidate->manifest);
    evidence_set_release(&candidate->evidence);
}

static void release(struct rolling *rolling)
{
    release_candidate(&rolling->from);
    release_candidate(&rolling->to);
    registry_release(&rolling->registry);
    vec_free(&rolling->keys);
    vec_free(&rolling->loaded);
    sign_key_free(rolling->key);
    json_decref(rolling->object);
    json_decref(rolling->bundle);
    json_decref(rolling->told);
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
    const char *namespace = object_spec_string(sync, "bundleRef.namespace");
    const char *tag = object_spec_string(sync, "artifact.tag");
    if (bundle != NULL) {
        if (store_get(rolling->store, "Bundle",
                      namespace != NULL ? namespace : object_namespace(sync), bundle,
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

static int load_keys(struct rolling *rolling, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(rolling->cli, "verify-key", &files);
    if (signer_load(rolling->cli, &rolling->key, err) < 0)
        return -1;
    key_list_add(&rolling->keys, sign_key_public(rolling->key));
    vec_foreach (const char *, file, &files) {
        cleanup_free char *pem = NULL;
        size_t size = 0;
        struct verify_key *key = NULL;
        if (file_read(*file, MAX_KEY_BYTES, &pem, &size, err) < 0 ||
            verify_key_load(pem, size, *file, &key, err) < 0)
            return error_wrap(err, "--verify-key");
        *(struct verify_key **)vec_push(&rolling->loaded) = key;
        key_list_add(&rolling->keys, key);
    }
    return 0;
}

static int look_at(struct rolling *rolling, const char *wanted, struct candidate *candidate,
                   struct error *err)
{
    struct oci_repository *repository = rolling->registry.repository;
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_resolve(repository, wanted, &candidate->artifact, err) < 0 ||
        oci_get_manifest(repository, candidate->artifact.digest.text, &bytes, &size,
                         &candidate->manifest, err) < 0 ||
        evidence_collect(repository, candidate->artifact.digest.text, &rolling->keys,
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
                         "no key that is known here ever released %s to %s; name the packager's "
                         "public key with --verify-key, or release it: sealift sign %s@%s "
                         "--channel %s --key FILE",
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

static int pull(struct rolling *rolling, const struct candidate *candidate, struct vec *files,
                struct error *err)
{
    cleanup_oci_share struct oci_share share = {0};
    struct registry *registry = &rolling->registry;
    if (oci_pull(registry->repository, &candidate->manifest, &registry->limits, NULL, NULL, &share,
                 files, err) < 0)
        return error_wrap(err, "%s", candidate->artifact.digest.text);
    changes_sort(files);
    return 0;
}

static json_t *describe_candidate(const struct candidate *candidate)
{
    json_t *value = json_object();
    jval_set_string(value, "digest", candidate->artifact.digest.text);
    jval_set_string(value, "revision",
                    oci_manifest_annotation(&candidate->manifest, OCI_ANNOTATION_REVISION));
    if (candidate->release != NULL)
        jval_set_int(value, "sequence", candidate->release->sequence);
    return value;
}

static int describe(struct rolling *rolling, struct error *err)
{
    cleanup_vec struct vec before = OCI_FILES;
    cleanup_vec struct vec after = OCI_FILES;
    if (pull(rolling, &rolling->from, &before, err) < 0 ||
        pull(rolling, &rolling->to, &after, err) < 0)
        return -1;
    json_t *told = rolling->told = json_object();
    jval_set_string(told, "repository", oci_repository_identity(rolling->registry.repository));
    jval_set_string(told, "channel", rolling->channel);
    jval_set(told, "from", describe_candidate(&rolling->from));
    jval_set(told, "to", describe_candidate(&rolling->to));
    jval_set_int(told, "sequence", rolling->sequence);
    jval_set_string(told, "reason", cli_string(rolling->cli, "reason"));
    jval_set_string(told, "signer", verify_key_fingerprint(sign_key_public(rolling->key))->text);
    jval_set_bool(told, "dryRun", cli_flag(rolling->cli, "dry-run"));
    jval_set(told, "changes", changes_list(&before, &after));
    return 0;
}

static void add_candidate(struct strbuf *out, const char *name, const json_t *value)
{
    const char *revision = jval_string(value, "revision");
    strbuf_addf(out, "%-12s%s%s%s\n", name, jval_string(value, "digest"),
                revision != NULL ? "  " : "", revision != NULL ? revision : "");
}

// On stderr: stdout is for programs.
static void show(const struct rolling *rolling)
{
    const json_t *told = rolling->told;
    const json_t *changes = jval_array(told, "changes");
    size_t count = json_array_size(changes);
    size_t index;
    json_t *change;
    struct strbuf text;
    struct strbuf visible;
    strbuf_init(&text, MAX_SHOWN_BYTES);
    strbuf_init(&visible, 4 * MAX_SHOWN_BYTES);
    strbuf_addf(&text, "%-12s%s\n%-12s%s\n", "repository", jval_string(told, "repository"),
                "channel", rolling->channel);
    add_candidate(&text, "from", jval_object(told, "from"));
    add_candidate(&text, "to", jval_object(told, "to"));
    strbuf_addf(&text, "%-12s%lld\n", "sequence", (long long)rolling->sequence);
    strbuf_addf(&text, "%zu object%s\n", count, count == 1 ? " differs" : "s differ");
    json_array_foreach (changes, index, change) {
        if (index == SHOWN_CHANGES) {
            strbuf_addf(&text, "  … and %zu more\n", count - index);
            break;
        }
        strbuf_addf(&text, "  %-8s  %s\n", jval_string(change, "change"),
                    jval_string(change, "path"));
    }
    strbuf_add_visible(&visible, text.data, text.len);
    fputs(visible.data, stderr);
    strbuf_release(&text);
    strbuf_release(&visible);
}

// What a person may not expect of the Bundle that makes these artifacts.
static void warn(const struct rolling *rolling)
{
    const json_t *bundle = rolling->bundle;
    const char *signer = object_status_string(bundle, "artifact.signer");
    const char *own = verify_key_fingerprint(sign_key_public(rolling->key))->text;
    if (bundle == NULL)
        return;
    if (json_array_size(object_spec(bundle, "artifact.tags")) > 1)
        tell_warning(rolling->cli,
                     "Bundle %s has one artifact for all of its tags: they all go "
                     "to it",
                     object_name(bundle));
    if (signer != NULL && strcmp(signer, own) != 0 &&
        json_array_size(object_spec(bundle, "rollback.keys")) == 0)
        tell_warning(rolling->cli,
                     "the packager of Bundle %s believes its own key, and this is "
                     "another: it will put the tag back unless spec.rollback.keys "
                     "lists it",
                     object_name(bundle));
}

// The rollback stands, whether or not its objects hear of it at once.
static void wake(const struct rolling *rolling, const json_t *object)
{
    cleanup_error struct error err = {0};
    char now[TIME_TEXT_SIZE];
    if (object == NULL)
        return;
    time_format_ms(clock_wall_ms(clock_system()), now);
    cleanup_json json_t *patch =
        json_pack("{s:{s:s}}", "annotations", ANNOTATION_REQUESTED_AT, now);
    if (store_patch_metadata(rolling->store, object, patch, NULL, &err) < 0)
        tell_warning(rolling->cli, "%s %s was not told and finds it by itself: %s",
                     object_kind(object), object_name(object), error_message(&err));
    else
        tell_made(rolling->cli, "asked for a reconcile of %s %s/%s", object_kind(object),
                  object_namespace(object), object_name(object));
}

// What the tag points to is older already: somebody went back from this very artifact, or it was
// made of a later commit.
static bool goes_forward(const struct rolling *rolling)
{
    const struct release *from = rolling->from.release;
    const char *before = oci_manifest_annotation(&rolling->from.manifest, OCI_ANNOTATION_CREATED);
    const char *after = oci_manifest_annotation(&rolling->to.manifest, OCI_ANNOTATION_CREATED);
    int64_t before_ms;
    int64_t after_ms;
    if (from != NULL && from->supersedes != NULL &&
        strcmp(from->supersedes, rolling->to.artifact.digest.text) == 0)
        return true;
    return before != NULL && after != NULL && time_parse(before, &before_ms, NULL) == 0 &&
           time_parse(after, &after_ms, NULL) == 0 && after_ms > before_ms;
}

static int carry_out(struct rolling *rolling, struct error *err)
{
    struct cli *cli = rolling->cli;
    const struct release *before = rolling->to.release;
    int64_t now_ms = clock_wall_ms(clock_system());
    const struct release statement = {
        .channel = rolling->channel,
        .sequence = rolling->sequence,
        .issued_at_ms = now_ms,
        .version = before != NULL ? before->version : NULL,
        .commit = before != NULL ? before->commit : NULL,
        .path = before != NULL ? before->path : NULL,
        .supersedes = rolling->from.artifact.digest.text,
        .reason = cli_string(cli, "reason"),
    };
    struct oci_repository *repository = rolling->registry.repository;
    const char *digest = rolling->to.artifact.digest.text;
    tell_step(cli, "releasing %s to %s again", digest, rolling->channel);
    if (release_renew(repository, &rolling->to.artifact, rolling->key, &statement, 1, now_ms, err) <
            0 ||
        oci_tag(repository, digest, rolling->channel, err) < 0)
        return -1;
    tell_done(cli, "%s of %s went %s to %s", rolling->channel, oci_repository_identity(repository),
              goes_forward(rolling) ? "forward" : "back", digest);
    wake(rolling, rolling->bundle);
    if (rolling->object != rolling->bundle)
        wake(rolling, rolling->object);
    return 0;
}

static int open_place(struct rolling *rolling, struct error *err)
{
    const struct cli *cli = rolling->cli;
    if (find_place(rolling, err) < 0 || load_keys(rolling, err) < 0 ||
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

static int roll_back(struct rolling *rolling, struct error *err)
{
    struct cli *cli = rolling->cli;
    if (open_place(rolling, err) < 0 || find_artifacts(rolling, err) < 0 ||
        choose_sequence(rolling, err) < 0 || describe(rolling, err) < 0)
        return -1;
    if (!cli_flag(cli, "quiet"))
        show(rolling);
    warn(rolling);
    if (!cli_flag(cli, "dry-run") &&
        (confirm(cli, "Release it again?", "nothing was released", err) < 0 ||
         carry_out(rolling, err) < 0))
        return -1;
    cleanup_free char *name = registry_name(&rolling->registry, rolling->to.artifact.digest.text);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, rolling->told, name, err);
    printf("%s\n", rolling->to.artifact.digest.text);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    struct rolling rolling = {
        .cli = cli, .keys = KEY_LIST, .loaded = VEC_OF(struct verify_key *, release_key)};
    evidence_set_init(&rolling.from.evidence);
    evidence_set_init(&rolling.to.evidence);
    int result = roll_back(&rolling, err);
    release(&rolling);
    return result;
}

static const struct option_spec options[] = {
    {"to", 0, OPTION_STRING, "previous|TAG|DIGEST", "where to (default: previous)", NULL},
    SIGNER_OPTIONS,
    {"verify-key", 0, OPTION_LIST, "FILE",
     "public key of who releases otherwise, if that is another; may be repeated", NULL},
    {"reason", 0, OPTION_STRING, "TEXT", "why, for people; it becomes part of what is signed",
     NULL},
    {"dry-run", 0, OPTION_FLAG, NULL, "say what would change, and change nothing", NULL},
    YES_OPTION,
    RESULT_OPTION,
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_rollback = {
    .name = "rollback",
    .arguments = "REF|KIND/NAME",
    .summary = "Go back to an older artifact, by a signed word",
    .help = "Signs a release statement for an older artifact, with a new sequence and naming what "
            "it supersedes,\n"
            "and moves the tag. Policies take it as they take any release by this key; older "
            "statements stay refused.\n"
            "A Bundle keeps to it until something else is rendered. Forward again: the same "
            "command. It shows what\n"
            "changes and asks first; without a terminal say --yes.\n\n"
            "  sealift rollback sync/shop --key packager.key --reason 'checkout fails' --yes\n"
            "  sealift rollback oci://registry.example.com/acme/shop:prod --to sha256:… --key "
            "packager.key --dry-run\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
