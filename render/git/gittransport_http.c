// Smart HTTP (gitprotocol-http): GET info/refs for the advertisement, POST git-upload-pack for each
// command. As git does it by default, only the first GET is redirected, and then the commands go
// where it ended; credentials go nowhere but to the URL's own origin.
#include "render/git/gittransport.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/url.h"

#define ADVERT_SUFFIX "/info/refs?service=git-upload-pack"

enum {
    MAX_REDIRECTS = 5,
    MAX_RETRIES = 2, // the caller's queue has the patient ones
};

struct http_transport {
    struct gittransport transport; // first
    const struct gitremote_config *config;
    int64_t deadline_at_ms;
    char *origin;        // the URL as configured, without slashes at its end
    char *base;          // after redirects
    char *authorization; // NULL = none
};

static struct http_transport *http_of(struct gittransport *transport)
{
    return CONTAINER_OF(transport, struct http_transport, transport);
}

bool gittransport_http_was_redirected(struct gittransport *transport)
{
    const struct http_transport *http = http_of(transport);
    return strcmp(http->base, http->origin) != 0;
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    const struct gitanswer *answer = arg;
    return answer->feed(answer->parser, data, size, err);
}

static bool same_origin(const char *a, const char *b)
{
    cleanup_url struct url first = {0};
    cleanup_url struct url second = {0};
    return url_parse(a, &first, NULL) == 0 && url_parse(b, &second, NULL) == 0 &&
           url_same_origin(&first, &second);
}

static int explain_status(const struct http_transport *http, const struct http_response *response,
                          struct error *err)
{
    bool given = http->authorization != NULL;
    if (http_status_error(response, "the server's answer", err) == 0)
        return 0;
    if (err == NULL)
        return -1;
    if (response->status == 401 && !same_origin(http->origin, http->base))
        return error_wrap(err,
                          "%s redirects to another host, which gets no credentials; write its URL "
                          "instead",
                          http->origin);
    if (response->status == 401 || response->status == 403)
        return error_wrap(err, given ? "the server refuses the credentials of secretRef"
                                     : "the server wants credentials; name them in secretRef");
    if (response->status == 404)
        return error_wrap(err, given ? "no such repository, or these credentials may not see it"
                                     : "no such repository, or it needs credentials (secretRef)");
    return -1;
}

static int run(struct http_transport *http, struct http_request *request,
               const struct gitanswer *answer, struct http_response *ret_response,
               struct error *err)
{
    const struct gitremote_config *config = http->config;
    int64_t left_ms = http->deadline_at_ms - clock_mono_ms(clock_system());
    if (left_ms <= 0)
        return error_set(err, ERROR_TIMEOUT, "the time for this fetch is over");
    request->authorization = same_origin(http->origin, request->url) ? http->authorization : NULL;
    request->tls = config->tls;
    request->proxy = config->proxy;
    request->reach = config->reach;
    request->cancel = config->cancel;
    request->deadline_ms = left_ms;
    request->idle_timeout_ms = config->idle_timeout_ms;
    // The parsers and the store have the limits; this one only must not come before them.
    request->max_body_bytes = SIZE_MAX;
    request->max_retries = MAX_RETRIES;
    union {
        const struct gitanswer *in;
        void *out;
    } arg = {.in = answer};
    request->on_data = on_data;
    request->on_data_arg = arg.out;
    if (http_do(config->client, request, ret_response, err) < 0 ||
        explain_status(http, ret_response, err) < 0)
        return -1;
    if (!answer->done(answer->parser))
        return error_set(err, ERROR_UNAVAILABLE, "the answer ended too early");
    return 0;
}

static void add_common_headers(struct vec *headers)
{
    http_headers_add(headers, "Git-Protocol", "version=2");
    // Some forges tell git clients from browsers by this word.
    http_headers_add(headers, "User-Agent", "git/2 (sealift/" SEALIFT_VERSION ")");
}

