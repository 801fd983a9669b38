#include "cli/trouble.h"

#include "api/object.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/url.h"
#include "cli/absent.h"
#include "cli/kubeconfig.h"
#include "cli/workspace.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// A sentence that ends in a question is followed by another one.
static void append(struct error *err, const char *text)
{
    const char *said = error_message(err);
    size_t size = strlen(said);
    bool asks = size > 0 && said[size - 1] == '?';
    cleanup_free char *sentence =
        xasprintf("%s%s%c%s", said, asks ? " " : "; ",
                  asks ? toupper((unsigned char)text[0]) : text[0], text + 1);
    error_set(err, err->code, "%s", sentence);
}

// ---- an API server that cannot be reached ----

// Whether it is the cluster's API server, and not a registry, Git or a receiver on another port.
static bool is_about(const char *server, const struct error *err)
{
    cleanup_url struct url url = {0};
    if (server == NULL || url_parse(server, &url, NULL) < 0)
        return false;
    for (const char *at = strstr(error_message(err), url.host); at != NULL;
         at = strstr(at + 1, url.host)) {
        const char *behind = at + strlen(url.host);
        if (behind[0] != ':' || !isdigit((unsigned char)behind[1]) ||
            strtol(behind + 1, NULL, 10) == url.port)
            return true;
    }
    return false;
}

static void explain_away(const struct cli *cli, struct error *err)
{
    cleanup_free char *origin = kubeconfig_origin(cli);
    // The address of a receiver is a server, too.
    const char *receiver =
        strcmp(cli->command->name, "trigger") == 0 ? "; the receiver's address is --to URL" : "";
    cleanup_free char *text =
        cli_common(cli, "server") != NULL
            ? xasprintf("it is the API server that --server names; without it the one of %s is "
                        "asked%s",
                        origin, receiver)
            : xasprintf("it is the API server of %s: choose another with --context or "
                        "--kubeconfig, or name files with --config DIR and --state DIR",
                        origin);
    append(err, text);
}

// ---- a namespace that is missing ----

// The namespace that is not there; owned, NULL when it is about something else.
static char *missing_namespace(const char *said)
{
    static const char ours[] = "there is no namespace ";
    const char *found = strstr(said, ours);
    if (strstr(said, "name another with -n") != NULL)
        return NULL;
    if (found != NULL) {
        found += sizeof ours - 1;
        return xstrndup(found, strcspn(found, " ;:,"));
    }
    found = strstr(said, "namespaces \"");
    if (found == NULL)
        return NULL;
    found += strlen("namespaces \"");
    return xstrndup(found, strcspn(found, "\""));
}

// The option that named it.
static const char *option_of_namespace(const struct cli *cli, const char *namespace)
{
    static const char *const options[] = {"target-namespace", "allow-namespace", "bundle-namespace",
                                          "system-namespace"};
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        cleanup_vec struct vec values = VEC_OF(const char *, NULL);
        cli_list(cli, options[i], &values);
        vec_foreach (const char *, value, &values) {
            if (strcmp(*value, namespace) == 0)
                return options[i];
        }
    }
    return NULL;
}

static void explain_namespace(const struct cli *cli, const char *namespace, struct error *err)
{
    const char *option = option_of_namespace(cli, namespace);
    cleanup_store struct store *store = NULL;
    cleanup_free char *near = workspace_open(cli, WORKSPACE_READ, &store, NULL) == 0
                                  ? absent_near(store, "Namespace", NULL, namespace)
                                  : xstrdup("");
    cleanup_free char *run = strstr(error_message(err), "run: kubectl create namespace ") == NULL
                                 ? xasprintf("run: kubectl create namespace %s, ", namespace)
                                 : xstrdup("");
    cleanup_free char *text =
        xasprintf("%sor name another with %s%s%s", run, option != NULL ? "--" : "-n",
                  option != NULL ? option : "", near);
    append(err, text);
}

// ---- definitions of another version ----

static void explain_schema(struct error *err)
{
    append(err, "the definitions in the cluster are older than this program, and do not know that "
                "field; an administrator can renew them: sealift install (or, without the roles, "
                "sealift export crds | kubectl apply --server-side --force-conflicts -f -)");
}

// ---- credentials that are refused ----

static void explain_credentials(const struct cli *cli, struct error *err)
{
    static const char general[] = "the credentials of the kubeconfig";
    const char *said = error_message(err);
    const char *found = strstr(said, general);
    if (found == NULL)
        return;
    cleanup_free char *origin = kubeconfig_origin(cli);
    cleanup_free char *what = cli_common(cli, "token") != NULL
                                  ? xstrdup("the token of --token")
                                  : xasprintf("%s (%s)", general, origin);
    cleanup_free char *text =
        xasprintf("%.*s%s%s", (int)(found - said), said, what, found + sizeof general - 1);
    error_set(err, err->code, "%s", text);
}

