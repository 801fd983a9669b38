// Who signs what a person or a pipeline makes: the key of --key (cli/signer.h), or an identity
// (cli/keyless.h).
#ifndef CLI_HAND_H
#define CLI_HAND_H

#include <stdbool.h>

#include "cli/keyless.h"
#include "cli/registry.h"
#include "cli/signer.h"
#include "oci/sign/attach.h"

struct hand {
    struct sign_key *key; // or
    struct keyless_session session;
};

// Loads the key, or has the identity certified: then signatures must follow within some minutes.
int hand_open(const struct cli *cli, struct hand *ret_hand, struct error *err)
    __attribute__((warn_unused_result));
void hand_release(struct hand *hand); // may be called twice
#define cleanup_hand __attribute__((cleanup(hand_release)))

// Fingerprint of the key, or the identity as its certificate says; borrowed.
const char *hand_name(const struct hand *hand);
// Of the identity; NULL of a key.
const struct certificate *hand_certificate(const struct hand *hand);

// As sign_artifact, approve_artifact and release_renew (oci/sign/attach.h).
int hand_sign(const struct hand *hand, const struct registry *registry,
              const struct oci_descriptor *artifact, const struct sign_request *request,
              struct error *err) __attribute__((warn_unused_result));
int hand_approve(const struct hand *hand, const struct registry *registry,
                 const struct oci_descriptor *artifact, const struct approval *approval,
                 bool *ret_new, struct error *err) __attribute__((warn_unused_result));
int hand_renew(const struct hand *hand, const struct registry *registry,
               const struct oci_descriptor *artifact, const struct release *release,
               struct error *err) __attribute__((warn_unused_result));

#endif
