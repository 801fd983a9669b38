// create bundle|sync|hook|policy|secret: flags to an object, checked by the same table as every
// other object, written to --config or the cluster, or printed with --export.
#include "api/kind.h"
#include "api/store_kube.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/grant.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20 };

static json_t *new_object(const struct cli *cli, const char *kind, bool namespaced)
{
    json_t *object = json_object();
    jval_set_string(object, "apiVersion", strcmp(kind, "Secret") == 0 ? "v1" : API_VERSION);
    jval_set_string(object, "kind", kind);
    jval_set_string(object, "metadata.name", cli_argument(cli, 0));
    if (namespaced)
        jval_set_string(object, "metadata.namespace", workspace_namespace(cli));
    return object;
}

// Sets `path` from --option when it was given.
static void set_from(const struct cli *cli, json_t *object, const char *path, const char *option)
{
    if (cli_string(cli, option) != NULL)
        jval_set_string(object, path, cli_string(cli, option));
}

static void set_list_from(const struct cli *cli, json_t *object, const char *path,
                          const char *option)
{
    cleanup_vec struct vec values = VEC_OF(const char *, NULL);
    cli_list(cli, option, &values);
    if (values.len == 0)
        return;
    json_t *list = json_array();
    vec_foreach (const char *, value, &values)
        json_array_append_new(list, json_string(*value));
    jval_set(object, path, list);
}

static int find_object(struct store *store, const json_t *like, json_t **ret_object,
                       struct error *err)
{
    return store_get(store, object_kind(like), object_namespace(like), object_name(like),
                     ret_object, err);
}

// Says what came of it in kubectl's words.
static int write_object(const struct cli *cli, struct store *store, const json_t *object,
                        struct error *err)
{
    cleanup_json json_t *before = NULL;
    cleanup_json json_t *after = NULL;
    bool existed = find_object(store, object, &before, NULL) == 0;
    if (store_apply(store, object, err) < 0 || find_object(store, object, &after, err) < 0)
        return -1;
    const char *version = jval_string_or(before, "metadata.resourceVersion", "");
    bool same = strcmp(version, jval_string_or(after, "metadata.resourceVersion", "")) == 0;
    cleanup_free char *name = print_name(object);
    tell_done(cli, "%s is %s", name, !existed ? "created" : same ? "unchanged" : "configured");
    return print_result(cli, after, err);
}

static int finish(const struct cli *cli, json_t *object, struct error *err)
{
    if (api_check(object, err) < 0)
        return -1;
    if (cli_flag(cli, "export"))
        return print_value(object, "yaml", err);
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    return write_object(cli, store, object, err);
}

