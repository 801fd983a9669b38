// What one field of a TrustPolicy cannot say alone.
#include "api/kind_trust_policy.h"

#include "base/jval.h"

#include <string.h>

static int count_attesting(const json_t *spec)
{
    int count = 0;
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(spec, "require"), i, entry)
        count += jval_bool(entry, "attests", false);
    return count;
}

static bool several_attest(const json_t *value, const json_t *spec)
{
    (void)value;
    return count_attesting(spec) > 1;
}

static bool nobody_attests(const json_t *value, const json_t *spec)
{
    (void)value;
    return count_attesting(spec) == 0;
}

static bool nobody_signs(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "keys", "keyless", "notation", NULL) == 0;
}

static bool threshold_out_of_reach(const json_t *value, const json_t *spec)
{
    const json_t *identities = json_object_get(value, "keyless");
    size_t i;
    json_t *identity;
    if (nobody_signs(value, spec) || json_object_get(value, "notation") != NULL)
        return false;
    // A pattern may match any number of signers.
    json_array_foreach (identities, i, identity) {
        if (strchr(jval_string_or(identity, "subject", ""), '*') != NULL)
            return false;
    }
    return jval_int(value, "threshold", 1) >
           (int64_t)(json_array_size(json_object_get(value, "keys")) + json_array_size(identities));
}

static bool attests_and_approves(const json_t *value, const json_t *spec)
{
    (void)spec;
    return jval_bool(value, "attests", false) && jval_bool(value, "approves", false);
}

static bool notation_alone_states(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "notation", NULL) == 1 &&
           count_members(value, "keys", "keyless", NULL) == 0 &&
           (jval_bool(value, "attests", false) || jval_bool(value, "approves", false));
}

static bool notation_without_repository(const json_t *value, const json_t *spec)
{
    size_t i;
    json_t *entry;
    bool found = false;
    json_array_foreach (json_object_get(value, "require"), i, entry)
        found = found || (json_object_get(entry, "notation") != NULL &&
                          !jval_bool(entry, "anyRepository", false));
    return found && count_attesting(spec) == 0;
}

static bool has_not_one_origin(const json_t *value, const json_t *spec)
{
    (void)spec;
    bool from = json_object_get(value, "from") != NULL;
    return from == (count_members(value, "keys", "keyless", NULL) > 0);
}

static bool is_entry(const json_t *spec, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(spec, "require"), i, entry) {
        if (strcmp(jval_string_or(entry, "name", ""), name) == 0)
            return true;
    }
    return false;
}

static bool names_no_entry(const json_t *value, const json_t *spec)
{
    size_t i;
    json_t *wanted;
    json_array_foreach (json_object_get(value, "attestations"), i, wanted) {
        const char *from = jval_string(wanted, "from");
        if (from != NULL && !is_entry(spec, from))
            return true;
    }
    return false;
}

static bool compares_nothing(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "exists", "equals", "notEquals", "in", "notIn", "lessThan",
                         "atMost", "greaterThan", "atLeast", NULL) == 0;
}

static bool denies_no_key(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "name", "fingerprint", NULL) == 0;
}

const struct field_rule trust_policy_rules[] = {
    {"spec", several_attest, "at most one entry of require may have attests: true",
     "!has(self.require) || self.require.filter(x, has(x.attests) && x.attests).size() <= 1", NULL},
    {"spec.source", nobody_attests,
     "it is judged on statements of an entry with attests: true; set that on one entry of require",
     "!has(self.source) || !has(self.require) || self.require.exists(x, has(x.attests) && "
     "x.attests)",
     "spec"},
    {"spec.freshness", nobody_attests,
     "it is judged on statements of an entry with attests: true; set that on one entry of require",
     "!has(self.freshness) || !has(self.require) || self.require.exists(x, has(x.attests) && "
     "x.attests)",
     "spec"},
    {"spec.require[]", attests_and_approves,
     "attests and approves exclude each other: who makes a release does not approve it; write two "
     "entries",
     "!has(self.attests) || !has(self.approves) || !self.attests || !self.approves", NULL},
    {"spec.require[]", nobody_signs, "it needs signers: keys, keyless identities or notation",
     "has(self.keys) || has(self.keyless) || has(self.notation)", NULL},
    {"spec.require[]", notation_alone_states,
     "a Notation signature is about the artifact alone: it neither attests nor approves; list keys "
     "or keyless identities whose statements count, or write two entries",
     "!has(self.notation) || has(self.keys) || has(self.keyless) || !((has(self.attests) && "
     "self.attests) || (has(self.approves) && self.approves))",
     NULL},
    {"spec", notation_without_repository,
     "a Notation signature names no repository; set attests: true on the entry whose release "
     "statements do, or anyRepository: true beside notation",
     "!has(self.require) || self.require.exists(x, has(x.attests) && x.attests) || "
     "self.require.all(x, !has(x.notation) || (has(x.anyRepository) && x.anyRepository))",
     NULL},
    {"spec.require[].notation.trustStores[]", rule_key_not_one_source,
     "exactly one of pem and secretRef must be given: the certificates themselves, or the Secret "
     "they are in",
     "has(self.pem) != has(self.secretRef)", NULL},
    {"spec.require[]", threshold_out_of_reach,
     "threshold is higher than the number of keys and identities, so it can never be met",
     "!has(self.threshold) || has(self.notation) || (!has(self.keys) && !has(self.keyless)) || "
     "(has(self.keyless) && "
     "self.keyless.exists(x, has(x.subject) && x.subject.contains('*'))) || self.threshold <= "
     "(has(self.keys) ? size(self.keys) : 0) + (has(self.keyless) ? size(self.keyless) : 0)",
     NULL},
    KEY_RULES("spec.require[].keys[]"),
    {"spec.attestations[]", has_not_one_origin,
     "it needs signers: either keys and keyless identities of its own, or from, an entry of "
     "require",
     "has(self.from) != (has(self.keys) || has(self.keyless))", NULL},
    {"spec", names_no_entry, "from of an attestation must name an entry of require",
     "!has(self.attestations) || !has(self.require) || self.attestations.all(x, !has(x.from) || "
     "self.require.exists(y, has(y.name) && y.name == x.from))",
     NULL},
    // The API server's expressions see no member that may be of several types.
    {"spec.attestations[].values[]", compares_nothing,
     "it compares nothing; add equals, in, atMost or exists", NULL, NULL},
    KEY_RULES("spec.attestations[].keys[]"),
    {"spec.deny.keys[]", denies_no_key, "it needs a name, a fingerprint, or both",
     "has(self.name) || has(self.fingerprint)", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
