// Chooses the TrustPolicies that govern a Sync, adds the Sync's own keys, and refuses where nothing
// is left that could vouch for it.
#include "controller/governance_internal.h"

#include "api/identity.h"
#include "api/object.h"
#include "api/store.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/policy.h"

#include <string.h>

// Everything that goes into the fingerprint of the rules, as text.
enum { MAX_RULES_BYTES = 8 << 20 };

// How long before a key runs out people are told.
static const int64_t warn_ahead_ms = INT64_C(14) * 24 * 60 * 60 * 1000;

void governance_release(struct governance *governance)
{
    vec_free(&governance->policies);
    *governance = (struct governance){0};
}

static int selects_namespace(struct gathering *gathering, const json_t *selector,
                             const char *namespace, bool *ret_selects, struct error *err)
{
    json_t *labels = json_object_get(gathering->labels, namespace);
    // Once for all policies: each may be a request.
    if (labels == NULL) {
        if (store_namespace_labels(gathering->role->store, namespace, &labels, err) < 0)
            return error_wrap(err, "labels of namespace %s", namespace);
        json_object_set_new(gathering->labels, namespace, labels);
    }
    *ret_selects = selector_matches(selector, labels);
    return 0;
}

// A policy governs (all, when its match cannot be read) when it selects the Sync's namespace or any
// that the Sync may write to.
static int governs(struct gathering *gathering, const json_t *policy, bool *ret_governs,
                   struct error *err)
{
    const json_t *match = object_spec(policy, "match");
    const json_t *selector = object_spec(policy, "match.namespaces");
    const char *target = object_spec_string(gathering->sync, "targetNamespace");
    size_t index;
    json_t *namespace;
    // What selects nothing because it cannot be read might have selected this.
    bool readable = (match == NULL || json_is_object(match)) && selector_is_valid(selector);
    bool selects = selector == NULL || !readable;
    if (!selects && selects_namespace(gathering, selector, object_namespace(gathering->sync),
                                      &selects, err) < 0)
        return -1;
    if (!selects && target != NULL &&
        selects_namespace(gathering, selector, target, &selects, err) < 0)
        return -1;
    json_array_foreach (object_spec(gathering->sync, "allowNamespaces"), index, namespace) {
        if (!selects &&
            selects_namespace(gathering, selector, json_string_value(namespace), &selects, err) < 0)
            return -1;
    }
    *ret_governs = selects;
    return 0;
}

static bool allows_repository(const json_t *policy, const char *repository)
{
    const json_t *patterns = object_spec(policy, "match.repositories");
    if (json_array_size(patterns) == 0)
        return true;
    size_t index;
    json_t *pattern;
    json_array_foreach (patterns, index, pattern) {
        if (identity_match(json_string_value(pattern), repository))
            return true;
    }
    return false;
}

// Appends the names of those that govern to `governing`.
static int gather_policies(struct gathering *gathering, json_t *governing, size_t *ret_matching,
                           struct error *err)
{
    cleanup_json json_t *all = NULL;
    size_t index;
    json_t *policy;
    *gathering->reason = "PolicyUnreadable";
    if (store_list(gathering->role->store, "TrustPolicy", NULL, &all, err) < 0)
        return -1;
    json_array_foreach (all, index, policy) {
        bool selected = false;
        *gathering->reason = "PolicyUnreadable";
        if (governs(gathering, policy, &selected, err) < 0)
            return -1;
        if (!selected)
            continue;
        json_array_append_new(governing, json_string(object_name(policy)));
        // What it would ask for cannot be told, so nothing passes.
        if (object_problem(policy) != OBJECT_FINE)
            return error_set(err, ERROR_UNVERIFIED,
                             "a policy that governs this Sync cannot be used: %s",
                             object_problem_message(policy));
        bool matches = allows_repository(policy, gathering->repository);
        *ret_matching += matches;
        if ((matches ? governance_add_policy(gathering, policy, err)
                     : governance_add_denials(gathering, policy, err)) < 0)
            return -1;
    }
    return 0;
}

