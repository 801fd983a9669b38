#include "cli/judge.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/semver.h"
#include "cli/signer.h"
#include "cli/sync_files.h"
#include "cli/workspace.h"
#include "controller/governance.h"
#include "oci/sign/collect.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_BYTES = 64 * 1024 };

void judgement_release(struct judgement *judgement)
{
    oci_descriptor_release(&judgement->artifact);
    evidence_set_release(&judgement->evidence);
    trust_verdict_release(&judgement->verdict);
}

// From a file, or from the program or the token that has it.
static int read_key(const struct cli *cli, const char *name, char **ret_pem, size_t *ret_size,
                    struct error *err)
{
    cleanup_verify_key struct verify_key *key = NULL;
    if (signer_load_public(cli, name, &key, err) < 0)
        return -1;
    if (key == NULL)
        return file_read(name, MAX_KEY_BYTES, ret_pem, ret_size, err);
    *ret_pem = verify_key_pem(key);
    *ret_size = strlen(*ret_pem);
    return 0;
}

static int add_key_files(const struct cli *cli, struct trust_entry *entry, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "key", &files);
    if (files.len == 0 && cli_string(cli, "certificate-identity") == NULL)
        return error_set(err, ERROR_INVALID,
                         "whose signature? name a public key with --key FILE, a keyless signer "
                         "with --certificate-identity and --certificate-oidc-issuer, or Notation "
                         "signers with --notation-policy");
    vec_foreach (const char *, file, &files) {
        cleanup_free char *pem = NULL;
        size_t size = 0;
        if (read_key(cli, *file, &pem, &size, err) < 0)
            return error_wrap(err, "--key");
        if (trust_entry_add_key(entry, *file, pem, size, 0, 0, err) < 0)
            return -1;
    }
    return 0;
}

static int add_identity(const struct cli *cli, struct trust_policy *policy,
                        struct trust_entry *entry, struct error *err)
{
    const char *subject = cli_string(cli, "certificate-identity");
    const char *issuer = cli_string(cli, "certificate-oidc-issuer");
    const char *file = cli_string(cli, "trusted-root");
    cleanup_free char *root = NULL;
    size_t size = 0;
    if (subject == NULL && issuer == NULL)
        return 0;
    if (subject == NULL || issuer == NULL)
        return error_set(err, ERROR_INVALID,
                         "--certificate-identity and --certificate-oidc-issuer go together: an "
                         "identity is what an issuer vouches for");
    if (file != NULL && file_read(file, TRUSTED_ROOT_MAX_BYTES, &root, &size, err) < 0)
        return error_wrap(err, "--trusted-root");
    if (trust_policy_set_root(policy, root, size, file, err) < 0)
        return -1;
    return trust_entry_add_identity(entry, issuer, subject, err);
}

// Notation signers are an entry of their own: each asks for its signature.
static int add_notation(const struct cli *cli, const char *identity, struct trust_policy *policy,
                        struct error *err)
{
    struct notation_trust *trust = NULL;
    if (notation_of_flags(cli, identity, &trust, err) < 0)
        return -1;
    if (trust == NULL)
        return 0;
    struct trust_entry *entry = trust_policy_add_entry(policy, "--notation-policy", 1);
    entry->any_repository = true;
    entry->notation = trust;
    return 0;
}

static bool asks_for_notation_alone(const struct cli *cli)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "key", &files);
    return cli_string(cli, "notation-policy") != NULL && files.len == 0 &&
           cli_string(cli, "certificate-identity") == NULL &&
           cli_string(cli, "certificate-oidc-issuer") == NULL;
}

static int policy_of_flags(const struct cli *cli, const char *identity, struct trust_policy *policy,
                           struct error *err)
{
    trust_policy_init(policy, "the command line");
    if (add_notation(cli, identity, policy, err) < 0)
        return -1;
    if (asks_for_notation_alone(cli))
        return 0;
    struct trust_entry *entry =
        trust_policy_add_entry(policy, "--key", (unsigned)cli_number(cli, "threshold", 1));
    entry->attests = !cli_flag(cli, "no-attest");
    entry->any_repository = cli_flag(cli, "no-attest");
    policy->max_age_ms = cli_number(cli, "max-age", 0);
    const char *source = cli_string(cli, "source");
    if (source != NULL && identity_git(source, &policy->source_repository, err) < 0)
        return error_wrap(err, "--source");
    if (add_identity(cli, policy, entry, err) < 0)
        return -1;
    return add_key_files(cli, entry, err);
}

// What is judged by, and what of the artifact.
struct rules {
    struct governance governance; // with --sync
    struct trust_policy flags;    // else
    char *channel;
    char *version; // of a Sync that follows a range
};

static void release_rules(struct rules *rules)
{
    governance_release(&rules->governance);
    trust_policy_release(&rules->flags);
    free(rules->channel);
    free(rules->version);
}

