// Records as ConfigMaps of the role's own namespace:
//
//     name         sealift-<first segment>-<40 hex of sha256(record name)>
//     label        sealift.dev/record: <first segment>
//     annotation   sealift.dev/record: <record name>
//     data         record: JSON
//
// A record's version is the ConfigMap's resourceVersion.
#include "api/kubestore_internal.h"

#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_LABEL API_GROUP "/record"
static const char record_key[] = "record";

enum { SEGMENT_MAX = 40 };

// The first segment of a record's name as far as it may stand in a name and a label. Owned.
static char *segment_of(const char *name)
{
    size_t size = strcspn(name, "/");
    char *segment = xstrndup(name, size < SEGMENT_MAX ? size : SEGMENT_MAX);
    for (char *at = segment; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at))
            *at = 'x';
    }
    return segment;
}

static char *config_map_name(const char *record)
{
    cleanup_free char *segment = segment_of(record);
    struct digest digest = digest_of(record, strlen(record));
    return xasprintf("sealift-%s-%.40s", segment, digest_hex(digest.text));
}

static struct kube_ref ref_of(const struct kube_store *kube, const char *config_map)
{
    return kubestore_ref(kind_find("ConfigMap"), kube->own_namespace, config_map);
}

static int explain(struct error *err, const struct kube_store *kube, const char *name)
{
    if (err != NULL && err->code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND, "there is no record %s", name);
    return error_wrap(err, "the record %s in namespace %s", name, kube->own_namespace);
}

int kubestore_record_get(struct store *store, const char *name, json_t **ret_record,
                         char **ret_version, struct error *err)
{
    struct kube_store *kube = kubestore_of(store);
    cleanup_free char *config_map = config_map_name(name);
    struct kube_ref ref = ref_of(kube, config_map);
    cleanup_json json_t *object = NULL;
    if (kube_get(kube->client, &ref, &object, err) < 0)
        return explain(err, kube, name);
    // A record is never guessed at: a broken floor must not read as none.
    cleanup_free char *what = xasprintf("ConfigMap %s/%s", kube->own_namespace, config_map);
    const char *text = jval_string(jval_get(object, "data"), record_key);
    if (text == NULL)
        return error_set(err, ERROR_INVALID, "%s has no key %s", what, record_key);
    if (jval_parse_object(text, strlen(text), what, ret_record, err) < 0)
        return -1;
    if (ret_version != NULL)
        *ret_version = xstrdup(object_resource_version(object));
    return 0;
}

static json_t *config_map_of(const struct kube_store *kube, const char *config_map,
                             const char *name, const json_t *record, const char *version)
{
    cleanup_free char *segment = segment_of(name);
    cleanup_free char *text = jval_pretty(record);
    json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s}, s:{s:s}}, s:{s:s}}",
                               "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name",
                               config_map, "namespace", kube->own_namespace, "labels", RECORD_LABEL,
                               segment, "app.kubernetes.io/managed-by", "sealift", "annotations",
                               RECORD_LABEL, name, "data", record_key, text);
    if (version != NULL)
        jval_set_string(object, "metadata.resourceVersion", version);
    return object;
}

int kubestore_record_put(struct store *store, const char *name, const json_t *record,
                         const char *version, char **ret_version, struct error *err)
{
    struct kube_store *kube = kubestore_of(store);
    cleanup_free char *config_map = config_map_name(name);
    cleanup_json json_t *object = config_map_of(kube, config_map, name, record, version);
    cleanup_json json_t *written = NULL;
    struct kube_request request = {.verb = version != NULL ? KUBE_UPDATE : KUBE_CREATE,
                                   .ref = ref_of(kube, version != NULL ? config_map : NULL),
                                   .object = object,
                                   .field_manager = "sealift"};
    cleanup_error struct error cause = {0};
    if (kube_do(kube->client, &request, &written, &cause) < 0) {
        if (cause.code == ERROR_CONFLICT || (cause.code == ERROR_NOT_FOUND && version != NULL))
            return error_set(err, ERROR_CONFLICT, "the record %s was changed since it was read",
                             name);
        error_wrap(&cause, "write the record %s in namespace %s", name, kube->own_namespace);
        return error_move(err, &cause);
    }
    if (ret_version != NULL)
        *ret_version = xstrdup(object_resource_version(written));
    return 0;
}

int kubestore_record_delete(struct store *store, const char *name, struct error *err)
{
    struct kube_store *kube = kubestore_of(store);
    cleanup_free char *config_map = config_map_name(name);
    struct kube_request request = {.verb = KUBE_DELETE, .ref = ref_of(kube, config_map)};
    cleanup_error struct error cause = {0};
    if (kube_do(kube->client, &request, NULL, &cause) == 0 || cause.code == ERROR_NOT_FOUND)
        return 0;
    explain(&cause, kube, name);
    return error_move(err, &cause);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int kubestore_record_list(struct store *store, const char *folder, json_t **ret_names,
                          struct error *err)
{
    struct kube_store *kube = kubestore_of(store);
    cleanup_free char *segment = segment_of(folder);
    cleanup_free char *selector = xasprintf(RECORD_LABEL "=%s", segment);
    struct kube_request request = {
        .ref = ref_of(kube, NULL), .label_selector = selector, .accept = KUBE_METADATA};
    cleanup_json json_t *items = NULL;
    if (kube_list(kube->client, &request, &items, err) < 0)
        return error_wrap(err, "the records %s in namespace %s", folder, kube->own_namespace);
    cleanup_vec struct vec names = VEC_OF(const char *, NULL);
    size_t index, size = strlen(folder);
    json_t *item;
    json_array_foreach (items, index, item) {
        const char *name = object_annotation(item, RECORD_LABEL);
        if (name != NULL && strncmp(name, folder, size) == 0 && name[size] == '/' &&
            strchr(name + size + 1, '/') == NULL)
            *(const char **)vec_push(&names) = name;
    }
    vec_sort(&names, compare_names);
    json_t *array = json_array();
    vec_foreach (const char *, name, &names)
        json_array_append_new(array, json_string(*name));
    *ret_names = array;
    return 0;
}
