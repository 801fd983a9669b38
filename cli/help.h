// What --help prints: of one command, and of all.
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

// With every option that the command takes: its own, then the common ones.
void command_print_help(const struct command *command, const char *program);
void commands_print_help(const char *program);

#endif
