// create bundle, and in a cluster the packager's right to read the Secrets of its namespace.
#include "api/store_kube.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <string.h>

static bool exists(struct kube_client *client, const char *plural, const char *namespace)
{
    const struct kube_ref ref = {.group = "rbac.authorization.k8s.io",
                                 .version = "v1",
                                 .plural = plural,
                                 .namespace_ = namespace,
                                 .name = "sealift-packager-secrets"};
    return kube_get(client, &ref, NULL, NULL) == 0;
}

// Whoever may write a Bundle need not be allowed to hand on rights: then an administrator does.
static int write_now(const struct cli *cli, struct kube_client *client,
                     const struct grant_account *packager, const json_t *grants, struct error *err)
{
    const char *namespace = workspace_namespace(cli);
    cleanup_error struct error cause = {0};
    if (grants_apply(cli, client, grants, &cause) == 0) {
        tell_made(cli, "ServiceAccount %s/%s may read the Secrets of namespace %s",
                  packager->namespace, packager->name, namespace);
        return 0;
    }
    if (cause.code != ERROR_DENIED)
        return error_move(err, &cause);
    tell_warning(cli,
                 "you may not let the packager read the Secrets of namespace %s (%s); ask an "
                 "administrator to: kubectl create rolebinding sealift-packager-secrets -n %s "
                 "--clusterrole=sealift-packager-secrets --serviceaccount=%s:%s",
                 namespace, error_message(&cause), namespace, packager->namespace, packager->name);
    return 0;
}

// For --export into `grants`; else it is written at once, where nothing like it is there.
static int let_packager_read(const struct cli *cli, json_t *grants, struct error *err)
{
    cleanup_grant_account struct grant_account packager = {0};
    cleanup_kube_client struct kube_client *client = NULL;
    cleanup_json json_t *missing = json_array();
    const char *namespace = workspace_namespace(cli);
    bool prints = cli_flag(cli, "export");
    if ((!prints && workspace_client(cli, &client, err) < 0) ||
        grant_account_find(cli, "packager", "packager", client, &packager, err) < 0)
        return -1;
    grant_add_packager(prints ? grants : missing, namespace, &packager);
    if (prints || exists(client, "clusterrolebindings", NULL) ||
        exists(client, "rolebindings", namespace))
        return 0;
    return write_now(cli, client, &packager, missing, err);
}

static int run_bundle(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "Bundle", true);
    create_set(cli, object, "spec.source.git.url", "url");
    create_set(cli, object, "spec.source.git.ref.branch", "branch");
    create_set(cli, object, "spec.source.git.ref.tag", "git-tag");
    create_set(cli, object, "spec.source.git.ref.semver", "semver");
    create_set(cli, object, "spec.source.git.ref.commit", "commit");
    if (jval_get(object, "spec.source.git.ref") == NULL)
        jval_set_string(object, "spec.source.git.ref.branch", "main");
    create_set(cli, object, "spec.source.git.secretRef.name", "git-secret");
    create_set(cli, object, "spec.source.git.history", "history");
    create_set(cli, object, "spec.path", "path");
    create_set(cli, object, "spec.interval", "interval");
    create_set(cli, object, "spec.artifact.repository", "repository");
    create_set(cli, object, "spec.artifact.secretRef.name", "registry-secret");
    create_set_list(cli, object, "spec.artifact.tags", "tag");
    create_set(cli, object, "spec.sign.secretRef.name", "key-secret");
    create_set_list(cli, object, "spec.exportTo", "export-to");
    cleanup_json json_t *grants = json_array();
    if (create_in_cluster(cli) && let_packager_read(cli, grants, err) < 0)
        return -1;
    return create_finish(cli, object, grants, err);
}

static const struct option_spec bundle_options[] = {
    {"url", 0, OPTION_STRING, "URL", "Git repository: https, http, ssh or file", NULL},
    {"branch", 0, OPTION_STRING, "NAME", "branch to follow (default: main)", NULL},
    {"git-tag", 0, OPTION_STRING, "NAME", "or a tag", NULL},
    {"semver", 0, OPTION_STRING, "RANGE", "or the newest tag in a range", NULL},
    {"commit", 0, OPTION_STRING, "COMMIT", "or one commit", NULL},
    {"git-secret", 0, OPTION_STRING, "NAME", "Secret with credentials for Git", NULL},
    {"history", 0, OPTION_STRING, "RULE", "what may happen to the branch", "FastForward|Any"},
    {"path", 0, OPTION_STRING, "PATH", "folder of the manifests (default: the root)", NULL},
    {"interval", 0, OPTION_DURATION, "DURATION", "poll this often (default: 10m)", NULL},
    {"repository", 0, OPTION_STRING, "REF", "where the artifact goes: oci://… or oci-layout:///…",
     NULL},
    {"registry-secret", 0, OPTION_STRING, "NAME", "Secret with the registry's login", NULL},
    {"tag", 0, OPTION_LIST, "NAME", "moving tag, a channel; may be repeated", NULL},
    {"key-secret", 0, OPTION_STRING, "NAME", "Secret with cosign.key and cosign.password", NULL},
    {"export-to", 0, OPTION_LIST, "NAMESPACE", "whose Syncs may follow this Bundle", NULL},
    {"packager", 0, OPTION_STRING, "NAMESPACE/NAME",
     "account that may read the Secrets (default: sealift-packager where it is installed)", NULL},
    CREATE_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_bundle = {
    .name = "create bundle",
    .arguments = "NAME",
    .summary = "Create a Bundle: a Git path that becomes a signed artifact",
    .help =
        "In a cluster the packager may read the Secrets of this namespace afterwards, if it may "
        "not yet.\n\n"
        "  sealift create bundle shop --url https://git.example.com/acme/config.git --path "
        "apps/shop/prod \\\n"
        "    --repository oci://registry.example.com/acme/shop --tag prod --key-secret "
        "packager-key\n",
    .options = bundle_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_bundle,
};
