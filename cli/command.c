#include "cli/command.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/tell.h"
#include "cli/trouble.h"
#include "oci/warnings.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct option_value {
    const struct option_spec *spec;
    const char *text; // borrowed from argv; of a flag "true" or "false"
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
    {"cluster", 0, OPTION_STRING, "NAME", "cluster of the kubeconfig, instead of the context's",
     NULL},
    {"user", 0, OPTION_STRING, "NAME", "user of the kubeconfig, instead of the context's", NULL},
    {"server", 's', OPTION_STRING, "URL", "address of the API server, instead of the cluster's",
     NULL},
    {"certificate-authority", 0, OPTION_STRING, "FILE", "certificate authority of the API server",
     NULL},
    {"tls-server-name", 0, OPTION_STRING, "NAME", "name that its certificate must have", NULL},
    {"insecure-skip-tls-verify", 0, OPTION_FLAG, NULL, "take any certificate of the API server",
     NULL},
    {"token", 0, OPTION_STRING, "TOKEN", "bearer token for it, instead of the user's", NULL},
    {"token-file", 0, OPTION_STRING, "FILE",
     "or a file with it, which others cannot see in the list of processes", NULL},
    {"client-certificate", 0, OPTION_STRING, "FILE", "or a certificate, instead of the user's",
     NULL},
    {"client-key", 0, OPTION_STRING, "FILE", "and its key", NULL},
    {"as", 0, OPTION_STRING, "USER", "act as this user of the cluster", NULL},
    {"as-group", 0, OPTION_LIST, "GROUP", "and in this group; may be repeated", NULL},
    {"as-uid", 0, OPTION_STRING, "UID", "and with this uid", NULL},
    {"request-timeout", 0, OPTION_DURATION, "DURATION",
     "give up one request to the API server after this long (default: 60s)", NULL},
    {"namespace", 'n', OPTION_STRING, "NAME",
     "namespace of the objects (default: the context's, or default)", NULL},
    {"timeout", 0, OPTION_DURATION, "DURATION", "give up after this long (default: 5m)", NULL},
    {"quiet", 'q', OPTION_FLAG, NULL, "no progress on stderr", NULL},
    {"help", 'h', OPTION_FLAG, NULL, "what this command does, with an example", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

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
    const struct option_value *value = find_value(cli, name);
    assert(value == NULL || value->spec->type == OPTION_FLAG);
    return value != NULL && strcmp(value->text, "true") == 0;
}

bool cli_given(const struct cli *cli, const char *name)
{
    return find_value(cli, name) != NULL;
}

const char *cli_string(const struct cli *cli, const char *name)
{
    const struct option_value *value = find_value(cli, name);
    return value != NULL ? value->text : NULL;
}

