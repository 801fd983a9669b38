// Who we are to a registry. Format: distribution's "Token Authentication Specification" and "OAuth2
// Token Authentication"; RFC 7617 for Basic.
//
// The realm of a challenge is chosen by whoever answered: it must be https (unless the registry
// itself is spoken to in the clear), gets no redirect, and sees credentials only where it belongs
// to the registry's own domain.
#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/challenge.h"
#include "oci/registry_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TOKEN_ANSWER = 256 * 1024,
    MAX_TOKEN = 64 * 1024,
    DEFAULT_LIFETIME_S = 60,       // the specification's, when the server names none
    MAX_LIFETIME_S = 3600,         // a longer one is asked for again
    LIFETIME_MARGIN_MS = 5 * 1000, // for the clock and the way
    TOKEN_RETRIES = 2,
};

static const char *actions_of(enum registry_right right)
{
    switch (right) {
    case REGISTRY_PULL:
        return "pull";
    case REGISTRY_PUSH:
        return "pull,push";
    case REGISTRY_DELETE:
        return "pull,push,delete";
    }
    abort();
}

static char *own_scope(const struct registry *registry, enum registry_right right)
{
    return xasprintf("repository:%s:%s", registry->repository.reference.repository,
                     actions_of(right));
}

// Handles with other credentials must not share a token; the credentials themselves stay out of it.
static char *cache_key(const struct registry *registry, enum registry_right right)
{
    const struct oci_credentials *credentials = &registry->credentials;
    cleanup_secret char *all =
        xasprintf("%s\n%s\n%s", credentials->username != NULL ? credentials->username : "",
                  credentials->password != NULL ? credentials->password : "",
                  credentials->identity_token != NULL ? credentials->identity_token : "");
    struct digest fingerprint = digest_of(all, strlen(all));
    cleanup_free char *scope = own_scope(registry, right);
    return xasprintf("%s %s %s", registry->base_url, fingerprint.text, scope);
}

char *registry_known_authorization(struct registry *registry, enum registry_right right)
{
    if (registry->credentials.registry_token != NULL)
        return xasprintf("Bearer %s", registry->credentials.registry_token);
    cleanup_free char *key = cache_key(registry, right);
    return token_cache_get(registry->tokens, key);
}

void registry_forget_authorization(struct registry *registry, enum registry_right right)
{
    cleanup_free char *key = cache_key(registry, right);
    token_cache_drop(registry->tokens, key);
}

static char *basic_authorization(const struct oci_credentials *credentials)
{
    cleanup_secret char *pair = xasprintf("%s:%s", credentials->username, credentials->password);
    cleanup_secret char *encoded = base64_encode(pair, strlen(pair));
    return xasprintf("Basic %s", encoded);
}

static bool is_number_host(const char *host)
{
    return host[0] == '[' || strspn(host, "0123456789.") == strlen(host);
}

// The domain that a registry's neighbours share: what is behind the first dot, if that still names
// somebody (not "com", not "co.uk"). NULL when there is none.
static const char *shared_domain(const char *host)
{
    if (is_number_host(host))
        return NULL;
    const char *parent = strchr(host, '.');
    const char *dot = parent != NULL ? strchr(parent + 1, '.') : NULL;
    if (dot == NULL)
        return NULL;
    size_t label = (size_t)(dot - parent) - 1;
    bool looks_like_suffix = strchr(dot + 1, '.') == NULL && strlen(dot + 1) == 2 && label <= 3;
    return looks_like_suffix ? NULL : parent + 1;
}

