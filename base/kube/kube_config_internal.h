// What the ways to a kube_config share.
#ifndef BASE_KUBE_KUBE_CONFIG_INTERNAL_H
#define BASE_KUBE_KUBE_CONFIG_INTERNAL_H

#include "base/kube/kube_config.h"

// A kubeconfig, a certificate, a token.
enum { KUBE_CONFIG_MAX_BYTES = 1024 * 1024 };

// Text without white space at its end; owned (secret_free). ERROR_INVALID when there is none.
int kube_config_read_file(const char *path, char **ret_text, struct error *err)
    __attribute__((warn_unused_result));

// Fills config from one cluster, user and context of a kubeconfig (kube_config_entry.c). `folder`
// is what paths are relative to; NULL = a tenant's, which may name nothing of this machine.
int kube_config_set_cluster(struct kube_config *config, const json_t *cluster, const char *folder,
                            struct error *err) __attribute__((warn_unused_result));
int kube_config_set_user(struct kube_config *config, const json_t *user, const char *folder,
                         struct error *err) __attribute__((warn_unused_result));

#endif
