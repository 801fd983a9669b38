#include "base/jval.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/workspace.h"

#include <stdio.h>

static void print_events(const struct cli *cli, const json_t *events)
{
    const char *header[] = {"AT", "TYPE", "REASON", "OBJECT", "NOTE", NULL};
    struct table table;
    table_init(&table, header);
    size_t index;
    json_t *event;
    json_array_foreach (events, index, event) {
        char object[512];
        snprintf(object, sizeof object, "%s %s/%s", jval_string_or(event, "regarding.kind", ""),
                 jval_string_or(event, "regarding.namespace", ""),
                 jval_string_or(event, "regarding.name", ""));
        const char *cells[] = {jval_string(event, "at"),     jval_string(event, "type"),
                               jval_string(event, "reason"), object,
                               jval_string(event, "note"),   NULL};
        table_row(&table, cells);
    }
    table_print(&table, cli);
    table_release(&table);
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    cleanup_json json_t *events = NULL;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    if (cli_argument(cli, 0) != NULL && workspace_find(cli, store, 0, &object, err) < 0)
        return -1;
    const char *namespace = workspace_namespaces(cli);
    struct object_key key = {.kind = "", .namespace = namespace, .name = ""};
    if (object != NULL)
        key = object_key(object);
    if (store_list_events(store, key.namespace != NULL ? &key : NULL, &events, err) < 0)
        return -1;
    if (*print_format(cli) != '\0')
        return print_value(events, print_format(cli), err);
    print_events(cli, events);
    return 0;
}

static const struct option_spec options[] = {
    {"output", 'o', OPTION_STRING, "FORMAT", "print it as", "json|yaml"},
    ALL_NAMESPACES_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_events = {
    .name = "events",
    .arguments = "[KIND NAME]",
    .summary = "Show what happened, to all objects or to one",
    .help = "Events, oldest first.\n\n  sealift events\n  sealift events sync shop\n",
    .options = options,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