// Whether the token server may see the registry's credentials.
static bool realm_is_trusted(const struct registry *registry, const struct url *realm)
{
    const char *host = registry->base.host;
    if (strcmp(realm->host, host) == 0 ||
        (url_host_is_local(realm->host) && url_host_is_local(host)))
        return true;
    if (strcmp(host, "registry-1.docker.io") == 0)
        return strcmp(realm->host, "auth.docker.io") == 0;
    // registry.gitlab.com asks gitlab.com; registry.example.com may ask auth.example.com.
    const char *domain = shared_domain(host);
    if (domain == NULL)
        return false;
    size_t length = strlen(domain), realm_length = strlen(realm->host);
    if (strcmp(realm->host, domain) == 0)
        return true;
    return realm_length > length && realm->host[realm_length - length - 1] == '.' &&
           strcmp(realm->host + realm_length - length, domain) == 0;
}

static int check_realm(const struct registry *registry, const char *text, bool with_credentials,
                       struct error *err)
{
    const char *host = registry->repository.reference.host;
    cleanup_url struct url realm = {0};
    if (url_parse(text, &realm, err) < 0)
        return error_wrap(err, "registry %s names a token server that is no URL", host);
    if (realm.user != NULL || realm.password != NULL)
        return error_set(err, ERROR_INVALID, "registry %s names a token server with credentials",
                         host);
    bool plain = strcmp(realm.scheme, "http") == 0 && strcmp(registry->base.scheme, "http") == 0;
    if (strcmp(realm.scheme, "https") != 0 && !plain)
        return error_set(err, ERROR_DENIED, "registry %s names token server %s, which is not https",
                         host, realm.host);
    if (with_credentials && !realm_is_trusted(registry, &realm))
        return error_set(err, ERROR_DENIED,
                         "registry %s wants the credentials sent to token server %s, which is not "
                         "of its domain; they are not sent there",
                         host, realm.host);
    return 0;
}

// Whether a challenge's scope asks for nothing beyond ours.
static bool scope_is_covered(const struct registry *registry, enum registry_right right,
                             const char *asked)
{
    cleanup_free char *prefix =
        xasprintf("repository:%s:", registry->repository.reference.repository);
    if (strncmp(asked, prefix, strlen(prefix)) != 0)
        return false;
    const char *ours = actions_of(right);
    for (const char *action = asked + strlen(prefix); *action != '\0';) {
        size_t length = strcspn(action, ",");
        cleanup_free char *name = xstrndup(action, length);
        if (strstr(ours, name) == NULL)
            return false;
        action += length;
        action += *action == ',';
    }
    return true;
}

// What is missing comes first, because some servers read only the first scope.
static void add_scopes(const struct registry *registry, enum registry_right right,
                       const char *asked, const char *separator, struct strbuf *out)
{
    cleanup_free char *own = own_scope(registry, right);
    cleanup_free char *own_escaped = url_escape(own);
    if (asked == NULL || *asked == '\0' || scope_is_covered(registry, right, asked)) {
        strbuf_addstr(out, own_escaped);
        return;
    }
    cleanup_free char *escaped = url_escape(asked);
    strbuf_addf(out, "%s%s%s", escaped, separator, own_escaped);
}

static bool has_proxy(const struct registry *registry)
{
    static const char *const variables[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
                                            "ALL_PROXY"};
    const char *proxy = registry->repository.access.proxy;
    if (proxy != NULL)
        return *proxy != '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(variables); i++)
        if (getenv(variables[i]) != NULL)
            return true;
    return false;
}

// Where a registry sends us on to, for tokens or blobs, is its choice: it may not make us ask this
// machine's own services or a metadata service, whatever its name resolves to. (A proxy resolves it
// where there is one.)
enum http_reach registry_reach_elsewhere(const struct registry *registry)
{
    enum http_reach reach = registry->repository.access.reach;
    bool raise =
        reach == HTTP_REACH_ANY && !url_host_is_local(registry->base.host) && !has_proxy(registry);
    return raise ? HTTP_REACH_NOT_LOCAL : reach;
}

bool registry_is_elsewhere(const struct registry *registry, const char *url)
{
    cleanup_url struct url target = {0};
    return url_parse(url, &target, NULL) == 0 && strcmp(target.host, registry->base.host) != 0;
}

