// A registry as a repository. Format: OCI distribution-spec 1.1.
//
// A request goes out with the authorization that is known; a 401 leads to the token server once,
// and the request goes out again. What is read by digest is compared with it by repository.c.
#include "oci/registry_internal.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/cloud_login.h"
#include "oci/link.h"
#include "oci/warnings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    READ_RETRIES = 3,
    HASTY_CONNECT_MS = 3000,
    TAG_PAGE = 1000,
    MAX_PAGES = 100,
    MAX_TAG_PAGE = 4 << 20,
};

static const char accept_manifests[] = OCI_MEDIA_MANIFEST
    ", " OCI_MEDIA_INDEX ", " OCI_MEDIA_DOCKER_MANIFEST ", " OCI_MEDIA_DOCKER_LIST;

char *registry_url(const struct registry *registry, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *rest = xvasprintf(format, args);
    va_end(args);
    return xasprintf("%s/v2/%s/%s", registry->base_url, registry->repository.reference.repository,
                     rest);
}

struct http_request registry_request(const struct registry *registry, const char *method,
                                     const char *url)
{
    const struct oci_access *access = &registry->repository.access;
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    int64_t left_ms = 0;
    if (access->deadline_mono_ms > 0) {
        left_ms = access->deadline_mono_ms - clock_mono_ms(clock_system());
        left_ms = left_ms > 1 ? left_ms : 1;
    }
    return (struct http_request){
        .method = method,
        .url = url,
        .tls = &access->tls,
        .proxy = access->proxy,
        .reach = access->reach,
        .reach_elsewhere = registry_reach_elsewhere(registry),
        .deadline_ms = left_ms,
        .max_retries = reads && !registry->hasty ? READ_RETRIES : 0,
        .connect_timeout_ms = registry->hasty ? HASTY_CONNECT_MS : 0,
        .cancel = access->cancel,
    };
}

bool registry_answered(const struct registry *registry, const struct http_response *response)
{
    cleanup_url struct url last = {0};
    return response->url != NULL && url_parse(response->url, &last, NULL) == 0 &&
           url_same_origin(&last, &registry->base);
}

void registry_heed(const struct registry *registry, const struct http_response *response)
{
    const struct oci_access *access = &registry->repository.access;
    if (access->warnings == NULL || http_headers_get(&response->headers, "Warning") == NULL ||
        !registry_answered(registry, response))
        return;
    vec_foreach (const struct http_header, header, &response->headers)
        if (strcasecmp(header->name, "Warning") == 0)
            oci_warnings_take(access->warnings, registry->repository.reference.host, header->value);
}

static int send_once(struct registry *registry, const struct http_request *request,
                     struct http_response *ret_response, struct error *err)
{
    if (http_do(registry->client, request, ret_response, err) < 0)
        return error_wrap(err, "registry %s", registry->repository.reference.host);
    registry_heed(registry, ret_response);
    return 0;
}

int registry_send(struct registry *registry, struct http_request *request,
                  enum registry_right right, struct http_response *ret_response, struct error *err)
{
    if (registry_take_ahead(registry, request, ret_response))
        return 0;
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        registry_forget_ahead(registry);
    cleanup_secret char *known = registry_known_authorization(registry, right);
    cleanup_http_response struct http_response response = {0};
    request->authorization = known;
    int result = send_once(registry, request, &response, err);
    request->authorization = NULL;
    if (result < 0)
        return -1;
    if (response.status == 401 && registry_answered(registry, &response)) {
        registry_forget_authorization(registry, right);
        cleanup_secret char *fresh = NULL;
        if (registry_authorize(registry, &response, right, &fresh, err) < 0)
            return -1;
        http_response_release(&response);
        response = (struct http_response){0};
        request->authorization = fresh;
        result = send_once(registry, request, &response, err);
        request->authorization = NULL;
        if (result < 0)
            return -1;
        if (response.status == 401)
            registry_forget_authorization(registry, right);
    }
    *ret_response = response;
    response = (struct http_response){0};
    return 0;
}

