#include "api/identity.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/semver.h"
#include "base/url.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/hand.h"
#include "cli/inputs.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/substitution.h"
#include "cli/tell.h"
#include "oci/artifact.h"

#include <stdio.h>
#include <string.h>

// "main@sha1:<commit>" names ref and commit for the provenance; a ref that is no branch is written
// out: "refs/tags/v1@sha1:<commit>".
static void split_revision(const char *revision, char **ret_ref, const char **ret_commit)
{
    const char *at = revision != NULL ? strstr(revision, "@sha1:") : NULL;
    *ret_ref = at != NULL
                   ? xasprintf("%s%.*s", strncmp(revision, "refs/", 5) == 0 ? "" : "refs/heads/",
                               (int)(at - revision), revision)
                   : NULL;
    *ret_commit = at != NULL ? at + strlen("@sha1:") : NULL;
}

// --source as it may be published: credentials of a clone's address stay here. Owned; NULL = none.
static char *public_source(const struct cli *cli)
{
    const char *source = cli_string(cli, "source");
    return source != NULL && strstr(source, "://") != NULL ? url_without_credentials(source)
                                                           : xstrdup_or_null(source);
}

static int build(const struct cli *cli, struct oci_artifact *ret_artifact,
                 struct files_origin *origin, struct error *err)
{
    cleanup_vec struct vec files = OCI_FILES;
    int64_t created_ms = 0;
    struct oci_limits limits;
    tell_step(cli, "rendering %s", cli_argument(cli, 0));
    if (limits_read(cli, &limits, err) < 0)
        return -1;
    if (cli_string(cli, "created") != NULL &&
        time_parse(cli_string(cli, "created"), &created_ms, err) < 0)
        return error_wrap(err, "--created");
    if (files_load(cli, cli_argument(cli, 0), &files, origin, err) < 0)
        return -1;
    cleanup_free char *source = public_source(cli);
    const struct oci_artifact_info info = {
        .created_ms = created_ms,
        .source = source,
        .revision = cli_string(cli, "revision"),
        .path = origin->path != NULL && *origin->path != '\0' ? origin->path : NULL,
        .limits = &limits,
        .format = oci_format_parse(cli_string_or(cli, "format", "Flux")),
    };
    tell_step(cli, "packing %zu object%s", files.len, tell_s(files.len));
    return oci_pack(&files, &info, ret_artifact, err);
}

static void list_inputs(const json_t *from, struct vec *inputs)
{
    for (size_t i = 0; i < json_array_size(from); i++) {
        const json_t *input = json_array_get(from, i);
        *(struct provenance_input *)vec_push(inputs) = (struct provenance_input){
            .uri = jval_string(input, "uri"),
            .algorithm = jval_string(input, "algorithm"),
            .digest = jval_string(input, "digest"),
        };
    }
}

static int64_t release_end(const struct cli *cli, int64_t now_ms)
{
    int64_t expiry_ms = cli_number(cli, "expiry", 0);
    return expiry_ms > 0 ? now_ms + expiry_ms : 0;
}

static int sign(const struct cli *cli, struct registry *registry,
                const struct oci_artifact *artifact, const struct hand *hand,
                const struct files_origin *origin, struct error *err)
{
    cleanup_vec struct vec inputs = VEC_OF(struct provenance_input, NULL);
    cleanup_free char *repository = NULL;
    cleanup_free char *ref = NULL;
    const char *commit = NULL;
    cleanup_free char *source = public_source(cli);
    int64_t now_ms = clock_wall_ms(clock_system());
    split_revision(cli_string(cli, "revision"), &ref, &commit);
    if (source != NULL && identity_git(source, &repository, err) < 0)
        return error_wrap(err, "--source");
    list_inputs(origin->inputs, &inputs);
    const struct provenance provenance = {.repository = repository,
                                          .url = source,
                                          .ref = ref,
                                          .commit = commit,
                                          .path = origin->path != NULL ? origin->path : "",
                                          .renderer = render_type_name(origin->renderer),
                                          .renderer_version = SEALIFT_VERSION,
                                          .started_ms = now_ms,
                                          .finished_ms = now_ms,
                                          .inputs = inputs.data,
                                          .n_inputs = inputs.len};
    // A tag that is a version is named as one, for Syncs that follow a range. Tags write '+' as
    // '_'.
    cleanup_semver struct semver version = {0};
    cleanup_free char *plain = xstrdup(registry->reference.tag);
    plain[strcspn(plain, "_")] = strchr(plain, '_') != NULL ? '+' : '\0';
    bool is_version = semver_parse(plain, &version, NULL) == 0;
    cleanup_free char *version_text = is_version ? semver_format(&version) : NULL;
    const struct release release = {.channel = registry->reference.tag,
                                    .version = version_text,
                                    .sequence = cli_number(cli, "sequence", now_ms),
                                    .issued_at_ms = now_ms,
                                    .not_after_ms = release_end(cli, now_ms),
                                    .commit = commit};
    const struct sign_request request = {
        .provenance = commit != NULL && repository != NULL ? &provenance : NULL,
        .releases = &release,
        .n_releases = 1,
        .now_ms = now_ms,
        .fresh = true};
    tell_step(cli, "signing %s", artifact->manifest_descriptor.digest.text);
    return hand_sign(hand, registry, &artifact->manifest_descriptor, &request, err);
}

// Signatures before the tag: whoever follows the tag finds a signed artifact. hand NULL: none.
static int collect(const struct cli *cli, struct registry *registry,
                   const struct oci_artifact *artifact, const struct hand *hand,
                   const struct files_origin *origin, struct error *err)
{
    if (oci_push(registry->repository, artifact, NULL, 0, err) < 0)
        return -1;
    if (hand != NULL && sign(cli, registry, artifact, hand, origin, err) < 0)
        return -1;
    return oci_tag(registry->repository, artifact->manifest_descriptor.digest.text,
                   registry->reference.tag, err);
}

