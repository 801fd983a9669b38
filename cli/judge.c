#include "cli/judge.h"

#include "api/identity.h"
#include "base/file.h"
#include "base/memory.h"
#include "cli/signer.h"
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

int judge(const struct cli *cli, struct registry *registry, struct judgement *ret_judgement,
          struct error *err)
{
    cleanup_trust_policy struct trust_policy policy = {0};
    cleanup_judgement struct judgement judgement = {0};
    evidence_set_init(&judgement.evidence);
    if (policy_of_flags(cli, oci_repository_identity(registry->repository), &policy, err) < 0 ||
        trust_policy_check(&policy, err) < 0 ||
        registry_resolve(registry, &judgement.artifact, err) < 0)
        return -1;
    if (evidence_collect_for(registry->repository, judgement.artifact.digest.text, &policy, 1,
                             &judgement.evidence, err) < 0)
        return -1;
    const struct trust_subject subject = {
        .repository = oci_repository_identity(registry->repository),
        .digest = judgement.artifact.digest.text,
        .channel = cli_string_or(cli, "channel", registry->reference.tag),
        .now_ms = clock_wall_ms(clock_system()),
    };
    trust_evaluate(&policy, 1, &subject, &judgement.evidence, &judgement.verdict);
    *ret_judgement = judgement;
    judgement = (struct judgement){0};
    evidence_set_init(&judgement.evidence);
    return 0;
}
