#include "cli/rights.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

// ---- rules ----

// A list of a rule has it, or all.
static bool list_has(const json_t *rule, const char *list, const char *text)
{
    size_t index;
    json_t *value;
    json_array_foreach (jval_array(rule, list), index, value) {
        const char *word = json_string_value(value);
        if (word != NULL && (strcmp(word, "*") == 0 || strcmp(word, text) == 0))
            return true;
    }
    return false;
}

// A rule without names has them all.
static bool has_names_of(const json_t *held, const json_t *wanted)
{
    const json_t *names = jval_array(wanted, "resourceNames");
    size_t index;
    json_t *name;
    if (json_array_size(jval_array(held, "resourceNames")) == 0)
        return true;
    json_array_foreach (names, index, name) {
        if (!list_has(held, "resourceNames", json_string_value(name)))
            return false;
    }
    return json_array_size(names) > 0;
}

static bool is_held(const json_t *held, const json_t *wanted, const char *verb, const char *group,
                    const char *resource)
{
    size_t index;
    json_t *rule;
    json_array_foreach (held, index, rule) {
        if (list_has(rule, "verbs", verb) && list_has(rule, "apiGroups", group) &&
            list_has(rule, "resources", resource) && has_names_of(rule, wanted))
            return true;
    }
    return false;
}

static bool covers_rule(const json_t *held, const json_t *wanted)
{
    size_t g;
    size_t r;
    size_t v;
    json_t *group;
    json_t *resource;
    json_t *verb;
    json_array_foreach (jval_array(wanted, "apiGroups"), g, group) {
        json_array_foreach (jval_array(wanted, "resources"), r, resource) {
            json_array_foreach (jval_array(wanted, "verbs"), v, verb) {
                if (!is_held(held, wanted, json_string_value(verb), json_string_value(group),
                             json_string_value(resource)))
                    return false;
            }
        }
    }
    return true;
}

bool rights_cover(const json_t *held, const json_t *wanted)
{
    size_t index;
    json_t *rule;
    json_array_foreach (wanted, index, rule) {
        if (!covers_rule(held, rule))
            return false;
    }
    return true;
}

// ---- whose ----

// SelfSubjectRulesReview: what the client, or the one it acts as, may do in a namespace. Owned;
// NULL when it may not be asked.
static json_t *review(struct kube_client *client, const struct kube_impersonation *as,
                      const char *namespace)
{
    cleanup_json json_t *question =
        json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                  "SelfSubjectRulesReview", "spec", "namespace", namespace);
    const struct kube_request request = {.verb = KUBE_CREATE,
                                         .ref = {.group = "authorization.k8s.io",
                                                 .version = "v1",
                                                 .plural = "selfsubjectrulesreviews"},
                                         .object = question,
                                         .as = as};
    json_t *answer = NULL;
    return kube_do(client, &request, &answer, NULL) == 0 ? answer : NULL;
}

static json_t *rules_of_role(struct kube_client *client, const char *name)
{
    const struct kube_ref ref = {.group = "rbac.authorization.k8s.io",
                                 .version = "v1",
                                 .plural = "clusterroles",
                                 .name = name};
    cleanup_json json_t *role = NULL;
    return kube_get(client, &ref, &role, NULL) == 0 ? jval_ref(jval_array(role, "rules")) : NULL;
}

enum rights_held rights_of_binding(struct kube_client *client, const json_t *binding)
{
    const json_t *subject = json_array_get(jval_array(binding, "subjects"), 0);
    const char *namespace = object_namespace(binding);
    cleanup_free char *user =
        xasprintf("system:serviceaccount:%s:%s", jval_string_or(subject, "namespace", ""),
                  jval_string_or(subject, "name", ""));
    const struct kube_impersonation as = {.user = user};
    if (strcmp(jval_string_or(binding, "roleRef.kind", ""), "ClusterRole") != 0)
        return RIGHTS_UNKNOWN;
    cleanup_json json_t *account = review(client, &as, namespace);
    const json_t *held = jval_array(account, "status.resourceRules");
    if (held == NULL)
        return RIGHTS_UNKNOWN;
    cleanup_json json_t *wanted =
        rules_of_role(client, jval_string_or(binding, "roleRef.name", ""));
    if (wanted != NULL)
        return rights_cover(held, wanted) ? RIGHTS_OF_ROLE : RIGHTS_UNKNOWN;
    // Nobody may hand on what they lack, so more than our own rights could not be meant.
    cleanup_json json_t *mine = review(client, NULL, namespace);
    const json_t *rules = jval_array(mine, "status.resourceRules");
    return rules != NULL && !jval_bool(mine, "status.incomplete", false) &&
                   rights_cover(held, rules)
               ? RIGHTS_OF_MINE
               : RIGHTS_UNKNOWN;
}
