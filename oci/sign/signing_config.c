#include "oci/sign/signing_config.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/url.h"
#include "oci/sign/json_strict.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SERVICES = 32, MAX_URL = 2048, MAX_OPERATOR = 256, MAX_MAJOR = 1000 };

static void release_service(void *element)
{
    struct signing_service *service = element;
    free(service->url);
    free(service->run_by);
}

void signing_config_free(struct signing_config *config)
{
    if (config == NULL)
        return;
    vec_free(&config->authorities);
    vec_free(&config->logs);
    vec_free(&config->tsas);
    free(config);
}

void cleanup_signing_config_pointer(struct signing_config **config)
{
    signing_config_free(*config);
}

// A base that paths are put behind.
static int parse_url(const json_t *value, char **ret_url, struct error *err)
{
    cleanup_url struct url url = {0};
    const char *text = NULL;
    if (json_strict_string(value, "url", &text, err) < 0)
        return -1;
    size_t size = strlen(text);
    if (size > MAX_URL)
        return error_set(err, ERROR_LIMIT, "url has more than %d bytes", MAX_URL);
    if (url_parse(text, &url, err) < 0)
        return error_wrap(err, "url");
    if ((strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0) || url.user != NULL ||
        url.query != NULL)
        return error_set(err, ERROR_INVALID,
                         "url is no https address without login and query: %.200s",
                         strchr(text, '@') != NULL ? "it holds a login" : text);
    while (size > 0 && text[size - 1] == '/')
        size--;
    *ret_url = xstrndup(text, size);
    return 0;
}

static int parse_service(const json_t *value, struct vec *services, struct error *err)
{
    struct signing_service *service = vec_push(services);
    const json_t *run_by = json_proto_member(value, "operator");
    if (!json_is_object(value))
        return error_set(err, ERROR_INVALID, "it is no object");
    if (parse_url(value, &service->url, err) < 0 ||
        json_proto_number(value, "majorApiVersion", true, &service->major, err) < 0 ||
        validity_parse(value, true, &service->valid, err) < 0)
        return -1;
    if (service->major < 1 || service->major > MAX_MAJOR)
        return error_set(err, ERROR_INVALID, "majorApiVersion is not from 1 to %d", MAX_MAJOR);
    if (run_by != NULL && (!json_is_string(run_by) || json_string_length(run_by) > MAX_OPERATOR))
        return error_set(err, ERROR_INVALID, "operator is no text of at most %d bytes",
                         MAX_OPERATOR);
    service->run_by = xstrdup(run_by != NULL ? json_string_value(run_by) : "");
    return 0;
}

