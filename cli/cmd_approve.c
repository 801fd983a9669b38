// Approves an artifact for a channel: shows what it is, asks, and signs a statement that names
// repository, channel and digest.
#include "api/condition.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/glob.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/changes.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/hand.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/sync_files.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "controller/governance.h"
#include "oci/artifact.h"
#include "oci/sign/certificate.h"
#include "oci/sign/policy.h"
#include "oci/tag_words.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_CHANGES = 20, MAX_SHOWN_BYTES = 64 << 10 };

struct approving {
    struct cli *cli;
    struct registry registry;
    struct oci_descriptor artifact;
    struct oci_manifest manifest;
    struct hand hand;
    const char *channel;
    struct store *store; // with --sync
    json_t *sync;
    json_t *told; // what is approved, as -o prints it
};

static void release(struct approving *approving)
{
    registry_release(&approving->registry);
    oci_descriptor_release(&approving->artifact);
    oci_manifest_release(&approving->manifest);
    hand_release(&approving->hand);
    cleanup_store_pointer(&approving->store);
    json_decref(approving->sync);
    json_decref(approving->told);
}

static int pull(struct approving *approving, const char *digest, struct vec *files,
                struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_share struct oci_share share = {0};
    cleanup_free char *bytes = NULL;
    size_t size;
    struct registry *registry = &approving->registry;
    if (oci_get_manifest(registry->repository, digest, &bytes, &size, &manifest, err) < 0 ||
        oci_pull(registry->repository, &manifest, &registry->limits, NULL, NULL, &share, files,
                 err) < 0)
        return -1;
    changes_sort(files);
    return 0;
}

// The digest that --against names, or that the Sync runs; empty when neither does.
static int find_base(struct approving *approving, struct oci_descriptor *ret_base,
                     struct error *err)
{
    const char *against = cli_string(approving->cli, "against");
    const char *runs =
        approving->sync != NULL ? object_status_string(approving->sync, "artifact.digest") : NULL;
    const char *base = against != NULL ? against : runs;
    if (base == NULL)
        return 0;
    if (oci_resolve_named(approving->registry.repository, base, ret_base, err) < 0)
        return against != NULL ? error_wrap(err, "--against") : error_wrap(err, "what runs now");
    return 0;
}

static int add_changes(struct approving *approving, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor base = {0};
    cleanup_vec struct vec before = OCI_FILES;
    cleanup_vec struct vec after = OCI_FILES;
    if (find_base(approving, &base, err) < 0)
        return -1;
    if (base.media_type == NULL)
        return 0;
    if (pull(approving, base.digest.text, &before, err) < 0 ||
        pull(approving, approving->artifact.digest.text, &after, err) < 0)
        return -1;
    jval_set_string(approving->told, "against", base.digest.text);
    jval_set(approving->told, "changes", changes_list(&before, &after));
    return 0;
}

static int describe(struct approving *approving, struct error *err)
{
    static const struct {
        const char *name;
        const char *annotation;
    } shown[] = {
        {"revision", OCI_ANNOTATION_REVISION},
        {"source", OCI_ANNOTATION_SOURCE},
        {"created", OCI_ANNOTATION_CREATED},
    };
    json_t *told = approving->told = json_object();
    jval_set_string(told, "repository", oci_repository_identity(approving->registry.repository));
    jval_set_string(told, "digest", approving->artifact.digest.text);
    jval_set_string(told, "channel", approving->channel);
    for (size_t i = 0; i < ARRAY_LENGTH(shown); i++)
        jval_set_string(told, shown[i].name,
                        oci_manifest_annotation(&approving->manifest, shown[i].annotation));
    jval_set_string(told, "approver", hand_name(&approving->hand));
    return add_changes(approving, err);
}

static void add_change_list(struct strbuf *out, const json_t *told)
{
    const json_t *changes = jval_array(told, "changes");
    size_t count = json_array_size(changes);
    if (changes == NULL)
        return;
    strbuf_addf(out, "%zu object%s against %s\n", count, count == 1 ? " differs" : "s differ",
                jval_string(told, "against"));
    changes_write(changes, SHOWN_CHANGES, out);
}

