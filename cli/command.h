// The commands: one table of names, options and help, from which parsing, `--help` and the shell
// completions are all made. A command is one file, cli/cmd_<name>.c.
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

struct cli;

enum option_type {
    OPTION_FLAG,     // present or not; "=true" and "=false" may follow
    OPTION_STRING,   // the last one counts
    OPTION_LIST,     // may be repeated
    OPTION_DURATION, // "5m"
    OPTION_NUMBER,
};

struct option_spec {
    const char *name; // without "--"
    char letter;      // 0 = none
    enum option_type type;
    const char *argument; // "FILE"; NULL for a flag
    const char *help;     // one line, lower case, no full stop
    const char *choices;  // "json|yaml|wide|name" for completion and checking; NULL = anything
};

struct command {
    const char *name;                  // "create bundle" for a nested one
    const char *arguments;             // "REF", "KIND [NAME]"; "" for none
    const char *summary;               // one line
    const char *help;                  // paragraphs and an example, each line ended
    const struct option_spec *options; // ended by a NULL name
    size_t min_arguments;
    size_t max_arguments;
    const char *completes; // what the arguments are: "kind", "object", "file" or NULL
    // The exit status. With an error set, it is printed and the status is 1 (or what run returned
    // above 1).
    int (*run)(struct cli *cli, struct error *err);
};

extern const struct command *const commands[]; // ended by NULL, in the order of help
extern const struct option_spec common_options[];

// One invocation.
struct cli {
    const struct command *command;
    bool is_plugin;       // called by kubectl: objects are in the cluster
    struct vec values;    // of struct option_value
    struct vec arguments; // char *, positional, borrowed from argv
    bool color;           // stdout may be coloured
    bool progress;        // stderr is a terminal: tell what is going on
    int64_t timeout_ms;
    struct cli_found *found; // owned by cli_main
};

// What the kubeconfig said, once it was read.
struct cli_found {
    char *namespace;               // of the context; NULL = not looked for yet
    char *system;                  // where the roles run; NULL = not looked for yet
    char *server;                  // of the cluster that was asked; NULL = none was
    struct oci_warnings *warnings; // of registries; NULL = none was asked
};

// Flags: true when given, and not with "=false". Strings: the last value or NULL. Lists: vec of
// char *, in order.
bool cli_flag(const struct cli *cli, const char *name);
bool cli_given(const struct cli *cli, const char *name); // whatever its value
const char *cli_string(const struct cli *cli, const char *name);
const char *cli_string_or(const struct cli *cli, const char *name, const char *fallback);
// Of an option that all commands have; NULL where the command has one of its own by that name.
const char *cli_common(const struct cli *cli, const char *name);
void cli_list(const struct cli *cli, const char *name, struct vec *ret_values); // borrowed strings
int64_t cli_number(const struct cli *cli, const char *name, int64_t fallback);
const char *cli_argument(const struct cli *cli, size_t index); // NULL when absent

// Parses argv and runs the command: the whole program. The exit status: 0 fine, 1 failed (or, for
// diff and verify, "no"), 2 wrong usage.
//
// Called as kubectl-sealift it is kubectl's plugin, which differs in how it calls itself and in
// that $SEALIFT_CONFIG does not count; called as kubectl_complete-sealift it completes what
// kubectl's user types (cli/complete.h).
int cli_main(int argc, char **argv);

// The longest command name that the first words spell, and how many words that is; NULL when none.
const struct command *command_find(int argc, char *const *argv, int *ret_words);
// The option of a command, or of all: by name, or by letter where that is not 0. NULL: none.
const struct option_spec *command_option(const struct command *command, const char *name,
                                         size_t length, char letter);
// Fills *ret_cli from the words behind the command; cli_release even when it failed.
int cli_parse(const struct command *command, int argc, char *const *argv, struct cli *ret_cli,
              struct error *err) __attribute__((warn_unused_result));
void cli_release(struct cli *cli);

#endif
