// Repositories as a person reaches them: the login of `docker login` (or podman, skopeo),
// --insecure, --ca-file.
#ifndef CLI_REGISTRY_H
#define CLI_REGISTRY_H

#include "cli/command.h"
#include "cli/limits.h"
#include "oci/mirror.h"
#include "oci/repository.h"

#define REGISTRY_OPTIONS                                                                           \
    {"identity", 0, OPTION_STRING, "NAME", "registry name that stands for an OCI layout", NULL},   \
        {"insecure", 0, OPTION_FLAG, NULL, "talk plain HTTP to the registry", NULL},               \
        {"ca-file", 0, OPTION_STRING, "FILE", "certificate authority of the registry", NULL},      \
        {"client-cert", 0, OPTION_STRING, "FILE", "certificate to show to the registry", NULL},    \
        {"client-key", 0, OPTION_STRING, "FILE", "its key", NULL},                                 \
        {"chunk-bytes", 0, OPTION_NUMBER, "BYTES", "largest piece of an upload (default: 16 MiB)", \
         NULL},                                                                                    \
        REGISTRY_LOGIN_OPTIONS
// For `serve`, too, which takes the rest from its objects.
#define REGISTRY_LOGIN_OPTIONS                                                        \
    {"docker-config",                                                                 \
     0,                                                                               \
     OPTION_STRING,                                                                   \
     "FILE",                                                                          \
     "login file (default: ~/.docker/config.json)",                                   \
     NULL},                                                                           \
        {"registry-mirror",                                                           \
         0,                                                                           \
         OPTION_LIST,                                                                 \
         "HOST=URL",                                                                  \
         "read registry HOST from URL first; may be repeated",                        \
         NULL},                                                                       \
    {                                                                                 \
        "cloud-login", 0, OPTION_FLAG, NULL,                                          \
            "ask AWS, Google Cloud or Azure for logins to their own registries", NULL \
    }

struct registry {
    struct oci_reference reference;
    struct oci_repository *repository;
    char *docker_config;
    char *ca_pem;
    char *cert_pem;
    char *key_pem;
    struct vec mirrors;       // struct oci_mirror
    struct oci_limits limits; // of artifacts: LIMIT_OPTIONS, or the defaults
};

enum registry_use { REGISTRY_PULL, REGISTRY_PUSH };

// `text` is "oci://host/path:tag", "oci-layout:///dir:tag" or with "@sha256:…".
int registry_open(const struct cli *cli, const char *text, enum registry_use use,
                  struct registry *ret_registry, struct error *err)
    __attribute__((warn_unused_result));
void registry_release(struct registry *registry); // may be called twice
#define cleanup_registry __attribute__((cleanup(registry_release)))

// The descriptor that the reference's digest or tag names; ERROR_INVALID when it has neither.
int registry_resolve(struct registry *registry, struct oci_descriptor *ret_descriptor,
                     struct error *err) __attribute__((warn_unused_result));

// The same for what is about to be signed: type and size are those of the manifest itself, not what
// the registry says of it. *ret_manifest may be read, too.
int registry_see(struct registry *registry, struct oci_descriptor *ret_descriptor,
                 struct oci_manifest *ret_manifest, struct error *err)
    __attribute__((warn_unused_result));

// "oci://host/path@sha256:…", as commands take it; owned.
char *registry_name(const struct registry *registry, const char *digest);

// What --registry-mirror says: appends struct oci_mirror.
int registry_read_mirrors(const struct cli *cli, struct vec *mirrors, struct error *err)
    __attribute__((warn_unused_result));
// The login file's text, or NULL where there is none. Owned.
char *registry_login(const struct cli *cli);

#endif