// ---- a right that is missing ----

// What stands in quotes behind `before`; owned, NULL when there is none.
static char *quoted(const char *text, const char *before)
{
    const char *found = strstr(text, before);
    if (found == NULL)
        return NULL;
    found += strlen(before);
    return xstrndup(found, strcspn(found, "\""));
}

// Those that change something look first, and would be refused next.
static bool is_reading(const struct cli *cli)
{
    static const char *const names[] = {"get",  "events", "check",  "export",
                                        "diff", "verify", "approve"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(cli->command->name, names[i]) == 0)
            return true;
    }
    return false;
}

// "--user=ada" or "--serviceaccount=shop:ada"; owned.
// As one word for a shell, in single quotes: a user may be called anything. Owned.
static char *subject_of(const char *user)
{
    static const char account[] = "system:serviceaccount:";
    bool is_account = strncmp(user, account, sizeof account - 1) == 0;
    const char *rest = is_account ? user + sizeof account - 1 : user;
    cleanup_strbuf struct strbuf word;
    strbuf_init(&word, 8 * strlen(rest) + sizeof "'--serviceaccount='");
    strbuf_addstr(&word, is_account ? "'--serviceaccount=" : "'--user=");
    for (const char *ch = rest; *ch != '\0'; ch++)
        strbuf_addstr(&word, *ch == '\'' ? "'\\''" : (const char[]){*ch, '\0'});
    strbuf_addstr(&word, "'");
    return strbuf_steal(&word);
}

// A binding for each person, so that the next one finds its name free. Owned.
static char *binding_name(const char *role, const char *user)
{
    char *name = xasprintf("sealift-%s:%s", role, user);
    for (char *ch = strpbrk(name, "/%'"); ch != NULL; ch = strpbrk(ch, "/%'"))
        *ch = '-';
    return name;
}

// Our objects, and the Secrets that are written beside them: what view and edit are about.
static bool is_a_tenants(const struct cli *cli, const char *said, const char *group)
{
    return strcmp(group, API_GROUP) == 0 || (strncmp(cli->command->name, "create ", 7) == 0 &&
                                             strstr(said, "resource \"secrets\"") != NULL);
}

// The API server's own sentence says who may not do what, and where.
static void explain_denied(const struct cli *cli, struct error *err)
{
    const char *said = error_message(err);
    cleanup_free char *user = quoted(said, "User \"");
    cleanup_free char *group = quoted(said, "API group \"");
    cleanup_free char *namespace = quoted(said, "in the namespace \"");
    if (user == NULL || strstr(said, "allow it: ") != NULL || strstr(said, "show them: ") != NULL)
        return;
    if (namespace != NULL && group != NULL && is_a_tenants(cli, said, group)) {
        const char *role = is_reading(cli) ? "view" : "edit";
        cleanup_free char *subject = subject_of(user);
        cleanup_free char *name = binding_name(role, user);
        cleanup_free char *text =
            xasprintf("an administrator can allow it: kubectl create rolebinding '%s' -n %s "
                      "--clusterrole=%s %s; or be somebody else with --context or --user",
                      name, namespace, role, subject);
        append(err, text);
        return;
    }
    if (strstr(said, "resource \"trustpolicies\"") != NULL) {
        cleanup_free char *subject = subject_of(user);
        cleanup_free char *name = binding_name("view-policies", user);
        cleanup_free char *text =
            is_reading(cli)
                ? xasprintf("TrustPolicies belong to no namespace, and an administrator of the "
                            "cluster can show them: kubectl create clusterrolebinding "
                            "'%s' --clusterrole=sealift-view-policies %s",
                            name, subject)
                : xstrdup("TrustPolicies are for administrators of the cluster");
        append(err, text);
        return;
    }
    append(err, cli_given(cli, "all-namespaces")
                    ? "name one namespace with -n instead of -A, or be somebody else with "
                      "--context or --user"
                    : "ask an administrator of the cluster, or be somebody else with --context or "
                      "--user");
}

void trouble_explain(const struct cli *cli, struct error *err)
{
    bool away = err->code == ERROR_UNAVAILABLE || err->code == ERROR_TIMEOUT;
    cleanup_free char *namespace =
        err->code == ERROR_NOT_FOUND ? missing_namespace(error_message(err)) : NULL;
    if (away && is_about(cli->found->server, err)) {
        explain_away(cli, err);
    } else if (err->code == ERROR_DENIED && strstr(error_message(err), " is forbidden: User ")) {
        explain_denied(cli, err);
    } else if (err->code == ERROR_DENIED && strstr(error_message(err), "(HTTP 401 ") != NULL) {
        explain_credentials(cli, err);
    } else if (strstr(error_message(err), "field not declared in schema") != NULL) {
        explain_schema(err);
    } else if (namespace != NULL && !workspace_on_files(cli)) {
        explain_namespace(cli, namespace, err);
    }
}