// spec.verify stands alone where no policy governs, and adds to those that do.
static int gather_own_keys(struct gathering *gathering, size_t governing, struct error *err)
{
    const json_t *verify = object_spec(gathering->sync, "verify");
    const json_t *keys = jval_array(verify, "keys");
    if (json_array_size(keys) == 0)
        return 0;
    struct trust_policy *policy = vec_push(&gathering->governance->policies);
    trust_policy_init(policy, "spec.verify");
    struct trust_entry *entry = trust_policy_add_entry(policy, "spec.verify.keys", 1);
    entry->attests = governing == 0 && jval_bool(verify, "attests", true);
    entry->any_repository = !entry->attests && governing == 0;
    governance_add_rule(gathering, "spec.verify", verify);
    gathering->naming = gathering->sync;
    return governance_add_keys(gathering, entry, keys, "spec.verify.keys[].secretRef", err);
}

static int refuse_repository(const char *repository, const json_t *names, struct error *err)
{
    size_t n = json_array_size(names);
    cleanup_free char *more = n > 3 ? xasprintf(" and %zu more", n - 3) : xstrdup("");
    const char *first = json_string_value(json_array_get(names, 0));
    const char *second = json_string_value(json_array_get(names, 1));
    const char *third = json_string_value(json_array_get(names, 2));
    return error_set(err, ERROR_UNVERIFIED,
                     "%s matches match.repositories of no TrustPolicy that governs this Sync "
                     "(%s%s%s%s%s%s); use an allowed repository, or have one of them list it",
                     repository, first, second != NULL ? ", " : "", second != NULL ? second : "",
                     third != NULL ? ", " : "", third != NULL ? third : "", more);
}

static int gather(struct gathering *gathering, struct error *err)
{
    cleanup_json json_t *names = json_array();
    size_t matching = 0;
    struct governance *governance = gathering->governance;
    if (gather_policies(gathering, names, &matching, err) < 0)
        return -1;
    size_t governing = json_array_size(names);
    if (governing > 0 && matching == 0) {
        *gathering->reason = "RepositoryNotAllowed";
        return refuse_repository(gathering->repository, names, err);
    }
    if (gather_own_keys(gathering, governing, err) < 0)
        return -1;
    if (governance->policies.len > 0)
        return 0;
    *gathering->reason = "Ungoverned";
    if (!gathering->role->allow_unverified)
        return error_set(
            err, ERROR_UNVERIFIED,
            "no TrustPolicy governs this Sync and spec.verify names no key, so nothing may be "
            "applied; "
            "create a TrustPolicy (sealift create policy --help) or list keys in spec.verify");
    governance->unverified = true;
    return 0;
}

int governance_of(const struct role *role, const json_t *sync, const char *repository_identity,
                  struct governance *ret_governance, const char **ret_reason, struct error *err)
{
    cleanup_governance struct governance governance = {
        .policies = VEC_OF(struct trust_policy, trust_policy_release)};
    struct gathering gathering = {.role = role,
                                  .sync = sync,
                                  .repository = repository_identity,
                                  .governance = &governance,
                                  .labels = json_object(),
                                  .reason = ret_reason};
    strbuf_init(&gathering.rules, MAX_RULES_BYTES);
    strbuf_addf(&gathering.rules, "repository %s\n", repository_identity);
    int result = gather(&gathering, err);
    if (result == 0)
        result = strbuf_check(&gathering.rules, "the policies of this Sync", err);
    governance.rules = digest_of(gathering.rules.data, gathering.rules.len);
    strbuf_release(&gathering.rules);
    json_decref(gathering.labels);
    if (result < 0)
        return -1;
    *ret_governance = governance;
    governance = (struct governance){0};
    return 0;
}

int governance_check(const struct role *role, const json_t *policy,
                     struct trust_outlook *ret_outlook, const char **ret_reason, struct error *err)
{
    cleanup_governance struct governance governance = {
        .policies = VEC_OF(struct trust_policy, trust_policy_release)};
    struct gathering gathering = {.role = role, .governance = &governance, .reason = ret_reason};
    strbuf_init(&gathering.rules, MAX_RULES_BYTES);
    int result = governance_add_policy(&gathering, policy, err);
    strbuf_release(&gathering.rules);
    if (result < 0)
        return -1;
    *ret_reason = "PolicyInvalid";
    if (trust_policy_check(vec_at(&governance.policies, 0), err) < 0)
        return -1;
    trust_policy_outlook(vec_at(&governance.policies, 0), clock_wall_ms(role->clock), warn_ahead_ms,
                         ret_outlook);
    return 0;
}
