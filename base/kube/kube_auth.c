#include "base/kube/kube_auth.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void set_if(json_t *object, const char *key, const char *text)
{
    if (text != NULL && *text != '\0')
        jval_set_string(object, key, text);
}

int kube_may(struct kube_client *client, const struct kube_impersonation *as,
             const struct kube_action *action, struct cancel *cancel, bool *ret_allowed,
             char **ret_reason, struct error *err)
{
    cleanup_json json_t *review = json_object();
    cleanup_json json_t *answer = NULL;
    jval_set_string(review, "apiVersion", "authorization.k8s.io/v1");
    jval_set_string(review, "kind", "SelfSubjectAccessReview");
    jval_set(review, "spec.resourceAttributes", json_object());
    json_t *attributes = jval_unconst(jval_object(review, "spec.resourceAttributes"));
    set_if(attributes, "verb", action->verb);
    set_if(attributes, "group", action->group);
    set_if(attributes, "resource", action->plural);
    set_if(attributes, "subresource", action->subresource);
    set_if(attributes, "namespace", action->namespace_);
    set_if(attributes, "name", action->name);
    struct kube_request request = {
        .verb = KUBE_CREATE,
        .ref = {.group = "authorization.k8s.io",
                .version = "v1",
                .plural = "selfsubjectaccessreviews"},
        .object = review,
        .as = as,
        .cancel = cancel,
    };
    if (kube_do(client, &request, &answer, err) < 0)
        return error_wrap(err, "ask whether %s of %s is allowed", action->verb,
                          action->plural != NULL ? action->plural : "everything");
    *ret_allowed = jval_bool(answer, "status.allowed", false);
    if (ret_reason != NULL)
        *ret_reason = xstrdup(jval_string_or(answer, "status.reason", ""));
    return 0;
}

int kube_token(struct kube_client *client, const char *namespace_, const char *service_account,
               const char *audience, int64_t seconds, char **ret_token,
               int64_t *ret_expires_wall_ms, struct error *err)
{
    cleanup_json json_t *wanted = json_object();
    cleanup_json json_t *answer = NULL;
    jval_set_string(wanted, "apiVersion", "authentication.k8s.io/v1");
    jval_set_string(wanted, "kind", "TokenRequest");
    jval_set_int(wanted, "spec.expirationSeconds", seconds > 0 ? seconds : 3600);
    if (audience != NULL)
        jval_set(wanted, "spec.audiences", json_pack("[s]", audience));
    struct kube_request request = {
        .verb = KUBE_CREATE,
        .ref = {.version = "v1",
                .plural = "serviceaccounts",
                .namespace_ = namespace_,
                .name = service_account,
                .subresource = "token"},
        .object = wanted,
    };
    if (kube_do(client, &request, &answer, err) < 0)
        return error_wrap(err, "a token for the ServiceAccount %s/%s", namespace_, service_account);
    const char *token = jval_string(answer, "status.token");
    const char *expires = jval_string(answer, "status.expirationTimestamp");
    int64_t expires_wall_ms = 0;
    if (token == NULL || expires == NULL || time_parse(expires, &expires_wall_ms, NULL) < 0)
        return error_set(err, ERROR_UNAVAILABLE,
                         "a token for the ServiceAccount %s/%s: the API server answered without "
                         "one",
                         namespace_, service_account);
    *ret_token = xstrdup(token);
    if (ret_expires_wall_ms != NULL)
        *ret_expires_wall_ms = expires_wall_ms;
    return 0;
}
