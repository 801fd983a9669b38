#include "base/memory.h"
#include "cli/commands.h"
#include "cli/registry.h"
#include "cli/signer.h"
#include "cli/tell.h"
#include "oci/sign/attach.h"

#include <stdio.h>

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_oci_descriptor struct oci_descriptor artifact = {0};
    if (signer_load(cli, &key, err) < 0 ||
        registry_open(cli, cli_argument(cli, 0), REGISTRY_PUSH, &registry, err) < 0 ||
        registry_resolve(&registry, &artifact, err) < 0)
        return -1;
    int64_t now_ms = clock_wall_ms(clock_system());
    const struct release release = {
        .channel = cli_string(cli, "channel"),
        .sequence = cli_number(cli, "sequence", now_ms),
        .issued_at_ms = now_ms,
    };
    const struct sign_request request = {
        .releases = &release,
        .n_releases = release.channel != NULL,
        .now_ms = now_ms,
    };
    tell_step(cli, "signing %s", artifact.digest.text);
    if (sign_artifact(registry.repository, &artifact, key, &request, err) < 0)
        return -1;
    printf("%s\n", artifact.digest.text);
    tell_done(cli, "signed %s@%s%s%s", oci_repository_identity(registry.repository),
              artifact.digest.text, release.channel != NULL ? " and released it to " : "",
              release.channel != NULL ? release.channel : "");
    return 0;
}

static const struct option_spec options[] = {
    SIGNER_OPTIONS,
    {"channel", 0, OPTION_STRING, "NAME", "also state that it is released to this channel", NULL},
    {"sequence", 0, OPTION_NUMBER, "N", "sequence of that statement (default: the time in ms)",
     NULL},
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_sign = {
    .name = "sign",
    .arguments = "REF",
    .summary = "Sign an artifact in both of cosign's forms",
    .help = "Adds a signature under the .sig tag and one as a Sigstore bundle; `cosign verify` "
            "accepts either.\n\n"
            "  sealift sign oci://registry.example.com/acme/shop:prod --key cosign.key --channel "
            "prod\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
