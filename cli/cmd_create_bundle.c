// create bundle, and in a cluster the packager's right to read the Secrets of its namespace.
#include "api/kind.h"
#include "api/store_kube.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "cli/absent.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "oci/sign/key.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <stdlib.h>
#include <string.h>

enum presence { PRESENT, ABSENT, UNSEEN };

// A tenant may read the binding of its namespace, but none of the whole cluster.
static enum presence look(struct kube_client *client, const char *plural, const char *namespace)
{
    const struct kube_ref ref = {.group = "rbac.authorization.k8s.io",
                                 .version = "v1",
                                 .plural = plural,
                                 .namespace_ = namespace,
                                 .name = "sealift-packager-secrets"};
    cleanup_error struct error cause = {0};
    if (kube_get(client, &ref, NULL, &cause) == 0)
        return PRESENT;
    return cause.code == ERROR_NOT_FOUND ? ABSENT : UNSEEN;
}

// `sure`: it is known that nobody did yet.
static int write_now(const struct cli *cli, struct kube_client *client,
                     const struct grant_account *packager, const json_t *grants, bool sure,
                     struct error *err)
{
    const char *namespace = workspace_namespace(cli);
    cleanup_free char *ask = NULL;
    if (grants_apply(cli, client, grants, &ask, err) < 0)
        return -1;
    if (ask == NULL)
        tell_made(cli, "ServiceAccount %s/%s may read the Secrets of namespace %s",
                  packager->namespace, packager->name, namespace);
    else if (sure)
        tell_warning(cli, "the packager may not read the Secrets of namespace %s: %s", namespace,
                     ask);
    else
        tell_warning(cli,
                     "whether the packager may read the Secrets of namespace %s you may not see; "
                     "the Bundle will say if it may not, then: %s",
                     namespace, ask);
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
    if (prints)
        return 0;
    enum presence everywhere = look(client, "clusterrolebindings", NULL);
    enum presence here = look(client, "rolebindings", namespace);
    if (everywhere == PRESENT || here == PRESENT)
        return 0;
    return write_now(cli, client, &packager, missing, everywhere == ABSENT && here == ABSENT, err);
}

// ---- a key of its own ----

enum { PASSWORD_BYTES = 32 };