static struct http_request token_request(const struct registry *registry, const char *method,
                                         const char *url)
{
    struct http_request request = registry_request(registry, method, url);
    if (registry_is_elsewhere(registry, url))
        request.reach = registry_reach_elsewhere(registry);
    request.max_body_bytes = MAX_TOKEN_ANSWER;
    request.max_retries = TOKEN_RETRIES;
    request.max_redirects = 0;
    return request;
}

static int ask_by_get(struct registry *registry, const struct oci_challenge *challenge,
                      enum registry_right right, struct http_response *ret_response,
                      struct error *err)
{
    const struct oci_credentials *credentials = &registry->credentials;
    bool with_credentials = credentials->username != NULL;
    const char *realm = oci_challenge_param(challenge, "realm");
    if (check_realm(registry, realm, with_credentials, err) < 0)
        return -1;
    const char *service = oci_challenge_param(challenge, "service");
    cleanup_strbuf struct strbuf url;
    strbuf_init(&url, 16 * 1024);
    strbuf_addf(&url, "%s%c", realm, strchr(realm, '?') != NULL ? '&' : '?');
    if (service != NULL) {
        cleanup_free char *escaped = url_escape(service);
        strbuf_addf(&url, "service=%s&", escaped);
    }
    strbuf_addstr(&url, "scope=");
    add_scopes(registry, right, oci_challenge_param(challenge, "scope"), "&scope=", &url);
    if (strbuf_check(&url, "the address of the token server", err) < 0)
        return -1;
    struct http_request request = token_request(registry, "GET", url.data);
    cleanup_secret char *authorization = with_credentials ? basic_authorization(credentials) : NULL;
    request.authorization = authorization;
    return http_do(registry->client, &request, ret_response, err);
}

// OAuth2 with the refresh token that `docker login` was given.
static int ask_by_post(struct registry *registry, const struct oci_challenge *challenge,
                       enum registry_right right, struct http_response *ret_response,
                       struct error *err)
{
    const char *realm = oci_challenge_param(challenge, "realm");
    if (check_realm(registry, realm, true, err) < 0)
        return -1;
    const char *service = oci_challenge_param(challenge, "service");
    cleanup_free char *escaped_service = url_escape(service != NULL ? service : "");
    cleanup_secret char *escaped_token = url_escape(registry->credentials.identity_token);
    cleanup_strbuf struct strbuf form;
    strbuf_init(&form, MAX_TOKEN * 4);
    strbuf_addf(&form,
                "grant_type=refresh_token&client_id=sealift&service=%s&refresh_token=%s&scope=",
                escaped_service, escaped_token);
    add_scopes(registry, right, oci_challenge_param(challenge, "scope"), "%20", &form);
    if (strbuf_check(&form, "the request to the token server", err) < 0)
        return -1;
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", "application/x-www-form-urlencoded");
    struct http_request request = token_request(registry, "POST", realm);
    request.headers = &headers;
    request.body = form.data;
    request.body_size = form.len;
    int result = http_do(registry->client, &request, ret_response, err);
    explicit_bzero(form.data, form.len);
    return result;
}

// A token goes into a header: visible ASCII only.
static bool token_is_valid(const char *token)
{
    size_t length = strlen(token);
    for (size_t i = 0; i < length; i++)
        if (!isgraph((unsigned char)token[i]))
            return false;
    return length > 0 && length <= MAX_TOKEN;
}

