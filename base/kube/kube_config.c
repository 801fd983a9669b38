#include "base/kube/kube_config.h"

#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_config_internal.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char SERVICE_ACCOUNT[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static void exec_free(struct kube_exec *exec)
{
    if (exec == NULL)
        return;
    free(exec->api_version);
    free(exec->command);
    free(exec->install_hint);
    vec_free(&exec->args);
    vec_free(&exec->env);
    free(exec);
}

void kube_config_release(struct kube_config *config)
{
    free(config->server);
    free(config->namespace_);
    free(config->ca_pem);
    free(config->ca_file);
    free(config->tls_server_name);
    secret_free(config->proxy_url);
    free(config->client_cert_pem);
    free(config->client_cert_file);
    secret_free(config->client_key_pem);
    free(config->client_key_file);
    secret_free(config->token);
    free(config->token_file);
    free(config->username);
    secret_free(config->password);
    exec_free(config->exec);
    free(config->as_user);
    free(config->as_uid);
    if (config->as_groups.element_size > 0)
        vec_free(&config->as_groups);
    json_decref(config->as_extra);
    *config = (struct kube_config){0};
}

int kube_config_read_file(const char *path, char **ret_text, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(path, KUBE_CONFIG_MAX_BYTES, &text, &size, err) < 0)
        return -1;
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    if (size == 0 || strlen(text) != size) {
        secret_free(text);
        return error_set(err, ERROR_INVALID, "%s is empty, or no text", path);
    }
    *ret_text = text;
    return 0;
}

// The address as https://host:port; IPv6 in brackets.
static char *service_address(const char *host, const char *port)
{
    bool ipv6 = strchr(host, ':') != NULL;
    return xasprintf("https://%s%s%s:%s", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
}

int kube_config_in_cluster(const char *folder, struct kube_config *ret_config, struct error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    if (host == NULL || port == NULL || *host == '\0' || *port == '\0')
        return error_set(err, ERROR_NOT_FOUND,
                         "this does not run in a Pod (KUBERNETES_SERVICE_HOST is not set); name a "
                         "kubeconfig");
    if (folder == NULL)
        folder = SERVICE_ACCOUNT;
    cleanup_kube_config struct kube_config config = {.as_groups =
                                                         VEC_OF(char *, vec_release_string)};
    config.server = service_address(host, port);
    config.token_file = path_join(folder, "token");
    config.ca_file = path_join(folder, "ca.crt");
    cleanup_free char *namespace_file = path_join(folder, "namespace");
    if (kube_config_read_file(config.token_file, &config.token, err) < 0 ||
        kube_config_read_file(config.ca_file, &config.ca_pem, err) < 0)
        return error_wrap(err, "the ServiceAccount's credentials; does the Pod say "
                               "automountServiceAccountToken: false?");
    // A Pod may project the token alone.
    if (file_exists(namespace_file) &&
        kube_config_read_file(namespace_file, &config.namespace_, err) < 0)
        return -1;
    *ret_config = config;
    config = (struct kube_config){0};
    return 0;
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static void override(const struct kube_config_choice *choice, struct kube_config *config)
{
    if (is_set(choice->server)) {
        free(config->server);
        config->server = xstrdup(choice->server);
    }
    if (is_set(choice->namespace_)) {
        free(config->namespace_);
        config->namespace_ = xstrdup(choice->namespace_);
    }
}

int kube_config_load(const struct kube_config_choice *choice, struct kube_config *ret_config,
                     struct error *err)
{
    static const struct kube_config_choice nothing = {0};
    if (choice == NULL)
        choice = &nothing;
    bool named =
        is_set(choice->kubeconfig) || is_set(choice->context) || is_set(getenv("KUBECONFIG"));
    int result;
    if (!named && is_set(getenv("KUBERNETES_SERVICE_HOST"))) {
        result = kube_config_in_cluster(NULL, ret_config, err);
        if (result == 0)
            override(choice, ret_config);
    } else {
        result = kube_config_from_files(choice, ret_config, err);
    }
    return result;
}
