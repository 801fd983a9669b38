#include "base/jval.h"
#include "base/memory.h"
#include "base/vec.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/create_notation.h"

#include <string.h>

// Signers who can state something. Nobody, where only Notation's are named.
static int add_signers(const struct cli *cli, json_t *require, struct error *err)
{
    cleanup_json json_t *entry = json_object();
    jval_set_string(entry, "name", cli_string_or(cli, "entry", "packager"));
    jval_set_bool(entry, "attests",
                  cli_given(cli, "attest") ? cli_flag(cli, "attest") : !cli_flag(cli, "no-attest"));
    jval_set_int(entry, "threshold", cli_number(cli, "threshold", 1));
    if (create_add_keys(cli, entry, "keys", err) < 0)
        return -1;
    if (cli_string(cli, "certificate-identity") != NULL) {
        json_t *identity = json_object();
        jval_set_string(identity, "issuer", cli_string_or(cli, "certificate-oidc-issuer", ""));
        jval_set_string(identity, "subject", cli_string(cli, "certificate-identity"));
        json_t *identities = json_array();
        json_array_append_new(identities, identity);
        jval_set(entry, "keyless", identities);
    }
    json_array_append(require, entry);
    return 0;
}

// Signers by Notation: an entry of their own beside the others, or the only one.
static void add_notation(const struct cli *cli, json_t *notation, json_t *require)
{
    json_t *entry = json_object();
    bool alone = json_array_size(require) == 0;
    jval_set_string(entry, "name", alone ? cli_string_or(cli, "entry", "notation") : "notation");
    jval_set_int(entry, "threshold", alone ? cli_number(cli, "threshold", 1) : 1);
    create_set_flag(cli, entry, "anyRepository", "any-repository");
    jval_set(entry, "notation", notation);
    json_array_append_new(require, entry);
}

// Names: any of them.
static int add_names(const struct cli *cli, json_t *selector, struct error *err)
{
    cleanup_vec struct vec names = VEC_OF(const char *, NULL);
    cli_list(cli, "match-namespace", &names);
    cleanup_json json_t *listed = json_array();
    vec_foreach (const char *, name, &names) {
        if (**name == '\0' || strpbrk(*name, "=*, ") != NULL)
            return error_set(err, ERROR_INVALID,
                             "--match-namespace is the name of one namespace, not \"%s\"; repeat "
                             "it for more, or choose by label with --match-namespace-label",
                             *name);
        json_array_append_new(listed, json_string(*name));
    }
    if (names.len > 0)
        json_object_set_new(selector, "matchExpressions",
                            json_pack("[{s:s, s:s, s:O}]", "key", "kubernetes.io/metadata.name",
                                      "operator", "In", "values", listed));
    return 0;
}

// Labels: all of them.
static int add_labels(const struct cli *cli, json_t *selector, struct error *err)
{
    cleanup_vec struct vec labels = VEC_OF(const char *, NULL);
    cli_list(cli, "match-namespace-label", &labels);
    cleanup_json json_t *wanted = json_object();
    vec_foreach (const char *, label, &labels) {
        const char *equals = strchr(*label, '=');
        if (equals == NULL || equals == *label)
            return error_set(err, ERROR_INVALID,
                             "--match-namespace-label is LABEL=VALUE, like env=prod, not \"%s\"",
                             *label);
        cleanup_free char *key = xstrndup(*label, (size_t)(equals - *label));
        json_object_set_new(wanted, key, json_string(equals + 1));
    }
    if (labels.len > 0)
        json_object_set(selector, "matchLabels", wanted);
    return 0;
}

static int match_namespaces(const struct cli *cli, json_t *object, struct error *err)
{
    cleanup_json json_t *selector = json_object();
    if (add_names(cli, selector, err) < 0 || add_labels(cli, selector, err) < 0)
        return -1;
    if (json_object_size(selector) > 0)
        jval_set(object, "spec.match.namespaces", json_incref(selector));
    return 0;
}

