#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/hand.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/tell.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_sign.h"

#include <stdio.h>

// The digest, or what --output asks for.
static int print_signed(const struct cli *cli, const struct registry *registry,
                        const struct oci_descriptor *artifact, const char *channel,
                        struct error *err)
{
    cleanup_free char *name = registry_name(registry, artifact->digest.text);
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:s*}", "repository", oci_repository_identity(registry->repository),
                  "digest", artifact->digest.text, "channel", channel);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, value, name, err);
    printf("%s\n", artifact->digest.text);
    return 0;
}

static int sign_notation(const struct cli *cli, struct registry *registry,
                         const struct oci_descriptor *artifact, const struct sign_key *key,
                         struct error *err)
{
    const char *file = cli_string(cli, "certificate-chain");
    cleanup_vec struct vec chain = NOTATION_CHAIN;
    cleanup_free char *pem = NULL;
    size_t size = 0;
    if (file == NULL)
        return error_set(err, ERROR_INVALID,
                         "a Notation signature carries certificates; name the file with "
                         "--certificate-chain FILE (the signer's first, up to the root)");
    if (cli_string(cli, "channel") != NULL || cli_number(cli, "sequence", 0) != 0)
        return error_set(err, ERROR_INVALID,
                         "a Notation signature states no release; leave --channel and --sequence "
                         "out, or sign a second time without --notation");
    if (file_read(file, NOTATION_MAX_PEM_BYTES, &pem, &size, err) < 0 ||
        notation_certificates_read(pem, size, file, &chain, err) < 0)
        return error_wrap(err, "--certificate-chain");
    int64_t expiry_ms = cli_number(cli, "expiry", 0);
    struct notation_signing signing = {
        .key = key, .chain = &chain, .now_ms = clock_wall_ms(clock_system())};
    signing.expires_ms = expiry_ms > 0 ? signing.now_ms + expiry_ms : 0;
    if (notation_sign_artifact(registry->repository, artifact, &signing, NULL, err) < 0)
        return -1;
    cleanup_free char *subject = notation_subject(notation_certificate(&chain, 0));
    tell_done(cli, "signed %s@%s as %s", oci_repository_identity(registry->repository),
              artifact->digest.text, subject);
    return print_signed(cli, registry, artifact, NULL, err);
}

// What is signed beside the digest.
static struct release release_of(const struct cli *cli)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    int64_t expiry_ms = cli_number(cli, "expiry", 0);
    return (struct release){
        .channel = cli_string(cli, "channel"),
        .sequence = cli_number(cli, "sequence", now_ms),
        .issued_at_ms = now_ms,
        .not_after_ms = expiry_ms > 0 ? now_ms + expiry_ms : 0,
    };
}

static void tell_signed(const struct cli *cli, const struct registry *registry,
                        const struct oci_descriptor *artifact, const struct release *release,
                        const char *by)
{
    tell_done(cli, "signed %s@%s%s%s%s%s", oci_repository_identity(registry->repository),
              artifact->digest.text, release->channel != NULL ? " and released it to " : "",
              release->channel != NULL ? release->channel : "", by != NULL ? " as " : "",
              by != NULL ? by : "");
}

static int sign_as_cosign(const struct cli *cli, struct registry *registry,
                          const struct oci_descriptor *artifact, const struct hand *hand,
                          struct error *err)
{
    const struct release release = release_of(cli);
    const struct sign_request request = {.releases = &release,
                                         .n_releases = release.channel != NULL,
                                         .now_ms = release.issued_at_ms};
    tell_step(cli, "signing %s", artifact->digest.text);
    if (hand_sign(hand, registry, artifact, &request, err) < 0)
        return -1;
    tell_signed(cli, registry, artifact, &release,
                hand_certificate(hand) != NULL ? hand_name(hand) : NULL);
    return print_signed(cli, registry, artifact, release.channel, err);
}

// What says something of the one kind of signature only.
static int check_options(const struct cli *cli, struct error *err)
{
    if (cli_flag(cli, "notation"))
        return 0;
    if (cli_string(cli, "certificate-chain") != NULL)
        return error_set(err, ERROR_INVALID,
                         "--certificate-chain belongs to a Notation signature; say --notation, "
                         "too");
    if (cli_number(cli, "expiry", 0) != 0 && cli_string(cli, "channel") == NULL)
        return error_set(err, ERROR_INVALID,
                         "--expiry belongs to a release statement or a Notation signature; say "
                         "--channel NAME or --notation, too");
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_hand struct hand hand = {0};
    cleanup_oci_descriptor struct oci_descriptor artifact = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    bool keyless = keyless_is_wanted(cli);
    bool notation = cli_flag(cli, "notation");
    if (keyless && notation)
        return error_set(err, ERROR_INVALID,
                         "a Notation signature needs a key and certificates for it; leave the "
                         "token out, or --notation");
    if (check_options(cli, err) < 0 || (!keyless && hand_open(cli, &hand, err) < 0) ||
        registry_open(cli, cli_argument(cli, 0), REGISTRY_PUSH, &registry, err) < 0 ||
        registry_see(&registry, &artifact, &manifest, err) < 0 ||
        (keyless && hand_open(cli, &hand, err) < 0))
        return -1;
    if (notation)
        return sign_notation(cli, &registry, &artifact, hand.key, err);
    return sign_as_cosign(cli, &registry, &artifact, &hand, err);
}

static const struct option_spec options[] = {
    SIGNER_OPTIONS,
    KEYLESS_OPTIONS,
    {"channel", 0, OPTION_STRING, "NAME", "also state that it is released to this channel", NULL},
    {"sequence", 0, OPTION_NUMBER, "N", "sequence of that statement (default: the time in ms)",
     NULL},
    {"notation", 0, OPTION_FLAG, NULL, "sign as Notation does (JWS) instead", NULL},
    {"certificate-chain", 0, OPTION_STRING, "FILE",
     "with --notation: the signer's certificate, its issuer's, up to the root (PEM)", NULL},
    {"expiry", 0, OPTION_DURATION, "DURATION",
     "with --channel: how long that statement may be adopted; with --notation: how long the "
     "signature may be used (default: for ever)",
     NULL},
    RESULT_OPTION,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_sign = {
    .name = "sign",
    .arguments = "REF",
    .summary = "Sign an artifact in both of cosign's forms, or in Notation's",
    .help = "Adds a signature under the .sig tag and one as a Sigstore bundle; `cosign verify` "
            "accepts either.\n"
            "With an identity token instead of a key (see sealift sign-bundle) it is the bundle "
            "alone.\n\n"
            "  sealift sign oci://registry.example.com/acme/shop:prod --key cosign.key --channel "
            "prod --expiry 720h\n"
            "  sealift sign oci://registry.example.com/acme/shop:prod --identity-token-file token\n"
            "  sealift sign oci://registry.example.com/acme/shop:prod --notation --key key.pem "
            "--certificate-chain chain.pem --expiry 720h\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
