// Builds the policy that oci/sign judges by from a TrustPolicy and the Secrets that it names.
#include "controller/governance_internal.h"

#include "api/identity.h"
#include "api/object.h"
#include "api/store.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/governance_notation.h"
#include "oci/sign/notation_trust.h"
#include "oci/sign/policy.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

void governance_add_rule(struct gathering *gathering, const char *what, const json_t *value)
{
    cleanup_free char *text = jval_canonical(value);
    strbuf_addf(&gathering->rules, "%s ", what);
    strbuf_add(&gathering->rules, text, strlen(text) + 1);
}

static int key_time(const json_t *key, const char *field, int64_t *ret_ms, struct error *err)
{
    const char *text = jval_string(key, field);
    *ret_ms = 0;
    return text == NULL ? 0 : time_parse(text, ret_ms, err);
}

// That of Secrets: a policy's are where its role is.
static const char *namespace_of(const struct gathering *gathering)
{
    const char *namespace = object_namespace(gathering->naming);
    return *namespace != '\0' ? namespace : gathering->role->namespace;
}

// A key is {name, pem | secretRef, notBefore, notAfter}; the Secret holds it under cosign.pub.
static int add_key(struct gathering *gathering, struct trust_entry *entry, const json_t *key,
                   const char *field, struct error *err)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    const char *name = jval_string_or(key, "name", "");
    const char *namespace = namespace_of(gathering);
    const struct secret_use use = {gathering->naming, field, SECRET_PUBLIC_KEY};
    const char *pem = jval_string(key, "pem");
    const char *secret_name = jval_string(key, "secretRef.name");
    int64_t not_before_ms, not_after_ms;
    *gathering->reason = "SecretNotUsable";
    if (pem == NULL && secret_name != NULL) {
        if (store_secret_for(gathering->role->store, &use, namespace, secret_name, &secret, err) <
            0)
            return error_wrap(err, "key %s", name);
        pem = secret_data_text(secret, "cosign.pub");
        if (pem == NULL) {
            secret_use_refuse(&use, namespace, secret_name, NULL, err);
            return error_wrap(err, "key %s", name);
        }
        strbuf_addf(&gathering->rules, "key %s %s\n", name, pem);
    }
    if (pem == NULL)
        return error_set(err, ERROR_INVALID, "key %s has neither pem nor secretRef", name);
    if (key_time(key, "notBefore", &not_before_ms, err) < 0 ||
        key_time(key, "notAfter", &not_after_ms, err) < 0)
        return error_wrap(err, "key %s", name);
    return trust_entry_add_key(entry, name, pem, strlen(pem), not_before_ms, not_after_ms, err);
}

int governance_add_keys(struct gathering *gathering, struct trust_entry *entry, const json_t *keys,
                        const char *field, struct error *err)
{
    size_t index;
    json_t *key;
    json_array_foreach (keys, index, key) {
        if (add_key(gathering, entry, key, field, err) < 0)
            return -1;
    }
    return 0;
}

static int add_identities(struct trust_entry *entry, const json_t *identities, struct error *err)
{
    size_t index;
    json_t *identity;
    json_array_foreach (identities, index, identity) {
        if (trust_entry_add_identity(entry, jval_string_or(identity, "issuer", ""),
                                     jval_string_or(identity, "subject", ""), err) < 0)
            return -1;
    }
    return 0;
}

static int add_notation(struct gathering *gathering, struct trust_entry *entry,
                        const json_t *notation, struct error *err)
{
    if (notation == NULL)
        return 0;
    if (governance_notation(gathering->role, gathering->naming, notation, &entry->notation,
                            gathering->reason, err) < 0)
        return error_wrap(err, "notation of entry %s", entry->name);
    strbuf_addf(&gathering->rules, "notation %s\n", entry->notation->digest.text);
    return 0;
}

