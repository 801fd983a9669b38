// kubeconfig files: several are read as one, in which the first definition of a name stands.
// Format: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
#include "base/file.h"
#include "base/jval.h"
#include "base/kube/kube_config_internal.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 64 };

struct document {
    char *name;   // the file, for messages
    char *folder; // NULL = a tenant's
    json_t *value;
};

static void document_release(void *element)
{
    struct document *document = element;
    free(document->name);
    free(document->folder);
    json_decref(document->value);
}

static bool is_set(const char *text)
{
    return text != NULL && *text != '\0';
}

static int parse(const char *text, size_t size, const char *name, json_t **ret_value,
                 struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (yamljson_parse(text, size, name, &value, err) < 0)
        return -1;
    if (json_is_null(value)) { // an empty file is an empty kubeconfig
        json_decref(value);
        value = json_object();
    }
    const char *kind = jval_string_or(value, "kind", "Config");
    if (!json_is_object(value) || strcmp(kind, "Config") != 0 ||
        strcmp(jval_string_or(value, "apiVersion", "v1"), "v1") != 0)
        return error_set(err, ERROR_INVALID, "%s is no kubeconfig (apiVersion: v1, kind: Config)",
                         name);
    *ret_value = STEAL(value);
    return 0;
}

// The entry of a named list ("clusters", "cluster", "prod"); NULL when there is none.
static const json_t *find(const struct vec *documents, const char *list, const char *member,
                          const char *name, const struct document **ret_document)
{
    vec_foreach (struct document, document, documents) {
        const json_t *entries = jval_array(document->value, list);
        for (size_t i = 0; i < json_array_size(entries); i++) {
            const json_t *entry = json_array_get(entries, i);
            if (strcmp(jval_string_or(entry, "name", ""), name) == 0) {
                *ret_document = document;
                return jval_object(entry, member);
            }
        }
    }
    return NULL;
}

static const char *current_context(const struct vec *documents)
{
    vec_foreach (struct document, document, documents) {
        const char *name = jval_string(document->value, "current-context");
        if (is_set(name))
            return name;
    }
    return NULL;
}

// Says which there are.
static int unknown(const struct vec *documents, const char *list, const char *sentence,
                   struct error *err)
{
    cleanup_strbuf struct strbuf known;
    strbuf_init(&known, 1024);
    vec_foreach (struct document, document, documents) {
        const json_t *entries = jval_array(document->value, list);
        for (size_t i = 0; i < json_array_size(entries); i++)
            strbuf_addf(&known, "%s%s", known.len > 0 ? ", " : "; it has ",
                        jval_string_or(json_array_get(entries, i), "name", ""));
    }
    return error_set(err, ERROR_NOT_FOUND, "%s%s", sentence, known.data);
}

// A context may name what is not there, and so may whoever chooses it instead.
static int unknown_part(const struct vec *documents, const char *what, const char *context,
                        const char *part, const char *name, bool chosen, struct error *err)
{
    cleanup_free char *list = xasprintf("%ss", part);
    cleanup_free char *sentence =
        chosen ? xasprintf("%s has no %s \"%s\"", what, part, name)
               : xasprintf("%s: context \"%s\" names %s \"%s\", which is not there", what, context,
                           part, name);
    return unknown(documents, list, sentence, err);
}

static int fill(const struct vec *documents, const struct kube_config_choice *choice,
                const char *what, struct kube_config *config, struct error *err)
{
    const struct document *where = NULL;
    const char *context_name = choice->context;
    if (!is_set(context_name))
        context_name = current_context(documents);
    if (context_name == NULL)
        return error_set(err, ERROR_INVALID, "%s chooses no context; set current-context", what);
    const json_t *context = find(documents, "contexts", "context", context_name, &where);
    if (context == NULL) {
        cleanup_free char *sentence = xasprintf("%s has no context \"%s\"", what, context_name);
        return unknown(documents, "contexts", sentence, err);
    }
    const char *cluster_name = jval_string_or(context, "cluster", "");
    const char *user_name = jval_string(context, "user");
    const char *namespace_ = jval_string(context, "namespace");
    if (is_set(choice->cluster))
        cluster_name = choice->cluster;
    if (is_set(choice->user))
        user_name = choice->user;
    config->namespace_ = is_set(namespace_) ? xstrdup(namespace_) : NULL;
    const json_t *cluster = find(documents, "clusters", "cluster", cluster_name, &where);
    if (cluster == NULL)
        return unknown_part(documents, what, context_name, "cluster", cluster_name,
                            is_set(choice->cluster), err);
    if (kube_config_set_cluster(config, cluster, where->folder, err) < 0)
        return error_wrap(err, "%s: cluster \"%s\"", where->name, cluster_name);
    if (!is_set(user_name))
        return 0;
    const json_t *user = find(documents, "users", "user", user_name, &where);
    if (user == NULL)
        return unknown_part(documents, what, context_name, "user", user_name, is_set(choice->user),
                            err);
    if (kube_config_set_user(config, user, where->folder, err) < 0)
        return error_wrap(err, "%s: user \"%s\"", where->name, user_name);
    return 0;
}