void registry_manifest_call(const struct registry *registry, struct registry_call *call,
                            const char *method, const char *tag_or_digest)
{
    registry_call_init(registry, call, method,
                       registry_url(registry, "manifests/%s", tag_or_digest));
    http_headers_add(&call->headers, "Accept", accept_manifests);
    call->request.max_body_bytes = OCI_MAX_MANIFEST_BYTES;
    call->request.max_redirects = REGISTRY_BLOB_REDIRECTS;
}

// One call, its answer or error.
static int send_call(struct registry *registry, struct registry_call *call,
                     struct http_response *ret_response, struct error *err)
{
    int result =
        registry_send(registry, &call->request, registry_read_right(registry), ret_response, err);
    registry_calls_release(call, 1);
    return result;
}

int registry_fetch_manifest(struct registry *registry, const char *tag_or_digest,
                            struct http_response *ret_response, struct error *err)
{
    struct registry_call *call = xcalloc(1, sizeof *call);
    registry_manifest_call(registry, call, "GET", tag_or_digest);
    return send_call(registry, call, ret_response, err);
}

static char *bare_content_type(const struct http_response *response)
{
    const char *value = http_headers_get(&response->headers, "Content-Type");
    return value != NULL ? xstrndup(value, strcspn(value, "; \t")) : NULL;
}

static int registry_get_manifest(struct oci_repository *repository, const char *digest,
                                 char **ret_data, size_t *ret_size, char **ret_content_type,
                                 struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_http_response struct http_response response = {0};
    cleanup_free char *object = registry_object(registry, digest);
    if (registry_fetch_manifest(registry, digest, &response, err) < 0)
        return error_wrap(err, "pull %s", object);
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "pull", object, err);
    *ret_content_type = bare_content_type(&response);
    *ret_size = response.body.len;
    *ret_data = strbuf_steal(&response.body);
    return 0;
}

// Where the header is missing, the manifest itself tells; a digest from here on is only a name for
// bytes that will be compared with it.
static int resolve_by_get(struct registry *registry, const char *tag_or_digest,
                          struct oci_descriptor *ret_descriptor, struct error *err)
{
    cleanup_http_response struct http_response response = {0};
    cleanup_free char *object = registry_object(registry, tag_or_digest);
    if (registry_fetch_manifest(registry, tag_or_digest, &response, err) < 0)
        return error_wrap(err, "resolve %s", object);
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "resolve", object, err);
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *type = bare_content_type(&response);
    if (oci_manifest_parse(response.body.data, response.body.len, type, &manifest, err) < 0)
        return error_wrap(err, "registry %s: %s", registry->repository.reference.host, object);
    *ret_descriptor = oci_descriptor_of(manifest.media_type, response.body.data, response.body.len);
    return 0;
}

// From the headers of a HEAD; -1 when they do not tell everything.
static int read_head(const struct http_response *response, struct oci_descriptor *ret_descriptor)
{
    const char *digest = http_headers_get(&response->headers, "Docker-Content-Digest");
    const char *length = http_headers_get(&response->headers, "Content-Length");
    const char *type = http_headers_get(&response->headers, "Content-Type");
    if (digest == NULL || !digest_is_valid(digest) || type == NULL || length == NULL ||
        strspn(length, "0123456789") != strlen(length) || strlen(length) == 0 ||
        strlen(length) > 15)
        return -1;
    struct oci_descriptor descriptor = {.media_type = bare_content_type(response),
                                        .size = strtoll(length, NULL, 10)};
    memcpy(descriptor.digest.text, digest, sizeof descriptor.digest.text);
    *ret_descriptor = descriptor;
    return 0;
}

