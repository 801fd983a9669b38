// From a request to what goes over the wire: path, query, headers, body.
#include "base/jval.h"
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { URL_MAX_BYTES = 32 * 1024 };

static const char ACCEPT_WHOLE[] = "application/json";
static const char ACCEPT_METADATA[] =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
static const char ACCEPT_METADATA_LIST[] =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static void add_segment(struct strbuf *path, const char *text)
{
    cleanup_free char *escaped = url_escape(text);
    strbuf_addf(path, "/%s", escaped);
}

static void add_path(struct strbuf *path, const struct kube_ref *ref)
{
    strbuf_addstr(path, is_set(ref->group) ? "/apis" : "/api");
    if (is_set(ref->group))
        add_segment(path, ref->group);
    add_segment(path, ref->version != NULL ? ref->version : "");
    if (is_set(ref->namespace_)) {
        strbuf_addstr(path, "/namespaces");
        add_segment(path, ref->namespace_);
    }
    add_segment(path, ref->plural != NULL ? ref->plural : "");
    if (is_set(ref->name))
        add_segment(path, ref->name);
    if (is_set(ref->subresource))
        add_segment(path, ref->subresource);
}

char *kube_ref_path(const struct kube_ref *ref)
{
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, URL_MAX_BYTES);
    add_path(&path, ref);
    return strbuf_steal(&path);
}

char *kube_request_name(const struct kube_request *request)
{
    const struct kube_ref *ref = &request->ref;
    if (request->path != NULL)
        return xstrndup(request->path, strcspn(request->path, "?"));
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, URL_MAX_BYTES);
    strbuf_addf(&name, "%s%s%s", ref->plural != NULL ? ref->plural : "",
                is_set(ref->group) ? "." : "", is_set(ref->group) ? ref->group : "");
    if (is_set(ref->name))
        strbuf_addf(&name, " %s%s%s", is_set(ref->namespace_) ? ref->namespace_ : "",
                    is_set(ref->namespace_) ? "/" : "", ref->name);
    else if (is_set(ref->namespace_))
        strbuf_addf(&name, " in namespace %s", ref->namespace_);
    return strbuf_steal(&name);
}

int kube_ref_of(const json_t *object, const char *plural, struct kube_ref *ret_ref,
                char **ret_group_version, struct error *err)
{
    const char *api_version = jval_string(object, "apiVersion");
    const char *name = jval_string(object, "metadata.name");
    if (api_version == NULL || strchr(api_version, '/') != strrchr(api_version, '/'))
        return error_set(err, ERROR_INVALID, "the object has no apiVersion like apps/v1");
    char *copy = xstrdup(api_version);
    char *slash = strchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    *ret_group_version = copy;
    *ret_ref = (struct kube_ref){.group = slash != NULL ? copy : "",
                                 .version = slash != NULL ? slash + 1 : copy,
                                 .plural = plural,
                                 .namespace_ = jval_string(object, "metadata.namespace"),
                                 .name = name};
    return 0;
}

static void add_query(struct strbuf *url, const char *name, const char *value)
{
    if (!is_set(value))
        return;
    cleanup_free char *escaped = url_escape(value);
    strbuf_addf(url, "%c%s=%s", strchr(url->data, '?') == NULL ? '?' : '&', name, escaped);
}

static void add_list_query(struct strbuf *url, const struct kube_request *request)
{
    char limit[16];
    snprintf(limit, sizeof limit, "%u", request->limit);
    add_query(url, "limit", request->limit > 0 ? limit : NULL);
    add_query(url, "continue", request->continue_token);
    add_query(url, "labelSelector", request->label_selector);
    add_query(url, "fieldSelector", request->field_selector);
    add_query(url, "resourceVersion", request->resource_version);
    add_query(url, "resourceVersionMatch", request->resource_version_match);
}

static void add_write_query(struct strbuf *url, const struct kube_request *request)
{
    const char *manager = request->field_manager;
    if (request->verb == KUBE_APPLY) {
        manager = manager != NULL ? manager : "sealift";
        add_query(url, "force", request->force ? "true" : "false");
    }
    if (request->verb == KUBE_DELETE) // all its options are in the body, the query is not looked at
        return;
    add_query(url, "fieldManager", manager);
    add_query(url, "fieldValidation", request->field_validation);
    add_query(url, "dryRun", request->dry_run ? "All" : NULL);
}

static const char *method_of(enum kube_verb verb)
{
    switch (verb) {
    case KUBE_CREATE:
        return "POST";
    case KUBE_UPDATE:
        return "PUT";
    case KUBE_MERGE:
    case KUBE_JSON_PATCH:
    case KUBE_APPLY:
        return "PATCH";
    case KUBE_DELETE:
        return "DELETE";
    case KUBE_GET:
    case KUBE_LIST:
        break;
    }
    return "GET";
}

