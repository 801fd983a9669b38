// install: sealift into a cluster, or an install to what this version holds.
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/installation.h"
#include "cli/print.h"
#include "cli/rollout.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <string.h>

static int check_namespace(const char *namespace, struct error *err)
{
    if (strcmp(namespace, "default") != 0 && strncmp(namespace, "kube-", 5) != 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "sealift gets a namespace of its own, not %s: whoever may write there would "
                     "reach its keys; leave --namespace away for " SYSTEM_NAMESPACE,
                     namespace);
}

// What was not chosen stays as it is installed.
static int choose(const struct cli *cli, const struct installation *installation,
                  struct manifests_choice *choice, struct error *err)
{
    cleanup_json json_t *objects = NULL;
    choice->namespace = installation->namespace;
    choice->overlay = cli_string(cli, "overlay");
    if (choice->overlay == NULL)
        choice->overlay = installation_overlay(installation);
    if (choice->overlay == NULL)
        choice->overlay = OVERLAY_DEFAULT;
    choice->image = cli_string(cli, "image");
    if (choice->image != NULL)
        return 0;
    if (manifests_render(choice, &objects, err) < 0)
        return -1;
    if (!manifests_image_is_placeholder(manifests_image(objects)))
        return 0;
    choice->image = installation_image(installation);
    if ((choice->image == NULL || manifests_image_is_placeholder(choice->image)) &&
        !installation->dry_run)
        return error_set(err, ERROR_INVALID,
                         "which image? this version of sealift has none in a public registry: "
                         "build deploy/Dockerfile, push it where the cluster can pull it, and name "
                         "it with --image");
    return 0;
}

// A policy whose keys are not there yet refuses everything that it governs.
static void tell_missing_keys(const struct installation *installation)
{
    vec_foreach (struct piece, piece, &installation->pieces) {
        if (!piece_is(piece, "TrustPolicy"))
            continue;
        const json_t *entry = json_array_get(jval_array(piece->object, "spec.require"), 0);
        const json_t *key = json_array_get(jval_array(entry, "keys"), 0);
        const char *secret = jval_string(key, "secretRef.name");
        const struct kube_ref ref = {.version = "v1",
                                     .plural = "secrets",
                                     .namespace_ = installation->namespace,
                                     .name = secret};
        cleanup_error struct error cause = {0};
        if (secret == NULL || kube_get(installation->client, &ref, NULL, &cause) == 0 ||
            cause.code != ERROR_NOT_FOUND)
            continue;
        tell_warning(installation->cli,
                     "TrustPolicy %s refuses every Sync until its key is there: sealift create "
                     "secret %s -n %s --from-file cosign.pub=FILE",
                     piece->name, secret, installation->namespace);
    }
}

static int refuse_second_install(const struct installation *installation, struct error *err)
{
    cleanup_free char *other = installation_find(installation->client);
    if (installation->parent != NULL || *other == '\0' ||
        strcmp(other, installation->namespace) == 0)
        return 0;
    return error_set(
        err, ERROR_CONFLICT,
        "sealift is installed in the namespace %s: name it with --namespace %s, or run "
        "sealift uninstall --namespace %s first",
        other, other, other);
}

// What is installed now (or, dry, would be), when --output asks for it.
static int print_pieces(const struct installation *installation, struct error *err)
{
    cleanup_json json_t *objects = json_array();
    vec_foreach (struct piece, piece, &installation->pieces)
        json_array_append(objects, piece->object);
    return *print_format(installation->cli) != '\0'
               ? print_objects(installation->cli, objects, false, err)
               : 0;
}

static int install(struct cli *cli, const char *namespace, struct error *err)
{
    cleanup_installation struct installation installation = {0};
    struct manifests_choice choice;
    if (installation_open(cli, namespace, &installation, err) < 0 ||
        refuse_second_install(&installation, err) < 0 ||
        choose(cli, &installation, &choice, err) < 0)
        return -1;
    tell_step(cli, "%s, into %s of %s", choice.overlay, namespace,
              kube_client_server(installation.client));
    if (installation_load(&installation, &choice, err) < 0 ||
        installation_preflight(&installation, err) < 0 ||
        installation_apply(&installation, &choice, err) < 0)
        return -1;
    if (installation.dry_run)
        return print_pieces(&installation, err);
    if (!cli_flag(cli, "no-wait") &&
        rollout_wait_deployments(cli, installation.client, &installation.pieces, err) < 0)
        return -1;
    tell_missing_keys(&installation);
    tell_done(cli, "sealift " SEALIFT_VERSION " is installed in %s (%s)", namespace,
              choice.overlay);
    return print_pieces(&installation, err);
}

static int print(const struct cli *cli, const char *namespace, struct error *err)
{
    const struct manifests_choice choice = {
        .overlay = cli_string_or(cli, "overlay", OVERLAY_DEFAULT),
        .namespace = namespace,
        .image = cli_string(cli, "image"),
    };
    cleanup_json json_t *objects = NULL;
    if (manifests_render(&choice, &objects, err) < 0)
        return -1;
    return print_manifests(cli, objects, err);
}

static int run(struct cli *cli, struct error *err)
{
    const char *namespace = cli_string_or(cli, "namespace", SYSTEM_NAMESPACE);
    if (cli_flag(cli, "wait") && cli_flag(cli, "no-wait"))
        return error_set(err, ERROR_INVALID, "--wait and --no-wait contradict each other");
    if (check_namespace(namespace, err) < 0)
        return -1;
    return cli_flag(cli, "export") ? print(cli, namespace, err) : install(cli, namespace, err);
}

static const struct option_spec options[] = {
    INSTALL_OPTIONS,
    {"wait", 0, OPTION_FLAG, NULL, "wait until the roles run (the default)", NULL},
    {"no-wait", 0, OPTION_FLAG, NULL, "do not wait until the roles run", NULL},
    {"dry-run", 0, OPTION_FLAG, NULL, "let the API server judge it, and change nothing", NULL},
    {"export", 0, OPTION_FLAG, NULL, "print the manifests instead of applying them", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_install = {
    .name = "install",
    .arguments = "",
    .summary = "Install sealift into a cluster, or upgrade it",
    .help =
        "Looks first whether the API server is new enough and this account may do it, then applies "
        "the definitions,\n"
        "accounts, rights and Deployments of an overlay, removes what an older install left, and "
        "waits until all of it runs.\n"
        "Installing again changes what differs. --namespace is where the roles run (default: "
        "sealift-system).\n\n"
        "  sealift install --image registry.example.org/sealift:0.1.0\n"
        "  sealift install --overlay production --image registry.example.org/sealift:0.1.0 "
        "--dry-run\n",
    .options = options,
    .run = run,
};