// Where the GET ended is where the commands go, if that is still the same kind of address.
static int follow(struct http_transport *http, const char *last_url, struct error *err)
{
    size_t length = strlen(last_url);
    size_t suffix = strlen(ADVERT_SUFFIX);
    if (length <= suffix || strcmp(last_url + length - suffix, ADVERT_SUFFIX) != 0)
        return error_set(err, ERROR_INVALID,
                         "%s redirects to %s, which is no address of a git repository",
                         http->origin, last_url);
    free(http->base);
    http->base = xstrndup(last_url, length - suffix);
    return 0;
}

static int http_advertise(struct gittransport *transport, const struct gitanswer *answer,
                          struct error *err)
{
    struct http_transport *http = http_of(transport);
    cleanup_http_response struct http_response response = {0};
    cleanup_vec struct vec headers = HTTP_HEADERS;
    cleanup_free char *url = xasprintf("%s" ADVERT_SUFFIX, http->origin);
    free(http->base);
    http->base = xstrdup(http->origin);
    add_common_headers(&headers);
    struct http_request request = {
        .method = "GET", .url = url, .headers = &headers, .max_redirects = MAX_REDIRECTS};
    if (run(http, &request, answer, &response, err) < 0)
        return -1;
    return response.url != NULL ? follow(http, response.url, err) : 0;
}

static int http_command(struct gittransport *transport, const struct strbuf *body,
                        const struct gitanswer *answer, struct error *err)
{
    struct http_transport *http = http_of(transport);
    cleanup_http_response struct http_response response = {0};
    cleanup_vec struct vec headers = HTTP_HEADERS;
    cleanup_free char *url = xasprintf("%s/git-upload-pack", http->base);
    add_common_headers(&headers);
    http_headers_add(&headers, "Content-Type", "application/x-git-upload-pack-request");
    http_headers_add(&headers, "Accept", "application/x-git-upload-pack-result");
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .headers = &headers,
                                   .body = body->data,
                                   .body_size = body->len};
    if (run(http, &request, answer, &response, err) == 0)
        return 0;
    return strcmp(http->base, http->origin) == 0 ? -1
                                                 : error_wrap(err, "redirected to %s", http->base);
}

static void http_free(struct gittransport *transport)
{
    struct http_transport *http = http_of(transport);
    free(http->origin);
    free(http->base);
    secret_free(http->authorization);
    free(http);
}

static const struct gittransport_ops http_ops = {
    .advertise = http_advertise,
    .command = http_command,
    .free = http_free,
};

static char *authorization_of(const struct gitremote_config *config)
{
    if (config->bearer_token != NULL)
        return xasprintf("Bearer %s", config->bearer_token);
    if (config->username == NULL && config->password == NULL)
        return NULL;
    cleanup_secret char *pair = xasprintf("%s:%s", config->username != NULL ? config->username : "",
                                          config->password != NULL ? config->password : "");
    cleanup_secret char *encoded = base64_encode(pair, strlen(pair));
    return xasprintf("Basic %s", encoded);
}

int gittransport_http_new(const struct gitremote_config *config, int64_t deadline_at_ms,
                          struct gittransport **ret_transport, struct error *err)
{
    cleanup_url struct url url = {0};
    if (url_parse(config->url, &url, err) < 0)
        return -1;
    if (url.query != NULL && *url.query != '\0')
        return error_set(err, ERROR_INVALID, "a repository's URL has no \"?\"");
    if (url.user != NULL || url.password != NULL)
        return error_set(err, ERROR_INVALID,
                         "a repository's URL holds no credentials; put them into a Secret and name "
                         "it in secretRef");
    struct http_transport *http = xcalloc(1, sizeof *http);
    http->transport.ops = &http_ops;
    http->config = config;
    http->deadline_at_ms = deadline_at_ms;
    http->origin = xstrdup(config->url);
    for (size_t length = strlen(http->origin); length > 0 && http->origin[length - 1] == '/';)
        http->origin[--length] = '\0';
    http->base = xstrdup(http->origin);
    http->authorization = authorization_of(config);
    *ret_transport = &http->transport;
    return 0;
}
