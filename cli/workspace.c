#include "cli/workspace.h"

#include "api/store_files.h"
#include "api/store_kube.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "cli/absent.h"
#include "cli/installation.h"
#include "cli/kubeconfig.h"
#include "cli/tell.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES_BYTES = 400 };

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

bool workspace_on_files(const struct cli *cli)
{
    if (names_files(cli) || kubeconfig_is_named(cli) || cli->is_plugin)
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
    if (kubeconfig_is_named(cli))
        return error_set(err, ERROR_INVALID,
                         "--config and --state name files, --kubeconfig and --context a cluster: "
                         "the objects are in one of them");
    if (options.config_dir != NULL && options.state_dir == NULL)
        return error_set(err, ERROR_INVALID,
                         "--config %s needs --state DIR beside it (or $SEALIFT_STATE): the folder "
                         "where `sealift serve` keeps status",
                         options.config_dir);
    if (options.config_dir == NULL || options.state_dir == NULL)
        return error_set(
            err, ERROR_INVALID,
            "where are the objects? name the folders with --config DIR and --state DIR, or set "
            "SEALIFT_CONFIG and SEALIFT_STATE");
    return store_files_open(&options, ret_store, err);
}

// "serve" is told where it runs, and what keeps nothing there need not know.
static bool needs_system(const struct cli *cli)
{
    return command_option(cli->command, "system-namespace", 16, 0) != NULL &&
           strcmp(cli->command->name, "serve") != 0;
}

static int open_cluster(const struct cli *cli, struct store **ret_store, struct error *err)
{
    cleanup_kube_config struct kube_config config = {0};
    cleanup_error struct error cause = {0};
    if (kubeconfig_load(cli, &config, &cause) < 0) {
        if (cause.code == ERROR_NOT_FOUND && !kubeconfig_is_named(cli))
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
        .own_namespace = needs_system(cli)
                             ? workspace_system_namespace(cli)
                             : cli_string_or(cli, "system-namespace", SYSTEM_NAMESPACE),
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
    return !workspace_on_files(cli) && kubeconfig_load(cli, &config, NULL) == 0;
}

int workspace_client(const struct cli *cli, struct kube_client **ret_client, struct error *err)
{
    cleanup_kube_config struct kube_config config = {0};
    if (names_files(cli))
        return error_set(err, ERROR_INVALID,
                         "sealift %s works on a cluster: name it with --kubeconfig or --context, "
                         "not --config and --state",
                         cli->command->name);
    if (kubeconfig_load(cli, &config, err) < 0)
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
    if (cli->found->namespace == NULL) {
        cleanup_kube_config struct kube_config config = {0};
        bool known = kubeconfig_load(cli, &config, NULL) == 0 && config.namespace_ != NULL;
        cli->found->namespace = xstrdup(known ? config.namespace_ : NAMESPACE_DEFAULT);
    }
    return cli->found->namespace;
}

const char *workspace_system_namespace(const struct cli *cli)
{
    const char *named = flag_or_environment(cli, "system-namespace", "SEALIFT_SYSTEM_NAMESPACE");
    struct kube_client *client = NULL;
    if (named != NULL)
        return named;
    if (cli->found->system != NULL)
        return cli->found->system;
    if (workspace_names_cluster(cli) && workspace_client(cli, &client, NULL) == 0)
        cli->found->system = installation_find(client);
    kube_client_free(client);
    if (cli->found->system == NULL || *cli->found->system == '\0') {
        free(cli->found->system);
        cli->found->system = xstrdup(SYSTEM_NAMESPACE);
    }
    return cli->found->system;
}

const char *workspace_namespaces(const struct cli *cli)
{
    if (cli_flag(cli, "all-namespaces"))
        return NULL;
    return workspace_on_files(cli) ? cli_string(cli, "namespace") : workspace_namespace(cli);
}

// `alone`: nothing else was named, so it may be an object's name.
static int unknown_kind(const char *text, size_t length, bool alone, struct error *err)
{
    cleanup_strbuf struct strbuf known;
    cleanup_free char *word = xstrndup(text, length);
    struct nearest nearest = {.wanted = word};
    strbuf_init(&known, 1024);
    for (size_t i = 0; kind_at(i) != NULL; i++) {
        nearest_offer(&nearest, kind_at(i)->plural);
        nearest_offer(&nearest, kind_at(i)->name);
        strbuf_addf(&known, "%s%s", i > 0 ? ", " : "", kind_at(i)->plural);
    }
    if (alone && nearest.best == NULL)
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is no kind; an object is named KIND/NAME, like sync/%s; the kinds "
                         "are %s",
                         word, word, known.data);
    return error_set(err, ERROR_INVALID, "\"%s\" is no kind%s%s%s; the kinds are %s", word,
                     nearest.best != NULL ? " (did you mean " : "",
                     nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "",
                     known.data);
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
    if (kind == NULL) {
        bool alone = slash == NULL && cli_argument(cli, index + 1) == NULL;
        return unknown_kind(first, length, alone, err);
    }
    *ret_kind = kind;
    *ret_name = slash != NULL ? slash + 1 : cli_argument(cli, index + 1);
    return 0;
}

