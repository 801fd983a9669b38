#include "api/kind.h"
#include "base/jval.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/workspace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

// A person reads seconds: "2026-11-21T20:41:57.123456Z" without the fraction.
static void short_time(const char *at, char *ret_text, size_t size)
{
    size_t whole = strcspn(at, ".");
    size_t fraction = at[whole] == '.' ? 1 + strspn(at + whole + 1, "0123456789") : 0;
    snprintf(ret_text, size, "%.*s%s", (int)whole, at, at + whole + fraction);
}

// "sync.sealift.dev/shop" of each object that something happened to, once. Owned.
static json_t *names_of(const json_t *events)
{
    json_t *names = json_array();
    cleanup_json json_t *seen = json_object();
    size_t index;
    json_t *event;
    json_array_foreach (events, index, event) {
        char name[512];
        snprintf(name, sizeof name, "%s." API_GROUP "/%s",
                 jval_string_or(event, "regarding.kind", ""),
                 jval_string_or(event, "regarding.name", ""));
        for (char *ch = name; *ch != '.' && *ch != '\0'; ch++)
            *ch = (char)tolower((unsigned char)*ch);
        if (json_object_get(seen, name) != NULL)
            continue;
        json_object_set_new(seen, name, json_true());
        json_array_append_new(names, json_string(name));
    }
    return names;
}

static void print_events(const struct cli *cli, const json_t *events)
{
    bool wide = strcmp(print_format(cli), "wide") == 0;
    const char *header[] = {"AT", "TYPE", "REASON", "OBJECT", "NOTE", NULL};
    struct table table;
    table_init(&table, header);
    size_t index;
    json_t *event;
    json_array_foreach (events, index, event) {
        char object[512], at[64];
        const char *exact = jval_string_or(event, "at", "");
        short_time(exact, at, sizeof at);
        snprintf(object, sizeof object, "%s %s/%s", jval_string_or(event, "regarding.kind", ""),
                 jval_string_or(event, "regarding.namespace", ""),
                 jval_string_or(event, "regarding.name", ""));
        const char *cells[] = {wide ? exact : at,
                               jval_string(event, "type"),
                               jval_string(event, "reason"),
                               object,
                               jval_string(event, "note"),
                               NULL};
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
    if (json_array_size(events) == 0 && object == NULL)
        workspace_tell_nothing(cli, store);
    if (*print_format(cli) == '\0' || strcmp(print_format(cli), "wide") == 0) {
        print_events(cli, events);
        return 0;
    }
    cleanup_json json_t *names = names_of(events);
    return print_answer(cli, events, names, err);
}

static const struct option_spec options[] = {
    OUTPUT_OPTION,
    ALL_NAMESPACES_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_events = {
    .name = "events",
    .arguments = "[KIND NAME]",
    .summary = "Show what happened, to all objects or to one",
    .help = "Events, oldest first: in files those of all namespaces (or of --namespace), in a "
            "cluster those of one\n(or all with -A). -o name prints the objects that something "
            "happened to.\n\n  sealift events\n  sealift events sync shop\n",
    .options = options,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