// On stderr: stdout is for programs.
static void show(const struct approving *approving)
{
    static const char *const names[] = {"repository", "digest", "channel",
                                        "revision",   "source", "created"};
    struct strbuf text;
    struct strbuf visible;
    strbuf_init(&text, MAX_SHOWN_BYTES);
    strbuf_init(&visible, 4 * MAX_SHOWN_BYTES);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *value = jval_string(approving->told, names[i]);
        if (value != NULL)
            strbuf_addf(&text, "%-12s%s\n", names[i], value);
    }
    add_change_list(&text, approving->told);
    strbuf_add_visible(&visible, text.data, text.len);
    fputs(visible.data, stderr);
    strbuf_release(&text);
    strbuf_release(&visible);
}

static bool is_valid_now(const struct trust_key *key)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    return (key->not_before_ms == 0 || now_ms >= key->not_before_ms) &&
           (key->not_after_ms == 0 || now_ms <= key->not_after_ms);
}

static bool lists(const struct trust_entry *entry, const struct hand *hand)
{
    const struct certificate *certificate = hand_certificate(hand);
    // A key may stand there twice, with two windows.
    vec_foreach (struct trust_key, listed, &entry->keys) {
        if (is_valid_now(listed) &&
            strcmp(verify_key_fingerprint(listed->key)->text, hand_name(hand)) == 0)
            return true;
    }
    vec_foreach (struct trust_identity, listed, &entry->identities) {
        if (certificate != NULL && certificate->issuer != NULL &&
            strcmp(listed->issuer, certificate->issuer) == 0 &&
            glob_match(listed->subject, certificate->subject))
            return true;
    }
    return false;
}

// "TrustPolicy prod: approvers (ada, grace); …" of those whose approval would count. True when the
// hand is one of theirs.
static bool find_approvers(const struct governance *governance, const struct hand *hand,
                           struct strbuf *out)
{
    bool counts = false;
    vec_foreach (struct trust_policy, policy, &governance->policies) {
        vec_foreach (struct trust_entry, entry, &policy->entries) {
            if (entry->attests || (entry->keys.len == 0 && entry->identities.len == 0))
                continue;
            counts |= lists(entry, hand);
            strbuf_addf(out, "%s%s: %s (", out->len > 0 ? "; " : "", policy->name, entry->name);
            const char *separator = "";
            vec_foreach (struct trust_key, listed, &entry->keys) {
                strbuf_addf(out, "%s%s%s", separator, listed->name,
                            is_valid_now(listed) ? "" : ", which is not valid now");
                separator = ", ";
            }
            vec_foreach (struct trust_identity, identity, &entry->identities) {
                strbuf_addf(out, "%s%s", separator, identity->subject);
                separator = ", ";
            }
            strbuf_addch(out, ')');
        }
    }
    return counts;
}

static int check_channel(const struct approving *approving, struct error *err)
{
    if (approving->sync == NULL || cli_flag(approving->cli, "force"))
        return 0;
    cleanup_free char *followed = NULL;
    if (sync_channel(approving->store, approving->sync, &followed, NULL) < 0 || followed == NULL ||
        strcmp(followed, approving->channel) == 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "nothing was approved: Sync %s/%s follows the channel %s, and there an "
                     "approval for %s counts for nothing; say --channel %s, or --force to approve "
                     "it all the same",
                     object_namespace(approving->sync), object_name(approving->sync), followed,
                     approving->channel, followed);
}

// What a signature by the hand would be; borrowed from it.
static struct evidence evidence_of(const struct hand *hand)
{
    const struct certificate *certificate = hand_certificate(hand);
    if (certificate == NULL)
        return (struct evidence){.signer = *verify_key_fingerprint(sign_key_public(hand->key))};
    return (struct evidence){
        .signer = *verify_key_fingerprint(certificate->key),
        .subject = certificate->subject,
        .issuer = (char *)(uintptr_t)certificate->issuer,
        .certificate_issuer = certificate->issuer_name,
        .certificate_serial = certificate->serial,
    };
}

