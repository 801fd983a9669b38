// Who refers to a manifest. Format: distribution-spec 1.1, "Listing Referrers" and "Unavailable
// Referrers API".
//
// Registries that know the API list referrers themselves. For all others clients keep an index
// under the tag sha256-<hex> of the subject: read, changed, written back, and read again, because
// two clients that write at once lose one change.
#include "base/backoff.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_PAGE = OCI_MAX_MANIFEST_BYTES,
    EDIT_TRIES = 6,
    EDIT_FIRST_DELAY_MS = 20,
    EDIT_MAX_DELAY_MS = 500,
};

struct referrer_list {
    const struct registry *registry;
    struct vec *descriptors;
    bool no_api;
};

static bool is_known(const struct vec *descriptors, const char *digest)
{
    vec_foreach (const struct oci_descriptor, known, descriptors)
        if (strcmp(known->digest.text, digest) == 0)
            return true;
    return false;
}

// Entries that make no sense are passed over: they could hide nothing that a registry cannot leave
// out anyway, and one of them must not hide the others.
static int add_entries(const struct referrer_list *list, const char *data, size_t size,
                       struct error *err)
{
    cleanup_json json_t *index = NULL;
    const char *host = list->registry->repository.reference.host;
    if (jval_parse_object(data, size, "the list of referrers", &index, err) < 0)
        return error_wrap(err, "registry %s", host);
    const json_t *manifests = json_object_get(index, "manifests");
    if (!json_is_array(manifests) && !json_is_null(manifests))
        return error_set(err, ERROR_INVALID, "registry %s: the list of referrers is no index",
                         host);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        if (list->descriptors->len >= OCI_MAX_REFERRERS)
            return 0;
        cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
        if (oci_descriptor_parse(json_array_get(manifests, i), "a referrer", &descriptor, NULL) <
                0 ||
            is_known(list->descriptors, descriptor.digest.text))
            continue;
        *(struct oci_descriptor *)vec_push(list->descriptors) = descriptor;
        descriptor = (struct oci_descriptor){0};
    }
    return 1;
}

static bool is_index(const struct http_response *response)
{
    const char *type = http_headers_get(&response->headers, "Content-Type");
    return type != NULL && strlen(OCI_MEDIA_INDEX) == strcspn(type, "; \t") &&
           strncmp(type, OCI_MEDIA_INDEX, strlen(OCI_MEDIA_INDEX)) == 0;
}

static int take_page(void *arg, const struct http_response *response, struct error *err)
{
    struct referrer_list *list = arg;
    int status = response->status;
    // As go-containerregistry decides that there is no such API; HTML with 200 is a web page.
    if (status == 404 || status == 400 || status == 405 || status == 406 ||
        (status == 200 && !is_index(response))) {
        list->no_api = true;
        return 0;
    }
    if (!registry_is_success(response)) {
        cleanup_free char *object = registry_object(list->registry, NULL);
        return registry_status_error(list->registry, response, "list the referrers in", object,
                                     err);
    }
    return add_entries(list, response->body.data, response->body.len, err);
}

static int read_fallback(struct registry *registry, const char *subject,
                         struct http_response *ret_response, struct error *err)
{
    cleanup_free char *tag = oci_derived_tag(subject, "");
    cleanup_http_response struct http_response response = {0};
    if (registry_fetch_manifest(registry, tag, &response, err) < 0)
        return -1;
    if (!registry_is_success(&response) && response.status != 404) {
        cleanup_free char *object = registry_object(registry, tag);
        return registry_status_error(registry, &response, "list the referrers in", object, err);
    }
    *ret_response = response;
    response = (struct http_response){0};
    return 0;
}

void registry_referrers_call(const struct registry *registry, struct registry_call *call,
                             const char *digest)
{
    registry_call_init(registry, call, "GET", registry_url(registry, "referrers/%s", digest));
    call->request.max_body_bytes = MAX_PAGE;
}

int registry_referrers(struct oci_repository *repository, const char *digest,
                       struct vec *descriptors, struct error *err)
{
    struct registry *registry = registry_of(repository);
    struct referrer_list list = {.registry = registry, .descriptors = descriptors};
    cleanup_free char *url = registry_url(registry, "referrers/%s", digest);
    if (registry_pages(registry, url, MAX_PAGE, take_page, &list, err) < 0)
        return -1;
    if (!list.no_api)
        return 0;
    cleanup_http_response struct http_response response = {0};
    if (read_fallback(registry, digest, &response, err) < 0)
        return -1;
    if (response.status == 404)
        return 0;
    return add_entries(&list, response.body.data, response.body.len, err) < 0 ? -1 : 0;
}

