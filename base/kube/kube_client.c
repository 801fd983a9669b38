#include "base/kube/kube_client.h"

#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_FIRST = 16,
    WINDOW_MAX = 64,
    IDLE_MAX = 8, // of the clients for workers
    IDLE_MAX_MS = 15 * 1000,
};

// Only what requests need after credentials were taken out of it.
static void copy_config(struct kube_config *to, const struct kube_config *from)
{
    *to = (struct kube_config){
        .server = xstrdup(from->server),
        .namespace_ = xstrdup_or_null(from->namespace_),
        .request_timeout_ms = from->request_timeout_ms,
        .token_file = xstrdup_or_null(from->token_file),
        .client_cert_file = xstrdup_or_null(from->client_cert_file),
        .username = xstrdup_or_null(from->username),
        .as_user = xstrdup_or_null(from->as_user),
        .as_uid = xstrdup_or_null(from->as_uid),
        .as_groups = VEC_OF(char *, vec_release_string),
        .as_extra = from->as_extra != NULL ? json_deep_copy(from->as_extra) : NULL,
    };
    vec_foreach (char *, group, &from->as_groups)
        vec_push_string(&to->as_groups, *group);
}

static bool is_default_port(const struct url *url)
{
    return url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
}

// The URL's host is the name that TLS asks for; where that is not where the server is, curl is told
// to connect there.
static int set_address(struct kube_client *client, const struct kube_config *config,
                       struct error *err)
{
    cleanup_url struct url url = {0};
    if (url_parse(config->server, &url, err) < 0)
        return error_wrap(err, "the address of the API server");
    if (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)
        return error_set(err, ERROR_INVALID,
                         "the address of the API server (%s) must start with https://",
                         config->server);
    if (url.user != NULL || url.password != NULL || url.query != NULL)
        return error_set(err, ERROR_INVALID,
                         "the address of the API server must hold no user, password or query");
    const char *name = config->tls_server_name != NULL ? config->tls_server_name : url.host;
    size_t length = strlen(url.path);
    while (length > 0 && url.path[length - 1] == '/')
        length--;
    client->base = xasprintf("%s://%s:%d%.*s", url.scheme, name, url.port, (int)length, url.path);
    if (config->tls_server_name != NULL) {
        client->connect_to = xasprintf("%s:%d", url.host, url.port);
        client->host =
            is_default_port(&url) ? xstrdup(url.host) : xasprintf("%s:%d", url.host, url.port);
    }
    cleanup_url struct url check = {0};
    if (url_parse(client->base, &check, err) < 0)
        return error_wrap(err, "tls-server-name");
    return 0;
}

// Go resolves names at a SOCKS proxy; curl's word for that is socks5h.
static char *proxy_of(const char *proxy_url)
{
    static const char socks[] = "socks5://";
    if (proxy_url != NULL && strncmp(proxy_url, socks, sizeof socks - 1) == 0)
        return xasprintf("socks5h://%s", proxy_url + sizeof socks - 1);
    return xstrdup_or_null(proxy_url);
}

int kube_client_new(const struct kube_config *config, const struct kube_client_options *options,
                    struct kube_client **ret_client, struct error *err)
{
    static const struct kube_client_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    if (config->server == NULL)
        return error_set(err, ERROR_INVALID, "the configuration names no API server");
    struct kube_client *client = xcalloc(1, sizeof *client);
    client->clock = options->clock != NULL ? options->clock : clock_system();
    client->reach = options->reach;
    client->user_agent = xstrdup_or_null(options->user_agent);
    client->proxy = proxy_of(config->proxy_url);
    client->idle = VEC_OF(struct kube_idle, NULL);
    pthread_mutex_init(&client->lock, NULL);
    cancel_init(&client->ending);
    client->window = kube_window_new(WINDOW_FIRST, options->max_parallel > 0 ? options->max_parallel
                                                                             : WINDOW_MAX);
    client->credential = kube_credential_new(config, client->clock);
    copy_config(&client->config, config);
    if (set_address(client, config, err) < 0) {
        kube_client_free(client);
        return -1;
    }
    *ret_client = client;
    return 0;
}

void kube_client_free(struct kube_client *client)
{
    if (client == NULL)
        return;
    vec_foreach (struct kube_idle, idle, &client->idle)
        http_client_free(idle->http);
    vec_free(&client->idle);
    kube_credential_free(client->credential);
    kube_window_free(client->window);
    kube_config_release(&client->config);
    pthread_mutex_destroy(&client->lock);
    cancel_release(&client->ending);
    free(client->user_agent);
    free(client->base);
    free(client->host);
    free(client->connect_to);
    secret_free(client->proxy);
    free(client);
}

void kube_client_wind_down(struct kube_client *client, int64_t grace_ms)
{
    cancel_request_in(&client->ending, grace_ms);
    kube_window_open(client->window);
}

void cleanup_kube_client_pointer(struct kube_client **client)
{
    kube_client_free(*client);
}

const char *kube_client_server(const struct kube_client *client)
{
    return client->config.server;
}

const char *kube_client_namespace(const struct kube_client *client)
{
    return client->config.namespace_ != NULL ? client->config.namespace_ : "default";
}

const struct clock *kube_client_clock(const struct kube_client *client)
{
    return client->clock;
}

struct http_client *kube_client_take_http(struct kube_client *client)
{
    struct http_client *http = NULL;
    pthread_mutex_lock(&client->lock);
    if (client->idle.len > 0) {
        http = ((struct kube_idle *)vec_at(&client->idle, client->idle.len - 1))->http;
        vec_remove(&client->idle, client->idle.len - 1);
    }
    pthread_mutex_unlock(&client->lock);
    return http != NULL ? http : http_client_new();
}

void kube_client_give_http(struct kube_client *client, struct http_client *http)
{
    pthread_mutex_lock(&client->lock);
    bool keep = client->idle.len < IDLE_MAX;
    if (keep)
        *(struct kube_idle *)vec_push(&client->idle) =
            (struct kube_idle){http, clock_mono_ms(client->clock)};
    if (keep && client->on_idle != NULL)
        client->on_idle(client->on_idle_arg);
    pthread_mutex_unlock(&client->lock);
    if (!keep)
        http_client_free(http);
}

void kube_client_trim(struct kube_client *client)
{
    for (;;) {
        struct http_client *old = NULL;
        pthread_mutex_lock(&client->lock);
        const struct kube_idle *first = client->idle.data;
        if (client->idle.len > 0 && clock_mono_ms(client->clock) - first->since_ms >= IDLE_MAX_MS) {
            old = first->http;
            vec_remove(&client->idle, 0);
        }
        pthread_mutex_unlock(&client->lock);
        if (old == NULL)
            return;
        http_client_free(old);
    }
}

bool kube_client_set_trimmer(struct kube_client *client, void (*on_idle)(void *arg), void *arg)
{
    pthread_mutex_lock(&client->lock);
    bool is_free = client->on_idle == NULL || client->on_idle_arg == arg;
    if (is_free) {
        client->on_idle = on_idle;
        client->on_idle_arg = on_idle != NULL ? arg : NULL;
    }
    pthread_mutex_unlock(&client->lock);
    return is_free;
}

bool kube_client_has_idle(struct kube_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool any = client->idle.len > 0;
    pthread_mutex_unlock(&client->lock);
    return any;
}
