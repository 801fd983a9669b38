// The two halves of the kind TrustPolicy: what its fields are, and what they must be together.
#ifndef API_KIND_TRUST_POLICY_H
#define API_KIND_TRUST_POLICY_H

#include "api/fields.h"

extern const struct field_rule trust_policy_rules[]; // ended as kind_table.rules

#endif
