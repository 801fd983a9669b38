#include "cli/workspace.h"

#include "api/store_files.h"
#include "api/store_kube.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static const char *flag_or_environment(const struct cli *cli, const char *flag,
                                       const char *variable)
{
    const char *value = cli_string(cli, flag);
    if (value == NULL)
        value = getenv(variable);
    return value != NULL && *value != '\0' ? value : NULL;
}

static bool names_files(const struct cli *cli)
{
    return cli_string(cli, "config") != NULL || cli_string(cli, "state") != NULL;
}

static bool names_cluster(const struct cli *cli)
{
    static const char *const options[] = {"kubeconfig", "context", "cluster", "user", "server"};
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if (cli_common(cli, options[i]) != NULL)
            return true;
    }
    return false;
}

bool workspace_on_files(const struct cli *cli)
{
    if (names_files(cli) || names_cluster(cli) || cli->is_plugin)
        return names_files(cli);
    return flag_or_environment(cli, "config", "SEALIFT_CONFIG") != NULL ||
           flag_or_environment(cli, "state", "SEALIFT_STATE") != NULL;
}

static int open_files(const struct cli *cli, enum workspace_mode mode, struct store **ret_store,
                      struct error *err)
{
    const struct store_files_options options = {
        .config_dir = flag_or_environment(cli, "config", "SEALIFT_CONFIG"),
        .state_dir = flag_or_environment(cli, "state", "SEALIFT_STATE"),
        .clock = clock_system(),
        .read_only = mode == WORKSPACE_READ,
    };
    if (names_cluster(cli))
        return error_set(err, ERROR_INVALID,
                         "--config and --state name files, --kubeconfig and --context a cluster: "
                         "the objects are in one of them");
    if (options.config_dir == NULL || options.state_dir == NULL)
        return error_set(
            err, ERROR_INVALID,
            "where are the objects? name the folders with --config DIR and --state DIR, or set "
            "SEALIFT_CONFIG and SEALIFT_STATE");
    return store_files_open(&options, ret_store, err);
}

// Instead of all that the kubeconfig's user has.
static void use_token(struct kube_config *config, const char *token)
{
    struct kube_config plain = {.server = STEAL(config->server),
                                .namespace_ = STEAL(config->namespace_),
                                .ca_pem = STEAL(config->ca_pem),
                                .ca_file = STEAL(config->ca_file),
                                .tls_server_name = STEAL(config->tls_server_name),
                                .insecure_skip_tls_verify = config->insecure_skip_tls_verify,
                                .proxy_url = STEAL(config->proxy_url),
                                .token = xstrdup(token),
                                .as_groups = VEC_OF(char *, vec_release_string)};
    kube_config_release(config);
    *config = plain;
}

static int act_as(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const char *user = cli_common(cli, "as");
    cleanup_vec struct vec groups = VEC_OF(const char *, NULL);
    cli_list(cli, "as-group", &groups);
    if (user == NULL)
        return groups.len == 0 ? 0
                               : error_set(err, ERROR_INVALID, "--as-group needs --as USER, too");
    free(config->as_user);
    config->as_user = xstrdup(user);
    vec_free(&config->as_groups);
    config->as_groups = VEC_OF(char *, vec_release_string);
    vec_foreach (const char *, group, &groups)
        vec_push_string(&config->as_groups, *group);
    return 0;
}

static int load_kubeconfig(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const struct kube_config_choice choice = {.kubeconfig = cli_string(cli, "kubeconfig"),
                                              .context = cli_string(cli, "context"),
                                              .cluster = cli_common(cli, "cluster"),
                                              .user = cli_common(cli, "user"),
                                              .server = cli_common(cli, "server"),
                                              .namespace_ = cli_string(cli, "namespace")};
    if (kube_config_load(&choice, config, err) < 0)
        return -1;
    if (cli_common(cli, "token") != NULL)
        use_token(config, cli_common(cli, "token"));
    return act_as(cli, config, err);
}

static int open_cluster(const struct cli *cli, struct store **ret_store, struct error *err)
{
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error cause = {0};
    if (load_kubeconfig(cli, &config, &cause) < 0) {
        if (cause.code == ERROR_NOT_FOUND && !names_cluster(cli))
            return error_set(err, ERROR_INVALID,
                             "where are the objects? name the folders with --config DIR and "
                             "--state DIR, or set SEALIFT_CONFIG and SEALIFT_STATE; there is no "
                             "cluster either: %s",
                             error_message(&cause));
        return error_move(err, &cause);
    }
    const char *roles = cli_string(cli, "roles");
    const struct store_kube_options options = {
        .config = &config,
        .own_namespace = cli_string_or(cli, "system-namespace", SYSTEM_NAMESPACE),
        .role = roles != NULL && strchr(roles, ',') == NULL ? roles : NULL};
    return store_kube_open(&options, ret_store, err);
}

int workspace_open(const struct cli *cli, enum workspace_mode mode, struct store **ret_store,
                   struct error *err)
{
    return workspace_on_files(cli) ? open_files(cli, mode, ret_store, err)
                                   : open_cluster(cli, ret_store, err);
}

