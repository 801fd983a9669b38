// export: what a cluster needs before sealift can work in it, as YAML.
#include "api/crd.h"
#include "api/kind.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

static int add_crds(struct strbuf *out, struct error *err)
{
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (!kind->has_status)
            continue;
        strbuf_addstr(out, "---\n");
        if (api_crd_yaml(kind->name, out, err) < 0)
            return -1;
    }
    return strbuf_check(out, "the export", err);
}

static int run(struct cli *cli, struct error *err)
{
    const char *what = cli_argument(cli, 0);
    if (strcmp(what, "crds") != 0)
        return error_set(err, ERROR_INVALID,
                         "\"%.100s\" cannot be exported; write sealift export crds", what);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 4 << 20);
    if (add_crds(&out, err) < 0)
        return -1;
    fwrite(out.data, 1, out.len, stdout);
    return 0;
}

const struct command command_export = {
    .name = "export",
    .arguments = "crds",
    .summary = "Print the CustomResourceDefinitions for a cluster",
    .help = "The kinds of sealift for the API server of a cluster, with the rules by which it "
            "refuses\nwrong objects, as YAML.\n\n"
            "  sealift export crds | kubectl apply --server-side -f -\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
