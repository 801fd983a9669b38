#include "api/kind.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include <stdio.h>

static int run(struct cli *cli, struct error *err)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 4 << 20);
    const char *kind = cli_argument(cli, 0);
    int result =
        kind != NULL ? api_reference_markdown(kind, &out, err) : api_reference_all(&out, err);
    if (result == 0)
        fwrite(out.data, 1, out.len, stdout);
    return result;
}

const struct command command_reference = {
    .name = "reference",
    .arguments = "[KIND]",
    .summary = "Print the reference of the API, as in docs/api.md",
    .help = "Every field of every kind, with its type, default and rules, in Markdown.\n\n"
            "  sealift reference sync | less\n",
    .max_arguments = 1,
    .completes = "kind",
    .run = run,
};
