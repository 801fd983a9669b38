#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/keyless.h"
#include "cli/print.h"
#include "cli/signer.h"
#include "cli/tell.h"
#include "oci/sign/certificate.h"
#include "oci/sign/dsse.h"
#include "oci/sign/sigstore_bundle.h"

#include <stdlib.h>

enum { MAX_ARTIFACT_BYTES = 1 << 30, MAX_STATEMENT_BYTES = 512 << 10, BUNDLE_MODE = 0644 };

static int make_keyed(const struct cli *cli, const struct sign_key *key, const char *bytes,
                      size_t size, char **ret_bundle, size_t *ret_size, struct error *err)
{
    const char *hint = verify_key_hint(sign_key_public(key));
    if (cli_flag(cli, "in-toto")) {
        cleanup_dsse_envelope struct dsse_envelope envelope = {0};
        if (dsse_sign(key, DSSE_IN_TOTO, bytes, size, &envelope, err) < 0)
            return -1;
        *ret_bundle = sigstore_bundle_build(&envelope, hint, ret_size);
        return 0;
    }
    cleanup_free unsigned char *signature = NULL;
    size_t signature_size = 0;
    unsigned char hash[SHA256_SIZE];
    sha256(bytes, size, hash);
    if (sign_key_sign(key, bytes, size, &signature, &signature_size, err) < 0)
        return -1;
    *ret_bundle = sigstore_bundle_build_message(hash, signature, signature_size, hint, ret_size);
    return 0;
}

// *ret_result is what --output prints. Owned.
static int sign_keyed(const struct cli *cli, const char *bytes, size_t size, const char *file,
                      json_t **ret_result, struct error *err)
{
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_free char *bundle = NULL;
    size_t bundle_size = 0;
    if (signer_load(cli, &key, err) < 0 ||
        make_keyed(cli, key, bytes, size, &bundle, &bundle_size, err) < 0 ||
        file_write_atomic(file, bundle, bundle_size, BUNDLE_MODE, err) < 0)
        return -1;
    const char *fingerprint = verify_key_fingerprint(sign_key_public(key))->text;
    tell_done(cli, "signed %s with key %s", cli_argument(cli, 0), fingerprint);
    *ret_result = json_pack("{s:s, s:s, s:s}", "file", cli_argument(cli, 0), "bundle", file, "key",
                            fingerprint);
    return 0;
}

static int sign_keyless(const struct cli *cli, const char *bytes, size_t size, const char *file,
                        json_t **ret_result, struct error *err)
{
    cleanup_keyless_session struct keyless_session session = {0};
    cleanup_free char *bundle = NULL;
    size_t bundle_size = 0;
    if (keyless_session_open(cli, &session, err) < 0)
        return -1;
    int result =
        cli_flag(cli, "in-toto")
            ? keyless_sign_statement(session.keyless, bytes, size, &bundle, &bundle_size, err)
            : keyless_sign_bytes(session.keyless, bytes, size, &bundle, &bundle_size, err);
    if (result < 0)
        return error_wrap(err, "keyless signing");
    if (file_write_atomic(file, bundle, bundle_size, BUNDLE_MODE, err) < 0)
        return -1;
    const struct certificate *signer = keyless_certificate(session.keyless);
    tell_done(cli, "signed %s as %s (%s)", cli_argument(cli, 0), signer->subject,
              signer->issuer != NULL ? signer->issuer : "no issuer");
    *ret_result = json_pack("{s:s, s:s, s:s, s:s*}", "file", cli_argument(cli, 0), "bundle", file,
                            "subject", signer->subject, "issuer", signer->issuer);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    const char *file = cli_string(cli, "bundle");
    cleanup_free char *bytes = NULL;
    cleanup_json json_t *result = NULL;
    size_t size = 0;
    if (file == NULL)
        return error_set(err, ERROR_INVALID, "where to? name the bundle with --bundle FILE");
    if (file_read(cli_argument(cli, 0),
                  cli_flag(cli, "in-toto") ? MAX_STATEMENT_BYTES : MAX_ARTIFACT_BYTES, &bytes,
                  &size, err) < 0)
        return -1;
    if ((keyless_is_wanted(cli) ? sign_keyless : sign_keyed)(cli, bytes, size, file, &result, err) <
        0)
        return -1;
    return print_answer_of(cli, result, file, err);
}

static const struct option_spec options[] = {
    {"bundle", 0, OPTION_STRING, "FILE", "where the Sigstore bundle goes", NULL},
    SIGNER_OPTIONS,
    KEYLESS_OPTIONS,
    RESULT_OPTION,
    {"in-toto", 0, OPTION_FLAG, NULL, "the file is an in-toto statement: sign it in an envelope",
     NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_sign_bundle = {
    .name = "sign-bundle",
    .arguments = "FILE",
    .summary = "Sign a file into a Sigstore bundle",
    .help =
        "Signs a file, or with --in-toto the statement in it, and writes a bundle of version 0.3 "
        "that\n"
        "`sealift verify-bundle` and `cosign verify-blob` accept. With --key that is all. With an\n"
        "identity token (of --identity-token-file, $SIGSTORE_ID_TOKEN or a GitHub Actions job that "
        "has\n"
        "`id-token: write`) a key is made for this one signature: Fulcio certifies it, an "
        "authority\n"
        "stamps the signature, Rekor logs it, and the bundle is verified before it is written.\n\n"
        "  sealift sign-bundle --key cosign.key --bundle app.sigstore.json app.tar.gz\n"
        "  sealift sign-bundle --identity-token-file token --bundle app.sigstore.json app.tar.gz\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .completes = "file",
    .run = run,
};
