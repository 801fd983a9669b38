// Who we are to one API server, kept fresh: token and certificate files are read again every
// minute, exec plugins run again when what they gave expires, and both after a 401.
#ifndef BASE_KUBE_KUBE_CREDENTIAL_INTERNAL_H
#define BASE_KUBE_KUBE_CREDENTIAL_INTERNAL_H

#include "base/cancel.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/kube/kube_config.h"

// A snapshot, immutable; any thread.
struct kube_identity {
    unsigned references;
    char *authorization; // header value; NULL = none
    struct http_tls tls; // points into what follows
    char *ca_pem;
    char *cert_pem;
    char *key_pem;
};
void kube_identity_unref(struct kube_identity *identity); // NULL is fine

struct kube_credential;
// Borrows config and clock. Nothing is read or run yet.
struct kube_credential *kube_credential_new(const struct kube_config *config,
                                            const struct clock *clock);
void kube_credential_free(struct kube_credential *credential); // ends a plugin that runs
// *ret_identity is owned (kube_identity_unref). Without may_block, plugins run on a thread of their
// own, and it is ERROR_UNAVAILABLE with retry_after_ms until they are done. DENIED, TIMEOUT,
// INVALID: what the plugin did wrong. `cancel` (NULL = none) ends what blocks, with CANCELED.
int kube_credential_get(struct kube_credential *credential, bool may_block, struct cancel *cancel,
                        struct kube_identity **ret_identity, struct error *err)
    __attribute__((warn_unused_result));
// The server refused it (401). Whether there may be a better one now.
bool kube_credential_refused(struct kube_credential *credential,
                             const struct kube_identity *identity);
// What it is, for the sentence about a 401: "the token in /var/run/…/token". Owned.
char *kube_credential_describe(const struct kube_config *config);

// What a plugin prints (kube_exec.c).
struct kube_exec_answer {
    char *token;
    char *cert_pem;
    char *key_pem;
    int64_t expires_wall_ms; // 0 = never
};
void kube_exec_answer_release(struct kube_exec_answer *answer);
// A plugin whose `cancel` (NULL = none) comes is killed, with what it started: ERROR_CANCELED.
int kube_exec_run(const struct kube_config *config, struct cancel *cancel,
                  struct kube_exec_answer *ret_answer, struct error *err)
    __attribute__((warn_unused_result));
// ExecCredential, strictly. Format: client.authentication.k8s.io. ERROR_INVALID.
int kube_exec_parse(const struct kube_exec *exec, const char *text, size_t size,
                    struct kube_exec_answer *ret_answer, struct error *err)
    __attribute__((warn_unused_result));

#endif