static int registry_resolve(struct oci_repository *repository, const char *tag_or_digest,
                            struct oci_descriptor *ret_descriptor, struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_free char *object = registry_object(registry, tag_or_digest);
    struct registry_call *call = xcalloc(1, sizeof *call);
    registry_manifest_call(registry, call, "HEAD", tag_or_digest);
    cleanup_http_response struct http_response response = {0};
    if (send_call(registry, call, &response, err) < 0)
        return error_wrap(err, "resolve %s", object);
    // The answer to a HEAD has no body, and so not the reason of a refusal.
    bool ask_again = response.status == 403 || response.status == 405;
    if (!registry_is_success(&response) && !ask_again)
        return registry_status_error(registry, &response, "resolve", object, err);
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    if (ask_again || read_head(&response, &descriptor) < 0)
        return resolve_by_get(registry, tag_or_digest, ret_descriptor, err);
    if (digest_is_valid(tag_or_digest) && strcmp(tag_or_digest, descriptor.digest.text) != 0)
        return error_set(err, ERROR_UNVERIFIED, "registry %s answers %s for %s",
                         repository->reference.host, descriptor.digest.text, object);
    *ret_descriptor = descriptor;
    descriptor = (struct oci_descriptor){0};
    return 0;
}

static void blob_call(const struct registry *registry, struct registry_call *call,
                      const struct oci_descriptor *descriptor)
{
    registry_call_init(registry, call, "GET",
                       registry_url(registry, "blobs/%s", descriptor->digest.text));
    // Stops while streaming at the first byte too many; an error's sentence must fit, too.
    call->request.max_body_bytes = (size_t)descriptor->size;
    if (call->request.max_body_bytes < REGISTRY_MAX_ERROR)
        call->request.max_body_bytes = REGISTRY_MAX_ERROR;
    call->request.max_redirects = REGISTRY_BLOB_REDIRECTS;
}

static void registry_read_ahead(struct oci_repository *repository, const struct oci_ahead *ahead)
{
    struct registry *registry = registry_of(repository);
    size_t n = 0;
    struct registry_call *calls = xcalloc(
        ARRAY_LENGTH(ahead->tags) + 1 + ahead->manifests->len + ahead->blobs->len, sizeof *calls);
    for (size_t i = 0; i < ARRAY_LENGTH(ahead->tags); i++)
        if (ahead->tags[i] != NULL)
            registry_manifest_call(registry, &calls[n++], "HEAD", ahead->tags[i]);
    if (ahead->referrers != NULL)
        registry_referrers_call(registry, &calls[n++], ahead->referrers);
    vec_foreach (const struct oci_descriptor *, descriptor, ahead->manifests)
        registry_manifest_call(registry, &calls[n++], "GET", (*descriptor)->digest.text);
    vec_foreach (const struct oci_descriptor *, descriptor, ahead->blobs)
        blob_call(registry, &calls[n++], *descriptor);
    // Whoever reads it tries again.
    for (size_t i = 0; i < n; i++)
        calls[i].request.max_retries = 0;
    registry_ask_ahead(registry, calls, n);
}

static int registry_has_blob(struct oci_repository *repository, const char *digest, bool *ret_has,
                             struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_free char *url = registry_url(registry, "blobs/%s", digest);
    struct http_request request = registry_request(registry, "HEAD", url);
    request.max_redirects = REGISTRY_BLOB_REDIRECTS;
    cleanup_http_response struct http_response response = {0};
    if (registry_send(registry, &request, registry_read_right(registry), &response, err) < 0)
        return -1;
    // Whoever may write but not read, or neither, is told by the upload, with the reason.
    bool unknown = repository->access.push && response.status == 403;
    if (!registry_is_success(&response) && response.status != 404 && !unknown) {
        cleanup_free char *object = registry_object(registry, NULL);
        const char *verb = repository->access.push ? "push" : "pull";
        return registry_status_error(registry, &response, verb, object, err);
    }
    *ret_has = registry_is_success(&response);
    return 0;
}