static int check_no_key_flags(const struct cli *cli, struct error *err)
{
    static const char *const flags[] = {
        "key",      "certificate-identity", "notation-policy", "threshold", "source", "max-age",
        "no-attest"};
    for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
        if (cli_given(cli, flags[i]))
            return error_set(err, ERROR_INVALID,
                             "--sync judges by the policies that govern the Sync, and --%s by what "
                             "you name; leave one of them out",
                             flags[i]);
    }
    return 0;
}

// Registries write the '+' of a version as '_'.
static int version_of(const char *tag, char **ret_version, struct error *err)
{
    cleanup_semver struct semver version = {0};
    cleanup_free char *plain = xstrdup(tag != NULL ? tag : "");
    char *underscore = strchr(plain, '_');
    if (underscore != NULL)
        *underscore = '+';
    if (semver_parse(plain, &version, err) < 0)
        return error_wrap(err,
                          "the Sync follows a range of versions, so name a version as the tag");
    *ret_version = semver_format(&version);
    return 0;
}

// A policy that may not be read is a matter of whoever asks, not of the policy.
static int tell_ungoverned(const json_t *sync, const char *reason, struct error *err)
{
    if (err->code != ERROR_DENIED)
        return error_wrap(err, "%s", reason);
    return error_wrap(err,
                      "what the TrustPolicies ask of Sync %s/%s you may not read, so only the "
                      "controller can say whether it is met (sealift get sync %s -n %s)",
                      object_namespace(sync), object_name(sync), object_name(sync),
                      object_namespace(sync));
}

static int rules_of_sync(const struct cli *cli, const char *identity, const char *tag,
                         struct rules *rules, struct error *err)
{
    const char *reason = "";
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *sync = NULL;
    if (check_no_key_flags(cli, err) < 0 || workspace_open(cli, WORKSPACE_READ, &store, err) < 0 ||
        workspace_get(cli, store, "Sync", cli_string(cli, "sync"), &sync, err) < 0)
        return error_wrap(err, "--sync");
    const struct role role = {
        .store = store, .clock = clock_system(), .namespace = workspace_system_namespace(cli)};
    if (governance_of(&role, sync, identity, &rules->governance, &reason, err) < 0)
        return tell_ungoverned(sync, reason, err);
    if (object_spec_string(sync, "artifact.semver") != NULL) {
        rules->channel = xstrdup_or_null(object_spec_string(sync, "artifact.channel"));
        if (rules->channel == NULL)
            rules->channel = xstrdup_or_null(tag);
        return version_of(tag, &rules->version, err);
    }
    return sync_channel(store, sync, &rules->channel, err);
}

static int find_rules(const struct cli *cli, const struct registry *registry, struct rules *rules,
                      struct error *err)
{
    const char *identity = oci_repository_identity(registry->repository);
    const char *tag = registry->reference.tag;
    const char *channel = cli_string(cli, "channel");
    if (cli_string(cli, "sync") != NULL) {
        if (rules_of_sync(cli, identity, tag, rules, err) < 0)
            return -1;
    } else {
        rules->channel = xstrdup_or_null(tag);
        if (policy_of_flags(cli, identity, &rules->flags, err) < 0 ||
            trust_policy_check(&rules->flags, err) < 0)
            return -1;
    }
    if (channel != NULL) {
        free(rules->channel);
        rules->channel = xstrdup(channel);
    }
    return 0;
}

static int judge_by(struct registry *registry, const struct rules *rules,
                    struct judgement *judgement, struct error *err)
{
    bool governed = rules->flags.name == NULL;
    const struct trust_policy *policies =
        governed ? rules->governance.policies.data : &rules->flags;
    size_t count = governed ? rules->governance.policies.len : 1;
    if (registry_resolve(registry, &judgement->artifact, err) < 0 ||
        evidence_collect_for(registry->repository, judgement->artifact.digest.text, policies, count,
                             &judgement->evidence, err) < 0)
        return -1;
    const struct trust_subject subject = {
        .repository = oci_repository_identity(registry->repository),
        .digest = judgement->artifact.digest.text,
        .channel = rules->channel,
        .version = rules->version,
        .now_ms = clock_wall_ms(clock_system()),
    };
    trust_evaluate(policies, count, &subject, &judgement->evidence, &judgement->verdict);
    return 0;
}

int judge(const struct cli *cli, struct registry *registry, struct judgement *ret_judgement,
          struct error *err)
{
    struct rules rules = {0};
    cleanup_judgement struct judgement judgement = {0};
    evidence_set_init(&judgement.evidence);
    int result = find_rules(cli, registry, &rules, err);
    if (result == 0)
        result = judge_by(registry, &rules, &judgement, err);
    release_rules(&rules);
    if (result < 0)
        return -1;
    *ret_judgement = judgement;
    judgement = (struct judgement){0};
    evidence_set_init(&judgement.evidence);
    return 0;
}
