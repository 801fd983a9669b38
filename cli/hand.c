#include "cli/hand.h"

#include "base/memory.h"
#include "oci/sign/certificate.h"

void hand_release(struct hand *hand)
{
    sign_key_free(STEAL(hand->key));
    keyless_session_release(&hand->session);
}

int hand_open(const struct cli *cli, struct hand *ret_hand, struct error *err)
{
    struct hand hand = {0};
    int result = keyless_is_wanted(cli) ? keyless_session_open(cli, &hand.session, err)
                                        : signer_load(cli, &hand.key, err);
    if (result == 0)
        *ret_hand = hand;
    return result;
}

const struct certificate *hand_certificate(const struct hand *hand)
{
    return hand->session.keyless != NULL ? keyless_certificate(hand->session.keyless) : NULL;
}

const char *hand_name(const struct hand *hand)
{
    const struct certificate *certificate = hand_certificate(hand);
    return certificate != NULL ? certificate->subject
                               : verify_key_fingerprint(sign_key_public(hand->key))->text;
}

int hand_sign(const struct hand *hand, const struct registry *registry,
              const struct oci_descriptor *artifact, const struct sign_request *request,
              struct error *err)
{
    if (hand->key != NULL)
        return sign_artifact(registry->repository, artifact, hand->key, request, err);
    return sign_artifact_keyless(registry->repository, artifact, hand->session.keyless, request,
                                 err);
}

int hand_approve(const struct hand *hand, const struct registry *registry,
                 const struct oci_descriptor *artifact, const struct approval *approval,
                 bool *ret_new, struct error *err)
{
    if (hand->key != NULL)
        return approve_artifact(registry->repository, artifact, hand->key, approval, ret_new, err);
    *ret_new = true;
    return approve_artifact_keyless(registry->repository, artifact, hand->session.keyless, approval,
                                    err);
}

int hand_renew(const struct hand *hand, const struct registry *registry,
               const struct oci_descriptor *artifact, const struct release *release,
               struct error *err)
{
    if (hand->key != NULL)
        return release_renew(registry->repository, artifact, hand->key, release, 1,
                             release->issued_at_ms, err);
    return release_attach_keyless(registry->repository, artifact, hand->session.keyless, release, 1,
                                  release->issued_at_ms, err);
}
