#include "base/kube/kube_credential_internal.h"

#include "base/condition.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX_BYTES = 1024 * 1024,
    REREAD_MS = 50 * 1000, // kubelets write a new token long before the old one ends
    EXPIRY_LEEWAY_MS = 10 * 1000,
    PLUGIN_WAIT_MS = 200,   // between looks at a plugin that runs
    PLUGIN_PAUSE_MS = 5000, // after one that failed
};

struct kube_credential {
    struct kube_config config; // a copy of what is needed here
    const struct clock *clock;
    struct cancel ending; // of the plugin that runs for the loop

    pthread_mutex_t lock; // of what follows
    pthread_cond_t done;  // a plugin ended
    struct kube_identity *current;
    bool stale;
    int64_t read_at_ms;
    int64_t expires_wall_ms; // of what the plugin gave; 0 = never
    bool plugin_runs;
    bool has_thread; // to be joined
    pthread_t thread;
    struct error plugin_error; // of the last run
    int64_t plugin_failed_at_ms;
};

static void copy_exec(struct kube_config *to, const struct kube_exec *from)
{
    if (from == NULL)
        return;
    struct kube_exec *exec = xcalloc(1, sizeof *exec);
    *exec = *from;
    exec->api_version = xstrdup_or_null(from->api_version);
    exec->command = xstrdup_or_null(from->command);
    exec->install_hint = xstrdup_or_null(from->install_hint);
    exec->args = VEC_OF(char *, vec_release_string);
    exec->env = VEC_OF(char *, vec_release_string);
    vec_foreach (char *, arg, &from->args)
        vec_push_string(&exec->args, *arg);
    vec_foreach (char *, env, &from->env)
        vec_push_string(&exec->env, *env);
    to->exec = exec;
}

struct kube_credential *kube_credential_new(const struct kube_config *config,
                                            const struct clock *clock)
{
    struct kube_credential *credential = xcalloc(1, sizeof *credential);
    credential->clock = clock;
    credential->stale = true;
    credential->config = (struct kube_config){
        .server = xstrdup_or_null(config->server),
        .ca_pem = xstrdup_or_null(config->ca_pem),
        .ca_file = xstrdup_or_null(config->ca_file),
        .tls_server_name = xstrdup_or_null(config->tls_server_name),
        .insecure_skip_tls_verify = config->insecure_skip_tls_verify,
        .proxy_url = xstrdup_or_null(config->proxy_url),
        .client_cert_pem = xstrdup_or_null(config->client_cert_pem),
        .client_cert_file = xstrdup_or_null(config->client_cert_file),
        .client_key_pem = xstrdup_or_null(config->client_key_pem),
        .client_key_file = xstrdup_or_null(config->client_key_file),
        .token = xstrdup_or_null(config->token),
        .token_file = xstrdup_or_null(config->token_file),
        .username = xstrdup_or_null(config->username),
        .password = xstrdup_or_null(config->password),
        .as_groups = VEC_OF(char *, vec_release_string),
    };
    copy_exec(&credential->config, config->exec);
    pthread_mutex_init(&credential->lock, NULL);
    condition_init(&credential->done);
    cancel_init(&credential->ending);
    return credential;
}