static int read_token(const struct registry *registry, const struct http_response *response,
                      char **ret_authorization, int64_t *ret_lifetime_ms, struct error *err)
{
    cleanup_json json_t *answer = NULL;
    const char *host = registry->repository.reference.host;
    // Without jansson's message, which would quote the answer.
    if (jval_parse_object(response->body.data, response->body.len, "token", &answer, NULL) < 0)
        return error_set(err, ERROR_INVALID, "the token server of %s answered no JSON", host);
    const char *token = jval_string(answer, "token");
    if (token == NULL || *token == '\0')
        token = jval_string(answer, "access_token");
    if (token == NULL || !token_is_valid(token))
        return error_set(err, ERROR_INVALID, "the token server of %s answered no token", host);
    int64_t lifetime = jval_int(answer, "expires_in", DEFAULT_LIFETIME_S);
    if (lifetime < 0 || lifetime > MAX_LIFETIME_S)
        lifetime = lifetime < 0 ? 0 : MAX_LIFETIME_S;
    *ret_lifetime_ms = lifetime * 1000 - LIFETIME_MARGIN_MS;
    *ret_authorization = xasprintf("Bearer %s", token);
    return 0;
}

static int fetch_token(struct registry *registry, const struct oci_challenge *challenge,
                       enum registry_right right, char **ret_authorization,
                       int64_t *ret_lifetime_ms, struct error *err)
{
    const struct oci_credentials *credentials = &registry->credentials;
    cleanup_http_response struct http_response response = {0};
    if (credentials->identity_token != NULL) {
        if (ask_by_post(registry, challenge, right, &response, err) < 0)
            return -1;
        // Older token servers know only GET.
        bool only_get = response.status == 404 || response.status == 405;
        if (only_get && credentials->username != NULL) {
            http_response_release(&response);
            response = (struct http_response){0};
            if (ask_by_get(registry, challenge, right, &response, err) < 0)
                return -1;
        }
    } else if (ask_by_get(registry, challenge, right, &response, err) < 0) {
        return -1;
    }
    if (!registry_is_success(&response)) {
        cleanup_free char *object = registry_object(registry, NULL);
        return registry_status_error(registry, &response, "give a token for", object, err);
    }
    return read_token(registry, &response, ret_authorization, ret_lifetime_ms, err);
}

static int parse_challenges(const struct registry *registry, const struct http_response *response,
                            struct vec *challenges, struct error *err)
{
    vec_foreach (const struct http_header, header, &response->headers)
        if (strcasecmp(header->name, "WWW-Authenticate") == 0 &&
            oci_challenges_parse(header->value, challenges, err) < 0)
            return error_wrap(err, "registry %s", registry->repository.reference.host);
    return 0;
}

static int refuse(struct registry *registry, const struct http_response *response,
                  enum registry_right right, struct error *err)
{
    cleanup_free char *object = registry_object(registry, NULL);
    const char *verb = right == REGISTRY_PULL ? "pull" : right == REGISTRY_PUSH ? "push" : "delete";
    return registry_status_error(registry, response, verb, object, err);
}

int registry_authorize(struct registry *registry, const struct http_response *response,
                       enum registry_right right, char **ret_authorization, struct error *err)
{
    cleanup_vec struct vec challenges = OCI_CHALLENGES;
    if (parse_challenges(registry, response, &challenges, err) < 0)
        return -1;
    const struct oci_challenge *bearer = oci_challenge_find(&challenges, "bearer");
    const struct oci_challenge *basic = oci_challenge_find(&challenges, "basic");
    cleanup_secret char *authorization = NULL;
    int64_t lifetime_ms = 0;
    bool keep = true;
    if (bearer != NULL && oci_challenge_param(bearer, "realm") != NULL) {
        if (fetch_token(registry, bearer, right, &authorization, &lifetime_ms, err) < 0)
            return -1;
        // One that is too short-lived to keep still serves this request.
        keep = lifetime_ms > 0;
    } else if (basic != NULL && registry->credentials.username != NULL) {
        authorization = basic_authorization(&registry->credentials);
    } else {
        return refuse(registry, response, right, err);
    }
    cleanup_free char *key = cache_key(registry, right);
    if (keep)
        token_cache_put(registry->tokens, key, authorization, lifetime_ms);
    *ret_authorization = STEAL(authorization);
    return 0;
}