static int run_policy(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "TrustPolicy", false);
    json_t *require = json_array();
    json_t *notation = NULL;
    jval_set(object, "spec.require", require);
    create_set_list(cli, object, "spec.match.repositories", "match");
    if (match_namespaces(cli, object, err) < 0 || create_notation(cli, &notation, err) < 0)
        return -1;
    bool others = cli_given(cli, "key") || cli_given(cli, "certificate-identity");
    if ((others || notation == NULL) && add_signers(cli, require, err) < 0) {
        json_decref(notation);
        return -1;
    }
    if (notation != NULL)
        add_notation(cli, notation, require);
    create_set(cli, object, "spec.trustedRoot.secretRef.name", "trusted-root-secret");
    create_set(cli, object, "spec.source.repository", "source");
    create_set_list(cli, object, "spec.source.refs", "source-ref");
    create_set_list(cli, object, "spec.source.paths", "source-path");
    create_set_list(cli, object, "spec.source.channels", "channel");
    create_set(cli, object, "spec.freshness.maxAge", "max-age");
    return create_finish(cli, object, NULL, err);
}

static const struct option_spec policy_options[] = {
    {"match", 0, OPTION_LIST, "PATTERN",
     "repositories that may be used, like registry.example.com/acme/*", NULL},
    {"match-namespace", 0, OPTION_LIST, "NAME",
     "govern Syncs of this namespace, or that write to it (default: all); may be repeated", NULL},
    {"match-namespace-label", 0, OPTION_LIST, "LABEL=VALUE",
     "of namespaces that have this label; may be repeated: that have all of them", NULL},
    {"entry", 0, OPTION_STRING, "NAME", "name of the signers (default: packager)", NULL},
    {"key", 0, OPTION_LIST, "FILE", "public key of a signer; may be repeated", NULL},
    {"certificate-identity", 0, OPTION_STRING, "NAME",
     "a keyless signer; * matches between slashes, ** across", NULL},
    {"certificate-oidc-issuer", 0, OPTION_STRING, "URL", "who vouches for that signer", NULL},
    {"trusted-root-secret", 0, OPTION_STRING, "NAME",
     "Secret with trusted_root.json (default: Sigstore's public instance)", NULL},
    CREATE_NOTATION_OPTIONS,
    {"threshold", 0, OPTION_NUMBER, "N", "how many of them must have signed (default: 1)", NULL},
    {"attest", 0, OPTION_FLAG, NULL,
     "their release statements count: channel, floor, source (default: true)", NULL},
    {"no-attest", 0, OPTION_FLAG, NULL, "the same as --attest=false: no channel, no floor", NULL},
    {"source", 0, OPTION_STRING, "URL", "Git repository that artifacts must come from", NULL},
    {"source-ref", 0, OPTION_LIST, "REF", "and branch or tag", NULL},
    {"source-path", 0, OPTION_LIST, "PATH", "and path", NULL},
    {"channel", 0, OPTION_LIST, "NAME", "channels that may enter", NULL},
    {"max-age", 0, OPTION_DURATION, "DURATION", "refuse older release statements", NULL},
    CREATE_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_policy = {
    .name = "create policy",
    .arguments = "NAME",
    .summary = "Create a TrustPolicy: what must be signed, by whom",
    .help =
        "Run it again to change the policy: what is not said again goes back to its default.\n\n"
        "  sealift create policy prod --match 'registry.example.com/acme/*' --key cosign.pub "
        "--channel prod\n"
        "  sealift create policy shop --match-namespace shop --key shop.pub\n"
        "  sealift create policy prod --key cosign.pub --notation-policy "
        "~/.config/notation/trustpolicy.json\n"
        "  sealift create policy prod --any-repository --trust-store ca:acme=root.pem "
        "--trusted-identity 'x509.subject: C=US, ST=WA, O=acme'\n",
    .options = policy_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_policy,
};
