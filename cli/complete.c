#include "cli/complete.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/workspace.h"

#include <stdio.h>
#include <string.h>

enum directive { DIRECTIVE_FILES = 0, DIRECTIVE_NO_FILES = 4 };

// Asking must not take longer than typing.
static const int64_t patience_ms = 3000;

static void offer(const char *word, const char *candidate, size_t length, const char *summary)
{
    if (strncmp(candidate, word, strlen(word)) == 0 && strlen(word) <= length)
        printf("%.*s%s%s\n", (int)length, candidate, summary != NULL ? "\t" : "",
               summary != NULL ? summary : "");
}

// The first or, behind "create", the second words of commands.
static enum directive offer_commands(const char *before, const char *word)
{
    size_t length = strlen(before);
    const char *last = "";
    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *name = commands[i]->name;
        if (strncmp(name, before, length) != 0)
            continue;
        size_t size = strcspn(name + length, " ");
        // "create bundle" and "create sync" are one "create".
        if (strlen(last) >= size && strncmp(last, name + length, size) == 0 &&
            (last[size] == '\0' || last[size] == ' '))
            continue;
        last = name + length;
        offer(word, last, size, last[size] == ' ' ? NULL : commands[i]->summary);
    }
    return DIRECTIVE_NO_FILES;
}

static void offer_options_of(const struct option_spec *specs, const char *word)
{
    for (const struct option_spec *spec = specs; spec != NULL && spec->name != NULL; spec++) {
        cleanup_free char *text = xasprintf("--%s", spec->name);
        offer(word, text, strlen(text), spec->help);
    }
}

static void offer_choices(const char *choices, const char *word)
{
    for (const char *choice = choices; *choice != '\0'; choice += *choice == '|') {
        size_t size = strcspn(choice, "|");
        offer(word, choice, size, NULL);
        choice += size;
    }
}

static void offer_kinds(const char *word)
{
    for (size_t i = 0; kind_at(i) != NULL; i++) {
        if (kind_at(i)->has_status)
            offer(word, kind_at(i)->plural, strlen(kind_at(i)->plural), NULL);
    }
}

static void offer_names(struct cli *cli, const char *kind_name, const char *word)
{
    const struct kind *kind = kind_find(kind_name);
    cleanup_store struct store *store = NULL;
    json_t *all = NULL;
    size_t index;
    json_t *object;
    cli->timeout_ms = patience_ms;
    if (kind == NULL || workspace_open(cli, WORKSPACE_READ, &store, NULL) < 0 ||
        store_list(store, kind->name, kind->namespaced ? workspace_namespace(cli) : NULL, &all,
                   NULL) < 0)
        return;
    json_array_foreach (all, index, object)
        offer(word, object_name(object), strlen(object_name(object)), NULL);
    json_decref(all);
}

// The option whose value is being typed, when the word before it is one that takes a value.
static const struct option_spec *open_option(const struct command *command, int argc,
                                             char *const *argv)
{
    const char *text = argc >= 2 ? argv[argc - 2] : "";
    const struct option_spec *spec = NULL;
    if (text[0] == '-' && text[1] == '-' && strchr(text, '=') == NULL)
        spec = command_option(command, text + 2, strlen(text + 2), 0);
    else if (text[0] == '-' && text[1] != '\0' && text[2] == '\0')
        spec = command_option(command, NULL, 0, text[1]);
    return spec != NULL && spec->type != OPTION_FLAG ? spec : NULL;
}

static enum directive offer_value(const struct command *command, const struct option_spec *spec,
                                  int argc, char *const *argv, const char *word)
{
    struct cli cli;
    if (spec->choices != NULL) {
        offer_choices(spec->choices, word);
        return DIRECTIVE_NO_FILES;
    }
    if (strcmp(spec->name, "namespace") != 0)
        return strstr(spec->argument, "FILE") != NULL || strstr(spec->argument, "DIR") != NULL
                   ? DIRECTIVE_FILES
                   : DIRECTIVE_NO_FILES;
    // Without the option that is being typed; what is missing yet is no error.
    int parsed = cli_parse(command, argc - 2, argv, &cli, NULL);
    (void)parsed;
    cli.is_plugin = true;
    offer_names(&cli, "Namespace", word);
    cli_release(&cli);
    return DIRECTIVE_NO_FILES;
}

static enum directive offer_arguments(const struct command *command, int argc, char *const *argv,
                                      const char *word)
{
    struct cli cli;
    const char *completes = command->completes != NULL ? command->completes : "file";
    enum directive directive = DIRECTIVE_NO_FILES;
    // What is missing behind the command is no error yet: what was given is there.
    int parsed = cli_parse(command, argc - 1, argv, &cli, NULL);
    (void)parsed;
    cli.is_plugin = true;
    if (strcmp(completes, "file") == 0)
        directive = DIRECTIVE_FILES;
    else if (cli.arguments.len == 0)
        offer_kinds(word);
    else if (cli.arguments.len == 1 && strcmp(completes, "object") == 0)
        offer_names(&cli, cli_argument(&cli, 0), word);
    cli_release(&cli);
    return directive;
}

static enum directive offer_all(int argc, char *const *argv)
{
    const char *word = argv[argc - 1];
    int words = 0;
    const struct command *command = command_find(argc - 1, argv, &words);
    if (command == NULL && argc == 1)
        return offer_commands("", word);
    if (command == NULL) {
        cleanup_free char *before = xasprintf("%s ", argv[0]);
        return offer_commands(before, word);
    }
    const struct option_spec *spec = open_option(command, argc - words, argv + words);
    if (spec != NULL)
        return offer_value(command, spec, argc - words, argv + words, word);
    if (word[0] == '-') {
        offer_options_of(command->options, word);
        offer_options_of(common_options, word);
        return DIRECTIVE_NO_FILES;
    }
    return offer_arguments(command, argc - words, argv + words, word);
}

int complete(int argc, char *const *argv)
{
    static char empty[] = "";
    static char *const nothing[] = {empty};
    enum directive directive = argc > 0 ? offer_all(argc, argv) : offer_all(1, nothing);
    printf(":%d\n", (int)directive);
    return 0;
}
