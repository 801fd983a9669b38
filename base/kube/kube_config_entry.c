// One cluster and one user of a kubeconfig. What a tenant wrote (folder NULL) may hold its own
// contents only.
#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_config_internal.h"
#include "base/memory.h"
#include "base/url.h"

#include <stdlib.h>
#include <string.h>

// NULL when absent or empty. -1 when it is of another type.
static int text_of(const json_t *entry, const char *key, const char **ret_text, struct error *err)
{
    const json_t *value = json_object_get(entry, key);
    if (value != NULL && !json_is_string(value) && !json_is_null(value))
        return error_set(err, ERROR_INVALID, "%s must be a string", key);
    const char *text = json_string_value(value);
    *ret_text = text != NULL && *text != '\0' ? text : NULL;
    return 0;
}

static int copy_text(const json_t *entry, const char *key, char **ret_copy, struct error *err)
{
    const char *text = NULL;
    if (text_of(entry, key, &text, err) < 0)
        return -1;
    *ret_copy = xstrdup_or_null(text);
    return 0;
}

static int refuse(const json_t *entry, const char *key, const char *instead, struct error *err)
{
    const json_t *value = json_object_get(entry, key);
    bool absent = value == NULL || json_is_null(value) || json_is_false(value) ||
                  (json_is_string(value) && json_string_length(value) == 0);
    if (absent)
        return 0;
    return error_set(err, ERROR_DENIED, "%s is not allowed in a kubeconfig from a Secret: %s", key,
                     instead);
}

// key-data (base64), else the file that key names.
static int pem_of(const json_t *entry, const char *key, const char *folder, char **ret_pem,
                  char **ret_file, struct error *err)
{
    cleanup_free char *data_key = xasprintf("%s-data", key);
    const char *data = NULL;
    const char *file = NULL;
    if (text_of(entry, data_key, &data, err) < 0 || text_of(entry, key, &file, err) < 0)
        return -1;
    if (data != NULL) {
        cleanup_strbuf struct strbuf packed; // people wrap base64
        strbuf_init(&packed, KUBE_CONFIG_MAX_BYTES);
        for (const char *at = data; *at != '\0'; at++) {
            if (strchr(" \r\n\t", *at) == NULL && strbuf_addch(&packed, *at) < 0)
                return strbuf_check(&packed, data_key, err);
        }
        unsigned char *pem = NULL;
        size_t size = 0;
        if (base64_decode(packed.data, packed.len, &pem, &size, err) < 0)
            return error_wrap(err, "%s", data_key);
        if (memchr(pem, '\0', size) != NULL) {
            free(pem);
            return error_set(err, ERROR_INVALID, "%s is no PEM text", data_key);
        }
        *ret_pem = (char *)pem;
        return 0;
    }
    if (file == NULL)
        return 0;
    char *path = *file == '/' ? xstrdup(file) : path_join(folder, file);
    if (kube_config_read_file(path, ret_pem, err) < 0) {
        free(path);
        return error_wrap(err, "%s", key);
    }
    *ret_file = path;
    return 0;
}

static int check_tenants_cluster(const json_t *cluster, struct error *err)
{
    static const char *const data_instead = "give the contents, base64-encoded, in "
                                            "certificate-authority-data";
    if (refuse(cluster, "certificate-authority", data_instead, err) < 0 ||
        refuse(cluster, "insecure-skip-tls-verify",
               "give the server's CA in certificate-authority-data", err) < 0)
        return -1;
    return 0;
}

int kube_config_set_cluster(struct kube_config *config, const json_t *cluster, const char *folder,
                            struct error *err)
{
    if (folder == NULL && check_tenants_cluster(cluster, err) < 0)
        return -1;
    if (copy_text(cluster, "server", &config->server, err) < 0 ||
        copy_text(cluster, "tls-server-name", &config->tls_server_name, err) < 0 ||
        copy_text(cluster, "proxy-url", &config->proxy_url, err) < 0 ||
        pem_of(cluster, "certificate-authority", folder, &config->ca_pem, &config->ca_file, err) <
            0)
        return -1;
    if (config->server == NULL)
        return error_set(err, ERROR_INVALID, "server is missing");
    config->insecure_skip_tls_verify = jval_bool(cluster, "insecure-skip-tls-verify", false);
    // A tenant's requests do not take this process' proxy either.
    if (folder == NULL && config->proxy_url == NULL)
        config->proxy_url = xstrdup("");
    cleanup_url struct url url = {0};
    if (url_parse(config->server, &url, err) < 0)
        return error_wrap(err, "server");
    if (folder == NULL && strcmp(url.scheme, "https") != 0)
        return error_set(err, ERROR_DENIED, "server must start with https://");
    return 0;
}

