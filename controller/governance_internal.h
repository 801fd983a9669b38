// What the two halves of governance share: choosing which policies govern a Sync (governance.c),
// and building what they ask for (governance_policy.c).
#ifndef CONTROLLER_GOVERNANCE_INTERNAL_H
#define CONTROLLER_GOVERNANCE_INTERNAL_H

#include <jansson.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "controller/governance.h"
#include "controller/role.h"

struct trust_entry;

struct gathering {
    const struct role *role;
    const json_t *sync;
    const json_t *naming; // the object whose keys are read
    const char *repository;
    struct governance *governance;
    struct strbuf rules;
    json_t *labels; // of the namespaces that were asked for: {name: {…}}
    const char **reason;
};

// Appends a policy of all that the TrustPolicy `object` asks for.
int governance_add_policy(struct gathering *gathering, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));
// A policy whose requirements are for other repositories still denies what it denies.
int governance_add_denials(struct gathering *gathering, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));
// The keys of a list that stands at `field` of the object that is named in `gathering`.
int governance_add_keys(struct gathering *gathering, struct trust_entry *entry, const json_t *keys,
                        const char *field, struct error *err) __attribute__((warn_unused_result));
// What is part of the fingerprint of the rules.
void governance_add_rule(struct gathering *gathering, const char *what, const json_t *value);

#endif
