#include "cli/create.h"

#include "api/kind.h"
#include "api/object.h"
#include "api/store_kube.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20 };

json_t *create_object(const struct cli *cli, const char *kind, bool namespaced)
{
    json_t *object = json_object();
    jval_set_string(object, "apiVersion", strcmp(kind, "Secret") == 0 ? "v1" : API_VERSION);
    jval_set_string(object, "kind", kind);
    jval_set_string(object, "metadata.name", cli_argument(cli, 0));
    if (namespaced)
        jval_set_string(object, "metadata.namespace", workspace_namespace(cli));
    return object;
}

// Sets `path` from --option when it was given.
void create_set(const struct cli *cli, json_t *object, const char *path, const char *option)
{
    if (cli_string(cli, option) != NULL)
        jval_set_string(object, path, cli_string(cli, option));
}

void create_set_fields(const struct cli *cli, json_t *object, const struct create_field *fields)
{
    for (; fields->path != NULL; fields++)
        create_set(cli, object, fields->path, fields->option);
}

void create_set_flag(const struct cli *cli, json_t *object, const char *path, const char *option)
{
    if (cli_given(cli, option))
        jval_set_bool(object, path, cli_flag(cli, option));
}

void create_set_list(const struct cli *cli, json_t *object, const char *path, const char *option)
{
    cleanup_vec struct vec values = VEC_OF(const char *, NULL);
    cli_list(cli, option, &values);
    if (values.len == 0)
        return;
    json_t *list = json_array();
    vec_foreach (const char *, value, &values)
        json_array_append_new(list, json_string(*value));
    jval_set(object, path, list);
}

// A key file becomes {name: its file name, pem: its text}.
int create_add_keys(const struct cli *cli, json_t *object, const char *path, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "key", &files);
    if (files.len == 0)
        return 0;
    json_t *keys = json_array();
    jval_set(object, path, keys);
    vec_foreach (const char *, file, &files) {
        cleanup_free char *pem = NULL;
        if (file_read(*file, MAX_FILE_BYTES, &pem, NULL, err) < 0)
            return error_wrap(err, "--key");
        const char *slash = strrchr(*file, '/');
        cleanup_free char *name = xstrdup(slash != NULL ? slash + 1 : *file);
        name[strcspn(name, ".")] = '\0';
        json_t *key = json_object();
        jval_set_string(key, "name", *name != '\0' ? name : "key");
        jval_set_string(key, "pem", pem);
        json_array_append_new(keys, key);
    }
    return 0;
}

static int find_object(struct store *store, const json_t *like, json_t **ret_object,
                       struct error *err)
{
    return store_get(store, object_kind(like), object_namespace(like), object_name(like),
                     ret_object, err);
}

// Says what came of it.
static int write_object(const struct cli *cli, struct store *store, const json_t *object,
                        struct error *err)
{
    cleanup_json json_t *before = NULL;
    cleanup_json json_t *after = NULL;
    bool existed = find_object(store, object, &before, NULL) == 0;
    if (store_apply(store, object, err) < 0 || find_object(store, object, &after, err) < 0)
        return -1;
    const char *version = jval_string_or(before, "metadata.resourceVersion", "");
    bool same = strcmp(version, jval_string_or(after, "metadata.resourceVersion", "")) == 0;
    cleanup_free char *name = object_text(object);
    tell_done(cli, "%s is %s", name, !existed ? "created" : same ? "unchanged" : "configured");
    return print_result(cli, after, err);
}

static int check_fields(const json_t *object, struct error *err)
{
    static const struct {
        const char *said;
        const char *option;
    } hints[] = {
        {"spec.source: is missing", "--url URL"},
        {"spec.source.git.url: is missing", "--url URL"},
        {"spec.artifact.repository: is missing", "--repository oci://…"},
        {"spec.artifact: is missing", "--repository oci://… and --tag NAME"},
        {"spec.artifact.tags: is missing", "--tag NAME"},
        {"spec.sign: is missing", "--key-secret NAME, or --generate-key FILE, which makes a key"},
        {"exactly one of bundleRef and artifact.repository",
         "--bundle NAME or --repository oci://…"},
        {"the Hook triggers nothing", "--resource KIND/NAME, like bundle/shop"},
        {"it needs signers", "--key FILE"},
    };
    cleanup_error struct error cause = {0};
    if (api_check(object, &cause) == 0)
        return 0;
    cleanup_vec struct vec options = VEC_OF(const char *, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(hints); i++) {
        if (strstr(error_message(&cause), hints[i].said) != NULL)
            *(const char **)vec_push(&options) = hints[i].option;
    }
    struct strbuf words;
    strbuf_init(&words, 1024);
    vec_foreach (const char *, option, &options)
        strbuf_addf(&words, "%s%s", words.len > 0 ? "; " : "", *option);
    cleanup_free char *text = strbuf_steal(&words);
    return error_set(err, cause.code, "%s%s%s%s", error_message(&cause),
                     options.len > 0 ? " (say " : "", text, options.len > 0 ? ")" : "");
}

int create_check(const struct cli *cli, const json_t *object, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *there = NULL;
    cleanup_error struct error cause = {0};
    if (check_fields(object, err) < 0)
        return -1;
    if (cli_flag(cli, "export") || workspace_on_files(cli))
        return 0;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    bool away = find_object(store, object, &there, &cause) < 0 &&
                (cause.code == ERROR_UNAVAILABLE || cause.code == ERROR_TIMEOUT ||
                 strstr(error_message(&cause), "does not know the kind ") != NULL);
    return away ? error_move(err, &cause) : 0;
}

bool create_in_cluster(const struct cli *cli)
{
    return cli_flag(cli, "export") ? workspace_names_cluster(cli) : !workspace_on_files(cli);
}

static int print_all(const struct cli *cli, const json_t *object, const json_t *grants,
                     struct error *err)
{
    if (json_array_size(grants) == 0)
        return *print_format(cli) != '\0' ? print_result(cli, object, err)
                                          : print_value(object, "yaml", err);
    cleanup_json json_t *all = json_array();
    json_array_extend(all, jval_unconst(grants));
    json_array_append(all, jval_unconst(object));
    return print_manifests(cli, all, err);
}

int create_finish(const struct cli *cli, const json_t *object, const json_t *grants,
                  struct error *err)
{
    if (check_fields(object, err) < 0)
        return -1;
    if (cli_flag(cli, "export"))
        return print_all(cli, object, grants, err);
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    cleanup_free char *ask = NULL;
    if (store_kube_client(store) != NULL &&
        grants_apply(cli, store_kube_client(store), grants, &ask, err) < 0)
        return -1;
    if (write_object(cli, store, object, err) < 0)
        return -1;
    if (ask != NULL)
        tell_warning(cli, "%s %s/%s may lack rights until an administrator has granted them: %s",
                     object_kind(object), object_namespace(object), object_name(object), ask);
    return 0;
}