static int add_attestation(struct gathering *gathering, struct trust_policy *policy,
                           const json_t *object, struct error *err)
{
    const char *from = jval_string(object, "from");
    const char *max_age = jval_string(object, "maxAge");
    const char *time = jval_string(object, "time");
    struct trust_attestation *wanted = NULL;
    size_t index;
    json_t *condition;
    if (trust_policy_add_attestation(policy, jval_string_or(object, "name", ""),
                                     jval_string_or(object, "type", ""), &wanted, err) < 0 ||
        governance_add_keys(gathering, &wanted->signers, jval_array(object, "keys"),
                            "spec.attestations[].keys[].secretRef", err) < 0)
        return -1;
    *gathering->reason = "PolicyUnreadable";
    if (add_identities(&wanted->signers, jval_array(object, "keyless"), err) < 0 ||
        (max_age != NULL && duration_parse(max_age, &wanted->max_age_ms, err) < 0))
        return -1;
    vec_foreach (const struct trust_entry, entry, &policy->entries) {
        if (from != NULL && strcmp(entry->name, from) == 0)
            trust_entry_copy_signers(&wanted->signers, entry);
    }
    if (time != NULL) {
        free(wanted->time_path);
        wanted->time_path = xstrdup(time);
    }
    json_array_foreach (jval_array(object, "values"), index, condition) {
        if (trust_attestation_add_condition(wanted, condition, err) < 0)
            return -1;
    }
    return 0;
}

static int add_attestations(struct gathering *gathering, struct trust_policy *policy,
                            const json_t *spec, struct error *err)
{
    size_t index;
    json_t *object;
    json_array_foreach (jval_array(spec, "attestations"), index, object) {
        *gathering->reason = "PolicyUnreadable";
        if (add_attestation(gathering, policy, object, err) < 0)
            return error_wrap(err, "attestations");
    }
    return 0;
}

static int add_deny(struct trust_policy *policy, const json_t *spec, struct error *err)
{
    size_t index;
    json_t *denied;
    json_array_foreach (jval_array(spec, "deny.keys"), index, denied) {
        if (trust_deny_key(policy, jval_string(denied, "name"), jval_string(denied, "fingerprint"),
                           jval_string(denied, "reason"), err) < 0)
            return -1;
    }
    json_array_foreach (jval_array(spec, "deny.keyless"), index, denied)
        trust_deny_identity(policy, jval_string_or(denied, "issuer", ""),
                            jval_string_or(denied, "subject", ""), jval_string(denied, "reason"));
    json_array_foreach (jval_array(spec, "deny.certificates"), index, denied) {
        if (trust_deny_certificate(policy, jval_string_or(denied, "serial", ""),
                                   jval_string(denied, "issuer"), jval_string(denied, "reason"),
                                   err) < 0)
            return -1;
    }
    json_array_foreach (jval_array(spec, "deny.digests"), index, denied) {
        if (trust_deny_digest(policy, jval_string_or(denied, "digest", ""),
                              jval_string(denied, "reason"), err) < 0)
            return -1;
    }
    return 0;
}

static int add_mirrors(struct trust_policy *policy, const json_t *spec, struct error *err)
{
    size_t index;
    json_t *mirror;
    json_array_foreach (jval_array(spec, "mirrors"), index, mirror) {
        cleanup_free char *repository = NULL;
        cleanup_free char *original = NULL;
        if (identity_oci(jval_string_or(mirror, "repository", ""), &repository, err) < 0 ||
            identity_oci(jval_string_or(mirror, "of", ""), &original, err) < 0)
            return error_wrap(err, "mirrors");
        trust_policy_add_mirror(policy, repository, original);
    }
    return 0;
}

// The root that vouches for keyless identities: of a Secret, or the public instance's.
static int add_root(struct gathering *gathering, struct trust_policy *policy, const json_t *spec,
                    struct error *err)
{
    const struct secret_use use = {gathering->naming, "spec.trustedRoot.secretRef",
                                   SECRET_TRUSTED_ROOT};
    cleanup_secret_data struct secret_data *secret = NULL;
    const char *name = jval_string(spec, "trustedRoot.secretRef.name");
    const char *namespace = gathering->role->namespace;
    bool needed = false;
    vec_foreach (const struct trust_entry, entry, &policy->entries)
        needed = needed || entry->identities.len > 0;
    vec_foreach (const struct trust_attestation, wanted, &policy->attestations)
        needed = needed || wanted->signers.identities.len > 0;
    if (!needed)
        return 0;
    if (name == NULL) {
        int result = trust_policy_set_root(policy, NULL, 0, NULL, err);
        if (result == 0)
            strbuf_addf(&gathering->rules, "root %s\n", policy->root->digest.text);
        return result;
    }
    *gathering->reason = "SecretNotUsable";
    if (store_secret_for(gathering->role->store, &use, namespace, name, &secret, err) < 0)
        return -1;
    const char *text = secret_data_text(secret, "trusted_root.json");
    if (text == NULL)
        return secret_use_refuse(&use, namespace, name, NULL, err);
    cleanup_free char *what = xasprintf("Secret %s/%s", namespace, name);
    if (trust_policy_set_root(policy, text, strlen(text), what, err) < 0)
        return -1;
    strbuf_addf(&gathering->rules, "root %s\n", policy->root->digest.text);
    return 0;
}

