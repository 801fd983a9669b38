#include "cli/kubeconfig.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20 };

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

bool kubeconfig_is_named(const struct cli *cli)
{
    static const char *const options[] = {"kubeconfig", "context", "cluster", "user", "server"};
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        if (cli_common(cli, options[i]) != NULL)
            return true;
    }
    return false;
}

char *kubeconfig_origin(const struct cli *cli)
{
    const char *file = cli_string(cli, "kubeconfig");
    if (file != NULL)
        return xasprintf("--kubeconfig %s", file);
    if (is_set(getenv("KUBECONFIG")))
        return xasprintf("$KUBECONFIG (%s)", getenv("KUBECONFIG"));
    if (cli_string(cli, "context") == NULL && is_set(getenv("KUBERNETES_SERVICE_HOST")))
        return xstrdup("the Pod's own account");
    return xstrdup("~/.kube/config");
}

static int read_file(const struct cli *cli, const char *option, char **ret_text, char **ret_path,
                     struct error *err)
{
    const char *path = cli_common(cli, option);
    char *text = NULL;
    if (file_read(path, MAX_FILE_BYTES, &text, NULL, err) < 0)
        return error_wrap(err, "--%s", option);
    secret_free(*ret_text);
    free(*ret_path);
    *ret_text = text;
    *ret_path = xstrdup(path);
    return 0;
}

// Who the kubeconfig's user is does not count any more.
static void drop_user(struct kube_config *config)
{
    struct kube_config plain = {.server = STEAL(config->server),
                                .namespace_ = STEAL(config->namespace_),
                                .ca_pem = STEAL(config->ca_pem),
                                .ca_file = STEAL(config->ca_file),
                                .tls_server_name = STEAL(config->tls_server_name),
                                .insecure_skip_tls_verify = config->insecure_skip_tls_verify,
                                .proxy_url = STEAL(config->proxy_url),
                                .as_groups = VEC_OF(char *, vec_release_string)};
    kube_config_release(config);
    *config = plain;
}

static int choose_user(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const char *token = cli_common(cli, "token");
    const char *token_file = cli_common(cli, "token-file");
    const char *certificate = cli_common(cli, "client-certificate");
    bool has_key = cli_common(cli, "client-key") != NULL;
    if ((certificate != NULL) != has_key)
        return error_set(err, ERROR_INVALID,
                         "--client-certificate and --client-key go together: name both files");
    if (token != NULL && token_file != NULL)
        return error_set(err, ERROR_INVALID,
                         "--token and --token-file are two ways to give one token: leave one out");
    if (token == NULL && token_file == NULL && certificate == NULL)
        return 0;
    drop_user(config);
    config->token = xstrdup_or_null(token);
    config->token_file = xstrdup_or_null(token_file);
    return certificate == NULL ? 0
           : read_file(cli, "client-certificate", &config->client_cert_pem,
                       &config->client_cert_file, err) < 0
               ? -1
               : read_file(cli, "client-key", &config->client_key_pem, &config->client_key_file,
                           err);
}

static int choose_trust(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const char *name = cli_common(cli, "tls-server-name");
    bool named = cli_common(cli, "certificate-authority") != NULL;
    if (named && cli_flag(cli, "insecure-skip-tls-verify"))
        return error_set(err, ERROR_INVALID,
                         "--certificate-authority and --insecure-skip-tls-verify contradict each "
                         "other");
    if (name != NULL) {
        free(config->tls_server_name);
        config->tls_server_name = xstrdup(name);
    }
    if (cli_given(cli, "insecure-skip-tls-verify"))
        config->insecure_skip_tls_verify = cli_flag(cli, "insecure-skip-tls-verify");
    if (!named)
        return 0;
    config->insecure_skip_tls_verify = false;
    return read_file(cli, "certificate-authority", &config->ca_pem, &config->ca_file, err);
}

static int act_as(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const char *user = cli_common(cli, "as");
    const char *uid = cli_common(cli, "as-uid");
    cleanup_vec struct vec groups = VEC_OF(const char *, NULL);
    cli_list(cli, "as-group", &groups);
    if (user == NULL)
        return groups.len == 0 && uid == NULL
                   ? 0
                   : error_set(err, ERROR_INVALID, "--as-group and --as-uid need --as USER, too");
    free(config->as_user);
    free(config->as_uid);
    config->as_user = xstrdup(user);
    config->as_uid = xstrdup_or_null(uid);
    vec_free(&config->as_groups);
    config->as_groups = VEC_OF(char *, vec_release_string);
    vec_foreach (const char *, group, &groups)
        vec_push_string(&config->as_groups, *group);
    return 0;
}

// --server alone needs no file: who we are may stand beside it.
static int load_files(const struct cli *cli, struct kube_config *config, struct error *err)
{
    const struct kube_config_choice choice = {.kubeconfig = cli_string(cli, "kubeconfig"),
                                              .context = cli_string(cli, "context"),
                                              .cluster = cli_common(cli, "cluster"),
                                              .user = cli_common(cli, "user"),
                                              .server = cli_common(cli, "server"),
                                              .namespace_ = cli_string(cli, "namespace")};
    cleanup_error struct error cause = {0};
    if (kube_config_load(&choice, config, &cause) == 0)
        return 0;
    if (cause.code != ERROR_NOT_FOUND || choice.server == NULL || choice.kubeconfig != NULL ||
        choice.context != NULL || choice.cluster != NULL || choice.user != NULL)
        return error_move(err, &cause);
    *config = (struct kube_config){.server = xstrdup(choice.server),
                                   .namespace_ = xstrdup_or_null(choice.namespace_),
                                   .as_groups = VEC_OF(char *, vec_release_string)};
    return 0;
}

int kubeconfig_load(const struct cli *cli, struct kube_config *ret_config, struct error *err)
{
    if (load_files(cli, ret_config, err) < 0 || choose_trust(cli, ret_config, err) < 0 ||
        choose_user(cli, ret_config, err) < 0 || act_as(cli, ret_config, err) < 0)
        return -1;
    ret_config->request_timeout_ms = cli_number(cli, "request-timeout", 0);
    free(cli->found->server);
    cli->found->server = xstrdup(ret_config->server);
    return 0;
}