static int add_file(struct vec *documents, const char *path, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(path, KUBE_CONFIG_MAX_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "kubeconfig");
    json_t *value = NULL;
    int result = parse(text, size, path, &value, err);
    secret_free(text);
    if (result < 0)
        return -1;
    const char *slash = strrchr(path, '/');
    struct document *document = vec_push(documents);
    document->name = xstrdup(path);
    document->folder = slash == NULL   ? xstrdup(".")
                       : slash == path ? xstrdup("/")
                                       : xstrndup(path, (size_t)(slash - path));
    document->value = value;
    return 0;
}

// $KUBECONFIG: names that are not there are passed over, as kubectl does.
static int add_list(struct vec *documents, const char *list, struct error *err)
{
    for (size_t n = 0; *list != '\0'; n++) {
        size_t length = strcspn(list, ":");
        cleanup_free char *path = xstrndup(list, length);
        list += length + (list[length] == ':');
        if (n >= FILES_MAX)
            return error_set(err, ERROR_LIMIT, "$KUBECONFIG names more than %d files", FILES_MAX);
        if (*path != '\0' && file_exists(path) && add_file(documents, path, err) < 0)
            return -1;
    }
    if (documents->len == 0)
        return error_set(err, ERROR_NOT_FOUND, "no file that $KUBECONFIG names exists");
    return 0;
}

static int read_all(const struct kube_config_choice *choice, struct vec *documents,
                    struct error *err)
{
    const char *list = getenv("KUBECONFIG");
    const char *home = getenv("HOME");
    if (is_set(choice->kubeconfig))
        return add_file(documents, choice->kubeconfig, err);
    if (is_set(list))
        return add_list(documents, list, err);
    cleanup_free char *path = path_join(is_set(home) ? home : "/", ".kube/config");
    if (!file_exists(path))
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no kubeconfig: set KUBECONFIG, or write %s", path);
    return add_file(documents, path, err);
}

int kube_config_from_files(const struct kube_config_choice *choice, struct kube_config *ret_config,
                           struct error *err)
{
    static const struct kube_config_choice nothing = {0};
    if (choice == NULL)
        choice = &nothing;
    cleanup_vec struct vec documents = VEC_OF(struct document, document_release);
    if (read_all(choice, &documents, err) < 0)
        return -1;
    cleanup_kube_config struct kube_config config = {.as_groups =
                                                         VEC_OF(char *, vec_release_string)};
    const struct document *first = vec_at(&documents, 0);
    const char *what = documents.len > 1 ? "$KUBECONFIG" : first->name;
    if (fill(&documents, choice, what, &config, err) < 0)
        return -1;
    if (is_set(choice->server)) {
        free(config.server);
        config.server = xstrdup(choice->server);
    }
    if (is_set(choice->namespace_)) {
        free(config.namespace_);
        config.namespace_ = xstrdup(choice->namespace_);
    }
    *ret_config = config;
    config = (struct kube_config){0};
    return 0;
}

int kube_config_from_secret(const char *text, size_t size, const char *name,
                            struct kube_config *ret_config, struct error *err)
{
    if (size > KUBE_CONFIG_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "%s is larger than the limit of %d bytes", name,
                         KUBE_CONFIG_MAX_BYTES);
    cleanup_vec struct vec documents = VEC_OF(struct document, document_release);
    json_t *value = NULL;
    if (parse(text, size, name, &value, err) < 0)
        return -1;
    struct document *document = vec_push(&documents);
    document->name = xstrdup(name);
    document->value = value;
    cleanup_kube_config struct kube_config config = {.as_groups =
                                                         VEC_OF(char *, vec_release_string)};
    static const struct kube_config_choice nothing = {0};
    if (fill(&documents, &nothing, name, &config, err) < 0)
        return -1;
    *ret_config = config;
    config = (struct kube_config){0};
    return 0;
}