static int parse_services(const json_t *root, const char *name, struct vec *services,
                          struct error *err)
{
    const json_t *list = NULL;
    if (json_proto_array(root, name, MAX_SERVICES, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (parse_service(json_array_get(list, i), services, err) < 0)
            return error_wrap(err, "%s[%zu]", name, i);
    return 0;
}

// Needed where there is something to choose from.
static int parse_choice(const json_t *root, const char *name, const struct vec *services,
                        struct signing_choice *ret_choice, struct error *err)
{
    static const char *const selectors[] = {
        [SIGNING_ALL] = "ALL", [SIGNING_ANY] = "ANY", [SIGNING_EXACT] = "EXACT"};
    const json_t *choice = json_proto_member(root, name);
    const char *text = NULL;
    size_t i = 0;
    if (choice == NULL && services->len == 0)
        return 0;
    if (json_strict_string(choice, "selector", &text, err) < 0)
        return error_wrap(err, "%s", name);
    while (i < ARRAY_LENGTH(selectors) && strcmp(selectors[i], text) != 0)
        i++;
    if (i == ARRAY_LENGTH(selectors))
        return error_set(err, ERROR_INVALID, "%s.selector \"%.32s\" is none of ALL, ANY and EXACT",
                         name, text);
    ret_choice->selector = (enum signing_selector)i;
    if (json_proto_number(choice, "count", false, &ret_choice->count, err) < 0)
        return error_wrap(err, "%s", name);
    if (ret_choice->selector == SIGNING_EXACT &&
        (ret_choice->count < 1 || ret_choice->count > MAX_SERVICES))
        return error_set(err, ERROR_INVALID, "%s.count is not from 1 to %d, which EXACT needs",
                         name, MAX_SERVICES);
    return 0;
}

static int parse_config(const json_t *root, struct signing_config *config, struct error *err)
{
    static const char type[] = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
    const char *found = NULL;
    if (json_strict_string(root, "mediaType", &found, err) < 0)
        return -1;
    if (strcmp(found, type) != 0)
        return error_set(err, ERROR_INVALID, "mediaType \"%.100s\" is not %s, the only one read",
                         found, type);
    if (parse_services(root, "caUrls", &config->authorities, err) < 0 ||
        parse_services(root, "rekorTlogUrls", &config->logs, err) < 0 ||
        parse_services(root, "tsaUrls", &config->tsas, err) < 0 ||
        parse_choice(root, "rekorTlogConfig", &config->logs, &config->log_choice, err) < 0)
        return -1;
    return parse_choice(root, "tsaConfig", &config->tsas, &config->tsa_choice, err);
}

int signing_config_parse(const char *data, size_t size, const char *what,
                         struct signing_config **ret_config, struct error *err)
{
    cleanup_json json_t *root = NULL;
    if (size > SIGNING_CONFIG_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes; at most %d are read", what, size,
                         SIGNING_CONFIG_MAX_BYTES);
    if (jval_parse_object(data, size, what, &root, err) < 0)
        return -1;
    cleanup_signing_config struct signing_config *config = xcalloc(1, sizeof *config);
    config->authorities = VEC_OF(struct signing_service, release_service);
    config->logs = VEC_OF(struct signing_service, release_service);
    config->tsas = VEC_OF(struct signing_service, release_service);
    if (parse_config(root, config, err) < 0)
        return error_wrap(err, "%s: no signing configuration", what);
    *ret_config = STEAL(config);
    return 0;
}

static int compare_newest(const void *a, const void *b)
{
    int64_t left = (*(const struct signing_service *const *)a)->valid.start_ms;
    int64_t right = (*(const struct signing_service *const *)b)->valid.start_ms;
    return (left < right) - (left > right);
}

static bool has_operator(const struct vec *selected, const char *run_by)
{
    vec_foreach (const struct signing_service *const, service, selected) {
        if (strcmp((*service)->run_by, run_by) == 0)
            return true;
    }
    return false;
}

static void find_valid(const struct vec *services, int64_t major, int64_t now_ms, struct vec *found)
{
    cleanup_vec struct vec valid = SIGNING_SERVICES;
    vec_foreach (const struct signing_service, service, services) {
        if (service->major == major && validity_covers(&service->valid, now_ms))
            *(const struct signing_service **)vec_push(&valid) = service;
    }
    vec_sort(&valid, compare_newest);
    vec_foreach (const struct signing_service *const, service, &valid) {
        if (!has_operator(found, (*service)->run_by))
            *(const struct signing_service **)vec_push(found) = *service;
    }
}

int signing_services_select(const struct vec *services, const struct signing_choice *choice,
                            int64_t newest_major, int64_t now_ms, const char *what,
                            struct vec *selected, struct error *err)
{
    cleanup_vec struct vec found = SIGNING_SERVICES;
    for (int64_t major = newest_major; major >= 1 && found.len == 0; major--)
        find_valid(services, major, now_ms, &found);
    size_t wanted = choice->selector == SIGNING_ALL   ? found.len
                    : choice->selector == SIGNING_ANY ? 1
                                                      : (size_t)choice->count;
    if (found.len == 0)
        return error_set(err, ERROR_INVALID,
                         "the signing configuration names no %s that is valid now and has an "
                         "interface of version 1%s; get a newer configuration, or a newer sealift",
                         what, newest_major > 1 ? " or 2" : "");
    if (wanted > found.len)
        return error_set(err, ERROR_INVALID,
                         "the signing configuration wants entries of exactly %zu operators of a "
                         "%s, and names %zu that are valid now",
                         wanted, what, found.len);
    for (size_t i = 0; i < wanted; i++)
        *(const struct signing_service **)vec_push(selected) =
            *(const struct signing_service **)vec_at(&found, i);
    return 0;
}
