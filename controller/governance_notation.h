// The Notation signers of an entry of a TrustPolicy, with the certificates and revocation lists
// that its Secrets hold.
#ifndef CONTROLLER_GOVERNANCE_NOTATION_H
#define CONTROLLER_GOVERNANCE_NOTATION_H

#include <jansson.h>

#include "base/error.h"
#include "controller/role.h"

struct notation_trust;

// `notation` is spec.require[].notation of `policy`. *ret_trust is owned and sealed. *ret_reason
// (static, for the condition): "SecretNotUsable" or "PolicyUnreadable".
int governance_notation(const struct role *role, const json_t *policy, const json_t *notation,
                        struct notation_trust **ret_trust, const char **ret_reason,
                        struct error *err) __attribute__((warn_unused_result));

#endif