static json_t *new_key_secret(const struct cli *cli, const char *name, char **ret_public,
                              struct error *err)
{
    unsigned char bytes[PASSWORD_BYTES];
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_secret char *pem = NULL;
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort();
    cleanup_secret char *password = hex_encode(bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    if (sign_key_generate(&key, err) < 0 || sign_key_write(key, password, &pem, err) < 0)
        return NULL;
    *ret_public = verify_key_pem(sign_key_public(key));
    json_t *secret = create_object(cli, "Secret", true);
    json_t *data = json_object();
    jval_set_string(secret, "metadata.name", name);
    json_object_set_new(data, "cosign.key", json_string(pem));
    json_object_set_new(data, "cosign.password", json_string(password));
    json_object_set_new(data, "cosign.pub", json_string(*ret_public));
    json_object_set_new(secret, "stringData", data);
    return secret;
}

// One that is there is never replaced: what it signed would be lost.
static int ensure_key(const struct cli *cli, const char *name, const char *file, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_secret_data struct secret_data *existing = NULL;
    cleanup_error struct error cause = {0};
    cleanup_free char *public_pem = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    if (store_secret(store, workspace_namespace(cli), name, &existing, &cause) == 0) {
        const char *known = secret_data_text(existing, "cosign.pub");
        tell_warning(cli, "Secret %s/%s is there and stays as it is", workspace_namespace(cli),
                     name);
        return known != NULL ? file_write_atomic(file, known, strlen(known), 0644, err) : 0;
    }
    if (cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    cleanup_json json_t *secret = new_key_secret(cli, name, &public_pem, err);
    if (secret == NULL || store_apply(store, secret, err) < 0)
        return -1;
    // Where the public half has no place, the next try begins anew.
    if (file_write_atomic(file, public_pem, strlen(public_pem), 0644, err) < 0)
        return store_delete(store, "Secret", workspace_namespace(cli), name, NULL) < 0
                   ? error_wrap(err, "Secret %s/%s has a new signing key, and",
                                workspace_namespace(cli), name)
                   : -1;
    tell_made(cli, "Secret %s/%s has a new signing key; %s is its public half, for the TrustPolicy",
              workspace_namespace(cli), name, file);
    return 0;
}

static int generate_key(const struct cli *cli, json_t *object, struct error *err)
{
    const char *file = cli_string(cli, "generate-key");
    cleanup_free char *fallback = xasprintf("%s-key", cli_argument(cli, 0));
    const char *name = cli_string_or(cli, "key-secret", fallback);
    if (file == NULL)
        return 0;
    jval_set_string(object, "spec.sign.secretRef.name", name);
    if (cli_flag(cli, "export"))
        return error_set(
            err, ERROR_INVALID,
            "--generate-key writes the private key where the packager reads it, and "
            "never prints it: leave --export away, or make the key with sealift keygen");
    return create_check(cli, object, err) < 0 ? -1 : ensure_key(cli, name, file, err);
}

// ---- what it names ----

static int warn_of_absent(const struct cli *cli, struct error *err)
{
    static const char *const options[] = {"git-secret", "registry-secret", "key-secret",
                                          "notation-secret"};
    cleanup_store struct store *store = NULL;
    if (cli_flag(cli, "export"))
        return 0;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++)
        absent_warn(cli, store, "Secret", workspace_namespace(cli), cli_string(cli, options[i]),
                    "the Bundle waits for it");
    return 0;
}

static const struct create_field bundle_fields[] = {
    {"spec.source.git.url", "url"},
    {"spec.source.git.ref.branch", "branch"},
    {"spec.source.git.ref.tag", "git-tag"},
    {"spec.source.git.ref.semver", "semver"},
    {"spec.source.git.ref.commit", "commit"},
    {"spec.source.git.secretRef.name", "git-secret"},
    {"spec.source.git.history", "history"},
    {"spec.path", "path"},
    {"spec.interval", "interval"},
    {"spec.artifact.repository", "repository"},
    {"spec.artifact.secretRef.name", "registry-secret"},
    {"spec.artifact.format", "format"},
    {"spec.sign.secretRef.name", "key-secret"},
    {"spec.sign.expiry", "expiry"},
    {"spec.sign.notation.secretRef.name", "notation-secret"},
    {"spec.sign.notation.expiry", "notation-expiry"},
    {NULL, NULL},
};

static int run_bundle(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "Bundle", true);
    create_set_fields(cli, object, bundle_fields);
    if (jval_get(object, "spec.source.git.ref") == NULL)
        jval_set_string(object, "spec.source.git.ref.branch", "main");
    create_set_list(cli, object, "spec.artifact.tags", "tag");
    create_set_list(cli, object, "spec.exportTo", "export-to");
    cleanup_json json_t *grants = json_array();
    if (generate_key(cli, object, err) < 0)
        return -1;
    // Before anything is granted for it.
    if (create_check(cli, object, err) < 0 ||
        (create_in_cluster(cli) && let_packager_read(cli, grants, err) < 0))
        return -1;
    return create_finish(cli, object, grants, err) < 0 ? -1 : warn_of_absent(cli, err);
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
    {"format", 0, OPTION_STRING, "FORMAT",
     "media types, as this program reads them (default: Flux)", "Flux|Argo"},
    {"key-secret", 0, OPTION_STRING, "NAME", "Secret with cosign.key and cosign.password", NULL},
    {"expiry", 0, OPTION_DURATION, "DURATION",
     "how long a release statement may be adopted (default: for ever)", NULL},
    {"notation-secret", 0, OPTION_STRING, "NAME",
     "sign as Notation does, too: Secret with tls.key and tls.crt, its chain", NULL},
    {"notation-expiry", 0, OPTION_DURATION, "DURATION",
     "how long such a signature may be used (default: for ever)", NULL},
    {"generate-key", 0, OPTION_STRING, "FILE",
     "make that Secret (default: NAME-key) if there is none; its public key goes to FILE", NULL},
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