bool workspace_names_cluster(const struct cli *cli)
{
    cleanup_kube_config struct kube_config config = {0};
    return !workspace_on_files(cli) && load_kubeconfig(cli, &config, NULL) == 0;
}

int workspace_client(const struct cli *cli, struct kube_client **ret_client, struct error *err)
{
    cleanup_kube_config struct kube_config config = {0};
    if (names_files(cli))
        return error_set(err, ERROR_INVALID,
                         "sealift %s works on a cluster: name it with --kubeconfig or --context, "
                         "not --config and --state",
                         cli->command->name);
    if (load_kubeconfig(cli, &config, err) < 0)
        return -1;
    return kube_client_new(&config, NULL, ret_client, err);
}

void cleanup_store_pointer(struct store **store)
{
    store_free(*store);
}

const char *workspace_namespace(const struct cli *cli)
{
    const char *named = cli_string(cli, "namespace");
    if (named != NULL || workspace_on_files(cli))
        return named != NULL ? named : NAMESPACE_DEFAULT;
    if (*cli->context_namespace == NULL) {
        cleanup_kube_config struct kube_config config = {0};
        bool known = load_kubeconfig(cli, &config, NULL) == 0 && config.namespace_ != NULL;
        *cli->context_namespace = xstrdup(known ? config.namespace_ : NAMESPACE_DEFAULT);
    }
    return *cli->context_namespace;
}

const char *workspace_namespaces(const struct cli *cli)
{
    if (cli_flag(cli, "all-namespaces"))
        return NULL;
    return workspace_on_files(cli) ? cli_string(cli, "namespace") : workspace_namespace(cli);
}

static int unknown_kind(const char *text, size_t length, struct error *err)
{
    struct strbuf known;
    strbuf_init(&known, 1024);
    for (size_t i = 0; kind_at(i) != NULL; i++)
        strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", kind_at(i)->plural);
    error_set(err, ERROR_INVALID, "\"%.*s\" is no kind; the kinds are %s", (int)length, text,
              known.data);
    strbuf_release(&known);
    return -1;
}

int workspace_parse(const struct cli *cli, size_t index, const struct kind **ret_kind,
                    const char **ret_name, struct error *err)
{
    const char *first = cli_argument(cli, index);
    const char *slash = first != NULL ? strchr(first, '/') : NULL;
    if (first == NULL)
        return error_set(err, ERROR_INVALID, "name a kind and an object, like bundle shop");
    size_t length = slash != NULL ? (size_t)(slash - first) : strlen(first);
    // "bundle.sealift.dev/shop" is what -o name prints.
    size_t short_length = strcspn(first, "./");
    cleanup_free char *word = xstrndup(first, short_length < length ? short_length : length);
    const struct kind *kind = kind_find(word);
    if (kind == NULL)
        return unknown_kind(first, length, err);
    *ret_kind = kind;
    *ret_name = slash != NULL ? slash + 1 : cli_argument(cli, index + 1);
    return 0;
}

static int say_what_there_is(struct store *store, const struct kind *kind, const char *namespace,
                             const char *name, struct error *err)
{
    cleanup_json json_t *all = NULL;
    struct strbuf names;
    strbuf_init(&names, 400);
    size_t index;
    json_t *object;
    if (store_list(store, kind->name, kind->namespaced ? namespace : NULL, &all, NULL) == 0) {
        json_array_foreach (all, index, object) {
            strbuf_addf(&names, "%s%s", index > 0 ? ", " : "", object_name(object));
        }
    }
    const char *found = names.len > 0      ? "there is "
                        : kind->namespaced ? "there is none in this namespace; name another with -n"
                                           : "there is none at all";
    error_set(err, ERROR_NOT_FOUND, "there is no %s %s%s%s; %s%s", kind->name,
              kind->namespaced ? namespace : "", kind->namespaced ? "/" : "", name, found,
              names.data);
    strbuf_release(&names);
    return -1;
}

int workspace_find(const struct cli *cli, struct store *store, size_t index, json_t **ret_object,
                   struct error *err)
{
    const struct kind *kind = NULL;
    const char *name = NULL;
    if (workspace_parse(cli, index, &kind, &name, err) < 0)
        return -1;
    if (name == NULL || *name == '\0')
        return error_set(err, ERROR_INVALID, "which %s? name it, like %s shop", kind->name,
                         kind->plural);
    const char *namespace = workspace_namespace(cli);
    if (store_get(store, kind->name, kind->namespaced ? namespace : NULL, name, ret_object, err) ==
        0)
        return 0;
    if (err->code == ERROR_NOT_FOUND)
        return say_what_there_is(store, kind, namespace, name, err);
    return -1;
}

const char *workspace_who_works(const struct cli *cli)
{
    return workspace_on_files(cli) ? "is `sealift serve` running on this state?"
                                   : "do the roles run? kubectl get pods -A -l "
                                     "app.kubernetes.io/name=sealift";
}