const char *cli_common(const struct cli *cli, const char *name)
{
    return find_in(cli->command->options, name, strlen(name), 0) == NULL ? cli_string(cli, name)
                                                                         : NULL;
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

const struct option_spec *command_option(const struct command *command, const char *name,
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
    // A variable that is not set would mean the cluster or namespace that is chosen anyway.
    if (*text == '\0' && find_in(common_options, spec->name, strlen(spec->name), 0) == spec)
        return error_set(err, ERROR_INVALID, "--%s is empty: give it a value, or leave it away",
                         spec->name);
    if (spec->choices != NULL && !is_choice(spec->choices, text))
        return error_set(err, ERROR_INVALID, "--%s is one of %s, not \"%s\"", spec->name,
                         spec->choices, text);
    if (spec->type == OPTION_FLAG && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return error_set(err, ERROR_INVALID, "--%s is true or false, not \"%s\"", spec->name, text);
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

static void offer_options(struct nearest *nearest, const struct option_spec *specs)
{
    for (; specs != NULL && specs->name != NULL; specs++)
        nearest_offer(nearest, specs->name);
}

static int unknown_option(const struct command *command, const char *text, struct error *err)
{
    cleanup_free char *name = xstrndup(text + 2, text[1] == '-' ? strcspn(text + 2, "=") : 0);
    struct nearest nearest = {.wanted = name};
    offer_options(&nearest, command->options);
    offer_options(&nearest, common_options);
    // Where one object is named, there is nothing to be had from all namespaces.
    bool all = strcmp(text, "-A") == 0 || strcmp(name, "all-namespaces") == 0;
    if (all && command->completes != NULL && strcmp(command->completes, "object") == 0)
        return error_set(err, ERROR_INVALID,
                         "sealift %s is about one namespace: name it with -n NAMESPACE instead of "
                         "%s",
                         command->name, text);
    return error_set(
        err, ERROR_INVALID, "%s is no option of \"sealift %s\"%s%s%s; see sealift %s --help", text,
        command->name, nearest.best != NULL ? " (did you mean --" : "",
        nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "", command->name);
}

// One option at argv[*index], with its value behind '=' or in the next argument.
static int parse_option(struct cli *cli, int argc, char *const *argv, int *index, struct error *err)
{
    const char *text = argv[*index];
    bool is_long = text[1] == '-';
    const char *name = text + (is_long ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option_spec *spec = is_long ? command_option(cli->command, name, length, 0)
                                             : command_option(cli->command, NULL, 0, name[0]);
    if (spec == NULL)
        return unknown_option(cli->command, text, err);
    const char *value =
        is_long ? (equals != NULL ? equals + 1 : NULL) : (name[1] != '\0' ? name + 1 : NULL);
    if (spec->type == OPTION_FLAG && value == NULL)
        value = "true";
    if (value == NULL) {
        if (*index + 1 >= argc)
            return error_set(err, ERROR_INVALID, "--%s needs a value: %s", spec->name,
                             spec->argument);
        value = argv[++*index];
    }
    if (check_value(spec, value, err) < 0)
        return -1;
    *(struct option_value *)vec_push(&cli->values) =
        (struct option_value){.spec = spec, .text = value};
    return 0;
}

static int parse_arguments(struct cli *cli, int argc, char *const *argv, struct error *err)
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

const struct command *command_find(int argc, char *const *argv, int *ret_words)
{
    cleanup_free char *two = argc > 1 ? xasprintf("%s %s", argv[0], argv[1]) : NULL;
    for (size_t i = 0; two != NULL && commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, two) == 0) {
            *ret_words = 2;
            return commands[i];
        }
    }
    for (size_t i = 0; argc > 0 && commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, argv[0]) == 0) {
            *ret_words = 1;
            return commands[i];
        }
    }
    return NULL;
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
    // A command says itself what is wrong; the log is that of `serve`, which configures it.
    log_configure(LOG_LEVEL_ERROR, STDERR_FILENO, clock_system());
    int status = cli->command->run(cli, &err);
    if (err.code != ERROR_NONE) {
        trouble_explain(cli, &err);
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

int cli_parse(const struct command *command, int argc, char *const *argv, struct cli *ret_cli,
              struct error *err)
{
    *ret_cli = (struct cli){.command = command,
                            .found = xcalloc(1, sizeof *ret_cli->found),
                            .values = VEC_OF(struct option_value, NULL),
                            .arguments = VEC_OF(const char *, NULL)};
    if (parse_arguments(ret_cli, argc, argv, err) < 0)
        return -1;
    ret_cli->color = may_color();
    ret_cli->progress = isatty(STDERR_FILENO) && !cli_flag(ret_cli, "quiet");
    ret_cli->timeout_ms = cli_number(ret_cli, "timeout", 5 * 60 * 1000);
    return 0;
}

void cli_release(struct cli *cli)
{
    vec_free(&cli->values);
    vec_free(&cli->arguments);
    if (cli->found != NULL) {
        free(cli->found->namespace);
        free(cli->found->system);
        free(cli->found->server);
        oci_warnings_free(cli->found->warnings);
    }
    free(cli->found);
}

// Options that all commands have may stand before the command, as kubectl's users write them: how
// many words they are. -1: an option in front is none of those.
static int leading_options(int argc, char *const *argv)
{
    int words = 0;
    while (words < argc && argv[words][0] == '-' && argv[words][1] != '\0') {
        const char *text = argv[words];
        bool is_long = text[1] == '-';
        const char *name = text + (is_long ? 2 : 1);
        size_t length = strcspn(name, "=");
        const struct option_spec *spec = is_long ? find_in(common_options, name, length, 0)
                                                 : find_in(common_options, NULL, 0, name[0]);
        if (spec == NULL)
            return -1;
        bool has_value = is_long ? name[length] == '=' : name[1] != '\0';
        words += spec->type != OPTION_FLAG && !has_value ? 2 : 1;
    }
    return words < argc ? words : -1;
}

static int run_as(const struct command *command, const char *program, int argc, char *const *argv)
{
    cleanup_error struct error err = {0};
    struct cli cli;
    int status;
    if (cli_parse(command, argc, argv, &cli, &err) < 0) {
        status = usage_error(&err);
    } else if (cli_flag(&cli, "help")) {
        command_print_help(command, program);
        status = flush_output(0);
    } else {
        cli.is_plugin = strncmp(program, "kubectl", 7) == 0;
        status = run_command(&cli);
    }
    cli_release(&cli);
    return status;
}

static int unknown_command(const char *word, const char *program)
{
    cleanup_error struct error err = {0};
    struct nearest nearest = {.wanted = word};
    for (size_t i = 0; commands[i] != NULL; i++)
        nearest_offer(&nearest, commands[i]->name);
    error_set(&err, ERROR_INVALID, "\"%s\" is no command of sealift%s%s%s; see %s help", word,
              nearest.best != NULL ? " (did you mean " : "",
              nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "", program);
    return usage_error(&err);
}

static int run_words(const char *program, int argc, char **argv)
{
    int words = 0;
    int leading = leading_options(argc, argv);
    const struct command *command =
        leading >= 0 ? command_find(argc - leading, argv + leading, &words) : NULL;
    if (command == NULL)
        return unknown_command(argv[leading > 0 ? leading : 0], program);
    // The options that stood in front go where the command's name was.
    cleanup_free char **rest = xcalloc((size_t)argc + 1, sizeof *rest);
    size_t count = 0;
    for (int i = 0; i < argc; i++) {
        if (i < leading || i >= leading + words)
            rest[count++] = argv[i];
    }
    return run_as(command, program, (int)count, rest);
}

int cli_main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    const char *program = strcmp(name, "kubectl-sealift") == 0 ? "kubectl sealift" : "sealift";
    if (strcmp(name, "kubectl_complete-sealift") == 0)
        return flush_output(complete(argc - 1, argv + 1));
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        commands_print_help(program);
        return flush_output(argc < 2 ? 2 : 0);
    }
    static char version[] = "version";
    if (strcmp(argv[1], "--version") == 0)
        argv[1] = version;
    return run_words(program, argc - 1, argv + 1);
}