// Of the objects of a kind that are not being deleted, in one namespace or (NULL) in all: their
// names, or of those that have this name their namespaces; each behind `mark`. "" when there are
// none, or when this account may not look. Owned.
static char *list_text(struct store *store, const struct kind *kind, const char *namespace,
                       const char *named, const char *mark)
{
    cleanup_json json_t *all = NULL;
    struct strbuf text;
    strbuf_init(&text, MAX_NAMES_BYTES);
    size_t index;
    json_t *object;
    if (store_list(store, kind->name, namespace, &all, NULL) == 0) {
        json_array_foreach (all, index, object) {
            const char *name = object_name(object);
            if (!object_is_deleting(object) && (named == NULL || strcmp(name, named) == 0))
                strbuf_addf(&text, "%s%s%s", text.len > 0 ? ", " : "", mark,
                            named == NULL ? name : object_namespace(object));
        }
    }
    return strbuf_steal(&text);
}

// "there is shop, web", of one kind in one namespace; "" when there is none. Owned.
static char *names_in(struct store *store, const struct kind *kind, const char *namespace)
{
    cleanup_free char *names =
        list_text(store, kind, kind->namespaced ? namespace : NULL, NULL, "");
    return *names != '\0' ? xasprintf("there is %s", names) : xstrdup("");
}

// Other namespaces with an object of this name, as "-n blog, -n docs"; "" when there is none.
// Owned.
static char *namespaces_with(struct store *store, const struct kind *kind, const char *name)
{
    return kind->namespaced && kind->has_status ? list_text(store, kind, NULL, name, "-n ")
                                                : xstrdup("");
}

// "there is no namespace shpo …" where a cluster has none; NULL when it has, or on files. Owned.
static char *absent_namespace(const struct cli *cli, struct store *store, const char *namespace)
{
    cleanup_json json_t *object = NULL;
    cleanup_error struct error cause = {0};
    if (workspace_on_files(cli) ||
        store_get(store, "Namespace", NULL, namespace, &object, &cause) == 0 ||
        cause.code != ERROR_NOT_FOUND)
        return NULL;
    cleanup_free char *like = absent_near(store, "Namespace", NULL, namespace);
    return xasprintf("there is no namespace %s%s", namespace, like);
}

void workspace_tell_nothing(const struct cli *cli, struct store *store)
{
    const char *namespace = workspace_namespaces(cli);
    if (namespace == NULL || workspace_on_files(cli))
        return;
    cleanup_free char *absent = absent_namespace(cli, store, namespace);
    if (absent != NULL)
        tell_warning(cli, "%s; name another with -n, or look in all with -A", absent);
    else
        tell_warning(cli, "there is nothing in namespace %s; -A looks in all", namespace);
}

static int say_what_there_is(const struct cli *cli, struct store *store, const struct kind *kind,
                             const char *namespace, const char *name, struct error *err)
{
    cleanup_free char *places = namespaces_with(store, kind, name);
    cleanup_free char *names = names_in(store, kind, namespace);
    cleanup_free char *who = xasprintf("%s %s%s%s", kind->name, namespace != NULL ? namespace : "",
                                       namespace != NULL ? "/" : "", name);
    if (*places != '\0')
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no %s, but one of that name elsewhere: say %s", who, places);
    if (*names != '\0')
        return error_set(err, ERROR_NOT_FOUND, "there is no %s; %s", who, names);
    cleanup_free char *absent = namespace != NULL ? absent_namespace(cli, store, namespace) : NULL;
    if (absent != NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s, and so no %s %s; name another with -n", absent,
                         kind->name, name);
    return error_set(err, ERROR_NOT_FOUND, "there is no %s; %s", who,
                     kind->namespaced ? "there is none in this namespace; name another with -n"
                                      : "there is none at all");
}

int workspace_no_name(const struct cli *cli, const struct kind *kind, const char *name,
                      struct error *err)
{
    if (!cli_flag(cli, "all-namespaces"))
        return 0;
    return error_set(err, ERROR_INVALID,
                     kind->namespaced
                         ? "-A and a name do not go together: sealift %s %s %s -n NAMESPACE is one "
                           "object, sealift %s %s%s -A all of them"
                         : "-A and a name do not go together: sealift %s %s %s is one object, "
                           "sealift %s %s%s all of them",
                     cli->command->name, kind->plural, name, cli->command->name, kind->plural,
                     command_option(cli->command, "all", 3, 0) != NULL ? " --all" : "");
}

int workspace_get(const struct cli *cli, struct store *store, const char *kind_name,
                  const char *name, json_t **ret_object, struct error *err)
{
    const struct kind *kind = kind_find(kind_name);
    const char *namespace = kind->namespaced ? workspace_namespace(cli) : NULL;
    cleanup_error struct error cause = {0};
    if (store_get(store, kind->name, namespace, name, ret_object, &cause) == 0)
        return 0;
    bool absent = cause.code == ERROR_NOT_FOUND &&
                  strstr(error_message(&cause), "does not know the kind ") == NULL;
    return absent ? say_what_there_is(cli, store, kind, namespace, name, err)
                  : error_move(err, &cause);
}

int workspace_find(const struct cli *cli, struct store *store, size_t index, json_t **ret_object,
                   struct error *err)
{
    const struct kind *kind = NULL;
    const char *name = NULL;
    if (workspace_parse(cli, index, &kind, &name, err) < 0)
        return -1;
    if (name == NULL || *name == '\0')
        return error_set(err, ERROR_INVALID, "which %s? name it, like sealift %s %s NAME",
                         kind->name, cli->command->name, kind->plural);
    return workspace_no_name(cli, kind, name, err) < 0
               ? -1
               : workspace_get(cli, store, kind->name, name, ret_object, err);
}

const char *workspace_who_works(const struct cli *cli)
{
    return workspace_on_files(cli) ? "is `sealift serve` running on this state?"
                                   : "do the roles run? kubectl get pods -A -l "
                                     "app.kubernetes.io/name=sealift";
}