void kube_identity_unref(struct kube_identity *identity)
{
    if (identity == NULL || __atomic_sub_fetch(&identity->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    secret_free(identity->authorization);
    free(identity->ca_pem);
    free(identity->cert_pem);
    secret_free(identity->key_pem);
    free(identity);
}

void kube_credential_free(struct kube_credential *credential)
{
    if (credential == NULL)
        return;
    cancel_request(&credential->ending);
    if (credential->has_thread)
        pthread_join(credential->thread, NULL);
    cancel_release(&credential->ending);
    kube_identity_unref(credential->current);
    error_release(&credential->plugin_error);
    kube_config_release(&credential->config);
    pthread_cond_destroy(&credential->done);
    pthread_mutex_destroy(&credential->lock);
    free(credential);
}

// A file that cannot be read now leaves what it held before.
static void reread(const char *path, char **text)
{
    char *data = NULL;
    size_t size = 0;
    if (path == NULL || file_read(path, FILE_MAX_BYTES, &data, &size, NULL) < 0)
        return;
    while (size > 0 && isspace((unsigned char)data[size - 1]))
        data[--size] = '\0';
    if (size > 0 && strlen(data) == size) {
        secret_free(*text);
        *text = data;
    } else {
        secret_free(data);
    }
}

static char *authorization_of(const struct kube_config *config, const char *plugin_token)
{
    if (plugin_token != NULL)
        return xasprintf("Bearer %s", plugin_token);
    if (config->token != NULL && *config->token != '\0')
        return xasprintf("Bearer %s", config->token);
    if (config->username == NULL)
        return NULL;
    cleanup_secret char *pair =
        xasprintf("%s:%s", config->username, config->password != NULL ? config->password : "");
    cleanup_secret char *encoded = base64_encode(pair, strlen(pair));
    return xasprintf("Basic %s", encoded);
}

static void set_current(struct kube_credential *credential, const struct kube_exec_answer *plugin)
{
    const struct kube_config *config = &credential->config;
    const char *cert = plugin->cert_pem != NULL ? plugin->cert_pem : config->client_cert_pem;
    const char *key = plugin->key_pem != NULL ? plugin->key_pem : config->client_key_pem;
    struct kube_identity *identity = xcalloc(1, sizeof *identity);
    identity->references = 1;
    identity->authorization = authorization_of(config, plugin->token);
    identity->ca_pem = xstrdup_or_null(config->ca_pem);
    identity->cert_pem = xstrdup_or_null(cert);
    identity->key_pem = xstrdup_or_null(key);
    identity->tls = (struct http_tls){identity->ca_pem, identity->cert_pem, identity->key_pem,
                                      config->insecure_skip_tls_verify};
    kube_identity_unref(credential->current);
    credential->current = identity;
    credential->expires_wall_ms = plugin->expires_wall_ms;
    credential->stale = false;
    credential->read_at_ms = clock_mono_ms(credential->clock);
}

static bool has_files(const struct kube_config *config)
{
    return config->token_file != NULL || config->ca_file != NULL ||
           config->client_cert_file != NULL || config->client_key_file != NULL;
}

static bool is_stale(const struct kube_credential *credential)
{
    if (credential->stale || credential->current == NULL)
        return true;
    if (credential->config.exec != NULL)
        return credential->expires_wall_ms > 0 &&
               clock_wall_ms(credential->clock) + EXPIRY_LEEWAY_MS >= credential->expires_wall_ms;
    return has_files(&credential->config) &&
           clock_mono_ms(credential->clock) - credential->read_at_ms >= REREAD_MS;
}

// With the lock held, which it gives up while the plugin runs; plugin_runs is set.
static int run_plugin(struct kube_credential *credential, struct cancel *cancel, struct error *err)
{
    struct kube_exec_answer answer = {0};
    cleanup_error struct error why = {0};
    pthread_mutex_unlock(&credential->lock);
    int result = kube_exec_run(&credential->config, cancel, &answer, &why);
    pthread_mutex_lock(&credential->lock);
    credential->plugin_runs = false;
    if (result == 0) {
        set_current(credential, &answer);
    } else if (why.code == ERROR_CANCELED) { // its caller's business, and nothing of the plugin
        error_move(err, &why);
    } else {
        error_set(&credential->plugin_error, why.code, "%s", why.message);
        credential->plugin_failed_at_ms = clock_mono_ms(credential->clock);
        error_move(err, &why);
    }
    pthread_cond_broadcast(&credential->done);
    kube_exec_answer_release(&answer);
    return result;
}

static void *plugin_thread(void *arg)
{
    struct kube_credential *credential = arg;
    pthread_mutex_lock(&credential->lock);
    (void)!run_plugin(credential, &credential->ending, NULL);
    pthread_mutex_unlock(&credential->lock);
    return NULL;
}

// The loop's way: the plugin runs elsewhere, and the caller comes back.
static int start_plugin(struct kube_credential *credential, struct error *err)
{
    int64_t now = clock_mono_ms(credential->clock);
    if (!credential->plugin_runs && credential->plugin_error.code != ERROR_NONE &&
        now - credential->plugin_failed_at_ms < PLUGIN_PAUSE_MS)
        return error_set(err, credential->plugin_error.code, "%s",
                         credential->plugin_error.message);
    if (!credential->plugin_runs) {
        if (credential->has_thread)
            pthread_join(credential->thread, NULL);
        credential->plugin_runs =
            pthread_create(&credential->thread, NULL, plugin_thread, credential) == 0;
        credential->has_thread = credential->plugin_runs;
    }
    error_set(err, ERROR_UNAVAILABLE, "waiting for credentials from %s",
              credential->config.exec->command);
    if (err != NULL)
        err->retry_after_ms = PLUGIN_WAIT_MS;
    return -1;
}

// With the lock held, until the plugin that somebody else runs has ended.
static int wait_for_plugin(struct kube_credential *credential, struct cancel *cancel,
                           struct error *err)
{
    while (credential->plugin_runs) {
        if (cancel_check(cancel, err) < 0)
            return -1;
        condition_wait_slice(&credential->done, &credential->lock, PLUGIN_WAIT_MS);
    }
    return 0;
}

static int refresh(struct kube_credential *credential, bool may_block, struct cancel *cancel,
                   struct error *err)
{
    struct kube_config *config = &credential->config;
    if (config->exec == NULL) {
        reread(config->token_file, &config->token);
        reread(config->ca_file, &config->ca_pem);
        reread(config->client_cert_file, &config->client_cert_pem);
        reread(config->client_key_file, &config->client_key_pem);
        if (config->token_file != NULL && config->token == NULL)
            return error_set(err, ERROR_DENIED, "the token in %s is empty or cannot be read",
                             config->token_file);
        set_current(credential, &(struct kube_exec_answer){0});
        return 0;
    }
    if (!may_block)
        return start_plugin(credential, err);
    bool waited = credential->plugin_runs;
    if (wait_for_plugin(credential, cancel, err) < 0)
        return -1;
    if (waited && !is_stale(credential))
        return 0;
    credential->plugin_runs = true;
    return run_plugin(credential, cancel, err);
}

int kube_credential_get(struct kube_credential *credential, bool may_block, struct cancel *cancel,
                        struct kube_identity **ret_identity, struct error *err)
{
    pthread_mutex_lock(&credential->lock);
    int result = is_stale(credential) ? refresh(credential, may_block, cancel, err) : 0;
    if (result == 0) {
        __atomic_add_fetch(&credential->current->references, 1, __ATOMIC_RELAXED);
        *ret_identity = credential->current;
    }
    pthread_mutex_unlock(&credential->lock);
    return result;
}

bool kube_credential_refused(struct kube_credential *credential,
                             const struct kube_identity *identity)
{
    pthread_mutex_lock(&credential->lock);
    bool newer = identity != credential->current;
    if (!newer)
        credential->stale = true;
    bool worth = newer || credential->config.exec != NULL || has_files(&credential->config);
    pthread_mutex_unlock(&credential->lock);
    return worth;
}

char *kube_credential_describe(const struct kube_config *config)
{
    if (config->exec != NULL)
        return xasprintf("the credentials that %s gave", config->exec->command);
    if (config->token_file != NULL)
        return xasprintf("the token in %s", config->token_file);
    if (config->username != NULL)
        return xasprintf("the user %s with its password", config->username);
    if (config->client_cert_file != NULL)
        return xasprintf("the client certificate in %s", config->client_cert_file);
    return xstrdup("the credentials of the kubeconfig");
}