// The URL of the next page; NULL at the end. A page on another origin is refused: it would be asked
// with our token.
static int next_page(const struct registry *registry, const char *url,
                     const struct http_response *response, char **ret_url, struct error *err)
{
    const char *link = http_headers_get(&response->headers, "Link");
    cleanup_free char *target = link != NULL ? oci_link_next(link) : NULL;
    *ret_url = NULL;
    if (target == NULL)
        return 0;
    cleanup_free char *absolute = NULL;
    cleanup_url struct url parsed = {0};
    if (url_resolve(url, target, &absolute, err) < 0 || url_parse(absolute, &parsed, err) < 0)
        return error_wrap(err, "registry %s: the address of the next page",
                          registry->repository.reference.host);
    if (!url_same_origin(&parsed, &registry->base))
        return error_set(err, ERROR_INVALID, "registry %s sends on to another host for a list",
                         registry->repository.reference.host);
    *ret_url = STEAL(absolute);
    return 0;
}

int registry_pages(struct registry *registry, const char *url, size_t max_bytes,
                   int (*take_page)(void *arg, const struct http_response *response,
                                    struct error *err),
                   void *arg, struct error *err)
{
    cleanup_free char *current = xstrdup(url);
    for (int page = 0; page < MAX_PAGES && current != NULL; page++) {
        struct http_request request = registry_request(registry, "GET", current);
        request.max_body_bytes = max_bytes;
        cleanup_http_response struct http_response response = {0};
        if (registry_send(registry, &request, registry_read_right(registry), &response, err) < 0)
            return -1;
        int more = take_page(arg, &response, err);
        if (more <= 0)
            return more;
        char *next = NULL;
        if (next_page(registry, current, &response, &next, err) < 0)
            return -1;
        free(current);
        current = next;
    }
    if (current != NULL)
        return error_set(err, ERROR_LIMIT, "registry %s: a list has more than %d pages",
                         registry->repository.reference.host, MAX_PAGES);
    return 0;
}

struct tag_list {
    const struct registry *registry;
    struct vec *tags;
};

static int take_tags(void *arg, const struct http_response *response, struct error *err)
{
    struct tag_list *list = arg;
    cleanup_free char *object = registry_object(list->registry, NULL);
    if (!registry_is_success(response))
        return registry_status_error(list->registry, response, "list the tags of", object, err);
    cleanup_json json_t *page = NULL;
    if (jval_parse_object(response->body.data, response->body.len, "the list of tags", &page, err) <
        0)
        return error_wrap(err, "registry %s", list->registry->repository.reference.host);
    // "tags": null is what some registries say for none.
    const json_t *tags = json_object_get(page, "tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (list->tags->len >= OCI_MAX_TAGS)
            return 0;
        if (tag != NULL && oci_tag_is_valid(tag))
            vec_push_string(list->tags, tag);
    }
    return 1;
}

static int registry_list_tags(struct oci_repository *repository, struct vec *tags,
                              struct error *err)
{
    struct registry *registry = registry_of(repository);
    struct tag_list list = {.registry = registry, .tags = tags};
    cleanup_free char *url = registry_url(registry, "tags/list?n=%d", TAG_PAGE);
    return registry_pages(registry, url, MAX_TAG_PAGE, take_tags, &list, err);
}

static int registry_delete_manifest(struct oci_repository *repository, const char *digest,
                                    const struct oci_manifest *manifest, struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_free char *url = registry_url(registry, "manifests/%s", digest);
    cleanup_free char *object = registry_object(registry, digest);
    struct http_request request = registry_request(registry, "DELETE", url);
    cleanup_http_response struct http_response response = {0};
    if (registry_send(registry, &request, REGISTRY_DELETE, &response, err) < 0)
        return error_wrap(err, "delete %s", object);
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "delete", object, err);
    if (manifest->subject == NULL)
        return 0;
    return registry_unlist_referrer(registry, manifest->subject->digest.text, digest, err);
}

