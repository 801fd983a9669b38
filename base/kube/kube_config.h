// How to reach one API server and as whom: from inside a Pod, from kubeconfig files, or from the
// kubeconfig in a tenant's Secret.
//
// Formats: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ and
// client-authentication.v1 (exec plugins). Contents are read here once; files that change under a
// running process (tokens, certificates) are named in the *_file fields and read again by
// kube_client.
#ifndef BASE_KUBE_KUBE_CONFIG_H
#define BASE_KUBE_KUBE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

// A program that prints credentials (ExecCredential).
struct kube_exec {
    char *api_version; // client.authentication.k8s.io/v1 or v1beta1
    char *command;     // a bare name is looked up in PATH
    struct vec args;   // of char *
    struct vec env;    // of char *, "NAME=value", added to ours
    char *install_hint;
    bool provide_cluster_info;
    bool needs_terminal; // interactiveMode: Always
};

// All owned; NULL or empty = absent.
struct kube_config {
    char *server;     // https://host:port, with a path where a proxy serves several clusters
    char *namespace_; // of the context or the Pod; NULL = "default"
    char *ca_pem;
    char *ca_file; // where ca_pem came from, to be read again
    char *tls_server_name;
    bool insecure_skip_tls_verify;
    char *proxy_url;            // NULL = from the environment
    int64_t request_timeout_ms; // of a request that has no deadline of its own; 0 = 60 s
    char *client_cert_pem;
    char *client_cert_file;
    char *client_key_pem;
    char *client_key_file;
    char *token;
    char *token_file; // wins over token
    char *username;
    char *password;
    struct kube_exec *exec;
    // Whom every request acts as, unless it names somebody itself.
    char *as_user;
    char *as_uid;
    struct vec as_groups; // of char *
    json_t *as_extra;     // {key: [value, …]}
};
void kube_config_release(struct kube_config *config); // may be called twice, and on a zeroed struct
#define cleanup_kube_config __attribute__((cleanup(kube_config_release)))

// What a person chose on the command line. All borrowed; NULL = not chosen.
struct kube_config_choice {
    const char *kubeconfig; // one file; NULL = $KUBECONFIG, a list of files, else ~/.kube/config
    const char *context;    // NULL = current-context
    const char *cluster;    // of the kubeconfig, instead of the context's; as user
    const char *user;
    const char *server;
    const char *namespace_;
};

// The first that there is of: choice->kubeconfig, $KUBECONFIG, in-cluster (unless a context was
// chosen), ~/.kube/config. `choice` may be NULL. ERROR_NOT_FOUND says what to set when there is
// none; ERROR_INVALID names file and field.
int kube_config_load(const struct kube_config_choice *choice, struct kube_config *ret_config,
                     struct error *err) __attribute__((warn_unused_result));

// Kubeconfig files only. Several are merged as kubectl does: the first definition of a name wins,
// and paths in a file are relative to its folder.
int kube_config_from_files(const struct kube_config_choice *choice, struct kube_config *ret_config,
                           struct error *err) __attribute__((warn_unused_result));

// $KUBERNETES_SERVICE_HOST and _PORT with token, ca.crt and namespace of `folder`; NULL = where
// the kubelet mounts them. ERROR_NOT_FOUND outside a Pod.
int kube_config_in_cluster(const char *folder, struct kube_config *ret_config, struct error *err)
    __attribute__((warn_unused_result));

// A kubeconfig that a tenant wrote: nothing of this machine may be reached through it. Only *-data
// fields, token, username and password are read; exec, auth-provider, tokenFile, paths, http:// and
// insecure-skip-tls-verify are refused, each with a sentence, and this process' own proxy is not
// used. Where the server and its proxy are is judged by kube_client_options.reach. `name` is for
// messages ("Secret shop/remote, key value"). ERROR_INVALID, ERROR_DENIED, ERROR_LIMIT above 1 MiB.
int kube_config_from_secret(const char *text, size_t size, const char *name,
                            struct kube_config *ret_config, struct error *err)
    __attribute__((warn_unused_result));

#endif