static int check_denied(const struct approving *approving, const struct governance *governance,
                        struct error *err)
{
    const struct trust_policy *policies = governance->policies.data;
    const struct evidence evidence = evidence_of(&approving->hand);
    const char *digest = approving->artifact.digest.text;
    const char *of_digest = trust_denied_digest(policies, governance->policies.len, digest);
    const char *of_signer = trust_denied_signer(policies, governance->policies.len, &evidence);
    const char *reason = of_digest != NULL ? of_digest : of_signer;
    if (reason == NULL)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "nothing was approved: what governs Sync %s/%s denies %s%s%s, so that an "
                     "approval counts for nothing; %s, or say --force to approve it all the same",
                     object_namespace(approving->sync), object_name(approving->sync),
                     of_digest != NULL ? digest : hand_name(&approving->hand),
                     *reason != '\0' ? ": " : "", reason,
                     of_digest != NULL ? "release a corrected artifact" : "sign as somebody else");
}

// Before anything is signed: a word that nobody counts is easily taken for one that does.
static int check_counts(const struct approving *approving, struct error *err)
{
    const struct cli *cli = approving->cli;
    const char *reason = "";
    cleanup_governance struct governance governance = {0};
    cleanup_error struct error cause = {0};
    cleanup_strbuf struct strbuf approvers = {0};
    if (approving->sync == NULL || cli_flag(cli, "force"))
        return 0;
    strbuf_init(&approvers, MAX_SHOWN_BYTES);
    const struct role role = {.store = approving->store,
                              .clock = clock_system(),
                              .namespace = workspace_system_namespace(cli)};
    if (governance_of(&role, approving->sync,
                      oci_repository_identity(approving->registry.repository), &governance, &reason,
                      &cause) < 0) {
        tell_warning(cli, "whether this approval counts is not known: %s", error_message(&cause));
        return 0;
    }
    if (check_denied(approving, &governance, err) < 0)
        return -1;
    if (find_approvers(&governance, &approving->hand, &approvers))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "nothing was approved: an approval by this %s (%s) counts for nothing in "
                     "Sync %s/%s. %s%s%s, or say --force to approve it all the same",
                     hand_certificate(&approving->hand) != NULL ? "identity" : "key",
                     hand_name(&approving->hand), object_namespace(approving->sync),
                     object_name(approving->sync),
                     approvers.len > 0 ? "These count: " : "No policy asks for any", approvers.data,
                     approvers.len > 0 ? "; sign with one of those" : ": there is nothing to do");
}

static int show_and_confirm(const struct approving *approving, struct error *err)
{
    if (!cli_flag(approving->cli, "quiet"))
        show(approving);
    return confirm(approving->cli, "Approve it?", "nothing was approved", err);
}

static int find_sync(struct approving *approving, struct error *err)
{
    const struct cli *cli = approving->cli;
    const char *name = cli_string(cli, "sync");
    if (name == NULL)
        return 0;
    if (workspace_open(cli, WORKSPACE_WRITE, &approving->store, err) < 0)
        return error_wrap(err, "--sync");
    return workspace_get(cli, approving->store, "Sync", name, &approving->sync, err);
}

static int open_all(struct approving *approving, struct error *err)
{
    struct cli *cli = approving->cli;
    if (hand_open(cli, &approving->hand, err) < 0 || find_sync(approving, err) < 0 ||
        registry_open(cli, cli_argument(cli, 0), REGISTRY_PUSH, &approving->registry, err) < 0 ||
        registry_see(&approving->registry, &approving->artifact, &approving->manifest, err) < 0)
        return -1;
    const char *tag = approving->registry.reference.tag;
    approving->channel = cli_string_or(cli, "channel", tag);
    if (approving->channel == NULL)
        return error_set(err, ERROR_INVALID,
                         "for which channel? a digest names none; say --channel NAME, the tag that "
                         "the Sync follows");
    return 0;
}

