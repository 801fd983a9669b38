#include "cli/command.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELP_COLUMNS = 110 };

struct option_value {
    const struct option_spec *spec;
    const char *text; // borrowed from argv; NULL for a flag
};

const struct option_spec common_options[] = {
    {"config", 0, OPTION_STRING, "DIR", "folder with the objects as YAML (or $SEALIFT_CONFIG)",
     NULL},
    {"state", 0, OPTION_STRING, "DIR", "folder where the roles keep status (or $SEALIFT_STATE)",
     NULL},
    {"kubeconfig", 0, OPTION_STRING, "FILE",
     "or the cluster with the objects (or $KUBECONFIG, the Pod's own, ~/.kube/config)", NULL},
    {"context", 0, OPTION_STRING, "NAME", "context of the kubeconfig (default: its current one)",
     NULL},
    {"namespace", 'n', OPTION_STRING, "NAME",
     "namespace of the objects (default: the context's, or default)", NULL},
    {"timeout", 0, OPTION_DURATION, "DURATION", "give up after this long (default: 5m)", NULL},
    {"quiet", 'q', OPTION_FLAG, NULL, "no progress on stderr", NULL},
    {"help", 'h', OPTION_FLAG, NULL, "what this command does, with an example", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

static const struct option_value *find_value(const struct cli *cli, const char *name)
{
    const struct option_value *found = NULL;
    vec_foreach (struct option_value, value, &cli->values) {
        if (strcmp(value->spec->name, name) == 0)
            found = value;
    }
    return found;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return find_value(cli, name) != NULL;
}

const char *cli_string(const struct cli *cli, const char *name)
{
    const struct option_value *value = find_value(cli, name);
    return value != NULL ? value->text : NULL;
}

const char *cli_string_or(const struct cli *cli, const char *name, const char *fallback)
{
    const char *text = cli_string(cli, name);
    return text != NULL ? text : fallback;
}

void cli_list(const struct cli *cli, const char *name, struct vec *ret_values)
{
    vec_foreach (struct option_value, value, &cli->values) {
        if (strcmp(value->spec->name, name) == 0)
            *(const char **)vec_push(ret_values) = value->text;
    }
}

int64_t cli_number(const struct cli *cli, const char *name, int64_t fallback)
{
    const struct option_value *value = find_value(cli, name);
    if (value == NULL)
        return fallback;
    int64_t number = 0;
    if (value->spec->type == OPTION_DURATION)
        return duration_parse(value->text, &number, NULL) == 0 ? number : fallback;
    return strtoll(value->text, NULL, 10);
}

const char *cli_argument(const struct cli *cli, size_t index)
{
    return index < cli->arguments.len ? *(const char **)vec_at(&cli->arguments, index) : NULL;
}

static const struct option_spec *find_in(const struct option_spec *specs, const char *name,
                                         size_t length, char letter)
{
    for (; specs != NULL && specs->name != NULL; specs++) {
        if (letter != 0 ? specs->letter == letter
                        : strlen(specs->name) == length && strncmp(specs->name, name, length) == 0)
            return specs;
    }
    return NULL;
}

static const struct option_spec *find_option(const struct command *command, const char *name,
                                             size_t length, char letter)
{
    const struct option_spec *spec = find_in(command->options, name, length, letter);
    return spec != NULL ? spec : find_in(common_options, name, length, letter);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *choice = choices; *choice != '\0'; choice += *choice == '|') {
        size_t size = strcspn(choice, "|");
        if (size == length && strncmp(choice, text, size) == 0)
            return true;
        choice += size;
    }
    return false;
}

static int check_value(const struct option_spec *spec, const char *text, struct error *err)
{
    int64_t ignored;
    if (spec->choices != NULL && !is_choice(spec->choices, text))
        return error_set(err, ERROR_INVALID, "--%s is one of %s, not \"%s\"", spec->name,
                         spec->choices, text);
    if (spec->type == OPTION_DURATION && duration_parse(text, &ignored, err) < 0)
        return error_wrap(err, "--%s", spec->name);
    if (spec->type == OPTION_NUMBER) {
        char *end;
        errno = 0;
        strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0')
            return error_set(err, ERROR_INVALID, "--%s takes a number, not \"%s\"", spec->name,
                             text);
    }
    return 0;
}

static int unknown_option(const struct command *command, const char *text, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s is no option of \"sealift %s\"; see sealift %s --help",
                     text, command->name, command->name);
}

