// create sync, and on request the account that it applies as.
#include "api/store_kube.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <string.h>

// The account, and its rights wherever the Sync may write.
static int add_account(const struct cli *cli, const json_t *object, json_t *grants,
                       struct error *err)
{
    static const char fallback[] = "sealift";
    const char *namespace = workspace_namespace(cli);
    const char *role = cli_string_or(cli, "role", "edit");
    const char *name = cli_string_or(cli, "service-account", fallback);
    const char *target = cli_string_or(cli, "target-namespace", namespace);
    cleanup_grant_account struct grant_account account = {xstrdup(namespace), xstrdup(name)};
    cleanup_vec struct vec more = VEC_OF(const char *, NULL);
    if (!cli_flag(cli, "create-service-account"))
        return cli_string(cli, "role") == NULL
                   ? 0
                   : error_set(err, ERROR_INVALID, "--role needs --create-service-account");
    if (jval_object(object, "spec.target") != NULL || workspace_on_files(cli))
        return error_set(err, ERROR_INVALID,
                         "--create-service-account is for a Sync that applies to the cluster that "
                         "it is in");
    grant_add_account(grants, namespace, name);
    grant_add_deployer(grants, target, cli_argument(cli, 0), role, &account);
    cli_list(cli, "allow-namespace", &more);
    vec_foreach (const char *, other, &more)
        grant_add_deployer(grants, *other, cli_argument(cli, 0), role, &account);
    return 0;
}

// The account gets rights there: an error now, before anything is written, and not in the middle.
static int check_namespaces(const struct cli *cli, const json_t *object, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_vec struct vec names = VEC_OF(const char *, NULL);
    cli_list(cli, "target-namespace", &names);
    cli_list(cli, "allow-namespace", &names);
    if (names.len == 0 || cli_flag(cli, "export") || !cli_flag(cli, "create-service-account"))
        return 0;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    vec_foreach (const char *, name, &names) {
        cleanup_json json_t *found = NULL;
        cleanup_error struct error cause = {0};
        if (store_get(store, "Namespace", NULL, *name, &found, &cause) < 0 &&
            cause.code == ERROR_NOT_FOUND)
            return error_set(err, ERROR_NOT_FOUND, "Sync %s/%s: there is no namespace %s",
                             object_namespace(object), object_name(object), *name);
    }
    return 0;
}

static void warn_of_account(const struct cli *cli, struct kube_client *client, const json_t *object)
{
    const bool makes = cli_flag(cli, "create-service-account");
    const char *name = makes ? cli_string_or(cli, "role", "edit")
                             : cli_string_or(cli, "service-account", "sealift");
    const struct kube_ref ref = makes ? (struct kube_ref){.group = "rbac.authorization.k8s.io",
                                                          .version = "v1",
                                                          .plural = "clusterroles",
                                                          .name = name}
                                      : grant_ref("ServiceAccount", object_namespace(object), name);
    if (client == NULL || object_spec(object, "target") != NULL)
        return;
    absent_warn_kube(cli, client, makes ? "ClusterRole" : "ServiceAccount", &ref,
                     makes ? "the Sync's account may do nothing until there is"
                           : "the Sync applies nothing until there is; --create-service-account "
                             "makes it");
}

static int warn_of_absent(const struct cli *cli, const json_t *object, struct error *err)
{
    static const char waits[] = "the Sync waits for it";
    cleanup_store struct store *store = NULL;
    const char *namespace = object_namespace(object);
    if (cli_flag(cli, "export"))
        return 0;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    absent_warn(cli, store, "Bundle", cli_string_or(cli, "bundle-namespace", namespace),
                cli_string(cli, "bundle"), waits);
    absent_warn(cli, store, "Secret", namespace, cli_string(cli, "registry-secret"), waits);
    absent_warn(cli, store, "Secret", namespace, cli_string(cli, "kubeconfig-secret"), waits);
    warn_of_account(cli, store_kube_client(store), object);
    return 0;
}

static const struct create_field sync_fields[] = {
    {"spec.bundleRef.name", "bundle"},
    {"spec.artifact.repository", "repository"},
    {"spec.artifact.tag", "tag"},
    {"spec.artifact.semver", "semver"},
    {"spec.artifact.semverFilter", "semver-filter"},
    {"spec.artifact.digest", "digest"},
    {"spec.artifact.channel", "channel"},
    {"spec.artifact.secretRef.name", "registry-secret"},
    {"spec.path", "path"},
    {"spec.interval", "interval"},
    {"spec.drift", "drift"},
    {"spec.bundleRef.namespace", "bundle-namespace"},
    {"spec.targetNamespace", "target-namespace"},
    {"spec.serviceAccountName", "service-account"},
    {"spec.force", "force"},
    {"spec.target.kubeConfig.secretRef.name", "kubeconfig-secret"},
    {"spec.target.directory.path", "directory"},
    {"spec.target.directory.layout", "layout"},
    {NULL, NULL},
};