static int publish(const struct cli *cli, struct registry *registry,
                   const struct oci_artifact *artifact, const struct hand *hand,
                   const struct files_origin *origin, struct error *err)
{
    oci_batch_begin(registry->repository);
    if (collect(cli, registry, artifact, hand, origin, err) < 0) {
        oci_batch_abort(registry->repository);
        return -1;
    }
    tell_step(cli, "pushing to %s", oci_repository_identity(registry->repository));
    return oci_batch_commit(registry->repository, err);
}

static int check_options(const struct cli *cli, const struct registry *registry, struct error *err)
{
    if (registry->reference.tag == NULL || registry->reference.digest != NULL)
        return error_set(err, ERROR_INVALID,
                         "push to a tag: REF is like oci://registry.example.com/acme/shop:prod");
    if (cli_flag(cli, "unsigned") && cli_number(cli, "expiry", 0) != 0)
        return error_set(err, ERROR_INVALID,
                         "--expiry is of the release statement, which --unsigned leaves out; leave "
                         "one of the two out");
    return 0;
}

static int print_pushed(const struct cli *cli, const struct registry *registry, const char *digest,
                        const struct hand *hand, struct error *err)
{
    const char *identity = oci_repository_identity(registry->repository);
    bool keyless = hand != NULL && hand_certificate(hand) != NULL;
    if (*print_format(cli) != '\0') {
        cleanup_json json_t *value = json_object();
        jval_set_string(value, "repository", identity);
        jval_set_string(value, "tag", registry->reference.tag);
        jval_set_string(value, "digest", digest);
        jval_set_bool(value, "signed", hand != NULL);
        if (keyless)
            jval_set_string(value, "subject", hand_name(hand));
        cleanup_free char *name = registry_name(registry, digest);
        return print_answer_of(cli, value, name, err);
    }
    printf("%s\n", digest);
    tell_done(cli, "pushed %s:%s%s%s", identity, registry->reference.tag,
              hand == NULL ? ", unsigned: no Sync will take it where a key or policy is set"
              : keyless    ? " and signed it as "
                           : "",
              keyless ? hand_name(hand) : "");
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_oci_artifact struct oci_artifact artifact = {0};
    cleanup_hand struct hand hand = {0};
    cleanup_files_origin struct files_origin origin = {.inputs = json_array()};
    bool sealed = !cli_flag(cli, "unsigned");
    bool keyless = sealed && keyless_is_wanted(cli);
    if (registry_open(cli, cli_argument(cli, 1), REGISTRY_PUSH, &registry, err) < 0 ||
        check_options(cli, &registry, err) < 0 ||
        (sealed && !keyless && hand_open(cli, &hand, err) < 0))
        return -1;
    // The certificate lasts for minutes, and rendering may fetch much.
    if (build(cli, &artifact, &origin, err) < 0 || (keyless && hand_open(cli, &hand, err) < 0) ||
        publish(cli, &registry, &artifact, sealed ? &hand : NULL, &origin, err) < 0)
        return -1;
    return print_pushed(cli, &registry, artifact.manifest_descriptor.digest.text,
                        sealed ? &hand : NULL, err);
}

static const struct option_spec options[] = {
    SIGNER_OPTIONS,
    KEYLESS_OPTIONS,
    {"unsigned", 0, OPTION_FLAG, NULL, "push without signing", NULL},
    {"path", 0, OPTION_STRING, "PATH", "render only this path of the folder", NULL},
    {"type", 0, OPTION_STRING, "TYPE", "how to render it", "Auto|Plain|Kustomize"},
    {"format", 0, OPTION_STRING, "FORMAT",
     "media types, as this program reads them (default: Flux)", "Flux|Argo"},
    {"allow-secrets", 0, OPTION_FLAG, NULL, "push Secrets with data, too", NULL},
    SUBSTITUTION_OPTIONS,
    INPUT_OPTIONS,
    LIMIT_OPTIONS,
    {"source", 0, OPTION_STRING, "URL",
     "Git repository it comes from, for annotation and provenance", NULL},
    {"revision", 0, OPTION_STRING, "REVISION",
     "BRANCH@sha1:COMMIT, or refs/tags/TAG@sha1:COMMIT, that it comes from", NULL},
    {"created", 0, OPTION_STRING, "TIME",
     "time of the commit (default: 1970, so that bytes repeat)", NULL},
    {"sequence", 0, OPTION_NUMBER, "N",
     "sequence of the release statement (default: the time in ms)", NULL},
    {"expiry", 0, OPTION_DURATION, "DURATION",
     "how long that statement may be adopted (default: for ever)", NULL},
    RESULT_OPTION,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_push = {
    .name = "push",
    .arguments = "FOLDER REF",
    .summary = "Render, pack, push and sign a folder of manifests",
    .help =
        "What a Bundle does on each push, once and from a folder: for pipelines and first "
        "steps. The tag of REF is\n"
        "the channel of the release statement. Prints the digest.\n"
        "With an identity token instead of a key (in GitHub Actions and GitLab it is found by "
        "itself) signature,\n"
        "provenance and release statement are bundles by that identity.\n\n"
        "  sealift push ./apps/shop/prod oci://registry.example.com/acme/shop:prod --key "
        "cosign.key\n"
        "  sealift push . oci://registry.example.com/acme/shop:prod --revision main@sha1:$COMMIT "
        "--source https://git.example.com/shop.git\n",
    .options = options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