static const char *content_type_of(enum kube_verb verb)
{
    switch (verb) {
    case KUBE_MERGE:
        return "application/merge-patch+json";
    case KUBE_JSON_PATCH:
        return "application/json-patch+json";
    case KUBE_APPLY:
        return "application/apply-patch+yaml";
    case KUBE_CREATE:
    case KUBE_UPDATE:
    case KUBE_DELETE:
    case KUBE_GET:
    case KUBE_LIST:
        break;
    }
    return "application/json";
}

static int build_url(const struct kube_client *client, const struct kube_request *request,
                     char **ret_url, struct error *err)
{
    cleanup_strbuf struct strbuf url;
    strbuf_init(&url, URL_MAX_BYTES);
    strbuf_addstr(&url, client->base);
    if (request->path != NULL)
        strbuf_addstr(&url, request->path);
    else
        add_path(&url, &request->ref);
    if (request->verb == KUBE_LIST)
        add_list_query(&url, request);
    else if (request->verb == KUBE_GET)
        add_query(&url, "resourceVersion", request->resource_version);
    else
        add_write_query(&url, request);
    if (strbuf_check(&url, "the URL of a request", err) < 0)
        return -1;
    *ret_url = strbuf_steal(&url);
    return 0;
}

static void add_extra(struct vec *headers, const json_t *extra)
{
    const char *key;
    json_t *values;
    jval_foreach (extra, key, values) {
        // Header names have no case, so keys are lower case; what a name cannot hold is escaped.
        cleanup_free char *escaped = url_escape(key);
        cleanup_free char *name = xasprintf("Impersonate-Extra-%s", escaped);
        size_t i;
        json_t *value;
        json_array_foreach (values, i, value) {
            if (json_is_string(value))
                http_headers_add(headers, name, json_string_value(value));
        }
    }
}

static void add_impersonation(struct vec *headers, const struct kube_client *client,
                              const struct kube_request *request)
{
    const struct kube_config *config = &client->config;
    struct kube_impersonation as = {config->as_user, config->as_uid, &config->as_groups,
                                    config->as_extra};
    if (request->as != NULL)
        as = *request->as;
    if (!is_set(as.user))
        return;
    http_headers_add(headers, "Impersonate-User", as.user);
    if (is_set(as.uid))
        http_headers_add(headers, "Impersonate-Uid", as.uid);
    if (as.groups != NULL) {
        vec_foreach (char *, group, as.groups)
            http_headers_add(headers, "Impersonate-Group", *group);
    }
    add_extra(headers, as.extra);
}

static void add_headers(struct vec *headers, const struct kube_client *client,
                        const struct kube_request *request, bool has_body)
{
    const char *accept = ACCEPT_WHOLE;
    if (request->accept_header != NULL)
        accept = request->accept_header;
    else if (request->accept == KUBE_METADATA)
        accept = request->verb == KUBE_LIST ? ACCEPT_METADATA_LIST : ACCEPT_METADATA;
    http_headers_add(headers, "Accept", accept);
    if (has_body)
        http_headers_add(headers, "Content-Type", content_type_of(request->verb));
    if (request->if_none_match != NULL)
        http_headers_add(headers, "If-None-Match", request->if_none_match);
    if (client->user_agent != NULL)
        http_headers_add(headers, "User-Agent", client->user_agent);
    if (client->host != NULL)
        http_headers_add(headers, "Host", client->host);
    add_impersonation(headers, client, request);
}

static char *delete_options(const struct kube_request *request)
{
    cleanup_json json_t *options =
        json_pack("{s:s, s:s}", "apiVersion", "v1", "kind", "DeleteOptions");
    if (is_set(request->propagation))
        jval_set_string(options, "propagationPolicy", request->propagation);
    if (is_set(request->if_uid))
        jval_set_string(options, "preconditions.uid", request->if_uid);
    if (is_set(request->if_resource_version))
        jval_set_string(options, "preconditions.resourceVersion", request->if_resource_version);
    if (request->dry_run)
        jval_set(options, "dryRun", json_pack("[s]", "All"));
    return jval_compact(options);
}

int kube_wire_build(const struct kube_client *client, const struct kube_request *request,
                    struct kube_wire *ret_wire, struct error *err)
{
    struct kube_wire wire = {.method = method_of(request->verb), .headers = HTTP_HEADERS};
    if (build_url(client, request, &wire.url, err) < 0)
        return -1;
    if (request->verb != KUBE_DELETE && request->object == NULL && request->bytes != NULL) {
        wire.body = xmemdup(request->bytes, request->size);
        wire.body_size = request->size;
    } else if (request->verb == KUBE_DELETE || request->object != NULL) {
        wire.body =
            request->verb == KUBE_DELETE ? delete_options(request) : jval_compact(request->object);
        wire.body_size = strlen(wire.body);
    }
    add_headers(&wire.headers, client, request, wire.body != NULL);
    *ret_wire = wire;
    return 0;
}

void kube_wire_release(struct kube_wire *wire)
{
    free(wire->url);
    vec_free(&wire->headers);
    free(wire->body);
    *wire = (struct kube_wire){0};
}
