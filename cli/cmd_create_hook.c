// create hook: its token, and in a cluster the receiver's right to read it.
#include "api/condition.h"
#include "api/kind.h"
#include "api/object.h"
#include "api/store_kube.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "cli/absent.h"
#include "cli/clean.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

// 32 random bytes as hex.
static char *new_token(void)
{
    unsigned char bytes[32];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    char *token = hex_encode(bytes, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    return token;
}

static int add_resources(const struct cli *cli, json_t *object, struct error *err)
{
    cleanup_vec struct vec values = VEC_OF(const char *, NULL);
    cli_list(cli, "resource", &values);
    json_t *resources = json_array();
    jval_set(object, "spec.resources", resources);
    vec_foreach (const char *, value, &values) {
        const char *slash = strchr(*value, '/');
        cleanup_free char *word = xstrndup(*value, slash != NULL ? (size_t)(slash - *value) : 0);
        const struct kind *kind = slash != NULL ? kind_find(word) : NULL;
        if (kind == NULL)
            return error_set(err, ERROR_INVALID,
                             "--resource is KIND/NAME, like bundle/shop, not \"%s\"", *value);
        json_t *resource = json_object();
        jval_set_string(resource, "kind", kind->name);
        jval_set_string(resource, "name", slash + 1);
        json_array_append_new(resources, resource);
    }
    return 0;
}

// The label tells `sealift delete hook` that it may go with the Hook.
static void dress_secret(json_t *secret, const char *name, const char *token)
{
    json_t *labels = json_object();
    json_object_set_new(labels, GRANT_LABEL, json_string(GRANT_MANAGER));
    jval_set_string(secret, "metadata.name", name);
    jval_set(secret, "metadata.labels", labels);
    jval_set_string(secret, "stringData.token", token);
}

// The Secret for --export: whoever applies it has the token that is printed.
static void add_token(const struct cli *cli, const char *name, json_t *grants)
{
    cleanup_secret char *token = new_token();
    json_t *secret = create_object(cli, "Secret", true);
    dress_secret(secret, name, token);
    json_array_append_new(grants, secret);
    tell_warning(cli, "the Secret %s is printed with a new token: do not commit it to Git as it is",
                 name);
}

// To make a Hook takes more than to read this one Secret, which the sentence says how to allow.
static int refuse_token(struct error *cause, struct error *err)
{
    const char *said = error_message(cause);
    const char *recipe = strstr(said, "; allow it: ");
    size_t size = recipe != NULL ? (size_t)(recipe - said) : strlen(said);
    return error_set(err, cause->code, "%.*s", (int)size, said);
}

static int write_token(const struct cli *cli, const char *name, struct error *err)
{
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    cleanup_secret_data struct secret_data *existing = NULL;
    cleanup_error struct error cause = {0};
    if (store_secret(store, workspace_namespace(cli), name, &existing, &cause) == 0)
        return 0;
    // One that may not be read must not be replaced.
    if (cause.code != ERROR_NOT_FOUND)
        return refuse_token(&cause, err);
    cleanup_secret char *token = new_token();
    cleanup_json json_t *secret = create_object(cli, "Secret", true);
    dress_secret(secret, name, token);
    if (store_apply(store, secret, err) < 0)
        return -1;
    tell_made(cli, "Secret %s/%s has a new token: give it to the sender as its webhook secret",
              workspace_namespace(cli), name);
    return 0;
}

// The Hook that is there: what no option says stays as it is. Owned, or NULL.
static json_t *find_live(const struct cli *cli)
{
    cleanup_store struct store *store = NULL;
    json_t *hook = NULL;
    if (cli_flag(cli, "export") || workspace_open(cli, WORKSPACE_READ, &store, NULL) < 0 ||
        store_get(store, "Hook", workspace_namespace(cli), cli_argument(cli, 0), &hook, NULL) < 0)
        return NULL;
    return hook;
}

static int fill(const struct cli *cli, json_t *object, const json_t *live, struct error *err)
{
    static const char *const kept[] = {"resources", "selector", "events"};
    const char *provider = object_spec_string(live, "provider");
    jval_set_string(object, "spec.provider",
                    cli_string_or(cli, "provider", provider != NULL ? provider : "github"));
    if (add_resources(cli, object, err) < 0)
        return -1;
    cleanup_json json_t *written = live != NULL ? clean_object(live) : NULL;
    bool told = json_array_size(jval_array(object, "spec.resources")) > 0;
    for (size_t i = 0; i < ARRAY_LENGTH(kept); i++) {
        const json_t *value = object_spec(written, kept[i]);
        if (value != NULL && (i > 0 || !told))
            json_object_set_new(json_object_get(object, "spec"), kept[i], json_deep_copy(value));
    }
    return 0;
}

// What the receiver said of the Hook that is there: it takes deliveries, with this Secret.
static bool listens_already(const json_t *live, const char *secret_name)
{
    const char *name = object_spec_string(live, "secretRef.name");
    return name != NULL && strcmp(name, secret_name) == 0 &&
           condition_state(live, "Ready") == CONDITION_TRUE;
}

// In a cluster the receiver may read the Secrets of Hooks only, each by a Role of its own. *ret_ask
// (owned) is what to say when somebody else has to grant it.
static int let_receiver_read(const struct cli *cli, const json_t *live, const char *secret_name,
                             json_t *grants, char **ret_ask, struct error *err)
{
    cleanup_grant_account struct grant_account receiver = {0};
    cleanup_kube_client struct kube_client *client = NULL;
    if (!create_in_cluster(cli))
        return 0;
    if ((!cli_flag(cli, "export") && workspace_client(cli, &client, err) < 0) ||
        grant_account_find(cli, "receiver", "receiver", client, &receiver, err) < 0)
        return -1;
    grant_add_hook(grants, workspace_namespace(cli), cli_argument(cli, 0), secret_name, &receiver);
    if (cli_flag(cli, "export"))
        return 0;
    cleanup_json json_t *now = json_copy(grants);
    json_array_clear(grants);
    cleanup_free char *ask = NULL;
    if (grants_apply(cli, client, now, &ask, err) < 0)
        return error_wrap(err, "let the receiver read Secret %s/%s", workspace_namespace(cli),
                          secret_name);
    if (ask == NULL)
        tell_made(cli, "ServiceAccount %s/%s may read Secret %s/%s", receiver.namespace,
                  receiver.name, workspace_namespace(cli), secret_name);
    else if (!listens_already(live, secret_name))
        *ret_ask = STEAL(ask);
    return 0;
}

static int warn_of_absent(const struct cli *cli, const json_t *object, struct error *err)
{
    cleanup_store struct store *store = NULL;
    size_t index;
    json_t *resource;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    json_array_foreach (jval_array(object_spec(object, ""), "resources"), index, resource)
        absent_warn(cli, store, jval_string_or(resource, "kind", ""), object_namespace(object),
                    jval_string(resource, "name"), "deliveries wake nothing until there is");
    return 0;
}

static int run_hook(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "Hook", true);
    cleanup_json json_t *grants = json_array();
    cleanup_json json_t *live = find_live(cli);
    const char *secret_name =
        cli_string_or(cli, "secret", object_spec_string(live, "secretRef.name"));
    cleanup_free char *default_name = xasprintf("%s-token", cli_argument(cli, 0));
    cleanup_free char *ask = NULL;
    bool prints = cli_flag(cli, "export");
    if (secret_name == NULL)
        secret_name = default_name;
    jval_set_string(object, "spec.secretRef.name", secret_name);
    if (fill(cli, object, live, err) < 0 || create_check(cli, object, err) < 0 ||
        (!prints && write_token(cli, secret_name, err) < 0) ||
        let_receiver_read(cli, live, secret_name, grants, &ask, err) < 0)
        return -1;
    if (prints && cli_string(cli, "secret") == NULL)
        add_token(cli, secret_name, grants);
    if (create_finish(cli, object, grants, err) < 0 ||
        (!prints && warn_of_absent(cli, object, err) < 0))
        return -1;
    if (ask != NULL)
        tell_warning(cli,
                     "the Hook takes no deliveries until the receiver may read Secret %s/%s: %s",
                     workspace_namespace(cli), secret_name, ask);
    else if (!prints)
        tell_step(cli, "its address: sealift get hook %s --show-path", cli_argument(cli, 0));
    return 0;
}

static const struct option_spec hook_options[] = {
    {"provider", 0, OPTION_STRING, "NAME", "who sends", "github|sealift"},
    {"secret", 0, OPTION_STRING, "NAME",
     "Secret with the key token (default: NAME-token, made if absent)", NULL},
    {"receiver", 0, OPTION_STRING, "NAMESPACE/NAME",
     "account that may read the Secret (default: sealift-receiver where it is installed)", NULL},
    {"resource", 0, OPTION_LIST, "KIND/NAME", "what a delivery wakes; may be repeated", NULL},
    CREATE_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_hook = {
    .name = "create hook",
    .arguments = "NAME",
    .summary = "Create a Hook: one webhook address, and its token",
    .help = "In a cluster it also writes the Role by which the receiver's ServiceAccount may read "
            "the Secret.\nOf a Hook that is there already, what no option says stays as it is.\n\n"
            "  sealift create hook github --resource bundle/shop\n",
    .options = hook_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_hook,
};
