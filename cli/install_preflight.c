// Before anything is touched: a server that is too old, or rights that are missing, are said in one
// sentence instead of forty errors.
#include "api/object.h"
#include "base/jval.h"
#include "base/kube/kube_auth.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/installation.h"
#include "controller/kube_member.h"

#include <stdlib.h>
#include <string.h>

// The rules in our definitions are CEL, which is complete since then.
enum { OLDEST_MINOR = 29, MAX_SENTENCE = 16 << 10 };

static int check_version(struct installation *installation, struct error *err)
{
    const struct kube_request request = {.verb = KUBE_GET, .path = "/version"};
    cleanup_json json_t *version = NULL;
    if (kube_do(installation->client, &request, &version, err) < 0)
        return error_wrap(err, "ask the API server for its version");
    long major = strtol(jval_string_or(version, "major", "1"), NULL, 10);
    long minor = strtol(jval_string_or(version, "minor", "0"), NULL, 10); // "29+" is 29
    if (major > 1 || minor >= OLDEST_MINOR)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the API server is Kubernetes %.40s, and sealift needs 1.%d or newer: upgrade "
                     "the cluster first",
                     jval_string_or(version, "gitVersion", "of unknown version"), OLDEST_MINOR);
}

// Whom the server takes us for; owned.
static char *who(struct kube_client *client)
{
    cleanup_json json_t *review = json_pack("{s:s, s:s}", "apiVersion", "authentication.k8s.io/v1",
                                            "kind", "SelfSubjectReview");
    cleanup_json json_t *answer = NULL;
    const struct kube_request request = {
        .verb = KUBE_CREATE,
        .ref = {.group = "authentication.k8s.io", .version = "v1", .plural = "selfsubjectreviews"},
        .object = review};
    if (kube_do(client, &request, &answer, NULL) < 0)
        return xstrdup("this account");
    return xasprintf("\"%s\"", jval_string_or(answer, "status.userInfo.username", "this account"));
}

static int may_everything(struct kube_client *client, bool *ret_allowed, struct error *err)
{
    const struct kube_action action = {.verb = "*", .group = "*", .plural = "*"};
    return kube_may(client, NULL, &action, NULL, ret_allowed, NULL, err);
}

// Adds "get, create and patch clusterroles.rbac.authorization.k8s.io" for what is not allowed.
static int add_missing(struct kube_client *client, const struct piece *piece,
                       struct strbuf *missing, struct error *err)
{
    static const char *const verbs[] = {"create", "patch"};
    bool any = false;
    for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
        const struct kube_action action = {.verb = verbs[i],
                                           .group = piece->group,
                                           .plural = piece->plural,
                                           .namespace_ = piece->ns};
        bool allowed = false;
        if (kube_may(client, NULL, &action, NULL, &allowed, NULL, err) < 0)
            return -1;
        if (allowed)
            continue;
        strbuf_addf(missing, "%s%s", any ? " and " : missing->len > 0 ? ", " : "", verbs[i]);
        any = true;
    }
    if (any)
        strbuf_addf(missing, " %s%s%s%s%s", piece->plural, *piece->group != '\0' ? "." : "",
                    piece->group, *piece->ns != '\0' ? " in " : "", piece->ns);
    return 0;
}

static bool is_asked(const struct vec *asked, const struct piece *piece)
{
    vec_foreach (const struct piece *, other, asked) {
        if (strcmp((*other)->plural, piece->plural) == 0 &&
            strcmp((*other)->group, piece->group) == 0)
            return true;
    }
    return false;
}

static int check_verbs(struct installation *installation, struct error *err)
{
    cleanup_vec struct vec asked = VEC_OF(const struct piece *, NULL);
    cleanup_strbuf struct strbuf missing;
    strbuf_init(&missing, MAX_SENTENCE);
    vec_foreach (struct piece, piece, &installation->pieces) {
        if (piece->plural == NULL || is_asked(&asked, piece))
            continue;
        *(const struct piece **)vec_push(&asked) = piece;
        if (add_missing(installation->client, piece, &missing, err) < 0)
            return -1;
    }
    if (missing.len == 0)
        return 0;
    cleanup_free char *user = who(installation->client);
    return error_set(err, ERROR_DENIED,
                     "%s may not %s; nothing was touched: install as an administrator of the "
                     "cluster",
                     user, missing.data);
}

// Nobody may hand on rights that they lack: only trying tells.
static int check_escalation(struct installation *installation, struct error *err)
{
    vec_foreach (struct piece, piece, &installation->pieces) {
        if (!piece_is(piece, "ClusterRole"))
            continue;
        const struct kube_request request = {.verb = KUBE_APPLY,
                                             .ref = piece_ref(piece),
                                             .object = piece->object,
                                             .force = true,
                                             .dry_run = true};
        if (kube_do(installation->client, &request, NULL, err) < 0)
            return error_wrap(err, "%s, so nothing was touched", piece->text);
    }
    return 0;
}

int installation_preflight(struct installation *installation, struct error *err)
{
    bool everything = false;
    if (check_version(installation, err) < 0 ||
        may_everything(installation->client, &everything, err) < 0)
        return -1;
    if (everything)
        return 0;
    return check_verbs(installation, err) < 0 || check_escalation(installation, err) < 0 ? -1 : 0;
}