static int run_sync(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "Sync", true);
    create_set_fields(cli, object, sync_fields);
    create_set_list(cli, object, "spec.allowNamespaces", "allow-namespace");
    create_set_flag(cli, object, "spec.wait", "wait-healthy");
    jval_set_bool(object, "spec.prune",
                  cli_given(cli, "prune") ? cli_flag(cli, "prune") : !cli_flag(cli, "no-prune"));
    if (create_add_keys(cli, object, "spec.verify.keys", err) < 0)
        return -1;
    cleanup_json json_t *grants = json_array();
    if (add_account(cli, object, grants, err) < 0 || create_check(cli, object, err) < 0 ||
        check_namespaces(cli, object, err) < 0)
        return -1;
    return create_finish(cli, object, grants, err) < 0 ? -1 : warn_of_absent(cli, object, err);
}

static const struct option_spec sync_options[] = {
    {"bundle", 0, OPTION_STRING, "NAME", "follow this Bundle; or name an artifact:", NULL},
    {"repository", 0, OPTION_STRING, "REF", "oci://… or oci-layout:///…", NULL},
    {"tag", 0, OPTION_STRING, "NAME", "with this tag", NULL},
    {"semver", 0, OPTION_STRING, "RANGE", "or the newest version in a range", NULL},
    {"semver-filter", 0, OPTION_STRING, "REGEXP", "of the tags in which this matches", NULL},
    {"digest", 0, OPTION_STRING, "DIGEST", "or pinned", NULL},
    {"channel", 0, OPTION_STRING, "NAME",
     "the channel that its statements must name (default: the tag)", NULL},
    {"registry-secret", 0, OPTION_STRING, "NAME", "Secret with the registry's login", NULL},
    {"path", 0, OPTION_STRING, "PATH", "only what is below this path of the artifact", NULL},
    {"interval", 0, OPTION_DURATION, "DURATION", "poll and sweep this often (default: 10m)", NULL},
    {"drift", 0, OPTION_STRING, "RULE", "what to do about drift", "Heal|Report"},
    {"bundle-namespace", 0, OPTION_STRING, "NAME",
     "of a Bundle elsewhere that exports to this namespace", NULL},
    {"target-namespace", 0, OPTION_STRING, "NAME", "for objects without one (default: the Sync's)",
     NULL},
    {"allow-namespace", 0, OPTION_LIST, "NAME", "which objects may name besides; may be repeated",
     NULL},
    {"service-account", 0, OPTION_STRING, "NAME",
     "apply as this account of the namespace (default: sealift)", NULL},
    {"create-service-account", 0, OPTION_FLAG, NULL,
     "make that account, and bind --role to it where it applies", NULL},
    {"role", 0, OPTION_STRING, "NAME", "ClusterRole for it (default: edit)", NULL},
    {"wait-healthy", 0, OPTION_FLAG, NULL,
     "spec.wait: Ready only when all objects are healthy (this command waits for nothing)", NULL},
    {"force", 0, OPTION_STRING, "RULE", "what to do when a field cannot be changed",
     "Never|Recreate"},
    {"kubeconfig-secret", 0, OPTION_STRING, "NAME", "apply to the cluster that this Secret names",
     NULL},
    {"directory", 0, OPTION_STRING, "DIR", "apply to this folder", NULL},
    {"layout", 0, OPTION_STRING, "LAYOUT", "how files are laid out in it", "Tree|OneFile|Pods"},
    {"key", 0, OPTION_LIST, "FILE", "public key that must have signed; may be repeated", NULL},
    {"prune", 0, OPTION_FLAG, NULL, "delete what is no longer in the artifact (default: true)",
     NULL},
    {"no-prune", 0, OPTION_FLAG, NULL, "the same as --prune=false", NULL},
    CREATE_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_sync = {
    .name = "create sync",
    .arguments = "NAME",
    .summary = "Create a Sync: a verified artifact that is applied and kept",
    .help = "In a cluster a Sync applies as a ServiceAccount of its namespace. "
            "--create-service-account makes it, and lets it do\n"
            "in the target namespace what --role says. A Sync with --directory needs none.\n"
            "Run it again to change the Sync: what is not said again goes back to its default, and "
            "a flag is taken back\n"
            "with =false.\n\n"
            "  sealift create sync shop --bundle shop --create-service-account --role edit "
            "--wait-healthy\n"
            "  sealift create sync shop --bundle shop --directory /srv/shop --key cosign.pub\n",
    .options = sync_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sync,
};
