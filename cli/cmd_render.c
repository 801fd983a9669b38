#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/inputs.h"
#include "cli/limits.h"
#include "cli/print.h"
#include "cli/substitution.h"
#include "cli/tell.h"
#include "render/order.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PIECE_BYTES = 256 << 10 };

static int print_list(const struct render_result *result, struct error *err)
{
    cleanup_json json_t *list = json_object();
    json_t *items = json_array();
    jval_set_string(list, "apiVersion", "v1");
    jval_set_string(list, "kind", "List");
    jval_set(list, "items", items);
    vec_foreach (struct render_object, object, &result->objects) {
        json_t *value = NULL;
        if (yamljson_parse(object->yaml, object->yaml_size, object->path, &value, err) < 0)
            return -1;
        json_array_append_new(items, value);
    }
    return print_value(list, "json", err);
}

// As print_name has it.
static char *name_of(const struct render_object *object)
{
    cleanup_json json_t *named = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", object->api_version,
                                           "kind", object->kind, "metadata", "name", object->name);
    return print_name(named);
}

// "deployment/web" or "Deployment.apps/web" for the object of that kind and name, in any namespace.
static bool is_asked_for(const struct render_object *object, const char *asked)
{
    const char *slash = strrchr(asked, '/');
    size_t length = slash != NULL ? (size_t)(slash - asked) : 0;
    cleanup_free char *full = xasprintf("%s.%s", object->kind, object->group);
    bool kind_fits =
        (strlen(object->kind) == length && strncasecmp(object->kind, asked, length) == 0) ||
        (strlen(full) == length && strncasecmp(full, asked, length) == 0);
    return slash != NULL && kind_fits && strcmp(slash + 1, object->name) == 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_explained(const struct render_object *object)
{
    cleanup_vec struct vec paths = VEC_OF(const char *, NULL);
    const char *path = NULL;
    const json_t *field = NULL;
    size_t width = 0;
    jval_foreach (object->explained, path, field) {
        *(const char **)vec_push(&paths) = path;
        width = strlen(path) > width ? strlen(path) : width;
    }
    vec_sort(&paths, compare_paths);
    if (object->explained == NULL)
        printf("every field: %s:%zu\n", object->source, object->line);
    vec_foreach (const char *, one, &paths) {
        field = json_object_get(object->explained, *one);
        printf("%-*s  %s\n", (int)width, *one, jval_string_or(field, "source", ""));
    }
}

// The same for programs: {"object": …, "fields": {path: source}}.
static json_t *explained_value(const struct render_object *object)
{
    cleanup_free char *name = name_of(object);
    cleanup_free char *place = xasprintf("%s:%zu", object->source, object->line);
    json_t *fields = json_object();
    const char *path = NULL;
    const json_t *field = NULL;
    jval_foreach (object->explained, path, field)
        json_object_set_new(fields, path, json_string(jval_string_or(field, "source", "")));
    return json_pack("{s:s, s:s, s:o}", "object", name, "file", place, "fields", fields);
}

static int refuse_unknown(const struct render_result *result, const char *asked, struct error *err)
{
    struct nearest nearest = {.wanted = asked};
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    vec_foreach (struct render_object, object, &result->objects) {
        *(char **)vec_push(&names) = name_of(object);
        nearest_offer(&nearest, *(char **)vec_at(&names, names.len - 1));
    }
    return error_set(err, ERROR_NOT_FOUND,
                     "no rendered object is %s%s%s%s; write KIND/NAME as sealift render -o name "
                     "lists them",
                     asked, nearest.best != NULL ? " (did you mean " : "",
                     nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "");
}

static int explain(const struct cli *cli, const struct render_result *result, const char *asked,
                   struct error *err)
{
    cleanup_json json_t *values = json_array();
    bool structured =
        strcmp(print_format(cli), "json") == 0 || strcmp(print_format(cli), "yaml") == 0;
    bool found = false;
    vec_foreach (struct render_object, object, &result->objects) {
        if (!is_asked_for(object, asked))
            continue;
        if (structured) {
            json_array_append_new(values, explained_value(object));
        } else {
            cleanup_free char *name = name_of(object);
            printf("%s%s\n", found ? "\n" : "", name);
            print_explained(object);
        }
        found = true;
    }
    if (!found)
        return refuse_unknown(result, asked, err);
    return structured ? print_value(values, print_format(cli), err) : 0;
}

static void print_names(const struct render_result *result)
{
    vec_foreach (struct render_object, object, &result->objects) {
        cleanup_free char *name = name_of(object);
        puts(name);
    }
}

static void print_text(struct strbuf *piece, const char *text, size_t size)
{
    if (strbuf_add(piece, text, size) == 0)
        return;
    fwrite(piece->data, 1, piece->len, stdout);
    strbuf_reset(piece);
    if (strbuf_add(piece, text, size) < 0)
        fwrite(text, 1, size, stdout);
}

// In large pieces: there may be thousands of objects, and each is small.
static void print_yaml(const struct render_result *result)
{
    static const char separator[] = "---\n";
    cleanup_strbuf struct strbuf piece;
    strbuf_init(&piece, PIECE_BYTES);
    vec_foreach (struct render_object, object, &result->objects) {
        if (object != vec_at(&result->objects, 0))
            print_text(&piece, separator, strlen(separator));
        print_text(&piece, object->yaml, object->yaml_size);
    }
    fwrite(piece.data, 1, piece.len, stdout);
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_render_result struct render_result result = {0};
    if (files_render(cli, cli_argument(cli, 0), &result, NULL, err) < 0)
        return -1;
    vec_sort(&result.objects, render_order_compare);
    if (cli_string(cli, "explain") != NULL)
        return explain(cli, &result, cli_string(cli, "explain"), err);
    if (strcmp(print_format(cli), "json") == 0)
        return print_list(&result, err);
    if (strcmp(print_format(cli), "name") == 0)
        print_names(&result);
    else
        print_yaml(&result);
    tell_step(cli, "%zu object%s", result.objects.len, tell_s(result.objects.len));
    return 0;
}

static const struct option_spec options[] = {
    {"output", 'o', OPTION_STRING, "FORMAT", "print it as (default: yaml)", RESULT_CHOICES},
    {"path", 0, OPTION_STRING, "PATH", "render only this path of the folder", NULL},
    {"type", 0, OPTION_STRING, "TYPE", "how to render it", "Auto|Plain|Kustomize"},
    {"explain", 0, OPTION_STRING, "KIND/NAME", "say what set each field of this object", NULL},
    {"bundle", 0, OPTION_STRING, "NAME", "render the path of this Bundle with its variables", NULL},
    {"allow-secrets", 0, OPTION_FLAG, NULL, "render Secrets with data, too", NULL},
    SUBSTITUTION_OPTIONS,
    INPUT_OPTIONS,
    LIMIT_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_render = {
    .name = "render",
    .arguments = "FOLDER",
    .summary = "Print what would be packaged",
    .help =
        "Renders a folder as the packager would and prints the objects in the order of\n"
        "`kustomize build`. A folder within a git repository is rendered as that path of it.\n\n"
        "  sealift render ./apps/shop/prod\n"
        "  sealift render ./apps/shop/prod --explain deployment/web\n"
        "  sealift render ./apps/shop/prod --substitute REGION=eu\n"
        "  sealift render . --bundle shop\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
