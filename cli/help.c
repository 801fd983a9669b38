#include "cli/help.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMNS = 110 };

// "-o, --output FORMAT". Owned.
static char *option_text(const struct option_spec *spec)
{
    return xasprintf("%c%c%s --%s%s%s", spec->letter ? '-' : ' ', spec->letter ? spec->letter : ' ',
                     spec->letter ? "," : " ", spec->name, spec->argument != NULL ? " " : "",
                     spec->argument != NULL ? spec->argument : "");
}

// Of a common option that the command has one of its own by that name for, its own counts.
static bool is_hidden(const struct option_spec *spec, const struct option_spec *own)
{
    for (; own != NULL && own->name != NULL; own++) {
        if (strcmp(own->name, spec->name) == 0)
            return true;
    }
    return false;
}

static int widest(const struct option_spec *options, int width)
{
    for (const struct option_spec *spec = options; spec != NULL && spec->name != NULL; spec++) {
        cleanup_free char *text = option_text(spec);
        width = (int)strlen(text) > width ? (int)strlen(text) : width;
    }
    return width;
}

// Words from column `indent` on, in lines of HELP_COLUMNS.
static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_COLUMNS) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", length, text);
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

static void print_options(const struct option_spec *options, const struct option_spec *own,
                          int width)
{
    for (const struct option_spec *spec = options; spec != NULL && spec->name != NULL; spec++) {
        if (is_hidden(spec, own))
            continue;
        cleanup_free char *left = option_text(spec);
        cleanup_free char *right = spec->choices != NULL
                                       ? xasprintf("%s: %s", spec->help, spec->choices)
                                       : xstrdup(spec->help);
        printf("  %-*s ", width, left);
        print_wrapped(right, width + 3);
    }
}

void command_print_help(const struct command *command, const char *program)
{
    printf("%s\n\nUsage: %s %s%s%s [options]\n\n%s", command->summary, program, command->name,
           *command->arguments != '\0' ? " " : "", command->arguments, command->help);
    printf("\nOptions:\n");
    int width = widest(common_options, widest(command->options, 0));
    print_options(command->options, NULL, width);
    print_options(common_options, command->options, width);
}

void commands_print_help(const char *program)
{
    puts("sealift: what was reviewed is what runs. A push to Git becomes one signed OCI artifact,\n"
         "and exactly those bytes are verified, applied and kept.\n");
    printf("Usage: %s COMMAND [arguments] [options]\n\nCommands:\n", program);
    for (size_t i = 0; commands[i] != NULL; i++)
        printf("  %-20s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n%s COMMAND --help tells more, with an example.\n", program);
}
