#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/keyless.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_BYTES = 64 << 10, MAX_ARTIFACT_BYTES = 1 << 30 };

static int load_bundle(const struct cli *cli, struct sigstore_bundle *ret_bundle, struct error *err)
{
    const char *file = cli_string(cli, "bundle");
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file == NULL)
        return error_set(err, ERROR_INVALID, "which bundle? name it with --bundle FILE");
    if (file_read(file, SIGSTORE_BUNDLE_MAX_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "--bundle");
    if (sigstore_bundle_parse(text, size, ret_bundle, err) < 0)
        return error_wrap(err, "%s", file);
    return 0;
}

static int load_key(const char *file, struct verify_key **ret_key, struct error *err)
{
    cleanup_free char *pem = NULL;
    size_t size = 0;
    if (file_read(file, MAX_KEY_BYTES, &pem, &size, err) < 0)
        return error_wrap(err, "--key");
    return verify_key_load(pem, size, file, ret_key, err);
}

// *ret_bytes is owned and stays NULL for a digest.
static int load_artifact(const char *name, char **ret_bytes, struct signed_data *ret_data,
                         struct error *err)
{
    size_t size = 0;
    if (strncmp(name, "sha256:", 7) == 0 && !file_exists(name))
        return signed_data_of_digest(name, ret_data, err);
    if (file_read(name, MAX_ARTIFACT_BYTES, ret_bytes, &size, err) < 0)
        return -1;
    signed_data_of(*ret_bytes, size, ret_data);
    return 0;
}

static int check_identity(const struct cli *cli, const struct certificate *signer,
                          struct error *err)
{
    const char *identity = cli_string(cli, "certificate-identity");
    const char *issuer = cli_string(cli, "certificate-oidc-issuer");
    if (strcmp(signer->subject, identity) != 0)
        return error_set(err, ERROR_UNVERIFIED, "it is signed by %s, not by %s", signer->subject,
                         identity);
    if (signer->issuer == NULL || strcmp(signer->issuer, issuer) != 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "the identity of its signer was vouched for by %s, not by %s",
                         signer->issuer != NULL ? signer->issuer : "nobody", issuer);
    return 0;
}

static int check_keyless(const struct cli *cli, const struct sigstore_bundle *bundle,
                         const struct trusted_root *root, const struct signed_data *data,
                         json_t **ret_signer, struct error *err)
{
    cleanup_certificate struct certificate *signer = NULL;
    if (sigstore_verify_keyless(bundle, root, data, &signer, err) < 0 ||
        check_identity(cli, signer, err) < 0)
        return -1;
    tell_done(cli, "signed by %s (%s)", signer->subject, signer->issuer);
    *ret_signer = json_pack("{s:s, s:s}", "subject", signer->subject, "issuer", signer->issuer);
    return 0;
}

static int check_keyed(const struct cli *cli, const struct sigstore_bundle *bundle,
                       const struct trusted_root *root, const struct signed_data *data,
                       json_t **ret_signer, struct error *err)
{
    const char *file = cli_string(cli, "key");
    cleanup_verify_key struct verify_key *key = NULL;
    if (load_key(file, &key, err) < 0 || sigstore_verify_keyed(bundle, key, root, data, err) < 0)
        return -1;
    tell_done(cli, "signed by %s (%s)", file, verify_key_fingerprint(key)->text);
    *ret_signer =
        json_pack("{s:s, s:s}", "key", file, "fingerprint", verify_key_fingerprint(key)->text);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    bool keyed = cli_string(cli, "key") != NULL;
    bool named = cli_string(cli, "certificate-identity") != NULL &&
                 cli_string(cli, "certificate-oidc-issuer") != NULL;
    bool half = cli_string(cli, "certificate-identity") != NULL ||
                cli_string(cli, "certificate-oidc-issuer") != NULL;
    if (keyed ? half : !named)
        return error_set(err, ERROR_INVALID,
                         "whose signature? name either --key FILE, or --certificate-identity and "
                         "--certificate-oidc-issuer");
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_trusted_root struct trusted_root *root = NULL;
    cleanup_free char *bytes = NULL;
    struct signed_data data;
    cleanup_json json_t *signer = NULL;
    if (keyless_load_root(cli, &root, err) < 0 || load_bundle(cli, &bundle, err) < 0 ||
        load_artifact(cli_argument(cli, 0), &bytes, &data, err) < 0)
        return -1;
    if ((keyed ? check_keyed(cli, &bundle, root, &data, &signer, err)
               : check_keyless(cli, &bundle, root, &data, &signer, err)) < 0 ||
        sigstore_check_content(&bundle, &data, err) < 0)
        return error_wrap(err, "%s", cli_string(cli, "bundle"));
    cleanup_json json_t *value = json_pack("{s:s, s:s, s:O}", "file", cli_argument(cli, 0),
                                           "bundle", cli_string(cli, "bundle"), "signer", signer);
    return print_answer_of(cli, value, cli_argument(cli, 0), err);
}

static const struct option_spec options[] = {
    {"bundle", 0, OPTION_STRING, "FILE", "the Sigstore bundle", NULL},
    {"certificate-identity", 0, OPTION_STRING, "NAME", "who must have signed (URI or e-mail)",
     NULL},
    {"certificate-oidc-issuer", 0, OPTION_STRING, "URL", "who must have vouched for that identity",
     NULL},
    {"key", 0, OPTION_STRING, "FILE", "public key that must have signed, instead of an identity",
     NULL},
    {"trusted-root", 0, OPTION_STRING, "FILE",
     "certificate authorities, logs and timestamp authorities (default: Sigstore's public "
     "instance)",
     NULL},
    {"staging", 0, OPTION_FLAG, NULL, "of Sigstore's staging instance; needs --trusted-root", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_verify_bundle = {
    .name = "verify-bundle",
    .arguments = "FILE|DIGEST",
    .summary = "Check a Sigstore bundle against a file, offline",
    .help = "Checks who signed a file (or bytes known by sha256:…), with a bundle of cosign, npm, "
            "GitHub and others.\n"
            "Nothing is asked over the network: certificate, log entries and timestamps are held "
            "against the trusted root.\n"
            "Exits with 0 when all of it verifies, else with 1 and a reason.\n\n"
            "  sealift verify-bundle --bundle app.sigstore.json --certificate-identity "
            "ci@example.com \\\n"
            "    --certificate-oidc-issuer https://accounts.example.com app.tar.gz\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .completes = "file",
    .run = run,
};
