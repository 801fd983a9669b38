#include "cli/confirm.h"

#include "cli/command.h"

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

static bool is_given(const struct cli *cli)
{
    return cli_flag(cli, "yes") || cli_flag(cli, "silent");
}

bool confirm_asks(const struct cli *cli)
{
    return !is_given(cli) && isatty(STDIN_FILENO);
}

int confirm(const struct cli *cli, const char *question, const char *nothing, struct error *err)
{
    if (is_given(cli))
        return 0;
    if (!isatty(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "%s: there is nobody to ask; say --yes%s", nothing,
                         command_option(cli->command, "dry-run", 7, 0) != NULL
                             ? ", or look first with --dry-run"
                             : "");
    fprintf(stderr, "%s [y/N] ", question);
    char answer[16] = "";
    if (fgets(answer, sizeof answer, stdin) == NULL || tolower((unsigned char)answer[0]) != 'y')
        return error_set(err, ERROR_CANCELED, "%s", nothing);
    return 0;
}
