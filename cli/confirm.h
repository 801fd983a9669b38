// The one rule for confirmations: a command that speaks for a person where others believe it, or
// takes away more than what it names, says what it is about to do and asks on a terminal; without
// one it wants --yes. What a flag asks for outright (--dry-run aside) is no answer to that.
//
// These ask: approve, rollback, floor reset, gc --delete, uninstall, and delete of a Sync that
// prunes (docs/install.md has the list).
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>

#include "base/error.h"

struct cli;

#define YES_OPTION                                        \
    {                                                     \
        "yes", 'y', OPTION_FLAG, NULL, "do not ask", NULL \
    }
// Where flux has it, too.
#define SILENT_OPTION                                                      \
    {                                                                      \
        "silent", 0, OPTION_FLAG, NULL, "do not ask, as flux has it", NULL \
    }

// 0 when it was confirmed: by --yes (or --silent), or by a y on the terminal after `question`
// ("Remove it?"), which follows what was shown. Else ERROR_INVALID (there is nobody to ask) or
// ERROR_CANCELED, in a sentence that starts with `nothing` ("nothing was removed").
int confirm(const struct cli *cli, const char *question, const char *nothing, struct error *err)
    __attribute__((warn_unused_result));
// Whether somebody will be asked: only then it is worth showing what is only for that.
bool confirm_asks(const struct cli *cli);

#endif