// The approval stands, whether or not its Sync hears of it at once.
static void wake(const struct approving *approving)
{
    cleanup_error struct error err = {0};
    char now[TIME_TEXT_SIZE];
    if (approving->sync == NULL)
        return;
    time_format_ms(clock_wall_ms(clock_system()), now);
    cleanup_json json_t *patch =
        json_pack("{s:{s:s}}", "annotations", ANNOTATION_REQUESTED_AT, now);
    if (store_patch_metadata(approving->store, approving->sync, patch, NULL, &err) < 0)
        tell_warning(approving->cli, "Sync %s was not told and finds the approval by itself: %s",
                     object_name(approving->sync), error_message(&err));
    else
        tell_made(approving->cli, "asked for a reconcile of Sync %s/%s",
                  object_namespace(approving->sync), object_name(approving->sync));
}

static int approve(struct approving *approving, struct error *err)
{
    struct cli *cli = approving->cli;
    bool new = false;
    if (open_all(approving, err) < 0 || check_channel(approving, err) < 0 ||
        check_counts(approving, err) < 0 || describe(approving, err) < 0 ||
        show_and_confirm(approving, err) < 0)
        return -1;
    const struct approval approval = {
        .channel = approving->channel,
        .approved_at_ms = clock_wall_ms(clock_system()),
        .comment = cli_string(cli, "comment"),
    };
    tell_step(cli, "approving %s", approving->artifact.digest.text);
    if (hand_approve(&approving->hand, &approving->registry, &approving->artifact, &approval, &new,
                     err) < 0)
        return -1;
    wake(approving);
    tell_done(cli, "%s %s@%s for %s", new ? "approved" : "had approved before:",
              oci_repository_identity(approving->registry.repository),
              approving->artifact.digest.text, approving->channel);
    jval_set_bool(approving->told, "new", new);
    cleanup_free char *name = registry_name(&approving->registry, approving->artifact.digest.text);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, approving->told, name, err);
    printf("%s\n", approving->artifact.digest.text);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    struct approving approving = {.cli = cli};
    int result = approve(&approving, err);
    release(&approving);
    return result;
}

static const struct option_spec options[] = {
    SIGNER_OPTIONS,
    KEYLESS_OPTIONS,
    {"channel", 0, OPTION_STRING, "NAME", "channel that it is approved for (default: the tag)",
     NULL},
    {"comment", 0, OPTION_STRING, "TEXT", "why, for people; it becomes part of what is signed",
     NULL},
    {"sync", 0, OPTION_STRING, "NAME",
     "a Sync that waits for it: show what differs from what it runs, and reconcile it", NULL},
    {"against", 0, OPTION_STRING, "TAG|DIGEST",
     "show what differs from this artifact of the repository", NULL},
    YES_OPTION,
    {"force", 0, OPTION_FLAG, NULL,
     "with --sync: approve also for a channel that the Sync does not follow, and where no policy "
     "of it counts this signer, or one denies it",
     NULL},
    RESULT_OPTION,
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_approve = {
    .name = "approve",
    .arguments = "REF",
    .summary = "Approve an artifact for a channel, as a TrustPolicy may require",
    .help =
        "Shows what REF is and, after asking, attaches a signed statement that names its "
        "repository, channel\n"
        "and digest. It counts there only, for the entries of a TrustPolicy that list the "
        "key, or the identity\n"
        "that a token stands for. With --sync it is refused where no entry does, where a policy "
        "denies the\n"
        "signer or the digest, and where the Sync follows another channel, unless --force is "
        "given. Without a terminal say --yes.\n\n"
        "  sealift approve oci://registry.example.com/acme/shop:prod --key alice.key\n"
        "  sealift approve oci://registry.example.com/acme/shop@sha256:… --channel prod --key "
        "alice.key --sync shop --yes\n"
        "  sealift approve oci://registry.example.com/acme/shop:prod --identity-token-file "
        "token\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
