#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/limits.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "render/order.h"

#include <stdio.h>
#include <string.h>

static json_t *as_list(const struct render_result *result)
{
    json_t *items = json_array();
    vec_foreach (struct render_object, object, &result->objects)
        json_array_append(items, object->value);
    json_t *list = json_object();
    jval_set_string(list, "apiVersion", "v1");
    jval_set_string(list, "kind", "List");
    jval_set(list, "items", items);
    return list;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_render_result struct render_result result = {0};
    if (files_render(cli, cli_argument(cli, 0), &result, err) < 0)
        return -1;
    vec_sort(&result.objects, render_order_compare);
    if (strcmp(print_format(cli), "json") == 0) {
        cleanup_json json_t *list = as_list(&result);
        return print_value(list, "json", err);
    }
    bool names = strcmp(print_format(cli), "name") == 0;
    bool first = true;
    vec_foreach (struct render_object, object, &result.objects) {
        cleanup_free char *name = print_name(object->value);
        if (names)
            puts(name);
        else
            printf("%s%.*s", first ? "" : "---\n", (int)object->yaml_size, object->yaml);
        first = false;
    }
    tell_step(cli, "%zu objects", result.objects.len);
    return 0;
}

static const struct option_spec options[] = {
    {"output", 'o', OPTION_STRING, "FORMAT", "print it as", "yaml|json|name"},
    {"path", 0, OPTION_STRING, "PATH", "render only this path of the folder", NULL},
    {"type", 0, OPTION_STRING, "TYPE", "how to render it", "Auto|Plain|Kustomize"},
    {"allow-secrets", 0, OPTION_FLAG, NULL, "render Secrets with data, too", NULL},
    LIMIT_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_render = {
    .name = "render",
    .arguments = "FOLDER",
    .summary = "Print what would be packaged",
    .help = "Renders a folder as the packager would and prints the objects in the order in which "
            "they are applied.\n\n"
            "  sealift render ./apps/shop/prod\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