static void push_strings(struct vec *strings, const json_t *array)
{
    size_t index;
    json_t *text;
    json_array_foreach (array, index, text)
        vec_push_string(strings, json_string_value(text));
}

static bool goes_back(const json_t *spec)
{
    return strcmp(jval_string_or(spec, "onRevoke", "Hold"), "Rollback") == 0;
}

static int add_source(struct trust_policy *policy, const json_t *spec, struct error *err)
{
    const char *repository = jval_string(spec, "source.repository");
    const char *max_age = jval_string(spec, "freshness.maxAge");
    if (repository != NULL && identity_git(repository, &policy->source_repository, err) < 0)
        return error_wrap(err, "source.repository");
    if (max_age != NULL && duration_parse(max_age, &policy->max_age_ms, err) < 0)
        return error_wrap(err, "freshness.maxAge");
    policy->rollback_allowed =
        strcmp(jval_string_or(spec, "freshness.rollback", "Deny"), "Allow") == 0;
    policy->goes_back = goes_back(spec);
    push_strings(&policy->refs, jval_array(spec, "source.refs"));
    push_strings(&policy->paths, jval_array(spec, "source.paths"));
    push_strings(&policy->channels, jval_array(spec, "source.channels"));
    return 0;
}

int governance_add_policy(struct gathering *gathering, const json_t *object, struct error *err)
{
    cleanup_free char *name = object_text(object);
    struct trust_policy *policy = vec_push(&gathering->governance->policies);
    trust_policy_init(policy, name);
    const json_t *spec = object_spec(object, "");
    size_t index;
    json_t *entry;
    gathering->naming = object;
    json_array_foreach (jval_array(spec, "require"), index, entry) {
        struct trust_entry *wanted = trust_policy_add_entry(
            policy, jval_string_or(entry, "name", ""), (unsigned)jval_int(entry, "threshold", 1));
        wanted->attests = jval_bool(entry, "attests", false);
        wanted->any_repository = jval_bool(entry, "anyRepository", false);
        wanted->approves = jval_bool(entry, "approves", false);
        if (governance_add_keys(gathering, wanted, jval_array(entry, "keys"),
                                "spec.require[].keys[].secretRef", err) < 0)
            return error_wrap(err, "%s", name);
        *gathering->reason = "PolicyUnreadable";
        if (add_identities(wanted, jval_array(entry, "keyless"), err) < 0 ||
            add_notation(gathering, wanted, jval_object(entry, "notation"), err) < 0)
            return error_wrap(err, "%s", name);
    }
    *gathering->reason = "PolicyUnreadable";
    if (add_attestations(gathering, policy, spec, err) < 0 ||
        add_root(gathering, policy, spec, err) < 0)
        return error_wrap(err, "%s", name);
    *gathering->reason = "PolicyUnreadable";
    if (add_source(policy, spec, err) < 0 || add_deny(policy, spec, err) < 0 ||
        add_mirrors(policy, spec, err) < 0)
        return error_wrap(err, "%s", name);
    governance_add_rule(gathering, name, spec);
    return 0;
}

int governance_add_denials(struct gathering *gathering, const json_t *object, struct error *err)
{
    const json_t *spec = object_spec(object, "");
    if (jval_object(spec, "deny") == NULL)
        return 0;
    cleanup_free char *name = object_text(object);
    struct trust_policy *policy = vec_push(&gathering->governance->policies);
    trust_policy_init(policy, name);
    policy->only_denies = true;
    policy->goes_back = goes_back(spec);
    if (add_deny(policy, spec, err) < 0)
        return error_wrap(err, "%s", name);
    governance_add_rule(gathering, name, jval_object(spec, "deny"));
    return 0;
}