// One option at argv[*index], with its value behind '=' or in the next argument.
static int parse_option(struct cli *cli, int argc, char **argv, int *index, struct error *err)
{
    const char *text = argv[*index];
    bool is_long = text[1] == '-';
    const char *name = text + (is_long ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option_spec *spec = is_long ? find_option(cli->command, name, length, 0)
                                             : find_option(cli->command, NULL, 0, name[0]);
    if (spec == NULL)
        return unknown_option(cli->command, text, err);
    const char *value =
        is_long ? (equals != NULL ? equals + 1 : NULL) : (name[1] != '\0' ? name + 1 : NULL);
    if (spec->type == OPTION_FLAG && value != NULL)
        return error_set(err, ERROR_INVALID, "--%s takes no value", spec->name);
    if (spec->type != OPTION_FLAG && value == NULL) {
        if (*index + 1 >= argc)
            return error_set(err, ERROR_INVALID, "--%s needs a value: %s", spec->name,
                             spec->argument);
        value = argv[++*index];
    }
    if (value != NULL && check_value(spec, value, err) < 0)
        return -1;
    *(struct option_value *)vec_push(&cli->values) =
        (struct option_value){.spec = spec, .text = value};
    return 0;
}

static int parse_arguments(struct cli *cli, int argc, char **argv, struct error *err)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (parse_option(cli, argc, argv, &i, err) < 0)
                return -1;
        } else {
            *(const char **)vec_push(&cli->arguments) = argv[i];
        }
    }
    if (cli_flag(cli, "help"))
        return 0;
    if (cli->arguments.len < cli->command->min_arguments ||
        cli->arguments.len > cli->command->max_arguments)
        return error_set(err, ERROR_INVALID, "\"sealift %s\" takes %s; see sealift %s --help",
                         cli->command->name,
                         *cli->command->arguments != '\0' ? cli->command->arguments
                                                          : "no arguments",
                         cli->command->name);
    return 0;
}

// The longest command name that the first words spell; *ret_words says how many they are.
static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    cleanup_free char *two = argc > 1 ? xasprintf("%s %s", argv[0], argv[1]) : NULL;
    for (size_t i = 0; two != NULL && commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, two) == 0) {
            *ret_words = 2;
            return commands[i];
        }
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            *ret_words = 1;
            return commands[i];
        }
    }
    return NULL;
}

// "-o, --output FORMAT". Owned.
static char *option_text(const struct option_spec *spec)
{
    return xasprintf("%c%c%s --%s%s%s", spec->letter ? '-' : ' ', spec->letter ? spec->letter : ' ',
                     spec->letter ? "," : " ", spec->name, spec->argument != NULL ? " " : "",
                     spec->argument != NULL ? spec->argument : "");
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

static void print_options(const struct option_spec *options, int width)
{
    for (const struct option_spec *spec = options; spec != NULL && spec->name != NULL; spec++) {
        cleanup_free char *left = option_text(spec);
        cleanup_free char *right = spec->choices != NULL
                                       ? xasprintf("%s: %s", spec->help, spec->choices)
                                       : xstrdup(spec->help);
        printf("  %-*s ", width, left);
        print_wrapped(right, width + 3);
    }
}

void command_print_help(const struct command *command)
{
    printf("%s\n\nUsage: sealift %s%s%s [options]\n\n%s", command->summary, command->name,
           *command->arguments != '\0' ? " " : "", command->arguments, command->help);
    printf("\nOptions:\n");
    int width = widest(common_options, widest(command->options, 0));
    print_options(command->options, width);
    print_options(common_options, width);
}

void commands_print_help(void)
{
    puts("sealift: what was reviewed is what runs. A push to Git becomes one signed OCI artifact,\n"
         "and exactly those bytes are verified, applied and kept.\n\n"
         "Usage: sealift COMMAND [arguments] [options]\n\nCommands:");
    for (size_t i = 0; commands[i] != NULL; i++)
        printf("  %-16s %s\n", commands[i]->name, commands[i]->summary);
    puts("\nsealift COMMAND --help tells more, with an example.");
}

static bool may_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && (no_color == NULL || *no_color == '\0');
}

// A full disk or a closed pipe behind stdout must not look like success.
static int flush_output(int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return status;
    fprintf(stderr, "sealift: could not write the output: %s\n", strerror(errno));
    return 1;
}

static int run_command(struct cli *cli)
{
    cleanup_error struct error err = {0};
    int status = cli->command->run(cli, &err);
    if (err.code != ERROR_NONE) {
        tell_failure(&err);
        return status > 1 ? status : 1;
    }
    return flush_output(status);
}

static int usage_error(struct error *err)
{
    tell_failure(err);
    return 2;
}

int cli_main(int argc, char **argv)
{
    cleanup_error struct error err = {0};
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        commands_print_help();
        return flush_output(argc < 2 ? 2 : 0);
    }
    static char version[] = "version";
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    int words = 0;
    const struct command *command = find_command(argc - 1, argv + 1, &words);
    if (command == NULL) {
        error_set(&err, ERROR_INVALID, "\"%s\" is no command of sealift; see sealift help",
                  argv[1]);
        return usage_error(&err);
    }
    char *context_namespace = NULL;
    struct cli cli = {.command = command,
                      .context_namespace = &context_namespace,
                      .values = VEC_OF(struct option_value, NULL),
                      .arguments = VEC_OF(const char *, NULL)};
    int status = 0;
    if (parse_arguments(&cli, argc - 1 - words, argv + 1 + words, &err) < 0) {
        status = usage_error(&err);
    } else if (cli_flag(&cli, "help")) {
        command_print_help(command);
        status = flush_output(0);
    } else {
        cli.color = may_color();
        cli.progress = isatty(STDERR_FILENO) && !cli_flag(&cli, "quiet");
        cli.timeout_ms = cli_number(&cli, "timeout", 5 * 60 * 1000);
        status = run_command(&cli);
    }
    vec_free(&cli.values);
    vec_free(&cli.arguments);
    free(context_namespace);
    return status;
}