static int set_exec(struct kube_config *config, const json_t *value, const char *folder,
                    struct error *err)
{
    static const char *const versions[] = {"client.authentication.k8s.io/v1",
                                           "client.authentication.k8s.io/v1beta1"};
    struct kube_exec *exec = xcalloc(1, sizeof *exec);
    config->exec = exec;
    exec->args = VEC_OF(char *, vec_release_string);
    exec->env = VEC_OF(char *, vec_release_string);
    exec->api_version = xstrdup(jval_string_or(value, "apiVersion", ""));
    if (strcmp(exec->api_version, versions[0]) != 0 && strcmp(exec->api_version, versions[1]) != 0)
        return error_set(err, ERROR_INVALID, "exec.apiVersion must be %s or v1beta1", versions[0]);
    const char *command = jval_string(value, "command");
    if (command == NULL || *command == '\0')
        return error_set(err, ERROR_INVALID, "exec.command is missing");
    exec->command = *command != '/' && strchr(command, '/') != NULL ? path_join(folder, command)
                                                                    : xstrdup(command);
    exec->install_hint = xstrdup_or_null(jval_string(value, "installHint"));
    exec->provide_cluster_info = jval_bool(value, "provideClusterInfo", false);
    exec->needs_terminal =
        strcmp(jval_string_or(value, "interactiveMode", "IfAvailable"), "Always") == 0;
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(value, "args"), i, item) {
        if (!json_is_string(item))
            return error_set(err, ERROR_INVALID, "exec.args[%zu] must be a string", i);
        vec_push_string(&exec->args, json_string_value(item));
    }
    json_array_foreach (json_object_get(value, "env"), i, item) {
        const char *name = jval_string(item, "name");
        if (name == NULL || *name == '\0' || strchr(name, '=') != NULL)
            return error_set(err, ERROR_INVALID, "exec.env[%zu].name is missing or wrong", i);
        *(char **)vec_push(&exec->env) =
            xasprintf("%s=%s", name, jval_string_or(item, "value", ""));
    }
    return 0;
}

static int check_tenants_user(const json_t *user, struct error *err)
{
    static const struct {
        const char *key;
        const char *instead;
    } refused[] = {
        {"exec", "it would run a program here; put a token of a ServiceAccount into token"},
        {"auth-provider", "put a token of a ServiceAccount into token"},
        {"tokenFile", "it names a file of this machine; put the token itself into token"},
        {"client-certificate", "give the contents, base64-encoded, in client-certificate-data"},
        {"client-key", "give the contents, base64-encoded, in client-key-data"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        if (refuse(user, refused[i].key, refused[i].instead, err) < 0)
            return -1;
    }
    return 0;
}

static int set_impersonation(struct kube_config *config, const json_t *user, struct error *err)
{
    if (copy_text(user, "as", &config->as_user, err) < 0 ||
        copy_text(user, "as-uid", &config->as_uid, err) < 0)
        return -1;
    size_t i;
    json_t *group;
    json_array_foreach (json_object_get(user, "as-groups"), i, group) {
        if (json_is_string(group))
            vec_push_string(&config->as_groups, json_string_value(group));
    }
    const json_t *extra = json_object_get(user, "as-user-extra");
    config->as_extra = json_is_object(extra) ? json_deep_copy(extra) : NULL;
    if (config->as_user == NULL && (config->as_groups.len > 0 || config->as_extra != NULL))
        return error_set(err, ERROR_INVALID, "as-groups and as-user-extra need as");
    return 0;
}

int kube_config_set_user(struct kube_config *config, const json_t *user, const char *folder,
                         struct error *err)
{
    if (folder == NULL && check_tenants_user(user, err) < 0)
        return -1;
    if (json_object_get(user, "auth-provider") != NULL)
        return error_set(err, ERROR_INVALID,
                         "auth-provider is no longer part of Kubernetes; use exec, or a token");
    const char *token_file = NULL;
    if (copy_text(user, "token", &config->token, err) < 0 ||
        text_of(user, "tokenFile", &token_file, err) < 0 ||
        copy_text(user, "username", &config->username, err) < 0 ||
        copy_text(user, "password", &config->password, err) < 0 ||
        pem_of(user, "client-certificate", folder, &config->client_cert_pem,
               &config->client_cert_file, err) < 0 ||
        pem_of(user, "client-key", folder, &config->client_key_pem, &config->client_key_file, err) <
            0)
        return -1;
    if (token_file != NULL) {
        config->token_file =
            *token_file == '/' ? xstrdup(token_file) : path_join(folder, token_file);
        secret_free(STEAL(config->token));
        if (kube_config_read_file(config->token_file, &config->token, err) < 0)
            return error_wrap(err, "tokenFile");
    }
    if ((config->client_cert_pem == NULL) != (config->client_key_pem == NULL))
        return error_set(err, ERROR_INVALID,
                         "client-certificate and client-key belong together; one is missing");
    const json_t *exec = json_object_get(user, "exec");
    if (json_is_object(exec) && set_exec(config, exec, folder, err) < 0)
        return -1;
    return set_impersonation(config, user, err);
}