static int run_bundle(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = new_object(cli, "Bundle", true);
    set_from(cli, object, "spec.source.git.url", "url");
    set_from(cli, object, "spec.source.git.ref.branch", "branch");
    set_from(cli, object, "spec.source.git.ref.tag", "git-tag");
    set_from(cli, object, "spec.source.git.ref.semver", "semver");
    set_from(cli, object, "spec.source.git.ref.commit", "commit");
    if (jval_get(object, "spec.source.git.ref") == NULL)
        jval_set_string(object, "spec.source.git.ref.branch", "main");
    set_from(cli, object, "spec.source.git.secretRef.name", "git-secret");
    set_from(cli, object, "spec.source.git.history", "history");
    set_from(cli, object, "spec.path", "path");
    set_from(cli, object, "spec.interval", "interval");
    set_from(cli, object, "spec.artifact.repository", "repository");
    set_from(cli, object, "spec.artifact.secretRef.name", "registry-secret");
    set_list_from(cli, object, "spec.artifact.tags", "tag");
    set_from(cli, object, "spec.sign.secretRef.name", "key-secret");
    set_list_from(cli, object, "spec.exportTo", "export-to");
    return finish(cli, object, err);
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
    {"export", 0, OPTION_FLAG, NULL, "print the object instead of writing it", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_bundle = {
    .name = "create bundle",
    .arguments = "NAME",
    .summary = "Create a Bundle: a Git path that becomes a signed artifact",
    .help = "  sealift create bundle shop --url https://git.example.com/acme/config.git --path "
            "apps/shop/prod \\\n"
            "    --repository oci://registry.example.com/acme/shop --tag prod --key-secret "
            "packager-key\n",
    .options = bundle_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_bundle,
};

// A key file becomes {name: its file name, pem: its text}.
static int add_keys(const struct cli *cli, json_t *object, const char *path, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "key", &files);
    if (files.len == 0)
        return 0;
    json_t *keys = json_array();
    jval_set(object, path, keys);
    vec_foreach (const char *, file, &files) {
        cleanup_free char *pem = NULL;
        if (file_read(*file, MAX_FILE_BYTES, &pem, NULL, err) < 0)
            return error_wrap(err, "--key");
        const char *slash = strrchr(*file, '/');
        cleanup_free char *name = xstrdup(slash != NULL ? slash + 1 : *file);
        name[strcspn(name, ".")] = '\0';
        json_t *key = json_object();
        jval_set_string(key, "name", *name != '\0' ? name : "key");
        jval_set_string(key, "pem", pem);
        json_array_append_new(keys, key);
    }
    return 0;
}

static int run_sync(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = new_object(cli, "Sync", true);
    set_from(cli, object, "spec.bundleRef.name", "bundle");
    set_from(cli, object, "spec.artifact.repository", "repository");
    set_from(cli, object, "spec.artifact.tag", "tag");
    set_from(cli, object, "spec.artifact.semver", "semver");
    set_from(cli, object, "spec.artifact.digest", "digest");
    set_from(cli, object, "spec.artifact.channel", "channel");
    set_from(cli, object, "spec.artifact.secretRef.name", "registry-secret");
    set_from(cli, object, "spec.path", "path");
    set_from(cli, object, "spec.interval", "interval");
    set_from(cli, object, "spec.drift", "drift");
    set_from(cli, object, "spec.target.directory.path", "directory");
    set_from(cli, object, "spec.target.directory.layout", "layout");
    jval_set_bool(object, "spec.prune", !cli_flag(cli, "no-prune"));
    if (add_keys(cli, object, "spec.verify.keys", err) < 0)
        return -1;
    return finish(cli, object, err);
}

static const struct option_spec sync_options[] = {
    {"bundle", 0, OPTION_STRING, "NAME", "follow this Bundle; or name an artifact:", NULL},
    {"repository", 0, OPTION_STRING, "REF", "oci://… or oci-layout:///…", NULL},
    {"tag", 0, OPTION_STRING, "NAME", "with this tag", NULL},
    {"semver", 0, OPTION_STRING, "RANGE", "or the newest version in a range", NULL},
    {"digest", 0, OPTION_STRING, "DIGEST", "or pinned", NULL},
    {"channel", 0, OPTION_STRING, "NAME",
     "the channel that its statements must name (default: the tag)", NULL},
    {"registry-secret", 0, OPTION_STRING, "NAME", "Secret with the registry's login", NULL},
    {"path", 0, OPTION_STRING, "PATH", "only what is below this path of the artifact", NULL},
    {"interval", 0, OPTION_DURATION, "DURATION", "poll and sweep this often (default: 10m)", NULL},
    {"drift", 0, OPTION_STRING, "RULE", "what to do about drift", "Heal|Report"},
    {"directory", 0, OPTION_STRING, "DIR", "apply to this folder", NULL},
    {"layout", 0, OPTION_STRING, "LAYOUT", "how files are laid out in it", "Tree|OneFile|Pods"},
    {"key", 0, OPTION_LIST, "FILE", "public key that must have signed; may be repeated", NULL},
    {"no-prune", 0, OPTION_FLAG, NULL, "leave what is no longer in the artifact", NULL},
    {"export", 0, OPTION_FLAG, NULL, "print the object instead of writing it", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_sync = {
    .name = "create sync",
    .arguments = "NAME",
    .summary = "Create a Sync: a verified artifact that is applied and kept",
    .help = "  sealift create sync shop --bundle shop --directory /srv/shop --key cosign.pub\n",
    .options = sync_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_sync,
};

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

static int write_token(const struct cli *cli, const char *secret_name, struct error *err)
{
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    cleanup_secret_data struct secret_data *existing = NULL;
    if (store_secret(store, workspace_namespace(cli), secret_name, &existing, NULL) == 0)
        return 0;
    cleanup_secret char *token = new_token();
    cleanup_json json_t *secret = new_object(cli, "Secret", true);
    jval_set_string(secret, "metadata.name", secret_name);
    jval_set_string(secret, "stringData.token", token);
    if (store_apply(store, secret, err) < 0)
        return -1;
    tell_made(cli, "Secret %s/%s has a new token: give it to the sender as its webhook secret",
              workspace_namespace(cli), secret_name);
    return 0;
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

// In a cluster the receiver may read the Secrets of Hooks only, each by a Role of its own.
static int let_receiver_read(const struct cli *cli, const char *secret_name, struct error *err)
{
    const char *account = cli_string_or(cli, "receiver", SYSTEM_NAMESPACE "/sealift-receiver");
    const char *slash = strchr(account, '/');
    cleanup_store struct store *store = NULL;
    if (workspace_on_files(cli))
        return 0;
    if (slash == NULL)
        return error_set(err, ERROR_INVALID,
                         "--receiver is NAMESPACE/NAME of its ServiceAccount, not \"%s\"", account);
    cleanup_free char *namespace = xstrndup(account, (size_t)(slash - account));
    const struct grant grant = {.hook = cli_argument(cli, 0),
                                .namespace = workspace_namespace(cli),
                                .secret = secret_name,
                                .account_namespace = namespace,
                                .account = slash + 1};
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        grant_write(store_kube_client(store), &grant, err) < 0)
        return -1;
    tell_made(cli, "ServiceAccount %s may read Secret %s/%s", account, grant.namespace,
              secret_name);
    return 0;
}

static int run_hook(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = new_object(cli, "Hook", true);
    const char *secret_name = cli_string(cli, "secret");
    cleanup_free char *default_name = xasprintf("%s-token", cli_argument(cli, 0));
    if (secret_name == NULL)
        secret_name = default_name;
    jval_set_string(object, "spec.provider", cli_string_or(cli, "provider", "github"));
    jval_set_string(object, "spec.secretRef.name", secret_name);
    if (add_resources(cli, object, err) < 0 || api_check(object, err) < 0)
        return -1;
    if (!cli_flag(cli, "export") &&
        (write_token(cli, secret_name, err) < 0 || let_receiver_read(cli, secret_name, err) < 0))
        return -1;
    if (finish(cli, object, err) < 0)
        return -1;
    if (!cli_flag(cli, "export"))
        tell_step(cli, "its address: sealift get hook %s --show-path", cli_argument(cli, 0));
    return 0;
}

static const struct option_spec hook_options[] = {
    {"provider", 0, OPTION_STRING, "NAME", "who sends", "github|sealift"},
    {"secret", 0, OPTION_STRING, "NAME",
     "Secret with the key token (default: NAME-token, made if absent)", NULL},
    {"receiver", 0, OPTION_STRING, "NAMESPACE/NAME",
     "account that may read the Secret (default: sealift-system/sealift-receiver)", NULL},
    {"resource", 0, OPTION_LIST, "KIND/NAME", "what a delivery wakes; may be repeated", NULL},
    {"export", 0, OPTION_FLAG, NULL, "print the object instead of writing it", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_hook = {
    .name = "create hook",
    .arguments = "NAME",
    .summary = "Create a Hook: one webhook address, and its token",
    .help = "In a cluster it also writes the Role by which the receiver's ServiceAccount may read "
            "the Secret.\n\n  sealift create hook github --resource bundle/shop\n",
    .options = hook_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_hook,
};

static int run_policy(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = new_object(cli, "TrustPolicy", false);
    set_list_from(cli, object, "spec.match.repositories", "match");
    cleanup_json json_t *entry = json_object();
    jval_set_string(entry, "name", cli_string_or(cli, "entry", "packager"));
    jval_set_bool(entry, "attests", !cli_flag(cli, "no-attest"));
    jval_set_int(entry, "threshold", cli_number(cli, "threshold", 1));
    if (add_keys(cli, entry, "keys", err) < 0)
        return -1;
    if (cli_string(cli, "certificate-identity") != NULL) {
        json_t *identity = json_object();
        jval_set_string(identity, "issuer", cli_string_or(cli, "certificate-oidc-issuer", ""));
        jval_set_string(identity, "subject", cli_string(cli, "certificate-identity"));
        json_t *identities = json_array();
        json_array_append_new(identities, identity);
        jval_set(entry, "keyless", identities);
    }
    set_from(cli, object, "spec.trustedRoot.secretRef.name", "trusted-root-secret");
    json_t *require = json_array();
    json_array_append(require, entry);
    jval_set(object, "spec.require", require);
    set_from(cli, object, "spec.source.repository", "source");
    set_list_from(cli, object, "spec.source.refs", "source-ref");
    set_list_from(cli, object, "spec.source.paths", "source-path");
    set_list_from(cli, object, "spec.source.channels", "channel");
    set_from(cli, object, "spec.freshness.maxAge", "max-age");
    return finish(cli, object, err);
}

static const struct option_spec policy_options[] = {
    {"match", 0, OPTION_LIST, "PATTERN",
     "repositories that may be used, like registry.example.com/acme/*", NULL},
    {"entry", 0, OPTION_STRING, "NAME", "name of the signers (default: packager)", NULL},
    {"key", 0, OPTION_LIST, "FILE", "public key of a signer; may be repeated", NULL},
    {"certificate-identity", 0, OPTION_STRING, "NAME",
     "a keyless signer; * matches between slashes, ** across", NULL},
    {"certificate-oidc-issuer", 0, OPTION_STRING, "URL", "who vouches for that signer", NULL},
    {"trusted-root-secret", 0, OPTION_STRING, "NAME",
     "Secret with trusted_root.json (default: Sigstore's public instance)", NULL},
    {"threshold", 0, OPTION_NUMBER, "N", "how many of them must have signed (default: 1)", NULL},
    {"no-attest", 0, OPTION_FLAG, NULL, "do not ask for release statements (no channel, no floor)",
     NULL},
    {"source", 0, OPTION_STRING, "URL", "Git repository that artifacts must come from", NULL},
    {"source-ref", 0, OPTION_LIST, "REF", "and branch or tag", NULL},
    {"source-path", 0, OPTION_LIST, "PATH", "and path", NULL},
    {"channel", 0, OPTION_LIST, "NAME", "channels that may enter", NULL},
    {"max-age", 0, OPTION_DURATION, "DURATION", "refuse older release statements", NULL},
    {"export", 0, OPTION_FLAG, NULL, "print the object instead of writing it", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_policy = {
    .name = "create policy",
    .arguments = "NAME",
    .summary = "Create a TrustPolicy: what must be signed, by whom",
    .help = "  sealift create policy prod --match 'registry.example.com/acme/*' --key cosign.pub "
            "--channel prod\n",
    .options = policy_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_policy,
};

static int split_pair(const char *option, const char *text, char **ret_name, const char **ret_value,
                      struct error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(err, ERROR_INVALID, "--%s is KEY=VALUE, not \"%.40s\"", option, text);
    *ret_name = xstrndup(text, (size_t)(equals - text));
    *ret_value = equals + 1;
    return 0;
}

// A password or token in a file of one line: the break that an editor or `echo` puts at its end is
// not part of it. All other keys keep every byte.
static size_t without_line_break(const struct cli *cli, const char *key, const char *path,
                                 const char *content, size_t size)
{
    static const char *const words[] = {"token", "username", "password", "bearerToken",
                                        "cosign.password"};
    bool is_word = false;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        is_word = is_word || strcmp(key, words[i]) == 0;
    size_t line = strcspn(content, "\r\n");
    bool one_line = size - line == strspn(content + line, "\r\n") && size - line <= 2;
    if (!is_word || line == size || !one_line)
        return size;
    tell_warning(cli, "%s ends in a line break, which is not part of a %s: left out", path, key);
    return line;
}

static int run_secret(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = new_object(cli, "Secret", true);
    cleanup_vec struct vec literals = VEC_OF(const char *, NULL);
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "from-literal", &literals);
    cli_list(cli, "from-file", &files);
    json_t *data = json_object();
    jval_set(object, "data", data);
    vec_foreach (const char *, text, &literals) {
        cleanup_free char *name = NULL;
        const char *value = NULL;
        if (split_pair("from-literal", *text, &name, &value, err) < 0)
            return -1;
        cleanup_secret char *encoded = base64_encode(value, strlen(value));
        json_object_set_new(data, name, json_string(encoded));
    }
    vec_foreach (const char *, text, &files) {
        cleanup_free char *name = NULL;
        const char *path = NULL;
        cleanup_secret char *content = NULL;
        size_t size = 0;
        if (split_pair("from-file", *text, &name, &path, err) < 0 ||
            file_read(path, MAX_FILE_BYTES, &content, &size, err) < 0)
            return -1;
        size = without_line_break(cli, name, path, content, size);
        cleanup_secret char *encoded = base64_encode(content, size);
        json_object_set_new(data, name, json_string(encoded));
    }
    return finish(cli, object, err);
}

static const struct option_spec secret_options[] = {
    {"from-file", 0, OPTION_LIST, "KEY=FILE",
     "a key with the content of a file (a password or token without its line break); may be "
     "repeated",
     NULL},
    {"from-literal", 0, OPTION_LIST, "KEY=VALUE", "a key with this value; may be repeated", NULL},
    {"export", 0, OPTION_FLAG, NULL, "print the object instead of writing it", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_secret = {
    .name = "create secret",
    .arguments = "NAME",
    .summary = "Create a Secret from files and values",
    .help = "  sealift create secret packager-key --from-file cosign.key=cosign.key \\\n"
            "    --from-literal cosign.password=\n",
    .options = secret_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_secret,
};
