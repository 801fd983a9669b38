#include "cli/trouble.h"

#include "base/memory.h"
#include "base/url.h"
#include "cli/kubeconfig.h"

#include <string.h>

static void append(struct error *err, const char *text)
{
    cleanup_free char *sentence = xasprintf("%s; %s", error_message(err), text);
    error_set(err, err->code, "%s", sentence);
}

// Whether it is the cluster's API server that could not be reached, and not a registry or Git.
static bool is_about(const char *server, const struct error *err)
{
    cleanup_url struct url url = {0};
    return server != NULL && url_parse(server, &url, NULL) == 0 &&
           strstr(error_message(err), url.host) != NULL;
}

void trouble_explain(const struct cli *cli, struct error *err)
{
    const char *server = cli->found->server;
    bool away = err->code == ERROR_UNAVAILABLE || err->code == ERROR_TIMEOUT;
    if (away && is_about(server, err)) {
        cleanup_free char *origin = kubeconfig_origin(cli);
        cleanup_free char *text =
            xasprintf("it is the API server of %s: choose another with --context or --kubeconfig, "
                      "or name files with --config DIR and --state DIR",
                      origin);
        append(err, text);
    }
    // The API server's own sentence says who may not do what, and where.
    if (err->code == ERROR_DENIED && strstr(error_message(err), " is forbidden: User ") != NULL)
        append(err, "ask an administrator for a RoleBinding to the ClusterRole view (to look) or "
                    "edit (to change), or be somebody else with --context or --user");
}