// Frees all of it but the struct.
static void registry_release(struct registry *registry)
{
    registry_forget_ahead(registry);
    free(registry->base_url);
    url_release(&registry->base);
    oci_credentials_release(&registry->credentials);
    http_client_free(registry->own_client);
    oci_token_cache_free(registry->own_tokens);
    vec_free(&registry->seen);
}

static void registry_close(struct oci_repository *repository)
{
    registry_release(registry_of(repository));
}

static const struct oci_repository_ops registry_ops = {
    .resolve = registry_resolve,
    .get_manifest = registry_get_manifest,
    .get_blob = registry_get_blob,
    .has_blob = registry_has_blob,
    .mount_blob = registry_mount_blob,
    .put_blob = registry_put_blob,
    .put_manifest = registry_put_manifest,
    .referrers = registry_referrers,
    .list_tags = registry_list_tags,
    .delete_manifest = registry_delete_manifest,
    .commit = registry_commit,
    .read_ahead = registry_read_ahead,
    .close = registry_close,
};

// Plain HTTP without being asked only where nobody else can listen.
static bool is_plain(const struct oci_reference *reference, const struct oci_access *access)
{
    const char *host = reference->host;
    const char *colon = strrchr(host, ':');
    bool has_port = colon != NULL && host[strlen(host) - 1] != ']';
    cleanup_free char *name = xstrndup(host, has_port ? (size_t)(colon - host) : strlen(host));
    bool assumed = url_host_is_local(name) && access->tls.ca_pem == NULL && !access->secure;
    return access->insecure || assumed;
}

static int load_credentials(struct registry *registry, const struct oci_reference *reference,
                            const struct oci_access *access, struct error *err)
{
    struct oci_credentials *credentials = &registry->credentials;
    if (access->username != NULL) {
        credentials->username = xstrdup(access->username);
        credentials->password = xstrdup(access->password != NULL ? access->password : "");
        return 0;
    }
    const struct oci_helpers helpers = {.answers = registry->tokens, .cancel = access->cancel};
    if (access->docker_config != NULL &&
        oci_credentials_find(access->docker_config, reference->host, reference->repository,
                             access->run_helpers ? &helpers : NULL, credentials, err) < 0)
        return -1;
    if (!access->cloud_login || !oci_credentials_are_empty(credentials) ||
        !cloud_login_covers(reference->host))
        return 0;
    const struct cloud_way way = {.base_url = registry->base_url,
                                  .client = registry->client,
                                  .proxy = access->proxy,
                                  .answers = registry->tokens,
                                  .cancel = access->cancel};
    return cloud_login(reference->host, &way, credentials, err);
}

int oci_registry_new(const struct oci_reference *reference, const struct oci_access *access,
                     struct oci_repository **ret_repository, struct error *err)
{
    bool hub = strcmp(reference->host, "index.docker.io") == 0;
    struct registry *registry = xcalloc(1, sizeof *registry);
    registry->repository.ops = &registry_ops;
    registry->seen = VEC_OF(struct digest, NULL);
    registry->base_url = xasprintf("%s://%s", is_plain(reference, access) ? "http" : "https",
                                   hub ? "registry-1.docker.io" : reference->host);
    if (access->client == NULL)
        registry->own_client = http_client_new();
    if (access->tokens == NULL)
        registry->own_tokens = oci_token_cache_new();
    registry->client = access->client != NULL ? access->client : registry->own_client;
    registry->tokens = access->tokens != NULL ? access->tokens : registry->own_tokens;
    if (url_parse(registry->base_url, &registry->base, err) < 0 ||
        load_credentials(registry, reference, access, err) < 0) {
        registry_release(registry);
        free(registry);
        return error_wrap(err, "registry %s", reference->host);
    }
    *ret_repository = &registry->repository;
    return 0;
}

void oci_registry_be_hasty(struct oci_repository *repository)
{
    registry_of(repository)->hasty = true;
}
