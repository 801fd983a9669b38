#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/signer.h"
#include "cli/tell.h"
#include "oci/sign/dsse.h"
#include "oci/sign/sigstore_bundle.h"

#include <stdlib.h>

enum { MAX_ARTIFACT_BYTES = 1 << 30, MAX_STATEMENT_BYTES = 512 << 10, BUNDLE_MODE = 0644 };

static int make_bundle(const struct cli *cli, const struct sign_key *key, char **ret_bundle,
                       size_t *ret_size, struct error *err)
{
    bool statement = cli_flag(cli, "in-toto");
    const char *hint = verify_key_hint(sign_key_public(key));
    cleanup_free char *bytes = NULL;
    size_t size = 0;
    if (file_read(cli_argument(cli, 0), statement ? MAX_STATEMENT_BYTES : MAX_ARTIFACT_BYTES,
                  &bytes, &size, err) < 0)
        return -1;
    if (statement) {
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

static int run(struct cli *cli, struct error *err)
{
    const char *file = cli_string(cli, "bundle");
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_free char *bundle = NULL;
    size_t size = 0;
    if (cli_string(cli, "identity-token") != NULL)
        return error_set(err, ERROR_INVALID,
                         "signing with an identity token needs a certificate authority and a log "
                         "to ask, which this version does not; sign with --key FILE, or with "
                         "`cosign sign-blob`, whose bundles verify here");
    if (file == NULL)
        return error_set(err, ERROR_INVALID, "where to? name the bundle with --bundle FILE");
    if (signer_load(cli, &key, err) < 0 || make_bundle(cli, key, &bundle, &size, err) < 0 ||
        file_write_atomic(file, bundle, size, BUNDLE_MODE, err) < 0)
        return -1;
    tell_done(cli, "signed %s with key %s", cli_argument(cli, 0),
              verify_key_fingerprint(sign_key_public(key))->text);
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:s}", "file", cli_argument(cli, 0), "bundle", file, "key",
                  verify_key_fingerprint(sign_key_public(key))->text);
    return print_answer_of(cli, value, file, err);
}

static const struct option_spec options[] = {
    {"bundle", 0, OPTION_STRING, "FILE", "where the Sigstore bundle goes", NULL},
    SIGNER_OPTIONS,
    RESULT_OPTION,
    {"in-toto", 0, OPTION_FLAG, NULL, "the file is an in-toto statement: sign it in an envelope",
     NULL},
    {"identity-token", 0, OPTION_STRING, "TOKEN", "keyless signing; refused, see above", NULL},
    {"trusted-root", 0, OPTION_STRING, "FILE", "of keyless signing; not needed with a key", NULL},
    {"signing-config", 0, OPTION_STRING, "FILE", "of keyless signing; not needed with a key", NULL},
    {"staging", 0, OPTION_FLAG, NULL, "of keyless signing; not needed with a key", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_sign_bundle = {
    .name = "sign-bundle",
    .arguments = "FILE",
    .summary = "Sign a file into a Sigstore bundle",
    .help =
        "Signs a file, or with --in-toto the statement in it, and writes a bundle of version 0.3 "
        "that\n"
        "`sealift verify-bundle` and `cosign verify-blob --key` accept. Keyless signing asks a\n"
        "certificate authority and a log and is not done here.\n\n"
        "  sealift sign-bundle --key cosign.key --bundle app.sigstore.json app.tar.gz\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .completes = "file",
    .run = run,
};
