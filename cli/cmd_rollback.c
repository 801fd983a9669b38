// Goes back to an older artifact: signs a release statement for it with a new sequence, which names
// what it supersedes, and moves the tag. The statement comes first, so that a tag that moved always
// points to something that was released.
#include "api/condition.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/changes.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/rolling.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "oci/artifact.h"
#include "oci/sign/certificate.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_CHANGES = 20, MAX_SHOWN_BYTES = 64 << 10 };

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

// *ret_told is owned: what is done, as -o prints it.
static int describe(struct rolling *rolling, json_t **ret_told, struct error *err)
{
    cleanup_vec struct vec before = OCI_FILES;
    cleanup_vec struct vec after = OCI_FILES;
    if (pull(rolling, &rolling->from, &before, err) < 0 ||
        pull(rolling, &rolling->to, &after, err) < 0)
        return -1;
    json_t *told = *ret_told = json_object();
    jval_set_string(told, "repository", oci_repository_identity(rolling->registry.repository));
    jval_set_string(told, "channel", rolling->channel);
    jval_set(told, "from", describe_candidate(&rolling->from));
    jval_set(told, "to", describe_candidate(&rolling->to));
    jval_set_int(told, "sequence", rolling->sequence);
    jval_set_string(told, "reason", cli_string(rolling->cli, "reason"));
    jval_set_string(told, "signer", hand_name(&rolling->hand));
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
static void show(const struct rolling *rolling, const json_t *told)
{
    const json_t *changes = jval_array(told, "changes");
    size_t count = json_array_size(changes);
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
    changes_write(changes, SHOWN_CHANGES, &text);
    strbuf_add_visible(&visible, text.data, text.len);
    fputs(visible.data, stderr);
    strbuf_release(&text);
    strbuf_release(&visible);
}

// Who releases it again may have signed nothing of it: since then keys may have changed.
static bool is_signed_by_hand(const struct rolling *rolling)
{
    const struct certificate *identity = hand_certificate(&rolling->hand);
    vec_foreach (const struct evidence, evidence, &rolling->to.evidence.items) {
        if (evidence->kind != STATEMENT_SIGN)
            continue;
        if (identity != NULL
                ? evidence->subject != NULL && strcmp(evidence->subject, identity->subject) == 0
                : strcmp(evidence->signer.text, hand_name(&rolling->hand)) == 0)
            return true;
    }
    return false;
}

// What a person may not expect of policies, and of the Bundle that makes these artifacts.
static void warn(const struct rolling *rolling)
{
    cleanup_free char *name = registry_name(&rolling->registry, rolling->to.artifact.digest.text);
    if (!is_signed_by_hand(rolling))
        tell_warning(rolling->cli,
                     "%s has no signature by this %s: where policies count no other of its "
                     "signatures any more, sign it before you go on: sealift sign %s %s",
                     rolling->to.artifact.digest.text,
                     hand_certificate(&rolling->hand) != NULL ? "identity" : "key", name,
                     hand_certificate(&rolling->hand) != NULL ? "--identity-token-file FILE"
                                                              : "--key FILE");
    const json_t *bundle = rolling->bundle;
    const char *signer = object_status_string(bundle, "artifact.signer");
    if (bundle == NULL)
        return;
    if (json_array_size(object_spec(bundle, "artifact.tags")) > 1)
        tell_warning(rolling->cli,
                     "Bundle %s has one artifact for all of its tags: they all go "
                     "to it",
                     object_name(bundle));
    if (hand_certificate(&rolling->hand) != NULL)
        tell_warning(
            rolling->cli,
            "the packager of Bundle %s takes rollbacks by keys alone (spec.rollback.keys): "
            "it will put the tag back",
            object_name(bundle));
    else if (signer != NULL && strcmp(signer, hand_name(&rolling->hand)) != 0 &&
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

// As --expiry says, else as the Bundle has it for its own statements.
static int64_t ends_at(const struct rolling *rolling, int64_t now_ms)
{
    int64_t expiry_ms = object_spec_duration_ms(rolling->bundle, "sign.expiry", 0);
    expiry_ms = cli_number(rolling->cli, "expiry", expiry_ms);
    return expiry_ms > 0 ? now_ms + expiry_ms : 0;
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
        .not_after_ms = ends_at(rolling, now_ms),
        .version = before != NULL ? before->version : NULL,
        .commit = before != NULL ? before->commit : NULL,
        .path = before != NULL ? before->path : NULL,
        .supersedes = rolling->from.artifact.digest.text,
        .reason = cli_string(cli, "reason"),
    };
    struct oci_repository *repository = rolling->registry.repository;
    const char *digest = rolling->to.artifact.digest.text;
    tell_step(cli, "releasing %s to %s again", digest, rolling->channel);
    if (hand_renew(&rolling->hand, &rolling->registry, &rolling->to.artifact, &statement, err) <
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

static int roll_back(struct rolling *rolling, struct error *err)
{
    struct cli *cli = rolling->cli;
    cleanup_json json_t *told = NULL;
    if (describe(rolling, &told, err) < 0)
        return -1;
    if (!cli_flag(cli, "quiet"))
        show(rolling, told);
    warn(rolling);
    if (!cli_flag(cli, "dry-run") &&
        (confirm(cli, "Release it again?", "nothing was released", err) < 0 ||
         carry_out(rolling, err) < 0))
        return -1;
    cleanup_free char *name = registry_name(&rolling->registry, rolling->to.artifact.digest.text);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, told, name, err);
    printf("%s\n", rolling->to.artifact.digest.text);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    struct rolling rolling;
    int result = rolling_begin(cli, &rolling, err);
    if (result == 0)
        result = roll_back(&rolling, err);
    rolling_release(&rolling);
    return result;
}

static const struct option_spec options[] = {
    ROLLING_OPTIONS,
    SIGNER_OPTIONS,
    KEYLESS_OPTIONS,
    {"reason", 0, OPTION_STRING, "TEXT", "why, for people; it becomes part of what is signed",
     NULL},
    {"expiry", 0, OPTION_DURATION, "DURATION",
     "how long that statement may be adopted (default: as the Bundle has it, else for ever)", NULL},
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
            "and moves the tag. Policies take it as they take any release by this signer; older "
            "statements stay refused.\n"
            "A Bundle keeps to it until something else is rendered. Forward again: the same "
            "command. It shows what\n"
            "changes and asks first; without a terminal say --yes.\n\n"
            "  sealift rollback sync/shop --key packager.key --reason 'checkout fails' --yes\n"
            "  sealift rollback oci://registry.example.com/acme/shop:prod --to sha256:… --key "
            "packager.key --dry-run\n"
            "  sealift rollback oci://registry.example.com/acme/shop:prod --to sha256:… "
            "--identity-token-file token\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