// The index behind the fallback tag, or an empty one. *ret_etag is NULL when the registry gives
// none.
static int fetch_index(struct registry *registry, const char *subject, json_t **ret_index,
                       char **ret_etag, bool *ret_exists, struct error *err)
{
    cleanup_http_response struct http_response response = {0};
    if (read_fallback(registry, subject, &response, err) < 0)
        return -1;
    cleanup_json json_t *index = NULL;
    if (response.status == 404) {
        index = json_object();
        jval_set_int(index, "schemaVersion", 2);
        jval_set_string(index, "mediaType", OCI_MEDIA_INDEX);
        jval_set(index, "manifests", json_array());
    } else if (jval_parse_object(response.body.data, response.body.len, "the list of referrers",
                                 &index, err) < 0 ||
               jval_array(index, "manifests") == NULL) {
        cleanup_free char *tag = oci_derived_tag(subject, "");
        return error_set(err, ERROR_INVALID,
                         "registry %s: tag %s should be an index of referrers, but is none; remove "
                         "it",
                         registry->repository.reference.host, tag);
    }
    const char *etag = http_headers_get(&response.headers, "ETag");
    *ret_exists = response.status != 404;
    *ret_etag = *ret_exists ? xstrdup_or_null(etag) : NULL;
    *ret_index = STEAL(index);
    return 0;
}

static bool index_lists(const json_t *index, const char *digest, size_t *ret_at)
{
    const json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const char *own = jval_string(json_array_get(manifests, i), "digest");
        if (own != NULL && strcmp(own, digest) == 0) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

// One change of a list.
struct edit {
    const char *subject;
    const struct vec *add; // struct oci_descriptor, or NULL
    const char *remove;    // a digest, or NULL
};

static int add_to_index(const struct edit *edit, json_t *index, bool *ret_changed,
                        struct error *err)
{
    json_t *manifests = json_object_get(index, "manifests");
    vec_foreach (const struct oci_descriptor, entry, edit->add) {
        size_t at;
        if (index_lists(index, entry->digest.text, &at))
            continue;
        if (json_array_size(manifests) >= OCI_MAX_REFERRERS)
            return error_set(err, ERROR_LIMIT,
                             "%s has %d referrers already, which is as many as are looked at; "
                             "delete old ones",
                             edit->subject, OCI_MAX_REFERRERS);
        json_array_append_new(manifests, oci_descriptor_json(entry));
        *ret_changed = true;
    }
    return 0;
}

// 1 when the index was changed and sent, 0 when nothing was left to do, -1 on error (CONFLICT: read
// again).
static int edit_once(struct registry *registry, const struct edit *edit, struct error *err)
{
    cleanup_json json_t *index = NULL;
    cleanup_free char *etag = NULL;
    bool exists = false, changed = false;
    size_t at = 0;
    if (fetch_index(registry, edit->subject, &index, &etag, &exists, err) < 0)
        return -1;
    if (edit->remove != NULL && index_lists(index, edit->remove, &at)) {
        json_array_remove(json_object_get(index, "manifests"), at);
        changed = true;
    }
    if (edit->add != NULL && add_to_index(edit, index, &changed, err) < 0)
        return -1;
    if (!changed)
        return 0;
    cleanup_free char *bytes = jval_compact(index);
    cleanup_free char *tag = oci_derived_tag(edit->subject, "");
    cleanup_http_response struct http_response response = {0};
    if (registry_send_manifest(registry, OCI_MEDIA_INDEX, bytes, strlen(bytes), tag, etag,
                               &response, err) < 0)
        return -1;
    if (!registry_is_success(&response)) {
        cleanup_free char *object = registry_object(registry, tag);
        return registry_status_error(registry, &response, "push", object, err);
    }
    return 1;
}

static void pause_ms(int64_t ms)
{
    struct timespec delay = {.tv_nsec = ms * 1000 * 1000};
    nanosleep(&delay, NULL);
}

static int edit_list(struct registry *registry, const struct edit *edit, struct error *err)
{
    struct backoff backoff = {.first_ms = EDIT_FIRST_DELAY_MS, .max_ms = EDIT_MAX_DELAY_MS};
    for (int try = 0; try < EDIT_TRIES; try++) {
        if (cancel_check(registry->repository.access.cancel, err) < 0)
            return -1;
        cleanup_error struct error cause = {0};
        // The round after a write reads what became of it.
        int result = edit_once(registry, edit, &cause);
        if (result == 0)
            return 0;
        if (result < 0 && cause.code != ERROR_CONFLICT)
            return error_move(err, &cause);
        if (result < 0)
            pause_ms(backoff_next(&backoff, 0));
    }
    return error_set(err, ERROR_CONFLICT,
                     "registry %s: others kept changing the list of referrers of %s; try again",
                     registry->repository.reference.host, edit->subject);
}

int registry_list_referrers(struct registry *registry, const char *subject,
                            const struct vec *entries, struct error *err)
{
    const struct edit edit = {.subject = subject, .add = entries};
    return edit_list(registry, &edit, err);
}

int registry_unlist_referrer(struct registry *registry, const char *subject, const char *digest,
                             struct error *err)
{
    const struct edit edit = {.subject = subject, .remove = digest};
    return edit_list(registry, &edit, err);
}
